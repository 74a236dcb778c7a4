import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { consensusRoot } from '@zg/consensus'
import { toHex } from '@zg/primitives'

import { OwnHeaders } from './own-headers.ts'
import { openKeeperWorld } from './testing/keeper-world.ts'

const unproved = { code: 'STAKING_NETWORK_PROOF_INVALID' }

describe('OwnHeaders', () => {
  test('a proof stays good, however many blocks follow within its second', async () => {
    const { home, endpoint, chain, sealTo } = await openKeeperWorld({ funds: 0n })
    const headers = new OwnHeaders({ endpoint, chain })
    await sealTo(5)
    home.world.isSubSecond = true
    const second = home.world.timestamp
    for (let made = 0; made < 5; made++) {
      await endpoint.seal({ timestamp: second, isStateKept: true })
    }
    // The ring holds the parent of the last block of the second before: which one that is, is sure.
    const anchor = await headers.anchor()
    assert.ok(anchor !== undefined)
    assert.equal(anchor.newest, 10n)
    assert.equal(anchor.header.height, 4n)
    const proof = await headers.proofOf(anchor)
    const advance = () => home.call('EpochInfo', 'advance', [proof])
    await endpoint.seal({ timestamp: second, isStateKept: true })
    advance()
    const { consensusRoot: known } = home.ask('EpochInfo', 'newest') as { consensusRoot: string }
    assert.equal(known, toHex(consensusRoot(anchor.header)))
  })

  test('earlier headers are proved by the history of the one that the ring holds', async () => {
    const { home, endpoint, chain, sealTo } = await openKeeperWorld({ funds: 0n })
    const headers = new OwnHeaders({ endpoint, chain })
    assert.equal(await headers.anchor(), undefined)
    await sealTo(9)
    const anchor = await headers.anchor()
    assert.ok(anchor !== undefined)
    for (const height of [1, 2, Number(anchor.header.height) - 1]) {
      home.call('EpochInfo', 'advance', [await headers.proofOf(anchor, home.header(height))])
    }
    // One of another chain is in no history.
    const { header } = anchor
    const other = { ...home.header(2), mix: new Uint8Array(32).fill(7) }
    await assert.rejects(headers.proofOf(anchor, other), unproved)
    await assert.rejects(headers.proofOf(anchor, { ...header, height: 20n }), unproved)
    endpoint.bend = { historyProof: () => undefined }
    await assert.rejects(headers.proofOf(anchor, home.header(2)), unproved)
  })

  test('headers that the chain does not keep are not believed', async () => {
    const { endpoint, chain, sealTo } = await openKeeperWorld({ funds: 0n })
    const headers = new OwnHeaders({ endpoint, chain })
    await sealTo(9)
    endpoint.bend = { header: (found) => found && { ...found, mix: new Uint8Array(32).fill(7) } }
    await assert.rejects(headers.anchor(), unproved)
    endpoint.bend = { header: () => undefined }
    await assert.rejects(headers.anchor(), unproved)
    endpoint.bend = { header: (found) => found && { ...found, height: found.height + 1n } }
    await assert.rejects(headers.anchor(), unproved)
    // All of one second: none is sure to stay.
    endpoint.bend = { header: (found) => found && { ...found, timestampMs: 5_000 } }
    assert.equal(await headers.anchor(), undefined)
    endpoint.bend = {}
    assert.equal((await headers.anchor())?.header.height, 7n)
  })
})
