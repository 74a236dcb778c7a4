/**
 * What LightClient of one network knows of another, and how it comes to know more: by the newest
 * certificate, while that is of the epoch it expects; else by L1's word (docs/specs/networks.md
 * §4).
 */

import { fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { AdmissionKeeper } from './admission-keeper.ts'
import type { ShownL1 } from './admission-keeper.ts'
import type { NetworkProver, ProvedCertificate } from './network-prover.ts'
import { absentOf, certificateArgs } from './oracle-contract.ts'
import { SystemContract } from './system-contract.ts'
import type { SystemContractOptions } from './system-contract.ts'

/** The newest block of the other network that is known. */
export type OtherFinal = {
  readonly epoch: bigint
  readonly height: bigint
  readonly nextEpoch: bigint
  readonly isHalted: boolean
  readonly isDead: boolean
  readonly consensusRoot: Hex
}

/** How a newer block, or an end, came to be known. */
export type OtherAdvance = 'submitted' | 'adopted'

export class OtherFinality {
  readonly #light: SystemContract
  readonly #admission: AdmissionKeeper
  readonly #prover: NetworkProver
  readonly #networkId: number

  /** @param options.networkId - Of the other network. */
  constructor(
    options: SystemContractOptions & {
      readonly networkId: number
      readonly prover: NetworkProver
    },
  ) {
    this.#light = new SystemContract('LightClient', options)
    this.#admission = new AdmissionKeeper(options)
    this.#prover = options.prover
    this.#networkId = options.networkId
  }

  /** Has the network be admitted; undefined while L1 does not settle that. */
  async admitted(l1: ShownL1): Promise<OtherFinal | undefined> {
    await this.#admission.step(l1, [])
    return this.known()
  }

  /** Undefined while the network is not admitted. */
  async known(): Promise<OtherFinal | undefined> {
    const { genesisHash } = (await this.#light.read('networkOf', this.#networkId)) as {
      genesisHash: Hex
    }
    if (BigInt(genesisHash) === 0n) return undefined
    return (await this.#light.read('finalOf', this.#networkId)) as OtherFinal
  }

  /** Has LightClient know a newer block, if that can be shown. */
  async advance(
    known: OtherFinal,
    newest: ProvedCertificate,
    l1: ShownL1,
  ): Promise<OtherAdvance | undefined> {
    const { vote } = newest.certificate
    if (vote.height <= known.height) return undefined
    const expected = known.nextEpoch === 0n ? known.epoch : known.nextEpoch
    // Closes are L1's to know first: LightClient takes the next epoch's certificates after it.
    if (vote.epoch !== expected || vote.nextEpoch !== 0n) return this.adopt(known, l1)
    const operators = absentOf(newest)
    const isKnown = await this.#admission.ensure(l1, { epoch: vote.epoch, operators })
    if (!isKnown) return this.adopt(known, l1)
    const block = { height: known.height, consensusRoot: fromHex(known.consensusRoot) }
    const siblings = await this.#prover.historyProof(block, vote)
    const args = [this.#networkId, certificateArgs(newest), siblings.map(toHex)]
    const offer = await this.#light.offer({ name: 'submit', args }, ['NotNewer'])
    return offer.kind === 'sent' ? 'submitted' : undefined
  }

  /** Takes L1's word that the network has ended, and for its last block; nothing else. */
  async adoptEnd(known: OtherFinal, l1: ShownL1): Promise<OtherAdvance | undefined> {
    const found = await l1.prover.final(this.#networkId)
    return found !== undefined && isEndOf(known, found) ? this.adopt(known, l1) : undefined
  }

  /** Takes L1's word for what is final there, or that it has ended. */
  async adopt(known: OtherFinal, { prover, header }: ShownL1): Promise<OtherAdvance | undefined> {
    const found = await prover.final(this.#networkId)
    if (found === undefined) return undefined
    if (found.height <= known.height && !isEndOf(known, found)) return undefined
    const args = [this.#networkId, header, found.args]
    const offer = await this.#light.offer({ name: 'adopt', args }, ['NotNewer'])
    return offer.kind === 'sent' ? 'adopted' : undefined
  }
}

/** Whether L1 says of a network that is known to live that it has ended. */
function isEndOf(
  known: OtherFinal,
  found: { readonly isHalted: boolean; readonly isDead: boolean },
): boolean {
  return (found.isHalted && !known.isHalted) || (found.isDead && !known.isDead)
}
