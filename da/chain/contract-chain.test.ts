import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { dataOperator, DataWorld, testBatch } from '@zg/contracts/testing'
import { fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { toFunctionSelector } from 'viem'

import { ContractChain } from './contract-chain.ts'
import { reverted, serveWorld } from '../testing/world-rpc.ts'

const operators = [1, 2, 3].map(dataOperator)
const disperser: Hex = toHex(new Uint8Array(20).fill(0xd1))
const seedOf = toFunctionSelector('seedOf(uint64)')

async function openChain(t: TestContext, finality: 'latest' | 'finalized') {
  const data = new DataWorld({ quorumCount: 1 })
  const rpc = await serveWorld(data.world)
  t.after(() => rpc.close())
  data.deposit(disperser, 10n ** 18n)
  data.settle(operators, [300n, 200n, 100n])
  const { address: entrance } = data.entrance
  const chain = await ContractChain.open({ rpc: rpc.url, entrance, retentionEpochs: 9n, finality })
  return { data, rpc, chain }
}

/** What `eth_call` names: the beginning of its data, and the block. */
function callOf(method: string, params: readonly unknown[]): readonly [string, unknown] {
  if (method !== 'eth_call') return ['', undefined]
  return [(params[0] as { data: string }).data.slice(0, 10), params[1]]
}

test('ContractChain: a seed that no final block has is asked for again, for it may change', async (t) => {
  const { data, rpc, chain } = await openChain(t, 'finalized')
  const epoch = BigInt(data.epoch) + 1n
  let seed: Hex = `0x${'11'.repeat(32)}`
  rpc.intercept = (...question) => {
    const [selector, block] = callOf(...question)
    if (selector !== seedOf) return undefined
    return block === 'finalized' ? reverted : { result: seed }
  }
  assert.deepEqual((await chain.epochAt(epoch))?.seed, fromHex(seed))
  // The blocks that said so are gone.
  seed = `0x${'22'.repeat(32)}`
  assert.deepEqual((await chain.epochAt(epoch))?.seed, fromHex(seed))
  rpc.intercept = undefined
  const final = data.seedOf(Number(epoch))
  assert.deepEqual((await chain.epochAt(epoch))?.seed, final)
  const count = rpc.requests.length
  assert.deepEqual((await chain.epochAt(epoch))?.seed, final)
  assert.equal(rpc.requests.length, count)
})

test('ContractChain: a quorum is of its seed, and a node that moves is found where it is', async (t) => {
  let nowMs = performance.now()
  t.mock.method(performance, 'now', () => nowMs)
  const { data, chain } = await openChain(t, 'latest')
  const epoch = (await chain.epochAt(BigInt(data.epoch)))!
  const urlsOf = async (of = epoch): Promise<readonly string[]> =>
    (await chain.quorumAt(of, 0)).signers.map(({ url }) => url)
  assert.deepEqual(await urlsOf(), ['', '', ''])
  const other = { ...epoch, seed: new Uint8Array(32) }
  const [drawn, elsewhere] = [await chain.quorumAt(epoch, 0), await chain.quorumAt(other, 0)]
  assert.notEqual(drawn.shift, elsewhere.shift)
  const url = 'http://127.0.0.1:4001'
  const { address: from } = operators[1]!
  data.send(data.signers, 'setUrl', [toHex(new TextEncoder().encode(url))], { from })
  nowMs += 59_999
  assert.deepEqual(await urlsOf(), ['', '', ''])
  nowMs += 2
  assert.deepEqual(await urlsOf(), ['', url, ''])
})

test('ContractChain: a batch is found by its root, in a question or two', async (t) => {
  const { data, rpc, chain } = await openChain(t, 'latest')
  const { epoch } = data
  data.open(epoch, 0)
  data.world.skipTo(100_000)
  const batch = testBatch({ epoch, disperser, sequence: 5 })
  data.certify(data.certificate(batch, { members: operators }))
  data.world.skipTo(120_000)
  data.passEpochs(1)
  const commitment = data.commitmentOf(batch)
  const name = { commitment, epoch: BigInt(epoch), quorum: 0 }
  const found = await chain.findBatch(name)
  assert.deepEqual([found?.sequence, found?.disperser], [5n, fromHex(disperser)])
  const asked = rpc.requests.filter((method) => method === 'eth_getLogs').length
  assert.ok(asked <= 2, `${asked} questions`)
  assert.equal(await chain.findBatch({ ...name, epoch: name.epoch + 1n }), undefined)
  assert.equal(await chain.findBatch({ ...name, commitment: new Uint8Array(32) }), undefined)
})
