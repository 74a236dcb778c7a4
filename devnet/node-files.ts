/**
 * Writes what a validator process reads: genesis.json, keystore and password, config.toml.
 *
 * Genesis files, sites and keys are written once and then kept: they are what the world is; those
 * of networks whose L1 is outside, once it is set up. config.toml is written at every start, as
 * ports may have moved.
 *
 * The keystores are EIP-2335 files with PBKDF2 at `devKdfRounds`: the password of a local world
 * lies in the file beside them, so a costly derivation would protect nothing and only slow the
 * start.
 */

import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

import { create } from '@chainsafe/bls-keystore'
import type { L1Parameters } from '@zg/contracts'
import { assert, toHex } from '@zg/primitives'
import type { RegisteredNetwork } from '@zg/staking'
import { stringify } from 'smol-toml'

import { devAccounts } from './accounts.ts'
import { writeDataFiles } from './data-files.ts'
import { depositsFileName } from './first-funds.ts'
import type { KeeperConfig } from './keeper.ts'
import { l1ConfigOf, l1SiteFileName, l1SitePath, readL1Site } from './l1-site.ts'
import type { L1Site } from './l1-site.ts'
import { readL1Parameters } from './parameters.ts'
import { loopback } from './ports.ts'
import type { ChainPlan, KeeperPlan, ValidatorPlan, WorldPlan } from './world.ts'
import { writeWhole } from './write-whole.ts'

/** PBKDF2 rounds of keystores whose password lies beside them. */
const devKdfRounds = 1_024

/** The key of the account that pays for what the keeper sends. */
const keeperKeyFileName = 'account.key'

/** The ten accounts' keys, for a minimal node. */
const devKeysFileName = 'dev-keys.txt'

/**
 * Writes all files of a world; those that are kept stay as they are.
 *
 * @param parameters - What a new L1 is deployed with.
 */
export async function writeWorldFiles(
  plan: WorldPlan,
  parameters: L1Parameters = readL1Parameters('dev'),
): Promise<void> {
  const chains = plan.l1 === undefined ? plan.networks : [plan.l1, ...plan.networks]
  mkdirSync(join(plan.home, 'logs'), { recursive: true, mode: 0o700 })
  for (const { folder } of chains) mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { l1, kept } = plan
  if (!chains.every((chain) => existsSync(genesisPathOf(chain)))) {
    assert(kept.outsideL1 === undefined, 'networks of an outside L1 are written when it is set up')
    await writeGenesisFiles(plan, parameters)
  }
  if (l1 !== undefined) {
    const site = readL1Site(join(l1.folder, l1SiteFileName))
    for (const { folder } of plan.networks) writeJson(join(folder, l1SiteFileName), site)
  }
  const stake = stakeL1Of(plan)
  for (const chain of chains) {
    const staked = chain.kind === 'network' ? stake : undefined
    for (const validator of chain.validators) await writeValidatorFiles(chain, validator, staked)
  }
  writeKeeperConfig(plan, plan.networks)
  if (stake !== undefined) writeDataFiles(plan, stake)
}

/** Whether the outside L1 of a world is set up: then each network's site is known. */
export function isSetUp({ filesDir, networks }: WorldPlan): boolean {
  return networks.every(({ id }) => existsSync(l1SitePath(filesDir, id)))
}

/** The L1 that holds a world's stake. */
export type StakeL1 = {
  readonly endpoint: string
  readonly chainId: number
  /** By a network's id. */
  readonly siteOf: (id: number) => L1Site
}

/** Returns the L1 of a world, its own or another; undefined without one. */
export function stakeL1Of({ l1, kept, filesDir }: WorldPlan): StakeL1 | undefined {
  const siteOf = (id: number): L1Site => readL1Site(l1SitePath(filesDir, id))
  const { outsideL1 } = kept
  if (outsideL1 !== undefined) {
    return { endpoint: outsideL1.url, chainId: outsideL1.chainId, siteOf }
  }
  return l1 && { endpoint: rpcUrl(l1.rpcPort), chainId: l1.chainId, siteOf }
}

/** The keeper's files, anew at every start: ports may have moved. */
function writeKeeperFiles(
  { kept, keeper }: WorldPlan,
  networks: readonly ChainPlan[],
  l1: StakeL1,
): void {
  if (keeper === undefined) return
  const site = l1.siteOf(0)
  const config: KeeperConfig = {
    l1: { rpcs: [l1.endpoint], chainId: l1.chainId, site },
    networks: networks.map(({ id, chainId, rpcPort, validators }) => ({
      id,
      chainId,
      genesisHash: site.genesisHashes[id] ?? '0x',
      rpc: rpcUrl(rpcPort),
      nodes: validators.map((validator) => rpcUrl(validator.rpcPort)),
    })),
    // The networks that someone asked for stay, however idle they are.
    spared: Array.from({ length: kept.networkCount }, (_, id) => id),
    keyFile: keeperKeyFileName,
  }
  mkdirSync(keeper.folder, { recursive: true, mode: 0o700 })
  writeWhole(join(keeper.folder, keeperKeyFileName), `${toHex(keeper.secretKey)}\n`)
  writeWhole(keeperConfigPath(keeper), `${JSON.stringify(config, undefined, 1)}\n`)
}

/** Where the keeper's configuration lies. */
export function keeperConfigPath({ folder }: KeeperPlan): string {
  return join(folder, 'keeper.json')
}

function rpcUrl(port: number): string {
  return `http://${loopback}:${port}`
}

/** Writes the files of a network that is opened later, beside those of its world. */
export async function writeNetworkFiles(
  plan: WorldPlan,
  network: ChainPlan,
  { genesis, registered }: { readonly genesis: unknown; readonly registered: RegisteredNetwork },
): Promise<void> {
  const l1 = stakeL1Of(plan)
  assert(l1 !== undefined, 'stake lies on an L1')
  const { id, firstEpoch, genesisHash } = registered
  const first = l1.siteOf(0)
  const genesisHashes = { ...first.genesisHashes, [id]: toHex(genesisHash) }
  const site = { ...first, firstEpoch: Number(firstEpoch), genesisHashes }
  writeNetworkGenesis(network, { genesis, site })
  for (const validator of network.validators) await writeValidatorFiles(network, validator, l1)
}

/** Writes what a network is; its site last, which says that all of it is there. */
export function writeNetworkGenesis(
  network: ChainPlan,
  { genesis, site }: { readonly genesis: unknown; readonly site: L1Site },
): void {
  mkdirSync(network.folder, { recursive: true, mode: 0o700 })
  writeJson(genesisPathOf(network), genesis)
  writeJson(join(network.folder, l1SiteFileName), site)
}

/** Has the keeper care for these networks, once it is started again. */
export function writeKeeperConfig(plan: WorldPlan, networks: readonly ChainPlan[]): void {
  const l1 = stakeL1Of(plan)
  if (l1 !== undefined) writeKeeperFiles(plan, networks, l1)
}

/** The same files each time, so that a start that was cut off is made good by the next. */
async function writeGenesisFiles(plan: WorldPlan, parameters: L1Parameters): Promise<void> {
  // Loaded here: it brings the whole node with it, which a kept world need not wait for.
  const { worldGenesis } = await import('./genesis.ts')
  const { networks, l1 } = await worldGenesis(plan, parameters)
  if (l1 !== undefined && plan.l1 !== undefined) {
    writeJson(join(plan.l1.folder, l1SiteFileName), l1.site)
    writeJson(join(plan.l1.folder, depositsFileName), l1.deposits)
    writeJson(genesisPathOf(plan.l1), l1.genesis)
  }
  plan.networks.forEach((network, index) => writeJson(genesisPathOf(network), networks[index]))
}

function writeJson(path: string, json: unknown): void {
  writeWhole(path, `${JSON.stringify(json, undefined, 1)}\n`)
}

/** Where a chain's genesis lies; all its validators read the one file. */
export function genesisPathOf(chain: ChainPlan): string {
  return join(chain.folder, 'genesis.json')
}

/** Writes keys and config.toml of one validator. */
export async function writeValidatorFiles(
  chain: ChainPlan,
  validator: ValidatorPlan,
  l1: StakeL1 | undefined,
): Promise<void> {
  mkdirSync(validator.folder, { recursive: true, mode: 0o700 })
  if (chain.inMemory) await writeDevKeys(validator)
  else if (!existsSync(validator.keystorePath)) await writeKeystore(validator)
  writeWhole(join(validator.folder, 'config.toml'), configOf(chain, validator, l1))
}

/** A minimal node signs for its clients (`eth_sendTransaction`), as other development chains do. */
async function writeDevKeys({ folder }: ValidatorPlan): Promise<void> {
  const keys = (await devAccounts()).map(({ privateKey }) => `${privateKey}\n`)
  writeWhole(join(folder, devKeysFileName), keys.join(''))
}

async function writeKeystore(validator: ValidatorPlan): Promise<void> {
  mkdirSync(dirname(validator.keystorePath), { recursive: true, mode: 0o700 })
  const password = randomBytes(24).toString('base64url')
  const kdf = {
    function: 'pbkdf2',
    params: {
      dklen: 32,
      c: devKdfRounds,
      prf: 'hmac-sha256',
      salt: randomBytes(32).toString('hex'),
    },
  } as const
  const { secretKey, publicKey, part } = validator
  const keystore = await create(password, secretKey, publicKey, '', `zg devnet ${part}`, kdf)
  writeWhole(validator.passwordPath, `${password}\n`)
  writeWhole(validator.keystorePath, `${JSON.stringify(keystore)}\n`)
}

/** Returns the node's config.toml (chain/node-config.ts says what each key means). */
function configOf(chain: ChainPlan, validator: ValidatorPlan, l1: StakeL1 | undefined): string {
  const { folder, part, rpcPort, metricsPort, p2pPort } = validator
  const at = (port: number): { host: string; port: number } => ({ host: loopback, port })
  const config: Record<string, unknown> = {
    part,
    mode: chain.inMemory ? 'minimal' : 'validator',
    genesis: relative(folder, genesisPathOf(chain)),
    // Pages under development call from any origin; other hosts' names stay refused, so a page
    // whose name was made to point at this machine (DNS rebinding) does not get in.
    rpc: { ...at(rpcPort), allowedHosts: ['localhost'], allowedOrigins: '*' },
    metrics: at(metricsPort),
  }
  if (chain.inMemory) {
    config['devKeys'] = devKeysFileName
  } else {
    config['keys'] = {
      keystore: relative(folder, validator.keystorePath),
      password: relative(folder, validator.passwordPath),
    }
    const peers = chain.validators
      .filter(({ index }) => index !== validator.index)
      .map((peer) => ({ publicKey: toHex(peer.publicKey), ...at(peer.p2pPort) }))
    config['p2p'] = { ...at(p2pPort), peers }
  }
  if (l1 !== undefined) config['l1'] = l1ConfigOf(l1.siteOf(chain.id), [l1.endpoint])
  return `${stringify(config)}\n`
}
