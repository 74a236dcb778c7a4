import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'

import { addressOfSecretKey, fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { outboxChain, stakeEachWei, StakeChain } from '@zg/sdk/testing'

import { runLine } from './testing/run-line.ts'

const tokens = 10n ** 18n
const holderKey: Hex = `0x${'a1'.repeat(32)}`
const holder = toHex(addressOfSecretKey(fromHex(holderKey)))

suite('what goes from network to network, and what may go there', () => {
  const home = mkdtempSync(join(tmpdir(), 'zg-bridge-'))
  const holderFile = join(home, 'holder.key')
  const closing: (() => void)[] = []
  let l1: StakeChain
  let site: readonly string[]
  let there: readonly string[]

  const siteOf = async (chain: StakeChain, name: string): Promise<readonly string[]> => {
    const served = await chain.serve()
    closing.push(served.close)
    const path = join(home, name)
    const clock = { epochStart: 1_800_000_000, epochSeconds: 30, firstEpoch: 2 }
    writeFileSync(path, JSON.stringify({ ...clock, contracts: chain.addresses }))
    return ['--l1-rpc', served.url, '--l1-site', path]
  }

  before(async () => {
    l1 = new StakeChain({ holders: [holder] })
    site = await siteOf(l1, 'site.json')
    const network = await outboxChain(holder).serve()
    closing.push(network.close)
    there = ['--rpc', network.url]
    writeFileSync(holderFile, holderKey, { mode: 0o600 })
  })

  after(() => {
    for (const close of closing) close()
    rmSync(home, { recursive: true })
  })

  const run = (line: string, flags: readonly string[] = []) =>
    runLine([...line.split(' '), '--key-file', holderFile, ...flags, ...site], home)

  test('bridge transfer shows amounts, clocks and risks, and burns after a yes alone', async () => {
    const line = 'bridge transfer 500 --to-network 1'
    const unasked = await run(line, there)
    assert.match(unasked.err, /no terminal to ask on; add --yes/)
    assert.match(unasked.out, /transfer +500 of 50,000 on network 0/)
    assert.match(unasked.out, /to +0x\w{40} on network 1, once the entry was claimed on L1/)
    assert.match(unasked.out, /burned +at once and for ever on this network/)
    assert.match(unasked.out, /there +500 would live there; stake secures 1,333,200/)
    assert.match(
      unasked.out,
      /if not +what cannot be taken there is paid out on L1 to the same address: hold its key/,
    )
    assert.match(unasked.out, /large +a first claim announces it, .* later or more a second one/)
    const small = await run('bridge transfer 5 --to-network 1', there)
    assert.match(small.out, /rate +1,000 of 1,000 may come from network 0 now/)
    const done = await run(`${line} --yes --json`, there)
    assert.equal(done.exitCode, 0, done.err)
    const { network, toNetwork, to, amountWei } = JSON.parse(done.out) as Record<string, unknown>
    assert.deepEqual([network, toNetwork, amountWei], [0, 1, String(500n * tokens)])
    assert.equal(String(to).toLowerCase(), holder)
    const status = await runLine(['bridge', 'status', ...there, ...site], home)
    assert.match(status.out, /0 +transfer +0x\w+ +500 +a relayer to show the block to L1/)
  })

  test('bridge transfer refuses what would burn for nothing, before anything is signed', async () => {
    const refusals = [
      ['5 --to-network 9', /no network 9 on L1, which knows 0, 1; zg network list shows/],
      ['5 --to-network 0', /--to-network "0": they are there already; zg bridge transfer --help/],
      ['0 --to-network 1', /amount "0": it must be more than nothing/],
      ['1wei --to-network 1', /amount "1wei": it is no whole number of gwei/],
      ['50001 --to-network 1', /Cannot send 50,001 from 0x\w+: it holds 49,500/],
      ['5', /--to-network says where to; see zg bridge transfer --help/],
    ] as const
    for (const [words, said] of refusals) {
      const { err, out } = await run(`bridge transfer ${words} --yes`, there)
      assert.match(err, said)
      assert.doesNotMatch(out, /sent/)
    }
  })

  test('bridge transfer refuses a network that takes nothing yet', async () => {
    const young = await siteOf(new StakeChain({ operatorCount: 0 }), 'young.json')
    const words = 'bridge transfer 5 --to-network 1 --yes --key-file'.split(' ')
    const { err } = await runLine([...words, holderFile, ...there, ...young], home)
    assert.match(
      err,
      /Cannot transfer to network 1: it is opening: needs 1 operators.*; zg network/,
    )
  })

  test('a deposit that finds no room, or no network, signs no approval either', async () => {
    l1.call('ZgToken', 'transfer', { args: [holder, 2_000_000n * tokens] })
    const { out, err } = await run('bridge deposit 2000000 --yes')
    assert.match(err, /Cannot deposit 2,000,000: stake lets 1,283,200 more onto network 0; zg net/)
    assert.doesNotMatch(out, /sent/)
    const unknown = await run('bridge deposit 5 --network 9 --yes')
    assert.match(unknown.err, /Cannot deposit: there is no network 9 on L1, which knows 0, 1; zg/)
  })

  test('where stake fell, nothing more goes in, by a transfer neither', async () => {
    const full = await run('bridge deposit 1283200 --network 1 --yes')
    assert.equal(full.exitCode, 0, full.err)
    const [first] = l1.operators
    assert.ok(first !== undefined)
    const from = first.address
    l1.call('StakeManager', 'unstake', { args: [from, stakeEachWei], from })
    l1.advance(60)
    const { err } = await run('bridge transfer 5 --to-network 1 --yes', there)
    assert.match(err, /Cannot transfer 5: stake lets 0 more onto network 1; zg network list shows/)
  })
})
