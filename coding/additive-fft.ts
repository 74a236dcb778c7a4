/**
 * The additive FFT of Lin, Chung and Han (FOCS 2014) over GF(2^16), one symbol a place: the
 * reference by which the kernel is judged, and short enough to be read against the paper.
 *
 * A polynomial of degree below 2^r is given by 2^r coefficients over the basis
 *
 *     X_i(x) = product of s_j(x) over the bits j of i,       s_j(x) = x >> j  (field.ts)
 *
 * and evaluated at `offset + 0 … offset + 2^r - 1`, where `offset` is a multiple of 2^r; a sum of
 * points is their XOR. One butterfly joins two halves: of p = low + s_j · high, low + t · high are
 * the values where s_j is t, and low + (t + 1) · high those 2^j further on.
 *
 *     fft    coefficients -> values      low += t · high;  high += low       from j = r - 1 to 0
 *     ifft   values -> coefficients      high += low;      low += t · high   from j = 0 to r - 1
 *
 * As s_j' = 1, the formal derivative of X_i is the sum of the X_k where k is i without one of its
 * bits. `addDerivative` adds it to the polynomial, which is as good where the polynomial is 0, and
 * needs no second copy.
 */

import { multiply } from './field.ts'

/** From coefficients to values at `offset` and what follows, in place; `offset` as above. */
export function fft(symbols: Uint16Array, offset: number): void {
  for (let half = symbols.length >> 1; half > 0; half >>= 1) {
    forEachButterfly(symbols.length, half, offset, (low, high, factor) => {
      symbols[low]! ^= multiply(factor, symbols[high]!)
      symbols[high]! ^= symbols[low]!
    })
  }
}

/** From values at `offset` and what follows to coefficients, in place. */
export function ifft(symbols: Uint16Array, offset: number): void {
  for (let half = 1; half < symbols.length; half <<= 1) {
    forEachButterfly(symbols.length, half, offset, (low, high, factor) => {
      symbols[high]! ^= symbols[low]!
      symbols[low]! ^= multiply(factor, symbols[high]!)
    })
  }
}

/** From the coefficients of p to those of p + p', in place. */
export function addDerivative(symbols: Uint16Array): void {
  // (low + s_j · high)' = low' + high + s_j · high': by the time the walk is at `high`, `low'` has
  // been added to `low`, and `high` is as it was.
  for (let at = 1; at < symbols.length; at++) {
    const width = at & -at
    for (let place = 0; place < width; place++) symbols[at - width + place]! ^= symbols[at + place]!
  }
}

/** All butterflies of one level: each low place, its high one, and s_j at the low one's block. */
function forEachButterfly(
  length: number,
  half: number,
  offset: number,
  join: (low: number, high: number, factor: number) => void,
): void {
  for (let block = 0; block < length; block += 2 * half) {
    const factor = Math.floor((offset + block) / half)
    for (let low = block; low < block + half; low++) join(low, low + half, factor)
  }
}
