/**
 * Runs a catch-up: asks one peer at a time for the blocks after the last final one, proves,
 * executes and finalizes them, and goes on until no peer is ahead. Asked is whoever was quickest.
 */

import { silentLogger } from '@zg/runtime'
import type { Logger, PeerId, Timer } from '@zg/runtime'
import { ZgError } from '@zg/primitives'
import type { IncrementalTree } from '@zg/primitives'

import type { PayloadAttributes, PayloadStatus } from './application.ts'
import type { Certificate } from './certificate.ts'
import { chainRequestTimeoutMs, EpochUnknownError, proveChain } from './chain-sync.ts'
import type { ProvedBlock } from './chain-sync.ts'
import { attributesFor } from './engine-blocks.ts'
import type { BlockNode } from './engine-state.ts'
import { nodeOf } from './engine-state.ts'
import type { ConsensusHeader } from './header.ts'
import { isClosing } from './header.ts'
import type { LedgerBlock } from './ledger.ts'
import { blocksPerMessageMax } from './messages.ts'
import type { FinalityProof, Message } from './messages.ts'
import { PeerPaces } from './peer-paces.ts'
import type { ValidatorOptions } from './validator-options.ts'

export type FollowerPorts = {
  readonly head: () => { readonly header: ConsensusHeader; readonly consensusRoot: Uint8Array }
  readonly history: (count: number) => IncrementalTree
  /** Peers that hold later final blocks, furthest ahead first. */
  readonly peers: () => readonly PeerId[]
  readonly send: (peer: PeerId, message: Message) => void
  readonly finalize: (blocks: readonly LedgerBlock[]) => Promise<void>
  readonly onSynced: (node: BlockNode, proof: Certificate | undefined) => void
}

export class ChainFollower {
  readonly #options: ValidatorOptions
  readonly #ports: FollowerPorts
  readonly #logger: Logger
  readonly #paces = new PeerPaces(chainRequestTimeoutMs)
  #asked: { readonly peer: PeerId; readonly fromHeight: bigint; readonly atMs: number } | undefined
  #isExecuting = false
  #timer: Timer | undefined

  constructor(options: ValidatorOptions, ports: FollowerPorts) {
    this.#options = options
    this.#ports = ports
    this.#logger = options.log ?? silentLogger
  }

  get isRunning(): boolean {
    return this.#asked !== undefined || this.#isExecuting
  }

  /** Asks a peer that is ahead, unless an answer is awaited or being executed. */
  follow(): void {
    if (this.isRunning) return
    const peer = this.#paces.quickest(this.#ports.peers())
    if (peer === undefined) return
    const { clock } = this.#options
    const fromHeight = this.#ports.head().header.height + 1n
    this.#asked = { peer, fromHeight, atMs: clock.nowMs() }
    this.#ports.send(peer, { kind: 'chain-request', fromHeight, count: blocksPerMessageMax })
    this.#timer = clock.setTimer(chainRequestTimeoutMs, () => {
      this.#asked = undefined
      this.#paces.failed(peer)
      this.follow()
    })
  }

  stop(): void {
    this.#timer?.cancel()
    this.#asked = undefined
  }

  /** An answer; ignored unless it was asked for. */
  async receive(from: PeerId, chain: Extract<Message, { kind: 'chain' }>): Promise<void> {
    const asked = this.#asked
    if (from !== asked?.peer || this.#isExecuting) return
    this.#timer?.cancel()
    this.#asked = undefined
    if (chain.blocks[0]?.header.height !== asked.fromHeight) {
      // As below: the next status asks somebody else.
      this.#paces.failed(from)
      return
    }
    this.#paces.answered(from, chain.blocks.length, this.#options.clock.nowMs() - asked.atMs)
    this.#isExecuting = true
    let wentOn = false
    try {
      wentOn = await this.#take(from, chain)
    } finally {
      this.#isExecuting = false
    }
    if (wentOn) this.follow()
  }

  async #take(from: PeerId, chain: Extract<Message, { kind: 'chain' }>): Promise<boolean> {
    const head = this.#ports.head()
    // The engine may have finalized some of these meanwhile.
    if (chain.blocks[0]?.header.height !== head.header.height + 1n) return true
    const { genesis, scheme, l1View, network } = this.#options
    const context = { identity: genesis.identity, scheme, l1View }
    const history = this.#ports.history(Number(head.header.height) + 1)
    let proved: readonly ProvedBlock[]
    try {
      proved = proveChain(context, { header: head.header, history }, chain)
    } catch (error) {
      if (!(error instanceof ZgError)) throw error
      if (error instanceof EpochUnknownError) {
        this.#logger.debug('a chain waits for the set of its epoch', { from, error })
        return false
      }
      this.#paces.failed(from)
      this.#logger.warn('a peer sent a chain that does not verify', { from, error })
      network.reportMisbehaviour(from, 'a chain that does not verify')
      // The next status or retry asks somebody else; asking at once would loop at network speed.
      return false
    }
    return this.#execute(from, head, { proved, proof: chain.proof })
  }

  /** How many of the blocks, from the first on, the application has executed. */
  async #validPrefix(
    from: PeerId,
    head: { readonly header: ConsensusHeader; readonly consensusRoot: Uint8Array },
    proved: readonly ProvedBlock[],
  ): Promise<number> {
    let parent = head
    for (const [index, { block, consensusRoot }] of proved.entries()) {
      const { header, payload } = block
      const attributes = attributesFor(this.#options.l1View, header, parent)
      if (attributes === undefined) {
        this.#logger.debug('a final block waits for its credits', { height: header.height })
        return index
      }
      const status = await this.#validate(attributes, header, payload)
      if (status !== 'VALID') {
        // INVALID: more than two thirds finalized what this application refuses. Never follow.
        this.#logger.error('a final block was not accepted here', { height: header.height, status })
        if (status === 'MISMATCH') {
          this.#options.network.reportMisbehaviour(from, 'a chain with bodies of other blocks')
        }
        return index
      }
      parent = { header, consensusRoot }
    }
    return proved.length
  }

  /** A check that failed is no answer about the block. */
  async #validate(
    attributes: PayloadAttributes,
    { executionHash, height }: ConsensusHeader,
    bytes: Uint8Array,
  ): Promise<PayloadStatus> {
    try {
      return await this.#options.application.validatePayload(attributes, { executionHash, bytes })
    } catch (error) {
      this.#logger.error('validating a block failed', { height, error })
      return 'SYNCING'
    }
  }

  async #execute(
    from: PeerId,
    head: { readonly header: ConsensusHeader; readonly consensusRoot: Uint8Array },
    { proved, proof }: { proved: readonly ProvedBlock[]; proof: FinalityProof },
  ): Promise<boolean> {
    const valid = await this.#validPrefix(from, head, proved)
    const last = proved[valid - 1]
    if (last === undefined) return false
    // All of them are final, being ancestors of a final block; the proof names the last alone.
    const isWhole = valid === proved.length
    const certificate = isWhole && proof.kind === 'finalization' ? proof.certificate : undefined
    const view = certificate?.vote.view ?? 0
    const blocks = proved.slice(0, valid).map(({ block, consensusRoot }) => ({
      header: block.header,
      reveal: block.reveal,
      consensusRoot,
      view: block === last.block ? view : 0,
    }))
    const node = nodeOf({
      header: last.block.header,
      consensusRoot: last.consensusRoot,
      block: undefined,
      parent: undefined,
      history: last.history,
      isClosing: isClosing(last.block.header, this.#options.l1View),
      status: 'valid',
    })
    // The engine first: it must not finalize these a second time behind the queue.
    this.#ports.onSynced(node, certificate)
    await this.#ports.finalize(blocks)
    return true
  }
}
