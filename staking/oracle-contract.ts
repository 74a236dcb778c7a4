/** FinalityOracle as a relayer sees it: what L1 knows of a network, and how to tell it more. */

import { signatureWords } from '@zg/contracts'
import { indexesOf } from '@zg/consensus'
import { bigintToHex, bytesToBigint, compareBytes, fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import type { L1Chain, L1Message } from './l1-chain.ts'
import { messageTo, readContract } from './l1-contracts.ts'
import type { L1Contract } from './l1-contracts.ts'
import type { Contradiction, KnownBlock, ProvedCertificate } from './network-prover.ts'

/** The newest block of a network that L1 knows. */
export type KnownFinal = KnownBlock & {
  readonly epoch: bigint
  /** Of a block that closes its epoch; 0 otherwise. */
  readonly nextEpoch: bigint
  readonly isHalted: boolean
  readonly isDead: boolean
  /** When it was taken in, in seconds since 1970. */
  readonly since: bigint
  /** Over the consensusRoots of all heights below; zero at the genesis. */
  readonly histRoot: Uint8Array
}

type FinalWords = Pick<KnownFinal, 'epoch' | 'height' | 'nextEpoch' | 'isHalted' | 'isDead'> & {
  readonly since: number
  readonly consensusRoot: Hex
  readonly histRoot: Hex
}

export class OracleContract {
  readonly #chain: L1Chain
  readonly #contract: L1Contract
  readonly #networkId: number

  constructor(options: {
    readonly chain: L1Chain
    readonly address: bigint
    readonly networkId: number
  }) {
    this.#chain = options.chain
    this.#contract = { artifact: 'FinalityOracle', address: options.address }
    this.#networkId = options.networkId
  }

  /** @throws {L1ReadError} `STAKING_L1_READ_FAILED` */
  async final(): Promise<KnownFinal> {
    const found = (await this.#read('finalOf', [this.#networkId])) as FinalWords
    const { epoch, height, nextEpoch, isHalted, isDead, since } = found
    return {
      epoch,
      height,
      nextEpoch,
      isHalted,
      isDead,
      since: BigInt(since),
      consensusRoot: fromHex(found.consensusRoot),
      histRoot: fromHex(found.histRoot),
    }
  }

  /** How long after its epoch a certificate that does not close it counts, in seconds. */
  async certificateAgeMax(): Promise<bigint> {
    return (await this.#read('certificateAgeMax', [])) as bigint
  }

  /** The last second in which a certificate is taken, if none comes before; then it is dead. */
  async livesUntil(): Promise<bigint> {
    return (await this.#read('livesUntil', [this.#networkId])) as bigint
  }

  /** Who first closed an epoch on L1; 0 when nobody did. */
  async reporterOf(epoch: bigint): Promise<bigint> {
    return BigInt((await this.#read('reporterOf', [this.#networkId, epoch])) as Hex)
  }

  /** The message that buries a silent network, for ever. */
  declareDead(): L1Message {
    return messageTo(this.#contract, { name: 'declareDead', args: [this.#networkId] })
  }

  /** The message that brings a certificate; `siblings` prove the block that L1 knows in it. */
  submission(proved: ProvedCertificate, siblings: readonly Uint8Array[]): L1Message {
    const args = [this.#networkId, certificateArgs(proved), siblings.map(toHex)]
    return messageTo(this.#contract, { name: 'submit', args })
  }

  /** The message that halts a network whose certificate holds another block than L1 knows. */
  haltByHistory(proved: ProvedCertificate, { other, siblings }: Contradiction): L1Message {
    const proof = [toHex(other), siblings.map(toHex)]
    const args = [this.#networkId, certificateArgs(proved), ...proof]
    return messageTo(this.#contract, { name: 'haltByHistory', args })
  }

  /** The message that halts one by a certificate of the height that L1 knows. */
  haltByConflict(proved: ProvedCertificate): L1Message {
    const args = [this.#networkId, certificateArgs(proved)]
    return messageTo(this.#contract, { name: 'haltByConflict', args })
  }

  #read(name: string, args: readonly unknown[]): Promise<unknown> {
    return readContract(this.#chain, this.#contract, { name, args })
  }
}

/** Who of the set did not sign a certificate, 20 bytes each, rising. */
export function absentOf({ certificate, set }: ProvedCertificate): readonly Uint8Array[] {
  const signed = new Set(indexesOf(certificate.signers, set.validators.length))
  return (
    set.validators
      .filter((_, index) => !signed.has(index))
      .map(({ operator }) => operator)
      // MUST rise: contracts find one named twice by it.
      .sort(compareBytes)
  )
}

/** A certificate as the oracle takes it: who did not sign, rising, in the place of a bitmap. */
export function certificateArgs(proved: ProvedCertificate) {
  const { vote, signature } = proved.certificate
  const { blockHash, consensusRoot, histRoot, ...numbers } = vote
  const hashes = {
    blockHash: toHex(blockHash),
    consensusRoot: toHex(consensusRoot),
    histRoot: toHex(histRoot),
  }
  return {
    vote: { ...numbers, ...hashes },
    absent: absentOf(proved).map((operator) => bigintToHex(bytesToBigint(operator), 20)),
    signature: signatureWords(signature),
  }
}
