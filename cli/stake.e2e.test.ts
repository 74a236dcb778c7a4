import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { after, before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { callRpc, startWorld } from '@zg/devnet'
import type { LocalWorld } from '@zg/devnet'
import { watchSupply } from '@zg/devnet/testing'
import type { SupplyWatcher } from '@zg/devnet/testing'
import type { Hex } from '@zg/primitives'
import { createPublicClient, http } from 'viem'

import { runLine } from './testing/run-line.ts'
import { shortClocks } from './testing/short-clocks.ts'

const portOffset = 24_000
const someone = '0x000000000000000000000000000000000000dEaD'

type Proposals = { readonly proposals: readonly { readonly state: string }[] }
type Operators = {
  readonly epoch: string
  readonly operators: readonly { weight: string; weightComing: string }[]
}
type Networks = { readonly networks: readonly { readonly final: { readonly height: string } }[] }

/** A command in a process of its own: its lines, and its end by Ctrl-C. */
function spawnZg(home: string, line: string) {
  const entry = fileURLToPath(new URL('main.ts', import.meta.url))
  const child = spawn(process.execPath, [entry, ...line.split(' ')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ZG_HOME: home },
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  return {
    exited,
    line: async (): Promise<string> => String((await lines.next()).value),
    end(): Promise<number | null> {
      child.kill('SIGINT')
      return exited
    },
  }
}

suite('shared stake on a real world', { timeout: 120_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'zg-stake-e2e-'))
  let world: LocalWorld
  let watcher: SupplyWatcher

  before(async () => {
    const counts = { minimal: false, reset: false, validatorCount: 1, networkCount: 1 }
    const options = {
      ...counts,
      home,
      portOffset,
      l1Parameters: shortClocks,
      onEvent: () => undefined,
    }
    world = await startWorld(options, new AbortController().signal)
    watcher = watchSupply(home)
  })

  after(async () => {
    await world.stop()
    rmSync(home, { recursive: true })
  })

  /** Runs a command with `--json` and returns what it printed. */
  const ask = async <told>(line: string): Promise<told> => {
    const { exitCode, out, err } = await runLine([...line.split(' '), '--json'], home)
    assert.equal(exitCode, 0, `${line}: ${err}${out}`)
    return JSON.parse(out) as told
  }

  /** Asks until it holds; one that never does is ended by the suite's timeout. */
  const until = async <told>(line: string, holds: (told: told) => boolean): Promise<told> => {
    for (;;) {
      const told = await ask<told>(line)
      if (holds(told)) return told
      await wait(200)
    }
  }

  const state = (wanted: string): Promise<Proposals> =>
    until<Proposals>('gov list', ({ proposals }) => proposals.at(-1)?.state === wanted)

  test('doctor finds it well, its keeper too', async () => {
    const { checks } = await ask<{ checks: readonly { name: string; verdict: string }[] }>('doctor')
    assert.ok(checks.some(({ name, verdict }) => name === 'keeper' && verdict === 'good'))
  })

  test('stake is delegated and comes to weigh; a vote changes a parameter', async () => {
    await ask('gov delegate --deployer --yes')
    const million = 10n ** 15n
    const before = await ask<Operators>('operators')
    assert.equal(before.operators[0]?.weight, String(million))
    await ask('delegate 0 500 --from 1 --yes')
    const delegated = await ask<Operators>('operators')
    assert.equal(delegated.operators[0]?.weightComing, String(million + 500n * 10n ** 9n))
    // It weighs two epochs later, which have passed where a machine is very busy.
    const isEarly = BigInt(delegated.epoch) < BigInt(before.epoch) + 2n
    if (isEarly) assert.equal(delegated.operators[0].weight, String(million))

    await ask('gov propose --set loadEpochs=3 --deployer --yes')
    await state('active')
    await ask('gov vote 1 for --deployer --yes')
    await state('succeeded')
    await ask('gov queue 1 --yes')
    await until<{ timestamp: number; proposals: { executableAt: number }[] }>(
      'gov list',
      ({ timestamp, proposals }) => timestamp >= (proposals.at(-1)?.executableAt ?? Infinity),
    )
    await ask('gov execute 1 --yes')
    const { parameters } = await ask<{ parameters: { name: string; value: string }[] }>('gov list')
    assert.equal(parameters.find(({ name }) => name === 'loadEpochs')?.value, '3')

    const later = await until<Operators>(
      'operators',
      ({ operators }) => operators[0]?.weight === operators[0]?.weightComing,
    )
    assert.equal(later.operators[0]?.weight, String(million + 500n * 10n ** 9n))
  })

  test('an operator signs with its own key; what it may not do is told', async () => {
    const twice = await runLine('network join 0 --operator 0 --yes'.split(' '), home)
    assert.match(twice.err, /Cannot join network 0: the contract answers StillIn; zg operators/)
    const nobody = await runLine('stake --operator 7'.split(' '), home)
    assert.match(nobody.err, /Cannot sign as operator 7: the running world has no key of it/)
  })

  test('doctor finds a world with an L1 and a keeper well, each part by what it has', async () => {
    type Doctor = { isWell: boolean; checks: { name: string; verdict: string; says: string }[] }
    // A machine that is busy makes a block late: once it is well will do.
    const look = async (): Promise<Doctor> => {
      const { out } = await runLine(['doctor', '--json'], home)
      return JSON.parse(out) as Doctor
    }
    let found = await look()
    while (!found.isWell) found = await look()
    const { checks } = found
    const says = (name: string) => checks.find((check) => check.name === name)?.says ?? ''
    assert.match(says('keeper'), /^process \d+, .* ago it said ".+"$/)
    assert.match(says('l1'), /^height \d+, final block .* old$/)
    assert.match(says('net-0/val-0'), /^height \d+, final block .* old, 0 peers$/)
    assert.match(says('net-0'), /, 1 of 1 members up with 100\.0 % of its weight$/)
    const [validator] = world.file.networks[0]?.validators ?? []
    const status = await callRpc(String(validator?.rpc), 'zg_getL1Status')
    const { finalNumber, problem } = status as { finalNumber: string; problem: unknown }
    assert.ok(Number(finalNumber) > 0)
    assert.equal(problem, null)
    const listed = await runLine(['network', 'list'], home)
    assert.match(listed.out, /blocks +height [\d,]+, final block .* old, 1 of 1 members up/)
  })

  suite('an open node of it', () => {
    /** How high L1 knows network 0, once it knows more than the genesis. */
    const knownHeight = async (): Promise<number> => {
      const told = await until<Networks>(
        'network list',
        ({ networks }) => Number(networks[0]?.final.height) > 0,
      )
      return Number(told.networks[0]?.final.height)
    }

    test('it begins by the block that L1 knows, and follows beyond', async (t) => {
      const known = await knownHeight()
      const node = spawnZg(home, 'node --json --rpc-port 0 --p2p-port 0')
      t.after(() => node.end())
      const told = await node.line()
      const { kind, rpc } = JSON.parse(told) as { kind: string; rpc: string }
      assert.equal(kind, 'ready', told)
      while (Number(await callRpc(rpc, 'eth_blockNumber')) <= known) await wait(100)
      const log = readFileSync(join(home, 'node-0', 'log.jsonl'), 'utf8')
      assert.match(log, /A block that L1 knows is held against all history/)
      assert.equal(await node.end(), 0)
    })

    test('one that cannot begin says why, and what mends it', async (t) => {
      const elsewhere = mkdtempSync(join(tmpdir(), 'zg-node-e2e-'))
      t.after(() => rmSync(elsewhere, { recursive: true }))
      const genesis = join(home, 'net-0', 'genesis.json')
      const node = spawnZg(elsewhere, `node --genesis ${genesis} --upstream http://127.0.0.1:1`)
      assert.match(await node.line(), /^Starting/)
      const why = await node.line()
      assert.match(why, /no \[l1\] says where that is; name it with --l1-rpc and --l1-site$/)
      assert.equal(await node.exited, 1)
    })
  })

  test('who receives a fee on a real network: the proposer its tips, nobody the base fee', async () => {
    const [network] = world.file.networks
    assert.ok(network !== undefined)
    const client = createPublicClient({ transport: http(network.rpc) })
    const send = async () => {
      const sent = await ask<{ from: Hex; hash: Hex }>(`send --to ${someone} --value 1 --from 4`)
      const receipt = await client.getTransactionReceipt(sent)
      return { sent, receipt, block: await client.getBlock({ blockHash: receipt.blockHash }) }
    }
    let found = await send()
    // The keeper may have sent into the same block, as it does when an epoch begins.
    while (found.block.transactions.length > 1) found = await send()
    const { sent, receipt, block } = found
    const { blockNumber, gasUsed, effectiveGasPrice } = receipt
    const { miner, baseFeePerGas, transactions } = block
    assert.deepEqual(transactions, [sent.hash])
    assert.equal(miner.toLowerCase(), network.validators[0]?.address.toLowerCase())
    const gained = async (address: Hex): Promise<bigint> => {
      const after = await client.getBalance({ address, blockNumber })
      return after - (await client.getBalance({ address, blockNumber: blockNumber - 1n }))
    }
    const [proposer, payer, receiver] = [await gained(miner), await gained(sent.from), 10n ** 18n]
    const burned = gasUsed * (baseFeePerGas ?? 0n)
    assert.ok(burned > 0n && proposer > 0n)
    assert.equal(proposer, gasUsed * effectiveGasPrice - burned)
    assert.equal(payer + proposer + receiver, -burned)
  })

  test('what goes over and comes back is counted to the wei', async () => {
    await ask('bridge deposit 5 --from 2 --yes')
    await ask('bridge withdraw 3 --from 3 --yes')
    type Counted = Record<
      'creditedWei' | 'paidOutWei' | 'burnedWei' | 'outboxWei' | 'livingWei' | 'seenWei',
      string
    >
    const { holds, networks } = await until<{ holds: boolean; networks: Counted[] }>(
      'doctor --supply',
      ({ networks: [network] }) => network?.paidOutWei === network?.creditedWei,
    )
    assert.ok(holds)
    assert.equal(networks[0]?.outboxWei, String(3n * 10n ** 18n))
    assert.ok(BigInt(networks[0].burnedWei) > 0n)
    // Here no contract paid an account that stands in no block: all that lives is seen.
    assert.equal(networks[0].seenWei, networks[0].livingWei)
  })

  test('at every block of both chains the supply holds, through a slash as well', async () => {
    const cut = await ask<{ stakeWei: string }>('chaos equivocate validator 0 --from 7 --yes')
    assert.ok(BigInt(cut.stakeWei) > 0n)
    await ask(`send --to ${someone} --value 1 --from 4`)
    const { lines } = watcher
    const toldOfSlash = async (): Promise<boolean> => {
      const { l1 } = await ask<{ l1: { goneWei: string; block: string } }>('doctor --supply')
      const seen = lines.findLast(({ kind }) => kind === 'l1')
      return BigInt(l1.goneWei) > 0n && BigInt(seen?.block ?? 0) >= BigInt(l1.block)
    }
    while (!(await toldOfSlash())) await wait(200)
    const amounts = lines.filter(({ kind }) => kind === 'network')
    for (const what of ['withdrawnWei', 'outboxWei', 'feesBurnedWei', 'onTheWayWei']) {
      assert.ok(
        amounts.some((line) => BigInt(String(line[what])) > 0n),
        what,
      )
    }
    const slashed = await runLine(['doctor'], home)
    assert.match(slashed.out, /net-0\/val-0 .* its operator was slashed for S5 of epoch \d+: it/)
    const counts = await watcher.stop()
    assert.ok((counts['l1'] ?? 0) > 10 && (counts['net-0'] ?? 0) > 10, JSON.stringify(counts))
  })
})
