/**
 * Bench `gas`: what the contracts of L1 cost, on our EVM under Prague rules, and the system
 * contracts of a network, under Osaka's; every slot cold.
 *
 * A network of a hundred operators of equal weight, of whom up to a third are absent.
 * `certificate_*` is the check alone (quorum, digest, pairing); `submit_*` the whole transaction
 * that brings a certificate to L1, with its calldata; `slash_*` the one that reports a double vote,
 * `slash_data_*` two commitments of who validates nothing, by its key and by the former one,
 * `evidence_check_gas` what of it verifies, `conflict_*` the one that proves two certificates (S8),
 * `punish_*` pages after it; `reward_*` what a reward costs that comes while another flows, and
 * what stakers do with it; `certify_*` brings a second certificate, `sync_*` proves an Outbox root
 * under a state of a thousand accounts, `claim_*` pays one of its entries, `load_*` proves how full
 * an epoch of sixty blocks was.
 * `stream_*` opens and moves streams, and asks for the first home of one among 32 networks.
 * `hub_*` is measured by `testing/hub-gas.ts`, `data_*` by `testing/data-gas.ts`.
 */

import type { RoundVote } from '@zg/consensus'
import { keccak256, sha256, toHex } from '@zg/primitives'

import { measureData } from './testing/data-gas.ts'
import { twoCommitments } from './testing/double-votes.ts'
import { measureNetworks } from './testing/hub-gas.ts'
import { L1World } from './testing/l1-world.ts'
import { LoadChain } from './testing/load-chain.ts'
import { NetworkWorld } from './testing/network-world.ts'
import { rootOf, siblingsOf } from './testing/history.ts'
import {
  genesisHash,
  genesisRootOf,
  identityOf,
  StakeWorld,
  testOperator,
} from './testing/stake-world.ts'
import type { CertificateArgs, TestOperator } from './testing/stake-world.ts'

const id = 1
const operatorCount = 100
const absentMax = 33
/** Accounts of the network whose Outbox is proved. */
const accountsOfNetwork = 1_000
/** NETWORKS_PER_OPERATOR of NetworkRegistry. */
const networksOfOne = 32
/** Operators that are punished together. */
const pageSize = 13
/** SET_POINTS of ValidatorSets. */
const setPoints = 64

/** Measures each. */
export async function bench() {
  const stake = new StakeWorld()
  // Every message takes a second, so that the last operator is in some epochs after the first.
  const epoch = stake.epoch + 10
  const opened = stake.openNetwork(id, { earliestEpoch: epoch, operatorsMin: operatorCount })
  stake.openNetwork(id + 1, { earliestEpoch: epoch })
  const all = Array.from({ length: operatorCount }, (_, index) => testOperator(index))
  const gas: Record<string, number> = { network_open_gas: Number(opened.gasUsed) }
  const optIns: number[] = []
  for (const operator of all) {
    gas['register_gas'] = Number(stake.register(operator).gasUsed)
    stake.setWeight(operator, 1_000_000n)
    optIns.push(Number(stake.optIn(operator, id).gasUsed))
  }
  gas['opt_in_activating_gas'] = optIns.at(-1) ?? 0
  gas['opt_in_gas'] = optIns.sort((a, b) => a - b)[operatorCount / 2] ?? 0
  stake.passEpochs(epoch - stake.epoch)
  const [first] = all
  if (first !== undefined) {
    stake.optIn(first, id + 1)
    gas['weight_change_two_networks_gas'] = Number(stake.setWeight(first, 1_000_000n).gasUsed)
  }
  const root = genesisRootOf(identityOf(id), epoch)
  const histRoot = toHex(rootOf([root]))
  const consensusRoot = toHex(sha256(Uint8Array.of(9)))
  const certificate = (absent: number): CertificateArgs => {
    const numbers = { epoch: BigInt(epoch), height: 1n, nextEpoch: 0n }
    const vote = { ...numbers, blockHash: genesisHash, consensusRoot, histRoot }
    return stake.certify(id, vote, { all, signers: all.slice(absent) })
  }
  const check = (absent: number): number =>
    Number(stake.send(stake.oracle, 'check', [id, certificate(absent)]).executionGas)
  gas['certificate_gas'] = check(0)
  gas['certificate_one_absent_gas'] = check(1)
  gas['certificate_third_absent_gas'] = check(absentMax)
  gas['certificate_per_absent_gas'] = Math.round((check(absentMax) - check(1)) / (absentMax - 1))
  const siblings = siblingsOf([root], 0).map(toHex)
  const submitted = stake.send(stake.oracle, 'submit', [id, certificate(1), siblings])
  gas['submit_one_absent_gas'] = Number(submitted.gasUsed)
  return {
    name: 'gas',
    metrics: {
      ...gas,
      ...slashing(),
      ...slashingData(),
      ...rewarding(),
      ...(await bridging()),
      ...load(),
      ...streams(),
      ...(await measureNetworks(operatorCount)),
      ...measureData(),
    },
    peers: {},
    ratios: {},
  }
}

/** A double vote where nothing was ever punished, in networks of some age and in new ones. */
function slashing(): Record<string, number> {
  const young = slashingAfter(0)
  const { punish_page_of_one_gas, slash_two_networks_gas = 0 } = young
  return {
    ...slashingAfter(setPoints),
    slash_two_young_networks_gas: slash_two_networks_gas,
    punish_page_of_one_young_gas: punish_page_of_one_gas ?? 0,
  }
}

/**
 * A double vote of one of the operators of two networks; then two certificates.
 *
 * @param changes - Epochs in which the sets have changed before.
 */
function slashingAfter(changes: number): Record<string, number> {
  const l1 = new L1World()
  const operators = Array.from({ length: pageSize + 2 }, (_, index) => testOperator(index))
  for (const network of [0, 1]) l1.openNetwork(network)
  l1.settle(operators, { ids: [0, 1], stake: 10n ** 19n, purse: 10n ** 20n })
  const [culprit, ...others] = operators
  if (culprit === undefined) throw new Error('there are some')
  let epoch = l1.epoch
  for (let change = 0; change < changes; change++) {
    l1.goToEpoch(++epoch)
    l1.send(l1.stakes, 'stake', [culprit.address, 10n ** 17n], culprit.address)
  }
  l1.goToEpoch((epoch += 2))
  const votes = [1, 2].map((fill): RoundVote => {
    const vote = { kind: 'notarize', epoch: BigInt(epoch), view: 7 } as const
    return { ...vote, digest: new Uint8Array(32).fill(fill) }
  })
  const [first, second] = votes.map((vote) => l1.roundArgs(vote))
  const single = [1, culprit.address, first, second, l1.signRounds(1, votes, [culprit])]
  const reported = l1.send(l1.slashing, 'reportRoundVotes', single)
  const sum = l1.signRounds(1, votes, operators)
  const proven = l1.send(l1.slashing, 'proveRoundConflict', [1, first, [], second, [], sum])
  const conflict = proven.events[0]?.args['conflict']
  const page = (count: number): number => {
    const addresses = others.map(({ address }) => address).sort()
    const from = count === 1 ? 0 : 1
    const names = addresses.slice(from, from + count)
    return Number(l1.send(l1.slashing, 'punish', [conflict, names]).gasUsed)
  }
  const [one, more] = [page(1), page(pageSize)]
  // Evidence that is too old is refused as soon as it is verified.
  l1.goToEpoch(epoch + setPoints)
  const message = { contract: l1.slashing, name: 'reportRoundVotes', args: single }
  return {
    evidence_check_gas: Number(l1.world.refusalGas(message)),
    slash_two_networks_gas: Number(reported.gasUsed),
    conflict_gas: Number(proven.gasUsed),
    punish_page_of_one_gas: one,
    punish_per_operator_gas: Math.round((more - one) / (pageSize - 1)),
  }
}

/** Two commitments for a batch, where nothing was ever punished, by one that validates nothing. */
function slashingData(): Record<string, number> {
  const l1 = new L1World()
  const [validator, outsider, rotated] = [0, 1, 2].map((index) => testOperator(index))
  if (!validator || !outsider || !rotated) throw new Error('there are some')
  for (const network of [0, 1]) l1.openNetwork(network)
  l1.settle([validator], { ids: [0, 1] })
  l1.settle([outsider, rotated])
  l1.goToEpoch(l1.epoch + 2)
  l1.rotate(testOperator(2, 1))
  l1.goToEpoch(l1.epoch + 2)
  const gasOf = (culprit: TestOperator, network: number): number => {
    const epoch = BigInt(l1.epoch)
    const { name, args } = twoCommitments(l1, { id: network, culprit, epoch, number: 7 })
    return Number(l1.send(l1.slashing, name, args).gasUsed)
  }
  return { slash_data_gas: gasOf(outsider, 0), slash_data_former_key_gas: gasOf(rotated, 1) }
}

/** Rewards that flow: one more comes, a staker takes its own, then stakes it. */
function rewarding(): Record<string, number> {
  const l1 = new L1World()
  const operator = testOperator(1)
  const { address } = operator
  const staker = toHex(new Uint8Array(20).fill(0xa1))
  l1.openNetwork(0)
  l1.settle([operator], { ids: [0] })
  l1.fund(staker, 10n ** 20n)
  l1.send(l1.stakes, 'stake', [address, 10n ** 19n], staker)
  l1.send(l1.token, 'transfer', [l1.stakes.address, 10n ** 20n])
  const send = (name: string, args: readonly unknown[], from = staker): number => {
    l1.world.advance(10)
    return Number(l1.send(l1.stakes, name, args, from).gasUsed)
  }
  const reward = (): number => send('reward', [address, 10n ** 18n], l1.bridge.address)
  for (let count = 0; count < 2; count++) reward()
  // The first of each writes words that were zero.
  for (const name of ['collect', 'compound']) {
    send(name, name === 'collect' ? [address, staker] : [address])
  }
  return {
    reward_flowing_gas: reward(),
    reward_collect_gas: send('collect', [address, staker]),
    reward_compound_gas: send('compound', [address]),
  }
}

/** A deposit, and its way back through an Outbox of eight entries. */
async function bridging(): Promise<Record<string, number>> {
  const l1 = new L1World()
  const operators = [1, 2, 3, 4].map((index) => testOperator(index))
  l1.openNetwork(0)
  l1.settle(operators, { ids: [0] })
  l1.goToEpoch(12)
  const [staker, somewhere] = [0xa1, 0xb0].map((fill) => toHex(new Uint8Array(20).fill(fill)))
  l1.send(l1.token, 'approve', [l1.bridge.address, 2n ** 256n - 1n])
  l1.send(l1.bridge, 'deposit', [0, staker, 10n ** 20n])
  const deposit = Number(l1.send(l1.bridge, 'deposit', [0, staker, 10n ** 20n]).gasUsed)
  const network = new NetworkWorld(l1, 0, operators)
  for (let account = 1; account <= accountsOfNetwork; account++) {
    network.world.pay(toHex(keccak256(Uint8Array.of(account >> 8, account & 255)).slice(12)), 1n)
  }
  for (let entry = 0; entry < 8; entry++) {
    network.send('withdraw', [somewhere], { value: 10n ** 18n })
  }
  await network.seal()
  network.certify()
  await network.seal()
  const certify = Number(network.certify())
  const sync = Number(l1.send(l1.bridge, 'sync', await network.syncArgs()).gasUsed)
  const claims = [0, 1, 2].map((entry) =>
    Number(l1.send(l1.bridge, 'claim', network.claimArgs(entry)).gasUsed),
  )
  return {
    deposit_gas: deposit,
    certify_gas: certify,
    sync_gas: sync,
    certify_and_sync_gas: certify + sync,
    first_claim_gas: claims[0] ?? 0,
    claim_gas: claims[2] ?? 0,
  }
}

/** How full an epoch was, by eight samples of it. */
function load(): Record<string, number> {
  const l1 = new L1World()
  const operators = [1, 2, 3, 4].map((index) => testOperator(index))
  l1.openNetwork(0)
  l1.settle(operators, { ids: [0] })
  l1.goToEpoch(12)
  const chain = new LoadChain(l1, 0, operators)
  for (let block = 0; block < 60; block++) chain.add(12, 9_000)
  l1.goToEpoch(13)
  chain.certify(13)
  chain.add(13, 9_000)
  chain.certify()
  return { load_proof_gas: Number(l1.send(l1.load, 'prove', chain.loadArgs(12)).gasUsed) }
}

/** A stream is opened, moved twice, and looked for, where one operator validates all networks. */
function streams(): Record<string, number> {
  const l1 = new L1World()
  const operator = testOperator(1)
  const { address } = operator
  l1.register(operator)
  l1.fund(address, 10n ** 20n)
  l1.send(l1.stakes, 'stake', [address, 10n ** 20n], address)
  for (let network = 0; network < networksOfOne; network++) {
    l1.openNetwork(network)
    l1.send(l1.networks, 'optIn', [network, 10_000], address)
  }
  l1.goToEpoch(l1.epoch + 2)
  const name = toHex(sha256(Uint8Array.of(7)))
  const open = l1.send(l1.streams, 'open', [name])
  const first = l1.send(l1.streams, 'migrate', [name, 1])
  const id = open.events[0]?.args['id']
  // As a message, so that what a view takes is told.
  const home = l1.send(l1.streams, 'firstHomeOf', [id, l1.epoch])
  l1.goToEpoch(l1.epoch + 2)
  const second = l1.send(l1.streams, 'migrate', [name, 2])
  return {
    stream_open_gas: Number(open.gasUsed),
    stream_migrate_gas: Math.max(Number(first.gasUsed), Number(second.gasUsed)),
    stream_first_home_32_networks_gas: Number(home.executionGas),
  }
}
