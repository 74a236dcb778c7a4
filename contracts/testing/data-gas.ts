/**
 * What data availability costs, every slot cold: for the bench `gas`. Signers of equal votes.
 *
 * `data_open_*` writes a quorum of so many members down; the dearest is drawn of 2,048 places whose
 * votes all change just then. `data_certify_*` is the whole transaction that records a batch,
 * `data_claim_gas` pays a member.
 */

import type { Hex } from '@zg/primitives'
import { toHex } from '@zg/primitives'

import { dataOperator, DataWorld, testBatch } from './data-world.ts'
import type { TestOperator } from './stake-world.ts'
import { mappingSlot } from './stake-proofs.ts'
import { storageLayoutOf } from './storage-layout.ts'

const disperser: Hex = toHex(new Uint8Array(20).fill(0xd1))
const placesMax = 2_048

/** Measures each. */
export function measureData(): Record<string, number> {
  return { ...measureQuorum(16, 5), ...measureQuorum(512, 170), ...measureDraw() }
}

/** With so many members, of whom some are absent. */
function measureQuorum(count: number, absentCount: number): Record<string, number> {
  const data = new DataWorld({ quorumCount: 1 })
  const members = Array.from({ length: count }, (_, index) => dataOperator(index))
  data.deposit(disperser, 10n ** 18n)
  const joined = settle(data, members)
  const { epoch } = data
  const opened = Number(data.open(epoch, 0).gasUsed)
  const absent = Array.from({ length: absentCount }, (_, index) => index)
  const certify = (sequence: number, missing: readonly number[]): number => {
    const batch = testBatch({ epoch, disperser, sequence })
    return Number(data.certify(data.certificate(batch, { members, absent: missing })).gasUsed)
  }
  // The first of a quorum writes words that were zero.
  certify(0, [])
  const all = certify(1, [])
  certify(2, absent)
  const some = certify(3, absent)
  data.passEpochs(3)
  const claimed = data.send(data.entrance, 'claim', [epoch, 0, count - 1])
  const of = `${count}_members`
  return {
    [`data_open_${of}_gas`]: opened,
    [`data_certify_${of}_gas`]: all,
    [`data_certify_${of}_${absentCount}_absent_gas`]: some,
    ...(count === 16 ? { data_join_gas: joined, data_claim_gas: Number(claimed.gasUsed) } : {}),
  }
}

/** Registers, bonds and places them; returns what the last one's joining took. */
function settle(data: DataWorld, members: readonly TestOperator[]): number {
  let joined = 0
  for (const [place, operator] of members.entries()) {
    data.register(operator)
    data.bond(operator, 100n)
    joined = Number(data.join(operator, place).gasUsed)
  }
  data.passEpochs(2)
  return joined
}

/** A quorum drawn of all places there can be. */
export function measureDraw(): Record<string, number> {
  const data = new DataWorld({ quorumCount: 1 })
  fillPlaces(data, placesMax, () => 100n)
  return { data_open_of_2048_places_gas: Number(data.open(data.epoch, 0).gasUsed) }
}

type Filling = {
  /** They stand in the first places, with their own keys. */
  readonly operators?: readonly TestOperator[]
  /** Whether the votes of all change now. */
  readonly areChanging?: boolean
}

/** Has places up to so many be filled: by some operators, and all others by copies of the first. */
export function fillPlaces(
  data: DataWorld,
  count: number,
  votesOf: (place: number) => bigint,
  { operators = [dataOperator(1)], areChanging = true }: Filling = {},
): void {
  data.settle(
    operators,
    operators.map((_, place) => votesOf(place)),
  )
  const { variables } = storageLayoutOf('DataSigners')
  const signers = BigInt(data.signers.address)
  const { world } = data
  const slotOf = (name: string, ...keys: readonly number[]): bigint =>
    keys.reduce(
      (position, key) => mappingSlot({ key: BigInt(key), position }),
      variables.get(name) ?? 0n,
    )
  const kept = [0n, 1n, 2n, 3n, 4n].map((word) => {
    return world.slotOf(signers, slotOf('_places', 0) + word)
  })
  // Votes are the low end of the second word.
  const wordOf = (place: number, word: number, value: bigint): bigint =>
    word === 1 ? ((value >> 64n) << 64n) | votesOf(place) : value
  const newestOf = (word: number): bigint =>
    range(4)
      .filter((index) => 4 * word + index < count)
      .reduce((sum, index) => sum | (votesOf(4 * word + index) << BigInt(64 * index)), 0n)
  const copies = range(count).slice(operators.length)
  const changing = areChanging ? range(Math.ceil(count / 256)) : []
  const { slots = [] } = world.accounts().find(({ address }) => address === signers) ?? {}
  world.place({
    address: signers,
    code: world.codeOf(signers),
    storage: [
      ...slots,
      ...copies.flatMap((place) =>
        kept.map((value, word) => {
          return [slotOf('_places', place) + BigInt(word), wordOf(place, word, value)] as const
        }),
      ),
      ...range(Math.ceil(count / 4)).map((word) => {
        return [slotOf('_newest', word), newestOf(word)] as const
      }),
      ...changing.map((word) => {
        return [slotOf('_changing', data.epoch + 2, word), 2n ** 256n - 1n] as const
      }),
      [slotOf('placeCount'), BigInt(count)],
    ],
  })
}

function range(size: number): readonly number[] {
  return Array.from({ length: size }, (_, index) => index)
}
