import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'

import { parseGenesis } from '@zg/chain'
import { blsScheme, roundVoteDigest } from '@zg/consensus'
import type { RoundVote } from '@zg/consensus'
import { artifactOf, signatureWords } from '@zg/contracts'
import { batchDigest, dataEvidence, evidenceFields } from '@zg/da'
import { addressOfSecretKey, blsAggregate, blsSign, fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createLogger } from '@zg/runtime'
import { genesisOutstandingWei, outboxChain, StakeChain } from '@zg/sdk/testing'
import type { MessageChain } from '@zg/sdk/testing'
import { encodeFunctionData } from 'viem'
import type { Abi } from 'viem'

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
    type Told = { stakeWei: string; operators: number }
    const { networks, shared } = (await ask('operators --security')) as {
      networks: { total: Told; fork: Told; lie: Told; forkCostWei: string; atRiskWei: string }[]
      shared: { stakeWei: string; atRiskWei: string }
    }
    const [first] = networks
    const total = 4_000_000n * 10n ** 9n
    const [fork, lie] = [total / 3n + 1n, (2n * total) / 3n + 1n].map((each) => each * 10n ** 9n)
    assert.ok(first !== undefined && fork !== undefined)
    assert.deepEqual(first.total, { stakeWei: String(4n * million), operators: 4 })
    assert.deepEqual(first.fork, { stakeWei: String(fork), operators: 2 })
    assert.deepEqual(first.lie, { stakeWei: String(lie), operators: 3 })
    assert.equal(first.forkCostWei, String((fork * 95n) / 100n))
    assert.equal(first.atRiskWei, String(genesisOutstandingWei))
    assert.equal(shared.stakeWei, String(4n * million))
    assert.equal(shared.atRiskWei, String(genesisOutstandingWei))
    const shown = await run('operators --security')
    assert.match(shown.out, /network 0 +4,000,000 of stake, 4 operators/)
    assert.match(shown.out, /to halt +1,333,333\.33\d+ of 2 operators absent: costs nothing/)
    assert.match(
      shown.out,
      /to fork +1,333,333\.33\d+ of 2 operators: costs 1,266,666\.66\d+ at least/,
    )
    assert.match(
      shown.out,
      /to lie +2,666,666\.66\d+ of 3 operators: costs nothing that a contract/,
    )
    assert.match(shown.out, /at risk +50,000, 3\.9 % of what a fork costs/)
    assert.match(shown.out, /the 3 operators who can lie here can on networks 0 1: 50,000, 1\.7 %/)
    assert.match(shown.out, /all networks +4,000,000 of stake, 4 operators, each counted once/)
    assert.doesNotMatch(shown.out, /cover/)
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
      transactions: { what: string; status: string; final: boolean }[]
      countsFromEpoch: string
    }
    assert.deepEqual(
      done.transactions.map(({ what, status, final }) => `${what} ${status} ${final}`),
      ['approve success true', 'stake success true'],
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

  test('what is estimated in one epoch is executed in the next, of which it is the first', async () => {
    const operator = operatorAddress()
    await ask(`delegate ${operator} 20 --yes`, holderFile)
    // The sets of this epoch are written by now, those of the next are not.
    l1.onSubmit = () => {
      l1.onSubmit = () => undefined
      l1.advance(30)
    }
    const { exitCode, out, err } = await run(`unstake ${operator} 5 --yes`, holderFile)
    assert.equal(exitCode, 0, `${out}${err}`)
    assert.match(out, /✓ final {3}unstake/)
    await ask(`unstake ${operator} all --yes`, holderFile)
    l1.advance(700)
    await ask(`claim ${operator} --yes`, holderFile)
  })

  test('what reverts in its block says why, and what mends it', async () => {
    const operator = operatorAddress()
    await ask(`delegate ${operator} 20 --yes`, holderFile)
    // Somebody else takes it out between the estimate and the block.
    const shares = 20n * tokens
    l1.onSubmit = () => {
      l1.onSubmit = () => undefined
      l1.call('StakeManager', 'unstake', { args: [operator, shares], from: holder })
    }
    const line = `unstake ${operator} all --yes`
    const { exitCode, out, err } = await run(line, holderFile)
    assert.equal(exitCode, 1)
    assert.match(out, /✗ reverted {3}unstake, block \d+/)
    assert.match(err, /Cannot unstake: the contract answers SharesMissing\(0\); zg stake shows/)
    l1.advance(700)
    await ask(`claim ${operator} --yes`, holderFile)
  })

  test('an amount of nothing is refused for what it is', async () => {
    const { err, exitCode } = await run(`delegate ${operatorAddress()} 0 --yes`, holderFile)
    assert.match(err, /Cannot use amount "0": it must be more than nothing; zg delegate --help/)
    assert.equal(exitCode, 2)
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
    assert.match(unknown.err, /Cannot leave: there is no network 7 on L1, which knows 0, 1; zg net/)
    const again = await run('network leave 1 --yes', operatorFile)
    assert.match(again.err, /the contract answers NotIn/)
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
    const nothing = await run('bridge deposit 0 --yes', holderFile)
    assert.match(nothing.err, /amount "0": it must be more than nothing/)
    const there = `--rpc ${networkUrl}`
    const large = await run(`bridge withdraw 500 ${there} --yes`, holderFile)
    assert.match(
      large.out,
      /large +a first claim announces it, 30\.0 s later or more a second one pays/,
    )
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
    const there = 'gov propose --network 1 --yes --set'
    const dear = await run(`${there} gasPriceMin=1000000000001`, holderFile)
    assert.match(dear.err, /"gasPriceMin": it goes from 0 to 1000000000000/)
    const shared = await run(`${there} churnBps=600`, holderFile)
    assert.match(shared.err, /it is none of rewardMax, gasPriceMin, gasLimit/)
    const nowhere = await run('gov propose --network 9 --set gasLimit=50000000 --yes', holderFile)
    assert.match(nowhere.err, /network 9/)
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

  test('a critical parameter and the end of a network are proposed with their clocks', async () => {
    const limited = await run('gov propose --network 1 --set gasLimit=50000000 --yes', holderFile)
    assert.match(limited.out, /propose +set gasLimit to 50000000 on network 1/)
    const critical = await run('gov propose --set churnBps=600 --yes', holderFile)
    assert.match(critical.out, /set churnBps to 600, once stakers could leave/)
    assert.match(critical.out, /critical +then 12 min more, so that stakers can leave/)
    const drained = await run('network drain 1 --yes', holderFile)
    assert.match(drained.out, /propose +drain network 1/)
  })

  test('a network is opened by the genesis that L1 says, and L1 gives it back', async () => {
    const line = 'network create 9 --chain-id 1660209 --stake-min 1000'
    const wrong = `0x${'cd'.repeat(32)}`
    const short = await run(`${line} --genesis-hash 0xcd --yes`, holderFile)
    assert.match(short.err, /--genesis-hash "0xcd": it is not 0x and 64 hex digits/)
    const differing = await run(`${line} --genesis-hash ${wrong} --yes`, holderFile)
    assert.match(
      differing.err,
      /with genesis 0xcd.*: what L1 says gives 0x\w{64}; leave --genesis-h/,
    )
    const opened = await run(`${line} --yes`, holderFile)
    assert.match(opened.out, /propose +open network 9/)
    assert.match(opened.out, /genesis +0x\w{64}, of 2027-/)
    const hash = /genesis +(0x\w{64})/.exec(opened.out)?.[1]
    const { proposals } = (await ask('gov list')) as { proposals: { number: number }[] }
    const number = proposals.at(-1)?.number
    const none = await run('network genesis 9')
    assert.match(none.err, /Cannot find network 9: L1 has none of that id; zg network list/)
    l1.advance(6)
    await ask(`gov vote ${number} for --yes`, holderFile)
    l1.advance(21)
    await ask(`gov queue ${number} --yes`, holderFile)
    l1.advance(6)
    await ask(`gov execute ${number} --yes`, holderFile)

    const { genesis, ...told } = await ask('network genesis 9')
    assert.deepEqual(told, { network: 9, genesisHash: hash })
    assert.equal(toHex(parseGenesis(genesis).hash), hash)
    const written = await run('network genesis 9 --out genesis-9.json')
    assert.match(written.out, new RegExp(`genesis ${hash} of network 9, as L1 has it, is in `))
    const file = JSON.parse(readFileSync(join(home, 'genesis-9.json'), 'utf8')) as unknown
    assert.deepEqual(file, genesis)
    const other = await run('network genesis 1')
    assert.match(
      other.err,
      /genesis of network 1: its hash is 0x.*, L1 has 0x.*; what else it holds/,
    )
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

  test('a second report of a fault is refused by name, with the command that says more', async () => {
    const [, , , culprit] = l1.operators
    assert.ok(culprit !== undefined)
    const epoch = BigInt(Math.floor((l1.run.timestamp - 1_800_000_000) / 30))
    const votes = [1, 2].map((fill): RoundVote => {
      return { kind: 'notarize', epoch, view: 7, digest: new Uint8Array(32).fill(fill) }
    })
    const identity = l1.identityOf(0)
    const { secretKey, address } = culprit
    const signed = votes.map((vote) => blsSign(secretKey, roundVoteDigest(identity, vote)))
    const told = votes.map(({ view, digest }) => {
      return { kind: 0, epoch, viewNumber: view, digest: toHex(digest) }
    })
    const args = [0, address, ...told, signatureWords(blsAggregate(signed))]
    l1.call('SlashingManager', 'reportRoundVotes', { args, from: holder })
    const abi = artifactOf('SlashingManager').abi as Abi
    const data = encodeFunctionData({ abi, functionName: 'reportRoundVotes', args })
    const to = l1.addresses.SlashingManager
    const line = `send --to ${to} --data ${data} --key-file ${holderFile} --rpc ${site[1]}`
    const { err, exitCode } = await runLine(line.split(' '), home)
    assert.match(err, /Cannot do it: the contract answers AlreadyPunished; zg operators shows what/)
    assert.equal(exitCode, 1)
  })

  test('da report brings the line of a log to L1, and the signer loses stake', async () => {
    const [, , culprit] = l1.operators
    assert.ok(culprit !== undefined)
    const identity = l1.identityOf(0)
    const epoch = BigInt(Math.floor((l1.run.timestamp - 1_800_000_000) / 30))
    const disperser = new Uint8Array(20).fill(7)
    const batch = { network: 0, epoch, quorum: 0, disperser, sequence: 3n }
    const [first, second] = [1, 2].map((fill) => {
      const commitment = new Uint8Array(32).fill(fill)
      const digest = batchDigest(identity, batch, commitment)
      return { batch, commitment, signature: blsSign(culprit.secretKey, digest) }
    })
    const evidence = dataEvidence(first!, second!, blsScheme())
    assert.ok(evidence !== undefined)
    const named = evidenceFields({ network: 0, operator: culprit.address, evidence })
    let line = ''
    const write = (text: string): void => void (line += text)
    createLogger({ part: 'da', level: 'info', write }).error('a member signed twice', named)
    writeFileSync(join(home, 'evidence.json'), line)
    const told = await run('da report evidence.json --yes --json', holderFile)
    assert.equal(told.exitCode, 0, told.err)
    const again = await run('da report evidence.json --yes', holderFile)
    assert.match(again.err, /AlreadyPunished/)
    writeFileSync(join(home, 'evidence.json'), line.replace('"first"', '"fist"'))
    const wrong = await run('da report evidence.json --yes', holderFile)
    assert.match(wrong.err, /Cannot read the evidence: "first" is missing; give the line/)
  })

  test('relay begins with those endpoints of L1 that answer, if they are of one chain', async () => {
    const [, url = '', ...rest] = site
    const nobody = 'http://127.0.0.1:1'
    const relay = (urls: string) =>
      runLine(['relay', '--key-file', holderFile, '--rpc', nobody, '--l1-rpc', urls, ...rest], home)
    const down = await relay(`${nobody},${nobody}/2`)
    assert.match(down.err, /Cannot call eth_chainId at http:\/\/127.0.0.1:1: nothing answers/)
    const differing = await relay(`${nobody},${url},${networkUrl}`)
    assert.match(differing.err, /are endpoints of different chains; name those of one L1/)
    // It comes as far as the network, which is not there.
    const one = await relay(`${nobody},${url}`)
    assert.match(one.out, /^$/)
    assert.match(one.err, /Cannot call eth_chainId at http:\/\/127.0.0.1:1: nothing answers/)
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
