import assert from 'node:assert/strict'
import { test } from 'node:test'

import { prefixed, wholeNumber, wholeNumbers } from './bench-options.ts'

test('wholeNumber takes whole numbers within bounds, and says which', () => {
  assert.equal(wholeNumber('--seconds', '60', 600), 60)
  for (const text of ['0', '601', '1.5', 'x', '']) {
    assert.throws(() => wholeNumber('--seconds', text, 600), /--seconds takes .* 1 to 600/)
  }
})

test('wholeNumbers takes a list', () => {
  assert.deepEqual(wholeNumbers('--networks', '1,2,4', 8), [1, 2, 4])
  assert.throws(() => wholeNumbers('--networks', '1,,4', 8), /not ""/)
})

test('prefixed puts the prefix before each name', () => {
  assert.deepEqual(prefixed('n2', { a: 1, b: 'x' }), { 'n2 a': 1, 'n2 b': 'x' })
})
