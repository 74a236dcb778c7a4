/** Two networks with their system contracts, over one L1 on which the same operators stake. */

import type { Hex } from '@zg/primitives'

import { L1World } from './l1-world.ts'
import { NetworkWorld } from './network-world.ts'
import type { ReferredL1 } from './network-world.ts'
import { testOperator } from './stake-world.ts'
import type { TestOperator } from './stake-world.ts'

const ether = 10n ** 18n

export type HubWorld = {
  readonly l1: L1World
  /** Four, of 400, 300, 300 and 300 tokens, in both networks from epoch 12 on. */
  readonly members: readonly TestOperator[]
  /** Network 0 and network 1. */
  readonly home: NetworkWorld
  readonly other: NetworkWorld
}

/** Begins in epoch 12. */
export function openHub(options: { readonly epochSeconds?: number } = {}): HubWorld {
  const l1 = new L1World({ genesisOutstanding: 1_000n * ether, ...options })
  const members = [1, 2, 3, 4].map((index) => testOperator(index))
  for (const id of [0, 1]) l1.openNetwork(id)
  for (const [index, operator] of members.entries()) {
    const { address } = operator
    const stake = (index === 0 ? 400n : 300n) * ether
    l1.register(operator)
    l1.fund(address, 2n * stake)
    l1.send(l1.stakes, 'stake', [address, stake], address)
    for (const id of [0, 1]) l1.send(l1.networks, 'optIn', [id, 10_000], address)
  }
  l1.goToEpoch(12)
  const [home, other] = [0, 1].map((id) => new NetworkWorld(l1, id, members)) as [
    NetworkWorld,
    NetworkWorld,
  ]
  return { l1, members, home, other }
}

/** Has a network know what L1 says of one, and who validates it in an epoch. */
export async function admit(
  home: NetworkWorld,
  { proofs }: ReferredL1,
  { id, epoch, absent = [] }: { id: number; epoch: number; absent?: readonly Hex[] },
): Promise<void> {
  const header = home.headerProof()
  const { genesisHash } = home.ask('LightClient', 'networkOf', id) as { genesisHash: Hex }
  if (BigInt(genesisHash) === 0n) {
    home.call('LightClient', 'admitNetwork', [id, header, await proofs.network(id)])
  }
  home.call('LightClient', 'admitSet', [id, epoch, header, await proofs.set(id, epoch)])
  for (const operator of absent) {
    const weight = await proofs.weight(id, operator)
    const args = [id, epoch, operator, header, weight, await proofs.key(operator)]
    home.call('LightClient', 'admitMember', args)
  }
}

/** Brings the newest block of a network to another one, which has admitted its set. */
export function follow(home: NetworkWorld, network: NetworkWorld): void {
  const { height } = home.ask('LightClient', 'finalOf', network.id) as { height: bigint }
  const siblings = network.siblings(Number(height))
  home.call('LightClient', 'submit', [network.id, network.certificate(), siblings])
}
