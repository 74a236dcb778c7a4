/**
 * `site.json`: where the contracts of stake stand on L1, and its clock. Each network's folder has
 * its own; one in the folder of a world's own L1 is what those of its first networks come from.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { isHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

/** The file's name in those folders. */
export const l1SiteFileName = 'site.json'

/** Where the site of a network lies; `dataDir` as `devnet.json` has it. */
export function l1SitePath(dataDir: string, networkId: number): string {
  return join(dataDir, `net-${networkId}`, l1SiteFileName)
}

export type L1Site = {
  /** When epoch 0 began, in seconds since 1970. */
  readonly epochStart: number
  readonly epochSeconds: number
  /** The epoch in which the network begins, or the first ones do. */
  readonly firstEpoch: number
  /** How old a block is when L1 calls it final; absent where that is at once. */
  readonly finalitySeconds?: number
  /** A block before the contracts', where logs are asked for first; absent for the first of all. */
  readonly fromBlock?: number
  /** Hashes of the networks' genesis blocks, by their ids; those to come included. */
  readonly genesisHashes: Readonly<Record<number, Hex>>
  /** By name, as contracts/deployment.ts has them. */
  readonly contracts: Readonly<Record<string, Hex>>
}

/**
 * Reads a site.
 *
 * @throws {L1SiteUnreadableError} `DEVNET_L1_SITE_UNREADABLE`
 */
export function readL1Site(path: string): L1Site {
  try {
    const site = JSON.parse(readFileSync(path, 'utf8')) as L1Site
    const { epochStart, epochSeconds, firstEpoch, fromBlock = 0, finalitySeconds = 0 } = site
    const numbers = [epochStart, epochSeconds, firstEpoch, fromBlock, finalitySeconds]
    const addresses = Object.values(site.contracts)
    if (numbers.every(Number.isSafeInteger) && addresses.every((text) => isHex(text, 20))) {
      return site
    }
  } catch (cause) {
    throw new L1SiteUnreadableError(path, cause)
  }
  throw new L1SiteUnreadableError(path)
}

/** The `[l1]` table of a node that follows such an L1 at some endpoints. */
export function l1ConfigOf(site: L1Site, endpoints: readonly string[]): Record<string, unknown> {
  const { epochStart, epochSeconds, firstEpoch, fromBlock = 0, contracts } = site
  const { finalitySeconds = 0 } = site
  const { NetworkRegistry, OperatorRegistry, Inbox, FinalityOracle, Streams } = contracts
  return {
    endpoints: [...endpoints],
    firstEpoch,
    epochStart,
    epochSeconds,
    finalitySeconds,
    fromBlock,
    contracts: { NetworkRegistry, OperatorRegistry, Inbox, FinalityOracle, Streams },
  }
}

export class L1SiteUnreadableError extends ZgError<'DEVNET_L1_SITE_UNREADABLE'> {
  constructor(path: string, cause?: unknown) {
    const message = `Cannot read "${path}": it does not say where the contracts of stake are on L1`
    super('DEVNET_L1_SITE_UNREADABLE', message, { path }, cause)
  }
}
