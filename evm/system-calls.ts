/**
 * Calls that the rules themselves make, before and after a block's transactions: to the contracts
 * of EIP-4788 (beacon roots), EIP-2935 (block hashes), EIP-7002 (withdrawals) and EIP-7251
 * (consolidations). They have 30,000,000 gas of their own, which counts in no block.
 */

import { bytesToBigint, emptyBytes, fromHex } from '@zg/primitives'

import { BlockInvalidError } from './block-invalid.ts'
import type { Machine } from './machine.ts'

/** Who sends them. */
export const systemAddress = 0xfffffffffffffffffffffffffffffffffffffffen

/** Addresses of the system contracts. */
export const systemContracts = {
  beaconRoots: word('0x000F3df6D732807Ef1319fB7B8bB8522d0Beac02'),
  historyStorage: word('0x0000F90827F1C53a10cb7A02335B175320002935'),
  withdrawalRequests: word('0x00000961Ef480Eb55e80D19ad83579A64c007002'),
  consolidationRequests: word('0x0000BBdDc7CE488642fb579F8B00f3a590007251'),
} as const

const systemCallGas = 30_000_000n

/** Calls a contract that may be absent, and whose failure means nothing (EIP-4788, EIP-2935). */
export function notifySystemContract(machine: Machine, address: bigint, input: Uint8Array): void {
  if (machine.state.code(machine.state.account(address)).bytes.length === 0) return
  callSystemContract(machine, address, input)
}

/**
 * Takes the requests off a contract's queue (EIP-7002, EIP-7251).
 *
 * @throws {BlockInvalidError} `EVM_BLOCK_INVALID` when it is absent or fails.
 */
export function takeRequests(machine: Machine, address: bigint): Uint8Array {
  if (machine.state.code(machine.state.account(address)).bytes.length === 0) {
    throw new BlockInvalidError('a system contract is absent')
  }
  const { outcome, output } = callSystemContract(machine, address, emptyBytes)
  if (outcome !== 'success') throw new BlockInvalidError('a system contract failed')
  return output
}

function callSystemContract(machine: Machine, address: bigint, input: Uint8Array) {
  machine.beginTransaction({ origin: systemAddress, gasPrice: 0n, blobVersionedHashes: [] })
  const result = machine.run({
    caller: machine.state.account(systemAddress),
    to: machine.state.account(address),
    value: 0n,
    input,
    gas: systemCallGas,
  })
  machine.state.endTransaction()
  return result
}

function word(address: string): bigint {
  return bytesToBigint(fromHex(address))
}
