import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'

import { addressOfSecretKey, fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { genesisOutstandingWei, outboxChain, StakeChain } from '@zg/sdk/testing'
import type { MessageChain } from '@zg/sdk/testing'

import { runLine } from './testing/run-line.ts'

const tokens = 10n ** 18n
const million = 1_000_000n * tokens
const holderKey: Hex = `0x${'a1'.repeat(32)}`
const holder = toHex(addressOfSecretKey(fromHex(holderKey)))

type Told = Readonly<Record<string, unknown>>

suite('verbs of shared stake', () => {
  const home = mkdtempSync(join(tmpdir(), 'zg-stake-'))
  const holderFile = join(home, 'holder.key')
  const operatorFile = join(home, 'operator.key')
  let l1: StakeChain
  let network: MessageChain
  let site: readonly string[]
  let networkUrl: string
  const closing: (() => void)[] = []

  before(async () => {
    l1 = new StakeChain({ holders: [holder] })
    network = outboxChain(holder)
    const [served, servedNetwork] = [await l1.serve(), await network.serve()]
    closing.push(served.close, servedNetwork.close)
    networkUrl = servedNetwork.url
    const path = join(home, 'site.json')
    const clock = { epochStart: 1_800_000_000, epochSeconds: 30, firstEpoch: 2 }
    writeFileSync(path, JSON.stringify({ ...clock, contracts: l1.addresses }))
    site = ['--l1-rpc', served.url, '--l1-site', path]
    writeFileSync(holderFile, holderKey, { mode: 0o600 })
    writeFileSync(operatorFile, String(l1.operators[0]?.accountKey), { mode: 0o600 })
  })

  after(() => {
    for (const close of closing) close()
    rmSync(home, { recursive: true })
  })

  const run = (line: string, keyFile?: string) => {
    const signer = keyFile === undefined ? [] : ['--key-file', keyFile]
    return runLine([...line.split(' '), ...signer, ...site], home)
  }
  /** Runs it with `--json` and returns what it printed. */
  const ask = async (line: string, keyFile?: string): Promise<Told> => {
    const { exitCode, out, err } = await run(`${line} --json`, keyFile)
    assert.equal(exitCode, 0, `${line}: ${err}${out}`)
    return JSON.parse(out) as Told
  }
  const operatorAddress = (): Hex => l1.operators[1]?.address ?? '0x'

  test('operators lists weight, commission and history; --security the cost of corruption', async () => {
    const people = await run('operators')
    assert.match(people.out, /operators in epoch 4, weights in tokens/)
    assert.equal(people.out.match(/1,000,000 +same +1,000,000 +0 % +0 1 +clean/g)?.length, 4)
    const { networks, shared } = (await ask('operators --security')) as {
      networks: { lieWei: string; lieOperators: number; atRiskWei: string; coverPercent: string }[]
      shared: { atRiskWei: string }
    }
    const lie = (2n * 4_000_000n * 10n ** 9n) / 3n + 1n
    assert.equal(networks[0]?.lieWei, String(lie * 10n ** 9n))
    assert.equal(networks[0]?.lieOperators, 3)
    assert.equal(networks[0]?.atRiskWei, String(genesisOutstandingWei))
    assert.equal(shared.atRiskWei, String(genesisOutstandingWei))
    const shown = await run('operators --security')
    assert.match(shown.out, /network 0 .*of 2 .*of 3 .*50,000/)
  })

  test('delegate shows every risk, and sends nothing without a yes', async () => {
    const line = `delegate ${operatorAddress()} 250`
    const { exitCode, out, err } = await run(line, holderFile)
    assert.equal(exitCode, 1)
    assert.match(err, /no terminal to ask on; add --yes to sign without being asked/)
    assert.match(out, /commission {3}the operator keeps 0 % of rewards/)
    assert.match(out, /unbonding .*10 min: told to leave now, it is free at 2027-/)
    assert.match(out, /slashing .*a fault in network 1 may take 100 %/)
    assert.match(out, /cap .*25 % of network 0; at most 10 % once it has 20 members/)
    assert.match(out, /counts from epoch 6 on/)
    const { holdings } = (await ask('stake', holderFile)) as { holdings: unknown[] }
    assert.deepEqual(holdings, [])
  })

  test('delegate, unstake and claim move what they say, each in its time', async () => {
    const operator = operatorAddress()
    const done = (await ask(`delegate ${operator} 250 --yes`, holderFile)) as {
      risks: { kind: string }[]
      transactions: { what: string; status: string }[]
      countsFromEpoch: string
    }
    assert.deepEqual(
      done.transactions.map(({ what, status }) => `${what} ${status}`),
      ['approve success', 'stake success'],
    )
    assert.ok(done.risks.some(({ kind }) => kind === 'unbonding'))
    assert.equal(done.countsFromEpoch, '6')

    const much = await run(`unstake ${operator} 251 --yes`, holderFile)
    assert.match(much.err, /Cannot unstake 251 from 0x.*: 250 is staked there; zg stake shows/)
    await ask(`unstake ${operator} all --yes`, holderFile)
    const early = await run('claim --yes', holderFile)
    assert.match(early.err, /nothing has left; the next is free 2027-.*\(in 1\d min\); zg stake/)
    const left = await run('stake', holderFile)
    assert.match(left.out, /leaving {3}250 {3}free 2027-/)

    l1.advance(700)
    const claimed = await ask(`claim ${operator} --yes`, holderFile)
    assert.equal(claimed['withdrawnWei'], String(250n * tokens))
    const { freeWei } = await ask('stake', holderFile)
    assert.equal(freeWei, String(million))
  })

  test('stake is for operators; amounts beyond what is there are refused with both numbers', async () => {
    const stranger = await run('stake 5 --yes', holderFile)
    assert.match(stranger.err, /none is registered under it; zg operators lists them/)
    const poor = await run('stake 5 --yes', operatorFile)
    assert.match(poor.err, /Cannot stake 5: 0x.* holds 0 on L1; zg bridge withdraw/)
    const nobody = await run(`delegate ${holder} 5 --yes`, holderFile)
    assert.match(nobody.err, /none is registered under it/)
    l1.call('ZgToken', 'transfer', { args: [l1.operators[0]?.address, 5n * tokens] })
    const staked = await ask('stake 5 --yes', operatorFile)
    assert.equal(staked['amountWei'], String(5n * tokens))
  })

  test('network list, leave and join', async () => {
    const listed = await run('network list')
    assert.match(listed.out, /network 1 .*chain id 1660201/)
    assert.match(listed.out, /status +active since epoch 3/)
    assert.match(listed.out, /load +nothing is proved of the last epochs/)
    const epoch = Number((await ask('network list'))['epoch'])
    l1.setLoad(1, BigInt(epoch - 1), 3)
    l1.setLoad(1, BigInt(epoch - 2), 3)
    const busy = await run('network list')
    assert.match(busy.out, new RegExp(`load +busy in 2 epochs up to ${epoch - 1}`))
    assert.match(listed.out, /lives +50,000 of 1,333,\d+.* that stake secures/)
    const twice = await run('network join 1 --yes', operatorFile)
    assert.match(twice.err, /Cannot join network 1: the contract answers StillIn; zg operators/)
    const left = await run('network leave 1 --yes', operatorFile)
    assert.match(left.out, /leave +network 1; validates, and answers, until epoch \d+/)
    const unknown = await run('network leave 7 --yes', operatorFile)
    assert.match(unknown.err, /the contract answers NotIn/)
    l1.advance(60)
    const joined = await ask('network join 1 --slash-bps-max 5000 --yes', operatorFile)
    assert.deepEqual(joined['risks'], [{ kind: 'slashing', network: 1, bpsMax: 5_000 }])
  })

  test('bridge: deposit, withdraw, and what waits for L1', async () => {
    const deposit = await run('bridge deposit 5 --network 0 --yes', holderFile)
    assert.match(deposit.out, /50,005 would live there; stake secures 1,333,\d+/)
    assert.match(deposit.out, /✓ final {3}deposit to network 0/)
    const much = await run('bridge deposit 2000000 --yes', holderFile)
    assert.match(much.err, /Cannot deposit 2,000,000: 0x.* holds 999,995 on L1/)
    const there = `--rpc ${networkUrl}`
    const large = await run(`bridge withdraw 500 ${there} --yes`, holderFile)
    assert.match(large.out, /large +a first claim announces it, 30\.0 s later a second one pays/)
    assert.match(large.out, /✓ final {3}withdraw to L1/)
    const status = await run(`bridge status ${there}`)
    assert.match(status.out, /0 +withdrawal +0x\w+ +500 +a relayer to show the block to L1/)
    const claim = await run(`bridge claim 0 ${there} --yes`, holderFile)
    assert.match(claim.err, /Cannot claim entry 0: it waits for a relayer.*zg bridge status/)
    const none = await run(`bridge claim 4 ${there} --yes`, holderFile)
    assert.match(none.err, /entry 4 of network 0: none of that number waits; zg bridge status/)
  })

  test('gov: a parameter is proposed, voted, queued and executed, no step before its time', async () => {
    const poor = await run('gov propose --set loadEpochs=3 --yes', holderFile)
    assert.match(poor.err, /has 0 votes, 1,000,000 are needed; zg gov delegate/)
    l1.call('ZgToken', 'transfer', { args: [holder, 50n * million] })
    await ask('gov delegate --yes', holderFile)
    l1.advance(2)
    const wild = await run('gov propose --set loadEpochs=99 --yes', holderFile)
    assert.match(wild.err, /--set "loadEpochs": it goes from 2 to 16; zg gov propose --help/)
    assert.equal(wild.exitCode, 2)
    const unnamed = await run('gov propose --set blockTime=1 --yes', holderFile)
    assert.match(unnamed.err, /it is none of operatorBps, churnBps/)
    const neither = await run('gov propose --yes', holderFile)
    assert.match(neither.err, /either --set NAME=VALUE or --to ADDRESS/)

    const proposed = await run('gov propose --set loadEpochs=3 --yes', holderFile)
    assert.match(proposed.out, /propose +set loadEpochs to 3/)
    assert.match(proposed.out, /quorum +40,000,000 for or abstaining/)
    assert.doesNotMatch(proposed.out, /stakers can leave/)
    const early = await run('gov vote 1 for --yes', holderFile)
    assert.match(early.err, /Cannot vote: the proposal is pending, not active; zg gov list/)
    l1.advance(6)
    const voted = await run('gov vote 1 for --yes', holderFile)
    assert.match(voted.out, /own votes +50,\d{3},\d{3}/)
    l1.advance(21)
    await ask('gov queue 1 --yes', holderFile)
    const waits = await run('gov execute 1 --yes', holderFile)
    assert.match(waits.err, /Cannot execute: its wait ends 2027-.*; try then/)
    l1.advance(6)
    await ask('gov execute 1 --yes', holderFile)
    const { proposals, parameters } = (await ask('gov list')) as {
      proposals: { number: number; state: string }[]
      parameters: { name: string; value: string }[]
    }
    assert.deepEqual(
      proposals.map(({ number, state }) => [number, state]),
      [[1, 'executed']],
    )
    assert.equal(parameters.find(({ name }) => name === 'loadEpochs')?.value, '3')
    const unknown = await run('gov vote 7 for --yes', holderFile)
    assert.match(unknown.err, /proposal "7": there is none of that number or id; zg gov list/)
  })

  test('a critical parameter, a network and its end are proposed with their clocks', async () => {
    const critical = await run('gov propose --set churnBps=600 --yes', holderFile)
    assert.match(critical.out, /set churnBps to 600, once stakers could leave/)
    assert.match(critical.out, /critical +then 12 min more, so that stakers can leave/)
    const hash = `0x${'cd'.repeat(32)}`
    const flags = `--chain-id 1660209 --genesis-hash ${hash} --genesis-time 1800000000`
    const opened = await run(`network create 9 ${flags} --stake-min 1000 --yes`, holderFile)
    assert.match(opened.out, /propose +open network 9/)
    const short = await run(`network create 9 ${flags.replace(hash, '0xcd')} --stake-min 1 --yes`)
    assert.match(short.err, /--genesis-hash "0xcd": it is not 0x and 64 hex digits/)
    const drained = await run('network drain 1 --yes', holderFile)
    assert.match(drained.out, /propose +drain network 1/)
  })

  test('doctor --supply counts, and exits with 1 once there is too much', async () => {
    const flags = `--rpc ${networkUrl}`
    const well = await run(`doctor --supply ${flags}`)
    assert.equal(well.exitCode, 0, well.out)
    assert.match(well.out, /- left by the Outbox +500/)
    assert.match(well.out, /✓ every identity holds/)
    // The bridge alone may mint; one that forgot what is outstanding makes too much.
    const from = l1.addresses.RewardBridge
    l1.call('ZgToken', 'mint', { args: [holder, 1n], from })
    const ill = await run(`doctor --supply ${flags} --json`)
    assert.equal(ill.exitCode, 1)
    const { holds, l1: counted } = JSON.parse(ill.out) as {
      holds: boolean
      l1: { broken: string[] }
    }
    assert.equal(holds, false)
    assert.match(counted.broken[0] ?? '', /more than the cap/)
    const people = await run(`doctor --supply ${flags}`)
    assert.match(people.out, /✗ supply and outstanding are more than the cap/)
  })

  test('without a world, and with half of the flags, it is said where stake is looked for', async () => {
    const none = await runLine(['operators'], home)
    assert.match(none.err, /Cannot find shared stake: no world runs here; start the whole world/)
    const half = await runLine(['operators', ...site.slice(0, 2)], home)
    assert.match(half.err, /--l1-rpc and --l1-site go together/)
    const own = await runLine(['stake', '--operator', '1', ...site], home)
    assert.match(own.err, /with a key of the local world: it does not run there/)
  })
})
