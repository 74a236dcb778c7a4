/**
 * Gas on an outside L1: one account pays for all. It gives deployer, operators and keeper what they
 * will spend there, and the CREATE2 deployer to a chain that has none.
 *
 * Begun again, only those get something who have less than half of it.
 */

import { create2Deployer } from '@zg/contracts'
import { decodeTransaction, encodeTransaction, recoverSender } from '@zg/evm'
import { bigintToHex, fromHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import type { JsonRpcL1Chain, L1Sender } from '@zg/staking'

import { canonicalContracts } from './canonical/canonical.ts'
import { callRpc } from './rpc-call.ts'

/** What a plain transfer may take, with a margin. */
const transferGas = 30_000n

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

/** An account and the gas that it will spend. */
export type Purse = { readonly address: bigint; readonly gas: bigint }

/** What an account lacks. */
export type Gift = { readonly to: bigint; readonly wei: bigint }

export type L1Purses = {
  readonly chain: JsonRpcL1Chain
  readonly url: string
  readonly feePerGasMax: bigint
  readonly purses: readonly Purse[]
}

/** Returns what is to be given. */
export async function giftsOf({ url, feePerGasMax, purses }: L1Purses): Promise<readonly Gift[]> {
  const gifts: Gift[] = []
  for (const { address, gas } of purses) {
    const wanted = gas * feePerGasMax
    const has = await balanceOf(url, address)
    if (has < wanted / 2n) gifts.push({ to: address, wei: wanted - has })
  }
  if (await hasCreate2(url)) return gifts
  const to = recoverSender(decodeTransaction(create2DeployerTransaction()))
  const wei = create2Transaction.gasPrice * create2Transaction.gasLimit - (await balanceOf(url, to))
  // Also where it has enough: who has it deployed is the account that pays.
  return [...gifts, { to, wei: wei > 0n ? wei : 0n }]
}

/** Returns what giving costs, at most: the gifts, and gas for each transfer and one more. */
export function costOf(gifts: readonly Gift[], feePerGasMax: bigint): bigint {
  const gas = transferGas * BigInt(gifts.length + 1)
  return gifts.reduce((sum, { wei }) => sum + wei, gas * feePerGasMax)
}

/**
 * Gives, and has the CREATE2 deployer stand there; `tell` hears how many have theirs.
 *
 * @throws {OutsideL1UnfitError} `DEVNET_OUTSIDE_L1_UNFIT` · what L1Sender throws
 */
export async function give(
  { chain, url }: L1Purses,
  {
    funder,
    gifts,
    tell,
  }: {
    readonly funder: L1Sender
    readonly gifts: readonly Gift[]
    readonly tell: (given: number) => void
  },
): Promise<void> {
  for (const [index, { to, wei }] of gifts.entries()) {
    tell(index)
    await funder.send({ to, value: wei, data: new Uint8Array(0) })
  }
  if (!(await hasCreate2(url))) {
    try {
      await chain.submit(create2DeployerTransaction())
    } catch (cause) {
      throw new OutsideL1UnfitError(url, create2Refused, cause)
    }
    // In the block of this or an earlier one: the funder's next transaction comes after it.
    await funder.send({ to: funder.address, data: new Uint8Array(0) })
    if (!(await hasCreate2(url))) throw new OutsideL1UnfitError(url, create2Refused)
  }
  tell(gifts.length)
}

const create2Refused = 'it takes no transaction without a chain id, as that of the CREATE2 deployer'

/** Wei that an account has. */
export async function balanceOf(url: string, account: bigint): Promise<bigint> {
  const address = bigintToHex(account, 20)
  return BigInt(String(await callRpc(url, 'eth_getBalance', [address, 'latest'])))
}

async function hasCreate2(url: string): Promise<boolean> {
  return (await callRpc(url, 'eth_getCode', [create2Deployer, 'latest'])) !== '0x'
}

/** Returns the transaction after which the CREATE2 deployer stands on a chain. */
export function create2DeployerTransaction(): Uint8Array {
  const contract = canonicalContracts.find(({ name }) => name === 'Create2Deployer')
  const code = contract?.code.slice(2) ?? ''
  return encodeTransaction({ ...create2Transaction, data: fromHex(`${create2InitCode}${code}`) })
}

/** The endpoint lacks what the set-up needs. */
export class OutsideL1UnfitError extends ZgError<'DEVNET_OUTSIDE_L1_UNFIT'> {
  constructor(url: string, problem: string, cause?: unknown) {
    const message = `Cannot use the L1 at ${url}: ${problem}`
    super('DEVNET_OUTSIDE_L1_UNFIT', message, { url, problem }, cause)
  }
}

/** Nobody was named who pays. */
export class OutsideL1PayerError extends ZgError<'DEVNET_OUTSIDE_L1_PAYER'> {
  constructor(url: string) {
    const message = `Cannot set up the L1 at ${url}: no account is named that pays there`
    super('DEVNET_OUTSIDE_L1_PAYER', message, { url })
  }
}

/** Who pays has too little. */
export class OutsideL1FundsError extends ZgError<'DEVNET_OUTSIDE_L1_FUNDS'> {
  constructor(url: string, { payer, missingWei }: { payer: Hex; missingWei: bigint }) {
    const missing = `${payer} lacks ${etherOf(missingWei)} ether there`
    const message = `Cannot set up the L1 at ${url}: ${missing}`
    super('DEVNET_OUTSIDE_L1_FUNDS', message, { url, payer, missingWei: String(missingWei) })
  }
}

/** Ether in decimals, rounded up to a millionth. */
function etherOf(wei: bigint): string {
  const micro = (wei + 10n ** 12n - 1n) / 10n ** 12n
  return `${micro / 1_000_000n}.${String(micro % 1_000_000n).padStart(6, '0')}`
}
