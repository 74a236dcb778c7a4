import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'

import { artifactOf, systemContractAddresses } from '@zg/contracts'
import { blobStatus, DisperserClient, DisperserRefusedError, openChain } from '@zg/da'
import type { BlobName } from '@zg/da'
import { addressOfSecretKey, bigintToHex, toHex } from '@zg/primitives'
import { createPublicClient, http, parseEther } from 'viem'
import type { Abi } from 'viem'

import { requestControl } from './control.ts'
import type { ChaosVerb, PartStatus } from './control.ts'
import { readLiveLock } from './data-dir.ts'
import type { DevnetData } from './devnet-file.ts'
import { startWorld } from './local-world.ts'
import type { LocalWorld } from './local-world.ts'
import { readL1Parameters } from './parameters.ts'
import { askZg } from './testing/zg-process.ts'

const portOffset = 13_500
const l1Parameters = { ...readL1Parameters('dev'), epochSeconds: 15 }

const entrance = bigintToHex(systemContractAddresses.DataEntrance, 20)

/** In three of the four processes: of sixteen, one more would be a third. */
const struck = [
  ['kill', 0],
  ['kill', 5],
  ['pause', 10],
  ['kill', 11],
  ['pause', 15],
] as const

/** Polls until something is there; a test that waits for ever is ended by its own timeout. */
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look().catch(() => undefined)
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

suite('a world with data availability', { timeout: 300_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'zg-data-e2e-'))
  const open = Promise.withResolvers<void>()
  let world: LocalWorld
  let da: DevnetData
  let client: DisperserClient

  before(async () => {
    world = await startWorld(
      {
        home,
        minimal: false,
        reset: false,
        validatorCount: 1,
        networkCount: 1,
        blockTimeMs: 400,
        portOffset,
        l1Parameters,
        withData: true,
        onEvent: ({ kind }) => kind === 'data-open' && open.resolve(),
      },
      new AbortController().signal,
    )
    assert.ok(world.file.da)
    da = world.file.da
    client = new DisperserClient(da.disperser)
  })

  after(async () => {
    client.close()
    await world.stop()
    rmSync(home, { recursive: true })
  })

  const control = (request: Parameters<typeof requestControl>[1]) => {
    const lock = readLiveLock(home)
    assert.ok(lock)
    return requestControl(lock.socket, request)
  }
  const statusOf = async (name: string): Promise<PartStatus> => {
    const part = (await control({ verb: 'status' })).find((each) => each.name === name)
    assert.ok(part)
    return part
  }
  const strike = (verb: ChaosVerb, dataNode: number) => control({ verb, dataNode })

  /** As op-batcher and op-node do: what is down is asked again. */
  const put = async (blob: Uint8Array): Promise<string> => {
    for (;;) {
      const response = await fetch(`${da.altDa}/put`, { method: 'POST', body: blob })
      const answer = Buffer.from(await response.arrayBuffer())
      if (response.status === 200) return `0x${answer.toString('hex')}`
      if (response.status !== 503) throw new Error(`${response.status} ${answer.toString()}`)
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  }
  const get = async (commitment: string): Promise<Buffer> => {
    const response = await fetch(`${da.altDa}/get/${commitment}`)
    assert.equal(response.status, 200)
    return Buffer.from(await response.arrayBuffer())
  }
  const finalized = (id: Uint8Array): Promise<BlobName> =>
    until(async () => {
      const { status, name } = await client.statusOf(id)
      return status === blobStatus.finalized ? name : undefined
    })

  test('devnet.json names its doors, which say from when on they take blobs', async () => {
    assert.equal(da.nodes.length, 16)
    assert.equal(new Set(da.nodes.map(({ pid }) => pid)).size, 4)
    const refusal = await until(async () => {
      const error: unknown = await client
        .disperse(randomBytes(100))
        .catch((cause: unknown) => cause)
      const isTold =
        error instanceof DisperserRefusedError && /begins with epoch \d+/.test(error.message)
      return isTold ? error : undefined
    })
    assert.equal(refusal.data['reason'], 'DA_UNAVAILABLE')
    const { status, headers } = await fetch(`${da.altDa}/put`, { method: 'POST', body: 'blob' })
    assert.deepEqual([status, headers.get('zg-code')], [503, 'DA_UNAVAILABLE'])
    await open.promise
  })

  test('a blob goes in by gRPC and by alt-DA, is recorded, and comes back', async () => {
    const blob = randomBytes(200_000)
    const name = await finalized(await client.disperse(blob))
    assert.ok(blob.equals(await client.retrieve(name)))
    const other = randomBytes(50_000)
    assert.ok(other.equals(await get(await put(other))))
    // The command line finds the doors by devnet.json.
    const [file, back] = [join(home, 'file'), join(home, 'back')]
    writeFileSync(file, other)
    const told = await askZg<{ name: string }>(home, `da put ${file}`)
    await askZg(home, `da get ${told.name} ${back}`)
    assert.ok(other.equals(readFileSync(back)))
  })

  test('its escrow was filled once', async () => {
    const secretKey = world.plan.data?.disperser.secretKey
    assert.ok(secretKey)
    const account = toHex(addressOfSecretKey(secretKey))
    const reader = createPublicClient({ transport: http(world.file.networks[0]!.rpc) })
    const { abi } = artifactOf('DataEntrance')
    const read = { address: entrance, abi: abi as Abi, functionName: 'escrowOf', args: [account] }
    const { balance } = (await reader.readContract(read)) as { balance: bigint }
    assert.ok(balance > parseEther('99') && balance <= parseEther('100'), String(balance))
    assert.ok((await reader.getBalance({ address: account })) > parseEther('890'))
  })

  test('five of sixteen nodes stopped under load: nothing acknowledged is lost, new blobs are certified', async (t) => {
    // Whoever joined an epoch later is in a quorum an epoch later.
    await until(async () => ((await membersUp()) === 16 ? true : undefined))
    const acknowledged = new Map<string, Buffer>()
    let isOver = false
    const load = async (): Promise<void> => {
      while (!isOver) {
        const blob = randomBytes(100_000)
        acknowledged.set(await put(blob), blob)
      }
    }
    const loads = [load(), load(), load()]
    await until(async () => (acknowledged.size >= 6 ? true : undefined))
    for (const [verb, node] of struck) await strike(verb, node)
    const before = acknowledged.size
    await until(async () => (acknowledged.size >= before + 6 ? true : undefined))
    isOver = true
    await Promise.all(loads)
    assert.equal((await statusOf('da-node-5')).state, 'killed')
    assert.equal((await statusOf('da-node-10')).state, 'paused')
    for (const [commitment, blob] of acknowledged) assert.ok(blob.equals(await get(commitment)))
    t.diagnostic(
      `${acknowledged.size} blobs, ${acknowledged.size - before} of them by eleven nodes`,
    )
    for (const [, node] of struck) await strike('resume', node)
    assert.equal((await statusOf('da-node-10')).state, 'ready')
  })

  test('a process of nodes that is killed comes back, without the node that was killed before', async () => {
    const blob = randomBytes(30_000)
    const commitment = await put(blob)
    await strike('kill', 6)
    const { pid } = await statusOf('da-nodes-1')
    process.kill(pid!, 'SIGKILL')
    await until(async () => {
      const { state, restarts } = await statusOf('da-nodes-1')
      return state === 'ready' && restarts === 1 ? true : undefined
    })
    await until(async () => ((await statusOf('da-node-6')).state === 'killed' ? true : undefined))
    await assert.rejects(fetch(`${da.nodes[6]!.url}/v1/status`))
    const kept = await fetch(`${da.nodes[7]!.url}/v1/status`)
    assert.ok(((await kept.json()) as { batches: number }).batches > 0)
    await strike('resume', 6)
    assert.ok(blob.equals(await get(commitment)))
    assert.ok(await put(randomBytes(30_000)))
  })

  test('a disperser that is killed comes back, and what it took in is certified', async () => {
    const blob = randomBytes(400_000)
    const earlier = await put(blob)
    const id = await client.disperse(blob.subarray(1))
    const { pid } = await statusOf('da-disperser')
    process.kill(pid!, 'SIGKILL')
    client.close()
    client = new DisperserClient(da.disperser)
    const name = await finalized(id)
    assert.ok(blob.subarray(1).equals(await client.retrieve(name)))
    assert.ok(blob.equals(await get(earlier)))
    assert.ok(await put(randomBytes(1)))
  })

  test('queries are brought, answered and decided by nodes alone, and rewards arrive', async (t) => {
    const reader = createPublicClient({ transport: http(world.file.networks[0]!.rpc) })
    const logsOf = async (name: 'DataQueries' | 'DataEntrance', eventName: string) => {
      const address = bigintToHex(systemContractAddresses[name], 20)
      const abi = artifactOf(name).abi as Abi
      return reader.getContractEvents({ address, abi, eventName, fromBlock: 0n })
    }
    const before = (await logsOf('DataQueries', 'Decided')).length
    // One batch in sixteen is asked for.
    const decided = await until(async () => {
      await put(randomBytes(1_000))
      return (await logsOf('DataQueries', 'Decided'))[before]
    })
    const { missing } = (decided as unknown as { readonly args: { readonly missing: number } }).args
    const answers = (await logsOf('DataQueries', 'Answered')).length
    assert.ok(answers > 0)
    const [reward] = await until(async () => {
      const logs = await logsOf('DataEntrance', 'Rewarded')
      return logs.length > 0 ? logs : undefined
    })
    assert.ok(reward !== undefined)
    t.diagnostic(`missing rows: ${missing.toString(2)}, ${answers} answers`)
  })

  /** Members of the present epoch's quorum 0. */
  async function membersUp(): Promise<number> {
    const [network] = world.file.networks
    const place = { rpc: network!.rpc, entrance, retentionEpochs: 1n, finality: 'latest' } as const
    const chain = await openChain(place)
    const epoch = await chain.epochAt(await chain.epoch())
    return epoch === undefined ? 0 : (await chain.quorumAt(epoch, 0)).members.length
  }
})
