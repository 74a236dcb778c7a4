import assert from 'node:assert/strict'
import { test } from 'node:test'

import { readValue, ValueInvalidError } from './command.ts'
import type { ValueKind } from './command.ts'

test('readValue reads amounts in tokens, gwei and wei', () => {
  const cases: [string, bigint][] = [
    ['1', 10n ** 18n],
    ['1.5', 15n * 10n ** 17n],
    ['0.000000000000000001', 1n],
    ['20gwei', 20_000_000_000n],
    ['1.5gwei', 1_500_000_000n],
    ['7wei', 7n],
    ['0', 0n],
  ]
  for (const [text, wei] of cases) assert.equal(readValue(text, { kind: 'amount' }, '--value'), wei)
})

test('readValue gives addresses their checksum and finds a mistyped digit', () => {
  const address = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'
  const value = { kind: 'address' } as const
  assert.equal(readValue(address.toLowerCase(), value, '--to'), address)
  assert.equal(readValue(address, value, '--to'), address)
  const mistyped = address.replace('f39F', 'f38F')
  assert.throws(() => readValue(mistyped, value, '--to'), /checksum is wrong/)
})

test('readValue reads addresses with commas between', () => {
  const value = { kind: 'urls', max: 2 } as const
  assert.deepEqual(readValue('http://a, https://b/c', value, '--l1-rpc'), [
    'http://a',
    'https://b/c',
  ])
})

test('readValue refuses what is not of its kind', () => {
  const cases: [string, ValueKind][] = [
    ['', { kind: 'text' }],
    ['1.5wei', { kind: 'amount' }],
    ['-1', { kind: 'amount' }],
    ['1e18', { kind: 'amount' }],
    ['0x12', { kind: 'address' }],
    ['0x123', { kind: 'hex' }],
    ['newest', { kind: 'block' }],
    ['0x1g', { kind: 'hex' }],
    ['3.5', { kind: 'integer', min: 0, max: 9 }],
    ['10', { kind: 'integer', min: 0, max: 9 }],
    ['ftp://host', { kind: 'url' }],
    ['8545', { kind: 'url' }],
    ['http://a,8545', { kind: 'urls', max: 2 }],
    ['http://a,', { kind: 'urls', max: 2 }],
    ['http://a,http://b,http://c', { kind: 'urls', max: 2 }],
    ['ksh', { kind: 'choice', choices: ['bash', 'zsh'] }],
  ]
  for (const [text, value] of cases) {
    assert.throws(
      () => readValue(text, value, '--flag'),
      ValueInvalidError,
      `${value.kind} ${text}`,
    )
  }
})
