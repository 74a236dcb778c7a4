/**
 * What a developer does with ethers 6: deploy, events by filter, twenty sends in a row that depend
 * on each other's nonce (which instant mining is known to break), and twenty at once.
 */

import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'

import { ContractFactory, JsonRpcProvider, NonceManager, Wallet } from 'ethers'
import type { BaseContract, Contract } from 'ethers'

import type { Artifact } from './compile.ts'
import type { Endpoint } from './endpoint.ts'

const sendsInARow = 20

/** The round with one ERC-20 and the nonce drill. */
export async function useEthers(endpoint: Endpoint, token: Artifact): Promise<void> {
  const provider = new JsonRpcProvider(endpoint.rpc, endpoint.chainId, { pollingInterval: 200 })
  const unanswered = await countUnanswered(provider)
  const wallet = new Wallet(endpoint.privateKeys[2] as string, provider)
  const factory = new ContractFactory(token.abi as never, token.bytecode, wallet)
  const deployed: BaseContract = await factory.deploy(10n ** 24n)
  await deployed.waitForDeployment()
  const contract = deployed as Contract
  const seen: bigint[] = []
  await contract.on('Transfer', (_from: string, _to: string, amount: bigint) => seen.push(amount))

  for (let index = 1; index <= sendsInARow; index++) {
    const sent = await contract.getFunction('transfer')(await contract.getAddress(), BigInt(index))
    const receipt = await sent.wait()
    assert.equal(receipt?.status, 1)
  }
  const counting = new NonceManager(wallet)
  const burst: { wait(): Promise<{ status: number | null } | null> }[] = []
  for (let index = 1; index <= sendsInARow; index++) {
    burst.push(await counting.sendTransaction({ to: wallet.address, value: BigInt(index) }))
  }
  for (const sent of burst) assert.equal((await sent.wait())?.status, 1)

  await contract.removeAllListeners()
  assert.equal(seen.length, sendsInARow, 'every Transfer was seen through eth_newFilter')
  // Neither left nor destroyed: a poll on its way subscribes anew when it is answered, or its world
  // is gone, and would then ask for ever. The timers of a paused provider do not run.
  provider.pause(true)
  do await wait(100)
  while (unanswered() > 0)
}

/** How many requests of a provider have no answer yet. */
async function countUnanswered(provider: JsonRpcProvider): Promise<() => number> {
  let count = 0
  await provider.on('debug', ({ action }: { action: string }) => {
    if (action === 'sendRpcPayload') count++
    if (action === 'receiveRpcResult') count--
  })
  return () => count
}
