/** All contracts of shared stake on one L1, joined as in production, with stakers and operators. */

import { finalityVoteDigest, possessionDigest, roundVoteDigest } from '@zg/consensus'
import type { FinalityVote, NetworkIdentity, RoundVote } from '@zg/consensus'
import { blsAggregate, blsPublicKeyOf, blsSign, fromHex, sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { keyWords, signatureWords } from '../bls-words.ts'
import { ContractWorld, somebody } from './contract-world.ts'
import type { Deployed, Sent } from './contract-world.ts'
import type { TestOperator } from './stake-world.ts'

const firstEpoch = 10

/** `zg/notarize` and the others by their number in `Votes.sol`. */
const roundKinds = ['notarize', 'nullify', 'finalize'] as const

export class L1World {
  readonly world = new ContractWorld()
  readonly epochSeconds = 100
  readonly unbondingSeconds = 500
  readonly evidenceAgeMaxSeconds = 400
  /** When epoch 0 began. */
  readonly start = this.world.timestamp - firstEpoch * this.epochSeconds
  readonly token: Deployed
  readonly operators: Deployed
  readonly networks: Deployed
  readonly stakes: Deployed
  readonly oracle: Deployed
  readonly slashing: Deployed

  /**
   * `somebody`, who deploys, owns what is free of the token and stands for governance.
   *
   * @param slasher - Who may slash in the place of the SlashingManager.
   */
  constructor(slasher?: Hex) {
    const { world } = this
    const owners = Array.from({ length: 5 }, () => somebody)
    const genesis = world.deploy('TokenGenesis', { args: [owners, somebody, somebody] })
    this.token = world.at('ZgToken', world.read({ contract: genesis, name: 'token' }))
    const [networks, stakes, slashing] = [1, 2, 4].map((offset) => world.nextAddress(offset))
    const clock = [this.start, this.epochSeconds]
    this.operators = world.deploy('OperatorRegistry', { args: [...clock, stakes, networks] })
    this.networks = world.deploy('NetworkRegistry', { args: [this.operators.address, somebody] })
    this.stakes = world.deploy('StakeManager', {
      args: [
        this.token.address,
        this.operators.address,
        slasher ?? slashing,
        this.unbondingSeconds,
      ],
    })
    this.oracle = world.deploy('FinalityOracle', {
      args: [networks, this.operators.address, stakes, slashing, this.epochSeconds],
    })
    this.slashing = world.deploy('SlashingManager', {
      args: [this.oracle.address, stakes, this.evidenceAgeMaxSeconds],
    })
  }

  get epoch(): number {
    return Math.floor((this.world.timestamp - this.start) / this.epochSeconds)
  }

  /** Goes to the first second of an epoch. */
  goToEpoch(epoch: number): void {
    this.world.advance(this.start + epoch * this.epochSeconds - this.world.timestamp)
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

  register({ address, secretKey }: TestOperator): void {
    const publicKey = blsPublicKeyOf(secretKey)
    const digest = possessionDigest({
      l1ChainId: this.world.chainId,
      registry: fromHex(this.operators.address),
      operator: fromHex(address),
      publicKey,
    })
    const args = [keyWords(publicKey), signatureWords(blsSign(secretKey, digest))]
    this.send(this.operators, 'register', args, address)
  }

  openNetwork(id: number): void {
    const genesisRoot = toHex(sha256(Uint8Array.of(0xaa, id)))
    const { genesisHash } = this.identityOf(id)
    const network = { chainId: 1_660_200 + id, firstEpoch, genesisHash: toHex(genesisHash) }
    this.send(this.networks, 'open', [id, { ...network, genesisRoot }])
  }

  identityOf(id: number): NetworkIdentity {
    return {
      l1ChainId: this.world.chainId,
      stakingContract: fromHex(this.stakes.address),
      networkId: id,
      genesisHash: sha256(Uint8Array.of(0xbb, id)),
    }
  }

  /** A round vote as contracts take it. */
  roundArgs({ kind, epoch, view, digest }: RoundVote) {
    return { kind: roundKinds.indexOf(kind), epoch, viewNumber: view, digest: toHex(digest) }
  }

  /** A finality vote as contracts take it. */
  finalityArgs({ blockHash, consensusRoot, histRoot, ...numbers }: FinalityVote) {
    const [block, root, history] = [blockHash, consensusRoot, histRoot].map(toHex)
    return { ...numbers, blockHash: block, consensusRoot: root, histRoot: history }
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
