import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { blsScheme, finalityVoteDigest, genesisHeader, roundVoteDigest } from '@zg/consensus'
import type {
  Certificate,
  ConsensusHeader,
  Evidence,
  EvidenceContext,
  FinalityCertificate,
  RoundVote,
} from '@zg/consensus'
import { bitmapOf, consensusRoot } from '@zg/consensus'
import {
  appendLeaf,
  blsAggregate,
  blsSign,
  emptyIncrementalTree,
  fromHex,
  incrementalProof,
  incrementalRoot,
  keccak256,
} from '@zg/primitives'
import type { IncrementalTree } from '@zg/primitives'
import { createSystemClock } from '@zg/runtime'

import { EvidenceWatcher } from './evidence-watcher.ts'
import { L1Sender } from './l1-sender.ts'
import { SlashingReporter } from './slashing-reporter.ts'
import { openRelayWorld, operators, relayedNetworkId } from './testing/relay-world.ts'
import { unreachable } from './testing/simulated-network-endpoint.ts'
import { Witness, witnessHeightsKept } from './witness.ts'
import type { WitnessEndpoint } from './witness-endpoint.ts'

const id = relayedNetworkId
const epoch = 12n

/** A chain that a node follows: blocks with another proposer from the height of a fork on. */
function chainOf(branch: number, { height = 12, forkAt = 5 } = {}) {
  const genesis = genesisHeader({
    identity: {
      l1ChainId: 1n,
      stakingContract: new Uint8Array(20),
      networkId: id,
      genesisHash: new Uint8Array(32),
    },
    epoch,
    timestampMs: 0,
  } as Parameters<typeof genesisHeader>[0])
  const headers: ConsensusHeader[] = []
  const nodes = new Map<string, Uint8Array>()
  let tree: IncrementalTree = emptyIncrementalTree
  for (let at = 0; at <= height; at++) {
    const proposer = new Uint8Array(20).fill(at >= forkAt ? branch : 0)
    const header = { ...genesis, height: BigInt(at), proposer, histRoot: incrementalRoot(tree) }
    headers.push(header)
    tree = appendLeaf(tree, consensusRoot(header), (level, index, node) => {
      nodes.set(`${level}/${index}`, node)
    })
  }
  const historyProof = (index: number, count: number) =>
    incrementalProof({
      index,
      count,
      nodeAt: (level, position) => nodes.get(`${level}/${position}`) as Uint8Array,
    })
  return { headers, historyProof }
}

type Node = {
  chain: ReturnType<typeof chainOf>
  finality: FinalityCertificate[]
  rounds: Certificate[]
  heard: Evidence[]
  asked: string[]
  onAsk: () => void
}

function endpointOf(node: Node): WitnessEndpoint {
  const ask = async <value>(name: string, answer: () => value): Promise<value> => {
    node.asked.push(name)
    node.onAsk()
    return answer()
  }
  return {
    finalityCertificate: (height) =>
      ask('finalityCertificate', () =>
        height === 'latest'
          ? node.finality.at(-1)
          : node.finality.find(({ vote }) => vote.height === height),
      ),
    header: (height) => ask('header', () => node.chain.headers[Number(height)]),
    historyProof: ({ height, under }) =>
      ask('historyProof', () => node.chain.historyProof(Number(height), Number(under))),
    roundCertificates: ({ epoch: of, fromView, toView }) =>
      ask('roundCertificates', () =>
        node.rounds.filter(
          ({ vote }) => vote.epoch === of && vote.view >= fromView && vote.view <= toView,
        ),
      ),
    evidence: () => ask('evidence', () => node.heard),
  }
}

async function openWorld() {
  const { l1, chain, follower } = await openRelayWorld({ epochSeconds: 100_000 })
  const set = follower.validatorSet(epoch)
  assert.ok(set !== undefined)
  const identity = l1.identityOf(id)
  const validatorSet = (of: bigint) => follower.validatorSet(of)
  const context: EvidenceContext = {
    scheme: blsScheme(),
    identity,
    validatorSet,
  }
  const sign = (digest: Uint8Array, signers = operators) =>
    blsAggregate(signers.map(({ secretKey }) => blsSign(secretKey, digest)))
  const bitmap = (signers = operators) =>
    bitmapOf(
      signers.map((signer) => operators.indexOf(signer)),
      operators.length,
    )
  const certify = (branch: Node['chain'], height: number, signers = operators) => {
    const header = branch.headers[height] as ConsensusHeader
    const { executionHash: blockHash, histRoot } = header
    const hashes = { blockHash, consensusRoot: consensusRoot(header), histRoot }
    const vote = { epoch, height: BigInt(height), ...hashes, nextEpoch: 0n }
    const signature = sign(finalityVoteDigest(identity, vote), signers)
    return { vote, signers: bitmap(signers), signature }
  }
  const roundVote = (kind: RoundVote['kind'], fill: number, view = 3): RoundVote => ({
    kind,
    epoch,
    view,
    digest: new Uint8Array(32).fill(fill),
  })
  const signRound = (vote: RoundVote, signers = operators) => ({
    vote,
    signature: sign(roundVoteDigest(identity, vote), signers),
  })
  const open = (nodes: readonly Node[], name = 'watcher') => {
    const clock = createSystemClock()
    const secretKey = keccak256(new TextEncoder().encode(name))
    const sending = { depth: 1, feePerGasMax: 10n ** 12n, pollMs: 10 }
    const sender = new L1Sender({ chain, chainId: l1.world.chainId, secretKey, clock, ...sending })
    const address = BigInt(l1.slashing.address)
    return new EvidenceWatcher({
      nodes: nodes.map((node, index) => ({ name: `${index}`, endpoint: endpointOf(node) })),
      context,
      sink: new SlashingReporter({ chain, sender, address, networkId: id, validatorSet }),
      clock,
    })
  }
  const isPunished = (index: number) =>
    l1.read(l1.slashing, 'isPunished', id, operators[index]?.address, epoch)
  const nodeOn = (branch: Node['chain']): Node => ({
    chain: branch,
    finality: [],
    rounds: [],
    heard: [],
    asked: [],
    onAsk: () => {},
  })
  const [culprit] = operators
  assert.ok(culprit !== undefined)
  const doubleVote: Evidence = {
    kind: 'round-votes',
    operator: fromHex(culprit.address),
    first: signRound(roundVote('notarize', 1), [culprit]),
    second: signRound(roundVote('notarize', 2), [culprit]),
  }
  return {
    l1,
    chain,
    context,
    certify,
    roundVote,
    signRound,
    bitmap,
    open,
    isPunished,
    nodeOn,
    doubleVote,
  }
}

describe('EvidenceWatcher', () => {
  test('what a node came upon is judged on L1, once, whoever else watches', async () => {
    const { open, nodeOn, isPunished, doubleVote, chain } = await openWorld()
    const node = nodeOn(chainOf(1))
    node.heard.push(doubleVote)
    const watcher = open([node, nodeOn(chainOf(1))])
    assert.deepEqual(await watcher.step(), { taken: 1, refused: 0 })
    assert.deepEqual([0, 1].map(isPunished), [true, false])
    assert.deepEqual(await watcher.step(), { taken: 0, refused: 0 })
    // Begun anew, and another one: L1 says that it is done.
    const sent = chain.submitted.length
    assert.deepEqual(await open([node]).step(), { taken: 1, refused: 0 })
    assert.deepEqual(await open([node], 'another').step(), { taken: 1, refused: 0 })
    assert.equal(chain.submitted.length, sent)
  })

  test('certificates of two nodes that contradict each other halt and punish', async () => {
    const { l1, open, nodeOn, certify, isPunished } = await openWorld()
    const [here, there] = [chainOf(1), chainOf(2)].map(nodeOn) as [Node, Node]
    here.finality = [4, 6, 8].map((height) => certify(here.chain, height, operators.slice(0, 3)))
    there.finality = [4].map((height) => certify(there.chain, height))
    const watcher = open([here, there])
    assert.deepEqual(await watcher.step(), { taken: 0, refused: 0 }, 'one chain so far')
    there.finality.push(certify(there.chain, 8, operators.slice(1)))
    await watcher.step()
    assert.deepEqual([0, 1, 2, 3].map(isPunished), [false, true, true, false])
    const { isHalted } = l1.read(l1.oracle, 'finalOf', id) as { isHalted: boolean }
    assert.equal(isHalted, true)
  })

  test('certificates are brought though all who signed both have reported themselves', async () => {
    const { l1, open, nodeOn, certify, roundVote } = await openWorld()
    const votes = [1, 2].map((fill) => roundVote('notarize', fill))
    const [first, second] = votes.map((vote) => l1.roundArgs(vote))
    for (const operator of operators.slice(1, 3)) {
      const sum = l1.signRounds(id, votes, [operator])
      l1.send(l1.slashing, 'reportRoundVotes', [id, operator.address, first, second, sum])
    }
    const [here, there] = [chainOf(1), chainOf(2)].map(nodeOn) as [Node, Node]
    here.finality = [certify(here.chain, 8, operators.slice(0, 3))]
    there.finality = [certify(there.chain, 8, operators.slice(1))]
    await open([here, there]).step()
    const isConvicted = operators.map(({ address }) =>
      l1.read(l1.slashing, 'isConvicted', id, address, epoch),
    )
    assert.deepEqual(isConvicted.slice(0, 4), [false, true, true, false])
    const { isHalted } = l1.read(l1.oracle, 'finalOf', id) as { isHalted: boolean }
    assert.equal(isHalted, true)
  })

  test('two nodes that certify other heights convict by an opening', async () => {
    const { open, nodeOn, certify, isPunished } = await openWorld()
    const [here, there] = [chainOf(1), chainOf(2)].map(nodeOn) as [Node, Node]
    here.finality = [certify(here.chain, 6, operators.slice(0, 3))]
    there.finality = [certify(there.chain, 9, operators.slice(1))]
    const watcher = open([here, there])
    assert.deepEqual(await watcher.step(), { taken: 1, refused: 0 })
    assert.deepEqual([0, 1, 2, 3].map(isPunished), [false, true, true, false])
    assert.ok(there.asked.includes('historyProof'))
    assert.ok(!here.asked.includes('historyProof'))
  })

  test('forged evidence convicts nobody, and costs nothing', async () => {
    const { open, nodeOn, doubleVote, chain, signRound, roundVote, bitmap } = await openWorld()
    const other = operators[1]
    assert.ok(other !== undefined && doubleVote.kind === 'round-votes')
    const node = nodeOn(chainOf(1))
    node.heard = [
      { ...doubleVote, operator: fromHex(other.address) },
      { ...doubleVote, second: doubleVote.first },
      { ...doubleVote, second: { ...doubleVote.second, signature: doubleVote.first.signature } },
      {
        kind: 'certificates',
        first: { ...signRound(roundVote('notarize', 1)), signers: bitmap() },
        second: { ...signRound(roundVote('nullify', 0)), signers: bitmap() },
      },
    ]
    const watcher = open([node])
    assert.deepEqual(await watcher.step(), { taken: 0, refused: 0 })
    assert.equal(chain.submitted.length, 0)
    node.heard.push(doubleVote)
    assert.deepEqual(await watcher.step(), { taken: 1, refused: 0 })
  })

  test('what L1 refuses is not sent again; what cannot be told yet is kept', async () => {
    const { open, nodeOn, doubleVote, chain, isPunished } = await openWorld()
    const node = nodeOn(chainOf(1))
    node.heard.push(doubleVote)
    const watcher = open([node])
    chain.onAsk = (method) => {
      if (method === 'submit') unreachable()
    }
    assert.deepEqual(await watcher.step(), { taken: 0, refused: 0 })
    assert.equal(isPunished(0), false)
    chain.onAsk = () => {}
    assert.deepEqual(await watcher.step(), { taken: 1, refused: 0 })
    // Of an epoch whose set is not known here it may be true or not.
    assert.ok(doubleVote.kind === 'round-votes')
    const { first } = doubleVote
    const later = { ...first, vote: { ...first.vote, epoch: 99n } }
    node.heard = [{ ...doubleVote, first: later }]
    assert.deepEqual(await watcher.step(), { taken: 0, refused: 0 })
    // Too old for L1.
    const old = await openWorld()
    const late = nodeOn(chainOf(1))
    late.heard.push(old.doubleVote)
    old.l1.world.advance(old.l1.epochSeconds + old.l1.evidenceAgeMaxSeconds + 1)
    const lateWatcher = old.open([late])
    assert.deepEqual(await lateWatcher.step(), { taken: 0, refused: 1 })
    assert.deepEqual(await lateWatcher.step(), { taken: 0, refused: 0 })
    assert.equal(old.chain.submitted.length, 0)
  })

  test('a node that fails stops nobody from being watched', async () => {
    const { open, nodeOn, doubleVote, isPunished } = await openWorld()
    const [broken, whole] = [nodeOn(chainOf(1)), nodeOn(chainOf(1))]
    broken.onAsk = unreachable
    whole.heard.push(doubleVote)
    assert.deepEqual(await open([broken, whole]).step(), { taken: 1, refused: 0 })
    assert.equal(isPunished(0), true)
  })
})

describe('Witness', () => {
  test('reads a node bit by bit, and keeps the newest', async () => {
    const { nodeOn, certify, signRound, roundVote, bitmap } = await openWorld()
    const node = nodeOn(chainOf(1, { height: 700, forkAt: 700 }))
    const certificate = certify(node.chain, 3)
    const at = (height: number) => ({ ...certificate.vote, height: BigInt(height) })
    node.finality = Array.from({ length: 600 }, (_, height) => ({
      ...certificate,
      vote: at(height),
    }))
    const round = { ...signRound(roundVote('notarize', 1)), signers: bitmap() }
    const inView = (view: number) => ({ ...round, vote: { ...round.vote, view } })
    node.rounds = Array.from({ length: 3_000 }, (_, view) => inView(view + 1))
    const witness = new Witness(endpointOf(node))
    const counts = () => {
      const { certificates, finality } = witness.testimony()
      return [finality.length, certificates.length]
    }
    await witness.update()
    assert.deepEqual(counts(), [64, 928])
    for (let step = 0; step < 8; step++) await witness.update()
    assert.deepEqual(counts(), [witnessHeightsKept, 1_536])
    const { finality, certificates, rootAt } = witness.testimony()
    assert.equal(finality.at(-1)?.vote.height, 599n)
    assert.equal(certificates.at(-1)?.vote.view, 3_000)
    assert.deepEqual(rootAt(599n), consensusRoot(node.chain.headers[599] as ConsensusHeader))
    assert.equal(rootAt(300n), undefined)
    // A finalization that came late to a view that has passed.
    node.rounds.push({ ...round, vote: { ...round.vote, kind: 'finalize', view: 2_990 } })
    await witness.update()
    assert.equal(witness.testimony().certificates.at(-1)?.vote.kind, 'finalize')
    // Another epoch begins at its first view.
    node.finality.push({ ...certificate, vote: { ...at(600), epoch: 13n } })
    node.rounds.push({ ...round, vote: { ...round.vote, epoch: 13n, view: 1 } })
    await witness.update()
    assert.equal(witness.testimony().certificates.at(-1)?.vote.epoch, 13n)
  })

  test('takes nothing of a node beyond what was asked', async () => {
    const { nodeOn, certify, signRound, roundVote, bitmap } = await openWorld()
    const node = nodeOn(chainOf(1))
    node.finality = [certify(node.chain, 3)]
    const round = { ...signRound(roundVote('notarize', 1)), signers: bitmap() }
    const endpoint: WitnessEndpoint = {
      ...endpointOf(node),
      finalityCertificate: async () => node.finality[0],
      roundCertificates: async () =>
        [2 ** 50, 1].map((view, at) => ({
          ...round,
          vote: { ...round.vote, view, epoch: at === 1 ? 99n : epoch },
        })),
    }
    const witness = new Witness(endpoint)
    await witness.update()
    const { certificates, finality } = witness.testimony()
    assert.deepEqual(certificates, [])
    assert.equal(finality.length, 1)
  })
})
