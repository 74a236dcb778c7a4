/** A chain in memory with our RPC methods over it, which makes a block when told to. */

import type { Fork } from '@zg/evm'
import { concat, fromHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSystemClock } from '@zg/runtime'
import type { Clock, KeyValueStore } from '@zg/runtime'

import type { NodeView } from '../chain-view.ts'
import { parseGenesis } from '../genesis.ts'
import { answerJsonRpc } from '../rpc/json-rpc.ts'
import type { RpcMethods } from '../rpc/json-rpc.ts'
import { rpcMethods } from '../rpc/methods.ts'
import type { Simulator } from '../rpc/simulator.ts'
import { openTestChain, testGenesisJson } from './test-chain.ts'
import type { TestChain } from './test-chain.ts'

export type RpcTestNode = TestChain & {
  readonly node: NodeView
  readonly methods: RpcMethods
  /** The result of a request. @throws {RpcTestError} with the error's code and data. */
  readonly ask: (method: string, ...params: unknown[]) => Promise<unknown>
  /** Makes a block of what the pool has and finalizes it. */
  readonly mine: () => Promise<void>
}

/** A JSON-RPC error. */
export class RpcTestError extends Error {
  readonly code: number
  readonly data: unknown

  constructor({ code, message, data }: { code: number; message: string; data?: unknown }) {
    super(message)
    this.code = code
    this.data = data
  }
}

const zeroHash = new Uint8Array(32)

/** Opens a chain and its RPC methods; `overrides` replace parts of what the methods see. */
export async function openRpcTestNode(
  overrides: Partial<NodeView> & {
    readonly clock?: Clock
    readonly fork?: Fork
    readonly store?: KeyValueStore
    readonly simulator?: Simulator
  } = {},
): Promise<RpcTestNode> {
  const { clock = createSystemClock(), fork = 'osaka', store, simulator, ...view } = overrides
  const genesis = parseGenesis(testGenesisJson({ fork }))
  const chain = await openTestChain({
    genesis,
    clock: createSystemClock(),
    ...(store && { store }),
  })
  const node: NodeView = {
    chain: chain.chain,
    pool: chain.pool,
    networkId: 0,
    peerCount: () => 3,
    finality: undefined,
    dev: undefined,
    ...view,
  }
  const door = { clock, clientVersion: 'zg/test', ...(simulator && { simulator }) }
  const methods = rpcMethods(node, door)
  const options = {
    methods,
    clock,
    onInternalError: (method: string, cause: unknown) => {
      throw new Error(`${method} failed`, { cause })
    },
  }
  return {
    ...chain,
    node,
    methods,
    ask: async (method, ...params) => {
      const request = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
      const answer = JSON.parse((await answerJsonRpc(request, undefined, options)) ?? 'null')
      if (answer.error !== undefined) throw new RpcTestError(answer.error)
      return answer.result
    },
    mine: () => makeBlock(chain),
  }
}

/** Makes a block of what the pool has, one second after the head, and finalizes it. */
export async function makeBlock({ chain, engine }: TestChain): Promise<void> {
  const { hash, header } = chain.head()
  const onHead = { headBlockHash: hash, safeBlockHash: hash, finalizedBlockHash: zeroHash }
  const { payloadId = 0n } = await engine.forkchoiceUpdated(onHead, {
    timestamp: header.timestamp + 1,
    prevRandao: new Uint8Array(32).fill(header.number),
    suggestedFeeRecipient: 0xfeen,
    withdrawals: [],
    parentBeaconBlockRoot: hash,
  })
  const { blockHash } = (await engine.getPayload(payloadId)).executionPayload
  await engine.forkchoiceUpdated({
    headBlockHash: blockHash,
    safeBlockHash: blockHash,
    finalizedBlockHash: blockHash,
  })
}

/** Init code of a contract with that runtime code, at most 255 bytes. */
export function initCodeOf(runtime: Uint8Array): Uint8Array {
  // PUSH1 size, DUP1, PUSH1 9, PUSH0, CODECOPY, PUSH0, RETURN
  return concat(
    fromHex('0x60'),
    Uint8Array.of(runtime.length),
    fromHex('0x8060095f395ff3'),
    runtime,
  )
}

/** What `counterCode` reverts with: `Error("no")`. */
export const counterRevertData: Hex = `0x08c379a0${[
  '20'.padStart(64, '0'),
  '2'.padStart(64, '0'),
  '6e6f'.padEnd(64, '0'),
].join('')}`

/** The topic of `counterCode`'s event. */
export const counterTopic: Hex = `0x${'aa'.padStart(64, '0')}`

/**
 * Without input adds one to slot 0, logs and returns it; with any input reverts with `Error("no")`.
 */
export const counterCode = fromHex(
  '0x' +
    // CALLDATASIZE, PUSH1 26, JUMPI
    '36601a57' +
    // PUSH0, SLOAD, PUSH1 1, ADD, DUP1, PUSH0, SSTORE, PUSH0, MSTORE
    '5f54600101805f555f52' +
    // PUSH1 aa, PUSH1 32, PUSH0, LOG1, PUSH1 32, PUSH0, RETURN
    '60aa60205fa160205ff3' +
    // two bytes that never run
    '0000' +
    // JUMPDEST, PUSH1 100, PUSH1 38, PUSH0, CODECOPY, PUSH1 100, PUSH0, REVERT
    '5b606460265f3960645ffd' +
    '00' +
    counterRevertData.slice(2),
)
