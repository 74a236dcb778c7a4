/** What other rooms' tests use of this room's. */

export {
  genesisOutstandingWei,
  MessageChain,
  outboxChain,
  StakeChain,
  stakeEachWei,
} from './stake-chain.ts'
export type { ChainMessage, ChainOperator, StakeChainOptions } from './stake-chain.ts'
