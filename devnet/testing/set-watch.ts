/**
 * The validator sets of a running world as its own validators get them, proved from final blocks of
 * L1; what the contracts say is compared with them, and what networks certify is verified by them.
 */

import assert from 'node:assert/strict'

import { blsScheme, verifyFinalityCertificate } from '@zg/consensus'
import type { FinalityCertificate, ValidatorEntry, ValidatorSet } from '@zg/consensus'
import { publicKeyOfWords } from '@zg/contracts'
import type { ArtifactName } from '@zg/contracts'
import { fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSystemClock } from '@zg/runtime'
import { JsonRpcEndpoint, JsonRpcNetworkEndpoint, L1Follower } from '@zg/staking'

import type { DevnetFile } from '../devnet-file.ts'
import { l1SitePath, readL1Site } from '../l1-site.ts'
import type { L1Site } from '../l1-site.ts'

/** Asks a contract of L1 that stands under its own name. */
export type AskL1 = (name: ArtifactName, call: string, ...args: unknown[]) => Promise<unknown>

/** Waits until something is there. */
export type Find = <found>(what: string, look: () => Promise<found | undefined>) => Promise<found>

/** One network of the world. */
export class SetWatch {
  readonly #file: DevnetFile
  readonly #id: number
  readonly #site: L1Site
  readonly #follower: L1Follower
  readonly #find: Find
  readonly endpoint: JsonRpcNetworkEndpoint

  constructor(file: DevnetFile, id: number, find: Find) {
    this.#file = file
    this.#id = id
    this.#find = find
    this.#site = readL1Site(l1SitePath(file.dataDir, id))
    const { epochStart, epochSeconds, fromBlock = 0, contracts } = this.#site
    const at = (name: string): bigint => BigInt(contracts[name] ?? 0)
    this.#follower = new L1Follower({
      endpoints: [new JsonRpcEndpoint({ url: file.l1?.rpc ?? '', inbox: at('Inbox') })],
      contracts: {
        networkRegistry: at('NetworkRegistry'),
        operatorRegistry: at('OperatorRegistry'),
        inbox: at('Inbox'),
      },
      networkId: id,
      fromBlock: BigInt(fromBlock),
      epochs: { start: BigInt(epochStart), length: BigInt(epochSeconds) },
      clock: createSystemClock(),
    })
    this.#follower.start()
    const network = file.networks.find((each) => each.id === id)
    this.endpoint = new JsonRpcNetworkEndpoint({ url: network?.rpc ?? '' })
  }

  stop(): Promise<void> {
    return this.#follower.stop()
  }

  /** Returns who validates in an epoch, by proof. */
  async membersIn(epoch: number): Promise<readonly Hex[]> {
    const { validators } = await this.#setOf(epoch)
    return validators.map(({ operator }) => toHex(operator))
  }

  /** Asserts that the contracts say of an epoch's set what was proved. */
  async compare(epoch: number, ask: AskL1): Promise<void> {
    const { validators } = await this.#setOf(epoch)
    assert.equal(this.#follower.isContradicted, false)
    const point = await ask('NetworkRegistry', 'setAt', this.#id, epoch)
    const { total, count } = point as { readonly total: bigint; readonly count: number }
    const stake = validators.reduce((sum, each) => sum + each.stake, 0n)
    assert.deepEqual([validators.length, stake], [count, total], `network ${this.#id}, ${epoch}`)
    for (const validator of validators) await this.#compareOne(validator, epoch, ask)
  }

  /**
   * Returns the newest certificate of the network, once it is of an epoch or a later one; a quorum
   * of the set that was proved has signed it.
   */
  async certificateOf(epoch: number): Promise<FinalityCertificate> {
    const what = `a certificate of network ${this.#id} in epoch ${epoch}`
    const certificate = await this.#find(what, async () => {
      const found = await this.endpoint.finalityCertificate('latest')
      return found !== undefined && found.vote.epoch >= epoch ? found : undefined
    })
    const set = await this.#setOf(Number(certificate.vote.epoch))
    const { contracts, genesisHashes } = this.#site
    const identity = {
      l1ChainId: BigInt(this.#file.l1?.chainId ?? 0),
      stakingContract: fromHex(contracts['StakeManager'] ?? '0x'),
      networkId: this.#id,
      genesisHash: fromHex(genesisHashes[this.#id] ?? '0x'),
    }
    assert.ok(verifyFinalityCertificate(blsScheme(), identity, set, certificate), what)
    return certificate
  }

  async #compareOne(
    { operator, stake, publicKey }: ValidatorEntry,
    epoch: number,
    ask: AskL1,
  ): Promise<void> {
    const who = toHex(operator)
    assert.equal(await ask('NetworkRegistry', 'isMember', this.#id, who, epoch), true)
    assert.equal(await ask('OperatorRegistry', 'weightAt', who, epoch), stake)
    const key = await ask('OperatorRegistry', 'keyAt', who, epoch)
    const { a, b, c } = key as Readonly<Record<'a' | 'b' | 'c', Hex>>
    const words = [BigInt(a), BigInt(b), BigInt(c)] as const
    assert.equal(toHex(publicKeyOfWords(words)), toHex(publicKey))
  }

  #setOf(epoch: number): Promise<ValidatorSet> {
    const what = `the set of network ${this.#id} in epoch ${epoch}`
    return this.#find(what, async () => this.#follower.validatorSet(BigInt(epoch)))
  }
}
