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
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { create } from '@chainsafe/bls-keystore'
import type { ChainPlan, ValidatorPlan, WorldPlan } from './world.ts'

/** PBKDF2 rounds of keystores whose password lies beside them. */
const devKdfRounds = 1_024

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
      writeFileSync(genesisPath, `${JSON.stringify(await genesisOf(chain), undefined, 1)}\n`)
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
  mkdirSync(dirname(validator.keystorePath), { recursive: true, mode: 0o700 })
  if (!existsSync(validator.keystorePath)) await writeKeystore(validator)
  writeFileSync(join(validator.folder, 'config.toml'), configOf(chain, validator), { mode: 0o600 })
}

async function writeKeystore(validator: ValidatorPlan): Promise<void> {
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
  writeFileSync(validator.passwordPath, `${password}\n`, { mode: 0o600 })
  writeFileSync(validator.keystorePath, `${JSON.stringify(keystore)}\n`, { mode: 0o600 })
}

function configOf(chain: ChainPlan, validator: ValidatorPlan): string {
  void chain
  void validator
  return ''
}
