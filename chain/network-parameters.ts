/**
 * The `zg` section of a genesis: who validates a network, and at what pace.
 *
 *     {
 *       "networkId": 0,
 *       "l1ChainId": "1337", "stakingContract": "0x…20",
 *       "validators": [ { "operator": "0x…20", "publicKey": "0x…48", "stake": "1000" } ],
 *       "blockTimeBusyMs": 500, "blockTimeIdleMs": 1000, "buildBudgetMs": 250,
 *       "deltaMs": 300, "deltaMaxMs": 8000, "finalityVotes": true, "subSecond": true
 *     }
 *
 * All fields are required and no others are allowed: the section is hashed into the genesis block,
 * so it has exactly one form. A network whose stake lies on an L1 names no validators: L1 says who
 * votes, from its first epoch on, so that its genesis is known before it has any. A network without
 * an L1 names those that vote for ever.
 */

import { isHex, fromHex, toHex, ZgError } from '@zg/primitives'
import { defaultParameters, validatorSet } from '@zg/consensus'
import type { ConsensusParameters, ValidatorEntry, ValidatorSet } from '@zg/consensus'

/** What all validators of a network must agree on besides the rules of the machine. */
export type NetworkParameters = ConsensusParameters & {
  /** 32 bits; 0 for an L1 too. */
  readonly networkId: number
  /** EIP-155 chain id of the Ethereum chain that holds the stake; 0 on that chain itself. */
  readonly l1ChainId: bigint
  /** 20 bytes; zero while no contract holds the stake. */
  readonly stakingContract: Uint8Array
  /** Who votes for ever; none where L1 says who does. */
  readonly validators: readonly ValidatorEntry[]
  /** Whether blocks of one second may repeat its timestamp (built-in engine only). */
  readonly subSecond: boolean
}

/** The paces of a network, without its members; the start of most genesis files. */
export const networkParametersDefault = {
  ...defaultParameters,
  networkId: 0,
  l1ChainId: 0n,
  stakingContract: new Uint8Array(20),
  subSecond: true,
} as const

/** Bounds of each pace, in milliseconds. */
const paceMsMin = 1
const paceMsMax = 60_000

const paces = [
  'blockTimeBusyMs',
  'blockTimeIdleMs',
  'buildBudgetMs',
  'deltaMs',
  'deltaMaxMs',
] as const

const flags = ['finalityVotes', 'subSecond'] as const

const keys: readonly string[] = [
  'networkId',
  'l1ChainId',
  'stakingContract',
  'validators',
  ...paces,
  ...flags,
]

/** Returns the section's one JSON form, its keys in order. */
export function encodeNetworkParameters(parameters: NetworkParameters): Record<string, unknown> {
  const json: Record<string, unknown> = {
    networkId: parameters.networkId,
    l1ChainId: parameters.l1ChainId.toString(),
    stakingContract: toHex(parameters.stakingContract),
    validators: parameters.validators.map(({ operator, publicKey, stake }) => ({
      operator: toHex(operator),
      publicKey: toHex(publicKey),
      stake: stake.toString(),
    })),
  }
  for (const pace of paces) json[pace] = parameters[pace]
  for (const flag of flags) json[flag] = parameters[flag]
  return json
}

/**
 * Reads the section.
 *
 * @throws {NetworkParametersInvalidError} `CHAIN_NETWORK_PARAMETERS_INVALID`;
 *   `CONSENSUS_VALIDATOR_SET_INVALID`.
 */
export function parseNetworkParameters(json: unknown): NetworkParameters {
  const fields = record(json, 'it')
  expectKeys(fields, keys)
  const validators = fields['validators']
  if (!Array.isArray(validators)) throw new NetworkParametersInvalidError('no "validators"')
  const parameters = {
    networkId: integer(fields, 'networkId', { min: 0, max: 0xffff_ffff }),
    l1ChainId: decimal(fields['l1ChainId'], 'l1ChainId'),
    stakingContract: bytesOf(fields['stakingContract'], 'stakingContract', 20),
    validators: validators.map(parseValidator),
    blockTimeBusyMs: pace(fields, 'blockTimeBusyMs'),
    blockTimeIdleMs: pace(fields, 'blockTimeIdleMs'),
    buildBudgetMs: pace(fields, 'buildBudgetMs'),
    deltaMs: pace(fields, 'deltaMs'),
    deltaMaxMs: pace(fields, 'deltaMaxMs'),
    finalityVotes: flag(fields, 'finalityVotes'),
    subSecond: flag(fields, 'subSecond'),
  }
  if (!isStakedOnL1(parameters)) validatorSet(0n, parameters.validators)
  checkPaces(parameters)
  return parameters
}

/** Whether L1 says who votes. */
export function isStakedOnL1({ stakingContract, validators }: NetworkParameters): boolean {
  return validators.length === 0 && stakingContract.some((byte) => byte !== 0)
}

/**
 * The set of a network without an L1, its one epoch the 0th.
 *
 * @throws {ValidatorSetInvalidError} `CONSENSUS_VALIDATOR_SET_INVALID` for a network with one.
 */
export function fixedValidatorSet(parameters: NetworkParameters): ValidatorSet {
  return validatorSet(0n, parameters.validators)
}

function checkPaces(parameters: NetworkParameters): void {
  // Timestamps of whole seconds must grow (Engine API) unless the genesis lets them repeat.
  if (!parameters.subSecond && parameters.blockTimeBusyMs < 1_000) {
    throw new NetworkParametersInvalidError('blocks under 1,000 ms need "subSecond"')
  }
  if (parameters.blockTimeBusyMs > parameters.blockTimeIdleMs) {
    throw new NetworkParametersInvalidError('"blockTimeBusyMs" is over "blockTimeIdleMs"')
  }
  if (parameters.deltaMs > parameters.deltaMaxMs) {
    throw new NetworkParametersInvalidError('"deltaMs" is over "deltaMaxMs"')
  }
}

function parseValidator(json: unknown): ValidatorEntry {
  const fields = record(json, 'a validator')
  expectKeys(fields, ['operator', 'publicKey', 'stake'])
  return {
    operator: bytesOf(fields['operator'], 'operator', 20),
    publicKey: bytesOf(fields['publicKey'], 'publicKey', 48),
    stake: decimal(fields['stake'], 'stake'),
  }
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new NetworkParametersInvalidError(`${what} is no object`)
  }
  return value as Record<string, unknown>
}

function expectKeys(fields: Readonly<Record<string, unknown>>, expected: readonly string[]): void {
  const unknown = Object.keys(fields).find((key) => !expected.includes(key))
  if (unknown !== undefined) throw new NetworkParametersInvalidError(`unknown key "${unknown}"`)
  const missing = expected.find((key) => fields[key] === undefined)
  if (missing !== undefined) throw new NetworkParametersInvalidError(`no "${missing}"`)
}

function integer(
  fields: Readonly<Record<string, unknown>>,
  key: string,
  { min, max }: { min: number; max: number },
): number {
  const value = fields[key]
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw new NetworkParametersInvalidError(`"${key}" is no integer from ${min} to ${max}`)
  }
  return value
}

function pace(fields: Readonly<Record<string, unknown>>, key: (typeof paces)[number]): number {
  return integer(fields, key, { min: paceMsMin, max: paceMsMax })
}

function flag(fields: Readonly<Record<string, unknown>>, key: (typeof flags)[number]): boolean {
  const value = fields[key]
  if (typeof value !== 'boolean') throw new NetworkParametersInvalidError(`"${key}" is no boolean`)
  return value
}

function decimal(value: unknown, key: string): bigint {
  if (typeof value !== 'string' || !/^(0|[1-9][0-9]{0,77})$/.test(value)) {
    throw new NetworkParametersInvalidError(`"${key}" is no decimal string`)
  }
  return BigInt(value)
}

function bytesOf(value: unknown, key: string, sizeBytes: number): Uint8Array {
  // MUST be lower-case: the section has one form.
  if (!isHex(value, sizeBytes) || value !== value.toLowerCase()) {
    throw new NetworkParametersInvalidError(`"${key}" is not ${sizeBytes} bytes of lower-case hex`)
  }
  return fromHex(value)
}

export class NetworkParametersInvalidError extends ZgError<'CHAIN_NETWORK_PARAMETERS_INVALID'> {
  constructor(problem: string) {
    const message = `Cannot read the network's parameters: ${problem}`
    super('CHAIN_NETWORK_PARAMETERS_INVALID', message, { problem })
  }
}
