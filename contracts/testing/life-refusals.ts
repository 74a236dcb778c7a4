/** For what the steps of a random life may be refused, by the names of errors. */

/** What a step may be refused for; of any other kind nothing is. */
export const refusals: Readonly<Record<string, readonly string[]>> = {
  stake: ['OperatorSlashed', 'ERC20InsufficientBalance'],
  unstake: ['PoolEmptied'],
  withdraw: ['StillUnbonding'],
  collect: ['AmountTooSmall'],
  compound: ['AmountTooSmall', 'OperatorSlashed'],
  execute: ['StillDeferred'],
  claim: ['TooEarly', 'BeyondRate'],
  return: ['TooEarly', 'BeyondRate'],
  exit: ['TooEarly'],
}

/** What a call may be refused for that was made before, or is of another network. */
export const replayRefusals: Readonly<Record<string, readonly string[]>> = {
  submit: ['NotNewer', 'NetworkDead', 'EpochUnexpected'],
  claim: ['AlreadyClaimed', 'RootUnknown', 'EntryUnproven'],
  refund: ['AlreadyClaimed', 'NotDead'],
  exit: ['AlreadyClaimed', 'NotDead'],
  grantNetwork: ['AlreadyPaid'],
  payClose: ['AlreadyPaid'],
  declareDead: ['NetworkDead'],
  reportRoundVotes: ['AlreadyPunished', 'EvidenceTooOld'],
  reportDataVotes: ['AlreadyPunished', 'EvidenceTooOld', 'SignatureInvalid'],
  execute: ['NotDeferred'],
}
