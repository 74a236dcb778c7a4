#!/usr/bin/env node
/**
 * The pinned npm compiler as the executable that forge asks for with `--use`: what it answers to
 * `--version`, and standard JSON from its input to its output otherwise. Nothing is fetched.
 */

import { readFileSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'

type Callbacks = { import(path: string): { contents: string } | { error: string } }
type Solc = { version(): string; compile(input: string, callbacks: Callbacks): string }

const solc = createRequire(import.meta.url)('solc') as Solc
const isAskedForVersion = process.argv.includes('--version')
print(
  isAskedForVersion
    ? `solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`
    : solc.compile(readFileSync(0, 'utf8'), { import: read }),
)

/** A file that forge named otherwise than an import of it does: by its path from where forge is. */
function read(path: string): ReturnType<Callbacks['import']> {
  try {
    return { contents: readFileSync(path, 'utf8') }
  } catch (error) {
    return { error: String(error) }
  }
}

/** Whole, however little of it a pipe takes at once. */
function print(text: string): void {
  let bytes: Uint8Array = new TextEncoder().encode(text)
  while (bytes.length > 0) bytes = bytes.subarray(writeSync(1, bytes))
}
