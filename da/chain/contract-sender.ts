/** One account's transactions to the contracts: each tried, sent, and waited for. */

import { toHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createWalletClient, http, nonceManager } from 'viem'
import type { Abi, PublicClient, WalletClient } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { PrivateKeyAccount } from 'viem/accounts'

/** How long a transaction may take to be in a block. */
const receiptWithinMs = 30_000
const pollMs = 200

export type ContractCall = {
  readonly address: Hex
  readonly abi: Abi
  readonly functionName: string
  readonly args: readonly unknown[]
  readonly value?: bigint
}

/** Sends as one account; rejects where the chain refuses. */
export type CallSender = { send(call: ContractCall): Promise<void> }

export class ContractSender implements CallSender {
  readonly #client: PublicClient
  readonly #wallet: WalletClient
  readonly #account: PrivateKeyAccount
  #turn: Promise<void> = Promise.resolve()

  constructor(options: {
    readonly client: PublicClient
    readonly rpc: string
    readonly chainId: number
    /** 32 bytes; nobody else sends with it. */
    readonly secretKey: Uint8Array
  }) {
    const { client, rpc, chainId: id, secretKey } = options
    this.#client = client
    this.#account = privateKeyToAccount(toHex(secretKey), { nonceManager })
    const chain = {
      id,
      name: 'zg',
      nativeCurrency: { name: 'token', symbol: 'TOKEN', decimals: 18 },
      rpcUrls: { default: { http: [rpc] } },
    }
    this.#wallet = createWalletClient({ account: this.#account, chain, transport: http(rpc) })
  }

  get address(): Hex {
    return this.#account.address
  }

  /**
   * Tries a call, sends it, and waits for it to be in a block.
   *
   * @throws {CertifyFailedError} `DA_CERTIFY` when it reverts there; what the client throws.
   */
  async send(call: ContractCall): Promise<void> {
    const account = this.#account
    const { request } = await this.#client.simulateContract({ ...call, account })
    // One after the other: a nonce that is taken and not sent would hold up the next ones.
    const sent = this.#turn.then(() => this.#wallet.writeContract(request))
    this.#turn = sent.then(
      () => undefined,
      () => undefined,
    )
    const hash = await sent
    const receipt = await this.#client.waitForTransactionReceipt({
      hash,
      timeout: receiptWithinMs,
      pollingInterval: pollMs,
    })
    if (receipt.status !== 'success')
      throw new CertifyFailedError(`${call.functionName} reverted in ${hash}`)
  }
}

/** The chain does not take a certificate, or what it needs first. */
export class CertifyFailedError extends ZgError<'DA_CERTIFY'> {
  constructor(why: string) {
    super('DA_CERTIFY', `The chain does not record the batch: ${why}`, { why })
  }
}
