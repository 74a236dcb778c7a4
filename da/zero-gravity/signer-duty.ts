/**
 * A node's standing duty to 0G's façade: its key is registered, and it is for the next epoch, each
 * time (docs/specs/da.md §11).
 */

import type { Duty } from '../duties/duty-loop.ts'
import type { Bn254Key } from './bn254.ts'
import type { FacadeChain } from './facade-chain.ts'

/** Where a node signs too, as its operator, and by which key. */
export type FacadeSigning = {
  readonly chain: Pick<FacadeChain, 'keepSigner'>
  readonly key: Bn254Key
}

export class SignerDuty implements Duty {
  readonly what = 'a signer of the façade'
  readonly #signing: FacadeSigning
  readonly #url: string

  /** `url`: where the node is found. */
  constructor(signing: FacadeSigning, url: string) {
    this.#signing = signing
    this.#url = url
  }

  async step(): Promise<boolean> {
    const { chain, key } = this.#signing
    await chain.keepSigner(key, this.#url)
    return false
  }
}
