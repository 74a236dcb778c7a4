import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { ByteWriter, encodeEvidence, genesisHeader, writeHeader } from '@zg/consensus'
import type { Evidence } from '@zg/consensus'
import { headerHash } from '@zg/evm'
import type { Header } from '@zg/evm'
import { keccak256, toHex } from '@zg/primitives'

import { JsonRpcNetworkEndpoint } from './json-rpc-network-endpoint.ts'
import { encodeOutboxEntry } from './outbox-entry.ts'
import type { OutboxEntry } from './outbox-entry.ts'

const refused = { code: 'STAKING_NETWORK_ENDPOINT' }
const word = (fill: number) => toHex(new Uint8Array(32).fill(fill))

type Answer = {
  readonly result?: unknown
  readonly error?: { readonly code: number; readonly message: string }
}

/** A node that answers each method as a test says. */
async function openNode(context: TestContext) {
  const answers: Record<string, (params: readonly unknown[]) => Answer> = {}
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      const { id, method, params } = JSON.parse(body) as {
        id: number
        method: string
        params: readonly unknown[]
      }
      const answer = answers[method]?.(params) ?? { error: { code: -32601, message: 'unknown' } }
      response.end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }))
    })
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  context.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { answers, endpoint: new JsonRpcNetworkEndpoint({ url: `http://127.0.0.1:${port}` }) }
}

const certificate = {
  networkId: 1,
  epoch: '0x1',
  height: '0x2',
  blockHash: word(1),
  consensusRoot: word(2),
  histRoot: word(3),
  nextEpoch: '0x0',
  signers: '0x07',
  signature: toHex(new Uint8Array(96).fill(4)),
}

test('certificates, headers and siblings are read as a node prints them', async (context) => {
  const { answers, endpoint } = await openNode(context)
  const asked: unknown[] = []
  answers['zg_getFinalityCertificate'] = (params) => {
    asked.push(params)
    return { result: params[0] === '0x9' ? null : certificate }
  }
  const found = await endpoint.finalityCertificate('latest')
  assert.deepEqual(found, {
    vote: {
      epoch: 1n,
      height: 2n,
      blockHash: new Uint8Array(32).fill(1),
      consensusRoot: new Uint8Array(32).fill(2),
      histRoot: new Uint8Array(32).fill(3),
      nextEpoch: 0n,
    },
    signers: Uint8Array.of(7),
    signature: new Uint8Array(96).fill(4),
  })
  assert.equal(await endpoint.finalityCertificate(9n), undefined)
  assert.deepEqual(asked, [['latest'], ['0x9']])

  const identity = {
    l1ChainId: 1n,
    stakingContract: new Uint8Array(20),
    networkId: 3,
    genesisHash: new Uint8Array(32).fill(7),
  }
  const header = genesisHeader({
    identity,
    epoch: 5n,
    timestampMs: 17,
  } as Parameters<typeof genesisHeader>[0])
  const writer = new ByteWriter()
  writeHeader(writer, header)
  const bytes = toHex(writer.finish())
  answers['zg_getHeader'] = ([height]) => ({ result: height === '0x0' ? bytes : null })
  assert.deepEqual(await endpoint.header(0n), header)
  assert.equal(await endpoint.header(1n), undefined)
  answers['zg_getHistoryProof'] = ([, under]) => ({
    result: under === '0x2' ? Array(32).fill(word(8)) : null,
  })
  const siblings = await endpoint.historyProof({ height: 1n, under: 2n })
  assert.deepEqual(siblings, Array(32).fill(new Uint8Array(32).fill(8)))
  assert.equal(await endpoint.historyProof({ height: 1n, under: 3n }), undefined)

  const malformed: readonly unknown[] = [
    7,
    'latest',
    [],
    {},
    { ...certificate, signature: '0x00' },
    { ...certificate, histRoot: '0x' },
    { ...certificate, height: 2 },
    { ...certificate, epoch: `0x1${'0'.repeat(16)}` },
    { ...certificate, signers: `0x${'00'.repeat(1_000)}` },
    `${bytes}00`,
    bytes.slice(0, -2),
    Array(31).fill(word(8)),
    Array(32).fill('0x08'),
  ]
  for (const result of malformed) {
    for (const method of Object.keys(answers)) answers[method] = () => ({ result })
    await assert.rejects(endpoint.finalityCertificate('latest'), refused)
    await assert.rejects(endpoint.header(0n), refused)
    await assert.rejects(endpoint.historyProof({ height: 1n, under: 2n }), refused)
  }
})

test('an execution header hashes as its block', async (context) => {
  const { answers, endpoint } = await openNode(context)
  const header: Header = {
    parentHash: new Uint8Array(32).fill(1),
    ommersHash: new Uint8Array(32).fill(2),
    coinbase: 3n,
    stateRoot: new Uint8Array(32).fill(4),
    transactionsRoot: new Uint8Array(32).fill(5),
    receiptsRoot: new Uint8Array(32).fill(6),
    logsBloom: new Uint8Array(256),
    difficulty: 0n,
    number: 7,
    gasLimit: 30_000_000n,
    gasUsed: 21_000n,
    timestamp: 1_800_000_000,
    extraData: new Uint8Array(0),
    prevRandao: new Uint8Array(32).fill(7),
    nonce: new Uint8Array(8),
    baseFeePerGas: 8n,
  }
  const block = {
    hash: toHex(headerHash(header)),
    parentHash: word(1),
    sha3Uncles: word(2),
    miner: `0x${'00'.repeat(19)}03`,
    stateRoot: word(4),
    transactionsRoot: word(5),
    receiptsRoot: word(6),
    logsBloom: toHex(new Uint8Array(256)),
    difficulty: '0x0',
    number: '0x7',
    gasLimit: '0x1c9c380',
    gasUsed: '0x5208',
    timestamp: '0x6b49d200',
    extraData: '0x',
    mixHash: word(7),
    nonce: '0x0000000000000000',
    baseFeePerGas: '0x8',
  }
  answers['eth_getBlockByNumber'] = ([number]) => ({ result: number === '0x7' ? block : null })
  const bytes = await endpoint.executionHeader(7n)
  assert.ok(bytes !== undefined)
  assert.deepEqual(keccak256(bytes), headerHash(header))
  assert.equal(await endpoint.executionHeader(8n), undefined)
})

test('a state that is gone is told from a node that fails', async (context) => {
  const { answers, endpoint } = await openNode(context)
  const query = { address: 0x2002n, slots: [0n, 1n], height: 7n }
  const slots = [{ proof: ['0x01', '0x02'] }, { proof: [] }]
  answers['eth_getProof'] = () => ({ result: { accountProof: ['0x03'], storageProof: slots } })
  assert.deepEqual(await endpoint.proof(query), {
    account: [Uint8Array.of(3)],
    slots: [[Uint8Array.of(1), Uint8Array.of(2)], []],
  })
  answers['eth_getProof'] = () => ({ error: { code: -32_001, message: 'no such state' } })
  assert.equal(await endpoint.proof(query), undefined)
  answers['eth_getProof'] = () => ({ error: { code: -32_603, message: 'internal' } })
  await assert.rejects(endpoint.proof(query), refused)
  answers['eth_getProof'] = () => ({ result: { accountProof: [7] } })
  await assert.rejects(endpoint.proof(query), refused)
})

test('Outbox logs come in pages that a node agrees to', async (context) => {
  const { answers, endpoint } = await openNode(context)
  const entry: OutboxEntry = {
    kind: 'transfer',
    network: 4,
    sender: 5n,
    to: 6n,
    amountWei: 7n,
    expiry: 0n,
    dataHash: 0n,
  }
  const log = {
    topics: [word(1), word(0)],
    blockNumber: '0x3',
    data: toHex(encodeOutboxEntry(entry)),
  }
  const asked: [bigint, bigint][] = []
  answers['eth_getLogs'] = ([query]) => {
    const { fromBlock, toBlock } = query as { fromBlock: string; toBlock: string }
    asked.push([BigInt(fromBlock), BigInt(toBlock)])
    const isTooWide = BigInt(toBlock) - BigInt(fromBlock) > 3_000n
    return isTooWide ? { error: { code: -32_005, message: 'too many' } } : { result: [log] }
  }
  assert.deepEqual(await endpoint.outboxLogs({ fromHeight: 1n, toHeight: 50_000n }), {
    logs: [{ index: 0n, height: 3n, entry }],
    toHeight: 2_500n,
  })
  assert.deepEqual(asked, [
    [1n, 10_000n],
    [1n, 5_000n],
    [1n, 2_500n],
  ])
  // A node that refuses one block refuses altogether.
  answers['eth_getLogs'] = () => ({ error: { code: -32_005, message: 'too many' } })
  await assert.rejects(endpoint.outboxLogs({ fromHeight: 1n, toHeight: 9n }), refused)
  const data = encodeOutboxEntry(entry)
  const malformed = [
    { ...log, data: toHex(data.slice(1)) },
    { ...log, data: toHex(data.with(31, 4)) },
    { ...log, data: toHex(data.with(32, 1)) },
    { ...log, data: toHex(data.with(64, 1)) },
    { ...log, data: toHex(data.with(160, 1)) },
    { ...log, topics: [word(1)] },
    { ...log, blockNumber: null },
  ]
  for (const each of malformed) {
    answers['eth_getLogs'] = () => ({ result: [each] })
    await assert.rejects(endpoint.outboxLogs({ fromHeight: 1n, toHeight: 9n }), refused)
  }
})

test('round certificates and evidence are read as a node prints them', async (context) => {
  const { answers, endpoint } = await openNode(context)
  const signed = { epoch: '0x1', view: '0x5', signers: '0x07', signature: certificate.signature }
  const nullification = { ...signed, kind: 'nullification', digest: null }
  const finalization = { ...signed, kind: 'finalization', digest: word(2) }
  const asked: unknown[] = []
  answers['zg_getCertificates'] = (params) => {
    asked.push(params)
    return { result: [nullification, finalization] }
  }
  const query = { epoch: 1n, fromView: 5, toView: 9 }
  const found = await endpoint.roundCertificates(query)
  const signature = new Uint8Array(96).fill(4)
  const vote = { epoch: 1n, view: 5 }
  const quorum = { signers: Uint8Array.of(7), signature }
  assert.deepEqual(found, [
    { vote: { ...vote, kind: 'nullify', digest: new Uint8Array(32) }, ...quorum },
    { vote: { ...vote, kind: 'finalize', digest: new Uint8Array(32).fill(2) }, ...quorum },
  ])
  assert.deepEqual(asked, [['0x5', '0x9', '0x1']])
  const [first, second] = found
  assert.ok(first !== undefined && second !== undefined)
  const evidence: Evidence = { kind: 'certificates', first, second }
  answers['zg_getEvidence'] = () => ({ result: [toHex(encodeEvidence(evidence))] })
  assert.deepEqual(await endpoint.evidence(), [evidence])

  const malformed: readonly unknown[] = [
    null,
    [7],
    ['0x'],
    ['0x04'],
    [`${toHex(encodeEvidence(evidence))}00`],
    Array(1_025).fill(toHex(encodeEvidence(evidence))),
    [{ ...nullification, kind: 'notarize' }],
    [{ ...nullification, digest: word(1) }],
    [{ ...finalization, digest: null }],
    [{ ...finalization, view: '0x20000000000000' }],
    [{ ...finalization, signature: '0x' }],
    Array(769).fill(finalization),
  ]
  for (const result of malformed) {
    answers['zg_getCertificates'] = answers['zg_getEvidence'] = () => ({ result })
    await assert.rejects(endpoint.roundCertificates(query), refused)
    await assert.rejects(endpoint.evidence(), refused)
  }
})
