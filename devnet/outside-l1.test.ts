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
import { addressOfSecretKey, fromHex, keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSystemClock } from '@zg/runtime'
import { JsonRpcL1Chain, readContract } from '@zg/staking'

import { devAccounts } from './accounts.ts'
import { genesisPathOf, isSetUp, stakeL1Of } from './node-files.ts'
import { OutsideSetup } from './outside-l1.ts'
import { create2DeployerTransaction } from './outside-purses.ts'
import { devParametersOf } from './parameters.ts'
import { grantPorts, portWishes } from './ports.ts'
import { deployerKeyOf } from './world-keys.ts'
import { planWorld, resolveWorld } from './world.ts'
import type { OutsideL1, WorldPlan } from './world.ts'

const ether = 10n ** 18n

async function planAt(home: string, outsideL1: OutsideL1): Promise<WorldPlan> {
  const wanted = { minimal: false, seed: 'outside', validatorCount: 3, networkCount: 2 }
  const fresh = { random: new Uint8Array(32), nowSeconds: 0, outsideL1 }
  const kept = resolveWorld(wanted, undefined, fresh)
  const { networkCount, validatorCount } = kept
  const wishes = portWishes({ withL1: false, networkCount, validatorCount, offset: 0 })
  return planWorld(kept, { home, minimal: false }, await grantPorts(wishes, async () => true))
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

test('OutsideSetup sets up anvil, goes on after a failure, and does nothing twice', async (t) => {
  const anvil = await startAnvil(['--hardfork', 'osaka'])
  if (anvil === undefined) return t.skip('anvil does not run here')
  t.after(() => anvil.close())
  const home = mkdtempSync(join(tmpdir(), 'zg-outside-'))
  t.after(() => rmSync(home, { recursive: true }))
  // As on a chain that nobody prepared.
  await anvil.rpc('anvil_setCode', [create2Deployer, '0x'])
  await anvil.rpc('anvil_mine', ['0x2'])
  const snapshot = await anvil.rpc('evm_snapshot', [])
  const block = (await anvil.rpc('eth_getBlockByNumber', ['latest', false])) as {
    readonly timestamp: Hex
    readonly hash: Hex
  }
  const found: OutsideL1 = {
    url: anvil.url,
    chainId: 31_337,
    epochStart: Number(block.timestamp),
    epochSeconds: 30,
    finalitySeconds: 0,
    anchor: { number: 2, hash: block.hash },
  }
  const plan = await planAt(home, found)
  const [funder] = await devAccounts()
  assert.ok(funder)
  const parameters = devParametersOf(found)
  const steps = new Map<string, string>()
  const options = {
    funderKey: fromHex(funder.privateKey),
    parameters,
    clock: createSystemClock(),
    onStep: ({ name, text }: { name: string; text: string }) => void steps.set(name, text),
  }
  const { funderKey, ...unpaid } = options
  await assert.rejects((await OutsideSetup.open(plan, unpaid)).bill(), {
    code: 'DEVNET_OUTSIDE_L1_PAYER',
  })
  const poor = await OutsideSetup.open(plan, { ...options, funderKey: keccak256(funderKey) })
  await assert.rejects(poor.bill(), {
    code: 'DEVNET_OUTSIDE_L1_FUNDS',
    message: /0x[0-9a-f]{40} lacks \d+\.\d{6} ether there$/,
  })
  const failing = await openFailing(anvil.url, 30)
  t.after(failing.close)
  const elsewhere = await planAt(home, { ...found, url: failing.url })
  const cut = await OutsideSetup.open(elsewhere, options)
  await assert.rejects(cut.setUp(), { code: 'DEVNET_OUTSIDE_L1_CALL', message: /503/ })
  assert.match(steps.get('deployer') ?? '', /^\d+ of 4\d: /)
  assert.equal(isSetUp(plan), false)

  const outside = await OutsideSetup.open(plan, options)
  await outside.setUp()
  assert.equal(isSetUp(plan), true)
  assert.match(steps.get('operator 2') ?? '', /^5 sent$/)
  const l1 = stakeL1Of(plan)
  assert.ok(l1)
  const chain = new JsonRpcL1Chain({ url: anvil.url })
  const ask = (artifact: 'NetworkRegistry' | 'Inbox' | 'TimelockController', name: string) => {
    const address = BigInt(l1.siteOf(0).contracts[artifact] ?? '0x0')
    return (...args: readonly unknown[]) =>
      readContract(chain, { artifact, address }, { name, args })
  }
  for (const network of plan.networks) {
    const { id } = network
    const site = l1.siteOf(id)
    const genesis = parseGenesis(JSON.parse(readFileSync(genesisPathOf(network), 'utf8')))
    const registered = (await ask('NetworkRegistry', 'networkOf')(id)) as Record<string, unknown>
    assert.equal(registered['genesisHash'], toHex(genesis.hash))
    assert.equal(registered['genesisHash'], site.genesisHashes[id])
    const root = genesisConsensusRoot(genesis, BigInt(site.firstEpoch))
    assert.equal(registered['genesisRoot'], toHex(root), 'the epoch of the site is the registry’s')
    const set = await ask('NetworkRegistry', 'setAt')(id, site.firstEpoch)
    assert.equal((set as { readonly count: number }).count, 3)
  }
  assert.equal(await ask('TimelockController', 'getMinDelay')(), 5n, 'governance is handed over')

  await anvil.rpc('evm_increaseTime', [3 * parameters.epochSeconds])
  await anvil.rpc('evm_mine', [])
  await outside.deposit()
  const credits = await Promise.all([0, 1].map((id) => ask('Inbox', 'creditsOf')(id)))
  // Of network 1: ten accounts, three operators, the keeper, RewardHub.
  assert.deepEqual(
    credits.map((each) => Number((each as readonly [Hex, bigint])[1])),
    [1, 15],
  )
  const sent = async (): Promise<readonly Hex[]> => {
    const { operator: first } = plan.networks[0]!.validators[0]!
    const deployer = addressOfSecretKey(deployerKeyOf(plan.kept))
    return Promise.all(
      [toHex(first), funder.address, toHex(deployer)].map(
        async (who) => (await anvil.rpc('eth_getTransactionCount', [who, 'latest'])) as Hex,
      ),
    )
  }
  const before = await sent()
  const again = await OutsideSetup.open(plan, unpaid)
  assert.equal(await again.bill(), undefined)
  await again.setUp()
  await again.deposit()
  assert.deepEqual(await sent(), before)

  await anvil.rpc('evm_revert', [snapshot])
  await assert.rejects(OutsideSetup.open(plan, unpaid), {
    code: 'DEVNET_OUTSIDE_L1_RESET',
    message: /the contracts of stake are not there any more; it was reset, or is behind/,
  })
})

test('OutsideSetup asks for what a set-up costs, and ends with its signal', async (t) => {
  const anvil = await startAnvil(['--hardfork', 'osaka'])
  if (anvil === undefined) return t.skip('anvil does not run here')
  t.after(() => anvil.close())
  const home = mkdtempSync(join(tmpdir(), 'zg-outside-'))
  t.after(() => rmSync(home, { recursive: true }))
  const anchor = { number: 0, hash: toHex(new Uint8Array(32)) }
  const times = { epochStart: 1, epochSeconds: 30, finalitySeconds: 0 }
  const plan = await planAt(home, { url: anvil.url, chainId: 31_337, ...times, anchor })
  const [funder] = await devAccounts()
  assert.ok(funder)
  const clock = createSystemClock()
  const stopping = new AbortController()
  const reason = new Error('no more')
  const outside = await OutsideSetup.open(plan, {
    funderKey: fromHex(funder.privateKey),
    parameters: devParametersOf(times),
    clock,
    signal: stopping.signal,
    onStep: ({ name }) => name === 'deployer' && stopping.abort(reason),
  })
  const bill = await outside.bill()
  assert.ok(bill)
  const { wei, ...rest } = bill
  assert.ok(wei > ether / 10n && wei < 10n * ether, `${wei}`)
  // Deployer, three operators, keeper.
  const asked = { url: anvil.url, chainId: 31_337, epochSeconds: 30, accountCount: 5 }
  assert.deepEqual(rest, { ...asked, payer: funder.address.toLowerCase() })
  await assert.rejects(outside.setUp(), reason)
  const again = await OutsideSetup.open(plan, { parameters: devParametersOf(times), clock })
  assert.equal(await again.bill(), undefined, 'what was paid is not asked for again')
})
