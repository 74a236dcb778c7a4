/**
 * What shared stake promises, done to a running world, one thing after another (`npm run test:full
 * -- drills`): five operators, two networks, real processes, a keeper.
 *
 *     reward      tokens leave network 1 through Outbox; the keeper has them minted on L1; what a
 *                 validator earned there by its votes comes to who stakes with it
 *     slash       an operator signs two finality votes on network 1; a stranger reports it; stake,
 *                 delegation and what was leaving are cut, the weight falls on both networks at
 *                 e + 2
 *     govern      staked and held tokens vote: a parameter of L1 changes, two of both networks do
 *                 by messages, and what their blocks carry with them; a third network opens
 *     grow        the third network runs without a restart, and takes deposits and transactions
 *     supply      L1 and what lives on networks are the cap, less what was burned; meanwhile
 *                 `zg doctor --supply --watch` has found nothing amiss at any block of any chain
 */

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { ArtifactName } from '@zg/contracts'
import { addressOfSecretKey, keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { encodeAbiParameters } from 'viem'

import { readDevnetFile } from '../devnet-file.ts'
import type { DevnetFile } from '../devnet-file.ts'
import { equivocate } from '../equivocation.ts'
import { readL1Site } from '../l1-site.ts'
import { callRpc } from '../rpc-call.ts'
import { accountKeyOf } from '../world.ts'
import type { KeptWorld } from '../world.ts'
import { ChainHands, dataOf, until } from './chain-hands.ts'
import type { Contract } from './chain-hands.ts'
import { startDevnet, stopDevnet } from './devnet-process.ts'
import { watchSupply } from './supply-watcher.ts'

const portOffset = 12_000
const ether = 10n ** 18n
const outbox: Hex = '0x0000000000000000000000000000000000002002'
const govExecutor: Hex = '0x0000000000000000000000000000000000002004'
const operatorCount = 5
/** What the drill has networks move their gas limit to. */
const gasLimitWanted = 40_000_000n
const culprit = 4

/** What each drill found, in seconds and tokens. */
export type DrillReport = Readonly<Record<string, number | string | boolean>>

/** Runs all drills; whatever fails is thrown. */
export async function runDrills(tell: (line: string) => void): Promise<DrillReport> {
  const home = mkdtempSync(join(tmpdir(), 'zg-drills-'))
  const flags = ['--validators', String(operatorCount), '--port-offset', String(portOffset)]
  const run = startDevnet(home, flags)
  try {
    const world = new DrillWorld(home, await run.ready)
    const watcher = watchSupply(home)
    const report: Record<string, number | string | boolean> = {}
    for (const name of ['reward', 'slash', 'govern', 'grow', 'supply'] as const) {
      const startedAt = performance.now()
      Object.assign(report, await world[name]())
      const seconds = Math.round((performance.now() - startedAt) / 100) / 10
      report[`${name}Seconds`] = seconds
      tell(`${name}: done in ${seconds} s`)
    }
    const watched = await watcher.stop()
    assert.equal(Object.keys(watched).length, 4, 'L1 and three networks were watched')
    for (const [chain, count] of Object.entries(watched)) report[`supplyBlocks ${chain}`] = count
    return report
  } finally {
    if (run.process.exitCode === null) await stopDevnet(run)
    rmSync(home, { recursive: true, force: true })
  }
}

class DrillWorld {
  readonly #home: string
  readonly #file: DevnetFile
  readonly #seed: Uint8Array
  readonly #l1: ChainHands
  readonly #networks: readonly ChainHands[]

  constructor(home: string, file: DevnetFile) {
    this.#home = home
    this.#file = file
    const kept = JSON.parse(readFileSync(join(home, 'world.json'), 'utf8')) as KeptWorld
    this.#seed = Buffer.from(kept.seed, 'hex')
    assert.ok(file.l1)
    this.#l1 = new ChainHands(file.l1.rpc, file.l1.chainId)
    this.#networks = file.networks.map(({ rpc, chainId }) => new ChainHands(rpc, chainId))
  }

  async reward(): Promise<DrillReport> {
    const amount = 10n * ether
    const [key, address] = [this.#key(1), this.#address(1)]
    const before = (await this.#ask('ZgToken', 'balanceOf', address)) as bigint
    const owed = (await this.#ask('RewardBridge', 'outstanding', 1)) as bigint
    const call = { name: 'withdraw', args: [address], value: amount }
    await this.#network(1).send(key, { name: 'Outbox', address: outbox }, call)
    await until('the keeper has it minted', async () => {
      return (await this.#ask('ZgToken', 'balanceOf', address)) === before + amount
    })
    assert.ok(((await this.#ask('RewardBridge', 'outstanding', 1)) as bigint) <= owed - amount)
    const operator = toHex(addressOfSecretKey(accountKeyOf(this.#seed, 'operator/0')))
    let earned = 0n
    await until('what was earned on the networks is minted', async () => {
      earned = (await this.#ask('StakeManager', 'earnedOf', operator, operator)) as bigint
      return earned > 0n
    })
    const held = (await this.#ask('ZgToken', 'balanceOf', operator)) as bigint
    // Anyone may have a staker paid.
    const collect = { name: 'collect', args: [operator, operator] }
    await this.#l1.send(this.#key(6), this.#contract('StakeManager'), collect)
    assert.ok(((await this.#ask('ZgToken', 'balanceOf', operator)) as bigint) >= held + earned)
    return { mintedTokens: Number(amount / ether), earnedGwei: Number(earned / 10n ** 9n) }
  }

  async slash(): Promise<DrillReport> {
    const operator = toHex(addressOfSecretKey(accountKeyOf(this.#seed, `operator/${culprit}`)))
    const stake = 1_000n * ether
    const stakes = this.#contract('StakeManager')
    // A delegator, and one whose stake is on its way out.
    for (const index of [3, 4]) {
      const approve = { name: 'approve', args: [stakes.address, stake] }
      await this.#l1.send(this.#key(index), this.#contract('ZgToken'), approve)
      await this.#l1.send(this.#key(index), stakes, { name: 'stake', args: [operator, stake] })
    }
    const [shares] = (await this.#ask('StakeManager', 'stakeOf', operator, this.#address(4))) as [
      bigint,
    ]
    await this.#l1.send(this.#key(4), stakes, { name: 'unstake', args: [operator, shares] })
    const exitEpoch = Number(await this.#ask('OperatorRegistry', 'currentEpoch')) + 2
    const supply = (await this.#ask('ZgToken', 'totalSupply')) as bigint

    const fault = { network: 1, validator: culprit }
    const { report } = await equivocate(this.#file, fault)
    const { report: moved } = await equivocate(this.#file, { ...fault, networkId: 0 })
    const stranger = this.#address(7)
    assert.ok(await this.#l1.refusesData(stranger, moved), 'evidence of another network')
    await this.#l1.sendData(this.#key(7), report)
    assert.ok(await this.#l1.refusesData(stranger, report), 'the same evidence again')

    assert.equal(await this.#ask('StakeManager', 'isTombstone', operator), true)
    const [, delegated] = (await this.#ask(
      'StakeManager',
      'stakeOf',
      operator,
      this.#address(3),
    )) as [bigint, bigint]
    const leaving = (await this.#ask(
      'StakeManager',
      'exitingOf',
      operator,
      BigInt(exitEpoch),
      this.#address(4),
    )) as bigint
    assert.ok(delegated < stake && leaving < stake, 'the delegator and the leaver are cut')
    const burned = supply - ((await this.#ask('ZgToken', 'totalSupply')) as bigint)
    assert.ok(burned > 0n)
    const epoch = Number(await this.#ask('OperatorRegistry', 'currentEpoch'))
    for (const id of [0, 1]) {
      const set = (await this.#ask('NetworkRegistry', 'setAt', id, epoch + 2)) as { count: number }
      assert.equal(set.count, operatorCount - 1, `network ${id} goes on without it`)
    }
    await until('its weight is gone on both networks', async () => {
      const epochs = await Promise.all([0, 1].map((id) => this.#epochOf(id)))
      return epochs.every((each) => each >= epoch + 2)
    })
    const heights = await Promise.all([0, 1].map((id) => this.#heightOf(id)))
    await until('both networks go on', async () => {
      const now = await Promise.all([0, 1].map((id) => this.#heightOf(id)))
      return now.every((height, id) => height > (heights[id] ?? 0) + 2)
    })
    return { burnedTokens: Number(burned / ether), cutDelegation: Number(delegated / ether) }
  }

  async govern(): Promise<DrillReport> {
    const governor = this.#contract('ZgGovernor')
    const registry = this.#contract('NetworkRegistry')
    const parameters = this.#contract('Parameters')
    const coolDown = { key: 7, value: 5n }
    const site = readL1Site(join(this.#home, 'l1', 'site.json'))
    const genesis = await this.#l1.read(registry, 'networkOf', 1)
    const { genesisTime } = genesis as { genesisTime: bigint }
    const opening = {
      chainId: 1_660_202,
      genesisTime,
      earliestEpoch: 0,
      stakeMin: 1_000_000n * 10n ** 9n,
      operatorsMin: 3,
      genesisHash: site.genesisHashes[2],
    }
    const rewardMax = ether / 2n
    const inbox = this.#contract('Inbox')
    const message = governedOnNetworks(rewardMax)
    const calls = [
      { to: parameters, name: 'set', args: [coolDown.key, coolDown.value] },
      { to: registry, name: 'open', args: [2, opening] },
      { to: inbox, name: 'send', args: [0, govExecutor, message] },
      { to: inbox, name: 'send', args: [1, govExecutor, message] },
    ].map(({ to, name, args }) => ({ target: to.address, data: dataOf(to.name, name, args) }))
    const values = calls.map(() => 0n)
    const actions = [calls.map(({ target }) => target), values, calls.map(({ data }) => data)]
    const text = 'Wait five epochs between openings, and open network 2'
    const hash = toHex(keccak256(new TextEncoder().encode(text)))
    await this.#l1.send(this.#key(0), governor, { name: 'propose', args: [...actions, text] })
    const id = await this.#l1.read(governor, 'hashProposal', ...actions, hash)
    const stateIs = (wanted: number) => async () =>
      (await this.#l1.read(governor, 'state', id)) === wanted
    await until('the vote begins', stateIs(1))
    const operators = [0, 1, 2].map((index) => toHex(accountKeyOf(this.#seed, `operator/${index}`)))
    const holders = [0, 1, 2, 3, 4, 5, 6].map((index) => this.#key(index))
    for (const key of [...operators, ...holders]) {
      await this.#l1.send(key, governor, { name: 'castVote', args: [id, 1] })
    }
    const { forVotes } = await this.#votesOf(id)
    await until('the vote succeeded', stateIs(4))
    await this.#l1.send(this.#key(8), governor, { name: 'queue', args: [...actions, hash] })
    const execute = { name: 'execute', args: [...actions, hash] }
    await until('the timelock has waited', async () => {
      return !(await this.#l1.refuses(this.#address(8), governor, execute))
    })
    await this.#l1.send(this.#key(8), governor, execute)
    assert.equal(await this.#l1.read(parameters, 'get', coolDown.key), coolDown.value)
    const executor: Contract = { name: 'GovExecutor', address: govExecutor }
    await until('both networks do what was decided', async () => {
      const set = await Promise.all(
        [0, 1].map((network) => this.#network(network).read(executor, 'parameterOf', 0)),
      )
      return set.every((value) => value === rewardMax)
    })
    for (const network of [0, 1]) {
      const { reader } = this.#network(network)
      const before = await reader.getBlock({ blockNumber: 0n })
      await until(`the gas limit of network ${network} moves`, async () => {
        return (await reader.getBlock()).gasLimit < before.gasLimit
      })
    }
    return { votesForTokens: Number(forVotes / ether) }
  }

  async grow(): Promise<DrillReport> {
    let rpc = ''
    await until('network 2 runs', async () => {
      rpc = readDevnetFile(this.#home)?.networks.find(({ id }) => id === 2)?.rpc ?? ''
      return rpc !== '' && Number(await callRpc(rpc, 'eth_blockNumber')) > 0
    })
    const bridge = this.#contract('RewardBridge')
    const amount = 100n * ether
    const approve = { name: 'approve', args: [bridge.address, amount] }
    await this.#l1.send(this.#key(2), this.#contract('ZgToken'), approve)
    const deposit = { name: 'deposit', args: [2, this.#address(2), amount] }
    await this.#l1.send(this.#key(2), bridge, deposit)
    const network = new ChainHands(rpc, 1_660_202)
    await until('the deposit came', async () => {
      return (await network.reader.getBalance({ address: this.#address(2) })) === amount
    })
    const call = { name: 'withdraw', args: [this.#address(2)], value: ether }
    await network.send(this.#key(2), { name: 'Outbox', address: outbox }, call)
    return { networks: 3 }
  }

  async supply(): Promise<DrillReport> {
    const supply = (await this.#ask('ZgToken', 'totalSupply')) as bigint
    const outstanding = (await this.#ask('RewardBridge', 'outstandingTotal')) as bigint
    const cap = (await this.#ask('ZgToken', 'CAP')) as bigint
    assert.ok(supply + outstanding <= cap)
    return { missingToCapTokens: Number((cap - supply - outstanding) / ether) }
  }

  async #votesOf(id: unknown): Promise<{ readonly forVotes: bigint }> {
    const found = await this.#l1.read(this.#contract('ZgGovernor'), 'proposalVotes', id)
    const [, forVotes] = found as readonly bigint[]
    return { forVotes: forVotes ?? 0n }
  }

  async #epochOf(id: number): Promise<number> {
    const rpc = this.#file.networks[id]?.rpc ?? ''
    const certificate = await callRpc(rpc, 'zg_getFinalityCertificate', [])
    return Number((certificate as { epoch: string }).epoch)
  }

  async #heightOf(id: number): Promise<number> {
    return Number(await callRpc(this.#file.networks[id]?.rpc ?? '', 'eth_blockNumber'))
  }

  #ask(name: ArtifactName, functionName: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.#l1.read(this.#contract(name), functionName, ...args)
  }

  #contract(name: ArtifactName): Contract {
    const address = this.#file.l1?.contracts[name]
    assert.ok(address, `${name} stands on L1`)
    return { name, address }
  }

  #network(id: number): ChainHands {
    const found = this.#networks[id]
    assert.ok(found)
    return found
  }

  #key(index: number): Hex {
    const account = this.#file.accounts[index]
    assert.ok(account)
    return account.privateKey
  }

  #address(index: number): Hex {
    const account = this.#file.accounts[index]
    assert.ok(account)
    return account.address
  }
}

/** What GovExecutor is told: to set its RewardMax and its GasLimit. */
function governedOnNetworks(rewardMax: bigint): Hex {
  const settings = [
    [0, rewardMax],
    [2, gasLimitWanted],
  ] as const
  const calls = settings.map((setting) => ({
    to: govExecutor,
    value: 0n,
    data: dataOf('GovExecutor', 'setParameter', setting),
  }))
  return encodeAbiParameters([{ type: 'tuple[]', components: callFields }], [calls])
}

const callFields = [
  { name: 'to', type: 'address' },
  { name: 'value', type: 'uint256' },
  { name: 'data', type: 'bytes' },
] as const
