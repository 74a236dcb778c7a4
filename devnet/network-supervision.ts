/** Has the operators of a world join and run what is opened on its L1. */

import { join } from 'node:path'

import { addressOfSecretKey, bytesToBigint } from '@zg/primitives'
import type { NetworkSupervisor } from '@zg/staking'

import { l1SiteFileName, readL1Site } from './l1-site.ts'
import type { LocalNetworkHost } from './network-host.ts'
import { loopback } from './ports.ts'
import { accountKeyOf, networkCountMax } from './world.ts'
import type { WorldPlan } from './world.ts'

/** What an operator of the local world lets a fault cost: all, in hundredths of a percent. */
const slashBpsMax = 10_000

/** Between two looks at L1. */
const pollMs = 2_000

const feePerGasMax = 500_000_000_000n

/** Starts to look; undefined in a world without an L1. */
export async function superviseNetworks(
  { kept, l1, networks }: WorldPlan,
  {
    host,
    networksMax = networkCountMax,
  }: { readonly host: LocalNetworkHost; readonly networksMax?: number | undefined },
): Promise<NetworkSupervisor | undefined> {
  if (l1 === undefined) return undefined
  // Loaded here, when the world is ready: nobody waits for it.
  const staking = await import('@zg/staking')
  const { createSystemClock } = await import('@zg/runtime')
  const site = readL1Site(join(l1.folder, l1SiteFileName))
  const chain = new staking.JsonRpcL1Chain({ url: `http://${loopback}:${l1.rpcPort}` })
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
  })
  supervisor.start()
  return supervisor
}
