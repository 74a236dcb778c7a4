import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { TestContext } from 'node:test'

import { dataOperator, DataWorld } from '@zg/contracts/testing'
import { blobSizeMax } from '@zg/da'
import { openDoorWorld, openMemoryDoor } from '@zg/da/testing'
import { serveWorld } from '@zg/da/testing/rpc'
import { fromHex, isHex, toHex } from '@zg/primitives'

import { reportRows } from './commands/da-sample.ts'
import { runLine } from './testing/run-line.ts'

const home = mkdtempSync(join(tmpdir(), 'zg-da-'))
after(() => rmSync(home, { recursive: true }))

const run = (line: string) => runLine(line.split(' '), home)

type Told = { request: string; stage: string; name: string; sizeBytes: number }

async function ask(line: string): Promise<Told> {
  const { exitCode, out, err } = await run(`${line} --json`)
  assert.equal(exitCode, 0, err)
  return JSON.parse(out) as Told
}

/** A disperser in memory, and the flag that names its door. */
async function openMemory(t: TestContext) {
  const { layer, door } = await openMemoryDoor(t)
  return { layer, at: `--disperser http://127.0.0.1:${door.port}` }
}

function makeFile(name: string, bytes: Uint8Array): string {
  writeFileSync(join(home, name), bytes)
  return name
}

test('da put, da status and da get bring a file through a quorum and back', async (t) => {
  const shape = { dataRows: 1_024, codedRows: 4_096 }
  const { grpcPort } = await openDoorWorld(t, { shape, nodeCount: 4 })
  const at = `--disperser http://127.0.0.1:${grpcPort}`
  const bytes = Buffer.alloc(70_000, 'data')
  makeFile('photo', bytes)

  const put = await ask(`da put photo --until recorded ${at}`)
  assert.equal(put.stage, 'recorded')
  assert.equal(put.sizeBytes, bytes.length)
  assert.match(put.name, /^\d+\/0\/0x[0-9a-f]{64}$/)
  const shown = await run(`da status ${put.request} ${at}`)
  assert.match(shown.out, /stage +recorded/)
  assert.ok(shown.out.includes(put.name))
  const got = await run(`da get ${put.name} back ${at}`)
  assert.equal(got.exitCode, 0, got.err)
  assert.match(got.out, /✓ read +70,000 bytes in /)
  assert.match(got.out, /✓ checked +against its root in /)
  assert.deepEqual(readFileSync(join(home, 'back')), bytes)

  // Of another code it is another root.
  const other = await run(`da get ${put.name} other --coded-rows 3072 ${at}`)
  assert.equal(other.exitCode, 1)
  assert.ok(!existsSync(join(home, 'other')))
})

test('da get writes nothing that is not of the root it was asked by', async (t) => {
  const { at } = await openMemory(t)
  makeFile('lie', Buffer.from('its root is made up'))
  const { name } = await ask(`da put lie ${at}`)
  const { exitCode, err } = await run(`da get ${name} kept ${at}`)
  assert.equal(exitCode, 1)
  assert.match(err, /its root is not that of the name; ask another disperser with --disperser/)
  assert.ok(!existsSync(join(home, 'kept')))
  const unknown = await run(`da get 7/3/0x${'00'.repeat(32)} kept ${at}`)
  assert.match(unknown.err, /There is no such blob: .*; see that the name is whole/)
})

test('da put tells of each stage, and waits no further than it is told to', async (t) => {
  const { at, layer } = await openMemory(t)
  layer.isCertifying = false
  makeFile('slow', Buffer.from('slow'))
  const taken = await ask(`da put slow --until taken ${at}`)
  assert.deepEqual([taken.stage, taken.name], ['taken', null])
  const waiting = run(`da put slow --until recorded ${at}`)
  assert.ok(isHex(taken.request))
  layer.settle(fromHex(taken.request), 'confirmed')
  assert.equal((await ask(`da status ${taken.request} ${at}`)).stage, 'certified')
  layer.settle(fromHex(taken.request), 'finalized')
  const { out, exitCode } = await waiting
  assert.equal(exitCode, 0)
  assert.match(out, /✓ taken.*✓ certified.*✓ recorded.*request +0x.*name +7\/3\/0x/s)
})

test('da put says why a blob is not certified, and how it is sent anew', async (t) => {
  const { at, layer } = await openMemory(t)
  layer.isCertifying = false
  makeFile('unlucky', Buffer.from('unlucky'))
  const { request } = await ask(`da put unlucky --until taken ${at}`)
  assert.ok(isHex(request))
  layer.settle(fromHex(request), { failedAs: 'DA_UNAVAILABLE' })
  const failed = await run(`da put unlucky ${at}`)
  assert.equal(failed.exitCode, 1)
  assert.match(failed.err, /too few members .* in time; zg da put with a new --request-id/)
  assert.equal((await ask(`da status ${request} ${at}`)).stage, 'failed')
  layer.isCertifying = true
  const id = `0x${'1d'.repeat(32)}`
  assert.equal((await ask(`da put unlucky --request-id ${id} ${at}`)).request, id)
})

test('da says what is refused, and what mends it', async (t) => {
  const { at, layer } = await openMemory(t)
  makeFile('empty', new Uint8Array(0))
  makeFile('large', new Uint8Array(blobSizeMax + 1))
  makeFile('file', Buffer.from('file'))
  assert.match((await run(`da put empty ${at}`)).err, /has 1 to 32505852 bytes, not 0; cut it/)
  assert.match((await run(`da put large ${at}`)).err, /not 32505853; cut it into several/)
  assert.match((await run(`da put nothing ${at}`)).err, /there is no such file/)
  layer.peerBytesMax = 1
  const unpaid = await run(`da put file --json ${at}`)
  const { error } = JSON.parse(unpaid.err) as { error: { code: string; message: string } }
  assert.equal(error.code, 'DA_UNPAID')
  assert.match(error.message, /the quota is used up; try again when its quota is full/)
  const silent = await run('da put file --disperser http://127.0.0.1:1')
  assert.match(silent.err, /Cannot ask the disperser at .*; see that it runs, or name another/)
  const unknown = await run(`da status 0x${'00'.repeat(32)} ${at}`)
  assert.match(unknown.err, /No request has this id; zg da put sends a blob/)

  for (const line of [
    `da get 7/3/0x00 back ${at}`,
    `da get 7/-3/0x${'00'.repeat(32)} back ${at}`,
    `da status 0x00 ${at}`,
    'da put file --disperser ws://127.0.0.1:1',
    `da put file --request-id 0x00 ${at}`,
    `da put file --until ever ${at}`,
  ]) {
    assert.equal((await run(line)).exitCode, 2, line)
  }
})

test('da quorum draws members and rows from the chain, and says whether they are as written', async (t) => {
  const data = new DataWorld()
  const rpc = await serveWorld(data.world)
  t.after(() => rpc.close())
  data.settle([1, 2, 3].map(dataOperator), [300n, 200n, 100n])
  const { epoch } = data
  data.open(epoch, 1)
  const at = `--rpc ${rpc.url} --entrance ${data.entrance.address}`
  const told = await run(`da quorum --epoch ${epoch} --quorum 1 ${at} --json`)
  assert.equal(told.exitCode, 0, told.err)
  type Member = { place: number; operator: string; slots: number; rows: [number, number][] }
  const said = JSON.parse(told.out) as { seed: string; isAsWritten: boolean; members: Member[] }
  assert.equal(said.isAsWritten, true)
  assert.equal(said.seed, toHex(data.seedOf(epoch)))
  const { places, slots } = data.draw(epoch, 1)
  assert.deepEqual(
    said.members.map((member) => [member.place, member.slots, member.operator]),
    places.map((place, index) => [place, slots[index], dataOperator(place + 1).address]),
  )
  const rows = said.members.flatMap((member) => member.rows)
  assert.equal(
    rows.reduce((sum, [from, to]) => sum + to - from + 1, 0),
    data.rowCount,
  )
  const shown = await run(`da quorum --epoch ${epoch} --quorum 1 ${at}`)
  assert.match(shown.out, /written +the same members and slots.*member +place +operator/s)
  const unopened = await run(`da quorum --epoch ${epoch + 1} ${at}`)
  assert.match(unopened.out, /nobody had DataSigners write it down/)
  const unknown = await run(`da quorum --epoch ${epoch + 2} ${at}`)
  assert.equal(unknown.exitCode, 1)
  assert.match(unknown.err, /its seed is not known; name an epoch that has begun/)
  assert.match((await run(`da quorum --quorum 1 ${at}`)).out, new RegExp(`epoch +${epoch}\n`))
})

test('da sample asks where networks have DataEntrance, unless another is named', async (t) => {
  const data = new DataWorld()
  const rpc = await serveWorld(data.world)
  t.after(() => rpc.close())
  const line = `da sample 7/0/0x${'5e'.repeat(32)} --rpc ${rpc.url}`
  const { exitCode, err } = await run(line)
  assert.equal(exitCode, 1, err)
  assert.doesNotMatch(err, /entrance/)
})

test('da sample says what rows prove only when all of them are good', () => {
  const whole = { asked: 9, good: 9, missing: [], wrong: [], bytes: 576, chanceLog2: -5.2 }
  const labelsOf = (rows: ReturnType<typeof reportRows>): string[] => rows.map(([label]) => label)
  assert.deepEqual(labelsOf(reportRows(whole)), ['checked', 'proves'])
  const missing = { ...whole, good: 8, missing: [3], chanceLog2: 0 }
  assert.deepEqual(labelsOf(reportRows(missing)), ['checked', 'missing'])
  const wrong = { ...whole, good: 8, wrong: [{ index: 3, url: 'http://x' }], chanceLog2: 0 }
  assert.deepEqual(labelsOf(reportRows(wrong)), ['checked', 'wrong'])
})
