import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Clock } from '@zg/runtime'

import { answerJsonRpc } from './json-rpc.ts'
import type { JsonRpcOptions, RpcMethod } from './json-rpc.ts'
import { answerSizeBytesMax, batchBudgetMs, batchItemsMax, bodySizeBytesMax } from './limits.ts'
import { checkCount } from './params.ts'
import { CallRevertedError, MethodUnknownError } from './rpc-error.ts'

class HandClock implements Clock {
  ms = 0
  nowMs(): number {
    return this.ms
  }
  setTimer(): never {
    throw new Error('no timers here')
  }
}

const clock = new HandClock()
const internal: string[] = []
const bulkCalls: number[] = []

const single: Record<string, RpcMethod> = {
  echo: (params) => params,
  none: (params) => (checkCount(params, 0, 0), undefined),
  crash: () => {
    throw new TypeError('secret detail')
  },
  reject: () => Promise.reject(new TypeError('secret detail')),
  revert: () => {
    throw new CallRevertedError('0x1234', 'no')
  },
  large: () => 'x'.repeat(answerSizeBytesMax / 2),
  slow: () => {
    clock.ms += batchBudgetMs + 1
    return 'slow'
  },
}

const options: JsonRpcOptions = {
  methods: {
    single: new Map(Object.entries(single)),
    bulk: new Map([
      [
        'send',
        (requests) => {
          bulkCalls.push(requests.length)
          const outcomes = requests.map(([value]) =>
            value === 'bad' ? new CallRevertedError('0x', undefined) : value,
          )
          return Promise.resolve(outcomes)
        },
      ],
    ]),
    unknownMethod: (method) => new MethodUnknownError(method),
  },
  clock,
  onInternalError: (method) => internal.push(method),
}

async function answer(text: string): Promise<unknown> {
  const answered = await answerJsonRpc(text, undefined, options)
  return answered === undefined ? undefined : JSON.parse(answered)
}

function request(method: string, params: unknown = [], id: unknown = 1): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params })
}

/** Code of the one error in the answer. */
async function errorCode(text: string): Promise<unknown> {
  const answered = (await answer(text)) as { id: unknown; error: { code: number } }
  return [answered.id, answered.error.code]
}

test('answerJsonRpc refuses malformed envelopes with the code of each', async () => {
  const table: readonly (readonly [text: string, id: unknown, code: number])[] = [
    ['', null, -32700],
    ['{', null, -32700],
    ['{"jsonrpc":"2.0","id":1,"method":"echo"}}', null, -32700],
    ['\u0000', null, -32700],
    ['"text"', null, -32600],
    ['1', null, -32600],
    ['null', null, -32600],
    ['[]', null, -32600],
    ['{}', null, -32600],
    ['{"jsonrpc":"1.0","id":7,"method":"echo"}', 7, -32600],
    ['{"id":7,"method":"echo"}', 7, -32600],
    ['{"jsonrpc":"2.0","id":7}', 7, -32600],
    ['{"jsonrpc":"2.0","id":7,"method":5}', 7, -32600],
    ['{"jsonrpc":"2.0","id":{},"method":"echo"}', null, -32600],
    ['{"jsonrpc":"2.0","id":[1],"method":"echo"}', null, -32600],
    ['{"jsonrpc":"2.0","id":1e300,"method":"echo"}', null, -32600],
    ['{"jsonrpc":"2.0","id":true,"method":"echo"}', null, -32600],
    ['{"jsonrpc":"2.0","id":7,"method":"echo","params":5}', 7, -32600],
    ['{"jsonrpc":"2.0","id":7,"method":"none","params":{"a":1}}', 7, -32602],
    ['{"jsonrpc":"2.0","id":7,"method":"none","params":[1]}', 7, -32602],
    ['{"jsonrpc":"2.0","id":7,"method":"absent"}', 7, -32601],
    ['{"jsonrpc":"2.0","id":7,"method":"__proto__"}', 7, -32601],
    ['{"jsonrpc":"2.0","id":7,"method":"constructor"}', 7, -32601],
    ['{"jsonrpc":"2.0","id":7,"method":"toString"}', 7, -32601],
    ['['.repeat(100), null, -32005],
    [' '.repeat(bodySizeBytesMax + 1), null, -32005],
    [JSON.stringify(Array.from({ length: batchItemsMax + 1 }, () => 1)), null, -32005],
  ]
  for (const [text, id, code] of table) {
    assert.deepEqual(await errorCode(text), [id, code], text.slice(0, 80))
  }
})

test('answerJsonRpc gives an id back as it came', async () => {
  for (const id of [0, -1, 1.5, 'text', '', null, Number.MAX_SAFE_INTEGER]) {
    const answered = (await answer(request('echo', ['a'], id))) as { id: unknown; result: unknown }
    assert.deepEqual(answered, { jsonrpc: '2.0', id, result: ['a'] })
  }
})

test('answerJsonRpc takes absent and null params as none, and undefined as null', async () => {
  for (const params of ['', ',"params":null', ',"params":[]']) {
    const text = `{"jsonrpc":"2.0","id":1,"method":"none"${params}}`
    assert.deepEqual(await answer(text), { jsonrpc: '2.0', id: 1, result: null })
  }
})

test('answerJsonRpc answers no notification, even one that fails', async () => {
  assert.equal(await answer('{"jsonrpc":"2.0","method":"echo"}'), undefined)
  assert.equal(await answer('{"jsonrpc":"2.0","method":"absent"}'), undefined)
  assert.equal(await answer('[{"jsonrpc":"2.0","method":"echo"}]'), undefined)
})

test('answerJsonRpc answers a batch in order, malformed items and all', async () => {
  const notification = '{"jsonrpc":"2.0","method":"echo"}'
  const items = [1, request('echo', ['a'], 1), notification, request('absent', [], 2)]
  const batch = `[${items.join(',')}]`
  const answers = (await answer(batch)) as { id: unknown; error?: { code: number } }[]
  assert.deepEqual(
    answers.map(({ id, error }) => [id, error?.code]),
    [
      [null, -32600],
      [1, undefined],
      [2, -32601],
    ],
  )
})

test('answerJsonRpc hands neighbours of a bulk method over together', async () => {
  bulkCalls.length = 0
  const items = [
    request('send', ['a'], 1),
    request('send', ['bad'], 2),
    request('send', ['c'], 3),
    request('echo', [], 4),
    request('send', ['d'], 5),
  ]
  const answers = (await answer(`[${items.join(',')}]`)) as { id: number; result?: unknown }[]
  assert.deepEqual(bulkCalls, [3, 1])
  assert.deepEqual(
    answers.map(({ id, result }) => [id, result]),
    [
      [1, 'a'],
      [2, undefined],
      [3, 'c'],
      [4, []],
      [5, 'd'],
    ],
  )
})

test('answerJsonRpc keeps the text of a bug back and reports it', async () => {
  internal.length = 0
  for (const method of ['crash', 'reject']) {
    const text = await answerJsonRpc(request(method), undefined, options)
    assert.doesNotMatch(text ?? '', /secret/)
    assert.match(text ?? '', /-32603/)
  }
  assert.deepEqual(internal, ['crash', 'reject'])
})

test('answerJsonRpc sends revert data under code 3', async () => {
  assert.deepEqual(await answer(request('revert')), {
    jsonrpc: '2.0',
    id: 1,
    error: { code: 3, message: 'execution reverted: no', data: '0x1234' },
  })
})

test('answerJsonRpc refuses the items of a batch whose answers grow too large', async () => {
  const items = [1, 2, 3].map((id) => request('large', [], id))
  const answers = (await answer(`[${items.join(',')}]`)) as { error?: { code: number } }[]
  assert.deepEqual(
    answers.map(({ error }) => error?.code),
    [undefined, -32005, -32005],
  )
})

test('answerJsonRpc refuses the items of a batch after its time is spent', async () => {
  const items = [request('slow', [], 1), request('echo', [], 2)]
  const answers = (await answer(`[${items.join(',')}]`)) as { error?: { code: number } }[]
  assert.deepEqual(
    answers.map(({ error }) => error?.code),
    [undefined, -32005],
  )
})
