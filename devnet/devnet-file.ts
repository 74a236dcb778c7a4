/**
 * `devnet.json`: the running local world as other programs see it.
 *
 * The supervisor writes it atomically once every part is ready and removes it when the world ends,
 * so a file that is there describes a world that runs (or one that was killed with its supervisor:
 * the lock tells). Fields are only ever added; an absent one is a part that was not started: an L1
 * that is outside has no `pid` here. The default world has no `storage`, `compute` and `web` yet, a
 * minimal one no `l1` and no `da` either.
 */

import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import type { KeptNetwork } from './keeper.ts'
import { writeWhole } from './write-whole.ts'

/** The version of the format; a reader refuses others. */
export const devnetFileVersion = 1

/** The file's name in the data directory. */
export const devnetFileName = 'devnet.json'

/** Addresses by contract name. */
export type ContractAddresses = Readonly<Record<string, Hex>>

export type DevnetL1 = {
  readonly rpc: string
  /** Absent where the L1 is outside, as its process is. */
  readonly ws?: string
  readonly chainId: number
  readonly genesisHash: Hex
  /** Blocks between the newest block and the newest final one; 0: latest is final. */
  readonly finalityLag: number
  readonly pid?: number
  readonly contracts: ContractAddresses
}

export type DevnetValidator = {
  readonly index: number
  /** The execution address that receives its fees. */
  readonly address: Hex
  readonly rpc: string
  /** `host:port` of its validator transport. */
  readonly p2p: string
  /** The process when the file was written; a validator that was restarted has another. */
  readonly pid: number
}

export type DevnetNetwork = {
  readonly id: number
  readonly name: string
  readonly status: 'active'
  readonly chainId: number
  readonly genesisHash: Hex
  /** The public endpoint: goes on answering while any validator does. */
  readonly rpc: string
  readonly ws: string
  readonly validators: readonly DevnetValidator[]
  readonly contracts: ContractAddresses
  /** Where data is available on it. */
  readonly da?: DevnetData
}

export type DevnetDataNode = {
  readonly index: number
  readonly url: string
  /** Of the process, which four nodes share, when the file was written. */
  readonly pid: number
}

/** Data availability: its doors, which say themselves from when on they take blobs. */
export type DevnetData = {
  /** gRPC. */
  readonly disperser: string
  readonly altDa: string
  readonly nodes: readonly DevnetDataNode[]
}

/** A development account: its key is public knowledge. */
export type DevnetAccount = { readonly address: Hex; readonly privateKey: Hex }

export type DevnetFile = {
  readonly version: typeof devnetFileVersion
  readonly dataDir: string
  /** Seconds of one epoch; 0 while one fixed set has the one epoch. */
  readonly epochSeconds: number
  readonly l1?: DevnetL1
  readonly networks: readonly DevnetNetwork[]
  /** Of the first network that has it. */
  readonly da?: DevnetData
  readonly metrics: readonly string[]
  readonly accounts: readonly DevnetAccount[]
}

/** Replaces `devnet.json` in `folder`: readers see the old world or the new, whole. */
export function writeDevnetFile(folder: string, file: DevnetFile): void {
  // The accounts' keys are public, but a later gateway key is not: owner only from the start.
  writeWhole(join(folder, devnetFileName), `${JSON.stringify(file, undefined, 2)}\n`)
}

/** Removes `devnet.json`: the world is not ready, or no more. */
export function removeDevnetFile(folder: string): void {
  rmSync(join(folder, devnetFileName), { force: true })
}

/**
 * Returns the world described in `folder`, or undefined when none is.
 *
 * @throws {DevnetFileMalformedError} `DEVNET_FILE_MALFORMED`
 */
export function readDevnetFile(folder: string): DevnetFile | undefined {
  const path = join(folder, devnetFileName)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new DevnetFileMalformedError(path, 'it cannot be read', error)
  }
  try {
    return checkDevnetFile(JSON.parse(text), path)
  } catch (error) {
    if (error instanceof DevnetFileMalformedError) throw error
    throw new DevnetFileMalformedError(path, 'it is no JSON', error)
  }
}

/** A network of `devnet.json` as its keeper is told of it. */
export function keptNetworkOf(network: DevnetNetwork): KeptNetwork {
  const { id, chainId, genesisHash, rpc, validators } = network
  return { id, chainId, genesisHash, rpc, nodes: validators.map((each) => each.rpc) }
}

/** Checks what our own readers rely on; unknown fields are kept, as they may be newer. */
function checkDevnetFile(value: unknown, path: string): DevnetFile {
  if (typeof value !== 'object' || value === null) {
    throw new DevnetFileMalformedError(path, 'it is no object')
  }
  const file = value as Partial<DevnetFile>
  if (file.version !== devnetFileVersion) {
    throw new DevnetFileMalformedError(path, `its version is ${String(file.version)}`)
  }
  if (typeof file.dataDir !== 'string') throw new DevnetFileMalformedError(path, 'no dataDir')
  if (!Array.isArray(file.networks)) throw new DevnetFileMalformedError(path, 'no networks')
  if (!Array.isArray(file.accounts)) throw new DevnetFileMalformedError(path, 'no accounts')
  return value as DevnetFile
}

export class DevnetFileMalformedError extends ZgError<'DEVNET_FILE_MALFORMED'> {
  constructor(path: string, problem: string, cause?: unknown) {
    const message = `Cannot read the world's description "${path}": ${problem}`
    super('DEVNET_FILE_MALFORMED', message, { path, problem }, cause)
  }
}
