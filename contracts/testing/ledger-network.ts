/**
 * A network with books: what lives on it, what is on its way there, and what left it.
 *
 *     credits    told by Inbox ─► paid out in their order ─► balances of accounts
 *     entries    balances ─► Outbox ─► claimed on L1
 *
 * An honest one pays out credits alone, and lets out what its accounts hold: so
 *
 *     balances + credits under way + entries not claimed + fees = outstanding
 *
 * A corrupt one lets out what nobody ever had there.
 */

import { bigintToBytes, concat, fromHex, sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { somebody } from './contract-world.ts'
import { siblingsOf } from './history.ts'
import type { L1World } from './l1-world.ts'
import { NetworkWorld } from './network-world.ts'
import type { TestOperator } from './stake-world.ts'

/** Who holds rewards on a network. */
export const rewardHub: Hex = '0x0000000000000000000000000000000000002001'

/** Consensus pays out so many credits in a block, at most. */
const creditsPerBlockMax = 16

const weiPerGwei = 10n ** 9n

type Credit = { readonly to: Hex; readonly amountGwei: bigint }

export type Leave = { readonly kind: 'withdraw' | 'transfer' | 'reward'; readonly from: Hex }

export class LedgerNetwork {
  readonly world: NetworkWorld
  readonly id: number
  readonly isHonest: boolean
  readonly #l1: L1World
  readonly #holders: readonly Hex[]
  readonly #credits: Credit[] = []
  /** Amounts of entries, in wei, and those that L1 paid out, by index. */
  readonly #entries: bigint[] = []
  readonly claimed = new Set<number>()
  /** Entries that go where no network takes tokens. */
  readonly strays = new Set<number>()
  readonly refunded = new Set<number>()
  readonly exited = new Set<Hex>()
  #creditNext = 0
  #feesWei = 0n
  /** Entries under the newest root that L1 knows. */
  #syncedCount = 0
  /** Its last block, once it is silent for ever. */
  lastHeight: number | undefined

  constructor(
    l1: L1World,
    options: {
      readonly id: number
      readonly isHonest: boolean
      readonly members: readonly TestOperator[]
      /** Whose balances are all that lives there, beside RewardHub's. */
      readonly holders: readonly Hex[]
      /** Of each holder, in wei. */
      readonly genesisWei?: bigint
    },
  ) {
    const { id, isHonest, members, holders, genesisWei = 0n } = options
    this.#l1 = l1
    this.id = id
    this.isHonest = isHonest
    this.#holders = [...holders, rewardHub]
    this.world = new NetworkWorld(l1, id, members)
    if (genesisWei > 0n) for (const holder of holders) this.world.world.pay(holder, genesisWei)
    l1.world.watch(l1.inbox, ({ name, args }) => {
      if (name === 'Credited' && args['id'] === id) this.#credits.push(args as Credit)
    })
  }

  /** Pays out the next credits; says whether there were any. */
  payOut(): boolean {
    const due = this.#credits.slice(this.#creditNext, this.#creditNext + creditsPerBlockMax)
    for (const { to, amountGwei } of due) this.world.world.pay(to, amountGwei * weiPerGwei)
    this.#creditNext += due.length
    return due.length > 0
  }

  /** What an account holds, as a block would say. */
  balanceOf(account: Hex): bigint {
    return this.world.world.balanceOf(account)
  }

  /** Lets tokens out by the Outbox; returns the index of the entry. */
  leave({ kind, from }: Leave, args: readonly unknown[], value: bigint): number {
    if (!this.isHonest && kind === 'reward') this.world.world.pay(rewardHub, value)
    const payer = this.isHonest || kind === 'reward' ? from : somebody
    const index = this.world.send(kind, args, { from: payer, value })
    this.#entries.push(value)
    return index
  }

  /** Burns a fee. */
  burnFee(from: Hex, value: bigint): void {
    // Who is not among the holders stands for nobody.
    const message = { from: BigInt(from), to: BigInt(somebody), value, data: new Uint8Array(0) }
    this.world.world.execute(message)
    this.#feesWei += value
  }

  /** Brings a block with all of this to L1, signed by the set of its epoch. */
  async bring(operators: readonly TestOperator[]): Promise<readonly unknown[]> {
    const l1 = this.#l1
    const known = l1.read(l1.oracle, 'finalOf', this.id) as { epoch: bigint; nextEpoch: bigint }
    const epoch = known.nextEpoch === 0n ? known.epoch : known.nextEpoch
    const current = BigInt(l1.epoch)
    await this.world.seal({ epoch, creditNext: BigInt(this.#creditNext) })
    const members = operators.filter(({ address }) => this.isMember(address, epoch))
    // An epoch that is over is closed.
    const nextEpoch = current > epoch ? current : 0n
    const certificate = this.world.certificate({ members, nextEpoch })
    const { height } = l1.read(l1.oracle, 'finalOf', this.id) as { height: bigint }
    return [this.id, certificate, this.world.siblings(Number(height))]
  }

  /** Has L1 know all entries so far. */
  async sync(): Promise<void> {
    // An Outbox that holds nothing has no root to prove.
    if (this.#entries.length === 0) return
    this.#l1.send(this.#l1.bridge, 'sync', await this.world.syncArgs())
    this.#syncedCount = this.#entries.length
  }

  isMember(operator: Hex, epoch: bigint): boolean {
    const { networks, operators } = this.#l1
    const isIn = this.#l1.read(networks, 'isMember', this.id, operator, epoch) === true
    return isIn && this.#l1.read(operators, 'weightAt', operator, epoch) !== 0n
  }

  /** Entries that L1 may pay out, by index. */
  open(): readonly number[] {
    const indexes = Array.from({ length: this.#syncedCount }, (_, index) => index)
    return indexes.filter((index) => !this.claimed.has(index))
  }

  openStrays(): readonly number[] {
    return this.open().filter((index) => this.strays.has(index))
  }

  claimArgs(index: number): readonly unknown[] {
    return this.world.claimArgs(index, this.#syncedCount)
  }

  /** Credits that its last block never paid out, by index. */
  stranded(): readonly number[] {
    const indexes = this.#credits.map((_, index) => index).slice(this.#creditNext)
    return indexes.filter((index) => !this.refunded.has(index))
  }

  refundArgs(index: number): readonly unknown[] {
    const leaves = this.#credits.map(({ to, amountGwei }) =>
      sha256(concat(fromHex(to), bigintToBytes(amountGwei, 8))),
    )
    const { to, amountGwei } = this.#credits[index] as Credit
    const siblings = siblingsOf(leaves, index).map(toHex)
    const next = this.world.creditNextProof(this.lastHeight as number)
    return [this.id, index, to, amountGwei, siblings, this.#creditNext, next]
  }

  async exitArgs(account: Hex): Promise<readonly unknown[]> {
    const height = this.lastHeight as number
    const state = this.world.stateProof(height)
    return [this.id, account, '0x', state, await this.world.accountProof(height, account)]
  }

  /** All that is there, comes there or left it and was not paid out, with the fees: in wei. */
  get books(): { readonly held: bigint; readonly fees: bigint } {
    const balances = this.#holders
      .filter((holder) => !this.exited.has(holder))
      .map((holder) => this.balanceOf(holder))
    const underWay = this.#credits
      .map(({ amountGwei }) => amountGwei * weiPerGwei)
      .filter((_, index) => index >= this.#creditNext && !this.refunded.has(index))
    const unclaimed = this.#entries.filter((_, index) => !this.claimed.has(index))
    const held = [...balances, ...underWay, ...unclaimed].reduce((sum, each) => sum + each, 0n)
    return { held, fees: this.#feesWei }
  }

  /** Of all credits that ever were, in wei. */
  get creditedWei(): bigint {
    return this.#credits.reduce((sum, { amountGwei }) => sum + amountGwei * weiPerGwei, 0n)
  }
}
