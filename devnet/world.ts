/**
 * The plan of a local world: which chains, which validators, which keys, which ports, which
 * folders.
 *
 *     kept     what `world.json` remembers: seed, validators, chain id, pace, time of genesis
 *     granted  what this run was given: ports
 *     plan     both put together; pure, so the same two give the same plan
 *
 * A world is one L1 (chain 1337, one validator, Prague rules, no finality votes) and M networks,
 * each of the same N operators (Osaka rules), who stake on the L1. One whose L1 is outside has the
 * networks alone, and remembers which L1 that is. A minimal world has network 0 alone, one
 * validator, state in memory. Where the L1 is its own, sixteen small operators stake there too and
 * hold data for network 0 (`data-plan.ts`), unless it was made without them.
 *
 * All keys come from the seed: operator i's secret is HKDF(sha256("zg/devnet/operator/i" ‖ seed)).
 * With `--seed` the time of genesis is fixed as well, so two machines get the same genesis hash.
 */

import { createHash } from 'node:crypto'
import { join } from 'node:path'

import { ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { dataNodeCount, planData } from './data-plan.ts'
import type { DataPlan } from './data-plan.ts'
import type { PortGrant } from './ports.ts'
import { accountKeyOf, keysOf } from './seed-keys.ts'

/** Chain id of the local L1. */
export const l1ChainId = 1_337

/** Chain id of network 0; network i has this and i more. */
export const chainIdDefault = 1_660_200

export const validatorCountDefault = 4

/** As many as ports of one network last: 8550 to 8644. */
export const validatorCountMax = 95

export const networkCountDefault = 2

/** What one operator may serve (docs/specs/stake.md §2). */
export const networkCountMax = 32

/** Bounds of `--block-time`. */
export const blockTimeMsMin = 50
export const blockTimeMsMax = 60_000

/** The greatest chain id wallets accept: (2^53 - 37) / 2 rounded down, as EIP-155's v must fit. */
export const chainIdMax = 4_503_599_627_370_476

/** Genesis of a seeded world: 1 January 2026. */
export const seededGenesisTimestamp = 1_767_225_600

/** An L1 that is not of this world, as it was when the world was made. */
export type OutsideL1 = {
  /** Its JSON-RPC over HTTP; another endpoint of the same chain may take its place. */
  readonly url: string
  readonly chainId: number
  /** When epoch 0 began, in seconds since 1970. */
  readonly epochStart: number
  readonly epochSeconds: number
  /** How old its newest final block is, at most. */
  readonly finalitySeconds: number
  /**
   * A final block of before the contracts: logs are asked for from there on, and its hash tells
   * this chain from one that was begun anew.
   */
  readonly anchor: { readonly number: number; readonly hash: Hex }
}

/** What a world is for all its life: kept in `world.json`. */
export type KeptWorld = {
  readonly version: 1
  /** 32 bytes in hex, no 0x. Secret: the validators' keys come from it. */
  readonly seed: string
  /** Operators, each with a validator in every network. */
  readonly validatorCount: number
  readonly networkCount: number
  /** Of network 0; network i has this and i more. */
  readonly chainId: number
  /** Undefined: the networks' own pace (500 ms under load, 1,000 ms idle). */
  readonly blockTimeMs?: number | undefined
  /** Seconds since 1970. */
  readonly genesisTimestamp: number
  /** Absent: the L1 is the world's own, or there is none. */
  readonly outsideL1?: OutsideL1 | undefined
  /** Operators of data availability, each with a node. Absent: there are none. */
  readonly dataNodeCount?: number | undefined
}

/** What the command line asks for; what is absent is kept, or the default for a new world. */
export type WorldOptions = {
  readonly minimal: boolean
  readonly validatorCount?: number | undefined
  readonly networkCount?: number | undefined
  readonly chainId?: number | undefined
  readonly blockTimeMs?: number | undefined
  readonly seed?: string | undefined
  /** Of an outside L1. */
  readonly epochSeconds?: number | undefined
  /** A new world has data availability, a kept one that has it runs it. */
  readonly withData?: boolean | undefined
}

export type ValidatorPlan = {
  readonly index: number
  /** `l1` or `net-0/val-2`: the name of its process, log and messages. */
  readonly part: string
  /** Where config.toml and the node's own files lie. */
  readonly folder: string
  readonly keystorePath: string
  readonly passwordPath: string
  readonly logPath: string
  readonly rpcPort: number
  readonly p2pPort: number
  readonly metricsPort: number
  /** 20 bytes: receives its fees. */
  readonly operator: Uint8Array
  /** 32 bytes. */
  readonly secretKey: Uint8Array
  /** 48 bytes. */
  readonly publicKey: Uint8Array
}

export type ChainPlan = {
  readonly kind: 'l1' | 'network'
  /** Number of the network; 0 for the L1 too. */
  readonly id: number
  readonly name: string
  readonly chainId: number
  readonly folder: string
  /** The public endpoint: the relay's, or that of the only validator. */
  readonly rpcPort: number
  readonly inMemory: boolean
  readonly blockTimeMs: number | undefined
  readonly genesisTimestamp: number
  readonly validators: readonly ValidatorPlan[]
}

export type WorldPlan = {
  /** The data directory that holds the lock and `devnet.json`. */
  readonly home: string
  /** Where this world's files lie: `home`, or `home/minimal`. */
  readonly filesDir: string
  readonly kept: KeptWorld
  /** Absent in a minimal world, and where the L1 is outside. */
  readonly l1: ChainPlan | undefined
  readonly networks: readonly ChainPlan[]
  /** Absent without an L1. */
  readonly keeper: KeeperPlan | undefined
  /** Absent where the world has no operators for it. */
  readonly data: DataPlan | undefined
}

/** The process that brings to L1 what the networks made. */
export type KeeperPlan = {
  readonly part: 'keeper'
  readonly folder: string
  readonly logPath: string
  /** 32 bytes: of an account of its own, which pays for gas. */
  readonly secretKey: Uint8Array
}

/**
 * Returns the world to run: the kept one, or a new one.
 *
 * @param fresh.random - 32 bytes, for a world without a seed of its own.
 * @param fresh.outsideL1 - What `--l1` names, looked at; of a kept world, the L1 that it has.
 * @throws {WorldDiffersError} `DEVNET_WORLD_DIFFERS` when options contradict the kept world.
 */
export function resolveWorld(
  options: WorldOptions,
  kept: KeptWorld | undefined,
  fresh: { random: Uint8Array; nowSeconds: number; outsideL1?: OutsideL1 | undefined },
): KeptWorld {
  const { outsideL1 } = fresh
  if (kept !== undefined) {
    checkSame(options, kept)
    return outsideL1 === undefined ? kept : { ...kept, outsideL1 }
  }
  const { seed } = options
  const chainId = options.chainId ?? chainIdDefault
  const networkCount = options.minimal ? 1 : (options.networkCount ?? networkCountDefault)
  const taken = outsideL1?.chainId ?? l1ChainId
  const isTaken = chainId <= taken && taken < chainId + networkCount
  if (!options.minimal && isTaken) throw new ChainIdTakenError(taken, taken - chainId)
  const hasData = !options.minimal && outsideL1 === undefined && options.withData === true
  return {
    version: 1,
    seed: Buffer.from(seed === undefined ? fresh.random : seedBytes(seed)).toString('hex'),
    validatorCount: options.minimal ? 1 : (options.validatorCount ?? validatorCountDefault),
    networkCount,
    chainId,
    blockTimeMs: options.blockTimeMs,
    genesisTimestamp: seed === undefined ? fresh.nowSeconds : seededGenesisTimestamp,
    ...(outsideL1 && { outsideL1 }),
    ...(hasData && { dataNodeCount }),
  }
}

type WorldPlace = { readonly home: string; readonly minimal: boolean }

/** Returns the plan of a world with the ports it was granted. */
export function planWorld(
  kept: KeptWorld,
  place: WorldPlace,
  grants: readonly PortGrant[],
): WorldPlan {
  const { home, minimal } = place
  const base = planBase(kept, place, grants)
  const { filesDir, seed } = base
  return {
    home,
    filesDir,
    kept,
    l1: minimal || kept.outsideL1 !== undefined ? undefined : planL1(base),
    networks: Array.from({ length: kept.networkCount }, (_, id) => planNetwork(base, id)),
    keeper: minimal
      ? undefined
      : {
          part: 'keeper',
          folder: join(filesDir, 'keeper'),
          logPath: join(home, 'logs', 'keeper.jsonl'),
          secretKey: accountKeyOf(seed, 'keeper'),
        },
    data: kept.dataNodeCount === undefined ? undefined : planData(base, kept.dataNodeCount),
  }
}

/** Returns the plan of one network of a world, also of one that was opened later. */
export function planNetworkOf(
  { kept, home }: WorldPlan,
  id: number,
  grants: readonly PortGrant[],
): ChainPlan {
  return planNetwork(planBase(kept, { home, minimal: false }, grants), id)
}

function planBase(
  kept: KeptWorld,
  { home, minimal }: WorldPlace,
  grants: readonly PortGrant[],
): PlanBase {
  const ports = new Map(grants.map(({ use, port }) => [use, port]))
  return {
    kept,
    home,
    filesDir: minimal ? join(home, 'minimal') : home,
    seed: Buffer.from(kept.seed, 'hex'),
    portOf: (use) => ports.get(use) ?? 0,
    inMemory: minimal,
  }
}

type PlanBase = {
  readonly kept: KeptWorld
  readonly home: string
  readonly filesDir: string
  readonly seed: Uint8Array
  readonly portOf: (use: string) => number
  readonly inMemory: boolean
}

function planL1(base: PlanBase): ChainPlan {
  const { kept, filesDir, portOf, inMemory } = base
  const folder = join(filesDir, 'l1')
  return {
    kind: 'l1',
    id: 0,
    name: 'L1',
    chainId: l1ChainId,
    folder,
    rpcPort: portOf('l1 rpc'),
    inMemory,
    blockTimeMs: kept.blockTimeMs,
    genesisTimestamp: kept.genesisTimestamp,
    validators: [
      {
        index: 0,
        part: 'l1',
        folder: join(folder, 'val-0'),
        ...keyFiles(join(folder, 'keys')),
        logPath: join(base.home, 'logs', 'l1.jsonl'),
        rpcPort: portOf('l1 rpc'),
        p2pPort: portOf('l1 p2p'),
        metricsPort: portOf('l1 metrics'),
        ...keysOf(base.seed, 'l1'),
      },
    ],
  }
}

function planNetwork(base: PlanBase, id: number): ChainPlan {
  const { kept, filesDir, portOf, inMemory } = base
  const folder = join(filesDir, `net-${id}`)
  const isAlone = kept.validatorCount === 1
  return {
    kind: 'network',
    id,
    name: `network ${id}`,
    chainId: kept.chainId + id,
    folder,
    rpcPort: portOf(`network ${id} rpc`),
    inMemory,
    blockTimeMs: kept.blockTimeMs,
    genesisTimestamp: kept.genesisTimestamp,
    validators: Array.from({ length: kept.validatorCount }, (_, index) => ({
      index,
      part: `net-${id}/val-${index}`,
      folder: join(folder, `val-${index}`),
      ...keyFiles(join(filesDir, `operator-${index}`, 'keys')),
      logPath: join(base.home, 'logs', `net-${id}-val-${index}.jsonl`),
      rpcPort: portOf(isAlone ? `network ${id} rpc` : `network ${id} validator ${index} rpc`),
      p2pPort: portOf(`network ${id} validator ${index} p2p`),
      metricsPort: portOf(`network ${id} validator ${index} metrics`),
      ...keysOf(base.seed, `operator/${index}`),
    })),
  }
}

function keyFiles(folder: string): Pick<ValidatorPlan, 'keystorePath' | 'passwordPath'> {
  return { keystorePath: join(folder, 'bls.json'), passwordPath: join(folder, 'bls.password') }
}

function seedBytes(seed: string): Uint8Array {
  return createHash('sha256').update(`zg/devnet/seed/${seed}`).digest()
}

function checkSame(options: WorldOptions, kept: KeptWorld): void {
  const wishes = [
    { flag: '--validators', wanted: options.validatorCount, has: kept.validatorCount },
    { flag: '--networks', wanted: options.networkCount, has: kept.networkCount },
    { flag: '--chain-id', wanted: options.chainId, has: kept.chainId },
    { flag: '--block-time', wanted: options.blockTimeMs, has: kept.blockTimeMs },
    { flag: '--epoch', wanted: options.epochSeconds, has: kept.outsideL1?.epochSeconds },
  ]
  for (const { flag, wanted, has } of wishes) {
    if (wanted !== undefined && wanted !== has) {
      throw new WorldDiffersError(flag, String(wanted), String(has ?? 'the default'))
    }
  }
  if (options.seed === undefined) return
  const seed = Buffer.from(seedBytes(options.seed)).toString('hex')
  if (seed !== kept.seed) throw new WorldDiffersError('--seed', options.seed, 'another seed')
}

export class WorldDiffersError extends ZgError<'DEVNET_WORLD_DIFFERS'> {
  constructor(flag: string, wanted: string, has: string) {
    const message = `Cannot use ${flag} ${wanted}: the kept world was made with ${has}`
    super('DEVNET_WORLD_DIFFERS', message, { flag, wanted, has })
  }
}

export class ChainIdTakenError extends ZgError<'DEVNET_CHAIN_ID_TAKEN'> {
  constructor(chainId: number, network: number) {
    const why = "it is the L1's, and transactions of one would hold on the other"
    const message = `Cannot give network ${network} the chain id ${chainId}: ${why}`
    super('DEVNET_CHAIN_ID_TAKEN', message, { chainId })
  }
}
