import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { genesisConsensusRoot, parseGenesis } from '@zg/chain'
import type { Genesis } from '@zg/chain'
import { artifactOf, publicKeyOfWords } from '@zg/contracts'
import type { ArtifactName } from '@zg/contracts'
import { MessageRun } from '@zg/evm'
import { bytesEqual, fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { readGenesisFacts } from '@zg/staking'
import type { L1Answer, L1Message } from '@zg/staking'
import { decodeFunctionResult, encodeFunctionData } from 'viem'
import type { Abi } from 'viem'

import { dataNodesOf } from './data-plan.ts'
import { worldGenesis } from './genesis.ts'
import type { WorldGenesis } from './genesis.ts'
import { devStakeWei } from './l1-setup.ts'
import { readL1Parameters } from './parameters.ts'
import { grantPorts, portWishes } from './ports.ts'
import { hashOfGenesis, stakedGenesis } from './staked-genesis.ts'
import { planWorld, resolveWorld } from './world.ts'
import type { WorldPlan } from './world.ts'

const million = 10n ** 24n
const cap = 1_000n * million
const firstAccount = 0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266n
const accountWei = 10_000n * 10n ** 18n

async function planOf(minimal = false): Promise<WorldPlan> {
  const fresh = { random: new Uint8Array(32), nowSeconds: 0 }
  const kept = resolveWorld({ minimal, seed: '42', withData: true }, undefined, fresh)
  const { networkCount, validatorCount } = kept
  const wishes = portWishes({ withL1: !minimal, networkCount, validatorCount, offset: 0 })
  return planWorld(
    kept,
    { home: '/home/ada/.zg', minimal },
    await grantPorts(wishes, async () => true),
  )
}

/** The state that a genesis begins with, to ask its contracts. */
function stateOf(genesis: Genesis): MessageRun {
  const codes = new Map(genesis.changes.codes.map(({ codeHash, code }) => [codeHash, code]))
  return new MessageRun({
    fork: 'prague',
    chainId: 1_337n,
    timestamp: genesis.header.timestamp,
    accounts: genesis.changes.accounts.map(({ address, account, storage }) => ({
      address,
      nonce: account?.nonce ?? 0n,
      balance: account?.balance ?? 0n,
      code: codes.get(account?.codeHash ?? 0n) ?? new Uint8Array(0),
      storage,
    })),
  })
}

function contractsOf(genesis: Genesis, addresses: Readonly<Record<string, Hex>>) {
  const run = stateOf(genesis)
  return (contract: ArtifactName, functionName: string, ...args: readonly unknown[]): unknown => {
    const abi = artifactOf(contract).abi as Abi
    const data = fromHex(encodeFunctionData({ abi, functionName, args: [...args] }))
    const to = BigInt(addresses[contract] ?? '0x0')
    const result = run.call({ from: 0n, to, value: 0n, data })
    assert.ok('output' in result && result.status === 'success', `${contract}.${functionName}`)
    return decodeFunctionResult({ abi, functionName, data: toHex(result.output) })
  }
}

/** Read by calls, from the address of one contract on. */
function factsSaidBy(genesis: Genesis, contracts: Readonly<Record<string, Hex>>) {
  const run = stateOf(genesis)
  const chain = {
    async call({ to, data }: L1Message): Promise<L1Answer> {
      const result = run.call({ from: 0n, to, value: 0n, data })
      assert.ok('output' in result && result.status === 'success')
      return { kind: 'returned', data: result.output }
    },
  }
  const networkRegistry = BigInt(contracts['NetworkRegistry'] ?? '0x0')
  return readGenesisFacts(chain, { l1ChainId: 1_337n, networkRegistry })
}

function accountOf(genesis: Genesis, wanted: bigint) {
  return genesis.changes.accounts.find(({ address }) => address === wanted)?.account
}

for (const name of ['dev', 'prod'] as const) {
  suite(`the genesis of a world with the parameters of ${name}`, async () => {
    const plan = await planOf()
    const world = await worldGenesis(plan, readL1Parameters(name))
    assert.ok(world.l1)
    const { site } = world.l1
    const l1 = parseGenesis(world.l1.genesis)
    const networks = world.networks.map((json) => parseGenesis(json))
    const ask = contractsOf(l1, site.contracts)

    test('the token: what is on L1 and on the networks is the cap', () => {
      const outstanding = ask('RewardBridge', 'outstandingTotal') as bigint
      // Ten accounts, four operators and the keeper; sixteen operators more, and their disperser.
      assert.equal(outstanding, (105_000n + 17_000n) * 10n ** 18n)
      assert.equal((ask('ZgToken', 'totalSupply') as bigint) + outstanding, cap)
      // Each network gets as much, and a grant; all of it fits what the stake secures in all.
      const all = 2n * (outstanding + 100_000n * 10n ** 18n)
      const stake = (ask('NetworkRegistry', 'joinedStake') as bigint) * 10n ** 9n
      assert.equal(stake, 4n * million)
      const securedBps = ask('RewardBridge', 'securedBps') as bigint
      assert.ok(all <= (stake * securedBps) / 10_000n)
      const onNetwork0 = networks[0]?.changes.accounts.map(({ account }) => account?.balance ?? 0n)
      assert.equal(
        onNetwork0?.reduce((sum, balance) => sum + balance),
        outstanding,
      )
    })

    test('operators of data availability weigh on L1, are in no network, and can pay on network 0', () => {
      assert.ok(plan.data)
      const nodes = dataNodesOf(plan.data)
      assert.equal(nodes.length, 16)
      const members = networks.flatMap((_, id) => ask('NetworkRegistry', 'membersOf', id) as Hex[])
      for (const { operator, publicKey } of nodes) {
        const address = toHex(operator)
        const weight = ask('OperatorRegistry', 'weightAt', address, BigInt(site.firstEpoch))
        assert.equal(weight, 10_000n * 10n ** 9n)
        const key = ask('OperatorRegistry', 'keyAt', address, BigInt(site.firstEpoch))
        const { a, b, c } = key as Record<'a' | 'b' | 'c', Hex>
        assert.ok(bytesEqual(publicKeyOfWords([BigInt(a), BigInt(b), BigInt(c)]), publicKey))
        assert.ok(!members.some((member) => member.toLowerCase() === address))
        const balances = networks.map((genesis) => accountOf(genesis, BigInt(address))?.balance)
        assert.deepEqual(balances, [1_000n * 10n ** 18n, undefined])
      }
    })

    test('every network is registered as its genesis is, in the epoch that begins with L1', () => {
      const epoch = ask('OperatorRegistry', 'epochAt', l1.header.timestamp)
      assert.equal(epoch, BigInt(site.firstEpoch))
      for (const [id, genesis] of networks.entries()) {
        const found = ask('NetworkRegistry', 'networkOf', id) as Record<string, unknown>
        assert.equal(found['genesisHash'], toHex(genesis.hash))
        const root = genesisConsensusRoot(genesis, BigInt(site.firstEpoch))
        assert.equal(found['genesisRoot'], toHex(root))
        assert.equal(found['firstEpoch'], epoch)
        assert.equal(found['chainId'], genesis.config.chainId)
      }
    })

    test('every operator validates every network from the first epoch on, with its key', () => {
      const operators = plan.networks[0]?.validators ?? []
      for (const { id } of plan.networks) {
        const members = ask('NetworkRegistry', 'membersOf', id) as readonly Hex[]
        assert.deepEqual(
          members.map((address) => address.toLowerCase()),
          operators.map(({ operator }) => toHex(operator)),
        )
        const set = ask('NetworkRegistry', 'setAt', id, site.firstEpoch) as { total: bigint }
        assert.equal(set.total, (BigInt(operators.length) * devStakeWei) / 10n ** 9n)
      }
      for (const { operator, publicKey } of operators) {
        const key = ask('OperatorRegistry', 'keyAt', toHex(operator), site.firstEpoch)
        const { a, b, c } = key as Record<'a' | 'b' | 'c', Hex>
        const words = [BigInt(a), BigInt(b), BigInt(c)] as const
        assert.ok(bytesEqual(publicKeyOfWords(words), publicKey))
      }
    })

    test('the governor alone decides, after the delay of the timelock', () => {
      const role = ask('TimelockController', 'PROPOSER_ROLE')
      const has = (who: string): unknown =>
        ask('TimelockController', 'hasRole', role, site.contracts[who] ?? who)
      assert.equal(has('ZgGovernor'), true)
      const deployer = ask('RewardBridge', 'guardian') as string
      assert.equal(has(deployer), false)
      const admin = ask('TimelockController', 'DEFAULT_ADMIN_ROLE')
      assert.equal(ask('TimelockController', 'hasRole', admin, deployer), false)
      const delay = readL1Parameters(name).governance.timelockSeconds
      assert.equal(ask('TimelockController', 'getMinDelay'), BigInt(delay))
    })
  })
}

test('prod: who signs what L1 takes of a network answers for it with stake that is there', () => {
  const { deadAfterSeconds, evidenceAgeMaxSeconds, unbondingSeconds } = readL1Parameters('prod')
  assert.ok(deadAfterSeconds < evidenceAgeMaxSeconds && evidenceAgeMaxSeconds < unbondingSeconds)
})

suite('the genesis of every chain', async () => {
  const world = await worldGenesis(await planOf(), readL1Parameters('dev'))
  const minimal = await worldGenesis(await planOf(true), readL1Parameters('dev'))

  test('ten accounts are funded on L1, on network 0 and on a minimal one; later ones begin empty', () => {
    const chains = [world.l1?.genesis, world.networks[0], minimal.networks[0]]
    for (const json of chains) {
      assert.equal(accountOf(parseGenesis(json), firstAccount)?.balance, accountWei)
    }
    assert.equal(accountOf(parseGenesis(world.networks[1]), firstAccount), undefined)
    // Ten accounts, four operators, the keeper and two grants, after the bridge's allowance.
    assert.equal(world.l1?.deposits.length, 1 + 15 + 2)
  })

  test('the canonical contracts stand on every chain', () => {
    for (const json of [world.l1?.genesis, ...world.networks, ...minimal.networks]) {
      const genesis = parseGenesis(json)
      assert.equal(accountOf(genesis, 0xca11bde05977b3631167028862be2a173976ca11n)?.nonce, 1n)
    }
  })

  test('staked networks name no validators, the others one or more', () => {
    const countOf = (json: unknown) => parseGenesis(json).network?.validators.length
    assert.deepEqual(world.networks.map(countOf), [0, 0])
    assert.equal(countOf(world.l1?.genesis), 1)
    assert.equal(countOf(minimal.networks[0]), 1)
  })

  test('what L1 itself says gives every later network the genesis that L1 was told', async () => {
    const plan = await planOf()
    const paced = {
      ...plan,
      networks: plan.networks.map((each) => ({ ...each, blockTimeMs: 200 })),
    }
    const epochs = { ...readL1Parameters('dev'), epochSeconds: 20 }
    for (const [own, parameters] of [
      [plan, epochs],
      [paced, epochs],
    ] as const) {
      const { l1 } = await worldGenesis(own, parameters)
      assert.ok(l1)
      const { contracts, genesisHashes } = l1.site
      const facts = await factsSaidBy(parseGenesis(l1.genesis), contracts)
      const hashOf = (id: number) => {
        const chainId = BigInt(plan.kept.chainId + id)
        const genesisTime = BigInt(plan.kept.genesisTimestamp)
        return toHex(hashOfGenesis(stakedGenesis(facts, { id, chainId, genesisTime })))
      }
      const later = Object.keys(genesisHashes).map(Number).slice(2)
      assert.deepEqual(later, [2, 3, 4, 5, 6, 7])
      for (const id of later) assert.equal(hashOf(id), genesisHashes[id])
      // A pace of its own, and the tokens of network 0, are nowhere on L1.
      assert.equal(hashOf(1) === genesisHashes[1], own === plan)
      assert.notEqual(hashOf(0), genesisHashes[0])
    }
  })

  test('one seed gives one genesis, deposits included', async () => {
    const again: WorldGenesis = await worldGenesis(await planOf(), readL1Parameters('dev'))
    assert.deepEqual(again, world)
  })
})
