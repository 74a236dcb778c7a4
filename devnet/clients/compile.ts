/**
 * Compiles the client tests' contracts with solc-js: no compiler is fetched.
 *
 * Imports of packages are read from `node_modules`; warnings pass, errors throw.
 */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

import type { Abi } from 'viem'

/** One compiled contract. */
export type Artifact = { readonly abi: Abi; readonly bytecode: `0x${string}` }

type SolcOutput = {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[]
  readonly contracts: Readonly<
    Record<string, Readonly<Record<string, { abi: Abi; evm: { bytecode: { object: string } } }>>>
  >
}

const require = createRequire(import.meta.url)
const folder = new URL('contracts/', import.meta.url)

/** Compiles `contracts/<name>.sol` for each name; each file holds the contract of its name. */
export function compile<name extends string>(names: readonly name[]): Record<name, Artifact> {
  const solc = require('solc') as {
    compile(input: string, callbacks: { import(path: string): { contents: string } }): string
  }
  const sources = Object.fromEntries(
    names.map((name) => [`${name}.sol`, { content: readContract(name) }]),
  )
  const input = {
    language: 'Solidity',
    sources,
    settings: {
      evmVersion: 'prague',
      optimizer: { enabled: true, runs: 200 },
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
    },
  }
  const readImport = (path: string) => ({ contents: readFileSync(require.resolve(path), 'utf8') })
  const output = JSON.parse(
    solc.compile(JSON.stringify(input), { import: readImport }),
  ) as SolcOutput
  const errors = (output.errors ?? []).filter(({ severity }) => severity === 'error')
  if (errors.length > 0) throw new Error(errors.map((error) => error.formattedMessage).join('\n'))

  const artifacts = {} as Record<name, Artifact>
  for (const name of names) {
    const contract = output.contracts[`${name}.sol`]?.[name]
    if (contract === undefined) throw new Error(`contracts/${name}.sol holds no "${name}"`)
    artifacts[name] = { abi: contract.abi, bytecode: `0x${contract.evm.bytecode.object}` }
  }
  return artifacts
}

function readContract(name: string): string {
  return readFileSync(new URL(`${name}.sol`, folder), 'utf8')
}
