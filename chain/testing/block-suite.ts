/**
 * The block vectors, judged by our engine, by `@ethereumjs/vm` and by anvil, for the test and for
 * the conformance score: which of them are valid blocks is part of the vectors.
 */

import { headerHash } from '@zg/evm'
import { assert, fromHex } from '@zg/primitives'

import { decodePayload, newPayloadOf } from '../block-codec.ts'
import { parseGenesis } from '../genesis.ts'
import { AnvilChain } from './anvil-chain.ts'
import { readBlockVectors, watchedSlots } from './block-vectors.ts'
import { EthereumjsChain } from './ethereumjs-chain.ts'
import { openTestChain } from './test-chain.ts'

type VectorChain = ReturnType<typeof readBlockVectors>[number]

export type BlockScore = { passed: number; failed: number; skipped: number }

/** Told of each vector that is judged otherwise than it says. */
export type BlockFailureHandler = (name: string, problem: string) => void

/** Judges all vectors of one chain by our engine. */
export async function judgeByEngine(
  { genesis, blocks }: VectorChain,
  onFailure: BlockFailureHandler,
): Promise<BlockScore> {
  const score = { passed: 0, failed: 0, skipped: 0 }
  const { engine } = await openTestChain({ genesis: parseGenesis(genesis), subSecond: false })
  for (const { name, payload, isValid } of blocks) {
    const block = decodePayload(fromHex(payload))
    const hash = headerHash(block.header)
    const { status } = await engine.newPayload(newPayloadOf(block, hash))
    if ((status === 'VALID') === isValid) score.passed++
    else {
      score.failed++
      onFailure(name, status)
    }
    if (!isValid) continue
    await engine.forkchoiceUpdated({
      headBlockHash: hash,
      safeBlockHash: hash,
      finalizedBlockHash: hash,
    })
  }
  return score
}

/**
 * Judges the vectors of one chain by ethereumjs: all valid blocks, as each is the parent of the
 * next, and every `stride`-th of the others.
 */
export async function judgeByEthereumjs(
  { genesis, blocks }: VectorChain,
  stride: number,
  onFailure: BlockFailureHandler,
): Promise<BlockScore> {
  const score = { passed: 0, failed: 0, skipped: 0 }
  const { header } = parseGenesis(genesis)
  const genesisBlock = { header, transactions: [], withdrawals: [], requests: [] }
  const foreign = await EthereumjsChain.open(genesis, genesisBlock)
  for (const [index, { name, payload, isValid }] of blocks.entries()) {
    if (!isValid && index % stride !== 0) {
      score.skipped++
      continue
    }
    const problem = await foreign.add(decodePayload(fromHex(payload)))
    if ((problem === undefined) === isValid) score.passed++
    else {
      score.failed++
      onFailure(name, problem ?? 'valid')
    }
  }
  return score
}

/**
 * Makes the valid vectors of one chain again on anvil, which cannot be asked about the others;
 * undefined when anvil does not run here.
 */
export async function judgeByAnvil(
  { genesis, blocks, fork }: VectorChain,
  onFailure: BlockFailureHandler,
): Promise<BlockScore | undefined> {
  const anvil = await AnvilChain.open(genesis, fork)
  if (anvil === undefined) return undefined
  const score = { passed: 0, failed: 0, skipped: 0 }
  const { engine, chain } = await openTestChain({
    genesis: parseGenesis(genesis),
    subSecond: false,
  })
  try {
    for (const { name, payload, isValid } of blocks) {
      if (!isValid) {
        score.skipped++
        continue
      }
      const body = decodePayload(fromHex(payload))
      const hash = headerHash(body.header)
      await engine.newPayload(newPayloadOf(body, hash))
      await engine.forkchoiceUpdated({
        headBlockHash: hash,
        safeBlockHash: hash,
        finalizedBlockHash: hash,
      })
      const [state, receipts] = [chain.stateAt(hash), chain.receiptsByHash(hash)]
      assert(state !== undefined && receipts !== undefined, 'a valid vector is the head now')
      const watched = watchedSlots(body)
      const problem = await anvil.replay({ body, receipts, state }, watched)
      if (problem === undefined) score.passed++
      else {
        score.failed++
        onFailure(name, problem)
      }
    }
  } finally {
    await anvil.close()
  }
  return score
}

/** Judges every vector by all; by anvil where it runs. */
export async function runBlockSuite(
  onFailure: BlockFailureHandler,
): Promise<Readonly<Record<string, BlockScore>>> {
  const [ours, ethereumjs, anvil] = [[], [], []] as [BlockScore[], BlockScore[], BlockScore[]]
  for (const chain of readBlockVectors()) {
    ours.push(await judgeByEngine(chain, onFailure))
    ethereumjs.push(await judgeByEthereumjs(chain, 1, onFailure))
    const score = await judgeByAnvil(chain, onFailure)
    if (score !== undefined) anvil.push(score)
  }
  const scores = { blocks: sum(ours), blocks_ethereumjs: sum(ethereumjs) }
  return anvil.length === 0 ? scores : { ...scores, blocks_anvil: sum(anvil) }
}

function sum(scores: readonly BlockScore[]): BlockScore {
  const total = { passed: 0, failed: 0, skipped: 0 }
  for (const { passed, failed, skipped } of scores) {
    total.passed += passed
    total.failed += failed
    total.skipped += skipped
  }
  return total
}
