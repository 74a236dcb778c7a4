import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'

import { commitmentOf, RowCommitter, RowVerifier } from '../commitment.ts'
import { CodingPool } from './coding-pool.ts'
import type { CodingPoolOptions, CommittedRows } from './coding-pool.ts'

const code = { dataRows: 12, codedRows: 40, rowSizeMax: 1_024 }

async function withPool(
  options: Partial<CodingPoolOptions>,
  run: (pool: CodingPool) => Promise<void>,
): Promise<void> {
  const pool = new CodingPool({ ...code, threads: 2, batches: 3, waitingMax: 4, ...options })
  try {
    await run(pool)
  } finally {
    await pool.close()
  }
}

function dataOf(sizeBytes: number, seed: number): Uint8Array {
  const parts = Array.from({ length: Math.ceil(sizeBytes / 32) }, (_, part) =>
    createHash('sha256').update(`${seed} ${part}`).digest(),
  )
  return new Uint8Array(Buffer.concat(parts).subarray(0, sizeBytes))
}

test("a pool's rows, paths and header are those of a committer of one thread", async () => {
  await withPool({}, async (pool) => {
    // The second batch is shorter than the first: nothing of it may be left in the memory.
    const sizes = [12_288, 1, 5_000, 0, 769]
    for (const [seed, sizeBytes] of sizes.entries()) {
      const data = dataOf(sizeBytes, seed)
      const rows = await pool.commit(data)
      const committer = new RowCommitter(code)
      committer.coder.resize(rows.header.rowSize)
      committer.coder.data.fill(0).set(data)
      assert.deepEqual(rows.header, committer.commit())
      for (let index = 0; index < code.codedRows; index++) {
        const expected = committer.prove(index)
        assert.deepEqual(rows.prove(index), expected)
        assert.deepEqual(rows.row(index), expected.row)
        assert.ok(rows.row(index).buffer instanceof SharedArrayBuffer)
      }
      rows.release()
    }
  })
})

test('a verifier takes rows from shared memory as they are', async () => {
  await withPool({}, async (pool) => {
    const { header, prove } = await pool.commit(dataOf(3_000, 1))
    const verifier = new RowVerifier(commitmentOf(header), header)
    assert.deepEqual(verifier.wrongOf([prove(0), prove(39)]), [])
  })
})

test('a writer fills the memory itself, and is told when it fails', async () => {
  await withPool({ threads: 1, batches: 1 }, async (pool) => {
    const written = await pool.commit({ sizeBytes: 700, write: (into) => into.fill(7) })
    assert.deepEqual(written.row(0), new Uint8Array(64).fill(7))
    assert.deepEqual(written.row(11), new Uint8Array(64))
    written.release()
    const failing = { sizeBytes: 8, write: () => assert.fail('no disk') }
    await assert.rejects(pool.commit(failing), /no disk/)
    const { header } = await pool.commit(dataOf(8, 1))
    assert.equal(header.rowSize, 64)
  })
})

test('a writer may ask for the next batch, or close the pool', async () => {
  await withPool({ threads: 1, batches: 2 }, async (pool) => {
    let next: Promise<CommittedRows> | undefined
    const write = (into: Uint8Array): void => {
      next = pool.commit(dataOf(64, 2))
      into.fill(1)
    }
    const first = await pool.commit({ sizeBytes: 64, write })
    const second = await next!
    assert.deepEqual(first.row(0), new Uint8Array(64).fill(1))
    assert.deepEqual(second.row(0), dataOf(64, 2))
    first.release()
    const closing = pool.commit({ sizeBytes: 64, write: () => void pool.close() })
    await assert.rejects(closing, { code: 'CODING_POOL_CLOSED' })
  })
})

test('batches wait for a memory, and those beyond the queue are refused', async () => {
  await withPool({ threads: 1, batches: 1, waitingMax: 2 }, async (pool) => {
    const first = await pool.commit(dataOf(100, 1))
    const waiting = [pool.commit(dataOf(100, 2)), pool.commit(dataOf(100, 3))]
    await assert.rejects(pool.commit(dataOf(100, 4)), { code: 'CODING_POOL_FULL' })
    const before = first.row(0).slice()
    first.release()
    first.release()
    const second = await waiting[0]!
    assert.notDeepEqual(second.row(0), before)
    assert.throws(() => first.row(0), { code: 'PRIMITIVES_INVARIANT_BROKEN' })
    second.release()
    const third = await waiting[1]!
    third.release()
  })
})

test('data that the rows do not hold is refused', async () => {
  await withPool({}, async (pool) => {
    for (const sizeBytes of [12_289, -1, Number.NaN, Infinity]) {
      const data = { sizeBytes, write: () => assert.fail('nothing is written') }
      await assert.rejects(pool.commit(data), { code: 'CODING_ROW_SIZE' })
    }
  })
})

/** The threads that a pool begins from now on. */
function watchThreads(): { readonly threads: Worker[]; readonly stop: () => void } {
  const threads: Worker[] = []
  const note = (worker: Worker): void => void threads.push(worker)
  process.on('worker', note)
  return { threads, stop: () => void process.off('worker', note) }
}

test('a thread that dies fails its batch, and the next one has another', async () => {
  const { threads, stop } = watchThreads()
  await withPool({ threads: 1, batches: 2 }, async (pool) => {
    const lost = pool.commit(dataOf(100, 1))
    const waiting = pool.commit(dataOf(100, 2))
    // It is told of on the next turn, long before the thread has begun.
    await setImmediate()
    void threads[0]!.terminate()
    await assert.rejects(lost, { code: 'CODING_THREAD_LOST' })
    const rows = [await waiting, await pool.commit(dataOf(100, 3))]
    assert.deepEqual(threads.length, 2)
    for (const { header, prove } of rows) {
      const verifier = new RowVerifier(commitmentOf(header), header)
      assert.deepEqual(verifier.wrongOf([prove(13)]), [])
    }
    // One that dies idle is missed by nobody.
    await threads[1]!.terminate()
    rows[0]!.release()
    await pool.commit(dataOf(100, 4))
    assert.deepEqual(threads.length, 3)
  })
  stop()
})

test('close ends all threads, refuses what is not committed to, and leaves rows', async () => {
  const { threads, stop } = watchThreads()
  await withPool({ threads: 2, batches: 2 }, async (pool) => {
    const done = await pool.commit(dataOf(100, 1))
    const refused = [pool.commit(dataOf(100, 2)), pool.commit(dataOf(100, 3))]
    const rejections = refused.map((rows) => assert.rejects(rows, { code: 'CODING_POOL_CLOSED' }))
    const exits = threads.map((thread) => new Promise((resolve) => thread.once('exit', resolve)))
    await pool.close()
    await Promise.all([...rejections, ...exits])
    await assert.rejects(pool.commit(dataOf(1, 1)), { code: 'CODING_POOL_CLOSED' })
    const verifier = new RowVerifier(commitmentOf(done.header), done.header)
    assert.deepEqual(verifier.wrongOf([done.prove(5)]), [])
    done.release()
  })
  stop()
})
