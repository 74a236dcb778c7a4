/**
 * Contracts that reason about time, on a chain whose blocks may share a timestamp (execution
 * seconds are floor(ms / 1000)): a TWAP accumulator, ERC20Votes by timestamp, a vesting wallet.
 */

import assert from 'node:assert/strict'

import type { Artifact } from './compile.ts'
import type { Endpoint } from './endpoint.ts'
import { connect, deploy } from './with-viem.ts'

/** Given, not estimated: what a call costs depends on whether its block opens a new second. */
const gas = 300_000n
const syncs = 6
const vestingSeconds = 4n

/** A price counts once for each second it held, however many blocks share a second. */
export async function useTwap(endpoint: Endpoint, twap: Artifact): Promise<void> {
  const { reader, wallet } = connect(endpoint, 3)
  const address = await deploy(endpoint, { artifact: twap, args: [1n, 1n], accountIndex: 3 })
  const contract = { address, abi: twap.abi }
  const first = Number(await reader.readContract({ ...contract, functionName: 'lastTimestamp' }))

  let expected = 0n
  let price = 1n
  let before = BigInt(first)
  for (let index = 0; index < syncs; index++) {
    const next = BigInt(index + 2)
    const hash = await wallet.writeContract({
      ...contract,
      functionName: 'sync',
      args: [1n, next],
      gas,
    })
    const receipt = await reader.waitForTransactionReceipt({ hash })
    assert.equal(receipt.status, 'success')
    const { timestamp } = await reader.getBlock({ blockNumber: receipt.blockNumber })
    expected += (price << 112n) * (timestamp - before)
    before = timestamp
    price = next
  }
  assert.equal(await reader.readContract({ ...contract, functionName: 'updates' }), BigInt(syncs))
  assert.equal(
    await reader.readContract({ ...contract, functionName: 'cumulativePrice' }),
    expected,
  )
}

/** Past votes are read at a second that has passed; later transfers do not change them. */
export async function useVotes(endpoint: Endpoint, votes: Artifact): Promise<void> {
  const { reader, wallet, account } = connect(endpoint, 4)
  const address = await deploy(endpoint, { artifact: votes, args: [1_000n], accountIndex: 4 })
  const contract = { address, abi: votes.abi }
  const send = async (functionName: string, args: readonly unknown[]) => {
    const hash = await wallet.writeContract({ ...contract, functionName, args: [...args], gas })
    const receipt = await reader.waitForTransactionReceipt({ hash })
    assert.equal(receipt.status, 'success')
    return (await reader.getBlock({ blockNumber: receipt.blockNumber })).timestamp
  }
  const delegatedAt = await send('delegate', [account.address])
  let movedAt = delegatedAt
  while (movedAt === delegatedAt) movedAt = await send('transfer', [address, 1n])
  const left = await reader.readContract({
    ...contract,
    functionName: 'balanceOf',
    args: [account.address],
  })
  const past = await reader.readContract({
    ...contract,
    functionName: 'getPastVotes',
    args: [account.address, delegatedAt],
  })
  const now = await reader.readContract({
    ...contract,
    functionName: 'getVotes',
    args: [account.address],
  })
  assert.equal(now, left)
  assert.ok((past as bigint) > (now as bigint), 'the past reading is from before the last transfer')
}

/** What is released never exceeds the linear schedule, and all of it is released at the end. */
export async function useVesting(endpoint: Endpoint, vesting: Artifact): Promise<void> {
  const { reader, wallet, account } = connect(endpoint, 5)
  const value = 4_000n
  const address = await deploy(endpoint, {
    artifact: vesting,
    args: [account.address, vestingSeconds],
    value,
    accountIndex: 5,
  })
  const contract = { address, abi: vesting.abi }
  const start = (await reader.readContract({ ...contract, functionName: 'start' })) as bigint
  for (;;) {
    const hash = await wallet.writeContract({ ...contract, functionName: 'release', args: [], gas })
    const { blockNumber } = await reader.waitForTransactionReceipt({ hash })
    const { timestamp } = await reader.getBlock({ blockNumber })
    const released = await reader.readContract({
      ...contract,
      functionName: 'released',
      blockNumber,
    })
    const elapsed = timestamp - start
    const due = elapsed >= vestingSeconds ? value : (value * elapsed) / vestingSeconds
    assert.equal(released, due)
    if (elapsed >= vestingSeconds) break
  }
  assert.equal(await reader.getBalance({ address }), 0n)
}
