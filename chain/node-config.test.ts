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

const open: NodeConfig = {
  ...config,
  mode: 'open',
  keys: undefined,
  p2p: undefined,
  open: {
    host: '0.0.0.0',
    port: 26_670,
    bootstrap: ['/ip4/203.0.113.7/tcp/26670/p2p/12D3KooW'],
    upstreams: ['http://127.0.0.1:8550'],
    start: 'snapshot',
    snapshotIntervalBlocks: 128,
    checkpoint: {
      height: 4_096n,
      consensusRoot: new Uint8Array(32).fill(1),
      histRoot: new Uint8Array(32).fill(2),
    },
  },
}

test('parseNodeConfig reads where L1 is, and refuses what is no address', () => {
  const l1 = {
    endpoints: ['http://127.0.0.1:8535', 'http://127.0.0.1:8536'],
    firstEpoch: 412n,
    epochStart: 1_767_225_600n,
    epochSeconds: 30n,
    finalitySeconds: 12n,
    fromBlock: 0n,
    contracts: {
      NetworkRegistry: new Uint8Array(20).fill(1),
      OperatorRegistry: new Uint8Array(20).fill(2),
      Inbox: new Uint8Array(20).fill(3),
      FinalityOracle: new Uint8Array(20).fill(5),
      Streams: new Uint8Array(20).fill(4),
    },
  }
  const text = encodeNodeConfig({ ...config, l1 })
  assert.deepEqual(parseNodeConfig(text, '/'), { ...config, l1 })
  for (const wrong of ['0303', 'firstEpoch = 412', 'epochSeconds = 30']) {
    assert.throws(() => parseNodeConfig(text.replace(wrong, ''), '/'), NodeConfigInvalidError)
  }
  for (const endpoints of [[], Array.from({ length: 9 }, () => 'http://127.0.0.1:1')]) {
    const few = encodeNodeConfig({ ...config, l1: { ...l1, endpoints } })
    assert.throws(() => parseNodeConfig(few, '/'), NodeConfigInvalidError)
  }
  const unsaid = parseNodeConfig(text.replace('finalitySeconds = 12', ''), '/')
  assert.equal(unsaid.l1?.finalitySeconds, 0n)
})

test('parseNodeConfig reads an open node, with a checkpoint and without', () => {
  assert.deepEqual(parseNodeConfig(encodeNodeConfig(open), '/'), open)
  const bare = parseNodeConfig('mode = "open"\n[rpc]\nport = 1\n[open]\nport = 2', '/')
  assert.deepEqual(bare.open, {
    host: '127.0.0.1',
    port: 2,
    bootstrap: [],
    upstreams: [],
    start: 'snapshot',
    snapshotIntervalBlocks: 256,
    checkpoint: undefined,
  })
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
  const openText = encodeNodeConfig(open)
  cases.push(
    [openText.replace('= 128', '= 0'), /"open.snapshotIntervalBlocks" is not a whole number/],
    [openText.replace('"snapshot"', '"middle"'), /"open.start" is not "genesis" or/],
    [openText.replace('0x0101', '0x'), /"open.checkpoint.consensusRoot" is not 32 bytes/],
    [openText.replace('height = 4096', 'height = -1'), /"open.checkpoint.height" is not a whole/],
    [openText.replace('port = 26670', 'port = 1\ncolour = 1'), /unknown key "open.colour"/],
    [openText.replace('[ "http', '[ 7, "http'), /"open.upstreams" is not a list/],
  )
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
