/** What a developer does with viem: deploy, call, write, watch, read logs, prove, see a revert. */

import assert from 'node:assert/strict'

import {
  BaseError,
  ContractFunctionRevertedError,
  createPublicClient,
  createWalletClient,
  defineChain,
  http,
  parseEther,
  webSocket,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

import type { Artifact } from './compile.ts'
import type { Endpoint } from './endpoint.ts'

/** Returns viem's public and wallet client for one funded account of the endpoint. */
export function connect(endpoint: Endpoint, accountIndex: number) {
  const chain = defineChain({
    id: endpoint.chainId,
    name: 'local',
    nativeCurrency: { name: '0G', symbol: '0G', decimals: 18 },
    rpcUrls: { default: { http: [endpoint.rpc], webSocket: [endpoint.ws] } },
  })
  const account = privateKeyToAccount(endpoint.privateKeys[accountIndex] as `0x${string}`)
  const options = { chain, transport: http(endpoint.rpc), pollingInterval: 200 }
  return {
    account,
    reader: createPublicClient(options),
    wallet: createWalletClient({ ...options, account }),
    watcher: createPublicClient({ chain, transport: webSocket(endpoint.ws) }),
  }
}

/** Deploys with viem and returns the contract's address once its receipt is there. */
export async function deploy(
  endpoint: Endpoint,
  {
    artifact,
    args,
    value,
    accountIndex,
  }: { artifact: Artifact; args: readonly unknown[]; value?: bigint; accountIndex: number },
): Promise<`0x${string}`> {
  const { wallet, reader } = connect(endpoint, accountIndex)
  const hash = await wallet.deployContract({
    ...artifact,
    args: [...args],
    ...(value === undefined ? {} : { value }),
  })
  const receipt = await reader.waitForTransactionReceipt({ hash })
  assert.equal(receipt.status, 'success')
  assert.ok(receipt.contractAddress)
  return receipt.contractAddress
}

/** The whole round with one ERC-20. */
export async function useViem(endpoint: Endpoint, token: Artifact): Promise<void> {
  const { reader, wallet, watcher, account } = connect(endpoint, 0)
  const other = privateKeyToAccount(endpoint.privateKeys[1] as `0x${string}`).address
  assert.equal(await reader.getChainId(), endpoint.chainId)

  const address = await deploy(endpoint, { artifact: token, args: [10n ** 24n], accountIndex: 0 })
  const contract = { address, abi: token.abi }
  const heads: bigint[] = []
  const transfers: unknown[] = []
  const stopHeads = watcher.watchBlockNumber({
    onBlockNumber: (number) => heads.push(number),
    emitMissed: true,
  })
  const stopEvents = watcher.watchContractEvent({
    ...contract,
    eventName: 'Transfer',
    onLogs: (logs) => transfers.push(...logs),
  })

  const { request } = await reader.simulateContract({
    ...contract,
    functionName: 'transfer',
    args: [other, 5n],
    account,
  })
  const hash = await wallet.writeContract(request)
  const receipt = await reader.waitForTransactionReceipt({ hash })
  assert.equal(receipt.status, 'success')
  const balance = await reader.readContract({
    ...contract,
    functionName: 'balanceOf',
    args: [other],
  })
  assert.equal(balance, 5n)

  const logs = await reader.getContractEvents({
    ...contract,
    eventName: 'Transfer',
    fromBlock: receipt.blockNumber,
    toBlock: receipt.blockNumber,
  })
  assert.equal(logs.length, 1)
  const proof = await reader.getProof({
    address,
    storageKeys: [],
    blockNumber: receipt.blockNumber,
  })
  assert.ok(proof.accountProof.length > 0)
  const fees = await reader.getFeeHistory({ blockCount: 2, rewardPercentiles: [50] })
  assert.equal(fees.baseFeePerGas.length, 3)

  await assert.rejects(
    reader.simulateContract({ ...contract, functionName: 'refuse', args: [7n], account }),
    (error) => {
      const reverted =
        error instanceof BaseError && error.walk((e) => e instanceof ContractFunctionRevertedError)
      assert.ok(reverted instanceof ContractFunctionRevertedError)
      assert.equal(reverted.data?.errorName, 'TokenAmountForbidden')
      return true
    },
  )

  const tip = await wallet.sendTransaction({ to: other, value: parseEther('1') })
  await reader.waitForTransactionReceipt({ hash: tip })
  await reader.waitForTransactionReceipt({ hash, confirmations: 2 })
  stopHeads()
  stopEvents()
  assert.ok(heads.length > 0, 'heads were announced over WebSocket')
  assert.equal(transfers.length, 1, 'the Transfer was announced over WebSocket')
  ;(await watcher.transport.getRpcClient()).close()
}
