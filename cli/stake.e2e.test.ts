import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { after, before, suite, test } from 'node:test'

import { readL1Parameters, startWorld } from '@zg/devnet'
import type { LocalWorld } from '@zg/devnet'
import { watchSupply } from '@zg/devnet/testing'
import type { SupplyWatcher } from '@zg/devnet/testing'
import type { Hex } from '@zg/primitives'
import { createPublicClient, http } from 'viem'

import { runLine } from './testing/run-line.ts'

const portOffset = 24_000
const someone = '0x000000000000000000000000000000000000dEaD'

/** The local world's numbers with short clocks: nobody here waits for a real epoch. */
const dev = readL1Parameters('dev')
const l1Parameters = {
  ...dev,
  epochSeconds: 6,
  unbondingSeconds: 90,
  evidenceAgeMaxSeconds: 40,
  massDelaySeconds: 10,
  certificateAgeMaxSeconds: 30,
  governance: {
    votingDelaySeconds: 1,
    votingPeriodSeconds: 3,
    lateQuorumSeconds: 1,
    timelockSeconds: 1,
    stakersTimelockSeconds: 120,
  },
}

type Proposals = { readonly proposals: readonly { readonly state: string }[] }
type Operators = { readonly operators: readonly { weight: string; weightComing: string }[] }

suite('shared stake on a real world', { timeout: 120_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'zg-stake-e2e-'))
  let world: LocalWorld
  let watcher: SupplyWatcher

  before(async () => {
    const counts = { minimal: false, reset: false, validatorCount: 1, networkCount: 1 }
    const options = { ...counts, home, portOffset, l1Parameters, onEvent: () => undefined }
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

  test('stake is delegated and comes to weigh; a vote changes a parameter', async () => {
    await ask('gov delegate --deployer --yes')
    await ask('delegate 0 500 --from 1 --yes')
    const before = await ask<Operators>('operators')
    const million = 10n ** 15n
    assert.equal(before.operators[0]?.weight, String(million))
    assert.equal(before.operators[0].weightComing, String(million + 500n * 10n ** 9n))

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

  test('who receives a fee on a real network: the proposer its tips, nobody the base fee', async () => {
    const [network] = world.file.networks
    assert.ok(network !== undefined)
    const client = createPublicClient({ transport: http(network.rpc) })
    const sent = await ask<{ from: Hex; hash: Hex }>(`send --to ${someone} --value 1 --from 4`)
    const { blockNumber, gasUsed, effectiveGasPrice } = await client.getTransactionReceipt(sent)
    const { miner, baseFeePerGas, transactions } = await client.getBlock({ blockNumber })
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
    const counts = await watcher.stop()
    assert.ok((counts['l1'] ?? 0) > 10 && (counts['net-0'] ?? 0) > 10, JSON.stringify(counts))
  })
})
