/** Hands of a drill on a running world: reads, sends, waits. */

import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'

import { artifactOf } from '@zg/contracts'
import type { ArtifactName } from '@zg/contracts'
import type { Hex } from '@zg/primitives'
import { createPublicClient, createWalletClient, defineChain, encodeFunctionData, http } from 'viem'
import type { Abi, Chain, PublicClient } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

/** The longest a drill waits for one thing, unless it says so. */
const patienceMs = 180_000
const pollMs = 500

export type Contract = { readonly name: ArtifactName; readonly address: Hex }

/** One chain and whoever sends there. */
export class ChainHands {
  readonly #rpc: string
  readonly #chain: Chain
  readonly reader: PublicClient

  constructor(rpc: string, id: number) {
    this.#rpc = rpc
    this.#chain = defineChain({
      id,
      name: `chain ${id}`,
      nativeCurrency: { name: '0G', symbol: '0G', decimals: 18 },
      rpcUrls: { default: { http: [rpc] } },
    })
    this.reader = createPublicClient({
      chain: this.#chain,
      transport: http(rpc),
      pollingInterval: pollMs,
      cacheTime: 0,
    })
  }

  read(contract: Contract, functionName: string, ...args: readonly unknown[]): Promise<unknown> {
    const abi = artifactOf(contract.name).abi as Abi
    return this.reader.readContract({ address: contract.address, abi, functionName, args })
  }

  /** Sends a call and waits until it is in a block; returns which. */
  send(
    secretKey: Hex,
    contract: Contract,
    call: { readonly name: string; readonly args: readonly unknown[]; readonly value?: bigint },
  ): Promise<bigint> {
    const data = dataOf(contract.name, call.name, call.args)
    return this.sendData(secretKey, { to: contract.address, data, value: call.value ?? 0n })
  }

  async sendData(
    secretKey: Hex,
    { to, data, value = 0n }: { readonly to: Hex; readonly data: Hex; readonly value?: bigint },
  ): Promise<bigint> {
    const account = privateKeyToAccount(secretKey)
    const wallet = createWalletClient({ account, chain: this.#chain, transport: http(this.#rpc) })
    const message = { to, data, value }
    // An epoch may begin between the estimate and the block: then more is written.
    const gas = ((await this.reader.estimateGas({ account, ...message })) * 3n) / 2n
    const hash = await wallet.sendTransaction({ ...message, gas })
    const receipt = await this.reader.waitForTransactionReceipt({ hash, timeout: patienceMs })
    assert.equal(receipt.status, 'success', `${to} ${data.slice(0, 10)}`)
    return receipt.blockNumber
  }
}

/** The data of a call. */
export function dataOf(name: ArtifactName, functionName: string, args: readonly unknown[]): Hex {
  const abi = artifactOf(name).abi as Abi
  return encodeFunctionData({ abi, functionName, args: [...args] })
}

/** Waits until something holds; a question that fails is asked again. */
export async function until(
  what: string,
  holds: () => Promise<boolean>,
  waitMaxMs = patienceMs,
): Promise<void> {
  const late = performance.now() + waitMaxMs
  while (!(await holds().catch(() => false))) {
    assert.ok(performance.now() < late, `${what}, within ${waitMaxMs / 1_000} s`)
    await wait(pollMs)
  }
}
