/**
 * An L1 with all contracts of shared stake, deployed and handed over as on a real one, and without
 * a node: each message is a block, and as much of JSON-RPC is answered as clients of stake ask.
 */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { possessionDigest } from '@zg/consensus'
import type { NetworkIdentity } from '@zg/consensus'
import {
  artifactOf,
  callOf,
  create2Deployer,
  deploymentCalls,
  governedCalls,
  handOverCalls,
  keyWords,
  l1AddressesOf,
  signatureWords,
} from '@zg/contracts'
import type { L1Addresses, L1DeploymentOptions } from '@zg/contracts'
import { MessageRun } from '@zg/evm'
import type { Log } from '@zg/evm'
import {
  addressOfSecretKey,
  bigintToBytes,
  bigintToHex,
  blsPublicKeyOf,
  blsSecretKeyFromSeed,
  blsSign,
  concat,
  fromHex,
  keccak256,
  toHex,
  toQuantity,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import {
  createPublicClient,
  custom,
  encodeFunctionData,
  parseTransaction,
  recoverTransactionAddress,
} from 'viem'
import type { Abi, PublicClient, TransactionSerialized } from 'viem'

import { parameters } from './parameters.ts'

const tokens = 10n ** 18n

const outboxAddress = 0x2002n

/** What each operator of `StakeChain` stakes with itself, and each holder owns: a million. */
export const stakeEachWei = 1_000_000n * tokens

/** What network 0 holds in its genesis. */
export const genesisOutstandingWei = 50_000n * tokens

/** Runtime code of the contract that deploys by CREATE2 everywhere. */
const create2Code =
  '0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3'

/** A message from anyone, signed by nobody. */
export type ChainMessage = {
  readonly from: Hex
  readonly to: Hex
  readonly data: Hex
  readonly value?: bigint
}

type LoggedBlock = { readonly hash: Hex; readonly timestamp: number; readonly logs: readonly Log[] }

/** What became of a signed transaction. */
type Outcome = { readonly block: number; readonly succeeded: boolean; readonly gasUsed: bigint }

/** A chain of messages, answering JSON-RPC. */
export class MessageChain {
  readonly chainId: number
  readonly run: MessageRun
  readonly client: PublicClient
  readonly #blocks: LoggedBlock[] = []
  readonly #receipts = new Map<Hex, Outcome>()
  /** Called when a signed transaction has come, before it is executed. */
  onSubmit: () => void = () => undefined

  constructor(
    options:
      | {
          readonly chainId: number
          readonly timestamp: number
          readonly accounts: ConstructorParameters<typeof MessageRun>[0]['accounts']
        }
      /** One that others send to as well; they say what was logged (`keep`). */
      | { readonly chainId: number; readonly run: MessageRun },
  ) {
    this.chainId = options.chainId
    this.run =
      'run' in options
        ? options.run
        : new MessageRun({ ...options, fork: 'prague', chainId: BigInt(options.chainId) })
    this.client = createPublicClient({
      pollingInterval: 10,
      transport: custom(
        { request: ({ method, params }) => this.answer(method, params) },
        { retryCount: 0 },
      ),
    })
  }

  advance(seconds: number): void {
    this.run.advance(seconds)
  }

  /** Sends a message as a block of its own; throws when it reverts. */
  send({ from, to, data, value = 0n }: ChainMessage): void {
    const message = { from: BigInt(from), to: BigInt(to), value, data: fromHex(data) }
    const { succeeded, output, logs } = this.run.send(message)
    this.keep(logs)
    if (!succeeded) throw new Error(`the message reverted: ${toHex(output)}`)
  }

  /** Answers a method of JSON-RPC; throws what the endpoint would answer as its error. */
  async answer(method: string, params: unknown): Promise<unknown> {
    const [first, second] = (params ?? []) as [Record<string, unknown>, unknown]
    switch (method) {
      case 'eth_chainId':
        return toQuantity(BigInt(this.chainId))
      case 'eth_blockNumber':
        return toQuantity(BigInt(this.#blocks.length))
      case 'eth_getBlockByNumber':
        return this.#block(first as unknown as string)
      case 'eth_getBalance':
        return toQuantity(this.#account(first as unknown as Hex)?.balance ?? 0n)
      case 'eth_getTransactionCount':
        return toQuantity(this.#account(first as unknown as Hex)?.nonce ?? 0n)
      case 'eth_getLogs':
        return this.#logs(first)
      case 'eth_call':
      case 'eth_estimateGas':
        return this.#call(first, method === 'eth_estimateGas')
      case 'eth_maxPriorityFeePerGas':
      case 'eth_gasPrice':
        return '0x1'
      case 'eth_sendRawTransaction':
        return this.#submit(first as unknown as TransactionSerialized)
      case 'eth_getTransactionReceipt':
        return this.#receipt(first as unknown as Hex)
      default:
        throw new RpcError(-32601, `there is no ${method} (${String(second)})`)
    }
  }

  /** Serves JSON-RPC over HTTP on a free port of this machine. */
  async serve(): Promise<{ readonly url: string; readonly close: () => void }> {
    const server = createServer((request, response) => {
      const chunks: Uint8Array[] = []
      request.on('data', (chunk: Uint8Array) => chunks.push(chunk))
      request.on('end', () => {
        void this.#reply(JSON.parse(Buffer.concat(chunks).toString())).then((answer) => {
          response.setHeader('content-type', 'application/json')
          response.end(JSON.stringify(answer))
        })
      })
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    const { port } = server.address() as AddressInfo
    return {
      url: `http://127.0.0.1:${port}`,
      close: () => {
        server.closeAllConnections()
        server.close()
      },
    }
  }

  async #reply(asked: unknown): Promise<unknown> {
    if (Array.isArray(asked)) return Promise.all(asked.map((one) => this.#reply(one)))
    const { id, method, params } = asked as { id: number; method: string; params: unknown }
    try {
      return { jsonrpc: '2.0', id, result: await this.answer(method, params ?? []) }
    } catch (error) {
      const { code = -32603, message, data } = error as Partial<RpcError>
      return { jsonrpc: '2.0', id, error: { code, message, data } }
    }
  }

  /** Makes a block of what a message logged. */
  keep(logs: readonly Log[]): void {
    const hash = toHex(keccak256(new TextEncoder().encode(`block ${this.#blocks.length + 1}`)))
    this.#blocks.push({ hash, timestamp: this.run.timestamp, logs })
  }

  #account(address: Hex) {
    return this.run.state.account(BigInt(address))
  }

  /** The newest block has the time of the next message: what is asked is asked then. */
  #block(tag: string): unknown {
    const newest = this.#blocks.length
    const number = tag.startsWith('0x') ? Number(tag) : newest
    const block = this.#blocks[number - 1]
    const timestamp = number === newest ? this.run.timestamp : (block?.timestamp ?? 0)
    return {
      number: toQuantity(BigInt(number)),
      hash: block?.hash ?? bigintToHex(0n, 32),
      timestamp: toQuantity(BigInt(timestamp)),
      baseFeePerGas: '0x0',
      gasUsed: '0x0',
      gasLimit: '0x3938700',
      miner: bigintToHex(0n, 20),
      transactions: [],
      withdrawals: [],
    }
  }

  #logs(filter: Record<string, unknown>): unknown[] {
    const from = Number(filter['fromBlock'])
    const to = Number(filter['toBlock'])
    const wanted = (filter['topics'] ?? []) as (Hex | null)[]
    const at = BigInt(filter['address'] as Hex)
    const found: unknown[] = []
    this.#blocks.forEach(({ hash, logs }, index) => {
      const number = index + 1
      if (number < from || number > to) return
      logs.forEach((log, logIndex) => {
        const topics = log.topics.map((topic) => bigintToHex(topic, 32))
        const fits = wanted.every((topic, place) => topic === null || topic === topics[place])
        if (log.address !== at || !fits) return
        const place = { blockNumber: toQuantity(BigInt(number)), blockHash: hash }
        const rest = { transactionHash: hash, transactionIndex: '0x0', removed: false }
        const data = toHex(log.data)
        const index = toQuantity(BigInt(logIndex))
        found.push({ ...place, ...rest, address: filter['address'], topics, data, logIndex: index })
      })
    })
    return found
  }

  #call(message: Record<string, unknown>, isEstimate: boolean): Hex {
    const { from, to, data, value } = message as Partial<Record<string, Hex>>
    const result = this.run.call({
      from: BigInt(from ?? '0x0'),
      to: BigInt(to ?? '0x0'),
      value: BigInt(value ?? '0x0'),
      data: fromHex(data ?? '0x'),
    })
    if (!('output' in result)) throw new RpcError(-32000, result.status)
    if (result.status !== 'success') {
      throw new RpcError(3, 'execution reverted', toHex(result.output))
    }
    return isEstimate ? toQuantity(result.gasUsed) : toHex(result.output)
  }

  async #submit(raw: TransactionSerialized): Promise<Hex> {
    const { to, data = '0x', value = 0n, gas } = parseTransaction(raw)
    this.onSubmit()
    const from = await recoverTransactionAddress({ serializedTransaction: raw as `0x02${string}` })
    const { succeeded, logs, gasUsed } = this.run.send({
      from: BigInt(from),
      to: BigInt(to ?? '0x0'),
      value,
      data: fromHex(data),
      gas,
    })
    this.keep(logs)
    const hash = toHex(keccak256(fromHex(raw)))
    this.#receipts.set(hash, { block: this.#blocks.length, succeeded, gasUsed })
    return hash
  }

  #receipt(hash: Hex): unknown {
    const found = this.#receipts.get(hash)
    if (found === undefined) return null
    const blockNumber = toQuantity(BigInt(found.block))
    return {
      transactionHash: hash,
      transactionIndex: '0x0',
      blockHash: this.#blocks[found.block - 1]?.hash,
      blockNumber,
      status: found.succeeded ? '0x1' : '0x0',
      gasUsed: toQuantity(found.gasUsed),
      cumulativeGasUsed: toQuantity(found.gasUsed),
      effectiveGasPrice: '0x1',
      contractAddress: null,
      type: '0x2',
      logs: [],
    }
  }
}

/** An operator whose keys a test holds. */
export type ChainOperator = {
  readonly address: Hex
  /** Signs its transactions. */
  readonly accountKey: Hex
  /** Signs its votes. */
  readonly secretKey: Uint8Array
}

/** Contracts that a test calls by name. */
type ChainContract =
  | 'ZgToken'
  | 'StakeManager'
  | 'NetworkRegistry'
  | 'OperatorRegistry'
  | 'RewardBridge'
  | 'SlashingManager'
  | 'Streams'

export type StakeChainOptions = {
  readonly operatorCount?: number
  /** Opened, and joined by every operator. */
  readonly networkIds?: readonly number[]
  /** Opened, and joined by nobody. */
  /** Who gets a million tokens, and ether for gas. */
  readonly holders?: readonly Hex[]
}

/** The L1 of a young world: operators staked and joined, and their stake counts. */
export class StakeChain extends MessageChain {
  readonly addresses: L1Addresses
  readonly operators: readonly ChainOperator[]

  /** Who owns what is free of the token, and deployed everything. */
  readonly deployer: Hex = toHex(new Uint8Array(20).fill(0xde))

  constructor(options: StakeChainOptions = {}) {
    const { operatorCount = 4, networkIds = [0, 1], holders = [] } = options
    const epochStart = 1_800_000_000
    const operators = Array.from({ length: operatorCount }, (_, index) => operatorOf(index))
    const rich = holders.map((address) => ({ address: BigInt(address), balance: 100n * tokens }))
    const bare = { nonce: 0n, balance: 0n, code: new Uint8Array(0), storage: [] }
    super({
      chainId: 1_337,
      timestamp: epochStart,
      accounts: [
        { ...bare, address: BigInt(create2Deployer), nonce: 1n, code: fromHex(create2Code) },
        ...rich.map((account) => ({ ...bare, ...account })),
      ],
    })
    const { deployer } = this
    const owners = { ecosystem: deployer, alignment: deployer, community: deployer }
    const deployment: L1DeploymentOptions = {
      deployer,
      epochStart,
      parameters,
      owners: { ...owners, team: deployer, backers: deployer },
      guardian: deployer,
      genesisOutstanding: genesisOutstandingWei,
    }
    this.operators = operators
    this.addresses = l1AddressesOf(deployer)
    for (const { to, data } of deploymentCalls(deployment)) this.send({ from: deployer, to, data })
    for (const id of networkIds) this.#openNetwork(id)
    for (const call of handOverCalls(deployment)) this.send({ from: deployer, ...call })
    for (const to of [...operators.map(({ address }) => address), ...holders]) {
      this.call('ZgToken', 'transfer', { args: [to, stakeEachWei] })
    }
    for (const operator of operators) this.#enter(operator, networkIds)
    this.advance(3 * parameters.epochSeconds)
  }

  /** Calls a function of a contract by its name, as the deployer or from elsewhere. */
  call(
    contract: ChainContract,
    name: string,
    { args, from = this.deployer }: { readonly args: readonly unknown[]; readonly from?: Hex },
  ): void {
    const abi = artifactOf(contract).abi as Abi
    const data = encodeFunctionData({ abi, functionName: name, args: [...args] })
    this.send({ from, to: this.addresses[contract], data })
  }

  /** What votes of a network are at home in. */
  identityOf(id: number): NetworkIdentity {
    return {
      l1ChainId: BigInt(this.chainId),
      stakingContract: fromHex(this.addresses.StakeManager),
      networkId: id,
      genesisHash: genesisHashOf(id),
    }
  }

  /** Has NetworkLoad know how full an epoch was, as if it were proved; by its place in `Load`. */
  setLoad(id: number, epoch: bigint, load: number): void {
    const words = (...values: readonly bigint[]) =>
      BigInt(toHex(keccak256(concat(...values.map((value) => bigintToBytes(value, 32))))))
    const address = BigInt(this.addresses.NetworkLoad)
    const slot = words(epoch / 128n, words(BigInt(id), 0n))
    const word = this.run.state.storage(address, slot) | (BigInt(load) << (2n * (epoch % 128n)))
    const account = this.run.state.account(address)
    const change = { address, account, storageCleared: false, storage: [[slot, word]] } as const
    this.run.state.apply({ accounts: [change], codes: [] })
  }

  #openNetwork(id: number): void {
    const opening = {
      chainId: 1_660_200 + id,
      genesisTime: 1_800_000_000,
      earliestEpoch: 0,
      stakeMin: 1n,
      operatorsMin: 1,
      genesisHash: toHex(genesisHashOf(id)),
    }
    const open = callOf(`open network ${id}`, {
      contract: 'NetworkRegistry',
      to: this.addresses.NetworkRegistry,
      name: 'open',
      args: [id, opening],
    })
    const from = this.deployer
    for (const call of governedCalls(this.addresses, open)) this.send({ from, ...call })
  }

  #enter({ address: from, secretKey }: ChainOperator, networkIds: readonly number[]): void {
    const publicKey = blsPublicKeyOf(secretKey)
    const digest = possessionDigest({
      l1ChainId: BigInt(this.chainId),
      registry: fromHex(this.addresses.OperatorRegistry),
      operator: fromHex(from),
      publicKey,
    })
    const claim = [keyWords(publicKey), signatureWords(blsSign(secretKey, digest))]
    this.call('OperatorRegistry', 'register', { args: claim, from })
    this.call('ZgToken', 'approve', { args: [this.addresses.StakeManager, stakeEachWei], from })
    this.call('StakeManager', 'stake', { args: [from, stakeEachWei], from })
    for (const id of networkIds) {
      this.call('NetworkRegistry', 'optIn', { args: [id, 10_000], from })
    }
  }
}

/** A network that has nothing but its Outbox and somebody who owns all that is there. */
export function outboxChain(rich: Hex): MessageChain {
  const { runtime = new Uint8Array(0) } = artifactOf('Outbox')
  const bare = { nonce: 0n, balance: 0n, code: new Uint8Array(0), storage: [] }
  return new MessageChain({
    chainId: 1_660_200,
    timestamp: 1_800_000_000,
    accounts: [
      { ...bare, address: outboxAddress, nonce: 1n, code: runtime },
      { ...bare, address: BigInt(rich), balance: genesisOutstandingWei },
    ],
  })
}

function genesisHashOf(id: number): Uint8Array {
  return keccak256(Uint8Array.of(id))
}

function operatorOf(index: number): ChainOperator {
  const accountKey = keccak256(Uint8Array.of(0x0b, index))
  return {
    address: toHex(addressOfSecretKey(accountKey)),
    accountKey: toHex(accountKey),
    secretKey: blsSecretKeyFromSeed(keccak256(Uint8Array.of(0xb1, index))),
  }
}

/** What an endpoint answers instead of a result. */
class RpcError extends Error {
  readonly code: number
  readonly data: Hex | undefined

  constructor(code: number, message: string, data?: Hex) {
    super(message)
    this.code = code
    this.data = data
  }
}
