/**
 * The tries of a state, and `eth_getProof` over them: by @ethereumjs/mpt, so the proofs come from
 * other hands than the contracts' rules.
 */

import { createMerkleProof, createMPT } from '@ethereumjs/mpt'
import { bigintToBytes, bigintToMinimalBytes, encodeRlp, fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import type { ContractWorld } from './contract-world.ts'

export type StateTries = {
  readonly root: Uint8Array
  /** The word in a slot, 0 of one that is not there. */
  readonly word: (address: Hex, slot: bigint) => bigint
  readonly accountProof: (address: Hex) => Promise<readonly Hex[]>
  readonly slotProof: (address: Hex, slot: bigint) => Promise<readonly Hex[]>
}

/** Builds the tries of all accounts as they are now. */
export async function stateTriesOf(world: ContractWorld): Promise<StateTries> {
  const accounts = await createMPT({ useKeyHashing: true })
  const storages = new Map<string, Awaited<ReturnType<typeof createMPT>>>()
  const words = new Map<string, bigint>()
  for (const { address, nonce, balance, codeHash, slots } of world.accounts()) {
    const storage = await createMPT({ useKeyHashing: true })
    for (const [slot, value] of slots) {
      await storage.put(bigintToBytes(slot, 32), encodeRlp(bigintToMinimalBytes(value)))
      words.set(`${address} ${slot}`, value)
    }
    storages.set(String(address), storage)
    const fields = [
      bigintToMinimalBytes(nonce),
      bigintToMinimalBytes(balance),
      storage.root(),
      bigintToBytes(codeHash, 32),
    ]
    await accounts.put(bigintToBytes(address, 20), encodeRlp(fields))
  }
  return {
    root: accounts.root(),
    word: (address, slot) => words.get(`${BigInt(address)} ${slot}`) ?? 0n,
    accountProof: async (address) =>
      (await createMerkleProof(accounts, fromHex(address))).map(toHex),
    slotProof: async (address, slot) => {
      const storage = storages.get(String(BigInt(address)))
      if (storage === undefined) throw new Error(`no account ${address}`)
      return (await createMerkleProof(storage, bigintToBytes(slot, 32))).map(toHex)
    },
  }
}
