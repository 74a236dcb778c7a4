/** Every method against parameters that no method takes: an error each, and never one of ours. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { openRpcTestNode, RpcTestError } from '../testing/rpc-test-node.ts'

const { ask, methods } = await openRpcTestNode()
const names = [...methods.single.keys(), ...methods.bulk.keys()]

const unknownKeys = { constructor: { prototype: { polluted: true } } }
const takesTransaction = new Set(['eth_call', 'eth_estimateGas', 'eth_createAccessList'])

/** Wrong as any parameter of any method. */
const corpus: readonly unknown[] = [
  true,
  1.5,
  -1,
  '',
  'x',
  '0x',
  '0xg',
  `0x${'f'.repeat(65)}`,
  `0x${'0'.repeat(1_000_000)}`,
  '__proto__',
  'constructor',
  [[[[]]]],
  JSON.parse('{"__proto__":{"polluted":true}}'),
  unknownKeys,
]

/** What may be said of them. */
const refusals = new Set([-32602, -32601, -32001, -32003])

async function outcomeOf(method: string, params: readonly unknown[]): Promise<number> {
  try {
    await ask(method, ...params)
    return 0
  } catch (error) {
    if (error instanceof RpcTestError) return error.code
    throw error
  }
}

test('every method refuses malformed parameters', async () => {
  const address = `0x${'01'.repeat(20)}`
  for (const method of names) {
    for (const bad of corpus) {
      for (const params of [[bad], [bad, bad], [address, bad, bad]]) {
        // Some methods do take some of these: as data, as the id of a filter, as unknown keys of
        // a transaction object.
        const isFine =
          (method === 'web3_sha3' && /^0x(00)*$/.test(String(bad))) ||
          (method === 'eth_uninstallFilter' && params.length === 1) ||
          (takesTransaction.has(method) && params.length === 1 && bad === unknownKeys)
        const code = await outcomeOf(method, params)
        const shown = `${method}(${JSON.stringify(params).slice(0, 80)}) -> ${code}`
        assert.ok((isFine && code === 0) || refusals.has(code), shown)
      }
    }
  }
})

test('every method refuses too many parameters', async () => {
  for (const method of names) {
    const code = await outcomeOf(
      method,
      Array.from({ length: 9 }, () => '0x1'),
    )
    assert.ok(refusals.has(code), `${method} -> ${code}`)
  }
})

test('no JSON at all makes a method fail by a fault of ours', async () => {
  const hexes = fc.stringMatching(/^0x[0-9a-f]{0,64}$/)
  const leaves = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    hexes,
    fc.constantFrom('latest', 'pending'),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...names),
      fc.array(leaves, { maxLength: 4 }),
      async (method, params) => {
        assert.notEqual(await outcomeOf(method, params), -32603)
      },
    ),
    { numRuns: 2_000 },
  )
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
})
