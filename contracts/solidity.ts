/**
 * Compiles the room's Solidity with solc-js: one compiler, pinned, in WebAssembly; nothing is
 * fetched.
 *
 * Imports by relative path stay in the room; all others are files of npm packages. Bytecode carries
 * no metadata, so the same sources give the same bytes on every machine.
 */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path/posix'
import { fileURLToPath } from 'node:url'

import { sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { artifactSources, isSystemContract } from './artifacts.ts'
import type { ArtifactFile, ArtifactName } from './artifacts.ts'

const room = fileURLToPath(new URL('.', import.meta.url))
const require = createRequire(import.meta.url)

const settings = {
  evmVersion: 'prague',
  optimizer: { enabled: true, runs: 10_000 },
  metadata: { bytecodeHash: 'none', appendCBOR: false },
  outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
} as const

/** Asked of the compiler beside what `settings` say: code that stands in a genesis. */
const outputs = ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] as const

const importPattern = /^\s*import\s+(?:[^"';]*?\sfrom\s+)?["']([^"']+)["']\s*;/gm

type Sources = ReadonlyMap<string, string>

type SolcOutput = {
  readonly errors?: readonly {
    readonly formattedMessage: string
    readonly sourceLocation?: { readonly file: string }
  }[]
  readonly contracts?: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            abi: readonly unknown[]
            evm: { bytecode: { object: string }; deployedBytecode: { object: string } }
          }
        >
      >
    >
  >
}

/** What solc prints of a contract's storage. */
type PrintedLayout = {
  readonly storage: readonly { readonly label: string; readonly slot: string }[]
  readonly types: Readonly<
    Record<
      string,
      {
        readonly label: string
        readonly members?: readonly {
          readonly label: string
          readonly slot: string
          readonly offset: number
        }[]
      }
    >
  > | null
}

type Solc = { version(): string; compile(input: string): string }

/** Returns the hash by which an artifact's sources are known. */
export function sourceHashOf(name: ArtifactName): Hex {
  const sources = [...sourcesOf(artifactSources[name])].sort(([a], [b]) => (a < b ? -1 : 1))
  const { version } = require('solc/package.json') as { version: string }
  const text = JSON.stringify([version, settings, sources])
  return toHex(sha256(new TextEncoder().encode(text)))
}

/**
 * Compiles contracts together.
 *
 * @throws {Error} With the compiler's words, warnings included: our own sources have none.
 */
export function compile(names: readonly ArtifactName[]): ReadonlyMap<ArtifactName, ArtifactFile> {
  const solc = require('solc') as Solc
  const sources = new Map<string, string>()
  for (const name of names) {
    for (const [path, text] of sourcesOf(artifactSources[name])) sources.set(path, text)
  }
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries([...sources].map(([path, content]) => [path, { content }])),
    settings: { ...settings, outputSelection: { '*': { '*': outputs } } },
  }
  const output = JSON.parse(solc.compile(JSON.stringify(input))) as SolcOutput
  const problems = (output.errors ?? []).filter(
    ({ sourceLocation }) => sourceLocation?.file.startsWith('@') !== true,
  )
  if (problems.length > 0) {
    throw new Error(problems.map(({ formattedMessage }) => formattedMessage).join('\n'))
  }
  return new Map(
    names.map((name) => {
      const contract = output.contracts?.[artifactSources[name]]?.[name]
      if (contract === undefined) throw new Error(`${artifactSources[name]} has no "${name}"`)
      const { bytecode, deployedBytecode } = contract.evm
      const file: ArtifactFile = {
        sourceHash: sourceHashOf(name),
        abi: contract.abi,
        bytecode: `0x${bytecode.object}`,
        ...(isSystemContract(name) ? { runtime: `0x${deployedBytecode.object}` as const } : {}),
      }
      return [name, file]
    }),
  )
}

/** Returns where the storage of a contract lies, in the compiler's words. */
export function compileLayout(name: ArtifactName): PrintedLayout {
  const solc = require('solc') as Solc
  const path = artifactSources[name]
  const sources = [...sourcesOf(path)].map(([file, content]) => [file, { content }])
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries(sources),
    settings: { ...settings, outputSelection: { [path]: { [name]: ['storageLayout'] } } },
  }
  const output = JSON.parse(solc.compile(JSON.stringify(input))) as {
    readonly contracts: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  }
  const found = output.contracts[path]?.[name] as { readonly storageLayout: PrintedLayout }
  return found.storageLayout
}

/** A file and all that it imports, by the names the compiler knows them by. */
function sourcesOf(path: string, found = new Map<string, string>()): Sources {
  if (found.has(path)) return found
  const isOurs = !path.startsWith('@')
  const text = readFileSync(isOurs ? join(room, path) : require.resolve(path), 'utf8')
  found.set(path, text)
  for (const [, target = ''] of text.matchAll(importPattern)) {
    sourcesOf(target.startsWith('.') ? join(dirname(path), target) : target, found)
  }
  return found
}
