/** What a precompiled contract is: a name, a price and a function of its input. */

/**
 * A contract the machine itself carries (Yellow Paper, appendix E).
 *
 * The caller charges `gas(input)` first and calls `run` only when it is paid for: `run` may take as
 * long as its gas allows and no longer, `gas` is quick for any input.
 */
export type Precompile = {
  /** Upper-case name as the EIPs write it. */
  readonly name: string
  /** Gas of a call with `input`. */
  readonly gas: (input: Uint8Array) => bigint
  /** Returns the output, or undefined when the call fails, which uses all gas it was given. */
  readonly run: (input: Uint8Array) => Uint8Array | undefined
}
