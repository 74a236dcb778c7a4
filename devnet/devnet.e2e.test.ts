import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'

import { callOf } from '@zg/contracts'
import { fromHex, rendezvous } from '@zg/primitives'
import { createPublicClient, createWalletClient, defineChain, http, parseEther } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

import { compile } from './clients/compile.ts'
import { requestControl } from './control.ts'
import type { PartStatus } from './control.ts'
import { readLiveLock } from './data-dir.ts'
import { readDevnetFile } from './devnet-file.ts'
import type { DevnetFile, DevnetNetwork } from './devnet-file.ts'
import { LoadGenerator } from './load/load.ts'
import { identifyProcess, isProcessAlive } from './process-identity.ts'
import { callRpc } from './rpc-call.ts'
import { startDevnet, stopDevnet } from './testing/devnet-process.ts'
import type { DevnetProcess } from './testing/devnet-process.ts'
import { differingHeights, faultsIn, readStatements } from './testing/statements.ts'
import type { Statement } from './testing/statements.ts'
import { seededGenesisTimestamp } from './world.ts'

/** Away from a world that a developer may be running. */
const portOffset = 20_000
/** Of a world that runs beside another one of these. */
const besideOffset = 23_000

function start(
  home: string,
  flags: readonly string[] = [],
  offset: number = portOffset,
): DevnetProcess {
  return startDevnet(home, ['--port-offset', String(offset), ...flags])
}

/** Ends a world; returns how long that took, in milliseconds. */
async function stop(run: DevnetProcess): Promise<number> {
  const startedAt = performance.now()
  assert.equal(await stopDevnet(run), 0)
  return performance.now() - startedAt
}

function pidsOf(file: DevnetFile): number[] {
  const validators = file.networks.flatMap((network) => network.validators)
  const { pid: l1 } = file.l1 ?? {}
  return [...(l1 === undefined ? [] : [l1]), ...validators.map(({ pid }) => pid)]
}

async function heightOf(rpc: string): Promise<number> {
  return Number(await callRpc(rpc, 'eth_blockNumber'))
}

/** Polls until `holds`; a test that waits for ever is ended by its own timeout. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds().catch(() => false))) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function chaos(home: string, verb: 'kill' | 'pause' | 'resume', validator: number, network = 0) {
  const lock = readLiveLock(home)
  assert.ok(lock)
  return requestControl(lock.socket, { verb, network, validator })
}

/** Waits until a chain stands still; what was under way may still become final. */
async function standstill(rpc: string): Promise<number> {
  let height = await heightOf(rpc)
  await until(async () => {
    const was = height
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    height = await heightOf(rpc)
    return height === was
  })
  return height
}

async function statusOf(home: string, name: string): Promise<PartStatus | undefined> {
  const lock = readLiveLock(home)
  assert.ok(lock)
  const parts = await requestControl(lock.socket, { verb: 'status' })
  return parts.find((part) => part.name === name)
}

function clientsOf(
  file: DevnetFile,
  index = 0,
  site: { readonly rpc: string; readonly chainId: number } | undefined = file.networks[0],
) {
  assert.ok(site)
  const chain = defineChain({
    id: site.chainId,
    name: `chain ${site.chainId}`,
    nativeCurrency: { name: '0G', symbol: '0G', decimals: 18 },
    rpcUrls: { default: { http: [site.rpc] } },
  })
  const transport = http(site.rpc, { retryCount: 10, retryDelay: 100 })
  const account = privateKeyToAccount(file.accounts[index]!.privateKey)
  return {
    reader: createPublicClient({ chain, transport, pollingInterval: 50, cacheTime: 0 }),
    writer: createWalletClient({ account, chain, transport }),
  }
}

/** One chain on all nodes, and nothing signed that is a fault; returns what was signed. */
async function assertOneChain(home: string, file: DevnetFile): Promise<Statement[]> {
  const rpcs = file.networks[0]!.validators.map(({ rpc }) => rpc)
  const to = Math.min(...(await Promise.all(rpcs.map(heightOf))))
  assert.deepEqual(await differingHeights(rpcs, { from: 1, to: to - 1 }), [])
  const statements = await readStatements(rpcs, { to })
  assert.deepEqual(faultsIn(statements), [])
  // What a validator receives shows more than certificates do: it logs each pair that is evidence.
  for (const { index } of file.networks[0]!.validators) {
    const log = readFileSync(join(home, 'logs', `net-0-val-${index}.jsonl`), 'utf8')
    assert.match(log, /"epoch begun"/)
    assert.doesNotMatch(log, /"a validator is at fault"|"the guard refused a vote"/)
  }
  return statements
}

function roundsOf(statements: readonly Statement[], validator: number): Set<string> {
  const mine = statements.filter((statement) => statement.validator === validator)
  return new Set(mine.map(({ round }) => round))
}

const someone = '0x000000000000000000000000000000000000dEaD'

/** The 99th percentile of finality while a validator dies and returns stays below this. */
const finalityP99MaxMs = 2_500

/**
 * A validator is killed under load until one round keeps the bound, at most so often. Other work on
 * a machine of two cores only adds to a latency, so the best round says the most about the network;
 * a network that is too slow is so in each of them. All figures are printed.
 */
const loadRoundsMax = 5

suite('a world of four validators', { timeout: 300_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'zg-e2e-'))
  let run: DevnetProcess
  let file: DevnetFile

  before(async () => {
    run = start(home, ['--seed', 'e2e', '--networks', '1'])
    file = await run.ready
  })

  after(async () => {
    if (run.process.exitCode === null) await stop(run)
    rmSync(home, { recursive: true })
  })

  test('devnet.json describes it', () => {
    assert.deepEqual(readDevnetFile(home), file)
    assert.equal(file.l1?.chainId, 1337)
    assert.equal(file.networks[0]?.chainId, 1_660_200)
    assert.equal(file.networks[0]?.validators.length, 4)
    assert.equal(file.networks[0]?.rpc, `http://127.0.0.1:${8545 + portOffset}`)
    assert.equal(file.accounts.length, 10)
    assert.equal(new Set(pidsOf(file)).size, 5)
  })

  test('viem sends a transaction, and every validator has it', async () => {
    const { reader, writer } = clientsOf(file)
    const hash = await writer.sendTransaction({ to: someone, value: parseEther('1') })
    const receipt = await reader.waitForTransactionReceipt({ hash })
    assert.equal(receipt.status, 'success')
    for (const { rpc } of file.networks[0]!.validators) {
      await until(async () => (await callRpc(rpc, 'eth_getTransactionReceipt', [hash])) !== null)
      const block = await callRpc(rpc, 'eth_getBlockByNumber', [
        `0x${receipt.blockNumber.toString(16)}`,
        false,
      ])
      assert.equal((block as { hash: string }).hash, receipt.blockHash)
    }
  })

  test('the canonical contracts answer', async () => {
    const { reader } = clientsOf(file)
    const separator = await reader.readContract({
      address: '0x000000000022D473030F116dDEE9F6B43aC78BA3',
      abi: [
        {
          type: 'function',
          name: 'DOMAIN_SEPARATOR',
          inputs: [],
          outputs: [{ type: 'bytes32' }],
          stateMutability: 'view',
        },
      ],
      functionName: 'DOMAIN_SEPARATOR',
    })
    assert.match(separator, /^0x[0-9a-f]{64}$/)
    for (const address of Object.values(file.networks[0]!.contracts)) {
      assert.ok(((await reader.getCode({ address })) ?? '0x').length > 2, address)
    }
  })

  test('validator 2 killed under load: finality goes on, it comes back', async (t) => {
    const [network] = file.networks
    assert.ok(network)
    const victim = network.validators[2]!
    const others = network.validators.filter(({ index }) => index !== victim.index)
    const load = new LoadGenerator({
      rpcs: others.map(({ rpc }) => rpc),
      ws: network.ws,
      chainId: network.chainId,
      privateKey: file.accounts[5]!.privateKey,
      tokenBytecode: compile(['Token']).Token.bytecode,
    })
    await load.prepare()
    const p99sMs: number[] = []
    while (p99sMs.length < loadRoundsMax && !p99sMs.some((p99Ms) => p99Ms < finalityP99MaxMs)) {
      const running = load.run({ kind: 'erc20', ratePerSecond: 100, seconds: 12 })
      await new Promise((resolve) => setTimeout(resolve, 3_000))
      const { pid } = (await statusOf(home, 'net-0/val-2'))!
      process.kill(pid!, 'SIGKILL')
      const result = await running
      assert.equal(result.refused + result.failed, 0)
      assert.equal(result.succeeded, result.offered)
      const { latencyP50Ms, latencyP99Ms } = result
      t.diagnostic(`finality p50 ${latencyP50Ms} ms, p99 ${latencyP99Ms} ms`)
      p99sMs.push(latencyP99Ms)

      // The supervisor starts it again by itself, and it catches up with the others' chain.
      await until(async () => (await statusOf(home, 'net-0/val-2'))?.state === 'ready')
      const height = await heightOf(network.rpc)
      await until(async () => (await heightOf(victim.rpc)) >= height)
    }
    load.close()
    assert.ok(Math.min(...p99sMs) < finalityP99MaxMs, `p99 is ${p99sMs.join(', ')} ms`)

    // A certificate names the three who were first, so another rests: now the victim has to sign.
    const before = roundsOf(await assertOneChain(home, file), victim.index)
    await chaos(home, 'pause', 3)
    const signed = await heightOf(network.rpc)
    await until(async () => (await heightOf(network.rpc)) > signed + 3)
    await chaos(home, 'resume', 3)
    await until(async () => (await heightOf(network.validators[3]!.rpc)) > signed + 3)
    const now = roundsOf(await assertOneChain(home, file), victim.index)
    assert.ok(now.size > before.size + 2, `it signed ${now.size - before.size} rounds more`)
  })

  test('validator 0 killed: the public port moves to another, clients do not notice', async () => {
    await chaos(home, 'kill', 0)
    const { reader, writer } = clientsOf(file, 2)
    const hash = await writer.sendTransaction({ to: someone, value: 1n })
    assert.equal((await reader.waitForTransactionReceipt({ hash })).status, 'success')
    await chaos(home, 'resume', 0)
  })

  test('two of four killed: the chain halts, and resumes when one returns', async () => {
    await chaos(home, 'kill', 1)
    await chaos(home, 'kill', 3)
    const rpc = file.networks[0]!.validators[0]!.rpc
    const height = await standstill(rpc)
    await until(async () => run.lines.some(({ event }) => event === 'halted'))
    await chaos(home, 'resume', 1)
    await until(async () => (await heightOf(rpc)) > height + 2)
    await chaos(home, 'resume', 3)
    await until(async () => (await heightOf(file.networks[0]!.validators[3]!.rpc)) > height + 2)
    await assertOneChain(home, file)
  })

  test('a paused validator does not stop the others', async () => {
    await chaos(home, 'pause', 2)
    const rpc = file.networks[0]!.rpc
    const height = await heightOf(rpc)
    await until(async () => (await heightOf(rpc)) > height + 1)
    await chaos(home, 'resume', 2)
  })

  test('SIGINT ends every process within 3 s; a restart goes on with the same chain', async () => {
    const [network] = file.networks
    const height = await heightOf(network!.rpc)
    const parts = await requestControl(readLiveLock(home)!.socket, { verb: 'status' })
    const identities = parts.flatMap(({ pid }) => (pid === undefined ? [] : [identifyProcess(pid)]))
    const tookMs = await stop(run)
    assert.ok(tookMs < 3_000, `it took ${tookMs} ms`)
    assert.ok(!identities.some(isProcessAlive))
    assert.equal(readDevnetFile(home), undefined)

    run = start(home)
    const again = await run.ready
    assert.equal(again.networks[0]?.genesisHash, network?.genesisHash)
    assert.ok((await heightOf(again.networks[0]!.rpc)) >= height)
    file = again
  })

  test('a supervisor that is killed leaves no process behind', async () => {
    const identities = pidsOf(file).map(identifyProcess)
    run.process.kill('SIGKILL')
    await run.exited
    await until(async () => !identities.some(isProcessAlive))
  })

  test('after that, a validator whose vote log is damaged stays down, the others go on', async () => {
    const logPath = join(home, 'net-0', 'val-1', 'wal', '00000001.log')
    const bytes = readFileSync(logPath)
    bytes[bytes.length >> 1]! ^= 1
    writeFileSync(logPath, bytes)
    run = start(home)
    file = await run.ready
    const ends = run.lines.filter(({ state }) => state === 'crashed')
    assert.deepEqual(
      ends.map(({ name }) => name),
      ['net-0/val-1'],
    )
    assert.match(String(ends[0]?.['detail']), /the vote log lost statements/)
    const height = await heightOf(file.networks[0]!.rpc)
    await until(async () => (await heightOf(file.networks[0]!.rpc)) > height + 1)
  })

  /** What L1 promised the mended one, and the first height that may tell of it. */
  let voteFromEpoch: string
  let height: number

  test('once mended it follows', async () => {
    const folder = join(home, 'net-0', 'val-1')
    const detail = String(run.lines.find(({ state }) => state === 'crashed')?.['detail'])
    assert.match(detail, /"zg mend-votes \S+net-0\/val-1" lets it vote again two epochs later/)
    const entry = new URL('../cli/main.ts', import.meta.url).pathname
    const out = execFileSync(process.execPath, [entry, 'mend-votes', folder, '--json'])
    ;({ voteFromEpoch } = JSON.parse(String(out)) as { voteFromEpoch: string })
    const { rpc, validators } = file.networks[0]!
    const own = validators[1]!.rpc
    await chaos(home, 'resume', 1)
    await until(async () => (await heightOf(own)) >= (await heightOf(rpc)) - 2)
    height = await heightOf(rpc)
  })

  // While it rests, other worlds begin beside it.

  test('a minimal world: one validator, no L1, cheat methods, nothing kept', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'zg-e2e-minimal-'))
    const minimal = start(elsewhere, ['--minimal'], besideOffset)
    const described = await minimal.ready
    const [network] = described.networks
    assert.equal(described.l1, undefined)
    assert.equal(network?.validators.length, 1)
    const { reader, writer } = clientsOf(described)
    const hash = await writer.sendTransaction({ to: someone, value: 1n })
    assert.equal((await reader.waitForTransactionReceipt({ hash })).status, 'success')
    const { rpc } = network
    assert.equal(((await callRpc(rpc, 'eth_accounts')) as string[]).length, 10)
    await callRpc(rpc, 'anvil_setBalance', [someone, '0x7b'])
    assert.equal(await reader.getBalance({ address: someone }), 123n)
    assert.ok((await stop(minimal)) < 3_000)
    rmSync(elsewhere, { recursive: true })
  })

  test('one seed gives one genesis on every machine', async () => {
    const hashes: (string | undefined)[] = []
    for (let machine = 0; machine < 2; machine++) {
      const elsewhere = mkdtempSync(join(tmpdir(), 'zg-e2e-seed-'))
      const flags = ['--seed', '42', '--validators', '1', '--networks', '1']
      const seeded = start(elsewhere, flags, besideOffset)
      const { networks } = await seeded.ready
      hashes.push(networks[0]?.genesisHash)
      await stop(seeded)
      rmSync(elsewhere, { recursive: true })
    }
    assert.equal(hashes[0], hashes[1])
  })

  test('the mended one signed nothing, and votes again two epochs later', async () => {
    type Told = { readonly epoch: string; readonly signers: string } | null
    const { rpc, validators } = file.networks[0]!
    // Who signs without it, three of four, and the first epoch in which anyone else does.
    let others = 0n
    let returnedIn: bigint | undefined
    await until(async () => {
      const params = [`0x${height.toString(16)}`]
      const told = (await callRpc(rpc, 'zg_getFinalityCertificate', params)) as Told
      if (told === null) return false
      height++
      const [epoch, signers] = [BigInt(told.epoch), BigInt(told.signers)]
      if (others === 0n) others = signers
      else if ((signers & ~others) !== 0n) returnedIn = epoch
      return returnedIn !== undefined
    })
    assert.equal(others.toString(2).replaceAll('0', '').length, 3)
    assert.equal(returnedIn, BigInt(voteFromEpoch))
    assert.ok((await heightOf(validators[1]!.rpc)) >= height - 2)
  })
})

suite('a world of two networks', { timeout: 120_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'zg-e2e-two-'))
  let run: DevnetProcess
  let file: DevnetFile

  before(async () => {
    run = start(home, ['--seed', 'two'])
    file = await run.ready
  })

  after(async () => {
    if (run.process.exitCode === null) await stop(run)
    rmSync(home, { recursive: true })
  })

  test('devnet.json describes both', () => {
    const [, second] = file.networks
    assert.equal(second?.chainId, 1_660_201)
    assert.equal(second?.rpc, `http://127.0.0.1:${8645 + portOffset}`)
    assert.equal(new Set(pidsOf(file)).size, 9)
    assert.equal(file.epochSeconds, 30)
  })

  test('two validators of network 1 killed: it halts, network 0 does not notice', async () => {
    const [first, second] = file.networks
    await chaos(home, 'kill', 1, 1)
    await chaos(home, 'kill', 2, 1)
    const height = await standstill(second!.validators[0]!.rpc)
    const before = await heightOf(first!.rpc)
    await until(async () => (await heightOf(first!.rpc)) > before + 3)
    assert.equal(await heightOf(second!.validators[0]!.rpc), height)
    await chaos(home, 'resume', 1, 1)
    await chaos(home, 'resume', 2, 1)
    await until(async () => (await heightOf(second!.validators[2]!.rpc)) > height + 2)
  })

  test('a transaction for the other network is sent there, and both name the home of a stream', async () => {
    const [first, second] = file.networks as [DevnetNetwork, DevnetNetwork]
    const { writer } = clientsOf(file, 1, second)
    const price = { gas: 21_000n, maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 9n }
    const raw = await writer.signTransaction({ to: someone, value: 1n, nonce: 0, ...price })
    // What the nodes know of L1 is as old as its newest epoch that they have proved.
    await until(async () => {
      const answer = await callRpc(first.rpc, 'eth_sendRawTransaction', [raw]).catch(String)
      return String(answer).includes(`chain id ${second.chainId} is network 1; send it there`)
    })
    await callRpc(second.rpc, 'eth_sendRawTransaction', [raw])

    const l1 = clientsOf(file, 1, file.l1)
    const name = `0x${'5e'.repeat(32)}`
    const call = callOf('open a stream', {
      contract: 'Streams',
      to: file.l1!.contracts['Streams']!,
      name: 'open',
      args: [name],
    })
    const hash = await l1.writer.sendTransaction({ to: call.to, data: call.data })
    const { logs } = await l1.reader.waitForTransactionReceipt({ hash })
    const id = logs[0]!.topics[1]!
    type Home = { network: number; chainId: string; isHere: boolean } | null
    const ask = ({ rpc }: { rpc: string }) =>
      callRpc(rpc, 'zg_getStreamHome', [id]) as Promise<Home>
    await until(async () => (await ask(first)) !== null && (await ask(second)) !== null)
    const [here, there] = [await ask(first), await ask(second)] as [Home, Home]
    assert.equal(here!.network, rendezvous(fromHex(id), [0, 1]))
    assert.deepEqual([here!.network, here!.chainId], [there!.network, there!.chainId])
    assert.deepEqual([here!.isHere, there!.isHere], [here!.network === 0, here!.network === 1])
  })

  test('epochs follow the time of L1', async () => {
    const epochOf = async ({ rpc }: { rpc: string }): Promise<number> => {
      const certificate = await callRpc(rpc, 'zg_getFinalityCertificate', [])
      return Number((certificate as { epoch: string }).epoch)
    }
    const { rpc, contracts } = file.l1!
    assert.ok(
      ((await callRpc(rpc, 'eth_getCode', [contracts['StakeManager'], 'latest'])) as string)
        .length > 2,
    )
    const now = Math.floor((Date.now() / 1_000 - seededGenesisTimestamp) / file.epochSeconds)
    for (const network of file.networks) {
      // The first epochs of a world are those of its set-up.
      await until(async () => (await epochOf(network)) >= now)
    }
  })
})
