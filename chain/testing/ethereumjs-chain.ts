/**
 * A second opinion on blocks: `@ethereumjs/vm` over its own state, with the rules of a header and
 * its parent from `@ethereumjs/block` put together as its blockchain does.
 */

import { createBlockFromRLP } from '@ethereumjs/block'
import type { Block, BlockHeader } from '@ethereumjs/block'
import { createCommonFromGethGenesis, parseGethGenesisState } from '@ethereumjs/common'
import type { Common, GethGenesis } from '@ethereumjs/common'
import { MerkleStateManager } from '@ethereumjs/statemanager'
import { createVM, runBlock } from '@ethereumjs/vm'
import type { VM } from '@ethereumjs/vm'

import { encodeBlock } from '../block-codec.ts'
import type { BlockBody } from '../block-codec.ts'

export class EthereumjsChain {
  readonly #vm: VM
  readonly #common: Common
  readonly #hashes: Map<number, Uint8Array>
  #parent: BlockHeader

  private constructor(parts: {
    vm: VM
    common: Common
    hashes: Map<number, Uint8Array>
    genesis: BlockHeader
  }) {
    this.#vm = parts.vm
    this.#common = parts.common
    this.#hashes = parts.hashes
    this.#parent = parts.genesis
  }

  /**
   * Begins at a genesis.
   *
   * @param json - geth's genesis format.
   * @param genesisBlock - The genesis block, whose state root is compared.
   */
  static async open(json: unknown, genesisBlock: BlockBody): Promise<EthereumjsChain> {
    const common = createCommonFromGethGenesis(json as GethGenesis, {})
    const state = new MerkleStateManager({ common })
    await state.generateCanonicalGenesis(parseGethGenesisState(json as GethGenesis))
    const genesis = createBlockFromRLP(encodeBlock(genesisBlock), { common, setHardfork: true })
    const root = await state.getStateRoot()
    if (!equal(root, genesis.header.stateRoot)) throw new Error('The genesis roots differ')
    const hashes = new Map([[0, genesis.hash()]])
    const blockchain = {
      getBlock: (number: number) =>
        Promise.resolve({ hash: () => hashes.get(number) ?? new Uint8Array(32) }),
      putBlock: () => Promise.resolve(),
      shallowCopy: () => blockchain,
      validateHeader: (header: BlockHeader) => Promise.resolve(header),
    }
    const vm = await createVM({ common, stateManager: state, blockchain })
    return new EthereumjsChain({ vm, common, hashes, genesis: genesis.header })
  }

  /** Executes a block on the last valid one; the problem, or undefined when it is valid. */
  async add(block: BlockBody): Promise<string | undefined> {
    let foreign: Block
    const root = this.#parent.stateRoot
    try {
      foreign = createBlockFromRLP(encodeBlock(block), {
        common: this.#common,
        setHardfork: true,
      })
      this.#checkParent(foreign.header)
      await runBlock(this.#vm, { block: foreign, setHardfork: true, root })
    } catch (error) {
      await this.#vm.stateManager.setStateRoot(root)
      return error instanceof Error ? error.message : String(error)
    }
    this.#parent = foreign.header
    this.#hashes.set(Number(foreign.header.number), foreign.hash())
    return undefined
  }

  /** What `Blockchain.validateHeader` of ethereumjs checks of proof-of-stake headers. */
  #checkParent(header: BlockHeader): void {
    const parent = this.#parent
    if (!equal(header.parentHash, parent.hash())) throw new Error('wrong parent hash')
    if (header.number !== parent.number + 1n) throw new Error('wrong number')
    if (header.timestamp <= parent.timestamp) throw new Error('wrong timestamp')
    header.validateGasLimit(parent)
    if (header.baseFeePerGas !== parent.calcNextBaseFee()) throw new Error('wrong base fee')
    if (header.excessBlobGas !== parent.calcNextExcessBlobGas(header.common)) {
      throw new Error('wrong excess blob gas')
    }
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
