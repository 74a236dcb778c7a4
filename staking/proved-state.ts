/**
 * The state of one L1 block, proved: every value that is read comes with its Merkle proof from the
 * block's state root, so an endpoint may keep silent, but not lie. After a proof that does not hold
 * the next endpoint is asked, as after a failure.
 */

import {
  assert,
  bigintToBytes,
  bytesToBigint,
  decodeRlp,
  keccak256,
  rlpBigint,
  rlpBytes,
  rlpList,
  ZgError,
} from '@zg/primitives'
import { emptyTrieRoot, ProofInvalidError, verifyProof } from '@zg/state'

import type { Failover } from './failover.ts'
import type { L1Endpoint, L1Proof } from './l1-endpoint.ts'

/** Slots one proof is asked for; more are asked for in turn. */
const slotsPerProof = 128

/** An account or a slot of it that nothing is proved of: this block is not what it says. */
export class L1ProofError extends ZgError<'STAKING_L1_PROOF_INVALID'> {
  constructor(problem: string) {
    const message = `The L1 endpoint gave a proof that does not hold: ${problem}`
    super('STAKING_L1_PROOF_INVALID', message, { problem })
  }
}

/** Words of slots, absent ones as 0, and the proof that says so. */
export type ProvedWords = { readonly words: readonly bigint[]; readonly proof: L1Proof }

export class ProvedState {
  readonly #l1: Failover<Pick<L1Endpoint, 'proof'>>
  readonly #number: bigint
  readonly #stateRoot: Uint8Array

  constructor(
    l1: Failover<Pick<L1Endpoint, 'proof'>>,
    block: { readonly number: bigint; readonly stateRoot: Uint8Array },
  ) {
    this.#l1 = l1
    this.#number = block.number
    this.#stateRoot = block.stateRoot
  }

  /**
   * Reads slots of a contract, absent ones as 0.
   *
   * @throws {L1ProofError} `STAKING_L1_PROOF_INVALID`; and whatever the endpoints throw.
   */
  async read(address: bigint, slots: readonly bigint[]): Promise<readonly bigint[]> {
    const values: bigint[] = []
    for (let from = 0; from < slots.length; from += slotsPerProof) {
      const { words } = await this.prove(address, slots.slice(from, from + slotsPerProof))
      values.push(...words)
    }
    return values
  }

  /**
   * Reads slots and returns their proof as well, for who shows them to others; at most 128.
   *
   * @throws {L1ProofError} `STAKING_L1_PROOF_INVALID`; and whatever the endpoints throw.
   */
  prove(address: bigint, slots: readonly bigint[]): Promise<ProvedWords> {
    assert(slots.length <= slotsPerProof, 'one proof holds so many slots')
    return this.#l1.ask((endpoint) => this.#provedBy(endpoint, address, slots))
  }

  async #provedBy(
    endpoint: Pick<L1Endpoint, 'proof'>,
    address: bigint,
    slots: readonly bigint[],
  ): Promise<ProvedWords> {
    const proof = await endpoint.proof(address, slots, this.#number)
    if (proof.slots.length !== slots.length) throw new L1ProofError('it is of other slots')
    try {
      return { words: provedSlots({ stateRoot: this.#stateRoot, address, slots, proof }), proof }
    } catch (error) {
      if (error instanceof ProofInvalidError) throw new L1ProofError(error.message)
      throw error
    }
  }
}

/**
 * Reads slots of an account out of a proof (EIP-1186), absent ones as 0.
 *
 * @throws {ProofInvalidError} `STATE_PROOF_INVALID`, `PRIMITIVES_RLP_MALFORMED`
 */
export function provedSlots(claim: {
  readonly stateRoot: Uint8Array
  readonly address: bigint
  readonly slots: readonly bigint[]
  readonly proof: L1Proof
}): readonly bigint[] {
  const { stateRoot, address, slots, proof } = claim
  const account = verifyProof(stateRoot, keccak256(bigintToBytes(address, 20)), proof.account)
  const storageRoot = account === undefined ? emptyTrieRoot : storageRootOf(account)
  return slots.map((slot, index) => {
    const path = keccak256(bigintToBytes(slot, 32))
    const value = verifyProof(storageRoot, path, proof.slots[index] ?? [])
    return value === undefined ? 0n : rlpBigint(decodeRlp(value))
  })
}

function storageRootOf(account: Uint8Array): Uint8Array {
  return rlpBytes(rlpList(decodeRlp(account), 4)[2], 32)
}

/** An address in a slot: its low 20 bytes. */
export function addressOf(word: bigint): Uint8Array {
  return bigintToBytes(word & ((1n << 160n) - 1n), 20)
}

/** A word as 32 bytes. */
export function wordBytes(word: bigint): Uint8Array {
  return bigintToBytes(word, 32)
}

/** An address as a key of mappings and of the state. */
export function addressWord(address: Uint8Array): bigint {
  return bytesToBigint(address)
}
