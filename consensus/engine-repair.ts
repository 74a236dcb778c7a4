/**
 * What a lossy network makes necessary: sending again, helping stragglers, asking for what is
 * missing.
 */

import type { Certificate } from './certificate.ts'
import { indexesOf } from './certificate.ts'
import type { EngineState, Round } from './engine-state.ts'
import { currentDeltaMs, digestOf, keyOf } from './engine-state.ts'
import type { Message } from './messages.ts'
import { peerIdOf } from './validator-set.ts'
import type { RoundVote } from './votes.ts'
import { zeroDigest } from './votes.ts'

/** Earlier rounds whose own Finalize is sent again. */
const roundsRepeatedMax = 4

/** Certificates of a straggler's views that answer a vote it repeats. */
const certificatesAnsweredMax = 8

/** Sends again what may have been lost: votes of this view, the certificates that led here. */
export function repeat(state: EngineState): void {
  const { self, set } = state.config
  for (let view = state.view; view > state.view - roundsRepeatedMax; view--) {
    const round = state.rounds.get(view)
    if (round === undefined) continue
    for (const kind of ['notarize', 'finalize', 'nullify'] as const) {
      const ballot = round.ballots[kind].get(self)
      // Of earlier rounds only Finalize still matters: the others' certificates moved us on.
      if (ballot === undefined || (view < state.view && kind !== 'finalize')) continue
      const digest = kind === 'nullify' ? zeroDigest : digestOf(ballot.digest)
      const vote = { kind, epoch: set.epoch, view, digest }
      state.effects.push({
        kind: 'send',
        message: voteMessage(state, round, vote, ballot.signature),
      })
    }
  }
  const entered = state.rounds.get(state.view - 1)?.certificates
  const newest = state.rounds.get(state.finalizedView)?.certificates.finalize
  for (const certificate of [entered?.notarize, entered?.nullify, newest]) {
    if (certificate === undefined) continue
    state.effects.push({ kind: 'send', message: { kind: 'certificate', certificate } })
  }
}

/** Gives a peer that repeats an old vote the certificates it seems to lack; once a delta. */
export function helpStraggler(
  state: EngineState,
  straggler: { readonly index: number; readonly peer: string; readonly view: number },
  nowMs: number,
): void {
  const { index, peer, view: fromView } = straggler
  if (nowMs < (state.helpAtMs[index] ?? 0)) return
  state.helpAtMs[index] = nowMs + currentDeltaMs(state)
  const certificates: Certificate[] = []
  for (let view = fromView; view < state.view; view++) {
    const {
      notarize: notarization,
      nullify,
      finalize: final,
    } = {
      ...state.rounds.get(view)?.certificates,
    }
    certificates.push(...[notarization, nullify, final].filter((one) => one !== undefined))
    if (certificates.length >= certificatesAnsweredMax) break
  }
  if (certificates.length === 0) return
  state.effects.push({ kind: 'send', to: peer, message: { kind: 'certificates', certificates } })
}

/**
 * Asks one peer for the certificates since the last settled view; not more than once a delta.
 *
 * @param preferred - Who gave cause; asked besides the one whose turn it is, so that nobody who
 *   keeps giving cause takes all the turns.
 */
export function requestCertificates(
  state: EngineState,
  preferred: number | undefined,
  nowMs: number,
): void {
  const { set, self } = state.config
  const count = set.validators.length
  const slot = preferred ?? count
  if (nowMs < (state.requestAtMs[slot] ?? 0)) return
  state.requestAtMs[slot] = nowMs + currentDeltaMs(state)
  let index = preferred ?? state.requestTurn++ % count
  if (index === self) index = (index + 1) % count
  const publicKey = set.validators[index]?.publicKey
  if (publicKey === undefined || index === self) return
  const fromView = firstGap(state)
  const message = {
    kind: 'certificate-request',
    epoch: set.epoch,
    fromView,
    toView: Number.MAX_SAFE_INTEGER,
  } as const
  state.effects.push({ kind: 'send', to: peerIdOf(publicKey), message })
}

/** The first view from the last settled one on about which no certificate is held. */
function firstGap(state: EngineState): number {
  let view = Math.max(1, state.finalizedView)
  while (view < state.view) {
    const certificates = state.rounds.get(view)?.certificates
    const isKnown = certificates?.nullify ?? certificates?.finalize
    if (isKnown === undefined && view !== state.baseView) break
    view++
  }
  return view
}

/** Asks one signer of a certificate for the block; not more than once a delta for one view. */
export function requestBody(
  state: EngineState,
  round: Round,
  certificate: Certificate,
  nowMs: number,
): void {
  const { set, self } = state.config
  const { digest } = certificate.vote
  if (state.orphans.has(keyOf(digest))) {
    state.effects.push({ kind: 'behind' })
    return
  }
  if (nowMs < round.bodyRequestAtMs) return
  round.bodyRequestAtMs = nowMs + currentDeltaMs(state)
  const signers = (indexesOf(certificate.signers, set.validators.length) ?? []).filter(
    (index) => index !== self,
  )
  const signer = signers[state.requestTurn++ % Math.max(1, signers.length)]
  const publicKey = signer === undefined ? undefined : set.validators[signer]?.publicKey
  if (publicKey === undefined) return
  const peer = peerIdOf(publicKey)
  round.bodyAskedOf.add(peer)
  const message = { kind: 'block-request', consensusRoot: digest } as const
  state.effects.push({ kind: 'send', to: peer, message })
}

/** The leader's Notarize travels with its block, all other votes alone. */
export function voteMessage(
  state: EngineState,
  round: Round,
  vote: RoundVote,
  signature: Uint8Array,
): Message {
  const key = keyOf(vote.digest)
  const block = round.proposal?.key === key ? round.proposal.block : state.nodes.get(key)?.block
  if (vote.kind !== 'notarize' || round.leader !== state.config.self || block === undefined) {
    return { kind: 'vote', vote, signature }
  }
  return { kind: 'proposal', vote, signature, block }
}
