/** All contracts of shared stake on one L1, joined as in production, with stakers and operators. */

import {
  dataVoteDigest,
  finalityVoteDigest,
  possessionDigest,
  roundVoteDigest,
} from '@zg/consensus'
import type { DataVote, FinalityVote, NetworkIdentity, RoundVote } from '@zg/consensus'
import { blsAggregate, blsPublicKeyOf, blsSign, fromHex, sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { keyWords, signatureWords } from '../bls-words.ts'
import { ContractWorld, somebody } from './contract-world.ts'
import type { Deployed, Sent } from './contract-world.ts'
import { openingOf, parameterValues } from './stake-world.ts'
import type { OpeningOptions, TestOperator } from './stake-world.ts'

const firstEpoch = 10
const ether = 10n ** 18n

/** Who gets what was slashed of other collaterals. */
export const insurance: Hex = toHex(new Uint8Array(20).fill(0x1a))

/** `zg/notarize` and the others by their number in `Votes.sol`. */
const roundKinds = ['notarize', 'nullify', 'finalize'] as const

type L1Options = {
  readonly slasher?: Hex
  readonly governance?: Hex
  readonly stakersTimelock?: Hex
  readonly genesisOutstanding?: bigint
  readonly securedBps?: bigint
  readonly epochSeconds?: number
  readonly deadAfterSeconds?: number
  readonly rateCapacity?: bigint
  readonly largeAmount?: bigint
}

type SettleOptions = {
  readonly ids?: readonly number[]
  readonly stake?: bigint
  readonly purse?: bigint
  readonly slashBpsMax?: number
}

export class L1World {
  readonly world = new ContractWorld()
  readonly epochSeconds: number
  readonly unbondingSeconds = 500
  readonly evidenceAgeMaxSeconds = 400
  readonly massDelaySeconds = 60
  readonly certificateAgeMaxSeconds = 30
  readonly deadAfterSeconds: number
  readonly bridgeSettings = {
    rateCapacity: 1_000n * ether,
    rateWindow: 1_000,
    largeAmount: 400n * ether,
    largeDelay: 300n,
    // A hundred times the stake: what it binds is tested with another.
    securedBps: 1_000_000n,
    exitDelay: 500n,
  }
  /** When epoch 0 began. */
  readonly start: number
  readonly parameters: Deployed
  readonly #genesisHashes = new Map<number, Uint8Array>()
  readonly token: Deployed
  readonly emission: Deployed
  readonly alignment: Deployed
  readonly operators: Deployed
  readonly networks: Deployed
  readonly stakes: Deployed
  readonly oracle: Deployed
  readonly slashing: Deployed
  readonly inbox: Deployed
  readonly bridge: Deployed
  readonly load: Deployed
  readonly autoscaler: Deployed
  readonly collaterals: Deployed
  readonly streams: Deployed

  /**
   * `somebody`, who deploys, owns what is free of the token and stands for governance.
   *
   * @param options.slasher - Who may slash in the place of the SlashingManager.
   * @param options.governance - Who governs in the place of `somebody`; an address to come, too.
   * @param options.stakersTimelock - Who sets critical parameters, else governance.
   * @param options.genesisOutstanding - What network 0 holds in its genesis, in wei.
   * @param options.securedBps - What may live on a network, in parts of 10,000 of its stake;
   *   this and what else the bridge is set to.
   */
  constructor({
    slasher,
    governance = somebody,
    stakersTimelock = governance,
    genesisOutstanding = 0n,
    epochSeconds = 100,
    deadAfterSeconds = 2_000,
    ...bridgeSettings
  }: L1Options = {}) {
    const { world } = this
    this.deadAfterSeconds = deadAfterSeconds
    Object.assign(this.bridgeSettings, bridgeSettings)
    this.epochSeconds = epochSeconds
    this.start = world.timestamp - firstEpoch * epochSeconds
    this.parameters = world.deploy('Parameters', {
      args: [governance, stakersTimelock, parameterValues],
    })
    const owners = Array.from({ length: 5 }, () => somebody)
    const [bridge, load] = [7, 8].map((offset) => world.nextAddress(offset))
    const genesis = world.deploy('TokenGenesis', {
      args: [owners, bridge, governance, genesisOutstanding, load],
    })
    const emission = world.read({ contract: genesis, name: 'emission' })
    this.emission = world.at('EmissionController', emission)
    this.alignment = world.at('AlignmentPool', world.read({ contract: genesis, name: 'alignment' }))
    this.token = world.at('ZgToken', world.read({ contract: genesis, name: 'token' }))
    const [networks, stakes, slashing, autoscaler, collaterals] = [1, 2, 4, 8, 9].map((offset) =>
      world.nextAddress(offset),
    )
    const clock = [this.start, epochSeconds]
    this.operators = world.deploy('OperatorRegistry', { args: [...clock, 0, stakes, networks] })
    this.networks = world.deploy('NetworkRegistry', {
      args: [this.operators.address, governance, this.parameters.address, autoscaler],
    })
    this.stakes = world.deploy('StakeManager', {
      args: [
        this.token.address,
        this.operators.address,
        slasher ?? slashing,
        bridge,
        this.unbondingSeconds,
        collaterals,
      ],
    })
    const ages = [this.certificateAgeMaxSeconds, deadAfterSeconds]
    this.oracle = world.deploy('FinalityOracle', {
      args: [networks, this.operators.address, stakes, slashing, ...ages],
    })
    this.slashing = world.deploy('SlashingManager', {
      args: [this.oracle.address, stakes, this.evidenceAgeMaxSeconds, this.massDelaySeconds],
    })
    this.inbox = world.deploy('Inbox', { args: [networks, bridge] })
    this.bridge = world.deploy('RewardBridge', {
      args: [
        this.token.address,
        this.oracle.address,
        this.inbox.address,
        stakes,
        somebody,
        genesisOutstanding,
        this.bridgeSettings,
      ],
    })
    this.load = world.deploy('NetworkLoad', { args: [this.oracle.address] })
    this.autoscaler = world.deploy('Autoscaler', { args: [this.load.address, governance] })
    this.collaterals = world.deploy('CollateralManager', {
      args: [this.stakes.address, stakersTimelock, insurance],
    })
    this.streams = world.deploy('Streams', { args: [this.oracle.address] })
  }

  get epoch(): number {
    return Math.floor((this.world.timestamp - this.start) / this.epochSeconds)
  }

  /** Goes to the first second of an epoch. */
  goToEpoch(epoch: number): void {
    this.world.advance(this.start + epoch * this.epochSeconds - this.world.timestamp)
  }

  /** Goes to the first second in which a network may be buried. */
  outlive(id: number): void {
    const until = Number(this.read(this.oracle, 'livesUntil', id))
    this.world.advance(until + 1 - this.world.timestamp)
  }

  send(contract: Deployed, name: string, args: readonly unknown[], from: Hex = somebody): Sent {
    return this.world.send({ contract, name, args, from })
  }

  read(contract: Deployed, name: string, ...args: readonly unknown[]): unknown {
    return this.world.read({ contract, name, args })
  }

  balanceOf(address: Hex): bigint {
    return this.read(this.token, 'balanceOf', address) as bigint
  }

  /** Gives an account tokens, and lets the stake manager take them. */
  fund(address: Hex, amount: bigint): void {
    this.send(this.token, 'transfer', [address, amount])
    this.send(this.token, 'approve', [this.stakes.address, 2n ** 256n - 1n], address)
  }

  register(operator: TestOperator): void {
    this.#claim('register', operator)
  }

  /**
   * Registers operators, has them stake for themselves, and joins them to networks.
   *
   * @param options.ids - Networks, which must be open.
   * @param options.stake - Of each, in wei; `purse` is what each is given before.
   */
  settle(
    operators: readonly TestOperator[],
    { ids = [], stake = 100n * ether, purse = stake, slashBpsMax = 10_000 }: SettleOptions = {},
  ): void {
    for (const operator of operators) {
      const { address } = operator
      this.register(operator)
      this.fund(address, purse)
      this.send(this.stakes, 'stake', [address, stake], address)
      for (const id of ids) this.send(this.networks, 'optIn', [id, slashBpsMax], address)
    }
  }

  /** Gives an operator another key. */
  rotate(operator: TestOperator): void {
    this.#claim('rotate', operator)
  }

  #claim(name: 'register' | 'rotate', operator: TestOperator): void {
    this.send(this.operators, name, this.possessionArgs(operator), operator.address)
  }

  /** An operator's key, and the proof that it is held. */
  possessionArgs({ address, secretKey }: TestOperator): readonly unknown[] {
    const publicKey = blsPublicKeyOf(secretKey)
    const digest = possessionDigest({
      l1ChainId: this.world.chainId,
      registry: fromHex(this.operators.address),
      operator: fromHex(address),
      publicKey,
    })
    return [keyWords(publicKey), signatureWords(blsSign(secretKey, digest))]
  }

  /** Opens a network that begins with its first operator, or as the options say. */
  openNetwork(id: number, options: Partial<OpeningOptions> = {}): void {
    const opening = openingOf(id, {
      genesisHash: toHex(this.identityOf(id).genesisHash),
      ...options,
    })
    this.#genesisHashes.set(id, fromHex(opening.genesisHash))
    this.send(this.networks, 'open', [id, opening])
  }

  identityOf(id: number): NetworkIdentity {
    return {
      l1ChainId: this.world.chainId,
      stakingContract: fromHex(this.stakes.address),
      networkId: id,
      genesisHash: this.#genesisHashes.get(id) ?? sha256(Uint8Array.of(0xbb, id)),
    }
  }

  /** A round vote as contracts take it. */
  roundArgs({ kind, epoch, view, digest }: RoundVote) {
    return { kind: roundKinds.indexOf(kind), epoch, viewNumber: view, digest: toHex(digest) }
  }

  /** A finality vote as contracts take it. */
  finalityArgs({ blockHash, consensusRoot, histRoot, ...numbers }: FinalityVote) {
    return {
      ...numbers,
      blockHash: toHex(blockHash),
      consensusRoot: toHex(consensusRoot),
      histRoot: toHex(histRoot),
    }
  }

  /** A vote on data as contracts take it. */
  dataArgs({ disperser, commitment, ...numbers }: DataVote) {
    return { ...numbers, disperser: toHex(disperser), commitment: toHex(commitment) }
  }

  /** The sum of the signatures of some operators on each round vote of a network. */
  signRounds(id: number, votes: readonly RoundVote[], signers: readonly TestOperator[]): Hex {
    const digests = votes.map((vote) => roundVoteDigest(this.identityOf(id), vote))
    return sumOfSignatures(digests, signers)
  }

  /** The same of finality votes. */
  signFinalities(
    id: number,
    votes: readonly FinalityVote[],
    signers: readonly TestOperator[],
  ): Hex {
    const digests = votes.map((vote) => finalityVoteDigest(this.identityOf(id), vote))
    return sumOfSignatures(digests, signers)
  }

  /** The same of votes on data. */
  signData(id: number, votes: readonly DataVote[], signers: readonly TestOperator[]): Hex {
    const digests = votes.map((vote) => dataVoteDigest(this.identityOf(id), vote))
    return sumOfSignatures(digests, signers)
  }
}

/** Every signer's signature on every digest, added up. */
export function sumOfSignatures(
  digests: readonly Uint8Array[],
  signers: readonly TestOperator[],
): Hex {
  const signatures = digests.flatMap((digest) =>
    signers.map(({ secretKey }) => blsSign(secretKey, digest)),
  )
  return signatureWords(blsAggregate(signatures))
}
