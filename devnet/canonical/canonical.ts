/**
 * The contracts every Ethereum tool expects at one address on every chain.
 *
 * Their runtime code stands in `contracts.json`, which `generate.ts` makes from npm packages. Two
 * of them hold immutables that their constructors took from the chain they ran on: the chain id and
 * the EIP-712 domain separator. Those words are left zero in the file and set here, so that on
 * every chain the code is what the constructor would have returned there.
 */

import { bigintToBytes, bytesToBigint, concat, fromHex, keccak256 } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import file from './contracts.json' with { type: 'json' }

/** An immutable: a 32-byte word of the runtime code that depends on the chain. */
export type Immutable = {
  readonly offsetBytes: number
  readonly word: 'chainId' | 'domainSeparator'
}

/** The EIP-712 domain of a contract that caches its separator; `version` may be absent. */
export type CachedDomain = { readonly name: string; readonly version?: string }

/** A contract as `contracts.json` holds it. */
export type CanonicalContract = {
  readonly name: string
  readonly address: Hex
  /** `package@version`, and what of it. */
  readonly source: string
  readonly domain?: CachedDomain
  readonly immutables?: readonly Immutable[]
  /** Runtime code, immutables zero. */
  readonly code: Hex
}

/** What a genesis allocation needs of a contract. */
export type PlacedContract = {
  readonly name: string
  readonly address: Uint8Array
  readonly code: Uint8Array
}

/** All contracts, immutables unset. */
export const canonicalContracts = file.contracts as unknown as readonly CanonicalContract[]

/** Returns every contract with the code its constructor would have left on chain `chainId`. */
export function placeCanonicalContracts(chainId: number): PlacedContract[] {
  return canonicalContracts.map((contract) => ({
    name: contract.name,
    address: fromHex(contract.address),
    code: setImmutables(contract, chainId),
  }))
}

/** Returns the contract's code for chain `chainId`, in fresh memory. */
export function setImmutables(contract: CanonicalContract, chainId: number): Uint8Array {
  const code = fromHex(contract.code)
  for (const { offsetBytes, word } of contract.immutables ?? []) {
    const value = word === 'chainId' ? BigInt(chainId) : domainSeparatorOf(contract, chainId)
    code.set(bigintToBytes(value, 32), offsetBytes)
  }
  return code
}

/** Returns the EIP-712 domain separator of `contract` on chain `chainId`; 0 without a domain. */
export function domainSeparatorOf(
  { address, domain }: Pick<CanonicalContract, 'address' | 'domain'>,
  chainId: number,
): bigint {
  if (domain === undefined) return 0n
  const versionField = domain.version === undefined ? '' : 'string version,'
  const type = `EIP712Domain(string name,${versionField}uint256 chainId,address verifyingContract)`
  const fields = [hashText(type), hashText(domain.name)]
  if (domain.version !== undefined) fields.push(hashText(domain.version))
  fields.push(bigintToBytes(BigInt(chainId), 32), bigintToBytes(BigInt(address), 32))
  return bytesToBigint(keccak256(concat(...fields)))
}

function hashText(text: string): Uint8Array {
  return keccak256(new TextEncoder().encode(text))
}
