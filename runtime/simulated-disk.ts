/**
 * A disk in memory that loses what a crash may lose.
 *
 * The platter keeps two things a file: the bytes that are durable, and the bytes appended after
 * them. A crash keeps a random prefix of the latter (a torn tail), perhaps with damage inside that
 * prefix: a flipped bit, or a hole of zeros where a later sector was written before an earlier one.
 * What `sync` acknowledged is never touched. A node reaches the platter through a mount; a crash
 * kills the mount, so whatever the dead node's code still does has no effect, and its promises
 * never resolve.
 *
 * `onStep` is told after each append, each sync begun and each sync done: the points at which a
 * test may want the machine to stop.
 */

import { assert } from '@zg/primitives'

import { splitDiskPath } from './disk-path.ts'
import type { Disk, DiskFile } from './disk.ts'
import type { Rng } from './rng.ts'
import type { SimulatedClock } from './simulated-clock.ts'

/** Total bytes a simulated disk may hold. */
const platterSizeBytesMax = 1_024 * 1_024 * 1_024

/** Where in its disk work a node is. */
export type DiskStep = 'append' | 'sync' | 'synced'

export type SimulatedDiskOptions = {
  readonly clock: SimulatedClock
  readonly rng: Rng
  /** Time a sync takes: uniform between the two. */
  readonly syncMsMin?: number
  readonly syncMsMax?: number
  /** How likely a crash damages the torn tail it keeps. */
  readonly damageChance?: number
  readonly onStep?: (step: DiskStep, path: string) => void
}

type Platter = {
  bytes: Uint8Array
  /** Bytes in use, durable or not. */
  size: number
  /** Of these, durable. */
  durableSize: number
  /** Whether the folder entry is durable. */
  named: boolean
  /** Grows with every append and cut: equal means nothing happened in between. */
  changeCount: number
  /** Grows with every cut. */
  cutCount: number
}

export class SimulatedDisk {
  readonly #options: Required<SimulatedDiskOptions>
  readonly #files = new Map<string, Platter>()
  #mount = 0
  #sizeBytes = 0

  constructor(options: SimulatedDiskOptions) {
    const defaults = { syncMsMin: 0.2, syncMsMax: 0.8, damageChance: 0, onStep: () => undefined }
    this.#options = { ...defaults, ...options }
  }

  /** A node's way to this disk; a mount made earlier stops working. */
  mount(): Disk {
    const mount = ++this.#mount
    const alive = (): boolean => mount === this.#mount
    return {
      open: async (path) => {
        splitDiskPath(path)
        await this.#wait(alive)
        const file = this.#fileAt(path)
        file.named = true
        return this.#handle(path, file, alive)
      },
      readFile: async (path) => {
        splitDiskPath(path)
        await this.#wait(alive)
        const file = this.#files.get(path)
        return file?.bytes.slice(0, file.size)
      },
      readAt: async (path, from, sizeBytes) => {
        splitDiskPath(path)
        await this.#wait(alive)
        const file = this.#files.get(path)
        if (file === undefined || from + sizeBytes > file.size) return undefined
        return file.bytes.slice(from, from + sizeBytes)
      },
      writeFile: async (path, bytes) => {
        splitDiskPath(path)
        const copy = bytes.slice()
        await this.#wait(alive)
        this.#files.set(path, createPlatter(copy, copy.length, true))
      },
      list: async (folder) => {
        const depth = splitDiskPath(folder).length
        await this.#wait(alive)
        const names = new Set<string>()
        for (const path of this.#files.keys()) {
          if (path.startsWith(`${folder}/`)) names.add(path.split('/')[depth] as string)
        }
        return [...names].sort()
      },
      remove: async (path) => {
        splitDiskPath(path)
        await this.#wait(alive)
        this.#files.delete(path)
      },
    }
  }

  /** Power is lost: mounts die, un-synced bytes are torn. */
  crash(): void {
    this.#mount++
    for (const [path, file] of this.#files) {
      if (file.named) this.#tear(file)
      else this.#files.delete(path)
    }
  }

  /**
   * Flips one bit of what is durable, as a failing medium does. Returns false for an empty file.
   */
  flipBit(path: string): boolean {
    const file = this.#files.get(path)
    if (file === undefined || file.size === 0) return false
    flipRandomBit(file.bytes.subarray(0, file.size), this.#options.rng)
    return true
  }

  /** Paths of all files, in the order of their creation. */
  paths(): readonly string[] {
    return [...this.#files.keys()]
  }

  #tear(file: Platter): void {
    const { rng, damageChance } = this.#options
    const tail = file.size - file.durableSize
    if (tail === 0) return
    file.size = file.durableSize + rng.below(tail + 1)
    const kept = file.bytes.subarray(file.durableSize, file.size)
    if (kept.length > 0 && rng.chance(damageChance)) {
      if (rng.chance(0.5)) flipRandomBit(kept, rng)
      else kept.fill(0, 0, 1 + rng.below(kept.length))
    }
    file.durableSize = file.size
  }

  #fileAt(path: string): Platter {
    const known = this.#files.get(path)
    if (known !== undefined) return known
    const fresh = createPlatter(new Uint8Array(1_024), 0, false)
    this.#files.set(path, fresh)
    return fresh
  }

  /** Resolves when the disk has done its work; never, when the mount died meanwhile. */
  #wait(alive: () => boolean): Promise<void> {
    const { clock, rng, syncMsMin, syncMsMax } = this.#options
    const delayMs = syncMsMin + ((syncMsMax - syncMsMin) * rng.below(1_024)) / 1_024
    return new Promise((resolve) => {
      if (alive()) clock.setTimer(delayMs, () => alive() && resolve())
    })
  }

  #handle(path: string, file: Platter, alive: () => boolean): DiskFile {
    const { onStep } = this.#options
    let group: { changeCount: number; done: Promise<void> } | undefined
    const sync = async (): Promise<void> => {
      if (!alive()) return new Promise(() => undefined)
      onStep('sync', path)
      // What is appended while the disk works belongs to the next sync.
      const { size, cutCount } = file
      await this.#wait(alive)
      if (file.cutCount === cutCount) file.durableSize = Math.max(file.durableSize, size)
      onStep('synced', path)
      if (!alive()) return new Promise(() => undefined)
    }
    return {
      get sizeBytes() {
        return file.size
      },
      append: (bytes) => {
        if (!alive()) return
        this.#sizeBytes += bytes.length
        assert(this.#sizeBytes <= platterSizeBytesMax, 'the simulated disk is large enough')
        appendBytes(file, bytes)
        onStep('append', path)
      },
      sync: () => {
        // Nor does one that had nothing to do.
        if (!alive()) return new Promise(() => undefined)
        if (group?.changeCount !== file.changeCount) {
          group = { changeCount: file.changeCount, done: sync() }
        }
        return group.done
      },
      truncate: async (sizeBytes) => {
        if (alive()) cut(file, sizeBytes)
        const { size, cutCount } = file
        await this.#wait(alive)
        if (file.cutCount === cutCount) file.durableSize = Math.max(file.durableSize, size)
      },
      close: async () => {
        if (alive()) await this.#wait(alive)
      },
    }
  }
}

function createPlatter(bytes: Uint8Array, size: number, named: boolean): Platter {
  return { bytes, size, durableSize: size, named, changeCount: 0, cutCount: 0 }
}

function cut(file: Platter, sizeBytes: number): void {
  file.size = Math.min(file.size, sizeBytes)
  file.durableSize = Math.min(file.durableSize, file.size)
  file.changeCount++
  file.cutCount++
}

function appendBytes(file: Platter, bytes: Uint8Array): void {
  if (file.size + bytes.length > file.bytes.length) {
    const grown = new Uint8Array(2 * (file.size + bytes.length))
    grown.set(file.bytes.subarray(0, file.size))
    file.bytes = grown
  }
  file.bytes.set(bytes, file.size)
  file.size += bytes.length
  file.changeCount++
}

function flipRandomBit(bytes: Uint8Array, rng: Rng): void {
  const index = rng.below(bytes.length)
  bytes[index] = (bytes[index] as number) ^ (1 << rng.below(8))
}
