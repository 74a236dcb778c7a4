/**
 * The access list a transaction needs (EIP-2930): every account and slot it touches, but for those
 * that are warm anyway.
 *
 * Announcing a list changes gas, and gas can change what is touched; so the transaction is run with
 * what the run before touched until that is all it touches.
 */

import { createdAddress, precompileAt } from '@zg/evm'
import type { AccessListEntry, Tracer, TraceStep } from '@zg/evm'
import { WordMap, WordSet } from '@zg/primitives'

import { accessListRoundsMax } from './limits.ts'
import { LimitExceededError } from './rpc-error.ts'
import { gasLimitOf, runSimulation } from './simulation.ts'
import type { Run, Simulation } from './simulation.ts'

export type AccessListResult = {
  readonly accessList: readonly AccessListEntry[]
  /** The run with that list. */
  readonly run: Run
}

/**
 * Finds the list.
 *
 * @throws `CHAIN_CALL_FAILED`, `CHAIN_LIMIT_EXCEEDED` as `runSimulation`, or when the list is still
 *   growing after `accessListRoundsMax` runs.
 */
export function findAccessList(simulation: Simulation): AccessListResult {
  const gasLimit = gasLimitOf(simulation)
  const touched = new Touched(warmAnyway(simulation))
  for (const entry of simulation.request.accessList ?? []) touched.addEntry(entry)
  for (let round = 0; round < accessListRoundsMax; round++) {
    const accessList = touched.list()
    const sizeBefore = touched.size
    const run = runSimulation(simulation, gasLimit, { accessList, tracer: touched.tracer })
    // The list only grows, so it is the same when its size is.
    if (touched.size === sizeBefore) return { accessList, run }
  }
  throw new LimitExceededError('rounds for an access list', accessListRoundsMax)
}

/**
 * Accounts that cost nothing: sender, recipient or created contract, and the coinbase (EIP-3651).
 */
function warmAnyway({ request, from, state, block }: Simulation): readonly bigint[] {
  const nonce = state.account(from)?.nonce ?? 0n
  return [from, request.to ?? createdAddress(from, nonce), block.coinbase]
}

/** Which accounts and slots a run touches, by the opcodes that do. */
class Touched {
  readonly tracer: Tracer = { onStep: (step) => this.#see(step) }
  readonly #slots = new WordMap<WordSet>()
  readonly #warm = new WordSet()
  size = 0

  constructor(warm: readonly bigint[]) {
    for (const address of warm) this.#warm.add(address)
  }

  addEntry({ address, storageKeys }: AccessListEntry): void {
    this.#slotsOf(address)
    for (const slot of storageKeys) this.#addSlot(address, slot)
  }

  list(): readonly AccessListEntry[] {
    return Array.from(this.#slots, ([address, slots]) => ({ address, storageKeys: [...slots] }))
  }

  #see({ opcode, address, stack, stackSize }: TraceStep): void {
    const top = stack[stackSize - 1]
    const second = stack[stackSize - 2]
    switch (opcode) {
      case 0x54: // SLOAD
      case 0x55: // SSTORE
        if (top !== undefined) this.#addSlot(address, top)
        break
      case 0x31: // BALANCE
      case 0x3b: // EXTCODESIZE
      case 0x3c: // EXTCODECOPY
      case 0x3f: // EXTCODEHASH
      case 0xff: // SELFDESTRUCT
        if (top !== undefined) this.#addAddress(top)
        break
      case 0xf1: // CALL
      case 0xf2: // CALLCODE
      case 0xf4: // DELEGATECALL
      case 0xfa: // STATICCALL
        if (second !== undefined) this.#addAddress(second)
        break
    }
  }

  #addAddress(word: bigint): void {
    const address = BigInt.asUintN(160, word)
    const isPrecompile = precompileAt(address, 'osaka') !== undefined
    if (!this.#warm.has(address) && !isPrecompile) this.#slotsOf(address)
  }

  #addSlot(address: bigint, slot: bigint): void {
    if (this.#slotsOf(address).add(slot)) this.size++
  }

  #slotsOf(address: bigint): WordSet {
    let slots = this.#slots.get(address)
    if (slots === undefined) {
      slots = new WordSet()
      this.#slots.set(address, slots)
      this.size++
    }
    return slots
  }
}
