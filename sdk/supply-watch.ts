/**
 * The supply at every block of L1 and of networks, as they come.
 *
 *     L1         supply + sum of outstanding <= 10^27, outstanding >= 0, each and all
 *                outstanding = genesis + credited - claimed - returned
 *     network    held = what it began with + withdrawn - fees burned - destroyed, never less than
 *                lies in the Outbox; none of these four ever falls
 *                withdrawn = the first of the credits, to the wei
 *                Outbox >= what was claimed of blocks up to this one
 *                living + on the way in + unclaimed + burned = outstanding + returned
 *
 * A step first asks where the networks are, then where L1 is: whatever a block took from L1 is in
 * the logs that are read after it. What was claimed is held against the first block that is no
 * lower than the one L1 knew then; so no node that lags makes a false alarm.
 */

import type { PublicClient } from 'viem'

import { KeptSupplyAbsentError, readKeptSupply } from './kept-supply.ts'
import type { KeptSupply } from './kept-supply.ts'
import { readNetworkIds } from './networks.ts'
import { genesisOf, noPassage, passageWith, readFlows } from './passage.ts'
import type { Flow, Passage } from './passage.ts'
import { on } from './view.ts'
import type { L1Addresses, StakeView } from './view.ts'

/** Blocks of a chain that one step looks at; more are looked at by the next ones. */
export const watchedBlocksMax = 64n

/** L1 nodes keep the states of so many blocks for certain; older ones are passed over. */
const readableBlocks = 100n

export type WatchedNetwork = { readonly id: number; readonly client: PublicClient }

export type L1BlockSupply = {
  readonly kind: 'l1'
  readonly block: bigint
  readonly supplyWei: bigint
  readonly capWei: bigint
  readonly outstandingWei: bigint
  readonly outstanding: readonly { readonly id: number; readonly wei: bigint }[]
  readonly broken: readonly string[]
}

export type NetworkBlockSupply = KeptSupply & {
  readonly kind: 'network'
  readonly id: number
  readonly block: bigint
  /** What accounts hold that is not in the Outbox. */
  readonly livingWei: bigint
  /** Credited on L1 and not paid out yet; sealed in the Outbox and not claimed yet. */
  readonly onTheWayWei: bigint
  readonly unclaimedWei: bigint
  /** As L1 has it in `l1Block`. */
  readonly outstandingWei: bigint
  readonly l1Block: bigint
  readonly broken: readonly string[]
}

/** Blocks of L1 whose state is gone: the watcher was away too long. */
export type MissedBlocks = {
  readonly kind: 'missed'
  readonly from: bigint
  readonly until: bigint
}

export type WatchedSupply = L1BlockSupply | NetworkBlockSupply | MissedBlocks

/** What L1 knew of a network when so much was claimed of it. */
type ClaimedAt = { readonly height: bigint; readonly wei: bigint }

/** What is kept of a network between steps. */
export type NetworkTrack = {
  passage: Passage
  genesisWei: bigint | undefined
  outstandingWei: bigint
  /** Rising heights; the first is the newest that is no higher than the last block seen. */
  claims: ClaimedAt[]
  /** Credits that the blocks seen paid out: how many, and their sum. */
  paid: { readonly count: number; readonly wei: bigint }
  last: { readonly block: bigint; readonly kept: KeptSupply } | undefined
}

export class SupplyWatch {
  readonly #client: PublicClient
  readonly #addresses: L1Addresses
  readonly #tracks = new Map<number, NetworkTrack>()
  #l1Block: bigint | undefined

  constructor(client: PublicClient, addresses: L1Addresses) {
    this.#client = client
    this.#addresses = addresses
  }

  /**
   * Looks at what came since the last step; the first step begins at the newest blocks. What was
   * yielded before a failure stands, and the next step goes on after it.
   */
  async *step(networks: readonly WatchedNetwork[]): AsyncGenerator<WatchedSupply> {
    const heads = await Promise.all(
      networks.map(({ client }) => client.getBlockNumber({ cacheTime: 0 })),
    )
    yield* this.#stepL1()
    for (const [place, network] of networks.entries()) {
      yield* this.#stepNetwork(network, heads[place] ?? 0n)
    }
  }

  async *#stepL1(): AsyncGenerator<WatchedSupply> {
    const newest = await this.#client.getBlockNumber({ cacheTime: 0 })
    const former = this.#l1Block
    if (former !== undefined && newest <= former) return
    const readable = newest - readableBlocks
    const next = former === undefined ? newest : former + 1n
    const first = next < readable ? readable : next
    const flows = await readFlows(this.#client, this.#addresses, {
      fromBlock: former === undefined ? 0n : former + 1n,
      toBlock: newest,
    })
    if (first > next) yield { kind: 'missed', from: next, until: first - 1n }
    let pending = flows.toSorted((a, b) => Number(a.block - b.block))
    for (let block = first; block <= newest; block++) {
      const upTo = pending.filter((flow) => flow.block <= block)
      pending = pending.filter((flow) => flow.block > block)
      const told = await this.#readL1Block(block, upTo)
      this.#l1Block = block
      yield told
    }
  }

  async #readL1Block(block: bigint, flows: readonly Flow[]): Promise<L1BlockSupply> {
    const client = this.#client
    const view = { client, addresses: this.#addresses, block } as StakeView
    const [token, bridge] = [on(view, 'ZgToken'), on(view, 'RewardBridge')]
    const [supplyWei, capWei, outstandingWei, ids] = await Promise.all([
      client.readContract({ ...token, functionName: 'totalSupply' }),
      client.readContract({ ...token, functionName: 'CAP' }),
      client.readContract({ ...bridge, functionName: 'outstandingTotal' }),
      readNetworkIds(view),
    ])
    const outstanding = await Promise.all(
      ids.map(async (id) => {
        const [wei, height] = await Promise.all([
          client.readContract({ ...bridge, functionName: 'outstanding', args: [id] }),
          this.#knownHeight(view, id),
        ])
        return { id, wei, height }
      }),
    )
    const broken: string[] = []
    for (const { id, wei, height } of outstanding) {
      const track = this.#trackOf(id)
      track.passage = passageWith(track.passage, id, flows)
      track.outstandingWei = wei
      track.genesisWei ??= genesisOf(track.passage, wei)
      if (genesisOf(track.passage, wei) !== track.genesisWei) {
        broken.push(`outstanding of network ${id} is not genesis + credited - claimed - returned`)
      }
      if (track.claims.at(-1)?.height === height) track.claims.pop()
      track.claims.push({ height, wei: track.passage.claimedWei })
    }
    const sumWei = outstanding.reduce((sum, { wei }) => sum + wei, 0n)
    if (sumWei !== outstandingWei) {
      broken.push('outstanding of all is not the sum of outstanding of each')
    }
    if (supplyWei + sumWei > capWei) broken.push('supply and outstanding are more than the cap')
    const each = outstanding.map(({ id, wei }) => ({ id, wei }))
    return { kind: 'l1', block, supplyWei, capWei, outstandingWei, outstanding: each, broken }
  }

  /** The height that L1 knows of a network; 0 before it began. */
  async #knownHeight(view: StakeView, id: number): Promise<bigint> {
    const registry = on(view, 'NetworkRegistry')
    const { firstEpoch } = await view.client.readContract({
      ...registry,
      functionName: 'networkOf',
      args: [id],
    })
    if (firstEpoch === 0n) return 0n
    const oracle = on(view, 'FinalityOracle')
    const known = await view.client.readContract({ ...oracle, functionName: 'finalOf', args: [id] })
    return known.height
  }

  async *#stepNetwork(
    { id, client }: WatchedNetwork,
    head: bigint,
  ): AsyncGenerator<NetworkBlockSupply> {
    const track = this.#tracks.get(id)
    if (track === undefined) return
    const next = track.last === undefined ? head : track.last.block + 1n
    const last = head - next >= watchedBlocksMax ? next + watchedBlocksMax - 1n : head
    for (let block = next; block <= last; block++) {
      const kept = await readKeptSupply(client, block)
      if (kept === undefined) throw new KeptSupplyAbsentError(block)
      const told = judgeNetworkBlock({ id, block, kept, track, l1Block: this.#l1Block ?? 0n })
      track.last = { block, kept }
      yield told
    }
  }

  #trackOf(id: number): NetworkTrack {
    let track = this.#tracks.get(id)
    if (track === undefined) this.#tracks.set(id, (track = newTrack()))
    return track
  }
}

/** What is known of a network before anything was read. */
export function newTrack(): NetworkTrack {
  return {
    passage: noPassage,
    genesisWei: undefined,
    outstandingWei: 0n,
    claims: [],
    paid: { count: 0, wei: 0n },
    last: undefined,
  }
}

/** Judges what a node keeps of one block by what L1 knows. */
export function judgeNetworkBlock(read: {
  readonly id: number
  readonly block: bigint
  readonly kept: KeptSupply
  readonly track: NetworkTrack
  readonly l1Block: bigint
}): NetworkBlockSupply {
  const { id, block, kept, track, l1Block } = read
  const { passage, genesisWei = 0n, outstandingWei, last } = track
  const { fromNumber, fromHeldWei, withdrawnWei, feesBurnedWei, destroyedWei, outboxWei } = kept
  const broken: string[] = []
  if (fromNumber !== 0n) broken.push('the node did not count from the genesis on: ask another one')
  if (fromHeldWei !== genesisWei) broken.push('its genesis holds another amount than L1 says')
  if (kept.heldWei !== fromHeldWei + withdrawnWei - feesBurnedWei - destroyedWei) {
    broken.push('what is held is not what came less what was burned')
  }
  const livingWei = kept.heldWei - outboxWei
  if (livingWei < 0n) broken.push('the Outbox holds more than there is')
  if (last !== undefined && falls(last.kept, kept)) broken.push('a sum that only grows has fallen')
  if (!paysInOrder(track, withdrawnWei)) {
    broken.push('consensus paid out what was not credited')
  }
  const claimedWei = claimedUpTo(track, block)
  if (outboxWei < claimedWei) broken.push('more was claimed than the Outbox holds')
  const onTheWayWei = passage.creditedWei - withdrawnWei
  const unclaimedWei = outboxWei - passage.claimedWei
  const counted = livingWei + onTheWayWei + unclaimedWei + feesBurnedWei + destroyedWei
  if (counted !== outstandingWei + passage.returnedWei) {
    broken.push('the network and L1 count different amounts')
  }
  return {
    kind: 'network',
    id,
    block,
    ...kept,
    livingWei,
    onTheWayWei,
    unclaimedWei,
    outstandingWei,
    l1Block,
    broken,
  }
}

/** What was claimed of blocks up to one; forgets what is older. */
function claimedUpTo(track: NetworkTrack, block: bigint): bigint {
  const { claims } = track
  while (claims[1] !== undefined && claims[1].height <= block) claims.shift()
  const [first] = claims
  return first !== undefined && first.height <= block ? first.wei : 0n
}

function falls(before: KeptSupply, after: KeptSupply): boolean {
  const sums = ['withdrawnWei', 'feesBurnedWei', 'destroyedWei', 'outboxWei'] as const
  return sums.some((sum) => after[sum] < before[sum])
}

/** Whether what was paid out is the first of the credits, to the wei; remembers how far. */
function paysInOrder(track: NetworkTrack, withdrawnWei: bigint): boolean {
  const { credits } = track.passage
  let { count, wei } = track.paid
  while (wei < withdrawnWei && count < credits.length) wei += credits[count++] ?? 0n
  if (wei !== withdrawnWei) return false
  track.paid = { count, wei }
  return true
}
