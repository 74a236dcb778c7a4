import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { networkForBlob, routeKeyOf } from '@zg/da'
import { openMemoryDoor } from '@zg/da/testing'
import { addressOfSecretKey, fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { streamIdOf } from '@zg/sdk'
import { StakeChain } from '@zg/sdk/testing'

import { runLine } from './testing/run-line.ts'

const networkIds = [0, 1, 2]
const owner = toHex(addressOfSecretKey(fromHex(`0x${'a1'.repeat(32)}`)))
/** Known to none of the dispersers. */
const nobodys: Hex = `0x${'00'.repeat(32)}`

type Told = { readonly name: string; readonly request: Hex; readonly stage: string }

/** A home whose world has data on three networks, each with a disperser in memory. */
async function openWorld(t: TestContext) {
  const home = mkdtempSync(join(tmpdir(), 'zg-da-routes-'))
  const l1 = new StakeChain({ networkIds, holders: [owner] })
  const served = await l1.serve()
  const doors = await Promise.all(networkIds.map(() => openMemoryDoor(t)))
  t.after(() => {
    served.close()
    rmSync(home, { recursive: true })
  })
  const networks = networkIds.map((id) => ({
    id,
    rpc: 'http://127.0.0.1:1',
    da: { disperser: `http://127.0.0.1:${doors[id]!.door.port}`, altDa: '', nodes: [] },
  }))
  const world = { version: 1, dataDir: home, epochSeconds: 30, networks, accounts: [] }
  const { addresses: contracts } = l1
  const there = { rpc: served.url, chainId: 1_337, finalityLag: 0, contracts }
  writeFileSync(join(home, 'devnet.json'), JSON.stringify({ ...world, l1: there }))
  // It runs as long as this process does.
  writeFileSync(join(home, 'lock'), JSON.stringify({ pid: process.pid, socket: 'none' }))
  const run = (line: string) => runLine(line.split(' '), home)
  const ask = async (line: string): Promise<Told> => {
    const { exitCode, out, err } = await run(`${line} --json`)
    assert.equal(exitCode, 0, err)
    return JSON.parse(out) as Told
  }
  const make = (name: string): Buffer => {
    const bytes = Buffer.from(`bytes of ${name}`)
    writeFileSync(join(home, name), bytes)
    return bytes
  }
  const counts = (): readonly number[] => doors.map(({ layer }) => layer.submitCount)
  const readsOn = (network: number): number => doors[network]!.layer.readCount
  return { l1, run, ask, make, counts, readsOn }
}

const networkIn = ({ name }: Told): number => Number(name.split('/')[0])

test('da put of several networks goes where its key meets, and status and get find it there', async (t) => {
  const { run, ask, make, counts } = await openWorld(t)
  const found = new Set<number>()
  for (let index = 0; index < 8; index++) {
    const file = `file-${index}`
    const bytes = make(file)
    const told = await ask(`da put ${file}`)
    const wanted = networkForBlob(routeKeyOf(bytes), networkIds)
    assert.equal(networkIn(told), wanted)
    found.add(networkIn(told))
    // Of the same bytes it is the same request, on the same network.
    assert.deepEqual(await ask(`da put ${file}`), told)
    assert.equal((await ask(`da status ${told.request}`)).name, told.name)
    const other = (networkIn(told) + 1) % 3
    const elsewhere = await run(`da get ${other}${told.name.slice(1)} back`)
    assert.match(elsewhere.err, /There is no such blob/)
  }
  assert.equal(found.size, 3)
  assert.equal(
    counts().reduce((sum, count) => sum + count, 0),
    16,
  )
  const unknown = await run(`da status ${nobodys}`)
  assert.match(unknown.err, /No request has this id/)
  const id = `0x${'1d'.repeat(32)}`
  const byId = await ask(`da put file-0 --request-id ${id}`)
  assert.equal(networkIn(byId), networkForBlob(fromHex(`0x${'1d'.repeat(32)}`), networkIds))
  assert.equal(networkIn(await ask('da put file-1 --network 2')), 2)
  assert.match(
    (await run('da put file-1 --network 3')).err,
    /none is known on network 3; zg network/,
  )
})

test('da put leaves a network that drains, whose blobs are read as before', async (t) => {
  const { l1, run, ask, make, readsOn } = await openWorld(t)
  const routed: Told[] = []
  for (let index = 0; index < 9; index++) {
    make(`file-${index}`)
    routed.push(await ask(`da put file-${index}`))
  }
  const drained = networkIn(routed[0]!)
  l1.call('NetworkRegistry', 'drain', { args: [drained], from: l1.addresses.TimelockController })
  // Its notice holds from the epoch after the next on.
  assert.equal(networkIn(await ask('da put file-0')), drained)
  l1.advance(60)
  // The disperser in memory makes roots up, so what it gives is read, and refused.
  assert.match(
    (await run(`da get ${routed[0]!.name} back`)).err,
    /its root is not that of the name/,
  )
  assert.equal(readsOn(drained), 1)
  for (const [index, before] of routed.entries()) {
    const now = networkIn(await ask(`da put file-${index}`))
    if (networkIn(before) === drained) assert.notEqual(now, drained)
    else assert.equal(now, networkIn(before))
    assert.equal(
      (await ask(`da status ${before.request} --network ${networkIn(before)}`)).name,
      before.name,
    )
  }
})

test('da put of a stream goes to its home', async (t) => {
  const { l1, ask, run, make } = await openWorld(t)
  const name: Hex = `0x${Buffer.from('photos').toString('hex').padEnd(64, '0')}`
  const id = streamIdOf(owner, name)
  const first = networkForBlob(fromHex(id), networkIds)!
  make('file')
  assert.equal(networkIn(await ask(`da put file --stream ${id}`)), first)
  l1.call('Streams', 'open', { args: [name], from: owner })
  const next = (first + 1) % 3
  l1.call('Streams', 'migrate', { args: [name, next], from: owner })
  assert.equal(networkIn(await ask(`da put file --stream ${id}`)), first)
  l1.advance(60)
  assert.equal(networkIn(await ask(`da put file --stream ${id}`)), next)
  assert.equal((await run('da put file --stream 0x00')).exitCode, 2)
})
