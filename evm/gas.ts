/**
 * Gas that depends on operands and on the state, in gas units as `number`: a frame never holds more
 * than 2^53 - 1.
 *
 * Warm and cold access is EIP-2929, storage EIP-2200 with EIP-3529, calls the Yellow Paper's
 * appendix H with EIP-150 and EIP-161.
 */

/** EIP-2929. */
export const warmAccessGas = 100
export const coldAccountGas = 2_600
export const coldSlotGas = 2_100

/** EIP-2200: below this no SSTORE, so that a transfer's stipend changes no state. */
export const callStipend = 2_300

export const callValueGas = 9_000
export const newAccountGas = 25_000
export const codeDepositGasPerByte = 200
export const copyGasPerWord = 3
export const keccakGasPerWord = 6
export const initCodeGasPerWord = 2
export const logGasPerByte = 8
export const expGasPerByte = 50

/** What an authorization gets back, of its 25,000 gas, when its account was not new (EIP-7702). */
export const authorizationRefund = 12_500

const storageSetGas = 20_000
/** 5,000 less the cold access that is counted apart. */
const storageResetGas = 2_900
/** EIP-3529. */
const storageClearRefund = 4_800

/** At most 1/5 of the gas used is given back (EIP-3529). */
export const refundQuotient = 5

export function wordCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 32)
}

/** At most this much of the gas left goes into a call: all but one 64th (EIP-150). */
export function callGasMax(gasLeft: number): number {
  return gasLeft - Math.floor(gasLeft / 64)
}

/**
 * Returns the gas of an SSTORE (EIP-2200 with EIP-2929 and EIP-3529), the access apart:
 *
 *     value = current               100
 *     current = original = 0        20,000
 *     current = original            2,900
 *     else                          100
 */
export function storeGas(original: bigint, current: bigint, value: bigint): number {
  if (value === current || current !== original) return warmAccessGas
  return original === 0n ? storageSetGas : storageResetGas
}

/** Returns what an SSTORE adds to the refund counter, which may be negative. */
export function storeRefund(original: bigint, current: bigint, value: bigint): number {
  if (value === current) return 0
  if (current === original) return original !== 0n && value === 0n ? storageClearRefund : 0
  let refund = 0
  if (original !== 0n) {
    if (current === 0n) refund -= storageClearRefund
    else if (value === 0n) refund += storageClearRefund
  }
  if (value === original) {
    refund += (original === 0n ? storageSetGas : storageResetGas) - warmAccessGas
  }
  return refund
}
