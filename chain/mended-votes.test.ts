import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { WalCorruptError } from '@zg/consensus'

import {
  mendedEpoch,
  mendVotesFileName,
  readMendedVotes,
  VotesLostError,
  writeMendedVotes,
} from './mended-votes.ts'
import type { L1Config } from './node-config.ts'

test('mendedEpoch is the second after the one that L1 is in', () => {
  const l1 = { epochStart: 1_000n, epochSeconds: 30n } as L1Config
  const cases: [seconds: number, epoch: bigint][] = [
    [0, 2n],
    [1_000, 2n],
    [1_029.999, 2n],
    [1_030, 3n],
    [1_300, 12n],
  ]
  for (const [seconds, epoch] of cases) assert.equal(mendedEpoch(l1, seconds * 1_000), epoch)
})

test('readMendedVotes reads what was written, and nothing else', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'zg-mend-'))
  t.after(() => rmSync(folder, { recursive: true }))
  assert.equal(readMendedVotes(folder), undefined)
  writeMendedVotes(folder, 414n)
  assert.equal(readMendedVotes(folder), 414n)
  for (const wrong of ['', '-1', '0x9', '1 2', '4'.repeat(19), 'soon']) {
    writeFileSync(join(folder, mendVotesFileName), wrong)
    assert.throws(() => readMendedVotes(folder), { code: 'CHAIN_MENDED_VOTES_MALFORMED' })
  }
})

test('VotesLostError names the command that mends it', () => {
  const { message } = new VotesLostError('/world/net-0/val-1', new WalCorruptError('a record'))
  assert.match(message, /the vote log lost statements \(a record\)/)
  assert.match(message, /"zg mend-votes \/world\/net-0\/val-1" lets it vote again two epochs later/)
})
