/**
 * What shared stake promises, done to a running world, one thing after another: five operators, two
 * networks, real processes, a keeper. The L1 is the world's own (`npm run test:full -- drills`), or
 * somebody else's (`-- l1-anvil`, `-- l1-geth`); the drills are the same.
 *
 *     begin       the set of an epoch, as it follows from final blocks of L1, is that of the
 *                 contracts; blocks name final blocks of L1; what L1 credited was paid out
 *     reward      tokens leave network 1 through Outbox; while the keeper is paused, a stranger's
 *                 relay has them minted on L1; that claim again, of another network or by another
 *                 proof is refused; what a validator earned on network 1 by its votes comes to who
 *                 stakes with it, all of it, and flows and is collected
 *     govern      staked and held tokens vote: a parameter of L1 changes, two of both networks do
 *                 by messages, and what their blocks carry with them; a third network opens
 *     slash       an operator signs two finality votes on network 1; a stranger reports it; stake,
 *                 delegation and what was leaving are cut, a twentieth is the reporter's and the
 *                 rest burned; the weight falls on both networks at e + 2, which go on without it;
 *                 the same evidence again, that of another network and a forged one are refused
 *     grow        the third network runs without a restart, and takes deposits and transactions
 *     supply      to the wei: what L1 has and what it counts on networks are the cap less what the
 *                 slash burned; and what L1 has, what lives on networks and what is on its way
 *                 between them are that less the base fees burned there; meanwhile `zg doctor
 *                 --supply --watch` has found nothing amiss at any block of any chain
 */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { encodeAbiParameters } from 'viem'

import { devAccountBalanceWei } from '../accounts.ts'
import { readDevnetFile } from '../devnet-file.ts'
import { requestControl } from '../control.ts'
import { readLiveLock } from '../data-dir.ts'
import { equivocate } from '../equivocation.ts'
import { callRpc } from '../rpc-call.ts'
import { ChainHands, dataOf } from './chain-hands.ts'
import type { Contract } from './chain-hands.ts'
import { startDevnet, stopDevnet } from './devnet-process.ts'
import { DrillWorld, ether } from './drill-world.ts'
import type { DecodedCall, DrillReport, ToldEvent } from './drill-world.ts'
import { watchSupply } from './supply-watcher.ts'
import { askZg, startZg } from './zg-process.ts'

/** Below the ports that a system gives to those who dial. */
const portOffset = 5_000
const outbox: Hex = '0x0000000000000000000000000000000000002002'
const govExecutor: Hex = '0x0000000000000000000000000000000000002004'
const operatorCount = 5
const gwei = 10n ** 9n
/** What the drill has governance change on L1: `Parameters.Key.CoolDownEpochs`. */
const coolDown = { key: 6, value: 5n } as const
/** What the drill has networks move their gas limit to. */
const gasLimitWanted = 40_000_000n
const culprit = 4
/** The accounts that relay once, and that report the culprit. */
const relayer = 5
const reporter = 7
/** `OutboxEntry.Kind.Reward` */
const rewardKind = 1
/** What shares are rounded down by, at most, where one stakes alone. */
const dustWei = 2n
const nobody: Hex = '0x0000000000000000000000000000000000000000'

/** What `zg doctor --supply` says, amounts as decimal strings. */
type ToldSupply = {
  readonly l1: Readonly<Record<'supplyWei' | 'capWei' | 'goneWei', string>>
  readonly networks: readonly Readonly<Record<ToldAmount, string>>[]
}

type ToldAmount =
  | 'livingWei'
  | 'creditedWei'
  | 'paidOutWei'
  | 'outboxWei'
  | 'claimedWei'
  | 'burnedWei'
  | 'destroyedWei'

/** A claim that L1 paid: its call, in which block, and who sent it. */
type PaidClaim = {
  readonly call: DecodedCall
  readonly hash: Hex
  readonly blockNumber: bigint
  readonly sender: Hex
}

/** An L1 that somebody else runs, and the key of an account that has ether there. */
export type DrillL1 = {
  readonly url: string
  readonly funderKey: Uint8Array
  readonly epochSeconds: number
}

/** Runs all drills; whatever fails is thrown. */
export async function runDrills(
  tell: (line: string) => void,
  outside?: DrillL1,
): Promise<DrillReport> {
  const home = mkdtempSync(join(tmpdir(), 'zg-drills-'))
  const flags = [
    '--no-da',
    '--validators',
    String(operatorCount),
    '--port-offset',
    String(portOffset),
  ]
  const run = startDevnet(home, [...flags, ...(outside ? outsideFlags(home, outside) : [])])
  const report: Record<string, number | string | boolean> = {}
  const timed = async (name: string, work: () => Promise<DrillReport>): Promise<void> => {
    const startedAt = performance.now()
    Object.assign(report, await work())
    const seconds = Math.round((performance.now() - startedAt) / 100) / 10
    report[`${name}Seconds`] = seconds
    tell(`${name}: done in ${seconds} s`)
  }
  let drills: Drills | undefined
  try {
    await timed('start', async () => {
      drills = new Drills(home, await run.ready)
      return drills.describe()
    })
    assert.ok(drills)
    if (outside !== undefined) await drills.settle(outside.funderKey)
    const watcher = watchSupply(home)
    for (const name of ['begin', 'reward', 'govern', 'slash', 'grow', 'supply'] as const) {
      await timed(name, drills[name].bind(drills))
    }
    const watched = await watcher.stop()
    assert.equal(Object.keys(watched).length, 4, 'L1 and three networks were watched')
    for (const [chain, count] of Object.entries(watched)) report[`supplyBlocks ${chain}`] = count
    return report
  } finally {
    await drills?.end()
    if (run.process.exitCode === null) await stopDevnet(run)
    rmSync(home, { recursive: true, force: true })
  }
}

function outsideFlags(home: string, { url, funderKey, epochSeconds }: DrillL1): string[] {
  const keyFile = join(home, 'payer.key')
  writeFileSync(keyFile, toHex(funderKey), { mode: 0o600 })
  return ['--l1', url, '--epoch', String(epochSeconds), '--key-file', keyFile, '--yes']
}

/** What is done to a world, in this order. */
class Drills extends DrillWorld {
  /** Blocks of L1 that blocks of each network named at the beginning. */
  #referenced: readonly bigint[] = []
  /** By the slash, in wei. */
  #burned = 0n

  async begin(): Promise<DrillReport> {
    const epoch = await this.epoch()
    await this.compareSets(epoch)
    this.#referenced = await this.references(epoch)
    const [, network] = this.file.networks
    assert.ok(network)
    for (const { rpc, index } of network.validators) {
      const balance = await callRpc(rpc, 'eth_getBalance', [this.address(9), 'latest'])
      assert.equal(BigInt(String(balance)), devAccountBalanceWei, `validator ${index}`)
    }
    return { firstEpoch: epoch }
  }

  async reward(): Promise<DrillReport> {
    const amount = 10n * ether
    const [key, address] = [this.key(1), this.address(1)]
    const before = (await this.ask('ZgToken', 'balanceOf', address)) as bigint
    await this.#besideStranger(async () => {
      const call = { name: 'withdraw', args: [address], value: amount }
      await this.network(1).send(key, { name: 'Outbox', address: outbox }, call)
      await this.until('the stranger has it minted', async () => {
        return (await this.ask('ZgToken', 'balanceOf', address)) === before + amount
      })
    })
    const claim = (await this.#claimsFor(address)).at(-1)
    assert.equal(claim?.sender.toLowerCase(), this.address(relayer).toLowerCase())
    await this.#refuseClaims(claim.call)
    const operator = this.operator(0)
    const rewarded = await this.#rewardedBy1(operator)
    let earned = 0n
    await this.until('some of it has flowed', async () => {
      earned = (await this.ask('StakeManager', 'earnedOf', operator, operator)) as bigint
      return earned > 0n
    })
    const held = (await this.ask('ZgToken', 'balanceOf', operator)) as bigint
    // Anyone may have a staker paid.
    const collect = { name: 'collect', args: [operator, operator] }
    await this.l1.send(this.key(6), this.contract('StakeManager'), collect)
    assert.ok(((await this.ask('ZgToken', 'balanceOf', operator)) as bigint) >= held + earned)
    return {
      mintedTokens: Number(amount / ether),
      rewardOfNetwork1Gwei: Number(rewarded / gwei),
      collectedGwei: Number(earned / gwei),
    }
  }

  async govern(): Promise<DrillReport> {
    const governor = this.contract('ZgGovernor')
    const registry = this.contract('NetworkRegistry')
    const parameters = this.contract('Parameters')
    const genesis = await this.l1.read(registry, 'networkOf', 1)
    const { genesisTime } = genesis as { genesisTime: bigint }
    const opening = {
      chainId: 1_660_202,
      genesisTime,
      earliestEpoch: 0,
      stakeMin: 1_000_000n * 10n ** 9n,
      operatorsMin: 3,
      genesisHash: this.site.genesisHashes[2],
    }
    const rewardMax = ether / 2n
    const inbox = this.contract('Inbox')
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
    await this.l1.send(this.key(0), governor, {
      name: 'propose',
      args: [...actions, text],
    })
    const id = await this.l1.read(governor, 'hashProposal', ...actions, hash)
    const stateIs = (wanted: number) => async () =>
      (await this.l1.read(governor, 'state', id)) === wanted
    await this.until('the vote begins', stateIs(1))
    const operators = [0, 1, 2].map((index) => this.operatorKey(index))
    const holders = [0, 1, 2, 3, 4, 5, 6].map((index) => this.key(index))
    const vote = { name: 'castVote', args: [id, 1] }
    // Beside each other: blocks of another's L1 may take their time, and the vote ends.
    await Promise.all([...operators, ...holders].map((key) => this.l1.send(key, governor, vote)))
    const { forVotes } = await this.#votesOf(id)
    await this.until('the vote succeeded', stateIs(4))
    await this.l1.send(this.key(8), governor, {
      name: 'queue',
      args: [...actions, hash],
    })
    const eta = (await this.l1.read(governor, 'proposalEta', id)) as bigint
    await this.until('the timelock has waited', async () => {
      return (await this.l1.reader.getBlock()).timestamp >= eta
    })
    await this.l1.send(this.key(8), governor, { name: 'execute', args: [...actions, hash] })
    assert.equal(await this.l1.read(parameters, 'get', coolDown.key), coolDown.value)
    const executor: Contract = { name: 'GovExecutor', address: govExecutor }
    await this.until('both networks do what was decided', async () => {
      const set = await Promise.all(
        [0, 1].map((network) => this.network(network).read(executor, 'parameterOf', 0)),
      )
      return set.every((value) => value === rewardMax)
    })
    for (const network of [0, 1]) {
      const { reader } = this.network(network)
      const before = await reader.getBlock({ blockNumber: 0n })
      await this.until(`the gas limit of network ${network} moves`, async () => {
        return (await reader.getBlock()).gasLimit < before.gasLimit
      })
    }
    return { votesForTokens: Number(forVotes / ether) }
  }

  async slash(): Promise<DrillReport> {
    const operator = this.operator(culprit)
    const stake = 1_000n * ether
    const stakes = this.contract('StakeManager')
    // A delegator, and one whose stake is on its way out.
    for (const index of [3, 4]) {
      const approve = { name: 'approve', args: [stakes.address, stake] }
      await this.l1.send(this.key(index), this.contract('ZgToken'), approve)
      await this.l1.send(this.key(index), stakes, {
        name: 'stake',
        args: [operator, stake],
      })
    }
    const [shares] = (await this.ask('StakeManager', 'stakeOf', operator, this.address(4))) as [
      bigint,
    ]
    const unstake = { name: 'unstake', args: [operator, shares] }
    const exitEpoch = (await this.epochAt(await this.l1.send(this.key(4), stakes, unstake))) + 2

    const { report } = await equivocate(this.file, { network: 1, validator: culprit })
    const accused = this.callIn('SlashingManager', report.data)
    await this.refuse({ ...accused, change: [0, 0] }, 'SignatureInvalid')
    await this.refuse({ ...accused, change: [1, this.operator(0)] }, 'SignatureInvalid')
    const reported = await this.l1.sendData(this.key(reporter), report)
    const epoch = await this.epochAt(reported)
    this.#burned = await this.#burnedIn(reported, operator)
    await this.refuse(accused, 'AlreadyPunished')

    assert.equal(await this.ask('StakeManager', 'isTombstone', operator), true)
    const [, delegated] = (await this.ask(
      'StakeManager',
      'stakeOf',
      operator,
      this.address(3),
    )) as [bigint, bigint]
    const leaving = (await this.ask(
      'StakeManager',
      'exitingOf',
      operator,
      BigInt(exitEpoch),
      this.address(4),
    )) as bigint
    assert.ok(delegated < stake, 'the delegator is cut')
    assert.ok(leaving > 0n && leaving < stake, 'what was leaving is cut')
    await this.#goneFrom(epoch + 2, operator)
    return {
      burnedTokens: Number(this.#burned / ether),
      cutDelegation: Number(delegated / ether),
      cutLeaving: Number(leaving / ether),
      weightGoneAfterEpochs: 2,
    }
  }

  async grow(): Promise<DrillReport> {
    let rpc = ''
    await this.until('network 2 runs', async () => {
      rpc = readDevnetFile(this.home)?.networks.find(({ id }) => id === 2)?.rpc ?? ''
      return rpc !== '' && Number(await callRpc(rpc, 'eth_blockNumber')) > 0
    })
    const bridge = this.contract('RewardBridge')
    const amount = 100n * ether
    const approve = { name: 'approve', args: [bridge.address, amount] }
    await this.l1.send(this.key(2), this.contract('ZgToken'), approve)
    const deposit = { name: 'deposit', args: [2, this.address(2), amount] }
    await this.l1.send(this.key(2), bridge, deposit)
    const network = new ChainHands(rpc, 1_660_202)
    await this.until('the deposit came', async () => {
      return (await network.reader.getBalance({ address: this.address(2) })) === amount
    })
    const call = { name: 'withdraw', args: [this.address(2)], value: ether }
    await network.send(this.key(2), { name: 'Outbox', address: outbox }, call)
    return { networks: 3 }
  }

  async supply(): Promise<DrillReport> {
    const { l1, networks } = await askZg<ToldSupply>(this.home, 'doctor --supply')
    assert.equal(networks.length, 3)
    const sum = (name: ToldAmount): bigint =>
      networks.reduce((total, network) => total + BigInt(network[name]), 0n)
    assert.equal(BigInt(l1.goneWei), this.#burned)
    const onTheWay = sum('creditedWei') - sum('paidOutWei') + sum('outboxWei') - sum('claimedWei')
    const living = BigInt(l1.supplyWei) + sum('livingWei') + onTheWay
    const fees = sum('burnedWei')
    assert.ok(fees > 0n)
    assert.equal(sum('destroyedWei'), 0n)
    assert.equal(BigInt(l1.capWei) - living, this.#burned + fees)
    return { missingToCapWei: l1.goneWei, feesBurnedWei: String(fees) }
  }

  async #votesOf(id: unknown): Promise<{ readonly forVotes: bigint }> {
    const found = await this.l1.read(this.contract('ZgGovernor'), 'proposalVotes', id)
    const [, forVotes] = found as readonly bigint[]
    return { forVotes: forVotes ?? 0n }
  }

  /** Does something while the world's keeper is paused and a stranger relays. */
  async #besideStranger(work: () => Promise<void>): Promise<void> {
    const lock = readLiveLock(this.home)
    assert.ok(lock)
    const parts = await requestControl(lock.socket, { verb: 'status' })
    const keeper = parts.find(({ name }) => name === 'keeper')?.pid
    assert.ok(keeper !== undefined)
    process.kill(keeper, 'SIGSTOP')
    const relay = startZg(this.home, ['relay', '--from', String(relayer)])
    try {
      await work()
    } finally {
      process.kill(keeper, 'SIGCONT')
      await relay.stop()
    }
    assert.equal(await relay.ended, 0)
  }

  /** What L1 paid of network 1 for somebody. */
  async #claimsFor(to: Hex): Promise<readonly PaidClaim[]> {
    const told = await this.events('RewardBridge', 'Claimed', { id: 1, to })
    const claims: PaidClaim[] = []
    for (const { transactionHash: hash } of told) {
      const { input, from: sender, blockNumber } = await this.l1.reader.getTransaction({ hash })
      assert.ok(blockNumber !== null)
      claims.push({ call: this.callIn('RewardBridge', input), hash, blockNumber, sender })
    }
    return claims
  }

  /**
   * Asserts that by the block that paid a reward of network 1 its operator, which stakes alone, has
   * so much more to come; returns how much.
   */
  async #rewardedBy1(operator: Hex): Promise<bigint> {
    let claim: PaidClaim | undefined
    await this.until('what was earned on network 1 is minted', async () => {
      const claims = await this.#claimsFor(operator)
      claim = claims.findLast(({ call }) => (call.args[1] as { kind: number }).kind === rewardKind)
      return claim !== undefined
    })
    assert.ok(claim)
    const { blockNumber: block, hash } = claim
    const { amount } = claim.call.args[1] as { amount: bigint }
    const rewards = await this.events('StakeManager', 'Rewarded', { operator }, block)
    assert.ok(
      rewards.some((each) => each.transactionHash === hash && each.args['assets'] === amount),
    )
    const all = sumOf(rewards, 'assets')
    const more =
      (await this.#standsTo(operator, block)) - (await this.#standsTo(operator, block - 1n))
    const lost = all - more
    assert.ok(-dustWei <= lost && lost <= dustWei, `${more} of ${all} wei came`)
    return amount
  }

  /** What an operator that stakes with itself has earned by a block, and what flows to it yet. */
  async #standsTo(operator: Hex, block: bigint): Promise<bigint> {
    const earned = await this.askAt(block, 'StakeManager', 'earnedOf', operator, operator)
    const [left] = (await this.askAt(block, 'StakeManager', 'flowOf', operator)) as [bigint, bigint]
    return (earned as bigint) + left
  }

  /** Asserts where what was slashed in a block went; returns what was burned of it. */
  async #burnedIn(block: bigint, operator: Hex): Promise<bigint> {
    const [punished] = await this.events('SlashingManager', 'Punished', { operator }, block)
    assert.ok(punished)
    const taken = punished.args['assets'] as bigint
    const { address: from } = this.contract('StakeManager')
    const sentTo = async (to: Hex): Promise<bigint> =>
      sumOf(await this.events('ZgToken', 'Transfer', { from, to }, block), 'value')
    const part = taken / 20n
    assert.ok(part > 0n)
    assert.equal(await sentTo(this.address(reporter)), part)
    const burned = await sentTo(nobody)
    assert.equal(burned, taken - part)
    return burned
  }

  /** The claim that paid somebody: nobody is paid by it again, or by anything like it. */
  async #refuseClaims(claim: DecodedCall): Promise<void> {
    await this.refuse(claim, 'AlreadyClaimed')
    await this.refuse({ ...claim, change: [0, 0] }, 'RootUnknown')
    const siblings = claim.args[4] as readonly Hex[]
    await this.refuse({ ...claim, change: [4, siblings.toReversed()] }, 'EntryUnproven')
  }

  /** Both networks have an operator in their sets until an epoch, and finalise without it then. */
  async #goneFrom(epoch: number, operator: Hex): Promise<void> {
    assert.ok(
      ((await this.ask('OperatorRegistry', 'weightAt', operator, epoch - 1)) as bigint) > 0n,
    )
    assert.equal(await this.ask('OperatorRegistry', 'weightAt', operator, epoch), 0n)
    for (const each of [epoch - 1, epoch]) await this.compareSets(each)
    for (const watch of this.watches) {
      const before = await watch.membersIn(epoch - 1)
      assert.ok(before.includes(operator))
      const others = before.filter((each) => each !== operator)
      assert.deepEqual((await watch.membersIn(epoch)).toSorted(), others.toSorted())
    }
    const references = await this.references(epoch)
    for (const [id, number] of references.entries()) {
      assert.ok(number > (this.#referenced[id] ?? 0n), `network ${id} names later blocks of L1`)
    }
  }
}

function sumOf(events: readonly ToldEvent[], name: string): bigint {
  return events.reduce((sum, { args }) => sum + (args[name] as bigint), 0n)
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
