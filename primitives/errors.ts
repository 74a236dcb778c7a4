/**
 * The error base of every room.
 *
 * A failure that input or the world can cause is an instance of a subclass of `ZgError`: one class
 * a failure, standing at the bottom of the file that throws it. `code` is `ROOM_THING_PROBLEM` and
 * never changes, so edges (JSON-RPC, HTTP, the command line) map codes, never texts. A broken
 * invariant of our own is an `assert`, not a `ZgError`.
 */

/** Values that explain a failure; printed beside the message, never parsed. */
export type ErrorData = Readonly<Record<string, unknown>>

/** A failure with a stable code. */
export class ZgError<code extends string = string> extends Error {
  readonly code: code
  readonly data: ErrorData

  /**
   * @param code - `ROOM_THING_PROBLEM`, stable for ever.
   * @param message - "Cannot <action>: <state>", no final period.
   * @param data - The values behind the message.
   * @param cause - The failure underneath, when there is one.
   */
  constructor(code: code, message: string, data: ErrorData = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = new.target.name
    this.code = code
    this.data = data
  }
}

/**
 * Throws when an invariant of our own code does not hold: a bug, which may stop the process.
 *
 * @throws {InvariantBrokenError} `PRIMITIVES_INVARIANT_BROKEN`
 */
export function assert(condition: unknown, sentence: string): asserts condition {
  if (!condition) throw new InvariantBrokenError(sentence)
}

export class InvariantBrokenError extends ZgError<'PRIMITIVES_INVARIANT_BROKEN'> {
  constructor(sentence: string) {
    super('PRIMITIVES_INVARIANT_BROKEN', `Broken invariant: ${sentence}`)
  }
}
