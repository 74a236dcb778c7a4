import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { nodeConfigFileName, parseGenesis, parseNodeConfig, readKeystore } from '@zg/chain'
import { toHex } from '@zg/primitives'

import { genesisOf } from './genesis.ts'
import { genesisPathOf, writeWorldFiles } from './node-files.ts'
import { grantPorts, portWishes } from './ports.ts'
import { planWorld, resolveWorld } from './world.ts'
import type { WorldPlan } from './world.ts'

const root = mkdtempSync(join(tmpdir(), 'zg-node-files-'))
after(() => rmSync(root, { recursive: true }))

async function plan(home: string, minimal = false): Promise<WorldPlan> {
  const fresh = { random: new Uint8Array(32), nowSeconds: 0 }
  const kept = resolveWorld({ minimal, seed: '42' }, undefined, fresh)
  const networks = [{ id: 0, validatorCount: kept.validatorCount }]
  const wishes = portWishes({ withL1: !minimal, networks, offset: 0 })
  return planWorld(kept, { home, minimal }, await grantPorts(wishes, async () => true))
}

test('genesisOf funds ten accounts and places the canonical contracts on every chain', async () => {
  const { l1, networks } = await plan(root)
  for (const chain of [l1, ...networks]) {
    assert.ok(chain)
    const genesis = parseGenesis(await genesisOf(chain))
    assert.equal(genesis.config.chainId, BigInt(chain.chainId))
    const accounts = new Map(
      genesis.changes.accounts.map(({ address, account }) => [address, account]),
    )
    assert.equal(
      accounts.get(0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266n)?.balance,
      10_000n * 10n ** 18n,
    )
    assert.equal(accounts.get(0xca11bde05977b3631167028862be2a173976ca11n)?.nonce, 1n)
    assert.equal(genesis.network?.validators.length, chain.validators.length)
    assert.equal(genesis.network?.finalityVotes, chain.kind === 'network')
  }
})

test('genesisOf gives one seed one genesis hash', async () => {
  const hashOf = async (home: string): Promise<string> => {
    const [network] = (await plan(home)).networks
    assert.ok(network)
    return toHex(parseGenesis(await genesisOf(network)).hash)
  }
  assert.equal(await hashOf(join(root, 'here')), await hashOf(join(root, 'there')))
})

test('writeWorldFiles keeps genesis and keys, owner only, the password beside', async () => {
  const home = join(root, 'home')
  const world = await plan(home)
  await writeWorldFiles(world)
  const [network] = world.networks
  const validator = network?.validators[3]
  assert.ok(network && validator)
  for (const path of [validator.keystorePath, validator.passwordPath]) {
    assert.equal(statSync(path).mode & 0o777, 0o600, path)
  }
  const paths = { keystore: validator.keystorePath, password: validator.passwordPath }
  assert.deepEqual(await readKeystore(paths), validator.secretKey)

  const before = [genesisPathOf(network), validator.keystorePath].map((path) => readFileSync(path))
  await writeWorldFiles(world)
  const after = [genesisPathOf(network), validator.keystorePath].map((path) => readFileSync(path))
  assert.deepEqual(after, before)
})

function configIn(folder: string) {
  return parseNodeConfig(readFileSync(join(folder, nodeConfigFileName), 'utf8'), folder)
}

test('writeWorldFiles tells a validator its keys, its ports and its peers', async () => {
  const world = await plan(join(root, 'validators'))
  await writeWorldFiles(world)
  const [network] = world.networks
  const validator = network?.validators[1]
  assert.ok(network && validator)
  const config = configIn(validator.folder)
  assert.equal(config.mode, 'validator')
  assert.equal(config.part, 'net-0/val-1')
  assert.equal(config.genesis, genesisPathOf(network))
  assert.deepEqual(config.keys, {
    keystore: validator.keystorePath,
    password: validator.passwordPath,
  })
  assert.equal(config.rpc.port, 8_551)
  assert.equal(config.metrics?.port, 6_062)
  assert.deepEqual(
    config.p2p?.peers.map(({ port }) => port),
    [26_656, 26_658, 26_659],
  )
})

test('writeWorldFiles gives a minimal node the keys of the ten accounts, and no others', async () => {
  const world = await plan(join(root, 'minimal'), true)
  await writeWorldFiles(world)
  const validator = world.networks[0]?.validators[0]
  assert.ok(validator)
  const config = configIn(validator.folder)
  assert.equal(config.mode, 'minimal')
  assert.equal(config.keys, undefined)
  assert.equal(config.p2p, undefined)
  assert.equal(
    readFileSync(config.devKeys ?? '', 'utf8')
      .trim()
      .split('\n').length,
    10,
  )
})
