import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createdAddress } from '@zg/evm'
import { bigintToHex, toHex } from '@zg/primitives'
import { createSystemClock } from '@zg/runtime'

import type { ChainReader, LogRecord } from '../chain-view.ts'
import { LogResultsTooManyError } from '../log-search.ts'
import { counterCode, counterTopic, initCodeOf, openRpcTestNode } from '../testing/rpc-test-node.ts'
import type { RpcTestNode } from '../testing/rpc-test-node.ts'
import { signedTransfer, testAddresses, testKeys } from '../testing/test-chain.ts'
import { filterLifeMs, filtersMax, logBudgetMs, logResultsMax } from './limits.ts'

const [senderKey, otherKey] = testKeys as [Uint8Array, Uint8Array]
const counter = createdAddress(testAddresses[0] ?? 0n, 0n)

class HandClock {
  ms = 0
  nowMs(): number {
    return this.ms
  }
  setTimer(_delayMs: number, fire: () => void) {
    return createSystemClock().setTimer(0, fire)
  }
}

async function openWithCounter(clock = new HandClock()): Promise<RpcTestNode> {
  const node = await openRpcTestNode({ clock })
  const data = initCodeOf(counterCode)
  await node.pool.add(
    signedTransfer(senderKey, { to: undefined, value: 0n, gasLimit: 200_000n, data }),
  )
  await node.mine()
  return node
}

/** Calls the counter `count` times in one block. */
async function callCounter({ pool, mine }: RpcTestNode, firstNonce: bigint, count = 1) {
  for (let index = 0; index < count; index++) {
    const nonce = firstNonce + BigInt(index)
    await pool.add(signedTransfer(senderKey, { nonce, to: counter, value: 0n, gasLimit: 100_000n }))
  }
  await mine()
}

test('eth_newFilter tells each log once, from its installation on', async () => {
  const node = await openWithCounter()
  await callCounter(node, 1n)
  const filter = { address: bigintToHex(counter, 20), topics: [counterTopic] }
  const id = await node.ask('eth_newFilter', filter)
  const elsewhere = await node.ask('eth_newFilter', { ...filter, topics: [`0x${'00'.repeat(32)}`] })
  assert.deepEqual(await node.ask('eth_getFilterChanges', id), [])
  await callCounter(node, 2n, 2)
  await callCounter(node, 4n)
  const changes = (await node.ask('eth_getFilterChanges', id)) as { blockNumber: string }[]
  assert.deepEqual(
    changes.map(({ blockNumber }) => blockNumber),
    ['0x3', '0x3', '0x4'],
  )
  assert.deepEqual(await node.ask('eth_getFilterChanges', id), [])
  assert.deepEqual(await node.ask('eth_getFilterChanges', elsewhere), [])
  const all = await node.ask('eth_newFilter', { ...filter, fromBlock: '0x0' })
  assert.equal(((await node.ask('eth_getFilterLogs', all)) as unknown[]).length, 4)
})

test('eth_newBlockFilter tells the hash of each block', async () => {
  const node = await openRpcTestNode()
  const id = await node.ask('eth_newBlockFilter')
  await node.mine()
  await node.mine()
  const hashes = [1, 2].map((number) => toHex(node.chain.hashOfNumber(number) ?? new Uint8Array()))
  assert.deepEqual(await node.ask('eth_getFilterChanges', id), hashes)
  assert.deepEqual(await node.ask('eth_getFilterChanges', id), [])
  await assert.rejects(node.ask('eth_getFilterLogs', id), { code: -32602 })
})

test('eth_newPendingTransactionFilter tells each pooled transaction', async () => {
  const node = await openRpcTestNode()
  const first = await node.ask('eth_newPendingTransactionFilter')
  const one = toHex(await node.pool.add(signedTransfer(senderKey)))
  const second = await node.ask('eth_newPendingTransactionFilter')
  const two = toHex(await node.pool.add(signedTransfer(otherKey)))
  assert.deepEqual(await node.ask('eth_getFilterChanges', first), [one, two])
  assert.deepEqual(await node.ask('eth_getFilterChanges', second), [two])
})

test('filters end when uninstalled and when nobody asks', async () => {
  const clock = new HandClock()
  const node = await openRpcTestNode({ clock })
  const gone = { code: -32001 }
  const id = await node.ask('eth_newBlockFilter')
  assert.equal(await node.ask('eth_uninstallFilter', id), true)
  assert.equal(await node.ask('eth_uninstallFilter', id), false)
  await assert.rejects(node.ask('eth_getFilterChanges', id), gone)
  const asked = await node.ask('eth_newBlockFilter')
  const idle = await node.ask('eth_newBlockFilter')
  clock.ms += filterLifeMs - 1
  await node.ask('eth_getFilterChanges', asked)
  clock.ms += 1
  await node.ask('eth_getFilterChanges', asked)
  await assert.rejects(node.ask('eth_getFilterChanges', idle), gone)
})

test('a new filter takes the place of the one idle the longest', async () => {
  const node = await openRpcTestNode({ clock: new HandClock() })
  const first = await node.ask('eth_newBlockFilter')
  const second = await node.ask('eth_newBlockFilter')
  await node.ask('eth_getFilterChanges', first)
  for (let count = 2; count <= filtersMax; count++) await node.ask('eth_newBlockFilter')
  await node.ask('eth_getFilterChanges', first)
  await assert.rejects(node.ask('eth_getFilterChanges', second), { code: -32001 })
})

/** A chain of 20,001 blocks, each with as many logs as `logsAt` says. */
function tallChain(chain: ChainReader, logsAt: (number: number) => number): ChainReader {
  const tall = {
    headNumber: () => 20_000,
    logs: ({ fromNumber, toNumber, resultsMax }) => {
      const found: LogRecord[] = []
      for (let blockNumber = fromNumber; blockNumber <= toNumber; blockNumber++) {
        for (let logIndex = 0; logIndex < logsAt(blockNumber); logIndex++) {
          if (found.length === resultsMax) throw new LogResultsTooManyError(resultsMax, blockNumber)
          const blockHash = new Uint8Array(32)
          const log = { address: 1n, topics: [], data: new Uint8Array(0) }
          const place = { transactionHash: blockHash, transactionIndex: 0, logIndex, timestamp: 0 }
          found.push({ log, blockNumber, blockHash, ...place })
        }
      }
      return found
    },
  } satisfies Partial<ChainReader>
  return Object.assign(Object.create(chain) as ChainReader, tall)
}

async function openTall(logsAt: (number: number) => number, clock = new HandClock()) {
  const { chain } = await openRpcTestNode()
  return openRpcTestNode({ chain: tallChain(chain, logsAt), clock })
}

test('eth_getLogs refuses more than 10,000 blocks, with the range that fits', async () => {
  const { ask } = await openTall(() => 0)
  assert.deepEqual(await ask('eth_getLogs', { fromBlock: '0x1', toBlock: '0x2710' }), [])
  await assert.rejects(ask('eth_getLogs', { fromBlock: '0x1', toBlock: '0x2711' }), {
    code: -32005,
    data: { fromBlock: '0x1', toBlock: '0x2710' },
  })
  await assert.rejects(ask('eth_getLogs', { fromBlock: '0x1', toBlock: '0x4e21' }), {
    code: -32602,
  })
  await assert.rejects(ask('eth_getLogs', { fromBlock: '0x2', toBlock: '0x1' }), { code: -32602 })
})

test('eth_getLogs refuses more than 10,000 logs, with the longest range that fits', async () => {
  const { ask } = await openTall((number) => (number < 500 ? 30 : 0))
  await assert.rejects(ask('eth_getLogs', { fromBlock: '0x1', toBlock: '0x1f4' }), {
    code: -32005,
    data: { fromBlock: '0x1', toBlock: '0x14d' },
  })
  const fitting = (await ask('eth_getLogs', { fromBlock: '0x1', toBlock: '0x14d' })) as unknown[]
  assert.equal(fitting.length, 333 * 30)
  const rest = (await ask('eth_getLogs', { fromBlock: '0x14e', toBlock: '0x1f4' })) as unknown[]
  assert.equal(fitting.length + rest.length, 499 * 30)
})

test('eth_getLogs gives no hint where one block alone has too many', async () => {
  const { ask } = await openTall((number) => (number === 7 ? logResultsMax + 1 : 0))
  await assert.rejects(ask('eth_getLogs', { fromBlock: '0x7', toBlock: '0x7' }), {
    code: -32005,
    data: undefined,
  })
  await assert.rejects(ask('eth_getLogs', { fromBlock: '0x5', toBlock: '0x9' }), {
    code: -32005,
    data: { fromBlock: '0x5', toBlock: '0x6' },
  })
})

test('eth_getLogs stops when its time is over, with the range it got through', async () => {
  const clock = new HandClock()
  const { ask } = await openTall((number) => {
    if (number === 130) clock.ms += logBudgetMs + 1
    return 0
  }, clock)
  await assert.rejects(ask('eth_getLogs', { fromBlock: '0x0', toBlock: '0x270f' }), {
    code: -32005,
    data: { fromBlock: '0x0', toBlock: '0xbf' },
  })
})
