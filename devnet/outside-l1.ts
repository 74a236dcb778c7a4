/**
 * A world whose L1 is somewhere else: anvil, geth, a public test chain. What `l1-setup.ts` lists is
 * sent there as transactions, in this order:
 *
 *     payer      what deployer, operators and keeper will pay for gas (`outside-purses.ts`)
 *     deployer   contracts, tokens, networks; governance handed over
 *     operators  key, stake, opting in, beside each other
 *                ─► the registry says in which epoch each network begins: its files are written
 *     deployer   deposits, once stake counts
 *
 * It can be cut off at any moment and begun again: it goes on where it was. Deployer and operators
 * have accounts of the world's seed that sent nothing before, so call n of one is its transaction
 * n, and L1 counts them; what the calls are made of is in `world.json` before the first.
 */

import { l1AddressesOf } from '@zg/contracts'
import type { L1Parameters } from '@zg/contracts'
import { addressOfSecretKey, assert, bigintToHex, bytesToBigint, toHex } from '@zg/primitives'
import { fromHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import type { Clock, Logger } from '@zg/runtime'
import { JsonRpcL1Chain, L1RefusedError, L1Sender } from '@zg/staking'
import { L1SendFailedError, readContract } from '@zg/staking'

import { beginSteps, firstEpochTime } from './first-funds.ts'
import type { OutsideStep } from './first-funds.ts'
import { outsideGenesis } from './genesis.ts'
import { depositCalls, firstCalls } from './l1-setup.ts'
import type { SetupCall, SetupOptions } from './l1-setup.ts'
import type { L1Site } from './l1-site.ts'
import { blockSecondsOf, OutsideL1ResetError } from './l1-survey.ts'
import { isSetUp, writeNetworkGenesis } from './node-files.ts'
import {
  balanceOf,
  costOf,
  give,
  giftsOf,
  OutsideL1FundsError,
  OutsideL1PayerError,
  OutsideL1UnfitError,
} from './outside-purses.ts'
import type { L1Purses } from './outside-purses.ts'
import { deployerKeyOf } from './world-keys.ts'
import { accountKeyOf } from './seed-keys.ts'
import type { OutsideL1, WorldPlan } from './world.ts'

/** Gas that each is given the price of; the keeper is relayer of all networks for days. */
const deployerGas = 120_000_000n
const deployerLaterGas = 10_000_000n
const operatorGas = 10_000_000n
const keeperGas = 300_000_000n

/** Of the price of gas at the start: it may rise so often, and more is never offered. */
const priceMargin = 4n

/** A block of the L1 is looked for twice while one is made, in these bounds. */
const pollMsMin = 50
const pollMsMax = 500

export type OutsideOptions = {
  /** 32 bytes: of the account that pays for everything. Nobody else sends with it meanwhile. */
  readonly funderKey?: Uint8Array | undefined
  readonly parameters: L1Parameters
  readonly clock: Clock
  /** Aborting it ends what is under way; what was sent may still come in. */
  readonly signal?: AbortSignal
  readonly onStep?: (step: OutsideStep) => void
  readonly log?: Logger
}

/** What the account that pays is asked for. */
export type L1Bill = {
  readonly url: string
  readonly chainId: number
  readonly epochSeconds: number
  readonly payer: Hex
  /** At most, gas included. */
  readonly wei: bigint
  /** Accounts that get it. */
  readonly accountCount: number
}

/** Who sends, as steps name it. */
type NamedSender = { readonly name: string; readonly sender: L1Sender }

/** The set-up of a world on its outside L1. */
export class OutsideSetup {
  readonly #plan: WorldPlan
  readonly #options: Required<Pick<OutsideOptions, 'parameters' | 'signal' | 'onStep'>>
  readonly #pollMs: number
  readonly #chain: JsonRpcL1Chain
  readonly #clock: Clock
  readonly #funder: L1Sender | undefined
  readonly #deployer: L1Sender
  readonly #operators: readonly NamedSender[]
  readonly #purses: L1Purses
  #genesis: ReturnType<typeof outsideGenesis> | undefined

  /**
   * Opens it; sends nothing yet.
   *
   * @throws {OutsideL1ResetError} `DEVNET_OUTSIDE_L1_RESET` when it was set up and the contracts
   *   are gone.
   */
  static async open(plan: WorldPlan, options: OutsideOptions): Promise<OutsideSetup> {
    const { url } = outsideL1Of(plan)
    const chain = new JsonRpcL1Chain({ url })
    await checkContracts(plan, { url, chain })
    const { baseFeePerGas } = await chain.head()
    const feePerGasMax = priceMargin * (baseFeePerGas + (await chain.tipPerGas()))
    const half = 500 * (await blockSecondsOf(url))
    const pollMs = Math.min(pollMsMax, Math.max(pollMsMin, half))
    return new OutsideSetup(plan, options, { chain, feePerGasMax, pollMs })
  }

  private constructor(
    plan: WorldPlan,
    options: OutsideOptions,
    found: {
      readonly chain: JsonRpcL1Chain
      readonly feePerGasMax: bigint
      readonly pollMs: number
    },
  ) {
    const { chain, feePerGasMax, pollMs } = found
    const { signal = new AbortController().signal, log } = options
    const { parameters, onStep = () => undefined, funderKey } = options
    const { url, chainId } = outsideL1Of(plan)
    this.#plan = plan
    this.#options = { signal, parameters, onStep }
    this.#pollMs = pollMs
    this.#chain = chain
    this.#clock = clockUntil(options.clock, signal)
    const sending = { chain, chainId: BigInt(chainId), depth: 1, feePerGasMax, pollMs }
    const senderOf = (secretKey: Uint8Array): L1Sender =>
      new L1Sender({ ...sending, clock: this.#clock, secretKey, ...(log && { log }) })
    const seed = Buffer.from(plan.kept.seed, 'hex')
    this.#funder = funderKey && senderOf(funderKey)
    this.#deployer = senderOf(deployerKeyOf(plan.kept))
    this.#operators = (plan.networks[0]?.validators ?? []).map(({ index }) => {
      const secretKey = accountKeyOf(seed, `operator/${index}`)
      return { name: `operator ${index}`, sender: senderOf(secretKey) }
    })
    const purses = [
      { address: this.#deployer.address, gas: isSetUp(plan) ? deployerLaterGas : deployerGas },
      ...this.#operators.map(({ sender }) => ({ address: sender.address, gas: operatorGas })),
      ...keepersOf(plan).map((address) => ({ address, gas: keeperGas })),
    ]
    this.#purses = { chain, url, feePerGasMax, purses }
  }

  /** Those who send, as steps name them. */
  get names(): readonly string[] {
    return ['payer', 'deployer', ...this.#operators.map(({ name }) => name)]
  }

  /**
   * Returns what is to be paid; undefined when it is nothing, and when the world is set up and
   * nobody is named who pays.
   *
   * @throws {OutsideL1PayerError} `DEVNET_OUTSIDE_L1_PAYER` · {OutsideL1FundsError}
   *   `DEVNET_OUTSIDE_L1_FUNDS`
   */
  async bill(): Promise<L1Bill | undefined> {
    const { url, chainId, epochSeconds } = outsideL1Of(this.#plan)
    const gifts = await giftsOf(this.#purses)
    const funder = this.#funder
    if (gifts.length === 0 || (funder === undefined && isSetUp(this.#plan))) return undefined
    if (funder === undefined) throw new OutsideL1PayerError(url)
    const payer = bigintToHex(funder.address, 20)
    const wei = costOf(gifts, this.#purses.feePerGasMax)
    const missingWei = wei - (await balanceOf(url, funder.address))
    if (missingWei > 0n) throw new OutsideL1FundsError(url, { payer, missingWei })
    return { url, chainId, epochSeconds, payer, wei, accountCount: gifts.length }
  }

  /**
   * Pays, sends all that comes before stake counts, and writes genesis and site of the networks.
   *
   * @throws {OutsideL1UnfitError} `DEVNET_OUTSIDE_L1_UNFIT` · {OutsideL1CallError}
   *   `DEVNET_OUTSIDE_L1_CALL`
   */
  setUp(): Promise<void> {
    return unlessAborted(this.#options.signal, this.#setUp())
  }

  /**
   * Sends the deposits, once every network has begun.
   *
   * @throws {OutsideL1CallError} `DEVNET_OUTSIDE_L1_CALL`
   */
  deposit(): Promise<void> {
    return unlessAborted(this.#options.signal, this.#deposit())
  }

  async #setUp(): Promise<void> {
    const plan = this.#plan
    await this.#pay()
    if (isSetUp(plan)) return
    const { networks, setup } = await this.#made()
    const first = firstCalls(setup)
    const send = ({ name, sender }: NamedSender): Promise<void> =>
      this.#sendCalls({ name, sender, calls: callsOf(sender, first), sentBefore: 0 })
    await send({ name: 'deployer', sender: this.#deployer })
    // All end before one that failed is told of: whoever begins anew finds nothing under way.
    const ended = await Promise.allSettled(this.#operators.map(send))
    for (const end of ended) if (end.status === 'rejected') throw end.reason
    const sites = await sitesOf(setup, { chain: this.#chain, outsideL1: outsideL1Of(plan) })
    for (const [index, network] of plan.networks.entries()) {
      const site = sites[index]
      if (site !== undefined) writeNetworkGenesis(network, { genesis: networks[index], site })
    }
  }

  async #pay(): Promise<void> {
    const gifts = await giftsOf(this.#purses)
    const funder = this.#funder
    if (gifts.length === 0 || funder === undefined) return
    const tell = (done: number): void =>
      this.#options.onStep(stepOf('payer', { done, total: gifts.length, what: 'gas' }))
    await naming('pay for gas', () => give(this.#purses, { funder, gifts, tell }))
  }

  async #deposit(): Promise<void> {
    const { setup } = await this.#made()
    // A network may make blocks before its stake counts on L1.
    while ((await this.#chain.head()).timestamp < firstEpochTime(this.#plan)) {
      await new Promise<void>((resolve) => {
        this.#clock.setTimer(this.#pollMs, resolve)
      })
    }
    const sender = this.#deployer
    const calls = depositCalls(setup.deployment.deployer, setup.networks)
    const sentBefore = callsOf(sender, firstCalls(setup)).length
    try {
      await this.#sendCalls({ name: beginSteps.deposits, sender, calls, sentBefore })
    } catch (error) {
      // Few operators secure little: on a world's own L1 the rest is refused in its block, too.
      if (!isBeyondStake(error)) throw error
    }
  }

  /** What is set up; it brings the whole node with it, which a world that is need not wait for. */
  #made(): ReturnType<typeof outsideGenesis> {
    return (this.#genesis ??= outsideGenesis(this.#plan, this.#options.parameters))
  }

  /** Sends what L1 does not count yet: transaction n of this sender is call n. */
  async #sendCalls(
    turn: NamedSender & { readonly calls: readonly SetupCall[]; readonly sentBefore: number },
  ): Promise<void> {
    const { signal, onStep } = this.#options
    const { name, sender, calls, sentBefore } = turn
    const total = calls.length
    const counted = async (): Promise<number> =>
      Number(await this.#chain.nonceOf(sender.address)) - sentBefore
    const done = Math.max(0, await counted())
    for (const [index, { what, to, data }] of calls.entries()) {
      if (index < done) continue
      signal.throwIfAborted()
      onStep(stepOf(name, { done: index, total, what }))
      await naming(what, async () => {
        try {
          await sender.send({ to: BigInt(to), data: fromHex(data) }, BigInt(sentBefore + index))
        } catch (error) {
          // It was under way when an earlier start was cut off, and came in just now.
          if (!(error instanceof L1SendFailedError) || (await counted()) <= index) throw error
        }
      })
    }
    onStep(stepOf(name, { done: total, total, what: '' }))
  }
}

function outsideL1Of({ kept: { outsideL1 } }: WorldPlan): OutsideL1 {
  assert(outsideL1 !== undefined, 'the L1 of the world is outside')
  return outsideL1
}

function callsOf({ address }: L1Sender, calls: readonly SetupCall[]): readonly SetupCall[] {
  return calls.filter(({ from }) => BigInt(from) === address)
}

/** A world that was set up finds its contracts, or this L1 went back. */
async function checkContracts(
  plan: WorldPlan,
  { url, chain }: { readonly url: string; readonly chain: JsonRpcL1Chain },
): Promise<void> {
  if (!isSetUp(plan)) return
  const { NetworkRegistry } = l1AddressesOf(toHex(addressOfSecretKey(deployerKeyOf(plan.kept))))
  if (await chain.hasCode(BigInt(NetworkRegistry))) return
  throw new OutsideL1ResetError(url, 'the contracts of stake are not there any more')
}

function keepersOf({ keeper }: WorldPlan): readonly bigint[] {
  return keeper === undefined ? [] : [bytesToBigint(addressOfSecretKey(keeper.secretKey))]
}

function stepOf(
  name: string,
  { done, total, what }: { readonly done: number; readonly total: number; readonly what: string },
): OutsideStep {
  const isDone = done === total
  return { name, isDone, text: isDone ? `${total} sent` : `${done} of ${total}: ${what}` }
}

async function naming(what: string, send: () => Promise<void>): Promise<void> {
  try {
    await send()
  } catch (error) {
    throw error instanceof OutsideL1UnfitError ? error : new OutsideL1CallError(what, error)
  }
}

function isBeyondStake(error: unknown): boolean {
  const { cause } = error instanceof OutsideL1CallError ? error : { cause: undefined }
  return cause instanceof L1RefusedError && /^Beyond(Secured|Shared)$/.test(cause.errorName)
}

/** Each network's site: the same contracts, and the epoch that the registry gave it. */
async function sitesOf(
  setup: SetupOptions,
  { chain, outsideL1 }: { readonly chain: JsonRpcL1Chain; readonly outsideL1: OutsideL1 },
): Promise<readonly L1Site[]> {
  const { url, epochStart, epochSeconds, finalitySeconds, anchor } = outsideL1
  const contracts = l1AddressesOf(setup.deployment.deployer)
  const address = BigInt(contracts.NetworkRegistry)
  const genesisHashes = Object.fromEntries(
    [...setup.networks, ...setup.prepared].map(({ id, genesisHash }) => [id, genesisHash]),
  )
  const shared = { epochStart, epochSeconds, fromBlock: anchor.number, genesisHashes, contracts }
  const sites: L1Site[] = []
  for (const { id } of setup.networks) {
    const call = { name: 'networkOf', args: [id] }
    const found = await readContract(chain, { artifact: 'NetworkRegistry', address }, call)
    const firstEpoch = Number((found as { readonly firstEpoch: bigint }).firstEpoch)
    // A call that reverted in its block is not made again.
    if (firstEpoch === 0) throw new OutsideL1UnfitError(url, `network ${id} has too few operators`)
    sites.push({ ...shared, firstEpoch, ...(finalitySeconds > 0 && { finalitySeconds }) })
  }
  return sites
}

/** Its timers end with the signal: who waits by it then waits for ever, and holds nothing. */
function clockUntil(clock: Clock, signal: AbortSignal): Clock {
  return {
    nowMs: () => clock.nowMs(),
    setTimer(delayMs, fire) {
      if (signal.aborted) return { cancel: () => undefined }
      const timer = clock.setTimer(delayMs, () => {
        signal.removeEventListener('abort', cancel)
        fire()
      })
      const cancel = (): void => {
        signal.removeEventListener('abort', cancel)
        timer.cancel()
      }
      signal.addEventListener('abort', cancel)
      return { cancel }
    },
  }
}

/** Rejects when the signal is aborted, whatever is under way. */
function unlessAborted<value>(signal: AbortSignal, work: Promise<value>): Promise<value> {
  return new Promise((resolve, reject) => {
    const end = (): void => reject(signal.reason as Error)
    if (signal.aborted) end()
    signal.addEventListener('abort', end, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', end))
  })
}

/** A call of the set-up failed; begun again, it goes on with this one. */
export class OutsideL1CallError extends ZgError<'DEVNET_OUTSIDE_L1_CALL'> {
  constructor(what: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause)
    super('DEVNET_OUTSIDE_L1_CALL', `Cannot set up L1, at "${what}": ${why}`, { what }, cause)
  }
}
