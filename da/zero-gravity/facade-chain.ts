/**
 * 0G's façade over JSON-RPC, as a node that registers, a disperser that uploads and anyone who reads
 * what was verified see it (docs/specs/da.md §11).
 */

import { fromHex, toHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createPublicClient, http } from 'viem'
import type { PublicClient } from 'viem'

import { quorumOf } from '../batch/batch.ts'
import type { CallSender, ContractCall } from '../chain/contract-sender.ts'
import type { DataEpoch } from '../chain/data-chain.ts'
import { bn254KeyOf, bn254Sign } from './bn254.ts'
import type { Bn254Key, G2Point } from './bn254.ts'
import { daEntranceAbi, daSignersAbi, facadeAbi } from './facade-abi.ts'
import { epochDigest, registrationDigest } from './messages.ts'
import type { RootName } from './messages.ts'
import type { RootSubmission } from './submission.ts'

/** Accounts asked for at once. */
const accountsAtOnce = 128
/** Transactions that upload nothing, until one is drawn for a quorum: of Q, one in Q is. */
const passesMax = 1_024
const pollMs = 200

export type FacadePlace = {
  /** JSON-RPC, HTTP. */
  readonly rpc: string
  /** DAEntrance. */
  readonly entrance: Hex
  /** Who sends, if anybody does. */
  readonly sender?: FacadeSender
}

/** An account, and what sends as it. */
export type FacadeSender = CallSender & { readonly address: Hex }

export class FacadeChain {
  readonly chainId: bigint
  readonly #client: PublicClient
  readonly #sender: FacadeSender | undefined
  readonly #entrance: Hex
  readonly #signers: Hex
  /** The epochs that the sender is known to be registered for, up to. */
  #registeredTo = 0n

  private constructor(
    { entrance, sender }: FacadePlace,
    { client, chainId, signers }: { client: PublicClient; chainId: number; signers: Hex },
  ) {
    this.#client = client
    this.chainId = BigInt(chainId)
    this.#entrance = entrance
    this.#signers = signers
    this.#sender = sender
  }

  static async open(place: FacadePlace): Promise<FacadeChain> {
    const transport = http(place.rpc, { batch: true })
    const client = createPublicClient({ transport, pollingInterval: pollMs, cacheTime: 0 })
    const entrance = { address: place.entrance, abi: facadeAbi }
    const [signers, chainId] = await Promise.all([
      client.readContract({ ...entrance, functionName: 'signers' }),
      client.getChainId(),
    ])
    return new FacadeChain(place, { client, chainId, signers })
  }

  /** The key that a seed of 32 bytes gives here. */
  keyOf(seed: Uint8Array): Bn254Key {
    return bn254KeyOf(seed, this.chainId)
  }

  /** Registers the sender and its key, once, and for the next epoch, each time. */
  async keepSigner(key: Bn254Key, socket: string): Promise<void> {
    const { address } = this.#sending
    const signers = { address: this.#signers, abi: daSignersAbi }
    const account = fromHex(address.toLowerCase() as Hex)
    const next = (await this.#client.readContract({ ...signers, functionName: 'epochNumber' })) + 1n
    if (next <= this.#registeredTo) return
    const [isSigner, isRegistered] = await Promise.all([
      this.#client.readContract({ ...signers, functionName: 'isSigner', args: [address] }),
      this.#client.readContract({
        ...signers,
        functionName: 'registeredEpoch',
        args: [address, next],
      }),
    ])
    if (!isSigner) {
      const detail = { signer: address, socket, pkG1: key.pkG1, pkG2: key.pkG2 }
      const proof = bn254Sign(key.secret, registrationDigest(account, this.chainId))
      await this.#send({ ...signers, functionName: 'registerSigner', args: [detail, proof] })
    }
    if (!isRegistered) {
      const signature = bn254Sign(key.secret, epochDigest(account, next, this.chainId))
      await this.#send({ ...signers, functionName: 'registerNextEpoch', args: [signature] })
    }
    this.#registeredTo = next
  }

  /** The keys of operators of 20 bytes; undefined of who does not sign in the epoch. */
  async keysOf(
    operators: readonly Uint8Array[],
    epoch: bigint,
  ): Promise<readonly (G2Point | undefined)[]> {
    const signers = { address: this.#signers, abi: daSignersAbi }
    const accounts = operators.map((operator) => toHex(operator))
    const keys: (G2Point | undefined)[] = []
    for (let from = 0; from < accounts.length; from += accountsAtOnce) {
      const some = accounts.slice(from, from + accountsAtOnce)
      const [details, registered] = await Promise.all([
        this.#client.readContract({ ...signers, functionName: 'getSigner', args: [some] }),
        Promise.all(
          some.map((account) => {
            const args = [account, epoch] as const
            return this.#client.readContract({ ...signers, functionName: 'registeredEpoch', args })
          }),
        ),
      ])
      keys.push(...details.map(({ pkG2 }, at) => (registered[at] === true ? pkG2 : undefined)))
    }
    return keys
  }

  /**
   * Says that a root comes, for the quorum that holds it: what is drawn for others is passed.
   *
   * @throws {FacadeFailedError} `DA_FACADE` when that quorum is never drawn.
   */
  async upload({ epoch, seed, quorumCount }: DataEpoch, name: RootName): Promise<void> {
    const { address } = this.#sending
    const entrance = { address: this.#entrance, abi: daEntranceAbi }
    const [first, price] = await Promise.all([
      this.#client.readContract({
        address: this.#entrance,
        abi: facadeAbi,
        functionName: 'uploadsOf',
        args: [epoch, address],
      }),
      this.#client.readContract({ ...entrance, functionName: 'blobPrice' }),
    ])
    const sender = fromHex(address.toLowerCase() as Hex)
    for (let count = first; count < first + BigInt(passesMax); count++) {
      const drawn = BigInt(quorumOf(seed, sender, count, quorumCount))
      const isIts = drawn === name.quorumId
      await this.#send({
        ...entrance,
        functionName: 'submitOriginalData',
        args: [isIts ? [toHex(name.dataRoot)] : []],
        value: isIts ? price : 0n,
      })
      if (isIts) return
    }
    throw new FacadeFailedError('its quorum is never drawn')
  }

  /** Brings what a quorum signed. */
  async submit(submission: RootSubmission): Promise<void> {
    const entrance = { address: this.#entrance, abi: daEntranceAbi }
    const functionName = 'submitVerifiedCommitRoots'
    await this.#send({ ...entrance, functionName, args: [[submission]] })
  }

  isVerified({ dataRoot, epoch, quorumId }: RootName): Promise<boolean> {
    return this.#client.readContract({
      address: this.#entrance,
      abi: daEntranceAbi,
      functionName: 'commitmentExists',
      args: [toHex(dataRoot), epoch, quorumId],
    })
  }

  #send(call: ContractCall): Promise<void> {
    return this.#sending.send(call)
  }

  get #sending(): FacadeSender {
    if (this.#sender === undefined) throw new FacadeFailedError('nobody sends')
    return this.#sender
  }
}

/** What 0G's entrance is to know does not come there. */
export class FacadeFailedError extends ZgError<'DA_FACADE'> {
  constructor(why: string) {
    super('DA_FACADE', `Cannot bring a root to 0G's entrance: ${why}`, { why })
  }
}
