/** What `npm run bench` gives a bench as text. */

/** Returns the whole number that a flag was given. */
export function wholeNumber(flag: string, text: string, max: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw new Error(`${flag} takes whole numbers from 1 to ${max}, not "${text}"`)
  }
  return value
}

/** Returns the whole numbers of a list with commas. */
export function wholeNumbers(flag: string, text: string, max: number): readonly number[] {
  return text.split(',').map((part) => wholeNumber(flag, part, max))
}

/** Figures by name, the name of each after a prefix. */
export function prefixed<Value>(
  prefix: string,
  figures: Readonly<Record<string, Value>>,
): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(figures).map(([key, value]) => [`${prefix} ${key}`, value]),
  )
}
