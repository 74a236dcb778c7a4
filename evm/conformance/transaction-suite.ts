/**
 * Runs the official transaction tests: bytes, and their hash, sender and intrinsic gas, or that
 * they are no transaction.
 */

import { fromHex, toHex, ZgError, bigintToHex } from '@zg/primitives'
import { parseFixtureJson, readFixture } from '@zg/primitives/testing'

import { decodeTransaction, recoverSender, transactionHash } from '../transaction-codec.ts'
import { checkAlone } from '../transaction-validity.ts'
import { intrinsicGas, intrinsicGasInputOf } from '../transaction.ts'
import type { StateFailure, SuiteScore } from './state-suite.ts'

type Expected =
  | { readonly hash: string; readonly sender: string; readonly intrinsicGas: string }
  | { readonly exception: string }

type TransactionTest = {
  readonly txbytes: string
  readonly result: Readonly<Record<string, Expected>>
}

/**
 * Runs all tests that say something about Cancun; those of older forks alone are skipped.
 *
 * @returns Undefined when this machine has no fixtures.
 */
export function runTransactionSuite(
  onFailure: (failure: StateFailure) => void = () => {},
): SuiteScore | undefined {
  const files = readFixture('trie-rlp-tx')
  if (files === undefined) return undefined
  const score = { passed: 0, failed: 0, skipped: 0 }
  for (const [path, bytes] of files) {
    if (!path.startsWith('TransactionTests/')) continue
    const tests = parseFixtureJson(bytes) as Record<string, TransactionTest>
    for (const [name, { txbytes, result }] of Object.entries(tests)) {
      const expected = result['Cancun']
      const problem = expected === undefined ? undefined : problemOf(txbytes, expected)
      if (expected === undefined) score.skipped++
      else if (problem === undefined) score.passed++
      else {
        score.failed++
        onFailure({ name: `${path} ${name}`, problem })
      }
    }
  }
  return score
}

function problemOf(txbytes: string, expected: Expected): string | undefined {
  const found = readTransaction(txbytes)
  if ('exception' in expected) {
    return 'exception' in found ? undefined : `accepted, not ${expected.exception}`
  }
  if ('exception' in found) return `refused: ${found.exception}`
  for (const field of ['hash', 'sender', 'intrinsicGas'] as const) {
    if (BigInt(found[field]) !== BigInt(expected[field])) {
      return `${field} ${found[field]}, not ${expected[field]}`
    }
  }
  return undefined
}

function readTransaction(txbytes: string): Expected {
  try {
    const transaction = decodeTransaction(fromHex(txbytes))
    const sender = recoverSender(transaction)
    const bounds = checkAlone(transaction, { fork: 'cancun', chainId: 1n, blobCountMax: 6 })
    if ('status' in bounds) return { exception: bounds.message }
    return {
      hash: toHex(transactionHash(transaction)),
      sender: bigintToHex(sender, 20),
      intrinsicGas: `${intrinsicGas(intrinsicGasInputOf(transaction), 'cancun').gas}`,
    }
  } catch (error) {
    if (error instanceof ZgError) return { exception: error.message }
    throw error
  }
}
