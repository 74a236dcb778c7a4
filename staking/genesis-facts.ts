/**
 * What the genesis of a network follows from besides what the network was opened with, read of L1
 * (docs/specs/networks.md §1). One address is enough, that of NetworkRegistry: each contract names
 * the next.
 *
 *     NetworkRegistry ─┬─ operators ── OperatorRegistry: clock, stakes
 *                      ├─ scaler ───── Autoscaler ── oracle ── FinalityOracle: age of certificates
 *                      └─ governor
 *
 * The answers are believed, for whoever builds a genesis of them compares its hash with L1's.
 */

import type { SystemContractsConfig } from '@zg/contracts'
import { bigintToHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import type { L1Chain } from './l1-chain.ts'
import { readContract } from './l1-contracts.ts'

export type GenesisFacts = Pick<
  SystemContractsConfig,
  'l1ChainId' | 'epochStart' | 'epochLength' | 'certificateAgeMax'
> & { readonly contracts: SystemContractsConfig['l1'] }

/**
 * Reads the facts.
 *
 * @throws {L1ReadError} `STAKING_L1_READ_FAILED` where no registry of ours stands; and what the
 *   chain throws.
 */
export async function readGenesisFacts(
  chain: Pick<L1Chain, 'call'>,
  { l1ChainId, networkRegistry }: { readonly l1ChainId: bigint; readonly networkRegistry: bigint },
): Promise<GenesisFacts> {
  const ask = (artifact: Artifact, at: Hex, name: string) =>
    readContract(chain, { artifact, address: BigInt(at) }, { name, args: [] })
  const registry = bigintToHex(networkRegistry, 20)
  const linked = async (artifact: Artifact, at: Hex, name: string): Promise<Hex> =>
    // As decoded it has a checksum.
    ((await ask(artifact, at, name)) as Hex).toLowerCase() as Hex
  const [operatorRegistry, governance, scaler] = await Promise.all(
    ['operators', 'governor', 'scaler'].map((name) =>
      linked('NetworkRegistry', registry, name),
    ) as [Promise<Hex>, Promise<Hex>, Promise<Hex>],
  )
  const finalityOracle = await linked('Autoscaler', scaler, 'oracle')
  const [stakeManager, epochStart, epochLength, certificateAgeMax] = await Promise.all([
    linked('OperatorRegistry', operatorRegistry, 'stakes'),
    ask('OperatorRegistry', operatorRegistry, 'epochStart') as Promise<bigint>,
    ask('OperatorRegistry', operatorRegistry, 'epochLength') as Promise<bigint>,
    ask('FinalityOracle', finalityOracle, 'certificateAgeMax') as Promise<bigint>,
  ])
  return {
    l1ChainId,
    contracts: {
      stakeManager,
      networkRegistry: registry,
      operatorRegistry,
      finalityOracle,
      governance,
    },
    epochStart,
    epochLength,
    certificateAgeMax,
  }
}

type Artifact = Parameters<typeof readContract>[1]['artifact']
