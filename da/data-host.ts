/**
 * The parts of data availability as processes run them: a node with its door; a disperser with the
 * doors of 0G's clients and of rollups, which looks after what must be on the chain in time.
 *
 *     each `careIntervalMs`   the seed of the next epoch, on a chain that has no L1
 *                             the quorums of this epoch and the next, so that no batch pays
 *                             the escrow, if it is told how much that is to hold
 *                             vouchers, once they are worth it
 *
 * A node whose operator may send to the chain has the duties of da.md §6 and §8 as well: queries
 * and rewards. What becomes of them changes nothing about how it stores and serves. Where they are
 * told of 0G's façade (§11), nodes sign for it what they hold, and the disperser brings it there.
 *
 * Each has its folder for itself: two nodes of one key might sign two commitments for one batch,
 * and two dispersers of one account use a name twice. What was opened is closed when a later part
 * of it cannot be.
 */

import { blsScheme, localSigner } from '@zg/consensus'
import type { NetworkIdentity, SignatureScheme } from '@zg/consensus'
import { addressOfSecretKey, assert, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createNodeDisk, createSystemRng, lockFolder } from '@zg/runtime'
import type { Clock, Disk, Logger, Timer } from '@zg/runtime'

import { startAltDaDoor } from './doors/alt-da-door.ts'
import { messageOf } from './asking.ts'
import { pooledBatchCoder } from './disperser/batch-coder.ts'
import { BatchReader } from './reader/batch-reader.ts'
import type { BatchId } from './batch/batch.ts'
import { batchDigest } from './batch/certificate.ts'
import { evidenceFields } from './batch/evidence.ts'
import { ContractChain } from './chain/contract-chain.ts'
import type { EscrowLevel } from './chain/contract-chain.ts'
import { ContractDuties } from './duties/contract-duties.ts'
import type { MixReader } from './duties/contract-duties.ts'
import type { CallSender } from './chain/contract-sender.ts'
import type { DataChain } from './chain/data-chain.ts'
import type { BlobReader } from './doors/dispersal.ts'
import { DataNode } from './node/data-node.ts'
import { Disperser } from './disperser/disperser.ts'
import type { Door, Place } from './doors/door-listener.ts'
import { startGrpcDoor } from './doors/grpc-door.ts'
import { httpNodeClient } from './node/http-node-client.ts'
import type { EvidenceChain, QueryChain, RewardChain } from './duties/duty-chain.ts'
import { DutyLoop } from './duties/duty-loop.ts'
import type { Duty } from './duties/duty-loop.ts'
import { EvidenceWatch } from './disperser/evidence-watch.ts'
import type { NodeClient } from './node/node-client.ts'
import { openNodeDoor } from './node/node-door.ts'
import type { NodeDoor } from './node/node-door.ts'
import { PaymentDesk } from './disperser/payment-desk.ts'
import { QueryDuty } from './duties/query-duty.ts'
import { QuorumEmptyError } from './batch/quorum.ts'
import { checkRetention } from './chain/retention.ts'
import { RewardDuty } from './duties/reward-duty.ts'
import { VoucherDuty } from './duties/voucher-duty.ts'
import { RootCourier } from './zero-gravity/root-courier.ts'
import type { CertifiedRoot, RootCourierOptions } from './zero-gravity/root-courier.ts'
import { RootSigner } from './zero-gravity/root-signer.ts'
import { SignerDuty } from './zero-gravity/signer-duty.ts'
import type { FacadeSigning } from './zero-gravity/signer-duty.ts'

/** Threads that code, and batches in memory at once. */
const codingThreads = 1
const codedBatches = 3
const careIntervalMs = 1_000

/** What all parts are told of their chain. */
export type ChainPlace = {
  /** JSON-RPC, HTTP. */
  readonly rpc: string
  /** DataEntrance. */
  readonly entrance: Hex
  readonly retentionEpochs: bigint
  readonly finality: 'latest' | 'finalized'
  /** What votes name, where it is known; else the contracts are asked. */
  readonly identity?: NetworkIdentity
}

type Machine = { readonly clock: Clock; readonly log: Logger }

/** What a node's operator does on the chain. */
export type NodeDuties = {
  readonly chain: QueryChain & RewardChain
  /** How other nodes are asked for their rows. */
  readonly client: Pick<NodeClient, 'rows'>
  /** What a claim is worth at least, in wei. */
  readonly claimFromWei: bigint
}

export type NodeHostOptions = Machine &
  Place & {
    /** As all nodes of a process see it (`openChain`). */
    readonly chain: DataChain
    /** For it alone; made when absent. */
    readonly folder: string
    /** 20 bytes. */
    readonly operator: Uint8Array
    /** 32 bytes: its BLS key. */
    readonly signingKey: Uint8Array
    readonly quotaBytes: number
    /** Without it the operator's duties are somebody else's. */
    readonly duties?: NodeDuties
    /** Without it the node signs nothing for 0G's façade. */
    readonly facade?: FacadeSigning
  }

export type NodeHost = NodeDoor & {
  /** Has it take requests and answer none, until `resume`. */
  pause(): void
  resume(): void
}

/** The chain as nodes see it, which bring nothing there. */
export function openChain(place: ChainPlace): Promise<DataChain> {
  return ContractChain.open(place)
}

/** What a node's operator, or a disperser, brings to the chain and asks there for it. */
export function openDuties(
  { rpc, entrance }: Pick<ChainPlace, 'rpc' | 'entrance'>,
  sender: CallSender,
  mixes?: MixReader,
): Promise<ContractDuties> {
  return ContractDuties.open({ rpc, entrance, sender, ...(mixes && { mixes }) })
}

/**
 * A node, and the url that it answers at.
 *
 * @throws {FolderLockedError} `RUNTIME_FOLDER_LOCKED` · {DoorListenFailedError}
 *   `DA_DOOR_LISTEN_FAILED` · {RetentionTooShortError} `DA_RETENTION`
 */
export function openNodeHost(options: NodeHostOptions): Promise<NodeHost> {
  return opening((opened) => openNode(options, opened))
}

async function openNode(
  options: NodeHostOptions,
  opened: AsyncDisposableStack,
): Promise<Omit<NodeHost, 'close'>> {
  const { chain, folder, clock, log, operator, signingKey, quotaBytes, host, port } = options
  const disk = await lockedDisk(folder, opened)
  const signer = localSigner(blsScheme(), signingKey)
  const rng = createSystemRng()
  const node = await DataNode.open({ chain, disk, clock, rng, log, operator, signer, quotaBytes })
  opened.defer(() => node.close())
  const gate = new Gate()
  opened.defer(() => gate.open())
  const gated = {
    store: (request: Uint8Array) => gate.passed().then(() => node.store(request)),
    header: (batch: BatchId) => gate.passed().then(() => node.header(batch)),
    rows: (batch: BatchId, indexes: readonly number[]) =>
      gate.passed().then(() => node.rows(batch, indexes)),
    get status() {
      return node.status
    },
  }
  const { facade } = options
  const roots = facade && gatedRoots(gate, new RootSigner(node, facade.key))
  const own = { node: gated, shape: chain.shape, clock, log, host, port }
  const door = await openNodeDoor(roots === undefined ? own : { ...own, roots })
  opened.defer(() => door.close())
  const signing = facade === undefined ? [] : [new SignerDuty(facade, door.url)]
  const duties = options.duties === undefined ? [] : dutiesOf(node, disk, options, options.duties)
  const loop = new DutyLoop({
    duties: [...duties, ...signing],
    clock,
    log,
    pollMs: careIntervalMs,
  })
  opened.defer(() => loop.close())
  return { url: door.url, pause: () => gate.shut(), resume: () => gate.open() }
}

/** What `open` opens, and how all of it is closed: the last first, also when it fails midway. */
async function opening<T extends object>(
  open: (opened: AsyncDisposableStack) => Promise<T>,
): Promise<T & { close(): Promise<void> }> {
  const opened = new AsyncDisposableStack()
  try {
    return { ...(await open(opened)), close: () => opened.disposeAsync() }
  } catch (error) {
    // That something cannot be closed either is less of a reason.
    await opened.disposeAsync().catch(() => undefined)
    throw error
  }
}

function gatedRoots(gate: Gate, signer: RootSigner): Pick<RootSigner, 'sign'> {
  return { sign: (batch) => gate.passed().then(() => signer.sign(batch)) }
}

async function lockedDisk(folder: string, opened: AsyncDisposableStack): Promise<Disk> {
  const lock = lockFolder(folder)
  opened.defer(() => lock.release())
  return createNodeDisk(folder)
}

function dutiesOf(
  node: DataNode,
  disk: Disk,
  { chain, clock, log, operator }: NodeHostOptions,
  { chain: brought, client, claimFromWei: leastWei }: NodeDuties,
): readonly Duty[] {
  return [
    new QueryDuty({ chain, queries: brought, node, client, clock, log, operator }),
    new RewardDuty({ chain, rewards: brought, disk, log, operator, leastWei }),
  ]
}

/** What holds requests up while it is shut; the door bounds how many there are. */
class Gate {
  #shut: PromiseWithResolvers<void> | undefined

  async passed(): Promise<void> {
    await this.#shut?.promise
  }

  shut(): void {
    this.#shut ??= Promise.withResolvers<void>()
  }

  open(): void {
    this.#shut?.resolve()
    this.#shut = undefined
  }
}

export type DisperserHostOptions = Machine & {
  readonly chain: ChainPlace
  /** For it alone; made when absent. */
  readonly folder: string
  /** 32 bytes: of the account that pays. */
  readonly secretKey: Uint8Array
  readonly grpc: Place
  readonly altDa: Place
  /** Bytes that a peer may have dispersed for nothing in `quotaWindowMs`. */
  readonly quotaBytes: number
  readonly quotaWindowMs: number
  /** Whether nobody else looks after seeds: a chain that has no L1. */
  readonly isAlone: boolean
  /** What the payer's escrow is to hold; without it somebody else looks after it. */
  readonly escrow?: EscrowLevel
  /** What of a payer's vouchers is not redeemed before it has come to so much, in wei. */
  readonly redeemFromWei: bigint
  /** Where blobs of 0G's clients are to be known, too; by an account of its own. */
  readonly facade?: RootCourierOptions['facade']
  /** Told once, when blobs are taken. */
  readonly onOpen?: () => void
}

export type DisperserHost = {
  readonly grpc: Door
  readonly altDa: Door
  close(): Promise<void>
}

/** @throws As `openNodeHost`. */
export function openDisperserHost(options: DisperserHostOptions): Promise<DisperserHost> {
  return opening((opened) => openDisperser(options, opened))
}

async function openDisperser(
  options: DisperserHostOptions,
  opened: AsyncDisposableStack,
): Promise<Omit<DisperserHost, 'close'>> {
  const { folder, clock, log, secretKey, quotaBytes, quotaWindowMs } = options
  const disk = await lockedDisk(folder, opened)
  const chain = await ContractChain.open({ ...options.chain, secretKey })
  checkRetention(chain)
  const client = httpNodeClient(chain.shape)
  opened.defer(() => client.close())
  const coder = pooledBatchCoder(chain.shape, { threads: codingThreads, batches: codedBatches })
  opened.defer(() => coder.close())
  const scheme = blsScheme()
  const payer = addressOfSecretKey(secretKey)
  const desk = { chain, clock, disperser: payer, quotaBytes, quotaWindowMs }
  const payments = new PaymentDesk(desk)
  assert(chain.sender !== undefined, 'a disperser sends to its chain')
  const duties = await openDuties(options.chain, chain.sender)
  const onSigned = watched(chain, scheme, { ...options, duties })
  const { facade } = options
  const courier = facade && new RootCourier({ chain, facade, client, clock, log })
  opened.defer(async () => courier?.close())
  const onLone = (root: CertifiedRoot): void => courier?.bring(root)
  const told = { onSigned, onLone }
  const parts = { chain, client, coder, payments, disk, clock, log, scheme, secretKey, ...told }
  const dispersal = await Disperser.open(parts)
  opened.defer(() => dispersal.close())
  const reader = readerOf(chain, dispersal, { client, clock, log })
  const onInternalError = (error: unknown): void => {
    log.error('a door failed', { error: messageOf(error) })
  }
  const inside = { dispersal, reader, clock, onInternalError }
  const grpc = await startGrpcDoor({ ...inside, ...options.grpc })
  opened.defer(() => grpc.close())
  const keptEpochs = chain.retentionEpochs
  const presentEpoch = (): Promise<bigint> => chain.finalEpoch()
  const kept = { disk, keptEpochs, presentEpoch }
  const altDa = await startAltDaDoor({ ...inside, ...options.altDa, ...kept })
  opened.defer(() => altDa.close())
  const care = takeCare(chain, payer, options)
  opened.defer(() => care.stop())
  const fromWei = options.redeemFromWei
  const redeeming = new VoucherDuty({ chain: duties, payments, log, disperser: payer, fromWei })
  const vouchers = new DutyLoop({ duties: [redeeming], clock, log, pollMs: careIntervalMs })
  opened.defer(() => vouchers.close())
  return { grpc, altDa }
}

/** Reports who signs two commitments for one batch: where its bond lies, or else to the log. */
function watched(
  { identity }: ContractChain,
  scheme: SignatureScheme,
  { duties, isAlone, log }: DisperserHostOptions & { readonly duties: EvidenceChain },
): EvidenceWatch['see'] {
  const watch = new EvidenceWatch({
    scheme,
    digestOf: (batch, commitment) => batchDigest(identity, batch, commitment),
    onEvidence(operator, evidence) {
      const { networkId: network } = identity
      const named = evidenceFields({ network, operator: toHex(operator), evidence })
      log.error('a member signed two commitments for one batch', named)
      if (!isAlone) return
      duties.report(operator, evidence).catch((error: unknown) => {
        log.error('a member that signed twice is not reported', { error: messageOf(error) })
      })
    },
  })
  return (signatory, signed) => watch.see(signatory, signed)
}

/** Reads what is recorded, and what this disperser has a certificate of. */
function readerOf(
  chain: ContractChain,
  disperser: Disperser,
  options: Omit<ConstructorParameters<typeof BatchReader>[0], 'chain'>,
): BlobReader {
  const reader = new BatchReader({
    ...options,
    chain,
    isCertified: (handle) => disperser.isCertified(handle),
  })
  return {
    // Its turn at a door ends with the reading, not with whoever leaves.
    read: (handle) => reader.read(handle),
    async find(name) {
      const own = disperser.find(name)
      if (own !== undefined) return own
      const batch = await chain.findBatch(name)
      return batch && { batch, commitment: name.commitment, index: 0 }
    },
  }
}

/** Has be on the chain what must be there in time, again and again. */
function takeCare(
  chain: ContractChain,
  payer: Uint8Array,
  { clock, log, isAlone, escrow, onOpen }: DisperserHostOptions,
): { stop(): void } {
  let timer: Timer | undefined
  let isStopped = false
  let isOpen = false
  const tried = async (what: string, act: () => Promise<void>): Promise<void> => {
    try {
      if (!isStopped) await act()
    } catch (error) {
      if (error instanceof QuorumEmptyError) return
      log.warn(`the ${what} could not be seen to`, { error: messageOf(error) })
    }
  }
  const look = async (): Promise<void> => {
    if (isAlone) await tried('seed of the next epoch', () => chain.keepSeed())
    if (escrow !== undefined) await tried('escrow', () => chain.keepEscrow(escrow))
    await tried('quorums', () => chain.keepQuorums())
    await tried('beginning', async () => {
      if (isOpen || (await chain.opening(payer)) !== (await chain.epoch())) return
      isOpen = true
      log.info('blobs are taken')
      onOpen?.()
    })
    if (!isStopped) timer = clock.setTimer(careIntervalMs, () => void look())
  }
  void look()
  return {
    stop() {
      isStopped = true
      timer?.cancel()
    },
  }
}
