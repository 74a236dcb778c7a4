/**
 * The messages that a network sent to others, out of its own Outbox, and the places of them under
 * a root that its NetworkInbox keeps: a proof of a timeout names such a one (docs/specs/networks.md
 * §6).
 *
 * A root is kept by `keepOutbox` as it is when that transaction runs, which may be after entries
 * that were not there when it was sent. So the kept one is looked for among the newest counts.
 */

import type { NetworkIdentity, ValidatorSet } from '@zg/consensus'
import { toHex } from '@zg/primitives'

import type { NetworkEndpoint } from './network-endpoint.ts'
import { NetworkProver } from './network-prover.ts'
import type { OutboxEntry } from './outbox-entry.ts'
import { OutboxTree, outboxPageSize, pageOf } from './outbox-tree.ts'
import { SystemContract } from './system-contract.ts'
import type { SystemContractOptions } from './system-contract.ts'

/** Messages that wait, at most; beyond, the oldest are found when a keeper begins again. */
const waitingMax = 4_096

/** Counts of entries below the newest whose roots are looked for. */
const countsTriedMax = 64

/** `keepOutbox` is sent again when its root was not found for so many steps. */
const stepsPerKeep = 8

export type OwnMessagesOptions = SystemContractOptions & {
  readonly endpoint: NetworkEndpoint
  readonly identity: NetworkIdentity
  readonly sets: (epoch: bigint) => ValidatorSet | undefined
}

/** `NetworkInbox.Place`, as the contract takes it. */
export type PlaceArgs = {
  readonly index: number
  readonly root: string
  readonly siblings: readonly string[]
}

export class OwnMessages {
  readonly #options: OwnMessagesOptions
  readonly #prover: NetworkProver
  readonly #tree: OutboxTree
  readonly #inbox: SystemContract
  /** By index. */
  readonly #waiting = new Map<number, OutboxEntry>()
  /** The newest count whose root is kept. */
  #kept = 0
  /** Steps until a root that was to be kept is given up. */
  #patience = 0

  constructor(options: OwnMessagesOptions) {
    this.#options = options
    this.#prover = new NetworkProver(options)
    this.#inbox = new SystemContract('NetworkInbox', options)
    this.#tree = new OutboxTree({ outboxLogs: (query) => this.#logs(query) })
  }

  /**
   * Takes in what the Outbox holds now; says whether it could.
   *
   * @throws {NetworkProofError} `STAKING_NETWORK_PROOF_INVALID`; {OutboxUnprovedError}
   *   `STAKING_OUTBOX_UNPROVED`; what the endpoint throws.
   */
  async extend(): Promise<boolean> {
    const newest = await this.#prover.certificate('latest', this.#options.sets)
    if (newest === undefined || newest === 'set unknown') return false
    const found = await this.#prover.outboxAt(newest.certificate.vote)
    if (found === undefined) return false
    await this.#tree.extend(found)
    if (this.#patience > 0) this.#patience--
    return true
  }

  /** Messages to a network that expired by a second, in order, as a node told them. */
  expired(
    networkId: number,
    seconds: bigint,
  ): readonly { readonly index: number; readonly entry: OutboxEntry }[] {
    return [...this.#waiting]
      .map(([index, entry]) => ({ index, entry }))
      .filter(({ index, entry: { network, expiry } }) => {
        return network === networkId && expiry <= seconds && index < this.#tree.count
      })
      .toSorted((a, b) => a.index - b.index)
  }

  /** An entry of those under the newest root. */
  async entry(index: number): Promise<OutboxEntry | undefined> {
    return (await this.#tree.page(pageOf(index)))[index % outboxPageSize]
  }

  forget(index: number): void {
    this.#waiting.delete(index)
  }

  /**
   * The place of an entry under a root that is kept; undefined while one is on its way.
   *
   * @throws What the endpoint, chain and sender throw.
   */
  async place(index: number): Promise<PlaceArgs | undefined> {
    if (index >= this.#kept) await this.#find(index)
    if (index >= this.#kept) {
      if (this.#patience === 0) {
        await this.#inbox.offer({ name: 'keepOutbox', args: [] })
        this.#patience = stepsPerKeep
        await this.#find(index)
      }
      if (index >= this.#kept) return undefined
    }
    const count = this.#kept
    const siblings = await this.#tree.siblings(index, count)
    return { index, root: toHex(await this.#tree.rootOf(count)), siblings: siblings.map(toHex) }
  }

  /** Looks for a kept root above an entry, the newest first. */
  async #find(index: number): Promise<void> {
    const { count } = this.#tree
    const least = Math.max(index, count - countsTriedMax)
    for (let tried = count; tried > least; tried--) {
      const root = toHex(await this.#tree.rootOf(tried))
      const { networkId } = this.#options.identity
      if ((await this.#inbox.read('isOutboxRoot', networkId, root)) !== true) continue
      this.#kept = tried
      this.#patience = 0
      return
    }
  }

  /** Passes logs on, and keeps the messages. */
  async #logs(query: Parameters<NetworkEndpoint['outboxLogs']>[0]) {
    const found = await this.#options.endpoint.outboxLogs(query)
    for (const { index, entry } of found.logs) {
      if (entry.kind !== 'message') continue
      this.#waiting.set(Number(index), entry)
      const [oldest] = this.#waiting.keys()
      if (this.#waiting.size > waitingMax && oldest !== undefined) this.#waiting.delete(oldest)
    }
    return found
  }
}
