/**
 * The full run on an L1 that is none of ours (`npm run test:full -- l1-anvil`, `l1-geth`): what
 * shared stake promises, checked on the networks and in the contracts while both run.
 *
 *     sets         of two epochs, proved from final blocks, equal what the contracts say
 *     references   blocks name final blocks of L1, and newer ones; epochs follow
 *     deposit      what L1 credits, consensus pays out
 *     withdrawal   what a network burns, the keeper has minted on L1
 *     slash        a double vote costs its operator all weight in every network, two epochs later
 *
 * A check that fails throws: the run ends there.
 */

import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'

import { blsScheme, roundVoteDigest, verifyFinalityCertificate } from '@zg/consensus'
import type { Evidence, NetworkIdentity, ValidatorSet } from '@zg/consensus'
import { callOf, publicKeyOfWords, systemContractAddresses } from '@zg/contracts'
import type { ArtifactName } from '@zg/contracts'
import { encodeTransaction, signTransaction, transactionHash } from '@zg/evm'
import { bigintToHex, bytesEqual, fromHex, sha256, toHex, toQuantity } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { JsonRpcNetworkEndpoint, L1Sender, readContract, SlashingReporter } from '@zg/staking'

import { devAccountBalanceWei, devAccounts } from '../accounts.ts'
import { callRpc } from '../rpc-call.ts'
import type { ChainPlan } from '../world.ts'
import { rpcOf, startOutsideWorld } from './outside-l1-world.ts'
import type { OutsideWorld, RunningL1 } from './outside-l1-world.ts'

/** How long anything may take, in epochs; and for what does not wait for one, in seconds. */
const epochsMax = 6
const timeoutSeconds = 900

const pollMs = 500

/** Whose key signs twice. */
const culpritIndex = 3

const withdrawn = 3n * 10n ** 18n
const withdrawGas = 300_000n
const withdrawFeePerGas = 100_000_000_000n
const withdrawTo: Hex = '0x00000000000000000000000000000000000a11ce'

export type OutsideCheck = {
  readonly what: string
  /** When it was seen, in seconds since the L1's epoch 0 began, and in which epoch. */
  readonly atSeconds: number
  readonly epoch: number
  readonly found: Readonly<Record<string, unknown>>
}

export type OutsideResult = {
  readonly client: string
  readonly chainId: number
  readonly epochSeconds: number
  readonly setUpSeconds: number
  readonly firstEpochs: readonly number[]
  readonly checks: readonly OutsideCheck[]
}

type Found = Readonly<Record<string, unknown>>

/** Runs all of it; `tell` hears of each check that holds. */
export async function runOutsideL1(
  running: RunningL1,
  { epochSeconds, tell }: { epochSeconds: number; tell: (check: string) => void },
): Promise<OutsideResult> {
  const client = String(await callRpc(running.url, 'web3_clientVersion'))
  tell(`setting up ${client}`)
  const world = await startOutsideWorld(running, epochSeconds)
  try {
    const { setUpSeconds, plan, l1, chain } = world
    const firstEpochs = plan.networks.map(({ id }) => l1.siteOf(id).firstEpoch)
    tell(`set up in ${setUpSeconds} s; networks begin in epochs ${firstEpochs.join(', ')}`)
    const checks: OutsideCheck[] = []
    const check = async (what: string, look: () => Promise<Found>): Promise<void> => {
      const found = await look()
      const { timestamp } = await chain.head()
      const atSeconds = Number(timestamp) - l1.siteOf(0).epochStart
      const epoch = Math.floor(atSeconds / epochSeconds)
      checks.push({ what, atSeconds, epoch, found })
      tell(`${atSeconds} s, epoch ${epoch}: ${what} ${JSON.stringify(found)}`)
    }
    const first = Math.max(...firstEpochs)
    await check('the set of the first epoch is that of the contracts', () => sets(world, first))
    await check('a deposit is paid out', () => deposit(world))
    await check('blocks name final blocks of L1', () => references(world, first))
    await check('a withdrawal is minted', () => withdrawal(world))
    await check('the set of the next epoch is that of the contracts', () => sets(world, first + 1))
    await check('later blocks name later ones', () => references(world, first + 1))
    await check('a double vote is slashed', () => slash(world))
    return { client, chainId: running.chainId, epochSeconds, setUpSeconds, firstEpochs, checks }
  } finally {
    await world.stop()
  }
}

async function sets(world: OutsideWorld, epoch: number): Promise<Found> {
  const { plan, followers } = world
  const weights: string[] = []
  for (const { id } of plan.networks) {
    const set = await untilSet(world, id, epoch)
    assert.equal(followers[id]?.isContradicted, false)
    const point = await ask(world, 'NetworkRegistry', 'setAt', [id, epoch])
    const { total, count } = point as { readonly total: bigint; readonly count: number }
    assert.equal(set.validators.length, count)
    assert.equal(
      set.validators.reduce((sum, { stake }) => sum + stake, 0n),
      total,
    )
    for (const { operator, stake, publicKey } of set.validators) {
      const who = toHex(operator)
      assert.equal(await ask(world, 'NetworkRegistry', 'isMember', [id, who, epoch]), true)
      assert.equal(await ask(world, 'OperatorRegistry', 'weightAt', [who, epoch]), stake)
      const key = await ask(world, 'OperatorRegistry', 'keyAt', [who, epoch])
      const { a, b, c } = key as Readonly<Record<'a' | 'b' | 'c', Hex>>
      assert.ok(bytesEqual(publicKeyOfWords([BigInt(a), BigInt(b), BigInt(c)]), publicKey))
    }
    weights.push(`${count} operators, ${total} gwei`)
  }
  return { epoch, networks: weights }
}

/** On all networks: the newest final block of an epoch, once there is one, and what it names. */
async function references(world: OutsideWorld, epoch: number): Promise<Found> {
  const numbers: number[] = []
  for (const network of world.plan.networks) {
    const { height } = await untilCertified(world, network, epoch)
    const header = await new JsonRpcNetworkEndpoint({ url: rpcOf(network) }).header(height)
    assert.ok(header !== undefined)
    const { number, hash } = header.l1
    const url = world.l1.endpoint
    const block = (await callRpc(url, 'eth_getBlockByNumber', [toQuantity(number), false])) as {
      readonly hash: Hex
    }
    assert.equal(block.hash, toHex(hash), 'it is a block of L1')
    const final = (await callRpc(url, 'eth_getBlockByNumber', ['finalized', false])) as {
      readonly number: Hex
    }
    assert.ok(number <= BigInt(final.number), 'it is final')
    numbers.push(Number(number))
  }
  return { epoch, blocks: numbers }
}

async function deposit(world: OutsideWorld): Promise<Found> {
  await world.outside.deposit(world.l1)
  const [, network] = world.plan.networks
  assert.ok(network !== undefined)
  const last = (await devAccounts()).at(-1)?.address
  for (const { rpcPort, part } of network.validators) {
    await until(`tokens on ${part}`, timeoutSeconds, async () => {
      const balance = await callRpc(rpcOf({ rpcPort }), 'eth_getBalance', [last, 'latest'])
      return BigInt(String(balance)) === devAccountBalanceWei || undefined
    })
  }
  return { network: network.id, to: last, wei: String(devAccountBalanceWei) }
}

async function withdrawal(world: OutsideWorld): Promise<Found> {
  const [, network] = world.plan.networks
  const account = (await devAccounts())[5]
  assert.ok(network !== undefined && account !== undefined)
  const url = rpcOf(network)
  const to = bigintToHex(systemContractAddresses.Outbox, 20)
  const args = [withdrawTo]
  const { data } = callOf('withdraw', { contract: 'Outbox', to, name: 'withdraw', args })
  const transaction = signTransaction(
    {
      type: 2,
      chainId: BigInt(network.chainId),
      nonce: 0n,
      maxFeePerGas: withdrawFeePerGas,
      maxPriorityFeePerGas: 1n,
      gasLimit: withdrawGas,
      to: systemContractAddresses.Outbox,
      value: withdrawn,
      data: fromHex(data),
      accessList: [],
    },
    fromHex(account.privateKey),
  )
  const hash = toHex(transactionHash(transaction))
  const receipt = await until('a receipt of the withdrawal', timeoutSeconds, async () => {
    const found = await callRpc(url, 'eth_getTransactionReceipt', [hash])
    if (found !== null) return found as { readonly status: Hex; readonly blockNumber: Hex }
    // Sent until it is in: a node that has it already says so.
    await callRpc(url, 'eth_sendRawTransaction', [toHex(encodeTransaction(transaction))])
    return undefined
  })
  assert.equal(receipt.status, '0x1')
  const balance = await until('the tokens on L1', timeoutSeconds, async () => {
    const found = await ask(world, 'ZgToken', 'balanceOf', [withdrawTo])
    return found === 0n ? undefined : found
  })
  assert.equal(balance, withdrawn)
  return { network: network.id, height: Number(receipt.blockNumber), wei: String(balance) }
}

async function slash(world: OutsideWorld): Promise<Found> {
  const { plan, chain, clock, outside, followers } = world
  const operator = plan.networks[0]?.validators[culpritIndex]?.operator
  assert.ok(operator !== undefined)
  const who = toHex(operator)
  const epoch = await epochNow(world)
  await untilSet(world, 0, epoch)
  const address = BigInt(world.l1.siteOf(0).contracts['SlashingManager'] ?? 0)
  const reporter = new SlashingReporter({
    chain,
    sender: new L1Sender({
      chain,
      chainId: BigInt(world.l1.chainId),
      secretKey: outside.deployerKey,
      depth: 1,
      feePerGasMax: 10n ** 12n,
      clock,
      pollMs,
    }),
    address,
    networkId: 0,
    validatorSet: (each) => followers[0]?.validatorSet(each),
  })
  const evidence = doubleVote(world, BigInt(epoch))
  assert.equal(await reporter.report(evidence, [operator]), 'taken')
  assert.equal(await ask(world, 'SlashingManager', 'isPunished', [0, who, epoch]), true)
  const gone = await until('its weight going', timeoutSeconds, async () => {
    for (const later of [epoch + 2, epoch + 3]) {
      if ((await ask(world, 'OperatorRegistry', 'weightAt', [who, later])) === 0n) return later
    }
    return undefined
  })
  const heights: number[] = []
  for (const network of plan.networks) {
    const before = await untilSet(world, network.id, gone - 1)
    const after = await untilSet(world, network.id, gone)
    assert.ok(before.validators.some((each) => bytesEqual(each.operator, operator)))
    assert.deepEqual(
      after.validators.map((each) => toHex(each.operator)).toSorted(),
      before.validators
        .map((each) => toHex(each.operator))
        .filter((each) => each !== who)
        .toSorted(),
    )
    const certificate = await untilCertified(world, network, gone)
    heights.push(Number(certificate.height))
  }
  return { epoch, operator: who, goneFrom: gone, certifiedWithoutIt: heights }
}

/** What operator `culpritIndex` must not sign on network 0: two blocks in one view. */
function doubleVote(world: OutsideWorld, epoch: bigint): Evidence {
  const { operator, secretKey } = world.plan.networks[0]?.validators[culpritIndex] ?? {}
  assert.ok(operator !== undefined && secretKey !== undefined)
  const signed = (fill: number) => {
    const digest = sha256(Uint8Array.of(fill))
    const vote = { kind: 'notarize', epoch, view: 1_000_000, digest } as const
    const message = roundVoteDigest(identityOf(world, 0), vote)
    return { vote, signature: blsScheme().sign(secretKey, message) }
  }
  return { kind: 'round-votes', operator, first: signed(1), second: signed(2) }
}

/** The newest certificate of a network, once it is of an epoch or a later one; verified. */
async function untilCertified(world: OutsideWorld, network: ChainPlan, epoch: number) {
  const endpoint = new JsonRpcNetworkEndpoint({ url: rpcOf(network) })
  const what = `a certificate of network ${network.id} in epoch ${epoch}`
  const certificate = await until(what, timeoutOf(world), async () => {
    const found = await endpoint.finalityCertificate('latest')
    return found !== undefined && found.vote.epoch >= epoch ? found : undefined
  })
  const set = await untilSet(world, network.id, Number(certificate.vote.epoch))
  const identity = identityOf(world, network.id)
  assert.ok(verifyFinalityCertificate(blsScheme(), identity, set, certificate))
  return certificate.vote
}

function untilSet(world: OutsideWorld, id: number, epoch: number): Promise<ValidatorSet> {
  const what = `the set of network ${id} in epoch ${epoch}`
  const follower = world.followers[id]
  return until(what, timeoutOf(world), async () => follower?.validatorSet(BigInt(epoch)))
}

function identityOf({ l1 }: OutsideWorld, networkId: number): NetworkIdentity {
  const { contracts, genesisHashes } = l1.siteOf(networkId)
  return {
    l1ChainId: BigInt(l1.chainId),
    stakingContract: fromHex(contracts['StakeManager'] ?? '0x'),
    networkId,
    genesisHash: fromHex(genesisHashes[networkId] ?? '0x'),
  }
}

function ask(
  { chain, l1 }: OutsideWorld,
  artifact: ArtifactName,
  name: string,
  args: readonly unknown[],
): Promise<unknown> {
  const address = BigInt(l1.siteOf(0).contracts[artifact] ?? 0)
  return readContract(chain, { artifact, address }, { name, args })
}

async function epochNow({ chain, l1 }: OutsideWorld): Promise<number> {
  const { epochStart, epochSeconds } = l1.siteOf(0)
  return Math.floor((Number((await chain.head()).timestamp) - epochStart) / epochSeconds)
}

function timeoutOf({ parameters }: OutsideWorld): number {
  return timeoutSeconds + epochsMax * parameters.epochSeconds
}

/** Polls until `look` finds something; an endpoint may fail meanwhile. */
async function until<found>(
  what: string,
  seconds: number,
  look: () => Promise<found | undefined>,
): Promise<found> {
  const endMs = performance.now() + seconds * 1_000
  let problem: unknown
  while (performance.now() < endMs) {
    try {
      const found = await look()
      if (found !== undefined) return found
    } catch (error) {
      problem = error
    }
    await wait(pollMs)
  }
  throw new Error(`${what} did not come within ${seconds} s`, { cause: problem })
}
