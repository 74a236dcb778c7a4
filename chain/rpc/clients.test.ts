/** Real clients over real sockets: viem and ethers deploy a token, move it and watch it. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { toHex } from '@zg/primitives'
import { createSystemClock } from '@zg/runtime'
import {
  Contract,
  ContractFactory,
  isError,
  JsonRpcProvider,
  Wallet,
  WebSocketProvider,
} from 'ethers'
import type { InterfaceAbi } from 'ethers'
import {
  BaseError,
  ContractFunctionRevertedError,
  createPublicClient,
  createTestClient,
  createWalletClient,
  defineChain,
  http,
  InsufficientFundsError,
  publicActions,
  walletActions,
  webSocket,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

import { parseGenesis } from '../genesis.ts'
import { openMinimalNode } from '../minimal-node.ts'
import { inlineRecovery } from '../sender-recovery.ts'
import { compileCoin } from '../testing/coin.ts'
import { openRpcTestNode } from '../testing/rpc-test-node.ts'
import { tenEther, testChainId, testGenesisJson, testKeys } from '../testing/test-chain.ts'
import type { RpcMethods } from './json-rpc.ts'
import { rpcMethods } from './methods.ts'
import { startRpcServer } from './server.ts'

const coin = compileCoin()
const chainNode = await openRpcTestNode()

async function serve(methods: RpcMethods): Promise<string> {
  const server = await startRpcServer({
    methods,
    clock: createSystemClock(),
    host: '127.0.0.1',
    port: 0,
    allowedHosts: [],
    allowedOrigins: '*',
    onInternalError: (method, error) => assert.fail(`${method}: ${String(error)}`),
  })
  after(() => server.close())
  return `http://127.0.0.1:${server.port}`
}

const httpUrl = await serve(chainNode.methods)
const wsUrl = httpUrl.replace('http', 'ws')

/** A block after every transaction, one at a time. */
let mining = Promise.resolve()
chainNode.pool.onPending(() => {
  mining = mining.then(chainNode.mine)
})

const [viemKey, ethersKey, otherKey] = testKeys.map((key) => toHex(key)) as [
  `0x${string}`,
  `0x${string}`,
  `0x${string}`,
]
const other = privateKeyToAccount(otherKey).address

test('viem reads in batches as large as it makes them', async () => {
  const client = createPublicClient({ transport: http(httpUrl, { batch: true }) })
  const balances = await Promise.all(
    Array.from({ length: 400 }, (_, index) =>
      client.getBalance({ address: `0x${(index + 1).toString(16).padStart(40, '0')}` }),
    ),
  )
  assert.ok(balances.every((balance) => balance === 0n))
})

test('viem deploys, calls, writes, watches, reads logs and sees a revert', async () => {
  const chain = defineChain({
    id: Number(testChainId),
    name: 'test',
    nativeCurrency: { name: '0G', symbol: '0G', decimals: 18 },
    rpcUrls: { default: { http: [httpUrl], webSocket: [wsUrl] } },
  })
  const account = privateKeyToAccount(viemKey)
  const reader = createPublicClient({ chain, transport: http(httpUrl), pollingInterval: 20 })
  const wallet = createWalletClient({ chain, account, transport: http(httpUrl) })
  const watcher = createPublicClient({ chain, transport: webSocket(wsUrl, { reconnect: false }) })
  after(async () => (await watcher.transport.getRpcClient()).close())

  const deployed = await wallet.deployContract({ ...coin, args: [1_000n] })
  const { contractAddress } = await reader.waitForTransactionReceipt({ hash: deployed })
  assert.ok(contractAddress)
  const contract = { address: contractAddress, abi: coin.abi }

  const events: unknown[] = []
  const seen = new Promise<void>((resolve) => {
    watcher.watchContractEvent({
      ...contract,
      eventName: 'Transfer',
      onLogs: (logs) => {
        events.push(...logs)
        resolve()
      },
    })
  })
  // The subscription must stand before the transfer; its client answers nothing about it.
  await watcher.getBlockNumber()

  const { request } = await reader.simulateContract({
    ...contract,
    functionName: 'transfer',
    args: [other, 5n],
    account,
  })
  const hash = await wallet.writeContract(request)
  const receipt = await reader.waitForTransactionReceipt({ hash })
  assert.equal(receipt.status, 'success')
  await seen
  assert.equal(events.length, 1)
  const balance = await reader.readContract({
    ...contract,
    functionName: 'balanceOf',
    args: [other],
  })
  assert.equal(balance, 5n)
  const logs = await reader.getContractEvents({
    ...contract,
    eventName: 'Transfer',
    fromBlock: 0n,
    strict: true,
  })
  assert.equal(logs.length, 2)

  await assert.rejects(
    reader.simulateContract({
      ...contract,
      functionName: 'transfer',
      args: [other, 5_000n],
      account,
    }),
    (error) => {
      assert.ok(error instanceof BaseError)
      const revert = error.walk((cause) => cause instanceof ContractFunctionRevertedError)
      assert.ok(revert instanceof ContractFunctionRevertedError)
      assert.equal(revert.data?.errorName, 'CoinBalanceTooLow')
      assert.deepEqual(revert.data?.args, [995n, 5_000n])
      return true
    },
  )
  await assert.rejects(wallet.sendTransaction({ to: other, value: 2n * tenEther }), (error) => {
    assert.ok(error instanceof BaseError)
    return error.walk((cause) => cause instanceof InsufficientFundsError) !== null
  })
})

test('ethers deploys, sends 20 dependent transactions in a row, and watches', async () => {
  // Without a cache: for 250 ms ethers would answer itself with the nonce of the last transaction.
  const options = { pollingInterval: 20, cacheTimeout: -1 }
  const provider = new JsonRpcProvider(httpUrl, undefined, options)
  const socket = new WebSocketProvider(wsUrl)
  after(async () => {
    provider.destroy()
    await socket.destroy()
  })
  const wallet = new Wallet(ethersKey, provider)
  const factory = new ContractFactory(coin.abi as unknown as InterfaceAbi, coin.bytecode, wallet)
  const deployed = await factory.deploy(1_000n)
  await deployed.waitForDeployment()
  const token = new Contract(
    await deployed.getAddress(),
    coin.abi as unknown as InterfaceAbi,
    wallet,
  )
  const watched = new Contract(
    await deployed.getAddress(),
    coin.abi as unknown as InterfaceAbi,
    socket,
  )

  let told = 0
  const seen = new Promise<void>((resolve) => {
    void watched.on('Transfer', () => {
      if (++told === 20) resolve()
    })
  })
  await socket.getBlockNumber()
  const transfer = token.getFunction('transfer')
  const sent = []
  for (let count = 0; count < 20; count++) sent.push(await transfer.send(other, 1n))
  const receipts = await Promise.all(sent.map((response) => response.wait()))
  assert.ok(receipts.every((receipt) => receipt?.status === 1))
  assert.equal(await token.getFunction('balanceOf').staticCall(other), 20n)
  await seen
  assert.equal((await token.queryFilter('Transfer', 0)).length, 21)

  await assert.rejects(transfer.staticCall(other, 5_000n), (error) => {
    assert.ok(isError(error, 'CALL_EXCEPTION'))
    return error.revert?.name === 'CoinBalanceTooLow'
  })
  await assert.rejects(
    wallet.sendTransaction({ to: other, value: 2n * tenEther, gasLimit: 21_000n }),
    (error) => isError(error, 'INSUFFICIENT_FUNDS'),
  )
  await assert.rejects(
    wallet.sendTransaction({ to: other, nonce: 0, gasLimit: 21_000n }),
    (error) => isError(error, 'NONCE_EXPIRED'),
  )
  provider.destroy()
  await socket.destroy()
})

test('a viem test client cheats on a chain of one maker', async () => {
  const minimal = await openMinimalNode({
    genesis: parseGenesis(testGenesisJson()),
    recovery: inlineRecovery,
    clock: createSystemClock(),
    secretKeys: testKeys.slice(0, 1),
  })
  after(() => minimal.stop())
  const url = await serve(
    rpcMethods(minimal.view, { clock: createSystemClock(), clientVersion: 'x' }),
  )
  const client = createTestClient({ mode: 'anvil', transport: http(url), pollingInterval: 20 })
    .extend(publicActions)
    .extend(walletActions)
  const snapshot = await client.snapshot()
  await client.setBalance({ address: other, value: 5n })
  assert.equal(await client.getBalance({ address: other }), 5n)
  await client.setCode({ address: other, bytecode: '0x00' })
  assert.equal(await client.getCode({ address: other }), '0x00')
  const before = await client.getBlock()
  await client.increaseTime({ seconds: 1_000 })
  await client.mine({ blocks: 2 })
  const { number, timestamp } = await client.getBlock()
  assert.equal(number, before.number + 2n)
  assert.ok(timestamp >= before.timestamp + 1_000n)
  const [account] = await client.getAddresses()
  assert.ok(account)
  const hash = await client.sendTransaction({ account, chain: null, to: other, value: 1n })
  assert.equal((await client.waitForTransactionReceipt({ hash })).status, 'success')
  await client.revert({ id: snapshot })
  assert.equal(await client.getBlockNumber({ cacheTime: 0 }), before.number)
  assert.equal(await client.getBalance({ address: other }), tenEther)
})
