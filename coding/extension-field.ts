/**
 * GF(2^128), from which the coefficients of a combination are drawn: a tower over GF(2^16).
 *
 *     u^2 + u = b_15        v^2 + v = b_15 · u        w^2 + w = b_15 · u · v
 *
 * The trace of b_15 is 1, and so is that of each right side, so no step has a root in the one
 * below. An element is eight symbols: component i is that of the product of u, v and w by the bits
 * 0, 1 and 2 of i. In bytes it is 16, the components in order, low byte first. Multiplying by a
 * symbol is componentwise, so whatever is linear over symbols commutes with it; multiplying two
 * elements is not, and that is what the soundness of a combination in two stages needs
 * (docs/specs/coding.md).
 */

import { multiply as multiplySymbols } from './field.ts'

/** Symbols of an element. */
export const componentCount = 8

/** Bytes of an element. */
export const elementSize = 16

/** Eight symbols. */
export type Element = Readonly<Uint16Array>

const b15 = 1 << 15

export function multiplyElements(a: Element, b: Element): Uint16Array {
  return product(a, b)
}

/** The products of an element with those whose one component that is not 0 is 1, in their order. */
export function basisMultiples(a: Element): readonly Element[] {
  let multiples = [a]
  for (let width = 1; width < componentCount; width *= 2) {
    multiples = [...multiples, ...multiples.map((each) => timesGenerator(each, width))]
  }
  return multiples
}

/** Multiplies every component of an element by a symbol. */
export function scaleElement(a: Element, factor: number): Uint16Array {
  return a.map((component) => multiplySymbols(component, factor))
}

/** Reads an element: any 16 bytes are one. */
export function readElement(bytes: Uint8Array, at = 0): Uint16Array {
  return Uint16Array.from(
    { length: componentCount },
    (_, index) => bytes[at + 2 * index]! | (bytes[at + 2 * index + 1]! << 8),
  )
}

/** Writes the 16 bytes of an element. */
export function writeElement(element: Element, bytes: Uint8Array, at = 0): void {
  for (const [index, component] of element.entries()) {
    bytes[at + 2 * index] = component & 0xff
    bytes[at + 2 * index + 1] = component >> 8
  }
}

/**
 * (a + a' t)(b + b' t) = (ab + d a'b') + ((a + a')(b + b') + ab) t, with t^2 = t + d: at each
 * height of the tower, three products of the one below.
 */
function product(a: Element, b: Element): Uint16Array {
  const half = a.length / 2
  if (half < 1) return Uint16Array.of(multiplySymbols(a[0]!, b[0]!))
  const [lowA, highA] = [a.subarray(0, half), a.subarray(half)]
  const [lowB, highB] = [b.subarray(0, half), b.subarray(half)]
  const low = product(lowA, lowB)
  const high = product(highA, highB)
  const both = product(sum(lowA, highA), sum(lowB, highB))
  const result = new Uint16Array(a.length)
  result.set(sum(low, timesStep(high)))
  result.set(sum(both, low), half)
  return result
}

/** Multiplies by d, what t^2 + t is one height further up: b_15, b_15 · u or b_15 · u · v. */
function timesStep(a: Element): Uint16Array {
  return scaleElement(timesGenerators(a), b15)
}

/** Multiplies by the product of all generators up to the height of `a`. */
function timesGenerators(a: Element): Element {
  let result = a
  for (let width = 1; width < a.length; width *= 2) result = timesGenerator(result, width)
  return result
}

/** Multiplies by u, v or w, the generator over elements of `width` components. */
function timesGenerator(a: Element, width: number): Uint16Array {
  const result = new Uint16Array(a.length)
  for (let at = 0; at < a.length; at += 2 * width) {
    // (low + high t) · t = d · high + (low + high) · t
    const low = a.subarray(at, at + width)
    const high = a.subarray(at + width, at + 2 * width)
    result.set(timesStep(high), at)
    result.set(sum(low, high), at + width)
  }
  return result
}

function sum(a: Element, b: Element): Uint16Array {
  return a.map((component, index) => component ^ b[index]!)
}
