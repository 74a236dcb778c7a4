/**
 * A world whose L1 is somewhere else: anvil, geth, a public test chain. What `l1-setup.ts` lists is
 * sent there as transactions, in this order:
 *
 *     funder     what deployer and operators will pay for gas; the CREATE2 deployer, if none stands
 *     deployer   contracts, tokens, networks; governance handed over
 *     operators  key, stake, opting in, beside each other
 *                ─► the registry says in which epoch each network begins: its files are written
 *     deployer   deposits, once stake counts
 *
 * It can be begun again and goes on where it was. Deployer and operators have accounts of the
 * world's seed that sent nothing before, so call n of one is its transaction n, and L1 counts them;
 * when epoch 0 began, of which all calls are made, is kept in `outside-l1.json`. What was made for
 * another L1 is refused.
 */

import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { create2Deployer, l1AddressesOf } from '@zg/contracts'
import type { L1Parameters } from '@zg/contracts'
import { decodeTransaction, encodeTransaction, recoverSender } from '@zg/evm'
import {
  addressOfSecretKey,
  bigintToHex,
  bytesToBigint,
  fromHex,
  toHex,
  ZgError,
} from '@zg/primitives'
import type { Clock, Logger } from '@zg/runtime'
import { JsonRpcL1Chain, L1Sender, readContract } from '@zg/staking'

import { canonicalContracts } from './canonical/canonical.ts'
import { outsideGenesis } from './genesis.ts'
import { depositCalls, firstCalls } from './l1-setup.ts'
import type { SetupCall, SetupOptions } from './l1-setup.ts'
import type { L1Site } from './l1-site.ts'
import { writeOutsideFiles } from './node-files.ts'
import type { StakeL1 } from './node-files.ts'
import { callRpc } from './rpc-call.ts'
import { accountKeyOf } from './world.ts'
import type { WorldPlan } from './world.ts'
import { writeWhole } from './write-whole.ts'

const startFileName = 'outside-l1.json'

/** Gas that each is given the price of; the keeper is relayer of all networks for days. */
const deployerGas = 120_000_000n
const operatorGas = 10_000_000n
const keeperGas = 300_000_000n

/** Of the price of gas at the start: it may rise so often, and more is never offered. */
const priceMargin = 4n

/** A block of the L1 may take so long until it is looked for again. */
const pollMsDefault = 500

/**
 * The signed transaction that deploys the CREATE2 deployer, on any chain: before EIP-155, of an
 * account whose key nobody knows.
 */
const create2Transaction = {
  type: 0,
  chainId: undefined,
  nonce: 0n,
  gasPrice: 100_000_000_000n,
  gasLimit: 100_000n,
  to: undefined,
  value: 0n,
  yParity: 0,
  r: BigInt(`0x${'22'.repeat(32)}`),
  s: BigInt(`0x${'22'.repeat(32)}`),
} as const

/** Init code that returns what follows it: 69 bytes. */
const create2InitCode = '0x604580600e600039806000f350fe'

export type OutsideL1Options = {
  readonly url: string
  readonly chainId: number
  /** 32 bytes: of the account that pays for everything. Nobody else sends with it meanwhile. */
  readonly funderKey: Uint8Array
  readonly parameters: L1Parameters
  /** How old a block is when this L1 calls it final, at most. @default 0: not known */
  readonly finalitySeconds?: number
  readonly clock: Clock
  readonly log?: Logger
  /** @default pollMsDefault */
  readonly pollMs?: number
}

export type OutsideL1 = {
  /** The deployer's key: all tokens that are free are its own. */
  readonly deployerKey: Uint8Array
  /**
   * Sends all that comes before stake counts, and writes the files of the networks.
   *
   * @throws {OutsideL1UnfitError} `DEVNET_OUTSIDE_L1_UNFIT`; and what L1Sender throws.
   */
  setUp(): Promise<StakeL1>
  /** Waits until every network has begun and sends the deposits. */
  deposit(l1: StakeL1): Promise<void>
}

/** Where an L1 was when the set-up began. */
type Start = { readonly chainId: number; readonly epochStart: number; readonly fromBlock: number }

/**
 * Opens the set-up of a world on an L1; sends nothing yet.
 *
 * @param plan - Of a world without an L1 of its own.
 * @throws {OutsideL1UnfitError} `DEVNET_OUTSIDE_L1_UNFIT`
 */
export async function openOutsideL1(
  plan: WorldPlan,
  options: OutsideL1Options,
): Promise<OutsideL1> {
  const { url, chainId, parameters, clock, finalitySeconds = 0 } = options
  checkFinality(url, { epochSeconds: parameters.epochSeconds, finalitySeconds })
  const chain = new JsonRpcL1Chain({ url })
  const seed = Buffer.from(plan.kept.seed, 'hex')
  const deployerKey = accountKeyOf(seed, 'deployer')
  const deployer = toHex(addressOfSecretKey(deployerKey))
  const start = await startOf(plan, { url, chainId, chain })
  const { epochStart } = start
  const world = { chainId, deployer, epochStart, parameters }
  const { networks, setup } = await outsideGenesis(plan, world)
  const { pollMs = pollMsDefault, log } = options
  const { baseFeePerGas } = await chain.head()
  const feePerGasMax = priceMargin * (baseFeePerGas + (await chain.tipPerGas()))
  const sending = { chain, chainId: BigInt(chainId), depth: 1, feePerGasMax, clock, pollMs }
  const senderOf = (secretKey: Uint8Array): L1Sender =>
    new L1Sender({ ...sending, secretKey, ...(log && { log }) })
  const senders = [
    deployerKey,
    ...setup.operators.map((_, index) => accountKeyOf(seed, `operator/${index}`)),
  ].map(senderOf)
  const [deploying, ...operating] = senders as [L1Sender, ...L1Sender[]]
  const first = firstCalls(setup)
  const callsOf = ({ address }: L1Sender) => first.filter(({ from }) => BigInt(from) === address)
  return {
    deployerKey,
    async setUp() {
      const funder = senderOf(options.funderKey)
      const purses = [
        { address: deploying.address, gas: deployerGas },
        ...operating.map(({ address }) => ({ address, gas: operatorGas })),
        ...keepersOf(plan).map((address) => ({ address, gas: keeperGas })),
      ]
      await fund({ chain, url, funder, purses, feePerGasMax })
      await sendCalls(chain, deploying, { calls: callsOf(deploying), sentBefore: 0 })
      // All end before one that failed is told of: whoever begins anew finds nothing under way.
      const ended = await Promise.allSettled(
        operating.map((each) => sendCalls(chain, each, { calls: callsOf(each), sentBefore: 0 })),
      )
      for (const end of ended) if (end.status === 'rejected') throw end.reason
      const sites = await sitesOf(setup, { chain, url, start, parameters, finalitySeconds })
      const l1: StakeL1 = {
        endpoint: url,
        chainId,
        siteOf(id) {
          const site = sites.get(id)
          if (site === undefined) throw new OutsideL1UnfitError(url, `it has no network ${id}`)
          return site
        },
      }
      await writeOutsideFiles(plan, networks, l1)
      return l1
    },
    async deposit({ siteOf }) {
      const begun = plan.networks.map(({ id }) => siteOf(id).firstEpoch)
      const fromTime = epochStart + Math.max(...begun) * parameters.epochSeconds
      while ((await chain.head()).timestamp < fromTime) {
        await new Promise<void>((resolve) => {
          clock.setTimer(pollMs, resolve)
        })
      }
      const sentBefore = callsOf(deploying).length
      const calls = depositCalls(deployer, setup.networks)
      await sendCalls(chain, deploying, { calls, sentBefore })
    },
  }
}

/** A network has a whole epoch to see a change final: half of one at most passes until it is. */
function checkFinality(
  url: string,
  { epochSeconds, finalitySeconds }: { epochSeconds: number; finalitySeconds: number },
): void {
  if (epochSeconds > 2 * finalitySeconds) return
  const epoch = `an epoch of ${epochSeconds} s`
  const problem = `${epoch} is not more than twice the ${finalitySeconds} s until it is final`
  throw new OutsideL1UnfitError(url, problem)
}

/** What was kept, or the L1 as it is now. */
async function startOf(
  { filesDir }: WorldPlan,
  { url, chainId, chain }: { url: string; chainId: number; chain: JsonRpcL1Chain },
): Promise<Start> {
  const found = Number(await callRpc(url, 'eth_chainId'))
  if (found !== chainId) throw new OutsideL1UnfitError(url, `its chain id is ${found}`)
  const path = join(filesDir, startFileName)
  if (existsSync(path)) {
    const kept = JSON.parse(readFileSync(path, 'utf8')) as Start
    if (kept.chainId === chainId) return kept
    throw new OutsideL1UnfitError(url, `"${path}" is of chain ${kept.chainId}`)
  }
  const { number, timestamp } = await chain.head()
  const start = { chainId, epochStart: Number(timestamp), fromBlock: Number(number) }
  mkdirSync(filesDir, { recursive: true, mode: 0o700 })
  writeWhole(path, `${JSON.stringify(start)}\n`)
  return start
}

function keepersOf({ keeper }: WorldPlan): readonly bigint[] {
  return keeper === undefined ? [] : [bytesToBigint(addressOfSecretKey(keeper.secretKey))]
}

/** Gives everyone what gas will cost, where it has less than half of that; CREATE2 for all. */
async function fund({
  chain,
  url,
  funder,
  purses,
  feePerGasMax,
}: {
  readonly chain: JsonRpcL1Chain
  readonly url: string
  readonly funder: L1Sender
  readonly purses: readonly { readonly address: bigint; readonly gas: bigint }[]
  readonly feePerGasMax: bigint
}): Promise<void> {
  const give = async (to: bigint, wanted: bigint): Promise<void> => {
    const address = bigintToHex(to, 20)
    const has = BigInt(String(await callRpc(url, 'eth_getBalance', [address, 'latest'])))
    if (has >= wanted / 2n) return
    await funder.send({ to, value: wanted - has, data: new Uint8Array(0) })
  }
  for (const { address, gas } of purses) await give(address, feePerGasMax * gas)
  if ((await callRpc(url, 'eth_getCode', [create2Deployer, 'latest'])) !== '0x') return
  const transaction = create2DeployerTransaction()
  const { gasPrice, gasLimit } = create2Transaction
  await give(recoverSender(decodeTransaction(transaction)), gasPrice * gasLimit)
  await chain.submit(transaction)
  // In the block of this or an earlier one: the funder's next transaction comes after it.
  await funder.send({ to: funder.address, data: new Uint8Array(0) })
  if ((await callRpc(url, 'eth_getCode', [create2Deployer, 'latest'])) !== '0x') return
  throw new OutsideL1UnfitError(url, 'it does not take the CREATE2 deployer')
}

/** Returns the transaction after which the CREATE2 deployer stands on a chain. */
export function create2DeployerTransaction(): Uint8Array {
  const contract = canonicalContracts.find(({ name }) => name === 'Create2Deployer')
  const code = contract?.code.slice(2) ?? ''
  return encodeTransaction({ ...create2Transaction, data: fromHex(`${create2InitCode}${code}`) })
}

/** Sends what L1 does not count yet: transaction n of this sender is call n. */
async function sendCalls(
  chain: JsonRpcL1Chain,
  sender: L1Sender,
  { calls, sentBefore }: { readonly calls: readonly SetupCall[]; readonly sentBefore: number },
): Promise<void> {
  const done = Number(await chain.nonceOf(sender.address)) - sentBefore
  for (const { what, to, data } of calls.slice(Math.max(0, done))) {
    try {
      await sender.send({ to: BigInt(to), data: fromHex(data) })
    } catch (cause) {
      throw new OutsideL1CallError(what, cause)
    }
  }
}

/** Each network's site: the same contracts, and the epoch that the registry gave it. */
async function sitesOf(
  setup: SetupOptions,
  context: {
    readonly chain: JsonRpcL1Chain
    readonly url: string
    readonly start: Start
    readonly parameters: L1Parameters
    readonly finalitySeconds: number
  },
): Promise<ReadonlyMap<number, L1Site>> {
  const { chain, url, start, parameters, finalitySeconds } = context
  const contracts = l1AddressesOf(setup.deployment.deployer)
  const registry = {
    artifact: 'NetworkRegistry',
    address: BigInt(contracts.NetworkRegistry),
  } as const
  const genesisHashes = Object.fromEntries(
    [...setup.networks, ...setup.prepared].map(({ id, genesisHash }) => [id, genesisHash]),
  )
  const sites = new Map<number, L1Site>()
  for (const { id } of setup.networks) {
    const call = { name: 'networkOf', args: [id] }
    const found = (await readContract(chain, registry, call)) as { readonly firstEpoch: bigint }
    const { epochStart, fromBlock } = start
    const firstEpoch = Number(found.firstEpoch)
    // A call that reverted in its block is not made again.
    if (firstEpoch === 0) throw new OutsideL1UnfitError(url, `network ${id} has too few operators`)
    sites.set(id, {
      epochStart,
      epochSeconds: parameters.epochSeconds,
      firstEpoch,
      fromBlock,
      ...(finalitySeconds > 0 && { finalitySeconds }),
      genesisHashes,
      contracts,
    })
  }
  return sites
}

/** The endpoint is not what the set-up was made for, or lacks what it needs. */
export class OutsideL1UnfitError extends ZgError<'DEVNET_OUTSIDE_L1_UNFIT'> {
  constructor(url: string, problem: string) {
    super('DEVNET_OUTSIDE_L1_UNFIT', `Cannot use the L1 at ${url}: ${problem}`, { url, problem })
  }
}

/** A call of the set-up failed; begun again, it goes on with this one. */
export class OutsideL1CallError extends ZgError<'DEVNET_OUTSIDE_L1_CALL'> {
  constructor(what: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause)
    super('DEVNET_OUTSIDE_L1_CALL', `Cannot set up L1, at "${what}": ${why}`, { what }, cause)
  }
}
