import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'

import { saysYes } from './signing.ts'

async function answer(typed: string | undefined): Promise<{ isYes: boolean; asked: string }> {
  const [input, output] = [new PassThrough(), new PassThrough()]
  let asked = ''
  output.on('data', (chunk: Buffer) => (asked += chunk.toString()))
  const said = saysYes({ input, output })
  if (typed === undefined) input.end()
  else input.write(`${typed}\n`)
  return { isYes: await said, asked }
}

test('saysYes takes y and yes alone', async () => {
  for (const typed of ['y', 'Y', 'yes', ' YES ']) assert.ok((await answer(typed)).isYes, typed)
  for (const typed of ['', 'n', 'no', 'yeah', 'sure', 'yy', undefined]) {
    assert.ok(!(await answer(typed)).isYes, String(typed))
  }
})

test('saysYes says what a yes does', async () => {
  assert.match((await answer('n')).asked, /Sign and send\? \[y\/N\]/)
})
