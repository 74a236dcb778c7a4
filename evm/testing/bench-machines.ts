/**
 * The machines that the bench puts side by side: ours, `@ethereumjs/vm` and anvil (revm). Each
 * takes the same transactions and calls; each tells the CPU time it took.
 */

import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'

import { createBlock } from '@ethereumjs/block'
import { Common, Mainnet } from '@ethereumjs/common'
import { Caches, MerkleStateManager } from '@ethereumjs/statemanager'
import { createTxFromRLP } from '@ethereumjs/tx'
import { Account, createAddressFromBigInt } from '@ethereumjs/util'
import { createVM, runTx } from '@ethereumjs/vm'
import type { VM } from '@ethereumjs/vm'
import { bigintToHex, emptyBytes, keccak256, sha256, toHex } from '@zg/primitives'

import { environmentOf } from '../block-environment.ts'
import { BlockExecution } from '../block-execution.ts'
import type { ParentBlock } from '../block-outcome.ts'
import { call } from '../call.ts'
import { MemoryState } from '@zg/state'
import { configAtFork } from '../fork.ts'
import { encodeTransaction } from '../transaction-codec.ts'
import { startAnvil } from './anvil-process.ts'
import { benchChainId } from './bench-chain.ts'
import type { BenchTransaction } from './bench-chain.ts'

/** CPU time of a piece of work, in seconds, and the gas it used. */
export type Measured = { readonly seconds: number; readonly gas: number }

export type BenchCall = { readonly from: bigint; readonly to: bigint; readonly data: Uint8Array }

/** A machine under measurement. */
export type BenchMachine = {
  readonly name: string
  /** Executes one block; all transactions must succeed. */
  runBlock(transactions: readonly BenchTransaction[]): Promise<Measured>
  runCall(message: BenchCall): Promise<Measured>
  close(): Promise<void>
}

/** Calls are repeated for so long: twenty steps of the clock of another process. */
const anvilCallSecondsMin = 0.2
const anvilCallsMax = 200

const gasLimit = 1_000_000_000n
const callGas = 500_000_000n
const wealth = 10n ** 27n

/** Ours: block execution over a state in memory, blooms and net changes included, no root. */
export function ourMachine(funded: readonly bigint[]): BenchMachine {
  const state = new MemoryState(
    funded.map((address) => ({
      address,
      nonce: 0n,
      balance: wealth,
      code: emptyBytes,
      storage: [],
    })),
  )
  const config = configAtFork(benchChainId, 'cancun')
  const zeros = new Uint8Array(32)
  let parent: ParentBlock = {
    hash: zeros,
    number: 0,
    timestamp: 0,
    gasLimit,
    gasUsed: gasLimit / 2n,
    baseFeePerGas: 10n ** 9n,
    blobGasUsed: 0n,
    excessBlobGas: 0n,
  }
  const attributes = { coinbase: 0xc01n, gasLimit, prevRandao: zeros, parentBeaconBlockRoot: zeros }
  const blockHash = (): undefined => undefined
  return {
    name: 'zg',
    async runBlock(transactions) {
      const clock = cpuClock()
      const timestamp = parent.timestamp + 1
      const execution = new BlockExecution({
        config,
        parent,
        state,
        blockHash,
        attributes: { ...attributes, timestamp },
      })
      for (const signed of transactions) {
        const outcome = execution.tryTransaction(signed)
        if (outcome.status === 'rejected') throw new Error(outcome.message)
        if (!outcome.receipt.succeeded) throw new Error('a transaction failed')
      }
      const { changes, gasUsed } = execution.finish([])
      const seconds = clock()
      state.apply(changes)
      parent = { ...parent, number: parent.number + 1, timestamp }
      return { seconds, gas: Number(gasUsed) }
    },
    async runCall({ from, to, data }) {
      const fields = {
        ...attributes,
        number: 1,
        timestamp: 1,
        baseFeePerGas: 0n,
        excessBlobGas: 0n,
      }
      const block = environmentOf(fields, { config, blockHash })
      const clock = cpuClock()
      const result = call({ state, block, from, to, data, gasLimit: callGas })
      if (result.status !== 'success') throw new Error(result.status)
      return { seconds: clock(), gas: Number(result.gasUsed) }
    },
    async close() {},
  }
}

/** ethereumjs as fast as it goes: caches, one checkpoint a block, senders known, our keccak. */
export async function ethereumjsMachine(funded: readonly bigint[]): Promise<BenchMachine> {
  const chain = { ...Mainnet, chainId: Number(benchChainId) }
  const customCrypto = { keccak256, sha256 }
  const common = new Common({ chain, hardfork: 'cancun', customCrypto })
  const stateManager = new MerkleStateManager({ common, caches: new Caches() })
  const vm: VM = await createVM({ common, stateManager })
  for (const address of funded) {
    await vm.stateManager.putAccount(createAddressFromBigInt(address), new Account(0n, wealth))
  }
  const header = { number: 1, timestamp: 1, gasLimit, baseFeePerGas: 10n ** 9n, excessBlobGas: 0n }
  const block = createBlock({ header }, { common, skipConsensusFormatValidation: true })
  return {
    name: 'ethereumjs',
    async runBlock(transactions) {
      const prepared = transactions.map(({ transaction, sender }) => {
        const tx = createTxFromRLP(encodeTransaction(transaction), { common, freeze: false })
        return Object.assign(tx, { getSenderAddress: () => createAddressFromBigInt(sender) })
      })
      const clock = cpuClock()
      let gas = 0n
      await vm.evm.journal.checkpoint()
      for (const tx of prepared) {
        const result = await runTx(vm, { tx, block, skipHardForkValidation: true })
        if (result.execResult.exceptionError !== undefined) throw new Error('a transaction failed')
        gas += result.totalGasSpent
      }
      await vm.evm.journal.commit()
      return { seconds: clock(), gas: Number(gas) }
    },
    async runCall({ from, to, data }) {
      const clock = cpuClock()
      const result = await vm.evm.runCall({
        caller: createAddressFromBigInt(from),
        to: createAddressFromBigInt(to),
        data,
        gasLimit: callGas,
        block,
      })
      return { seconds: clock(), gas: Number(result.execResult.executionGasUsed) }
    },
    async close() {},
  }
}

/** anvil in a process of its own, or undefined when its binary does not run here. */
export async function anvilMachine(funded: readonly bigint[]): Promise<BenchMachine | undefined> {
  const args = ['--hardfork', 'cancun', '--no-mining', '--order', 'fifo']
  const limits = ['--gas-limit', `${gasLimit}`, '--chain-id', `${benchChainId}`]
  const anvil = await startAnvil([...args, ...limits])
  if (anvil === undefined) return undefined
  const { child, rpc } = anvil
  for (const address of funded) {
    await rpc('anvil_setBalance', [bigintToHex(address, 20), `0x${wealth.toString(16)}`])
  }
  return {
    name: 'anvil',
    async runBlock(transactions) {
      for (const { transaction } of transactions) {
        await rpc('eth_sendRawTransaction', [toHex(encodeTransaction(transaction))])
      }
      const before = cpuSecondsOf(child)
      await rpc('evm_mine', [])
      const seconds = cpuSecondsOf(child) - before
      const block = (await rpc('eth_getBlockByNumber', ['latest', false])) as Record<string, string>
      if (block['transactions']?.length !== transactions.length) throw new Error('some are missing')
      return { seconds, gas: Number(block['gasUsed']) }
    },
    async runCall({ from, to, data }) {
      const message = {
        from: bigintToHex(from, 20),
        to: bigintToHex(to, 20),
        data: toHex(data),
        gas: `0x${callGas.toString(16)}`,
      }
      const before = cpuSecondsOf(child)
      let seconds = 0
      let calls = 0
      // One call may be shorter than a step of the clock.
      for (; calls < anvilCallsMax && seconds < anvilCallSecondsMin; calls++) {
        await rpc('eth_call', [message, 'latest'])
        seconds = cpuSecondsOf(child) - before
      }
      return { seconds: seconds / calls, gas: 0 }
    },
    close: () => anvil.close(),
  }
}

/** Starts to count this process's CPU time; the function returned tells the seconds since. */
function cpuClock(): () => number {
  const before = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1e6
  }
}

/** CPU time of a process so far: utime and stime of proc(5), in ticks of 10 ms. */
function cpuSecondsOf({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}
