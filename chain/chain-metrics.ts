/** What a node counts of its chain and pool, renewed at every final block. */

import type { Validator } from '@zg/consensus'
import type { Metrics } from '@zg/runtime'

import type { ChainDatabase } from './chain-database.ts'
import type { Mempool } from './mempool.ts'

export function observeChain(parts: {
  readonly chain: ChainDatabase
  readonly pool: Mempool
  /** Undefined in a node that follows. */
  readonly validator: Validator | undefined
  readonly metrics: Metrics
}): void {
  const { chain, pool, validator, metrics } = parts
  const head = metrics.gauge({ name: 'zg_chain_head_number', help: 'Number of the final head' })
  const transactions = metrics.counter({
    name: 'zg_chain_transactions_total',
    help: 'Transactions in final blocks',
  })
  const gas = metrics.counter({ name: 'zg_chain_gas_total', help: 'Gas used by final blocks' })
  const pooled = metrics.gauge({
    name: 'zg_pool_transactions',
    help: 'Transactions that wait, at the last final block',
    labels: ['kind'],
  })
  const poolSize = metrics.gauge({ name: 'zg_pool_bytes', help: 'Bytes of those' })
  const view = metrics.gauge({ name: 'zg_chain_view', help: 'View of consensus' })
  const counted = metrics.gauge({
    name: 'zg_consensus_events',
    help: 'Since the start, by kind: votes signed and refused, views nullified, evidence found, …',
    labels: ['kind'],
  })
  chain.onHead(({ header, transactions: included }) => {
    head(header.number)
    transactions(included.length)
    gas(Number(header.gasUsed))
    const { pending, queued } = pool.counts()
    pooled(pending, { kind: 'pending' })
    pooled(queued, { kind: 'queued' })
    poolSize(pool.sizeBytes)
    if (validator === undefined) return
    const { view: viewNow, counters } = validator.status()
    view(viewNow)
    for (const [kind, count] of Object.entries(counters)) counted(count, { kind })
  })
}
