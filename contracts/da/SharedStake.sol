// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EPOCH_INFO, LIGHT_CLIENT} from "../networks/Addresses.sol";
import {EpochInfo} from "../networks/EpochInfo.sol";
import {LightClient} from "../networks/LightClient.sol";
import {Bls} from "../proofs/Bls.sol";
import {ConsensusHeader} from "../proofs/ConsensusHeader.sol";
import {History} from "../proofs/History.sol";
import {StakeProof} from "../proofs/StakeProof.sol";
import {Votes} from "../proofs/Votes.sol";
import {IStake} from "./IStake.sol";

/// @title The stake that lies on L1, for data availability on a network: at 0x…2007 in its genesis
/// (docs/specs/da.md section 1).
///
///     epoch        that of the block, by the clock of L1
///     seed of e    the mix of the block with which epoch e - 1 began
///     operator     weight and newest key in OperatorRegistry, by an L1 state of this epoch or the
///                  one before it
///
/// The clock is the block's own and not the newest L1 block that was brought here: while nobody
/// brings one, a change would else be taken whose seed is known already. An epoch that was skipped
/// leaves the one after it without a seed, and so without quorums.
///
/// A proof is abi.encode(ConsensusHeader.Proof, StakeProof.OfOperator). What L1 changes after the
/// state is not seen; whoever sees it may contest.
contract SharedStake is IStake {
    EpochInfo private constant INFO = EpochInfo(EPOCH_INFO);
    LightClient private constant LIGHT = LightClient(LIGHT_CLIENT);

    /// @inheritdoc IStake
    function epoch() public view returns (uint64) {
        return INFO.epochAt(uint64(block.timestamp));
    }

    /// @inheritdoc IStake
    function seedOf(uint64 number) external view returns (bytes32) {
        return INFO.beginningOf(number - 1).mix;
    }

    /// @inheritdoc IStake
    function mixOf(uint256 number, bytes calldata proof) external view returns (bytes32) {
        ConsensusHeader.Proof calldata header = _headerOf(proof);
        ConsensusHeader.verify(header);
        if (ConsensusHeader.numberOf(header.fields, History.HEIGHT) != number) {
            revert HeaderOfAnotherBlock();
        }
        return header.fields[History.MIX];
    }

    /// @inheritdoc IStake
    function upcoming(address operator, bytes calldata proof)
        external
        view
        returns (uint64 votes, Bls.Key memory key)
    {
        StakeProof.L1State memory state = _l1State(_headerOf(proof));
        uint64 number = epoch();
        if (state.epoch > number || number - state.epoch > 1) {
            revert StateOfAnotherEpoch(state.epoch);
        }
        return StakeProof.upcomingOf(state, _registry(), operator, _operatorOf(proof));
    }

    /// @inheritdoc IStake
    function present(address operator, bytes calldata proof)
        external
        view
        returns (uint64 votes, Bls.Key memory key)
    {
        StakeProof.L1State memory state = _l1State(_headerOf(proof));
        return StakeProof.operatorAt(state, _registry(), operator, epoch(), _operatorOf(proof));
    }

    /// @inheritdoc IStake
    function domain() external view returns (Votes.Domain memory found) {
        (found.networkId, found.l1ChainId, found.staking) = INFO.domain();
        found.genesisHash = LIGHT.networkOf(found.networkId).genesisHash;
        if (found.genesisHash == 0) revert NetworkUnknown(found.networkId);
    }

    function _l1State(ConsensusHeader.Proof calldata header)
        private
        view
        returns (StakeProof.L1State memory)
    {
        ConsensusHeader.verify(header);
        uint64 timestamp = ConsensusHeader.numberOf(header.fields, History.L1_TIMESTAMP);
        bytes32 root = header.fields[ConsensusHeader.L1_STATE_ROOT];
        return StakeProof.L1State({root: root, epoch: INFO.epochAt(timestamp)});
    }

    function _registry() private view returns (address) {
        return INFO.config().operatorRegistry;
    }

    /// The first of the two that a proof encodes, where it lies; whatever it is, it is verified.
    function _headerOf(bytes calldata proof)
        private
        pure
        returns (ConsensusHeader.Proof calldata header)
    {
        assembly ("memory-safe") {
            header := add(proof.offset, calldataload(proof.offset))
        }
    }

    function _operatorOf(bytes calldata proof)
        private
        pure
        returns (StakeProof.OfOperator calldata operator)
    {
        assembly ("memory-safe") {
            operator := add(proof.offset, calldataload(add(proof.offset, 0x20)))
        }
    }

    /// What is newest in the state may have changed since, or holds later.
    error StateOfAnotherEpoch(uint64 stateEpoch);
    error HeaderOfAnotherBlock();
    /// Nobody proved to LightClient what L1 says of this network.
    error NetworkUnknown(uint32 id);
}
