// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Draw} from "../da/Draw.sol";
import {Bls} from "../proofs/Bls.sol";
import {DataRecord} from "../proofs/DataRecord.sol";
import {ExecutionProof} from "../proofs/ExecutionProof.sol";
import {History} from "../proofs/History.sol";
import {TrieAbsence} from "../proofs/TrieAbsence.sol";
import {Votes} from "../proofs/Votes.sol";

/// @title The proof libraries as functions that tests can call.
contract ProofsTester {
    function verify(Bls.Key calldata key, bytes32 digest, bytes calldata signature)
        external
        view
        returns (bool)
    {
        return Bls.verify(key, digest, signature);
    }

    function add(Bls.Key calldata left, Bls.Key calldata right)
        external
        view
        returns (Bls.Key memory)
    {
        return Bls.add(left, right);
    }

    function negate(Bls.Key calldata key) external pure returns (Bls.Key memory) {
        return Bls.negate(key);
    }

    function compress(Bls.Key calldata key) external pure returns (bytes memory) {
        return Bls.compress(key);
    }

    function roundDigest(Votes.Domain calldata domain, Votes.RoundVote calldata vote)
        external
        pure
        returns (bytes32)
    {
        return Votes.digestOf(domain, vote);
    }

    function finalityDigest(Votes.Domain calldata domain, Votes.FinalityVote calldata vote)
        external
        pure
        returns (bytes32)
    {
        return Votes.digestOf(domain, vote);
    }

    function possessionDigest(
        uint64 l1ChainId,
        address registry,
        address operator,
        bytes calldata key
    ) external pure returns (bytes32) {
        return Votes.possessionDigest(l1ChainId, registry, operator, key);
    }

    function roundFault(Votes.RoundVote calldata first, Votes.RoundVote calldata second)
        external
        pure
        returns (Votes.Fault)
    {
        return Votes.faultOf(first, second);
    }

    function finalityFault(Votes.FinalityVote calldata first, Votes.FinalityVote calldata second)
        external
        pure
        returns (Votes.Fault)
    {
        return Votes.faultOf(first, second);
    }

    function holds(bytes32 histRoot, uint64 height, bytes32 leaf, bytes32[] calldata siblings)
        external
        view
        returns (bool)
    {
        return History.holds(histRoot, height, leaf, siblings);
    }

    function hasField(
        bytes32 consensusRoot,
        uint256 index,
        bytes32 value,
        bytes32[] calldata siblings
    ) external view returns (bool) {
        return History.hasField(consensusRoot, index, value, siblings);
    }

    function stateRoot(bytes32 consensusRoot, ExecutionProof.OfState calldata proof)
        external
        view
        returns (bytes32)
    {
        return ExecutionProof.stateRoot(consensusRoot, proof);
    }

    function slotOf(
        bytes32 root,
        address account,
        bytes32 slot,
        ExecutionProof.OfSlot calldata proof
    ) external pure returns (bytes32) {
        return ExecutionProof.slotOf(root, account, slot, proof);
    }

    function isAbsent(bytes32 root, bytes32 key, bytes[] calldata proof)
        external
        pure
        returns (bool)
    {
        return TrieAbsence.holds(root, key, proof);
    }

    function membersOf(uint64[] calldata votes, bytes32 seed, uint32 quorum)
        external
        pure
        returns (uint256[] memory places, uint256[] memory shares)
    {
        return Draw.membersOf(votes, seed, quorum);
    }

    function checkSlots(uint256[] calldata shares, uint16[] calldata slots, uint256 rowCount)
        external
        pure
    {
        Draw.checkSlots(shares, slots, rowCount);
    }

    /// The record of a batch under the consensusRoot of a header of its network.
    function dataRecord(
        bytes32 consensusRoot,
        ExecutionProof.OfState calldata state,
        address entrance,
        bytes32 batch,
        DataRecord.Proof calldata proof
    ) external view returns (DataRecord.Record memory) {
        bytes32 root = ExecutionProof.stateRoot(consensusRoot, state);
        return DataRecord.recordOf(root, entrance, batch, proof);
    }
}
