/** The contracts of shared stake on L1, with operators whose keys a test holds. */

import { consensusRoot, finalityVoteDigest, genesisHeader, possessionDigest } from '@zg/consensus'
import type { ConsensusHeader, FinalityVote, NetworkIdentity } from '@zg/consensus'
import {
  blsAggregate,
  blsPublicKeyOf,
  blsSecretKeyFromSeed,
  blsSign,
  fromHex,
  keccak256,
  sha256,
  toHex,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { keyWords, signatureWords } from '../bls-words.ts'
import type { KeyWords } from '../bls-words.ts'
import type { L1Parameters } from '../deployment.ts'
import { ContractWorld, somebody } from './contract-world.ts'
import type { Deployed, Sent } from './contract-world.ts'

/** An operator and a key of its. */
export type TestOperator = { readonly address: Hex; readonly secretKey: Uint8Array }

/** A finality vote with its hashes in hex. */
export type FinalityVoteArgs = Readonly<
  Record<'epoch' | 'height' | 'nextEpoch', bigint> &
    Record<'blockHash' | 'consensusRoot' | 'histRoot', Hex>
>

/** A certificate as `FinalityOracle` takes it. */
export type CertificateArgs = {
  readonly vote: FinalityVoteArgs
  readonly absent: readonly Hex[]
  readonly signature: Hex
}

export type OpeningOptions = {
  readonly genesisHash: Hex
  /** In seconds since 1970. */
  readonly genesisTime: number
  readonly earliestEpoch: number
  /** In gwei. */
  readonly stakeMin: bigint
  readonly operatorsMin: number
}

export const epochSeconds = 100
export const certificateAgeMaxSeconds = 50
export const deadAfterSeconds = 2_000
export const genesisHash = toHex(sha256(Uint8Array.of(1)))
/** Of every execution genesis, in seconds. */
export const genesisTime = 1_700_000_000

/** What governance may change, in the order of `Parameters.Key`; networks of one operator, too. */
export const governed: L1Parameters['governed'] = {
  operatorBps: 1_000,
  churnBps: 500,
  operatorsMin: 1,
  stakeMinGwei: 1n,
  drainEpochs: 4,
  loadEpochs: 2,
  coolDownEpochs: 4,
}
export const parameterValues: readonly bigint[] = Object.values(governed).map(BigInt)

/** The epoch in which a world begins. */
export const firstEpoch = 10

const startTimestamp = 1_800_000_000

export class StakeWorld {
  readonly world = new ContractWorld({ timestamp: startTimestamp })
  readonly operators: Deployed
  readonly networks: Deployed
  readonly oracle: Deployed

  /** `somebody`, who deploys, stands for the stake manager and for governance. */
  constructor() {
    const { world } = this
    const parameters = world.deploy('Parameters', {
      args: [somebody, somebody, parameterValues],
    }).address
    const networks = world.nextAddress(1)
    this.operators = world.deploy('OperatorRegistry', {
      args: [startTimestamp - epochSeconds * firstEpoch, epochSeconds, 0, somebody, networks],
    })
    this.networks = world.deploy('NetworkRegistry', {
      args: [this.operators.address, somebody, parameters, somebody],
    })
    this.oracle = world.deploy('FinalityOracle', {
      args: [
        networks,
        this.operators.address,
        somebody,
        somebody,
        certificateAgeMaxSeconds,
        deadAfterSeconds,
      ],
    })
  }

  get epoch(): number {
    return firstEpoch + Math.floor((this.world.timestamp - startTimestamp) / epochSeconds)
  }

  /** Goes to the first second of the epoch after so many. */
  passEpochs(count: number): void {
    const elapsed = (this.world.timestamp - startTimestamp) % epochSeconds
    this.world.advance(count * epochSeconds - elapsed)
  }

  send(contract: Deployed, name: string, args: readonly unknown[], from: Hex = somebody): Sent {
    return this.world.send({ contract, name, args, from })
  }

  read(contract: Deployed, name: string, args: readonly unknown[] = []): unknown {
    return this.world.read({ contract, name, args })
  }

  /** What an operator says to register a key. */
  claimOf({ address, secretKey }: TestOperator): readonly [KeyWords, Hex] {
    const publicKey = blsPublicKeyOf(secretKey)
    const digest = possessionDigest({
      l1ChainId: this.world.chainId,
      registry: fromHex(this.operators.address),
      operator: fromHex(address),
      publicKey,
    })
    return [keyWords(publicKey), signatureWords(blsSign(secretKey, digest))]
  }

  register(operator: TestOperator): Sent {
    return this.send(this.operators, 'register', this.claimOf(operator), operator.address)
  }

  setWeight({ address }: TestOperator, weight: bigint): Sent {
    return this.send(this.operators, 'setWeight', [address, weight])
  }

  /** Opens a network that begins with its first operator, or as the options say. */
  openNetwork(id: number, options: Partial<OpeningOptions> = {}): Sent {
    return this.send(this.networks, 'open', [id, openingOf(id, { genesisHash, ...options })])
  }

  optIn({ address }: TestOperator, id: number): Sent {
    return this.send(this.networks, 'optIn', [id, 10_000], address)
  }

  /** A certificate of a network by `signers`; the others of `all` are absent. */
  certify(
    id: number,
    vote: FinalityVoteArgs,
    { all, signers }: { all: readonly TestOperator[]; signers: readonly TestOperator[] },
  ): CertificateArgs {
    const digest = finalityVoteDigest(identityOf(id), voteOf(vote))
    const signature = blsAggregate(signers.map(({ secretKey }) => blsSign(secretKey, digest)))
    const absent = all
      .filter((operator) => !signers.includes(operator))
      .map(({ address }) => address)
      .sort((a, b) => (a < b ? -1 : 1))
    return { vote, absent, signature: signatureWords(signature) }
  }
}

/** The operator of a number; another `generation` is another key of it. */
export function testOperator(index: number, generation = 0): TestOperator {
  return {
    address: toHex(keccak256(Uint8Array.of(index)).slice(12)),
    secretKey: blsSecretKeyFromSeed(keccak256(Uint8Array.of(0xb1, index, generation))),
  }
}

/** What a network is opened with; the thresholds are the lowest that parameters allow. */
export function openingOf(
  id: number,
  {
    genesisHash: hash,
    genesisTime: time = genesisTime,
    earliestEpoch = 0,
    stakeMin = 1n,
    operatorsMin = 1,
  }: OpeningOptions | (Partial<OpeningOptions> & { genesisHash: Hex }),
) {
  const thresholds = { earliestEpoch, stakeMin, operatorsMin }
  return { chainId: 1_660_200 + id, genesisTime: time, ...thresholds, genesisHash: hash }
}

/** The consensusRoot of a network's genesis, as consensus makes it. */
export function genesisRootOf(identity: NetworkIdentity, epoch: number): Uint8Array {
  return consensusRoot(genesisOf(identity, epoch))
}

/** The header of height 0 of a network that begins in an epoch. */
export function genesisOf(identity: NetworkIdentity, epoch: number): ConsensusHeader {
  return genesisHeader({ identity, epoch: BigInt(epoch), timestampMs: genesisTime * 1_000 })
}

/** What votes of a network of `StakeWorld` are at home in. */
export function identityOf(networkId: number): NetworkIdentity {
  return {
    l1ChainId: 1337n,
    stakingContract: fromHex(somebody),
    networkId,
    genesisHash: fromHex(genesisHash),
  }
}

function voteOf({
  blockHash,
  consensusRoot,
  histRoot,
  ...numbers
}: FinalityVoteArgs): FinalityVote {
  return {
    ...numbers,
    blockHash: fromHex(blockHash),
    consensusRoot: fromHex(consensusRoot),
    histRoot: fromHex(histRoot),
  }
}
