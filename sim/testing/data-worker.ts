/**
 * A thread that runs the seeds of data availability that it is told to, with the product as it is
 * or with one bug in it (data-bugs.ts). It says that it is ready by an answer of no results.
 */

import { registerHooks } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'

import { assert } from '@zg/primitives'

import type { DataBug } from './data-bugs.ts'

const port = parentPort
assert(port !== null, 'this file runs as a thread')

const { edits } = workerData as Pick<DataBug, 'edits'>
const daFolder = new URL('../../da/', import.meta.url).href
const left = new Set(edits)

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    const own = edits.filter(({ file }) => url === daFolder + file)
    if (own.length === 0) return loaded
    let source = textOf(loaded.source)
    for (const edit of own) {
      assert(source.split(edit.from).length === 2, `${edit.file} has "${edit.from}" once`)
      source = source.replace(edit.from, () => edit.to)
      left.delete(edit)
    }
    return { ...loaded, source }
  },
})

// After the hooks: what they change must not have been loaded.
const { runDataSeed } = await import('./data-run.ts')
assert(left.size === 0, 'all edits are made')

port.on('message', ({ from, count }: { from: number; count: number }) => {
  void answer(from, count)
})
port.postMessage([])

async function answer(from: number, count: number): Promise<void> {
  const results = []
  for (let seed = from; seed < from + count; seed++) results.push(await runDataSeed(seed))
  port?.postMessage(results)
}

function textOf(source: string | NodeJS.TypedArray | ArrayBuffer | undefined): string {
  return typeof source === 'string' ? source : new TextDecoder().decode(source)
}
