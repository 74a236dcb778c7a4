// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BlockHeader} from "@openzeppelin/contracts/utils/BlockHeader.sol";
import {TrieProof} from "@openzeppelin/contracts/utils/cryptography/TrieProof.sol";
import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";
import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";

import {History} from "./History.sol";

/// @title From a consensusRoot into the state of its execution block: the last two steps of the one
/// proof path.
///
///     consensusRoot -> field 15: execution hash -> header RLP -> state root -> account -> slot
///
/// Proofs are what `eth_getProof` answers (EIP-1186).
library ExecutionProof {
    /// From a consensusRoot to a state root.
    struct OfState {
        /// The execution header whose hash is field 15.
        bytes header;
        /// The four siblings of that field.
        bytes32[] siblings;
    }

    /// From a state root to a slot.
    struct OfSlot {
        bytes[] account;
        bytes[] slot;
    }

    /// What an account holds.
    struct Account {
        uint256 balance;
        bytes32 storageRoot;
        bytes32 codeHash;
    }

    /// The state root of the execution block under `consensusRoot`.
    function stateRoot(bytes32 consensusRoot, OfState calldata proof)
        internal
        view
        returns (bytes32)
    {
        bytes memory header = proof.header;
        if (!History.hasField(consensusRoot, History.EXECUTION_HASH, keccak256(header), proof.siblings))
        {
            revert HeaderUnproven();
        }
        return BlockHeader.getStateRoot(header);
    }

    /// The word in a slot. An absent slot has no inclusion proof and cannot be asked for.
    function slotOf(bytes32 root, address account, bytes32 slot, OfSlot calldata proof)
        internal
        pure
        returns (bytes32)
    {
        bytes32 storageRoot = accountOf(root, account, proof.account).storageRoot;
        bytes memory slotPath = abi.encodePacked(keccak256(abi.encodePacked(slot)));
        return RLP.decodeBytes32(TrieProof.traverse(storageRoot, slotPath, proof.slot));
    }

    /// An account. One that is absent has no inclusion proof and cannot be asked for.
    function accountOf(bytes32 root, address account, bytes[] memory proof)
        internal
        pure
        returns (Account memory)
    {
        bytes memory path = abi.encodePacked(keccak256(abi.encodePacked(account)));
        Memory.Slice[] memory fields = RLP.decodeList(TrieProof.traverse(root, path, proof));
        if (fields.length != 4) revert AccountMalformed();
        return Account({
            balance: RLP.readUint256(fields[1]),
            storageRoot: RLP.readBytes32(fields[2]),
            codeHash: RLP.readBytes32(fields[3])
        });
    }

    /// No header of that hash is the execution block under the consensusRoot.
    error HeaderUnproven();
    /// The account proof ends in something that is no account.
    error AccountMalformed();
}
