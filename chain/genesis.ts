/**
 * The first block: geth's genesis format, with a section of our own.
 *
 *     config, alloc, gasLimit, timestamp, …   as geth and reth read them
 *     zg                                      who validates, and how blocks are paced
 *
 * The hash of the genesis block names the network, so it commits to `zg` as well: `extraData` is
 *
 *     keccak256(canonical JSON of zg)
 *
 * where canonical means: the fields of `NetworkParameters` in their order, no white space,
 * lower-case hex, integers that may pass 2^53 as decimal strings. A client that does not know the
 * section (geth, reth) computes the same hash.
 *
 * Deviations from geth: a genesis starts under Cancun rules or later (the machine knows no older
 * ones), and an unknown key in `alloc` or `zg` is refused, where geth overlooks it.
 */

import { forkAt, atLeast, emptyOmmersHash, headerHash, parseChainConfig } from '@zg/evm'
import type { ChainConfig, Header } from '@zg/evm'
import {
  bigintToBytes,
  bigintToMinimalBytes,
  bytesEqual,
  bytesToBigint,
  emptyBytes,
  emptyKeccakWord,
  encodeRlp,
  fromHex,
  isHex,
  keccak256,
  keccakWord,
  sha256,
  WordSet,
  wordMax,
  ZgError,
} from '@zg/primitives'
import { emptyTrieRoot, trieRoot } from '@zg/state'
import type { AccountChange, StateChanges } from '@zg/state'

import { encodeNetworkParameters, parseNetworkParameters } from './network-parameters.ts'
import type { NetworkParameters } from './network-parameters.ts'

/**
 * Gas limit of a genesis that names none: such that the slowest full block takes three seconds, at
 * 19.2 Mgas a second (`npm run bench -- precompiles`: the BLS pairing of two pairs).
 */
export const gasLimitDefault = 57_000_000n

/** Accounts a genesis may allocate. */
export const genesisAccountsMax = 100_000

/** Base fee of a genesis that names none: 1 gwei (EIP-1559 INITIAL_BASE_FEE). */
const initialBaseFeePerGas = 1_000_000_000n

/** sha256 of no requests (EIP-7685). */
const emptyRequestsHash = sha256(emptyBytes)

const zeroHash = new Uint8Array(32)

/** A genesis, read and checked. */
export type Genesis = {
  readonly config: ChainConfig
  readonly header: Header
  /** 32 bytes. */
  readonly hash: Uint8Array
  /** What `alloc` puts into the empty state. */
  readonly changes: StateChanges
  /** The `zg` section; undefined for a genesis of another client. */
  readonly network: NetworkParameters | undefined
}

/**
 * Reads a genesis in geth's JSON form.
 *
 * @param json - What `JSON.parse` gave.
 * @throws {GenesisInvalidError} `CHAIN_GENESIS_INVALID`; `EVM_CHAIN_CONFIG_INVALID`,
 *   `EVM_FORK_UNSUPPORTED`, `CHAIN_NETWORK_PARAMETERS_INVALID`.
 */
export function parseGenesis(json: unknown): Genesis {
  const fields = record(json, 'the genesis')
  const config = parseChainConfig(fields['config'])
  const network = fields['zg'] === undefined ? undefined : parseNetworkParameters(fields['zg'])
  const changes = { accounts: parseAlloc(fields['alloc']), codes: [] as StateChanges['codes'] }
  const header = genesisHeader(fields, { config, accounts: changes.accounts })
  if (network !== undefined && !bytesEqual(header.extraData, networkCommitment(network))) {
    throw new GenesisInvalidError('"extraData" is not the hash of "zg"')
  }
  const codes = parseCodes(fields['alloc'])
  return { config, header, hash: headerHash(header), changes: { ...changes, codes }, network }
}

/** Returns what `extraData` of a genesis with that `zg` section must be: 32 bytes. */
export function networkCommitment(network: NetworkParameters): Uint8Array {
  return keccak256(new TextEncoder().encode(JSON.stringify(encodeNetworkParameters(network))))
}

function genesisHeader(
  fields: Readonly<Record<string, unknown>>,
  { config, accounts }: { config: ChainConfig; accounts: readonly AccountChange[] },
): Header {
  const timestamp = Number(quantity(fields['timestamp'] ?? 0, 'timestamp', 53))
  const isPrague = atLeast(forkAt(config, timestamp), 'prague')
  const number = quantity(fields['number'] ?? 0, 'number', 53)
  if (number !== 0n) throw new GenesisInvalidError('"number" is not 0')
  const extraData = hexBytes(fields['extraData'] ?? '0x', 'extraData')
  if (extraData.length > 32) throw new GenesisInvalidError('"extraData" is over 32 bytes')
  return {
    parentHash: zeroHash,
    ommersHash: emptyOmmersHash,
    coinbase: bytesToBigint(hexBytes(fields['coinbase'] ?? `0x${'00'.repeat(20)}`, 'coinbase', 20)),
    stateRoot: rootOfAccounts(accounts),
    transactionsRoot: emptyTrieRoot,
    receiptsRoot: emptyTrieRoot,
    logsBloom: new Uint8Array(256),
    difficulty: quantity(fields['difficulty'] ?? 0, 'difficulty', 256),
    number: 0,
    gasLimit: quantity(fields['gasLimit'] ?? gasLimitDefault, 'gasLimit', 64),
    gasUsed: 0n,
    timestamp,
    extraData,
    prevRandao: hexBytes(fields['mixHash'] ?? `0x${'00'.repeat(32)}`, 'mixHash', 32),
    nonce: bigintToBytes(quantity(fields['nonce'] ?? 0, 'nonce', 64), 8),
    baseFeePerGas: quantity(fields['baseFeePerGas'] ?? initialBaseFeePerGas, 'baseFeePerGas', 256),
    withdrawalsRoot: emptyTrieRoot,
    blobGasUsed: quantity(fields['blobGasUsed'] ?? 0, 'blobGasUsed', 64),
    excessBlobGas: quantity(fields['excessBlobGas'] ?? 0, 'excessBlobGas', 64),
    parentBeaconBlockRoot: zeroHash,
    requestsHash: isPrague ? emptyRequestsHash : undefined,
  }
}

function parseAlloc(alloc: unknown): AccountChange[] {
  const entries = Object.entries(record(alloc, '"alloc"'))
  if (entries.length > genesisAccountsMax) {
    throw new GenesisInvalidError(`"alloc" has over ${genesisAccountsMax} accounts`)
  }
  const seen = new WordSet()
  const changes: AccountChange[] = []
  for (const [key, value] of entries) {
    const address = addressKey(key)
    if (!seen.add(address)) throw new GenesisInvalidError(`"alloc" has "${key}" twice`)
    const change = parseAccount(address, record(value, `"alloc" entry "${key}"`))
    if (change !== undefined) changes.push(change)
  }
  return changes
}

function parseAccount(
  address: bigint,
  fields: Readonly<Record<string, unknown>>,
): AccountChange | undefined {
  for (const key of Object.keys(fields)) {
    if (!['balance', 'nonce', 'code', 'storage'].includes(key)) {
      throw new GenesisInvalidError(`"alloc" has the unknown key "${key}"`)
    }
  }
  const code = hexBytes(fields['code'] ?? '0x', 'code')
  const account = {
    nonce: quantity(fields['nonce'] ?? 0, 'nonce', 64),
    balance: quantity(fields['balance'] ?? 0, 'balance', 256),
    codeHash: code.length === 0 ? emptyKeccakWord : keccakWord(code),
  }
  const storage: (readonly [bigint, bigint])[] = []
  const slots = new WordSet()
  for (const [key, value] of Object.entries(record(fields['storage'] ?? {}, '"storage"'))) {
    const slot = wordOfHex(key)
    if (!slots.add(slot)) throw new GenesisInvalidError(`"storage" has "${key}" twice`)
    const word = wordOfHex(value)
    if (word !== 0n) storage.push([slot, word])
  }
  const isEmpty =
    account.nonce === 0n && account.balance === 0n && account.codeHash === emptyKeccakWord
  // An empty account is never stored (EIP-161), so neither could its slots be.
  if (isEmpty && storage.length > 0) {
    throw new GenesisInvalidError('"alloc" has an empty account with storage')
  }
  return isEmpty ? undefined : { address, account, storageCleared: false, storage }
}

function parseCodes(alloc: unknown): StateChanges['codes'] {
  const codes = new Map<string, { codeHash: bigint; code: Uint8Array }>()
  for (const value of Object.values(record(alloc, '"alloc"'))) {
    const code = hexBytes(record(value, '"alloc"')['code'] ?? '0x', 'code')
    if (code.length === 0) continue
    const codeHash = keccakWord(code)
    codes.set(codeHash.toString(16), { codeHash, code })
  }
  return [...codes.values()]
}

/** Root of the state trie over whole accounts (Yellow Paper §4.1). */
function rootOfAccounts(accounts: readonly AccountChange[]): Uint8Array {
  return trieRoot(
    accounts.map(({ address, account, storage }) => {
      const storageRoot = trieRoot(
        storage.map(([slot, value]) => [
          keccak256(bigintToBytes(slot, 32)),
          encodeRlp(bigintToMinimalBytes(value)),
        ]),
      )
      const leaf = encodeRlp([
        bigintToMinimalBytes(account?.nonce ?? 0n),
        bigintToMinimalBytes(account?.balance ?? 0n),
        storageRoot,
        bigintToBytes(account?.codeHash ?? emptyKeccakWord, 32),
      ])
      return [keccak256(bigintToBytes(address, 20)), leaf] as const
    }),
  )
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new GenesisInvalidError(`${what} is no object`)
  }
  return value as Record<string, unknown>
}

/** An integer as geth writes them: a number, a decimal string or a 0x string. */
function quantity(value: unknown, field: string, bits: number): bigint {
  const isInteger =
    typeof value === 'bigint' ||
    (typeof value === 'number' && Number.isSafeInteger(value)) ||
    (typeof value === 'string' && /^(0x[0-9a-fA-F]+|[0-9]+)$/.test(value) && value.length <= 80)
  if (!isInteger) throw new GenesisInvalidError(`"${field}" is no integer`)
  const read = BigInt(value)
  if (read < 0n || read >= 1n << BigInt(bits)) {
    throw new GenesisInvalidError(`"${field}" does not fit in ${bits} bits`)
  }
  return read
}

function hexBytes(value: unknown, field: string, sizeBytes?: number): Uint8Array {
  if (!isHex(value, sizeBytes) || value.length % 2 !== 0) {
    throw new GenesisInvalidError(`"${field}" is no hex of the right size`)
  }
  return fromHex(value)
}

function addressKey(key: string): bigint {
  const hex = key.startsWith('0x') ? key : `0x${key}`
  if (!isHex(hex, 20)) throw new GenesisInvalidError(`"alloc" key "${key}" is no address`)
  return bytesToBigint(fromHex(hex))
}

function wordOfHex(value: unknown): bigint {
  if (!isHex(value) || value.length < 3) throw new GenesisInvalidError('"storage" has no hex word')
  const word = BigInt(value)
  if (word > wordMax) throw new GenesisInvalidError('"storage" has a word over 32 bytes')
  return word
}

export class GenesisInvalidError extends ZgError<'CHAIN_GENESIS_INVALID'> {
  constructor(problem: string) {
    super('CHAIN_GENESIS_INVALID', `Cannot read the genesis: ${problem}`, { problem })
  }
}
