/** That a contract refuses, and with which of its errors. */

import assert from 'node:assert/strict'

import { ContractRevertError } from './contract-world.ts'

/** Asserts that `act` reverts with the error of that name. */
export function refuses(act: () => unknown, errorName: string): void {
  assert.throws(act, (error) => {
    assert.ok(error instanceof ContractRevertError, String(error))
    assert.equal(error.errorName, errorName)
    return true
  })
}
