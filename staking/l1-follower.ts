/**
 * A node's view of L1 through its own endpoints: references, sets and credits, each proved from the
 * state root of a final block (docs/specs/blocks.md §4.3, stake.md §8).
 *
 *     every poll:  final header ─► sets of this epoch and the next
 *                       └─ 2 blocks back ─► reference: Inbox by proof ─► credits by logs, held to
 *                                                                        the proved root
 *
 * What endpoints are believed: which block is final, and that only while all that answer agree
 * (l1-agreement.ts). All else is checked: a header against its hash, values against the state
 * root, credits against the root of their tree. An endpoint that changes its mind about a final
 * block is believed nothing more, and the node says so; one that is late, or fails, leaves the
 * view as it was. Consensus asks at any time and gets an answer at once; what it asks for and is
 * not here is fetched by the next poll. What was proved is kept on disk (l1-memory.ts), so that a
 * restart asks only for what is new.
 */

import { l1ReferenceDepth, sameL1Reference } from '@zg/consensus'
import type { Credit, L1Reference, L1View, ReferenceStatus, ValidatorSet } from '@zg/consensus'
import {
  appendLeaf,
  bigintToBytes,
  bytesEqual,
  concat,
  emptyIncrementalTree,
  sha256,
  toHex,
  ZgError,
} from '@zg/primitives'
import { silentLogger, silentMetrics } from '@zg/runtime'
import type { Clock, KeyValueStore, Logger, Metrics, Timer } from '@zg/runtime'

import { L1Agreement, L1DisagreementError } from './l1-agreement.ts'
import type { AgreedHeader } from './l1-agreement.ts'
import type { L1Endpoint } from './l1-endpoint.ts'
import { boxOffsets, layout, mappingSlot } from './l1-layout.ts'
import { creditsRootOf, L1Memory } from './l1-memory.ts'
import type { KeptFinal } from './l1-memory.ts'
import { L1ProofError, ProvedState, wordBytes } from './proved-state.ts'
import { readSet } from './set-reader.ts'
import type { StakeContracts } from './set-reader.ts'

/** The endpoint is asked this often, and again so soon after something is wanted. */
const pollMsDefault = 1_000
const wantedPollMs = 50

/** References and final hashes kept, newest first. */
const referencesMax = 1_024

/** Sets kept, and epochs proved to have none, newest first. */
const setsMax = 256
const absentSetsMax = 1_024

/** Of so many epochs before the newest known set the validators are named by `validatorKeys`. */
const keyEpochs = 2n

/** References and sets that consensus asked for and that are fetched at the next poll. */
const wantedMax = 64

/** What is kept is written when a set or a credit is new, else after so many blocks. */
const keptBlocks = 32n

export type L1FollowerOptions = {
  /** All are asked; at most `l1EndpointsMax`. */
  readonly endpoints: readonly L1Endpoint[]
  readonly contracts: StakeContracts & { readonly inbox: bigint }
  readonly networkId: number
  /** The block that Inbox was deployed in, or one before: where its logs begin. */
  readonly fromBlock: bigint
  /** The clock of OperatorRegistry: start and length of epochs, in seconds. */
  readonly epochs: { readonly start: bigint; readonly length: bigint }
  /** How old a block is when L1 calls it final, in seconds; 0 where that is not known. */
  readonly finalitySeconds?: bigint
  /** What is kept between starts; nothing when absent. */
  readonly store?: KeyValueStore
  readonly clock: Clock
  /** @default pollMsDefault */
  readonly pollMs?: number
  readonly log?: Logger
  readonly metrics?: Metrics
}

/** The newest final block of L1 that a follower has seen. */
export type FinalL1Block = Pick<L1Reference, 'number' | 'timestamp' | 'stateRoot'>

export class L1Follower implements L1View {
  readonly #options: L1FollowerOptions
  readonly #log: Logger
  readonly #agreement: L1Agreement
  readonly #memory: L1Memory | undefined
  readonly #countDisagreement: (count?: number) => void
  readonly #tellFinal: (number: number) => void
  readonly #tellBehind: (blockCount: number) => void
  readonly #hashes = new Map<bigint, Uint8Array>()
  readonly #references = new Map<bigint, L1Reference>()
  readonly #sets = new Map<bigint, ValidatorSet>()
  readonly #absentSets = new Map<bigint, true>()
  readonly #wantedReferences = new Set<bigint>()
  readonly #wantedSets = new Set<bigint>()
  readonly #setListeners: (() => void)[] = []
  readonly #finalListeners: (() => void)[] = []
  readonly #credits: Credit[] = []
  #creditTree = emptyIncrementalTree
  /** Of the newest reference whose credits are here. */
  #creditsBlock: bigint
  #final: (KeptFinal & FinalL1Block) | undefined
  /** What the disk said was final, until L1 has said so again. */
  #recalled: KeptFinal | undefined
  #blocksBehind = 0n
  #problem: string | undefined
  /** What is not on the disk yet, and what is there and need not be. */
  #unkept = { credits: 0, sets: [] as ValidatorSet[], gone: [] as bigint[], since: 0n }
  #newest: L1Reference | undefined
  #isRunning = false
  #timer: Timer | undefined
  #polling: Promise<void> = Promise.resolve()

  /**
   * @throws {L1EpochTooShortError} `STAKING_L1_EPOCH_TOO_SHORT` · {L1EndpointsInvalidError}
   *   `STAKING_L1_ENDPOINTS_INVALID`
   */
  constructor(options: L1FollowerOptions) {
    const { endpoints, clock, epochs, finalitySeconds = 0n, store } = options
    const { log = silentLogger, metrics = silentMetrics } = options
    if (epochs.length <= 2n * finalitySeconds) {
      throw new L1EpochTooShortError(epochs.length, finalitySeconds)
    }
    this.#options = options
    this.#log = log
    this.#creditsBlock = options.fromBlock
    this.#agreement = new L1Agreement({ endpoints, clock, log, metrics })
    this.#countDisagreement = metrics.counter({
      name: 'zg_l1_disagreements_total',
      help: 'Polls in which the endpoints of L1 named different final blocks',
    })
    this.#tellFinal = metrics.gauge({ name: 'zg_l1_final_number', help: 'Newest final L1 block' })
    this.#tellBehind = metrics.gauge({
      name: 'zg_l1_blocks_behind',
      help: 'Blocks that L1, as its endpoints give it, is behind what was final at the last stop',
    })
    this.#memory = store && new L1Memory(store, identityOf(options))
    this.#recall()
  }

  /** Number of the newest final block seen; undefined before the first. */
  get finalNumber(): bigint | undefined {
    return this.#final?.number
  }

  /** Undefined before the first, and once no endpoint is believed any more. */
  get finalBlock(): FinalL1Block | undefined {
    return this.isContradicted ? undefined : this.#final
  }

  /** How far L1 is behind what was final before the start; nothing is believed until it is 0. */
  get blocksBehind(): bigint {
    return this.#blocksBehind
  }

  /** The code of what the last poll failed with; undefined when it did not. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Whether every endpoint has named two final blocks of one number. */
  get isContradicted(): boolean {
    return this.#agreement.isContradicted
  }

  /** Begins to poll. */
  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#arm(0)
  }

  /** Resolves when nothing is asked any more. */
  async stop(): Promise<void> {
    this.#isRunning = false
    this.#timer?.cancel()
    await this.#polling
  }

  epochAt(timestamp: bigint): bigint {
    const { start, length } = this.#options.epochs
    return timestamp < start ? 0n : (timestamp - start) / length
  }

  validatorSet(epoch: bigint): ValidatorSet | undefined {
    const known = this.#sets.get(epoch)
    if (known === undefined && !this.#absentSets.has(epoch) && this.#isFixed(epoch))
      this.#want(this.#wantedSets, epoch)
    return known
  }

  /** Keys (48 bytes) of who validates in the newest sets known, each once. */
  validatorKeys(): readonly Uint8Array[] {
    const newest = [...this.#sets.keys()].reduce((a, b) => (a > b ? a : b), 0n)
    const keys = new Map<string, Uint8Array>()
    for (const [epoch, { validators }] of this.#sets) {
      if (epoch + keyEpochs < newest) continue
      for (const { publicKey } of validators) keys.set(toHex(publicKey), publicKey)
    }
    return [...keys.values()]
  }

  /** Calls back when another set is known. */
  onSet(listener: () => void): void {
    this.#setListeners.push(listener)
  }

  /** Calls back when another final block was seen. */
  onFinal(listener: () => void): void {
    this.#finalListeners.push(listener)
  }

  newestReference(): L1Reference | undefined {
    return this.#newest
  }

  checkReference(reference: L1Reference): ReferenceStatus {
    const { number, creditCount } = reference
    if (this.#final === undefined || number > this.#final.number) return 'UNKNOWN'
    const known = this.#references.get(number)
    if (known !== undefined && !sameL1Reference(known, reference)) return 'INVALID'
    if (known !== undefined && creditCount <= this.#credits.length) return 'VALID'
    this.#want(this.#wantedReferences, number)
    return 'UNKNOWN'
  }

  credits(from: bigint, until: bigint): readonly Credit[] | undefined {
    if (until > this.#credits.length) return undefined
    return this.#credits.slice(Number(from), Number(until))
  }

  /** Asks the endpoint once; never throws. */
  async poll(): Promise<void> {
    try {
      await this.#poll()
      if (!this.isContradicted) this.#problem = undefined
    } catch (error) {
      this.#problem = error instanceof ZgError ? error.code : 'STAKING_L1_UNEXPECTED'
      if (error instanceof L1DisagreementError) this.#countDisagreement()
      this.#log.error(this.#problemOf(error), { error })
    }
  }

  async #poll(): Promise<void> {
    if (this.isContradicted) return
    const found = await this.#agreement.newest()
    const { header, hash } = found
    const number = BigInt(header.number)
    if (!(await this.#isContinued(number))) return
    this.#remember(number, hash)
    if (this.#final === undefined || number > this.#final.number) {
      const timestamp = BigInt(header.timestamp)
      this.#final = { number, hash, timestamp, stateRoot: header.stateRoot }
      this.#tellFinal(header.number)
      for (const listener of this.#finalListeners) listener()
    }
    if (number < this.#final.number) return
    const epoch = this.epochAt(BigInt(header.timestamp))
    for (const each of [epoch, epoch + 1n]) await this.#readSet(found, each)
    if (number >= l1ReferenceDepth) await this.#offer(number - l1ReferenceDepth)
    await this.#keep()
    // Last: others may have us ask for what cannot be read.
    for (const wanted of this.#wantedSets) {
      this.#wantedSets.delete(wanted)
      await this.#readSet(found, wanted)
    }
    for (const wanted of this.#wantedReferences) {
      this.#wantedReferences.delete(wanted)
      await this.#reference(wanted)
    }
    await this.#keep()
  }

  /** Reads the set of an epoch, unless it is known or nobody is in it. */
  async #readSet({ header, sources }: AgreedHeader, epoch: bigint): Promise<void> {
    if (this.#sets.has(epoch) || this.#absentSets.has(epoch)) return
    const { networkId, contracts } = this.#options
    const place = { number: BigInt(header.number), stateRoot: header.stateRoot }
    const set = await readSet(new ProvedState(sources, place), contracts, { networkId, epoch })
    // It is asked for only once it is fixed, so it stays away.
    if (set === undefined) return void keep(this.#absentSets, epoch, true, absentSetsMax)
    this.#unkept.sets.push(set)
    const gone = keep(this.#sets, epoch, set, setsMax)
    if (gone !== undefined) this.#unkept.gone.push(gone)
    for (const listener of this.#setListeners) listener()
  }

  /** Makes a block the newest reference, once its credits are here. */
  async #offer(number: bigint): Promise<void> {
    if (number <= (this.#newest?.number ?? -1n)) return
    this.#newest = await this.#reference(number)
  }

  /** A reference whose credits are here. */
  async #reference(number: bigint): Promise<L1Reference> {
    const found = await this.#agreement.header(number)
    this.#remember(number, found.hash)
    const reference = this.#references.get(number) ?? (await this.#readReference(found))
    await found.sources.ask((endpoint) => this.#takeCredits(endpoint, reference))
    return reference
  }

  async #readReference({ header, hash, sources }: AgreedHeader): Promise<L1Reference> {
    const { contracts, networkId } = this.#options
    const number = BigInt(header.number)
    const box = mappingSlot(layout.Inbox._boxes, BigInt(networkId))
    const slots = [boxOffsets.creditRoot, boxOffsets.creditCount, boxOffsets.messageRoot]
    const state = new ProvedState(sources, { number, stateRoot: header.stateRoot })
    const [creditRoot = 0n, creditCount = 0n, messageRoot = 0n] = await state.read(
      contracts.inbox,
      slots.map((offset) => box + offset),
    )
    const reference: L1Reference = {
      number,
      hash,
      timestamp: BigInt(header.timestamp),
      stateRoot: header.stateRoot,
      creditRoot: wordBytes(creditRoot),
      creditCount,
      messageRoot: wordBytes(messageRoot),
    }
    keep(this.#references, number, reference)
    return reference
  }

  async #takeCredits(
    endpoint: L1Endpoint,
    { number, creditCount, creditRoot }: L1Reference,
  ): Promise<void> {
    const { networkId } = this.#options
    const from = BigInt(this.#credits.length)
    if (creditCount === from && number > this.#creditsBlock) this.#creditsBlock = number
    if (creditCount <= from) return
    const fromBlock = this.#creditsBlock
    const told = await endpoint.credits({ networkId, fromBlock, toBlock: number })
    const found = told.filter(({ index }) => index >= from)
    let tree = this.#creditTree
    for (const { address, amountGwei } of found) {
      tree = appendLeaf(tree, creditLeaf(address, amountGwei))
    }
    const isWhole = BigInt(tree.count) === creditCount
    const isInOrder = found.every(({ index }, offset) => index === from + BigInt(offset))
    if (!isWhole || !isInOrder || !bytesEqual(creditsRootOf(tree), creditRoot)) {
      throw new L1ProofError('the credits are not those of the proved root')
    }
    this.#creditTree = tree
    this.#creditsBlock = number
    for (const { index, address, amountGwei } of found) {
      this.#credits.push({ index, recipient: bigintToBytes(address, 20), amountGwei })
    }
  }

  #remember(number: bigint, hash: Uint8Array): void {
    const known = this.#hashes.get(number) ?? hash
    if (!bytesEqual(known, hash)) throw new L1DisagreementError(number)
    keep(this.#hashes, number, hash)
  }

  /** Takes over what the disk holds; what is damaged is forgotten and read anew. */
  #recall(): void {
    if (this.#memory === undefined) return
    try {
      const kept = this.#memory.read()
      if (kept === undefined) return
      this.#credits.push(...kept.credits)
      this.#creditTree = kept.creditTree
      this.#creditsBlock = kept.creditsBlock
      for (const set of kept.sets) this.#sets.set(set.epoch, set)
      this.#references.set(kept.reference.number, kept.reference)
      this.#unkept.credits = kept.credits.length
      this.#unkept.since = kept.final.number
      this.#recalled = kept.final
    } catch (error) {
      this.#log.warn('what was kept of L1 is damaged and is read anew', { error })
    }
  }

  /** After a start: what was final before must be so still, once L1 is there again. */
  async #isContinued(number: bigint): Promise<boolean> {
    const recalled = this.#recalled
    if (recalled === undefined) return true
    this.#behind(recalled.number - number)
    if (number < recalled.number) return false
    const { hash } = await this.#agreement.header(recalled.number)
    if (!bytesEqual(hash, recalled.hash)) throw new L1DisagreementError(recalled.number)
    this.#remember(recalled.number, hash)
    this.#recalled = undefined
    return true
  }

  /** Tells once that L1 is behind what was kept of it, and once that it has caught up. */
  #behind(blockCount: bigint): void {
    const former = this.#blocksBehind
    this.#blocksBehind = blockCount > 0n ? blockCount : 0n
    this.#tellBehind(Number(this.#blocksBehind))
    if (this.#blocksBehind > 0n && former === 0n) {
      const mend = 'if it does not catch up, name another endpoint, or stop and remove "l1.mdb"'
      this.#log.warn(`L1 is behind what was final before; ${mend}`, { blockCount })
    }
    if (this.#blocksBehind === 0n && former > 0n) this.#log.info('L1 has caught up')
  }

  /** Writes what is new, if it is worth a write. */
  async #keep(): Promise<void> {
    const [memory, final, reference] = [this.#memory, this.#final, this.#newest]
    if (memory === undefined || final === undefined || reference === undefined) return
    const { credits: kept, sets, gone, since } = this.#unkept
    const credits = this.#credits.slice(kept)
    if (credits.length + sets.length === 0 && final.number - since < keptBlocks) return
    const creditsRoot = creditsRootOf(this.#creditTree)
    const cursor = { final, reference, creditsBlock: this.#creditsBlock, creditsRoot }
    try {
      await memory.write({ ...cursor, credits, sets, setsGone: gone })
    } catch (error) {
      return this.#log.error('what is new of L1 cannot be kept, and is tried again', { error })
    }
    this.#unkept = { credits: kept + credits.length, sets: [], gone: [], since: final.number }
  }

  #problemOf(error: unknown): string {
    if (this.isContradicted) {
      return 'the L1 endpoint contradicts itself and is not believed any more; use another one'
    }
    return error instanceof L1DisagreementError
      ? 'the L1 endpoints disagree; nothing new is believed until they agree'
      : 'the L1 endpoint did not answer as it should'
  }

  /** Whether L1 has come so far that the set of an epoch cannot change any more. */
  #isFixed(epoch: bigint): boolean {
    return this.#final !== undefined && this.epochAt(this.#final.timestamp) + 1n >= epoch
  }

  #want(wanted: Set<bigint>, number: bigint): void {
    if (wanted.size >= wantedMax || wanted.has(number)) return
    wanted.add(number)
    if (this.#isRunning) this.#arm(wantedPollMs)
  }

  #arm(delayMs: number): void {
    const { clock, pollMs = pollMsDefault } = this.#options
    this.#timer?.cancel()
    this.#timer = clock.setTimer(delayMs, () => {
      this.#polling = this.#polling.then(async () => {
        if (!this.#isRunning) return
        await this.poll()
        if (this.#isRunning) this.#arm(pollMs)
      })
    })
  }
}

/** The leaf of a credit in its tree. */
export function creditLeaf(address: bigint, amountGwei: bigint): Uint8Array {
  return sha256(concat(bigintToBytes(address, 20), bigintToBytes(amountGwei, 8)))
}

/** Keeps a value, and of too many not the oldest; returns what went. */
function keep<value>(
  map: Map<bigint, value>,
  number: bigint,
  value: value,
  countMax = referencesMax,
): bigint | undefined {
  map.set(number, value)
  const [oldest] = map.keys()
  if (map.size <= countMax || oldest === undefined) return undefined
  map.delete(oldest)
  return oldest
}

/** The hash of what is followed: another network, L1 or clock has another memory. */
function identityOf({ contracts, networkId, fromBlock, epochs }: L1FollowerOptions): Uint8Array {
  const { networkRegistry, operatorRegistry, inbox } = contracts
  return sha256(
    concat(
      ...[networkRegistry, operatorRegistry, inbox].map((word) => bigintToBytes(word, 20)),
      ...[BigInt(networkId), fromBlock, epochs.start, epochs.length].map((word) =>
        bigintToBytes(word, 8),
      ),
    ),
  )
}

/** An epoch of L1 is so short that a change of it may not be final on L1 when it begins to hold. */
export class L1EpochTooShortError extends ZgError<'STAKING_L1_EPOCH_TOO_SHORT'> {
  constructor(epochSeconds: bigint, finalitySeconds: bigint) {
    const message =
      `Cannot follow L1: an epoch of ${epochSeconds} s is not more than twice the ` +
      `${finalitySeconds} s after which its blocks are final`
    const data = { epochSeconds: Number(epochSeconds), finalitySeconds: Number(finalitySeconds) }
    super('STAKING_L1_EPOCH_TOO_SHORT', message, data)
  }
}
