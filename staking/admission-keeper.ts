/**
 * Has LightClient know who validates: a network once, its set once an epoch, a member once an epoch
 * in which it is to be named as absent (docs/specs/networks.md §3). All of it stays there, so what
 * was found there is not asked for again.
 */

import { toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import type { HeaderProofArgs } from './own-headers.ts'
import { operatorArg } from './stake-prover.ts'
import type { StakeProver } from './stake-prover.ts'
import { SystemContract } from './system-contract.ts'
import type { SystemContractOptions } from './system-contract.ts'

/** What is remembered to be there, at most; beyond, the oldest is asked for again. */
const knownMax = 4_096

const doneErrors = ['AlreadyAdmitted'] as const

/** What a network is shown of L1: the state, and the header that refers to it. */
export type ShownL1 = { readonly prover: StakeProver; readonly header: HeaderProofArgs }

export type AdmissionStep = {
  /** Whether the network itself was taken in. */
  readonly network: boolean
  /** Epochs whose sets were taken in. */
  readonly sets: readonly bigint[]
}

export class AdmissionKeeper {
  readonly #light: SystemContract
  readonly #networkId: number
  /** By name, what LightClient has. */
  readonly #known = new Set<string>()

  constructor(options: SystemContractOptions & { readonly networkId: number }) {
    this.#light = new SystemContract('LightClient', options)
    this.#networkId = options.networkId
  }

  /**
   * Takes in the network, and the sets of the given epochs as far as L1 settles them.
   *
   * @throws What endpoints and sender throw.
   */
  async step(shown: ShownL1, epochs: readonly bigint[]): Promise<AdmissionStep> {
    const network = await this.#network(shown)
    if (network === 'unknown') return { network: false, sets: [] }
    const sets: bigint[] = []
    for (const epoch of new Set(epochs)) {
      if ((await this.#set(shown, epoch)) === 'sent') sets.push(epoch)
    }
    return { network: network === 'sent', sets }
  }

  /** Has the set of an epoch be known, and these members of it; whether they are. */
  async ensure(
    shown: ShownL1,
    { epoch, operators }: { readonly epoch: bigint; readonly operators: readonly Uint8Array[] },
  ): Promise<boolean> {
    if ((await this.#network(shown)) === 'unknown') return false
    if ((await this.#set(shown, epoch)) === 'unknown') return false
    for (const operator of operators) {
      if ((await this.#member(shown, { epoch, operator })) === 'unknown') return false
    }
    return true
  }

  async #network({ prover, header }: ShownL1): Promise<Known> {
    const id = this.#networkId
    return this.#admitted('network', {
      isThere: async () => {
        const { genesisHash } = (await this.#light.read('networkOf', id)) as { genesisHash: Hex }
        return BigInt(genesisHash) !== 0n
      },
      args: async () => {
        const proof = await prover.network(id)
        return proof && ['admitNetwork', id, header, proof]
      },
    })
  }

  async #set({ prover, header }: ShownL1, epoch: bigint): Promise<Known> {
    const id = this.#networkId
    return this.#admitted(`set ${epoch}`, {
      isThere: async () => {
        const { total } = (await this.#light.read('setOf', id, epoch)) as { total: bigint }
        return total !== 0n
      },
      args: async () => {
        const proof = await prover.set(id, epoch)
        return proof && ['admitSet', id, epoch, header, proof]
      },
    })
  }

  async #member(
    { prover, header }: ShownL1,
    { epoch, operator }: { readonly epoch: bigint; readonly operator: Uint8Array },
  ): Promise<Known> {
    const id = this.#networkId
    const who = operatorArg(operator)
    return this.#admitted(`member ${epoch} ${toHex(operator)}`, {
      isThere: async () => (await this.#light.read('weightOf', id, epoch, who)) !== 0n,
      args: async () => {
        const proof = await prover.member({ id, epoch, operator })
        return proof && ['admitMember', id, epoch, who, header, proof.weight, proof.key]
      },
    })
  }

  async #admitted(
    name: string,
    {
      isThere,
      args,
    }: {
      readonly isThere: () => Promise<boolean>
      readonly args: () => Promise<readonly [method: string, ...unknown[]] | undefined>
    },
  ): Promise<Known> {
    if (this.#known.has(name)) return 'known'
    if (await isThere()) return this.#keep(name, 'known')
    const found = await args()
    if (found === undefined) return 'unknown'
    const [method, ...rest] = found
    const offer = await this.#light.offer({ name: method, args: rest }, doneErrors)
    if (offer.kind === 'refused') return 'unknown'
    return this.#keep(name, offer.kind === 'sent' ? 'sent' : 'known')
  }

  #keep(name: string, known: Known): Known {
    this.#known.add(name)
    const [oldest] = this.#known
    if (this.#known.size > knownMax && oldest !== undefined) this.#known.delete(oldest)
    return known
  }
}

/** Whether LightClient has it: by us just now, by anyone before, or not. */
type Known = 'sent' | 'known' | 'unknown'
