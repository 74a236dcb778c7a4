/** Randomness as an argument, so that one seed replays everything. */

export interface Rng {
  /** Uniform in 0 .. bound - 1; `bound` from 1 to 2^32. */
  below(bound: number): number
  /** True with the given probability, 0 to 1. */
  chance(probability: number): boolean
  /** Fresh random bytes. */
  bytes(sizeBytes: number): Uint8Array
  /** A generator of its own for a part, so that parts do not disturb each other's draws. */
  fork(label: string): Rng
}
