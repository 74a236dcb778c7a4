import assert from 'node:assert/strict'
import { test } from 'node:test'

import { HttpRequestError, RpcRequestError } from 'viem'

import { logPages } from './log-pages.ts'

type Span = readonly [from: bigint, to: bigint]

const tooWide = new RpcRequestError({
  body: {},
  url: 'http://there',
  error: { code: -32_005, message: 'too many blocks' },
})

/** A chain that answers with the blocks asked for, of at most so many at once. */
async function walk(newest: bigint, spanMax: bigint) {
  const spans: Span[] = []
  let questions = 0
  const pages = logPages<Span>({
    newest,
    async ask(from, to) {
      questions++
      if (to - from >= spanMax) throw tooWide
      return [[from, to]]
    },
  })
  for await (const page of pages) spans.push(...page)
  return { spans, questions }
}

/** Each block once, from the newest to the first. */
function assertWhole(newest: bigint, spans: readonly Span[]): void {
  let next = newest
  for (const [from, to] of spans) {
    assert.equal(to, next)
    next = from - 1n
  }
  assert.equal(next, -1n)
}

test('logPages: wider and wider, so a long chain takes a few questions', async () => {
  const { spans, questions } = await walk(9_999_999n, 2n ** 60n)
  assertWhole(9_999_999n, spans)
  assert.ok(questions <= 10, `${questions} questions`)
})

test('logPages: half as wide when it is refused, and every block once', async () => {
  for (const spanMax of [1n, 7n, 500n, 10_000n, 30_000n]) {
    for (const newest of [0n, 1n, 9_999n, 10_000n]) {
      const { spans } = await walk(newest, spanMax).catch(() => ({ spans: undefined }))
      if (spans !== undefined) assertWhole(newest, spans)
      // 96 questions are enough but for the narrowest.
      else assert.ok(spanMax < 500n)
    }
  }
  const { spans, questions } = await walk(500_000n, 10_000n)
  assertWhole(500_000n, spans)
  assert.ok(questions < 60, `${questions} questions`)
})

test('logPages: a chain that is too long is not said to hold nothing', async () => {
  await assert.rejects(walk(10_000_000n, 10n), { code: 'DA_UNAVAILABLE' })
})

test('logPages: what is no refusal is told at once, and so is that one block is too many', async () => {
  const asked: string[] = []
  const search = (error: unknown) => async () => {
    const pages = logPages({
      newest: 100_000n,
      async ask(from, to) {
        asked.push(`${from}-${to}`)
        throw error
      },
    })
    for await (const page of pages) assert.fail(String(page))
  }
  const silent = new HttpRequestError({ url: 'http://there', details: 'connection refused' })
  for (const error of [silent, new Error('a bug')]) {
    asked.length = 0
    await assert.rejects(search(error), error)
    assert.equal(asked.length, 1)
  }
  asked.length = 0
  await assert.rejects(search(tooWide), tooWide)
  assert.equal(asked.at(-1), '100000-100000')
})
