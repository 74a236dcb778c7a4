import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { nodeConfigFileName, parseNodeConfig, readKeystore } from '@zg/chain'

import type { KeeperConfig } from './keeper.ts'
import {
  genesisPathOf,
  keeperConfigPath,
  writeKeeperConfig,
  writeWorldFiles,
} from './node-files.ts'
import { grantPorts, portWishes } from './ports.ts'
import { planNetworkOf, planWorld, resolveWorld } from './world.ts'
import type { WorldPlan } from './world.ts'

const root = mkdtempSync(join(tmpdir(), 'zg-node-files-'))
after(() => rmSync(root, { recursive: true }))

async function plan(home: string, minimal = false): Promise<WorldPlan> {
  const fresh = { random: new Uint8Array(32), nowSeconds: 0 }
  const kept = resolveWorld({ minimal, seed: '42' }, undefined, fresh)
  const { networkCount, validatorCount } = kept
  const wishes = portWishes({ withL1: !minimal, networkCount, validatorCount, offset: 0 })
  return planWorld(kept, { home, minimal }, await grantPorts(wishes, async () => true))
}

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
  assert.deepEqual(config.l1?.endpoints, ['http://127.0.0.1:8535'])
  assert.equal(config.l1?.epochSeconds, 30n)
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

test('writeKeeperConfig: of later networks the keeper proves the load, and spares the first ones', async () => {
  const world = await plan(join(root, 'keeper'))
  await writeWorldFiles(world)
  const { keeper } = world
  assert.ok(keeper)
  writeKeeperConfig(world, [...world.networks, planNetworkOf(world, 2, [])])
  const config = JSON.parse(readFileSync(keeperConfigPath(keeper), 'utf8')) as KeeperConfig
  assert.deepEqual(
    config.networks.map(({ id }) => id),
    [0, 1, 2],
  )
  assert.deepEqual(config.spared, [0, 1])
})
