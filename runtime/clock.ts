/** Time as an argument: protocol code asks a `Clock`, never the machine. */

/** A timer that was set and may still be cancelled. */
export type Timer = {
  /** Cancels it; does nothing once it has fired. */
  cancel(): void
}

/** Milliseconds since 1970 and one-shot timers. */
export interface Clock {
  /** Now, in whole milliseconds since 1970; never goes back. */
  nowMs(): number
  /** Calls `fire` once, `delayMs` from now (at the next turn for 0 or less). */
  setTimer(delayMs: number, fire: () => void): Timer
}
