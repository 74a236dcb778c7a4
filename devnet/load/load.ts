/**
 * Open-loop load on an EVM chain, and what became of it.
 *
 * Transactions are signed before the clock starts and sent at a fixed rate whatever the chain
 * answers, in batches of `eth_sendRawTransaction`; each sender keeps to one endpoint, so its nonces
 * arrive in order. A transaction counts when a final block holds it and its receipt says success;
 * its latency runs from the call that sent it to the announcement of that block over WebSocket.
 */

import { addressOfSecretKey, bytesToBigint, fromHex, keccak256, toHex } from '@zg/primitives'
import { encodeTransaction, signTransaction, transactionHash } from '@zg/evm'
import { WebSocket } from 'ws'

import { RpcClient } from './rpc-client.ts'

/** What each transaction does: move the native token, or 1 unit of an ERC-20. */
export type LoadKind = 'transfer' | 'erc20'

export type LoadTarget = {
  /** HTTP endpoints of nodes; senders are spread over them. */
  readonly rpcs: readonly string[]
  readonly ws: string
  readonly chainId: number
  /** A funded account, `0x` and 64 digits. */
  readonly privateKey: string
  /** Creation code of an ERC-20 with `constructor(uint256 supply)`, all of it the deployer's. */
  readonly tokenBytecode: string
  /** What a unit of gas may cost, in wei. */
  readonly maxFeePerGas?: bigint
}

export type LoadPlan = {
  readonly kind: LoadKind
  readonly ratePerSecond: number
  readonly seconds: number
  /** What is due is sent together, as often as this (default: 50). */
  readonly tickMs?: number
}

export type LoadResult = {
  readonly offered: number
  /** Refused by RPC at once. */
  readonly refused: number
  readonly succeeded: number
  readonly failed: number
  /** succeeded / (last final block that held one - first send). */
  readonly perSecond: number
  readonly latencyP50Ms: number
  readonly latencyP99Ms: number
  readonly blocks: number
}

const senderCount = 64
const recipientCount = 1_000
const batchSizeMax = 100
const tickMsDefault = 50
/** Between two looks at what one waits for. */
const pollMs = 50
/** After the last send, how long the chain may take to empty itself. */
const drainMaxMs = 30_000
const maxFeePerGasDefault = 20_000_000_000n
const maxPriorityFeePerGas = 1_000_000_000n
const transferSelector = 'a9059cbb'

type Sender = { readonly key: Uint8Array; readonly address: bigint; nonce: bigint }
type Signed = { readonly raw: string; readonly hash: string }

/** Returns the accounts that a load is sent from; a genesis that funds them spares `prepare`. */
export function loadSenders(
  privateKey: string,
): readonly { readonly key: Uint8Array; readonly address: bigint }[] {
  const root = fromHex(privateKey)
  return Array.from({ length: senderCount }, (_, index) => {
    const key = keccak256(Uint8Array.of(...root, index))
    return { key, address: bytesToBigint(addressOfSecretKey(key)) }
  })
}

/** Funds the senders, deploys the token, and runs plans one after another on the same chain. */
export class LoadGenerator {
  readonly #target: LoadTarget
  readonly #clients: readonly RpcClient[]
  readonly #senders: readonly Sender[]
  #token = 0n

  constructor(target: LoadTarget) {
    this.#target = target
    this.#clients = target.rpcs.map((url) => new RpcClient(url))
    this.#senders = loadSenders(target.privateKey).map((sender) => ({ ...sender, nonce: 0n }))
  }

  /** Deploys and funds; must end before the first `run`, unless transfers are all that runs. */
  async prepare(): Promise<void> {
    const rpc = this.#client(0)
    const key = fromHex(this.#target.privateKey)
    const address = addressOfSecretKey(key)
    const count = await rpc.call('eth_getTransactionCount', toHex(address), 'latest')
    const owner: Sender = { key, address: bytesToBigint(address), nonce: BigInt(count as string) }
    const supply = 10n ** 27n
    const code = this.#target.tokenBytecode + word(supply)
    const deployed = this.#sign(owner, { to: undefined, data: fromHex(code), gas: 2_000_000n })
    const receipt = await this.#sendAndWait([deployed])
    this.#token = BigInt(receipt.contractAddress)

    const funding = this.#senders.flatMap((sender) => [
      this.#sign(owner, { to: sender.address, value: 10n ** 19n, gas: 21_000n }),
      this.#sign(owner, {
        to: this.#token,
        data: fromHex(`0x${transferSelector}${word(sender.address)}${word(10n ** 24n)}`),
        gas: 100_000n,
      }),
    ])
    // In pieces: a pool need not take more than a few dozen of one sender at a time.
    for (let from = 0; from < funding.length; from += 16) {
      await this.#sendAndWait(funding.slice(from, from + 16))
    }
  }

  /** Sends `ratePerSecond * seconds` transactions and follows them to finality. */
  async run({
    kind,
    ratePerSecond,
    seconds,
    tickMs = tickMsDefault,
  }: LoadPlan): Promise<LoadResult> {
    const total = Math.round(ratePerSecond * seconds)
    const queues = this.#signAll(kind, total)
    const watch = await Watch.open(this.#target.ws, this.#client(0))
    let refused = 0
    let offered = 0
    const pending: Promise<void>[] = []
    const started = performance.now()
    while (offered < total) {
      const due = Math.min(total, Math.ceil(((performance.now() - started) / 1000) * ratePerSecond))
      const perClient = this.#clients.map((): Signed[] => [])
      for (; offered < due; offered++) {
        const signed = queues[offered % senderCount]?.pop()
        if (signed !== undefined)
          perClient[(offered % senderCount) % this.#clients.length]?.push(signed)
      }
      for (const [index, list] of perClient.entries()) {
        for (let from = 0; from < list.length; from += batchSizeMax) {
          const batch = list.slice(from, from + batchSizeMax)
          const now = performance.now()
          for (const { hash } of batch) watch.sentAt.set(hash, now)
          pending.push(
            // What a node that starves does not take in is refused: the load goes on.
            this.#sendBatch(this.#client(index), batch)
              .catch(() => batch.length)
              .then((count) => {
                refused += count
              }),
          )
        }
      }
      await sleep(tickMs)
    }
    await Promise.all(pending)
    await watch.drain(drainMaxMs, () => refused)
    const result = watch.result({ started, offered, refused })
    if (result.succeeded + result.failed < offered) await this.#readNonces()
    return result
  }

  close(): void {
    for (const client of this.#clients) client.close()
  }

  #client(index: number): RpcClient {
    const client = this.#clients[index]
    if (client === undefined) throw new Error('the load has no endpoint')
    return client
  }

  /** One queue a sender, last to be sent first, as `pop` takes them. */
  #signAll(kind: LoadKind, total: number): Signed[][] {
    const queues = this.#senders.map((): Signed[] => [])
    for (let index = 0; index < total; index++) {
      const sender = this.#senders[index % senderCount] as Sender
      const recipient = (0xfeedn << 64n) | BigInt((index * 7919) % recipientCount)
      const request =
        kind === 'transfer'
          ? { to: recipient, value: 1n, gas: 21_000n }
          : {
              to: this.#token,
              data: fromHex(`0x${transferSelector}${word(recipient)}${word(1n)}`),
              gas: 60_000n,
            }
      queues[index % senderCount]?.push(this.#sign(sender, request))
    }
    for (const queue of queues) queue.reverse()
    return queues
  }

  #sign(
    sender: Sender,
    request: { to: bigint | undefined; value?: bigint; data?: Uint8Array; gas: bigint },
  ): Signed {
    const signed = signTransaction(
      {
        type: 2,
        chainId: BigInt(this.#target.chainId),
        nonce: sender.nonce++,
        maxFeePerGas: this.#target.maxFeePerGas ?? maxFeePerGasDefault,
        maxPriorityFeePerGas,
        gasLimit: request.gas,
        to: request.to,
        value: request.value ?? 0n,
        data: request.data ?? new Uint8Array(0),
        accessList: [],
      },
      sender.key,
    )
    return { raw: toHex(encodeTransaction(signed)), hash: toHex(transactionHash(signed)) }
  }

  /** Returns how many were refused. */
  async #sendBatch(client: RpcClient, batch: readonly Signed[]): Promise<number> {
    const replies = await client.batch(
      batch.map(({ raw }) => ({ method: 'eth_sendRawTransaction', params: [raw] })),
    )
    return replies.filter(({ error }) => error !== undefined).length
  }

  async #sendAndWait(batch: readonly Signed[]): Promise<{ contractAddress: string }> {
    const client = this.#client(0)
    const refused = await this.#sendBatch(client, batch)
    if (refused > 0) throw new Error(`${refused} preparing transactions were refused`)
    const last = batch.at(-1)?.hash
    for (let waited = 0; waited < drainMaxMs; waited += pollMs) {
      const receipt = await client.call('eth_getTransactionReceipt', last)
      if (receipt !== null) return receipt as { contractAddress: string }
      await sleep(pollMs)
    }
    throw new Error('a preparing transaction is not included')
  }

  /** After a run that lost some the chain's nonces are the truth. */
  async #readNonces(): Promise<void> {
    for (const sender of this.#senders) {
      const address = `0x${sender.address.toString(16).padStart(40, '0')}`
      const count = await this.#client(0).call('eth_getTransactionCount', address, 'latest')
      sender.nonce = BigInt(count as string)
    }
  }
}

type BlockReceipt = { readonly transactionHash: string; readonly status: string }

/** Follows heads over WebSocket and reads each block's receipts once. */
class Watch {
  readonly sentAt = new Map<string, number>()
  readonly #socket: WebSocket
  readonly #client: RpcClient
  readonly #latencies: number[] = []
  #failed = 0
  #blocks = 0
  #lastFinalAt = 0
  #reading: Promise<void> = Promise.resolve()

  private constructor(socket: WebSocket, client: RpcClient) {
    this.#socket = socket
    this.#client = client
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as { params?: { result: { number: string } } }
      const number = message.params?.result.number
      if (number === undefined) return
      const now = performance.now()
      this.#reading = this.#reading.then(() => this.#readBlock(number, now))
    })
  }

  static async open(url: string, client: RpcClient): Promise<Watch> {
    const socket = new WebSocket(url)
    await new Promise((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', reject)
    })
    const watch = new Watch(socket, client)
    socket.send('{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}')
    return watch
  }

  /** Waits until all that was not refused is final, or the time is over. */
  async drain(maxMs: number, refused: () => number): Promise<void> {
    const until = performance.now() + maxMs
    while (performance.now() < until) {
      await this.#reading
      if (this.#latencies.length + this.#failed + refused() >= this.sentAt.size) break
      await sleep(pollMs)
    }
    this.#socket.close()
  }

  result(run: { started: number; offered: number; refused: number }): LoadResult {
    const sorted = this.#latencies.toSorted((a, b) => a - b)
    const at = (share: number) =>
      Math.round(sorted[Math.floor(sorted.length * share)] ?? Number.NaN)
    const seconds = (this.#lastFinalAt - run.started) / 1000
    return {
      offered: run.offered,
      refused: run.refused,
      succeeded: sorted.length,
      failed: this.#failed,
      perSecond: sorted.length / seconds,
      latencyP50Ms: at(0.5),
      latencyP99Ms: at(0.99),
      blocks: this.#blocks,
    }
  }

  async #readBlock(number: string, at: number): Promise<void> {
    const receipts = (await this.#client.call('eth_getBlockReceipts', number)) as BlockReceipt[]
    let ours = 0
    for (const { transactionHash: hash, status } of receipts) {
      const sent = this.sentAt.get(hash)
      if (sent === undefined) continue
      ours++
      if (status === '0x1') this.#latencies.push(at - sent)
      else this.#failed++
    }
    if (ours === 0) return
    this.#blocks++
    this.#lastFinalAt = at
  }
}

function word(value: bigint): string {
  return value.toString(16).padStart(64, '0')
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
