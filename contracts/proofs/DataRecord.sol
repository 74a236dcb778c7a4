// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {TrieProof} from "@openzeppelin/contracts/utils/cryptography/TrieProof.sol";

import {ExecutionProof} from "./ExecutionProof.sol";

/// @title What a network keeps of a batch of data that was certified (docs/specs/da.md section 5), as
/// it is written there and proved elsewhere.
///
///     DataEntrance    3 _records: batch -> commitment; rowSize, epoch, number, time from the low end
library DataRecord {
    struct Record {
        /// To all rows of the batch (coding.md section 3).
        bytes32 commitment;
        uint32 rowSize;
        uint64 epoch;
        /// Of the block that recorded it, and its time in seconds since 1970.
        uint64 number;
        uint64 time;
    }

    /// From a state root of the network to both words.
    struct Proof {
        bytes[] account;
        bytes[][2] words;
    }

    uint256 private constant RECORDS = 3;

    /// What names a batch on its network.
    function keyOf(uint64 epoch, uint32 quorum, address disperser, uint64 sequence)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(epoch, quorum, disperser, sequence));
    }

    /// The record of a batch in a state; none that is not there can be proved.
    function recordOf(bytes32 stateRoot, address entrance, bytes32 batch, Proof calldata proof)
        internal
        pure
        returns (Record memory record)
    {
        bytes32 trie = ExecutionProof.accountOf(stateRoot, entrance, proof.account).storageRoot;
        uint256 place = uint256(keccak256(abi.encode(batch, RECORDS)));
        record.commitment = bytes32(_wordOf(trie, place, proof.words[0]));
        uint256 facts = _wordOf(trie, place + 1, proof.words[1]);
        record.rowSize = uint32(facts);
        record.epoch = uint64(facts >> 32);
        record.number = uint64(facts >> 96);
        record.time = uint64(facts >> 160);
    }

    function _wordOf(bytes32 trie, uint256 slot, bytes[] memory proof)
        private
        pure
        returns (uint256)
    {
        bytes memory path = abi.encodePacked(keccak256(abi.encode(slot)));
        return RLP.decodeUint256(TrieProof.traverse(trie, path, proof));
    }
}
