import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { after, before, suite, test } from 'node:test'

import { callRpc } from '@zg/devnet'
import { startLoneL1, startZg } from '@zg/devnet/testing'
import type { LoneL1, OperatorMachine, ZgProcess } from '@zg/devnet/testing'
import type { Hex } from '@zg/primitives'

import { runLine } from './testing/run-line.ts'
import { shortClocks } from './testing/short-clocks.ts'

const portOffset = 27_000
const epochSeconds = 8

/** The network that is opened while they run; no file of anyone's says anything of it. */
const newId = 3
const newChainId = 4_242

const parameters = {
  ...shortClocks,
  epochSeconds,
  unbondingSeconds: 120,
  evidenceAgeMaxSeconds: 50,
  certificateAgeMaxSeconds: 40,
  governance: { ...shortClocks.governance, stakersTimelockSeconds: 160 },
}

type Line = {
  readonly event: string
  readonly id?: number
  readonly name?: string
  readonly state?: string
  readonly pid?: number
  readonly reason?: string
  readonly count?: number
}
type Opened = { readonly firstEpoch?: string; readonly status: string; readonly id: number }

/** Of its validator, in hex. */
function publicKeyOf({ home }: OperatorMachine): string {
  const keystore = JSON.parse(readFileSync(join(home, 'bls.json'), 'utf8')) as { pubkey: string }
  return keystore.pubkey
}

/** Asks until it holds; one that never does is ended by the suite's timeout. */
async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await wait(100)
}

suite('four operators on four machines', { timeout: 240_000 }, () => {
  let l1: LoneL1
  /** Of two validators the one with the lesser key dials: this one has the least, and dials all. */
  let dialer: OperatorMachine
  /** What its file of peers says in the end; nobody has told it anything at first. */
  let addresses: string
  const running = new Map<number, ZgProcess<Line>>()

  const run = (machine: OperatorMachine): void => {
    const { home, flags } = machine
    running.set(machine.index, startZg<Line>(home, ['operator', 'run', ...flags]))
  }
  const linesOf = (index: number): readonly Line[] => running.get(index)?.lines ?? []
  /** The processes of a network's validator on a machine, the newest last. */
  const pidsOf = (index: number, id: number): readonly number[] =>
    linesOf(index).flatMap(({ name, state, pid }) =>
      name === `net-${id}` && state === 'ready' && pid !== undefined ? [pid] : [],
    )
  const urlOf = ({ rpcPort }: OperatorMachine, id: number) => `http://127.0.0.1:${rpcPort + id}`
  /** -1 where nobody answers. */
  const heightOf = (machine: OperatorMachine, id: number): Promise<number> =>
    callRpc(urlOf(machine, id), 'eth_blockNumber').then(Number, () => -1)
  const runs = (id: number, height = 1, machines = l1.machines): Promise<void[]> =>
    Promise.all(
      machines.map((machine) => until(async () => (await heightOf(machine, id)) >= height)),
    )
  const peersPath = (): string => join(dialer.home, 'peers.txt')
  const ask = async <told>(line: string): Promise<told> => {
    const words = [...line.split(' '), ...l1.l1Flags, '--json']
    const { exitCode, out, err } = await runLine(words, l1.machines[0]?.home ?? '')
    assert.equal(exitCode, 0, `${line}: ${err}${out}`)
    return JSON.parse(out) as told
  }
  const govern = (line: string) => ask(`${line} --yes --key-file ${l1.deployerFile}`)
  const opened = async (): Promise<Opened | undefined> =>
    (await ask<{ networks: Opened[] }>('network list')).networks.find(({ id }) => id === newId)

  before(async () => {
    l1 = await startLoneL1({ parameters, operatorCount: 4, blockTimeMs: 500, portOffset })
    const [least] = l1.machines.toSorted((one, other) =>
      publicKeyOf(one) < publicKeyOf(other) ? -1 : 1,
    )
    assert.ok(least !== undefined)
    dialer = least
    addresses = readFileSync(peersPath(), 'utf8')
    writeFileSync(peersPath(), '# nobody told us yet\n')
  })

  after(async () => {
    const ends = await Promise.all([...running.values()].map((each) => each.stop()))
    await l1.stop()
    assert.deepEqual(ends, [0, 0, 0, 0])
  })

  test('they run the network that they have joined, by a genesis that was given', async () => {
    for (const machine of l1.machines) run(machine)
    await runs(
      0,
      1,
      l1.machines.filter((machine) => machine !== dialer),
    )
    for (const { index } of l1.machines) {
      assert.deepEqual(
        linesOf(index).filter(({ event }) => event === 'network-waits'),
        [],
      )
    }
  })

  test('whom its operator writes into the file of peers, a running validator dials', async () => {
    await until(() => pidsOf(dialer.index, 0).length === 1)
    assert.equal(await heightOf(dialer, 0), 0, 'it knows nobody')
    writeFileSync(peersPath(), addresses)
    await runs(0)
    const counts = linesOf(dialer.index).flatMap(({ event, count }) =>
      event === 'peers' ? [count] : [],
    )
    assert.deepEqual(counts, [0, 3])
    assert.equal(pidsOf(dialer.index, 0).length, 1, 'it was not started again')
  })

  test('what governance opens is built from L1, joined, and runs two epochs later, without a restart', async () => {
    await govern('gov delegate')
    // Delegated tokens vote from the next second on.
    await wait(2_000)
    const created = await govern(
      `network create ${newId} --chain-id ${newChainId} --stake-min 1000000 --operators-min 4`,
    )
    const { genesisHash } = created as { genesisHash: Hex }
    type Proposals = {
      readonly timestamp: number
      readonly proposals: readonly { readonly state: string; readonly executableAt: number }[]
    }
    const isState = (state: string) => async () =>
      (await ask<Proposals>('gov list')).proposals.at(-1)?.state === state
    await until(isState('active'))
    await govern('gov vote 1 for')
    await until(isState('succeeded'))
    await govern('gov queue 1')
    await until(async () => {
      const { timestamp, proposals } = await ask<Proposals>('gov list')
      return timestamp >= (proposals.at(-1)?.executableAt ?? Infinity)
    })
    await govern('gov execute 1')
    await until(async () => (await opened())?.status === 'active')
    const { epoch } = await ask<{ epoch: string }>('network list')
    const firstEpoch = Number((await opened())?.firstEpoch)
    assert.ok(firstEpoch - Number(epoch) <= 2, 'it begins two epochs after they have joined')

    await runs(newId)
    const genesis = await ask<{ genesisHash: Hex }>(`network genesis ${newId}`)
    assert.equal(genesis.genesisHash, genesisHash)
    for (const machine of l1.machines) {
      const url = urlOf(machine, newId)
      const block = (await callRpc(url, 'eth_getBlockByNumber', ['0x0', false])) as { hash: Hex }
      assert.equal(block.hash, genesisHash)
      assert.equal(Number(await callRpc(url, 'eth_chainId')), newChainId)
      const deeds = linesOf(machine.index).filter(({ id }) => id === newId)
      assert.deepEqual(
        deeds.map(({ event }) => event),
        ['network-joined', 'network-begun'],
      )
      assert.equal(pidsOf(machine.index, 0).length, 1, 'nothing else was started again')
    }
    const [first] = l1.machines
    assert.ok(first !== undefined)
    const block = await callRpc(urlOf(first, newId), 'eth_getBlockByNumber', ['0x1', false])
    const { timestamp } = block as { timestamp: Hex }
    const begun = l1.site.epochStart + firstEpoch * epochSeconds
    assert.ok(Number(timestamp) >= begun, 'no block before its first epoch')
  })

  test('a validator, and a whole machine, that is killed comes back and goes on', async () => {
    const [first, second] = l1.machines
    assert.ok(first !== undefined && second !== undefined)
    const [pid] = pidsOf(second.index, newId)
    assert.ok(pid !== undefined)
    process.kill(pid, 'SIGKILL')
    assert.equal(await running.get(first.index)?.kill(), null)
    await until(() => pidsOf(second.index, newId).length === 2)
    run(first)
    const seen = Math.max(
      ...(await Promise.all(l1.machines.map((machine) => heightOf(machine, newId)))),
    )
    await runs(newId, seen + 3)
    await until(async () => (await heightOf(first, 0)) > 0)
  })
})
