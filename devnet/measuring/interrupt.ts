/** What a run made is undone when a signal ends it (Ctrl-C, `timeout`), last first. */

const undo: (() => Promise<void>)[] = []

/** Since the signal came. */
let leaving: Promise<void> | undefined

/** Has `close` called if a signal comes; returns what calls it once, in good order. */
export function closedAtInterrupt(close: () => Promise<void>): () => Promise<void> {
  if (undo.length === 0) for (const signal of signals) process.once(signal, leave)
  undo.push(close)
  return async () => {
    // Whoever closes meanwhile waits for the end of the process.
    if (leaving !== undefined) return leaving
    const place = undo.lastIndexOf(close)
    if (place < 0) return
    undo.splice(place, 1)
    if (undo.length === 0) for (const signal of signals) process.removeListener(signal, leave)
    await close()
  }
}

const signals = ['SIGINT', 'SIGTERM'] as const

function leave(): void {
  if (leaving !== undefined) return
  const steps = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step()
  }
  // Whatever cannot be undone, the run is over.
  leaving = steps().finally(() => process.exit(1))
}
