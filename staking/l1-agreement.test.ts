import assert from 'node:assert/strict'
import { test } from 'node:test'

import { headerHash } from '@zg/evm'
import { createMetrics, SimulatedClock } from '@zg/runtime'
import type { LogFields, Logger } from '@zg/runtime'

import { L1EndpointError } from './json-rpc-endpoint.ts'
import type { L1Header } from './l1-endpoint.ts'
import { L1EpochTooShortError } from './l1-follower.ts'
import { openWorld } from './testing/follower-world.ts'

/** The same block with another time: a header that is sound by itself. */
function forked({ header }: L1Header): L1Header {
  const other = { ...header, timestamp: header.timestamp + 1 }
  return { header: other, hash: headerHash(other) }
}

function memoryLogger() {
  const told: { readonly message: string; readonly fields: LogFields | undefined }[] = []
  const keep = (message: string, fields?: LogFields): void => void told.push({ message, fields })
  const log: Logger = { debug: keep, info: keep, warn: keep, error: keep, child: () => log }
  const codes = (): readonly unknown[] =>
    told.map(({ fields }) => (fields?.['error'] as { code?: string } | undefined)?.code)
  return { log, told, codes }
}

/** A block that is sound by itself, far above any that there is. */
function invented({ header }: L1Header): L1Header {
  const other = { ...header, number: header.number + 1_000 }
  return { header: other, hash: headerHash(other) }
}

/** A world followed by two endpoints; the second one's answers can be bent apart. */
function openTwo(others: 'none' | 'a third' = 'none') {
  const world = openWorld()
  const second = world.another()
  const third = others === 'none' ? [] : [world.another()]
  const { log, told, codes } = memoryLogger()
  const metrics = createMetrics()
  const clock = new SimulatedClock()
  const follower = world.open({
    endpoints: [world.endpoint, second, ...third],
    clock: clock.forNode(0),
    log,
    metrics,
  })
  const metric = async (name: string): Promise<number> => {
    const line = (await metrics.text()).split('\n').find((text) => text.startsWith(name))
    return Number(line?.split(' ').at(-1))
  }
  return { ...world, second, follower, told, codes, metric, clock }
}

test('L1Follower believes a reference that both endpoints name', async () => {
  const { mine, follower, codes, metric } = openTwo()
  await mine(6)
  await follower.poll()
  assert.equal(follower.newestReference()?.number, 3n)
  assert.equal(follower.validatorSet(12n)?.validators.length, 5)
  assert.deepEqual(codes(), [])
  assert.equal(await metric('zg_l1_endpoints{state="agrees"}'), 2)
})

test('L1Follower takes no reference while one of two lies, and goes on when it tells the truth', async () => {
  const { mine, follower, second, codes, metric } = openTwo()
  await mine(6)
  await follower.poll()
  const known = follower.newestReference()
  await mine(4)
  // Of blocks it has not named yet: it does not contradict itself.
  second.bend = {
    final: (found) => (found.header.number > 5 ? forked(found) : found),
    header: (found) => (found !== undefined && found.header.number > 5 ? forked(found) : found),
  }
  await follower.poll()
  await follower.poll()
  assert.equal(follower.newestReference(), known)
  assert.deepEqual(codes(), ['STAKING_L1_DISAGREES', 'STAKING_L1_DISAGREES'])
  assert.equal(await metric('zg_l1_disagreements_total'), 2)
  assert.equal(follower.problem, 'STAKING_L1_DISAGREES')
  assert.equal(follower.isContradicted, false)
  // What it said is held against it: it is out, and the other goes on alone.
  second.bend = {}
  await follower.poll()
  assert.equal(follower.newestReference()?.number, 7n)
  assert.equal(follower.problem, undefined)
  assert.equal(await metric('zg_l1_endpoints{state="contradicts"}'), 1)
})

test('L1Follower believes the lowest of final blocks, and lets one of three that lags far catch up', async () => {
  const { mine, endpoint, follower, second, metric } = openTwo('a third')
  await mine(70)
  const late = async (number: bigint): Promise<L1Header> => {
    const found = await endpoint.header(number)
    assert.ok(found !== undefined)
    return found
  }
  const [near, far] = [await late(9n), await late(2n)]
  second.bend = { final: () => near }
  await follower.poll()
  assert.equal(follower.finalNumber, 9n)
  assert.equal(follower.newestReference()?.number, 7n)
  second.bend = { final: () => far }
  await follower.poll()
  assert.equal(follower.finalNumber, 69n, 'one that is 67 blocks behind does not count')
  assert.equal(await metric('zg_l1_endpoints{state="lags"}'), 1)
  second.bend = {}
  await mine(1)
  await follower.poll()
  assert.equal(follower.finalNumber, 70n)
  assert.equal(await metric('zg_l1_endpoints{state="agrees"}'), 3)
})

test('L1Follower of two endpoints waits for one that lags far, and goes on when it is down', async () => {
  const { mine, endpoint, follower, second } = openTwo()
  await mine(6)
  await follower.poll()
  const early = await endpoint.header(2n)
  assert.ok(early !== undefined)
  await mine(70)
  second.bend = { final: () => early }
  await follower.poll()
  assert.equal(follower.finalNumber, 5n)
  second.bend = {
    final: () => {
      throw new L1EndpointError('it is down')
    },
  }
  await follower.poll()
  assert.equal(follower.finalNumber, 75n)
})

test('L1Follower believes no endpoint alone because it is far ahead of those that answer', async () => {
  for (const others of ['none', 'a third'] as const) {
    const { mine, follower, second } = openTwo(others)
    await mine(6)
    await follower.poll()
    await mine(4)
    second.bend = { final: invented }
    await follower.poll()
    assert.ok((follower.finalNumber ?? 0n) <= 9n, `${follower.finalNumber} with ${others}`)
    assert.ok((follower.newestReference()?.number ?? 0n) <= 7n)
    await mine(4)
    await follower.poll()
    assert.equal(follower.finalNumber, 13n, 'it agrees about what there is')
  }
})

test('L1Follower goes on with the other when one reorganises what was final', async () => {
  const { mine, follower, second, codes, metric, told } = openTwo()
  await mine(6)
  await follower.poll()
  await mine(3)
  second.bend = { final: forked, header: (found) => found && forked(found) }
  await follower.poll()
  assert.equal(follower.newestReference()?.number, 6n)
  assert.equal(await metric('zg_l1_endpoints{state="contradicts"}'), 1)
  assert.ok(codes().includes('STAKING_L1_CONTRADICTS'))
  second.bend = {}
  await mine(2)
  await follower.poll()
  assert.equal(follower.newestReference()?.number, 8n)
  assert.equal(await metric('zg_l1_endpoints{state="contradicts"}'), 1, 'it stays out')
  assert.equal(told.length, 1, 'it is told once')
})

test('L1Follower goes on with the other when one fails, or lies in what is proved', async () => {
  const { mine, endpoint, follower, second, metric } = openTwo()
  endpoint.credit(1, 7n, 5n)
  await mine(6)
  second.bend = {
    final: () => {
      throw new L1EndpointError('it is down')
    },
  }
  await follower.poll()
  assert.equal(follower.newestReference()?.number, 3n)
  assert.equal(await metric('zg_l1_endpoints{state="fails"}'), 1)
  // The first one forges proofs and hides credits: the other is asked.
  second.bend = {}
  endpoint.credit(1, 8n, 6n)
  await mine(4)
  endpoint.bend = { proof: (found) => ({ ...found, slots: [] }), credits: () => [] }
  second.proof = async (...asked) => {
    const { bend } = endpoint
    endpoint.bend = {}
    const found = await endpoint.proof(...asked)
    endpoint.bend = bend
    return found
  }
  second.credits = async (query) => {
    const { bend } = endpoint
    endpoint.bend = {}
    const found = await endpoint.credits(query)
    endpoint.bend = bend
    return found
  }
  await follower.poll()
  assert.equal(follower.newestReference()?.number, 7n)
  assert.equal(follower.credits(0n, 2n)?.length, 2)
})

test('L1Follower waits once for one that is silent, and asks it again when it has answered', async () => {
  const { mine, endpoint, follower, second, clock, metric } = openTwo()
  await mine(6)
  const finalHeader = () => endpoint.finalHeader()
  let answer = (): void => undefined
  let asked = 0
  second.finalHeader = async () => {
    asked++
    await new Promise<void>((resolve) => {
      answer = resolve
    })
    return finalHeader()
  }
  const begin = clock.nowMs()
  const first = follower.poll()
  await clock.run({ untilMs: begin + 10_000 })
  await first
  assert.equal(follower.newestReference()?.number, 3n)
  assert.equal(await metric('zg_l1_endpoints{state="fails"}'), 1)
  await mine(1)
  await follower.poll()
  assert.equal(follower.newestReference()?.number, 4n, 'nobody waits for it now')
  assert.equal(asked, 1)
  second.finalHeader = finalHeader
  answer()
  await clock.run({ untilMs: clock.nowMs() + 10 })
  await mine(1)
  await follower.poll()
  assert.equal(await metric('zg_l1_endpoints{state="agrees"}'), 2)
})

test('L1Follower takes neither no endpoint nor too many, nor epochs that are too short', () => {
  const { open, endpoint } = openWorld()
  for (const endpoints of [[], Array.from({ length: 9 }, () => endpoint)]) {
    assert.throws(() => open({ endpoints }), { code: 'STAKING_L1_ENDPOINTS_INVALID' })
  }
  const epochs = { start: 0n, length: 30n }
  open({ epochs, finalitySeconds: 14n })
  assert.throws(() => open({ epochs, finalitySeconds: 15n }), L1EpochTooShortError)
})

test('L1Follower that asks once a block asks for the final block and one proof', async () => {
  const { mine, open, endpoint } = openWorld()
  const asked: string[] = []
  const counted = new Proxy(endpoint, {
    get(target, name: keyof typeof endpoint) {
      const member = target[name] as unknown
      if (typeof member !== 'function') return member
      return (...args: unknown[]): unknown => {
        asked.push(name)
        return member.apply(target, args)
      }
    },
  })
  const follower = open({ endpoints: [counted] })
  for (let block = 0; block < 6; block++) {
    await mine()
    asked.length = 0
    await follower.poll()
  }
  assert.deepEqual(asked, ['finalHeader', 'proof'])
})
