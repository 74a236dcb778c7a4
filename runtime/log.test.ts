import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ZgError } from '@zg/primitives'

import { createLogger, silentLogger } from './log.ts'

function createRecorder(level: 'debug' | 'info' = 'info') {
  const lines: Record<string, unknown>[] = []
  const write = (line: string): void => {
    lines.push(JSON.parse(line) as Record<string, unknown>)
  }
  return { logger: createLogger({ part: 'test', level, write }), lines }
}

test('createLogger writes one JSON object a line with part, message and fields', () => {
  const { logger, lines } = createRecorder()
  logger.info('Block final', { height: 7n, hash: Uint8Array.of(1, 255), nothing: undefined })
  logger.debug('not shown')
  const [line] = lines
  assert.equal(lines.length, 1)
  assert.equal(line?.['part'], 'test')
  assert.equal(line?.['msg'], 'Block final')
  assert.equal(line?.['height'], '7')
  assert.equal(line?.['hash'], '0x01ff')
})

test('createLogger redacts secrets by name at any depth', () => {
  const { logger, lines } = createRecorder()
  const names = ['secretKey', 'privateKey', 'private_key', 'password', 'mnemonic', 'jwtSecret']
  const secrets = Object.fromEntries(
    [...names, 'apiKey', 'blsSecretKey'].map((name) => [name, 'S3CRET']),
  )
  logger.info('Started', { ...secrets, deep: { list: [{ keys: secrets }] }, publicKey: 'open' })
  logger.child(secrets).warn('Child')
  assert.equal(JSON.stringify(lines).includes('S3CRET'), false)
  assert.equal(lines[0]?.['publicKey'], 'open')
  assert.equal(lines[0]?.['secretKey'], '[redacted]')
})

test('createLogger shows errors with code, data and cause, their secrets cut out', () => {
  const { logger, lines } = createRecorder()
  const cause = new Error('below')
  const error = new ZgError('TEST_THING_BROKEN', 'Cannot do', { height: 1n, password: 'x' }, cause)
  logger.error('Failed', { error })
  const shown = lines[0]?.['error'] as Record<string, unknown>
  assert.equal(shown['code'], 'TEST_THING_BROKEN')
  assert.deepEqual(shown['data'], { height: '1', password: '[redacted]' })
  assert.equal((shown['cause'] as Record<string, unknown>)['message'], 'below')
})

test('createLogger bounds what one line shows', () => {
  const { logger, lines } = createRecorder()
  const loop: Record<string, unknown> = {}
  loop['self'] = loop
  const wide = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`f${index}`, index]))
  logger.info('Large', { loop, wide, bytes: new Uint8Array(100_000), list: Array(1_000).fill(1) })
  assert.ok(JSON.stringify(lines).length < 4_000)
})

test('silentLogger takes everything and says nothing', () => {
  silentLogger.child({ part: 'x' }).error('nothing', { secretKey: 'x' })
})
