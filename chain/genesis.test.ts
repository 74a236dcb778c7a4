import assert from 'node:assert/strict'
import { test } from 'node:test'

import { toHex } from '@zg/primitives'
import { MemoryStore } from '@zg/runtime'

import { ChainDatabase, GenesisMismatchError } from './chain-database.ts'
import { GenesisInvalidError, parseGenesis } from './genesis.ts'
import { NetworkParametersInvalidError, parseNetworkParameters } from './network-parameters.ts'
import { encodeNetworkParameters } from './network-parameters.ts'
import { testGenesisJson, testNetworkParameters } from './testing/test-chain.ts'

test('parseGenesis gives the same hash for the same input, for ever', () => {
  assert.equal(
    toHex(parseGenesis(testGenesisJson()).hash),
    '0x846476706dcb3c843b3ca991c427da2e3414dd8d6877fa9c4dbe23ecf32a10bf',
  )
})

test('parseGenesis: the hash commits to the validators', () => {
  const other = testGenesisJson({ network: testNetworkParameters(2) })
  assert.notDeepEqual(parseGenesis(other).hash, parseGenesis(testGenesisJson()).hash)
})

test('parseGenesis refuses a zg section that extraData does not commit to', () => {
  const json = testGenesisJson()
  json['zg'] = { ...(json['zg'] as object), blockTimeIdleMs: 2_000 }
  assert.throws(() => parseGenesis(json), GenesisInvalidError)
})

test('parseGenesis reads a genesis of geth, without our section', () => {
  const json = testGenesisJson()
  delete json['zg']
  assert.equal(parseGenesis(json).network, undefined)
})

test('parseGenesis refuses malformed fields', () => {
  const cases: [string, unknown][] = [
    ['alloc', { '0x12': { balance: '0x1' } }],
    ['alloc', { [`0x${'11'.repeat(20)}`]: { balance: '-1' } }],
    ['alloc', { [`0x${'11'.repeat(20)}`]: { balance: '0x1', colour: 'red' } }],
    ['alloc', { [`0x${'11'.repeat(20)}`]: { storage: { '0x1': '0x1' } } }],
    ['alloc', { [`0x${'11'.repeat(20)}`]: { balance: '1' }, ['11'.repeat(20)]: { balance: '1' } }],
    ['alloc', []],
    ['gasLimit', '0x1ffffffffffffffff'],
    ['gasLimit', 1.5],
    ['extraData', `0x${'00'.repeat(33)}`],
    ['number', '0x1'],
    ['timestamp', 'soon'],
    ['mixHash', '0x00'],
  ]
  for (const [key, value] of cases) {
    const json = { ...testGenesisJson(), [key]: value }
    assert.throws(() => parseGenesis(json), GenesisInvalidError, `${key} ${JSON.stringify(value)}`)
  }
})

test('parseNetworkParameters reads what encodeNetworkParameters wrote', () => {
  const parameters = testNetworkParameters(4)
  const staked = { ...parameters, stakingContract: new Uint8Array(20).fill(7), validators: [] }
  for (const each of [parameters, staked]) {
    assert.deepEqual(parseNetworkParameters(encodeNetworkParameters(each)), each)
  }
})

test('parseNetworkParameters refuses unknown, missing and wrong fields', () => {
  const json = encodeNetworkParameters(testNetworkParameters())
  const wrong = [
    { ...json, colour: 'red' },
    { ...json, networkId: undefined },
    { ...json, networkId: -1 },
    { ...json, l1ChainId: '01' },
    { ...json, firstEpoch: '0' },
    { ...json, stakingContract: `0x${'AB'.repeat(20)}` },
    { ...json, deltaMs: 0 },
    { ...json, subSecond: false },
    { ...json, blockTimeBusyMs: 5_000 },
    { ...json, validators: 'all' },
    { ...json, validators: [{ operator: '0x', publicKey: '0x', stake: '1' }] },
  ]
  for (const fields of wrong) {
    assert.throws(() => parseNetworkParameters(fields), NetworkParametersInvalidError)
  }
})

test('ChainDatabase.open: both trees agree on the root, and another genesis is refused', async () => {
  const store = new MemoryStore()
  const genesis = parseGenesis(testGenesisJson())
  const chain = await ChainDatabase.open({ genesis, store })
  assert.deepEqual(chain.head().hash, genesis.hash)
  const again = await ChainDatabase.open({ genesis, store })
  assert.deepEqual(again.head().hash, genesis.hash)
  const other = parseGenesis(testGenesisJson({ network: testNetworkParameters(2) }))
  await assert.rejects(ChainDatabase.open({ genesis: other, store }), GenesisMismatchError)
})
