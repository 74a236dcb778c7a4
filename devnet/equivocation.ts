/**
 * An operator of the local world signs two finality votes of one height, as a stolen key would:
 * what `zg chaos equivocate` shows, and what L1 then does. The running validators know nothing of
 * it.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { finalityVoteDigest } from '@zg/consensus'
import type { Evidence, FinalityVote, NetworkIdentity } from '@zg/consensus'
import { artifactOf } from '@zg/contracts'
import { assert, blsSign, fromHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { evidenceCalls } from '@zg/staking'
import { encodeFunctionData } from 'viem'
import type { Abi } from 'viem'

import type { DevnetFile } from './devnet-file.ts'
import { callRpc } from './rpc-call.ts'
import { keysOf } from './seed-keys.ts'
import type { KeptWorld } from './world.ts'

/** A fault, and the call that proves it to L1. */
export type Equivocation = {
  /** 20 bytes: who signed. */
  readonly operator: Uint8Array
  readonly epoch: bigint
  readonly height: bigint
  /** Of SlashingManager. */
  readonly report: { readonly to: Hex; readonly data: Hex }
}

/** Signs the two votes with a validator's own key, at the newest final height of its network. */
export async function equivocate(
  file: DevnetFile,
  { network: id, validator }: { readonly network: number; readonly validator: number },
): Promise<Equivocation> {
  const network = file.networks.find((each) => each.id === id)
  const { StakeManager: staking, SlashingManager: to } = file.l1?.contracts ?? {}
  if (network === undefined || file.l1 === undefined || staking === undefined || to === undefined) {
    throw new StakelessError(id)
  }
  const kept = JSON.parse(readFileSync(join(file.dataDir, 'world.json'), 'utf8')) as KeptWorld
  const { operator, secretKey } = keysOf(Buffer.from(kept.seed, 'hex'), `operator/${validator}`)
  const identity: NetworkIdentity = {
    l1ChainId: BigInt(file.l1.chainId),
    stakingContract: fromHex(staking),
    networkId: id,
    genesisHash: fromHex(network.genesisHash),
  }
  const certificate = await callRpc(network.rpc, 'zg_getFinalityCertificate', [])
  const { epoch: epochText, height: heightText } = certificate as { epoch: Hex; height: Hex }
  const [epoch, height] = [BigInt(epochText), BigInt(heightText)]
  const sign = (fill: number) => {
    const hash = new Uint8Array(32).fill(fill)
    const hashes = { blockHash: hash, consensusRoot: hash, histRoot: hash }
    const vote: FinalityVote = { epoch, height, ...hashes, nextEpoch: 0n }
    return { vote, signature: blsSign(secretKey, finalityVoteDigest(identity, vote)) }
  }
  const signed = { first: sign(1), second: sign(2) }
  const evidence: Evidence = { kind: 'finality-votes', operator, ...signed }
  // Evidence against one operator asks for no set.
  const [call] = evidenceCalls(evidence, { networkId: id, validatorSet: () => undefined })
  assert(call !== undefined, 'two votes of one height are a fault')
  const abi = artifactOf('SlashingManager').abi as Abi
  const data = encodeFunctionData({ abi, functionName: call.name, args: [...call.args] })
  return { operator, epoch, height, report: { to, data } }
}

export class StakelessError extends ZgError<'DEVNET_STAKELESS'> {
  constructor(network: number) {
    super('DEVNET_STAKELESS', `Cannot sign twice on network ${network}: no stake lies on an L1`)
  }
}
