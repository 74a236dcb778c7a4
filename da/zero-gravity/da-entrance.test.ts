import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { artifactOf } from '@zg/contracts'
import { ContractRevertError, somebody } from '@zg/contracts/testing'
import { fromHex, keccak256, sha256, toHex } from '@zg/primitives'
import { toEventSelector, toFunctionSelector } from 'viem'
import type { Abi } from 'viem'

import { quorumOf } from '../batch/batch.ts'
import { FacadeWorld, uploader } from '../testing/facade-world.ts'
import type { FacadeOperator } from '../testing/facade-world.ts'
import { bn254KeyOf, bn254Sign, hashToG1, sumOfG1, sumOfG2 } from './bn254.ts'
import { erasureCommitmentOf, rootDigest } from './messages.ts'
import type { RootName } from './messages.ts'
import { submissionOf } from './submission.ts'
import type { RootSubmission } from './submission.ts'

const root = sha256(Uint8Array.of(0xda))
const otherRoot = sha256(Uint8Array.of(0xdb))

/** Six signers of a sixth of the rows each, within one; one quorum. */
function openFacade({ rowCount = 4_096, quorumCount = 1 } = {}) {
  const facade = new FacadeWorld({ rowCount, quorumCount })
  const operators = facade.operators(6)
  facade.settle(
    operators,
    operators.map(() => 300n),
  )
  return { facade, data: facade.data, operators }
}

/** The same, with a root uploaded. */
function uploaded(options: Parameters<typeof openFacade>[0] = {}) {
  const world = openFacade(options)
  const [name] = world.facade.upload([root]).names as [RootName]
  return { ...world, name, submission: world.facade.submission(name, world.operators) }
}

function refuses(act: () => unknown, errorName: string): void {
  assert.throws(act, (error) => {
    assert.ok(error instanceof ContractRevertError, String(error))
    assert.equal(error.errorName, errorName)
    return true
  })
}

const ask = ({ data, entrance }: FacadeWorld, name: string, ...args: readonly unknown[]) =>
  data.read(entrance, name, ...args)

const exists = (facade: FacadeWorld, { dataRoot, epoch, quorumId }: RootName) =>
  ask(facade, 'commitmentExists', toHex(dataRoot), epoch, quorumId)

describe('DAEntrance: 0G’s ABI', () => {
  const g1 = '(uint256,uint256)'
  const g2 = '(uint256[2],uint256[2])'

  test('has every function of 0G’s, and its events of roots, by selector', () => {
    const expected = [
      'submitOriginalData(bytes32[])',
      `submitVerifiedCommitRoots((bytes32,uint256,uint256,${g1},bytes,${g2},${g1})[])`,
      'verifiedErasureCommitment(bytes32,uint256,uint256)',
      'commitmentExists(bytes32,uint256,uint256)',
      'sync()',
      'syncFixedTimes(uint256)',
      'donate()',
      'sampleTask()',
      'sampleRange()',
      'submitSamplingResponse((bytes32,uint64,uint64,uint32,uint32,uint256,bytes32,bytes32[3],bytes32[],bytes))',
      ...[
        'currentEpoch',
        'currentSampleSeed',
        'sampleRound',
        'nextSampleHeight',
        'podasTarget',
        'roundSubmissions',
        'targetRoundSubmissions',
        'currentEpochReward',
        'activedReward',
        'totalBaseReward',
        'serviceFee',
        'targetRoundSubmissionsNext',
        'epochWindowSize',
        'rewardRatio',
        'baseReward',
        'blobPrice',
        'samplePeriod',
        'serviceFeeRateBps',
        'treasury',
      ].map((getter) => `${getter}()`),
      ...['RoundSubmissions', 'EpochWindowSize', 'RewardRatio', 'SamplePeriod'].map((setting) => {
        return `set${setting}(uint64)`
      }),
      ...['BaseReward', 'BlobPrice', 'ServiceFeeRate'].map((setting) => `set${setting}(uint256)`),
      'setTreasury(address)',
      'payments(address)',
      'withdrawPayments(address)',
    ]
    const abi = artifactOf('DAEntrance').abi as Abi
    const found = new Set(
      abi.flatMap((item) => (item.type === 'function' ? [toFunctionSelector(item)] : [])),
    )
    const missing = expected.filter((signature) => !found.has(toFunctionSelector(signature)))
    assert.deepEqual(missing, [])
    const events = abi.flatMap((item) => (item.type === 'event' ? [item] : []))
    const topics = [
      'DataUpload(address,bytes32,uint256,uint256,uint256)',
      'ErasureCommitmentVerified(bytes32,uint256,uint256)',
    ].map((signature) => toEventSelector(signature))
    assert.deepEqual(events.map((event) => toEventSelector(event)).sort(), topics.sort())
    assert.ok(events.every(({ inputs }) => inputs.every(({ indexed }) => indexed !== true)))
  })

  test('of the lottery nothing is told but zeros, and what would take part is refused', () => {
    const { facade } = openFacade()
    const { data, entrance } = facade
    for (const name of ['podasTarget', 'sampleRound', 'serviceFee', 'currentSampleSeed']) {
      assert.equal(BigInt(ask(facade, name) as bigint), 0n)
    }
    data.send(entrance, 'sync', [])
    data.send(entrance, 'syncFixedTimes', [3n])
    refuses(() => data.send(entrance, 'donate', [], { value: 1n }), 'SamplingRefused')
    refuses(() => data.send(entrance, 'sampleTask', []), 'SamplingRefused')
    refuses(() => data.send(entrance, 'setRewardRatio', [1n]), 'SamplingRefused')
  })
})

describe('DAEntrance: uploads', () => {
  test('roots of a transaction go to one quorum, drawn by the seed, sender and its count', () => {
    const { facade, data } = openFacade({ quorumCount: 7 })
    const { epoch } = data
    const seed = data.seedOf(epoch)
    const senders = [uploader, somebody]
    const found = senders.flatMap((from) => {
      return [0, 1, 2].map(() => {
        const { names, sent } = facade.upload([root, otherRoot], { from })
        const [first, second] = sent.events
        assert.deepEqual(first?.args, {
          sender: first?.args['sender'],
          dataRoot: toHex(root),
          epoch: BigInt(epoch),
          quorumId: names[0]?.quorumId,
          blobPrice: 0n,
        })
        assert.equal(second?.args['quorumId'], names[0]?.quorumId)
        return names[1]?.quorumId
      })
    })
    const drawn = senders.flatMap((from) => {
      return [0n, 1n, 2n].map((count) => BigInt(quorumOf(seed, fromHex(from), count, 7)))
    })
    assert.deepEqual(found, drawn)
    // In another epoch each begins anew, with another seed.
    data.passEpochs(1)
    const next = facade.upload([root]).names[0]?.quorumId
    assert.equal(next, BigInt(quorumOf(data.seedOf(epoch + 1), fromHex(uploader), 0n, 7)))
  })

  test('the price goes to the treasury, and what is paid beyond it back', () => {
    const { facade, data } = openFacade()
    const { entrance } = facade
    const [alice] = facade.operators(1) as [FacadeOperator]
    const set = (name: string, value: unknown, from = somebody) =>
      data.send(entrance, name, [value], { from })
    refuses(() => set('setBlobPrice', 5n, uploader), 'NotGovernance')
    refuses(() => set('setTreasury', uploader, uploader), 'NotGovernance')
    refuses(() => set('setBlobPrice', 5n), 'TreasuryUnset')
    refuses(() => set('setTreasury', '0x0000000000000000000000000000000000000000'), 'TreasuryUnset')
    set('setTreasury', alice.address)
    set('setBlobPrice', 5n)
    data.world.pay(uploader, 100n)
    refuses(() => facade.upload([root, otherRoot], { value: 9n }), 'PriceUnpaid')
    const { sent } = facade.upload([root, otherRoot], { value: 13n })
    assert.equal(sent.events[0]?.args['blobPrice'], 5n)
    const due = () => [alice.address, uploader].map((each) => ask(facade, 'payments', each))
    assert.deepEqual(due(), [10n, 3n])
    const before = data.world.balanceOf(alice.address)
    data.send(entrance, 'withdrawPayments', [alice.address])
    assert.equal(data.world.balanceOf(alice.address), before + 10n)
    assert.deepEqual(due(), [0n, 3n])
    refuses(() => data.send(entrance, 'withdrawPayments', [alice.address]), 'NothingFree')
    refuses(() => data.send(entrance, 'withdrawPayments', [somebody]), 'NothingFree')
    assert.equal(data.world.balanceOf(entrance.address), 3n)
  })
})

describe('DAEntrance: what is verified', () => {
  test('a root is verified by the whole life: key, epoch, quorum, upload, rows, sum', () => {
    const { facade, name, submission } = uploaded()
    const empty = { X: 0n, Y: 0n }
    assert.deepEqual([exists(facade, name), facade.verified(name)], [false, empty])
    const { events } = facade.submit(submission)
    assert.deepEqual(
      events.map(({ name: event, args }) => [event, args]),
      [
        [
          'ErasureCommitmentVerified',
          { dataRoot: toHex(root), epoch: name.epoch, quorumId: name.quorumId },
        ],
      ],
    )
    const commitment = erasureCommitmentOf(root)
    assert.deepEqual([exists(facade, name), facade.verified(name)], [true, commitment])
    assert.equal(exists(facade, { ...name, epoch: name.epoch + 1n }), false)
    assert.equal(exists(facade, { ...name, quorumId: name.quorumId + 1n }), false)
    assert.equal(ask(facade, 'currentEpoch'), name.epoch)
  })

  test('two thirds of all rows are enough, and a row less is not', () => {
    for (const [rowCount, least] of [
      [4_096, 2_731],
      [3_072, 2_048],
    ] as const) {
      const { facade, operators, name } = uploaded({ rowCount })
      const quorum = facade.quorumAt(0)
      const four = [0, 1, 2, 3]
      const rows = four.reduce((sum, member) => sum + quorum.members[member]!.slots, 0)
      // Of 4,096 rows four have 683 or 682 each; the fifth's rows fill up what is short.
      const whole = facade.submission(name, operators, [0, 1, 2, 3, 4])
      const first = submissionOf(name, quorum, facade.signed(name, operators, four))
      assert.equal(first !== undefined, rows >= least)
      const cut = (count: number): RootSubmission => {
        const bitmap = fromHex(whole.quorumBitmap)
        let over = five(quorum) - count
        for (let row = 0; row < rowCount && over > 0; row++) {
          const isSet = (bitmap[row >> 3]! >> (row & 7)) & 1
          // One row of each stays, so that its key is in the sum.
          if (isSet === 0 || row % 2 === 0) continue
          bitmap[row >> 3]! &= ~(1 << (row & 7))
          over--
        }
        assert.equal(over, 0)
        return { ...whole, quorumBitmap: toHex(bitmap) }
      }
      refuses(() => facade.submit(cut(least - 1)), 'NoQuorum')
      facade.submit(cut(least))
      assert.equal(exists(facade, name), true)
    }
    function five(quorum: ReturnType<FacadeWorld['quorumAt']>): number {
      return [0, 1, 2, 3, 4].reduce((sum, member) => sum + quorum.members[member]!.slots, 0)
    }
  })

  test('what was verified is passed over, and keeps nothing else from being verified', () => {
    const { facade, operators } = openFacade()
    const { names } = facade.upload([root, otherRoot])
    const [first, second] = names.map((name) => facade.submission(name, operators)) as [
      RootSubmission,
      RootSubmission,
    ]
    facade.submit(first)
    const { events } = facade.submit(first, second, second)
    assert.deepEqual(
      events.map(({ args }) => args['dataRoot']),
      [toHex(otherRoot)],
    )
    assert.deepEqual(facade.submit(first).events, [])
    // Uploaded once more, it stays verified.
    facade.upload([root])
    assert.deepEqual(facade.verified(names[0]!), erasureCommitmentOf(root))
  })

  test('a signature is for its root, epoch and quorum alone', () => {
    const { facade, data, operators, name, submission } = uploaded()
    const others: readonly Partial<RootSubmission>[] = [
      { dataRoot: toHex(otherRoot), erasureCommitment: erasureCommitmentOf(otherRoot) },
      { epoch: name.epoch + 1n },
      { quorumId: 1n },
      { quorumId: 2n ** 255n },
      { epoch: 2n ** 255n },
    ]
    for (const other of others) {
      refuses(() => facade.submit({ ...submission, ...other }), 'UploadUnknown')
    }
    // Uploaded too, in another epoch, it is not signed for there.
    for (const operator of operators) facade.registerNext(operator)
    facade.upload([otherRoot])
    refuses(() => facade.submit({ ...submission, ...others[0] }), 'SignatureInvalid')
    data.passEpochs(1)
    data.openAll()
    const [again] = facade.upload([root]).names as [RootName]
    const bitmap = facade.submission(again, operators).quorumBitmap
    const replayed = { ...submission, epoch: again.epoch, quorumBitmap: bitmap }
    refuses(() => facade.submit(replayed), 'SignatureInvalid')
    // In the next epoch it is taken still, and no later.
    facade.submit(submission)
    facade.submit(facade.submission(again, operators))
  })

  test('after the next epoch nothing is taken of one', () => {
    const { facade, data, submission } = uploaded()
    data.passEpochs(2)
    refuses(() => facade.submit(submission), 'EpochUnexpected')
  })

  test('of a quorum that nobody opened nothing is verified', () => {
    const { facade, data, operators } = openFacade()
    for (const operator of operators) facade.registerNext(operator)
    data.passEpochs(1)
    const [name] = facade.upload([root]).names as [RootName]
    const submission = facade.submission(name, operators)
    refuses(() => facade.submit(submission), 'QuorumUnknown')
    data.openAll()
    facade.submit(submission)
  })

  test('a commitment is its root’s and no other, be it on the curve or not, or zero', () => {
    const { facade, operators, name, submission } = uploaded()
    const { X, Y } = submission.erasureCommitment
    const prime = 21888242871839275222246405745257275088696311157297823662689037894645226208583n
    const others = [
      { X: 0n, Y: 0n },
      { X: 1n, Y: 2n },
      { X, Y: prime - Y },
      { X: X + prime, Y },
      { X: 1n, Y: 1n },
      hashToG1(keccak256(root)),
    ]
    for (const erasureCommitment of others) {
      // All have signed it, and it is refused.
      const digest = rootDigest(name, erasureCommitment)
      const signatures = operators.map(({ bn254 }) => bn254Sign(bn254.secret, digest))
      const bent = { ...submission, erasureCommitment, signature: sumOfG1(signatures) }
      refuses(() => facade.submit(bent), 'CommitmentUnbound')
    }
  })

  test('bitmaps, keys and signatures that are not the quorum’s are refused', () => {
    const { facade, operators, name, submission } = uploaded()
    const { signature, aggPkG2, quorumBitmap } = submission
    const signed = facade.signed(name, operators)
    const stranger = bn254KeyOf(root, facade.chainId)
    const five = facade.submission(name, operators, [0, 1, 2, 3, 4])
    const bends: readonly (readonly [Partial<RootSubmission>, string])[] = [
      [{ quorumBitmap: '0x' }, 'BitmapInvalid'],
      [{ quorumBitmap: `${quorumBitmap}00` }, 'BitmapInvalid'],
      [{ quorumBitmap: toHex(new Uint8Array(512)) }, 'NoQuorum'],
      // Bits of one who did not sign; and not of one who did.
      [{ quorumBitmap, aggPkG2: five.aggPkG2, signature: five.signature }, 'SignatureInvalid'],
      [{ quorumBitmap: five.quorumBitmap }, 'SignatureInvalid'],
      // Forged keys in G2: of a stranger, that signs; of five; of all and a stranger; none.
      [
        {
          aggPkG2: stranger.pkG2,
          signature: bn254Sign(stranger.secret, rootDigest(name)),
        },
        'SignatureInvalid',
      ],
      [{ aggPkG2: five.aggPkG2 }, 'SignatureInvalid'],
      [
        {
          aggPkG2: sumOfG2([aggPkG2, stranger.pkG2]),
          signature: sumOfG1([signature, bn254Sign(stranger.secret, rootDigest(name))]),
        },
        'SignatureInvalid',
      ],
      [{ aggPkG2: { X: [0n, 0n], Y: [0n, 0n] }, signature: { X: 0n, Y: 0n } }, 'SignatureInvalid'],
      [{ aggPkG2: { X: [1n, 2n], Y: [3n, 4n] } }, 'SignatureInvalid'],
      // Signatures: of one, one counted twice, none, no point, beyond the field.
      [{ signature: signed[0]!.signature }, 'SignatureInvalid'],
      [{ signature: sumOfG1([signature, signed[0]!.signature]) }, 'SignatureInvalid'],
      [{ signature: { X: 0n, Y: 0n } }, 'SignatureInvalid'],
      [{ signature: { X: 1n, Y: 1n } }, 'SignatureInvalid'],
      [{ signature: { X: 2n ** 256n - 1n, Y: 2n } }, 'SignatureInvalid'],
    ]
    for (const [bend, errorName] of bends) {
      refuses(() => facade.submit({ ...submission, ...bend }), errorName)
    }
    assert.equal(exists(facade, name), false)
    facade.submit(submission)
  })
})

describe('submissionOf', () => {
  test('leaves out who signs wrongly, and is nothing when too few are left', () => {
    const { facade, operators, name } = uploaded()
    const quorum = facade.quorumAt(0)
    const good = facade.signed(name, operators)
    const wrong = [
      { ...good[2]!, signature: good[3]!.signature },
      { ...good[2]!, signature: { X: 1n, Y: 1n } },
      { ...good[2]!, pkG2: { X: [0n, 1n], Y: [0n, 0n] } as const },
    ]
    for (const each of wrong) {
      const found = submissionOf(name, quorum, good.with(2, each))
      assert.deepEqual(found, facade.submission(name, operators, [0, 1, 3, 4, 5]))
    }
    const [bad] = wrong
    assert.equal(submissionOf(name, quorum, good.slice(0, 4).with(2, bad!)), undefined)
    assert.equal(submissionOf(name, quorum, good.slice(0, 3)), undefined)
    assert.equal(submissionOf(name, quorum, []), undefined)
  })
})
