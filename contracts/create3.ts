/**
 * Contracts by CREATE3: where they stand follows from the deployer and their names.
 *
 *     Create2Deployer (canonical) ──► Create3Factory of the deployer ──► every contract
 *
 * Address of a contract = factory, keccak('zg/NAME/v1'): it depends on the deployer and on nothing
 * else, so contracts name each other in their constructors.
 */

import {
  encodeAbiParameters,
  encodeDeployData,
  encodeFunctionData,
  getContractAddress,
  keccak256,
  toHex,
} from 'viem'
import type { Abi } from 'viem'

import type { Hex } from '@zg/primitives'

import { artifactOf } from './artifacts.ts'
import type { ArtifactName } from './artifacts.ts'

/** The contract that deploys by CREATE2 from one address on every chain. */
export const create2Deployer: Hex = '0x4e59b44847b379578588920ca78fbf26c0b4956c'

const zeroWord: Hex = `0x${'00'.repeat(32)}`

/** Init code of the proxy that OpenZeppelin's Create3 deploys first. */
const proxyCodeHash: Hex = '0x57a34f6e879358dd76825d6700df87013ad6a3fb43c0d0c602f70a8772c153bd'

/** A transaction to be sent. */
export type L1Call = {
  /** For a person who waits. */
  readonly what: string
  readonly to: Hex
  readonly data: Hex
}

/** Returns where the factory of a deployer stands. */
export function factoryOf(deployer: Hex): Hex {
  return getContractAddress({
    opcode: 'CREATE2',
    from: create2Deployer,
    salt: zeroWord,
    bytecode: factoryCode(deployer),
  }).toLowerCase() as Hex
}

/** Returns where a contract stands that a factory deploys. */
export function create3Address(factory: Hex, name: string): Hex {
  const proxy = getContractAddress({
    opcode: 'CREATE2',
    from: factory,
    salt: saltOf(name),
    bytecodeHash: proxyCodeHash,
  })
  return createAddress(proxy, 1n)
}

/** Returns what an account deploys with a nonce. */
export function createAddress(from: Hex, nonce: bigint): Hex {
  return getContractAddress({ from, nonce }).toLowerCase() as Hex
}

/** Returns the call that deploys the factory of a deployer. */
export function factoryCall(deployer: Hex): L1Call {
  return {
    what: 'deploy Create3Factory',
    to: create2Deployer,
    data: `${zeroWord}${factoryCode(deployer).slice(2)}`,
  }
}

/** Returns the call by which a factory deploys a contract. */
export function deployCall(factory: Hex, name: ArtifactName, args: readonly unknown[]): L1Call {
  const { abi, bytecode } = artifactOf(name)
  const code = { abi: abi as Abi, bytecode: toHex(bytecode), args: [...args] }
  return callOf(`deploy ${name}`, {
    contract: 'Create3Factory',
    to: factory,
    name: 'deploy',
    args: [saltOf(name), encodeDeployData(code)],
  })
}

/** Encodes a call of a contract of ours. */
export function callOf(
  what: string,
  call: {
    readonly contract: ArtifactName
    readonly to: Hex
    readonly name: string
    readonly args: readonly unknown[]
  },
): L1Call {
  const abi = artifactOf(call.contract).abi as Abi
  const data = encodeFunctionData({ abi, functionName: call.name, args: [...call.args] })
  return { what, to: call.to, data }
}

function factoryCode(deployer: Hex): Hex {
  const { bytecode } = artifactOf('Create3Factory')
  return `${toHex(bytecode)}${encodeAbiParameters([{ type: 'address' }], [deployer]).slice(2)}`
}

function saltOf(name: string): Hex {
  return keccak256(toHex(`zg/${name}/v1`))
}
