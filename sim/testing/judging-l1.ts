/**
 * The contracts of shared stake on our EVM, with the operators of a fork run: registered, staked
 * and rotated epoch by epoch as the run's L1 has them, so that what the run signed can be judged.
 */

import assert from 'node:assert/strict'

import { consensusRoot, genesisHeader } from '@zg/consensus'
import type { NetworkIdentity } from '@zg/consensus'
import { keyWords } from '@zg/contracts'
import { L1World } from '@zg/contracts/testing'
import type { DecodedEvent, TestOperator } from '@zg/contracts/testing'
import { toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import type { SlashingCall } from '@zg/staking'

import { firstForkEpoch } from '../fork-scenario.ts'
import type { ForkRun } from '../fork-world.ts'
import type { Member } from '../simulated-l1.ts'

const weiPerGwei = 10n ** 9n
const networkId = 7
/** Another network that all operators validate, to which no evidence belongs. */
export const otherNetworkId = 8
const reporter: Hex = toHex(new Uint8Array(20).fill(0xef))

/** An operator that was punished, and for which epoch and fault. */
export type Punishment = {
  readonly operator: Hex
  readonly epoch: bigint
  readonly fault: string
  readonly weight: bigint
}

export class JudgingL1 {
  readonly l1 = new L1World()
  readonly identity: NetworkIdentity = this.l1.identityOf(networkId)

  /** Takes over the operators of a run, and compares every epoch's set with the run's. */
  enroll(run: ForkRun): void {
    const { l1 } = this
    const { schedule } = run.scenario
    const genesisTime = run.genesis.timestampMs / 1_000
    const earliestEpoch = Number(firstForkEpoch)
    for (const id of [networkId, otherNetworkId]) l1.openNetwork(id, { genesisTime, earliestEpoch })
    for (const [index, { stake }] of (schedule[0] as readonly Member[]).entries()) {
      const operator = operatorOf(run, index, 0)
      l1.register(operator)
      // All it may ever need: it stakes 200 at most.
      l1.fund(operator.address, 1_000n * 10n ** 9n * weiPerGwei)
      l1.send(l1.stakes, 'stake', [operator.address, stake * weiPerGwei], operator.address)
      for (const id of [networkId, otherNetworkId]) {
        l1.send(l1.networks, 'optIn', [id, 10_000], operator.address)
      }
    }
    const { genesisRoot } = l1.read(l1.networks, 'networkOf', networkId) as { genesisRoot: Hex }
    assert.equal(genesisRoot, toHex(consensusRoot(genesisHeader(run.genesis))))
    for (const [place, members] of schedule.entries()) {
      if (place === 0) continue
      // What is changed in an epoch holds from the one after the next.
      l1.goToEpoch(Number(firstForkEpoch) + place - 2)
      for (const [index, member] of members.entries()) {
        this.#change(run, index, { from: schedule[place - 1]?.[index] as Member, to: member })
      }
    }
    for (const place of schedule.keys()) this.#compare(run, firstForkEpoch + BigInt(place))
  }

  /** Sends a call as anyone may; returns who it punished. */
  send({ name, args }: SlashingCall): readonly Punishment[] {
    const { events } = this.l1.send(this.l1.slashing, name, args, reporter)
    return events.filter((event) => event.name === 'Punished').map((event) => this.#read(event))
  }

  get isHalted(): boolean {
    return (this.l1.read(this.l1.oracle, 'finalOf', networkId) as { isHalted: boolean }).isHalted
  }

  /** What an operator weighs in an epoch. */
  weightAt(operator: Hex, epoch: bigint): bigint {
    return this.l1.read(this.l1.operators, 'weightAt', operator, epoch) as bigint
  }

  /** What the set of an epoch weighs. */
  totalAt(epoch: bigint): bigint {
    return (this.l1.read(this.l1.networks, 'setAt', networkId, epoch) as { total: bigint }).total
  }

  #change(run: ForkRun, index: number, { from, to }: { from: Member; to: Member }): void {
    const { l1 } = this
    const operator = operatorOf(run, index, to.key)
    const { address } = operator
    if (to.key !== from.key) l1.rotate(operator)
    const more = (to.stake - from.stake) * weiPerGwei
    if (more > 0n) l1.send(l1.stakes, 'stake', [address, more], address)
    // A share of an operator that was not slashed is a wei.
    if (more < 0n) l1.send(l1.stakes, 'unstake', [address, -more], address)
    if (to.isIn === from.isIn) return
    if (to.isIn) l1.send(l1.networks, 'optIn', [networkId, 10_000], address)
    else l1.send(l1.networks, 'optOut', [networkId], address)
  }

  #compare(run: ForkRun, epoch: bigint): void {
    const { l1 } = this
    const place = Number(epoch - firstForkEpoch)
    let total = 0n
    for (const [index, { isIn, stake, key }] of (run.scenario.schedule[place] ?? []).entries()) {
      const { address } = operatorOf(run, index, key)
      const publicKey = run.scheme.publicKeyOf(run.secretKeys[index]?.[key] as Uint8Array)
      assert.equal(l1.read(l1.networks, 'isMember', networkId, address, epoch), isIn)
      assert.deepEqual(l1.read(l1.operators, 'keyAt', address, epoch), keyWords(publicKey))
      assert.equal(this.weightAt(address, epoch), stake)
      if (isIn) total += stake
    }
    assert.equal(this.totalAt(epoch), total)
  }

  #read({ args }: DecodedEvent): Punishment {
    const operator = (args['operator'] as Hex).toLowerCase() as Hex
    const epoch = args['epoch'] as bigint
    const weight = this.weightAt(operator, epoch)
    return { operator, epoch, fault: `S${String(args['fault'])}`, weight }
  }
}

function operatorOf(run: ForkRun, index: number, key: number): TestOperator {
  return {
    address: toHex(run.operators[index] as Uint8Array),
    secretKey: run.secretKeys[index]?.[key] as Uint8Array,
  }
}
