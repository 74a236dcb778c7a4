/**
 * Data availability alone: its contracts on any EVM chain, its operators bonded there, nothing else
 * of ours. Nodes answer over HTTP, on disks of their own.
 */

import { join } from 'node:path'

import { artifactOf, keyWords, signatureWords } from '@zg/contracts'
import { blsScheme, possessionDigest } from '@zg/consensus'
import { blsSecretKeyFromSeed, fromHex, sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSystemClock, silentLogger } from '@zg/runtime'
import {
  createPublicClient,
  createWalletClient,
  defineChain,
  getContractAddress,
  http,
  nonceManager,
  parseEther,
} from 'viem'
import type { Abi } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { PrivateKeyAccount } from 'viem/accounts'

import { bondedStakeAbi, entranceAbi, signersAbi } from '../chain/contract-abis.ts'
import { ContractChain } from '../chain/contract-chain.ts'
import { ContractSender } from '../chain/contract-sender.ts'
import { openDuties, openNodeHost } from '../data-host.ts'
import type { NodeHost } from '../data-host.ts'
import { UnavailableError } from '../doors/dispersal.ts'
import { httpNodeClient } from '../node/http-node-client.ts'
import type { NodeClient } from '../node/node-client.ts'
import { FacadeChain } from '../zero-gravity/facade-chain.ts'

const utf8 = new TextEncoder()
const seedOf = (name: string): Uint8Array => sha256(utf8.encode(name))

export type AloneOptions = {
  /** JSON-RPC of a chain on which the first of `keys` has tokens. */
  readonly rpc: string
  readonly rich: Hex
  readonly nodeCount: number
  readonly epochSeconds: number
  readonly folder: string
  /** Whether 0G's façade stands there too, and nodes sign for it. */
  readonly isFacade?: boolean
  /** One batch in so many is asked for. @default 0: none */
  readonly queryEvery?: number
  /** In wei, of a byte. @default 10n */
  readonly price?: bigint
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
  /** Nodes with their doors and their operators' duties. */
  readonly doors: NodeHost[] = []
  /** Their operators, in the same order. */
  readonly operators: Hex[] = []
  /** Urls that other nodes do not reach. */
  readonly unreachable = new Set<string>()
  entrance: Hex = '0x'
  /** DAEntrance. */
  facade: Hex = '0x'
  #stake: Hex = '0x'
  #signers: Hex = '0x'
  #nodeClient: ReturnType<typeof httpNodeClient> | undefined
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

  /** 0G's façade, as who sends there sees it; by default somebody who has tokens. */
  async facadeChain(sender?: ContractSender): Promise<FacadeChain> {
    const { rpc } = this.options
    if (sender !== undefined) return FacadeChain.open({ rpc, entrance: this.facade, sender })
    const secretKey = seedOf('alone uploader')
    await this.give(privateKeyToAccount(toHex(secretKey)).address, parseEther('10'))
    const chainId = await this.#client.getChainId()
    return this.facadeChain(new ContractSender({ client: this.#client, rpc, chainId, secretKey }))
  }

  /** 32 bytes: what a node signs by. */
  signingKeyOf(index: number): Uint8Array {
    return blsSecretKeyFromSeed(seedOf(`alone signer ${index}`))
  }

  async close(): Promise<void> {
    await Promise.all(this.doors.map((door) => door.close()))
    this.#nodeClient?.close()
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
    // Each names the other.
    const nonce = await this.#client.getTransactionCount({ address: governor })
    const queries = getContractAddress({ from: governor, nonce: BigInt(nonce + 1) })
    const price = schedule(this.options.price ?? 10n)
    this.entrance = await this.#create('DataEntrance', [
      { signers: this.#signers, dataRows: 1_024, queries, price },
    ])
    const { queryEvery: every = 0 } = this.options
    await this.#create('DataQueries', [{ entrance: this.entrance, every, answerSeconds: 20 }])
    if (this.options.isFacade !== true) return
    const facade = await this.#create('DASigners', [this.#signers])
    this.facade = await this.#create('DAEntrance', [facade])
  }

  /** An operator comes: tokens, key, bond, place, address, node. */
  async #enlist(index: number): Promise<void> {
    const account = privateKeyToAccount(toHex(seedOf(`alone operator ${index}`)), { nonceManager })
    const secretKey = this.signingKeyOf(index)
    const scheme = blsScheme()
    const publicKey = scheme.publicKeyOf(secretKey)
    const operator = fromHex(account.address.toLowerCase() as Hex)
    await this.give(account.address, parseEther('10'))
    const possession = possessionDigest({
      l1ChainId: BigInt(await this.#client.getChainId()),
      registry: fromHex(this.#stake),
      operator,
      publicKey,
    })
    const door = await this.#openNode(index, operator, secretKey)
    this.operators.push(toHex(operator))
    const stake = { address: this.#stake, abi: bondedStakeAbi as Abi }
    const signers = { address: this.#signers, abi: signersAbi as Abi }
    const proof = signatureWords(scheme.sign(secretKey, possession))
    await this.#send(stake, 'register', [keyWords(publicKey), proof], { account })
    await this.#send(stake, 'bond', [], { account, value: parseEther('1') })
    await this.#send(signers, 'setUrl', [toHex(utf8.encode(door.url))], { account })
    // From now on its node may send by this account, too.
    await this.#send(signers, 'join', [index, '0x'], { account })
  }

  async #openNode(index: number, operator: Uint8Array, secretKey: Uint8Array): Promise<NodeHost> {
    const { rpc, folder, isFacade } = this.options
    const chain = await this.chain()
    const inner = (this.#nodeClient ??= httpNodeClient(chain.shape))
    const client: Pick<NodeClient, 'rows'> = {
      rows: async (url, ...wanted) => {
        if (this.unreachable.has(url)) throw new UnavailableError(`${url} is not reached`)
        return inner.rows(url, ...wanted)
      },
    }
    const sender = new ContractSender({
      client: this.#client,
      rpc,
      chainId: Number(chain.vouchers.chainId),
      secretKey: seedOf(`alone operator ${index}`),
    })
    const duties = await openDuties({ rpc, entrance: this.entrance }, sender)
    const facade = isFacade === true ? await this.facadeChain(sender) : undefined
    const key = facade?.keyOf(seedOf(`alone root signer ${index}`))
    const door = await openNodeHost({
      chain,
      folder: join(folder, `node-${index}`),
      clock: createSystemClock(),
      log: silentLogger,
      operator,
      signingKey: secretKey,
      quotaBytes: 2 ** 31,
      duties: { chain: duties, client, claimFromWei: 1n },
      ...(facade !== undefined && key !== undefined ? { facade: { chain: facade, key } } : {}),
      host: '127.0.0.1',
      port: 0,
    })
    this.doors.push(door)
    return door
  }

  /** The disperser's escrow, and what its transactions cost. */
  async #fund(): Promise<void> {
    const { address } = privateKeyToAccount(toHex(this.disperserKey))
    await this.give(address, parseEther('10'))
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

  async give(to: Hex, value: bigint): Promise<void> {
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
