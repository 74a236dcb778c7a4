import assert from 'node:assert/strict'
import { test } from 'node:test'

import { keccak256, toHex, toQuantity } from '@zg/primitives'

import type { L1Status, RouteReader, StreamHomeAnswer } from '../chain-view.ts'
import { openRpcTestNode } from '../testing/rpc-test-node.ts'
import { signedTransfer, testChainId, testKeys } from '../testing/test-chain.ts'

const [key] = testKeys as [Uint8Array]
const otherChainId = testChainId + 1n
const id = toHex(keccak256(Uint8Array.of(1)))

const opened: StreamHomeAnswer = {
  kind: 'opened',
  openedEpoch: 7n,
  home: { network: 0, chainId: testChainId },
  next: undefined,
  epoch: 12n,
  l1Block: 300n,
}

/** A node of network 0 that knows network 5, and answers this of streams. */
async function openNode(answer: StreamHomeAnswer = { kind: 'unopened' }) {
  const asked: bigint[] = []
  const streams: string[] = []
  const routes: RouteReader = {
    networkOf: (chainId) => {
      asked.push(chainId)
      return chainId === otherChainId ? 5 : undefined
    },
    streamHome: (stream) => {
      streams.push(toHex(stream))
      return Promise.resolve(answer)
    },
  }
  return { ...(await openRpcTestNode({ routes })), asked, streams }
}

test('eth_sendRawTransaction names the network that a foreign chain id belongs to', async () => {
  const { ask, methods, asked, pool } = await openNode()
  const transfer = (chainId: bigint) => toHex(signedTransfer(key, { chainId }))
  await assert.rejects(ask('eth_sendRawTransaction', transfer(otherChainId)), {
    code: -32003,
    message: `invalid chain id for signer: chain id ${otherChainId} is network 5; send it there`,
    data: { reason: 'wrong-network', network: 5, chainId: toQuantity(otherChainId) },
  })
  await assert.rejects(ask('eth_sendRawTransaction', transfer(99n)), {
    code: -32003,
    message: `invalid chain id for signer: it is for chain 99, not ${testChainId}`,
    data: undefined,
  })
  // One that is taken asks for no network, and so does one that is refused for anything else.
  const own = transfer(testChainId)
  assert.deepEqual(asked, [otherChainId, 99n])
  const send = methods.bulk.get('eth_sendRawTransaction')
  const outcomes = await send?.([[own], [transfer(otherChainId)], ['0x01']])
  const names = outcomes?.map((outcome) => (outcome as { code?: unknown }).code ?? outcome)
  assert.deepEqual(names?.slice(1), ['CHAIN_NETWORK_WRONG', 'CHAIN_TRANSACTION_REFUSED'])
  assert.deepEqual(asked, [otherChainId, 99n, otherChainId])
  assert.equal(pool.counts().pending, 1)
})

test('zg_getStreamHome tells the home, whether it is here, and the home to come', async () => {
  const { ask, streams } = await openNode(opened)
  const here = {
    stream: id,
    network: 0,
    chainId: toQuantity(testChainId),
    isHere: true,
    next: null,
    epoch: '0xc',
    openedEpoch: '0x7',
    l1Block: '0x12c',
  }
  assert.deepEqual(await ask('zg_getStreamHome', id), here)
  assert.deepEqual(streams, [id])
  const next = { network: 0, chainId: testChainId, fromEpoch: 14n }
  const elsewhere = await openNode({ ...opened, home: { network: 5, chainId: otherChainId }, next })
  assert.deepEqual(await elsewhere.ask('zg_getStreamHome', id), {
    ...here,
    network: 5,
    chainId: toQuantity(otherChainId),
    isHere: false,
    next: { network: 0, chainId: toQuantity(testChainId), fromEpoch: '0xe' },
  })
  const homeless = await openNode({ ...opened, home: undefined })
  const answer = (await homeless.ask('zg_getStreamHome', id)) as typeof here
  assert.deepEqual([answer.network, answer.chainId, answer.isHere], [null, null, false])
})

test('zg_getStreamHome: what nobody opened, and why there may be no answer', async () => {
  assert.equal(await (await openNode()).ask('zg_getStreamHome', id), null)
  const refusals: readonly [StreamHomeAnswer, number, RegExp][] = [
    [{ kind: 'busy', limit: 8 }, -32005, /the limit is 8 streams asked of L1 at once/],
    [{ kind: 'unavailable' }, -32002, /L1 is not in reach/],
  ]
  for (const [answer, code, message] of refusals) {
    const { ask } = await openNode(answer)
    await assert.rejects(ask('zg_getStreamHome', id), { code, message })
  }
  const { ask, streams } = await openNode()
  for (const params of [[], ['0x12'], [id, id], [7], [`${id}00`]]) {
    await assert.rejects(ask('zg_getStreamHome', ...params), { code: -32602 })
  }
  assert.deepEqual(streams, [])
  const { ask: askWithoutL1 } = await openRpcTestNode()
  await assert.rejects(askWithoutL1('zg_getStreamHome', id), {
    code: -32601,
    message: /this node follows no L1/,
  })
})

test('zg_getL1Status tells what a node knows of L1, and why it learns nothing', async () => {
  const statuses: L1Status[] = [
    { final: { number: 300n, timestamp: 9n }, blocksBehind: 0n, problem: undefined },
    { final: undefined, blocksBehind: 17n, problem: 'STAKING_L1_SILENT' },
  ]
  const { ask } = await openRpcTestNode({ l1Status: () => statuses.shift() as L1Status })
  assert.deepEqual(await ask('zg_getL1Status'), {
    finalNumber: '0x12c',
    finalTimestamp: '0x9',
    blocksBehind: '0x0',
    problem: null,
  })
  assert.deepEqual(await ask('zg_getL1Status'), {
    finalNumber: null,
    finalTimestamp: null,
    blocksBehind: '0x11',
    problem: 'STAKING_L1_SILENT',
  })
  await assert.rejects(ask('zg_getL1Status', 1), { code: -32602 })
  const alone = await openRpcTestNode()
  assert.equal(await alone.ask('zg_getL1Status'), null)
})
