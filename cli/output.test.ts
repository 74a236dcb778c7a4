import assert from 'node:assert/strict'
import { test } from 'node:test'

import { formatDuration, formatInteger, formatShare, formatTokens, shorten } from './amounts.ts'
import { LiveList } from './live-list.ts'
import { Output } from './output.ts'
import { tableLines } from './table.ts'
import { TextStream } from './testing/run-line.ts'

const plain = new Output({ out: new TextStream(), isJson: false, env: {} })

test('tableLines aligns columns and leaves no spaces at line ends', () => {
  const rows = [
    ['a', 'long word', ''],
    ['bbbb', 'x', 'end'],
  ]
  assert.deepEqual(tableLines(plain, rows, { gap: 2 }), [
    '  a     long word',
    '  bbbb  x          end',
  ])
})

test('tableLines sets numbers to the right', () => {
  const rows = [
    ['1', 'one'],
    ['10', 'ten'],
  ]
  assert.deepEqual(tableLines(plain, rows, { right: [0], gap: 1 }), ['   1 one', '  10 ten'])
})

test('tableLines pads by text, not by colour codes', () => {
  const out = new TextStream({ isTTY: true })
  const colored = new Output({ out, isJson: false, env: {} })
  const [first, second] = tableLines(colored, [
    [{ text: 'ok', style: 'good' }, 'x'],
    ['longer', 'x'],
  ])
  // oxlint-disable-next-line no-control-regex
  assert.equal(first?.replace(/\u001b\[\d+m/g, '').indexOf('x'), second?.indexOf('x'))
})

test('Output colours terminals only, and never under NO_COLOR', () => {
  const terminal = new TextStream({ isTTY: true })
  const cases = [
    { out: terminal, env: {}, colored: true },
    { out: terminal, env: { NO_COLOR: '1' }, colored: false },
    { out: terminal, env: { NO_COLOR: '1', FORCE_COLOR: '1' }, colored: false },
    { out: terminal, env: { TERM: 'dumb' }, colored: false },
    { out: new TextStream(), env: {}, colored: false },
    { out: new TextStream(), env: { FORCE_COLOR: '1' }, colored: true },
  ]
  for (const { out, env, colored } of cases) {
    const painted = new Output({ out, isJson: false, env }).paint('good', 'x')
    assert.equal(painted !== 'x', colored, JSON.stringify(env))
  }
})

test('Output writes either lines or JSON, bigints as decimal strings', () => {
  const forPeople = new TextStream()
  const people = new Output({ out: forPeople, isJson: false, env: {} })
  people.line('words')
  people.json({ wei: 1n })
  assert.equal(forPeople.text, 'words\n')

  const forPrograms = new TextStream()
  const programs = new Output({ out: forPrograms, isJson: true, env: {} })
  programs.line('words')
  programs.json({ wei: 10n ** 18n })
  assert.equal(forPrograms.text, '{"wei":"1000000000000000000"}\n')
})

test('LiveList writes a settled part once where lines cannot be rewritten', () => {
  const out = new TextStream()
  const list = new LiveList(new Output({ out, isJson: false, env: {} }), ['L1', 'validator 0'])
  list.set('L1', 'working', 'starting')
  list.set('L1', 'done', 'ready')
  list.set('validator 0', 'failed', 'stopped', 'exit code 1')
  list.end()
  assert.match(
    out.text,
    /^ {2}✓ L1 +ready in \d+ ms\n {2}✗ validator 0 +stopped in \d+ ms.*exit code 1\n$/,
  )
})

test('LiveList keeps every line within the terminal', () => {
  const out = new TextStream({ isTTY: true })
  const list = new LiveList(new Output({ out, isJson: false, env: { NO_COLOR: '1' } }), ['L1'])
  list.set('L1', 'failed', 'x'.repeat(500))
  list.end()
  // oxlint-disable-next-line no-control-regex
  const lines = out.text.replace(/\u001b\[\??\d*[A-Za-z]/g, '').split('\n')
  assert.ok(lines.every((line) => line.length <= out.columns))
})

test('amounts are written as people read them', () => {
  assert.equal(formatTokens(10_000n * 10n ** 18n), '10,000')
  assert.equal(formatTokens(1n), '0.000000000000000001')
  assert.equal(formatTokens(-15n * 10n ** 17n), '-1.5')
  assert.equal(formatInteger(1234567), '1,234,567')
  assert.equal(formatShare(1n, 8n), '12.5 %')
  assert.equal(formatShare(0n, 0n), '0.0 %')
  assert.equal(formatDuration(999), '999 ms')
  assert.equal(formatDuration(2_400), '2.4 s')
  assert.equal(formatDuration(180_000), '3 min')
  assert.equal(formatDuration(7_200_000), '2 h')
  assert.equal(formatDuration(604_800_000), '7 days')
  assert.equal(shorten(`0x${'ab'.repeat(32)}`), '0xabab…abab')
})
