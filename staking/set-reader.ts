/**
 * Reads the validator set of a network and an epoch out of L1's state: the members in the order in
 * which bitmaps count, each with the key and weight that hold in that epoch (docs/specs/stake.md
 * §2, §3). It follows NetworkRegistry and OperatorRegistry slot by slot, as their own views do.
 */

import { publicKeyOfWords } from '@zg/contracts'
import { validatorCountMax, validatorSet } from '@zg/consensus'
import type { ValidatorEntry, ValidatorSet } from '@zg/consensus'
import { ZgError } from '@zg/primitives'

import {
  arraySlot,
  checkpointOf,
  keyWordCount,
  latestOf,
  layout,
  lifeOf,
  mappingSlot,
  periodWordCount,
  stintOf,
} from './l1-layout.ts'
import type { Latest, Stint } from './l1-layout.ts'
import { addressOf, addressWord } from './proved-state.ts'
import type { ProvedState } from './proved-state.ts'

/** Members a network ever had that are read: of them at most `validatorCountMax` have weight. */
const membersMax = 4 * validatorCountMax

/** Earlier stints, keys or weights of one operator that are looked through. */
const earlierMax = 64

export type StakeContracts = {
  readonly networkRegistry: bigint
  readonly operatorRegistry: bigint
}

/** One member, before it is known whether it stands in the set. */
type Member = { readonly operator: Uint8Array; readonly stint: Stint; readonly latest: Latest }

/**
 * Returns the set of an epoch; undefined when nobody has weight in it, or the network had not begun
 * or is over.
 *
 * @param state - Of an L1 block in epoch - 1 or later, from which on the set does not change.
 * @throws {SetUnreadableError} `STAKING_SET_UNREADABLE`; `STAKING_L1_PROOF_INVALID`.
 */
export async function readSet(
  state: ProvedState,
  contracts: StakeContracts,
  { networkId, epoch }: { readonly networkId: number; readonly epoch: bigint },
): Promise<ValidatorSet | undefined> {
  if (!(await isAlive(state, contracts, { networkId, epoch }))) return undefined
  const members = await readMembers(state, contracts, networkId)
  const entries: ValidatorEntry[] = []
  for (const member of members) {
    const isIn = await wasIn(state, contracts, { networkId, epoch, member })
    const stake = isIn ? await weightAt(state, contracts, { epoch, member }) : 0n
    if (stake === 0n) continue
    const publicKey = await keyAt(state, contracts, { epoch, member })
    entries.push({ operator: member.operator, publicKey, stake })
  }
  return entries.length === 0 ? undefined : validatorSet(epoch, entries)
}

async function isAlive(
  state: ProvedState,
  { networkRegistry }: StakeContracts,
  { networkId, epoch }: { readonly networkId: number; readonly epoch: bigint },
): Promise<boolean> {
  const place = mappingSlot(layout.NetworkRegistry._networks, BigInt(networkId))
  const [word = 0n] = await state.read(networkRegistry, [place])
  const { firstEpoch, endEpoch } = lifeOf(word)
  const isOver = endEpoch !== 0n && epoch >= endEpoch
  return firstEpoch !== 0n && epoch >= firstEpoch && !isOver
}

async function readMembers(
  state: ProvedState,
  { networkRegistry, operatorRegistry }: StakeContracts,
  networkId: number,
): Promise<readonly Member[]> {
  const { _members, _stint } = layout.NetworkRegistry
  const place = mappingSlot(_members, BigInt(networkId))
  const [length = 0n] = await state.read(networkRegistry, [place])
  if (length > BigInt(membersMax)) throw new SetUnreadableError('it had too many members')
  const words = await state.read(networkRegistry, consecutive(arraySlot(place), length))
  const operators = words.map(addressOf)
  const stints = mappingSlot(_stint, BigInt(networkId))
  const keys = operators.map(addressWord)
  const [stintWords, latestWords] = await Promise.all([
    state.read(
      networkRegistry,
      keys.map((key) => mappingSlot(stints, key)),
    ),
    state.read(
      operatorRegistry,
      keys.map((key) => mappingSlot(layout.OperatorRegistry._latest, key)),
    ),
  ])
  return operators.map((operator, index) => ({
    operator,
    stint: stintOf(stintWords[index] ?? 0n),
    latest: latestOf(latestWords[index] ?? 0n),
  }))
}

type Question = { readonly epoch: bigint; readonly member: Member }

async function wasIn(
  state: ProvedState,
  { networkRegistry }: StakeContracts,
  { networkId, epoch, member }: Question & { readonly networkId: number },
): Promise<boolean> {
  const { stint, operator } = member
  const holds = ({ fromEpoch, untilEpoch }: Stint): boolean =>
    epoch >= fromEpoch && epoch < untilEpoch
  if (epoch >= stint.fromEpoch) return holds(stint)
  const outer = mappingSlot(layout.NetworkRegistry._earlierStints, BigInt(networkId))
  const place = mappingSlot(outer, addressWord(operator))
  const earlier = await readLast(state, networkRegistry, { place, words: 1n })
  return earlier.some(([word = 0n]) => holds(stintOf(word)))
}

async function weightAt(
  state: ProvedState,
  { operatorRegistry }: StakeContracts,
  { epoch, member }: Question,
): Promise<bigint> {
  const { weightFrom, weight, weightBeforeFrom, weightBefore } = member.latest
  if (epoch >= weightFrom) return weight
  if (epoch >= weightBeforeFrom) return weightBefore
  const place = mappingSlot(layout.OperatorRegistry._earlierWeights, addressWord(member.operator))
  const earlier = await readLast(state, operatorRegistry, { place, words: 1n })
  const found = earlier.map(([word = 0n]) => checkpointOf(word)).findLast(({ key }) => key <= epoch)
  return found?.value ?? 0n
}

async function keyAt(
  state: ProvedState,
  { operatorRegistry }: StakeContracts,
  { epoch, member }: Question,
): Promise<Uint8Array> {
  const operator = addressWord(member.operator)
  if (epoch >= member.latest.keyFrom) {
    const place = mappingSlot(layout.OperatorRegistry._key, operator)
    return keyOf(await state.read(operatorRegistry, consecutive(place, keyWordCount)))
  }
  const place = mappingSlot(layout.OperatorRegistry._earlierKeys, operator)
  const periods = await readLast(state, operatorRegistry, { place, words: periodWordCount })
  const found = periods.findLast(([fromEpoch = 0n]) => fromEpoch <= epoch)
  if (found === undefined) throw new SetUnreadableError('a validator had no key in it')
  return keyOf(found.slice(1))
}

/** The last elements of an array, oldest first, each as its words. */
async function readLast(
  state: ProvedState,
  address: bigint,
  { place, words }: { readonly place: bigint; readonly words: bigint },
): Promise<readonly (readonly bigint[])[]> {
  const [length = 0n] = await state.read(address, [place])
  const count = length < BigInt(earlierMax) ? length : BigInt(earlierMax)
  const first = arraySlot(place) + (length - count) * words
  const all = await state.read(address, consecutive(first, count * words))
  const size = Number(words)
  return Array.from({ length: Number(count) }, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  )
}

function keyOf([a = 0n, b = 0n, c = 0n]: readonly bigint[]): Uint8Array {
  return publicKeyOfWords([a, b, c])
}

function consecutive(first: bigint, count: bigint): readonly bigint[] {
  return Array.from({ length: Number(count) }, (_, index) => first + BigInt(index))
}

export class SetUnreadableError extends ZgError<'STAKING_SET_UNREADABLE'> {
  constructor(problem: string) {
    super('STAKING_SET_UNREADABLE', `Cannot read the validator set: ${problem}`, { problem })
  }
}
