/**
 * Block-level vectors of our own making, and the file that keeps them.
 *
 *     node chain/testing/block-vectors.ts        writes chain/vectors/blocks.json.gz anew
 *
 * For Prague and for Osaka one chain is built whose blocks use the beacon roots (EIP-4788), the
 * block hashes (EIP-2935), withdrawal and consolidation requests (EIP-7002, EIP-7251), deposits
 * (EIP-6110) and withdrawals (EIP-4895). Beside some of its blocks stand siblings that are wrong in
 * one field of the header or one part of the body. Whether each is valid is for every
 * implementation to say; the test asks ours and ethereumjs.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'

import { hashRequests, withdrawalsRoot } from '@zg/evm'
import type { Header, Withdrawal } from '@zg/evm'
import { bigintToBytes, concat, fromHex, toHex, wordMax } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { orderedTrieRoot } from '@zg/state'

import { blockOfPayload, encodePayload } from '../block-codec.ts'
import type { BlockBody } from '../block-codec.ts'
import { parseGenesis } from '../genesis.ts'
import {
  beaconRootsContract,
  blockHashesContract,
  consolidationRequestsContract,
  withdrawalRequestsContract,
} from '../system-contracts.ts'
import {
  openTestChain,
  signedTransfer,
  testAddresses,
  testGenesisJson,
  testKeys,
  testTimestamp,
} from './test-chain.ts'
import type { TestChain } from './test-chain.ts'

export type BlockVector = {
  readonly name: string
  /** The block and its requests, as block-codec.ts says. Stands on the last valid one before it. */
  readonly payload: Hex
  readonly isValid: boolean
}

export type BlockVectorChain = {
  readonly fork: 'prague' | 'osaka'
  /** In geth's format. */
  readonly genesis: Record<string, unknown>
  readonly blocks: readonly BlockVector[]
}

const path = fileURLToPath(new URL('../vectors/blocks.json.gz', import.meta.url))

/**
 * Calls calldata[0:32] with calldata[32:] and stores success at NUMBER, the answer at NOT(NUMBER).
 */
const prober = {
  address: 0x9406en,
  code: fromHex('0x602036038060205f375f6020915f5f355afa43555f51431955'),
}

/** Logs its calldata as a `DepositEvent`. */
const depositEmitter = {
  address: 0xde90517n,
  code: fromHex(
    '0x365f5f37' +
      '7f649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5' +
      '365fa100',
  ),
}

/** Reads the vectors. */
export function readBlockVectors(): readonly BlockVectorChain[] {
  return JSON.parse(gunzipSync(readFileSync(path)).toString()) as BlockVectorChain[]
}

/** The accounts and slots that a block of the vectors may change, those of other blocks aside. */
export function watchedSlots({ header, withdrawals }: BlockBody): Map<bigint, readonly bigint[]> {
  const number = BigInt(header.number)
  const firstSlots = (count: number): bigint[] =>
    Array.from({ length: count }, (_, at) => BigInt(at))
  return new Map<bigint, readonly bigint[]>([
    ...testAddresses.map((address) => [address, []] as const),
    ...withdrawals.map(({ address }) => [address, []] as const),
    [header.coinbase, []],
    [prober.address, [number, wordMax - number]],
    [depositEmitter.address, []],
    [beaconRootsContract.address, []],
    [blockHashesContract.address, []],
    // Four slots of the queue, and as many requests as a block of the vectors makes at most.
    [withdrawalRequestsContract.address, firstSlots(4 + 24 * 3)],
    [consolidationRequestsContract.address, firstSlots(4 + 24 * 4)],
  ])
}

type Send = { readonly to: bigint; readonly data: Uint8Array; readonly value?: bigint }

/** Builds one chain, block after block, and its wrong siblings. */
class VectorMaker {
  readonly #side: TestChain
  readonly blocks: BlockVector[] = []
  readonly #nonces = testKeys.map(() => 0n)
  #height = 0

  constructor(side: TestChain) {
    this.#side = side
  }

  /** Adds a valid block of these transactions, and, when told, wrong siblings before it. */
  async add(
    name: string,
    sends: readonly Send[],
    options: { withdrawals?: readonly Withdrawal[]; withSiblings?: boolean } = {},
  ): Promise<void> {
    const { withdrawals = [], withSiblings = false } = options
    const { chain, engine, pool } = this.#side
    for (const [index, send] of sends.entries()) {
      const sender = index % testKeys.length
      const nonce = this.#nonces[sender] as bigint
      this.#nonces[sender] = nonce + 1n
      const { to, data, value = 0n } = send
      const fields = { to, data, value, nonce, gasLimit: 400_000n, maxFeePerGas: 10n ** 12n }
      await pool.add(signedTransfer(testKeys[sender] as Uint8Array, fields))
    }
    const { hash } = chain.head()
    this.#height++
    const parentBeaconBlockRoot = new Uint8Array(32).fill(this.#height & 0xff)
    const { payloadId = 0n } = await engine.forkchoiceUpdated(
      { headBlockHash: hash, safeBlockHash: hash, finalizedBlockHash: new Uint8Array(32) },
      {
        timestamp: testTimestamp + 12 * this.#height,
        prevRandao: bigintToBytes(BigInt(this.#height), 32),
        suggestedFeeRecipient: 0xfee5n,
        withdrawals,
        parentBeaconBlockRoot,
        buildBudgetMs: 60_000,
      },
    )
    const { executionPayload, executionRequests } = await engine.getPayload(payloadId)
    const block = blockOfPayload({
      executionPayload,
      expectedBlobVersionedHashes: [],
      parentBeaconBlockRoot,
      executionRequests,
    })
    if (block.transactions.length !== sends.length) throw new Error(`${name} left something out`)
    if (withSiblings) this.#addSiblings(name, block)
    this.#push(name, block, true)
    const head = executionPayload.blockHash
    await engine.forkchoiceUpdated({
      headBlockHash: head,
      safeBlockHash: head,
      finalizedBlockHash: head,
    })
  }

  #push(name: string, block: BlockBody, isValid: boolean): void {
    this.blocks.push({ name, payload: toHex(encodePayload(block)), isValid })
  }

  #addSiblings(name: string, block: BlockBody): void {
    const { header } = block
    for (const [field, fields] of wrongHeaders(header)) {
      // Without transactions nobody earns anything, so any fee recipient is as good.
      if (field === 'coinbase' && block.transactions.length === 0) continue
      this.#push(`${name}: wrong ${field}`, { ...block, header: { ...header, ...fields } }, false)
    }
    for (const [part, body] of wrongBodies(block)) {
      this.#push(`${name}: ${part}`, withRoots({ ...block, ...body }), false)
    }
  }
}

function wrongHeaders(header: Header): [string, Partial<Header>][] {
  const other = new Uint8Array(32).fill(0x11)
  const { gasLimit, gasUsed, timestamp, number, baseFeePerGas = 0n } = header
  return [
    ['parentHash', { parentHash: other }],
    ['ommersHash', { ommersHash: other }],
    ['coinbase', { coinbase: 0xbadn }],
    ['stateRoot', { stateRoot: other }],
    ['transactionsRoot', { transactionsRoot: other }],
    ['receiptsRoot', { receiptsRoot: other }],
    ['logsBloom', { logsBloom: new Uint8Array(256).fill(0xff) }],
    ['difficulty', { difficulty: 1n }],
    ['number, one more', { number: number + 1 }],
    ['number, one less', { number: number - 1 }],
    ['gasLimit, too high', { gasLimit: gasLimit + gasLimit / 1_024n }],
    ['gasLimit, too low', { gasLimit: gasLimit - gasLimit / 1_024n }],
    ['gasUsed, one more', { gasUsed: gasUsed + 1n }],
    ['gasUsed, over the limit', { gasUsed: gasLimit + 1n }],
    ['timestamp, the parent has it', { timestamp: timestamp - 12 }],
    ['timestamp, before the parent', { timestamp: timestamp - 13 }],
    ['nonce', { nonce: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1) }],
    ['baseFeePerGas, one more', { baseFeePerGas: baseFeePerGas + 1n }],
    ['baseFeePerGas, one less', { baseFeePerGas: baseFeePerGas - 1n }],
    ['withdrawalsRoot', { withdrawalsRoot: other }],
    ['blobGasUsed', { blobGasUsed: 131_072n }],
    ['blobGasUsed, no whole blob', { blobGasUsed: 1n }],
    ['excessBlobGas', { excessBlobGas: 131_072n }],
    ['parentBeaconBlockRoot', { parentBeaconBlockRoot: other }],
    ['requestsHash', { requestsHash: other }],
  ]
}

function wrongBodies(block: BlockBody): [string, Partial<BlockBody>][] {
  const { transactions, withdrawals, requests } = block
  const wrong: [string, Partial<BlockBody>][] = [
    ['a withdrawal too many', { withdrawals: [...withdrawals, withdrawalOf(99, 0x77n, 1n)] }],
    [
      'a request too many',
      { requests: [...requests, concat(Uint8Array.of(9), new Uint8Array(8))] },
    ],
  ]
  const [first] = transactions
  if (first !== undefined) {
    wrong.push(['without its last transaction', { transactions: transactions.slice(0, -1) }])
    wrong.push(['a transaction twice', { transactions: [first, ...transactions] }])
    const foreign = signedTransfer(testKeys[7] as Uint8Array, { nonce: 999n })
    wrong.push(['a nonce too high', { transactions: [...transactions, foreign] }])
    const otherChain = signedTransfer(testKeys[7] as Uint8Array, { chainId: 1n })
    wrong.push(['another chain id', { transactions: [...transactions, otherChain] }])
  }
  if (withdrawals.length > 0) {
    wrong.push(['without its last withdrawal', { withdrawals: withdrawals.slice(0, -1) }])
  }
  if (requests.length > 0) wrong.push(['without its requests', { requests: [] }])
  return wrong
}

/** The block with the roots over its body made anew. */
function withRoots(block: BlockBody): BlockBody {
  const header = {
    ...block.header,
    transactionsRoot: orderedTrieRoot(block.transactions),
    withdrawalsRoot: withdrawalsRoot(block.withdrawals),
    requestsHash: hashRequests(block.requests),
  }
  return { ...block, header }
}

function withdrawalOf(index: number, address: bigint, amountGwei: bigint): Withdrawal {
  return { index: BigInt(index), validatorIndex: BigInt(index % 5), address, amountGwei }
}

function word(value: bigint | number): Uint8Array {
  return bigintToBytes(BigInt(value), 32)
}

function probe(target: bigint, input: Uint8Array): Send {
  return { to: prober.address, data: concat(word(target), input) }
}

async function addRoots(maker: VectorMaker): Promise<void> {
  const { address: roots } = beaconRootsContract
  const { address: hashes } = blockHashesContract
  for (let step = 0; step < 12; step++) {
    const height = step + 1
    // Its own time, times before, times of no block, times far ahead, malformed input.
    const times = [12 * height, 12 * (height - 1), 12 * height - 5, 12 * height + 98_292, 0]
    const time = testTimestamp + (times[step % 5] as number)
    const input = step % 6 === 5 ? word(time).slice(1) : word(time)
    await maker.add(`4788 #${step}`, [probe(roots, input), { to: roots, data: input }], {
      withSiblings: step === 3,
    })
  }
  for (let step = 0; step < 12; step++) {
    const number = 13 + step
    const numbers = [number - 1, number, number + 1, 0, number - 5, 1]
    const asked = numbers[step % 6] as number
    const input = step === 11 ? new Uint8Array(31) : word(asked)
    await maker.add(`2935 #${step}`, [probe(hashes, input), { to: hashes, data: input }], {
      withSiblings: step === 5,
    })
  }
}

async function addRequests(maker: VectorMaker): Promise<void> {
  const kinds = [
    { name: '7002', to: withdrawalRequestsContract.address, sizeBytes: 56 },
    { name: '7251', to: consolidationRequestsContract.address, sizeBytes: 96 },
  ]
  for (const { name, to, sizeBytes } of kinds) {
    const request = (fill: number, value = 10n, size = sizeBytes): Send => {
      return { to, data: new Uint8Array(size).fill(fill), value }
    }
    const many = (count: number) =>
      Array.from({ length: count }, (_, at) => request(at + 1, 9_999n))
    await maker.add(`${name} one`, [request(1)], { withSiblings: true })
    await maker.add(`${name} fee too low`, [request(2, 0n)])
    await maker.add(`${name} short input`, [request(3, 10n, sizeBytes - 1)])
    await maker.add(`${name} long input`, [request(4, 10n, sizeBytes + 1)])
    await maker.add(`${name} fee asked`, [probe(to, new Uint8Array(0))])
    await maker.add(`${name} fee asked with value`, [{ to, data: new Uint8Array(0), value: 1n }])
    await maker.add(`${name} 24 at once`, many(24), { withSiblings: true })
    for (let step = 0; step < 6; step++) await maker.add(`${name} queue drains #${step}`, [])
    await maker.add(`${name} the fee has risen`, [request(5, 1n), request(6, 2n)])
  }
}

async function addDeposits(maker: VectorMaker): Promise<void> {
  const deposit = (seed: number): Send => ({ to: depositEmitter.address, data: depositData(seed) })
  for (let count = 1; count <= 8; count++) {
    const sends = Array.from({ length: count }, (_, index) => deposit(16 * count + index))
    await maker.add(`6110 ${count} deposits`, sends, { withSiblings: count === 2 })
  }
  const request: Send = {
    to: withdrawalRequestsContract.address,
    data: new Uint8Array(56).fill(7),
    value: 9_999n,
  }
  const consolidation: Send = {
    to: consolidationRequestsContract.address,
    data: new Uint8Array(96).fill(8),
    value: 9_999n,
  }
  const all = [deposit(1), request, consolidation]
  await maker.add('6110 + 7002 + 7251', all, { withSiblings: true })
}

/** ABI encoding of a `DepositEvent` (EIP-6110): five byte strings. */
function depositData(seed: number): Uint8Array {
  const padded = (size: number): Uint8Array[] => {
    const bytes = new Uint8Array(Math.ceil(size / 32) * 32)
    bytes.fill(seed & 0xff, 0, size)
    return [word(size), bytes]
  }
  const offsets = [160, 256, 320, 384, 512].map(word)
  return concat(...offsets, ...[48, 32, 8, 96, 8].flatMap(padded))
}

async function addWithdrawals(maker: VectorMaker): Promise<void> {
  for (let count = 0; count <= 16; count += 2) {
    const withdrawals = Array.from({ length: count }, (_, index) => {
      return withdrawalOf(100 + index, index % 3 === 0 ? 0xaaan : 0xb000n + BigInt(index), 7n)
    })
    await maker.add(`withdrawals ${count}`, [], { withdrawals, withSiblings: count === 4 })
  }
  const odd: [string, Withdrawal][] = [
    ['of nothing to a new account', withdrawalOf(1, 0xe0n, 0n)],
    ['to a contract', withdrawalOf(2, prober.address, 5n)],
    ['to a precompile', withdrawalOf(3, 1n, 5n)],
    ['to the fee recipient', withdrawalOf(4, 0xfee5n, 5n)],
    ['of 2^64 - 1 gwei', withdrawalOf(5, 0xe1n, (1n << 64n) - 1n)],
    ['to a sender', withdrawalOf(6, testAddresses[0] as bigint, 5n)],
  ]
  for (const [name, withdrawal] of odd) {
    const send = { to: 0xe2n, data: new Uint8Array(0), value: 1n }
    await maker.add(`withdrawal ${name}`, [send], { withdrawals: [withdrawal] })
  }
}

async function makeChain(fork: BlockVectorChain['fork']): Promise<BlockVectorChain> {
  const genesis = testGenesisJson({
    fork,
    accounts: [prober, depositEmitter],
    depositContractAddress: depositEmitter.address,
  })
  const maker = new VectorMaker(await openTestChain({ genesis: parseGenesis(genesis) }))
  await addRoots(maker)
  await addRequests(maker)
  await addDeposits(maker)
  await addWithdrawals(maker)
  return { fork, genesis, blocks: maker.blocks }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const chains = [await makeChain('prague'), await makeChain('osaka')]
  writeFileSync(path, gzipSync(JSON.stringify(chains), { level: 9 }))
  const counts = chains.map(({ fork, blocks }) => `${fork} ${blocks.length}`)
  process.stdout.write(`${counts.join(', ')}\n`)
}
