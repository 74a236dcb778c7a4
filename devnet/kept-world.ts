/** `world.json`: what the kept world was made with. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { ZgError } from '@zg/primitives'

import type { KeptWorld } from './world.ts'
import { writeWhole } from './write-whole.ts'

const fileName = 'world.json'

/**
 * Returns the kept world of a data directory, or undefined when there is none.
 *
 * @throws {KeptWorldMalformedError} `DEVNET_KEPT_WORLD_MALFORMED`
 */
export function readKeptWorld(home: string): KeptWorld | undefined {
  const path = join(home, fileName)
  if (!existsSync(path)) {
    // Another world over these chains would stand still for ever: it has other keys.
    if (hasChains(home)) throw new KeptWorldMalformedError(path, 'missing beside its chains')
    return undefined
  }
  try {
    const kept = JSON.parse(readFileSync(path, 'utf8')) as KeptWorld
    const isWhole =
      kept.version === 1 &&
      /^[0-9a-f]{64}$/.test(kept.seed) &&
      [kept.validatorCount, kept.networkCount, kept.chainId, kept.genesisTimestamp].every(
        Number.isSafeInteger,
      )
    if (isWhole) return kept
  } catch {
    // Told below, in the same words.
  }
  throw new KeptWorldMalformedError(path, 'damaged')
}

function hasChains(home: string): boolean {
  return existsSync(home) && readdirSync(home).some((name) => /^(l1|net-\d+)$/.test(name))
}

/** Remembers a world; owner only, as its seed is secret. */
export function writeKeptWorld(home: string, kept: KeptWorld): void {
  writeWhole(join(home, fileName), `${JSON.stringify(kept, undefined, 2)}\n`)
}

export class KeptWorldMalformedError extends ZgError<'DEVNET_KEPT_WORLD_MALFORMED'> {
  constructor(path: string, problem: string) {
    const message = `Cannot read the kept world: "${path}" is ${problem}`
    super('DEVNET_KEPT_WORLD_MALFORMED', message, { path, problem })
  }
}
