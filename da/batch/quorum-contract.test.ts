import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ContractWorld } from '@zg/contracts/testing'
import { bigintToBytes, keccak256, toHex } from '@zg/primitives'
import fc from 'fast-check'

import { drawQuorum } from './quorum.ts'

const world = new ContractWorld()
const contract = world.deploy('ProofsTester')

/** Draws by the contract, and has it check the slots that are drawn here. */
function compare(votes: readonly bigint[], seed: Uint8Array, quorum: number, slots: number): void {
  const active = votes.flatMap((own, place) => (own > 0n ? [{ place, votes: own }] : []))
  const { members } = drawQuorum({ active, seed, quorum, slots })
  const args = [votes, toHex(seed), quorum]
  const found = world.read({ contract, name: 'membersOf', args })
  const [places, shares] = found as readonly (readonly bigint[])[]
  const own = members.map((member) => member.slots)
  assert.deepEqual(
    places?.map(Number),
    members.map(({ place }) => place),
  )
  world.read({ contract, name: 'checkSlots', args: [shares, own, slots] })
}

const most = 2n ** 64n - 1n
const kinds = [
  fc.constant(1n),
  fc.constant(most),
  fc.bigInt({ min: 1n, max: most }),
  fc.bigInt({ min: 1n, max: 9n }),
  fc.oneof({ weight: 1, arbitrary: fc.constant(most) }, { weight: 60, arbitrary: fc.constant(1n) }),
  fc.bigInt({ min: 0n, max: 2n }),
]

for (const count of [1, 2, 16, 99, 100, 101, 512, 513, 4_096]) {
  test(`drawQuorum: of ${count} places the contract draws the same, and takes its slots`, () => {
    for (const [kind, arbitrary] of kinds.entries()) {
      const sets = fc.sample(fc.array(arbitrary, { minLength: count, maxLength: count }), {
        numRuns: count > 512 ? 1 : 3,
        seed: count,
      })
      for (const [index, votes] of sets.entries()) {
        if (votes.every((own) => own <= 0n)) continue
        const seed = keccak256(bigintToBytes(BigInt(kind * 10_000 + index), 32))
        compare(votes, seed, index, index % 2 === 0 ? 4_096 : 3_072)
      }
    }
  })
}
