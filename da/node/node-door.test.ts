import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { TestContext } from 'node:test'

import { RowVerifier } from '@zg/coding'
import { blsScheme, localSigner } from '@zg/consensus'
import { addressOfSecretKey, blsSecretKeyFromSeed, sha256 } from '@zg/primitives'
import { createNodeDisk, createSeededRng, createSystemClock, silentLogger } from '@zg/runtime'

import { batchKey } from '../batch/batch.ts'
import { localBatchCoder } from '../disperser/batch-coder.ts'
import { BatchReader } from '../reader/batch-reader.ts'
import { DataNode } from './data-node.ts'
import { Disperser } from '../disperser/disperser.ts'
import { httpNodeClient } from './http-node-client.ts'
import { openNodeDoor } from './node-door.ts'
import type { NodeDoor } from './node-door.ts'
import { PaymentDesk } from '../disperser/payment-desk.ts'
import { readRowList, writeRowList } from '../batch/row-list.ts'
import { CountedClock } from '../testing/counted-clock.ts'
import { smallShape } from '../testing/data-world.ts'
import { TableChain } from '../testing/table-chain.ts'
import { until } from '../testing/until.ts'
import { decodeHeader, decodeRows, encodeHeader } from '../batch/wire.ts'
import { bn254KeyOf, bn254Verify, decodeG1 } from '../zero-gravity/bn254.ts'
import { rootDigest } from '../zero-gravity/messages.ts'
import { RootSigner } from '../zero-gravity/root-signer.ts'

const nodeCount = 4
const clock = createSystemClock()
const scheme = blsScheme()
const log = silentLogger
const place = { host: '127.0.0.1', port: 0 }
const rootKey = bn254KeyOf(new Uint8Array(32).fill(1), 7n)
const seedOf = (name: string): Uint8Array => sha256(new TextEncoder().encode(name))

describe('nodes over HTTP, on disks, with BLS', () => {
  let folder = ''
  let doors: NodeDoor[] = []
  let chain: TableChain
  const nodes: DataNode[] = []
  const client = httpNodeClient(smallShape)
  const secretKey = seedOf('disperser')

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zg-da-'))
    const keys = Array.from({ length: nodeCount }, (_, at) => blsSecretKeyFromSeed(seedOf(`${at}`)))
    const signers = keys.map((key, at) => ({
      operator: addressOfSecretKey(seedOf(`operator ${at}`)),
      publicKey: scheme.publicKeyOf(key),
      url: '',
      votes: 1n,
      isContested: false,
    }))
    chain = new TableChain({ clock, shape: smallShape, signers, scheme })
    chain.fund(addressOfSecretKey(secretKey), 10n ** 18n)
    for (const [at, key] of keys.entries()) {
      const node = await DataNode.open({
        chain,
        disk: await createNodeDisk(join(folder, `node-${at}`)),
        clock,
        rng: createSeededRng(at),
        log,
        operator: signers[at]!.operator,
        signer: localSigner(scheme, key),
        quotaBytes: 2 ** 26,
      })
      nodes.push(node)
      const roots = new RootSigner(node, rootKey)
      const door = await openNodeDoor({ node, roots, shape: smallShape, clock, log, ...place })
      doors.push(door)
      signers[at]!.url = door.url
    }
  })

  after(async () => {
    client.close()
    await Promise.all(doors.map((door) => door.close()))
    doors = []
    await Promise.all(nodes.map((node) => node.close()))
    await rm(folder, { recursive: true })
  })

  test('a blob goes out by real wires, is certified, and comes back', async () => {
    const disk = await createNodeDisk(join(folder, 'disperser'))
    const disperser = await Disperser.open({
      chain,
      client,
      clock,
      scheme,
      coder: localBatchCoder(smallShape),
      payments: new PaymentDesk({
        chain,
        clock,
        disperser: addressOfSecretKey(secretKey),
        quotaBytes: 2 ** 20,
        quotaWindowMs: 60_000,
      }),
      disk,
      log,
      secretKey,
    })
    const blob = new Uint8Array(50_000).map((_, at) => (at * 7) & 0xff)
    const handle = await disperser.certified(await disperser.submit(blob, { peer: 'p' }))
    const isCertified = (given: typeof handle): boolean => disperser.isCertified(given)
    const reader = new BatchReader({ chain, client, clock, log, isCertified })
    assert.deepEqual(await reader.read(handle), blob)
    await disperser.close()

    // As a page in a browser asks: a header, some rows, a check of its own.
    const base = `${doors[1]!.url}/v1/batches/${batchKey(handle.batch)}`
    const header = decodeHeader(await bytesOf(`${base}/header`), smallShape)
    const rows = decodeRows(await bytesOf(`${base}/rows/0-63`), header.rowSize, smallShape)
    assert.equal(rows.length, 16)
    assert.deepEqual(new RowVerifier(handle.commitment, header).wrongOf(rows), [])

    // As 0G's contracts are to know it.
    const { batch, commitment: dataRoot } = handle
    const root = await client.root(doors[1]!.url, batch, AbortSignal.timeout(10_000))
    const name = { dataRoot, epoch: batch.epoch, quorumId: BigInt(batch.quorum) }
    assert.ok(bn254Verify(rootKey.pkG2, rootDigest(name), decodeG1(root)))
  })

  test('what it does not take is said in JSON, with the status that fits', async () => {
    const { url } = doors[0]!
    const absent = `${url}/v1/batches/${'0'.repeat(88)}`
    const cases: [string, RequestInit, number, string][] = [
      [`${url}/`, {}, 404, 'DA_DOOR_ROUTE'],
      [`${url}/v1/batches/xyz/header`, {}, 404, 'DA_DOOR_ROUTE'],
      [`${absent}/header`, {}, 404, 'DA_DOOR_ABSENT'],
      [`${absent}/root`, {}, 404, 'DA_DOOR_ABSENT'],
      [`${absent}/rows/5-3`, {}, 400, 'DA_ROW_LIST'],
      [`${absent}/rows/64`, {}, 400, 'DA_ROW_LIST'],
      [`${url}/v1/status`, { method: 'DELETE' }, 405, 'DA_DOOR_METHOD'],
      [`${url}/v1/batches`, { method: 'POST', body: 'junk' }, 400, 'DA_MALFORMED'],
      [`${url}/v1/batches`, { method: 'POST', body: new Uint8Array(3e6) }, 413, 'DA_BODY_SIZE'],
    ]
    for (const [target, init, status, code] of cases) {
      const response = await fetch(target, init).catch(() => undefined)
      // Who still sends when it is refused may see the connection end instead.
      if (response === undefined && status === 413) continue
      assert.equal(response?.status, status, target)
      assert.equal(((await response!.json()) as { code: string }).code, code)
    }
    const status = (await (await fetch(`${url}/v1/status`)).json()) as { batches: number }
    assert.ok(status.batches >= 0)
  })

  test('a body that is longer, shorter, or of no length said is refused', async () => {
    const port = Number(new URL(doors[0]!.url).port)
    const raw = (head: string, body: string): Promise<string> =>
      new Promise((resolve, reject) => {
        let answer = ''
        const socket = connect(port, '127.0.0.1', () => socket.end(`${head}\r\n\r\n${body}`))
        socket.on('data', (piece) => (answer += String(piece)))
        socket.on('close', () => resolve(answer))
        socket.on('error', reject)
      })
    const post = 'POST /v1/batches HTTP/1.1\r\nHost: x\r\nConnection: close'
    const chunked = await raw(`${post}\r\nTransfer-Encoding: chunked`, '3\r\nabc\r\n0\r\n\r\n')
    assert.match(chunked, /^HTTP\/1\.1 411 /)
    assert.doesNotMatch(await raw(`${post}\r\nContent-Length: 50`, 'abc'), /^HTTP\/1\.1 200/)
  })
})

describe('a door whose clients are hostile', () => {
  const header = encodeHeader({
    ...smallShape,
    rowSize: 32_768,
    rowRoot: new Uint8Array(32),
    combination: new Uint8Array(smallShape.dataRows * 16),
  })
  const rowsPath = `/v1/batches/${'0'.repeat(88)}/rows`

  /** A door over a node of which a test says what it answers. */
  async function openHostile(t: TestContext, shape = smallShape) {
    const errors: string[] = []
    const hostile = {
      storeCount: 0,
      /** Resolves before rows are answered. */
      hold: Promise.resolve(),
      rowsCount: 0,
      /** Resolves before headers are. */
      headerHold: Promise.resolve(),
      headerCount: 0,
      answer: new Uint8Array(1),
    }
    const node = {
      status: { batches: 0, bytes: 0, quotaBytes: 0 },
      async header() {
        hostile.headerCount++
        await hostile.headerHold
        return header
      },
      async rows() {
        hostile.rowsCount++
        await hostile.hold
        return hostile.answer
      },
      async store() {
        hostile.storeCount++
        return new Uint8Array(96)
      },
    }
    const own = new CountedClock()
    const door = await openNodeDoor({
      // Of a node the door asks for no more than this.
      node: node as unknown as DataNode,
      shape,
      clock: own,
      log: { ...silentLogger, error: (message: string) => void errors.push(message) },
      ...place,
    })
    t.after(() => door.close())
    const port = Number(new URL(door.url).port)
    const send = (text: string, localAddress = '127.0.0.1'): Socket => {
      const socket = connect({ port, host: '127.0.0.1', localAddress })
      socket.on('error', () => undefined)
      socket.write(text)
      t.after(() => socket.destroy())
      return socket
    }
    const codeOf = async (path: string, init?: RequestInit) => {
      const response = await fetch(`${door.url}${path}`, init)
      const text = await response.text()
      const { code } = response.ok ? { code: '' } : (JSON.parse(text) as { code: string })
      return [response.status, code]
    }
    return { hostile, errors, clock: own, send, codeOf }
  }

  const post = 'POST /v1/batches HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n'
  const closed = (socket: Socket): Promise<unknown> =>
    new Promise((resolve) => socket.resume().once('close', resolve))

  test('bodies that never come hold few turns, and those for ten seconds', async (t) => {
    const { clock: own, send, codeOf, hostile } = await openHostile(t)
    const sockets = [1, 2, 3, 4].map(() => send(post))
    await until(() => own.armedCount === 8)
    const store = { method: 'POST', body: 'a batch' }
    assert.deepEqual(await codeOf('/v1/batches', store), [429, 'DA_OVERLOADED'])
    const gone = sockets.map(closed)
    await own.pass(10_000)
    await Promise.all(gone)
    assert.deepEqual(await codeOf('/v1/batches', store), [200, ''])
    assert.equal(hostile.storeCount, 1)
  })

  test('a request that is hung up on is no fault of the node', async (t) => {
    const { clock: own, send, errors } = await openHostile(t)
    const socket = send(`${post}half`)
    await until(() => own.armedCount === 2)
    socket.resetAndDestroy()
    await until(() => own.armedCount === 0)
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(errors, [])
  })

  test('answers that nobody reads are given up, and few are made meanwhile', async (t) => {
    const { clock: own, send, codeOf, hostile } = await openHostile(t)
    hostile.answer = new Uint8Array(24 << 20)
    const sockets = Array.from({ length: 8 }, () => {
      return send(`GET ${rowsPath}/0-9 HTTP/1.1\r\nhost: x\r\n\r\n`).pause()
    })
    await until(() => hostile.rowsCount === 8)
    assert.deepEqual(await codeOf(`${rowsPath}/0`), [429, 'DA_OVERLOADED'])
    const gone = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)))
    await own.pass(30_000)
    for (const socket of sockets) socket.resume()
    await Promise.all(gone)
    hostile.answer = new Uint8Array(1)
    assert.deepEqual(await codeOf(`${rowsPath}/0`), [200, ''])
  })

  test('who hangs up keeps its turn while its rows are still read', async (t) => {
    const { send, codeOf, hostile } = await openHostile(t)
    const { promise, resolve } = Promise.withResolvers<void>()
    hostile.hold = promise
    for (let count = 1; count <= 8; count++) {
      const socket = send(`GET ${rowsPath}/0 HTTP/1.1\r\nhost: x\r\n\r\n`)
      await until(() => hostile.rowsCount === count)
      socket.resetAndDestroy()
    }
    assert.deepEqual(await codeOf(`${rowsPath}/0`), [429, 'DA_OVERLOADED'])
    resolve()
    await new Promise((done) => setImmediate(done))
    assert.deepEqual(await codeOf(`${rowsPath}/0`), [200, ''])
  })

  test('headers take turns as rows do', async (t) => {
    const { send, codeOf, hostile } = await openHostile(t)
    hostile.headerHold = new Promise(() => undefined)
    const path = rowsPath.replace(/rows$/, 'header')
    for (let count = 1; count <= 8; count++) send(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`)
    await until(() => hostile.headerCount === 8)
    assert.deepEqual(await codeOf(path), [429, 'DA_OVERLOADED'])
    assert.deepEqual(await codeOf(`${rowsPath}/0`), [429, 'DA_OVERLOADED'])
  })

  test('beyond sixteen answers of rows one waits, for two seconds or until it hangs up', async (t) => {
    const { clock: own, send, hostile, errors } = await openHostile(t)
    hostile.hold = new Promise(() => undefined)
    const get = `GET ${rowsPath}/0 HTTP/1.1\r\nhost: x\r\n\r\n`
    for (const peer of ['127.0.0.1', '127.0.0.2']) {
      for (let count = 1; count <= 8; count++) send(get, peer)
    }
    await until(() => hostile.rowsCount === 16)
    const hasty = send(get, '127.0.0.3')
    await until(() => own.armedCount === 18)
    hasty.resetAndDestroy()
    await until(() => own.armedCount === 16)
    let answer = ''
    send(get, '127.0.0.3').on('data', (piece: Buffer) => (answer += piece.toString()))
    await until(() => own.armedCount === 18)
    await own.pass(2_000)
    await until(() => answer !== '')
    assert.match(answer, /^HTTP\/1\.1 429 /)
    assert.equal(hostile.rowsCount, 16)
    assert.deepEqual(errors, [])
  })

  test('more rows than eight mebibytes are not made into one answer', async (t) => {
    const shape = { ...smallShape, codedRows: 4_096 }
    const { codeOf, hostile } = await openHostile(t, shape)
    assert.deepEqual(await codeOf(`${rowsPath}/0-255`), [200, ''])
    assert.deepEqual(await codeOf(`${rowsPath}/0-256`), [400, 'DA_ROW_LIST'])
    assert.equal(hostile.rowsCount, 1)
  })

  test('the longest list of 4,096 rows arrives, and one that would not is not written', async (t) => {
    const { codeOf } = await openHostile(t, { ...smallShape, codedRows: 4_096 })
    const pairs = Array.from({ length: 4_096 }, (_, index) => index).filter(
      (index) => index % 3 > 0,
    )
    const list = writeRowList(pairs)
    assert.ok(list.length > 12_500)
    assert.deepEqual(await codeOf(`${rowsPath}/${list}`), [400, 'DA_ROW_LIST'])
    assert.equal(readRowList(list, 4_096).length, pairs.length)
    const longer = writeRowList(Array.from({ length: 4_000 }, (_, at) => 10_000 + 2 * at))
    assert.throws(() => readRowList(longer, 65_536), { code: 'DA_ROW_LIST' })
  })
})

test('lists of rows: what is written is read, and nothing else', () => {
  const lists = [[0], [0, 1, 2], [0, 2, 3, 9], [5, 6, 63]]
  for (const list of lists) assert.deepEqual(readRowList(writeRowList(list), 64), list)
  assert.equal(writeRowList([0, 2, 3, 4, 9]), '0,2-4,9')
  for (const wrong of ['', '1,1', '2,1', '3-2', '1-2-3', '0x1', '64', '1,', ' 1', '-1', '1e1']) {
    assert.throws(() => readRowList(wrong, 64), { code: 'DA_ROW_LIST' }, wrong)
  }
})

async function bytesOf(url: string): Promise<Uint8Array> {
  const response = await fetch(url)
  assert.equal(response.status, 200)
  return new Uint8Array(await response.arrayBuffer())
}
