/** `world.json`: what the kept world was made with. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { isHex, ZgError } from '@zg/primitives'

import { dataNodeCountMax } from './data-plan.ts'
import type { KeptWorld, OutsideL1 } from './world.ts'
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
      ) &&
      (kept.outsideL1 === undefined || isOutsideL1(kept.outsideL1)) &&
      (kept.dataNodeCount === undefined || isDataNodeCount(kept.dataNodeCount))
    if (isWhole) return kept
  } catch {
    // Told below, in the same words.
  }
  throw new KeptWorldMalformedError(path, 'damaged')
}

function isOutsideL1({ url, anchor, ...rest }: OutsideL1): boolean {
  const { chainId, epochStart, epochSeconds, finalitySeconds } = rest
  return (
    URL.canParse(url) &&
    isHex(anchor.hash, 32) &&
    [chainId, epochStart, epochSeconds, finalitySeconds, anchor.number].every(Number.isSafeInteger)
  )
}

function isDataNodeCount(count: number): boolean {
  return Number.isSafeInteger(count) && count > 0 && count <= dataNodeCountMax
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
