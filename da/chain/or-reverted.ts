/** Readings of contracts that may say no. */

import { BaseError, ContractFunctionRevertedError, ContractFunctionZeroDataError } from 'viem'

/** Undefined where the contract reverts, or is not there yet; other failures stay failures. */
export async function orReverted<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading
  } catch (error) {
    const isRevert =
      error instanceof BaseError &&
      error.walk(
        (cause) =>
          cause instanceof ContractFunctionRevertedError ||
          cause instanceof ContractFunctionZeroDataError,
      ) !== null
    if (isRevert) return undefined
    throw error
  }
}
