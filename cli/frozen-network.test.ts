/**
 * A network of four real validators stops, and all that may leave it comes back to L1: a relayer
 * buries it and brings back what never reached it and what had left it; its accounts escape by
 * proof, read from a node that does nothing any more but serve what was. The validators' time and
 * connections are simulated.
 */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import type { Genesis } from '@zg/chain'
import { validatorSet, viewWithoutL1 } from '@zg/consensus'
import type { ValidatorSet } from '@zg/consensus'
import { artifactOf } from '@zg/contracts'
import { ContractRevertError, L1World } from '@zg/contracts/testing'
import { callRpc } from '@zg/devnet'
import {
  openStakedNetwork,
  openVirtualNetwork,
  operators,
  serveVirtualNode,
  stakeOn,
} from '@zg/devnet/testing'
import { encodeTransaction, signTransaction } from '@zg/evm'
import { addressOfSecretKey, bigintToHex, fromHex, keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSystemClock } from '@zg/runtime'
import { abis } from '@zg/sdk'
import { MessageChain } from '@zg/sdk/testing'
import { Failover, JsonRpcNetworkEndpoint, L1Sender, NetworkRelayer } from '@zg/staking'
import { SimulatedL1Chain, SimulatedL1Endpoint } from '@zg/staking/testing'
import { encodeFunctionData } from 'viem'
import type { Abi } from 'viem'

import { runLine } from './testing/run-line.ts'

const id = 0
const chainId = 1_660_200n
const genesisTimestamp = 1_800_000_000
const ether = 10n ** 18n
const keyOf = (name: string) => keccak256(new TextEncoder().encode(name))
const addressOf = (name: string): Hex => toHex(addressOfSecretKey(keyOf(name)))
const [user, wallet, contract] = [addressOf('user'), addressOf('wallet'), addressOf('contract')]
const bob: Hex = toHex(new Uint8Array(20).fill(0xb0))
const carol: Hex = toHex(new Uint8Array(20).fill(0xca))
const outboxAddress: Hex = bigintToHex(0x2002n, 20)
/** The code of an account that has another's run (EIP-7702). */
const delegation = fromHex(`0xef0100${'07'.repeat(20)}`)
/** What the genesis gives to the user, to one who delegates, and to a contract. */
const given = [50n * ether, 5n * ether, 7n * ether] as const
const genesisOutstanding = given[0] + given[1] + given[2]

type Told = Readonly<Record<string, unknown>>

/** Contracts on L1, and network 0 as they know it. */
function openL1() {
  const l1 = new L1World({ epochSeconds: 100_000, genesisOutstanding })
  const rpc = new MessageChain({ chainId: Number(l1.world.chainId), run: l1.world.run })
  l1.world.listen((logs) => rpc.keep(logs))
  const validators = stakeOn(l1)
  const { runtime: outbox = new Uint8Array(0) } = artifactOf('Outbox')
  const { genesis, firstEpoch } = openStakedNetwork(l1, validators, {
    id,
    chainId,
    timestamp: genesisTimestamp,
    accounts: [
      { address: BigInt(user), balance: given[0] },
      { address: BigInt(wallet), balance: given[1], nonce: 1n, code: delegation },
      { address: BigInt(contract), balance: given[2], nonce: 1n, code: Uint8Array.of(0) },
      { address: BigInt(outboxAddress), nonce: 1n, code: outbox },
    ],
  })
  return { l1, rpc, genesis, set: validatorSet(firstEpoch, validators) }
}

/** Its validators, and the JSON-RPC of the first. */
async function openNetwork(
  context: TestContext,
  options: {
    readonly genesis: Genesis
    readonly set: ValidatorSet
    readonly knownHeight?: () => bigint
    readonly retainedStates?: number
  },
) {
  const { set, ...rest } = options
  const startMs = genesisTimestamp * 1_000
  const opening = { operators, l1View: viewWithoutL1(set), firstEpoch: set.epoch, startMs }
  const { nodes, pass } = await openVirtualNetwork(context, { ...opening, ...rest })
  const [node, ...others] = nodes
  assert.ok(node !== undefined)
  return { node, others, url: await serveVirtualNode(context, node), pass }
}

/** A relayer of it that has just begun. */
function openRelayer(l1: L1World, parts: { url: string; set: ValidatorSet }) {
  const chain = new SimulatedL1Chain(l1)
  const l1Endpoint = new SimulatedL1Endpoint(l1, [])
  const clock = createSystemClock()
  const relayer = new NetworkRelayer({
    endpoint: new JsonRpcNetworkEndpoint({ url: parts.url }),
    chain,
    sender: new L1Sender({
      chain,
      chainId: l1.world.chainId,
      secretKey: keyOf('relayer'),
      depth: 1,
      feePerGasMax: 10n ** 12n,
      clock,
      pollMs: 10,
    }),
    contracts: {
      finalityOracle: BigInt(l1.oracle.address),
      rewardBridge: BigInt(l1.bridge.address),
      inbox: BigInt(l1.inbox.address),
    },
    l1: new Failover([l1Endpoint]),
    fromBlock: 0n,
    identity: l1.identityOf(id),
    sets: (epoch) => (epoch === parts.set.epoch ? parts.set : undefined),
    epochs: { start: BigInt(l1.start), length: BigInt(l1.epochSeconds) },
    intervalSeconds: 0n,
    outboxSeconds: 0n,
    amountMinWei: 0n,
    clock,
  })
  return { relayer, l1Endpoint, chain }
}

/** The user withdraws to Bob on L1. */
function withdraw(url: string, { nonce, value }: { nonce: bigint; value: bigint }) {
  const abi = artifactOf('Outbox').abi as Abi
  const data = fromHex(encodeFunctionData({ abi, functionName: 'withdraw', args: [bob] }))
  const fees = { maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 9n }
  const fields = { type: 2, chainId, nonce, gasLimit: 500_000n, accessList: [] } as const
  const unsigned = { ...fields, ...fees, to: BigInt(outboxAddress), value, data }
  const bytes = encodeTransaction(signTransaction(unsigned, keyOf('user')))
  return callRpc(url, 'eth_sendRawTransaction', [toHex(bytes)])
}

/** The command line of whoever holds a key. */
async function openDoor(
  context: TestContext,
  { l1, rpc, url }: { l1: L1World; rpc: MessageChain; url: string },
) {
  const home = mkdtempSync(join(tmpdir(), 'zg-frozen-'))
  const served = await rpc.serve()
  context.after(() => {
    served.close()
    rmSync(home, { recursive: true })
  })
  const nowhere = Object.keys(abis).map((name) => [name, bigintToHex(1n, 20)])
  const contracts = {
    ...Object.fromEntries(nowhere),
    ZgToken: l1.token.address,
    OperatorRegistry: l1.operators.address,
    NetworkRegistry: l1.networks.address,
    FinalityOracle: l1.oracle.address,
    Inbox: l1.inbox.address,
    RewardBridge: l1.bridge.address,
  }
  const clock = { epochStart: l1.start, epochSeconds: l1.epochSeconds, firstEpoch: 10 }
  const site = join(home, 'site.json')
  writeFileSync(site, JSON.stringify({ ...clock, contracts }))
  const keyFile = join(home, 'user.key')
  writeFileSync(keyFile, toHex(keyOf('user')), { mode: 0o600 })
  const flags = ['--rpc', url, '--l1-rpc', served.url, '--l1-site', site, '--key-file', keyFile]
  const run = (...argv: string[]) => runLine(['bridge', 'escape', ...argv, ...flags], home)
  const ask = async (...argv: string[]): Promise<Told> => {
    const { exitCode, out, err } = await run(...argv, '--json')
    assert.equal(exitCode, 0, `${err}${out}`)
    return JSON.parse(out) as Told
  }
  return { run, ask }
}

const waitingOf = (told: Told) => (told['waiting'] as { kind: string }).kind
const sentBy = (told: Told) => (told['transactions'] as { what: string }[]).map(({ what }) => what)

test('of a network that stopped, all that may leave comes back, once, and no more than is there', async (context) => {
  const { l1, rpc, genesis, set } = openL1()
  const { others, url, pass } = await openNetwork(context, { genesis, set })
  const { relayer, l1Endpoint, chain } = openRelayer(l1, { url, set })
  const { run, ask } = await openDoor(context, { l1, rpc, url })
  const read = (name: string, ...args: unknown[]) => l1.read(l1.bridge, name, id, ...args) as bigint
  const worth = () => (l1.read(l1.token, 'totalSupply') as bigint) + read('outstanding')
  const before = worth()

  // It lives: Bob is paid, then a pause holds up his second withdrawal; Carol's credit waits.
  await pass(2_000)
  await withdraw(url, { nonce: 0n, value: 3n * ether })
  await pass(4_000)
  assert.deepEqual((await relayer.step()).outbox?.claimed, [0])
  l1.send(l1.bridge, 'deposit', [id, carol, 4n * ether])
  l1.send(l1.bridge, 'pause', [id, 1_000])
  await withdraw(url, { nonce: 1n, value: 2n * ether })
  await pass(4_000)
  const alive = await relayer.step()
  assert.equal(alive.finality?.kind, 'submitted')
  assert.equal(alive.outbox?.waits, 'paused')
  await l1Endpoint.mine()

  // Three of four stop, and nothing is final any more.
  const stopping = Promise.all(others.map((each) => each.stop()))
  await pass(1_000)
  await stopping
  await pass(1_000)
  while ((await relayer.step()).finality?.kind === 'submitted');
  const height = BigInt((await callRpc(url, 'eth_blockNumber')) as Hex)
  await pass(60_000)
  assert.equal(BigInt((await callRpc(url, 'eth_blockNumber')) as Hex), height)
  const known = l1.read(l1.oracle, 'finalOf', id) as { height: bigint }
  assert.equal(known.height, height)
  assert.equal(waitingOf(await ask()), 'silence')
  assert.deepEqual((await relayer.step()).death, { kind: 'alive' })

  // By the clock of L1 it may be buried: by anyone who has seen what that means.
  l1.outlive(id)
  const shown = await run()
  assert.match(shown.err, /no terminal to ask on; add --yes/)
  assert.match(shown.out, /signs +bury network 0 at/)
  assert.match(shown.out, /burial +network 0, silent since .*, is dead for ever/)
  assert.match(
    shown.out,
    new RegExp(`last block +what network 0 did after block ${height} is lost`),
  )
  assert.match(shown.out, /shared +63 are left of network 0, for whoever comes first/)
  const { death, outbox } = await relayer.step()
  assert.deepEqual(death, { kind: 'dead', declared: true, refunded: [0], isMore: false })
  assert.deepEqual(outbox?.claimed, [1])
  assert.deepEqual([l1.balanceOf(carol), l1.balanceOf(bob)], [4n * ether, 5n * ether])
  const { length } = chain.submitted
  const again = await relayer.step()
  assert.deepEqual([again.outbox?.claimed, chain.submitted.length], [[], length])

  // Accounts wait for their own clock, and then leave by the last state.
  const early = await ask('--yes')
  assert.deepEqual([waitingOf(early), sentBy(early)], ['delay', []])
  l1.world.advance(Number(l1.bridgeSettings.exitDelay))
  const balance = BigInt((await callRpc(url, 'eth_getBalance', [user, 'latest'])) as Hex)
  assert.ok(balance > 44n * ether && balance < 45n * ether)
  const left = await ask('--yes')
  assert.deepEqual([left['balanceWei'], sentBy(left)], [`${balance}`, ['leave with the balance']])
  assert.equal(l1.balanceOf(user), balance)
  const twice = await ask('--yes')
  assert.deepEqual([waitingOf(twice), sentBy(twice)], ['exited', []])

  // Whoever pays: one that delegates leaves, a contract does not, the Outbox neither.
  const delegating = await ask('--account', wallet, '--yes')
  assert.equal(delegating['isDelegating'], true)
  assert.equal(l1.balanceOf(wallet), given[1])
  for (const account of [contract, outboxAddress]) {
    const told = await ask('--account', account, '--yes')
    assert.deepEqual([waitingOf(told), sentBy(told)], ['contract', []])
  }
  assert.equal(waitingOf(await ask('--account', carol, '--yes')), 'empty')

  // The contract's tokens and burned fees stay, and nothing was made beside what was there.
  assert.ok(read('outstanding') >= given[2])
  assert.equal(worth(), before)
  assert.throws(() => l1.send(l1.oracle, 'declareDead', [id]), ContractRevertError)
})

test('of a network that never came to L1, the genesis counts: what was sent there and what it gave', async (context) => {
  const { l1, rpc, genesis, set } = openL1()
  const { url, pass } = await openNetwork(context, { genesis, set })
  await pass(2_000)
  await withdraw(url, { nonce: 0n, value: 3n * ether })
  await pass(4_000)
  const { relayer, l1Endpoint } = openRelayer(l1, { url, set })
  const { ask } = await openDoor(context, { l1, rpc, url })
  l1.send(l1.bridge, 'deposit', [id, carol, 4n * ether])
  await l1Endpoint.mine()
  l1.outlive(id)
  const death = await relayer.death.step()
  assert.deepEqual(death, { kind: 'dead', declared: true, refunded: [0], isMore: false })
  assert.equal(l1.balanceOf(carol), 4n * ether)
  l1.world.advance(Number(l1.bridgeSettings.exitDelay))
  const left = await ask('--yes')
  assert.deepEqual([left['height'], left['balanceWei']], ['0', `${given[0]}`])
  assert.equal(l1.balanceOf(user), given[0])
})

test('the state that L1 knows is kept, however far a network goes on before it stops', async (context) => {
  const { l1, rpc, genesis, set } = openL1()
  const known = () => (l1.read(l1.oracle, 'finalOf', id) as { height: bigint }).height
  const kept = { knownHeight: known, retainedStates: 2 }
  const { node, url, pass } = await openNetwork(context, { genesis, set, ...kept })
  const { relayer, l1Endpoint } = openRelayer(l1, { url, set })
  const { ask } = await openDoor(context, { l1, rpc, url })
  await pass(3_000)
  assert.equal((await relayer.finality.step()).kind, 'submitted')
  await l1Endpoint.mine()
  const height = known()
  assert.ok(height > 0n)

  // No relayer comes any more: what was done since is lost.
  await withdraw(url, { nonce: 0n, value: 3n * ether })
  await pass(20_000)
  assert.ok(node.chain.headNumber() > Number(height) + 10)
  assert.equal(node.chain.states.oldestHeight, Number(height), 'and nothing older')
  l1.outlive(id)
  assert.equal((await relayer.death.step()).kind, 'dead')
  l1.world.advance(Number(l1.bridgeSettings.exitDelay))
  const left = await ask('--yes')
  assert.deepEqual([left['height'], left['balanceWei']], [`${height}`, `${given[0]}`])
  assert.equal(l1.balanceOf(user), given[0])
})
