import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { readKeptWorld, writeKeptWorld } from './kept-world.ts'
import { recordProcesses } from './leftovers.ts'
import { resolveWorld } from './world.ts'

test('readKeptWorld reads what was written, and nothing where there is nothing', (t) => {
  const home = mkdtempSync(join(tmpdir(), 'zg-kept-'))
  t.after(() => rmSync(home, { recursive: true }))
  assert.equal(readKeptWorld(home), undefined)
  assert.equal(readKeptWorld(join(home, 'absent')), undefined)
  const fresh = { random: new Uint8Array(32).fill(7), nowSeconds: 1_790_000_000 }
  const kept = resolveWorld({ minimal: false }, undefined, fresh)
  writeKeptWorld(home, kept)
  assert.deepEqual(readKeptWorld(home), JSON.parse(JSON.stringify(kept)))
})

test('readKeptWorld reads the outside L1 of a world, and refuses another thing there', (t) => {
  const home = mkdtempSync(join(tmpdir(), 'zg-kept-'))
  t.after(() => rmSync(home, { recursive: true }))
  const times = { epochStart: 1, epochSeconds: 30, finalitySeconds: 3 }
  const anchor = { number: 7, hash: `0x${'ab'.repeat(32)}` } as const
  const outsideL1 = { url: 'http://192.0.2.7:8545', chainId: 31_337, ...times, anchor }
  const fresh = { random: new Uint8Array(32).fill(7), nowSeconds: 1_790_000_000, outsideL1 }
  const kept = resolveWorld({ minimal: false }, undefined, fresh)
  writeKeptWorld(home, kept)
  assert.deepEqual(readKeptWorld(home)?.outsideL1, outsideL1)
  for (const wrong of [
    { ...outsideL1, url: 'nowhere' },
    { ...outsideL1, epochSeconds: 0.5 },
    { ...outsideL1, anchor: { ...anchor, hash: '0x12' as const } },
    { ...outsideL1, anchor: undefined },
    7,
  ]) {
    writeKeptWorld(home, { ...kept, outsideL1: wrong as typeof outsideL1 })
    assert.throws(() => readKeptWorld(home), /is damaged/)
  }
})

test('readKeptWorld refuses a damaged world, and chains whose world is missing', (t) => {
  const home = mkdtempSync(join(tmpdir(), 'zg-kept-'))
  t.after(() => rmSync(home, { recursive: true }))
  writeFileSync(join(home, 'world.json'), '{ "version": 1')
  assert.throws(() => readKeptWorld(home), /is damaged/)
  rmSync(join(home, 'world.json'))
  mkdirSync(join(home, 'net-0'))
  assert.throws(() => readKeptWorld(home), {
    code: 'DEVNET_KEPT_WORLD_MALFORMED',
    message: /is missing beside its chains/,
  })
})

test('recordProcesses tells what the disk refuses, and throws nothing', () => {
  assert.match(recordProcesses('/dev/null/no-home', []) ?? '', /ENOTDIR|ENOENT/)
})
