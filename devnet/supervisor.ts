/**
 * Keeps the processes of the local world as they should be.
 *
 *     start ──> starting ──it says so───> ready <──resume── paused <──pause── ready
 *                  │                          │
 *                  └────── died by itself ────┴──> crashed ──after a wait──> starting
 *     kill: killed, stays down until resume or restart          stopAll: stopped, for good
 *
 * A part that died by itself comes back after `restartWaitMs`, doubled for each death that follows
 * closely, up to `restartWaitMaxMs`. A part that dies before it was ever ready does not: the world
 * cannot start, and whoever waits for it is told why.
 */

import { setTimeout as wait } from 'node:timers/promises'

import { ZgError } from '@zg/primitives'

import { startChild } from './child.ts'
import type { Child, ChildCommand, ChildExit } from './child.ts'
import type { ChaosVerb, PartState, PartStatus } from './control.ts'

/** First wait before a part that died is started again, and the longest. */
export const restartWaitMs = 500
export const restartWaitMaxMs = 30_000

/** A part that lived so long is not counted as dying closely after its last death. */
const steadyAfterMs = 60_000

/** Time between SIGTERM and SIGKILL when the world ends. */
export const stopGraceMs = 2_000

/** Told of what a part says that is not of its state. */
export type MessageListener = (message: { readonly kind: string }) => void

/** Told of every change of a part; `detail` explains a crash. */
export type PartListener = (status: PartStatus, detail: string | undefined) => void

type Part = {
  readonly plan: ChildCommand
  state: PartState
  child: Child | undefined
  restarts: number
  wasReady: boolean
  /** Deaths that followed each other closely. */
  deaths: number
  startedAtMs: number
  /** The wait before the next start, cancelled by chaos and by the end. */
  comeback: AbortController | undefined
}

export class Supervisor {
  readonly #parts: Map<string, Part>
  readonly #listener: PartListener
  readonly #hear: MessageListener
  #isStopping = false

  constructor(
    plans: readonly ChildCommand[],
    listener: PartListener,
    hear: MessageListener = () => {},
  ) {
    this.#parts = new Map(plans.map((plan) => [plan.part, newPart(plan)]))
    this.#listener = listener
    this.#hear = hear
  }

  /** Takes in another part; it is started by `start`. */
  add(plan: ChildCommand): void {
    if (!this.#parts.has(plan.part)) this.#parts.set(plan.part, newPart(plan))
  }

  /** Sends a message to a part; one that is down never gets it. */
  tell(name: string, message: object): void {
    this.#part(name).child?.tell(message)
  }

  /** The parts, in the order of their plans. */
  status(): PartStatus[] {
    return [...this.#parts.values()].map(statusOf)
  }

  /**
   * Starts a part and resolves when it is ready.
   *
   * @throws {PartFailedError} `DEVNET_PART_FAILED` when it dies first.
   */
  async start(name: string): Promise<void> {
    const part = this.#part(name)
    const child = this.#spawn(part)
    const end = await Promise.race([child.ready, child.exited])
    if (end !== undefined && !this.#isStopping) {
      throw new PartFailedError(part.plan, end, child.reason())
    }
  }

  /**
   * Does to a part what `zg chaos` asks.
   *
   * @throws {PartUnknownError} `DEVNET_PART_UNKNOWN`
   * @throws {PartStateError} `DEVNET_PART_STATE` when it is not in a state to do it.
   */
  async chaos(verb: ChaosVerb, name: string): Promise<PartStatus> {
    const part = this.#part(name)
    if (verb === 'kill') await this.#kill(part)
    else if (verb === 'pause') this.#pause(part)
    else if (verb === 'resume') await this.#resume(part)
    else {
      if (part.child !== undefined) await this.#kill(part)
      await this.#revive(part)
    }
    return statusOf(part)
  }

  /** Ends every process: SIGTERM, after `stopGraceMs` SIGKILL. Resolves when all are gone. */
  async stopAll(): Promise<void> {
    this.#isStopping = true
    const running: Child[] = []
    for (const part of this.#parts.values()) {
      part.comeback?.abort()
      if (part.child === undefined) continue
      running.push(part.child)
      part.child.signal('SIGTERM')
      // A paused process hears SIGTERM only once it goes on.
      if (part.state === 'paused') part.child.signal('SIGCONT')
    }
    const gone = Promise.all(running.map((child) => child.exited))
    const patience = new AbortController()
    const late = wait(stopGraceMs, 'late', { signal: patience.signal }).catch(() => 'gone')
    if ((await Promise.race([gone, late])) === 'late') {
      for (const child of running) child.signal('SIGKILL')
    }
    patience.abort()
    await gone
  }

  /** Ends every process at once, without waiting: the last resort. */
  killAll(): void {
    this.#isStopping = true
    for (const part of this.#parts.values()) part.child?.signal('SIGKILL')
  }

  #part(name: string): Part {
    const part = this.#parts.get(name)
    if (part === undefined) throw new PartUnknownError(name, [...this.#parts.keys()])
    return part
  }

  #spawn(part: Part): Child {
    part.comeback = undefined
    part.startedAtMs = Date.now()
    const child = startChild(part.plan, this.#hear)
    part.child = child
    this.#enter(part, 'starting')
    void child.ready.then(() => this.#onReady(part, child))
    void child.exited.then((exit) => this.#onExit(part, child, exit))
    return child
  }

  #onReady(part: Part, child: Child): void {
    if (part.child !== child || part.state !== 'starting') return
    part.wasReady = true
    this.#enter(part, 'ready')
  }

  #onExit(part: Part, child: Child, exit: ChildExit): void {
    if (part.child !== child) return
    part.child = undefined
    if (this.#isStopping) this.#enter(part, 'stopped')
    else if (part.state !== 'killed')
      this.#scheduleComeback(part, describeExit(exit, child.reason()))
  }

  #scheduleComeback(part: Part, detail: string): void {
    const lived = Date.now() - part.startedAtMs
    part.deaths = lived >= steadyAfterMs ? 1 : part.deaths + 1
    this.#enter(part, 'crashed', detail)
    if (!part.wasReady) return
    const delayMs = Math.min(restartWaitMs * 2 ** (part.deaths - 1), restartWaitMaxMs)
    const comeback = new AbortController()
    part.comeback = comeback
    wait(delayMs, undefined, { signal: comeback.signal }).then(
      () => {
        if (this.#isStopping || part.state !== 'crashed') return
        this.#revive(part).catch((error) => this.#scheduleComeback(part, String(error)))
      },
      // Cancelled: chaos or the end of the world came first.
      () => undefined,
    )
  }

  async #kill(part: Part): Promise<void> {
    const { child } = part
    if (child === undefined && part.state !== 'crashed') throw new PartStateError(part, 'kill')
    part.comeback?.abort()
    part.state = 'killed'
    child?.signal('SIGKILL')
    await child?.exited
    part.child = undefined
    this.#enter(part, 'killed')
  }

  #pause(part: Part): void {
    if (part.state !== 'ready') throw new PartStateError(part, 'pause')
    part.child?.signal('SIGSTOP')
    this.#enter(part, 'paused')
  }

  async #resume(part: Part): Promise<void> {
    if (part.state === 'paused') {
      part.child?.signal('SIGCONT')
      this.#enter(part, 'ready')
    } else if (part.state === 'killed' || part.state === 'crashed') {
      part.comeback?.abort()
      await this.#revive(part)
    } else {
      throw new PartStateError(part, 'resume')
    }
  }

  /** Starts a part again and resolves when it is ready or has died once more. */
  async #revive(part: Part): Promise<void> {
    part.restarts++
    const child = this.#spawn(part)
    await Promise.race([child.ready, child.exited])
  }

  #enter(part: Part, state: PartState, detail?: string): void {
    part.state = state
    this.#listener(statusOf(part), detail)
  }
}

function newPart(plan: ChildCommand): Part {
  return {
    plan,
    state: 'stopped',
    child: undefined,
    restarts: 0,
    wasReady: false,
    deaths: 0,
    startedAtMs: 0,
    comeback: undefined,
  }
}

function statusOf({ plan, state, child, restarts }: Part): PartStatus {
  return { name: plan.part, state, pid: child?.pid, restarts }
}

function describeExit({ code, signal }: ChildExit, reason: string | undefined): string {
  const how = signal === null ? `exit code ${code ?? '?'}` : signal
  // Reading beyond the end of a mapped file ends a process so, without a word.
  const why = signal === 'SIGBUS' ? 'its database is damaged: the file was cut short' : reason
  return why === undefined ? how : `${how}: ${why}`
}

export class PartFailedError extends ZgError<'DEVNET_PART_FAILED'> {
  constructor({ part, logPath }: ChildCommand, exit: ChildExit, reason: string | undefined) {
    const message = `Cannot start ${part}: its process ended with ${describeExit(exit, reason)}`
    super('DEVNET_PART_FAILED', message, { part, ...exit, reason, logPath })
  }
}

export class PartUnknownError extends ZgError<'DEVNET_PART_UNKNOWN'> {
  constructor(part: string, known: readonly string[]) {
    const message = `Cannot find ${part}: the world has ${known.join(', ')}`
    super('DEVNET_PART_UNKNOWN', message, { part, known })
  }
}

export class PartStateError extends ZgError<'DEVNET_PART_STATE'> {
  constructor(part: { plan: ChildCommand; state: PartState }, verb: ChaosVerb) {
    const message = `Cannot ${verb} ${part.plan.part}: it is ${part.state}`
    super('DEVNET_PART_STATE', message, { part: part.plan.part, state: part.state, verb })
  }
}
