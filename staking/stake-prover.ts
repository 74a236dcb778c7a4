/**
 * What L1 says of stake, proved as a network's LightClient takes it: out of the state of the L1
 * block that a header of the network refers to (docs/specs/networks.md §3, `StakeProof.sol`).
 *
 *     network   first epoch, genesis hash and root
 *     set       the point of the ring that holds in the epoch, and the one after it
 *     weight    the stint and the two newest weights of an operator
 *     key       its newest key, or the one before
 *     operator  its weight and key in an epoch, in whatever networks it is
 *     final     the newest block that L1 knows of a network
 *
 * Every word is verified here before it is sent. A state settles the epochs up to the one after its
 * own; what it does not show any more, or not yet, is undefined, and so is a word that is zero:
 * none of these is ever proved.
 */

import { bigintToHex, bytesToBigint, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import {
  arraySlot,
  finalHeadOf,
  finalWordCount,
  keyWordCount,
  latestOf,
  layout,
  lifeOf,
  mappingSlot,
  networkOffsets,
  periodWordCount,
  pointOf,
  pointSlot,
  setPointsMax,
  stintOf,
} from './l1-layout.ts'
import type { Latest } from './l1-layout.ts'
import type { ProvedState, ProvedWords } from './proved-state.ts'
import type { StakeContracts } from './set-reader.ts'

type Nodes = readonly Hex[]

/** `StakeProof.OfWeight`. */
export type WeightProofArgs = {
  readonly registry: Nodes
  readonly stint: Nodes
  readonly operators: Nodes
  readonly latest: Nodes
}

/** From an epoch until before another, in all of which an operator has this weight. */
export type WeightSpan = {
  readonly fromEpoch: bigint
  readonly untilEpoch: bigint
  /** In gwei. */
  readonly weight: bigint
}

export type ProvedWeight = { readonly args: WeightProofArgs; readonly span: WeightSpan }

/** `StakeProof.OfOperator`, and the votes and the words of the key that it shows. */
export type ProvedOperator = {
  readonly args: object
  /** In gwei; 0 of who has nothing at stake. */
  readonly votes: bigint
  readonly key: readonly bigint[]
}

export type ProvedFinal = ReturnType<typeof finalHeadOf> & { readonly args: object }

/** Contracts of L1 that are proved from. */
export type ProvedContracts = StakeContracts & { readonly finalityOracle: bigint }

/** A member of a network in an epoch. */
export type Membership = {
  readonly id: number
  readonly epoch: bigint
  /** 20 bytes. */
  readonly operator: Uint8Array
}

export class StakeProver {
  readonly #state: ProvedState
  readonly #contracts: ProvedContracts
  /** In which the state's block lies. */
  readonly epoch: bigint

  constructor(options: {
    readonly state: ProvedState
    readonly contracts: ProvedContracts
    readonly epoch: bigint
  }) {
    this.#state = options.state
    this.#contracts = options.contracts
    this.epoch = options.epoch
  }

  /** Whether the state says all of an epoch that will ever be said of it. */
  settles(epoch: bigint): boolean {
    return epoch <= this.epoch + 1n
  }

  /** `StakeProof.OfNetwork`; undefined while the network has not begun. */
  async network(id: number): Promise<object | undefined> {
    const place = mappingSlot(layout.NetworkRegistry._networks, BigInt(id))
    const offsets = [networkOffsets.epochs, networkOffsets.genesisHash, networkOffsets.genesisRoot]
    const slots = offsets.map((offset) => place + offset)
    const proved = await this.#state.prove(this.#contracts.networkRegistry, slots)
    if (lifeOf(proved.words[0] ?? 0n).firstEpoch === 0n || hasZero(proved)) return undefined
    const { account, slots: nodes } = nodesOf(proved)
    const [epochs, genesisHash, genesisRoot] = nodes
    return { account, epochs, genesisHash, genesisRoot }
  }

  /** `StakeProof.OfSet`; undefined when there is no set in the epoch, or its point is forgotten. */
  async set(id: number, epoch: bigint): Promise<object | undefined> {
    if (!this.settles(epoch)) return undefined
    const { networkRegistry } = this.#contracts
    const life = mappingSlot(layout.NetworkRegistry._networks, BigInt(id))
    const ring = mappingSlot(layout.NetworkRegistry._sets, BigInt(id))
    const [lifeWord = 0n, countWord = 0n] = await this.#state.read(networkRegistry, [life, ring])
    const { firstEpoch, endEpoch } = lifeOf(lifeWord)
    const isAlive = firstEpoch !== 0n && epoch >= firstEpoch
    if (!isAlive || (endEpoch !== 0n && epoch >= endEpoch)) return undefined
    const count = countWord & ((1n << 64n) - 1n)
    const number = await this.#pointAt({ ring, count, epoch })
    if (number === undefined) return undefined
    const head = pointSlot(ring, number)
    const isNewest = number + 1n === count
    const slots = [life, ring, head, ...consecutive(head + 1n, keyWordCount)]
    if (!isNewest) slots.push(pointSlot(ring, number + 1n))
    const proved = await this.#state.prove(networkRegistry, slots)
    if (pointOf(proved.words[2] ?? 0n).total === 0n || hasZero(proved)) return undefined
    const { account, slots: nodes } = nodesOf(proved)
    const [epochs, length, headNodes, a, b, c, next = []] = nodes
    return { account, epochs, count: length, number, head: headNodes, key: [a, b, c], next }
  }

  /** `StakeProof.OfFinal`, and how high it shows a network; undefined while L1 knows no block. */
  async final(id: number): Promise<ProvedFinal | undefined> {
    const place = mappingSlot(layout.FinalityOracle._final, BigInt(id))
    const slots = consecutive(place, finalWordCount)
    const proved = await this.#state.prove(this.#contracts.finalityOracle, slots)
    if (hasZero(proved)) return undefined
    const { account, slots: nodes } = nodesOf(proved)
    const [head, ...roots] = nodes
    return { ...finalHeadOf(proved.words[0] ?? 0n), args: { account, head, roots } }
  }

  /** `StakeProof.OfWeight` and what it shows; undefined when the state does not show it. */
  async weight(member: Membership): Promise<ProvedWeight | undefined> {
    const found = await this.#weight(member)
    return found?.proved
  }

  /** The weight with `StakeProof.OfKey`; undefined when the state shows one of them no more. */
  async member(
    member: Membership,
  ): Promise<{ readonly weight: WeightProofArgs; readonly key: object } | undefined> {
    const found = await this.#weight(member)
    if (found === undefined) return undefined
    const key = await this.#key(member, found.latest)
    return key && { weight: found.proved.args, key: key.args }
  }

  /**
   * What an operator has in an epoch; two after the state's own, no change is for later. Undefined
   * of who never registered, and when the state shows that epoch no more.
   */
  async operator(operator: Uint8Array, epoch: bigint): Promise<ProvedOperator | undefined> {
    if (epoch > this.epoch + 2n) return undefined
    const slot = mappingSlot(layout.OperatorRegistry._latest, bytesToBigint(operator))
    const proved = await this.#state.prove(this.#contracts.operatorRegistry, [slot])
    if (hasZero(proved)) return undefined
    const latest = latestOf(proved.words[0] ?? 0n)
    const isNewest = epoch >= latest.weightFrom
    if (!isNewest && epoch < latest.weightBeforeFrom) return undefined
    const key = await this.#key({ epoch, operator }, latest)
    if (key === undefined) return undefined
    const { account, slots } = nodesOf(proved)
    return {
      args: { account, latest: slots[0] ?? [], key: key.args },
      votes: isNewest ? latest.weight : latest.weightBefore,
      key: key.words,
    }
  }

  async #pointAt({
    ring,
    count,
    epoch,
  }: {
    readonly ring: bigint
    readonly count: bigint
    readonly epoch: bigint
  }): Promise<bigint | undefined> {
    const oldest = count > setPointsMax ? count - setPointsMax : 0n
    for (let number = count - 1n; number >= oldest; number--) {
      const slot = pointSlot(ring, number)
      const [word = 0n] = await this.#state.read(this.#contracts.networkRegistry, [slot])
      if (pointOf(word).fromEpoch <= epoch) return number
    }
    return undefined
  }

  async #weight({
    id,
    epoch,
    operator,
  }: Membership): Promise<{ readonly proved: ProvedWeight; readonly latest: Latest } | undefined> {
    if (!this.settles(epoch)) return undefined
    const { networkRegistry, operatorRegistry } = this.#contracts
    const key = bytesToBigint(operator)
    const stints = mappingSlot(layout.NetworkRegistry._stint, BigInt(id))
    const [ofStint, ofLatest] = await Promise.all([
      this.#state.prove(networkRegistry, [mappingSlot(stints, key)]),
      this.#state.prove(operatorRegistry, [mappingSlot(layout.OperatorRegistry._latest, key)]),
    ])
    if (hasZero(ofStint) || hasZero(ofLatest)) return undefined
    const latest = latestOf(ofLatest.words[0] ?? 0n)
    const span = this.#spanAt(epoch, ofStint.words[0] ?? 0n, latest)
    if (span === undefined) return undefined
    const [registry, operators] = [nodesOf(ofStint), nodesOf(ofLatest)]
    const args = {
      registry: registry.account,
      stint: registry.slots[0] ?? [],
      operators: operators.account,
      latest: operators.slots[0] ?? [],
    }
    return { proved: { args, span }, latest }
  }

  /** As `StakeProof.stintAt` and `cut` do. */
  #spanAt(epoch: bigint, stintWord: bigint, latest: Latest): WeightSpan | undefined {
    const stint = stintOf(stintWord)
    const settledUntil = this.epoch + 2n
    let untilEpoch = least(stint.untilEpoch, settledUntil)
    if (epoch < stint.fromEpoch || epoch >= untilEpoch) return undefined
    let { weight, weightFrom } = latest
    if (epoch < weightFrom) {
      untilEpoch = least(untilEpoch, weightFrom)
      weight = latest.weightBefore
      weightFrom = latest.weightBeforeFrom
    }
    if (epoch < weightFrom || weight === 0n) return undefined
    const fromEpoch = weightFrom > stint.fromEpoch ? weightFrom : stint.fromEpoch
    return { fromEpoch, untilEpoch, weight }
  }

  async #key(
    { epoch, operator }: Pick<Membership, 'epoch' | 'operator'>,
    latest: Latest,
  ): Promise<{ readonly args: object; readonly words: readonly bigint[] } | undefined> {
    const { operatorRegistry } = this.#contracts
    const name = bytesToBigint(operator)
    if (epoch >= latest.keyFrom) {
      const place = mappingSlot(layout.OperatorRegistry._key, name)
      const proved = await this.#state.prove(operatorRegistry, consecutive(place, keyWordCount))
      if (hasZero(proved)) return undefined
      const args = { key: nodesOf(proved).slots, earlierCount: [], earlierFrom: [] }
      return { args, words: proved.words }
    }
    const list = mappingSlot(layout.OperatorRegistry._earlierKeys, name)
    const [count = 0n] = await this.#state.read(operatorRegistry, [list])
    if (count === 0n) return undefined
    const first = arraySlot(list) + (count - 1n) * periodWordCount
    const slots = [list, ...consecutive(first, periodWordCount)]
    const proved = await this.#state.prove(operatorRegistry, slots)
    if ((proved.words[1] ?? 0n) > epoch || hasZero(proved)) return undefined
    const [earlierCount, earlierFrom, ...key] = nodesOf(proved).slots
    return { args: { key, earlierCount, earlierFrom }, words: proved.words.slice(2) }
  }
}

/** An operator as contracts take it. */
export function operatorArg(operator: Uint8Array): Hex {
  return bigintToHex(bytesToBigint(operator), 20)
}

function nodesOf({ proof }: ProvedWords): { readonly account: Nodes; readonly slots: Nodes[] } {
  return { account: proof.account.map(toHex), slots: proof.slots.map((nodes) => nodes.map(toHex)) }
}

function hasZero({ words }: ProvedWords): boolean {
  return words.some((word) => word === 0n)
}

function consecutive(first: bigint, count: bigint): readonly bigint[] {
  return Array.from({ length: Number(count) }, (_, index) => first + BigInt(index))
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
