import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { toHex } from '@zg/primitives'
import { createLogger, SimulatedClock } from '@zg/runtime'

import {
  devnetFileName,
  devnetFileVersion,
  keptNetworkOf,
  readDevnetFile,
  removeDevnetFile,
  writeDevnetFile,
} from './devnet-file.ts'
import type { DevnetNetwork } from './devnet-file.ts'
import type { KeptNetwork } from './keeper.ts'
import { LaterNetworks } from './later-networks.ts'
import { networkCountMax } from './world.ts'

const pollMs = 1_000

function networkOf(id: number, genesis = id): DevnetNetwork {
  const rpc = `http://127.0.0.1:${8_545 + 100 * id}`
  const address = toHex(new Uint8Array(20).fill(1))
  return {
    id,
    name: `net-${id}`,
    status: 'active',
    chainId: 1_660_200 + id,
    genesisHash: toHex(new Uint8Array(32).fill(genesis)),
    rpc,
    ws: rpc.replace('http', 'ws'),
    validators: [0, 1].map((index) => {
      return { index, address, rpc: `http://127.0.0.1:${index + 1}`, p2p: '127.0.0.1:3', pid: 4 }
    }),
    contracts: {},
  }
}

/** A world's folder, and a relay that serves its networks 0 and 1. */
async function openRelay(context: TestContext) {
  const home = mkdtempSync(join(tmpdir(), 'zg-later-'))
  context.after(() => rmSync(home, { recursive: true }))
  const write = (networks: readonly DevnetNetwork[]): void => {
    const version = devnetFileVersion
    const file = { version, dataDir: home, epochSeconds: 30, metrics: [], accounts: [] } as const
    writeDevnetFile(home, { ...file, networks })
  }
  const first = [networkOf(0), networkOf(1)]
  write(first)
  const clock = new SimulatedClock()
  const served: KeptNetwork[] = []
  const lines: string[] = []
  const later = new LaterNetworks({
    known: first.map(keptNetworkOf),
    read: () => readDevnetFile(home),
    serve: (network) => served.push(network),
    clock,
    log: createLogger({ part: 'relay', level: 'info', write: (line) => lines.push(line) }),
    pollMs,
  })
  /** Has it look once more. */
  const look = (): Promise<void> => clock.run({ untilMs: clock.nowMs() + pollMs })
  later.start()
  await look()
  assert.equal(served.length, 0)
  return { home, write, first, served, lines, later, look }
}

test('LaterNetworks serves a network once it is in the file, once, whatever ends meanwhile', async (t) => {
  const { write, first, served, later, look } = await openRelay(t)
  write([...first, networkOf(2)])
  await look()
  await look()
  assert.deepEqual(served, [keptNetworkOf(networkOf(2))])
  assert.equal(served[0]?.nodes.length, 2)

  write([...first.slice(0, 1), networkOf(3)])
  await look()
  write([...first, networkOf(2), networkOf(3)])
  await look()
  assert.deepEqual(
    served.map(({ id }) => id),
    [2, 3],
  )

  await later.stop()
  write([...first, networkOf(4)])
  await look()
  assert.equal(served.length, 2)
})

test('LaterNetworks takes nothing of another world, and goes on after a file that is gone or damaged', async (t) => {
  const { home, write, first, served, lines, look } = await openRelay(t)
  write([networkOf(0), networkOf(1, 9), networkOf(2)])
  await look()
  write([networkOf(2)])
  await look()
  removeDevnetFile(home)
  await look()
  assert.deepEqual([served, lines], [[], []])

  writeFileSync(join(home, devnetFileName), '{')
  await look()
  assert.match(lines.join(), /DEVNET_FILE_MALFORMED.*devnet.json cannot be read/)
  write([...first, networkOf(2)])
  await look()
  assert.deepEqual(
    served.map(({ id }) => id),
    [2],
  )
})

test('LaterNetworks serves no more networks than a world may have', async (t) => {
  const { write, first, served, look } = await openRelay(t)
  const many = Array.from({ length: networkCountMax + 5 }, (_, index) => networkOf(index + 2))
  write([...first, ...many])
  await look()
  assert.equal(served.length, networkCountMax - first.length)
})
