import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { checkSameL1, epochSecondsMax, outsideL1Of, surveyL1 } from './l1-survey.ts'
import type { OutsideL1 } from './world.ts'

const genesisTime = 1_700_000_000

type Endpoint = {
  readonly chainId?: number
  /** Blocks that are not final, at least; undefined: it knows no such tag. */
  readonly lagBlocks?: number | undefined
  /** Blocks that become final together. */
  readonly stepBlocks?: number
  readonly blockSeconds?: number
  /** Whether it makes a block each time that the newest is asked for. */
  readonly isMoving?: boolean
  readonly head?: number
  /** Another chain has other hashes. */
  readonly salt?: number
}

/** A JSON-RPC server that says what `endpoint` has. */
async function openEndpoint(t: TestContext, endpoint: Endpoint): Promise<string> {
  const { chainId = 31_337, lagBlocks, blockSeconds = 1, isMoving = true, salt = 0 } = endpoint
  const { stepBlocks = 1 } = endpoint
  let head = endpoint.head ?? 1_000
  const blockOf = (number: number) =>
    number > head
      ? null
      : {
          number: `0x${number.toString(16)}`,
          hash: `0x${(number * 256 + salt).toString(16).padStart(64, '0')}`,
          timestamp: `0x${(genesisTime + Math.floor(number * blockSeconds)).toString(16)}`,
        }
  const answer = (method: string, which: string): unknown => {
    if (method === 'eth_chainId') return { result: `0x${chainId.toString(16)}` }
    if (which === 'latest') return { result: blockOf(isMoving ? ++head : head) }
    if (which !== 'finalized') return { result: blockOf(Number(which)) }
    if (lagBlocks === undefined) return { error: { code: -32_602, message: 'unknown block tag' } }
    const steps = Math.floor((head - lagBlocks) / stepBlocks)
    return { result: blockOf(Math.max(0, steps * stepBlocks)) }
  }
  return serve(t, (body) => {
    const { method, params } = JSON.parse(body) as { method: string; params: [string] }
    return JSON.stringify({ jsonrpc: '2.0', id: 1, ...(answer(method, params[0]) as object) })
  })
}

async function serve(t: TestContext, reply: (body: string) => string): Promise<string> {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => response.end(reply(body)))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('surveyL1 chooses an epoch longer than two finality lags, and keeps a final block', async (t) => {
  // Final in steps of 32: never more than 64 + 32 blocks of 12 s, as a public test chain has.
  const publicOne = { chainId: 11_155_111, lagBlocks: 64, stepBlocks: 32, blockSeconds: 12 }
  // Looked at anywhere in a step, the last but one of its blocks and its first one too.
  for (const head of [1_000, 1_020, 1_021, 1_022, 1_023, 1_024]) {
    const url = await openEndpoint(t, { ...publicOne, head })
    const found = await surveyL1({ url })
    assert.equal(found.chainId, 11_155_111)
    const newest = (found.epochStart - genesisTime) / 12
    const number = 32 * Math.floor((newest - 1 - 64) / 32)
    const hash = `0x${(number * 256).toString(16).padStart(64, '0')}`
    assert.deepEqual(found.anchor, { number, hash })
    assert.equal(found.finalitySeconds, (newest - number + 32) * 12)
    assert.ok(found.finalitySeconds >= (64 + 31) * 12, `from block ${head} on`)
    assert.ok(found.epochSeconds > 2 * found.finalitySeconds)
    assert.equal(found.epochSeconds % 30, 0)
  }
})

test('surveyL1 takes a short epoch where blocks are final at once, or as told', async (t) => {
  const atOnce = await openEndpoint(t, { lagBlocks: 0, blockSeconds: 0.2 })
  assert.equal((await surveyL1({ url: atOnce })).epochSeconds, 30)
  const anvil = await openEndpoint(t, { lagBlocks: 2 })
  assert.equal((await surveyL1({ url: anvil })).epochSeconds, 30)
  assert.equal((await surveyL1({ url: anvil, epochSeconds: 15 })).epochSeconds, 15)
  // It began just now.
  const begun = await openEndpoint(t, { lagBlocks: 2, head: 0 })
  assert.equal((await surveyL1({ url: begun, epochSeconds: 30 })).epochSeconds, 30)
  // Nothing after the genesis is final yet.
  const young = await openEndpoint(t, { lagBlocks: 64, head: 20 })
  assert.ok((await surveyL1({ url: young })).finalitySeconds >= 20)
})

test('surveyL1 refuses an epoch that is too short, and says which is long enough', async (t) => {
  const url = await openEndpoint(t, { lagBlocks: 20 })
  await assert.rejects(surveyL1({ url, epochSeconds: 40 }), {
    code: 'DEVNET_OUTSIDE_L1_EPOCH',
    message: /an epoch of 40 s is not more than twice the 23 s after which/,
    data: { url, epochSeconds: 40, finalitySeconds: 23, enough: 60 },
  })
  // Short lags are seen now; a step later they are of 32 blocks.
  const steps = await openEndpoint(t, { lagBlocks: 0, stepBlocks: 32, head: 1_024 })
  await assert.rejects(surveyL1({ url: steps, epochSeconds: 62 }), {
    code: 'DEVNET_OUTSIDE_L1_EPOCH',
  })
  const late = await openEndpoint(t, { lagBlocks: 900, blockSeconds: 60 })
  await assert.rejects(surveyL1({ url: late }), {
    code: 'DEVNET_OUTSIDE_L1_EPOCH',
    message: new RegExp(`epochs of ${epochSecondsMax} s at most are too short`),
  })
})

test('surveyL1 refuses public chains that are no test chains', async (t) => {
  for (const chainId of [1, 10, 137, 8_453, 42_161, 16_661]) {
    const url = await openEndpoint(t, { chainId, lagBlocks: 2 })
    await assert.rejects(surveyL1({ url }), { code: 'DEVNET_OUTSIDE_L1_MAIN' }, `${chainId}`)
  }
  for (const chainId of [1_337, 17_000, 560_048, 987_654_321]) {
    const url = await openEndpoint(t, { chainId, lagBlocks: 2 })
    assert.equal((await surveyL1({ url })).chainId, chainId)
  }
})

test('surveyL1 tells what an endpoint lacks', async (t) => {
  const gone = await serve(t, () => '')
  await assert.rejects(surveyL1({ url: gone }), { code: 'DEVNET_OUTSIDE_L1_NO_RPC' })
  await assert.rejects(surveyL1({ url: 'http://127.0.0.1:1' }), {
    code: 'DEVNET_OUTSIDE_L1_UNREACHABLE',
  })
  for (const text of ['<html>', '7', '{}', '{"result":"0x"}', '{"result":{}}', '{"error":7}']) {
    const url = await serve(t, () => text)
    await assert.rejects(surveyL1({ url }), { code: 'DEVNET_OUTSIDE_L1_NO_RPC' }, text)
  }
  const unfinal = await openEndpoint(t, {})
  await assert.rejects(surveyL1({ url: unfinal }), { code: 'DEVNET_OUTSIDE_L1_UNFINAL' })
  const still = await openEndpoint(t, { lagBlocks: 2, isMoving: false })
  await assert.rejects(surveyL1({ url: still }, { blockWaitMs: 1 }), {
    code: 'DEVNET_OUTSIDE_L1_STILL',
  })
})

test('checkSameL1 knows the chain by a final block of it, at any endpoint', async (t) => {
  const first = await openEndpoint(t, { lagBlocks: 2 })
  const found = await surveyL1({ url: first })
  const at = async (endpoint: Endpoint): Promise<OutsideL1> => {
    return { ...found, url: await openEndpoint(t, { lagBlocks: 2, ...endpoint }) }
  }
  await checkSameL1(await at({}))
  await assert.rejects(checkSameL1(await at({ chainId: 17_000 })), {
    code: 'DEVNET_OUTSIDE_L1_OTHER',
    message: /it is chain 17000, and stake lies on 31337/,
  })
  await assert.rejects(checkSameL1(await at({ salt: 1 })), {
    code: 'DEVNET_OUTSIDE_L1_RESET',
    message: /is another now; it was reset/,
  })
  await assert.rejects(checkSameL1(await at({ head: 5 })), {
    code: 'DEVNET_OUTSIDE_L1_RESET',
    message: /is not there; it was reset, or is behind/,
  })
})

test('outsideL1Of goes on at the kept endpoint, or at another one of the same chain', async (t) => {
  const { signal } = new AbortController()
  assert.equal(await outsideL1Of(undefined, {}, signal), undefined)
  const url = await openEndpoint(t, { lagBlocks: 2 })
  const outsideL1 = await outsideL1Of(undefined, { url, epochSeconds: 30 }, signal)
  const world = { version: 1, seed: '', validatorCount: 4, networkCount: 2, chainId: 7 } as const
  const kept = { ...world, genesisTimestamp: 1, outsideL1 }
  assert.deepEqual(await outsideL1Of(kept, {}, signal), outsideL1)
  const other = await openEndpoint(t, { lagBlocks: 2 })
  assert.deepEqual(await outsideL1Of(kept, { url: other }, signal), { ...outsideL1, url: other })
  const own = { ...world, genesisTimestamp: 1 }
  await assert.rejects(outsideL1Of(own, { url }, signal), { code: 'DEVNET_WORLD_DIFFERS' })
})
