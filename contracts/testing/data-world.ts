/**
 * Data availability alone on a chain: bonds, signers and the entrance, with operators whose keys a
 * test holds.
 */

import { commitmentBy } from '@zg/coding'
import { dataVoteDigest, possessionDigest } from '@zg/consensus'
import type { DataVote, NetworkIdentity } from '@zg/consensus'
import type { Fork } from '@zg/evm'
import {
  blsAggregate,
  blsPublicKeyOf,
  blsSecretKeyFromSeed,
  blsSign,
  concat,
  fromHex,
  keccak256,
  sha256,
  toHex,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { keyWords, signatureWords } from '../bls-words.ts'
import { ContractWorld, somebody } from './contract-world.ts'
import type { Deployed, Sent } from './contract-world.ts'
import { drawOf, hashOf } from './data-draw.ts'
import type { Drawn } from './data-draw.ts'
import type { TestOperator } from './stake-world.ts'

const gwei = 10n ** 9n
const firstEpoch = 10
/** Places that are asked for at once. */
const placesPerPage = 256

/** Of `placesOf`. */
type Signer = {
  readonly votes: Readonly<Record<'newest' | 'former' | 'earlier', bigint>> &
    Readonly<Record<'newestFrom' | 'formerFrom', number>>
}

/** What names a batch, and what it is committed to. */
export type TestBatch = {
  readonly epoch: number
  readonly disperser: Hex
  readonly sequence: number
  readonly rowSize: number
  readonly rowRoot: Uint8Array
  readonly combinationHash: Uint8Array
}

type Options = {
  readonly rowCount?: number
  readonly quorumCount?: number
  readonly votesMin?: bigint
  readonly price?: bigint
  /** Who says that rows were not to be had, in the place of DataQueries. */
  readonly queries?: Hex
  /** One batch in so many is asked for. */
  readonly every?: number
  /** Each message takes one. */
  readonly epochSeconds?: number
  readonly fork?: Fork
}

/** `Scheduled.Number` from the beginning on. */
export const numberOf = (newest: bigint | number) => {
  return { newest, former: 0n, earlier: 0n, newestFrom: 0, formerFrom: 0 }
}

export class DataWorld {
  readonly world: ContractWorld
  readonly epochSeconds: number
  readonly unbondingEpochs = 4
  readonly dataRows = 1_024
  readonly rowCount: number
  readonly stake: Deployed
  readonly signers: Deployed
  readonly entrance: Deployed
  readonly queries: Deployed
  readonly answerSeconds = 20
  readonly #start: number

  /** `somebody` governs. */
  constructor({
    rowCount = 4_096,
    quorumCount = 2,
    votesMin = 100n,
    price = 1_000n,
    queries,
    every = 1,
    epochSeconds = 100,
    fork = 'prague',
  }: Options = {}) {
    const world = new ContractWorld({ fork })
    this.world = world
    this.epochSeconds = epochSeconds
    this.rowCount = rowCount
    this.#start = world.timestamp - firstEpoch * this.epochSeconds
    this.stake = world.deploy('BondedStake', {
      args: [this.#start, this.epochSeconds, this.unbondingEpochs],
    })
    const quorums = numberOf(quorumCount)
    const { address: stake } = this.stake
    this.signers = world.deploy('DataSigners', {
      args: [{ stake, rowCount, votesMin, governor: somebody, quorumCount: quorums }],
    })
    const { address: signers } = this.signers
    const asked = queries ?? world.nextAddress(1)
    this.entrance = world.deploy('DataEntrance', {
      args: [{ signers, dataRows: this.dataRows, queries: asked, price: numberOf(price) }],
    })
    const { address: entrance } = this.entrance
    this.queries = world.deploy('DataQueries', {
      args: [{ entrance, every, answerSeconds: this.answerSeconds }],
    })
  }

  get epoch(): number {
    return Math.floor((this.world.timestamp - this.#start) / this.epochSeconds)
  }

  /** Goes on by so many epochs, and has the seed of each following one written down. */
  passEpochs(count: number): void {
    for (let passed = 0; passed < count; passed++) {
      const elapsed = (this.world.timestamp - this.#start) % this.epochSeconds
      this.world.advance(this.epochSeconds - elapsed)
      this.send(this.stake, 'roll', [])
    }
  }

  send(
    contract: Deployed,
    name: string,
    args: readonly unknown[],
    { from = somebody, value = 0n }: { from?: Hex; value?: bigint } = {},
  ): Sent {
    return this.world.send({ contract, name, args, from, value })
  }

  read(contract: Deployed, name: string, ...args: readonly unknown[]): unknown {
    return this.world.read({ contract, name, args })
  }

  /** What votes on data are at home in. */
  get identity(): NetworkIdentity {
    return {
      l1ChainId: this.world.chainId,
      stakingContract: fromHex(this.stake.address),
      networkId: 0,
      genesisHash: new Uint8Array(32),
    }
  }

  register(operator: TestOperator): Sent {
    return this.send(this.stake, 'register', this.possessionArgs(operator), {
      from: operator.address,
    })
  }

  /** An operator's key, and the proof that it is held. */
  possessionArgs({ address, secretKey }: TestOperator): readonly unknown[] {
    const publicKey = blsPublicKeyOf(secretKey)
    const digest = possessionDigest({
      l1ChainId: this.world.chainId,
      registry: fromHex(this.stake.address),
      operator: fromHex(address),
      publicKey,
    })
    return [keyWords(publicKey), signatureWords(blsSign(secretKey, digest))]
  }

  /** Adds to an operator's bond, in gwei. */
  bond({ address }: TestOperator, votes: bigint): Sent {
    const value = votes * gwei
    this.world.pay(address, value)
    return this.send(this.stake, 'bond', [], { from: address, value })
  }

  join({ address }: TestOperator, place: number): Sent {
    return this.send(this.signers, 'join', [place, '0x'], { from: address })
  }

  /** Registers operators, bonds and places them, one after the other; in effect two epochs on. */
  settle(operators: readonly TestOperator[], votes: readonly bigint[]): void {
    for (const [place, operator] of operators.entries()) {
      this.register(operator)
      this.bond(operator, votes[place] ?? 0n)
      this.join(operator, place)
    }
    this.passEpochs(2)
  }

  seedOf(epoch: number): Uint8Array {
    return fromHex(this.read(this.stake, 'seedOf', epoch) as Hex)
  }

  /** What `placesOf` and the seed say of a quorum. */
  draw(epoch: number, quorum: number): Drawn {
    const { rowCount } = this
    return drawOf(this.votesIn(epoch), { seed: this.seedOf(epoch), quorum, rowCount })
  }

  /** The votes of all places in an epoch. */
  votesIn(epoch: number): readonly bigint[] {
    const count = Number(this.read(this.signers, 'placeCount'))
    const pages = Array.from({ length: Math.ceil(count / placesPerPage) }, (_, page) => {
      const from = page * placesPerPage
      return this.read(this.signers, 'placesOf', from, from + placesPerPage) as readonly Signer[]
    })
    return pages.flat().map(({ votes }) => {
      if (epoch >= votes.newestFrom) return votes.newest
      return epoch >= votes.formerFrom ? votes.former : votes.earlier
    })
  }

  open(epoch: number, quorum: number, slots = this.draw(epoch, quorum).slots): Sent {
    return this.send(this.signers, 'open', [epoch, quorum, slots])
  }

  /** Opens all quorums of an epoch. */
  openAll(epoch = this.epoch): void {
    const count = Number(this.read(this.signers, 'quorumCountOf', epoch))
    for (let quorum = 0; quorum < count; quorum++) this.open(epoch, quorum)
  }

  /** The quorum of a batch. */
  quorumFor({ epoch, disperser, sequence }: TestBatch): number {
    return Number(this.read(this.signers, 'quorumFor', epoch, disperser, sequence))
  }

  deposit(account: Hex, value: bigint): Sent {
    return this.send(this.entrance, 'deposit', [account], { value })
  }

  /** The vote on a batch. */
  voteOf(batch: TestBatch): DataVote {
    return {
      epoch: BigInt(batch.epoch),
      quorum: this.quorumFor(batch),
      disperser: fromHex(batch.disperser),
      sequence: BigInt(batch.sequence),
      commitment: this.commitmentOf(batch),
    }
  }

  commitmentOf({ rowSize, rowRoot, combinationHash }: TestBatch): Uint8Array {
    const { dataRows, rowCount: codedRows } = this
    return commitmentBy({ dataRows, codedRows, rowSize, rowRoot }, combinationHash)
  }

  /**
   * A certificate of a batch.
   *
   * @param options.members - Of its quorum, in order; `absent` are numbers of them.
   */
  certificate(
    batch: TestBatch,
    {
      members,
      absent = [],
      vote = {},
      identity = this.identity,
    }: {
      readonly members: readonly TestOperator[]
      readonly absent?: readonly number[]
      readonly vote?: Partial<DataVote>
      readonly identity?: NetworkIdentity
    },
  ) {
    const digest = dataVoteDigest(identity, { ...this.voteOf(batch), ...vote })
    const signers = members.filter((_, index) => !absent.includes(index))
    const bitmap = new Uint8Array(Math.ceil(members.length / 8))
    for (const index of members.keys()) {
      if (!absent.includes(index)) bitmap[index >> 3]! |= 1 << (index & 7)
    }
    const { epoch, disperser, sequence, rowSize } = batch
    return {
      epoch,
      disperser,
      sequence,
      rowSize,
      rowRoot: toHex(batch.rowRoot),
      combinationHash: toHex(batch.combinationHash),
      signers: toHex(bitmap),
      signature: sumOn(digest, signers),
    }
  }

  certify(certificate: ReturnType<DataWorld['certificate']>): Sent {
    return this.send(this.entrance, 'certify', [certificate])
  }
}

/** A batch whose rows nobody needs. */
export function testBatch(
  batch: Pick<TestBatch, 'epoch' | 'disperser'> & Partial<TestBatch>,
): TestBatch {
  const [rowRoot, combinationHash] = [1, 2].map((fill) => sha256(Uint8Array.of(0xda, fill)))
  if (rowRoot === undefined || combinationHash === undefined) throw new Error('there are two')
  return { sequence: 0, rowSize: 64, rowRoot, combinationHash, ...batch }
}

/** An operator of data; more of them than a byte counts. */
export function dataOperator(index: number): TestOperator {
  const name = concat(Uint8Array.of(0xda, index >> 8, index & 255))
  return {
    address: toHex(keccak256(name).slice(12)),
    secretKey: blsSecretKeyFromSeed(keccak256(concat(name, Uint8Array.of(1)))),
  }
}

/** The sum of signatures on a digest. */
export function sumOn(digest: Uint8Array, signers: readonly TestOperator[]): Hex {
  return signatureWords(blsAggregate(signers.map(({ secretKey }) => blsSign(secretKey, digest))))
}

/** The row of a quorum's first slot. */
export function shiftOf(seed: Uint8Array, quorum: number, rowCount: number): number {
  return Number(hashOf('zg/da/shift', seed, [quorum]) % BigInt(rowCount))
}
