import assert from 'node:assert/strict'
import { test } from 'node:test'

import { L1World, testOperator } from '@zg/contracts/testing'
import { blsPublicKeyOf, toHex } from '@zg/primitives'
import { SimulatedL1Chain } from '@zg/staking/testing'

import {
  keysOnL1,
  operatorPeersMax,
  OperatorPeersInvalidError,
  parseOperatorPeers,
  peersOf,
  readOperatorPeers,
} from './operator-peers.ts'

const address = `0x${'Ab'.repeat(20)}`

test('parseOperatorPeers reads addresses, names and comments', () => {
  const other = `0x${'01'.repeat(20)}`
  const third = `0x${'02'.repeat(20)}`
  const text = `
# the four of us
${address}=203.0.113.7:26656
  ${other}=[2001:db8::7]:1   # behind the router
${third}=node-1.example.org:65535
`
  assert.deepEqual(parseOperatorPeers(text, 'peers.txt'), [
    { operator: BigInt(address), host: '203.0.113.7', port: 26_656 },
    { operator: BigInt(other), host: '2001:db8::7', port: 1 },
    { operator: BigInt(third), host: 'node-1.example.org', port: 65_535 },
  ])
})

test('parseOperatorPeers refuses what is not exactly that, and says in which line', () => {
  const refusal = (text: string): string => {
    try {
      parseOperatorPeers(text, 'peers.txt')
    } catch (error) {
      assert.ok(error instanceof OperatorPeersInvalidError)
      return error.message.replace('Cannot use the operators\' addresses in "peers.txt": ', '')
    }
    throw new Error(`it was taken: ${text}`)
  }
  const form = 'it is not ADDRESS=HOST:PORT'
  for (const line of [
    '0x12=1.2.3.4:5',
    `${address}=1.2.3.4`,
    `${address}=:5`,
    `${address}=2001:db8::7:5`,
    `${address} = 1.2.3.4:5`,
    `${address}=1.2.3.4:5 and more`,
    `${address}=http://1.2.3.4:5`,
    `${address}=1.2.3.4:123456`,
  ])
    assert.equal(refusal(`\n${line}`), `line 2: ${form}`, line)
  assert.equal(refusal(`${address}=1.2.3.4:0`), 'line 1: 0 is no port')
  assert.equal(refusal(`${address}=1.2.3.4:65536`), 'line 1: 65536 is no port')
  for (const host of [
    '1.2.3',
    '300.1.1.1',
    '-a',
    'a..b',
    'a_b',
    `${'a'.repeat(64)}.org`,
    '[1.2.3.4]',
  ]) {
    const shown = host.replace(/[[\]]/g, '')
    const problem = `line 1: "${shown}" is no address and no name of a host`
    assert.equal(refusal(`${address}=${host}:5`), problem)
  }
  const twice = `${address}=1.2.3.4:5\n${address.toLowerCase()}=1.2.3.4:6`
  assert.equal(refusal(twice), 'line 2: its operator has a line already')
  const lineOf = (index: number) => `0x${String(index).padStart(40, '0')}=1.2.3.4:5`
  const many = Array.from({ length: operatorPeersMax + 1 }, (_, index) => lineOf(index))
  assert.equal(parseOperatorPeers(many.slice(1).join('\n'), '').length, operatorPeersMax)
  assert.match(refusal(many.join('\n')), /^line 1025: there are over 1024 operators$/)
})

test('readOperatorPeers says which file it cannot read', () => {
  assert.throws(() => readOperatorPeers('/nowhere/peers.txt'), {
    code: 'DEVNET_OPERATOR_PEERS_INVALID',
    message: 'Cannot use the operators\' addresses in "/nowhere/peers.txt": it cannot be read',
  })
})

test('peersOf dials each operator by its present key and the one to come', async () => {
  const l1 = new L1World()
  const [ann, ben] = [testOperator(1), testOperator(2)]
  l1.settle([ann, ben])
  const keys = keysOnL1(new SimulatedL1Chain(l1), l1.operators.address)
  const stranger = { operator: 5n, host: 'c', port: 3 }
  const addresses = [
    { operator: BigInt(ann.address), host: 'a', port: 1 },
    { operator: BigInt(ben.address), host: 'b', port: 2 },
    stranger,
  ]
  const dialed = () => peersOf(addresses, { keys, epoch: BigInt(l1.epoch) })
  const keyOf = (secretKey: Uint8Array) => toHex(blsPublicKeyOf(secretKey))
  const first = { publicKey: keyOf(ann.secretKey), host: 'a', port: 1 }
  const second = { publicKey: keyOf(ben.secretKey), host: 'b', port: 2 }
  assert.deepEqual(await dialed(), [first, second], 'registered, and to come')
  l1.goToEpoch(l1.epoch + 2)
  assert.deepEqual(await dialed(), [first, second])

  const next = testOperator(7)
  l1.rotate({ ...ann, secretKey: next.secretKey })
  const rotated = { ...first, publicKey: keyOf(next.secretKey) }
  assert.deepEqual(await dialed(), [first, rotated, second])
  l1.goToEpoch(l1.epoch + 2)
  assert.deepEqual(await dialed(), [rotated, second])
})
