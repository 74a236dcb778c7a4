import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createdAddress } from '@zg/evm'
import { bigintToHex, toHex, toQuantity } from '@zg/primitives'
import { parseFixtureJson, readFixture } from '@zg/primitives/testing'

import type { FinalityReader } from '../chain-view.ts'
import { schemaProblem } from '../testing/json-schema.ts'
import { counterCode, counterTopic, initCodeOf, openRpcTestNode } from '../testing/rpc-test-node.ts'
import {
  signedTransfer,
  tenEther,
  testAddresses,
  testChainId,
  testKeys,
} from '../testing/test-chain.ts'

const [senderKey, otherKey] = testKeys as [Uint8Array, Uint8Array]
const sender = bigintToHex(testAddresses[0] ?? 0n, 20)

const certificate = {
  networkId: 0,
  epoch: 1n,
  height: 2n,
  blockHash: new Uint8Array(32).fill(1),
  consensusRoot: new Uint8Array(32).fill(2),
  histRoot: new Uint8Array(32).fill(3),
  nextEpoch: 0n,
  signers: Uint8Array.of(7),
  signature: new Uint8Array(96).fill(4),
}

const finality: FinalityReader = {
  chain: (fromHeight, count) => (fromHeight > 2n ? undefined : Uint8Array.of(11, count)),
  header: (height) => (height > 2n ? undefined : new Uint8Array(304).fill(Number(height))),
  historyProof: ({ height, under }) =>
    under > 2n
      ? undefined
      : Array.from({ length: 32 }, () => new Uint8Array(32).fill(Number(height))),
  evidence: () => [Uint8Array.of(1, 2), Uint8Array.of(3)],
  finalityCertificate: (height) => {
    return height === 'latest' || height === 2n ? certificate : undefined
  },
  certificates: (fromView, toView, epoch = 1n) =>
    [fromView, toView].map((view) => ({
      kind: 'nullification',
      networkId: 0,
      epoch,
      view,
      digest: undefined,
      signers: Uint8Array.of(7),
      signature: new Uint8Array(96).fill(4),
    })),
}

/** One block with a deployment, one with a call of it and a transfer. */
const { ask, mine, chain, pool, node } = await openRpcTestNode({ finality })
const counter = bigintToHex(createdAddress(testAddresses[0] ?? 0n, 0n), 20)
const deployment = signedTransfer(senderKey, {
  to: undefined,
  value: 0n,
  gasLimit: 200_000n,
  data: initCodeOf(counterCode),
})
const deployHash = await ask('eth_sendRawTransaction', toHex(deployment))
await mine()
const callHash = await ask(
  'eth_sendRawTransaction',
  toHex(
    signedTransfer(senderKey, { nonce: 1n, to: BigInt(counter), value: 0n, gasLimit: 100_000n }),
  ),
)
const transferHash = await ask('eth_sendRawTransaction', toHex(signedTransfer(otherKey)))
await mine()
const headHash = toHex(chain.head().hash)

/** The result schema of every method in the execution API, when the fixture is here. */
type OpenRpc = { methods: { name: string; result?: { schema: Record<string, unknown> } }[] }
const fixture = readFixture('rpc-compat')
const openRpc = fixture && (parseFixtureJson(fixture.get('openrpc.json')) as OpenRpc)

/** Asks, and holds the answer against the specification's schema. */
async function askBySchema(method: string, ...params: unknown[]): Promise<unknown> {
  const result = await ask(method, ...params)
  const schema = openRpc?.methods.find(({ name }) => name === method)?.result?.schema
  if (schema !== undefined) assert.equal(schemaProblem(result, schema), undefined, method)
  return result
}

test('the node tells its chain, network and version', async () => {
  assert.equal(await askBySchema('eth_chainId'), toQuantity(testChainId))
  assert.equal(await askBySchema('net_version'), testChainId.toString())
  assert.equal(await ask('net_listening'), true)
  assert.equal(await ask('net_peerCount'), '0x3')
  assert.equal(await ask('web3_clientVersion'), 'zg/test')
  assert.equal(await askBySchema('eth_syncing'), false)
  assert.deepEqual(await askBySchema('eth_accounts'), [])
  assert.equal(await askBySchema('eth_blockNumber'), '0x2')
  const emptyHash = '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'
  assert.equal(await ask('web3_sha3', '0x'), emptyHash)
})

test('accounts: balance, nonce, code and slots, now and before', async () => {
  assert.equal(await askBySchema('eth_getBalance', sender, 'earliest'), toQuantity(tenEther))
  assert.ok(BigInt(String(await ask('eth_getBalance', sender))) < tenEther)
  assert.equal(await askBySchema('eth_getTransactionCount', sender, 'latest'), '0x2')
  assert.equal(await ask('eth_getTransactionCount', sender, '0x1'), '0x1')
  assert.equal(await ask('eth_getTransactionCount', sender, 'pending'), '0x2')
  assert.equal(await askBySchema('eth_getCode', counter, 'latest'), toHex(counterCode))
  assert.equal(await ask('eth_getCode', counter, 'earliest'), '0x')
  const one = `0x${'1'.padStart(64, '0')}`
  assert.equal(await askBySchema('eth_getStorageAt', counter, '0x0', { blockHash: headHash }), one)
  const slots = [`0x${'0'.repeat(64)}`, one]
  assert.deepEqual(await askBySchema('eth_getStorageValues', { [counter]: slots }), {
    [counter]: [one, slots[0]],
  })
  const proof = (await askBySchema('eth_getProof', counter, ['0x0'], 'latest')) as {
    storageProof: { value: string }[]
  }
  assert.equal(proof.storageProof[0]?.value, '0x1')
  await assert.rejects(ask('eth_getBalance', sender, '0x3'), { code: -32001 })
})

test('blocks by number, hash and tag; nothing for others', async () => {
  const block = (await askBySchema('eth_getBlockByNumber', 'latest', false)) as {
    hash: string
    transactions: unknown[]
  }
  assert.equal(block.hash, headHash)
  assert.deepEqual(new Set(block.transactions), new Set([callHash, transferHash]))
  assert.deepEqual(await askBySchema('eth_getBlockByHash', headHash, false), block)
  for (const tag of ['safe', 'finalized', '0x2']) {
    assert.deepEqual(await ask('eth_getBlockByNumber', tag, false), block)
  }
  const full = (await askBySchema('eth_getBlockByNumber', '0x1', true)) as {
    transactions: { hash: string }[]
  }
  assert.equal(full.transactions[0]?.hash, deployHash)
  assert.equal(await ask('eth_getBlockByNumber', '0xffffffffffffffff', false), null)
  assert.equal(await ask('eth_getBlockByHash', `0x${'00'.repeat(32)}`, true), null)
  assert.equal(await askBySchema('eth_getBlockTransactionCountByNumber', '0x2'), '0x2')
  assert.equal(await askBySchema('eth_getBlockTransactionCountByHash', headHash), '0x2')
  assert.equal(await askBySchema('eth_getUncleCountByBlockNumber', '0x2'), '0x0')
  assert.equal(await askBySchema('eth_getUncleCountByBlockHash', headHash), '0x0')
  assert.equal(await ask('eth_getUncleByBlockNumberAndIndex', '0x2', '0x0'), null)
  assert.equal(await ask('eth_getUncleByBlockHashAndIndex', headHash, '0x0'), null)
})

test('the pending block holds what the pool would put next', async () => {
  const { ask: askPending } = await openRpcTestNode()
  const hash = await askPending('eth_sendRawTransaction', toHex(signedTransfer(senderKey)))
  const block = (await askPending('eth_getBlockByNumber', 'pending', false)) as {
    hash: unknown
    number: unknown
    transactions: unknown[]
  }
  assert.deepEqual([block.hash, block.number, block.transactions], [null, '0x1', [hash]])
  assert.equal(
    await askPending('eth_getBalance', `0x${'abcd'.padStart(40, '0')}`, 'pending'),
    '0x1',
  )
  assert.equal(await askPending('eth_getBalance', `0x${'abcd'.padStart(40, '0')}`, 'latest'), '0x0')
  assert.equal(await askPending('eth_getTransactionCount', sender, 'pending'), '0x1')
  const pooled = (await askPending('eth_getTransactionByHash', hash)) as { blockHash: unknown }
  assert.equal(pooled.blockHash, null)
  assert.equal(await askPending('eth_getTransactionReceipt', hash), null)
  assert.deepEqual(await askPending('txpool_status'), { pending: '0x1', queued: '0x0' })
  const { pending } = (await askPending('txpool_contentFrom', sender)) as { pending: object }
  assert.deepEqual(Object.keys(pending), ['0'])
  const content = (await askPending('txpool_content')) as { pending: object }
  assert.equal(Object.keys(content.pending)[0]?.toLowerCase(), sender)
  const inspect = (await askPending('txpool_inspect')) as { pending: Record<string, object> }
  assert.match(JSON.stringify(inspect), /1 wei \+ 21000 gas/)
})

test('transactions and receipts, by hash and by place', async () => {
  const call = (await askBySchema('eth_getTransactionByHash', callHash)) as {
    transactionIndex: string
  }
  const { transactionIndex } = call
  assert.deepEqual(
    await askBySchema('eth_getTransactionByBlockNumberAndIndex', '0x2', transactionIndex),
    call,
  )
  assert.deepEqual(
    await askBySchema('eth_getTransactionByBlockHashAndIndex', headHash, transactionIndex),
    call,
  )
  assert.equal(await ask('eth_getTransactionByBlockNumberAndIndex', '0x2', '0x9'), null)
  const receipt = (await askBySchema('eth_getTransactionReceipt', callHash)) as {
    status: string
    logs: { topics: string[] }[]
  }
  assert.equal(receipt.status, '0x1')
  assert.deepEqual(receipt.logs[0]?.topics, [counterTopic])
  const deployed = (await askBySchema('eth_getTransactionReceipt', deployHash)) as {
    contractAddress: string
  }
  assert.equal(deployed.contractAddress, counter)
  const receipts = (await askBySchema('eth_getBlockReceipts', 'latest')) as unknown[]
  assert.deepEqual(receipts[Number(transactionIndex)], receipt)
  assert.equal(await ask('eth_getBlockReceipts', '0x63'), null)
  assert.equal(await ask('eth_getRawTransactionByHash', deployHash), toHex(deployment))
  assert.equal(await ask('eth_getRawTransactionByHash', headHash), null)
})

test('eth_sendRawTransaction refuses with the phrases that clients look for', async () => {
  const send = (bytes: Uint8Array) => ask('eth_sendRawTransaction', toHex(bytes))
  const refused = (message: RegExp) => ({ code: -32003, message })
  await assert.rejects(send(signedTransfer(senderKey)), refused(/^nonce too low/))
  await assert.rejects(
    send(signedTransfer(senderKey, { nonce: 2n, value: tenEther })),
    refused(/^insufficient funds for gas \* price \+ value/),
  )
  await assert.rejects(
    send(signedTransfer(senderKey, { nonce: 2n, gasLimit: 20_999n })),
    refused(/^intrinsic gas too low/),
  )
  await assert.rejects(
    send(signedTransfer(senderKey, { nonce: 2n, chainId: 1n })),
    refused(/^invalid chain id/),
  )
  await assert.rejects(send(Uint8Array.of(3, 0xc0)), refused(/type not supported.*no blobs/))
  await assert.rejects(send(Uint8Array.of(2, 0xc0)), refused(/^invalid transaction/))
  await assert.rejects(ask('eth_sendRawTransaction', '0xzz'), { code: -32602 })
  assert.equal(pool.size, 0)
})

test('fees: suggestions and history', async () => {
  const { header } = chain.head()
  const price = BigInt(String(await askBySchema('eth_gasPrice')))
  const tip = BigInt(String(await askBySchema('eth_maxPriorityFeePerGas')))
  assert.equal(tip, 10n ** 9n, 'what the transactions of this chain paid')
  assert.ok(price > tip && price < tip + (header.baseFeePerGas ?? 0n))
  assert.equal(await askBySchema('eth_blobBaseFee'), '0x1')
  const history = (await askBySchema('eth_feeHistory', '0x2', 'latest', [0, 50, 100])) as {
    oldestBlock: string
    baseFeePerGas: string[]
    gasUsedRatio: number[]
    reward: string[][]
  }
  assert.equal(history.oldestBlock, '0x1')
  assert.equal(history.baseFeePerGas.length, 3)
  assert.equal(history.baseFeePerGas[1], toQuantity(header.baseFeePerGas ?? 0n))
  assert.deepEqual(history.gasUsedRatio[1], Number(header.gasUsed) / Number(header.gasLimit))
  assert.deepEqual(history.reward[1], ['0x3b9aca00', '0x3b9aca00', '0x3b9aca00'])
  const all = (await ask('eth_feeHistory', 5_000, 'latest')) as { oldestBlock: string }
  assert.equal(all.oldestBlock, '0x0')
  await assert.rejects(ask('eth_feeHistory', '0x1', 'latest', [50, 10]), { code: -32602 })
  await assert.rejects(ask('eth_feeHistory', '0x1', '0x99'), { code: -32001 })
})

test('eth_config tells the rules of the chain (EIP-7910)', async () => {
  const { current, next, last } = (await askBySchema('eth_config')) as Record<string, unknown>
  const { precompiles } = current as { precompiles: Record<string, string> }
  assert.equal(Object.keys(precompiles).length, 18)
  assert.equal(precompiles['P256VERIFY'], `0x${'100'.padStart(40, '0')}`)
  assert.deepEqual([next, last], [null, null])
})

test('logs by range, block, address and topic', async () => {
  const logs = (await askBySchema('eth_getLogs', { fromBlock: '0x0', toBlock: 'latest' })) as {
    transactionHash: string
  }[]
  assert.deepEqual(
    logs.map(({ transactionHash }) => transactionHash),
    [callHash],
  )
  assert.deepEqual(await ask('eth_getLogs', { blockHash: headHash, topics: [counterTopic] }), logs)
  assert.deepEqual(await ask('eth_getLogs', { address: counter }), logs)
  assert.deepEqual(await ask('eth_getLogs', { address: sender }), [])
  assert.deepEqual(await ask('eth_getLogs', { topics: [null, null] }), [])
  assert.deepEqual(await ask('eth_getLogs', { fromBlock: '0x0', toBlock: '0x1' }), [])
})

test('zg_getFinalityCertificate and zg_getCertificates print what consensus has', async () => {
  assert.deepEqual(await ask('zg_getFinalityCertificate', '0x2'), {
    networkId: 0,
    epoch: '0x1',
    height: '0x2',
    blockHash: toHex(certificate.blockHash),
    consensusRoot: toHex(certificate.consensusRoot),
    histRoot: toHex(certificate.histRoot),
    nextEpoch: '0x0',
    signers: '0x07',
    signature: toHex(certificate.signature),
  })
  assert.equal(await ask('zg_getFinalityCertificate', '0x3'), null)
  assert.notEqual(await ask('zg_getFinalityCertificate', 'latest'), null)
  const certificates = (await ask('zg_getCertificates', '0x5', '0x6')) as { view: string }[]
  assert.deepEqual(
    certificates.map(({ view }) => view),
    ['0x5', '0x6'],
  )
  const former = (await ask('zg_getCertificates', '0x5', '0x5', '0x0')) as { epoch: string }[]
  assert.equal(former[0]?.epoch, '0x0')
  await assert.rejects(ask('zg_getCertificates', '0x5', '0x5', 'one'), { code: -32602 })
  await assert.rejects(ask('zg_getCertificates', '0x6', '0x5'), { code: -32602 })
  await assert.rejects(ask('zg_getCertificates', '0x0', '0xffff'), {
    code: -32005,
    data: { fromView: '0x0', toView: '0xff' },
  })
})

test('zg_getChain prints proved blocks as peers send them', async () => {
  assert.equal(await ask('zg_getChain', '0x1', '0x40'), '0x0b40')
  assert.equal(await ask('zg_getChain', '0x3', '0x1'), null)
  await assert.rejects(ask('zg_getChain', '0x1', '0x41'), { code: -32005, data: { count: '0x40' } })
  await assert.rejects(ask('zg_getChain', '0x1', '0x0'), { code: -32005 })
  await assert.rejects(ask('zg_getChain', '0x1'), { code: -32602 })
})

test('zg_getHeader and zg_getHistoryProof print a header and what proves it', async () => {
  assert.equal(await ask('zg_getHeader', '0x1'), toHex(new Uint8Array(304).fill(1)))
  assert.equal(await ask('zg_getHeader', '0x3'), null)
  await assert.rejects(ask('zg_getHeader', 'latest'), { code: -32602 })
  await assert.rejects(ask('zg_getHeader'), { code: -32602 })
  const siblings = (await ask('zg_getHistoryProof', '0x1', '0x2')) as string[]
  assert.deepEqual(siblings, Array(32).fill(toHex(new Uint8Array(32).fill(1))))
  assert.equal(await ask('zg_getHistoryProof', '0x1', '0x3'), null)
  await assert.rejects(ask('zg_getHistoryProof', '0x2', '0x2'), { code: -32602 })
  await assert.rejects(ask('zg_getHistoryProof', '0x1'), { code: -32602 })
  await assert.rejects(ask('zg_getHistoryProof', '0x1', '0x10000000000000000'), { code: -32602 })
})

test('zg_getEvidence prints what the node came upon', async () => {
  assert.deepEqual(await ask('zg_getEvidence'), ['0x0102', '0x03'])
  await assert.rejects(ask('zg_getEvidence', '0x1'), { code: -32602 })
})

test('without finality votes the zg_ methods do not exist', async () => {
  const { ask: askAlone } = await openRpcTestNode()
  await assert.rejects(askAlone('zg_getFinalityCertificate'), { code: -32601 })
  await assert.rejects(askAlone('zg_getHeader', '0x0'), { code: -32601 })
  await assert.rejects(askAlone('zg_getHistoryProof', '0x0', '0x1'), { code: -32601 })
})

test('cheats do not exist on a network, and the error names where they do', async () => {
  for (const method of ['evm_mine', 'anvil_setBalance', 'hardhat_metadata', 'anvil_nodeInfo']) {
    await assert.rejects(ask(method), { code: -32601, message: /zg devnet --minimal/ })
  }
  await assert.rejects(ask('eth_sendTransaction', {}), { code: -32601 })
  assert.equal(node.dev, undefined)
})
