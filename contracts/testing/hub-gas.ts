/**
 * What the system contracts of a network cost, under Osaka rules, every slot cold: for the bench
 * `gas`.
 *
 * `hub_admit_*` takes in what L1 says of a set, of a member; `hub_certificate_*` is the check
 * alone after that; `hub_show_*` has a height paid, `hub_reward_claim_gas` sends an operator's
 * reward out; `hub_deliver_*` brings a message to a receiver that keeps it, `hub_time_out_gas`
 * says that one was not delivered.
 */

import {
  bigintToBytes,
  bigintToHex,
  concat,
  fromHex,
  keccak256,
  sha256,
  toHex,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { siblingsOf } from './history.ts'
import { admit, follow } from './hub-world.ts'
import { L1World } from './l1-world.ts'
import { NetworkWorld, outboxAddress } from './network-world.ts'
import { testOperator } from './stake-world.ts'

/** RewardHub. */
const hub = bigintToHex(0x2001n, 20)

/** Measures each, on a network of so many operators that validate two. */
export async function measureNetworks(operatorCount: number): Promise<Record<string, number>> {
  const l1 = new L1World()
  const all = Array.from({ length: operatorCount }, (_, index) => testOperator(index))
  // Each message takes a second, so that they join in some epochs.
  const epoch = l1.epoch + 10
  for (const network of [0, 1]) l1.openNetwork(network, { earliestEpoch: epoch })
  l1.settle(all, { ids: [0, 1], stake: 10n ** 18n })
  l1.goToEpoch(epoch)
  const [home, other] = [0, 1].map((network) => new NetworkWorld(l1, network, all))
  if (home === undefined || other === undefined) throw new Error('there are two')
  const receiver = home.world.deploy('MessageTester')
  const data = toHex(new Uint8Array(100).fill(7))
  l1.send(l1.inbox, 'send', [0, receiver.address, data])
  const referred = await home.refer()
  await home.seal({ l1: referred.reference })
  const gas: Record<string, number> = {}
  const measure = (name: string, { gasUsed }: { readonly gasUsed: bigint }): void => {
    gas[`hub_${name}_gas`] = Number(gasUsed)
  }
  const absentMax = Math.floor((operatorCount - 1) / 3)
  const absentees = all.slice(0, absentMax).map(({ address }) => address)
  await admit(home, referred, { id: 0, epoch, absent: absentees.slice(1) })
  await admit(home, referred, { id: 1, epoch })
  const header = home.headerProof()
  const setProof = await referred.proofs.set(1, epoch + 1)
  const set = [1, epoch + 1, header, setProof]
  measure('admit_set', home.call('LightClient', 'admitSet', set))
  const [culprit] = absentees
  if (culprit === undefined) throw new Error('there are some')
  const weight = await referred.proofs.weight(0, culprit)
  const member = [0, epoch, culprit, header, weight, await referred.proofs.key(culprit)]
  measure('admit_member', home.call('LightClient', 'admitMember', member))

  const certificate = (absent: number) => home.certificate({ signers: all.slice(absent) })
  const check = (absent: number): number =>
    Number(home.call('LightClient', 'check', [0, certificate(absent)]).executionGas)
  const [none, one, third] = [check(0), check(1), check(absentMax)]
  gas['hub_certificate_gas'] = none
  gas['hub_certificate_one_absent_gas'] = one
  gas['hub_certificate_third_absent_gas'] = third
  gas['hub_certificate_per_absent_gas'] = Math.round((third - one) / (absentMax - 1))

  home.world.pay(hub, 10n ** 25n)
  const show = async (height: number): Promise<bigint> => {
    home.sealEmpty(height - 1)
    await home.seal({ epoch: BigInt(epoch) })
    const shown = [certificate(1), home.headerProof(), []]
    return home.call('RewardHub', 'show', shown).gasUsed
  }
  const shown = [await show(16), await show(32)]
  gas['hub_first_show_one_absent_gas'] = Number(shown[0])
  gas['hub_show_one_absent_gas'] = Number(shown[1])
  const earner = all[absentMax + 1]?.address ?? culprit
  const claim = [earner, [epoch], home.headerProof(1), await referred.proofs.weight(0, earner)]
  measure('reward_claim', home.call('RewardHub', 'claim', claim))
  const amount = home.world.balanceOf(outboxAddress)
  const dataHash = toHex(new Uint8Array(32))
  home.sent({ kind: 1, network: 0, sender: hub, to: earner, amount, expiry: 0n, dataHash })
  return { ...gas, ...(await messages({ home, other, receiver: receiver.address, data })) }
}

/** A message from L1, one from the other network, and one to it that is never delivered. */
async function messages({
  home,
  other,
  receiver,
  data,
}: {
  home: NetworkWorld
  other: NetworkWorld
  receiver: Hex
  data: Hex
}): Promise<Record<string, number>> {
  const sender = toHex(bigintToBytes(0x5ebn, 20))
  const leaf = sha256(concat(fromHex(sender), fromHex(receiver), keccak256(fromHex(data))))
  const l1Message = { sender, to: receiver, data }
  const deliverL1 = [l1Message, 0, siblingsOf([leaf], 0).map(toHex), home.headerProof(1)]
  const fromL1 = home.call('NetworkInbox', 'deliverL1', deliverL1)
  const expiry = BigInt(other.world.timestamp + 1_000)
  for (let entry = 0; entry < 8; entry++) other.send('send', [0, receiver, expiry, data])
  await other.seal()
  follow(home, other)
  const proved = home.call('NetworkInbox', 'proveOutbox', await other.syncArgs())
  const deliver = (index: number): number => {
    const { entry, place } = other.entryProof(index)
    return Number(home.call('NetworkInbox', 'deliver', [1, entry, data, place]).gasUsed)
  }
  const delivered = [deliver(0), deliver(1), deliver(2)]

  const lost = home.send('send', [1, receiver, BigInt(home.world.timestamp + 50), data])
  home.call('NetworkInbox', 'keepOutbox', [])
  await other.seal({ timestamp: home.world.timestamp + 50 })
  follow(home, other)
  const { entry, place } = home.entryProof(lost)
  const mark = await other.markProof({ network: 0, index: lost }, true)
  const timedOut = home.call('NetworkInbox', 'timeOut', [entry, place, mark])
  return {
    hub_deliver_l1_gas: Number(fromL1.gasUsed),
    hub_prove_outbox_gas: Number(proved.gasUsed),
    hub_deliver_gas: delivered[2] ?? 0,
    hub_time_out_gas: Number(timedOut.gasUsed),
  }
}
