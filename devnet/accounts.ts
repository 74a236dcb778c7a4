/**
 * The ten development accounts: BIP-39 mnemonic `test test … junk`, path m/44'/60'/0'/0/index.
 *
 * Hardhat, Foundry and every tutorial fund the same ones, and bots sweep them on public chains
 * within seconds. They are for the local world only.
 */

import { pbkdf2Sync } from 'node:crypto'

import { addressOfSecretKey, checksumAddress, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import type { DevnetAccount } from './devnet-file.ts'

export const devMnemonic = 'test test test test test test test test test test test junk'

export const devAccountCount = 10

/** What each account owns at genesis on every chain of the local world: 10,000 tokens, in wei. */
export const devAccountBalanceWei = 10_000n * 10n ** 18n

/** Returns the ten accounts, in order; the same on every machine. */
export async function devAccounts(): Promise<DevnetAccount[]> {
  // Loaded here, so that who only reads the constants above does not wait for it.
  const { HDKey } = await import('viem/accounts')
  // BIP-39: seed = PBKDF2-HMAC-SHA512(mnemonic, "mnemonic", 2048 rounds, 64 bytes).
  const seed = pbkdf2Sync(devMnemonic, 'mnemonic', 2048, 64, 'sha512')
  const parent = HDKey.fromMasterSeed(seed).derive("m/44'/60'/0'/0")
  return Array.from({ length: devAccountCount }, (_, index) => {
    const { privateKey } = parent.deriveChild(index)
    if (privateKey === null) throw new Error('A private parent key has private children')
    const address = checksumAddress(addressOfSecretKey(privateKey)) as Hex
    return { address, privateKey: toHex(privateKey) }
  })
}
