/** Nodes, a disperser and a reader over a table of a chain: everything real but the wires. */

import { keyedHashScheme, localSigner } from '@zg/consensus'
import type { SignatureScheme } from '@zg/consensus'
import { addressOfSecretKey, sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSeededRng, silentLogger, SimulatedDisk } from '@zg/runtime'
import type { Rng, SimulatedClock } from '@zg/runtime'

import type { BatchId, BlobHandle } from '../batch/batch.ts'
import { BatchReader } from '../reader/batch-reader.ts'
import { batchDigest } from '../batch/certificate.ts'
import { localBatchCoder } from '../disperser/batch-coder.ts'
import type { DataShape } from '../chain/data-chain.ts'
import { DataNode } from '../node/data-node.ts'
import type { DataNodeApi, DataNodeOptions } from '../node/data-node.ts'
import { Disperser } from '../disperser/disperser.ts'
import type { DisperserOptions } from '../disperser/disperser.ts'
import type { NodeClient } from '../node/node-client.ts'
import { PaymentDesk } from '../disperser/payment-desk.ts'
import { directClient } from './direct-client.ts'
import { TableChain } from './table-chain.ts'
import type { TableChainOptions } from './table-chain.ts'

export type DataWorldOptions = {
  readonly clock: SimulatedClock
  readonly nodeCount?: number
  readonly shape?: DataShape
  readonly quotaBytes?: number
  readonly seed?: number
  readonly votes?: readonly bigint[]
  readonly scheme?: SignatureScheme
  /** 32 bytes: the key that a node signs by. */
  readonly signingKeyOf?: (index: number) => Uint8Array
  readonly chain?: Partial<TableChainOptions>
  readonly client?: (nodes: ReadonlyMap<string, DataNodeApi>) => NodeClient
  /** A chain of another kind of table. */
  readonly openChain?: (options: TableChainOptions) => TableChain
  /** Told of each step of a node's disk: there its machine may stop. */
  readonly onDiskStep?: (index: number) => void
}

const utf8 = new TextEncoder()
export const smallShape: DataShape = { dataRows: 16, codedRows: 64 }
const secretOf = (name: string): Uint8Array => sha256(utf8.encode(name))

export class DataWorld {
  readonly clock: SimulatedClock
  readonly chain: TableChain
  readonly scheme: SignatureScheme
  /** By url. Without an entry a node does not answer. */
  readonly nodes = new Map<string, DataNodeApi>()
  readonly nodeDisks: SimulatedDisk[]
  readonly disperserDisk: SimulatedDisk
  readonly disperserKey = secretOf('disperser')
  readonly client: NodeClient
  readonly #quotaBytes: number
  readonly #rng: Rng
  readonly #signingKeyOf: (index: number) => Uint8Array

  constructor(options: DataWorldOptions) {
    const { clock, nodeCount = 16, shape = smallShape, quotaBytes = 2 ** 30 } = options
    this.clock = clock
    this.scheme = options.scheme ?? keyedHashScheme()
    this.#signingKeyOf = options.signingKeyOf ?? ((index) => secretOf(`signer ${index}`))
    this.#quotaBytes = quotaBytes
    const rng = createSeededRng(options.seed ?? 0)
    this.#rng = rng
    const disk = (name: number, onStep = (): void => undefined): SimulatedDisk =>
      new SimulatedDisk({ clock, rng: rng.fork(`disk ${name}`), damageChance: 0.3, onStep })
    this.nodeDisks = Array.from({ length: nodeCount }, (_, index) => {
      return disk(index + 1, () => options.onDiskStep?.(index))
    })
    this.disperserDisk = disk(1_000)
    const signers = this.nodeDisks.map((_, index) => ({
      operator: addressOfSecretKey(secretOf(`operator ${index}`)),
      publicKey: this.scheme.publicKeyOf(this.#signingKeyOf(index)),
      url: `node-${index}`,
      votes: options.votes?.[index] ?? 1_000n,
      isContested: false,
    }))
    const { scheme } = this
    const { openChain = (given) => new TableChain(given) } = options
    this.chain = openChain({ clock, shape, signers, scheme, ...options.chain })
    this.chain.fund(addressOfSecretKey(this.disperserKey), 10n ** 18n)
    this.client = (options.client ?? directClient)(this.nodes)
  }

  /** Opens a node, anew after a crash. */
  async openNode(index: number): Promise<DataNode> {
    const node = await this.startNode(index)
    this.nodes.set(this.chain.signers[index]!.url, node)
    return node
  }

  /** One that nobody reaches yet. */
  startNode(index: number, other: Partial<DataNodeOptions> = {}): Promise<DataNode> {
    const { operator } = this.chain.signers[index]!
    return DataNode.open({
      chain: this.chain,
      disk: this.nodeDisks[index]!.mount(),
      rng: this.#rng.fork(`node ${index}`),
      clock: this.clock,
      log: silentLogger,
      operator,
      signer: localSigner(this.scheme, this.#signingKeyOf(index)),
      quotaBytes: this.#quotaBytes,
      ...other,
    })
  }

  async openNodes(): Promise<void> {
    await Promise.all(this.nodeDisks.map((_, index) => this.openNode(index)))
  }

  /** By default the one whose key, disk and clock the world has. */
  openDisperser(other: Partial<DisperserOptions> & { readonly quotaBytes?: number } = {}) {
    const { chain, client, clock, scheme } = this
    const { quotaBytes = 2 ** 30, secretKey = this.disperserKey, disk, ...options } = other
    const disperser = addressOfSecretKey(secretKey)
    return Disperser.open({
      chain,
      client,
      clock,
      scheme,
      coder: localBatchCoder(chain.shape),
      payments: new PaymentDesk({ chain, clock, disperser, quotaBytes, quotaWindowMs: 60_000 }),
      // A mount ends the one before it.
      disk: disk ?? this.disperserDisk.mount(),
      log: silentLogger,
      secretKey,
      ...options,
    })
  }

  get disperserAddress(): Hex {
    return toHex(addressOfSecretKey(this.disperserKey))
  }

  digestOf(batch: BatchId, commitment: Uint8Array): Uint8Array {
    return batchDigest(this.chain.identity, batch, commitment)
  }

  /** What a node's key signs, whatever its node thinks of it. */
  sign(index: number, digest: Uint8Array): Uint8Array {
    return this.scheme.sign(this.#signingKeyOf(index), digest)
  }

  /** Of `disperser` it also reads what the chain has not recorded yet. */
  reader(disperser?: Disperser): BatchReader {
    const { chain, client, clock } = this
    const isCertified = (handle: BlobHandle): boolean => disperser?.isCertified(handle) === true
    return new BatchReader({ chain, client, clock, log: silentLogger, isCertified })
  }

  /** Lets time pass until a promise settles. */
  async run<T>(promise: Promise<T>, mostMs = 120_000): Promise<T> {
    let isDone = false
    const settled = promise.then(
      () => (isDone = true),
      () => (isDone = true),
    )
    await this.clock.run({ untilMs: this.clock.nowMs() + mostMs, done: () => isDone })
    await settled
    return promise
  }

  stop(index: number): void {
    this.nodes.delete(this.chain.signers[index]!.url)
  }
}
