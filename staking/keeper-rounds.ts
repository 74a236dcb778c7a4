/**
 * What all that is sent to a network with proofs of L1 stands on: a header that the network itself
 * holds, and the state of L1 that it refers to.
 */

import type { ShownL1 } from './admission-keeper.ts'
import type { Failover } from './failover.ts'
import type { L1Endpoint } from './l1-endpoint.ts'
import type { Anchor, OwnHeaders } from './own-headers.ts'
import { ProvedState } from './proved-state.ts'
import { StakeProver } from './stake-prover.ts'
import type { ProvedContracts } from './stake-prover.ts'

/** What all parts of a step stand on. */
export type KeeperRound = {
  readonly anchor: Anchor
  readonly state: ProvedState
  readonly l1: ShownL1
}

export type KeeperRoundsOptions = {
  readonly headers: OwnHeaders
  readonly l1: Failover<Pick<L1Endpoint, 'proof'>>
  /** Of L1. */
  readonly contracts: ProvedContracts
  /** The clock of OperatorRegistry: start and length of epochs, in seconds. */
  readonly epochs: { readonly start: bigint; readonly length: bigint }
}

export class KeeperRounds {
  readonly #options: KeeperRoundsOptions

  constructor(options: KeeperRoundsOptions) {
    this.#options = options
  }

  /**
   * The newest one, or why there is none: no header is held yet, or none refers to L1.
   *
   * @throws {NetworkProofError} `STAKING_NETWORK_PROOF_INVALID`; what endpoints throw.
   */
  async next(): Promise<KeeperRound | 'header' | 'reference'> {
    const { headers, l1, contracts, epochs } = this.#options
    const anchor = await headers.anchor()
    if (anchor === undefined) return 'header'
    const { number, stateRoot, timestamp } = anchor.header.l1
    // A header that refers to nothing names the time 0.
    if (timestamp < epochs.start) return 'reference'
    const state = new ProvedState(l1, { number, stateRoot })
    const epoch = (timestamp - epochs.start) / epochs.length
    const prover = new StakeProver({ state, contracts, epoch })
    const header = await headers.proofOf(anchor)
    return { anchor, state, l1: { prover, header } }
  }
}
