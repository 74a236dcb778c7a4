/**
 * Files that survive a crash, as an argument.
 *
 * What `sync` (or `writeFile`) has acknowledged survives `kill -9` and power loss; anything after
 * it may be lost, or torn in its last bytes. Paths are relative to the disk's root and use `/`.
 */

export interface Disk {
  /** Opens for appending, creating the file and its folders; the folder entry is made durable. */
  open(path: string): Promise<DiskFile>
  /** Returns the whole file, or undefined when there is none. */
  readFile(path: string): Promise<Uint8Array | undefined>
  /**
   * Returns bytes `from` to `from + sizeBytes` of a file, of which `sync` acknowledged the last;
   * undefined when it has fewer.
   */
  readAt(path: string, from: number, sizeBytes: number): Promise<Uint8Array | undefined>
  /** Replaces the file atomically and durably: readers see the old bytes or the new, whole. */
  writeFile(path: string, bytes: Uint8Array): Promise<void>
  /** Names in a folder, sorted; empty when there is no such folder. */
  list(folder: string): Promise<readonly string[]>
  remove(path: string): Promise<void>
}

export interface DiskFile {
  /** Bytes in the file, appended ones included. */
  readonly sizeBytes: number
  /** Appends a copy, in the order of calls; durable only after `sync`. */
  append(bytes: Uint8Array): void
  /** Resolves when all that was appended before the call is durable. Calls are grouped. */
  sync(): Promise<void>
  /** Cuts the file to `sizeBytes`, durably: for a torn tail. */
  truncate(sizeBytes: number): Promise<void>
  close(): Promise<void>
}
