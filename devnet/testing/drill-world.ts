/**
 * A running world as drills have it: who is there, what its contracts say, and what becomes of what
 * is sent. Its L1 is its own, or another's; the clock of its epochs is how long a drill may wait.
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { artifactOf } from '@zg/contracts'
import type { ArtifactName } from '@zg/contracts'
import { addressOfSecretKey, fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { JsonRpcL1Chain, L1ReadError, readContract } from '@zg/staking'
import { decodeFunctionData } from 'viem'
import type { Abi } from 'viem'

import type { DevnetFile } from '../devnet-file.ts'
import { l1SitePath, readL1Site } from '../l1-site.ts'
import type { L1Site } from '../l1-site.ts'
import { callRpc } from '../rpc-call.ts'
import { accountKeyOf } from '../seed-keys.ts'
import type { KeptWorld } from '../world.ts'
import { ChainHands, until } from './chain-hands.ts'
import type { Contract } from './chain-hands.ts'
import { SetWatch } from './set-watch.ts'

export const ether = 10n ** 18n

/** How long one thing may take: what takes longest waits for epochs. */
const patienceMsMin = 180_000
const patienceEpochs = 5

/** What each drill found, in seconds and tokens. */
export type DrillReport = Readonly<Record<string, number | string | boolean>>

/** A call of a contract, read from its data. */
export type DecodedCall = {
  readonly name: ArtifactName
  readonly call: string
  readonly args: readonly unknown[]
}

/** An event of a contract of L1. */
export type ToldEvent = {
  readonly args: Readonly<Record<string, unknown>>
  readonly transactionHash: Hex
}

export class DrillWorld {
  readonly home: string
  readonly file: DevnetFile
  readonly #seed: Uint8Array
  readonly site: L1Site
  readonly #patienceMs: number
  readonly l1: ChainHands
  readonly #chain: JsonRpcL1Chain
  readonly #networks: readonly ChainHands[]
  readonly watches: readonly SetWatch[]

  constructor(home: string, file: DevnetFile) {
    this.home = home
    this.file = file
    const kept = JSON.parse(readFileSync(join(home, 'world.json'), 'utf8')) as KeptWorld
    this.#seed = Buffer.from(kept.seed, 'hex')
    this.site = readL1Site(l1SitePath(file.dataDir, 0))
    this.#patienceMs = patienceMsMin + 1_000 * patienceEpochs * file.epochSeconds
    assert.ok(file.l1)
    this.l1 = new ChainHands(file.l1.rpc, file.l1.chainId)
    this.#chain = new JsonRpcL1Chain({ url: file.l1.rpc })
    this.#networks = file.networks.map(({ rpc, chainId }) => new ChainHands(rpc, chainId))
    this.watches = file.networks.map(
      ({ id }) => new SetWatch(file, id, (what, look) => this.#find(what, look)),
    )
  }

  /** Whatever failed, nothing of the drills' own goes on. */
  async end(): Promise<void> {
    await Promise.all(this.watches.map((watch) => watch.stop()))
  }

  /** On which L1 all of it is done. */
  async describe(): Promise<DrillReport> {
    const client = String(await callRpc(this.file.l1?.rpc ?? '', 'web3_clientVersion'))
    const { epochSeconds, l1 } = this.file
    return { client, chainId: l1?.chainId ?? 0, epochSeconds }
  }

  /** On another's L1 the accounts have no ether at first, and their tokens no votes. */
  async settle(funderKey: Uint8Array): Promise<void> {
    const { accounts } = this.file
    for (const { address } of accounts) {
      if ((await this.l1.reader.getBalance({ address })) >= ether) continue
      await this.l1.sendData(toHex(funderKey), { to: address, data: '0x', value: ether })
    }
    const token = this.contract('ZgToken')
    await Promise.all(
      accounts.map(({ address, privateKey }) =>
        this.l1.send(privateKey, token, { name: 'delegate', args: [address] }),
      ),
    )
  }

  /** Asserts that the sets of an epoch, as they are proved, are those of the contracts. */
  async compareSets(epoch: number): Promise<void> {
    for (const watch of this.watches) {
      await watch.compare(epoch, (name, call, ...args) => this.ask(name, call, ...args))
    }
  }

  /** What the newest final block of each network names, once it is of an epoch or a later one. */
  async references(epoch: number): Promise<readonly bigint[]> {
    const numbers: bigint[] = []
    for (const watch of this.watches) {
      const { vote } = await watch.certificateOf(epoch)
      const header = await watch.endpoint.header(vote.height)
      assert.ok(header)
      const { number, hash } = header.l1
      const { reader } = this.l1
      const named = await reader.getBlock({ blockNumber: number })
      assert.equal(named.hash, toHex(hash), 'it is a block of L1')
      const final = await reader.getBlock({ blockTag: 'finalized' })
      assert.ok(number <= final.number, 'it is final')
      numbers.push(number)
    }
    return numbers
  }

  /** Asserts with which error L1 refuses a call; `change` is an argument's place, and another. */
  async refuse(
    { name, call, args, change }: DecodedCall & { readonly change?: readonly [number, unknown] },
    wanted: string,
  ): Promise<void> {
    const { address } = this.contract(name)
    const changed = change === undefined ? args : args.with(...change)
    const answer = readContract(
      this.#chain,
      { artifact: name, address: BigInt(address) },
      { name: call, args: changed },
    )
    const problem = await answer.then(
      () => 'nothing',
      (error: unknown) => (error instanceof L1ReadError ? error.problem : Promise.reject(error)),
    )
    assert.equal(problem, wanted, call)
  }

  /** Reads a call from its data. */
  callIn(name: ArtifactName, data: Hex): DecodedCall {
    const { functionName, args } = decodeFunctionData({ abi: artifactOf(name).abi as Abi, data })
    return { name, call: functionName, args: args ?? [] }
  }

  /** The epoch in which L1 is. */
  async epoch(): Promise<number> {
    return Number(await this.ask('OperatorRegistry', 'currentEpoch'))
  }

  /** The epoch of a block of L1. */
  async epochAt(blockNumber: bigint): Promise<number> {
    const { timestamp } = await this.l1.reader.getBlock({ blockNumber })
    const { epochStart, epochSeconds } = this.site
    return Math.floor((Number(timestamp) - epochStart) / epochSeconds)
  }

  until(what: string, holds: () => Promise<boolean>): Promise<void> {
    return until(what, holds, this.#patienceMs)
  }

  async #find<found>(what: string, look: () => Promise<found | undefined>): Promise<found> {
    let found: found | undefined
    await this.until(what, async () => (found = await look()) !== undefined)
    assert.ok(found !== undefined)
    return found
  }

  ask(name: ArtifactName, functionName: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.l1.read(this.contract(name), functionName, ...args)
  }

  /** The same as of a block. */
  askAt(
    blockNumber: bigint,
    name: ArtifactName,
    functionName: string,
    ...args: readonly unknown[]
  ): Promise<unknown> {
    const { address } = this.contract(name)
    const abi = artifactOf(name).abi as Abi
    return this.l1.reader.readContract({ address, abi, functionName, args, blockNumber })
  }

  /** Events of a contract of L1 with such arguments, in their order; of one block, or of all. */
  async events(
    name: ArtifactName,
    eventName: string,
    args: Readonly<Record<string, unknown>>,
    block?: bigint,
  ): Promise<readonly ToldEvent[]> {
    const { address } = this.contract(name)
    const abi = artifactOf(name).abi as Abi
    const fromBlock = block ?? BigInt(this.site.fromBlock ?? 0)
    const range = { fromBlock, toBlock: block ?? ('latest' as const) }
    const found = await this.l1.reader.getContractEvents({
      address,
      abi,
      eventName,
      args,
      ...range,
    })
    return found.map(({ args: told, transactionHash }) => ({
      args: told as unknown as ToldEvent['args'],
      transactionHash,
    }))
  }

  contract(name: ArtifactName): Contract {
    const address = this.file.l1?.contracts[name]
    assert.ok(address, `${name} stands on L1`)
    return { name, address }
  }

  network(id: number): ChainHands {
    const found = this.#networks[id]
    assert.ok(found)
    return found
  }

  operator(index: number): Hex {
    return toHex(addressOfSecretKey(fromHex(this.operatorKey(index))))
  }

  /** Of its account on L1. */
  operatorKey(index: number): Hex {
    return toHex(accountKeyOf(this.#seed, `operator/${index}`))
  }

  key(index: number): Hex {
    const account = this.file.accounts[index]
    assert.ok(account)
    return account.privateKey
  }

  address(index: number): Hex {
    const account = this.file.accounts[index]
    assert.ok(account)
    return account.address
  }
}
