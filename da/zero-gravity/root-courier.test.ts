import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fromHex, sha256, toHex } from '@zg/primitives'
import { silentLogger, SimulatedClock } from '@zg/runtime'

import { quorumOf } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'
import { UnavailableError } from '../doors/dispersal.ts'
import { FacadeWorld, uploader } from '../testing/facade-world.ts'
import type { FacadeOperator } from '../testing/facade-world.ts'
import { encodeG1 } from './bn254.ts'
import type { RootName } from './messages.ts'
import { RootCourier } from './root-courier.ts'
import type { RootCourierOptions } from './root-courier.ts'
import { RootSigner } from './root-signer.ts'

const commitment = sha256(Uint8Array.of(0xda))
const pollsMost = 300

/** What a member answers; by its index. */
type Answer = (batch: BatchId) => Promise<Uint8Array>

/**
 * Six signers of 0G's contracts on our EVM, one of whom did not register; a courier. Four of them
 * are enough. `answersOf` says what members answer that are not honest.
 */
function openCourier(
  answersOf: (operators: readonly FacadeOperator[]) => Readonly<Record<number, Answer>>,
) {
  const facade = new FacadeWorld({ quorumCount: 3 })
  const operators = facade.operators(6)
  const answers = answersOf(operators)
  facade.settle(
    operators,
    operators.map(() => 300n),
    { without: operators.slice(5) },
  )
  const { data } = facade
  const epoch = data.epoch
  const seed = data.seedOf(epoch)
  // Its quorum is not the one that the uploader's first transaction is drawn for.
  const first = quorumOf(seed, fromHex(uploader), 0n, 3)
  const quorum = (first + 1) % 3
  const batch: BatchId = {
    network: 0,
    epoch: BigInt(epoch),
    quorum,
    disperser: fromHex(uploader),
    sequence: 0n,
  }
  const asked: number[] = []
  const clock = new SimulatedClock()
  const courier = new RootCourier({
    clock,
    log: silentLogger,
    chain: chainOf(facade, operators),
    facade: contractsOf(facade),
    client: {
      root: (url, given) => {
        const member = Number(url)
        asked.push(member)
        return (answers[member] ?? honest(operators[member]!))(given)
      },
    },
  })
  const name: RootName = { dataRoot: commitment, epoch: batch.epoch, quorumId: BigInt(quorum) }
  const isThere = () => {
    const args = [toHex(name.dataRoot), name.epoch, name.quorumId]
    return data.read(facade.entrance, 'commitmentExists', ...args) as boolean
  }
  const uploads = () => data.read(facade.entrance, 'uploadsOf', epoch, uploader) as bigint
  const drawnFor = (count: bigint) => quorumOf(seed, fromHex(uploader), count, 3)
  return { courier, batch, asked, clock, isThere, uploads, drawnFor }
}

/** A node that holds what it is asked for. */
function honest({ bn254 }: FacadeOperator): Answer {
  const signer = new RootSigner({ held: async () => commitment }, bn254)
  return async (batch) => (await signer.sign(batch))!
}

const silent: Answer = async () => {
  throw new UnavailableError('nobody answers')
}

/** Goes on until it is so. */
async function until(clock: SimulatedClock, isSo: () => boolean): Promise<void> {
  for (let poll = 0; poll < pollsMost && !isSo(); poll++) {
    await clock.run({ untilMs: clock.nowMs() + 100 })
  }
  assert.ok(isSo())
}

test('RootCourier uploads for the quorum that holds the root, and brings what its signers sign', async () => {
  const lie: Answer = async () => encodeG1({ X: 1n, Y: 2n })
  const { courier, batch, asked, clock, isThere, uploads, drawnFor } = openCourier(() => ({
    1: lie,
  }))
  courier.bring({ batch, commitment })
  await until(clock, isThere)
  assert.deepEqual(
    asked.toSorted((a, b) => a - b),
    [0, 1, 2, 3, 4],
  )
  // What was drawn for other quorums was passed.
  assert.ok(uploads() > 1n)
  assert.equal(drawnFor(uploads() - 1n), batch.quorum)
  await courier.close()
})

test('RootCourier asks again while too few sign, and uploads once', async () => {
  let isBack = false
  const { courier, batch, asked, clock, isThere, uploads } = openCourier((operators) => ({
    0: silent,
    2: (asks) => (isBack ? honest(operators[2]!)(asks) : silent(asks)),
  }))
  courier.bring({ batch, commitment })
  await until(clock, () => asked.length === 5)
  const before = uploads()
  isBack = true
  await until(clock, isThere)
  assert.deepEqual([asked.length, uploads()], [10, before])
  await courier.close()
})

test('RootCourier gives a root up that too few sign, and goes on to the next', async () => {
  const noPoint: Answer = async () => new Uint8Array(64).fill(1)
  const short: Answer = async () => new Uint8Array(63)
  const { courier, batch, asked, clock, isThere } = openCourier(() => ({ 0: noPoint, 1: short }))
  courier.bring({ batch, commitment })
  courier.bring({ batch, commitment })
  await until(clock, () => asked.length === 40)
  await clock.run({ untilMs: clock.nowMs() + 60_000 })
  assert.deepEqual([asked.length, isThere()], [40, false])
  await courier.close()
})

/** Who holds what, as the contracts drew it; a member's url is its index. */
function chainOf(
  facade: FacadeWorld,
  operators: readonly FacadeOperator[],
): RootCourierOptions['chain'] {
  const { data } = facade
  return {
    epochAt: async (epoch) => ({ epoch, seed: data.seedOf(Number(epoch)), quorumCount: 3 }),
    quorumAt: async ({ epoch }, quorum) => {
      const drawn = facade.quorumAt(quorum, Number(epoch))
      const signers = drawn.members.map(({ place }) => ({
        operator: fromHex(operators[place]!.address),
        publicKey: new Uint8Array(48),
        url: String(place),
        isContested: false,
      }))
      return { ...drawn, signers }
    },
  }
}

/** The contracts, asked and told as `FacadeChain` does over JSON-RPC. */
function contractsOf(facade: FacadeWorld): RootCourierOptions['facade'] {
  const { data, entrance } = facade
  return {
    keysOf: async (accounts, epoch) =>
      accounts.map((account) => {
        const address = toHex(account)
        const [detail] = facade.ask('getSigner', [address]) as readonly [FacadeOperator['bn254']]
        return facade.ask('registeredEpoch', address, epoch) === true ? detail.pkG2 : undefined
      }),
    upload: async ({ epoch, seed, quorumCount }, { dataRoot, quorumId }) => {
      for (;;) {
        const count = data.read(entrance, 'uploadsOf', epoch, uploader) as bigint
        const drawn = quorumOf(seed, fromHex(uploader), count, quorumCount)
        const isIts = BigInt(drawn) === quorumId
        facade.upload(isIts ? [dataRoot] : [])
        if (isIts) return
      }
    },
    submit: async (submission) => void facade.submit(submission),
  }
}
