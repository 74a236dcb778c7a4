import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { dataOperator, DataWorld, fillPlaces } from '@zg/contracts/testing'
import type { Hex } from '@zg/primitives'
import { toHex } from '@zg/primitives'

import { toFunctionSelector } from 'viem'

import { auditQuorum } from './quorum-audit.ts'
import { serveWorld } from '../testing/world-rpc.ts'
import type { Interceptor } from '../testing/world-rpc.ts'

const script = fileURLToPath(new URL('../examples/draw.mjs', import.meta.url))
const quorumOf = toFunctionSelector('quorumOf(uint64,uint32)')
const operators = [1, 2, 3, 4].map(dataOperator)

type Place = { readonly rpc: string; readonly entrance: Hex }

async function openPlace(t: TestContext, options?: ConstructorParameters<typeof DataWorld>[0]) {
  const data = new DataWorld(options)
  const rpc = await serveWorld(data.world)
  t.after(() => rpc.close())
  return { data, rpc, place: { rpc: rpc.url, entrance: data.entrance.address } }
}

type Drawn = {
  readonly seed: Hex
  readonly shift: number
  readonly places: readonly number[]
  readonly slots: readonly number[]
  readonly isSame: boolean | null
}

/** What the third party's script says, and how it ends. */
async function runScript({ rpc, entrance }: Place, epoch: number, quorum: number) {
  const args = [script, rpc, entrance, String(epoch), String(quorum)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', (piece: Buffer) => (out += piece.toString()))
  const [exitCode] = (await once(child, 'close')) as [number]
  return { exitCode, drawn: JSON.parse(out) as Drawn }
}

/** Has an answer that is a quorum of three tell of another rounding. */
function lieOf(places: readonly number[]): Interceptor {
  const word = (number: number): string => number.toString(16).padStart(64, '0')
  const words = [64, 64 + 32 * (places.length + 1), places.length, ...places, places.length]
  const slots = [4_094, ...places.slice(1).map(() => 1)]
  const result: Hex = `0x${[...words, ...slots].map(word).join('')}`
  return (method, params) => {
    const isQuorum =
      method === 'eth_call' && (params[0] as { data: string }).data.startsWith(quorumOf)
    return isQuorum ? { result } : undefined
  }
}

test('a third party draws any epoch and quorum from the chain alone, as they were written', async (t) => {
  const { data, rpc, place } = await openPlace(t)
  const { epoch: first } = data
  data.settle(operators.slice(0, 3), [300n, 200n, 100n])
  const [alice, bob, , dave] = operators as [
    (typeof operators)[0],
    (typeof operators)[0],
    unknown,
    (typeof operators)[0],
  ]
  const changes: Record<number, () => void> = {
    1() {
      data.bond(alice, 77n)
      data.join(alice, 0)
    },
    2() {
      data.register(dave)
      data.bond(dave, 500n)
      data.join(dave, 3)
    },
    3: () => void data.send(data.signers, 'retire', [], { from: alice.address }),
    4: () => void data.send(data.stake, 'unbond', [80n], { from: bob.address }),
    6: () => void data.send(data.signers, 'contest', [1, '0x']),
    7: () => data.join(bob, 4),
  }
  for (let passed = 0; passed < 10; passed++) {
    changes[passed]?.()
    data.openAll()
    data.passEpochs(1)
  }
  const sizes = new Set<number>()
  for (let epoch = first + 2; epoch < data.epoch; epoch++) {
    for (const quorum of [0, 1]) {
      const { isAsWritten, drawn, holders } = await auditQuorum(place, {
        epoch: BigInt(epoch),
        quorum,
      })
      assert.equal(isAsWritten, true, `epoch ${epoch}`)
      for (const [index, { operator }] of holders.entries()) {
        const told = data.read(data.signers, 'memberOf', epoch, quorum, index) as [string, bigint]
        assert.equal(toHex(operator), told[0].toLowerCase())
      }
      sizes.add(drawn.members.length)
    }
  }
  const some = [first + 2, first + 6, first + 8, data.epoch - 1]
  for (const { exitCode, drawn } of await Promise.all(
    some.map((epoch) => runScript(place, epoch, 1)),
  )) {
    assert.deepEqual([exitCode, drawn.isSame], [0, true])
  }
  assert.deepEqual(
    [...sizes].sort((a, b) => a - b),
    [2, 3, 4],
  )

  const { epoch } = data
  const coming = { epoch: BigInt(epoch) + 1n, quorum: 0 }
  assert.equal((await auditQuorum(place, coming)).isAsWritten, undefined)
  assert.deepEqual((await runScript(place, epoch + 1, 0)).drawn.isSame, null)
  for (const [of, quorum, why] of [
    [epoch + 2, 0, /its seed is not known/],
    [epoch, 2, /there are 2, from 0 on/],
  ] as const) {
    await assert.rejects(auditQuorum(place, { epoch: BigInt(of), quorum }), why)
  }
  // Who wrote down another one is found out.
  const { drawn } = await auditQuorum(place, { epoch: BigInt(first + 2), quorum: 0 })
  rpc.intercept = lieOf(drawn.members.map((member) => member.place))
  const lied = await auditQuorum(place, { epoch: BigInt(first + 2), quorum: 0 })
  assert.equal(lied.isAsWritten, false)
  const told = await runScript(place, first + 2, 0)
  assert.deepEqual([told.exitCode, told.drawn.isSame], [1, false])
})

test('of more than 512 places a third party draws the same tickets', async (t) => {
  const { data, place } = await openPlace(t)
  fillPlaces(data, 768, (index) => 100n + BigInt((index * index) % 977))
  data.openAll()
  const { isAsWritten, drawn } = await auditQuorum(place, { epoch: BigInt(data.epoch), quorum: 1 })
  assert.equal(isAsWritten, true)
  assert.ok(drawn.members.length > 200 && drawn.members.length < 512)
  const { exitCode, drawn: theirs } = await runScript(place, data.epoch, 1)
  assert.deepEqual([exitCode, theirs.isSame], [0, true])
  assert.equal(theirs.shift, drawn.shift)
  assert.deepEqual(
    theirs.places,
    drawn.members.map((member) => member.place),
  )
})
