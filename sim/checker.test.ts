import assert from 'node:assert/strict'
import { test } from 'node:test'

import { sha256 } from '@zg/primitives'
import {
  bitmapOf,
  consensusRoot,
  encodeMessage,
  finalityVoteDigest,
  genesisHeader,
  keyedHashScheme,
  roundVoteDigest,
  validatorSet,
  viewWithoutL1,
} from '@zg/consensus'
import type { FinalizedBlock, FinalityVote, Message, RoundVote } from '@zg/consensus'

import { Checker } from './checker.ts'
import { counterGenesisHash, encodeCounterPayload } from './counter-application.ts'

const scheme = keyedHashScheme()
const secretKeys = [1, 2, 3, 4].map((byte) => new Uint8Array(32).fill(byte))
const set = validatorSet(
  1n,
  secretKeys.map((secretKey, index) => ({
    operator: new Uint8Array(20).fill(index + 1),
    publicKey: scheme.publicKeyOf(secretKey),
    stake: 1n,
  })),
)
const identity = {
  l1ChainId: 1n,
  stakingContract: new Uint8Array(20),
  networkId: 1,
  genesisHash: counterGenesisHash,
}
const genesis = genesisHeader({ identity, epoch: 1n, timestampMs: 0 })
const signature = new Uint8Array(96)
const digest = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)

const createChecker = (traitor?: number): Checker =>
  new Checker({
    scheme,
    identity,
    genesis,
    truth: viewWithoutL1(set),
    operators: set.validators.map(({ operator }) => operator),
    traitor,
    elapsedMs: () => 0,
  })

const rulesOf = (checker: Checker): readonly string[] => checker.violations.map(({ rule }) => rule)

function blockAt(height: bigint, total = 0n): { block: FinalizedBlock; payload: Uint8Array } {
  const header = { ...genesis, height, timestampMs: Number(height), creditNext: total }
  const attributes = {
    height,
    parentExecutionHash: counterGenesisHash,
    timestampSeconds: 0n,
    prevRandao: digest(0),
    parentConsensusRoot: digest(0),
    feeRecipient: new Uint8Array(20),
    credits: [],
  }
  const payload = encodeCounterPayload(attributes, 0n, [])
  return { block: { header, consensusRoot: consensusRoot(header) }, payload }
}

function say(checker: Checker, node: number, message: Message): void {
  checker.onMessage(node, encodeMessage(message))
}

const vote = (kind: RoundVote['kind'], byte: number): Message => ({
  kind: 'vote',
  vote: { kind, epoch: 1n, view: 5, digest: digest(byte) },
  signature,
})

function certificateOf(kind: RoundVote['kind'], byte: number, indexes: readonly number[]): Message {
  const statement: RoundVote = { kind, epoch: 1n, view: 5, digest: digest(byte) }
  const message = roundVoteDigest(identity, statement)
  const signatures = indexes.map((index) => scheme.sign(secretKeys[index]!, message))
  const certificate = {
    vote: statement,
    signers: bitmapOf(indexes, 4),
    signature: scheme.aggregate(signatures)!,
  }
  return { kind: 'certificate', certificate }
}

test('agreement: two nodes with other blocks at a height', () => {
  const checker = createChecker()
  const first = blockAt(1n)
  checker.onFinal(0, first.block, first.payload)
  checker.onFinal(1, first.block, first.payload)
  assert.deepEqual(rulesOf(checker), [])
  const other = blockAt(1n, 7n)
  checker.onFinal(2, other.block, other.payload)
  assert.deepEqual(rulesOf(checker), ['agreement'])
})

test('order: heights that skip, and a restart that forgets', () => {
  const checker = createChecker()
  const [first, third] = [blockAt(1n), blockAt(3n)]
  checker.onFinal(0, first.block, first.payload)
  checker.onRestart(0, 0n, blockAt)
  assert.deepEqual(rulesOf(checker), ['order'])
  checker.onFinal(0, third.block, third.payload)
  assert.deepEqual(rulesOf(checker), ['order', 'order'])
})

test('validity: a final payload that does not add up, or is none', () => {
  const checker = createChecker()
  const { block } = blockAt(1n)
  checker.onFinal(0, block, undefined)
  assert.deepEqual(rulesOf(checker), ['validity'])
})

test('honesty: the pairs S1 to S4, and no others', () => {
  const pairs: readonly (readonly [Message, Message])[] = [
    [vote('notarize', 1), vote('notarize', 2)],
    [vote('finalize', 1), vote('finalize', 2)],
    [vote('nullify', 0), vote('finalize', 1)],
    [vote('finalize', 1), vote('notarize', 2)],
  ]
  for (const [first, second] of pairs) {
    const checker = createChecker()
    say(checker, 0, first)
    say(checker, 0, first)
    say(checker, 1, second)
    assert.deepEqual(rulesOf(checker), [])
    say(checker, 0, second)
    assert.deepEqual(rulesOf(checker), ['honesty'])
  }
  const checker = createChecker()
  for (const kind of [vote('notarize', 1), vote('nullify', 0)]) say(checker, 0, kind)
  for (const kind of [vote('notarize', 1), vote('finalize', 1)]) say(checker, 1, kind)
  assert.deepEqual(rulesOf(checker), [])
})

test('honesty: two finality votes at a height', () => {
  const checker = createChecker()
  for (const node of [0, 1]) checker.onRestart(node, 3n, blockAt)
  const content = {
    epoch: 1n,
    height: 3n,
    blockHash: digest(1),
    consensusRoot: blockAt(3n).block.consensusRoot,
    histRoot: genesis.histRoot,
    nextEpoch: 0n,
  }
  say(checker, 0, { kind: 'finality-vote', vote: content, signature })
  say(checker, 1, { kind: 'finality-vote', vote: { ...content, blockHash: digest(9) }, signature })
  assert.deepEqual(rulesOf(checker), [])
  say(checker, 0, { kind: 'finality-vote', vote: { ...content, blockHash: digest(9) }, signature })
  assert.deepEqual(rulesOf(checker), ['honesty'])
})

test('certificates: too few signers, a bad signature, two that contradict', () => {
  const few = createChecker()
  say(few, 0, certificateOf('notarize', 1, [0, 1]))
  assert.deepEqual(rulesOf(few), ['certificates'])
  const forged = createChecker()
  const good = certificateOf('notarize', 1, [0, 1, 2])
  say(forged, 0, good)
  assert.deepEqual(rulesOf(forged), [])
  say(forged, 0, certificateOf('finalize', 2, [1, 2, 3]))
  assert.deepEqual(rulesOf(forged), ['certificates'])
})

test('finality: a certificate that names another block than the chain holds', () => {
  const checker = createChecker()
  const { block, payload } = blockAt(1n)
  checker.onFinal(0, block, payload)
  const statement: FinalityVote = {
    epoch: 1n,
    height: 1n,
    blockHash: block.header.executionHash,
    consensusRoot: digest(9),
    histRoot: block.header.histRoot,
    nextEpoch: 0n,
  }
  const message = finalityVoteDigest(identity, statement)
  const signatures = [0, 1, 2].map((index) => scheme.sign(secretKeys[index]!, message))
  const signers = bitmapOf([0, 1, 2], 4)
  const aggregate = scheme.aggregate(signatures)!
  checker.onFinality(0, { vote: statement, signers, signature: aggregate })
  assert.deepEqual(rulesOf(checker), ['finality'])
})

test('justice: evidence against anybody but the traitor, or against nobody', () => {
  const statement = (byte: number): RoundVote => ({
    kind: 'notarize',
    epoch: 1n,
    view: 5,
    digest: digest(byte),
  })
  const signed = (byte: number) => ({
    vote: statement(byte),
    signature: scheme.sign(secretKeys[3]!, roundVoteDigest(identity, statement(byte))),
  })
  const operator = set.validators[3]!.operator
  const evidence = { kind: 'round-votes', operator, first: signed(1), second: signed(2) } as const
  const just = createChecker(3)
  just.onEvidence(0, evidence)
  assert.deepEqual(rulesOf(just), [])
  const unjust = createChecker(2)
  unjust.onEvidence(0, evidence)
  unjust.onEvidence(0, { ...evidence, second: signed(1) })
  assert.deepEqual(rulesOf(unjust), ['justice', 'justice'])
})

test('finality: a vote for a height that is not final at home', () => {
  const checker = createChecker()
  const content = {
    epoch: 1n,
    height: 1n,
    blockHash: digest(1),
    consensusRoot: blockAt(1n).block.consensusRoot,
    histRoot: genesis.histRoot,
    nextEpoch: 0n,
  }
  say(checker, 0, { kind: 'finality-vote', vote: content, signature })
  assert.deepEqual(rulesOf(checker), ['finality'])
})

test('validity: a vote for a wrong payload, or a finalize of what was not executed', () => {
  const checker = createChecker()
  const { header } = blockAt(1n).block
  const propose = (payload: Uint8Array): Message => {
    const statement: RoundVote = { kind: 'notarize', epoch: 1n, view: 5, digest: digest(1) }
    return {
      kind: 'proposal',
      vote: statement,
      signature,
      block: { header: { ...header, executionHash: sha256(payload) }, reveal: signature, payload },
    }
  }
  checker.onTraitorBlock(encodeMessage(propose(blockAt(1n).payload)))
  say(checker, 0, vote('notarize', 1))
  assert.deepEqual(rulesOf(checker), [])
  say(checker, 0, vote('finalize', 1))
  assert.deepEqual(rulesOf(checker), ['validity'])
  checker.onExecuted(1, sha256(blockAt(1n).payload))
  say(checker, 1, vote('finalize', 1))
  assert.deepEqual(rulesOf(checker), ['validity'])
  const wrong = createChecker()
  wrong.onTraitorBlock(encodeMessage(propose(new Uint8Array(5))))
  say(wrong, 0, vote('notarize', 1))
  assert.deepEqual(rulesOf(wrong), ['validity'])
})
