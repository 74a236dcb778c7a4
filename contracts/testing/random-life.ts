/**
 * What may happen to the token over three networks, of which one is corrupt and one dies: one step
 * after another, drawn by a seed. `conservation.ts` says what must hold between them.
 *
 * Whatever was done once is done again now and then, as it was and for another network: that MUST
 * be refused. Of the rest a few kinds may be refused for a few named reasons.
 */

import assert from 'node:assert/strict'

import { toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import type { Rng } from '@zg/runtime'

import { ContractRevertError } from './contract-world.ts'
import type { Deployed, Sent } from './contract-world.ts'
import type { Report } from './double-votes.ts'
import { L1World } from './l1-world.ts'
import { LedgerNetwork, rewardHub } from './ledger-network.ts'
import { LifeOperators } from './life-operators.ts'
import { refusals, replayRefusals } from './life-refusals.ts'
import type { OutboxEntry } from './network-world.ts'
import type { TestOperator } from './stake-world.ts'

const ether = 10n ** 18n
/** Of each holder on network 0. */
const holderWei = 300n * ether
export const networkIds = [0, 1, 2]
/** Who lets out what was never there, and who dies. */
const [mortalId, corruptId] = [1, 2]
const stakers: readonly Hex[] = [0xa1, 0xb0, 0xc5].map((fill) =>
  toHex(new Uint8Array(20).fill(fill)),
)
/** Where no network takes tokens: one waits for operators, one never began, one there is not. */
const [openingId, closedId, unknownId] = [3, 4, 5]
const nowhere = [openingId, closedId, unknownId]
/** What network 0 holds in its genesis. */
export const genesisWei = BigInt(stakers.length) * holderWei
/** So low a rate that lives come up against it. */
export const rate = { rateCapacity: 150n * ether, largeAmount: 60n * ether }
const stranger: Hex = toHex(new Uint8Array(20).fill(0x99))

/** Calls that are remembered, to be made again. */
const replaysMax = 64

/** Stakers that are asked whether they have earned anything. */
const earnersAsked = 6

/** Says whether anything was done. */
type Step = () => boolean | Promise<boolean>

/** How often each kind is drawn, and what it does. */
type Steps = readonly (readonly [kind: string, weight: number, step: Step])[]

/** A call on L1 that may be made once. */
type OnceCall = {
  readonly contract: Deployed
  readonly name: string
  readonly args: readonly unknown[]
}

type Exit = { readonly operator: Hex; readonly epoch: number; readonly staker: Hex }

export class RandomLife {
  readonly #rng: Rng
  readonly l1 = new L1World({
    genesisOutstanding: genesisWei,
    ...rate,
    // Nobody but the mortal one is silent for so long, however the draws fall.
    deadAfterSeconds: 5_000,
  })
  readonly networks: readonly LedgerNetwork[]
  readonly #operators: LifeOperators
  /** Who ever staked with whom, and what leaves when. */
  readonly pairs = new Map<string, readonly [operator: Hex, staker: Hex]>()
  #exits: readonly Exit[] = []
  readonly exitEpochs = new Map<string, readonly [operator: Hex, epoch: number]>()
  #deferrals: readonly bigint[] = []
  #closes: readonly (readonly [id: number, epoch: bigint])[] = []
  #unpaidCloses: readonly (readonly [id: number, epoch: bigint])[] = []
  readonly paidWei = new Map<number, bigint>()
  #once: readonly OnceCall[] = []
  readonly #replayed = new Set<string>()
  /** What slashes burned, in wei. */
  slashBurned = 0n
  /** Whether the stake manager told of anything since that was last asked. */
  isStakeMoved = true
  readonly #steps: Steps

  constructor(rng: Rng) {
    this.#rng = rng
    const l1 = this.l1
    this.#operators = new LifeOperators(l1, rng)
    for (const id of networkIds) l1.openNetwork(id)
    for (const id of [openingId, closedId]) l1.openNetwork(id, { operatorsMin: 100 })
    l1.send(l1.networks, 'close', [closedId])
    for (let count = 0; count < 6; count++) this.#join()
    for (const staker of stakers) l1.fund(staker, 1_000n * ether)
    l1.send(l1.token, 'approve', [l1.bridge.address, 2n ** 256n - 1n])
    l1.goToEpoch(12)
    this.networks = networkIds.map((id) => {
      const isHonest = id !== corruptId
      const options = { id, isHonest, members: this.operators, holders: stakers }
      return new LedgerNetwork(l1, { ...options, ...(id === 0 ? { genesisWei: holderWei } : {}) })
    })
    this.#watch()
    this.#steps = this.#allSteps()
  }

  /** All that ever were. */
  get operators(): readonly TestOperator[] {
    return this.#operators.all
  }

  /** All that may happen. */
  get kinds(): readonly string[] {
    return this.#steps.map(([kind]) => kind)
  }

  /** Takes one step, or the death of a network; says which, and whether anything was done. */
  async step(isDeath: boolean, place: string): Promise<readonly [kind: string, isTaken: boolean]> {
    this.l1.world.advance(this.#rng.below(20))
    if (isDeath) return ['bury', await this.#bury()]
    const [kind, , act] = this.#drawn()
    try {
      return [kind, await act()]
    } catch (error) {
      if (!(error instanceof ContractRevertError)) throw error
      const allowed = refusals[kind] ?? []
      assert.ok(
        allowed.includes(error.errorName),
        `${place}: ${kind} was refused: ${error.message}`,
      )
      return [kind, false]
    }
  }

  #watch(): void {
    const l1 = this.l1
    l1.world.watch(l1.bridge, ({ name, args }) => {
      const marks = { Claimed: 'claimed', Refunded: 'refunded', Exited: 'exited' } as const
      if (!(name in marks)) return
      const { id, index, account, amount } = args as {
        id: number
        index: bigint
        account: Hex
        amount: bigint
      }
      this.paidWei.set(id, (this.paidWei.get(id) ?? 0n) + amount)
      const network = this.networks[id] as LedgerNetwork
      if (name === 'Claimed') network.claimed.add(Number(index))
      else if (name === 'Refunded') network.refunded.add(Number(index))
      else network.exited.add(account.toLowerCase() as Hex)
    })
    l1.world.watch(l1.stakes, () => (this.isStakeMoved = true))
    l1.world.watch(l1.slashing, ({ name, args }) => {
      if (name === 'Deferred') this.#deferrals = [...this.#deferrals, args['number'] as bigint]
    })
    l1.world.watch(l1.oracle, ({ name, args }) => {
      if (name !== 'EpochClosed') return
      const close = [args['id'] as number, args['epoch'] as bigint] as const
      this.#closes = [...this.#closes, close]
      this.#unpaidCloses = [...this.#unpaidCloses, close]
    })
  }

  #allSteps(): Steps {
    return [
      ['stake', 6, () => this.#stake()],
      ['unstake', 4, () => this.#unstake()],
      ['withdraw', 3, () => this.#withdraw()],
      ['collect', 4, () => this.#collect()],
      ['compound', 4, () => this.#compound()],
      ['commission', 1, () => this.#commission()],
      ['join', 3, () => this.#join()],
      ['outside', 2, () => this.#came(this.#operators.comeOutside())],
      ['slash', 4, () => this.#accuse(this.#operators.twoBlocks(this.#alive()))],
      ['data', 3, () => this.#accuse(this.#operators.twoCommitments(this.#alive()))],
      ['execute', 5, () => this.#execute()],
      ['deposit', 6, () => this.#deposit()],
      ['credit', 6, () => this.#alive().payOut()],
      ['burn', 9, () => this.#burn()],
      ['fee', 2, () => this.#fee()],
      ['certify', 6, () => this.#certify(this.#alive())],
      ['claim', 12, () => this.#claim((network) => network.open())],
      ['return', 8, () => this.#claim((network) => network.openStrays())],
      ['grant', 3, () => this.#grant()],
      ['close', 2, () => this.#close()],
      // Once, from outside.
      ['bury', 0, () => this.#bury()],
      ['refund', 3, () => this.#refund()],
      ['exit', 2, () => this.#exit()],
      ['replay', 8, () => this.#replay()],
    ]
  }

  #drawn(): Steps[number] {
    const total = this.#steps.reduce((sum, [, weight]) => sum + weight, 0)
    let left = this.#rng.below(total)
    const found = this.#steps.find(([, weight]) => (left -= weight) < 0)
    return found as Steps[number]
  }

  #stake(): boolean {
    const [staker, { address }] = [this.#pick(stakers), this.#pick(this.operators)]
    this.l1.send(this.l1.stakes, 'stake', [address, this.#tokens(90)], staker)
    this.pairs.set(`${address}/${staker}`, [address, staker])
    return true
  }

  #unstake(): boolean {
    const l1 = this.l1
    const [operator, staker] = this.#pick([...this.pairs.values()])
    const [shares] = l1.read(l1.stakes, 'stakeOf', operator, staker) as readonly [bigint, bigint]
    const part = (shares * BigInt(1 + this.#rng.below(100))) / 100n
    // What an operator put in itself stays: it is what others are punished with.
    if (part === 0n || operator === staker) return false
    const { events } = l1.send(l1.stakes, 'unstake', [operator, part], staker)
    const exit = events[0]?.args ?? {}
    // Of a pool that lost all, nothing leaves.
    if (exit['assets'] === 0n) return true
    const epoch = Number(exit['exitEpoch'])
    this.#exits = [...this.#exits, { operator, epoch, staker }]
    this.exitEpochs.set(`${operator}/${epoch}`, [operator, epoch])
    return true
  }

  #withdraw(): boolean {
    const exit = this.#pickOr(this.#exits)
    if (exit === undefined) return false
    const { operator, epoch, staker } = exit
    this.l1.send(this.l1.stakes, 'withdraw', [operator, epoch], staker)
    const isSame = (each: Exit) =>
      each.operator === operator && each.epoch === epoch && each.staker === staker
    this.#exits = this.#exits.filter((each) => !isSame(each))
    return true
  }

  #collect(): boolean {
    const pair = this.#pickOr(this.#earners())
    if (pair === undefined) return false
    this.l1.send(this.l1.stakes, 'collect', pair)
    return true
  }

  #compound(): boolean {
    const pair = this.#pickOr(this.#earners())
    if (pair === undefined) return false
    const [operator, staker] = pair
    this.l1.send(this.l1.stakes, 'compound', [operator], staker)
    return true
  }

  /** Some that have something to collect, and with whom. */
  #earners(): readonly (readonly [operator: Hex, staker: Hex])[] {
    const { l1 } = this
    const all = [...this.pairs.values()]
    const some = Array.from({ length: earnersAsked }, () => this.#pick(all))
    return some.filter((pair) => l1.read(l1.stakes, 'earnedOf', ...pair) !== 0n)
  }

  #commission(): boolean {
    const { address } = this.#pick(this.operators)
    this.l1.send(this.l1.stakes, 'setCommission', [this.#rng.below(10_001)], address)
    return true
  }

  #join(): boolean {
    const ids = networkIds.filter((id) => this.networks?.[id]?.lastHeight === undefined)
    return this.#came(this.#operators.join(ids))
  }

  #came(operator: Hex | undefined): boolean {
    if (operator === undefined) return false
    this.pairs.set(`${operator}/own`, [operator, operator])
    return true
  }

  #accuse(report: Report | undefined): boolean {
    if (report === undefined) return false
    this.#burning(() => this.#sendOnce({ contract: this.l1.slashing, ...report }))
    return true
  }

  #execute(): boolean {
    const number = this.#pickOr(this.#deferrals)
    if (number === undefined) return false
    const call = { contract: this.l1.slashing, name: 'execute', args: [number] }
    this.#burning(() => this.#sendOnce(call))
    this.#deferrals = this.#deferrals.filter((each) => each !== number)
    return true
  }

  #deposit(): boolean {
    const { id } = this.#alive()
    const args = [id, this.#pick(stakers), this.#tokens(90)]
    this.l1.send(this.l1.bridge, 'deposit', args)
    return true
  }

  /** Tokens leave a network: of what an account holds, or of nothing. */
  #burn(): boolean {
    const network = this.#alive()
    const kind = this.#pick(['withdraw', 'transfer', 'reward', 'reward'] as const)
    const from = kind === 'reward' ? rewardHub : this.#pick(stakers)
    const value = this.#partOf(network, from)
    if (value === undefined) return false
    const to = this.#pick(stakers)
    const isStray = kind === 'transfer' && this.#rng.chance(0.5)
    const others = networkIds.filter((id) => id !== network.id)
    const target = this.#pick(isStray ? nowhere : others)
    const operator = this.#pick(this.operators).address
    const args = { withdraw: [to], transfer: [target, to], reward: [operator] }
    const index = network.leave({ kind, from }, args[kind], value)
    if (isStray) network.strays.add(index)
    return true
  }

  #fee(): boolean {
    const network = this.#alive()
    const from = this.#pick(stakers)
    const value = this.#partOf(network, from)
    if (value === undefined || !network.isHonest) return false
    network.burnFee(from, value / 100n)
    return true
  }

  /** What an account may spend, in whole gwei; of a corrupt network anything. */
  #partOf(network: LedgerNetwork, account: Hex): bigint | undefined {
    const most = this.#tokens(90)
    if (!network.isHonest) return most
    const balance = network.balanceOf(account)
    const value = most < balance ? most : balance - (balance % 10n ** 9n)
    return value === 0n ? undefined : value
  }

  async #certify(network: LedgerNetwork): Promise<boolean> {
    const args = await network.bring(this.operators)
    this.#sendOnce({ contract: this.l1.oracle, name: 'submit', args })
    await network.sync()
    return true
  }

  /** Of a stray, whom it was for MUST have all of it on L1. */
  #claim(open: (network: LedgerNetwork) => readonly number[]): boolean {
    const network = this.#pickOr(this.networks.filter((each) => open(each).length > 0))
    if (network === undefined) return false
    const index = this.#pick(open(network))
    const args = network.claimArgs(index)
    const call = { contract: this.l1.bridge, name: 'claim', args }
    const { amount, to } = args[1] as OutboxEntry
    const before = this.l1.balanceOf(to)
    try {
      this.l1.send(call.contract, call.name, args)
    } catch (error) {
      const isBeyond =
        error instanceof ContractRevertError && error.errorName === 'BeyondOutstanding'
      // An honest network has what it lets out.
      if (!isBeyond || network.isHonest) throw error
      return false
    }
    // Else it was announced.
    if (!network.claimed.has(index)) return true
    this.#remember(call)
    if (network.strays.has(index)) assert.equal(this.l1.balanceOf(to) - before, amount, 'a stray')
    return true
  }

  #grant(): boolean {
    const close = this.#pickOr(this.#closes)
    if (close === undefined) return false
    this.#closes = this.#closes.filter((each) => each !== close)
    const [id] = close
    const isOver = this.networks[id]?.lastHeight !== undefined
    const { emission } = this.l1
    if (isOver || this.l1.read(emission, 'networkGrant', ...close) === 0n) return false
    this.#sendOnce({ contract: emission, name: 'grantNetwork', args: close })
    return true
  }

  #close(): boolean {
    const close = this.#pickOr(this.#unpaidCloses)
    if (close === undefined) return false
    this.#unpaidCloses = this.#unpaidCloses.filter((each) => each !== close)
    this.#sendOnce({ contract: this.l1.emission, name: 'payClose', args: close })
    return true
  }

  /** A network brings its last block, and is silent for ever. */
  async #bury(): Promise<boolean> {
    const l1 = this.l1
    const network = this.networks[mortalId] as LedgerNetwork
    // Some credits never arrive.
    l1.send(l1.bridge, 'deposit', [mortalId, this.#pick(stakers), this.#tokens(90)])
    await this.#certify(network)
    network.lastHeight = network.world.height
    for (const staker of stakers) {
      l1.send(l1.bridge, 'deposit', [mortalId, staker, this.#tokens(90)])
    }
    // The others go on meanwhile, however long they were silent before.
    for (const seconds of [0, l1.deadAfterSeconds / 2]) {
      l1.world.advance(seconds)
      for (const each of this.networks) if (each !== network) await this.#certify(each)
    }
    l1.outlive(mortalId)
    this.#sendOnce({ contract: l1.oracle, name: 'declareDead', args: [mortalId] })
    return true
  }

  #refund(): boolean {
    const network = this.networks[mortalId] as LedgerNetwork
    if (network.lastHeight === undefined) return false
    const index = this.#pickOr(network.stranded())
    if (index === undefined) return false
    const args = network.refundArgs(index)
    this.#sendOnce({ contract: this.l1.bridge, name: 'refund', args })
    return true
  }

  async #exit(): Promise<boolean> {
    const network = this.networks[mortalId] as LedgerNetwork
    const account = this.#pick(stakers)
    // Of who never held anything its last block holds no account.
    const isThere = network.balanceOf(account) > 0n && !network.exited.has(account)
    if (network.lastHeight === undefined || !isThere) return false
    const args = await network.exitArgs(account)
    this.#sendOnce({ contract: this.l1.bridge, name: 'exit', args })
    return true
  }

  /** Does again what was done, by another, or to another network: MUST be refused. */
  #replay(): boolean {
    const names = [...new Set(this.#once.map((call) => call.name))]
    // Each kind of call once before any comes a second time.
    const fresh = names.filter((each) => !this.#replayed.has(each))
    const drawn = this.#pickOr(fresh.length > 0 ? fresh : names)
    if (drawn === undefined) return false
    this.#replayed.add(drawn)
    const { contract, name, args } = this.#pick(this.#once.filter((call) => call.name === drawn))
    const isOfOne = ['claim', 'reportDataVotes'].includes(name)
    const isForeign = isOfOne && this.#rng.chance(0.3)
    const sent = isForeign ? args.with(0, (Number(args[0]) + 1) % networkIds.length) : args
    try {
      this.#burning(() => this.l1.send(contract, name, sent, stranger))
    } catch (error) {
      if (!(error instanceof ContractRevertError)) throw error
      const allowed = replayRefusals[name] ?? []
      assert.ok(allowed.includes(error.errorName), `${name} again: ${error.message}`)
      return true
    }
    assert.fail(`${name} was taken again: ${args.map(String).join(', ').slice(0, 200)}`)
  }

  #sendOnce(call: OnceCall): Sent {
    const sent = this.l1.send(call.contract, call.name, call.args)
    this.#remember(call)
    return sent
  }

  #remember(call: OnceCall): void {
    this.#once = [...this.#once, call].slice(-replaysMax)
  }

  /** Counts what a slash burns. */
  #burning(act: () => unknown): void {
    const { token } = this.l1
    const before = this.l1.read(token, 'totalSupply') as bigint
    act()
    this.slashBurned += before - (this.l1.read(token, 'totalSupply') as bigint)
  }

  #alive(): LedgerNetwork {
    return this.#pick(this.networks.filter(({ lastHeight }) => lastHeight === undefined))
  }

  /** In whole thousandths of a token. */
  #tokens(most: number): bigint {
    return BigInt(1 + this.#rng.below(most * 1_000)) * 10n ** 15n
  }

  #pick<value>(values: readonly value[]): value {
    return values[this.#rng.below(values.length)] as value
  }

  #pickOr<value>(values: readonly value[]): value | undefined {
    return values.length === 0 ? undefined : this.#pick(values)
  }
}
