/**
 * Data availability alone: its contracts on any EVM chain, its operators bonded there, nothing else
 * of ours. Nodes answer over HTTP, on disks of their own.
 */

import { join } from 'node:path'

import { artifactOf, keyWords, signatureWords } from '@zg/contracts'
import { blsScheme, possessionDigest } from '@zg/consensus'
import { blsSecretKeyFromSeed, fromHex, sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createNodeDisk, createSystemClock, silentLogger } from '@zg/runtime'
import {
  createPublicClient,
  createWalletClient,
  defineChain,
  http,
  nonceManager,
  parseEther,
} from 'viem'
import type { Abi } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { PrivateKeyAccount } from 'viem/accounts'

import { bondedStakeAbi, entranceAbi, signersAbi } from '../contract-abis.ts'
import { ContractChain } from '../contract-chain.ts'
import { openNodeHost } from '../data-host.ts'
import type { NodeDoor } from '../node-door.ts'

const utf8 = new TextEncoder()
const seedOf = (name: string): Uint8Array => sha256(utf8.encode(name))
const operatorKeyOf = (index: number): Uint8Array => seedOf(`alone operator ${index}`)

export type AloneOptions = {
  /** JSON-RPC of a chain on which the first of `keys` has tokens. */
  readonly rpc: string
  readonly rich: Hex
  readonly nodeCount: number
  readonly epochSeconds: number
  readonly folder: string
  /** Whether 0G's façade stands there too, and nodes sign for it. */
  readonly isFacade?: boolean
  /** Has the chain's time go on by so many seconds. */
  readonly advance: (seconds: number) => Promise<void>
}

type Contract = { readonly address: Hex; readonly abi: Abi }

const schedule = (newest: bigint) => {
  return { newest, former: 0n, earlier: 0n, newestFrom: 0, formerFrom: 0 }
}

export class AloneWorld {
  readonly options: AloneOptions
  readonly disperserKey = seedOf('alone disperser')
  readonly doors: NodeDoor[] = []
  entrance: Hex = '0x'
  /** DAEntrance. */
  facade: Hex = '0x'
  readonly uploaderKey = seedOf('alone uploader')
  #stake: Hex = '0x'
  #signers: Hex = '0x'
  readonly #rich: PrivateKeyAccount
  readonly #client
  readonly #wallet

  private constructor(options: AloneOptions, chainId: number) {
    this.options = options
    this.#rich = privateKeyToAccount(options.rich, { nonceManager })
    const chain = defineChain({
      id: chainId,
      name: 'alone',
      nativeCurrency: { name: 'token', symbol: 'TOKEN', decimals: 18 },
      rpcUrls: { default: { http: [options.rpc] } },
    })
    const transport = http(options.rpc)
    this.#client = createPublicClient({ chain, transport, pollingInterval: 50 })
    this.#wallet = createWalletClient({ chain, transport, account: this.#rich })
  }

  static async start(options: AloneOptions): Promise<AloneWorld> {
    const chainId = await createPublicClient({ transport: http(options.rpc) }).getChainId()
    const world = new AloneWorld(options, chainId)
    await world.#deploy()
    const indexes = Array.from({ length: options.nodeCount }, (_, index) => index)
    for (const index of indexes) await world.#enlist(index)
    await world.#fund()
    // What came in this epoch holds from the one after the next; seeds are rolled on the way.
    for (let epoch = 0; epoch < 2; epoch++) await world.passEpoch()
    return world
  }

  /** As a disperser, a node or a reader sees it. */
  chain(secretKey?: Uint8Array): Promise<ContractChain> {
    return ContractChain.open({
      rpc: this.options.rpc,
      entrance: this.entrance,
      retentionEpochs: 1_000n,
      finality: 'latest',
      ...(secretKey === undefined ? {} : { secretKey }),
    })
  }

  /** Goes on to the next epoch, and has the seed of the one after it written down. */
  async passEpoch(): Promise<void> {
    await this.options.advance(this.options.epochSeconds)
    await this.#send({ address: this.#stake, abi: bondedStakeAbi as Abi }, 'roll', [])
  }

  async close(): Promise<void> {
    await Promise.all(this.doors.map((door) => door.close()))
  }

  async #deploy(): Promise<void> {
    const { epochSeconds } = this.options
    const { timestamp } = await this.#client.getBlock()
    this.#stake = await this.#create('BondedStake', [timestamp, epochSeconds, 4])
    const governor = this.#rich.address
    const rowCount = 4_096
    this.#signers = await this.#create('DataSigners', [
      { stake: this.#stake, rowCount, votesMin: 1n, governor, quorumCount: schedule(1n) },
    ])
    this.entrance = await this.#create('DataEntrance', [
      { signers: this.#signers, dataRows: 1_024, queries: governor, price: schedule(10n) },
    ])
    if (this.options.isFacade !== true) return
    this.facade = await this.#create('DAEntrance', [
      await this.#create('DASigners', [this.#signers]),
    ])
  }

  /** An operator comes: tokens, key, bond, place, address, node. */
  async #enlist(index: number): Promise<void> {
    const account = privateKeyToAccount(toHex(operatorKeyOf(index)), { nonceManager })
    const secretKey = blsSecretKeyFromSeed(seedOf(`alone signer ${index}`))
    const scheme = blsScheme()
    const publicKey = scheme.publicKeyOf(secretKey)
    const operator = fromHex(account.address.toLowerCase() as Hex)
    await this.#give(account.address, parseEther('10'))
    const possession = possessionDigest({
      l1ChainId: BigInt(await this.#client.getChainId()),
      registry: fromHex(this.#stake),
      operator,
      publicKey,
    })
    const door = await this.#openNode(index, operator, secretKey)
    const stake = { address: this.#stake, abi: bondedStakeAbi as Abi }
    const signers = { address: this.#signers, abi: signersAbi as Abi }
    const proof = signatureWords(scheme.sign(secretKey, possession))
    await this.#send(stake, 'register', [keyWords(publicKey), proof], { account })
    await this.#send(stake, 'bond', [], { account, value: parseEther('1') })
    await this.#send(signers, 'setUrl', [toHex(utf8.encode(door.url))], { account })
    // From now on its node sends by this account, where it is registered with the façade.
    await this.#send(signers, 'join', [index, '0x'], { account })
  }

  async #openNode(index: number, operator: Uint8Array, signingKey: Uint8Array): Promise<NodeDoor> {
    const { rpc, folder, isFacade } = this.options
    const own = { seed: seedOf(`alone root signer ${index}`), secretKey: operatorKeyOf(index) }
    const door = await openNodeHost({
      chain: await this.chain(),
      disk: await createNodeDisk(join(folder, `node-${index}`)),
      clock: createSystemClock(),
      log: silentLogger,
      operator,
      signingKey,
      quotaBytes: 2 ** 31,
      host: '127.0.0.1',
      port: 0,
      ...(isFacade === true ? { facade: { rpc, entrance: this.facade, ...own } } : {}),
    })
    this.doors.push(door)
    return door
  }

  /** The disperser's escrow, and what its transactions cost. */
  async #fund(): Promise<void> {
    const { address } = privateKeyToAccount(toHex(this.disperserKey))
    await this.#give(address, parseEther('10'))
    await this.#give(privateKeyToAccount(toHex(this.uploaderKey)).address, parseEther('10'))
    const entrance = { address: this.entrance, abi: entranceAbi as Abi }
    await this.#send(entrance, 'deposit', [address], { value: parseEther('100') })
  }

  async #create(name: Parameters<typeof artifactOf>[0], args: readonly unknown[]): Promise<Hex> {
    const { abi, bytecode } = artifactOf(name)
    const hash = await this.#wallet.deployContract({
      abi: abi as Abi,
      bytecode: toHex(bytecode),
      args,
    })
    const { contractAddress } = await this.#client.waitForTransactionReceipt({ hash })
    return contractAddress!.toLowerCase() as Hex
  }

  async #give(to: Hex, value: bigint): Promise<void> {
    const hash = await this.#wallet.sendTransaction({ to, value })
    await this.#client.waitForTransactionReceipt({ hash })
  }

  async #send(
    contract: Contract,
    functionName: string,
    args: readonly unknown[],
    {
      account = this.#rich,
      value = 0n,
    }: { readonly account?: PrivateKeyAccount; readonly value?: bigint } = {},
  ): Promise<void> {
    const hash = await this.#wallet.writeContract({
      ...contract,
      functionName,
      args,
      account,
      value,
    })
    const { status } = await this.#client.waitForTransactionReceipt({ hash })
    if (status !== 'success') throw new Error(`${functionName} reverted`)
  }
}
