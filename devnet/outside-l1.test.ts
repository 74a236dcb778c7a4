/** The set-up of an L1 by transactions, on anvil; on geth: `npm run test:full -- l1-geth`. */

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { genesisConsensusRoot, parseGenesis } from '@zg/chain'
import { create2Deployer } from '@zg/contracts'
import { createdAddress, decodeTransaction, recoverSender } from '@zg/evm'
import { startAnvil } from '@zg/evm/testing'
import { addressOfSecretKey, fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSystemClock } from '@zg/runtime'
import { JsonRpcL1Chain, readContract } from '@zg/staking'

import { devAccounts } from './accounts.ts'
import { l1SiteFileName, readL1Site } from './l1-site.ts'
import { genesisPathOf } from './node-files.ts'
import { create2DeployerTransaction, openOutsideL1 } from './outside-l1.ts'
import { readL1Parameters } from './parameters.ts'
import { grantPorts, portWishes } from './ports.ts'
import { planWorld, resolveWorld } from './world.ts'
import type { WorldPlan } from './world.ts'

const chainId = 31_337

async function planAt(home: string): Promise<WorldPlan> {
  const wanted = { minimal: false, seed: 'outside', validatorCount: 3, networkCount: 2 }
  const kept = resolveWorld(wanted, undefined, { random: new Uint8Array(32), nowSeconds: 0 })
  const { networkCount, validatorCount } = kept
  const wishes = portWishes({ withL1: false, networkCount, validatorCount, offset: 0 })
  const grants = await grantPorts(wishes, async () => true)
  return { ...planWorld(kept, { home, minimal: false }, grants), l1: undefined }
}

/** Relays to an endpoint, until so many transactions went through it: from then on it is gone. */
async function openFailing(url: string, transactionsMax: number) {
  let transactions = 0
  const relay = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    if (body.includes('eth_sendRawTransaction') && transactions++ >= transactionsMax) {
      response.writeHead(503).end()
      return
    }
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(url, { method: 'POST', headers, body })
    response.end(await answer.text())
  }
  const server = createServer((request, response) => void relay(request, response))
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const close = (): void => {
    server.close()
    server.closeAllConnections()
  }
  return { url: `http://127.0.0.1:${port}`, close }
}

test('create2DeployerTransaction makes the contract where everyone looks for it', () => {
  const sender = recoverSender(decodeTransaction(create2DeployerTransaction()))
  assert.equal(createdAddress(sender, 0n), BigInt(create2Deployer))
})

test('openOutsideL1 sets up anvil, goes on after a failure, and does nothing twice', async (t) => {
  const anvil = await startAnvil(['--hardfork', 'osaka'])
  if (anvil === undefined) return t.skip('anvil does not run here')
  t.after(() => anvil.close())
  const home = mkdtempSync(join(tmpdir(), 'zg-outside-'))
  t.after(() => rmSync(home, { recursive: true }))
  // As on a chain that nobody prepared.
  await anvil.rpc('anvil_setCode', [create2Deployer, '0x'])
  const plan = await planAt(home)
  const [funder] = await devAccounts()
  assert.ok(funder)
  const parameters = readL1Parameters('dev')
  const options = {
    url: anvil.url,
    chainId,
    funderKey: fromHex(funder.privateKey),
    parameters,
    clock: createSystemClock(),
    pollMs: 5,
  }
  const failing = await openFailing(anvil.url, 30)
  t.after(failing.close)
  const cut = await openOutsideL1(plan, { ...options, url: failing.url })
  await assert.rejects(cut.setUp(), { code: 'DEVNET_OUTSIDE_L1_CALL', message: /503/ })

  const outside = await openOutsideL1(plan, options)
  const l1 = await outside.setUp()
  const chain = new JsonRpcL1Chain({ url: anvil.url })
  const ask = (artifact: 'NetworkRegistry' | 'Inbox' | 'TimelockController', name: string) => {
    const address = BigInt(l1.siteOf(0).contracts[artifact] ?? '0x0')
    return (...args: readonly unknown[]) =>
      readContract(chain, { artifact, address }, { name, args })
  }
  for (const network of plan.networks) {
    const { id } = network
    const site = readL1Site(join(network.folder, l1SiteFileName))
    assert.deepEqual(site, JSON.parse(JSON.stringify(l1.siteOf(id))))
    const genesis = parseGenesis(JSON.parse(readFileSync(genesisPathOf(network), 'utf8')))
    const found = (await ask('NetworkRegistry', 'networkOf')(id)) as Record<string, unknown>
    assert.equal(found['genesisHash'], toHex(genesis.hash))
    assert.equal(found['genesisHash'], site.genesisHashes[id])
    const root = genesisConsensusRoot(genesis, BigInt(site.firstEpoch))
    assert.equal(found['genesisRoot'], toHex(root), 'the epoch of the site is that of the registry')
    const set = await ask('NetworkRegistry', 'setAt')(id, site.firstEpoch)
    assert.equal((set as { readonly count: number }).count, 3)
  }
  assert.equal(await ask('TimelockController', 'getMinDelay')(), 5n, 'governance is handed over')

  await anvil.rpc('evm_increaseTime', [3 * parameters.epochSeconds])
  await anvil.rpc('evm_mine', [])
  await outside.deposit(l1)
  const credits = await Promise.all([0, 1].map((id) => ask('Inbox', 'creditsOf')(id)))
  // Of network 1: ten accounts, three operators, the keeper, RewardHub.
  assert.deepEqual(
    credits.map((found) => Number((found as readonly [Hex, bigint])[1])),
    [1, 15],
  )
  const sent = async (): Promise<readonly Hex[]> => {
    const { operator: first } = plan.networks[0]!.validators[0]!
    const asked = [toHex(first), funder.address, toHex(addressOfSecretKey(outside.deployerKey))]
    return Promise.all(
      asked.map(
        async (who) => (await anvil.rpc('eth_getTransactionCount', [who, 'latest'])) as Hex,
      ),
    )
  }
  const before = await sent()
  const again = await openOutsideL1(plan, options)
  assert.deepEqual((await again.setUp()).siteOf(1), l1.siteOf(1))
  await again.deposit(l1)
  assert.deepEqual(await sent(), before)

  const slow = openOutsideL1(plan, { ...options, finalitySeconds: 15 })
  await assert.rejects(slow, { code: 'DEVNET_OUTSIDE_L1_UNFIT', message: /30 s is not more than/ })
  const elsewhere = openOutsideL1(plan, { ...options, chainId: 1 })
  await assert.rejects(elsewhere, { code: 'DEVNET_OUTSIDE_L1_UNFIT', message: /31337/ })
})
