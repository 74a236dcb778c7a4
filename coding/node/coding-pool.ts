/**
 * Codes and commits batches on worker threads, in memory that all threads share.
 *
 *     commit ──► waiting, in order ──► a free memory: the data is written into it, once
 *                                          │ a free thread codes and commits
 *                                          ▼
 *     released ◄── rows and paths are read in place, by whoever sends them
 *
 * A memory holds one batch, from its data to its release; there are more memories than threads,
 * so one batch is sent while the next is coded. All of them are of one code. A thread begins with
 * the first batch that needs it; if it dies, its batch fails, and the next one begins another.
 */

import { Worker } from 'node:worker_threads'

import { assert, ZgError } from '@zg/primitives/errors'

import { RowCommitter } from '../commitment.ts'
import type { ProvedRange, ProvedRow, RowCommitterOptions, RowsHeader } from '../commitment.ts'

/** Threads and memories of a pool at most. */
export const poolThreadsMax = 64
export const poolBatchesMax = 256

/** The code of all batches. */
type Code = Pick<RowCommitterOptions, 'dataRows' | 'codedRows' | 'rowSizeMax' | 'profile'>

export type CodingPoolOptions = Code & {
  readonly threads: number
  /** Batches that are in memory, coded or waiting to be released: `threads` at least. */
  readonly batches: number
  /** Batches that wait for a memory; one more is refused. */
  readonly waitingMax: number
}

/** What is coded: bytes, or who writes them. */
export type BatchData = Uint8Array | BatchWriter

export type BatchWriter = {
  readonly sizeBytes: number
  /** Writes all of `into`, which is of that size; called once, when there is a memory. */
  readonly write: (into: Uint8Array) => void
}

/** A batch that was committed to; its rows lie in shared memory until it is released. */
export type CommittedRows = {
  readonly header: RowsHeader
  /** A row, in place. */
  readonly row: (index: number) => Uint8Array
  /** A row with its path; the row is in place. */
  readonly prove: (index: number) => ProvedRow
  /** Rows from `from` on with one proof; the rows are in place. */
  readonly proveRange: (from: number, count: number) => ProvedRange
  /** Gives the memory back: no row may be read any more. Once is enough. */
  readonly release: () => void
}

/** What a thread is given: the code, and all memories, each a coder's. */
export type CodingWorkerData = {
  readonly code: Code
  readonly memories: readonly WebAssembly.Memory[]
}

/** A batch to be committed to; answered by its header. */
export type CodingAsked = { readonly memory: number; readonly rowSize: number }

type Waiting = {
  readonly writer: BatchWriter
  readonly resolve: (rows: CommittedRows) => void
  readonly reject: (error: unknown) => void
}

type Running = Waiting & { readonly memory: number }

type Thread = { worker: Worker | undefined; running: Running | undefined }

export class CodingPool {
  readonly #options: CodingPoolOptions
  readonly #memories: readonly RowCommitter[]
  readonly #free: number[]
  readonly #threads: readonly Thread[]
  readonly #waiting: Waiting[] = []
  #isClosed = false

  /** @throws What `RowCoder` throws. */
  constructor(options: CodingPoolOptions) {
    const { threads, batches } = options
    assert(threads >= 1 && threads <= poolThreadsMax, 'a pool has 1 to 64 threads')
    assert(batches >= threads && batches <= poolBatchesMax, 'a memory for each thread, 256 at most')
    this.#options = options
    this.#memories = Array.from(
      { length: batches },
      () => new RowCommitter({ ...codeOf(options), isShared: true }),
    )
    this.#free = [...this.#memories.keys()]
    this.#threads = Array.from({ length: threads }, () => ({
      worker: undefined,
      running: undefined,
    }))
  }

  /**
   * Codes data and commits to its rows, which are as long as it needs.
   *
   * @throws {RowSizeError} `CODING_ROW_SIZE` when it is more than the pool's rows hold ·
   *   {PoolFullError} `CODING_POOL_FULL` · {PoolClosedError} `CODING_POOL_CLOSED` ·
   *   {CodingThreadLostError} `CODING_THREAD_LOST` · what the writer throws.
   */
  async commit(data: BatchData): Promise<CommittedRows> {
    const { waitingMax } = this.#options
    if (this.#isClosed) throw new PoolClosedError()
    const writer = data instanceof Uint8Array ? writerOf(data) : data
    this.#committer(0).rowSizeOf(writer.sizeBytes)
    if (this.#waiting.length >= waitingMax && !this.#isReady()) throw new PoolFullError(waitingMax)
    return await new Promise((resolve, reject) => {
      this.#waiting.push({ writer, resolve, reject })
      this.#next()
    })
  }

  /** Ends all threads; batches that are not committed to are refused. Rows stay as they are. */
  async close(): Promise<void> {
    this.#isClosed = true
    const refused = this.#waiting.splice(0)
    const ended = this.#threads.map(async (thread) => {
      if (thread.running !== undefined) refused.push(thread.running)
      thread.running = undefined
      await thread.worker?.terminate()
    })
    for (const { reject } of refused) reject(new PoolClosedError())
    await Promise.all(ended)
  }

  #isReady(): boolean {
    return this.#free.length > 0 && this.#threads.some(({ running }) => running === undefined)
  }

  #next(): void {
    while (!this.#isClosed && this.#isReady()) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      const thread = this.#threads.find(({ running }) => running === undefined)
      const memory = this.#free.pop()
      assert(thread !== undefined && memory !== undefined, 'a thread and a memory are free')
      this.#run(thread, { ...next, memory })
    }
  }

  #run(thread: Thread, running: Running): void {
    // Before the writer is called, which may call us.
    thread.running = running
    try {
      this.#write(running.writer, running.memory)
    } catch (error) {
      thread.running = undefined
      this.#free.push(running.memory)
      running.reject(error)
      return
    }
    if (thread.running === running) this.#ask(thread, running.memory)
  }

  #write({ sizeBytes, write }: BatchWriter, memory: number): void {
    const committer = this.#committer(memory)
    const { coder } = committer
    coder.resize(committer.rowSizeOf(sizeBytes))
    write(coder.data.subarray(0, sizeBytes))
    coder.data.fill(0, sizeBytes)
  }

  #ask(thread: Thread, memory: number): void {
    thread.worker ??= this.#startWorker(thread)
    const { rowSize } = this.#committer(memory).coder
    thread.worker.ref()
    thread.worker.postMessage({ memory, rowSize } satisfies CodingAsked)
  }

  #startWorker(thread: Thread): Worker {
    const memories = this.#memories.map(({ coder }) => coder.kernel.memory)
    const workerData: CodingWorkerData = { code: codeOf(this.#options), memories }
    const worker = new Worker(new URL('coding-worker.ts', import.meta.url), { workerData })
    worker.on('message', (header: RowsHeader) => this.#committed(thread, worker, header))
    worker.on('error', (error) => this.#lost(thread, worker, error))
    worker.on('exit', () => this.#lost(thread, worker, undefined))
    return worker
  }

  #committed(thread: Thread, worker: Worker, header: RowsHeader): void {
    const { running } = thread
    if (running === undefined || thread.worker !== worker) return
    thread.running = undefined
    // An idle thread keeps nobody from ending.
    worker.unref()
    running.resolve(this.#rowsOf(running.memory, header))
    this.#next()
  }

  #lost(thread: Thread, worker: Worker, cause: unknown): void {
    if (thread.worker !== worker) return
    const { running } = thread
    thread.worker = thread.running = undefined
    if (running === undefined) return
    this.#free.push(running.memory)
    running.reject(new CodingThreadLostError(cause))
    this.#next()
  }

  #rowsOf(memory: number, header: RowsHeader): CommittedRows {
    const committer = this.#committer(memory)
    let isReleased = false
    const held = (): RowCommitter => {
      assert(!isReleased, 'rows are read before they are released')
      return committer
    }
    return {
      header,
      row: (index) => held().coder.row(index),
      prove: (index) => held().prove(index),
      proveRange: (from, count) => held().proveRange(from, count),
      release: () => {
        if (isReleased) return
        isReleased = true
        this.#free.push(memory)
        this.#next()
      },
    }
  }

  #committer(memory: number): RowCommitter {
    const committer = this.#memories[memory]
    assert(committer !== undefined, 'a memory is one of the pool')
    return committer
  }
}

function codeOf({ dataRows, codedRows, rowSizeMax, profile = 'rows' }: CodingPoolOptions): Code {
  return { dataRows, codedRows, rowSizeMax, profile }
}

function writerOf(bytes: Uint8Array): BatchWriter {
  return { sizeBytes: bytes.length, write: (into) => into.set(bytes) }
}

/** More batches than may wait. */
export class PoolFullError extends ZgError<'CODING_POOL_FULL'> {
  constructor(waitingMax: number) {
    super('CODING_POOL_FULL', `Cannot code a batch: ${waitingMax} wait already`, { waitingMax })
  }
}

export class PoolClosedError extends ZgError<'CODING_POOL_CLOSED'> {
  constructor() {
    super('CODING_POOL_CLOSED', 'Cannot code a batch: the pool is closed')
  }
}

/** A thread that died with a batch. */
export class CodingThreadLostError extends ZgError<'CODING_THREAD_LOST'> {
  constructor(cause: unknown) {
    super('CODING_THREAD_LOST', 'Cannot code a batch: its thread ended', {}, cause)
  }
}
