import assert from 'node:assert/strict'
import { test } from 'node:test'

import { peerOf } from './peer-address.ts'

test('peerOf: an IPv4 address is a peer, also when IPv6 carries it', () => {
  assert.equal(peerOf('10.0.0.1'), '10.0.0.1')
  assert.equal(peerOf('::ffff:10.0.0.1'), '10.0.0.1')
  assert.equal(peerOf(undefined), 'unknown')
})

test('peerOf: all addresses of a /64 are one peer', () => {
  assert.equal(peerOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64')
  assert.equal(peerOf('2001:db8:1:2::9'), '2001:db8:1:2::/64')
  assert.equal(peerOf('2001:db8::9'), '2001:db8:0:0::/64')
  assert.equal(peerOf('fe80::1%eth0'), 'fe80:0:0:0::/64')
  assert.equal(peerOf('::1'), '0:0:0:0::/64')
  assert.notEqual(peerOf('2001:db8:1:2::9'), peerOf('2001:db8:1:3::9'))
})
