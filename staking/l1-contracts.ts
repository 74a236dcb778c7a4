/** Calls of the L1 contracts: their words by the committed ABIs, their errors by name. */

import { artifactNames, artifactOf } from '@zg/contracts'
import type { ArtifactName } from '@zg/contracts'
import { bigintToHex, fromHex, toHex, ZgError } from '@zg/primitives'
import { decodeErrorResult, decodeFunctionResult, encodeFunctionData } from 'viem'
import type { Abi } from 'viem'

import type { L1Chain, L1Message } from './l1-chain.ts'

/** A contract and where it stands. */
export type L1Contract = { readonly artifact: ArtifactName; readonly address: bigint }

/** A function of it and its arguments, as the ABI has them. */
export type L1Function = { readonly name: string; readonly args: readonly unknown[] }

/** Returns the message that calls a function. */
export function messageTo(
  { artifact, address }: L1Contract,
  { name, args }: L1Function,
): L1Message {
  const abi = abiOf(artifact)
  const data = encodeFunctionData({ abi, functionName: name, args: [...args] })
  return { to: address, data: fromHex(data) }
}

/**
 * Asks a view of a contract.
 *
 * @throws {L1ReadError} `STAKING_L1_READ_FAILED`; and whatever the chain throws.
 */
export async function readContract(
  chain: Pick<L1Chain, 'call'>,
  contract: L1Contract,
  call: L1Function,
): Promise<unknown> {
  const answer = await chain.call(messageTo(contract, call))
  if (answer.kind === 'reverted') throw new L1ReadError(call.name, errorNameOf(answer.data))
  const abi = abiOf(contract.artifact)
  try {
    return decodeFunctionResult({ abi, functionName: call.name, data: toHex(answer.data) })
  } catch {
    const where = bigintToHex(contract.address, 20)
    throw new L1ReadError(call.name, `${where} answers as no ${contract.artifact} does`)
  }
}

/** Name of the error that a contract reverted with; empty for none of ours. */
export function errorNameOf(data: Uint8Array): string {
  try {
    return decodeErrorResult({ abi: everyError(), data: toHex(data) }).errorName
  } catch {
    return ''
  }
}

/** By artifact: each is read from its file once. */
const abis = new Map<ArtifactName, Abi>()

function abiOf(name: ArtifactName): Abi {
  const known = abis.get(name) ?? (artifactOf(name).abi as Abi)
  abis.set(name, known)
  return known
}

let errors: Abi | undefined

/** The errors of all contracts: one that was called may have called another. */
function everyError(): Abi {
  errors ??= artifactNames.flatMap(abiOf).filter(({ type }) => type === 'error')
  return errors
}

/** A view that must answer did not: another contract stands there. */
export class L1ReadError extends ZgError<'STAKING_L1_READ_FAILED'> {
  /** Name of the error that the contract reverted with, or what else is wrong. */
  readonly problem: string

  constructor(name: string, problem: string) {
    super('STAKING_L1_READ_FAILED', `Cannot read "${name}" on L1: ${problem}`, { name, problem })
    this.problem = problem
  }
}
