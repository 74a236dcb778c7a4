/**
 * The parts of data availability as processes run them: a node with its door; a disperser with the
 * doors of 0G's clients and of rollups, which looks after what must be on the chain in time.
 *
 *     each `careIntervalMs`   the seed of the next epoch, on a chain that has no L1
 *                             the quorums of this epoch and the next, so that no batch pays
 *                             the escrow, if it is told how much that is to hold
 *
 * What they do for 0G's façade, where they are told of one, is zero-gravity/facade-host.ts.
 */

import { blsScheme, localSigner } from '@zg/consensus'
import type { NetworkIdentity } from '@zg/consensus'
import { addressOfSecretKey } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import type { Clock, Disk, Logger, Timer } from '@zg/runtime'

import { startAltDaDoor } from './alt-da-door.ts'
import { messageOf } from './asking.ts'
import { pooledBatchCoder } from './batch-coder.ts'
import { BatchReader } from './batch-reader.ts'
import type { BatchId } from './batch.ts'
import { ContractChain } from './contract-chain.ts'
import type { EscrowLevel } from './contract-chain.ts'
import type { DataChain } from './data-chain.ts'
import type { BlobReader } from './dispersal.ts'
import { DataNode } from './data-node.ts'
import { Disperser } from './disperser.ts'
import type { Door, Place } from './door-listener.ts'
import { startGrpcDoor } from './grpc-door.ts'
import { httpNodeClient } from './http-node-client.ts'
import { openNodeDoor } from './node-door.ts'
import type { NodeDoor } from './node-door.ts'
import { PaymentDesk } from './payment-desk.ts'
import { QuorumEmptyError } from './quorum.ts'
import { openCourier, openFacadeNode } from './zero-gravity/facade-host.ts'
import type { FacadeSigning, FacadeUploads } from './zero-gravity/facade-host.ts'
import type { CertifiedRoot } from './zero-gravity/root-courier.ts'

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

export type NodeHostOptions = Machine &
  Place & {
    /** As all nodes of a process see it (`openChain`). */
    readonly chain: DataChain
    readonly disk: Disk
    /** 20 bytes. */
    readonly operator: Uint8Array
    /** 32 bytes: its BLS key. */
    readonly signingKey: Uint8Array
    readonly quotaBytes: number
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

/** A node, and the url that it answers at. */
export async function openNodeHost(options: NodeHostOptions): Promise<NodeHost> {
  const { chain, disk, clock, log, operator, signingKey, quotaBytes, host, port } = options
  const { facade } = options
  const signer = localSigner(blsScheme(), signingKey)
  const node = await DataNode.open({ chain, disk, clock, log, operator, signer, quotaBytes })
  const gate = new Gate()
  const gated = {
    store: (request: Uint8Array) => gate.passed().then(() => node.store(request)),
    header: (batch: BatchId) => gate.passed().then(() => node.header(batch)),
    rows: (batch: BatchId, indexes: readonly number[]) =>
      gate.passed().then(() => node.rows(batch, indexes)),
    get status() {
      return node.status
    },
  }
  const signing = facade && (await openFacadeNode(node, facade, { clock, log }))
  const roots = {
    sign: async (batch: BatchId) => gate.passed().then(() => signing?.signer.sign(batch)),
  }
  const own = { node: gated, roots, shape: chain.shape, clock, log, host, port }
  const door = await openNodeDoor(own)
  const care = signing?.keep(door.url)
  return {
    url: door.url,
    pause: () => gate.shut(),
    resume: () => gate.open(),
    async close() {
      care?.stop()
      await door.close()
      gate.open()
      await node.close()
    },
  }
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
  readonly disk: Disk
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
  /** Where blobs of 0G's clients are to be known, too. */
  readonly facade?: FacadeUploads
  /** Told once, when blobs are taken. */
  readonly onOpen?: () => void
}

export type DisperserHost = {
  readonly grpc: Door
  readonly altDa: Door
  close(): Promise<void>
}

export async function openDisperserHost(options: DisperserHostOptions): Promise<DisperserHost> {
  const { disk, clock, log, secretKey, quotaBytes, quotaWindowMs } = options
  const chain = await ContractChain.open({ ...options.chain, secretKey })
  const client = httpNodeClient(chain.shape)
  const coder = pooledBatchCoder(chain.shape, { threads: codingThreads, batches: codedBatches })
  const scheme = blsScheme()
  const payer = addressOfSecretKey(secretKey)
  const desk = { chain, clock, disperser: payer, quotaBytes, quotaWindowMs }
  const payments = new PaymentDesk(desk)
  const uploads = options.facade
  const courier =
    uploads && (await openCourier(options.chain.rpc, uploads, { chain, client, clock, log }))
  const onLone = (root: CertifiedRoot): void => courier?.bring(root)
  const parts = { chain, client, coder, payments, disk, clock, log, scheme, secretKey, onLone }
  const dispersal = await Disperser.open(parts)
  const reader = readerOf(chain, dispersal, { client, clock, log })
  const onInternalError = (error: unknown): void => {
    log.error('a door failed', { error: messageOf(error) })
  }
  const inside = { dispersal, reader, clock, onInternalError }
  const grpc = await startGrpcDoor({ ...inside, ...options.grpc })
  const keptEpochs = chain.retentionEpochs
  const presentEpoch = (): Promise<bigint> => chain.epoch()
  const kept = { disk, keptEpochs, presentEpoch }
  const altDa = await startAltDaDoor({ ...inside, ...options.altDa, ...kept })
  const care = takeCare(chain, payer, options)
  return {
    grpc,
    altDa,
    async close() {
      care.stop()
      await Promise.all([grpc.close(), altDa.close()])
      await dispersal.close()
      await courier?.close()
      await coder.close()
      client.close()
    },
  }
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
