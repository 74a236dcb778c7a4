/**
 * A node of a network in a test: what it answers is right unless it is bent, and it forgets states
 * as a real one does.
 */

import type { ConsensusHeader, FinalityCertificate } from '@zg/consensus'
import type { NetworkWorld, TestOperator } from '@zg/contracts/testing'
import { bigintToBytes, fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { NetworkEndpointError } from '../json-rpc-network-endpoint.ts'
import type { KeeperEndpoint, OtherEndpoint } from '../keeper-ports.ts'
import type { NetworkEndpoint, NetworkProof, OutboxLogs } from '../network-endpoint.ts'
import { outboxKinds } from '../outbox-entry.ts'

type Answers = {
  readonly finalityCertificate: FinalityCertificate | undefined
  readonly header: ConsensusHeader | undefined
  readonly historyProof: readonly Uint8Array[] | undefined
  readonly executionHeader: Uint8Array | undefined
  readonly proof: NetworkProof | undefined
  readonly outboxLogs: OutboxLogs
  readonly messageData: Uint8Array | undefined
  readonly rewardAbsences: readonly (readonly Uint8Array[])[]
}

/** What a test says of a block. */
type BlockFields = Pick<
  NonNullable<Parameters<NetworkWorld['seal']>[0]>,
  'creditNext' | 'epoch' | 'l1' | 'mix' | 'timestamp' | 'isStateKept' | 'usedBps'
>

/** What RewardHub told of a height. */
type Absence = { readonly height: bigint; readonly absent: readonly Uint8Array[] }

export class SimulatedNetworkEndpoint implements KeeperEndpoint, OtherEndpoint {
  readonly #network: NetworkWorld
  readonly #certificates = new Map<bigint, FinalityCertificate>()
  /** Bends answers; a test sets what it wants of them. */
  bend: { [method in keyof Answers]?: (found: Answers[method]) => Answers[method] } = {}
  /** Told of each question before it is answered: may throw, or wait. */
  onAsk: (method: keyof Answers) => void | Promise<void> = () => {}
  /** States below the newest block that can still be proved. */
  statesKept = 128
  /** Blocks whose logs one answer holds. */
  logBlocksMax = 10_000n

  readonly #absences: Absence[] = []

  readonly #messages = new Map<bigint, Uint8Array>()

  constructor(network: NetworkWorld) {
    this.#network = network
    network.world.watch(network.outbox, ({ name, args }) => {
      if (name !== 'MessageData') return
      this.#messages.set(args['index'] as bigint, fromHex(args['data'] as Hex))
    })
    network.world.watch(network.contract('RewardHub'), ({ args }) => {
      const { height, absent } = args as { height: bigint; absent?: readonly Hex[] }
      if (absent !== undefined) this.#absences.push({ height, absent: absent.map(fromHex) })
    })
  }

  get height(): bigint {
    return BigInt(this.#network.height)
  }

  /** Makes a block of the state as it is, with its certificate. */
  async seal({
    nextEpoch = 0n,
    signers,
    ...block
  }: {
    nextEpoch?: bigint
    signers?: readonly TestOperator[]
  } & BlockFields = {}): Promise<bigint> {
    await this.#network.seal(block)
    this.certify(this.height, { nextEpoch, ...(signers && { signers }) })
    return this.height
  }

  /** Gives a height another certificate: of others, or of more. */
  certify(
    height: bigint,
    options: { nextEpoch?: bigint; signers?: readonly TestOperator[] },
  ): void {
    const certificate = this.#network.finalityCertificate({ ...options, height: Number(height) })
    this.#certificates.set(height, certificate)
  }

  /** A block that only later ones certify. */
  async sealBare(block: BlockFields = {}): Promise<bigint> {
    await this.#network.seal(block)
    return this.height
  }

  finalityCertificate(height: bigint | 'latest'): Promise<FinalityCertificate | undefined> {
    return this.#answer('finalityCertificate', () => {
      const newest = [...this.#certificates.values()].at(-1)
      return height === 'latest' ? newest : this.#certificates.get(height)
    })
  }

  header(height: bigint): Promise<ConsensusHeader | undefined> {
    return this.#answer('header', () =>
      height === 0n || this.#isThere(height) ? this.#network.header(Number(height)) : undefined,
    )
  }

  historyProof({
    height,
    under,
  }: Parameters<NetworkEndpoint['historyProof']>[0]): Promise<readonly Uint8Array[] | undefined> {
    return this.#answer('historyProof', () =>
      under > this.height || height >= under
        ? undefined
        : this.#network.historySiblings(Number(height), Number(under)),
    )
  }

  executionHeader(height: bigint): Promise<Uint8Array | undefined> {
    return this.#answer('executionHeader', () =>
      this.#isThere(height) ? this.#network.executionHeader(Number(height)) : undefined,
    )
  }

  proof({
    address,
    slots,
    height,
  }: Parameters<NetworkEndpoint['proof']>[0]): Promise<NetworkProof | undefined> {
    return this.#answer('proof', () =>
      this.#isThere(height) && this.height - height < BigInt(this.statesKept)
        ? this.#network.proof(Number(height), { address: toHex(bigintToBytes(address, 20)), slots })
        : undefined,
    )
  }

  outboxLogs({
    fromHeight,
    toHeight,
  }: Parameters<NetworkEndpoint['outboxLogs']>[0]): Promise<OutboxLogs> {
    return this.#answer('outboxLogs', () => {
      const last = fromHeight + this.logBlocksMax - 1n
      const until = last < toHeight ? last : toHeight
      const heights = Array.from({ length: Number(until) + 1 }, (_, height) => height)
      const logs = heights.slice(Math.max(1, Number(fromHeight))).flatMap((height) => {
        const { first, entries } = this.#network.entriesIn(height)
        return entries.map(({ kind, sender, to, amount, dataHash, ...rest }, offset) => ({
          index: BigInt(first + offset),
          height: BigInt(height),
          entry: {
            ...rest,
            kind: outboxKinds[kind] ?? 'message',
            sender: BigInt(sender),
            to: BigInt(to),
            amountWei: amount,
            dataHash: BigInt(dataHash),
          },
        }))
      })
      return { logs, toHeight: until }
    })
  }

  rewardAbsences({
    height,
  }: Parameters<KeeperEndpoint['rewardAbsences']>[0]): Promise<readonly (readonly Uint8Array[])[]> {
    return this.#answer('rewardAbsences', () =>
      this.#absences.filter((each) => each.height === height).map(({ absent }) => absent),
    )
  }

  messageData({
    index,
  }: Parameters<OtherEndpoint['messageData']>[0]): Promise<Uint8Array | undefined> {
    return this.#answer('messageData', () => this.#messages.get(index))
  }

  #isThere(height: bigint): boolean {
    return height > 0n && height <= this.height
  }

  async #answer<method extends keyof Answers>(
    method: method,
    find: () => Answers[method] | Promise<Answers[method]>,
  ): Promise<Answers[method]> {
    await this.onAsk(method)
    const found = await find()
    const bend = this.bend[method] as ((found: Answers[method]) => Answers[method]) | undefined
    return bend === undefined ? found : bend(found)
  }
}

/** Fails as a node that cannot be reached. */
export function unreachable(): never {
  throw new NetworkEndpointError('it cannot be reached')
}

/** Bytes with one bit of the last one turned. */
export function spoiled(bytes: Uint8Array): Uint8Array {
  const copy = fromHex(`0x${Buffer.from(bytes).toString('hex')}`)
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1
  return copy
}
