import assert from 'node:assert/strict'
import { test } from 'node:test'

import { readNetwork } from './networks.ts'
import { StakeChain } from './testing/index.ts'
import { openView } from './view.ts'

const [idle, between, busy] = [1, 2, 3]

test('readNetwork tells the newest load that is proved, and for how long it has been the same', async () => {
  const l1 = new StakeChain({ operatorCount: 1, networkIds: [0, 1] })
  const loadOf = async (id: number) => {
    const { load } = await readNetwork(await openView(l1.client, l1.addresses), id)
    return load
  }
  const { epoch } = await openView(l1.client, l1.addresses)
  assert.equal(await loadOf(0), undefined)
  l1.advance(30 * 20)
  const now = epoch + 20n
  l1.setLoad(0, now - 17n, busy)
  assert.equal(await loadOf(0), undefined, 'that was too long ago')
  l1.setLoad(0, now - 5n, busy)
  assert.deepEqual(await loadOf(0), { load: 'busy', lastEpoch: now - 5n, epochs: 1 })
  for (const age of [4n, 3n, 2n]) l1.setLoad(0, now - age, idle)
  assert.deepEqual(await loadOf(0), { load: 'idle', lastEpoch: now - 2n, epochs: 3 })
  l1.setLoad(0, now - 1n, between)
  assert.deepEqual(await loadOf(0), { load: 'between', lastEpoch: now - 1n, epochs: 1 })
  for (let age = 1n; age <= 18n; age++) l1.setLoad(1, now - age, busy)
  assert.deepEqual(await loadOf(1), { load: 'busy', lastEpoch: now - 1n, epochs: 16 })
})
