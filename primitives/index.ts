/** Speak the field's words: bytes, RLP, hashes, keys, signatures. */

export { assert, InvariantBrokenError, ZgError } from './errors.ts'
export type { ErrorData } from './errors.ts'

export {
  bigintToBytes,
  bigintToHex,
  bigintToMinimalBytes,
  bytesEqual,
  bytesToBigint,
  compareBytes,
  concat,
  emptyBytes,
  fromHex,
  HexMalformedError,
  isHex,
  toHex,
  toQuantity,
  wordMax,
  WordTooLargeError,
} from './bytes.ts'
export type { Hex } from './bytes.ts'
export { WordMap, WordSet } from './word-map.ts'

export {
  decodeRlp,
  decodeRlpSequence,
  encodeRlp,
  rlpBigint,
  rlpBytes,
  rlpDepthMax,
  rlpList,
  RlpMalformedError,
} from './rlp.ts'
export type { RlpItem } from './rlp.ts'

export {
  appendLeaf,
  decodeIncrementalTree,
  emptyIncrementalTree,
  encodeIncrementalTree,
  incrementalProof,
  incrementalRoot,
  incrementalTreeDepth,
  incrementalTreeLeavesMax,
  merkleDepth,
  merkleLeavesMax,
  merkleNodeSizeBytes,
  merkleParent,
  merkleProof,
  merkleRoot,
  MerkleTreeFullError,
  MerkleTreeMalformedError,
  verifyMerkleProof,
} from './merkle.ts'
export type { CompletedNodeHandler, IncrementalTree, MerkleClaim, NodeReader } from './merkle.ts'

export { rendezvous } from './rendezvous.ts'
export { emptyKeccakWord, keccak256, keccakWord, ripemd160, sha256 } from './hash.ts'

export {
  addressOfPublicKey,
  addressOfSecretKey,
  checksumAddress,
  recoverAddress,
  secp256k1Order,
  SecretKeyInvalidError,
  signDigest,
} from './secp256k1.ts'
export type { EcdsaSignature } from './secp256k1.ts'

export {
  blsAggregate,
  BlsKeyInvalidError,
  blsPublicKeyOf,
  blsPublicKeySizeBytes,
  blsSecretKeyFromSeed,
  blsSecretKeySizeBytes,
  blsSign,
  BlsSignatureInvalidError,
  blsSignatureSizeBytes,
  blsVerify,
  blsVerifyAggregate,
  decompressBlsG1Point,
  decompressBlsG2Point,
  isBlsG1Point,
  isBlsG2Point,
  parseBlsPublicKey,
} from './bls.ts'
export type { BlsPublicKey } from './bls.ts'
