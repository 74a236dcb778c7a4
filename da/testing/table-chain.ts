/**
 * A chain for tests and simulations: signers, escrows and records in tables, epochs by the clock,
 * and the rules of DataEntrance over certificates.
 */

import { keyedHashScheme } from '@zg/consensus'
import type { NetworkIdentity, SignatureScheme } from '@zg/consensus'
import { bigintToBytes, bytesEqual, concat, sha256, toHex, ZgError } from '@zg/primitives'
import type { Clock } from '@zg/runtime'

import { batchKey, quorumOf } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'
import { certifiedCommitment, verifyCertificate } from '../batch/certificate.ts'
import type { Certificate } from '../batch/certificate.ts'
import { recordedWithin } from '../chain/data-chain.ts'
import type {
  BatchName,
  DataChain,
  DataEpoch,
  DataRecord,
  DataShape,
  DataSigner,
  DrawnQuorum,
} from '../chain/data-chain.ts'
import { drawQuorum } from '../batch/quorum.ts'

/** A signer, its place its index in the table. */
export type TableSigner = Omit<DataSigner, 'isContested'> & {
  readonly votes: bigint
  isContested: boolean
}

const testIdentity: NetworkIdentity = {
  l1ChainId: 1_337n,
  stakingContract: new Uint8Array(20).fill(1),
  networkId: 7,
  genesisHash: new Uint8Array(32).fill(2),
}

export type TableChainOptions = {
  readonly clock: Clock
  readonly shape: DataShape
  readonly signers: readonly TableSigner[]
  readonly scheme?: SignatureScheme
  readonly identity?: NetworkIdentity
  readonly epochMs?: number
  readonly quorumCount?: number
  readonly retentionEpochs?: bigint
  readonly pricePerByte?: bigint
  /** How far final blocks are behind. @default 0n */
  readonly finalityLagEpochs?: bigint
  /** From which on there are quorums. @default the first */
  readonly firstEpoch?: bigint
}

export class TableChain implements DataChain {
  readonly identity: NetworkIdentity
  readonly vouchers = { chainId: 1_660_207n, entrance: new Uint8Array(20).fill(9) }
  readonly shape: DataShape
  readonly retentionEpochs: bigint
  readonly signers: readonly TableSigner[]
  readonly records = new Map<string, DataRecord & { readonly certificate: Certificate }>()
  /** Set while the chain does not answer. */
  isDown = false
  readonly #options: TableChainOptions
  readonly #escrows = new Map<string, { balance: bigint; epochOpened: bigint }>()
  readonly #redeemed = new Map<string, bigint>()
  readonly #startMs: number

  constructor(options: TableChainOptions) {
    this.#options = options
    this.identity = options.identity ?? testIdentity
    this.shape = options.shape
    this.signers = options.signers
    this.retentionEpochs = options.retentionEpochs ?? 100n
    this.#startMs = options.clock.nowMs()
  }

  /** Epoch 10 is the first. */
  async epoch(): Promise<bigint> {
    if (this.isDown) throw new ChainDownError()
    const { clock, epochMs = 30_000 } = this.#options
    return 10n + BigInt(Math.floor((clock.nowMs() - this.#startMs) / epochMs))
  }

  async finalEpoch(): Promise<bigint> {
    const { finalityLagEpochs = 0n } = this.#options
    return (await this.epoch()) - finalityLagEpochs
  }

  async epochAt(epoch: bigint): Promise<DataEpoch | undefined> {
    if (epoch > (await this.epoch()) + 1n) return undefined
    const seed = sha256(concat(Uint8Array.of(5), bigintToBytes(epoch, 8)))
    return { epoch, seed, quorumCount: this.#options.quorumCount ?? 1 }
  }

  /** Escrows that are too young are left for nodes to find. */
  async opening(): Promise<bigint | undefined> {
    const isSomebody = this.signers.some(({ votes }) => votes > 0n)
    return isSomebody ? this.#opens(await this.epoch()) : undefined
  }

  #opens(present: bigint): bigint {
    const { firstEpoch = present } = this.#options
    return firstEpoch > present ? firstEpoch : present
  }

  async quorumAt({ seed }: DataEpoch, quorum: number): Promise<DrawnQuorum> {
    const active = this.signers.map(({ votes }, place) => ({ place, votes }))
    const drawn = drawQuorum({ active, seed, quorum, slots: this.shape.codedRows })
    return { ...drawn, signers: drawn.members.map(({ place }) => this.signers[place]!) }
  }

  async feeOf(_epoch: bigint, rowSize: number): Promise<bigint> {
    const { pricePerByte = 1n } = this.#options
    return BigInt(this.shape.dataRows) * BigInt(rowSize) * pricePerByte
  }

  fund(account: Uint8Array, balance: bigint, epochOpened = 0n): void {
    this.#escrows.set(toHex(account), { balance, epochOpened })
  }

  async coverOf(account: Uint8Array, epoch: bigint): Promise<bigint> {
    const escrow = this.#escrows.get(toHex(account))
    return escrow === undefined || escrow.epochOpened + 2n > epoch ? 0n : escrow.balance
  }

  async balanceOf(account: Uint8Array): Promise<bigint> {
    return this.#escrows.get(toHex(account))?.balance ?? 0n
  }

  async redeemedOf(payer: Uint8Array, disperser: Uint8Array): Promise<bigint> {
    return this.#redeemed.get(`${toHex(payer)}/${toHex(disperser)}`) ?? 0n
  }

  async recordOf(batch: BatchId): Promise<DataRecord | undefined> {
    if (this.isDown) throw new ChainDownError()
    return this.records.get(batchKey(batch))
  }

  async finalRecordsOf(
    epoch: bigint,
    batches: readonly BatchId[],
  ): Promise<readonly (DataRecord | undefined)[] | undefined> {
    if ((await this.finalEpoch()) < epoch + recordedWithin) return undefined
    return Promise.all(batches.map((batch) => this.recordOf(batch)))
  }

  async certify(certificate: Certificate): Promise<void> {
    const { batch, rowSize } = certificate
    const present = await this.epoch()
    const key = batchKey(batch)
    if (this.records.has(key)) return
    const epoch = await this.epochAt(batch.epoch)
    const isTimely = batch.epoch === present || batch.epoch + 1n === present
    if (epoch === undefined || !isTimely) throw new CertificateRefusedError('EpochUnexpected')
    const { disperser, sequence } = batch
    if (quorumOf(epoch.seed, disperser, sequence, epoch.quorumCount) !== batch.quorum) {
      throw new CertificateRefusedError('QuorumUnknown')
    }
    const quorum = await this.quorumAt(epoch, batch.quorum)
    const scheme = this.#options.scheme ?? keyedHashScheme()
    if (!verifyCertificate(certificate, quorum, this.identity, this.shape, scheme)) {
      throw new CertificateRefusedError('CertificateInvalid')
    }
    const fee = await this.feeOf(batch.epoch, rowSize)
    const cover = await this.coverOf(disperser, batch.epoch)
    // From here on nothing waits: others that came meanwhile are seen.
    if (this.records.has(key)) return
    const escrow = this.#escrows.get(toHex(disperser))
    if (escrow === undefined || cover < fee || escrow.balance < fee) {
      throw new CertificateRefusedError('EscrowEmpty')
    }
    escrow.balance -= fee
    const commitment = certifiedCommitment(this.shape, certificate)
    const height = BigInt(this.records.size + 1)
    this.records.set(key, { commitment, rowSize, epoch: batch.epoch, height, certificate })
  }

  async findBatch({ commitment, epoch, quorum }: BatchName): Promise<BatchId | undefined> {
    const batches = [...this.records.values()].filter((record) => {
      return bytesEqual(record.commitment, commitment)
    })
    return batches
      .map(({ certificate }) => certificate.batch)
      .find((batch) => batch.epoch === epoch && batch.quorum === quorum)
  }
}

/** What the contract would revert with. */
export class CertificateRefusedError extends ZgError<'DA_TABLE_REFUSED'> {
  constructor(reason: string) {
    super('DA_TABLE_REFUSED', `The certificate is refused: ${reason}`, { reason })
  }
}

class ChainDownError extends ZgError<'DA_TABLE_DOWN'> {
  constructor() {
    super('DA_TABLE_DOWN', 'The chain does not answer')
  }
}
