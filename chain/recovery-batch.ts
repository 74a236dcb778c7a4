/**
 * The messages between the node and its recovery worker: signatures in, addresses out, packed, so
 * that a batch of any size is one transferred buffer each way.
 *
 *     request   N × ( digest[32] ‖ r[32] ‖ s[32] ‖ yParity[1] )
 *     answer    N × ( found[1] ‖ address[20] )
 */

import { bigintToBytes, bytesToBigint, recoverAddress, secp256k1Order } from '@zg/primitives'

/** A signature and what it signs. */
export type RecoveryItem = {
  /** 32 bytes. */
  readonly digest: Uint8Array
  readonly r: bigint
  readonly s: bigint
  readonly yParity: number
}

const requestItemSizeBytes = 97
const answerItemSizeBytes = 21

/** Half the group order: a greater s is refused (EIP-2). */
const lowSMax = secp256k1Order / 2n

/** Packs signatures. One that no key can have made for its range alone is packed as zeros. */
export function packRecovery(items: readonly RecoveryItem[]): Uint8Array<ArrayBuffer> {
  const request = new Uint8Array(items.length * requestItemSizeBytes)
  items.forEach(({ digest, r, s, yParity }, index) => {
    // MUST have a low s, or every transaction would have a twin with another hash (EIP-2).
    if (r === 0n || r >= secp256k1Order || s === 0n || s > lowSMax || yParity > 1) return
    const at = index * requestItemSizeBytes
    request.set(digest, at)
    request.set(bigintToBytes(r, 32), at + 32)
    request.set(bigintToBytes(s, 32), at + 64)
    request[at + 96] = yParity
  })
  return request
}

/** What the worker does with a request. */
export function recoverPacked(request: Uint8Array): Uint8Array<ArrayBuffer> {
  const count = Math.floor(request.length / requestItemSizeBytes)
  const answer = new Uint8Array(count * answerItemSizeBytes)
  for (let index = 0; index < count; index++) {
    const at = index * requestItemSizeBytes
    const address = recoverAddress(request.subarray(at, at + 32), {
      r: request.subarray(at + 32, at + 64),
      s: request.subarray(at + 64, at + 96),
      yParity: request[at + 96] as number,
    })
    if (address === undefined) continue
    answer[index * answerItemSizeBytes] = 1
    answer.set(address, index * answerItemSizeBytes + 1)
  }
  return answer
}

/** Reads an answer: an address a signature, undefined where no key can have made it. */
export function unpackRecovery(answer: Uint8Array): (bigint | undefined)[] {
  const addresses: (bigint | undefined)[] = []
  for (let at = 0; at < answer.length; at += answerItemSizeBytes) {
    const found = answer[at] === 1
    addresses.push(found ? bytesToBigint(answer.subarray(at + 1, at + 21)) : undefined)
  }
  return addresses
}
