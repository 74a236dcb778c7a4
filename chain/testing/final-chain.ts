/**
 * A network of one validator without its engine: makes final blocks on demand, certificates and
 * all, so that a test says when the chain grows.
 */

import {
  attributesFor,
  beaconDigest,
  bitmapOf,
  blsScheme,
  consensusRoot,
  finalityVoteDigest,
  viewWithoutL1,
  Ledger,
  nextMix,
} from '@zg/consensus'
import type {
  ConsensusHeader,
  FinalityCertificate,
  LedgerBlock,
  NetworkIdentity,
  L1View,
  ValidatorSet,
} from '@zg/consensus'
import { assert, incrementalRoot, keccak256, toHex } from '@zg/primitives'
import { MemoryStore, silentLogger } from '@zg/runtime'

import { ConsensusApplication } from '../consensus-application.ts'
import { parseGenesis } from '../genesis.ts'
import type { Genesis } from '../genesis.ts'
import { fixedGasLimitOf } from '../governed-parameters.ts'
import type { GenesisAccount } from '../network-genesis.ts'
import { fixedValidatorSet } from '../network-parameters.ts'
import { genesisLedgerBlock } from '../open/open-follower.ts'
import type { Upstream } from '../open/open-node.ts'
import { answerBlocks } from '../open/responder.ts'
import type { ChainSource } from '../open/responder.ts'
import { consensusGenesisOf } from '../validator-node.ts'
import { openTestChain, testGenesisJson, testValidatorKey } from './test-chain.ts'
import type { TestChain } from './test-chain.ts'

export type FinalChain = TestChain & {
  readonly source: ChainSource
  readonly ledger: Ledger
  readonly l1View: L1View
  /** Makes blocks of what the pool holds. */
  extend(count: number): Promise<void>
  certificate(height: number): FinalityCertificate
  /** The validator as a node in front of it sees it; `forwarded` is what that node gave. */
  upstream(): Upstream & { readonly forwarded: string[] }
}

export const testScheme = blsScheme()

const secretKey = testValidatorKey(0)

/** Genesis of the chain: a few contracts with many slots among some thousand accounts. */
export function crowdedGenesis(accountCount: number): Genesis {
  return parseGenesis(testGenesisJson({ accounts: crowdedAccounts(accountCount, 3_000) }))
}

/** Accounts of which each fiftieth has code and slots, and each 250th `manySlots` of them. */
export function crowdedAccounts(accountCount: number, manySlots: number): GenesisAccount[] {
  const accounts: GenesisAccount[] = []
  for (let index = 1; index <= accountCount; index++) {
    const hash = keccak256(Uint8Array.of(index >> 8, index & 0xff))
    const address = BigInt(toHex(hash.subarray(0, 20)))
    const isContract = index % 50 === 0
    const slotCount = index % 250 === 0 ? manySlots : 5
    accounts.push({
      address,
      balance: BigInt(index),
      ...(isContract && {
        code: Uint8Array.of(0x60, index & 0xff, 0x60, index >> 8, 0x00),
        storage: Array.from({ length: slotCount }, (_, slot) => [BigInt(slot), address] as const),
      }),
    })
  }
  return accounts
}

export async function openFinalChain(genesis: Genesis): Promise<FinalChain> {
  const maker = await BlockMaker.open(genesis)
  const { test, source, ledger, l1View } = maker
  return {
    ...test,
    source,
    ledger,
    l1View,
    async extend(count) {
      for (let made = 0; made < count; made++) await maker.makeOne()
    },
    certificate(height) {
      const certificate = ledger.finalityCertificate(BigInt(height))
      assert(certificate !== undefined, 'every height has its certificate')
      return certificate
    },
    upstream: () => upstreamOf(source, test),
  }
}

/** The one validator: builds, signs and makes final. */
class BlockMaker {
  readonly test: TestChain
  readonly ledger: Ledger
  readonly l1View: L1View
  readonly source: ChainSource
  readonly #set: ValidatorSet
  readonly #identity: NetworkIdentity
  readonly #application: ConsensusApplication
  #parent: LedgerBlock

  private constructor(test: TestChain, ledger: Ledger, set: ValidatorSet, parent: LedgerBlock) {
    const { genesis, chain, engine, pool } = test
    assert(genesis.network !== undefined, 'the genesis is a network')
    this.test = test
    this.ledger = ledger
    this.l1View = viewWithoutL1(set)
    this.source = { chain, ledger, l1View: this.l1View }
    this.#set = set
    this.#identity = consensusGenesisOf(genesis, genesis.network).identity
    this.#parent = parent
    this.#application = new ConsensusApplication({
      engine,
      blocks: {
        finalHead: () => ({ number: chain.headNumber(), hash: chain.head().hash }),
        payloadOf: (hash) => chain.payloadOf(hash),
        discard: (hash) => engine.discard(hash),
        hasPending: () => pool.hasPending(),
      },
      gasLimit: fixedGasLimitOf(genesis),
      logger: silentLogger,
    })
  }

  static async open(genesis: Genesis): Promise<BlockMaker> {
    assert(genesis.network !== undefined, 'the genesis is a network')
    const store = new MemoryStore()
    const test = await openTestChain({ genesis, store })
    const ledger = new Ledger(store)
    const parent = genesisLedgerBlock(consensusGenesisOf(genesis, genesis.network))
    await ledger.append(parent)
    return new BlockMaker(test, ledger, fixedValidatorSet(genesis.network), parent)
  }

  async makeOne(): Promise<void> {
    const { header: above } = this.#parent
    const height = above.height + 1n
    const reveal = testScheme.sign(secretKey, beaconDigest(this.#identity, 0n, height))
    const draft: ConsensusHeader = {
      ...above,
      height,
      timestampMs: above.timestampMs + 1_000,
      proposer: this.#set.validators[0]?.operator ?? new Uint8Array(20),
      histRoot: incrementalRoot(this.ledger.history),
      mix: nextMix(above.mix, reveal),
    }
    const attributes = attributesFor(this.l1View, draft, this.#parent)
    assert(attributes !== undefined, 'without an L1 no credit is due')
    const { executionHash } = await this.#application.buildPayload(attributes, 50)
    const header = { ...draft, executionHash }
    const block = { header, reveal, view: 1, consensusRoot: consensusRoot(header) }
    await this.ledger.append(block)
    await this.#application.finalize(executionHash)
    await this.ledger.addFinalityCertificate(this.#certify(block))
    this.#parent = block
  }

  #certify({ header, consensusRoot: root }: LedgerBlock): FinalityCertificate {
    const vote = {
      epoch: 0n,
      height: header.height,
      blockHash: header.executionHash,
      consensusRoot: root,
      histRoot: header.histRoot,
      nextEpoch: 0n,
    }
    const signed = testScheme.sign(secretKey, finalityVoteDigest(this.#identity, vote))
    const signature = testScheme.aggregate([signed])
    assert(signature !== undefined, 'one signature aggregates')
    return { vote, signers: bitmapOf([0], this.#set.validators.length), signature }
  }
}

function upstreamOf(source: ChainSource, { pool }: TestChain): ReturnType<FinalChain['upstream']> {
  const forwarded: string[] = []
  return {
    forwarded,
    source: () => ({
      name: 'validator',
      isAhead: (height) => source.ledger.height > height,
      blocks: async (fromHeight, count) => answerBlocks(source, { fromHeight, count }),
      historyProof: async (height, under) => source.ledger.historyProof(height, under),
      accuse: (reason) => assert(false, `the validator is honest: ${reason}`),
    }),
    forward(transactions) {
      for (const bytes of transactions) {
        forwarded.push(toHex(keccak256(bytes)))
        void pool.addRemote(bytes).catch(() => undefined)
      }
    },
  }
}
