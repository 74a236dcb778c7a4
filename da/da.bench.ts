/**
 * Bench `da`: from a blob to its certificate with 16 nodes in 4 processes of this machine, over
 * HTTP, with disks and BLS; the chain is a table, for a certificate counts when it is formed.
 *
 *     putOneMiBP50Ms      one blob of a MiB at a time: how long until it is certified
 *     certifiedMBs        blobs of 4 MiB, eight under way at all times, over `--seconds` (60)
 *     readMBs             those read back by the full path: gathered, decoded, coded again
 *
 * No peer runs beside it: none is there that does this job on one machine without a GPU.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { blsScheme } from '@zg/consensus'
import { addressOfSecretKey } from '@zg/primitives'
import { createNodeDisk, createSystemClock, silentLogger } from '@zg/runtime'

import { pooledBatchCoder } from './disperser/batch-coder.ts'
import { BatchReader } from './reader/batch-reader.ts'
import type { BlobHandle } from './batch/batch.ts'
import { Disperser } from './disperser/disperser.ts'
import { httpNodeClient } from './node/http-node-client.ts'
import { PaymentDesk } from './disperser/payment-desk.ts'
import { benchChain, benchDisperserKey, benchShape } from './testing/bench-chain.ts'
import { startBenchNodes } from './testing/bench-processes.ts'
import type { BenchNodes } from './testing/bench-processes.ts'

const processes = 4
const nodesPerProcess = 4
const nodes = processes * nodesPerProcess
const latencyPuts = 30
const floodAtOnce = 8
const floodSize = 4 * 1_048_576
const readBlobs = 8

export async function bench({ seconds = '60' }: { readonly seconds?: string | undefined }) {
  const folder = await mkdtemp(join(tmpdir(), 'zg-da-bench-'))
  let started: BenchNodes | undefined
  try {
    started = await startBenchNodes({ folder, nodes, nodesPerProcess, quorums: 1 })
    const metrics = await measure(started.urls, folder, Number(seconds))
    return { name: 'da', metrics: { nodes, processes, ...metrics }, peers: {}, ratios: {} }
  } finally {
    await started?.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function measure(urls: readonly string[], folder: string, seconds: number) {
  const clock = createSystemClock()
  const log = silentLogger
  const chain = benchChain(clock, { nodes, quorums: 1, urls })
  const client = httpNodeClient(benchShape)
  const coder = pooledBatchCoder(benchShape, { threads: 1, batches: 4 })
  const secretKey = benchDisperserKey
  const payments = new PaymentDesk({
    chain,
    clock,
    disperser: addressOfSecretKey(secretKey),
    quotaBytes: 2 ** 50,
    quotaWindowMs: 1,
  })
  const disk = await createNodeDisk(join(folder, 'disperser'))
  const scheme = blsScheme()
  const parts = { chain, client, coder, payments, disk, clock, log, scheme, secretKey }
  const disperser = await Disperser.open(parts)
  let count = 0
  const put = async (sizeBytes: number): Promise<BlobHandle> => {
    const blob = new Uint8Array(sizeBytes).fill(7)
    new DataView(blob.buffer).setUint32(0, count++)
    return disperser.certified(await disperser.submit(blob, { peer: 'bench' }))
  }

  await put(1_048_576)
  const putMs: number[] = []
  for (let at = 0; at < latencyPuts; at++) {
    const startMs = performance.now()
    await put(1_048_576)
    putMs.push(performance.now() - startMs)
  }
  putMs.sort((a, b) => a - b)

  const endMs = performance.now() + seconds * 1_000
  const handles: BlobHandle[] = []
  const floodStartMs = performance.now()
  const one = async (): Promise<void> => {
    while (performance.now() < endMs) handles.push(await put(floodSize))
  }
  await Promise.all(Array.from({ length: floodAtOnce }, one))
  const floodMs = performance.now() - floodStartMs

  const reader = new BatchReader({ chain, client, clock, log, isCertified: () => true })
  const readStartMs = performance.now()
  for (const handle of handles.slice(-readBlobs)) await reader.read(handle)
  const readMs = performance.now() - readStartMs
  await disperser.close()
  await coder.close()
  client.close()
  return {
    putOneMiBP50Ms: putMs[Math.floor(putMs.length / 2)]!,
    putOneMiBP90Ms: putMs[Math.floor(putMs.length * 0.9)]!,
    certifiedMBs: (handles.length * floodSize) / 1_000 / floodMs,
    certifiedBlobs: handles.length,
    readMBs: (Math.min(readBlobs, handles.length) * floodSize) / 1_000 / readMs,
  }
}
