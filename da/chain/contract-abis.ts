/** What is asked of the contracts of data availability (contracts/da). */

import { systemContractAddresses } from '@zg/contracts'
import { bigintToHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { parseAbi } from 'viem'

/** Where DataEntrance is on every network. */
export const networkEntrance: Hex = bigintToHex(systemContractAddresses.DataEntrance, 20)

const key = 'struct Key { bytes32 a; bytes32 b; bytes32 c; }'
const number =
  'struct Number { uint64 newest; uint64 former; uint64 earlier; uint32 newestFrom; uint32 formerFrom; }'

export const stakeAbi = parseAbi([
  'struct Domain { uint64 l1ChainId; address staking; uint32 networkId; bytes32 genesisHash; }',
  'function epoch() view returns (uint64)',
  'function seedOf(uint64 number) view returns (bytes32)',
  'function domain() view returns (Domain)',
])

/** Of a chain that has no L1. */
export const bondedStakeAbi = parseAbi([
  key,
  'function register(Key key, bytes possession)',
  'struct DataVote { uint64 epoch; uint32 quorum; address disperser; uint64 sequence; bytes32 commitment; }',
  'function bond() payable',
  'function report(address operator, DataVote first, DataVote second, bytes signature)',
  'function roll()',
  'function currentEpoch() view returns (uint64)',
  'function epochStart() view returns (uint64)',
  'function epochLength() view returns (uint64)',
])

export const signersAbi = parseAbi([
  key,
  number,
  'struct Signer { address operator; Number votes; Key key; bytes url; }',
  'function stake() view returns (address)',
  'function rowCount() view returns (uint256)',
  'function placeCount() view returns (uint16)',
  'function quorumCountOf(uint64 epoch) view returns (uint64)',
  'function placesOf(uint256 from, uint256 to) view returns (Signer[])',
  'function isContested(uint16 place, uint64 epoch) view returns (bool)',
  'function quorumOf(uint64 epoch, uint32 quorum) view returns (uint16[] places, uint16[] slots)',
  'function holdersOf(uint64 epoch, uint32 quorum) view returns (address[] operators, bytes[] urls)',
  'function open(uint64 epoch, uint32 quorum, uint16[] slots)',
  'function join(uint16 place, bytes proof)',
  'function setUrl(bytes url)',
  'event VotesSet(uint16 indexed place, address indexed operator, uint64 indexed fromEpoch, uint64 votes)',
])

export const entranceAbi = parseAbi([
  'struct Record { bytes32 commitment; uint32 rowSize; uint64 epoch; uint64 number; uint64 time; }',
  'struct Certificate { uint64 epoch; address disperser; uint64 sequence; uint32 rowSize; bytes32 rowRoot; bytes32 combinationHash; bytes signers; bytes signature; }',
  'struct Escrow { uint128 balance; uint64 epochOpened; uint128 leaving; uint64 leavesFrom; }',
  'struct Voucher { address payer; address disperser; uint256 total; }',
  'function signersOf() view returns (address)',
  'function dataRows() view returns (uint256)',
  'function recordOf(bytes32 batch) view returns (Record)',
  'function escrowOf(address account) view returns (Escrow)',
  'function coverOf(address account, uint64 epoch) view returns (uint256)',
  'function feeOf(uint64 epoch, uint32 rowSize) view returns (uint256)',
  'function isPayer(address account) view returns (bool)',
  'function becomePayer()',
  'function queriesOf() view returns (address)',
  'function absentHashOf(bytes32 batch) view returns (bytes32)',
  'function earnedOf(uint64 epoch, uint32 quorum, uint256 member) view returns (uint256)',
  'function claim(uint64 epoch, uint32 quorum, uint256 member)',
  'event Absent(bytes32 indexed batch, uint256[] members)',
  'function redeemed(address payer, address disperser) view returns (uint256)',
  'function certify(Certificate certificate) returns (bytes32 batch)',
  'function deposit(address account) payable',
  'function redeem(Voucher voucher, bytes signature)',
  'event Recorded(bytes32 indexed batch, address indexed disperser, uint64 indexed epoch, uint32 quorum, uint64 sequence, bytes32 commitment, uint32 rowSize, uint256 fee)',
])

export const queriesAbi = parseAbi([
  'struct Settings { address entrance; uint32 every; uint32 answerSeconds; }',
  'struct Batch { uint64 epoch; uint32 quorum; address disperser; uint64 sequence; }',
  'struct Shown { uint8 place; bytes row; bytes32[] siblings; bytes32 rowRoot; bytes32 combinationHash; }',
  'function settings() view returns (Settings)',
  'function queryOf(bytes32 batch) view returns (bytes32 draw, uint64 until, uint16 missing, bool isDecided, bool isSettled)',
  'function query(Batch batch, bytes proof)',
  'function answer(Batch batch, uint8 slots, uint16 got)',
  'function clear(Batch batch, Shown shown)',
  'function settle(Batch batch, uint256[] absent)',
])
