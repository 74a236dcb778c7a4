/** How a command line ends. */

/** 0 done · 1 it failed · 2 the command line is wrong · 130 ended by Ctrl-C. */
export const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const

/** Ends a command with an exit code of its own; what there was to say has been said. */
export class QuietExit extends Error {
  readonly exitCode: number

  constructor(exitCode: number) {
    super(`exit ${exitCode}`)
    this.exitCode = exitCode
  }
}
