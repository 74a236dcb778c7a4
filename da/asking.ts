/** Asking parties that may never answer. */

import type { Clock } from '@zg/runtime'

import { UnavailableError } from './doors/dispersal.ts'

/**
 * Resolves with what `work` does; its signal aborts when the time is over, or when `end` does.
 *
 * @throws {UnavailableError} `DA_UNAVAILABLE`
 */
export async function answerWithin<T>(
  clock: Clock,
  timeMs: number,
  work: (signal: AbortSignal) => Promise<T>,
  end?: AbortSignal,
): Promise<T> {
  const abort = new AbortController()
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = (why: string): void => {
    abort.abort()
    reject(new UnavailableError(why))
  }
  const timer = clock.setTimer(timeMs, () => stop(`no answer within ${timeMs} ms`))
  const onEnd = (): void => stop('it is closed')
  if (end?.aborted === true) onEnd()
  end?.addEventListener('abort', onEnd, { once: true })
  try {
    return await Promise.race([work(abort.signal), promise])
  } finally {
    timer.cancel()
    end?.removeEventListener('abort', onEnd)
  }
}

/** Resolves after so long, or when `end` aborts. */
export async function pause(clock: Clock, timeMs: number, end: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = clock.setTimer(timeMs, resolve)
  const stop = (): void => resolve()
  if (end.aborted) stop()
  end.addEventListener('abort', stop, { once: true })
  try {
    await promise
  } finally {
    timer.cancel()
    end.removeEventListener('abort', stop)
  }
}

/** Does work on all items, on so many of them at once. */
export async function inGroups<T>(
  items: readonly T[],
  atOnceMax: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < items.length; from += atOnceMax) {
    await Promise.all(items.slice(from, from + atOnceMax).map(work))
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** @throws {UnavailableError} `DA_UNAVAILABLE` when the chain does not answer. */
export async function answered<T>(asked: Promise<T>): Promise<T> {
  return asked.catch((error: unknown) => {
    throw new UnavailableError(`the chain does not answer (${messageOf(error)})`)
  })
}
