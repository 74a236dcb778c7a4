import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import {
  DevnetFileMalformedError,
  readDevnetFile,
  removeDevnetFile,
  writeDevnetFile,
} from './devnet-file.ts'
import type { DevnetFile } from './devnet-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'zg-devnet-file-'))
after(() => rmSync(folder, { recursive: true }))

const file: DevnetFile = {
  version: 1,
  dataDir: folder,
  epochSeconds: 0,
  networks: [],
  metrics: [],
  accounts: [],
}

test('writeDevnetFile leaves one file, owner only, that reads back the same', () => {
  writeDevnetFile(folder, file)
  assert.deepEqual(readdirSync(folder), ['devnet.json'])
  assert.equal(statSync(join(folder, 'devnet.json')).mode & 0o777, 0o600)
  assert.deepEqual(readDevnetFile(folder), file)
  removeDevnetFile(folder)
  assert.equal(readDevnetFile(folder), undefined)
})

test('readDevnetFile keeps fields it does not know: they are only ever added', () => {
  writeFileSync(join(folder, 'devnet.json'), JSON.stringify({ ...file, later: 1 }))
  assert.deepEqual(readDevnetFile(folder), { ...file, later: 1 })
})

test('readDevnetFile refuses what is no description of a world', () => {
  const malformed = ['', 'null', '{}', '{"version":2}', JSON.stringify({ ...file, networks: 1 })]
  for (const text of malformed) {
    writeFileSync(join(folder, 'devnet.json'), text)
    assert.throws(() => readDevnetFile(folder), DevnetFileMalformedError, text)
  }
})
