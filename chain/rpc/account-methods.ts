/** What an account holds: balance, nonce, code, slots, and the proof of it (EIP-1186). */

import { bigintToHex, emptyKeccakWord, toHex, toQuantity } from '@zg/primitives'
import { ProofTooLargeError } from '@zg/state'
import type { StateProof, StateReader } from '@zg/state'

import type { NodeView } from '../chain-view.ts'
import { readBlockId, requireHeader, stateOf } from './block-id.ts'
import type { RpcMethod, RpcParams } from './json-rpc.ts'
import { proofSlotsMax, storageValuesMax } from './limits.ts'
import { checkCount, readAddress, readArray, readObject, readSlot } from './params.ts'
import { LimitExceededError, ParamsInvalidError, ResourceUnknownError } from './rpc-error.ts'
import { addressJson, wordJson } from './transaction-json.ts'

/** The methods by name. */
export function accountMethods({ chain, pool }: NodeView): readonly [string, RpcMethod][] {
  return [
    [
      'eth_getBalance',
      async (params) => {
        const { address, state } = await readAccountState(params)
        return toQuantity(state.account(address)?.balance ?? 0n)
      },
    ],
    [
      'eth_getTransactionCount',
      async (params) => {
        checkCount(params, 1, 2)
        const address = readAddress(params[0], 'address')
        const id = readBlockId(params[1])
        // The pool answers for `pending`: nothing needs to be executed for a nonce.
        if (id.kind === 'pending') return toQuantity(pool.nextNonce(address))
        const { state } = await stateOf(chain, id)
        return toQuantity(state.account(address)?.nonce ?? 0n)
      },
    ],
    [
      'eth_getCode',
      async (params) => {
        const { address, state } = await readAccountState(params)
        return toHex(state.code(state.account(address)?.codeHash ?? emptyKeccakWord))
      },
    ],
    [
      'eth_getStorageAt',
      async (params) => {
        checkCount(params, 2, 3)
        const address = readAddress(params[0], 'address')
        const slot = readSlot(params[1], 'slot')
        const { state } = await stateOf(chain, readBlockId(params[2]))
        return wordJson(state.storage(address, slot))
      },
    ],
    [
      'eth_getStorageValues',
      async (params) => {
        checkCount(params, 1, 2)
        const wanted = readStorageRequests(params[0])
        const { state } = await stateOf(chain, readBlockId(params[1]))
        return storageValues(state, wanted)
      },
    ],
    [
      'eth_getProof',
      (params) => {
        checkCount(params, 2, 3)
        const address = readAddress(params[0], 'address')
        const slots = readArray(params[1], 'slots', proofSlotsMax).map((slot) =>
          readSlot(slot, 'slots'),
        )
        // A pending block has no root yet: the newest provable state is the head's.
        const { hash } = requireHeader(chain, readBlockId(params[2]))
        const proof = proved(() => chain.prove(hash, address, slots))
        if (proof === undefined) throw new ResourceUnknownError('the state', 'it was pruned')
        return proofJson(proof)
      },
    ],
  ]

  async function readAccountState(
    params: RpcParams,
  ): Promise<{ address: bigint; state: StateReader }> {
    checkCount(params, 1, 2)
    const address = readAddress(params[0], 'address')
    const { state } = await stateOf(chain, readBlockId(params[1]))
    return { address, state }
  }
}

/** Proves, or says what a state that is kept for L1 alone does not prove at once. */
function proved(prove: () => StateProof | undefined): StateProof | undefined {
  try {
    return prove()
  } catch (error) {
    if (!(error instanceof ProofTooLargeError)) throw error
    throw new LimitExceededError('slots of a state so old', error.slotsMax)
  }
}

type StorageRequest = { readonly key: string; readonly address: bigint; readonly slots: bigint[] }

function readStorageRequests(value: unknown): readonly StorageRequest[] {
  const object = readObject(value, 'requests')
  const requests = Object.entries(object).map(([key, slots]) => ({
    key,
    address: readAddress(key, 'address'),
    slots: readArray(slots, 'slots', storageValuesMax).map((slot) => readSlot(slot, 'slots')),
  }))
  const count = requests.reduce((sum, { slots }) => sum + slots.length, 0)
  if (count === 0) throw new ParamsInvalidError('requests', 'they name no slot')
  if (count > storageValuesMax) throw new LimitExceededError('slots', storageValuesMax)
  return requests
}

function storageValues(
  state: StateReader,
  requests: readonly StorageRequest[],
): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    requests.map(({ key, address, slots }) => [
      key,
      slots.map((slot) => wordJson(state.storage(address, slot))),
    ]),
  )
}

function proofJson(proof: StateProof): unknown {
  const { account } = proof
  return {
    address: addressJson(proof.address),
    accountProof: proof.accountProof.map(toHex),
    balance: toQuantity(account?.balance ?? 0n),
    codeHash: bigintToHex(account?.codeHash ?? emptyKeccakWord, 32),
    nonce: toQuantity(account?.nonce ?? 0n),
    storageHash: toHex(proof.storageHash),
    storageProof: proof.storageProof.map(({ slot, value, proof: nodes }) => ({
      key: toQuantity(slot),
      value: toQuantity(value),
      proof: nodes.map(toHex),
    })),
  }
}
