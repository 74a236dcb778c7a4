/**
 * `node coding/testing/build-kernel.ts` builds the kernel from assembly/ into kernel-modules.ts:
 * four times, with and without relaxed SIMD, over a memory that threads share and over one of their
 * own. Its bytes are committed as text, which Node and browsers load alike and at once; a test
 * builds them again.
 */

import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import asc from 'assemblyscript/asc'

import { memoryPagesMax } from '../kernel.ts'

type Variant = { readonly name: string; readonly isRelaxed: boolean; readonly isShared: boolean }

const variants: readonly Variant[] = [
  { name: 'simd', isRelaxed: false, isShared: false },
  { name: 'simdShared', isRelaxed: false, isShared: true },
  { name: 'relaxed', isRelaxed: true, isShared: false },
  { name: 'relaxedShared', isRelaxed: true, isShared: true },
]

/** The text of kernel-modules.ts. */
export async function kernelModulesSource(): Promise<string> {
  const head =
    '/** Written by testing/build-kernel.ts from assembly/: WebAssembly modules in base64. */\n'
  const parts = await Promise.all(
    variants.map(async (variant) => {
      const text = Buffer.from(await build(variant)).toString('base64')
      const lines = text.match(/.{1,192}/g) ?? []
      const body = lines.map((line) => `  '${line}',`).join('\n')
      return `\nexport const ${variant.name}: readonly string[] = [\n${body}\n]\n`
    }),
  )
  return head + parts.join('')
}

async function build({ isRelaxed, isShared }: Variant): Promise<Uint8Array> {
  const entry = fileURLToPath(new URL('../assembly/kernel.ts', import.meta.url))
  const features = [
    'simd',
    ...(isRelaxed ? ['relaxed-simd'] : []),
    ...(isShared ? ['threads'] : []),
  ]
  let module: Uint8Array | undefined
  const flags = [
    '--outFile kernel.wasm --runtime stub --optimizeLevel 3 --noAssert --importMemory',
    `--maximumMemory ${memoryPagesMax}`,
    isShared ? '--sharedMemory' : '',
    ...features.map((feature) => `--enable ${feature}`),
  ]
  const { error } = await asc.main([entry, ...flags.join(' ').trim().split(/ +/)], {
    stderr: process.stderr,
    writeFile(name, contents) {
      if (name.endsWith('.wasm') && typeof contents !== 'string') module = contents
    },
  })
  if (error !== null || module === undefined) throw new Error('the kernel cannot be built')
  return module
}

if (import.meta.main) {
  const path = fileURLToPath(new URL('../kernel-modules.ts', import.meta.url))
  writeFileSync(path, await kernelModulesSource())
}
