import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { createMetrics, silentLogger, SimulatedClock } from '@zg/runtime'

import { followL1, l1OpeningName, l1StoreName } from './follow-l1.ts'

const contract = (fill: number): Uint8Array => new Uint8Array(20).fill(fill)

test('followL1 keeps its memory in the node folder, and begins anew after a start that ended over it', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'zg-follow-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const folder = join(directory, l1StoreName)
  const clock = new SimulatedClock()
  const open = () =>
    followL1(
      {
        // Nobody listens there: the view waits.
        endpoints: ['http://127.0.0.1:1', 'http://127.0.0.1:2'],
        firstEpoch: 2n,
        epochStart: 0n,
        epochSeconds: 30n,
        finalitySeconds: 1n,
        fromBlock: 0n,
        contracts: {
          NetworkRegistry: contract(1),
          OperatorRegistry: contract(2),
          Inbox: contract(3),
          FinalityOracle: contract(5),
          Streams: contract(4),
        },
      },
      {
        networkId: 1,
        directory,
        clock: clock.forNode(0),
        logger: silentLogger,
        metrics: createMetrics(),
      },
    )
  mkdirSync(folder)
  // As a start leaves it that LMDB ended.
  writeFileSync(join(folder, 'data.mdb'), new Uint8Array(65_536).fill(7))
  writeFileSync(join(directory, l1OpeningName), '')
  const first = open()
  assert.equal(first.view.newestReference(), undefined)
  assert.ok(existsSync(join(folder, 'data.mdb')))
  assert.ok(!existsSync(join(directory, l1OpeningName)), 'this start went well')
  assert.deepEqual(first.status(), { final: undefined, blocksBehind: 0n, problem: undefined })
  await clock.run({ untilMs: clock.nowMs() + 1 })
  while (first.status().problem === undefined) await new Promise(setImmediate)
  assert.equal(first.status().problem, 'STAKING_L1_ENDPOINT', 'nobody listens there')
  await first.stop()
})
