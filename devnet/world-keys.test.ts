import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { addressOfSecretKey, fromHex } from '@zg/primitives'

import { writeKeptWorld } from './kept-world.ts'
import { readOperatorKey } from './world-keys.ts'
import { planWorld, resolveWorld } from './world.ts'

test('readOperatorKey gives the key of each operator of a kept world, and of no other', () => {
  const home = mkdtempSync(join(tmpdir(), 'zg-keys-'))
  assert.equal(readOperatorKey(home, 0), undefined)
  const fresh = { random: new Uint8Array(32).fill(7), nowSeconds: 1 }
  const kept = resolveWorld({ minimal: false }, undefined, fresh)
  writeKeptWorld(home, kept)
  const validators = planWorld(kept, { home, minimal: false }, []).networks[0]?.validators ?? []
  assert.equal(validators.length, 4)
  for (const { index, operator } of validators) {
    const key = readOperatorKey(home, index)
    assert.ok(key !== undefined)
    assert.deepEqual(addressOfSecretKey(fromHex(key)), operator)
  }
  assert.equal(readOperatorKey(home, 4), undefined)
  rmSync(home, { recursive: true })
})
