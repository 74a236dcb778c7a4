import assert from 'node:assert/strict'
import { test } from 'node:test'

import { consensusRoot, decodeMessage, encodeMessage, Ledger, roundVoteDigest } from '@zg/consensus'
import type { Message } from '@zg/consensus'
import { createSeededRng, MemoryStore, silentLogger, SimulatedClock } from '@zg/runtime'

import { ConsensusApplication } from '../consensus-application.ts'
import { parseGenesis } from '../genesis.ts'
import { openFinalChain, testScheme } from '../testing/final-chain.ts'
import {
  openTestChain,
  signedTransfer,
  testGenesisJson,
  testKeys,
  testTimestamp,
  testValidatorKey,
} from '../testing/test-chain.ts'
import { fixedGasLimitOf } from '../governed-parameters.ts'
import { consensusGenesisOf } from '../validator-node.ts'
import { OpenFollower } from './open-follower.ts'
import type { BlockSource } from './open-follower.ts'
import { answerBlocks } from './responder.ts'

type Chain = Extract<Message, { kind: 'chain' }>

const genesis = parseGenesis(testGenesisJson())
assert.ok(genesis.network)
const { identity } = consensusGenesisOf(genesis, genesis.network)
const validator = await openFinalChain(genesis)
await validator.pool.add(signedTransfer(testKeys[0]!))
await validator.extend(10)
const other = await openFinalChain(parseGenesis(testGenesisJson({ timestamp: testTimestamp + 1 })))
await other.extend(10)

type TestSource = BlockSource & { readonly accusations: string[] }

/** A source that makes something else of the validator's chains. */
function sourceOf(name: string, make: (chain: Chain) => Uint8Array | undefined): TestSource {
  const accusations: string[] = []
  return {
    name,
    accusations,
    isAhead: (height) => height < 10n && accusations.length === 0,
    async blocks(fromHeight, count) {
      const bytes = answerBlocks(validator.source, { fromHeight, count })
      return bytes && make(decodeMessage(bytes) as Chain)
    },
    historyProof: async (height, under) => validator.ledger.historyProof(height, under),
    accuse: (reason) => void accusations.push(reason),
  }
}

async function openFollower(sources: readonly BlockSource[], store = new MemoryStore()) {
  const clock = new SimulatedClock(testTimestamp * 1_000)
  const { chain, engine } = await openTestChain({ genesis, store, clock })
  assert.ok(genesis.network)
  const ledger = new Ledger(store)
  const failures: unknown[] = []
  const announced: bigint[] = []
  const follower = new OpenFollower({
    ledger,
    application: new ConsensusApplication({
      engine,
      blocks: {
        finalHead: () => ({ number: chain.headNumber(), hash: chain.head().hash }),
        payloadOf: (hash) => chain.payloadOf(hash),
        discard: (hash) => engine.discard(hash),
        hasPending: () => false,
      },
      gasLimit: fixedGasLimitOf(genesis),
      logger: silentLogger,
    }),
    genesis: consensusGenesisOf(genesis, genesis.network),
    scheme: testScheme,
    l1View: validator.l1View,
    clock,
    logger: silentLogger,
    sources: () => sources,
    boundaryBlocks: 4,
    onFinal: ({ vote }) => void announced.push(vote.height),
    onFailure: (error) => void failures.push(error),
  })
  follower.start()
  const run = (done: () => boolean): Promise<void> =>
    clock.run({ untilMs: clock.nowMs() + 60_000, done })
  return { chain, ledger, follower, failures, announced, run, store }
}

const honest = (): TestSource => sourceOf('honest', encodeMessage)

test('OpenFollower follows to the end, in batches that end at boundaries', async () => {
  const { chain, ledger, announced, failures, run } = await openFollower([honest()])
  await run(() => chain.headNumber() === 10)
  assert.deepEqual(chain.head().hash, validator.chain.head().hash)
  assert.deepEqual(announced, [4n, 8n, 10n])
  assert.deepEqual(ledger.finalityCertificate(8n), validator.certificate(8))
  assert.deepEqual(failures, [])
})

test('OpenFollower accuses sources of what does not verify, and follows the others', async () => {
  const rng = createSeededRng('sources')
  const bytesOf = (chain: Chain, change: Partial<Chain>): Uint8Array =>
    encodeMessage({ ...chain, ...change })
  const liars = [
    sourceOf('a block less', (chain) => bytesOf(chain, { blocks: chain.blocks.slice(1) })),
    sourceOf('another order', (chain) => bytesOf(chain, { blocks: chain.blocks.toReversed() })),
    sourceOf('the end cut', (chain) => bytesOf(chain, { blocks: chain.blocks.slice(0, -1) })),
    sourceOf('another time', (chain) => {
      const [first, ...rest] = chain.blocks
      const header = { ...first!.header, timestampMs: first!.header.timestampMs + 1 }
      return bytesOf(chain, { blocks: [{ ...first!, header }, ...rest] })
    }),
    sourceOf('another reveal', (chain) => {
      const [first, ...rest] = chain.blocks
      return bytesOf(chain, { blocks: [{ ...first!, reveal: rng.bytes(96) }, ...rest] })
    }),
    sourceOf('another payload', (chain) => {
      const [first, ...rest] = chain.blocks
      return bytesOf(chain, { blocks: [{ ...first!, payload: rng.bytes(600) }, ...rest] })
    }),
    sourceOf('a forged certificate', (chain) => {
      const { certificate } = chain.proof as Extract<Chain['proof'], { kind: 'finality' }>
      const forged = { ...certificate, signature: rng.bytes(96) }
      return bytesOf(chain, { proof: { kind: 'finality', certificate: forged } })
    }),
    sourceOf('a finalization for a certificate', (chain) => {
      const digest = consensusRoot(chain.blocks.at(-1)!.header)
      const vote = { kind: 'finalize', epoch: 0n, view: 1, digest } as const
      const signed = testScheme.sign(testValidatorKey(0), roundVoteDigest(identity, vote))
      const signature = testScheme.aggregate([signed])!
      const certificate = { vote, signers: Uint8Array.of(1), signature }
      return bytesOf(chain, { proof: { kind: 'finalization', certificate } })
    }),
    sourceOf('the chain of another network', () =>
      answerBlocks(other.source, { fromHeight: 1n, count: 4 }),
    ),
    sourceOf('another message', () =>
      encodeMessage({ kind: 'block-request', consensusRoot: rng.bytes(32) }),
    ),
    sourceOf('garbage', () => rng.bytes(200)),
  ]
  const good = honest()
  const { chain, failures, run } = await openFollower([...liars, good])
  await run(
    () => chain.headNumber() === 10 && liars.every(({ accusations }) => accusations.length > 0),
  )
  assert.equal(chain.headNumber(), 10)
  const spared = liars.filter(({ accusations }) => accusations.length === 0)
  assert.deepEqual(
    spared.map(({ name }) => name),
    [],
  )
  assert.deepEqual([good.accusations, failures], [[], []])
})

test('OpenFollower rests sources that fail, and finds their blocks later', async () => {
  let isUp = false
  const weak = sourceOf('weak', (chain) => {
    if (!isUp) throw new Error('it is away')
    return encodeMessage(chain)
  })
  const empty = sourceOf('empty', () => undefined)
  const { chain, failures, run } = await openFollower([weak, empty])
  await run(() => false)
  assert.equal(chain.headNumber(), 0)
  isUp = true
  await run(() => chain.headNumber() === 10)
  assert.equal(chain.headNumber(), 10)
  assert.deepEqual([weak.accusations, empty.accusations, failures], [[], [], []])
})

test('OpenFollower takes up a ledger that a crash left ahead of the chain', async () => {
  const store = new MemoryStore()
  const ledger = new Ledger(store)
  for (let height = 0n; height <= 6n; height++) await ledger.append(validator.ledger.block(height)!)
  const opened = await openFollower([honest()], store)
  await opened.run(() => opened.chain.headNumber() === 10)
  assert.deepEqual(opened.chain.head().hash, validator.chain.head().hash)
  assert.deepEqual(opened.ledger.history, validator.ledger.history)
})
