/**
 * The validators of one epoch, in the order of the registry: an index below is a place in this
 * list. Votes carry indexes, certificates bitmaps over them.
 */

import { blsPublicKeySizeBytes, toHex, ZgError } from '@zg/primitives'

/** Validators of one network, at most: bounds every bitmap and every loop over voters. */
export const validatorCountMax = 1_024

export type ValidatorEntry = {
  /** 20 bytes: who staked and answers for the key's signatures. */
  readonly operator: Uint8Array
  /** 48 bytes, with a proof of possession checked where the set came from. */
  readonly publicKey: Uint8Array
  /** Above zero. */
  readonly stake: bigint
}

export type ValidatorSet = {
  readonly epoch: bigint
  readonly validators: readonly ValidatorEntry[]
  readonly totalStake: bigint
}

/**
 * Makes a set.
 *
 * @throws {ValidatorSetInvalidError} `CONSENSUS_VALIDATOR_SET_INVALID` when it is empty, too large,
 *   or a stake is not positive or a key stands in it twice.
 */
export function validatorSet(epoch: bigint, validators: readonly ValidatorEntry[]): ValidatorSet {
  if (validators.length === 0) throw new ValidatorSetInvalidError('it is empty')
  if (validators.length > validatorCountMax) throw new ValidatorSetInvalidError('it is too large')
  const keys = new Set<string>()
  let totalStake = 0n
  for (const { operator, publicKey, stake } of validators) {
    if (stake <= 0n) throw new ValidatorSetInvalidError('a stake is not positive')
    if (operator.length !== 20) throw new ValidatorSetInvalidError('an operator is not 20 bytes')
    if (publicKey.length !== blsPublicKeySizeBytes) {
      throw new ValidatorSetInvalidError('a key is not 48 bytes')
    }
    keys.add(toHex(publicKey))
    totalStake += stake
  }
  if (keys.size !== validators.length) throw new ValidatorSetInvalidError('a key stands twice')
  return { epoch, validators, totalStake }
}

/** Whether the stake is a quorum: more than two thirds, `3·s > 2·T`. */
export function isQuorum(stake: bigint, set: ValidatorSet): boolean {
  return 3n * stake > 2n * set.totalStake
}

/** Index of a public key; -1 when it is not in the set. */
export function validatorIndexOf(set: ValidatorSet, publicKey: Uint8Array): number {
  const key = toHex(publicKey)
  return set.validators.findIndex((validator) => toHex(validator.publicKey) === key)
}

/** Peer id of a validator: lower-case hex of its key, as in `@zg/runtime`. */
export function peerIdOf(publicKey: Uint8Array): string {
  return toHex(publicKey).slice(2)
}

export class ValidatorSetInvalidError extends ZgError<'CONSENSUS_VALIDATOR_SET_INVALID'> {
  constructor(problem: string) {
    super('CONSENSUS_VALIDATOR_SET_INVALID', `Cannot use the validator set: ${problem}`, {
      problem,
    })
  }
}
