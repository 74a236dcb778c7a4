// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsensusHeader} from "../proofs/ConsensusHeader.sol";
import {History} from "../proofs/History.sol";

/// @title What this network is and how far it has come, at 0x…2006 in its genesis.
///
/// Its settings are written by who builds the genesis (systemContracts in
/// contracts/system-contracts.ts) and never change. Everything else comes with a header that anyone
/// proves: the newest one with its reference to L1, and the closing blocks, from whose randomness
/// seeds follow (blocks.md section 5).
contract EpochInfo {
    /// Slots 0 to 5, laid out for the genesis.
    struct Config {
        uint32 networkId;
        uint64 l1ChainId;
        /// What votes name as their staking contract.
        address staking;
        address networkRegistry;
        address operatorRegistry;
        address finalityOracle;
        /// The timelock of governance on L1.
        address governance;
        /// When epoch 0 began and how long an epoch is, in seconds of L1 time.
        uint64 epochStart;
        uint64 epochLength;
        /// How long after the end of its epoch a certificate of another network is taken, in
        /// seconds.
        uint64 certificateAgeMax;
    }

    /// The newest header that was proved.
    struct Newest {
        uint64 epoch;
        uint64 height;
        uint64 timestampMs;
        uint64 l1Number;
        uint64 l1Timestamp;
        bytes32 consensusRoot;
        bytes32 histRoot;
        bytes32 l1StateRoot;
        bytes32 l1CreditRoot;
        bytes32 l1MessageRoot;
    }

    /// How an epoch began: with the block that closed the one before it.
    struct Beginning {
        uint64 formerEpoch;
        /// Of the closing block.
        uint64 height;
        bytes32 mix;
    }

    Config private _config;
    Newest private _newest;
    mapping(uint64 epoch => Beginning) private _beginnings;

    event Advanced(uint64 indexed height, uint64 epoch, uint64 l1Number, bytes32 consensusRoot);
    event EpochBegan(uint64 indexed epoch, uint64 formerEpoch, uint64 height, bytes32 mix);

    /// Takes in a header above the newest one that is known.
    function advance(ConsensusHeader.Proof calldata header) external {
        bytes32 root = ConsensusHeader.verify(header);
        bytes32[16] calldata fields = header.fields;
        uint64 height = ConsensusHeader.numberOf(fields, History.HEIGHT);
        if (height <= _newest.height) revert NotNewer(_newest.height);
        _newest = Newest({
            epoch: ConsensusHeader.numberOf(fields, History.EPOCH),
            height: height,
            timestampMs: ConsensusHeader.numberOf(fields, History.TIMESTAMP_MS),
            l1Number: ConsensusHeader.numberOf(fields, ConsensusHeader.L1_NUMBER),
            l1Timestamp: ConsensusHeader.numberOf(fields, History.L1_TIMESTAMP),
            consensusRoot: root,
            histRoot: fields[History.HIST_ROOT],
            l1StateRoot: fields[ConsensusHeader.L1_STATE_ROOT],
            l1CreditRoot: fields[ConsensusHeader.L1_CREDIT_ROOT],
            l1MessageRoot: fields[ConsensusHeader.L1_MESSAGE_ROOT]
        });
        emit Advanced(height, _newest.epoch, _newest.l1Number, root);
    }

    /// Takes in the block that closed its epoch, of whatever age.
    function close(ConsensusHeader.Proof calldata header) external {
        ConsensusHeader.verify(header);
        bytes32[16] calldata fields = header.fields;
        uint64 epoch = ConsensusHeader.numberOf(fields, History.EPOCH);
        uint64 nextEpoch = epochAt(ConsensusHeader.numberOf(fields, History.L1_TIMESTAMP));
        if (nextEpoch <= epoch) revert NotAClose();
        Beginning storage beginning = _beginnings[nextEpoch];
        if (beginning.mix != 0) revert AlreadyClosed();
        uint64 height = ConsensusHeader.numberOf(fields, History.HEIGHT);
        _beginnings[nextEpoch] = Beginning(epoch, height, fields[History.MIX]);
        emit EpochBegan(nextEpoch, epoch, height, fields[History.MIX]);
    }

    function config() external view returns (Config memory) {
        return _config;
    }

    /// The first slot of the settings: what every vote begins with.
    function domain() external view returns (uint32 networkId, uint64 l1ChainId, address staking) {
        return (_config.networkId, _config.l1ChainId, _config.staking);
    }

    function newest() external view returns (Newest memory) {
        return _newest;
    }

    /// The epoch in which the newest known L1 block lies; of L1 time.
    function l1Epoch() external view returns (uint64) {
        return epochAt(_newest.l1Timestamp);
    }

    /// The epoch of a time of L1.
    function epochAt(uint64 timestamp) public view returns (uint64) {
        // A header that refers to nothing names the time 0.
        if (timestamp < _config.epochStart) revert NoReference();
        return (timestamp - _config.epochStart) / _config.epochLength;
    }

    /// With which block an epoch began.
    function beginningOf(uint64 epoch) public view returns (Beginning memory beginning) {
        beginning = _beginnings[epoch];
        if (beginning.mix == 0) revert EpochUnknown(epoch);
    }

    /// seed(epoch): the mix at the close of the epoch before the previous one.
    function seedOf(uint64 epoch) external view returns (bytes32) {
        return beginningOf(beginningOf(epoch).formerEpoch).mix;
    }

    error NotNewer(uint64 known);
    /// The header refers to no L1 block.
    error NoReference();
    /// The block's reference lies in its own epoch.
    error NotAClose();
    error AlreadyClosed();
    /// Nobody proved the block that this epoch began with.
    error EpochUnknown(uint64 epoch);
}
