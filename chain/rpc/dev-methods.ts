/**
 * Cheats of a development chain, under the names that anvil, Hardhat and ganache gave them. They
 * exist only where the caller hands in a `DevControl`: in `zg devnet --minimal`.
 *
 * `hardhat_metadata` and `anvil_nodeInfo` are not among them: clients ask for these to find out
 * whether they talk to that very program, and they do not.
 *
 * Deviation: where the programs disagree on units, `evm_setIntervalMining` takes milliseconds, as
 * in Hardhat, and `anvil_setIntervalMining` seconds, as in anvil.
 */

import { toQuantity } from '@zg/primitives'

import type { DevControl } from '../chain-view.ts'
import type { RpcMethod, RpcParams } from './json-rpc.ts'
import { callInputSizeMax, devBlocksMax } from './limits.ts'
import {
  checkCount,
  isAbsent,
  readAddress,
  readBoolean,
  readCount,
  readData,
  readHash,
  readObject,
  readOptional,
  readQuantity,
  readSlot,
  readWord,
} from './params.ts'
import { ParamsInvalidError } from './rpc-error.ts'

type Named = readonly [string, RpcMethod]

/** The methods by name. */
export function devMethods(dev: DevControl): readonly Named[] {
  return [
    ...clockMethods(dev),
    ...miningMethods(dev),
    ...snapshotMethods(dev),
    ...inNamespaces(['anvil', 'hardhat'], [...stateMethods(dev), ...poolMethods(dev)]),
  ]
}

function clockMethods(dev: DevControl): readonly Named[] {
  const setNextTime: RpcMethod = (params) => {
    checkCount(params, 1, 1)
    dev.setNextBlockTimestamp(readSeconds(params[0], 'timestamp'))
    return null
  }
  const increase: RpcMethod = (params) => {
    checkCount(params, 1, 1)
    return dev.increaseTime(readSeconds(params[0], 'seconds'))
  }
  return [
    ...inNamespaces(['evm', 'anvil'], [['setNextBlockTimestamp', setNextTime]]),
    ...inNamespaces(['evm', 'anvil'], [['increaseTime', increase]]),
  ]
}

function miningMethods(dev: DevControl): readonly Named[] {
  const setAutomine: RpcMethod = (params) => {
    checkCount(params, 1, 1)
    dev.setAutomine(readBoolean(params[0], 'automine'))
    return null
  }
  const setInterval =
    (unitMs: number): RpcMethod =>
    (params) => {
      checkCount(params, 1, 1)
      dev.setIntervalMining(readSeconds(params[0], 'interval') * unitMs)
      return null
    }
  const mine: RpcMethod = async (params) => {
    checkCount(params, 0, 2)
    const count = isAbsent(params[0]) ? 1 : readBlockCount(params[0])
    const interval = isAbsent(params[1]) ? undefined : readSeconds(params[1], 'interval')
    await dev.mine(count, interval)
    return null
  }
  return [
    ...inNamespaces(['evm', 'anvil'], [['setAutomine', setAutomine]]),
    ...inNamespaces(
      ['anvil', 'hardhat'],
      [
        ['getAutomine', (params) => (checkCount(params, 0, 0), dev.automine())],
        ['mine', mine],
      ],
    ),
    ['evm_setIntervalMining', setInterval(1)],
    ['anvil_setIntervalMining', setInterval(1_000)],
    [
      'evm_mine',
      async (params) => {
        checkCount(params, 0, 1)
        await dev.mine(readMineRequest(params[0], dev))
        return '0x0'
      },
    ],
    ...inNamespaces(
      ['anvil', 'hardhat'],
      [
        [
          'setNextBlockBaseFeePerGas',
          one((value) => dev.setNextBlockBaseFee(readQuantity(value, 'fee'))),
        ],
        [
          'setPrevRandao',
          one((value) => dev.setNextBlockPrevRandao(readHash(value, 'prevRandao'))),
        ],
        ['setCoinbase', one((value) => dev.setCoinbase(readAddress(value, 'address')))],
        [
          'reset',
          async (params) => {
            checkCount(params, 0, 1)
            const object = isAbsent(params[0]) ? {} : readObject(params[0], 'options')
            if (!isAbsent(object['forking'])) {
              throw new ParamsInvalidError('forking', 'other chains are not forked here')
            }
            await dev.reset()
            return true
          },
        ],
      ],
    ),
  ]
}

function snapshotMethods(dev: DevControl): readonly Named[] {
  return inNamespaces(
    ['evm', 'anvil'],
    [
      [
        'snapshot',
        async (params) => {
          checkCount(params, 0, 0)
          return toQuantity(await dev.snapshot())
        },
      ],
      [
        'revert',
        async (params) => {
          checkCount(params, 1, 1)
          return dev.revert(Number(readQuantity(params[0], 'id', 53)))
        },
      ],
    ],
  )
}

function stateMethods(dev: DevControl): readonly Named[] {
  return [
    [
      'setBalance',
      ofAddress(2, (address, [, value]) => dev.setBalance(address, readQuantity(value, 'balance'))),
    ],
    [
      'setNonce',
      ofAddress(2, (address, [, value]) => dev.setNonce(address, readQuantity(value, 'nonce', 64))),
    ],
    [
      'setCode',
      ofAddress(2, (address, [, value]) => {
        return dev.setCode(address, readData(value, 'code', callInputSizeMax))
      }),
    ],
    [
      'setStorageAt',
      ofAddress(3, async (address, [, slot, value]) => {
        await dev.setStorageAt(address, readSlot(slot, 'slot'), readWord(value, 'value'))
        return true
      }),
    ],
    ['impersonateAccount', ofAddress(1, (address) => dev.impersonate(address))],
    ['stopImpersonatingAccount', ofAddress(1, (address) => dev.stopImpersonating(address))],
    [
      'autoImpersonateAccount',
      one((value) => dev.setAutoImpersonate(readBoolean(value, 'enabled'))),
    ],
  ]
}

function poolMethods(dev: DevControl): readonly Named[] {
  return [
    [
      'dropTransaction',
      (params) => {
        checkCount(params, 1, 1)
        return dev.dropTransaction(readHash(params[0], 'hash'))
      },
    ],
    [
      'dropAllTransactions',
      (params) => {
        checkCount(params, 0, 0)
        dev.dropAllTransactions()
        return null
      },
    ],
  ]
}

/** The same methods under several prefixes. */
function inNamespaces(namespaces: readonly string[], methods: readonly Named[]): readonly Named[] {
  return namespaces.flatMap((namespace) =>
    methods.map(([name, method]) => [`${namespace}_${name}`, method] as const),
  )
}

/** A method of one parameter that answers null. */
function one(act: (value: unknown) => void): RpcMethod {
  return (params) => {
    checkCount(params, 1, 1)
    act(params[0])
    return null
  }
}

/** A method whose first parameter is an address; answers null where `act` returns nothing. */
function ofAddress(count: number, act: (address: bigint, params: RpcParams) => unknown): RpcMethod {
  return async (params) => {
    checkCount(params, count, count)
    return (await act(readAddress(params[0], 'address'), params)) ?? null
  }
}

/** `evm_mine` takes nothing, a timestamp, or ganache's `{ blocks, timestamp }`. */
function readMineRequest(value: unknown, dev: DevControl): number {
  if (isAbsent(value)) return 1
  if (typeof value !== 'object') {
    dev.setNextBlockTimestamp(readSeconds(value, 'timestamp'))
    return 1
  }
  const object = readObject(value, 'options', ['blocks', 'timestamp'])
  const timestamp = readOptional(object, 'timestamp', readSeconds)
  if (timestamp !== undefined) dev.setNextBlockTimestamp(timestamp)
  return readOptional(object, 'blocks', readBlockCount) ?? 1
}

function readBlockCount(value: unknown): number {
  const count = Number(readCount(value, 'blocks'))
  if (count > devBlocksMax) throw new ParamsInvalidError('blocks', `more than ${devBlocksMax}`)
  return count
}

function readSeconds(value: unknown, name: string): number {
  const seconds = readCount(value, name)
  if (seconds > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new ParamsInvalidError(name, 'it is too large')
  }
  return Number(seconds)
}
