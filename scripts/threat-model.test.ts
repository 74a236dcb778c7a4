/**
 * docs/threat-model.md against the tests it rests on: every attack has its row, every row a test or
 * a reason, and every test that is named stands in its file under that name, as do those of the
 * other documents that name tests.
 */

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

const path = 'docs/threat-model.md'
const attackCount = 40
const states = /^(holds|in part|not yet|does not hold)\b/

type Row = { readonly name: string; readonly state: string; readonly shownBy: string }

const document = readFileSync(path, 'utf8')
const rows: readonly Row[] = document
  .split('\n')
  .filter((line) => /^\| A\d+ \|/.test(line))
  .map((line) => {
    const [, name = '', , , state = '', shownBy = ''] = line.split('|').map((cell) => cell.trim())
    return { name, state, shownBy }
  })

/** `[title](../file.test.ts)`: "…" in a title stands for what a template puts there. */
function namedTests(text: string): readonly { readonly title: string; readonly file: string }[] {
  return [...text.matchAll(/\[([^\]]+)\]\(\.\.\/([^)]+\.test\.ts)\)/g)].map(
    ([, title = '', file = '']) => ({ title, file }),
  )
}

/** The titles of a file of tests, as they are written. */
function titlesOf(source: string): ReadonlySet<string> {
  const pattern = /\btest\(\s*(?:'((?:[^'\\]|\\.)+)'|"((?:[^"\\]|\\.)+)"|`((?:[^`\\]|\\.)+)`)/g
  const titles = [...source.matchAll(pattern)].map(([, single, double, template]) =>
    (single ?? double ?? template ?? '').replaceAll(/\$\{[^}]*\}/g, '…'),
  )
  return new Set(titles)
}

test('titlesOf reads the titles of tests, plain and from templates', () => {
  const source = [
    "test('one', () => {})",
    'test("it\'s two", () => {})',
    'test(`three of ${count + 1} are ${what}`, () => {})',
    'test(\n  `four`, () => {})',
    "latest('none', () => {})",
  ].join('\n')
  assert.deepEqual([...titlesOf(source)], ['one', "it's two", 'three of … are …', 'four'])
})

test('the threat model has a row for each attack, in order, with a state', () => {
  const expected = Array.from({ length: attackCount }, (_, index) => `A${index + 1}`)
  assert.deepEqual(
    rows.map(({ name }) => name),
    expected,
  )
  const unclear = rows.filter(({ state }) => !states.test(state)).map(({ name }) => name)
  assert.deepEqual(unclear, [])
})

test('each row of the threat model names a test, or the reason why there is none', () => {
  const bare = rows
    .filter(({ shownBy }) => namedTests(shownBy).length === 0)
    .filter(({ state, shownBy }) => state.startsWith('holds') || !/^reason: .{40}/.test(shownBy))
    .map(({ name }) => name)
  assert.deepEqual(bare, [])
})

for (const document of [path, 'docs/security-claims.md', 'docs/fees.md']) {
  test(`every test that ${document} names exists under that name`, () => {
    const named = namedTests(readFileSync(document, 'utf8'))
    assert.ok(named.length > 0)
    const missing = named
      .filter(({ title, file }) => {
        return !existsSync(file) || !titlesOf(readFileSync(file, 'utf8')).has(title)
      })
      .map(({ title, file }) => `${file}: ${title}`)
    assert.deepEqual(missing, [])
  })
}
