/** Work that must not interleave: each task begins when the one before has ended. */

export class SerialTurn {
  #last: Promise<unknown> = Promise.resolve()

  /** Runs `task` after all that were given before; a task that fails does not stop later ones. */
  run<result>(task: () => Promise<result>): Promise<result> {
    const mine = this.#last.then(task, task)
    this.#last = mine.catch(() => undefined)
    return mine
  }
}
