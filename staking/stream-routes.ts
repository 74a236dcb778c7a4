/**
 * Which network a stream is at home in, and which networks there are, proved from the newest final
 * block of L1 (docs/specs/routing.md §3).
 *
 *     another epoch ──► list of networks, two words of each ──► chain ids; who takes streams
 *     a question    ──► one word of Streams ──► chosen homes, or rendezvous ──► home, home to come
 *
 * The list is read once an epoch, and again when a home is not in it. Which networks took streams
 * in an epoch is in every later list. Questions come from anyone: few are asked of L1 at once, and
 * each once a final block.
 */

import { bytesToBigint, rendezvous, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { silentLogger } from '@zg/runtime'
import type { Logger } from '@zg/runtime'

import type { Failover } from './failover.ts'
import type { L1Endpoint } from './l1-endpoint.ts'
import type { FinalL1Block } from './l1-follower.ts'
import {
  arraySlot,
  chainIdOf,
  drainingEpochOf,
  idsPerWord,
  layout,
  lifeOf,
  mappingSlot,
  networkIdOf,
  networkOffsets,
  streamOf,
} from './l1-layout.ts'
import type { StreamWord } from './l1-layout.ts'
import { L1ProofError, ProvedState } from './proved-state.ts'

/** NetworkRegistry.NETWORKS_MAX. */
const networksMax = 512n

/** Streams that L1 is asked of at once. */
const questionsMax = 8

/** Answers kept of one final block. */
const answersMax = 1_024

/** A network, as far as streams are concerned. */
type KnownNetwork = {
  readonly id: number
  readonly chainId: bigint
  readonly firstEpoch: bigint
  readonly endEpoch: bigint
  readonly drainingEpoch: bigint
}

/** All networks at an L1 block of an epoch. */
type NetworkList = {
  readonly epoch: bigint
  readonly number: bigint
  readonly networks: readonly KnownNetwork[]
}

/** A home: a network and how transactions name it. */
export type StreamHome = { readonly network: number; readonly chainId: bigint }

export type StreamAnswer =
  | {
      readonly kind: 'opened'
      readonly openedEpoch: bigint
      /** Undefined where no network took streams and its owner has not moved it. */
      readonly home: StreamHome | undefined
      readonly next: (StreamHome & { readonly fromEpoch: bigint }) | undefined
      /** Of the L1 block that answers. */
      readonly epoch: bigint
      readonly l1Block: bigint
    }
  | { readonly kind: 'unopened' }
  /** So many questions are asked of L1 already. */
  | { readonly kind: 'busy'; readonly limit: number }
  /** L1 is not in reach, or its endpoint proves nothing. */
  | { readonly kind: 'unavailable' }

export type StreamRoutesOptions = {
  readonly l1: Failover<Pick<L1Endpoint, 'proof'>>
  readonly contracts: { readonly networkRegistry: bigint; readonly streams: bigint }
  /** The network of this node, which is no other one. */
  readonly networkId: number
  readonly finalBlock: () => FinalL1Block | undefined
  readonly epochAt: (timestamp: bigint) => bigint
  readonly log?: Logger
}

export class StreamRoutes {
  readonly #options: StreamRoutesOptions
  readonly #log: Logger
  #list: NetworkList | undefined
  /** The others that live, by chain id; undefined where several have one. */
  #byChainId = new Map<bigint, number | undefined>()
  #reading: Promise<NetworkList> | undefined
  #answers = new Map<Hex, Promise<StreamAnswer>>()
  /** The final block that `#answers` are of. */
  #answersBlock: bigint | undefined
  #questionCount = 0

  constructor(options: StreamRoutesOptions) {
    this.#options = options
    this.#log = options.log ?? silentLogger
  }

  /** The one other network that has begun, is not over and has this chain id, as far as known. */
  networkOf(chainId: bigint): number | undefined {
    return this.#byChainId.get(chainId)
  }

  /** Reads the list of networks anew when another epoch has begun; never throws. */
  async refresh(): Promise<void> {
    const final = this.#options.finalBlock()
    if (final === undefined || this.#reading !== undefined) return
    try {
      await this.#listFor(final)
    } catch (error) {
      this.#log.error('the networks could not be read on L1', { error })
    }
  }

  /** Where a stream (32 bytes) is at home; never throws. */
  streamHome(id: Uint8Array): Promise<StreamAnswer> {
    const final = this.#options.finalBlock()
    if (final === undefined) return Promise.resolve({ kind: 'unavailable' })
    if (final.number !== this.#answersBlock) {
      this.#answers = new Map()
      this.#answersBlock = final.number
    }
    const answers = this.#answers
    const key = toHex(id)
    const known = answers.get(key)
    if (known !== undefined) return known
    if (this.#questionCount >= questionsMax) {
      return Promise.resolve({ kind: 'busy', limit: questionsMax })
    }
    // Not logged: whoever asks hears of it, and would fill the log.
    const answer = this.#ask(id, final).catch((): StreamAnswer => {
      answers.delete(key)
      return { kind: 'unavailable' }
    })
    if (answers.size >= answersMax) answers.delete(answers.keys().next().value ?? key)
    answers.set(key, answer)
    return answer
  }

  async #ask(id: Uint8Array, final: FinalL1Block): Promise<StreamAnswer> {
    this.#questionCount++
    try {
      const { l1, contracts, epochAt } = this.#options
      const state = new ProvedState(l1, final)
      const slot = mappingSlot(layout.Streams._streams, bytesToBigint(id))
      const [word = 0n] = await state.read(contracts.streams, [slot])
      const stream = streamOf(word)
      if (stream.homeCount === 0) return { kind: 'unopened' }
      const epoch = epochAt(final.timestamp)
      const list = await this.#listFor(final)
      const [network, next] = [epoch, stream.homeFrom].map((each) =>
        homeIn(stream, { id, epoch: each, networks: list.networks }),
      )
      const isMoving = epoch < stream.homeFrom
      const ids = isMoving ? [network, next] : [network]
      const [home, coming] = await this.#described(final, ids)
      return {
        kind: 'opened',
        openedEpoch: stream.openedEpoch,
        home,
        next: coming && { ...coming, fromEpoch: stream.homeFrom },
        epoch,
        l1Block: final.number,
      }
    } finally {
      this.#questionCount--
    }
  }

  /** Homes with their chain ids; one that is not in the list yet came in this epoch. */
  async #described(
    final: FinalL1Block,
    ids: readonly (number | undefined)[],
  ): Promise<readonly (StreamHome | undefined)[]> {
    let { networks } = await this.#listFor(final)
    const isListed = (id: number | undefined): boolean =>
      id === undefined || networks.some((network) => network.id === id)
    if (!ids.every(isListed)) ({ networks } = await this.#listFor(final, final.number))
    return ids.map((id) => {
      if (id === undefined) return undefined
      const found = networks.find((network) => network.id === id)
      if (found === undefined) throw new L1ProofError('a stream has a home that there is not')
      return { network: id, chainId: found.chainId }
    })
  }

  /** The list as a final block's epoch knows it, read at a block of at least `numberMin`. */
  async #listFor(final: FinalL1Block, numberMin = 0n): Promise<NetworkList> {
    const epoch = this.#options.epochAt(final.timestamp)
    const fits = (list: NetworkList | undefined): list is NetworkList =>
      list !== undefined && list.epoch >= epoch && list.number >= numberMin
    if (fits(this.#list)) return this.#list
    // One that is being read may be of a block before.
    const underWay = await this.#reading?.catch(() => undefined)
    if (fits(underWay)) return underWay
    this.#reading ??= this.#readList(final).finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #readList(final: FinalL1Block): Promise<NetworkList> {
    const { l1, contracts, epochAt } = this.#options
    const state = new ProvedState(l1, final)
    const epoch = epochAt(final.timestamp)
    const list = { epoch, number: final.number, networks: await readNetworks(state, contracts) }
    if (this.#list === undefined || this.#list.number < list.number) this.#keep(list)
    return list
  }

  #keep(list: NetworkList): void {
    this.#list = list
    const byChainId = new Map<bigint, number | undefined>()
    for (const { id, chainId, firstEpoch, endEpoch } of list.networks) {
      const hasBegun = firstEpoch !== 0n && firstEpoch <= list.epoch
      const isOver = endEpoch !== 0n && endEpoch <= list.epoch
      if (!hasBegun || isOver || id === this.#options.networkId) continue
      byChainId.set(chainId, byChainId.has(chainId) ? undefined : id)
    }
    this.#byChainId = byChainId
  }
}

/** Where a stream is at home in an epoch, from the one before its last move on. */
function homeIn(
  stream: StreamWord,
  { id, epoch, networks }: { id: Uint8Array; epoch: bigint; networks: readonly KnownNetwork[] },
): number | undefined {
  const isMoving = epoch < stream.homeFrom
  const chosen = isMoving ? stream.homeCount - 1 : stream.homeCount
  if (chosen > 1) return isMoving ? stream.homeBefore : stream.home
  const { openedEpoch } = stream
  const takers = networks.filter((network) => takesStreams(network, openedEpoch))
  return rendezvous(
    id,
    takers.map((network) => network.id),
  )
}

function takesStreams(network: KnownNetwork, epoch: bigint): boolean {
  const { firstEpoch, endEpoch, drainingEpoch } = network
  const hasBegun = firstEpoch !== 0n && epoch >= firstEpoch
  return [endEpoch, drainingEpoch].every((end) => end === 0n || epoch < end) && hasBegun
}

async function readNetworks(
  state: ProvedState,
  { networkRegistry }: { readonly networkRegistry: bigint },
): Promise<readonly KnownNetwork[]> {
  const { _ids, _networks } = layout.NetworkRegistry
  const [count = 0n] = await state.read(networkRegistry, [_ids])
  if (count > networksMax) throw new L1ProofError('there are more networks than there may be')
  const wordCount = Number((count + idsPerWord - 1n) / idsPerWord)
  const first = arraySlot(_ids)
  const places = Array.from({ length: wordCount }, (_, index) => first + BigInt(index))
  const idWords = await state.read(networkRegistry, places)
  const ids = Array.from({ length: Number(count) }, (_, index) => {
    const place = BigInt(index)
    return networkIdOf(idWords[Number(place / idsPerWord)] ?? 0n, place % idsPerWord)
  })
  const words = await state.read(
    networkRegistry,
    ids.flatMap((id) => {
      const slot = mappingSlot(_networks, BigInt(id))
      return [slot + networkOffsets.epochs, slot + networkOffsets.opening]
    }),
  )
  return ids.map((id, index) => {
    const [epochs = 0n, opening = 0n] = words.slice(2 * index)
    const life = lifeOf(epochs)
    const drainingEpoch = drainingEpochOf(opening)
    return { id, chainId: chainIdOf(epochs), ...life, drainingEpoch }
  })
}
