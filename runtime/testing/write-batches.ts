/**
 * A process to be killed: writes batch after batch to the LMDB store of folder `argv[2]` and prints
 * each batch's number once it is acknowledged. Batch n puts n in every one of `argv[3]` keys.
 */

import { writeSync } from 'node:fs'

import { LmdbStore } from '../lmdb-store.ts'

const [, , folder = '', count = '0'] = process.argv
const store = LmdbStore.open(folder)
const keys = Array.from({ length: Number(count) }, (_, index) => {
  return Uint8Array.of(1 + (index % 255), (index >> 8) & 0xff, index & 0xff)
})

const pipeline: Promise<void>[] = []
for (let number = 1; ; number++) {
  const value = new Uint8Array(200)
  new DataView(value.buffer).setUint32(0, number)
  const batch = keys.map((key, index) => ({ table: index % 2 === 0 ? 'even' : 'odd', key, value }))
  pipeline.push(store.write(batch).then(() => void writeSync(1, `${number}\n`)))
  if (pipeline.length >= 3) await pipeline.shift()
}
