/** What the module exports. */

export { combineRows } from './combination'
export { hashSectors } from './keccak'
export { combine, decode, encode } from './rows'
export { hashPairs } from './sha256'
