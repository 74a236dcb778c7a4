/** FinalityOracle as a relayer sees it: what L1 knows of a network, and how to tell it more. */

import { signatureWords } from '@zg/contracts'
import { indexesOf } from '@zg/consensus'
import { bigintToHex, bytesToBigint, compareBytes, fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import type { L1Chain, L1Message } from './l1-chain.ts'
import { messageTo, readContract } from './l1-contracts.ts'
import type { L1Contract } from './l1-contracts.ts'
import type { KnownBlock, ProvedCertificate } from './network-prover.ts'

/** The newest block of a network that L1 knows. */
export type KnownFinal = KnownBlock & {
  readonly epoch: bigint
  /** Of a block that closes its epoch; 0 otherwise. */
  readonly nextEpoch: bigint
  readonly isHalted: boolean
  readonly isDead: boolean
  /** When it was taken in, in seconds since 1970. */
  readonly since: bigint
}

type FinalWords = Pick<KnownFinal, 'epoch' | 'height' | 'nextEpoch' | 'isHalted' | 'isDead'> & {
  readonly since: number
  readonly consensusRoot: Hex
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
    }
  }

  /** How long after its epoch a certificate that does not close it counts, in seconds. */
  async certificateAgeMax(): Promise<bigint> {
    return (await this.#read('certificateAgeMax', [])) as bigint
  }

  /** The message that brings a certificate; `siblings` prove the block that L1 knows in it. */
  submission({ certificate, set }: ProvedCertificate, siblings: readonly Uint8Array[]): L1Message {
    const { vote, signers, signature } = certificate
    const signed = new Set(indexesOf(signers, set.validators.length))
    const absent = set.validators
      .filter((_, index) => !signed.has(index))
      .map(({ operator }) => operator)
      // MUST rise: L1 finds one named twice by it.
      .sort(compareBytes)
    const { blockHash, consensusRoot, histRoot, ...numbers } = vote
    const hashes = {
      blockHash: toHex(blockHash),
      consensusRoot: toHex(consensusRoot),
      histRoot: toHex(histRoot),
    }
    const words = {
      vote: { ...numbers, ...hashes },
      absent: absent.map((operator) => bigintToHex(bytesToBigint(operator), 20)),
      signature: signatureWords(signature),
    }
    return messageTo(this.#contract, {
      name: 'submit',
      args: [this.#networkId, words, siblings.map(toHex)],
    })
  }

  #read(name: string, args: readonly unknown[]): Promise<unknown> {
    return readContract(this.#chain, this.#contract, { name, args })
  }
}
