import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'

import { callOf } from '@zg/contracts'
import { fromHex, rendezvous } from '@zg/primitives'
import { parseEther } from 'viem'

import { compile } from './clients/compile.ts'
import { requestControl } from './control.ts'
import { readLiveLock } from './data-dir.ts'
import { readDevnetFile } from './devnet-file.ts'
import type { DevnetFile, DevnetNetwork } from './devnet-file.ts'
import { LoadGenerator } from './load/load.ts'
import { identifyProcess, isProcessAlive } from './process-identity.ts'
import { callRpc } from './rpc-call.ts'
import type { DevnetProcess } from './testing/devnet-process.ts'
import {
  assertOneChain,
  chaos,
  clientsOf,
  heightOf,
  pidsOf,
  portOffset,
  standstill,
  startAside,
  statusOf,
  stop,
  until,
} from './testing/running-world.ts'
import type { Statement } from './testing/statements.ts'
import { seededGenesisTimestamp } from './world.ts'

function roundsOf(statements: readonly Statement[], validator: number): Set<string> {
  const mine = statements.filter((statement) => statement.validator === validator)
  return new Set(mine.map(({ round }) => round))
}

const someone = '0x000000000000000000000000000000000000dEaD'

suite('a world of four validators', { timeout: 400_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'zg-e2e-'))
  let run: DevnetProcess
  let file: DevnetFile

  before(async () => {
    run = startAside(home, ['--seed', 'e2e', '--networks', '1'])
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
    const running = load.run({ kind: 'erc20', ratePerSecond: 100, seconds: 8 })
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    process.kill((await statusOf(home, 'net-0/val-2'))!.pid!, 'SIGKILL')
    const result = await running
    load.close()
    assert.equal(result.refused + result.failed, 0)
    assert.equal(result.succeeded, result.offered)
    t.diagnostic(`finality p50 ${result.latencyP50Ms} ms, p99 ${result.latencyP99Ms} ms`)

    // The supervisor starts it again by itself, and it catches up with the others' chain.
    await until(async () => (await statusOf(home, 'net-0/val-2'))?.state === 'ready')
    const height = await heightOf(network.rpc)
    await until(async () => (await heightOf(victim.rpc)) >= height)

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

  test('SIGINT ends every process; a restart goes on with the same chain', async (t) => {
    const [network] = file.networks
    const height = await heightOf(network!.rpc)
    const parts = await requestControl(readLiveLock(home)!.socket, { verb: 'status' })
    const identities = parts.flatMap(({ pid }) => (pid === undefined ? [] : [identifyProcess(pid)]))
    t.diagnostic(`ended in ${Math.round(await stop(run))} ms`)
    assert.ok(!identities.some(isProcessAlive))
    assert.equal(readDevnetFile(home), undefined)

    run = startAside(home)
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
})

suite('a world of two networks', { timeout: 400_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'zg-e2e-two-'))
  let run: DevnetProcess
  let file: DevnetFile

  before(async () => {
    run = startAside(home, ['--seed', 'two'])
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
