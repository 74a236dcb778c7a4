/** `zg da`: publishes files by a disperser, tells how far they are, and reads them back. */

import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'

import {
  BlobSizeError,
  blobSizeMax,
  blobStatus,
  commitmentOfBlob,
  DisperserClient,
  DisperserRefusedError,
  routeKeyOf,
} from '@zg/da'
import type { BlobName, BlobStatus } from '@zg/da'
import { bytesEqual, fromHex, isHex, toHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { formatInteger } from '../amounts.ts'
import { ValueInvalidError } from '../command.ts'
import type { CommandInput } from '../command.ts'
import { putStages } from '../da-words.ts'
import type { PutStage } from '../da-words.ts'
import { doorForBlob, doorsFor } from '../data-doors.ts'
import type { DataDoor } from '../data-doors.ts'
import { LiveList } from '../live-list.ts'
import { tableLines } from '../table.ts'

/** How often a disperser is asked, and how long. */
const pollMs = 250
const waitMsMax = 180_000

const idSize = 32
const namePattern = /^(?:(\d{1,10})\/)?(\d{1,19})\/(\d{1,10})\/(0x[0-9a-fA-F]{64})$/
const dataRows = 1_024

const stageOf: Readonly<Record<BlobStatus, PutStage | 'failed'>> = {
  [blobStatus.processing]: 'taken',
  [blobStatus.confirmed]: 'certified',
  [blobStatus.finalized]: 'recorded',
  [blobStatus.failed]: 'failed',
  [blobStatus.insufficientSignatures]: 'failed',
}

const doneTexts: Readonly<Record<PutStage, string>> = {
  taken: 'durable there',
  certified: 'signed by its quorum',
  recorded: 'on the chain, and final',
}

type Told = {
  readonly id: Uint8Array
  readonly progress: Progress
  readonly door: DataDoor
  readonly sizeBytes?: number
}

type Progress = {
  readonly stage: PutStage | 'failed' | 'unknown'
  readonly name: BlobName | undefined
  readonly isUnsigned: boolean
}

/** `zg da put FILE` */
export async function runDaPut(input: CommandInput): Promise<void> {
  const { output, values, workingDir } = input
  const blob = readBlob(resolve(workingDir, values.text('file') ?? ''))
  const requestId = hexBytes(input, 'request-id')
  const stream = hexBytes(input, 'stream')
  const stages = stagesUntil(values.text('until') ?? 'certified')
  const key = routeKeyOf(blob, requestId)
  const door = await doorForBlob(input, { stream: stream && toHex(stream), key })
  const client = new DisperserClient(door.url)
  const list = new LiveList(output, stages)
  try {
    const size = formatInteger(blob.length)
    const id = await client.disperse(blob, {
      ...(requestId && { requestId }),
      onSent(sent) {
        const percent = Math.min(100, Math.floor((100 * sent) / blob.length))
        list.set('taken', 'working', `${percent} % of ${size} bytes`)
      },
    })
    settle(list, 'taken')
    const progress = await follow(client, { id, list, stages })
    list.end()
    tell(input, { id, progress, door, sizeBytes: blob.length })
  } finally {
    list.end()
    client.close()
  }
}

/** `zg da status REQUEST` */
export async function runDaStatus(input: CommandInput): Promise<void> {
  const id = hexBytes(input, 'request') ?? new Uint8Array(0)
  const problems: unknown[] = []
  for (const door of doorsFor(input)) {
    const client = new DisperserClient(door.url)
    try {
      return tell(input, { id, door, progress: await ask(client, id) })
    } catch (error) {
      // Of several networks another one may know it.
      problems.push(error)
    } finally {
      client.close()
    }
  }
  // One that does not answer may know it, too.
  throw problems.find((problem) => !isUnknown(problem)) ?? problems[0]
}

function isUnknown(error: unknown): boolean {
  return error instanceof DisperserRefusedError && error.data['reason'] === 'DA_REQUEST_UNKNOWN'
}

/** `zg da get NAME FILE` */
export async function runDaGet(input: CommandInput): Promise<void> {
  const { output, values, workingDir } = input
  const text = values.text('name') ?? ''
  const name = parseName(text)
  const file = values.text('file') ?? ''
  const shape = { dataRows, codedRows: Number(values.text('coded-rows') ?? 4_096) }
  const [door] = doorsFor(input, name.network)
  const client = new DisperserClient(door.url)
  const list = new LiveList(output, ['read', 'checked'])
  try {
    list.set('read', 'working', 'asking')
    const blob = await client.retrieve(name)
    if (blob.length === 0 || blob.length > blobSizeMax) throw new BlobDiffersError(text)
    list.set('read', 'done', `${formatInteger(blob.length)} bytes`)
    list.set('checked', 'working', 'coding it again')
    const root = await commitmentOfBlob(blob, shape)
    // Nothing is written before: whoever answered may have lied.
    if (!bytesEqual(root, name.storageRoot)) throw new BlobDiffersError(text)
    list.set('checked', 'done', 'against its root')
    writeFileSync(resolve(workingDir, file), blob)
    list.end()
    output.json({ name: text, sizeBytes: blob.length, file })
    output.line(`  ${file}`)
  } finally {
    list.end()
    client.close()
  }
}

/** Polls until the last of the stages, and settles a line of the list for each. */
async function follow(
  client: DisperserClient,
  { id, list, stages }: { id: Uint8Array; list: LiveList; stages: readonly PutStage[] },
): Promise<Progress> {
  const last = stages.length - 1
  let settled = 0
  const lastMs = performance.now() + waitMsMax
  for (;;) {
    const progress = await ask(client, id)
    const reached = putStages.findIndex((stage) => stage === progress.stage)
    while (settled < Math.min(reached, last)) settle(list, stages[++settled])
    const next = stages[settled + 1]
    if (next === undefined) return progress
    if (progress.stage === 'failed') {
      list.set(next, 'failed', 'failed')
      throw new PutFailedError(toHex(id), progress.isUnsigned)
    }
    if (performance.now() > lastMs) throw new PutWaitsError(toHex(id), next)
    list.set(next, 'working', 'waiting')
    await new Promise((go) => setTimeout(go, pollMs))
  }
}

function settle(list: LiveList, stage: PutStage | undefined): void {
  if (stage !== undefined) list.set(stage, 'done', doneTexts[stage])
}

async function ask(client: DisperserClient, id: Uint8Array): Promise<Progress> {
  const { status, name } = await client.statusOf(id)
  return {
    stage: status === undefined ? 'unknown' : stageOf[status],
    name,
    isUnsigned: status === blobStatus.insufficientSignatures,
  }
}

function tell({ output }: CommandInput, { id, progress, door, sizeBytes }: Told): void {
  const { stage, name } = progress
  const request = toHex(id)
  const shown = name === undefined ? null : `${door.prefix}${nameText(name)}`
  output.json({ request, stage, name: shown, ...(sizeBytes !== undefined && { sizeBytes }) })
  const rows: [string, string][] = [['request', request]]
  if (sizeBytes === undefined) rows.push(['stage', stage])
  if (shown !== null) rows.push(['name', shown])
  const cells = rows.map(([label, text]) => [{ text: label, style: 'quiet' as const }, text])
  for (const line of tableLines(output, cells)) output.line(line)
}

function readBlob(path: string): Uint8Array {
  const { size } = statSync(path)
  if (size === 0 || size > blobSizeMax) throw new BlobSizeError(size)
  return readFileSync(path)
}

function stagesUntil(stage: string): readonly PutStage[] {
  return putStages.slice(0, putStages.findIndex((one) => one === stage) + 1)
}

/** A value of 32 bytes in hexadecimal. */
function hexBytes({ values }: CommandInput, name: string): Uint8Array | undefined {
  const text = values.text(name)
  if (text === undefined) return undefined
  if (!isHex(text, idSize)) throw new ValueInvalidError(name, text, `it is not ${idSize} bytes`)
  return fromHex(text)
}

function nameText({ epoch, quorum, storageRoot }: BlobName): string {
  return `${epoch}/${quorum}/${toHex(storageRoot)}`
}

/**
 * Reads `EPOCH/QUORUM/ROOT`, with `NETWORK/` before it or not.
 *
 * @throws {ValueInvalidError} `CLI_VALUE_INVALID`
 */
export function parseName(text: string): BlobName & { readonly network: number | undefined } {
  const [, network, epoch, quorum, root] = namePattern.exec(text) ?? []
  if (epoch === undefined || quorum === undefined || !isHex(root)) {
    throw new ValueInvalidError('name', text, 'it is not EPOCH/QUORUM/ROOT')
  }
  return {
    network: network === undefined ? undefined : Number(network),
    epoch: BigInt(epoch),
    quorum: BigInt(quorum),
    storageRoot: fromHex(root),
  }
}

export class PutFailedError extends ZgError<'CLI_DA_FAILED'> {
  constructor(request: Hex, isUnsigned: boolean) {
    const why = isUnsigned
      ? 'too few members of the quorum signed in time'
      : 'the disperser gave up'
    super('CLI_DA_FAILED', `Cannot have it certified: ${why}`, { request })
  }
}

export class PutWaitsError extends ZgError<'CLI_DA_WAITS'> {
  constructor(request: Hex, stage: string) {
    const message = `Cannot wait any longer: it is not ${stage} after ${waitMsMax / 1_000} s`
    super('CLI_DA_WAITS', message, { request })
  }
}

/** Somebody lied on the way, or the name is of a batch with more blobs. */
export class BlobDiffersError extends ZgError<'CLI_DA_DIFFERS'> {
  constructor(name: string) {
    const message = 'Cannot take what the disperser sent: its root is not that of the name'
    super('CLI_DA_DIFFERS', message, { name })
  }
}
