/**
 * `zg devnet --l1` as a user runs it, on an L1 that runs alone: cut off while it sets up, begun
 * again, stopped, started again.
 */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { after, before, suite, test } from 'node:test'

import { devAccounts } from './accounts.ts'
import { requestControl } from './control.ts'
import { readLiveLock } from './data-dir.ts'
import type { DevnetFile } from './devnet-file.ts'
import { readKeptWorld } from './kept-world.ts'
import { readL1Parameters } from './parameters.ts'
import { callRpc } from './rpc-call.ts'
import { startDevnet, stopDevnet } from './testing/devnet-process.ts'
import type { DevnetProcess } from './testing/devnet-process.ts'
import { startLoneL1 } from './testing/lone-l1.ts'
import type { LoneL1 } from './testing/lone-l1.ts'

const l1PortOffset = 26_000
const portOffset = 27_000

const alone = ['--validators', '1']

function ports(offset: number): readonly string[] {
  return ['--port-offset', String(offset)]
}

async function heightsOf({ networks }: DevnetFile): Promise<readonly number[]> {
  return Promise.all(networks.map(async ({ rpc }) => Number(await callRpc(rpc, 'eth_blockNumber'))))
}

/** Waits until every network has made so many blocks more than `heights`. */
async function goOn(file: DevnetFile, heights: readonly number[]): Promise<void> {
  for (;;) {
    const now = await heightsOf(file)
    if (now.every((height, index) => height > (heights[index] ?? 0) + 2)) return
    await wait(200)
  }
}

async function end(run: DevnetProcess): Promise<void> {
  if (run.process.exitCode === null && run.process.signalCode === null) await stopDevnet(run)
}

suite('a world whose L1 is that of another', { timeout: 240_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'zg-world-'))
  const keyFile = join(home, 'payer.key')
  let l1: LoneL1
  let url: string
  let run: DevnetProcess

  before(async () => {
    const parameters = readL1Parameters('dev')
    const shape = { operatorCount: 1, blockTimeMs: 200, portOffset: l1PortOffset }
    l1 = await startLoneL1({ parameters, ...shape })
    url = l1.url
    const [payer] = await devAccounts()
    writeFileSync(keyFile, payer?.privateKey ?? '', { mode: 0o600 })
  })

  after(async () => {
    await end(run)
    await l1.stop()
    rmSync(home, { recursive: true })
  })

  test('killed while it sets up, it goes on without being paid again', async () => {
    const flags = ['--l1', url, '--epoch', '10', '--key-file', keyFile, '--yes']
    run = startDevnet(home, [...flags, ...alone, ...ports(portOffset)])
    run.ready.catch(() => undefined)
    const isUnderWay = (): boolean =>
      run.lines.some(({ name, text }) => name === 'deployer' && String(text).startsWith('12 of'))
    while (!isUnderWay() && run.process.exitCode === null) await wait(20)
    run.process.kill('SIGKILL')
    await run.exited
    assert.ok(run.lines.some(({ event, chainId }) => event === 'bill' && chainId === 1_337))
    assert.equal(readKeptWorld(home)?.outsideL1?.epochSeconds, 10)

    run = startDevnet(home, ports(portOffset))
    const file = await run.ready
    const deployer = run.lines.filter(({ name }) => name === 'deployer')
    assert.match(String(deployer[0]?.['text']), /^1[23] of \d+: /)
    assert.equal(file.epochSeconds, 10)
    assert.equal(file.networks.length, 2)
    assert.equal(file.l1?.rpc, url)
    assert.equal(file.l1.pid, undefined)
    assert.equal(file.l1.ws, undefined)
    assert.deepEqual(
      (await heightsOf(file)).map((height) => height > 0),
      [true, true],
    )
  })

  test('its parts are its own processes, and none of them is an L1', async () => {
    const lock = readLiveLock(home)
    assert.ok(lock)
    const parts = await requestControl(lock.socket, { verb: 'status' })
    assert.deepEqual(
      parts.map(({ name, state }) => `${name} ${state}`),
      ['net-0/val-0 ready', 'net-1/val-0 ready', 'keeper ready'],
    )
    await requestControl(lock.socket, { verb: 'kill', network: 1, validator: 0 })
    await requestControl(lock.socket, { verb: 'resume', network: 1, validator: 0 })
  })

  test('started again, both networks go on, on the same L1', async () => {
    const heights = await heightsOf(await run.ready)
    assert.equal(await stopDevnet(run), 0)
    const l1Height = Number(await callRpc(url, 'eth_blockNumber'))
    run = startDevnet(home, ports(portOffset))
    const file = await run.ready
    await goOn(file, heights)
    assert.equal(file.l1?.rpc, url)
    assert.equal(run.lines.filter(({ event }) => event === 'bill').length, 0)
    assert.ok(Number(await callRpc(url, 'eth_blockNumber')) > l1Height)
  })
})
