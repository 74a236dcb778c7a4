import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { ConsensusHeader, LedgerBlock, ProvedBlock } from '@zg/consensus'
import { MemoryStore, silentLogger, SimulatedClock } from '@zg/runtime'

import { parseGenesis } from '../genesis.ts'
import { openFinalChain } from '../testing/final-chain.ts'
import type { FinalChain } from '../testing/final-chain.ts'
import { signedTransfer, testGenesisJson, testKeys } from '../testing/test-chain.ts'
import {
  hearKnownBlock,
  judgeBlocks,
  judgeVote,
  keepKnownBlock,
  keptKnownBlock,
} from './known-block.ts'
import type { KnownBlock } from './known-block.ts'
import { checkpointOf } from './start-bundle.ts'

const genesis = parseGenesis(testGenesisJson())

/** A chain of twelve blocks, and one by the same keys that leaves it after the fifth. */
const chain = await openFinalChain(genesis)
const fork = await openFinalChain(genesis)
for (const each of [chain, fork]) await each.extend(5)
await fork.pool.add(signedTransfer(testKeys[0]!))
for (const each of [chain, fork]) await each.extend(7)

function known(height: number, rest: Partial<KnownBlock> = {}): KnownBlock {
  return { ...checkpointOf(chain.certificate(height)), fromEpoch: 0n, status: 'alive', ...rest }
}

/** What who follows a chain proves of a height below another one of it. */
function headerIn(from: FinalChain) {
  return async (claim: { height: bigint }): Promise<ConsensusHeader | undefined> =>
    from.ledger.block(claim.height)?.header
}

const judge = (block: KnownBlock, of: FinalChain, height: number) =>
  judgeVote(block, of.certificate(height).vote, headerIn(of))

test('judgeVote takes blocks of the known history: below, at and above the known block', async () => {
  assert.deepEqual(chain.certificate(5), fork.certificate(5))
  for (const height of [1, 5, 8, 9, 12]) {
    assert.equal(await judge(known(8), chain, height), 'holds')
  }
  for (const height of [8, 9, 12]) {
    assert.equal(await judge(known(8), fork, height), 'contradicts', `at ${height}`)
  }
  // Below it the known history has one header alone, whoever shows it.
  const below = await judgeVote(known(12), fork.certificate(8).vote, headerIn(chain))
  assert.equal(below, 'contradicts')
  assert.equal(
    await judgeVote(known(8), chain.certificate(9).vote, async () => undefined),
    'unproved',
  )
})

test('judgeVote refuses an older epoch above the known block, whatever its history holds', async () => {
  assert.equal(await judge(known(4), fork, 9), 'holds')
  assert.equal(await judge(known(4, { fromEpoch: 1n }), fork, 9), 'contradicts')
  // Below it the history decides alone.
  assert.equal(await judge(known(10, { fromEpoch: 1n }), chain, 9), 'holds')
})

test('judgeVote wants both roots that a certificate names', async () => {
  const vote = { ...chain.certificate(6).vote, histRoot: fork.certificate(7).vote.histRoot }
  assert.equal(await judgeVote(known(8), vote, headerIn(chain)), 'contradicts')
})

test('judgeBlocks takes a batch up to, over and beyond the known block', async () => {
  const blocksOf = (of: FinalChain, from: number, to: number): ProvedBlock[] => {
    const heights = Array.from({ length: to - from + 1 }, (_, index) => BigInt(from + index))
    return heights.map((height) => {
      const { header, reveal, consensusRoot } = of.ledger.block(height) as LedgerBlock
      const history = of.ledger.historyAt(Number(height))
      return { block: { header, reveal, payload: new Uint8Array(0) }, consensusRoot, history }
    })
  }
  const ask = (of: FinalChain, from: number, to: number) =>
    judgeBlocks(known(8), blocksOf(of, from, to), async (height, under) =>
      of.ledger.historyProof(height, under),
    )
  for (const [from, to] of [
    [1, 4],
    [5, 7],
    [7, 8],
    [6, 12],
  ] as const) {
    assert.equal(await ask(chain, from, to), 'holds', `${from} to ${to}`)
  }
  for (const [from, to] of [
    [5, 7],
    [7, 8],
    [6, 12],
  ] as const) {
    assert.equal(await ask(fork, from, to), 'contradicts', `${from} to ${to}`)
  }
  const silent = await judgeBlocks(known(8), blocksOf(chain, 1, 4), async () => undefined)
  assert.equal(silent, 'unproved')
  const short = await judgeBlocks(known(8), blocksOf(chain, 1, 4), async () => [])
  assert.equal(short, 'contradicts')
})

test('hearKnownBlock waits for L1, gives up, and tells of a network that has ended', async () => {
  const clock = new SimulatedClock()
  const options = { clock: clock.forNode(0), logger: silentLogger, patienceMs: 5_000 }
  const hear = async (answers: (() => KnownBlock | undefined)[]) => {
    const heard = hearKnownBlock(async () => (answers.shift() ?? (() => undefined))(), options)
    const outcome = heard.catch((error: unknown) => error)
    await clock.run({ untilMs: clock.nowMs() + 6_000 })
    return outcome
  }
  const failing = (): undefined => {
    throw new Error('the endpoints disagree')
  }
  assert.deepEqual(await hear([() => undefined, failing, () => known(8)]), known(8))
  const silent = (await hear([])) as Error
  assert.equal((silent as { code?: string }).code, 'CHAIN_L1_UNHEARD')
  const wrong = (await hear(Array.from({ length: 100 }, () => failing))) as Error
  assert.match(String(wrong.cause), /the endpoints disagree/)
  for (const status of ['halted', 'dead'] as const) {
    const ended = (await hear([() => known(8, { status })])) as Error
    assert.equal((ended as { code?: string }).code, 'CHAIN_NETWORK_ENDED')
    assert.match(ended.message, new RegExp(`the network is ${status} at block 8`))
  }
})

test('keepKnownBlock keeps it through restarts', async () => {
  const store = new MemoryStore()
  assert.equal(keptKnownBlock(store), undefined)
  await keepKnownBlock(store, known(8))
  assert.deepEqual(keptKnownBlock(store), checkpointOf(chain.certificate(8)))
})
