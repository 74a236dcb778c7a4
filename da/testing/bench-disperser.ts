/**
 * A disperser of a bench in a process of its own: `node da/testing/bench-disperser.ts FOLDER`. By
 * IPC it is told where its nodes answer, and then, as often as wanted, what to put.
 *
 *     { kind: 'open', urls, quorums }                          -> { kind: 'ready' }
 *     { kind: 'put', sizeBytes, atOnce, seconds, isAlone }     -> { kind: 'puts', puts, failed }
 */

import { blsScheme } from '@zg/consensus'
import { addressOfSecretKey } from '@zg/primitives'
import { createNodeDisk, createSystemClock, silentLogger } from '@zg/runtime'

import { pause } from '../asking.ts'
import { pooledBatchCoder } from '../disperser/batch-coder.ts'
import { Disperser } from '../disperser/disperser.ts'
import { httpNodeClient } from '../node/http-node-client.ts'
import { PaymentDesk } from '../disperser/payment-desk.ts'
import { benchChain, benchDisperserKey, benchShape } from './bench-chain.ts'

/** Before another put, after one that failed. */
const failurePauseMs = 200

/** Blobs of one size, so many under way at all times. */
export type PutPlan = {
  readonly sizeBytes: number
  readonly atOnce: number
  /** None begins later. */
  readonly seconds: number
  /** Each blob is a batch. */
  readonly isAlone: boolean
}

/** A blob that was certified. */
export type CertifiedPut = {
  /** When, by the wall clock. */
  readonly atMs: number
  /** Since it was put. */
  readonly tookMs: number
  /** Of its batch. */
  readonly sequence: number
}

export type PutResult = { readonly puts: readonly CertifiedPut[]; readonly failed: number }

export type DisperserOrder =
  | { readonly kind: 'open'; readonly urls: readonly string[]; readonly quorums: number }
  | ({ readonly kind: 'put' } & PutPlan)

export type DisperserAnswer = { readonly kind: 'ready' } | ({ readonly kind: 'puts' } & PutResult)

const [folder = ''] = process.argv.slice(2)
const clock = createSystemClock()
const log = silentLogger
const scheme = blsScheme()
const secretKey = benchDisperserKey
let disperser: Disperser | undefined
/** No two blobs are the same: the same one would be the same request. */
let count = 0

process.once('disconnect', () => process.exit(0))
process.on('message', (order: DisperserOrder) => {
  // What goes wrong ends the process, which its parent sees.
  void follow(order).then((answer) => process.send?.(answer))
})

async function follow(order: DisperserOrder): Promise<DisperserAnswer> {
  if (order.kind === 'put') return { kind: 'puts', ...(await put(order)) }
  const { urls, quorums } = order
  const chain = benchChain(clock, { nodes: urls.length, quorums, urls })
  const payments = new PaymentDesk({
    chain,
    clock,
    disperser: addressOfSecretKey(secretKey),
    quotaBytes: 2 ** 50,
    quotaWindowMs: 1,
  })
  const client = httpNodeClient(benchShape)
  const coder = pooledBatchCoder(benchShape, { threads: 1, batches: 4 })
  const disk = await createNodeDisk(folder)
  const parts = { chain, client, coder, payments, disk, clock, log, scheme, secretKey }
  disperser = await Disperser.open(parts)
  return { kind: 'ready' }
}

async function put({ sizeBytes, atOnce, seconds, isAlone }: PutPlan): Promise<PutResult> {
  const puts: CertifiedPut[] = []
  let failed = 0
  const endMs = clock.nowMs() + seconds * 1_000
  const one = async (): Promise<void> => {
    while (clock.nowMs() < endMs) {
      try {
        puts.push(await certified(sizeBytes, isAlone))
      } catch {
        failed++
        await pause(clock, failurePauseMs, new AbortController().signal)
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, one))
  return { puts, failed }
}

async function certified(sizeBytes: number, isAlone: boolean): Promise<CertifiedPut> {
  if (disperser === undefined) throw new Error('open comes first')
  const blob = new Uint8Array(sizeBytes).fill(7)
  new DataView(blob.buffer).setUint32(0, count++)
  const startMs = clock.nowMs()
  const id = await disperser.submit(blob, { peer: 'bench', isAlone })
  const { batch } = await disperser.certified(id)
  const atMs = clock.nowMs()
  return { atMs, tookMs: atMs - startMs, sequence: Number(batch.sequence) }
}
