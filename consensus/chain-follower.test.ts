import assert from 'node:assert/strict'
import { test } from 'node:test'

import { SimulatedClock } from '@zg/runtime'
import type { Network } from '@zg/runtime'

import type { Application } from './application.ts'
import { ChainFollower } from './chain-follower.ts'
import { chainRequestTimeoutMs } from './chain-sync.ts'
import { consensusRoot } from './header.ts'
import { zeroL1Reference } from './l1-reference.ts'
import { viewWithoutL1 } from './l1-view.ts'
import type { L1View } from './l1-view.ts'
import type { Message } from './messages.ts'
import {
  blockIn,
  certificateOf,
  genesis,
  genesisNode,
  genesisRoot,
  identity,
  others,
  scheme,
  set,
  startMs,
  voteOf,
} from './testing/engine-world.ts'
import type { ValidatorOptions } from './validator-options.ts'

const block = blockIn(1, startMs + 1_000, genesisNode, {
  ...zeroL1Reference,
  number: 1n,
  creditCount: 3n,
})

function chainProvedBy(signers: readonly number[]): Extract<Message, { kind: 'chain' }> {
  const vote = voteOf('finalize', 1, consensusRoot(block.header))
  const message = certificateOf(vote, signers)
  assert.ok(message.kind === 'certificate')
  const { certificate } = message
  return { kind: 'chain', blocks: [block], proof: { kind: 'finalization', certificate } }
}

/** What came of a chain that a peer sent when asked. */
async function outcomeOf(l1View: Partial<L1View>, signers = others) {
  const blamed: string[] = []
  const asked: number[] = []
  const finalized: bigint[] = []
  const options = {
    genesis: { identity },
    scheme,
    clock: new SimulatedClock(),
    l1View: { ...viewWithoutL1(set), ...l1View },
    network: { reportMisbehaviour: (_peer, reason) => blamed.push(reason) } as Partial<Network>,
    application: {
      validatePayload: async ({ credits }) => {
        asked.push(credits.length)
        return 'VALID'
      },
    } as Partial<Application>,
  } as unknown as ValidatorOptions
  const follower = new ChainFollower(options, {
    head: () => ({ header: genesis, consensusRoot: genesisRoot }),
    history: () => genesisNode.history,
    peers: () => (finalized.length === 0 ? ['peer'] : []),
    send: () => undefined,
    finalize: async (blocks) => void finalized.push(...blocks.map(({ header }) => header.height)),
    onSynced: () => undefined,
  })
  follower.follow()
  await follower.receive('peer', chainProvedBy(signers))
  follower.stop()
  return { blamed, asked, finalized }
}

const credits: L1View['credits'] = (first, until) =>
  Array.from({ length: Number(until - first) }, (_, place) => ({
    index: first + BigInt(place),
    recipient: new Uint8Array(20),
    amountGwei: 1n,
  }))

test('ChainFollower: a proved chain is executed with its credits, and final', async () => {
  const outcome = await outcomeOf({ credits })
  assert.deepEqual(outcome, { blamed: [], asked: [3], finalized: [1n] })
})

test('ChainFollower: a chain that nobody proves is blamed on its sender', async () => {
  const { blamed, finalized } = await outcomeOf({ credits }, others.slice(0, 2))
  assert.equal(blamed.length, 1)
  assert.deepEqual(finalized, [])
})

test('ChainFollower: a set that is not known here yet is nobody to blame for', async () => {
  const outcome = await outcomeOf({ credits, validatorSet: () => undefined })
  assert.deepEqual(outcome, { blamed: [], asked: [], finalized: [] })
})

test('ChainFollower: credits that are not known here yet hold the chain back', async () => {
  const outcome = await outcomeOf({ credits: () => undefined })
  assert.deepEqual(outcome, { blamed: [], asked: [], finalized: [] })
})

test('ChainFollower: of peers that are ahead, one that is silent or lies is passed over', async () => {
  const clock = new SimulatedClock()
  const sent: string[] = []
  let height = 1n
  const options = {
    genesis: { identity },
    scheme,
    clock,
    l1View: { ...viewWithoutL1(set), credits },
    network: { reportMisbehaviour: () => undefined } as Partial<Network>,
    application: { validatePayload: async () => 'VALID' } as Partial<Application>,
  } as unknown as ValidatorOptions
  const follower = new ChainFollower(options, {
    head: () => ({ header: { ...genesis, height: height - 1n }, consensusRoot: genesisRoot }),
    history: () => genesisNode.history,
    peers: () => ['silent', 'other', 'good'],
    send: (peer) => void sent.push(peer),
    finalize: async () => undefined,
    onSynced: () => undefined,
  })
  follower.follow()
  await clock.run({ untilMs: clock.nowMs() + chainRequestTimeoutMs })
  assert.deepEqual(sent, ['silent', 'other'])
  // Blocks of another height than was asked for: nobody is asked again at once, by any answer.
  height = 2n
  follower.stop()
  follower.follow()
  await follower.receive('other', chainProvedBy(others))
  assert.equal(follower.isRunning, false)
  height = 1n
  for (let round = 0; round < 3; round++) {
    follower.follow()
    await follower.receive('good', chainProvedBy(others))
  }
  follower.stop()
  assert.deepEqual(new Set(sent.slice(3)), new Set(['good']))
})
