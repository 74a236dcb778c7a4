/** Loads the kernel (assembly/) over a memory, and lays that memory out. */

import { assert } from '@zg/primitives/errors'

import * as modules from './kernel-modules.ts'
import { kernelTables, tablesSize } from './kernel-tables.ts'

/** Pages of 64 KiB that a memory may grow to: 1 GiB. */
export const memoryPagesMax = 16_384

const pageSize = 65_536

/** Bytes that may be asked of a memory. */
export const memorySizeMax = (memoryPagesMax - 3) * pageSize

/** What lies below belongs to the module, whose constants begin at 1,024. */
const tablesStart = 4_096

const memoryStart = tablesStart + tablesSize

type KernelFunction = (...parameters: number[]) => void

/** The exports of assembly/kernel.ts; what they take are addresses, counts and sizes in bytes. */
type KernelExports = {
  readonly encode: KernelFunction
  readonly decode: KernelFunction
  readonly combine: KernelFunction
  readonly combineRows: KernelFunction
  readonly hashPairs: KernelFunction
  readonly hashSectors: KernelFunction
}

export type Kernel = KernelExports & {
  readonly memory: WebAssembly.Memory
  readonly bytes: Uint8Array
  /** Gives out `size` bytes of the memory, at a multiple of 64. */
  take(size: number): number
}

export type KernelOptions = {
  /** Whether other threads may be given the memory. */
  readonly isShared?: boolean
  /** A shared memory that another thread has opened with the same size. */
  readonly memory?: WebAssembly.Memory
}

/** Opens a kernel over a memory of `size` bytes, and what alignment adds. */
export function openKernel(size: number, options: KernelOptions = {}): Kernel {
  const pages = Math.ceil((memoryStart + size) / pageSize) + 1
  assert(pages <= memoryPagesMax, 'a kernel fits its memory')
  const isShared = options.isShared === true || options.memory !== undefined
  const memory =
    options.memory ??
    new WebAssembly.Memory({ initial: pages, maximum: memoryPagesMax, shared: isShared })
  assert(memory.buffer.byteLength >= pages * pageSize, 'a memory is as large as was asked for')
  const instance = new WebAssembly.Instance(moduleOf(isShared), { env: { memory } })
  const bytes = new Uint8Array(memory.buffer)
  if (options.memory === undefined) bytes.set(kernelTables(), tablesStart)
  let next = alignUp(memoryStart)
  return {
    ...(instance.exports as unknown as KernelExports),
    memory,
    bytes,
    take(wanted) {
      const at = next
      next = alignUp(at + wanted)
      assert(next <= memory.buffer.byteLength, 'what is taken of a kernel fits')
      return at
    },
  }
}

const compiled = new Map<boolean, WebAssembly.Module>()

function moduleOf(isShared: boolean): WebAssembly.Module {
  let module = compiled.get(isShared)
  if (module === undefined) {
    const relaxed = decode(isShared ? modules.relaxedShared : modules.relaxed)
    const canRelax = WebAssembly.validate(relaxed)
    const simd = (): Uint8Array<ArrayBuffer> => decode(isShared ? modules.simdShared : modules.simd)
    module = new WebAssembly.Module(canRelax ? relaxed : simd())
    compiled.set(isShared, module)
  }
  return module
}

function decode(lines: readonly string[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(lines.join('')), (character) => character.charCodeAt(0))
}

function alignUp(address: number): number {
  return Math.ceil(address / 64) * 64
}
