/**
 * Checks a JSON value against the part of JSON Schema that the execution API's `openrpc.json` uses.
 *
 * Schemas there are dereferenced, so there is no `$ref`. A keyword outside the list below is an
 * error of this file, not of the value: nothing is skipped in silence.
 */

type Schema = Readonly<Record<string, unknown>>

const notes = new Set(['title', 'description', 'default', 'examples', '$schema'])

/** Returns what is wrong with `value`, by path; undefined when it fits. */
export function schemaProblem(value: unknown, schema: Schema, path = '$'): string | undefined {
  for (const [keyword, rule] of Object.entries(schema)) {
    if (notes.has(keyword)) continue
    const check = checks[keyword]
    if (check === undefined) throw new Error(`The schema keyword "${keyword}" is not known here`)
    const problem = check(value, rule, { schema, path })
    if (problem !== undefined) return problem
  }
  return undefined
}

type Place = { readonly schema: Schema; readonly path: string }
type Check = (value: unknown, rule: unknown, place: Place) => string | undefined

const checks: Readonly<Record<string, Check>> = {
  type: (value, rule, { path }) => {
    const types = Array.isArray(rule) ? rule : [rule]
    const isInteger = types.includes('integer') && Number.isInteger(value)
    if (isInteger || types.includes(typeOf(value))) return undefined
    return `${path} is no ${String(rule)}`
  },
  pattern: (value, rule, { path }) => {
    if (typeof value !== 'string' || new RegExp(String(rule), 'u').test(value)) return undefined
    return `${path} does not match ${String(rule)}`
  },
  enum: (value, rule, { path }) => {
    return (rule as readonly unknown[]).includes(value) ? undefined : `${path} is none of the enum`
  },
  const: (value, rule, { path }) => (value === rule ? undefined : `${path} is not ${String(rule)}`),
  minimum: (value, rule, { path }) => {
    return typeof value === 'number' && value < Number(rule) ? `${path} is too small` : undefined
  },
  maximum: (value, rule, { path }) => {
    return typeof value === 'number' && value > Number(rule) ? `${path} is too large` : undefined
  },
  required: (value, rule, { path }) => {
    if (!isObject(value)) return undefined
    const missing = (rule as readonly string[]).find((key) => !Object.hasOwn(value, key))
    return missing === undefined ? undefined : `${path}.${missing} is missing`
  },
  properties: (value, rule, { path }) => {
    if (!isObject(value)) return undefined
    const entries = Object.entries(rule as Record<string, Schema>)
    return first(entries, ([key, schema]) => {
      return Object.hasOwn(value, key)
        ? schemaProblem(value[key], schema, `${path}.${key}`)
        : undefined
    })
  },
  additionalProperties: (value, rule, { schema, path }) => {
    if (!isObject(value) || rule === true) return undefined
    const known = Object.keys((schema['properties'] ?? {}) as object)
    const others = Object.keys(value).filter((key) => !known.includes(key))
    if (rule === false) {
      return others.length === 0 ? undefined : `${path}.${others[0] ?? ''} is not expected`
    }
    return first(others, (key) => schemaProblem(value[key], rule as Schema, `${path}.${key}`))
  },
  items: (value, rule, { path }) => {
    if (!Array.isArray(value)) return undefined
    return first(value.entries(), ([index, item]) => {
      return schemaProblem(item, rule as Schema, `${path}[${index}]`)
    })
  },
  oneOf: anyOf,
  anyOf,
}

/** `oneOf` in these schemas means "one of these shapes"; overlap is no fault of the value. */
function anyOf(value: unknown, rule: unknown, { path }: Place): string | undefined {
  const problems = (rule as readonly Schema[]).map((schema) => schemaProblem(value, schema, path))
  return problems.includes(undefined) ? undefined : problems.join(' and ')
}

function first<item>(
  items: Iterable<item>,
  problemOf: (item: item) => string | undefined,
): string | undefined {
  for (const item of items) {
    const problem = problemOf(item)
    if (problem !== undefined) return problem
  }
  return undefined
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeOf(value) === 'object'
}
