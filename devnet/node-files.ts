/**
 * Writes what a validator process reads: genesis.json, keystore and password, config.toml.
 *
 * Genesis and keys are written once and then kept: they are what the world is. config.toml is
 * written at every start, as ports may have moved.
 *
 * The keystores are EIP-2335 files with PBKDF2 at `devKdfRounds`: the password of a local world
 * lies in the file beside them, so a costly derivation would protect nothing and only slow the
 * start.
 */

import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

import { create } from '@chainsafe/bls-keystore'
import { toHex } from '@zg/primitives'
import { stringify } from 'smol-toml'

import { devAccounts } from './accounts.ts'
import { loopback } from './ports.ts'
import type { ChainPlan, ValidatorPlan, WorldPlan } from './world.ts'
import { writeWhole } from './write-whole.ts'

/** PBKDF2 rounds of keystores whose password lies beside them. */
const devKdfRounds = 1_024

/** The ten accounts' keys, for a minimal node. */
const devKeysFileName = 'dev-keys.txt'

/** Writes all files of a world; those that are kept stay as they are. */
export async function writeWorldFiles(plan: WorldPlan): Promise<void> {
  const chains = plan.l1 === undefined ? plan.networks : [plan.l1, ...plan.networks]
  mkdirSync(join(plan.home, 'logs'), { recursive: true, mode: 0o700 })
  for (const chain of chains) {
    mkdirSync(chain.folder, { recursive: true, mode: 0o700 })
    const genesisPath = genesisPathOf(chain)
    if (!existsSync(genesisPath)) {
      // Loaded here: it brings the whole node with it, which a kept world need not wait for.
      const { genesisOf } = await import('./genesis.ts')
      writeWhole(genesisPath, `${JSON.stringify(await genesisOf(chain), undefined, 1)}\n`)
    }
    for (const validator of chain.validators) await writeValidatorFiles(chain, validator)
  }
}

/** Where a chain's genesis lies; all its validators read the one file. */
export function genesisPathOf(chain: ChainPlan): string {
  return join(chain.folder, 'genesis.json')
}

async function writeValidatorFiles(chain: ChainPlan, validator: ValidatorPlan): Promise<void> {
  mkdirSync(validator.folder, { recursive: true, mode: 0o700 })
  if (chain.inMemory) await writeDevKeys(validator)
  else if (!existsSync(validator.keystorePath)) await writeKeystore(validator)
  writeWhole(join(validator.folder, 'config.toml'), configOf(chain, validator))
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
function configOf(chain: ChainPlan, validator: ValidatorPlan): string {
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
  return `${stringify(config)}\n`
}
