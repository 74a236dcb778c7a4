/**
 * Where the nodes of other operators listen. L1 has no addresses: each operator keeps a file of
 * them, one a line, as they told each other.
 *
 *     0x70997970c51812dc3a010c7d01b50e0d17dc79c8=203.0.113.7:26656
 *     0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc=[2001:db8::7]:26656   # words after a # are free
 *
 * The port is that of network 0; network i is at the port + i. Keys are not in the file: they are
 * on L1, the present one and the one to come, and a node that dials asks for the key it expects.
 */

import { readFileSync, statSync } from 'node:fs'
import { isIP } from 'node:net'

import { publicKeyOfWords } from '@zg/contracts'
import { bigintToHex, toHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { L1ReadError, readContract } from '@zg/staking'
import type { L1Chain } from '@zg/staking'

/** As many validators as a network has at most (NetworkRegistry.VALIDATORS_MAX). */
export const operatorPeersMax = 1_024

const peersSizeBytesMax = 1_048_576
const portMax = 65_535

/** Operators whose keys are asked for at once. */
const askedAtOnce = 16

export type OperatorAddress = {
  /** 20 bytes, as a number. */
  readonly operator: bigint
  readonly host: string
  /** Of network 0. */
  readonly port: number
}

/** A peer of network 0, as config.toml has it. */
export type OperatorPeer = { readonly publicKey: Hex; readonly host: string; readonly port: number }

/** BLS keys of an operator, 48 bytes each: the present one and the one to come, if any. */
export type OperatorKeys = (operator: bigint, epoch: bigint) => Promise<readonly Hex[]>

/**
 * Reads a file.
 *
 * @throws {OperatorPeersInvalidError} `DEVNET_OPERATOR_PEERS_INVALID`
 */
export function readOperatorPeers(path: string): readonly OperatorAddress[] {
  try {
    if (statSync(path).size > peersSizeBytesMax)
      throw new OperatorPeersInvalidError(path, 'it is too large')
    return parseOperatorPeers(readFileSync(path, 'utf8'), path)
  } catch (error) {
    if (error instanceof OperatorPeersInvalidError) throw error
    throw new OperatorPeersInvalidError(path, 'it cannot be read', error)
  }
}

/** @throws {OperatorPeersInvalidError} `DEVNET_OPERATOR_PEERS_INVALID` */
export function parseOperatorPeers(text: string, path: string): readonly OperatorAddress[] {
  const found = new Map<bigint, OperatorAddress>()
  for (const [index, line] of text.split('\n').entries()) {
    const words = (line.split('#')[0] ?? '').trim()
    if (words === '') continue
    const fail = (problem: string) =>
      new OperatorPeersInvalidError(path, `line ${index + 1}: ${problem}`)
    const address = parseLine(words, fail)
    if (found.has(address.operator)) throw fail('its operator has a line already')
    found.set(address.operator, address)
    if (found.size > operatorPeersMax) throw fail(`there are over ${operatorPeersMax} operators`)
  }
  return [...found.values()]
}

function parseLine(words: string, fail: (problem: string) => Error): OperatorAddress {
  const match = /^(0x[0-9a-fA-F]{40})=(\[[^\]]*\]|[^:[\]]+):(\d{1,5})$/.exec(words)
  if (match === null) throw fail('it is not ADDRESS=HOST:PORT')
  const [, operator = '', bracketed = '', digits = ''] = match
  const isBracketed = bracketed.startsWith('[')
  const host = isBracketed ? bracketed.slice(1, -1) : bracketed
  const port = Number(digits)
  if (isBracketed ? isIP(host) !== 6 : isIP(host) === 0 && !isHostName(host)) {
    throw fail(`"${host}" is no address and no name of a host`)
  }
  if (port < 1 || port > portMax) throw fail(`${digits} is no port`)
  return { operator: BigInt(operator), host, port }
}

function isHostName(text: string): boolean {
  const label = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
  // A name of digits and dots alone would be a mistyped address.
  return (
    text.length <= 253 && new RegExp(`^${label}(\\.${label})*$`).test(text) && /[A-Za-z]/.test(text)
  )
}

/** Returns how keys are asked of L1. */
export function keysOnL1(chain: Pick<L1Chain, 'call'>, operatorRegistry: Hex): OperatorKeys {
  const registry = { artifact: 'OperatorRegistry', address: BigInt(operatorRegistry) } as const
  return async (operator, epoch) => {
    const address = bigintToHex(operator, 20)
    const ask = (name: string, args: readonly unknown[]): Promise<unknown> =>
      readContract(chain, registry, { name, args })
    const [present, coming] = await Promise.all([
      ask('keyAt', [address, epoch]).then((found) => found as KeyWords, noneIfUnknown),
      ask('upcoming', [address]).then((found) => (found as [KeyWords])[0], noneIfUnknown),
    ])
    const words = [present, coming].filter((each) => each !== undefined)
    const keys = words.map(({ a, b, c }) => publicKeyOfWords([BigInt(a), BigInt(b), BigInt(c)]))
    return [...new Set(keys.map(toHex))]
  }
}

/** Who never registered has no key, and who did has none before the epoch from which it holds. */
const unknown: readonly string[] = ['KeyUnknown', 'NotRegistered']

function noneIfUnknown(error: unknown): undefined {
  if (error instanceof L1ReadError && unknown.includes(error.problem)) return undefined
  throw error
}

type KeyWords = Readonly<Record<'a' | 'b' | 'c', Hex>>

/** Returns the peers of network 0: each operator under each of its keys. */
export async function peersOf(
  addresses: readonly OperatorAddress[],
  { keys, epoch }: { readonly keys: OperatorKeys; readonly epoch: bigint },
): Promise<readonly OperatorPeer[]> {
  const peers: OperatorPeer[] = []
  for (let from = 0; from < addresses.length; from += askedAtOnce) {
    const asked = addresses.slice(from, from + askedAtOnce)
    const found = await Promise.all(
      asked.map(async ({ operator, host, port }) =>
        (await keys(operator, epoch)).map((publicKey) => ({ publicKey, host, port })),
      ),
    )
    peers.push(...found.flat())
  }
  return peers
}

export class OperatorPeersInvalidError extends ZgError<'DEVNET_OPERATOR_PEERS_INVALID'> {
  constructor(path: string, problem: string, cause?: unknown) {
    const message = `Cannot use the operators' addresses in "${path}": ${problem}`
    super('DEVNET_OPERATOR_PEERS_INVALID', message, { path, problem }, cause)
  }
}
