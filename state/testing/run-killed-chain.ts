/**
 * A process to be killed: makes block after block final on the LMDB store of folder `argv[2]` and
 * prints each height once it is acknowledged, with up to three batches under way.
 */

import { writeSync } from 'node:fs'

import { LmdbStore } from '@zg/runtime'

import { killedChain } from './killed-chain.ts'

const { next } = killedChain(LmdbStore.open(process.argv[2] ?? ''))
const underWay: Promise<void>[] = []
for (let height = 0; ; height++) {
  underWay.push(next().then(() => void writeSync(1, `${height}\n`)))
  if (underWay.length >= 3) await underWay.shift()
}
