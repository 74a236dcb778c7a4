import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'

import { addressOfSecretKey, fromHex, rendezvous, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { streamIdOf } from '@zg/sdk'
import { MessageChain, StakeChain } from '@zg/sdk/testing'

import { runLine } from './testing/run-line.ts'

const ownerKey: Hex = `0x${'a1'.repeat(32)}`
const owner = toHex(addressOfSecretKey(fromHex(ownerKey)))
const photos: Hex = `0x${Buffer.from('photos').toString('hex').padEnd(64, '0')}`
const id = streamIdOf(owner, photos)

type Told = Readonly<Record<string, unknown>>

/** A chain whose transactions belong elsewhere. */
class ForeignChain extends MessageChain {
  constructor() {
    const rich = { address: BigInt(owner), nonce: 0n, balance: 10n ** 20n }
    const accounts = [{ ...rich, code: new Uint8Array(0), storage: [] }]
    super({ chainId: 77, timestamp: 1_800_000_000, accounts })
  }

  override async answer(method: string, params: unknown): Promise<unknown> {
    if (method !== 'eth_sendRawTransaction') return super.answer(method, params)
    const data = { reason: 'wrong-network', network: 5, chainId: '0x4d' }
    throw Object.assign(new Error('invalid chain id for signer'), { code: -32_003, data })
  }
}

suite('verbs of streams', () => {
  const home = mkdtempSync(join(tmpdir(), 'zg-stream-'))
  const keyFile = join(home, 'owner.key')
  const first = rendezvous(fromHex(id), [0, 1, 2]) as number
  const second = (first + 1) % 3
  let l1: StakeChain
  let site: readonly string[]
  const closing: (() => void)[] = []

  before(async () => {
    l1 = new StakeChain({ networkIds: [0, 1, 2], holders: [owner] })
    const served = await l1.serve()
    closing.push(served.close)
    const path = join(home, 'site.json')
    const clock = { epochStart: 1_800_000_000, epochSeconds: 30, firstEpoch: 2 }
    writeFileSync(path, JSON.stringify({ ...clock, contracts: l1.addresses }))
    site = ['--l1-rpc', served.url, '--l1-site', path]
    writeFileSync(keyFile, ownerKey, { mode: 0o600 })
  })

  after(() => {
    for (const close of closing) close()
    rmSync(home, { recursive: true })
  })

  const run = (line: string, signs = false) => {
    const signer = signs ? ['--key-file', keyFile, '--yes'] : []
    return runLine([...line.split(' '), ...signer, ...site], home)
  }
  const ask = async (line: string, signs = false): Promise<Told> => {
    const { exitCode, out, err } = await run(`${line} --json`, signs)
    assert.equal(exitCode, 0, `${line}: ${err}${out}`)
    return JSON.parse(out) as Told
  }

  test('stream home shows where a stream would begin, stream open begins it there', async () => {
    const named = await run(`stream home photos --owner ${owner}`)
    assert.match(named.out, new RegExp(`stream +${id}`))
    assert.match(named.out, /opened +by nobody yet/)
    const where = `network ${first}, chain id ${1_660_200 + first}`
    assert.match(named.out, new RegExp(`would begin +${where}`))
    const opened = await run('stream open photos', true)
    assert.match(opened.out, new RegExp(`begins +${where}`))
    assert.match(opened.out, /✓ final {3}open stream/)
    const told = await ask(`stream home ${id}`)
    assert.deepEqual(
      [told['stream'], told['network'], told['chainId'], told['status'], told['next']],
      [id, first, 1_660_200 + first, 'active', null],
    )
    assert.match(String(told['openedEpoch']), /^\d+$/)
    const again = await run('stream open photos', true)
    assert.match(again.err, /the contract answers StreamTaken; zg stream home shows where it is/)
  })

  test('stream migrate moves it in the epoch after the next, one move at a time', async () => {
    const unopened = await run(`stream migrate other ${second}`, true)
    assert.match(unopened.err, /StreamUnknown; zg stream open opens it/)
    const nowhere = await run('stream migrate photos 9', true)
    assert.match(nowhere.err, /NetworkTakesNone; zg network list shows which are active/)
    const moved = await ask(`stream migrate photos ${second}`, true)
    assert.deepEqual([moved['stream'], moved['from'], moved['to']], [id, first, second])
    const fromEpoch = String(moved['fromEpoch'])
    const early = await run(`stream migrate photos ${first}`, true)
    assert.match(early.err, /MoveUnderWay\(\d+\); zg stream home shows when it has moved/)
    const { network, next } = await ask(`stream home ${id}`)
    assert.deepEqual([network, next], [first, { network: second, fromEpoch }])
    const shown = await run(`stream home ${id}`)
    assert.match(shown.out, new RegExp(`moves +to network ${second} in epoch ${fromEpoch}, 2027-`))
    l1.advance(60)
    const after = await ask(`stream home photos --owner ${owner}`)
    assert.deepEqual([after['network'], after['next']], [second, null])
  })

  test('streams are named by 32 bytes at most, or found by their id', async () => {
    const long = await run(`stream open ${'x'.repeat(33)}`, true)
    assert.match(long.err, /it has not 1 to 32 bytes, nor is it as many in hex/)
    assert.equal(long.exitCode, 2)
    const hex = await ask(`stream home ${photos} --owner ${owner}`)
    assert.equal(hex['stream'], id)
    const unnamed = await run('stream home photos')
    assert.match(unnamed.err, /it is no id of 0x and 64 hex digits, and a name goes with --owner/)
    assert.equal(unnamed.exitCode, 2)
  })

  test('send: an endpoint that names another network is followed by the command that mends it', async () => {
    const served = await new ForeignChain().serve()
    closing.push(served.close)
    const line = ['send', '--to', owner, '--value', '1', '--rpc', served.url, '--key-file', keyFile]
    const { exitCode, err } = await runLine(line, home)
    assert.equal(exitCode, 1)
    assert.match(
      err,
      /belongs to network 5; use --network 5 without --rpc, or the --rpc of network 5/,
    )
  })
})
