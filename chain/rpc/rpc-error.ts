/**
 * The one table from our error codes to JSON-RPC errors.
 *
 * Numbers are those of JSON-RPC 2.0 §5.1 and EIP-1474; 3 is what geth gave "execution reverted" and
 * all clients expect. Clients (ethers, viem) tell refusals of a transaction apart by geth's phrases
 * in the message, so the table also holds the phrase that goes first.
 */

import { toQuantity, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { TransactionRefusedError } from '../transaction-admission.ts'
import type { RefusalReason } from '../transaction-admission.ts'

export type RpcErrorObject = {
  readonly code: number
  readonly message: string
  readonly data: unknown
  /** Whether no table entry explains it: a bug of ours, whose text stays in our log. */
  readonly internal: boolean
}

type Mapping = { readonly code: number }

const parseError: Mapping = { code: -32700 }
const invalidRequest: Mapping = { code: -32600 }
const methodNotFound: Mapping = { code: -32601 }
const invalidParams: Mapping = { code: -32602 }
const serverError: Mapping = { code: -32000 }
const resourceNotFound: Mapping = { code: -32001 }
const resourceUnavailable: Mapping = { code: -32002 }
const transactionRejected: Mapping = { code: -32003 }
const limitExceeded: Mapping = { code: -32005 }
const executionReverted: Mapping = { code: 3 }

const internalErrorCode = -32603

const mappingOfCode: ReadonlyMap<string, Mapping> = new Map([
  ['CHAIN_JSON_MALFORMED', parseError],
  ['CHAIN_REQUEST_INVALID', invalidRequest],
  ['CHAIN_HOST_REFUSED', invalidRequest],
  ['CHAIN_METHOD_UNKNOWN', methodNotFound],
  ['CHAIN_PARAMS_INVALID', invalidParams],
  ['CHAIN_JSON_TOO_DEEP', limitExceeded],
  ['CHAIN_JSON_TOO_WIDE', limitExceeded],
  ['CHAIN_LIMIT_EXCEEDED', limitExceeded],
  ['CHAIN_RESOURCE_UNKNOWN', resourceNotFound],
  ['CHAIN_LOGS_NOT_HELD', resourceNotFound],
  ['CHAIN_CALL_REVERTED', executionReverted],
  ['CHAIN_CALL_FAILED', serverError],
  ['CHAIN_TRANSACTION_REFUSED', transactionRejected],
  ['CHAIN_NETWORK_WRONG', transactionRejected],
  ['CHAIN_L1_UNAVAILABLE', resourceUnavailable],
  ['CHAIN_PENDING_UNSETTLED', resourceUnavailable],
  ['CHAIN_DEV_REQUEST_INVALID', invalidParams],
])

/** What geth says first where the pool refuses a transaction. */
const phraseOfRefusal: Readonly<Record<RefusalReason, string>> = {
  malformed: 'invalid transaction',
  'too-large': 'oversized data',
  'blobs-unsupported': 'transaction type not supported',
  'type-unsupported': 'transaction type not supported',
  'chain-id-wrong': 'invalid chain id for signer',
  'signature-invalid': 'invalid sender',
  'gas-limit-too-low': 'intrinsic gas too low',
  'gas-limit-too-high': 'exceeds block gas limit',
  'init-code-too-large': 'max initcode size exceeded',
  'priority-fee-above-max-fee': 'max priority fee per gas higher than max fee per gas',
  'fee-too-low': 'transaction underpriced',
  'authorizations-empty': 'set code transaction must have at least one authorization tuple',
  'authorizations-too-many': 'oversized data',
  'already-known': 'already known',
  'nonce-too-low': 'nonce too low',
  'nonce-at-max': 'nonce has max value',
  'nonce-gap-too-large': 'nonce too high',
  'funds-insufficient': 'insufficient funds for gas * price + value',
  'sender-has-code': 'sender not an eoa',
  'delegated-in-flight': 'in-flight transaction limit reached for delegated accounts',
  'authority-in-flight': 'authority already reserved',
  'replacement-underpriced': 'replacement transaction underpriced',
  'sender-full': 'account limit exceeded',
  'pool-full': 'txpool is full',
  'pool-busy': 'txpool is full',
}

/** The JSON-RPC error that tells a client of `error`; details of bugs are kept back. */
export function rpcErrorOf(error: unknown): RpcErrorObject {
  if (error instanceof ZgError) {
    const mapping = mappingOfCode.get(error.code)
    if (mapping !== undefined) {
      const { code } = mapping
      return { code, message: messageOf(error), data: publicDataOf(error), internal: false }
    }
  }
  return { code: internalErrorCode, message: 'Internal error', data: undefined, internal: true }
}

function messageOf(error: ZgError): string {
  if (!(error instanceof TransactionRefusedError)) return error.message
  return `${phraseOfRefusal[error.reason]}: ${String(error.data['problem'])}`
}

function publicDataOf(error: ZgError): unknown {
  // By code: an error that another thread relays is of no class here.
  if (error.code === 'CHAIN_CALL_REVERTED') return error.data['output']
  if (error.code === 'CHAIN_LIMIT_EXCEEDED') return error.data['hint']
  if (error.code === 'CHAIN_NETWORK_WRONG') return { reason: 'wrong-network', ...error.data }
  return undefined
}

/** A parameter that no method could take: wrong shape, length or range. */
export class ParamsInvalidError extends ZgError<'CHAIN_PARAMS_INVALID'> {
  constructor(name: string, problem: string) {
    super('CHAIN_PARAMS_INVALID', `Cannot read "${name}": ${problem}`, { name, problem })
  }
}

export class MethodUnknownError extends ZgError<'CHAIN_METHOD_UNKNOWN'> {
  constructor(method: string, why = 'there is no such method') {
    const shown = method.length > 64 ? `${method.slice(0, 64)}…` : method
    super('CHAIN_METHOD_UNKNOWN', `Cannot call "${shown}": ${why}`, { method: shown })
  }
}

/** A request over one of `limits.ts`; `hint` says how to ask for less. */
export class LimitExceededError extends ZgError<'CHAIN_LIMIT_EXCEEDED'> {
  constructor(what: string, limit: bigint | number, hint?: unknown) {
    const message = `Cannot answer: the limit is ${limit} ${what}`
    super('CHAIN_LIMIT_EXCEEDED', message, { what, limit, hint })
  }
}

/** A transaction for another network, which its chain id names; as geth says it, then where to. */
export class NetworkWrongError extends ZgError<'CHAIN_NETWORK_WRONG'> {
  constructor(network: number, chainId: bigint) {
    const where = `chain id ${chainId} is network ${network}; send it there`
    const message = `${phraseOfRefusal['chain-id-wrong']}: ${where}`
    super('CHAIN_NETWORK_WRONG', message, { network, chainId: toQuantity(chainId) })
  }
}

/** What only L1 knows, and this node's endpoint of it does not answer. */
export class L1UnavailableError extends ZgError<'CHAIN_L1_UNAVAILABLE'> {
  constructor(what: string) {
    super('CHAIN_L1_UNAVAILABLE', `Cannot read ${what}: L1 is not in reach`, { what })
  }
}

/** A block, state or filter that is not here: unknown, pruned or expired. */
export class ResourceUnknownError extends ZgError<'CHAIN_RESOURCE_UNKNOWN'> {
  constructor(what: string, which: string) {
    super('CHAIN_RESOURCE_UNKNOWN', `Cannot find ${what}: ${which}`, { what, which })
  }
}

/** A simulated execution ended in REVERT; `data` on the wire is what it returned. */
export class CallRevertedError extends ZgError<'CHAIN_CALL_REVERTED'> {
  constructor(output: Hex, reason: string | undefined) {
    const message = reason === undefined ? 'execution reverted' : `execution reverted: ${reason}`
    super('CHAIN_CALL_REVERTED', message, { output })
  }
}

/** A simulated execution that could not start or ran into an exceptional halt. */
export class CallFailedError extends ZgError<'CHAIN_CALL_FAILED'> {
  constructor(problem: string) {
    super('CHAIN_CALL_FAILED', problem, {})
  }
}
