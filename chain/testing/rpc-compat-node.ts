/**
 * A node that holds the chain of the rpc-compat fixture: our stores, our pool, our RPC in front.
 *
 * The chain began as proof of work, before any rules our machine knows; so its blocks were
 * executed elsewhere (fixture-execution.ts), and what they did is written into our stores, which
 * compute every state root again. From the head on (Osaka rules) our machine runs what is asked
 * of it.
 */

import {
  decodeTransaction,
  emptyOmmersHash,
  headerHash,
  headerOfItem,
  nextBaseFee,
  parseChainConfig,
  recoverSender,
  transactionHash,
  withdrawalOfItem,
} from '@zg/evm'
import type { Header } from '@zg/evm'
import {
  assert,
  bytesEqual,
  decodeRlp,
  encodeRlp,
  fromHex,
  rlpBytes,
  rlpList,
} from '@zg/primitives'
import type { RlpItem } from '@zg/primitives'
import { createSystemClock, MemoryStore } from '@zg/runtime'
import { emptyTrieRoot, genesisParentHash, StateDatabase } from '@zg/state'

import type { ExecutedBlock } from '../block-store.ts'
import { ChainDatabase } from '../chain-database.ts'
import type { NodeView } from '../chain-view.ts'
import type { Genesis } from '../genesis.ts'
import { feesOf } from '../header-rules.ts'
import { Mempool } from '../mempool.ts'
import { inlineRecovery } from '../sender-recovery.ts'
import { executeFixture } from './fixture-execution.ts'
import type { ExecutedFixture, ExecutedFixtureBlock } from './fixture-execution.ts'

/** Loads the fixture's chain into fresh stores. */
export async function loadFixtureNode(
  genesisJson: unknown,
  chainRlp: Uint8Array,
): Promise<NodeView> {
  const executed = await executeFixture(genesisJson, chainRlp)
  const genesis = genesisOf(genesisJson as Record<string, unknown>, executed)
  const store = new MemoryStore()
  const chain = await ChainDatabase.open({ genesis, store, archive: true })
  for (const block of executed.blocks) await importBlock(chain, block)
  const { header, hash } = chain.head()
  const state = chain.stateAt(hash)
  assert(state !== undefined, 'the head has a state')
  const pool = new Mempool({
    config: chain.config,
    recovery: inlineRecovery,
    clock: createSystemClock(),
    head: { header, state, nextBaseFee: nextBaseFee(feesOf(header)) },
  })
  chain.servePending(() => Promise.reject(new Error('The fixture has no block maker')))
  return {
    chain,
    pool,
    networkId: undefined,
    peerCount: () => 0,
    finality: undefined,
    dev: undefined,
  }
}

async function importBlock(chain: ChainDatabase, block: ExecutedFixtureBlock): Promise<void> {
  const executed = executedBlockOf(block)
  const { header } = executed.body
  const prepared = chain.states.prepare(header.parentHash, block.changes)
  assert(bytesEqual(prepared.stateRoot, header.stateRoot), 'our state root is the block header’s')
  chain.states.stage(executed.hash, prepared)
  await chain.finalize([executed])
}

function executedBlockOf({ rlp, receipts }: ExecutedFixtureBlock): ExecutedBlock {
  const [headerList, transactionList, , withdrawalList = []] = rlpList(decodeRlp(rlp))
  const header = headerOfItem(headerList as RlpItem)
  const bytesOfAll = rlpList(transactionList as RlpItem).map((item) =>
    item instanceof Uint8Array ? rlpBytes(item) : encodeRlp(item),
  )
  const transactions = bytesOfAll.map((bytes) => {
    const transaction = decodeTransaction(bytes)
    const sender = recoverSender(transaction)
    return { transaction, hash: transactionHash(transaction), sender, bytes }
  })
  const withdrawals = rlpList(withdrawalList).map(withdrawalOfItem)
  const body = { header, transactions: bytesOfAll, withdrawals, requests: [] }
  const supply = { destroyedWei: 0n, outboxWei: undefined }
  return { hash: headerHash(header), body, transactions, receipts, supply }
}

/** The genesis block as Frontier had it: no field that came by a later fork. */
function genesisOf(json: Record<string, unknown>, executed: ExecutedFixture): Genesis {
  const changes = executed.genesisChanges
  const header: Header = {
    parentHash: new Uint8Array(32),
    ommersHash: emptyOmmersHash,
    coinbase: BigInt(String(json['coinbase'])),
    stateRoot: rootOf(changes),
    transactionsRoot: emptyTrieRoot,
    receiptsRoot: emptyTrieRoot,
    logsBloom: new Uint8Array(256),
    difficulty: BigInt(String(json['difficulty'])),
    number: 0,
    gasLimit: BigInt(String(json['gasLimit'])),
    gasUsed: 0n,
    timestamp: Number(json['timestamp']),
    extraData: fromHex(String(json['extraData'])),
    prevRandao: fromHex(String(json['mixHash'])),
    nonce: new Uint8Array(8),
  }
  const hash = headerHash(header)
  const config = parseChainConfig(json['config'])
  return { config, header, hash, changes, network: undefined }
}

function rootOf(changes: ExecutedFixture['genesisChanges']): Uint8Array {
  const states = StateDatabase.open({ store: new MemoryStore() })
  return states.prepare(genesisParentHash, changes).stateRoot
}
