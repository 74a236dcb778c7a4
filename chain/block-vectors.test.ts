import assert from 'node:assert/strict'
import { test } from 'node:test'

import { headerHash } from '@zg/evm'
import { fromHex } from '@zg/primitives'

import { decodePayload, newPayloadOf } from './block-codec.ts'
import { parseGenesis } from './genesis.ts'
import { readBlockVectors } from './testing/block-vectors.ts'
import { EthereumjsChain } from './testing/ethereumjs-chain.ts'
import { openTestChain } from './testing/test-chain.ts'

const chains = readBlockVectors()

/**
 * ethereumjs is slow: it judges all valid blocks and every so many of the others (ZG_FULL=1: all).
 */
const stride = process.env['ZG_FULL'] === '1' ? 1 : 5

test('the vectors are many: at least 300', () => {
  const count = chains.reduce((sum, { blocks }) => sum + blocks.length, 0)
  assert.ok(count >= 300, `${count}`)
})

for (const { fork, genesis, blocks } of chains) {
  test(`BuiltInEngine judges ${blocks.length} vectors alike under ${fork}`, async () => {
    const parsed = parseGenesis(genesis)
    const { engine } = await openTestChain({ genesis: parsed, subSecond: false })
    for (const { name, payload, isValid } of blocks) {
      const block = decodePayload(fromHex(payload))
      const hash = headerHash(block.header)
      const { status } = await engine.newPayload(newPayloadOf(block, hash))
      assert.equal(status === 'VALID', isValid, `${name}: ${status}`)
      if (!isValid) continue
      await engine.forkchoiceUpdated({
        headBlockHash: hash,
        safeBlockHash: hash,
        finalizedBlockHash: hash,
      })
    }
  })

  const judged = blocks.filter(({ isValid }, index) => isValid || index % stride === 0)
  test(`ethereumjs judges ${judged.length} of those alike under ${fork}`, async () => {
    const { header } = parseGenesis(genesis)
    const genesisBlock = { header, transactions: [], withdrawals: [], requests: [] }
    const foreign = await EthereumjsChain.open(genesis, genesisBlock)
    const wrong: string[] = []
    for (const { name, payload, isValid } of judged) {
      const problem = await foreign.add(decodePayload(fromHex(payload)))
      if ((problem === undefined) !== isValid) wrong.push(`${name}: ${problem ?? 'valid'}`)
    }
    assert.deepEqual(wrong, [])
  })
}
