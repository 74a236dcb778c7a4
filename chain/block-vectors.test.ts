import assert from 'node:assert/strict'
import { test } from 'node:test'

import { judgeByAnvil, judgeByEngine, judgeByEthereumjs } from './testing/block-suite.ts'
import { readBlockVectors } from './testing/block-vectors.ts'

const chains = readBlockVectors()

/** ethereumjs is slow; `npm run conformance -- blocks` asks it about every vector. */
const stride = 5

test('the vectors are many: at least 300', () => {
  const count = chains.reduce((sum, { blocks }) => sum + blocks.length, 0)
  assert.ok(count >= 300, `${count}`)
})

for (const chain of chains) {
  const { fork, blocks } = chain
  test(`BuiltInEngine judges ${blocks.length} vectors alike under ${fork}`, async () => {
    const wrong: string[] = []
    await judgeByEngine(chain, (name, problem) => wrong.push(`${name}: ${problem}`))
    assert.deepEqual(wrong, [])
  })

  test(`ethereumjs judges a ${stride}th of those alike under ${fork}`, async () => {
    const wrong: string[] = []
    const score = await judgeByEthereumjs(chain, stride, (name, problem) =>
      wrong.push(`${name}: ${problem}`),
    )
    assert.deepEqual(wrong, [])
    assert.ok(score.passed > 50, `${score.passed}`)
  })
  test(`anvil makes the valid ones of those again under ${fork}`, async (context) => {
    const wrong: string[] = []
    const score = await judgeByAnvil(chain, (name, problem) => wrong.push(`${name}: ${problem}`))
    if (score === undefined) {
      context.skip('anvil does not run here: @foundry-rs/anvil has no binary for this machine')
      return
    }
    assert.deepEqual(wrong, [])
    assert.equal(score.passed, blocks.filter(({ isValid }) => isValid).length)
  })
}
