/**
 * Load opens a network and ends it, by no hand, in a running world of two (`npm run test:full --
 * growth`): four operators, real processes, the world's keeper and supervisor.
 *
 *     fill     the blocks of both networks are kept nearly full, until L1 has a third one opened
 *     open     the operators join it by themselves; it runs, and nothing was started again for it
 *     route    streams that are opened now begin there, some of them; those that were open stay,
 *              also where they would begin there now; what is reported is what was seen
 *     use      it has what its keeper needs; it takes a deposit and a transaction
 *     relay    a stranger's `zg relay` that ran before serves it, too: while the world's keeper is
 *              paused a withdrawal is minted on L1, and the network has what it needs
 *     drain    nobody fills blocks any more: after four times as long it drains and takes no new
 *              streams, is closed and ends, its operators leave it, and the two others go on
 *
 * Epochs are short and the rules ask for the least they may, so that nobody waits for hours.
 */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { artifactOf } from '@zg/contracts'
import type { ArtifactName } from '@zg/contracts'
import type { Hex } from '@zg/primitives'
import type { Abi } from 'viem'

import { readDevnetFile } from '../devnet-file.ts'
import type { DevnetAccount, DevnetFile } from '../devnet-file.ts'
import { BlockFiller } from '../load/block-filler.ts'
import { startWorld } from '../local-world.ts'
import type { LocalWorld } from '../local-world.ts'
import { readL1Parameters } from '../parameters.ts'
import { callRpc } from '../rpc-call.ts'
import { ChainHands, until } from './chain-hands.ts'
import type { Contract } from './chain-hands.ts'
import type { DrillReport } from './drill-world.ts'
import { askZg, startZg } from './zg-process.ts'
import type { ZgProcess } from './zg-process.ts'

/** Below the ports that a system gives to those who dial. */
const portOffset = 4_000
const operatorCount = 4
const ether = 10n ** 18n
const rewardHub: Hex = '0x0000000000000000000000000000000000002001'
const outbox: Hex = '0x0000000000000000000000000000000000002002'

/** The network that load opens. */
const newId = 2

/** Whose streams are opened, and who relays. */
const owner = 5
const relayer = 7

/**
 * Streams of the owner's, and where each begins by rendezvous among the networks that take streams
 * then. Among three, "old-5" and "late-6" would begin in the third.
 */
const streams = {
  before: { 'old-5': 1, 'old-6': 0 },
  after: { 'new-0': 1, 'new-5': newId, 'new-7': newId },
  late: { 'late-6': 1 },
} as const

/** What `zg stream home` says. */
type StreamHome = { readonly stream: Hex; readonly network: number; readonly rpc: string }

/** A line of its log. */
type RelayLine = { readonly message: string; readonly network?: number }

const epochSeconds = 20
const loadEpochs = 2

/** `NetworkRegistry.Status` */
const statuses = { active: 1, draining: 2, closed: 3 } as const
/** `NetworkLoad.Load` */
const loads = { idle: 1, busy: 3 } as const

/** As many epochs may pass before one thing. */
const patienceMs = (epochs: number): number => (epochs + 4) * epochSeconds * 1_000

/** Runs the drill; whatever fails is thrown. */
export async function runGrowthDrill(tell: (line: string) => void): Promise<DrillReport> {
  const home = mkdtempSync(join(tmpdir(), 'zg-growth-'))
  const dev = readL1Parameters('dev')
  const governed = { ...dev.governed, loadEpochs, coolDownEpochs: 2, drainEpochs: 2 }
  const world = await startWorld(
    {
      home,
      minimal: false,
      reset: false,
      validatorCount: operatorCount,
      networkCount: 2,
      blockTimeMs: 500,
      portOffset,
      networksMax: 3,
      l1Parameters: { ...dev, epochSeconds, governed },
      onEvent: () => undefined,
    },
    new AbortController().signal,
  )
  let drill: GrowthDrill | undefined
  try {
    drill = new GrowthDrill(home, world)
    const report: Record<string, number | string | boolean> = {}
    for (const name of ['fill', 'open', 'route', 'use', 'relay', 'drain'] as const) {
      const startedAt = performance.now()
      Object.assign(report, await drill[name]())
      const seconds = Math.round((performance.now() - startedAt) / 100) / 10
      report[`${name}Seconds`] = seconds
      tell(`${name}: done in ${seconds} s`)
    }
    return report
  } finally {
    await drill?.end()
    await world.stop()
    rmSync(home, { recursive: true, force: true })
  }
}

class GrowthDrill {
  readonly #home: string
  readonly #world: LocalWorld
  readonly #file: DevnetFile
  readonly #l1: ChainHands
  /** Process by part, the keeper aside. */
  readonly #processes: ReadonlyMap<string, number>
  #rpc = ''
  #relay: ZgProcess<RelayLine> | undefined

  constructor(home: string, world: LocalWorld) {
    this.#home = home
    this.#world = world
    this.#file = world.file
    assert.ok(world.file.l1)
    this.#l1 = new ChainHands(world.file.l1.rpc, world.file.l1.chainId)
    this.#processes = this.#running()
  }

  async fill(): Promise<DrillReport> {
    await this.#openStreams(streams.before)
    const fillers = this.#file.networks.map(({ id, rpc, chainId }) => {
      return new BlockFiller({ rpc, chainId, privateKey: this.#account(8 + id).privateKey })
    })
    for (const filler of fillers) filler.start()
    try {
      await until('load opens a network', () => this.#isOpened(), patienceMs(loadEpochs + 3))
    } finally {
      await Promise.all(fillers.map((filler) => filler.stop()))
    }
    const lastEpoch = await this.#decidedBy('Spawned')
    for (const id of [0, 1]) {
      for (let epoch = lastEpoch; epoch > lastEpoch - loadEpochs; epoch--) {
        assert.equal(await this.#ask('NetworkLoad', 'loadOf', id, epoch), loads.busy)
      }
    }
    return { busyEpochs: loadEpochs }
  }

  async open(): Promise<DrillReport> {
    this.#relay = startZg<RelayLine>(this.#home, ['relay', '--from', String(relayer)])
    await until('the third network runs', async () => {
      this.#rpc = this.#describe(newId)?.rpc ?? ''
      return this.#rpc !== '' && Number(await callRpc(this.#rpc, 'eth_blockNumber')) > 0
    })
    assert.equal(await this.#ask('NetworkRegistry', 'statusOf', newId), statuses.active)
    const members = await this.#ask('NetworkRegistry', 'membersOf', newId)
    assert.equal((members as readonly Hex[]).length, operatorCount)
    const now = this.#running()
    for (const [part, pid] of this.#processes) assert.equal(now.get(part), pid, part)
    return { networks: now.size > this.#processes.size ? 3 : 2 }
  }

  async route(): Promise<DrillReport> {
    await this.#openStreams(streams.after)
    const all = Object.entries({ ...streams.before, ...streams.after })
    const homes: StreamHome[] = []
    // One after another: each is a process, beside three networks.
    for (const [name] of all) homes.push(await this.#homeOf(name))
    for (const [index, [name, network]] of all.entries()) {
      const found = [homes[index]?.network, homes[index]?.rpc]
      assert.deepEqual(found, [network, this.#describe(network)?.rpc], name)
    }
    // Nodes of all networks send there what comes to them of such a stream.
    const stream = homes.find(({ network }) => network === newId)?.stream
    for (const { id, rpc } of [...this.#file.networks, { id: newId, rpc: this.#rpc }]) {
      await until(`network ${id} knows its home`, async () => {
        const answer = await callRpc(rpc, 'zg_getStreamHome', [stream])
        const { network, isHere } = answer as { network: number; isHere: boolean }
        return network === newId && isHere === (id === newId)
      })
    }
    const seen = all.map(([name], index) => [name, homes[index]?.network] as const)
    const there = seen.filter(([, network]) => network === newId).map(([name]) => name)
    const newThere = there.filter((name) => name in streams.after)
    return {
      streamHomes: seen.map(([name, network]) => `${name} in ${network}`).join(', '),
      newStreamsThere: newThere.length,
      oldStreamsThere: there.length - newThere.length,
    }
  }

  async use(): Promise<DrillReport> {
    const { address, privateKey } = this.#account(2)
    const bridge = this.#contract('RewardBridge')
    const amount = 100n * ether
    const approve = { name: 'approve', args: [bridge.address, 2n * amount] }
    await this.#l1.send(privateKey, this.#contract('ZgToken'), approve)
    for (const to of [address, this.#account(relayer).address]) {
      await this.#l1.send(privateKey, bridge, { name: 'deposit', args: [newId, to, amount] })
    }
    const network = this.#third()
    await until('the deposit came', async () => {
      return (await network.reader.getBalance({ address })) === amount
    })
    await until('its RewardHub has a grant', async () => {
      return (await network.reader.getBalance({ address: rewardHub })) > 0n
    })
    const call = { name: 'withdraw', args: [address], value: ether }
    await network.send(privateKey, { name: 'Outbox', address: outbox }, call)
    return { depositedTokens: Number(amount / ether) }
  }

  async relay(): Promise<DrillReport> {
    const relay = this.#relay
    assert.ok(relay)
    const isServed = ({ message, network }: RelayLine): boolean =>
      message === 'a network came and is served, too' && network === newId
    assert.ok(relay.lines.some(isServed))
    const network = this.#third()
    const { address: payer } = this.#account(relayer)
    const sent = () => network.reader.getTransactionCount({ address: payer })
    const { address: receiver } = this.#account(3)
    const balance = () => this.#ask('ZgToken', 'balanceOf', receiver) as Promise<bigint>
    const [balanceBefore, sentBefore] = [await balance(), await sent()]
    const keeper = this.#world.status().find(({ name }) => name === 'keeper')?.pid
    assert.ok(keeper !== undefined)
    process.kill(keeper, 'SIGSTOP')
    try {
      const call = { name: 'withdraw', args: [receiver], value: ether }
      await network.send(this.#account(2).privateKey, { name: 'Outbox', address: outbox }, call)
      await until('the relay has it minted', async () => (await balance()) > balanceBefore)
      await until('the relay sends on the network', async () => (await sent()) > sentBefore)
    } finally {
      process.kill(keeper, 'SIGCONT')
    }
    assert.equal(await balance(), balanceBefore + ether)
    assert.equal(await relay.stop(), 0)
    return { relayedTokens: 1 }
  }

  async drain(): Promise<DrillReport> {
    const idleEpochs = 4 * loadEpochs
    const isAt = (status: number) => async () =>
      (await this.#ask('NetworkRegistry', 'statusOf', newId)) === status
    await until('it drains', isAt(statuses.draining), patienceMs(2 * idleEpochs))
    const lastEpoch = await this.#decidedBy('Drained')
    for (const id of [0, 1, newId]) {
      for (let epoch = lastEpoch; epoch > lastEpoch - idleEpochs; epoch--) {
        assert.equal(await this.#ask('NetworkLoad', 'loadOf', id, epoch), loads.idle)
      }
    }
    // Which networks take streams changes with the notice that every change has.
    const takesStreams = async () => {
      const epoch = await this.#ask('OperatorRegistry', 'currentEpoch')
      return this.#ask('NetworkRegistry', 'takesStreams', newId, epoch)
    }
    await until('it takes no streams', async () => !(await takesStreams()), patienceMs(2))
    await this.#openStreams(streams.late)
    const lateHomes: string[] = []
    for (const [name, wanted] of Object.entries(streams.late)) {
      const { network } = await this.#homeOf(name)
      assert.equal(network, wanted, name)
      lateHomes.push(`${name} in ${network}`)
    }
    await until('it is closed', isAt(statuses.closed), patienceMs(2))
    await until('its processes end', async () => this.#describe(newId) === undefined, patienceMs(2))
    assert.ok(
      await callRpc(this.#rpc, 'eth_blockNumber').then(
        () => false,
        () => true,
      ),
    )
    const [operator] = this.#file.networks[0]?.validators ?? []
    await until('its operators leave it', async () => {
      const joined = await this.#ask('NetworkRegistry', 'networksOf', operator?.address)
      return !(joined as readonly number[]).includes(newId)
    })
    const heights = await this.#heights()
    await until('the others go on', async () => {
      const now = await this.#heights()
      return now.every((height, index) => height > (heights[index] ?? 0) + 2)
    })
    for (const id of [0, 1]) {
      assert.equal(await this.#ask('NetworkRegistry', 'statusOf', id), statuses.active)
    }
    const now = this.#running()
    for (const [part, pid] of this.#processes) assert.equal(now.get(part), pid, part)
    return { idleEpochs, lateStreamHomes: lateHomes.join(', ') }
  }

  /** Whatever fails, no process of the drill's own is left. */
  async end(): Promise<void> {
    await this.#relay?.stop()
  }

  /** As their owner does: who opens one is told before where it begins. */
  async #openStreams(homes: Readonly<Record<string, number>>): Promise<void> {
    for (const [name, network] of Object.entries(homes)) {
      const line = `stream open ${name} --from ${owner} --yes`
      assert.equal((await askZg<{ network: number }>(this.#home, line)).network, network, name)
    }
  }

  #homeOf(name: string): Promise<StreamHome> {
    return askZg(this.#home, `stream home ${name} --owner ${this.#account(owner).address}`)
  }

  /** The network that load opened. */
  #third(): ChainHands {
    return new ChainHands(this.#rpc, this.#describe(newId)?.chainId ?? 0)
  }

  async #isOpened(): Promise<boolean> {
    const ids = (await this.#ask('NetworkRegistry', 'networkIds')) as readonly number[]
    return ids.includes(newId)
  }

  /** The last epoch by whose load Autoscaler decided about the network. */
  async #decidedBy(eventName: 'Spawned' | 'Drained'): Promise<number> {
    const { address } = this.#contract('Autoscaler')
    const { abi } = artifactOf('Autoscaler')
    const filter = { address, abi: abi as Abi, eventName, fromBlock: 0n } as const
    const events = await this.#l1.reader.getContractEvents(filter)
    const args = events.map((event) => event.args as unknown as { id: number; lastEpoch: bigint })
    const found = args.find(({ id }) => id === newId)
    assert.ok(found, `${eventName} tells of network ${newId}`)
    return Number(found.lastEpoch)
  }

  #heights(): Promise<readonly number[]> {
    const rpcs = this.#file.networks.map(({ rpc }) => rpc)
    return Promise.all(rpcs.map(async (rpc) => Number(await callRpc(rpc, 'eth_blockNumber'))))
  }

  /** What runs; the keeper is started again when networks come and go. */
  #running(): ReadonlyMap<string, number> {
    const parts = this.#world.status().filter(({ name }) => name !== 'keeper')
    return new Map(parts.flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, pid]])))
  }

  #describe(id: number): DevnetFile['networks'][number] | undefined {
    return readDevnetFile(this.#home)?.networks.find((network) => network.id === id)
  }

  #ask(name: ArtifactName, functionName: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.#l1.read(this.#contract(name), functionName, ...args)
  }

  #contract(name: ArtifactName): Contract {
    const address = this.#file.l1?.contracts[name]
    assert.ok(address, `${name} stands on L1`)
    return { name, address }
  }

  #account(index: number): DevnetAccount {
    const account = this.#file.accounts[index]
    assert.ok(account)
    return account
  }
}
