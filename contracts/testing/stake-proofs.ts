/**
 * Proofs of what L1 keeps of stake and finality, as `StakeProof.sol` takes them, from the tries of
 * an L1 world.
 */

import { bigintToBytes, bytesToBigint, concat, keccak256 } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import type { L1World } from './l1-world.ts'
import type { StateTries } from './state-tries.ts'

/** SET_POINTS of ValidatorSets. */
const setPoints = 64n
/** Words of a network there: epochs, what it was opened with, hash and root of its genesis. */
const networkWords = 4

export type StakeProofs = {
  readonly network: (id: number) => Promise<object>
  /** Of the point that holds in an epoch, or of another. */
  readonly set: (id: number, epoch: number, number?: number) => Promise<object>
  readonly weight: (id: number, operator: Hex) => Promise<object>
  /** Of the newest key, or of the one before it. */
  readonly key: (operator: Hex, which?: 'newest' | 'earlier') => Promise<object>
  /** Of an operator with a proof of its key, as `StakeProof.operatorAt` takes it. */
  readonly operator: (operator: Hex, key: object) => Promise<object>
  readonly final: (id: number) => Promise<object>
}

export function stakeProofsOf(l1: L1World, tries: StateTries): StakeProofs {
  const registry = l1.networks.address
  const operators = l1.operators.address
  const oracle = l1.oracle.address
  const prove = (address: Hex, first: bigint, count: number) =>
    Promise.all(
      Array.from({ length: count }, (_, index) => tries.slotProof(address, first + BigInt(index))),
    )
  return {
    network: async (id) => {
      const [epochs, , genesisHash, genesisRoot] = await prove(
        registry,
        mapped(BigInt(id), 0n),
        networkWords,
      )
      return { account: await tries.accountProof(registry), epochs, genesisHash, genesisRoot }
    },
    set: async (id, epoch, named) => {
      const ring = mapped(BigInt(id), 1n)
      const count = tries.word(registry, ring) & (2n ** 64n - 1n)
      const placeOf = (number: bigint): bigint => ring + 1n + (number % setPoints) * 4n
      const fromOf = (number: bigint): bigint =>
        tries.word(registry, placeOf(number)) & (2n ** 64n - 1n)
      let number = count - 1n
      while (number > 0n && fromOf(number) > BigInt(epoch)) number--
      if (named !== undefined) number = BigInt(named)
      const [head, ...key] = await prove(registry, placeOf(number), 4)
      const next = number + 1n < count ? await tries.slotProof(registry, placeOf(number + 1n)) : []
      const [length] = await prove(registry, ring, 1)
      const account = await tries.accountProof(registry)
      const epochs = await tries.slotProof(registry, mapped(BigInt(id), 0n))
      return { account, epochs, count: length, number, head, key, next }
    },
    weight: async (id, operator) => {
      const place = mapped(BigInt(operator), mapped(BigInt(id), 3n))
      return {
        registry: await tries.accountProof(registry),
        stint: await tries.slotProof(registry, place),
        operators: await tries.accountProof(operators),
        latest: await tries.slotProof(operators, mapped(BigInt(operator), 1n)),
      }
    },
    key: async (operator, which = 'newest') => {
      if (which === 'newest') {
        const key = await prove(operators, mapped(BigInt(operator), 2n), 3)
        return { key, earlierCount: [], earlierFrom: [] }
      }
      const list = mapped(BigInt(operator), 3n)
      const count = tries.word(operators, list)
      const first = bytesToBigint(keccak256(bigintToBytes(list, 32))) + (count - 1n) * 4n
      const [earlierFrom, ...key] = await prove(operators, first, 4)
      return { key, earlierCount: await tries.slotProof(operators, list), earlierFrom }
    },
    operator: async (operator, key) => ({
      account: await tries.accountProof(operators),
      latest: await tries.slotProof(operators, mapped(BigInt(operator), 1n)),
      key,
    }),
    final: async (id) => {
      const [head, ...roots] = await prove(oracle, mapped(BigInt(id), 0n), 4)
      return { account: await tries.accountProof(oracle), head, roots }
    },
  }
}

/** Slot of a mapping's value. */
export function mappingSlot({ key, position }: { key: bigint; position: bigint }): bigint {
  return bytesToBigint(keccak256(concat(bigintToBytes(key, 32), bigintToBytes(position, 32))))
}

function mapped(key: bigint, position: bigint): bigint {
  return mappingSlot({ key, position })
}
