import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'

import { startDevnet, stopDevnet } from '../testing/devnet-process.ts'
import type { DevnetProcess } from '../testing/devnet-process.ts'
import { compile } from './compile.ts'
import type { Endpoint } from './endpoint.ts'
import { useEthers } from './with-ethers.ts'
import { useTwap, useVesting, useVotes } from './with-timestamps.ts'
import { useFoundry, useHardhat } from './with-tools.ts'
import { useViem } from './with-viem.ts'

/** Away from a world that a developer may be running, and from the other end-to-end tests. */
const portOffset = 21_000

suite('unmodified clients on the four-validator world', { timeout: 240_000 }, () => {
  const artifacts = compile(['Token', 'Twap', 'VotesToken', 'Vesting'])
  let home = ''
  let world: DevnetProcess
  let endpoint: Endpoint

  before(async () => {
    home = mkdtempSync(join(tmpdir(), 'zg-clients-'))
    world = startDevnet(home, ['--no-da', '--port-offset', String(portOffset)])
    const { networks, accounts } = await world.ready
    const [network] = networks
    assert.ok(network)
    const privateKeys = accounts.map(({ privateKey }) => privateKey)
    endpoint = { rpc: network.rpc, ws: network.ws, chainId: network.chainId, privateKeys }
  })

  after(async () => {
    assert.equal(await stopDevnet(world), 0)
    rmSync(home, { recursive: true, force: true })
  })

  // Side by side, each with an account of its own, as developers share a chain.
  test('clients and tool chains', { concurrency: true }, async (t) => {
    await Promise.all([
      t.test('viem deploys, calls, watches, proves and reads a revert', () =>
        useViem(endpoint, artifacts.Token),
      ),
      t.test('ethers sends twenty dependent transactions without a nonce error', () =>
        useEthers(endpoint, artifacts.Token),
      ),
      t.test('a TWAP counts each second once', () => useTwap(endpoint, artifacts.Twap)),
      t.test('ERC20Votes by timestamp remembers', () => useVotes(endpoint, artifacts.VotesToken)),
      t.test('vesting follows its schedule', () => useVesting(endpoint, artifacts.Vesting)),
      t.test('Hardhat 3 runs a script over HTTP', () => useHardhat(endpoint)),
      t.test('forge create and cast work', () => useFoundry(endpoint)),
    ])
  })
})
