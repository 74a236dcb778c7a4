/** 0G's façade on a chain alone: its contracts, with signers whose keys a test holds. */

import { dataOperator, DataWorld } from '@zg/contracts/testing'
import type { Deployed, Sent, TestOperator } from '@zg/contracts/testing'
import { fromHex, sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { drawQuorum } from '../batch/quorum.ts'
import type { Quorum } from '../batch/quorum.ts'
import { bn254KeyOf, bn254Sign } from '../zero-gravity/bn254.ts'
import type { Bn254Key } from '../zero-gravity/bn254.ts'
import { epochDigest, registrationDigest, rootDigest } from '../zero-gravity/messages.ts'
import type { RootName } from '../zero-gravity/messages.ts'
import { submissionOf } from '../zero-gravity/submission.ts'
import type { RootSignature, RootSubmission } from '../zero-gravity/submission.ts'

export type FacadeOperator = TestOperator & { readonly bn254: Bn254Key }

type Options = ConstructorParameters<typeof DataWorld>[0]

/** Whoever brings roots. */
export const uploader: Hex = '0x00000000000000000000000000000000000d15b0'

export class FacadeWorld {
  readonly data: DataWorld
  readonly signers: Deployed
  readonly entrance: Deployed

  constructor(options: Options = {}) {
    this.data = new DataWorld({ quorumCount: 1, ...options })
    const { world } = this.data
    const { address } = this.data.signers
    this.signers = world.deploy('DASigners', { args: [address] })
    this.entrance = world.deploy('DAEntrance', { args: [this.signers.address] })
  }

  get chainId(): bigint {
    return this.data.world.chainId
  }

  /** Operators with keys of both kinds. */
  operators(count: number): readonly FacadeOperator[] {
    return Array.from({ length: count }, (_, index) => {
      const operator = dataOperator(index)
      return { ...operator, bn254: bn254KeyOf(sha256(operator.secretKey), this.chainId) }
    })
  }

  ask(name: string, ...args: readonly unknown[]): unknown {
    return this.data.read(this.signers, name, ...args)
  }

  /** Registers an operator's key. */
  register(operator: FacadeOperator, { signature = this.possession(operator) } = {}): Sent {
    const { address, bn254 } = operator
    const socket = `http://127.0.0.1/${address.slice(-2)}`
    const detail = { signer: address, socket, pkG1: bn254.pkG1, pkG2: bn254.pkG2 }
    return this.send('registerSigner', [detail, signature], address)
  }

  possession({ address, bn254 }: FacadeOperator) {
    return bn254Sign(bn254.secret, registrationDigest(fromHex(address), this.chainId))
  }

  /** Has an operator sign in the next epoch. */
  registerNext(operator: FacadeOperator): Sent {
    const { address } = operator
    return this.send('registerNextEpoch', [this.epochSignature(operator)], address)
  }

  epochSignature({ address, bn254 }: FacadeOperator, epoch = this.data.epoch + 1) {
    return bn254Sign(bn254.secret, epochDigest(fromHex(address), BigInt(epoch), this.chainId))
  }

  /** Sends to DASigners. */
  send(name: string, args: readonly unknown[], from: Hex): Sent {
    return this.data.send(this.signers, name, args, { from })
  }

  /** Places operators with votes, registers all but some, and opens the quorums of their epoch. */
  settle(
    operators: readonly FacadeOperator[],
    votes: readonly bigint[],
    { without = [] }: { readonly without?: readonly FacadeOperator[] } = {},
  ): void {
    this.data.settle(operators, votes)
    for (const operator of operators) this.register(operator)
    for (const operator of operators) if (!without.includes(operator)) this.registerNext(operator)
    this.data.passEpochs(1)
    this.data.openAll()
  }

  /** A quorum as anyone draws it. */
  quorumAt(quorum: number, epoch = this.data.epoch): Quorum {
    const votes = this.data.votesIn(epoch)
    const active = votes.flatMap((own, place) => (own > 0n ? [{ place, votes: own }] : []))
    const { rowCount: slots } = this.data
    return drawQuorum({ active, seed: this.data.seedOf(epoch), quorum, slots })
  }

  /** Says that roots come; returns their names. */
  upload(dataRoots: readonly Uint8Array[], { from = uploader, value = 0n } = {}) {
    const sent = this.data.send(this.entrance, 'submitOriginalData', [dataRoots.map(toHex)], {
      from,
      value,
    })
    const names = sent.events.map(({ args }): RootName => {
      const { dataRoot, epoch, quorumId } = args as {
        readonly dataRoot: Hex
        readonly epoch: bigint
        readonly quorumId: bigint
      }
      return { dataRoot: fromHex(dataRoot), epoch, quorumId }
    })
    return { sent, names }
  }

  /** What members with those numbers sign of a root. */
  signed(
    name: RootName,
    operators: readonly FacadeOperator[],
    members = [...operators.keys()],
  ): readonly RootSignature[] {
    const digest = rootDigest(name)
    return members.map((member) => {
      const { secret, pkG2 } = operators[member]!.bn254
      return { member, pkG2, signature: bn254Sign(secret, digest) }
    })
  }

  submission(name: RootName, operators: readonly FacadeOperator[], members?: readonly number[]) {
    const quorum = this.quorumAt(Number(name.quorumId), Number(name.epoch))
    const found = submissionOf(name, quorum, this.signed(name, operators, members?.slice()))
    if (found === undefined) throw new Error('too few sign')
    return found
  }

  submit(...submissions: readonly RootSubmission[]): Sent {
    return this.data.send(this.entrance, 'submitVerifiedCommitRoots', [submissions])
  }

  /** What the entrance says was verified of a root. */
  verified({ dataRoot, epoch, quorumId }: RootName): unknown {
    const args = [toHex(dataRoot), epoch, quorumId]
    return this.data.read(this.entrance, 'verifiedErasureCommitment', ...args)
  }
}
