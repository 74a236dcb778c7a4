/**
 * Contracts on our own EVM behind JSON-RPC, for what asks them over HTTP: calls and logs, no
 * transactions. There are no states but the newest, whatever block is named.
 */

import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

import type { ContractWorld } from '@zg/contracts/testing'
import { bigintToHex, fromHex, keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

type Call = { readonly to: Hex; readonly data: Hex; readonly from?: Hex }
type Topics = readonly (Hex | readonly Hex[] | null)[]
type Filter = {
  readonly address?: Hex
  readonly topics?: Topics
  readonly fromBlock: string
  readonly toBlock: string
}
type Question = {
  readonly id: number
  readonly method: string
  readonly params: readonly unknown[]
}
type LogJson = {
  readonly address: Hex
  readonly topics: readonly Hex[]
  readonly data: Hex
  readonly blockNumber: Hex
}

export type Answer = { readonly result: unknown } | { readonly error: object }

/** Told of each question; what it returns is the answer, unless it is undefined. */
export type Interceptor = (method: string, params: readonly unknown[]) => Answer | undefined

/** As a node says that a contract reverted with no reason. */
export const reverted: Answer = { error: { code: 3, message: 'execution reverted', data: '0x' } }

export type WorldRpc = {
  readonly url: string
  readonly requests: readonly string[]
  intercept: Interceptor | undefined
  close(): Promise<void>
}

/** Logs of messages that were sent before are not there. */
export async function serveWorld(world: ContractWorld): Promise<WorldRpc> {
  const logs: LogJson[] = []
  const requests: string[] = []
  world.listen((fresh) => {
    for (const { address, topics, data } of fresh) {
      logs.push({
        address: bigintToHex(address, 20),
        topics: topics.map((topic) => bigintToHex(topic, 32)),
        data: toHex(data),
        blockNumber: quantity(world.run.number),
      })
    }
  })
  const answer = ({ method, params }: Question): Answer => {
    requests.push(method)
    const own = rpc.intercept?.(method, params)
    if (own !== undefined) return own
    switch (method) {
      case 'eth_chainId':
        return { result: quantity(world.chainId) }
      case 'eth_blockNumber':
        return { result: quantity(world.run.number) }
      case 'eth_getBlockByNumber':
        // There is one block, final as well.
        return { result: { number: quantity(world.run.number), transactions: [] } }
      case 'eth_getCode':
        return { result: toHex(world.codeOf(BigInt(params[0] as Hex))) }
      case 'eth_call':
        return answerCall(world, params[0] as Call)
      case 'eth_getLogs':
        return { result: found(logs, params[0] as Filter) }
      default:
        return { error: { code: -32_601, message: `no ${method} here` } }
    }
  }
  const server = createServer((request, response) => {
    void read(request).then((text) => {
      const asked = JSON.parse(text) as Question | readonly Question[]
      const told = (question: Question): object => ({
        jsonrpc: '2.0',
        id: question.id,
        ...answer(question),
      })
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify('method' in asked ? told(asked) : asked.map(told)))
    })
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const rpc: WorldRpc = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    intercept: undefined,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return rpc
}

async function read(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const piece of request) text += String(piece)
  return text
}

function answerCall(world: ContractWorld, { to, data, from }: Call): Answer {
  const { succeeded, output } = world.call({
    to: BigInt(to),
    data: fromHex(data),
    ...(from && { from: BigInt(from) }),
  })
  if (succeeded) return { result: toHex(output) }
  return { error: { code: 3, message: 'execution reverted', data: toHex(output) } }
}

function found(logs: readonly LogJson[], filter: Filter): readonly object[] {
  const { address, topics = [], fromBlock, toBlock } = filter
  const isAny = (wanted: Topics[number], topic: Hex | undefined): boolean =>
    wanted === null || (topic !== undefined && [wanted].flat().includes(topic))
  return logs
    .map((log, index) => ({ log, index }))
    .filter(({ log }) => {
      const number = BigInt(log.blockNumber)
      const isNamed = address === undefined || log.address === address.toLowerCase()
      const isIn = number >= BigInt(fromBlock) && number <= BigInt(toBlock)
      return isNamed && isIn && topics.every((wanted, at) => isAny(wanted, log.topics[at]))
    })
    .map(({ log, index }) => ({
      ...log,
      blockHash: toHex(keccak256(fromHex(bigintToHex(BigInt(log.blockNumber), 32)))),
      transactionHash: toHex(keccak256(Uint8Array.of(index >> 8, index & 255))),
      transactionIndex: '0x0',
      logIndex: quantity(index),
      removed: false,
    }))
}

function quantity(number: number | bigint): Hex {
  return `0x${number.toString(16)}`
}
