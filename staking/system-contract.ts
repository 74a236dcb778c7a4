/** A system contract of a network as a keeper sees it. */

import { systemContractAddresses } from '@zg/contracts'
import type { SystemContractName } from '@zg/contracts'

import { OfferedContract } from './offered-contract.ts'
import type { OfferedContractOptions } from './offered-contract.ts'

export type SystemContractOptions = OfferedContractOptions

export class SystemContract extends OfferedContract {
  constructor(name: SystemContractName, options: SystemContractOptions) {
    super({ artifact: name, address: systemContractAddresses[name] }, options)
  }
}
