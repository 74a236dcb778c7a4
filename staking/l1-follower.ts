/**
 * A node's view of L1 through its own endpoint: references, sets and credits, each proved from the
 * state root of a final block (docs/specs/blocks.md §4.3, stake.md §8).
 *
 *     every poll:  final header ─► sets of this epoch and the next
 *                       └─ 2 blocks back ─► reference: Inbox by proof ─► credits by logs, held to
 *                                                                        the proved root
 *
 * What the endpoint is believed: which block is final. All else is checked: a header against its
 * hash, values against the state root, credits against the root of their tree. An endpoint that
 * changes its mind about a final block is believed nothing more, and the node says so; one that
 * is late, or fails, leaves the view as it was. Consensus asks at any time and gets an answer at
 * once; what it asks for and is not here is fetched by the next poll.
 */

import { l1ReferenceDepth, sameL1Reference } from '@zg/consensus'
import type { Credit, L1Reference, L1View, ReferenceStatus, ValidatorSet } from '@zg/consensus'
import { headerHash } from '@zg/evm'
import {
  appendLeaf,
  bigintToBytes,
  bytesEqual,
  concat,
  emptyIncrementalTree,
  incrementalRoot,
  sha256,
  toHex,
  ZgError,
} from '@zg/primitives'
import { silentLogger } from '@zg/runtime'
import type { Clock, Logger, Timer } from '@zg/runtime'

import type { L1Endpoint, L1Header } from './l1-endpoint.ts'
import { boxOffsets, layout, mappingSlot } from './l1-layout.ts'
import { L1ProofError, ProvedState, wordBytes } from './proved-state.ts'
import { readSet } from './set-reader.ts'
import type { StakeContracts } from './set-reader.ts'

/** The endpoint is asked this often, and again so soon after something is wanted. */
const pollMsDefault = 1_000
const wantedPollMs = 50

/** References and final hashes kept, newest first. */
const referencesMax = 1_024

/** Sets kept, newest first. */
const setsMax = 256

/** Of so many epochs before the newest known set the validators are named by `validatorKeys`. */
const keyEpochs = 2n

/** References and sets that consensus asked for and that are fetched at the next poll. */
const wantedMax = 64

const zeroHash = new Uint8Array(32)

export type L1FollowerOptions = {
  readonly endpoint: L1Endpoint
  readonly contracts: StakeContracts & { readonly inbox: bigint }
  readonly networkId: number
  /** The block that Inbox was deployed in, or one before: where its logs begin. */
  readonly fromBlock: bigint
  /** The clock of OperatorRegistry: start and length of epochs, in seconds. */
  readonly epochs: { readonly start: bigint; readonly length: bigint }
  readonly clock: Clock
  /** @default pollMsDefault */
  readonly pollMs?: number
  readonly log?: Logger
}

/** The newest final block of L1 that a follower has seen. */
export type FinalL1Block = {
  readonly number: bigint
  /** In seconds since 1970. */
  readonly timestamp: bigint
  /** 32 bytes. */
  readonly stateRoot: Uint8Array
}

export class L1Follower implements L1View {
  readonly #options: L1FollowerOptions
  readonly #log: Logger
  readonly #hashes = new Map<bigint, Uint8Array>()
  readonly #references = new Map<bigint, L1Reference>()
  readonly #sets = new Map<bigint, ValidatorSet>()
  readonly #wantedReferences = new Set<bigint>()
  readonly #wantedSets = new Set<bigint>()
  readonly #setListeners: (() => void)[] = []
  readonly #finalListeners: (() => void)[] = []
  readonly #credits: Credit[] = []
  #creditTree = emptyIncrementalTree
  /** Of the newest reference whose credits are here. */
  #creditsBlock: bigint
  #final: FinalL1Block | undefined
  #newest: L1Reference | undefined
  #isContradicted = false
  #isRunning = false
  #timer: Timer | undefined
  #polling: Promise<void> = Promise.resolve()

  constructor(options: L1FollowerOptions) {
    this.#options = options
    this.#log = options.log ?? silentLogger
    this.#creditsBlock = options.fromBlock
  }

  /** Number of the newest final block seen; undefined before the first. */
  get finalNumber(): bigint | undefined {
    return this.#final?.number
  }

  /** Undefined before the first, and once the endpoint is not believed any more. */
  get finalBlock(): FinalL1Block | undefined {
    return this.#isContradicted ? undefined : this.#final
  }

  /** Whether the endpoint has named two final blocks of one number. */
  get isContradicted(): boolean {
    return this.#isContradicted
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
    if (known === undefined && this.#isFixed(epoch)) this.#want(this.#wantedSets, epoch)
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
    } catch (error) {
      if (error instanceof L1ContradictionError) this.#isContradicted = true
      const message = this.#isContradicted
        ? 'the L1 endpoint contradicts itself and is not believed any more; use another one'
        : 'the L1 endpoint did not answer as it should'
      this.#log.error(message, { error })
    }
  }

  async #poll(): Promise<void> {
    if (this.#isContradicted) return
    const { endpoint, networkId, contracts } = this.#options
    const found = await endpoint.finalHeader()
    const { header } = this.#checked(found)
    const number = BigInt(header.number)
    if (this.#final !== undefined && number > this.#final.number) {
      // A final block stays: one that is gone shows an endpoint that changed chains.
      await this.#header(this.#final.number)
    }
    this.#remember(number, found.hash)
    if (this.#final === undefined || number > this.#final.number) {
      const { stateRoot } = header
      this.#final = { number, timestamp: BigInt(header.timestamp), stateRoot }
      for (const listener of this.#finalListeners) listener()
    }
    if (number < this.#final.number) return
    const state = new ProvedState(endpoint, { number, stateRoot: header.stateRoot })
    const epoch = this.epochAt(BigInt(header.timestamp))
    for (const each of new Set([epoch, epoch + 1n, ...this.#wantedSets])) {
      this.#wantedSets.delete(each)
      if (this.#sets.has(each)) continue
      const set = await readSet(state, contracts, { networkId, epoch: each })
      if (set === undefined) continue
      keep(this.#sets, each, set, setsMax)
      for (const listener of this.#setListeners) listener()
    }
    if (number >= l1ReferenceDepth) await this.#offer(number - l1ReferenceDepth)
    for (const wanted of this.#wantedReferences) {
      this.#wantedReferences.delete(wanted)
      await this.#takeCredits(await this.#reference(wanted))
    }
  }

  /** Makes a block the newest reference, once its credits are here. */
  async #offer(number: bigint): Promise<void> {
    if (number <= (this.#newest?.number ?? -1n)) return
    const reference = await this.#reference(number)
    await this.#takeCredits(reference)
    this.#newest = reference
  }

  async #reference(number: bigint): Promise<L1Reference> {
    const known = this.#references.get(number)
    if (known !== undefined) return known
    const { endpoint, contracts, networkId } = this.#options
    const { header, hash } = await this.#header(number)
    const box = mappingSlot(layout.Inbox._boxes, BigInt(networkId))
    const slots = [boxOffsets.creditRoot, boxOffsets.creditCount, boxOffsets.messageRoot]
    const state = new ProvedState(endpoint, { number, stateRoot: header.stateRoot })
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

  async #takeCredits({ number, creditCount, creditRoot }: L1Reference): Promise<void> {
    const { endpoint, networkId } = this.#options
    const from = BigInt(this.#credits.length)
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
    const root = tree.count === 0 ? zeroHash : incrementalRoot(tree)
    if (!isWhole || !isInOrder || !bytesEqual(root, creditRoot)) {
      throw new L1ProofError('the credits are not those of the proved root')
    }
    this.#creditTree = tree
    this.#creditsBlock = number
    for (const { index, address, amountGwei } of found) {
      this.#credits.push({ index, recipient: bigintToBytes(address, 20), amountGwei })
    }
  }

  async #header(number: bigint): Promise<L1Header> {
    const found = await this.#options.endpoint.header(number)
    if (found === undefined) throw new L1ContradictionError(number)
    this.#checked(found)
    if (BigInt(found.header.number) !== number) throw new L1ProofError('a header of another block')
    this.#remember(number, found.hash)
    return found
  }

  #checked(found: L1Header): L1Header {
    if (!bytesEqual(headerHash(found.header), found.hash)) {
      throw new L1ProofError('a header has another hash')
    }
    return found
  }

  #remember(number: bigint, hash: Uint8Array): void {
    const known = this.#hashes.get(number)
    if (known !== undefined && !bytesEqual(known, hash)) throw new L1ContradictionError(number)
    keep(this.#hashes, number, hash)
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

function keep<value>(
  map: Map<bigint, value>,
  number: bigint,
  value: value,
  countMax = referencesMax,
): void {
  map.set(number, value)
  const [oldest] = map.keys()
  if (map.size > countMax && oldest !== undefined) map.delete(oldest)
}

/** The endpoint names another block where it named a final one. */
export class L1ContradictionError extends ZgError<'STAKING_L1_CONTRADICTS'> {
  constructor(number: bigint) {
    const message = `The L1 endpoint has another final block ${number} than before`
    super('STAKING_L1_CONTRADICTS', message, { number: toHex(bigintToBytes(number, 8)) })
  }
}
