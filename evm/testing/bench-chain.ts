/**
 * The workloads of the bench, in forms that any machine can take: signed transactions as bytes, and
 * calls.
 */

import { addressOfSecretKey, bigintToBytes, bytesToBigint, concat, keccak256 } from '@zg/primitives'

import { createdAddress } from '../create-instructions.ts'
import { signTransaction } from '../transaction-codec.ts'
import type { Transaction } from '../transaction.ts'
import { compile, loopsSource, tokenSource } from './solidity.ts'

/** A transaction with its sender, recovered beforehand: recovery is measured elsewhere. */
export type BenchTransaction = { readonly transaction: Transaction; readonly sender: bigint }

/** Loops and how often each turns in one measurement. */
export const loopTurns = { hashes: 20_000, mulmods: 40_000, mixes: 40_000, slots: 20_000 } as const

export type LoopName = keyof typeof loopTurns

export const benchChainId = 1337n

const senderCount = 100
const recipientCount = 1_000
const tokensEach = 10n ** 30n

type Account = { readonly secretKey: Uint8Array; readonly address: bigint; nonce: bigint }

/** Makes transactions of a hundred senders with correct nonces. */
export class BenchChain {
  readonly token = compile(tokenSource, 'Token')
  readonly loops = compile(loopsSource, 'Loops')
  readonly #deployer = accountOf(0)
  readonly #senders = Array.from({ length: senderCount }, (_, index) => accountOf(index + 1))
  #made = 0

  /** Addresses that need ether. */
  get funded(): bigint[] {
    return [this.#deployer, ...this.#senders].map(({ address }) => address)
  }

  get tokenAddress(): bigint {
    return createdAddress(this.#deployer.address, 0n)
  }

  get loopsAddress(): bigint {
    return createdAddress(this.#deployer.address, 1n)
  }

  /** Creates the contracts and gives every sender tokens. */
  setUp(): BenchTransaction[] {
    const selector = this.token.selectors['mint(address,uint256)']
    return [
      this.#sign(this.#deployer, { data: this.token.initCode, gasLimit: 3_000_000n }),
      this.#sign(this.#deployer, { data: this.loops.initCode, gasLimit: 3_000_000n }),
      ...this.#senders.map(({ address }) => {
        const data = concat(selector as Uint8Array, word(address), word(tokensEach))
        return this.#sign(this.#deployer, { to: this.tokenAddress, data, gasLimit: 100_000n })
      }),
    ]
  }

  /** Token transfers among a thousand recipients. */
  transfers(count: number): BenchTransaction[] {
    const selector = this.token.selectors['transfer(address,uint256)'] as Uint8Array
    return Array.from({ length: count }, () => {
      const index = this.#made++
      const recipient = bytesToBigint(keccak256(word(BigInt(index * 7) % BigInt(recipientCount))))
      const data = concat(
        selector,
        word(BigInt.asUintN(160, recipient)),
        word(BigInt(1 + (index % 50))),
      )
      const sender = this.#senders[index % senderCount] as Account
      return this.#sign(sender, { to: this.tokenAddress, data, gasLimit: 100_000n })
    })
  }

  /** Call data of a loop. */
  loopCall(name: LoopName): Uint8Array {
    return concat(
      this.loops.selectors[`${name}(uint256)`] as Uint8Array,
      word(BigInt(loopTurns[name])),
    )
  }

  #sign(
    from: Account,
    { to, data, gasLimit }: { to?: bigint; data: Uint8Array; gasLimit: bigint },
  ): BenchTransaction {
    const transaction = signTransaction(
      {
        type: 2,
        chainId: benchChainId,
        nonce: from.nonce++,
        maxFeePerGas: 10n ** 10n,
        maxPriorityFeePerGas: 1n,
        gasLimit,
        to,
        value: 0n,
        data,
        accessList: [],
      },
      from.secretKey,
    )
    return { transaction, sender: from.address }
  }
}

function accountOf(index: number): Account {
  const secretKey = keccak256(word(BigInt(index)))
  return { secretKey, address: bytesToBigint(addressOfSecretKey(secretKey)), nonce: 0n }
}

function word(value: bigint): Uint8Array {
  return bigintToBytes(value, 32)
}
