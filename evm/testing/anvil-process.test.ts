import assert from 'node:assert/strict'
import { test } from 'node:test'

import { anvilFor } from './anvil-process.ts'

const why = 'anvil does not run here, so this is not shown: that it works'

test('anvilFor says what is skipped where there is no anvil, and fails where it must be there', async () => {
  const said: string[] = []
  const context = { skip: (message: string) => void said.push(message) }
  const start = async () => undefined
  const run = (isRequired: boolean) => anvilFor(context, 'that it works', { start, isRequired })
  assert.equal(await run(false), undefined)
  assert.deepEqual(said, [why])
  await assert.rejects(run(true), new Error(why))
  assert.deepEqual(said, [why])
})
