/**
 * The house rules that no linter knows: floors, declared imports, sizes, names, words.
 *
 * The order of `workspaces` in the root package.json is the order of floors: a room may import
 * rooms that stand before it, and only those its manifest declares.
 */

import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { test } from 'node:test'

const fileLinesMax = 500

/** One switch that cannot be cut: a call an instruction would cost half the machine's speed. */
const fileLinesMaxOf: Readonly<Record<string, number>> = { 'evm/interpreter.ts': 520 }
const lineColumnsMax = 100

type Manifest = {
  readonly name: string
  readonly description: string
  readonly workspaces?: readonly string[]
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

type Source = { readonly path: string; readonly room: string; readonly text: string }

const root = readManifest('package.json')
const rooms = root.workspaces ?? []
const manifests = new Map(rooms.map((room) => [room, readManifest(`${room}/package.json`)]))
const sources: readonly Source[] = globSync(['*/**/*.ts'], {
  exclude: (name) => name === 'node_modules' || name === '.node',
})
  .sort()
  .map((path) => ({ path, room: path.split('/')[0] ?? '', text: readFileSync(path, 'utf8') }))

/** `from '…'` at the end of an import or export, `import '…'`, `import('…')`. */
const importPattern = /(?:^(?:[^'"\n]*[\s}])?from |^import |\bimport\()'([^']+)'/gm

/** Rooms that must run in a browser tab one day: Node modules in tests, benches and node/ alone. */
const isomorphicRooms = ['primitives', 'coding', 'sdk']

/** Names that say nothing of what is inside. */
const emptyNames = /^(utils?|common|misc|types|helpers?|shared|lib|stuff)\.ts$/

/** Filler and leftovers that reviews should not have to find. */
const bannedWords = [/\bcomprehensive\b/i, /\bseamless(ly)?\b/i, /\butiliz/i, /\bleverag/i]

/** Places that exist on one machine only. */
const machinePaths = [/(^|[^\w./-])\/(?:work)\//, /\/(?:root)\//, /bash[_]jobs/]

/** What a file may import: tests and their tools also what only those of the room, or all, need. */
function declaredBy(room: string, path: string): ReadonlySet<string> {
  const isTestOnly = /\.(test|bench)\.ts$|\/(testing|canonical|clients|load)\/|\/differential/.test(
    path,
  )
  const { dependencies, devDependencies } = manifests.get(room) ?? {}
  const forTests = isTestOnly ? { ...devDependencies, ...root.devDependencies } : {}
  return new Set(Object.keys({ ...dependencies, ...forTests }))
}

test('floors: imports of rooms go down and are declared', () => {
  const wrong: string[] = []
  for (const { path, room, text } of sources) {
    const floor = rooms.indexOf(room)
    if (floor < 0) continue
    const declared = declaredBy(room, path)
    for (const [, specifier = ''] of text.matchAll(importPattern)) {
      if (!specifier.startsWith('@zg/')) continue
      const target = specifier.split('/')[1] ?? ''
      if (target === room) wrong.push(`${path}: imports its own room as "${specifier}"`)
      else if (rooms.indexOf(target) >= floor) wrong.push(`${path}: "${specifier}" goes up`)
      else if (!declared.has(`@zg/${target}`)) {
        wrong.push(`${path}: "${specifier}" is not in ${room}/package.json`)
      }
    }
  }
  assert.deepEqual(wrong, [])
})

test('imports: packages are declared by the room that uses them', () => {
  const wrong: string[] = []
  for (const { path, room, text } of sources) {
    if (!manifests.has(room)) continue
    const declared = declaredBy(room, path)
    for (const [, specifier = ''] of text.matchAll(importPattern)) {
      if (/^(\.|node:|@zg\/)/.test(specifier)) continue
      const name = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/')
      if (declared.has(name)) continue
      wrong.push(`${path}: "${name}" is not in ${room}/package.json`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('imports: relative paths stay in their room', () => {
  const wrong: string[] = []
  for (const { path, room, text } of sources) {
    if (!rooms.includes(room)) continue
    const depth = path.split('/').length - 2
    for (const [, specifier = ''] of text.matchAll(importPattern)) {
      const ups = /^((?:\.\.\/)+)/.exec(specifier)?.[1]?.length ?? 0
      if (ups / 3 > depth) wrong.push(`${path}: "${specifier}"`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('libp2p is loaded by open nodes alone', () => {
  // A validator never pays for it: only what `import()` reaches may import it as a value.
  const loads = (pattern: RegExp): string[] =>
    sources
      .filter(({ path }) => !path.endsWith('.test.ts'))
      .filter(({ text }) => pattern.test(text))
      .map(({ path }) => path)
  const valueImport = (specifier: string): RegExp =>
    new RegExp(`^(import|export) (?!type)[^']*'${specifier}'`, 'm')
  assert.deepEqual(loads(valueImport('@zg/p2p/open')), ['chain/open/open-process.ts'])
  assert.deepEqual(loads(valueImport('[./]*/open-process\\.ts')), [])
  assert.deepEqual(loads(valueImport('\\./libp2p-network\\.ts')), ['p2p/open.ts'])
  assert.deepEqual(loads(valueImport('\\./open\\.ts')), [])
})

test('isomorphic rooms import no Node modules', () => {
  const wrong = sources
    .filter(
      ({ room, path }) =>
        isomorphicRooms.includes(room) && !/\/(testing|node)\/|\.(test|bench)\.ts$/.test(path),
    )
    .filter(({ text }) => /from 'node:/.test(text))
    .map(({ path }) => path)
  assert.deepEqual(wrong, [])
})

test(`files have at most ${fileLinesMax} lines and ${lineColumnsMax} columns`, () => {
  const wrong: string[] = []
  for (const { path, text } of sources) {
    const lines = text.split('\n')
    if (lines.length > (fileLinesMaxOf[path] ?? fileLinesMax) + 1)
      wrong.push(`${path}: ${lines.length - 1} lines`)
    const long = lines.findIndex((line) => line.length > lineColumnsMax && !/'[^']{60}/.test(line))
    if (long >= 0) wrong.push(`${path}:${long + 1}: ${lines[long]?.length} columns`)
  }
  assert.deepEqual(wrong, [])
})

test('names: kebab-case files that say what is inside', () => {
  const wrong = sources
    .map(({ path }) => path)
    .filter((path) => emptyNames.test(basename(path)) || !/^[a-z0-9.-]+\.ts$/.test(basename(path)))
  assert.deepEqual(wrong, [])
})

test('every source begins with a header that says what it is', () => {
  const wrong = sources
    .filter(({ text }) => !/^(#!.*\n)?(\/\/ oxlint[^\n]*\n)*\/\*\*/.test(text))
    .map(({ path }) => path)
    .filter((path) => !path.endsWith('.test.ts'))
  assert.deepEqual(wrong, [])
})

test('every room has a README that opens with its manifest sentence', () => {
  const wrong: string[] = []
  for (const [room, { description }] of manifests) {
    const readme = `${room}/README.md`
    if (!existsSync(readme)) wrong.push(`${readme} is missing`)
    else if (!readFileSync(readme, 'utf8').includes(description)) {
      wrong.push(`${readme} does not say "${description}"`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('README.md names every room with its sentence', () => {
  const readme = readFileSync('README.md', 'utf8')
  const missing = [...manifests.values()]
    .map(({ description }) => description)
    .filter((description) => !readme.includes(description))
  assert.deepEqual(missing, [])
})

test('words: no filler, no machine paths', () => {
  const documents = globSync(['*.md', '*/**/*.md', '*/**/*.ts', '*/**/*.mjs'], {
    exclude: (name) => name === 'node_modules' || name === '.node',
  }).filter((path) => !path.endsWith('tidy.test.ts'))
  const wrong: string[] = []
  for (const path of documents) {
    const text = readFileSync(path, 'utf8')
    for (const pattern of [...bannedWords, ...machinePaths]) {
      const found = pattern.exec(text)
      if (found !== null && path !== 'STYLE.md') wrong.push(`${path}: "${found[0]}"`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('links in documents lead to files that exist', () => {
  const wrong: string[] = []
  const documents = globSync(['*.md', '*/**/*.md'], {
    exclude: (name) => name === 'node_modules' || name === '.node',
  })
  for (const path of documents) {
    const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : ''
    for (const [, target = ''] of readFileSync(path, 'utf8').matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      if (!existsSync(folder + target)) wrong.push(`${path}: ${target}`)
    }
  }
  assert.deepEqual(wrong, [])
})

function readManifest(path: string): Manifest {
  return JSON.parse(readFileSync(path, 'utf8')) as Manifest
}
