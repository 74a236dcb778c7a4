/**
 * Contracts on our own EVM, without a node: every message is a block of one transaction, from any
 * account, signed by nobody; time stands still until it is moved.
 */

import { createdAddress, intrinsicGas, MessageRun } from '@zg/evm'
import type { Fork, Log, RunMessage, RunOutcome } from '@zg/evm'
import { bigintToHex, fromHex, keccakWord, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import {
  decodeErrorResult,
  decodeEventLog,
  decodeFunctionResult,
  encodeDeployData,
  encodeFunctionData,
} from 'viem'
import type { Abi } from 'viem'

import { artifactNames, artifactOf } from '../artifacts.ts'
import type { ArtifactName } from '../artifacts.ts'
import { WorldMemory } from './world-memory.ts'

/** A contract that stands somewhere. */
export type Deployed = { readonly address: Hex; readonly abi: Abi }

/** A function and its arguments. */
export type Message = {
  readonly contract: Deployed
  readonly name: string
  readonly args?: readonly unknown[]
  readonly from?: Hex
  /** In wei. */
  readonly value?: bigint
  readonly gas?: bigint
}

/** A message as its bytes. */
export type BareMessage = {
  readonly to: bigint
  readonly data: Uint8Array
  readonly from?: bigint
  /** In wei. */
  readonly value?: bigint
}

export type DecodedEvent = {
  readonly name: string
  readonly args: Readonly<Record<string, unknown>>
}

/** An account with its code and slots. */
export type WholeAccount = {
  readonly address: bigint
  readonly nonce: bigint
  readonly balance: bigint
  readonly code: Uint8Array
  readonly slots: Slots
}

/** The block that a message stands in. */
export type WitnessedBlock = {
  readonly number: number
  /** In seconds since 1970. */
  readonly timestamp: number
  /** Its parent's beacon root (EIP-4788). */
  readonly parentRoot: Uint8Array
}

/** Told of all that happens to a world, so that it may happen elsewhere too. */
export type WorldWitness = {
  /** Accounts came to stand there, as in a genesis. */
  placed(accounts: readonly WholeAccount[]): void
  ran(message: RunMessage, block: WitnessedBlock, outcome: RunOutcome): void
  /** A message was answered and nothing of it kept; logs are not told. */
  asked(message: RunMessage, block: WitnessedBlock, outcome: RunOutcome): void
}

type Account = NonNullable<ReturnType<MessageRun['state']['account']>>
type StateChanges = Parameters<MessageRun['state']['apply']>[0]
type Slots = readonly (readonly [slot: bigint, value: bigint])[]

/** What a message did. */
export type Sent = {
  /** The transaction's, with its 21,000 and its calldata; refunds taken off. */
  readonly gasUsed: bigint
  /** What running it took beyond the transaction's own cost and its calldata. */
  readonly executionGas: bigint
  /** Of the contract that was called. */
  readonly events: readonly DecodedEvent[]
}

const wealth = 10n ** 27n

/** Who sends when nobody is named; it owns a billion ether. */
export const somebody: Hex = '0x00000000000000000000000000000000000005eb'

export class ContractWorld {
  /** Whoever is to be told of worlds that begin from now on. */
  static witnessOf: ((world: ContractWorld) => WorldWitness) | undefined

  readonly chainId: bigint
  readonly fork: Fork
  readonly #run: MessageRun
  readonly #memory: WorldMemory
  readonly #witness: WorldWitness | undefined
  readonly #listeners: ((logs: readonly Log[]) => void)[] = []
  readonly #watchers: { contract: Deployed; onEvent: (event: DecodedEvent) => void }[] = []

  constructor({
    fork = 'prague',
    chainId = 1337n,
    timestamp = 1_800_000_000,
  }: { fork?: Fork; chainId?: bigint; timestamp?: number } = {}) {
    const address = BigInt(somebody)
    const rich = { address, nonce: 0n, balance: wealth, code: new Uint8Array(0), storage: [] }
    this.#run = new MessageRun({ fork, chainId, timestamp, accounts: [rich] })
    this.#memory = new WorldMemory([fork, chainId, timestamp].join())
    this.chainId = chainId
    this.fork = fork
    this.#witness = ContractWorld.witnessOf?.(this)
    this.#witness?.placed(this.wholeAccounts())
  }

  get #state(): MessageRun['state'] {
    return this.#run.state
  }

  /** Of the next message, in seconds since 1970. */
  get timestamp(): number {
    return this.#run.timestamp
  }

  advance(seconds: number): void {
    this.#run.advance(seconds)
  }

  /** What blocks name as their parent's consensusRoot. */
  set parentBeaconRoot(root: Uint8Array) {
    this.#run.parentBeaconRoot = root
  }

  /** Whether blocks may follow each other within a second. */
  set isSubSecond(isSubSecond: boolean) {
    this.#run.isSubSecond = isSubSecond
  }

  /** Calls back with each event of a contract, whoever's message it comes of. */
  watch(contract: Deployed, onEvent: (event: DecodedEvent) => void): void {
    this.#watchers.push({ contract, onEvent })
  }

  /** Calls back with the logs of each message that is sent here. */
  listen(onLogs: (logs: readonly Log[]) => void): void {
    this.#listeners.push(onLogs)
  }

  /** What runs the messages, for others to send and ask as well. */
  get run(): MessageRun {
    this.#memory.end()
    return this.#run
  }

  /** Has the next message stand in a block of at least that number. */
  skipTo(number: number): void {
    this.#run.skipTo(number)
  }

  balanceOf(address: Hex): bigint {
    return this.#state.account(BigInt(address))?.balance ?? 0n
  }

  /** Where an account's deployments go, one after another. */
  nextAddress(offset = 0, from = somebody): Hex {
    const nonce = (this.#state.account(BigInt(from))?.nonce ?? 0n) + BigInt(offset)
    return bigintToHex(createdAddress(BigInt(from), nonce), 20)
  }

  /** Deploys an artifact. */
  deploy(
    artifact: ArtifactName,
    { args = [], from = somebody, value = 0n }: Partial<Omit<Message, 'contract' | 'name'>> = {},
  ): Deployed {
    const { abi, bytecode } = artifactOf(artifact)
    const code = toHex(bytecode)
    const data = encodeDeployData({ abi: abi as Abi, bytecode: code, args: [...args] })
    const { contractAddress } = this.#execute({ to: undefined, from, value, data: fromHex(data) })
    if (contractAddress === undefined) throw new Error(`${artifact} was not deployed`)
    return { address: bigintToHex(contractAddress, 20), abi: abi as Abi }
  }

  /** Puts the code of an artifact to an address, as a genesis does: no constructor runs there. */
  predeploy(artifact: ArtifactName, address: Hex): Deployed {
    const { address: elsewhere, abi } = this.deploy(artifact)
    const account = this.#state.account(BigInt(elsewhere))
    if (account === undefined) throw new Error(`${artifact} was not deployed`)
    this.#write({
      accounts: [{ address: BigInt(address), account, storageCleared: false, storage: [] }],
      codes: [],
    })
    this.#tellPlaced(BigInt(address))
    return { address, abi }
  }

  /** Puts code, slots and ether to an address, as a genesis does. */
  place({
    address,
    code,
    balance = 0n,
    storage = [],
  }: {
    readonly address: bigint
    readonly code: Uint8Array
    readonly balance?: bigint
    readonly storage?: Slots
  }): void {
    const codeHash = keccakWord(code)
    const account = { nonce: 1n, balance, codeHash }
    this.#write({
      accounts: [{ address, account, storageCleared: true, storage }],
      codes: [{ codeHash, code }],
    })
    this.#tellPlaced(address)
  }

  /** Every account, with its code. */
  wholeAccounts(): readonly WholeAccount[] {
    return this.accounts().map(({ codeHash, ...account }) => ({
      ...account,
      code: this.#state.code(codeHash),
    }))
  }

  /** Every account, for tries of a test's own. */
  accounts(): readonly (Account & { readonly address: bigint; readonly slots: Slots })[] {
    return [...this.#state.addresses()].map((address) => ({
      ...(this.#state.account(address) as Account),
      address,
      slots: [...this.#state.slots(address)],
    }))
  }

  /** A contract that another one deployed. */
  at(artifact: ArtifactName, address: unknown): Deployed {
    return { address: address as Hex, abi: artifactOf(artifact).abi as Abi }
  }

  /**
   * Sends a message.
   *
   * @throws {ContractRevertError} With the contract's own error.
   */
  send(message: Message): Sent {
    const { contract, from = somebody, value = 0n, gas: limit } = message
    const to = BigInt(contract.address)
    const data = dataOf(message)
    const { gasUsed, logs } = this.#execute({ to, from, value, data, gas: limit }, contract)
    const executionGas = gasUsed - this.#intrinsicGas(data)
    return { gasUsed, executionGas, events: eventsOf(contract, logs) }
  }

  /** Gives an account ether. */
  pay(to: Hex, value: bigint): void {
    this.#execute({ to: BigInt(to), from: somebody, value, data: new Uint8Array(0) })
  }

  /** Asks a message's answer; nothing is kept. Throws as `send`. */
  read(message: Message): unknown {
    const { contract, name, from = somebody, value = 0n } = message
    const { succeeded, output } = this.call({
      from: BigInt(from),
      to: BigInt(contract.address),
      value,
      data: dataOf(message),
    })
    if (!succeeded) throw new ContractRevertError(contract.abi, output)
    const data = toHex(output)
    return decodeFunctionResult({ abi: contract.abi, functionName: name, data })
  }

  /** What a message takes until it is refused, beyond a transaction's own cost and its calldata. */
  refusalGas(message: Message): bigint {
    const data = dataOf(message)
    const { succeeded, gasUsed } = this.call({ to: BigInt(message.contract.address), data })
    if (succeeded) throw new Error('the message was not refused')
    return gasUsed - this.#intrinsicGas(data)
  }

  #intrinsicGas(data: Uint8Array): bigint {
    const transaction = { data, isCreate: false, accessList: [], authorizationCount: 0 }
    return BigInt(intrinsicGas(transaction, this.fork).gas)
  }

  /** Runs bytes as `eth_call` does; nothing is kept. */
  call({ from = BigInt(somebody), to, value = 0n, data }: BareMessage) {
    const result = this.#run.call({ from, to, value, data })
    if (!('output' in result)) throw new Error(`the message was ${result.status}`)
    const { output, gasUsed } = result
    const answer = { succeeded: result.status === 'success', output, gasUsed }
    if (this.#witness !== undefined) {
      const outcome = { ...answer, contractAddress: undefined, logs: [] }
      this.#witness.asked({ from, to, value, data }, this.#block(this.#run.number + 1), outcome)
    }
    return answer
  }

  /** Makes a block of one message, as it is; says whether it succeeded. */
  execute(message: BareMessage): boolean {
    return this.executed(message).succeeded
  }

  /** The same, and what it cost. */
  executed({
    from = BigInt(somebody),
    to,
    value = 0n,
    data,
  }: BareMessage): Pick<RunOutcome, 'succeeded' | 'gasUsed'> {
    const { succeeded, gasUsed, logs } = this.#send({ from, to, value, data })
    this.#tell(logs)
    return { succeeded, gasUsed }
  }

  /** Transactions an account has sent. */
  nonceOf(address: bigint): bigint {
    return this.#state.account(address)?.nonce ?? 0n
  }

  codeOf(address: bigint): Uint8Array {
    const account = this.#state.account(address)
    return account === undefined ? new Uint8Array(0) : this.#state.code(account.codeHash)
  }

  /** The word in a slot. */
  slotOf(address: bigint, slot: bigint): bigint {
    return this.#state.storage(address, slot)
  }

  /** Writes a slot of a contract that is there: what would take too many transactions. */
  setSlot(address: bigint, slot: bigint, value: bigint): void {
    const account = this.#state.account(address)
    if (account === undefined) throw new Error('there is no such account')
    const storage: Slots = [[slot, value]]
    this.#write({
      accounts: [{ address, account, storageCleared: false, storage }],
      codes: [],
    })
    this.#tellPlaced(address)
  }

  /** Writes to the state what no message did. */
  #write(changes: StateChanges): void {
    this.#memory.end()
    this.#state.apply(changes)
  }

  #send(message: RunMessage): RunOutcome {
    const ran = this.#memory.run(this.#run, message)
    this.#run.keep(ran)
    const { outcome } = ran
    this.#witness?.ran(message, this.#block(this.#run.number), outcome)
    return outcome
  }

  #block(number: number): WitnessedBlock {
    const { timestamp, parentBeaconRoot: parentRoot } = this.#run
    return { number, timestamp, parentRoot }
  }

  #tellPlaced(address: bigint): void {
    this.#witness?.placed(this.wholeAccounts().filter((each) => each.address === address))
  }

  #tell(logs: readonly Log[]): void {
    for (const onLogs of this.#listeners) onLogs(logs)
    for (const { contract, onEvent } of this.#watchers) {
      for (const event of eventsOf(contract, logs)) onEvent(event)
    }
  }

  #execute(
    message: {
      readonly to: bigint | undefined
      readonly from: Hex
      readonly value: bigint
      readonly data: Uint8Array
      readonly gas?: bigint | undefined
    },
    contract?: Deployed,
  ) {
    const outcome = this.#send({ ...message, from: BigInt(message.from) })
    if (!outcome.succeeded) throw new ContractRevertError(contract?.abi ?? [], outcome.output)
    this.#tell(outcome.logs)
    return outcome
  }
}

function dataOf({ contract, name, args = [] }: Message): Uint8Array {
  return fromHex(encodeFunctionData({ abi: contract.abi, functionName: name, args: [...args] }))
}

function eventsOf({ address, abi }: Deployed, logs: readonly Log[]): DecodedEvent[] {
  return logs
    .filter((log) => log.address === BigInt(address))
    .map((log) => {
      const topics = log.topics.map((topic) => bigintToHex(topic, 32)) as [Hex, ...Hex[]]
      const { eventName = '', args = {} } = decodeEventLog({ abi, topics, data: toHex(log.data) })
      return { name: eventName, args: args as Readonly<Record<string, unknown>> }
    })
}

/** A contract refused. `errorName` is that of its error, or of one it called; empty if none. */
export class ContractRevertError extends Error {
  readonly errorName: string
  readonly errorArgs: readonly unknown[]

  constructor(abi: Abi, output: Uint8Array) {
    const { errorName, args } = decoded(abi, output)
    super(`The contract reverted: ${errorName}(${args.map(String).join(', ')})`)
    this.errorName = errorName
    this.errorArgs = args
  }
}

let errors: Abi | undefined

/** The errors of all contracts: one that was called may have called another. */
function everyError(): Abi {
  errors ??= artifactNames
    .flatMap((name) => artifactOf(name).abi as Abi)
    .filter(({ type }) => type === 'error')
  return errors
}

function decoded(abi: Abi, output: Uint8Array): { errorName: string; args: readonly unknown[] } {
  try {
    // An error without parameters has no arguments, whatever its type says.
    const found: { errorName: string; args?: readonly unknown[] | undefined } = decodeErrorResult({
      abi: [...abi, ...everyError()],
      data: toHex(output),
    })
    return { errorName: found.errorName, args: found.args ?? [] }
  } catch {
    return { errorName: '', args: output.length === 0 ? [] : [toHex(output)] }
  }
}
