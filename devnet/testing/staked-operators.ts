/** Operators of a test with stake on an L1 of a test, and their network, as both know them. */

import { networkGenesisJson, networkParametersDefault, parseGenesis } from '@zg/chain'
import type { Genesis, GenesisAccount } from '@zg/chain'
import { blsScheme } from '@zg/consensus'
import type { ValidatorEntry } from '@zg/consensus'
import { testOperator } from '@zg/contracts/testing'
import type { L1World } from '@zg/contracts/testing'
import { fromHex, toHex } from '@zg/primitives'

const weiPerGwei = 10n ** 9n
const stakeWei = 100n * 10n ** 18n

/** Four of them. */
export const operators = [1, 2, 3, 4].map((index) => testOperator(index))

/** Registers and stakes every one; returns them as a validator set has them. */
export function stakeOn(l1: L1World): readonly ValidatorEntry[] {
  l1.settle(operators, { stake: stakeWei })
  return operators.map(({ address, secretKey }) => ({
    operator: fromHex(address),
    publicKey: blsScheme().publicKeyOf(secretKey),
    stake: stakeWei / weiPerGwei,
  }))
}

export type StakedNetwork = {
  readonly id: number
  readonly chainId: bigint
  /** In seconds. */
  readonly timestamp: number
  readonly accounts: readonly GenesisAccount[]
}

/**
 * Opens a network on L1 by its real genesis, joins all operators to it, goes to its first epoch.
 *
 * @param validators - What `stakeOn` returned.
 */
export function openStakedNetwork(
  l1: L1World,
  validators: readonly ValidatorEntry[],
  { id, chainId, timestamp, accounts }: StakedNetwork,
): { genesis: Genesis; firstEpoch: bigint } {
  const network = {
    ...networkParametersDefault,
    networkId: id,
    l1ChainId: l1.world.chainId,
    stakingContract: fromHex(l1.stakes.address),
    validators,
  }
  const genesis = parseGenesis(
    networkGenesisJson({ chainId, fork: 'osaka', network, timestamp, accounts }),
  )
  const firstEpoch = l1.epoch + 2
  l1.openNetwork(id, { genesisHash: toHex(genesis.hash), genesisTime: timestamp })
  for (const { address } of operators) l1.send(l1.networks, 'optIn', [id, 10_000], address)
  l1.goToEpoch(firstEpoch)
  l1.send(l1.token, 'approve', [l1.bridge.address, 2n ** 256n - 1n])
  return { genesis, firstEpoch: BigInt(firstEpoch) }
}
