/** A chain to deploy on. */

import { fromHex } from '@zg/primitives'

import { create2Deployer } from '../create3.ts'
import { ContractWorld } from './contract-world.ts'

/** What stands at the address of the CREATE2 deployer on every chain. */
const create2Code = fromHex(
  '0x' +
    '7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035' +
    '828234f58015156039578182fd5b8082525050506014600cf3',
)

/** A chain on which nothing but the CREATE2 deployer stands. */
export function emptyChain(): ContractWorld {
  const world = new ContractWorld()
  world.place({ address: BigInt(create2Deployer), code: create2Code })
  return world
}
