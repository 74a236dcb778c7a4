/** The first block of each chain of a local world. */

import { networkGenesisJson, networkParametersDefault } from '@zg/chain'
import { bytesToBigint } from '@zg/primitives'

import { devAccountBalanceWei, devAccounts } from './accounts.ts'
import { placeCanonicalContracts } from './canonical/canonical.ts'
import type { ChainPlan } from './world.ts'

/** Stake of every validator of a local world: equal weights. */
const devStake = 1_000n

/** Returns a chain's genesis in geth's JSON form: funded accounts and the canonical contracts. */
export async function genesisOf(chain: ChainPlan): Promise<Record<string, unknown>> {
  const isL1 = chain.kind === 'l1'
  const accounts = (await devAccounts()).map(({ address }) => ({
    address: BigInt(address),
    balance: devAccountBalanceWei,
  }))
  const contracts = placeCanonicalContracts(chain.chainId).map(({ address, code }) => ({
    address: bytesToBigint(address),
    // EIP-161: a contract's nonce begins at 1.
    nonce: 1n,
    code,
  }))
  return networkGenesisJson({
    chainId: BigInt(chain.chainId),
    fork: isL1 ? 'prague' : 'osaka',
    timestamp: chain.genesisTimestamp,
    accounts: [...accounts, ...contracts],
    network: {
      ...networkParametersDefault,
      ...paceOf(chain.blockTimeMs),
      networkId: chain.id,
      finalityVotes: !isL1,
      validators: chain.validators.map(({ operator, publicKey }) => ({
        operator,
        publicKey,
        stake: devStake,
      })),
    },
  })
}

/** `--block-time` sets one pace, busy or idle, and lets a leader fill half of it (design §5). */
function paceOf(blockTimeMs: number | undefined): Partial<typeof networkParametersDefault> {
  if (blockTimeMs === undefined) return {}
  return {
    blockTimeBusyMs: blockTimeMs,
    blockTimeIdleMs: blockTimeMs,
    buildBudgetMs: Math.max(1, Math.floor(blockTimeMs / 2)),
  }
}
