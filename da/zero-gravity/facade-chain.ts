/**
 * 0G's façade over JSON-RPC, as a node that registers, a disperser that uploads and anyone who reads
 * what was verified see it (docs/specs/da.md §11).
 */

import { fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createPublicClient, http } from 'viem'
import type { PublicClient } from 'viem'

import type { CallSender, ContractCall } from '../chain/contract-sender.ts'
import type { DataEpoch } from '../chain/data-chain.ts'
import { bn254KeyOf, bn254Sign } from './bn254.ts'
import type { Bn254Key, G2Point } from './bn254.ts'
import { daEntranceAbi, daSignersAbi, facadeAbi } from './facade-abi.ts'
import { epochDigest, registrationDigest } from './messages.ts'
import type { RootName } from './messages.ts'
import { FacadeFailedError, uploadRoot } from './root-upload.ts'
import type { RootSubmission } from './submission.ts'

/** Accounts asked for at once. */
const accountsAtOnce = 128
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

  /** The present epoch. */
  epoch(): Promise<bigint> {
    const entrance = { address: this.#entrance, abi: daEntranceAbi }
    return this.#client.readContract({ ...entrance, functionName: 'currentEpoch' })
  }

  /** As `uploadRoot` does, by the sender. @throws What that throws. */
  async upload(epoch: DataEpoch, name: RootName): Promise<void> {
    const { address } = this.#sending
    const entrance = { address: this.#entrance, abi: daEntranceAbi }
    const price = await this.#client.readContract({ ...entrance, functionName: 'blobPrice' })
    await uploadRoot({
      epoch,
      name,
      sender: fromHex(address.toLowerCase() as Hex),
      entrance: {
        epoch: () => this.epoch(),
        uploadsOf: (of) =>
          this.#client.readContract({
            address: this.#entrance,
            abi: facadeAbi,
            functionName: 'uploadsOf',
            args: [of, address],
          }),
        pass: (dataRoots) =>
          this.#send({
            ...entrance,
            functionName: 'submitOriginalData',
            args: [dataRoots.map(toHex)],
            value: price * BigInt(dataRoots.length),
          }),
      },
    })
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
