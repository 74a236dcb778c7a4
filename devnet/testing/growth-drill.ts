/**
 * Load opens a network and ends it, by no hand, in a running world of two (`npm run test:full --
 * growth`): four operators, real processes, the world's keeper and supervisor.
 *
 *     fill     the blocks of both networks are kept nearly full, until L1 has a third one opened
 *     open     the operators join it by themselves; it runs, and nothing was started again for it
 *     use      it has what its keeper needs; it takes a deposit and a transaction
 *     drain    nobody fills blocks any more: after four times as long it drains, is closed and
 *              ends, its operators leave it, and the two others go on
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
import type { DrillReport } from './drills.ts'

const portOffset = 14_000
const operatorCount = 4
const ether = 10n ** 18n
const rewardHub: Hex = '0x0000000000000000000000000000000000002001'
const outbox: Hex = '0x0000000000000000000000000000000000002002'

/** The network that load opens. */
const newId = 2

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
  try {
    const drill = new GrowthDrill(home, world)
    const report: Record<string, number | string | boolean> = {}
    for (const name of ['fill', 'open', 'use', 'drain'] as const) {
      const startedAt = performance.now()
      Object.assign(report, await drill[name]())
      const seconds = Math.round((performance.now() - startedAt) / 100) / 10
      report[`${name}Seconds`] = seconds
      tell(`${name}: done in ${seconds} s`)
    }
    return report
  } finally {
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

  constructor(home: string, world: LocalWorld) {
    this.#home = home
    this.#world = world
    this.#file = world.file
    assert.ok(world.file.l1)
    this.#l1 = new ChainHands(world.file.l1.rpc, world.file.l1.chainId)
    this.#processes = this.#running()
  }

  async fill(): Promise<DrillReport> {
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

  async use(): Promise<DrillReport> {
    const { address, privateKey } = this.#account(2)
    const bridge = this.#contract('RewardBridge')
    const amount = 100n * ether
    const approve = { name: 'approve', args: [bridge.address, amount] }
    await this.#l1.send(privateKey, this.#contract('ZgToken'), approve)
    await this.#l1.send(privateKey, bridge, { name: 'deposit', args: [newId, address, amount] })
    const { chainId = 0 } = this.#describe(newId) ?? {}
    const network = new ChainHands(this.#rpc, chainId)
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
    return { idleEpochs }
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
