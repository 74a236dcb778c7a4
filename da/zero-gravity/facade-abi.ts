/** 0G's ABI, as its clients know it and the façade answers it (contracts/zero-gravity). */

import { parseAbi } from 'viem'

const g1 = 'struct G1Point { uint256 X; uint256 Y; }'
const g2 = 'struct G2Point { uint256[2] X; uint256[2] Y; }'

export const daSignersAbi = parseAbi([
  g1,
  g2,
  'struct SignerDetail { address signer; string socket; G1Point pkG1; G2Point pkG2; }',
  'struct Params { uint256 tokensPerVote; uint256 maxVotesPerSigner; uint256 maxQuorums; uint256 epochBlocks; uint256 encodedSlices; }',
  'function params() view returns (Params)',
  'function epochNumber() view returns (uint256)',
  'function quorumCount(uint256 epoch) view returns (uint256)',
  'function isSigner(address account) view returns (bool)',
  'function getSigner(address[] accounts) view returns (SignerDetail[] details)',
  'function getQuorum(uint256 epoch, uint256 quorumId) view returns (address[] holders)',
  'function getQuorumRow(uint256 epoch, uint256 quorumId, uint32 rowIndex) view returns (address operator)',
  'function getAggPkG1(uint256 epoch, uint256 quorumId, bytes bitmap) view returns (G1Point aggPkG1, uint256 total, uint256 hit)',
  'function registeredEpoch(address account, uint256 epoch) view returns (bool)',
  'function registerSigner(SignerDetail detail, G1Point signature)',
  'function registerNextEpoch(G1Point signature)',
  'function updateSocket(string socket)',
  'function makeEpoch() pure',
  'event NewSigner(address indexed signer, G1Point pkG1, G2Point pkG2)',
  'event SocketUpdated(address indexed signer, string socket)',
])

export const daEntranceAbi = parseAbi([
  g1,
  g2,
  'struct CommitRootSubmission { bytes32 dataRoot; uint256 epoch; uint256 quorumId; G1Point erasureCommitment; bytes quorumBitmap; G2Point aggPkG2; G1Point signature; }',
  'function submitOriginalData(bytes32[] dataRoots) payable',
  'function submitVerifiedCommitRoots(CommitRootSubmission[] submissions)',
  'function verifiedErasureCommitment(bytes32 dataRoot, uint256 epoch, uint256 quorumId) view returns (G1Point commitment)',
  'function commitmentExists(bytes32 dataRoot, uint256 epoch, uint256 quorumId) view returns (bool)',
  'function currentEpoch() view returns (uint256)',
  'function blobPrice() view returns (uint256)',
  'function payments(address account) view returns (uint256)',
  'function withdrawPayments(address payee)',
  'event DataUpload(address sender, bytes32 dataRoot, uint256 epoch, uint256 quorumId, uint256 blobPrice)',
  'event ErasureCommitmentVerified(bytes32 dataRoot, uint256 epoch, uint256 quorumId)',
])

/** What the façade answers beyond 0G's ABI. */
export const facadeAbi = parseAbi([
  'function signers() view returns (address)',
  'function uploadsOf(uint256 epoch, address sender) view returns (uint64)',
])
