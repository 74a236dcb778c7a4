import assert from 'node:assert/strict'
import { test } from 'node:test'

import { sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { rootOf, siblingsOf } from '../testing/history.ts'
import {
  certificateAgeMaxSeconds,
  deadAfterSeconds,
  epochSeconds,
  genesisHash,
  genesisRootOf,
  identityOf,
  StakeWorld,
  testOperator,
} from '../testing/stake-world.ts'
import type { CertificateArgs, FinalityVoteArgs } from '../testing/stake-world.ts'
import { refuses } from '../testing/refuses.ts'

const id = 3
const genesisRoot = genesisRootOf(identityOf(id), 12)
const all = [1, 2, 3, 4].map((index) => testOperator(index))

/** The chain of a network: consensusRoots by height, and what a certificate at a height says. */
class Chain {
  readonly roots: Uint8Array[] = [genesisRoot]

  /** @param salt - Another one is another fork from `forkHeight` on. */
  constructor({
    heightMax,
    salt = 0,
    forkHeight = 1,
  }: Record<string, number> & { heightMax: number }) {
    for (let height = 1; height <= heightMax; height++) {
      const fork = height >= forkHeight ? salt : 0
      this.roots.push(sha256(Uint8Array.of(7, fork, height)))
    }
  }

  vote(height: number, { epoch, nextEpoch = 0 }: { epoch: number; nextEpoch?: number }) {
    const root = this.roots[height] as Uint8Array
    return {
      epoch: BigInt(epoch),
      height: BigInt(height),
      nextEpoch: BigInt(nextEpoch),
      blockHash: toHex(sha256(root)),
      consensusRoot: toHex(root),
      histRoot: toHex(rootOf(this.roots.slice(0, height))),
    }
  }

  /** Where a height stands in the history of a later one. */
  siblings(height: number, laterHeight: number): Hex[] {
    return siblingsOf(this.roots.slice(0, laterHeight), height).map(toHex)
  }
}

/** A network of four operators of equal weight that begins in epoch 12, which is now. */
function openWorld() {
  const stake = new StakeWorld()
  stake.openNetwork(id)
  for (const operator of all) {
    stake.register(operator)
    stake.setWeight(operator, 100n)
    stake.optIn(operator, id)
  }
  stake.passEpochs(2)
  const certify = (vote: FinalityVoteArgs, signers = all.slice(0, 3)): CertificateArgs =>
    stake.certify(id, vote, { all, signers })
  const submit = (certificate: CertificateArgs, siblings: readonly Hex[]) =>
    stake.send(stake.oracle, 'submit', [id, certificate, siblings])
  const known = () => stake.read(stake.oracle, 'finalOf', [id]) as Record<string, unknown>
  return { stake, certify, submit, known }
}

test('FinalityOracle begins with the genesis and follows certificates, absent ones or none', () => {
  const { stake, certify, submit, known } = openWorld()
  assert.deepEqual(known(), {
    epoch: 12n,
    height: 0n,
    nextEpoch: 0n,
    isHalted: false,
    isDead: false,
    since: stake.world.timestamp,
    blockHash: genesisHash,
    consensusRoot: toHex(genesisRoot),
    histRoot: toHex(new Uint8Array(32)),
  })
  const chain = new Chain({ heightMax: 9 })
  const first = chain.vote(4, { epoch: 12 })
  const { events } = submit(certify(first), chain.siblings(0, 4))
  assert.deepEqual(
    events.map(({ name }) => name),
    ['Finalized'],
  )
  submit(certify(chain.vote(9, { epoch: 12 }), all), chain.siblings(4, 9))
  assert.equal(known()['height'], 9n)
  const holds = (height: number, root: Uint8Array | undefined, siblings: readonly Hex[]) =>
    stake.read(stake.oracle, 'holds', [id, height, toHex(root as Uint8Array), siblings])
  const history = (height: number) => [toHex(rootOf(chain.roots.slice(0, height)))]
  assert.equal(holds(9, chain.roots[9], history(9)), true)
  assert.equal(holds(2, chain.roots[2], chain.siblings(2, 9)), true)
  // What the certificate before proved, it still proves.
  assert.equal(holds(4, chain.roots[4], history(4)), true)
  assert.equal(holds(2, chain.roots[2], chain.siblings(2, 4)), true)
  assert.equal(holds(2, chain.roots[3], chain.siblings(2, 9)), false)
  assert.equal(holds(10, chain.roots[9], history(9)), false)
  assert.equal(holds(9, chain.roots[9], history(4)), false)
  assert.equal(holds(9, chain.roots[9], []), false)
  assert.equal(holds(8, chain.roots[8], history(8)), false, 'no certificate said it')
  // Where no block is yet, a history holds zero.
  assert.equal(holds(5, new Uint8Array(32), chain.siblings(5, 4)), false)
})

test('FinalityOracle refuses what does not extend what it knows, and keeps it', () => {
  const { stake, certify, submit, known } = openWorld()
  const chain = new Chain({ heightMax: 9 })
  submit(certify(chain.vote(4, { epoch: 12 })), chain.siblings(0, 4))
  const before = known()
  const good = certify(chain.vote(9, { epoch: 12 }))
  const siblings = chain.siblings(4, 9)
  const other = new Chain({ heightMax: 9, salt: 1, forkHeight: 3 })
  const [, second, third, fourth] = all
  const table: readonly [string, CertificateArgs, readonly Hex[]][] = [
    ['NotNewer', certify(chain.vote(4, { epoch: 12 })), siblings],
    ['NotNewer', certify(chain.vote(3, { epoch: 12 })), siblings],
    ['EpochUnexpected', certify(chain.vote(9, { epoch: 13 })), siblings],
    ['EpochUnexpected', certify(chain.vote(9, { epoch: 11 })), siblings],
    ['HistoryUnproven', good, siblings.slice(1)],
    ['HistoryUnproven', good, chain.siblings(3, 9)],
    ['HistoryUnproven', certify(other.vote(9, { epoch: 12 })), other.siblings(4, 9)],
    ['NoQuorum', certify(chain.vote(9, { epoch: 12 }), all.slice(0, 2)), siblings],
    ['CertificateInvalid', { ...good, absent: [] }, siblings],
    ['CertificateInvalid', { ...good, absent: [(second as (typeof all)[0]).address] }, siblings],
    ['CertificateInvalid', { ...good, signature: '0x' }, siblings],
    ['CertificateInvalid', { ...good, vote: { ...good.vote, blockHash: genesisHash } }, siblings],
    ['NotAMember', { ...good, absent: [testOperator(9).address] }, siblings],
  ]
  for (const [error, certificate, proof] of table) refuses(() => submit(certificate, proof), error)
  const elsewhere = stake.certify(id + 1, good.vote, { all, signers: all.slice(0, 3) })
  refuses(() => submit(elsewhere, siblings), 'CertificateInvalid')
  refuses(() => stake.send(stake.oracle, 'submit', [id + 1, good, siblings]), 'NetworkUnknown')
  assert.deepEqual(known(), before)
  assert.ok(third !== undefined && fourth !== undefined)
  submit(good, siblings)
})

test('FinalityOracle takes an epoch after its close, a close while its network lives, nothing else too old', () => {
  const { stake, certify, submit, known } = openWorld()
  const chain = new Chain({ heightMax: 9 })
  stake.world.advance(epochSeconds + certificateAgeMaxSeconds + 1)
  refuses(
    () => submit(certify(chain.vote(3, { epoch: 12 })), chain.siblings(0, 3)),
    'CertificateTooOld',
  )
  stake.passEpochs(1)
  for (const nextEpoch of [15, 12, 11, 2 ** 40]) {
    const wrong = certify(chain.vote(4, { epoch: 12, nextEpoch }))
    refuses(() => submit(wrong, chain.siblings(0, 4)), 'CloseInvalid')
  }
  const closing = certify(chain.vote(4, { epoch: 12, nextEpoch: 14 }))
  const { events } = submit(closing, chain.siblings(0, 4))
  assert.deepEqual(
    events.map(({ name }) => name),
    ['Finalized', 'EpochClosed'],
  )
  assert.equal(known()['nextEpoch'], 14n)
  const siblings = chain.siblings(4, 9)
  refuses(() => submit(certify(chain.vote(9, { epoch: 12 })), siblings), 'EpochUnexpected')
  refuses(() => submit(certify(chain.vote(9, { epoch: 13 })), siblings), 'EpochUnexpected')
  submit(certify(chain.vote(9, { epoch: 14 })), siblings)
  assert.equal(known()['epoch'], 14n)
  const late = new Chain({ heightMax: 12 })
  const close = certify(late.vote(12, { epoch: 14, nextEpoch: 16 }))
  // Epoch 14 is over, and has been for so long.
  stake.passEpochs(1)
  stake.world.advance(deadAfterSeconds + 1)
  refuses(() => submit(close, late.siblings(9, 12)), 'NetworkDead')
})

test('a network is halted by a certificate that contradicts what is known, and by no other', () => {
  const chain = new Chain({ heightMax: 9 })
  const fork = new Chain({ heightMax: 9, salt: 1, forkHeight: 3 })
  const open = () => {
    const world = openWorld()
    world.submit(world.certify(chain.vote(4, { epoch: 12 })), chain.siblings(0, 4))
    const { stake } = world
    const byHistory = (certificate: CertificateArgs, other: Uint8Array, siblings: readonly Hex[]) =>
      stake.send(stake.oracle, 'haltByHistory', [id, certificate, toHex(other), siblings])
    const byConflict = (certificate: CertificateArgs) =>
      stake.send(stake.oracle, 'haltByConflict', [id, certificate])
    return { ...world, byHistory, byConflict }
  }
  const { certify, submit, known, byHistory, byConflict } = open()
  const [ours, theirs] = [chain.roots[4] as Uint8Array, fork.roots[4] as Uint8Array]
  const later = certify(fork.vote(8, { epoch: 12 }))
  const thin = certify(fork.vote(8, { epoch: 12 }), all.slice(0, 2))
  const same = certify(chain.vote(8, { epoch: 12 }))
  refuses(() => byHistory(same, ours, chain.siblings(4, 8)), 'NoContradiction')
  refuses(() => byHistory(same, theirs, chain.siblings(4, 8)), 'HistoryUnproven')
  refuses(() => byHistory(later, theirs, fork.siblings(4, 8).slice(1)), 'HistoryUnproven')
  refuses(() => byHistory(thin, theirs, fork.siblings(4, 8)), 'NoQuorum')
  const forged = { ...later, signature: same.signature }
  refuses(() => byHistory(forged, theirs, fork.siblings(4, 8)), 'CertificateInvalid')
  refuses(() => byConflict(certify(chain.vote(4, { epoch: 12 }), all)), 'NoContradiction')
  refuses(() => byConflict(later), 'NoContradiction')
  // A set of former or of future operators decides nothing.
  for (const epoch of [11, 13]) {
    const foreign = certify(fork.vote(8, { epoch }))
    refuses(() => byHistory(foreign, theirs, fork.siblings(4, 8)), 'EpochUnexpected')
    refuses(() => byConflict(certify(fork.vote(4, { epoch }))), 'EpochUnexpected')
  }
  assert.equal(known()['isHalted'], false)
  byHistory(later, theirs, fork.siblings(4, 8))
  assert.equal(known()['isHalted'], true)
  refuses(() => submit(same, chain.siblings(4, 8)), 'NetworkHalted')
  refuses(() => byHistory(later, theirs, fork.siblings(4, 8)), 'NetworkHalted')

  const second = open()
  second.byConflict(second.certify(fork.vote(4, { epoch: 12 })))
  assert.equal(second.known()['isHalted'], true)
  assert.equal(second.known()['consensusRoot'], toHex(ours))
})
