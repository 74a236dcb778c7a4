/**
 * Looks at an L1 that is somewhere else, before anything is sent there.
 *
 *     new world    it answers, is a test chain, makes blocks, and calls some final: how old are
 *                  those, so how long must an epoch be? one final block is its anchor
 *     kept world   it is the same chain: the anchor is there still
 *
 * An epoch is longer than two finality lags: a set is proved from final blocks of the epoch before
 * it. What is kept is how old the newest final block is at most, not how old it was just then:
 *
 *     lag at most = lag seen + a step
 *     step        = by how much the final block rose while L1 was looked at; where it stood still,
 *                   32 blocks, the step of Ethereum and of `geth --dev`; nothing where blocks are
 *                   final at once
 */

import { setTimeout as wait } from 'node:timers/promises'

import { isHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { callRpc, RpcUnreachedError } from './rpc-call.ts'
import { WorldDiffersError } from './world.ts'
import type { KeptWorld, OutsideL1 } from './world.ts'

/** Bounds of `--epoch`. */
export const epochSecondsMin = 10
export const epochSecondsMax = 86_400

/** The shortest epoch that is chosen by itself; those chosen are multiples of it. */
const epochStepSeconds = 30

/** Blocks that become final together, at most. */
const finalityStepBlocks = 32

/** A chain with fewer blocks shows neither its pace nor how what is final follows, as on anvil. */
const youngBlocks = 4

/** Blocks whose pace is looked at. */
const paceBlocks = 32

/** An L1 that makes no block for so long makes none by itself. */
const blockWaitMsDefault = 60_000

const pollMs = 500

/** An endpoint far away may take so long over a small call. */
const callTimeoutMs = 10_000

type Block = { readonly number: number; readonly hash: Hex; readonly timestamp: number }

/** What a command line says of an L1. */
export type L1Wish = {
  /** Its JSON-RPC over HTTP; that of the kept world when absent. */
  readonly url?: string | undefined
  /** By the lag of the L1 when absent. */
  readonly epochSeconds?: number | undefined
}

/**
 * Returns the L1 of a world that is outside; undefined where the world has its own, or none.
 *
 * @throws {WorldDiffersError} `DEVNET_WORLD_DIFFERS` for a kept world with an L1 of its own; what
 *   `surveyL1` throws for a new world, and `checkSameL1` for a kept one.
 */
export async function outsideL1Of(
  kept: KeptWorld | undefined,
  { url, epochSeconds }: L1Wish,
  signal: AbortSignal,
): Promise<OutsideL1 | undefined> {
  if (kept?.outsideL1 === undefined) {
    if (url === undefined) return undefined
    if (kept !== undefined) throw new WorldDiffersError('--l1', url, 'an L1 of its own')
    return surveyL1({ url, epochSeconds }, { signal })
  }
  const found = { ...kept.outsideL1, ...(url !== undefined && { url }) }
  await checkSameL1(found)
  return found
}

/**
 * Returns what a new world keeps of an L1.
 *
 * @throws {OutsideL1UnreachableError} `DEVNET_OUTSIDE_L1_UNREACHABLE` · {OutsideL1SilentError}
 *   `DEVNET_OUTSIDE_L1_NO_RPC` · {OutsideL1MainError} `DEVNET_OUTSIDE_L1_MAIN` ·
 *   {OutsideL1StillError} `DEVNET_OUTSIDE_L1_STILL` · {OutsideL1UnfinalError}
 *   `DEVNET_OUTSIDE_L1_UNFINAL` · {OutsideL1EpochError} `DEVNET_OUTSIDE_L1_EPOCH`
 */
export async function surveyL1(
  wish: L1Wish & { readonly url: string },
  options: {
    readonly signal?: AbortSignal
    /** @default blockWaitMsDefault */
    readonly blockWaitMs?: number
  } = {},
): Promise<OutsideL1> {
  const { url } = wish
  const chainId = await chainIdOf(url)
  if (await isMainChain(chainId)) throw new OutsideL1MainError(url, chainId)
  // Before the newest each time: so no lag looks shorter than it is.
  const finalBefore = await finalOf(url)
  const first = await latestOf(url)
  await laterBlock(url, first, options)
  const final = await finalOf(url)
  const head = await latestOf(url)
  const lagBlocks = Math.max(0, head.number - final.number)
  const blockSeconds = await blockSecondsOf(url, head)
  // By count: the genesis of `geth --dev` is of 1970.
  const seen = final.number === 0 ? lagBlocks * blockSeconds : head.timestamp - final.timestamp
  const isAtOnce = lagBlocks === 0 && finalBefore.number >= first.number
  const rise = Math.max(0, final.number - finalBefore.number)
  const stepBlocks = rise === 0 ? finalityStepBlocks : Math.min(rise, finalityStepBlocks)
  const stepSeconds = isAtOnce ? 0 : stepBlocks * blockSeconds
  const finalitySeconds = Math.max(0, Math.ceil(seen + stepSeconds))
  const enough = epochStepSeconds * (Math.floor((2 * finalitySeconds) / epochStepSeconds) + 1)
  const epochSeconds = wish.epochSeconds ?? enough
  if (epochSeconds <= 2 * finalitySeconds || epochSeconds > epochSecondsMax) {
    throw new OutsideL1EpochError(url, { epochSeconds, finalitySeconds, enough })
  }
  const { number, hash } = final
  const epochStart = head.timestamp
  return { url, chainId, epochStart, epochSeconds, finalitySeconds, anchor: { number, hash } }
}

/**
 * Checks that an endpoint serves the L1 of a kept world.
 *
 * @throws {OutsideL1UnreachableError} `DEVNET_OUTSIDE_L1_UNREACHABLE` · {OutsideL1SilentError}
 *   `DEVNET_OUTSIDE_L1_NO_RPC` · {OutsideL1OtherError} `DEVNET_OUTSIDE_L1_OTHER` ·
 *   {OutsideL1ResetError} `DEVNET_OUTSIDE_L1_RESET`
 */
export async function checkSameL1({ url, chainId, anchor }: OutsideL1): Promise<void> {
  const found = await chainIdOf(url)
  if (found !== chainId) throw new OutsideL1OtherError(url, { found, chainId })
  const block = await blockAt(url, `0x${anchor.number.toString(16)}`)
  const which = `block ${anchor.number}, which was final when the world was made,`
  if (block === undefined) throw new OutsideL1ResetError(url, `${which} is not there`)
  if (block.hash !== anchor.hash) throw new OutsideL1ResetError(url, `${which} is another now`)
}

/** Tests alone are done here: whether an id is of a public chain that is no test chain. */
async function isMainChain(chainId: number): Promise<boolean> {
  // Loaded here: hundreds of chains, which nobody else waits for.
  const chains = Object.values(await import('viem/chains')).filter(({ id }) => id === chainId)
  const isLocal = chains.some(({ rpcUrls }) => rpcUrls.default.http[0]?.includes('127.0.0.1'))
  return !isLocal && chains.some(({ testnet }) => testnet !== true)
}

/** Waits for a block after `first`, and for as many after the genesis as show a pace. */
async function laterBlock(
  url: string,
  first: Block,
  {
    signal,
    blockWaitMs = blockWaitMsDefault,
  }: { readonly signal?: AbortSignal; readonly blockWaitMs?: number },
): Promise<void> {
  const late = AbortSignal.timeout(blockWaitMs)
  const wanted = Math.max(first.number + 1, youngBlocks)
  for (;;) {
    signal?.throwIfAborted()
    if ((await latestOf(url)).number >= wanted) return
    if (late.aborted) throw new OutsideL1StillError(url, blockWaitMs)
    await wait(pollMs)
  }
}

/** Returns the seconds between the newest blocks of an L1. */
export async function blockSecondsOf(url: string, newest?: Block): Promise<number> {
  const head = newest ?? (await latestOf(url))
  // A genesis may be of any time.
  const from = Math.min(head.number, Math.max(1, head.number - paceBlocks))
  const block = await blockAt(url, `0x${from.toString(16)}`)
  if (block === undefined) throw new OutsideL1SilentError(url, `it has no block ${from}`)
  return (head.timestamp - block.timestamp) / Math.max(1, head.number - from)
}

async function latestOf(url: string): Promise<Block> {
  const block = await blockAt(url, 'latest')
  if (block === undefined) throw new OutsideL1SilentError(url, 'it has no block')
  return block
}

async function finalOf(url: string): Promise<Block> {
  let block: Block | undefined
  try {
    block = await blockAt(url, 'finalized')
  } catch (cause) {
    if (cause instanceof OutsideL1UnreachableError) throw cause
    throw new OutsideL1UnfinalError(url, cause)
  }
  if (block === undefined) throw new OutsideL1UnfinalError(url)
  return block
}

async function chainIdOf(url: string): Promise<number> {
  return quantityOf(url, await ask(url, 'eth_chainId', []))
}

async function blockAt(url: string, which: string): Promise<Block | undefined> {
  const found = await ask(url, 'eth_getBlockByNumber', [which, false])
  if (found === null) return undefined
  const { number, hash, timestamp } = found as Readonly<Record<string, unknown>>
  if (!isHex(hash, 32)) throw new OutsideL1SilentError(url, 'a block has no hash')
  return { number: quantityOf(url, number), hash, timestamp: quantityOf(url, timestamp) }
}

async function ask(url: string, method: string, params: readonly unknown[]): Promise<unknown> {
  try {
    return await callRpc(url, method, params, callTimeoutMs)
  } catch (error) {
    if (error instanceof RpcUnreachedError) throw new OutsideL1UnreachableError(url, error)
    const problem = error instanceof ZgError ? String(error.data['problem']) : String(error)
    throw new OutsideL1SilentError(url, `to ${method} it says "${problem}"`, error)
  }
}

function quantityOf(url: string, value: unknown): number {
  const number = typeof value === 'string' && isHex(value) ? Number(value) : Number.NaN
  if (Number.isSafeInteger(number)) return number
  throw new OutsideL1SilentError(url, 'it gives something else where a number belongs')
}

export class OutsideL1UnreachableError extends ZgError<'DEVNET_OUTSIDE_L1_UNREACHABLE'> {
  constructor(url: string, cause: unknown) {
    const message = `Cannot reach the L1 at ${url}: nothing answers there`
    super('DEVNET_OUTSIDE_L1_UNREACHABLE', message, { url }, cause)
  }
}

/** Something answers, and not as an Ethereum node. */
export class OutsideL1SilentError extends ZgError<'DEVNET_OUTSIDE_L1_NO_RPC'> {
  constructor(url: string, problem: string, cause?: unknown) {
    const message = `Cannot use the L1 at ${url}: ${problem}`
    super('DEVNET_OUTSIDE_L1_NO_RPC', message, { url, problem }, cause)
  }
}

export class OutsideL1MainError extends ZgError<'DEVNET_OUTSIDE_L1_MAIN'> {
  constructor(url: string, chainId: number) {
    const message = `Cannot use the L1 at ${url}: chain ${chainId} is no test chain`
    super('DEVNET_OUTSIDE_L1_MAIN', message, { url, chainId })
  }
}

export class OutsideL1StillError extends ZgError<'DEVNET_OUTSIDE_L1_STILL'> {
  constructor(url: string, waitMs: number) {
    const message = `Cannot use the L1 at ${url}: it made no block in ${waitMs / 1_000} s`
    super('DEVNET_OUTSIDE_L1_STILL', message, { url })
  }
}

export class OutsideL1UnfinalError extends ZgError<'DEVNET_OUTSIDE_L1_UNFINAL'> {
  constructor(url: string, cause?: unknown) {
    const message = `Cannot use the L1 at ${url}: it names no final block ("finalized")`
    super('DEVNET_OUTSIDE_L1_UNFINAL', message, { url }, cause)
  }
}

export class OutsideL1EpochError extends ZgError<'DEVNET_OUTSIDE_L1_EPOCH'> {
  constructor(
    url: string,
    seen: {
      readonly epochSeconds: number
      readonly finalitySeconds: number
      /** An epoch that is long enough. */
      readonly enough: number
    },
  ) {
    const { epochSeconds, finalitySeconds } = seen
    const lag = `twice the ${finalitySeconds} s after which its blocks are final at the latest`
    const problem =
      epochSeconds > epochSecondsMax
        ? `epochs of ${epochSecondsMax} s at most are too short for ${lag}`
        : `an epoch of ${epochSeconds} s is not more than ${lag}`
    super('DEVNET_OUTSIDE_L1_EPOCH', `Cannot use the L1 at ${url}: ${problem}`, { url, ...seen })
  }
}

/** Another chain than the one where the world's stake lies. */
export class OutsideL1OtherError extends ZgError<'DEVNET_OUTSIDE_L1_OTHER'> {
  constructor(url: string, { found, chainId }: { found: number; chainId: number }) {
    const problem = `it is chain ${found}, and stake lies on ${chainId}`
    const message = `Cannot use the L1 at ${url}: ${problem}`
    super('DEVNET_OUTSIDE_L1_OTHER', message, { url, found, chainId })
  }
}

/** The chain has that id, and was begun anew, or does not have yet what it had. */
export class OutsideL1ResetError extends ZgError<'DEVNET_OUTSIDE_L1_RESET'> {
  constructor(url: string, problem: string) {
    const message = `Cannot go on with the L1 at ${url}: ${problem}; it was reset, or is behind`
    super('DEVNET_OUTSIDE_L1_RESET', message, { url, problem })
  }
}
