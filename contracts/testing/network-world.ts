/**
 * A network as L1 and other networks see it: an execution state with all system contracts, headers
 * over it that refer to L1, certificates by operators whose keys a test holds, and the proofs that
 * relayers send.
 */

import {
  bitmapOf,
  consensusRoot,
  finalityVoteDigest,
  headerLeaves,
  headerProof,
  zeroL1Reference,
} from '@zg/consensus'
import type { ConsensusHeader, FinalityCertificate, FinalityVote, L1Reference } from '@zg/consensus'
import {
  bigintToBytes,
  bigintToHex,
  bigintToMinimalBytes,
  blsAggregate,
  blsSign,
  encodeRlp,
  fromHex,
  keccak256,
  sha256,
  toHex,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import {
  dataSettingsDefault,
  systemContractAddresses,
  systemContracts,
} from '../system-contracts.ts'
import type { SystemContractName, SystemContractsConfig } from '../system-contracts.ts'
import { ContractWorld, somebody } from './contract-world.ts'
import type { Deployed, Sent } from './contract-world.ts'
import { rootOf, siblingsOf } from './history.ts'
import { sumOfSignatures } from './l1-world.ts'
import type { L1World } from './l1-world.ts'
import { mappingSlot, stakeProofsOf } from './stake-proofs.ts'
import type { StakeProofs } from './stake-proofs.ts'
import { genesisOf } from './stake-world.ts'
import type { CertificateArgs, TestOperator } from './stake-world.ts'
import { stateTriesOf } from './state-tries.ts'
import type { StateTries } from './state-tries.ts'

/** 0x…2002 */
export const outboxAddress = bigintToHex(0x2002n, 20)
/** 0x…2005 */
const inboxAddress = bigintToHex(0x2005n, 20)

/** Keeps the roots that blocks name, by timestamp (EIP-4788). */
const beaconRoots = {
  address: 0x000f3df6d732807ef1319fb7b8bb8522d0beac02n,
  code: fromHex(
    '0x' +
      '3373fffffffffffffffffffffffffffffffffffffffe14604d57602036146024575f5ffd5b5f35801560' +
      '495762001fff810690815414603c575f5ffd5b62001fff01545f5260205ff35b5f5ffd5b62001fff4206' +
      '4281555f359062001fff015500',
  ),
}

/** What an Outbox told of an entry. */
export type OutboxEntry = {
  readonly kind: number
  readonly network: number
  readonly sender: Hex
  readonly to: Hex
  readonly amount: bigint
  readonly expiry: bigint
  readonly dataHash: Hex
}

/** A header of a network as its contracts take it: `ConsensusHeader.Proof`. */
export type HeaderProof = {
  readonly timestamp: number
  readonly fields: readonly Hex[]
  readonly histRoot: Hex
  readonly fieldSiblings: readonly Hex[]
  readonly siblings: readonly Hex[]
}

/** A sealed block, with the tries under it. */
type Sealed = {
  readonly header: ConsensusHeader
  readonly executionHeader: Uint8Array
  readonly tries: StateTries
  /** Of the Outbox, so far. */
  readonly entryCount: number
}

/** A state of L1 that headers refer to. */
export type ReferredL1 = { readonly reference: L1Reference; readonly proofs: StakeProofs }

const zeroHash = toHex(new Uint8Array(32))

const blockGasLimit = 60_000_000n

/** The slot in which a network's Inbox marks an entry of another network's Outbox. */
function markSlot({ network, index }: { network: number; index: number }): bigint {
  const outer = mappingSlot({ key: BigInt(network), position: 0n })
  return mappingSlot({ key: BigInt(Math.floor(index / 256)), position: outer })
}

/** What the system contracts of a network are told at its birth. */
export function systemConfigOf(l1: L1World, id: number): SystemContractsConfig {
  return {
    networkId: id,
    l1ChainId: l1.world.chainId,
    l1: {
      stakeManager: l1.stakes.address,
      networkRegistry: l1.networks.address,
      operatorRegistry: l1.operators.address,
      finalityOracle: l1.oracle.address,
      governance: somebody,
    },
    epochStart: BigInt(l1.start),
    epochLength: BigInt(l1.epochSeconds),
    certificateAgeMax: BigInt(l1.certificateAgeMaxSeconds),
    rewardMax: 10n ** 18n,
    gasPriceMin: 1n,
    gasLimit: 30_000_000n,
    data: dataSettingsDefault,
  }
}

export class NetworkWorld {
  readonly world: ContractWorld
  readonly outbox: Deployed
  readonly id: number
  readonly #l1: L1World
  readonly #members: readonly TestOperator[]
  readonly #entries: OutboxEntry[] = []
  readonly #leaves: Uint8Array[] = []
  /** By height; the genesis is L1's word for it. */
  readonly #blocks: Sealed[] = []
  readonly #roots: Uint8Array[]
  /** A second of the ring of EIP-4788, and the height whose root it holds. */
  #anchor = { timestamp: 0, height: 0 }

  constructor(l1: L1World, id: number, members: readonly TestOperator[]) {
    this.#l1 = l1
    this.id = id
    this.#members = members
    this.world = new ContractWorld({ fork: 'osaka', chainId: BigInt(1_660_200 + id) })
    this.world.place(beaconRoots)
    for (const account of systemContracts(systemConfigOf(l1, id))) this.world.place(account)
    this.outbox = this.contract('Outbox')
    const { genesisRoot } = l1.read(l1.networks, 'networkOf', id) as { genesisRoot: Hex }
    this.#roots = [fromHex(genesisRoot)]
  }

  get height(): number {
    return this.#roots.length - 1
  }

  contract(name: SystemContractName): Deployed {
    return this.world.at(name, bigintToHex(systemContractAddresses[name], 20))
  }

  /** Calls a system contract. */
  call(name: SystemContractName, method: string, args: readonly unknown[], from = somebody): Sent {
    return this.world.send({ contract: this.contract(name), name: method, args, from })
  }

  ask(name: SystemContractName, method: string, ...args: readonly unknown[]): unknown {
    return this.world.read({ contract: this.contract(name), name: method, args })
  }

  /** Calls the Outbox; returns the index of the new entry. */
  send(
    name: 'withdraw' | 'reward' | 'transfer' | 'send',
    args: readonly unknown[],
    { from = somebody, value = 0n }: { from?: Hex; value?: bigint } = {},
  ): number {
    const { events } = this.world.send({ contract: this.outbox, name, args, from, value })
    return this.sent(events[0]?.args['entry'] as OutboxEntry)
  }

  /** Keeps an entry that a contract put into the Outbox; returns its index. */
  sent(entry: OutboxEntry): number {
    this.#entries.push(entry)
    // abi.encode of seven static fields is seven words.
    const words = [
      BigInt(entry.kind),
      BigInt(entry.network),
      BigInt(entry.sender),
      BigInt(entry.to),
      entry.amount,
      entry.expiry,
      BigInt(entry.dataHash),
    ].map((word) => bigintToBytes(word, 32))
    this.#leaves.push(sha256(Uint8Array.from(words.flatMap((word) => [...word]))))
    return this.#leaves.length - 1
  }

  /** A state of L1 as it is now, for headers to refer to. */
  async refer(): Promise<ReferredL1> {
    const { world, inbox } = this.#l1
    const tries = await stateTriesOf(world)
    const [creditRoot, creditCount] = this.#l1.read(inbox, 'creditsOf', this.id) as [Hex, bigint]
    const [messageRoot] = this.#l1.read(inbox, 'messagesOf', this.id) as [Hex, bigint]
    const reference = {
      number: BigInt(world.timestamp),
      hash: sha256(tries.root),
      timestamp: BigInt(world.timestamp),
      stateRoot: tries.root,
      creditRoot: fromHex(creditRoot),
      creditCount,
      messageRoot: fromHex(messageRoot),
    }
    return { reference, proofs: stakeProofsOf(this.#l1, tries) }
  }

  /** Makes a block of the state as it is; returns its height. */
  async seal({
    creditNext = 0n,
    epoch = BigInt(this.#l1.epoch),
    l1 = zeroL1Reference,
    timestamp = this.#l1.world.timestamp,
    mix = new Uint8Array(32),
    isStateKept = false,
    usedBps,
  }: {
    creditNext?: bigint
    epoch?: bigint
    l1?: L1Reference
    /** In seconds. */
    timestamp?: number
    mix?: Uint8Array
    /** Whether the block names the state of the one before it: sooner made. */
    isStateKept?: boolean
    /** Of its gas limit, what it used, in hundredths of a percent; without it, it tells neither. */
    usedBps?: number
  } = {}): Promise<number> {
    const kept = isStateKept ? this.#blocks.at(-1)?.tries : undefined
    const tries = kept ?? (await stateTriesOf(this.world))
    const executionHeader = encodeRlp([
      ...[1, 2].map((fill) => new Uint8Array(32).fill(fill)),
      new Uint8Array(20),
      tries.root,
      bigintToMinimalBytes(BigInt(this.#roots.length)),
      ...(usedBps === undefined ? [] : gasFields(usedBps)),
    ])
    const header: ConsensusHeader = {
      networkId: this.id,
      epoch,
      height: BigInt(this.#roots.length),
      timestampMs: timestamp * 1_000 + 999,
      proposer: new Uint8Array(20),
      l1,
      creditNext,
      histRoot: rootOf(this.#roots),
      mix,
      executionHash: keccak256(executionHeader),
    }
    const entryCount = this.#entries.length
    this.#blocks[this.#roots.length] = { header, executionHeader, tries, entryCount }
    const root = consensusRoot(header)
    this.#roots.push(root)
    // The block after it names it as its parent.
    this.world.parentBeaconRoot = root
    this.world.skipTo(this.height + 1)
    this.world.pay(somebody, 0n)
    this.#anchor = { timestamp: this.world.timestamp, height: this.height }
    return this.height
  }

  /** Makes blocks in which nothing happens, up to a height. */
  sealEmpty(height: number): void {
    while (this.height < height) this.#roots.push(sha256(Uint8Array.of(0xcc, this.height)))
  }

  /** That a header belongs to the network, as its own contracts take it. */
  headerProof(height = this.height): HeaderProof {
    const { header } = this.#block(height)
    const fields = headerLeaves(header).map(toHex)
    const { timestamp, height: known } = this.#anchor
    if (height === known) {
      return { timestamp, fields, histRoot: zeroHash, fieldSiblings: [], siblings: [] }
    }
    const anchor = this.#block(known).header
    return {
      timestamp,
      fields,
      histRoot: toHex(anchor.histRoot),
      fieldSiblings: headerProof(anchor, 'histRoot').map(toHex),
      siblings: siblingsOf(this.#roots.slice(0, known), height).map(toHex),
    }
  }

  /** All fields of a header. */
  fields(height: number): readonly Hex[] {
    return headerLeaves(this.#block(height).header).map(toHex)
  }

  /** A certificate of a block, signed by all or some; `of` has it be one of another network. */
  certificate({
    height = this.height,
    members = this.#members,
    signers = members,
    nextEpoch = 0n,
    of = this.id,
    bent = {},
  }: {
    height?: number
    /** Who validates in its epoch. */
    members?: readonly TestOperator[]
    signers?: readonly TestOperator[]
    nextEpoch?: bigint
    of?: number
    bent?: Partial<FinalityVote>
  } = {}): CertificateArgs {
    const { header } = this.#block(height)
    const { epoch, executionHash, histRoot } = header
    const root = this.#roots[height] as Uint8Array
    const hashes = { blockHash: executionHash, consensusRoot: root, histRoot }
    const vote: FinalityVote = { epoch, height: header.height, ...hashes, nextEpoch, ...bent }
    const digest = finalityVoteDigest(this.#l1.identityOf(of), vote)
    const absent = members
      .map(({ address }) => address)
      .filter((address) => !signers.some((signer) => signer.address === address))
      .sort()
    const signature = sumOfSignatures([digest], signers)
    return { vote: this.#l1.finalityArgs(vote), absent, signature }
  }

  /** The same certificate as nodes pass it on: signers by their places in the set. */
  finalityCertificate({
    signers = this.#members,
    nextEpoch = 0n,
    height: at = this.height,
  }: {
    signers?: readonly TestOperator[]
    nextEpoch?: bigint
    height?: number
  } = {}): FinalityCertificate {
    const { epoch, height, executionHash, histRoot } = this.header(at)
    const root = this.#roots[at] as Uint8Array
    const fields = { epoch, height, blockHash: executionHash, consensusRoot: root, histRoot }
    const vote: FinalityVote = { ...fields, nextEpoch }
    const digest = finalityVoteDigest(this.#l1.identityOf(this.id), vote)
    const order = this.#setOf(epoch)
    const indexes = signers.map(({ address }) => order.indexOf(address))
    const signature = blsAggregate(signers.map(({ secretKey }) => blsSign(secretKey, digest)))
    return { vote, signers: bitmapOf(indexes, order.length), signature }
  }

  /** The consensus header of a block; that of the genesis is L1's word. */
  header(height: number): ConsensusHeader {
    return height === 0 ? this.#genesis() : this.#block(height).header
  }

  /** The RLP of the execution header of a block. */
  executionHeader(height: number): Uint8Array {
    return this.#block(height).executionHeader
  }

  /** What the Outbox was told in a block, and the index of the first. */
  entriesIn(height: number): { readonly first: number; readonly entries: readonly OutboxEntry[] } {
    const first = height <= 1 ? 0 : this.#block(height - 1).entryCount
    return { first, entries: this.#entries.slice(first, this.#block(height).entryCount) }
  }

  /** `eth_getProof` of slots of an account at a block. */
  async proof(height: number, { address, slots }: { address: Hex; slots: readonly bigint[] }) {
    const { tries } = this.#block(height)
    const account = (await tries.accountProof(address)).map(fromHex)
    const proofs = slots.map(async (slot) => (await tries.slotProof(address, slot)).map(fromHex))
    return { account, slots: await Promise.all(proofs) }
  }

  /** The siblings of a height's consensusRoot in the history of a later one. */
  historySiblings(height: number, under: number): readonly Uint8Array[] {
    return siblingsOf(this.#roots.slice(0, under), height)
  }

  /** The same, as contracts take them. */
  siblings(height: number, later = this.height): readonly Hex[] {
    return this.historySiblings(height, later).map(toHex)
  }

  /**
   * Brings the newest block to L1, signed by all or some; proved against what L1 knows. Returns the
   * gas of it.
   */
  certify(
    options: { signers?: readonly TestOperator[]; nextEpoch?: bigint; height?: number } = {},
  ): bigint {
    const { height = this.height } = options
    const certificate = this.certificate(options)
    const known = this.#l1.read(this.#l1.oracle, 'finalOf', this.id) as { height: bigint }
    const siblings = this.siblings(Number(known.height), height)
    return this.#l1.send(this.#l1.oracle, 'submit', [this.id, certificate, siblings]).gasUsed
  }

  /** That L1 knows of a block, by the certificate of height `known`, as CertifiedBlocks has it. */
  blockProof(height: number, known = this.height) {
    const history = this.#roots.slice(0, known)
    const siblings = height === known ? [rootOf(history)] : siblingsOf(history, height)
    const root = toHex(this.#roots[height] as Uint8Array)
    return { height, consensusRoot: root, siblings: siblings.map(toHex) }
  }

  /** From a block's consensusRoot to its state root. */
  stateProof(height: number) {
    const { header, executionHeader } = this.#block(height)
    const siblings = headerProof(header, 'executionHash').map(toHex)
    return { header: toHex(executionHeader), siblings }
  }

  /** That a block pays out credits up to `creditNext`. */
  creditNextProof(height: number): readonly Hex[] {
    return headerProof(this.#block(height).header, 'creditNext').map(toHex)
  }

  async accountProof(height: number, address: Hex): Promise<readonly Hex[]> {
    return this.#block(height).tries.accountProof(address)
  }

  /** From a block's state root to a slot. */
  async slotProof(height: number, address: Hex, slot: bigint) {
    const account = await this.accountProof(height, address)
    return { account, slot: await this.#block(height).tries.slotProof(address, slot) }
  }

  /** What the newest block says of a message's delivery, as `NetworkInbox.timeOut` takes it. */
  async markProof(message: Parameters<typeof markSlot>[0], isAbsent: boolean) {
    const { height } = this
    return {
      known: this.blockProof(height),
      fields: this.fields(height),
      state: this.stateProof(height),
      slot: await this.slotProof(height, inboxAddress, markSlot(message)),
      isAbsent,
    }
  }

  /** Arguments of `RewardBridge.sync`, and of `proveOutbox`, for a block under the newest one. */
  async syncArgs(height = this.height, known = this.height): Promise<readonly unknown[]> {
    const slot = await this.slotProof(height, outboxAddress, 0n)
    return [this.id, this.blockProof(height, known), this.stateProof(height), slot]
  }

  /** An entry and its place, as `NetworkInbox` takes them. */
  entryProof(index: number) {
    const [, entry, , root, siblings] = this.claimArgs(index) as readonly [
      number,
      OutboxEntry,
      number,
      Hex,
      readonly Hex[],
    ]
    return { entry, place: { index, root, siblings } }
  }

  /** Arguments of `RewardBridge.claim` for an entry, under a root of so many entries. */
  claimArgs(index: number, count = this.#leaves.length): readonly unknown[] {
    const leaves = this.#leaves.slice(0, count)
    const siblings = siblingsOf(leaves, index).map(toHex)
    return [this.id, this.#entries[index], index, toHex(rootOf(leaves)), siblings]
  }

  /** Who has weight in an epoch, in the order in which bitmaps count. */
  #setOf(epoch: bigint): readonly Hex[] {
    const { networks, operators } = this.#l1
    const members = this.#l1.read(networks, 'membersOf', this.id) as readonly Hex[]
    return members
      .filter((member) => this.#l1.read(networks, 'isMember', this.id, member, epoch) === true)
      .filter((member) => this.#l1.read(operators, 'weightAt', member, epoch) !== 0n)
      .map((member) => member.toLowerCase() as Hex)
  }

  #genesis(): ConsensusHeader {
    const found = this.#l1.read(this.#l1.networks, 'networkOf', this.id)
    const { firstEpoch: epoch } = found as { firstEpoch: bigint }
    return genesisOf(this.#l1.identityOf(this.id), Number(epoch))
  }

  #block(height: number): Sealed {
    const found = this.#blocks[height]
    if (found === undefined) throw new Error(`no block of height ${height} was sealed`)
    return found
  }
}

/** The fields of an execution header from its number to what it used. */
function gasFields(usedBps: number): readonly Uint8Array[] {
  const between = [5, 6, 7, 8].map(() => new Uint8Array(0))
  const used = (blockGasLimit * BigInt(usedBps)) / 10_000n
  return [...between, bigintToMinimalBytes(blockGasLimit), bigintToMinimalBytes(used)]
}
