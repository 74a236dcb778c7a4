import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { concat } from '../bytes.ts'
import { ArchiveMalformedError, parseFixtureJson, readFixture, readTar } from './fixture-archive.ts'

/** One header block of a ustar archive. */
function header(name: string, sizeBytes: number, options: { prefix?: string; type?: string } = {}) {
  const block = new Uint8Array(512)
  const write = (text: string, offset: number): void =>
    block.set(new TextEncoder().encode(text), offset)
  write(name, 0)
  write(sizeBytes.toString(8).padStart(11, '0'), 124)
  write(options.type ?? '0', 156)
  write('ustar', 257)
  write(options.prefix ?? '', 345)
  return block
}

const end = new Uint8Array(1_024)
const content = Uint8Array.from({ length: 600 }, (_, index) => index & 0xff)
const padded = concat(content, new Uint8Array(424))

suite('readTar', () => {
  test('gives files by path, prefix first, and passes directories over', () => {
    const tar = concat(
      header('folder/', 0, { type: '5' }),
      header('file', content.length, { prefix: 'folder' }),
      padded,
      header('empty', 0),
      end,
    )
    const expected = new Map([
      ['folder/file', content],
      ['empty', new Uint8Array(0)],
    ])
    assert.deepEqual(readTar(tar), expected)
  })

  test('refuses bytes that end early, sizes that are no number, and other types', () => {
    const whole = concat(header('file', content.length), padded)
    assert.throws(() => readTar(whole.subarray(0, 1_000)), ArchiveMalformedError)
    assert.throws(() => readTar(whole.with(124, 0x78)), ArchiveMalformedError)
    assert.throws(() => readTar(header('link', 0, { type: '2' })), ArchiveMalformedError)
  })
})

test('readFixture is undefined for an archive that is not there', () => {
  assert.equal(readFixture('no-such-archive'), undefined)
})

test('parseFixtureJson refuses a file that is not there', () => {
  assert.throws(() => parseFixtureJson(undefined), ArchiveMalformedError)
  assert.deepEqual(parseFixtureJson(new TextEncoder().encode('[1]')), [1])
})
