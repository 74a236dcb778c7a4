/** Has the operators of a world join and run what is opened on its L1. */

import { addressOfSecretKey, bytesToBigint } from '@zg/primitives'
import type { NetworkSupervisor } from '@zg/staking'

import type { LocalNetworkHost } from './network-host.ts'
import { stakeL1Of } from './node-files.ts'
import { accountKeyOf } from './seed-keys.ts'
import { networkCountMax } from './world.ts'
import type { WorldPlan } from './world.ts'

/** What an operator of the local world lets a fault cost: all, in hundredths of a percent. */
const slashBpsMax = 10_000

/** Between two looks at L1. */
const pollMs = 2_000

const feePerGasMax = 500_000_000_000n

/** Starts to look; undefined in a world without an L1. */
export async function superviseNetworks(
  plan: WorldPlan,
  {
    host,
    networksMax = networkCountMax,
    onWait,
  }: {
    readonly host: LocalNetworkHost
    readonly networksMax?: number | undefined
    readonly onWait: (id: number, reason: string) => void
  },
): Promise<NetworkSupervisor | undefined> {
  const { kept, networks } = plan
  const l1 = stakeL1Of(plan)
  if (l1 === undefined) return undefined
  // Loaded here, when the world is ready: nobody waits for it.
  const staking = await import('@zg/staking')
  const { createSystemClock } = await import('@zg/runtime')
  const site = l1.siteOf(0)
  const chain = new staking.JsonRpcL1Chain({ url: l1.endpoint })
  const clock = createSystemClock()
  const seed = Buffer.from(kept.seed, 'hex')
  const chainId = BigInt(l1.chainId)
  const operators = (networks[0]?.validators ?? []).map(({ index }) => {
    const secretKey = accountKeyOf(seed, `operator/${index}`)
    const sending = { depth: 1, feePerGasMax, pollMs: 500 }
    return {
      address: bytesToBigint(addressOfSecretKey(secretKey)),
      sender: new staking.L1Sender({ chain, chainId, secretKey, clock, ...sending }),
    }
  })
  const supervisor = new staking.NetworkSupervisor({
    directory: new staking.NetworkDirectory({
      chain,
      address: BigInt(site.contracts['NetworkRegistry'] ?? '0x0'),
    }),
    chain,
    host,
    operators,
    slashBpsMax,
    networksMax,
    epochs: { start: BigInt(site.epochStart), length: BigInt(site.epochSeconds) },
    clock,
    pollMs,
    onWait,
  })
  supervisor.start()
  return supervisor
}
