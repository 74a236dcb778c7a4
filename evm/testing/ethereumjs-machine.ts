/**
 * The same scenario on `@ethereumjs/vm`, an implementation by others: the oracle of differential
 * runs. Its state is kept in plain maps (`SimpleStateManager`); its hashes are replaced by ours,
 * which are no part of what is compared.
 */

import { createBlock } from '@ethereumjs/block'
import { Common, Mainnet } from '@ethereumjs/common'
import { SimpleStateManager } from '@ethereumjs/statemanager'
import { createTxFromRLP } from '@ethereumjs/tx'
import { Account, Address, createAddressFromBigInt } from '@ethereumjs/util'
import type { KZG } from '@ethereumjs/util'
import { createVM, runTx } from '@ethereumjs/vm'
import type { RunTxResult, VM } from '@ethereumjs/vm'
import { bigintToBytes, bytesToBigint, keccak256, sha256, toHex } from '@zg/primitives'

import type { Fork } from '../fork.ts'
import type { Outcome, ScenarioResult } from './scenario-result.ts'
import { describeAccount, describeLogs } from './scenario-result.ts'
import type { Scenario } from './random-scenario.ts'

/**
 * `SimpleStateManager` 10.1.3 keeps code and slots of an account that is deleted (seed 1015280 of
 * Osaka: EXTCODESIZE of a contract that destroyed itself a transaction before; seed 1042009 of
 * Prague: such a contract's slots when ether is sent there). A real one does not.
 */
class ForgettingStateManager extends SimpleStateManager {
  override async deleteAccount(address: Address): Promise<void> {
    await super.deleteAccount(address)
    const name = address.toString()
    this.codeStack.at(-1)?.delete(name)
    const slots = this.storageStack.at(-1)
    for (const place of slots?.keys() ?? []) if (place.startsWith(name)) slots?.delete(place)
  }
}

/** Runs scenarios of one fork, one after another. */
export class EthereumjsMachine {
  readonly #common: Common
  readonly #state: SimpleStateManager
  readonly #vm: VM

  private constructor(common: Common, state: SimpleStateManager, vm: VM) {
    this.#common = common
    this.#state = state
    this.#vm = vm
  }

  static async create(fork: Fork): Promise<EthereumjsMachine> {
    const customCrypto = { keccak256, sha256, kzg: noKzg }
    const common = new Common({ chain: Mainnet, hardfork: fork, customCrypto })
    const state = new ForgettingStateManager({ common })
    const blockchain = {
      getBlock: (number: number) =>
        Promise.resolve({ hash: () => keccak256(new TextEncoder().encode(String(number))) }),
      putBlock: () => Promise.resolve(),
      shallowCopy() {
        return this
      },
    }
    const vm = await createVM({ common, stateManager: state, blockchain })
    return new EthereumjsMachine(common, state, vm)
  }

  async run(scenario: Scenario): Promise<ScenarioResult> {
    await this.#load(scenario)
    const outcomes: Outcome[] = []
    for (const bytes of scenario.transactions) {
      outcomes.push(await this.#apply(scenario, bytes))
    }
    return { outcomes, accounts: await this.#accounts() }
  }

  async #load({ allocations }: Scenario): Promise<void> {
    const state = this.#state
    state.accountStack = [new Map()]
    state.codeStack = [new Map()]
    state.storageStack = [new Map()]
    state.originalStorageCache.clear()
    for (const { address, nonce, balance, code, storage } of allocations) {
      const at = createAddressFromBigInt(address)
      await state.putAccount(at, new Account(nonce, balance))
      if (code.length > 0) await state.putCode(at, code)
      for (const [slot, value] of storage) {
        await state.putStorage(at, bigintToBytes(slot, 32), bigintToBytes(value, 32))
      }
    }
  }

  async #apply({ block }: Scenario, bytes: Uint8Array): Promise<Outcome> {
    const header = {
      coinbase: createAddressFromBigInt(block.coinbase),
      number: block.number,
      timestamp: block.timestamp,
      gasLimit: block.gasLimit,
      mixHash: bigintToBytes(block.prevRandao, 32),
      baseFeePerGas: block.baseFeePerGas,
      excessBlobGas: 0n,
    }
    let result: RunTxResult
    try {
      const tx = createTxFromRLP(bytes, { common: this.#common })
      const made = createBlock(
        { header },
        { common: this.#common, skipConsensusFormatValidation: true },
      )
      result = await runTx(this.#vm, { tx, block: made, skipHardForkValidation: true })
    } catch (error) {
      return { status: 'rejected', reason: (error as Error).message }
    }
    const { execResult, totalGasSpent, receipt } = result
    return {
      status: execResult.exceptionError === undefined ? 'success' : 'failed',
      gasUsed: totalGasSpent,
      output: execResult.exceptionError === undefined ? '' : toHex(execResult.returnValue),
      logs: describeLogs(
        receipt.logs.map(([address, topics, data]) => ({
          address: bytesToBigint(address),
          topics: topics.map(bytesToBigint),
          data,
        })),
      ),
    }
  }

  async #accounts(): Promise<Map<bigint, string>> {
    const accounts = new Map<bigint, string>()
    const state = this.#state
    for (const [key, account] of state.accountStack[0] ?? []) {
      if (account === undefined || account.isEmpty()) continue
      const address = new Address(Buffer.from(key.slice(2), 'hex'))
      const storage: (readonly [bigint, bigint])[] = []
      for (const [place, value] of state.storageStack[0] ?? []) {
        const [of, slot = '0x0'] = place.split('_')
        if (of === key) storage.push([BigInt(slot), bytesToBigint(value)])
      }
      const code = await state.getCode(address)
      const { nonce, balance } = account
      accounts.set(BigInt(key), describeAccount({ nonce, balance, code, storage }))
    }
    return accounts
  }
}

/** It wants a KZG to be there for blob transactions, and does not use it without the blobs. */
const noKzg = new Proxy({} as KZG, {
  get() {
    throw new Error('scenarios have no blobs to prove')
  },
})
