/**
 * Scenarios on anvil: a second oracle of differential runs, by people who wrote neither ours nor
 * ethereumjs.
 *
 * anvil makes its own block (number, time, randomness, hashes), so a scenario runs there first and
 * then here, in the block that anvil made, with the transactions it took. What it does not take it
 * refuses by the state before the block, where a transaction may only become good within it; blob
 * transactions it wants with their blobs. Those are counted, not compared.
 */

import { bigintToHex, bytesToBigint, fromHex, keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { environmentOf } from '../block-environment.ts'
import { configAtFork } from '../fork.ts'
import type { Fork } from '../fork.ts'
import { startAnvil } from './anvil-process.ts'
import type { AnvilProcess, RpcCall } from './anvil-process.ts'
import type { Scenario } from './random-scenario.ts'
import { describeAccount, describeLogs } from './scenario-result.ts'
import type { Outcome } from './scenario-result.ts'

/** Scenarios of one process: it keeps something of each. */
const scenariosMax = 2_000

const blobTransactionType = 3
const blockGasLimit = 30_000_000

/** A scenario as anvil ran it. */
export type AnvilRun = {
  /** The scenario in the block that anvil made, with the transactions that are in it. */
  readonly scenario: Scenario
  /** One a transaction; without revert data, which a receipt does not hold. */
  readonly outcomes: readonly Outcome[]
  /** Accounts as they are afterwards, described; the slots named and no others. */
  readonly describe: (
    accounts: readonly { readonly address: bigint; readonly slots: readonly bigint[] }[],
  ) => Promise<readonly string[]>
}

type RpcBlock = Readonly<Record<string, Hex>> & { readonly transactions: readonly Hex[] }

type RpcReceipt = {
  readonly transactionHash: Hex
  readonly status: Hex
  readonly gasUsed: Hex
  readonly logs: readonly {
    readonly address: Hex
    readonly topics: readonly Hex[]
    readonly data: Hex
  }[]
}

export class AnvilMachine {
  readonly #fork: Fork
  #anvil: AnvilProcess
  #genesisHash: Uint8Array
  #count = 0

  private constructor(fork: Fork, anvil: AnvilProcess, genesisHash: Uint8Array) {
    this.#fork = fork
    this.#anvil = anvil
    this.#genesisHash = genesisHash
  }

  /** Undefined when anvil does not run here. */
  static async create(fork: Fork): Promise<AnvilMachine | undefined> {
    const started = await start(fork)
    return started && new AnvilMachine(fork, started.anvil, started.genesisHash)
  }

  /**
   * Runs a scenario and hands it to `compare`; the state is gone afterwards.
   *
   * @returns What `compare` returns.
   */
  async run<result>(
    scenario: Scenario,
    compare: (run: AnvilRun) => Promise<result>,
  ): Promise<result> {
    if (this.#count++ === scenariosMax) await this.#restart()
    const snapshot = await this.#anvil.rpc('evm_snapshot', [])
    const sent = scenario.transactions.filter(([type]) => type !== blobTransactionType)
    const [timestamp, coinbase] = [scenario.block.timestamp, scenario.block.coinbase]
    await this.#anvil.batch([
      ...scenario.allocations.flatMap(allocationCalls),
      ['anvil_setCoinbase', [bigintToHex(coinbase, 20)]],
      ['evm_setNextBlockTimestamp', [`0x${timestamp.toString(16)}`]],
      ['anvil_setNextBlockBaseFeePerGas', [`0x${scenario.block.baseFeePerGas.toString(16)}`]],
      ...sent.map((bytes): RpcCall => ['eth_sendRawTransaction', [toHex(bytes)]]),
      ['evm_mine', []],
    ])
    const result = await compare(await this.#told(scenario, sent))
    await this.#anvil.batch([
      ['anvil_dropAllTransactions', []],
      ['evm_revert', [snapshot]],
    ])
    return result
  }

  close(): Promise<void> {
    return this.#anvil.close()
  }

  async #told(scenario: Scenario, sent: readonly Uint8Array[]): Promise<AnvilRun> {
    const [block, receipts] = (await this.#anvil.batch([
      ['eth_getBlockByNumber', ['latest', false]],
      ['eth_getBlockReceipts', ['latest']],
    ])) as [RpcBlock, readonly RpcReceipt[]]
    const bytesOf = new Map(sent.map((bytes) => [toHex(keccak256(bytes)), bytes]))
    const transactions = block.transactions.map((hash) => {
      const bytes = bytesOf.get(hash)
      if (bytes === undefined) throw new Error(`anvil mined ${hash}, which nobody sent`)
      return bytes
    })
    const fields = {
      number: Number(block['number']),
      timestamp: Number(block['timestamp']),
      gasLimit: BigInt(block['gasLimit'] ?? 0),
      coinbase: BigInt(block['miner'] ?? 0),
      prevRandao: fromHex(block['mixHash'] ?? '0x'),
      baseFeePerGas: BigInt(block['baseFeePerGas'] ?? 0),
      excessBlobGas: BigInt(block['excessBlobGas'] ?? 0),
    }
    const environment = environmentOf(fields, {
      config: configAtFork(scenario.block.chainId, this.#fork),
      blockHash: (number) => (number === 0 ? this.#genesisHash : undefined),
    })
    return {
      scenario: { ...scenario, block: environment, transactions },
      outcomes: receipts.map(outcomeOf),
      describe: (accounts) => this.#describe(accounts),
    }
  }

  async #describe(
    accounts: readonly { readonly address: bigint; readonly slots: readonly bigint[] }[],
  ): Promise<readonly string[]> {
    const calls = accounts.flatMap(({ address, slots }): RpcCall[] => {
      const at = bigintToHex(address, 20)
      return [
        ['eth_getTransactionCount', [at, 'latest']],
        ['eth_getBalance', [at, 'latest']],
        ['eth_getCode', [at, 'latest']],
        ...slots.map((slot): RpcCall => [
          'eth_getStorageAt',
          [at, bigintToHex(slot, 32), 'latest'],
        ]),
      ]
    })
    const answers = (await this.#anvil.batch(calls)) as Hex[]
    let at = 0
    const next = (): Hex => answers[at++] ?? '0x'
    return accounts.map(({ slots }) =>
      describeAccount({
        nonce: BigInt(next()),
        balance: BigInt(next()),
        code: fromHex(next()),
        storage: slots.map((slot) => [slot, BigInt(next())] as const),
      }),
    )
  }

  async #restart(): Promise<void> {
    await this.#anvil.close()
    const started = await start(this.#fork)
    if (started === undefined) throw new Error('anvil does not start again')
    this.#anvil = started.anvil
    this.#genesisHash = started.genesisHash
    this.#count = 1
  }
}

async function start(
  fork: Fork,
): Promise<{ anvil: AnvilProcess; genesisHash: Uint8Array } | undefined> {
  const rules = ['--hardfork', fork, '--chain-id', '1', '--gas-limit', `${blockGasLimit}`]
  const pool = ['--accounts', '0', '--no-mining', '--order', 'fifo', '--disable-min-priority-fee']
  const anvil = await startAnvil([...rules, ...pool, '--timestamp', '1'])
  if (anvil === undefined) return undefined
  const genesis = (await anvil.rpc('eth_getBlockByNumber', ['0x0', false])) as { hash: Hex }
  return { anvil, genesisHash: fromHex(genesis.hash) }
}

function allocationCalls({
  address,
  nonce,
  balance,
  code,
  storage,
}: Scenario['allocations'][number]): RpcCall[] {
  const at = bigintToHex(address, 20)
  return [
    ['anvil_setBalance', [at, `0x${balance.toString(16)}`]],
    ['anvil_setNonce', [at, `0x${nonce.toString(16)}`]],
    ['anvil_setCode', [at, toHex(code)]],
    ...storage.map(([slot, value]): RpcCall => [
      'anvil_setStorageAt',
      [at, bigintToHex(slot, 32), bigintToHex(value, 32)],
    ]),
  ]
}

function outcomeOf({ status, gasUsed, logs }: RpcReceipt): Outcome {
  return {
    status: status === '0x1' ? 'success' : 'failed',
    gasUsed: BigInt(gasUsed),
    output: '',
    logs: describeLogs(
      logs.map(({ address, topics, data }) => ({
        address: BigInt(address),
        topics: topics.map((topic) => bytesToBigint(fromHex(topic))),
        data: fromHex(data),
      })),
    ),
  }
}
