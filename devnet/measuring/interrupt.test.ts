import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'

const entry = new URL('interrupt.ts', import.meta.url).href
/** Undoes slowly, and meanwhile comes to its end by itself, as a run whose processes are gone. */
const script = `
  const { closedAtInterrupt } = await import(process.argv[1])
  const close = closedAtInterrupt(async () => {
    await new Promise((resolve) => setTimeout(resolve, 50))
    console.log('undone')
  })
  process.once('SIGTERM', () => void close().then(() => console.log('went on')))
  setInterval(() => undefined, 1_000)
  console.log('ready')
`

test('closedAtInterrupt undoes all before the process ends, whoever else closes meanwhile', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script, entry], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let told = ''
  child.stdout.on('data', (text: Buffer) => {
    told += text.toString()
    if (told === 'ready\n') child.kill('SIGTERM')
  })
  const [code] = await once(child, 'close')
  assert.equal(told, 'ready\nundone\n')
  assert.equal(code, 1)
})
