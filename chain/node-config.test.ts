import assert from 'node:assert/strict'
import { test } from 'node:test'

import { encodeNodeConfig, NodeConfigInvalidError, parseNodeConfig } from './node-config.ts'
import type { NodeConfig } from './node-config.ts'

const config: NodeConfig = {
  part: 'net-0/val-2',
  mode: 'validator',
  genesis: '/world/net-0/genesis.json',
  archive: false,
  logLevel: 'info',
  devKeys: undefined,
  rpc: { host: '127.0.0.1', port: 8552, allowedHosts: ['localhost'], allowedOrigins: '*' },
  metrics: { host: '127.0.0.1', port: 6063 },
  keys: { keystore: '/world/keys/bls.json', password: '/world/keys/bls.password' },
  p2p: {
    host: '127.0.0.1',
    port: 26_658,
    peers: [{ publicKey: new Uint8Array(48).fill(1), host: '127.0.0.1', port: 26_656 }],
  },
}

test('parseNodeConfig reads what encodeNodeConfig wrote', () => {
  assert.deepEqual(parseNodeConfig(encodeNodeConfig(config), '/elsewhere'), config)
  const devKeys = '/world/dev-keys.txt'
  const minimal = { ...config, mode: 'minimal', devKeys, keys: undefined, p2p: undefined } as const
  assert.deepEqual(parseNodeConfig(encodeNodeConfig(minimal), '/elsewhere'), minimal)
})

test('parseNodeConfig resolves paths from the file', () => {
  const text = encodeNodeConfig({ ...config, genesis: '../genesis.json' })
  assert.equal(parseNodeConfig(text, '/world/net-0/val-2').genesis, '/world/net-0/genesis.json')
})

test('parseNodeConfig names what is wrong', () => {
  const text = encodeNodeConfig(config)
  const cases: [string, RegExp][] = [
    ['part = ', /Cannot read config.toml/],
    [`colour = "red"\n${text}`, /unknown key "colour"/],
    [text.replace('port = 8552', 'port = 85520'), /"rpc.port" is not a port/],
    [text.replace('port = 8552', 'port = 8552\ncolour = 1'), /unknown key "rpc.colour"/],
    [text.replace('mode = "validator"', 'mode = "fast"'), /"mode" is not "validator" or/],
    [text.replace('archive = false', 'archive = "no"'), /"archive" is not true or false/],
    [text.replace('0x01', '0x'), /"publicKey" is not 48 bytes/],
    ['[rpc]\nport = 1', /"keys" is not a table/],
  ]
  for (const [wrong, message] of cases) {
    assert.throws(
      () => parseNodeConfig(wrong, '/'),
      (error: unknown) => {
        assert.ok(error instanceof NodeConfigInvalidError)
        assert.match(error.message, message)
        return true
      },
    )
  }
})
