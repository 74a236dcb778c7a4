/**
 * Random scenarios: a few accounts with random code, a block, and some transactions of all kinds.
 */

import { addressOfSecretKey, bytesToBigint, keccak256 } from '@zg/primitives'

import type { Allocation } from '@zg/state'
import type { BlockEnvironment } from '../block-environment.ts'
import { delegationTo } from '../code.ts'
import { createdAddress } from '../create-instructions.ts'
import { atLeast, blobParametersDefault } from '../fork.ts'
import type { Fork } from '../fork.ts'
import { encodeTransaction, signAuthorization, signTransaction } from '../transaction-codec.ts'
import type { AccessListEntry, Authorization, UnsignedTransaction } from '../transaction.ts'
import { Random } from './random.ts'
import { randomCode, randomInitCode } from './random-code.ts'
import type { CodeWorld } from './random-code.ts'

/** A state, a block and signed transactions on them. */
export type Scenario = {
  readonly fork: Fork
  readonly allocations: readonly Allocation[]
  readonly block: BlockEnvironment
  readonly transactions: readonly Uint8Array[]
}

type Key = { readonly secretKey: Uint8Array; readonly address: bigint }

type World = CodeWorld & { readonly keys: readonly Key[]; readonly nonces: Map<bigint, bigint> }

const keyCount = 4
const contractCount = 5
const keys: readonly Key[] = Array.from({ length: keyCount }, (_, index) => {
  const secretKey = keccak256(Uint8Array.of(index))
  return { secretKey, address: bytesToBigint(addressOfSecretKey(secretKey)) }
})

const contracts = Array.from({ length: contractCount }, (_, index) => 0xc0de00n + BigInt(index))
/** Without the pairings, which take the peer milliseconds, and KZG, which it has not. */
const precompiles = [1n, 2n, 3n, 4n, 5n, 6n, 7n, 9n, 0x100n]

/** Returns the scenario of a seed. */
export function randomScenario(seed: number, fork: Fork): Scenario {
  const random = new Random(seed)
  const addresses = [
    ...contracts,
    ...contracts,
    ...keys.map((key) => key.address),
    ...precompiles,
    ...(atLeast(fork, 'prague') ? [0x0bn, 0x0dn] : []),
    createdAddress(contracts[0] as bigint, 1n),
    createdAddress((keys[0] as Key).address, 0n),
    0xdeadn,
    0xc01n,
  ]
  const world: World = { random, fork, contracts, addresses, keys, nonces: new Map() }
  const allocations = [...keyAllocations(world), ...contractAllocations(world)]
  const count = 1 + random.below(3)
  const transactions = Array.from({ length: count }, () => randomTransaction(world))
  return { fork, allocations, block: randomBlock(world), transactions }
}

function keyAllocations({ random, fork }: World): Allocation[] {
  return keys.map(({ address }) => {
    const isDelegating = atLeast(fork, 'prague') && random.chance(30)
    const code = isDelegating ? delegationTo(random.pick(contracts)) : new Uint8Array(0)
    return { address, nonce: 0n, balance: 10n ** 18n, code, storage: [] }
  })
}

function contractAllocations(world: World): Allocation[] {
  const { random } = world
  return contracts.map((address) => ({
    address,
    nonce: 1n,
    balance: BigInt(random.below(3)) * 1000n,
    code: randomCode(world),
    storage: [0n, 1n, 2n, 3n]
      .filter(() => random.chance(50))
      .map((slot) => [slot, BigInt(1 + random.below(3))] as const),
  }))
}

function randomBlock({ random, fork }: World): BlockEnvironment {
  return {
    fork,
    chainId: 1n,
    coinbase: random.chance(90) ? 0xc01n : (contracts[0] as bigint),
    number: 1000n,
    timestamp: 1_800_000_000n,
    gasLimit: 30_000_000n,
    prevRandao: random.word(),
    baseFeePerGas: 7n,
    blobBaseFee: 1n,
    blobCountMax: blobParametersDefault[fork].max,
    blockHash: (number) => keccak256(new TextEncoder().encode(String(number))),
  }
}

function randomTransaction(world: World): Uint8Array {
  const { random } = world
  const key = random.pick(keys)
  const nonce = world.nonces.get(key.address) ?? 0n
  world.nonces.set(key.address, nonce + 1n)
  const isCreate = random.chance(12)
  const recipient = random.below(10)
  const to =
    recipient < 7
      ? random.pick(contracts)
      : recipient < 9
        ? random.pick(keys).address
        : random.pick(world.addresses)
  const types = atLeast(world.fork, 'prague') ? [0, 1, 2, 2, 3, 4, 4] : [0, 1, 2, 2, 3]
  const type = random.pick(types)
  const common = {
    nonce: random.chance(2) ? nonce + 1n : nonce,
    gasLimit: BigInt(random.chance(88) ? 1_000_000 : 21_000 + random.below(200_000)),
    value: random.chance(70) ? 0n : BigInt(random.below(5000)),
    data: isCreate ? randomInitCode(world) : random.bytes(random.below(200)),
  }
  const fees = {
    chainId: 1n,
    maxFeePerGas: BigInt(7 + random.below(20)),
    maxPriorityFeePerGas: BigInt(random.below(6)),
    accessList: random.chance(40) ? [] : randomAccessList(world),
  }
  const target = isCreate ? undefined : to
  const unsigned: UnsignedTransaction =
    type === 0
      ? { type, ...common, to: target, chainId: random.chance(50) ? 1n : undefined, gasPrice: 9n }
      : type === 1
        ? { type, ...common, to: target, chainId: 1n, gasPrice: 9n, accessList: fees.accessList }
        : type === 2
          ? { type, ...common, ...fees, to: target }
          : type === 3
            ? { type, ...common, ...fees, to, maxFeePerBlobGas: 5n, ...randomBlobs(world) }
            : { type: 4, ...common, ...fees, to, authorizationList: randomAuthorizations(world) }
  return encodeTransaction(signTransaction(unsigned, key.secretKey))
}

function randomBlobs({ random }: World): { blobVersionedHashes: bigint[] } {
  const blobVersionedHashes = Array.from({ length: 1 + random.below(3) }, (_, index) => {
    return (1n << 248n) | BigInt(index * 77 + 5)
  })
  return { blobVersionedHashes }
}

function randomAccessList({ random, addresses }: World): AccessListEntry[] {
  return Array.from({ length: random.below(4) }, () => ({
    address: random.pick(addresses),
    storageKeys: Array.from({ length: random.below(3) }, () => BigInt(random.below(5))),
  }))
}

function randomAuthorizations(world: World): Authorization[] {
  const { random, nonces } = world
  return Array.from({ length: 1 + random.below(3) }, () => {
    const key = random.pick(keys)
    const known = nonces.get(key.address) ?? 0n
    const nonce = random.chance(80) ? known : BigInt(random.below(4))
    if (nonce === known) nonces.set(key.address, known + 1n)
    const signed = signAuthorization(
      {
        chainId: random.pick([0n, 1n, 1n, 1n, 2n]),
        address: random.chance(12) ? 0n : random.pick(world.addresses),
        nonce,
      },
      key.secretKey,
    )
    return random.chance(5) ? { ...signed, yParity: 1 - signed.yParity } : signed
  })
}
