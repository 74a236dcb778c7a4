/**
 * How fast the worst code runs (worst-code.ts), in gas of Osaka per second of processor time.
 *
 * One transaction's gas (EIP-7825) on a state in LMDB whose caches are empty: a `StateDatabase`
 * opened anew for each case, with the pages in the system's cache. The root of what was changed is
 * not part of it: bench `state` has that.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { emptyKeccakWord, keccakWord } from '@zg/primitives'
import { LmdbStore } from '@zg/runtime'
import { genesisParentHash, StateDatabase } from '@zg/state'
import type { AccountChange, StateChanges, StateReader } from '@zg/state'

import { environmentOf } from '../block-environment.ts'
import { call } from '../call.ts'
import { configAtFork } from '../fork.ts'
import { transactionGasLimitMax } from '../transaction.ts'
import {
  firstAddress,
  firstJumpyAddress,
  firstSlot,
  fullCode,
  jumpyCode,
  worstCodes,
} from './worst-code.ts'

/** More than one transaction's gas can reach. */
const contractCount = 7_000
const jumpyContractCount = 500
const slotCount = 12_000
const contractsPerBlock = 500

const runner = 0xc0de_c0de_c0den
const caller = 0xca11_e4n

/** Gas of the run before the measured one: code and caches of the JavaScript engine warm up. */
const warmUpGas = 2_000_000n

/** Returns Mgas per second by case. */
export async function opcodeSpeeds(): Promise<ReadonlyMap<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'zg-opcodes-'))
  const store = LmdbStore.open(folder)
  const speeds = new Map<string, number>()
  try {
    const head = await fill(StateDatabase.open({ store }))
    const freshState = (code: Uint8Array): StateReader => {
      const state = StateDatabase.open({ store }).readerAt(head)
      if (state === undefined) throw new Error('the head is readable')
      return withRunner(state, code)
    }
    for (const { name, code } of worstCodes()) {
      run(freshState(code), warmUpGas)
      const state = freshState(code)
      const before = process.threadCpuUsage()
      run(state, transactionGasLimitMax)
      const { user, system } = process.threadCpuUsage(before)
      // Gas a microsecond is Mgas a second.
      speeds.set(name, Number(transactionGasLimitMax) / (user + system))
    }
  } finally {
    await store.close()
    rmSync(folder, { recursive: true })
  }
  return speeds
}

/** All cases take all gas, so a run that ends otherwise measured something else. */
function run(state: StateReader, gasLimit: bigint): void {
  const { status } = call({ state, block, from: caller, to: runner, gasLimit })
  if (status !== 'failure') throw new Error(`the case ended with ${status}, not out of gas`)
}

const zeros = new Uint8Array(32)
const block = environmentOf(
  {
    number: 300,
    timestamp: 1,
    gasLimit: 60_000_000n,
    coinbase: 0xc01n,
    prevRandao: zeros,
    baseFeePerGas: 0n,
    excessBlobGas: 0n,
  },
  { config: configAtFork(1n, 'osaka'), blockHash: () => zeros },
)

/** The state, with the code of the case at the account that runs. */
function withRunner(base: StateReader, code: Uint8Array): StateReader {
  const codeHash = keccakWord(code)
  return {
    account(address) {
      const account = base.account(address)
      return address === runner && account !== undefined ? { ...account, codeHash } : account
    },
    storage: (address, slot) => base.storage(address, slot),
    hasStorage: (address) => base.hasStorage(address),
    code: (hash) => (hash === codeHash ? code : base.code(hash)),
  }
}

/** Fills the state in blocks, as codes of this number are too many for one; returns the head. */
async function fill(database: StateDatabase): Promise<Uint8Array> {
  const slots = Array.from({ length: slotCount }, (_, at) => {
    return [firstSlot + BigInt(at), 1n + BigInt(at)] as const
  })
  let parent = await makeFinal(database, genesisParentHash, {
    accounts: [accountOf(runner, emptyKeccakWord, slots)],
    codes: [],
  })
  for (let from = 0; from < contractCount; from += contractsPerBlock) {
    parent = await makeContracts(database, parent, { at: firstAddress, from, codeOf: fullCode })
  }
  for (let from = 0; from < jumpyContractCount; from += contractsPerBlock) {
    const contracts = { at: firstJumpyAddress, from, codeOf: jumpyCode }
    parent = await makeContracts(database, parent, contracts)
  }
  return parent
}

function makeContracts(
  database: StateDatabase,
  parent: Uint8Array,
  { at, from, codeOf }: { at: bigint; from: number; codeOf: (number: number) => Uint8Array },
): Promise<Uint8Array> {
  const codes = Array.from({ length: contractsPerBlock }, (_, index) => {
    const code = codeOf(from + index)
    return { codeHash: keccakWord(code), code }
  })
  const accounts = codes.map(({ codeHash }, index) => {
    return accountOf(at + BigInt(from + index), codeHash, [])
  })
  return makeFinal(database, parent, { accounts, codes })
}

let blockCount = 0

async function makeFinal(
  database: StateDatabase,
  parent: Uint8Array,
  changes: StateChanges,
): Promise<Uint8Array> {
  const hash = new Uint8Array(32)
  new DataView(hash.buffer).setUint32(0, ++blockCount)
  database.stage(hash, database.prepare(parent, changes))
  await database.finalize(hash)
  return hash
}

function accountOf(
  address: bigint,
  codeHash: bigint,
  storage: AccountChange['storage'],
): AccountChange {
  const account = { nonce: 1n, balance: 10n ** 24n, codeHash }
  return { address, account, storageCleared: false, storage }
}
