import assert from 'node:assert/strict'
import { test } from 'node:test'

import { encodeRlp } from '@zg/primitives'
import { createSeededRng, SimulatedClock } from '@zg/runtime'

import { AddressBook, decodeAddresses, encodeAddresses, parseOpenAddress } from './address-book.ts'
import type { OpenAddress } from './address-book.ts'
import { BanList } from './ban-list.ts'

const malformed = { code: 'P2P_ADDRESSES_MALFORMED' }

const addressOf = (peer: string, host = '203.0.113.7'): OpenAddress =>
  parseOpenAddress(`/ip4/${host}/tcp/26656/p2p/${peer}`)!

function draw(book: AddressBook, nowMs = 0): string[] {
  const options = { nowMs, redialMs: 1_000, isWanted: () => true }
  return book.draw(10, options).map(({ text }) => text)
}

test('addresses travel whole; kinds that are not dialed are left out', () => {
  const good = ['/ip4/203.0.113.7/tcp/1/p2p/Qm1', '/ip6/2001:db8::1/tcp/65535/p2p/12D3']
  const other = [
    '/dns4/example.org/tcp/1/p2p/Qm1',
    '/ip4/203.0.113.7/udp/1/quic-v1/p2p/Qm1',
    '/ip4/203.0.113.7/tcp/0/p2p/Qm1',
    '/ip4/203.0.113.7/tcp/65536/p2p/Qm1',
    '/ip4/203.0.113.7/tcp/1',
    '/ip4/203.0.113.7/tcp/1/p2p/Qm1/p2p-circuit',
  ]
  const decoded = decodeAddresses(encodeAddresses([...other, ...good]))
  assert.deepEqual(
    decoded.map(({ text }) => text),
    good,
  )
})

test('decodeAddresses() refuses what is no short list of short texts', () => {
  const text = new Uint8Array(193).fill(0x61)
  const long = Array.from({ length: 33 }, () => Uint8Array.of(0x61))
  for (const item of [[text], long, [[Uint8Array.of(1)]], Uint8Array.of(1)]) {
    assert.throws(() => decodeAddresses(encodeRlp(item)), malformed)
  }
  for (const bytes of [[], [0xc1], [0xc0, 0], [0xff, 1]]) {
    assert.throws(() => decodeAddresses(Uint8Array.from(bytes)), malformed)
  }
})

test("AddressBook believes addresses of a machine's inside from inside only", () => {
  const book = new AddressBook(10, createSeededRng(1))
  const inside = ['127.0.0.1', '10.1.2.3', '192.168.0.9', '172.16.0.1', '169.254.1.1', '0.0.0.0']
  for (const [index, host] of inside.entries()) {
    book.hear(addressOf(`a${index}`, host), { peer: 'b', host: '203.0.113.9' })
  }
  assert.deepEqual(draw(book), [])
  book.hear(addressOf('a', '127.0.0.1'), { peer: 'b', host: '127.0.0.1' })
  assert.equal(draw(book).length, 1)
})

test("AddressBook keeps those of the configuration, and changes a peer's for itself only", () => {
  const book = new AddressBook(3, createSeededRng(1))
  const kept = addressOf('kept')
  book.keep(kept)
  const from = (peer: string) => ({ peer, host: '203.0.113.9' })
  book.hear(addressOf('kept', '203.0.113.8'), from('kept'))
  book.hear(addressOf('a'), from('b'))
  book.hear(addressOf('a', '203.0.113.66'), from('b'))
  assert.equal(book.addressOf('a')?.host, '203.0.113.7')
  book.hear(addressOf('a', '203.0.113.66'), from('a'))
  assert.equal(book.addressOf('a')?.host, '203.0.113.66')
  for (let index = 0; index < 50; index++) book.hear(addressOf(`n${index}`), from('b'))
  const drawn = draw(book)
  assert.equal(drawn.length, 3)
  assert.ok(drawn.includes(kept.text))
  book.forget('kept')
  assert.equal(book.addressOf('kept'), kept)
})

test('AddressBook leaves a peer alone for a while once it was drawn', () => {
  const book = new AddressBook(3, createSeededRng(1))
  book.hear(addressOf('a'), { peer: 'b', host: '203.0.113.9' })
  assert.deepEqual(
    [0, 999, 1_000].map((nowMs) => draw(book, nowMs).length),
    [1, 0, 1],
  )
})

test('BanList forgets a ban when it ends', async () => {
  const clock = new SimulatedClock(0)
  const bans = new BanList(clock, 500)
  bans.add('a', '203.0.113.7')
  bans.add('b', '')
  const seen = () => [
    bans.hasPeer('a'),
    bans.hasHost('203.0.113.7'),
    bans.hasPeer('b'),
    bans.hasHost(''),
  ]
  assert.deepEqual(seen(), [true, true, true, false])
  await clock.run({ untilMs: 499 })
  assert.deepEqual(seen(), [true, true, true, false])
  await clock.run({ untilMs: 500 })
  assert.deepEqual(seen(), [false, false, false, false])
})
