/**
 * The contracts of data availability over JSON-RPC, as nodes, dispersers and readers see them.
 *
 * Seeds are kept once a final block has them: they do not change any more, and prices and votes of
 * their epoch neither. Of a quorum it may change who is contested and where nodes are found, so it
 * is believed for a minute. The quorums of this epoch and the one before it are drawn here, from
 * places and seed; those of older ones are read, since places may have gone to others.
 */

import { signatureWords } from '@zg/contracts'
import type { NetworkIdentity } from '@zg/consensus'
import { fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createPublicClient, getAbiItem, http } from 'viem'
import type { BlockTag, PublicClient } from 'viem'

import { batchKey, recordKey } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'
import type { Certificate } from '../batch/certificate.ts'
import { bondedStakeAbi, entranceAbi, signersAbi, stakeAbi } from './contract-abis.ts'
import { CertifyFailedError, ContractSender } from './contract-sender.ts'
import type { CallSender } from './contract-sender.ts'
import { recordedWithin } from './data-chain.ts'
import type {
  BatchName,
  DataChain,
  DataEpoch,
  DataRecord,
  DataShape,
  DrawnQuorum,
} from './data-chain.ts'
import { logPages } from './log-pages.ts'
import { orReverted } from './or-reverted.ts'
import type { VoucherDomain } from '../disperser/payment-desk.ts'
import { drawnQuorum, firstVotesFrom, placesOf, writtenQuorum } from './quorum-reader.ts'

/** How long the present epoch is believed to be the one that was read. */
const epochFreshMs = 500
/** How long a quorum is: a node may move, and a member be contested. */
const quorumFreshMs = 60_000
/** Epochs and quorums that are remembered, each. */
const keptMax = 256
/** Epochs between an escrow's beginning and the first in which it covers anything. */
const notice = 2n
const pollMs = 200

export type ContractChainOptions = {
  /** JSON-RPC, HTTP. */
  readonly rpc: string
  /** DataEntrance. */
  readonly entrance: Hex
  /** Epochs after its own in which a batch is kept. */
  readonly retentionEpochs: bigint
  /** The block that records are read at: on a chain that may reorganise, `finalized`. */
  readonly finality: 'latest' | 'finalized'
  /** What votes name, where it is known; else the contracts are asked. */
  readonly identity?: NetworkIdentity
  /** 32 bytes: who brings certificates. Without it nothing is brought. */
  readonly secretKey?: Uint8Array
}

/** What an escrow is to hold. */
export type EscrowLevel = { readonly leastWei: bigint; readonly fullWei: bigint }

/** What is read once. */
type Facts = {
  readonly stake: Hex
  readonly signers: Hex
  readonly identity: NetworkIdentity
  readonly shape: DataShape
  readonly vouchers: VoucherDomain
}

/** A quorum, and when it was asked for. */
type ReadQuorum = { readonly asked: Promise<DrawnQuorum>; readonly atMs: number }

export class ContractChain implements DataChain {
  readonly #client: PublicClient
  readonly #sender: ContractSender | undefined
  readonly #options: ContractChainOptions
  readonly #facts: Facts
  readonly #epochs = new Map<string, DataEpoch>()
  readonly #quorums = new Map<string, ReadQuorum>()
  readonly #unitFees = new Map<string, bigint>()
  readonly #records = new Map<string, DataRecord>()
  /** By epoch and number: quorums that are written down, or being so. */
  readonly #opening = new Map<string, Promise<void>>()
  /** An epoch in which it was seen to be open. */
  #openIn: bigint | undefined
  #present: { readonly epoch: bigint; readonly atMs: number } | undefined

  private constructor(client: PublicClient, options: ContractChainOptions, facts: Facts) {
    this.#client = client
    this.#options = options
    this.#facts = facts
    const { rpc, secretKey } = options
    if (secretKey === undefined) return
    const { chainId } = facts.vouchers
    this.#sender = new ContractSender({ client, rpc, chainId: Number(chainId), secretKey })
  }

  /** Asks the contracts what never changes. */
  static async open(options: ContractChainOptions): Promise<ContractChain> {
    const client = createPublicClient({
      transport: http(options.rpc, { batch: true }),
      pollingInterval: pollMs,
      cacheTime: 0,
    })
    const entrance = { address: options.entrance, abi: entranceAbi }
    const [signers, dataRows, chainId] = await Promise.all([
      client.readContract({ ...entrance, functionName: 'signersOf' }),
      client.readContract({ ...entrance, functionName: 'dataRows' }),
      client.getChainId(),
    ])
    const [stake, codedRows] = await Promise.all([
      client.readContract({ address: signers, abi: signersAbi, functionName: 'stake' }),
      client.readContract({ address: signers, abi: signersAbi, functionName: 'rowCount' }),
    ])
    const identity = options.identity ?? (await identityIn(client, stake))
    return new ContractChain(client, options, {
      stake,
      signers,
      identity,
      shape: { dataRows: Number(dataRows), codedRows: Number(codedRows) },
      vouchers: { chainId: BigInt(chainId), entrance: fromHex(options.entrance) },
    })
  }

  /** Who brings certificates, if anybody does. */
  get sender(): CallSender | undefined {
    return this.#sender
  }

  get identity(): NetworkIdentity {
    return this.#facts.identity
  }

  get shape(): DataShape {
    return this.#facts.shape
  }

  get vouchers(): VoucherDomain {
    return this.#facts.vouchers
  }

  get retentionEpochs(): bigint {
    return this.#options.retentionEpochs
  }

  async epoch(): Promise<bigint> {
    const nowMs = performance.now()
    if (this.#present !== undefined && nowMs - this.#present.atMs < epochFreshMs) {
      return this.#present.epoch
    }
    const epoch = await this.#client.readContract({ ...this.#stake, functionName: 'epoch' })
    this.#present = { epoch, atMs: nowMs }
    return epoch
  }

  async finalEpoch(): Promise<bigint> {
    return (await this.#finalBlock()).epoch
  }

  /** A final block, and its own epoch: the newest one may be in a later one. */
  async #finalBlock(): Promise<{ readonly blockNumber: bigint; readonly epoch: bigint }> {
    const { finality: blockTag } = this.#options
    const { number: blockNumber } = await this.#client.getBlock({ blockTag })
    const read = { ...this.#stake, functionName: 'epoch', blockNumber } as const
    return { blockNumber, epoch: await this.#client.readContract(read) }
  }

  async epochAt(epoch: bigint): Promise<DataEpoch | undefined> {
    const key = String(epoch)
    const known = this.#epochs.get(key)
    if (known !== undefined) return known
    // What only newer blocks say may be another's after a reorganisation.
    const { finality } = this.#options
    const final = await this.#epochIn(finality, epoch)
    if (final !== undefined) keep(this.#epochs, key, final)
    if (final !== undefined || finality === 'latest') return final
    return this.#epochIn('latest', epoch)
  }

  async #epochIn(blockTag: BlockTag, epoch: bigint): Promise<DataEpoch | undefined> {
    const args = [epoch] as const
    const [seed, count] = await Promise.all([
      orReverted(
        this.#client.readContract({ ...this.#stake, functionName: 'seedOf', args, blockTag }),
      ),
      orReverted(
        this.#client.readContract({
          ...this.#signers,
          functionName: 'quorumCountOf',
          args,
          blockTag,
        }),
      ),
    ])
    if (seed === undefined || count === undefined) return undefined
    return { epoch, seed: fromHex(seed), quorumCount: Number(count) }
  }

  async quorumAt(epoch: DataEpoch, quorum: number): Promise<DrawnQuorum> {
    const isRecent = epoch.epoch + 1n >= (await this.epoch())
    const key = `${quorumKey(epoch, quorum)}/${isRecent}`
    const nowMs = performance.now()
    const known = this.#quorums.get(key)
    if (known !== undefined && nowMs - known.atMs < quorumFreshMs) return known.asked
    const place = { client: this.#client, signers: this.#facts.signers, shape: this.shape }
    const asked = isRecent ? drawnQuorum(place, epoch, quorum) : writtenQuorum(place, epoch, quorum)
    this.#quorums.delete(key)
    keep(this.#quorums, key, { asked, atMs: nowMs })
    asked.catch(() => this.#quorums.delete(key))
    return asked
  }

  async feeOf(epoch: bigint, rowSize: number): Promise<bigint> {
    const key = String(epoch)
    let unit = this.#unitFees.get(key)
    if (unit === undefined) {
      unit = await this.#client.readContract({
        ...this.#entrance,
        functionName: 'feeOf',
        args: [epoch, 1],
      })
      if (this.#epochs.has(key)) keep(this.#unitFees, key, unit)
    }
    return unit * BigInt(rowSize)
  }

  coverOf(account: Uint8Array, epoch: bigint): Promise<bigint> {
    const args = [toHex(account), epoch] as const
    return this.#client.readContract({ ...this.#entrance, functionName: 'coverOf', args })
  }

  async balanceOf(account: Uint8Array): Promise<bigint> {
    const args = [toHex(account)] as const
    const [isPayer, { balance, leaving }] = await Promise.all([
      this.#client.readContract({ ...this.#entrance, functionName: 'isPayer', args }),
      this.#client.readContract({ ...this.#entrance, functionName: 'escrowOf', args }),
    ])
    return isPayer && balance > leaving ? balance - leaving : 0n
  }

  redeemedOf(payer: Uint8Array, disperser: Uint8Array): Promise<bigint> {
    const args = [toHex(payer), toHex(disperser)] as const
    return this.#client.readContract({ ...this.#entrance, functionName: 'redeemed', args })
  }

  async recordOf(batch: BatchId): Promise<DataRecord | undefined> {
    const key = batchKey(batch)
    const known = this.#records.get(key)
    if (known !== undefined) return known
    const found = await this.#recordAt(batch, { blockTag: this.#options.finality })
    // All nodes of a process ask for it, some of them often; what is final does not change.
    if (found !== undefined) keep(this.#records, key, found)
    return found
  }

  async finalRecordsOf(
    epoch: bigint,
    batches: readonly BatchId[],
  ): Promise<readonly (DataRecord | undefined)[] | undefined> {
    // MUST be the epoch of the block that is asked.
    const { blockNumber, epoch: present } = await this.#finalBlock()
    if (present < epoch + recordedWithin) return undefined
    return Promise.all(batches.map((batch) => this.#recordAt(batch, { blockNumber })))
  }

  async #recordAt(
    batch: BatchId,
    block: { readonly blockTag: 'latest' | 'finalized' } | { readonly blockNumber: bigint },
  ): Promise<DataRecord | undefined> {
    const record = await this.#client.readContract({
      ...this.#entrance,
      functionName: 'recordOf',
      args: [toHex(recordKey(batch))],
      ...block,
    })
    const commitment = fromHex(record.commitment)
    if (commitment.every((byte) => byte === 0)) return undefined
    const { rowSize, epoch, number: height } = record
    return { commitment, rowSize, epoch, height }
  }

  /** From the newest block backwards: what is asked for is young, or the caller has its handle. */
  async findBatch({ commitment, epoch, quorum }: BatchName): Promise<BatchId | undefined> {
    const event = getAbiItem({ abi: entranceAbi, name: 'Recorded' })
    const pages = logPages({
      newest: await this.#client.getBlockNumber(),
      ask: (fromBlock, toBlock) =>
        this.#client.getLogs({
          address: this.#options.entrance,
          event,
          args: { epoch },
          fromBlock,
          toBlock,
          strict: true,
        }),
    })
    for await (const logs of pages) {
      const found = logs.find(({ args }) => {
        return args.quorum === quorum && args.commitment === toHex(commitment)
      })
      if (found === undefined) continue
      const { disperser, sequence } = found.args
      const network = this.identity.networkId
      return { network, epoch, quorum, disperser: fromHex(disperser), sequence }
    }
    return undefined
  }

  /** @throws {CertifyFailedError} `DA_CERTIFY` when the chain takes no such certificate. */
  async certify(certificate: Certificate): Promise<void> {
    const { batch, rowSize } = certificate
    if ((await this.#isRecorded(batch)) || this.#sender === undefined) return
    const epoch = await this.epochAt(batch.epoch)
    if (epoch === undefined) throw new CertifyFailedError('its seed is not known')
    const quorum = await this.#opened(epoch, batch.quorum)
    const args = {
      epoch: batch.epoch,
      disperser: toHex(batch.disperser),
      sequence: batch.sequence,
      rowSize,
      rowRoot: toHex(certificate.rowRoot),
      combinationHash: toHex(certificate.combinationHash),
      signers: toHex(bitmapOf(certificate.signers, quorum.members.length)),
      signature: signatureWords(certificate.signature),
    }
    try {
      await this.#sender.send({
        ...this.#entrance,
        functionName: 'certify',
        args: [args],
      })
    } catch (error) {
      // Of a member that was contested meanwhile nothing counts any more; what was written down may
      // have been so in a block that is gone.
      this.#quorums.delete(`${quorumKey(epoch, batch.quorum)}/true`)
      this.#opening.delete(`${epoch.epoch}/${batch.quorum}`)
      // Another may have brought it meanwhile.
      if (!(await this.#isRecorded(batch))) throw error
    }
  }

  async opening(disperser: Uint8Array): Promise<bigint | undefined> {
    const present = await this.epoch()
    if (this.#openIn === present) return present
    const args = [toHex(disperser)] as const
    const [places, escrow] = await Promise.all([
      placesOf({ client: this.#client, signers: this.#facts.signers }),
      this.#client.readContract({ ...this.#entrance, functionName: 'escrowOf', args }),
    ])
    const epochs = places.flatMap(({ votes }) => firstVotesFrom(votes, present) ?? [])
    const [first] = epochs.sort((a, b) => Number(a - b))
    if (first === undefined || escrow.balance === 0n) return undefined
    const covered = escrow.epochOpened + notice
    const opened = covered > first ? covered : first
    if (opened > present) return opened
    // Without a seed nothing is drawn.
    if ((await this.epochAt(present)) === undefined) return present + 1n
    this.#openIn = present
    return present
  }

  /** On a chain without L1: has the seed of the next epoch be there, so that nobody chooses it. */
  async keepSeed(): Promise<void> {
    const next = (await this.epoch()) + 1n
    if ((await this.epochAt(next)) !== undefined) return
    await this.#sender?.send({
      address: this.#facts.stake,
      abi: bondedStakeAbi,
      functionName: 'roll',
      args: [],
    })
  }

  /** Has the quorums of this epoch and the next be written down, as far as they can be drawn. */
  async keepQuorums(): Promise<void> {
    const present = await this.epoch()
    for (const number of [present, present + 1n]) {
      const epoch = await this.epochAt(number)
      if (epoch === undefined) continue
      for (let quorum = 0; quorum < epoch.quorumCount; quorum++) {
        if (!this.#opening.has(`${number}/${quorum}`)) await this.#opened(epoch, quorum)
      }
    }
  }

  /** Has the sender's escrow hold `fullWei` again once it holds less than `leastWei`. */
  async keepEscrow({ leastWei, fullWei }: EscrowLevel): Promise<void> {
    const account = this.#sender?.address
    if (account === undefined) return
    const { balance, leaving } = await this.#client.readContract({
      ...this.#entrance,
      functionName: 'escrowOf',
      args: [account],
    })
    if (balance - leaving >= leastWei) return
    await this.#sender?.send({
      ...this.#entrance,
      functionName: 'deposit',
      args: [account],
      value: fullWei + leaving - balance,
    })
  }

  /** Writes the quorum down on the chain if nobody has. */
  async #opened(epoch: DataEpoch, number: number): Promise<DrawnQuorum> {
    const quorum = await this.quorumAt(epoch, number)
    const key = `${epoch.epoch}/${number}`
    const isOpen = async (): Promise<boolean> => {
      const args = [epoch.epoch, number] as const
      const read = this.#client.readContract({ ...this.#signers, functionName: 'quorumOf', args })
      return (await orReverted(read)) !== undefined
    }
    if (!this.#opening.has(key)) keep(this.#opening, key, this.#open(epoch, quorum, number, isOpen))
    try {
      await this.#opening.get(key)
    } catch (error) {
      this.#opening.delete(key)
      if (!(await isOpen())) throw error
    }
    return quorum
  }

  async #open(
    { epoch }: DataEpoch,
    { members }: DrawnQuorum,
    number: number,
    isOpen: () => Promise<boolean>,
  ): Promise<void> {
    if (await isOpen()) return
    const slots = members.map((member) => member.slots)
    await this.#sender?.send({
      ...this.#signers,
      functionName: 'open',
      args: [epoch, number, slots],
    })
  }

  async #isRecorded(batch: BatchId): Promise<boolean> {
    const { commitment } = await this.#client.readContract({
      ...this.#entrance,
      functionName: 'recordOf',
      args: [toHex(recordKey(batch))],
    })
    return BigInt(commitment) !== 0n
  }

  get #stake() {
    return { address: this.#facts.stake, abi: stakeAbi }
  }

  get #signers() {
    return { address: this.#facts.signers, abi: signersAbi }
  }

  get #entrance() {
    return { address: this.#options.entrance, abi: entranceAbi }
  }
}

/** What votes name; known once LightClient knows the network. */
async function identityIn(client: PublicClient, stake: Hex): Promise<NetworkIdentity> {
  const read = { address: stake, abi: stakeAbi } as const
  const domain = await client.readContract({ ...read, functionName: 'domain' })
  return {
    l1ChainId: domain.l1ChainId,
    stakingContract: fromHex(domain.staking),
    networkId: domain.networkId,
    genesisHash: fromHex(domain.genesisHash),
  }
}

/** By its seed as well: after a reorganisation it may be another. */
function quorumKey({ epoch, seed }: DataEpoch, quorum: number): string {
  return `${epoch}/${toHex(seed)}/${quorum}`
}

/** Bit i of byte i / 8, low first. */
function bitmapOf(signers: readonly number[], count: number): Uint8Array {
  const bits = new Uint8Array(Math.ceil(count / 8))
  for (const member of signers) bits[member >> 3]! |= 1 << (member & 7)
  return bits
}

function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value)
  if (map.size > keptMax) map.delete(map.keys().next().value!)
}
