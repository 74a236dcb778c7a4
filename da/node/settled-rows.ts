/**
 * What of a row store outlives the time in which its epoch can be recorded, on the disk:
 *
 *     settled/<epoch>   the entries that are recorded, where others of the epoch are not
 *     settled-through   the last epoch whose unrecorded entries are gone (8), and 8 of its SHA-256
 *
 *     copy what is recorded ─► write settled-through ─► remove rows/<epoch>
 *
 * The write in the middle decides. A crash before it leaves a copy that nobody believes; one behind
 * it leaves a file that is removed at the next start.
 */

import { bigintToBytes, bytesEqual, bytesToBigint, concat, sha256, ZgError } from '@zg/primitives'
import type { Disk, DiskFile } from '@zg/runtime'

export const settledFolder = 'settled'
const markPath = 'settled-through'

/** Where an entry lies. */
type Place = { readonly path: string; readonly from: number; readonly size: number }

export class SettledRows {
  readonly #disk: Disk
  #through: bigint
  /** Writes of the mark follow each other. */
  #marking: Promise<void> = Promise.resolve()
  #copying: { readonly epoch: bigint; readonly file: DiskFile } | undefined

  private constructor(disk: Disk, through: bigint) {
    this.#disk = disk
    this.#through = through
  }

  /** Removes what a crash left: copies that were not done, and files in `folder` whose copy was. */
  static async open(disk: Disk, folder: string): Promise<SettledRows> {
    // One that cannot be read is as good as one that rotted.
    const mark = await disk.readFile(markPath).catch(() => undefined)
    const epoch = mark?.subarray(0, 8)
    const isWhole = epoch !== undefined && bytesEqual(markOf(bytesToBigint(epoch)), mark!)
    const through = isWhole ? bytesToBigint(epoch) : -1n
    const whole = await disk.list(folder)
    for (const name of await disk.list(settledFolder)) {
      // Where there is nothing else the copy is all there is, whatever became of the mark.
      if (!isEpochName(name) || !whole.includes(name)) continue
      const isDone = BigInt(name) <= through
      await disk.remove(`${isDone ? folder : settledFolder}/${name}`)
    }
    return new SettledRows(disk, through)
  }

  static pathOf(epoch: bigint): string {
    return `${settledFolder}/${epoch}`
  }

  /** The last epoch that is settled; -1 of none. */
  get through(): bigint {
    return this.#through
  }

  /** Epochs with a file. */
  async epochs(): Promise<readonly bigint[]> {
    return (await this.#disk.list(settledFolder)).filter(isEpochName).map(BigInt)
  }

  /** Begins the file of an epoch anew. */
  async begin(epoch: bigint): Promise<void> {
    await this.abandon()
    await this.#disk.remove(SettledRows.pathOf(epoch))
    this.#copying = { epoch, file: await this.#disk.open(SettledRows.pathOf(epoch)) }
  }

  /**
   * Copies an entry to the file that was begun; returns where it lies there.
   *
   * @throws {EntryUnreadableError} `DA_ENTRY_UNREADABLE`
   */
  async copy({ path, from, size }: Place): Promise<number> {
    const copying = this.#copying
    const whole = await this.#disk.readAt(path, from, size).catch((error: unknown) => {
      throw new EntryUnreadableError(path, error)
    })
    if (copying === undefined || whole === undefined) throw new EntryUnreadableError(path)
    const at = copying.file.sizeBytes
    copying.file.append(whole)
    await copying.file.sync()
    return at
  }

  /** Has an epoch be settled, with the file that was begun for it or as it is; returns its size. */
  async end(epoch: bigint): Promise<number> {
    const copying = this.#copying
    const sizeBytes = copying?.file.sizeBytes ?? 0
    await this.raise(epoch)
    this.#copying = undefined
    await copying?.file.close()
    return sizeBytes
  }

  /** Has an epoch, and all before it, be settled or gone, durably; never an earlier one again. */
  raise(epoch: bigint): Promise<void> {
    const raised = this.#marking.then(async () => {
      if (epoch <= this.#through) return
      await this.#disk.writeFile(markPath, markOf(epoch))
      this.#through = epoch
    })
    this.#marking = raised.catch(() => undefined)
    return raised
  }

  /** Lets a copy go that is not done. */
  async abandon(): Promise<void> {
    const copying = this.#copying
    this.#copying = undefined
    if (copying === undefined) return
    await copying.file.close().catch(() => undefined)
    await this.#disk.remove(SettledRows.pathOf(copying.epoch))
  }
}

function markOf(epoch: bigint): Uint8Array {
  const bytes = bigintToBytes(epoch, 8)
  return concat(bytes, sha256(bytes).subarray(0, 8))
}

/** Names of files that hold an epoch. */
export function isEpochName(name: string): boolean {
  return /^\d{1,20}$/.test(name)
}

/** What is recorded cannot be read, so nothing of its epoch is forgotten. */
export class EntryUnreadableError extends ZgError<'DA_ENTRY_UNREADABLE'> {
  constructor(path: string, cause?: unknown) {
    const message = `Cannot copy an entry of "${path}": it cannot be read`
    super('DA_ENTRY_UNREADABLE', message, { path }, cause)
  }
}
