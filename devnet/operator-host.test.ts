import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { create } from '@chainsafe/bls-keystore'
import { parseNodeConfig } from '@zg/chain'
import { l1AddressesOf } from '@zg/contracts'
import { L1World, testOperator } from '@zg/contracts/testing'
import { blsPublicKeyOf, fromHex, toHex } from '@zg/primitives'
import { createSystemClock } from '@zg/runtime'
import { NetworkDirectory, NetworkSupervisor, readGenesisFacts } from '@zg/staking'
import type { GenesisFacts, L1Message, RegisteredNetwork } from '@zg/staking'
import { SimulatedL1Chain } from '@zg/staking/testing'

import type { PartStatus } from './control.ts'
import { OperatorHost } from './operator-host.ts'
import { callRpc } from './rpc-call.ts'
import { hashOfGenesis, stakedGenesis } from './staked-genesis.ts'
import { Supervisor } from './supervisor.ts'

const [ann] = [testOperator(1)]
const nothing = { joined: [], started: [], stopped: [], left: [] }
const ids = { own: 5, given: 6 }

/** Six ports in a row would do; these are free when they are asked for. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function writeKeys(folder: string) {
  const keys = { keystore: join(folder, 'bls.json'), password: join(folder, 'bls.pw') }
  const params = { dklen: 32, c: 1_024, prf: 'hmac-sha256', salt: randomBytes(32).toString('hex') }
  const kdf = { function: 'pbkdf2', params } as const
  const publicKey = blsPublicKeyOf(ann.secretKey)
  const keystore = await create('password', ann.secretKey, publicKey, '', '', kdf as never)
  writeFileSync(keys.keystore, JSON.stringify(keystore), { mode: 0o600 })
  writeFileSync(keys.password, 'password\n', { mode: 0o600 })
  return keys
}

/** An L1 in this process, one operator with stake on it, and its host with real processes. */
async function openMachine(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'zg-operator-host-'))
  const l1 = new L1World()
  l1.settle([ann])
  const chain = new SimulatedL1Chain(l1)
  const networkRegistry = BigInt(l1.networks.address)
  const facts = () => readGenesisFacts(chain, { l1ChainId: l1.world.chainId, networkRegistry })
  const ports = { p2p: await freePort(), rpc: await freePort(), metrics: await freePort() }
  const waiting: { state: string; resolve: (status: PartStatus) => void }[] = []
  const supervisor = new Supervisor([], (status) => {
    for (const { state, resolve } of waiting) if (status.state === state) resolve(status)
  })
  t.after(async () => {
    await supervisor.stopAll()
    rmSync(folder, { recursive: true })
  })
  const genesisPath = join(folder, 'given.json')
  const keys = await writeKeys(folder)
  const open = (given: boolean) =>
    new OperatorHost({
      folder,
      keys,
      // Nobody listens there: a validator waits for L1, and answers meanwhile.
      l1: {
        rpcs: ['http://127.0.0.1:1'],
        site: {
          epochStart: l1.start,
          epochSeconds: l1.epochSeconds,
          firstEpoch: 0,
          genesisHashes: {},
          contracts: l1AddressesOf(l1.networks.address),
        },
      },
      listenHost: '127.0.0.1',
      ports,
      genesisPath: given ? genesisPath : undefined,
      facts,
      supervisor,
    })
  const until = (state: string): Promise<PartStatus> =>
    new Promise((resolve) => {
      waiting.push({ state, resolve })
    })
  return { folder, l1, chain, facts, ports, processes: supervisor, genesisPath, open, until }
}

const opening = (l1: L1World, id: number) => {
  return { id, chainId: 1_660_200n + BigInt(id), genesisTime: BigInt(l1.world.timestamp) }
}

/** Has governance open a network by the genesis that everyone builds. */
function openNetwork(l1: L1World, id: number, facts: GenesisFacts): Uint8Array {
  const network = opening(l1, id)
  const hash = hashOfGenesis(stakedGenesis(facts, network))
  l1.openNetwork(id, { genesisHash: toHex(hash), genesisTime: Number(network.genesisTime) })
  return hash
}

test('OperatorHost: a network is joined, run, brought back and ended, as L1 says', async (t) => {
  const { folder, l1, chain, facts, ports, open, until, processes } = await openMachine(t)
  const host = open(false)
  const supervisor = new NetworkSupervisor({
    directory: new NetworkDirectory({ chain, address: BigInt(l1.networks.address) }),
    chain,
    host,
    operators: [
      {
        address: BigInt(ann.address),
        sender: {
          async send({ to, data }: L1Message) {
            assert.ok(l1.world.execute({ from: BigInt(ann.address), to, data, value: 0n }))
            return {} as never
          },
        },
      },
    ],
    slashBpsMax: 10_000,
    epochs: { start: BigInt(l1.start), length: BigInt(l1.epochSeconds) },
    clock: createSystemClock(),
  })
  const hash = openNetwork(l1, ids.own, await facts())
  // Its genesis is nowhere on L1, and nobody gave it.
  l1.openNetwork(ids.given, { genesisHash: toHex(new Uint8Array(32).fill(9)) })
  assert.deepEqual(await supervisor.step(), { ...nothing, joined: [ids.own] })
  l1.goToEpoch(l1.epoch + 2)
  assert.deepEqual(await supervisor.step(), { ...nothing, started: [ids.own] })
  assert.deepEqual(host.running(), [ids.own])
  const rpc = host.rpcOf(ids.own)
  assert.equal(rpc, `http://127.0.0.1:${ports.rpc + ids.own}`)
  const genesisHash = async (): Promise<unknown> =>
    ((await callRpc(rpc, 'eth_getBlockByNumber', ['0x0', false])) as { hash: unknown }).hash
  assert.equal(await genesisHash(), toHex(hash))

  const publicKey = toHex(blsPublicKeyOf(testOperator(2).secretKey))
  host.setPeers([
    { publicKey, host: 'a.example', port: 30_000 },
    { publicKey, host: 'b.example', port: 65_535 },
  ])
  const node = join(folder, `net-${ids.own}`)
  const { p2p, l1: followed } = parseNodeConfig(
    readFileSync(join(node, 'config.toml'), 'utf8'),
    node,
  )
  const peer = { publicKey: fromHex(publicKey), host: 'a.example', port: 30_000 + ids.own }
  assert.deepEqual(p2p?.peers, [peer], 'a port beyond the last is nowhere')
  assert.equal(followed?.firstEpoch, BigInt(l1.epoch))

  const back = until('ready')
  const pid = processes.status()[0]?.pid ?? 0
  process.kill(pid, 'SIGKILL')
  assert.notEqual((await back).pid, pid)
  assert.equal(await genesisHash(), toHex(hash))

  l1.send(l1.networks, 'drain', [ids.own])
  const { drainedEpoch } = l1.read(l1.networks, 'networkOf', ids.own) as { drainedEpoch: bigint }
  l1.goToEpoch(Number(drainedEpoch))
  l1.send(l1.networks, 'close', [ids.own])
  l1.goToEpoch(l1.epoch + 2)
  assert.deepEqual(await supervisor.step(), { ...nothing, stopped: [ids.own], left: [ids.own] })
  assert.deepEqual(host.running(), [])
  await assert.rejects(genesisHash())
  assert.ok(existsSync(join(node, 'chain.mdb')), 'what it held stays')
})

test('OperatorHost uses no genesis that is not of the hash that L1 has, wherever it lies', async (t) => {
  const { folder, l1, facts, genesisPath, open } = await openMachine(t)
  const network = opening(l1, ids.given)
  const plain = stakedGenesis(await facts(), network)
  const accounts = [{ address: 7n, balance: 1n }]
  const own = stakedGenesis(await facts(), network, { accounts })
  const registered = (genesis: unknown): RegisteredNetwork => ({
    ...network,
    status: 'opening',
    firstEpoch: 0n,
    drainedEpoch: 0n,
    endEpoch: 0n,
    genesisHash: hashOfGenesis(genesis),
  })
  const [plainNetwork, ownNetwork] = [registered(plain), registered(own)]
  assert.equal(await open(false).obstacleTo(plainNetwork), undefined)
  assert.match((await open(false).obstacleTo(ownNetwork)) ?? '', /its hash is 0x.*, L1 has 0x/)
  writeFileSync(genesisPath, JSON.stringify(own))
  assert.equal(await open(true).obstacleTo(ownNetwork), undefined)
  assert.match((await open(true).obstacleTo(plainNetwork)) ?? '', /its hash is 0x.*, L1 has 0x/)
  const port = 'no port + 65000 is below 65,536'
  assert.equal(await open(true).obstacleTo({ ...ownNetwork, id: 65_000 }), port)
  for (const text of ['{}', 'no JSON', '[]']) {
    writeFileSync(genesisPath, text)
    assert.throws(() => open(true), { code: 'DEVNET_GENESIS_FILE_INVALID' })
  }
  rmSync(genesisPath)
  assert.throws(() => open(true), { code: 'DEVNET_GENESIS_FILE_INVALID' })

  // Given once, it lies in the folder; damaged there, it is none.
  mkdirSync(join(folder, `net-${ids.given}`))
  const kept = join(folder, `net-${ids.given}`, 'genesis.json')
  writeFileSync(kept, JSON.stringify(own))
  assert.equal(await open(false).obstacleTo(ownNetwork), undefined)
  assert.equal(await open(false).obstacleTo(plainNetwork), undefined)
  writeFileSync(kept, JSON.stringify(own).slice(0, 99))
  assert.match((await open(false).obstacleTo(ownNetwork)) ?? '', /its hash is 0x/)
})
