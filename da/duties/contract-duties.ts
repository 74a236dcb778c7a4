/** `duty-chain.ts` by the contracts over JSON-RPC. */

import { fromHex, sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { BlockNotFoundError, createPublicClient, getAbiItem, http, zeroHash } from 'viem'
import type { PublicClient } from 'viem'

import { recordKey } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'
import { bondedStakeAbi, entranceAbi, queriesAbi, signersAbi } from '../chain/contract-abis.ts'
import { orReverted } from '../chain/or-reverted.ts'
import type { CallSender, ContractCall } from '../chain/contract-sender.ts'
import type { DataRecord } from '../chain/data-chain.ts'
import type {
  Escrow,
  EvidenceChain,
  Query,
  QueryChain,
  QueryRules,
  Reward,
  RewardChain,
  ShownRow,
  VoucherChain,
} from './duty-chain.ts'
import type { Voucher } from '../doors/dispersal.ts'
import type { DataEvidence } from '../batch/evidence.ts'

/** What a block has drawn, and what shows it to `IStake.mixOf`. */
export type ProvedMix = {
  /** 32 bytes. */
  readonly mix: Uint8Array
  proof(): Promise<Hex>
}

/** Undefined while nothing shows it. */
export type MixReader = (height: bigint) => Promise<ProvedMix | undefined>

/** As DataSigners has it: those that an epoch may have. */
const quorumsMax = 64

export type ContractDutiesOptions = {
  /** JSON-RPC, HTTP. */
  readonly rpc: string
  /** DataEntrance. */
  readonly entrance: Hex
  /** Sends as whoever has the duties. */
  readonly sender: CallSender
  /** @default hashes of blocks, as BondedStake has them */
  readonly mixes?: MixReader
}

/** What is read once. */
type Facts = {
  readonly stake: Hex
  readonly signers: Hex
  readonly queries: Hex
  readonly rules: QueryRules | undefined
}

export class ContractDuties implements QueryChain, RewardChain, VoucherChain, EvidenceChain {
  readonly #client: PublicClient
  readonly #options: ContractDutiesOptions
  readonly #facts: Facts
  readonly #mixes: MixReader

  private constructor(client: PublicClient, options: ContractDutiesOptions, facts: Facts) {
    this.#client = client
    this.#options = options
    this.#facts = facts
    this.#mixes = options.mixes ?? hashesOf(client)
  }

  /** Asks the contracts what never changes. */
  static async open(options: ContractDutiesOptions): Promise<ContractDuties> {
    const transport = http(options.rpc, { batch: true })
    const client = createPublicClient({ transport, cacheTime: 0 })
    const entrance = { address: options.entrance, abi: entranceAbi }
    const [signers, queries] = await Promise.all([
      client.readContract({ ...entrance, functionName: 'signersOf' }),
      client.readContract({ ...entrance, functionName: 'queriesOf' }),
    ])
    const [stake, code] = await Promise.all([
      client.readContract({ address: signers, abi: signersAbi, functionName: 'stake' }),
      client.getCode({ address: queries }),
    ])
    const read = { address: queries, abi: queriesAbi, functionName: 'settings' } as const
    // Where nothing stands there, nothing is asked for.
    const rules = code === undefined ? undefined : await client.readContract(read)
    return new ContractDuties(client, options, { stake, signers, queries, rules })
  }

  async queryRules(): Promise<QueryRules | undefined> {
    return this.#facts.rules
  }

  async timeSeconds(): Promise<number> {
    return Number((await this.#client.getBlock()).timestamp)
  }

  async mixOf(height: bigint): Promise<Uint8Array | undefined> {
    return (await this.#mixes(height))?.mix
  }

  async queryOf(batch: BatchId): Promise<Query | undefined> {
    const args = [toHex(recordKey(batch))] as const
    const read = { ...this.#queries, functionName: 'queryOf', args } as const
    const [draw, until, missing, isDecided, isSettled] = await this.#client.readContract(read)
    if (until === 0n) return undefined
    return { draw: fromHex(draw), untilSeconds: Number(until), missing, isDecided, isSettled }
  }

  async query(batch: BatchId, { height }: DataRecord): Promise<void> {
    const found = await this.#mixes(height + 1n)
    const args = [batchArgs(batch), (await found?.proof()) ?? '0x']
    await this.#send({ ...this.#queries, functionName: 'query', args })
  }

  async answer(batch: BatchId, slots: number, got: number): Promise<void> {
    const args = [batchArgs(batch), slots, got]
    await this.#send({ ...this.#queries, functionName: 'answer', args })
  }

  async clear(batch: BatchId, { place, row, header }: ShownRow): Promise<void> {
    const shown = {
      place,
      row: toHex(row.row),
      siblings: row.path.map(toHex),
      rowRoot: toHex(header.rowRoot),
      combinationHash: toHex(sha256(header.combination)),
    }
    const args = [batchArgs(batch), shown]
    await this.#send({ ...this.#queries, functionName: 'clear', args })
  }

  async settle(batch: BatchId, record: DataRecord): Promise<void> {
    const args = [batchArgs(batch), await this.#absentOf(batch, record)]
    await this.#send({ ...this.#queries, functionName: 'settle', args })
  }

  async rewardsOf(operator: Uint8Array, epoch: bigint): Promise<readonly Reward[]> {
    const signers = { address: this.#facts.signers, abi: signersAbi }
    // How many there were is not told for ever, which of them were opened is.
    const numbers = Array.from({ length: quorumsMax }, (_, quorum) => quorum)
    const found = await Promise.all(
      numbers.map(async (quorum) => {
        const args = [epoch, quorum] as const
        const holders = { ...signers, functionName: 'holdersOf', args } as const
        // Nobody opened it, so nobody earned anything there.
        const [operators = []] = (await orReverted(this.#client.readContract(holders))) ?? []
        const own = operators.flatMap((other, member) => {
          return other.toLowerCase() === toHex(operator) ? [member] : []
        })
        const rewards = own.map(async (member): Promise<Reward> => {
          const name = { epoch, quorum, member }
          return { ...name, amount: await this.leftOf(name) }
        })
        return Promise.all(rewards)
      }),
    )
    return found.flat().filter(({ amount }) => amount > 0n)
  }

  leftOf({ epoch, quorum, member }: Omit<Reward, 'amount'>): Promise<bigint> {
    const args = [epoch, quorum, BigInt(member)] as const
    const read = { ...this.#entrance, functionName: 'earnedOf', args } as const
    return this.#client.readContract(read)
  }

  async claim({ epoch, quorum, member }: Reward): Promise<void> {
    const args = [epoch, quorum, member]
    await this.#send({ ...this.#entrance, functionName: 'claim', args })
  }

  async escrowOf(account: Uint8Array): Promise<Escrow> {
    const args = [toHex(account)] as const
    const read = { ...this.#entrance, functionName: 'escrowOf', args } as const
    const { balance, leaving } = await this.#client.readContract(read)
    return { balance, leaving }
  }

  redeemedOf(payer: Uint8Array, disperser: Uint8Array): Promise<bigint> {
    const args = [toHex(payer), toHex(disperser)] as const
    return this.#client.readContract({ ...this.#entrance, functionName: 'redeemed', args })
  }

  async redeem({ payer, total, signature }: Voucher, disperser: Uint8Array): Promise<void> {
    const voucher = { payer: toHex(payer), disperser: toHex(disperser), total }
    const args = [voucher, toHex(signature)]
    await this.#send({ ...this.#entrance, functionName: 'redeem', args })
  }

  async report(operator: Uint8Array, { first, second, signature }: DataEvidence): Promise<void> {
    const args = [toHex(operator), first, second, signature]
    const stake = { address: this.#facts.stake, abi: bondedStakeAbi }
    await this.#send({ ...stake, functionName: 'report', args })
  }

  /** Who counted as absent when a batch was recorded, as DataEntrance said it then. */
  async #absentOf(batch: BatchId, { height }: DataRecord): Promise<readonly bigint[]> {
    const key = toHex(recordKey(batch))
    const read = { ...this.#entrance, functionName: 'absentHashOf', args: [key] } as const
    if ((await this.#client.readContract(read)) === zeroHash) return []
    const [log] = await this.#client.getLogs({
      address: this.#options.entrance,
      event: getAbiItem({ abi: entranceAbi, name: 'Absent' }),
      args: { batch: key },
      fromBlock: height,
      toBlock: height,
      strict: true,
    })
    return log?.args.members ?? []
  }

  #send(call: ContractCall): Promise<void> {
    return this.#options.sender.send(call)
  }

  get #queries() {
    return { address: this.#facts.queries, abi: queriesAbi }
  }

  get #entrance() {
    return { address: this.#options.entrance, abi: entranceAbi }
  }
}

function batchArgs({ epoch, quorum, disperser, sequence }: BatchId) {
  return { epoch, quorum, disperser: toHex(disperser), sequence }
}

/** As BondedStake has them, which takes no proof. */
function hashesOf(client: PublicClient): MixReader {
  return async (blockNumber) => {
    try {
      const { hash } = await client.getBlock({ blockNumber })
      return hash === null ? undefined : { mix: fromHex(hash), proof: async () => '0x' }
    } catch (error) {
      if (error instanceof BlockNotFoundError) return undefined
      throw error
    }
  }
}
