import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { bigintToHex, sha256, toHex } from '@zg/primitives'

import { artifactNames, artifactOf, isSystemContract } from '../artifacts.ts'
import { systemContracts, systemContractAddresses } from '../system-contracts.ts'
import type { SystemContractName, SystemContractsConfig } from '../system-contracts.ts'
import { ContractWorld, somebody } from '../testing/contract-world.ts'
import { openHub } from '../testing/hub-world.ts'
import { refuses } from '../testing/refuses.ts'
import { storageLayoutOf } from '../testing/storage-layout.ts'

describe('systemContracts', () => {
  const address = (fill: number) => toHex(new Uint8Array(20).fill(fill))
  const config: SystemContractsConfig = {
    networkId: 7,
    l1ChainId: 2n ** 64n - 1n,
    l1: {
      stakeManager: address(0xff),
      networkRegistry: address(2),
      operatorRegistry: address(3),
      finalityOracle: address(4),
      governance: address(0xfe),
    },
    epochStart: 2n ** 64n - 2n,
    epochLength: 2n ** 64n - 3n,
    certificateAgeMax: 2n ** 64n - 4n,
    rewardMax: 11n,
    gasPriceMin: 0n,
    gasLimit: 60_000_000n,
    data: {
      dataRows: 1_024,
      codedRows: 3_072,
      quorumCount: 64,
      votesMinGwei: 2n ** 64n - 5n,
      pricePerByte: 2n ** 64n - 6n,
      queryEvery: 2 ** 32 - 1,
      queryAnswerSeconds: 2 ** 32 - 2,
    },
  }

  const number = { newest: 0n, former: 0n, earlier: 0n, newestFrom: 0, formerFrom: 0 }
  /** Of constructors that are told what a genesis writes. */
  const argsOf: Partial<Record<string, readonly unknown[]>> = {
    DataSigners: [
      { stake: somebody, rowCount: 0, votesMin: 0n, governor: somebody, quorumCount: number },
    ],
    DataEntrance: [{ signers: somebody, dataRows: 0, queries: somebody, price: number }],
    DataQueries: [{ entrance: somebody, every: 0, answerSeconds: 0 }],
    DASigners: [somebody],
    DAEntrance: [somebody],
  }

  test('are the code that a deployment leaves, and no constructor is missed', () => {
    const world = new ContractWorld()
    const accounts = systemContracts(config)
    assert.deepEqual(
      accounts.map(({ name }) => name).sort(),
      artifactNames.filter(isSystemContract).sort(),
    )
    for (const { name, address: at, code } of accounts) {
      assert.equal(at, systemContractAddresses[name])
      const deployed = world.deploy(name, { args: argsOf[name] ?? [] })
      const { codeHash } =
        world.accounts().find((each) => each.address === BigInt(deployed.address)) ?? {}
      world.place({ address: at, code })
      assert.equal(world.accounts().find((each) => each.address === at)?.codeHash, codeHash, name)
      assert.ok(code.length <= 24_576 && code.length < artifactOf(name).bytecode.length)
    }
  })

  test('hold their settings where the contracts read them', () => {
    const world = new ContractWorld()
    for (const account of systemContracts(config)) world.place(account)
    const info = world.at('EpochInfo', toHex(new Uint8Array([...new Uint8Array(18), 0x20, 6])))
    const executor = world.at(
      'GovExecutor',
      toHex(new Uint8Array([...new Uint8Array(18), 0x20, 4])),
    )
    const { l1, rewardMax, gasPriceMin, gasLimit, data, ...numbers } = config
    const { stakeManager, ...addresses } = l1
    const read = world.read({ contract: info, name: 'config' }) as Record<string, string>
    const expected: Record<string, unknown> = { ...numbers, ...addresses, staking: stakeManager }
    for (const [name, value] of Object.entries(read)) {
      const found = typeof value === 'string' ? value.toLowerCase() : value
      assert.equal(found, expected[name], name)
    }
    assert.equal(Object.keys(read).length, Object.keys(expected).length)
    const parameter = (index: number) =>
      world.read({ contract: executor, name: 'parameterOf', args: [index] })
    assert.deepEqual([0, 1, 2].map(parameter), [rewardMax, gasPriceMin, gasLimit])
    const ask = (name: SystemContractName, method: string, ...args: readonly unknown[]) => {
      const contract = world.at(name, bigintToHex(systemContractAddresses[name], 20))
      return world.read({ contract, name: method, args })
    }
    const said = ['stake', 'governor', 'rowCount', 'votesMin'].map((name) =>
      ask('DataSigners', name),
    )
    const { SharedStake, GovExecutor, DataSigners } = systemContractAddresses
    const [stake, governor, signers] = [SharedStake, GovExecutor, DataSigners].map((each) =>
      bigintToHex(each, 20),
    )
    assert.deepEqual(said, [stake, governor, BigInt(data.codedRows), data.votesMinGwei])
    assert.equal(ask('DataSigners', 'quorumCountOf', 0), BigInt(data.quorumCount))
    assert.equal(ask('DataEntrance', 'signersOf'), signers)
    assert.equal(ask('DataEntrance', 'dataRows'), BigInt(data.dataRows))
    assert.equal(ask('DataEntrance', 'feeOf', 0, 64), 65_536n * data.pricePerByte)
    const { DataEntrance, DataQueries } = systemContractAddresses
    const words = [
      [DataEntrance, 1n, DataQueries],
      [DataQueries, 0n, DataEntrance | ((2n ** 32n - 1n) << 160n) | ((2n ** 32n - 2n) << 192n)],
    ] as const
    assert.equal(ask('DASigners', 'signers'), signers)
    assert.equal(ask('DAEntrance', 'signers'), bigintToHex(systemContractAddresses.DASigners, 20))
    for (const [at, slot, word] of words) assert.equal(world.slotOf(at, slot), word)
    const layout = ['_settings', '_records'].map((name) =>
      storageLayoutOf('DataEntrance').variables.get(name),
    )
    assert.deepEqual(layout, [0n, 3n])
  })

  test('refuse settings that have no place', () => {
    const code = 'CONTRACTS_SYSTEM_INVALID'
    assert.throws(() => systemContracts({ ...config, networkId: 2 ** 32 }), { code })
    assert.throws(() => systemContracts({ ...config, epochStart: -1n }), { code })
    assert.throws(() => systemContracts({ ...config, rewardMax: 2n ** 256n }), { code })
    assert.throws(() => systemContracts({ ...config, epochLength: 0n }), { code })
    const bent = [
      { dataRows: 0 },
      { codedRows: 1_024 },
      { codedRows: 4_097 },
      { quorumCount: 0 },
      { quorumCount: 65 },
      { votesMinGwei: 2n ** 64n },
      { pricePerByte: -1n },
      { queryEvery: 2 ** 32 },
      { queryAnswerSeconds: 0.5 },
    ]
    for (const part of bent) {
      const data = { ...config.data, ...part }
      assert.throws(() => systemContracts({ ...config, data }), { code })
    }
  })
})

describe('EpochInfo', () => {
  test('takes in the parent of a block, and any header below it, upwards only', async () => {
    const { home } = openHub()
    const { reference } = await home.refer()
    const heights = [await home.seal(), await home.seal({ l1: reference }), await home.seal()]
    const [low = 0, middle = 0, high = 0] = heights
    const advance = (height: number) =>
      home.call('EpochInfo', 'advance', [home.headerProof(height)])
    advance(low)
    const { events } = advance(middle)
    assert.deepEqual(events[0]?.args['l1Number'], reference.number)
    const newest = home.ask('EpochInfo', 'newest') as Record<string, unknown>
    assert.equal(newest['height'], BigInt(middle))
    assert.equal(newest['l1StateRoot'], toHex(reference.stateRoot))
    assert.equal(newest['l1Timestamp'], reference.timestamp)
    assert.equal(home.ask('EpochInfo', 'l1Epoch'), 12n)
    refuses(() => advance(middle), 'NotNewer')
    refuses(() => advance(low), 'NotNewer')
    advance(high)
    refuses(() => home.ask('EpochInfo', 'l1Epoch'), 'NoReference')
  })

  test('refuses what is no header of this network', async () => {
    const { home, other } = openHub()
    await home.seal()
    await home.seal()
    await other.seal()
    await other.seal()
    const good = home.headerProof()
    const older = home.headerProof(1)
    const foreign = other.headerProof()
    const { timestamp } = good
    const bend = (fields: readonly string[], index: number) =>
      fields.map((field, at) => (at === index ? toHex(sha256(Uint8Array.of(index))) : field))
    const table: readonly (readonly [string, object])[] = [
      ['HeaderUnknown', { ...foreign, timestamp }],
      ['HeaderUnknown', { ...other.headerProof(1), timestamp }],
      ...[0, 5, 8, 15].map(
        (index) => ['HeaderUnknown', { ...good, fields: bend(good.fields, index) }] as const,
      ),
      ['HeaderUnknown', { ...older, siblings: [] }],
      ['HeaderUnknown', { ...older, siblings: older.siblings.slice(1) }],
      ['HeaderUnknown', { ...older, histRoot: good.fields[15] }],
      ['HeaderUnknown', { ...older, fieldSiblings: older.fieldSiblings.slice(1) }],
      ['FieldTooLarge', { ...older, fields: bend(older.fields, 2) }],
      ['TimestampUnknown', { ...good, timestamp: timestamp - 8_191 }],
      ['TimestampUnknown', { ...good, timestamp: timestamp + 100 }],
    ]
    for (const [error, header] of table) {
      refuses(() => home.call('EpochInfo', 'advance', [header]), error)
    }
    home.call('EpochInfo', 'advance', [good])
  })

  test('of blocks that share a second, the ring keeps the last; the others go by history', async () => {
    const { home } = openHub()
    home.world.isSubSecond = true
    await home.seal()
    const alone = home.headerProof(1)
    const timestamp = home.world.timestamp
    await home.seal()
    assert.equal(home.world.timestamp, timestamp)
    refuses(() => home.call('EpochInfo', 'advance', [alone]), 'HeaderUnknown')
    home.call('EpochInfo', 'advance', [home.headerProof(1)])
    home.call('EpochInfo', 'advance', [home.headerProof(2)])
  })

  test('seeds follow from the blocks that closed their epochs', async () => {
    const { l1, home } = openHub()
    const mixOf = (epoch: number) => sha256(Uint8Array.of(0x51, epoch))
    const closing: number[] = []
    // Epoch 14 is skipped.
    for (const [epoch, next] of [
      [12, 13],
      [13, 15],
      [15, 16],
    ] as const) {
      l1.goToEpoch(next)
      const { reference } = await home.refer()
      closing.push(await home.seal({ epoch: BigInt(epoch), l1: reference, mix: mixOf(epoch) }))
    }
    const plain = await home.seal()
    const close = (height: number) => home.call('EpochInfo', 'close', [home.headerProof(height)])
    refuses(() => close(plain), 'NoReference')
    const { reference } = await home.refer()
    await home.seal({ epoch: 16n, l1: reference })
    refuses(() => close(home.height), 'NotAClose')
    refuses(() => home.ask('EpochInfo', 'seedOf', 15), 'EpochUnknown')
    for (const height of closing) close(height)
    refuses(() => close(closing[0] ?? 0), 'AlreadyClosed')
    const seed = (epoch: number) => home.ask('EpochInfo', 'seedOf', epoch)
    assert.equal(seed(15), toHex(mixOf(12)))
    assert.equal(seed(16), toHex(mixOf(13)))
    refuses(() => seed(13), 'EpochUnknown')
    refuses(() => seed(14), 'EpochUnknown')
    const { formerEpoch, height } = home.ask('EpochInfo', 'beginningOf', 15) as {
      formerEpoch: bigint
      height: bigint
    }
    assert.deepEqual([formerEpoch, height], [13n, BigInt(closing[1] ?? 0)])
  })
})
