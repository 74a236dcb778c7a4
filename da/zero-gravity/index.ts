/** 0G's contracts as its clients know them, over quorums of ours: keys, messages, submissions. */

export { bn254KeyOf, bn254Sign, bn254Verify, hashToG1, PointInvalidError } from './bn254.ts'
export type { Bn254Key, G1Point, G2Point } from './bn254.ts'
export { daEntranceAbi, daSignersAbi } from './facade-abi.ts'
export { FacadeChain } from './facade-chain.ts'
export type { FacadePlace } from './facade-chain.ts'
export { epochDigest, erasureCommitmentOf, registrationDigest, rootDigest } from './messages.ts'
export type { RootName } from './messages.ts'
export { FacadeFailedError, FacadeLateError } from './root-upload.ts'
export { isVerified, rowBitmap, submissionOf } from './submission.ts'
export type { RootSignature, RootSubmission } from './submission.ts'
