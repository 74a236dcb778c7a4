import assert from 'node:assert/strict'
import { test } from 'node:test'

import { checkJsonShape } from './json-scan.ts'
import { jsonDepthMax, jsonNodesMax } from './limits.ts'

test('checkJsonShape accepts the greatest depth and refuses one more', () => {
  checkJsonShape('['.repeat(jsonDepthMax) + ']'.repeat(jsonDepthMax))
  checkJsonShape('{"a":'.repeat(jsonDepthMax) + '1' + '}'.repeat(jsonDepthMax))
  const tooDeep = '['.repeat(jsonDepthMax + 1)
  assert.throws(() => checkJsonShape(tooDeep), { code: 'CHAIN_JSON_TOO_DEEP' })
})

test('checkJsonShape does not count brackets and commas inside strings', () => {
  checkJsonShape(`["${'['.repeat(1_000)}"]`)
  checkJsonShape(`["a\\"${'{'.repeat(1_000)}"]`)
  checkJsonShape(`["\\\\","${','.repeat(jsonNodesMax)}"]`)
})

test('checkJsonShape counts again after a string that ends in escaped backslashes', () => {
  const tooDeep = `["\\\\${'"'}${',['.repeat(jsonDepthMax)}`
  assert.throws(() => checkJsonShape(tooDeep), { code: 'CHAIN_JSON_TOO_DEEP' })
})

test('checkJsonShape refuses more members than the limit', () => {
  const text = `[${'1,'.repeat(jsonNodesMax)}1]`
  assert.throws(() => checkJsonShape(text), { code: 'CHAIN_JSON_TOO_WIDE' })
})

test('checkJsonShape takes any text, ended or not', () => {
  for (const text of ['', '"', '"\\', '"\\"', '}}}', ']', 'null', '\u0000']) checkJsonShape(text)
})
