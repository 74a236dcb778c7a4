import assert from 'node:assert/strict'
import { test } from 'node:test'

import { decodeEvidence, encodeEvidence } from './evidence-codec.ts'
import type { Evidence } from './evidence.ts'
import type { FinalityVote, RoundVote } from './votes.ts'

const malformed = { code: 'CONSENSUS_MESSAGE_MALFORMED' }
const bytes = (fill: number, size = 32) => new Uint8Array(size).fill(fill)
const operator = bytes(7, 20)
const round = (kind: RoundVote['kind'], fill: number): RoundVote => ({
  kind,
  epoch: 3n,
  view: 9,
  digest: kind === 'nullify' ? bytes(0) : bytes(fill),
})
const finality = (height: bigint, nextEpoch = 0n): FinalityVote => ({
  epoch: 3n,
  height,
  blockHash: bytes(1),
  consensusRoot: bytes(2),
  histRoot: bytes(3),
  nextEpoch,
})
const signed = <vote>(vote: vote, fill = 4) => ({ vote, signature: bytes(fill, 96) })
const certified = <vote>(vote: vote) => ({ ...signed(vote), signers: Uint8Array.of(7, 1) })
const opening = { leaf: bytes(5), proof: Array.from({ length: 32 }, (_, at) => bytes(at)) }

const examples: readonly Evidence[] = [
  {
    kind: 'round-votes',
    operator,
    first: signed(round('nullify', 0)),
    second: signed(round('finalize', 6), 5),
  },
  {
    kind: 'finality-votes',
    operator,
    first: signed(finality(4n)),
    second: signed(finality(4n, 5n)),
  },
  {
    kind: 'finality-votes',
    operator,
    first: signed(finality(4n)),
    second: signed(finality(6n)),
    opening,
  },
  {
    kind: 'certificates',
    first: certified(round('notarize', 1)),
    second: certified(round('notarize', 2)),
  },
  {
    kind: 'finality-certificates',
    first: certified(finality(4n)),
    second: certified(finality(6n)),
    opening,
  },
  {
    kind: 'finality-certificates',
    first: certified(finality(4n)),
    second: certified(finality(4n)),
  },
]

test('encodeEvidence and decodeEvidence: each kind there and back', () => {
  for (const evidence of examples) {
    assert.deepEqual(decodeEvidence(encodeEvidence(evidence)), evidence)
  }
  assert.deepEqual(
    examples.map((evidence) => encodeEvidence(evidence).length),
    [1 + 20 + 2 * 145, 1 + 20 + 2 * 216 + 1, 1 + 20 + 2 * 216 + 1 + 33 * 32, 303, 1_502, 446],
  )
})

test('decodeEvidence refuses what is short, long or no evidence', () => {
  for (const evidence of examples) {
    const encoded = encodeEvidence(evidence)
    for (let size = 0; size < encoded.length; size += 7) {
      assert.throws(() => decodeEvidence(encoded.slice(0, size)), malformed)
    }
    assert.throws(() => decodeEvidence(Uint8Array.of(...encoded, 0)), malformed)
    assert.throws(() => decodeEvidence(encoded.with(0, 4)), malformed)
  }
  const [, noOpening] = examples.map(encodeEvidence) as [Uint8Array, Uint8Array]
  assert.throws(() => decodeEvidence(noOpening.with(noOpening.length - 1, 2)), malformed)
  const short = { ...opening, proof: opening.proof.slice(1) }
  const evidence = { ...(examples[4] as Evidence), opening: short } as Evidence
  assert.throws(() => encodeEvidence(evidence), malformed)
})
