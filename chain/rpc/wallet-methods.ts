/**
 * What a wallet does, done by a development chain for its own accounts: transactions sent and
 * signed, messages (EIP-191) and typed data (EIP-712) signed.
 *
 * Only a node with a `DevControl` holds keys, so only `zg devnet --minimal` has these methods.
 */

import { encodeTransaction, signTransaction } from '@zg/evm'
import { concat, fromHex, keccak256, signDigest, toHex } from '@zg/primitives'

import type { DevControl, NodeView } from '../chain-view.ts'
import { readCallRequest } from './call-request.ts'
import type { RpcMethod } from './json-rpc.ts'
import { checkCount, readAddress, readData, readObject } from './params.ts'
import { ParamsInvalidError } from './rpc-error.ts'
import { fillTransaction } from './transaction-filling.ts'
import type { FillingSource } from './transaction-filling.ts'
import { addressJson } from './transaction-json.ts'

/** What EIP-191 puts before a message and its length in decimal digits. */
const messagePrefix = '\u0019Ethereum Signed Message:\n'

/** The methods by name. */
export function walletMethods(
  node: NodeView,
  dev: DevControl,
  source: FillingSource,
): readonly (readonly [string, RpcMethod])[] {
  const signTypedData: RpcMethod = async (params) => {
    checkCount(params, 2, 2)
    const secretKey = keyOf(readAddress(params[0], 'address'), 'address')
    return signatureJson(await typedDataHash(params[1]), secretKey)
  }
  return [
    ['eth_accounts', (params) => (checkCount(params, 0, 0), dev.accounts().map(addressJson))],
    [
      'eth_sendTransaction',
      async (params) => {
        checkCount(params, 1, 1)
        const request = readCallRequest(params[0])
        const { sender, transaction } = await fillTransaction(node, request, source)
        if (dev.isImpersonated(sender)) {
          const unsigned = { ...transaction, yParity: 0, r: 0n, s: 0n }
          return toHex(await dev.sendImpersonated(sender, unsigned))
        }
        const signed = signTransaction(transaction, keyOf(sender, 'from'))
        return toHex(await node.pool.add(encodeTransaction(signed)))
      },
    ],
    [
      'eth_signTransaction',
      async (params) => {
        checkCount(params, 1, 1)
        const request = readCallRequest(params[0])
        const { sender, transaction } = await fillTransaction(node, request, source)
        return toHex(encodeTransaction(signTransaction(transaction, keyOf(sender, 'from'))))
      },
    ],
    [
      'eth_sign',
      (params) => {
        checkCount(params, 2, 2)
        const secretKey = keyOf(readAddress(params[0], 'address'), 'address')
        return signatureJson(messageHash(readData(params[1], 'message')), secretKey)
      },
    ],
    [
      'personal_sign',
      (params) => {
        // A third one is the password of a keystore; these keys are open.
        checkCount(params, 2, 3)
        const secretKey = keyOf(readAddress(params[1], 'address'), 'address')
        return signatureJson(messageHash(readData(params[0], 'message')), secretKey)
      },
    ],
    ['eth_signTypedData', signTypedData],
    ['eth_signTypedData_v4', signTypedData],
  ]

  function keyOf(address: bigint, name: string): Uint8Array {
    const secretKey = dev.secretKeyOf(address)
    if (secretKey !== undefined) return secretKey
    const why = dev.isImpersonated(address) ? 'it is impersonated, and signs nothing' : 'no account'
    throw new ParamsInvalidError(name, `this chain has no key for it: ${why}`)
  }
}

function messageHash(message: Uint8Array): Uint8Array {
  return keccak256(concat(new TextEncoder().encode(`${messagePrefix}${message.length}`), message))
}

/** Hashes typed data, an object or its JSON text (EIP-712). */
async function typedDataHash(value: unknown): Promise<Uint8Array> {
  const data = readObject(typeof value === 'string' ? parsed(value) : value, 'typedData')
  // Loaded when asked for: no network needs it.
  const { hashTypedData } = await import('viem/utils')
  try {
    return fromHex(hashTypedData(data as Parameters<typeof hashTypedData>[0]))
  } catch (error) {
    const [problem = ''] = String(error instanceof Error ? error.message : error).split('\n')
    throw new ParamsInvalidError('typedData', problem)
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new ParamsInvalidError('typedData', 'it is no JSON')
  }
}

/** r, s and v in one string, as wallets write it. */
function signatureJson(digest: Uint8Array, secretKey: Uint8Array): string {
  const { r, s, yParity } = signDigest(digest, secretKey)
  return toHex(concat(r, s, Uint8Array.of(27 + yParity)))
}
