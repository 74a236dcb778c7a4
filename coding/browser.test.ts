import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'

import { build } from 'esbuild'

import { commitmentOf, RowCommitter } from './commitment.ts'

/** The entry in one file, as a page would load it, and all that went into it. */
async function bundle(): Promise<{ readonly code: string; readonly inputs: readonly string[] }> {
  const { outputFiles, metafile } = await build({
    entryPoints: [fileURLToPath(new URL('browser.ts', import.meta.url))],
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
  })
  return { code: outputFiles[0]!.text, inputs: Object.keys(metafile.inputs) }
}

/** What Node has and a browser has not. */
const nodeGlobals = ['process', 'Buffer', 'require', 'global', 'setImmediate', 'clearImmediate']

/** Loads the bundle where nothing of Node is left, and has it sample a batch there. */
const tab = `
  const { parentPort, workerData } = require('node:worker_threads')
  const { url, header, commitment, rows, nodeGlobals } = workerData
  for (const name of nodeGlobals) delete globalThis[name]
  import(url).then((coding) => {
    const verifier = new coding.RowVerifier(commitment, header)
    const asked = coding.sampledIndices(new Uint8Array(32), header.codedRows, 8)
    const answers = asked.map((index) => rows[index])
    const good = verifier.wrongOf(answers)
    answers[3].row[0] ^= 1
    const wrong = verifier.wrongOf(answers)
    const left = nodeGlobals.filter((name) => name in globalThis)
    parentPort.postMessage({ asked, good, wrong, left })
  })
`

test('the browser entry is bundled without Node, and samples a batch where there is none', async () => {
  const { code, inputs } = await bundle()
  // What it is made of: this room, three files of the room below, and the hashes.
  const foreign = inputs.filter(
    (path) =>
      !/^(coding\/[\w-]+\.ts|primitives\/(bytes|errors|hash)\.ts|node_modules\/hash-wasm\/)/.test(
        path.replace(/^.*?(coding|primitives|node_modules)\//, '$1/'),
      ),
  )
  assert.deepEqual(foreign, [])
  assert.doesNotMatch(code, /from ?["']node:|require\(["']/)

  const committer = new RowCommitter({ dataRows: 6, codedRows: 24, rowSizeMax: 128 })
  committer.coder.data.fill(9)
  const header = committer.commit()
  const rows = Array.from({ length: 24 }, (_, index) => {
    const { row, path } = committer.prove(index)
    return { index, row: row.slice(), path }
  })
  const url = `data:text/javascript,${encodeURIComponent(code)}`
  const workerData = { url, header, commitment: commitmentOf(header), rows, nodeGlobals }
  const worker = new Worker(tab, { eval: true, workerData })
  const told = await new Promise<{
    asked: number[]
    good: unknown[]
    wrong: { index: number }[]
    left: string[]
  }>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  await worker.terminate()
  assert.deepEqual(told.left, [])
  assert.deepEqual(told.good, [])
  assert.deepEqual(
    told.wrong.map(({ index }) => index),
    [told.asked[3]],
  )
})
