/**
 * Loaded before a file of tests (`node --import`): writes down every world on which its contracts
 * run, for forge to run them again. A world is a file of lines in ZG_WORLDS, each the hex of
 *
 *     abi.encode(uint8 kind, bytes)     0 Place, 1 Message, 2 a question: a Message of which
 *                                       nothing is kept; their structs stand in Replay.t.sol
 *
 * and beside it the state at its end, as our EVM has it.
 */

import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { bigintToHex, fromHex, keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { encodeAbiParameters, parseAbiParameters } from 'viem'

import { ContractWorld } from '../testing/contract-world.ts'
import type { WholeAccount, WorldWitness } from '../testing/contract-world.ts'

type Ran = Parameters<WorldWitness['ran']>

const stepTypes = parseAbiParameters('uint8 kind, bytes step')
const placeTypes = parseAbiParameters(
  '(address account, uint64 nonce, uint256 balance, bytes code, uint256[] slots, uint256[] values)',
)
const messageTypes = parseAbiParameters(
  '(address from, address to, bool isCreate, uint256 value, bytes data, uint256 gasLimit, ' +
    'uint256 number, uint256 timestamp, bytes32 parentRoot, ' +
    'bool succeeded, bytes output, uint256 gasUsed, address created, bytes32[] logHashes)',
)
const logTypes = parseAbiParameters('(bytes32[] topics, bytes data, address emitter) log')

/** What a message that names none may use (evm/message-run.ts). */
const messageGas = 16_000_000n

const folder = process.env['ZG_WORLDS']
if (folder === undefined) throw new Error('ZG_WORLDS names no folder for worlds')
const worlds: ContractWorld[] = []
const pathOf = (index: number): string => join(folder, `${process.pid}-${index}`)
ContractWorld.witnessOf = (world) => recorderOf(pathOf(worlds.push(world) - 1))
process.once('exit', () => {
  for (const [index, world] of worlds.entries()) writeEnd(world, `${pathOf(index)}.json`)
})

function recorderOf(path: string): WorldWitness {
  const write = (kind: number, step: Hex): void =>
    appendFileSync(`${path}.steps`, `${encodeAbiParameters(stepTypes, [kind, step])}\n`)
  return {
    placed(accounts) {
      for (const { address, nonce, balance, code, slots } of accounts) {
        const place = {
          account: bigintToHex(address, 20),
          nonce,
          balance,
          code: toHex(code),
          slots: slots.map(([slot]) => slot),
          values: slots.map(([, value]) => value),
        }
        write(0, encodeAbiParameters(placeTypes, [place]))
      }
    },
    ran: (message, block, outcome) => write(1, encodedMessage(message, block, outcome)),
    asked: (message, block, outcome) => write(2, encodedMessage(message, block, outcome)),
  }
}

function writeEnd(world: ContractWorld, path: string): void {
  const { chainId, fork } = world
  const accounts = world.wholeAccounts().map(printed)
  const end = { title: process.argv[1], chainId: Number(chainId), fork, accounts }
  writeFileSync(path, JSON.stringify(end))
}

function encodedMessage(
  ...[
    { from, to, value, data, gas = messageGas },
    { number, timestamp, parentRoot },
    { succeeded, output, gasUsed, contractAddress = 0n, logs },
  ]: Ran
): Hex {
  const isCreate = to === undefined
  const message = {
    from: bigintToHex(from, 20),
    to: bigintToHex(to ?? 0n, 20),
    isCreate,
    value,
    data: toHex(data),
    gasLimit: gas,
    number: BigInt(number),
    timestamp: BigInt(timestamp),
    parentRoot: toHex(parentRoot),
    succeeded,
    // What a creation answers is the code, which stands in the state.
    output: isCreate && succeeded ? ('0x' as const) : toHex(output),
    gasUsed,
    created: bigintToHex(succeeded ? contractAddress : 0n, 20),
    logHashes: logs.map(logHash),
  }
  return encodeAbiParameters(messageTypes, [message])
}

function logHash({ address, topics, data }: Ran[2]['logs'][number]): Hex {
  const log = {
    topics: topics.map((topic) => bigintToHex(topic, 32)),
    data: toHex(data),
    emitter: bigintToHex(address, 20),
  }
  return toHex(keccak256(fromHex(encodeAbiParameters(logTypes, [log]))))
}

function printed({ address, nonce, balance, code, slots }: WholeAccount) {
  return {
    address: bigintToHex(address, 20),
    nonce: String(nonce),
    balance: String(balance),
    code: toHex(code),
    slots: slots
      .filter(([, value]) => value !== 0n)
      .map(([slot, value]) => [bigintToHex(slot, 32), bigintToHex(value, 32)]),
  }
}
