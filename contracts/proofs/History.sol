// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title From a certified block back to any earlier one, and from a block to a field of its header.
///
/// docs/specs/blocks.md sections 2 and 3: `histRoot` of height h is the root of a tree of depth 32
/// whose leaf i is the consensusRoot of height i < h; `consensusRoot` is the root of a tree of depth
/// 4 over the sixteen fields of a header. Both: node = sha256(left, right), leaves not hashed.
library History {
    uint256 internal constant DEPTH = 32;
    uint256 internal constant FIELD_DEPTH = 4;

    /// Index of a field in the consensus header.
    uint256 internal constant NETWORK_ID = 0;
    uint256 internal constant EPOCH = 1;
    uint256 internal constant HEIGHT = 2;
    uint256 internal constant TIMESTAMP_MS = 3;
    uint256 internal constant PROPOSER = 4;
    uint256 internal constant L1_TIMESTAMP = 7;
    uint256 internal constant CREDIT_NEXT = 12;
    uint256 internal constant HIST_ROOT = 13;
    uint256 internal constant MIX = 14;
    uint256 internal constant EXECUTION_HASH = 15;

    /// Whether `leaf` is the consensusRoot of `height` in the history `histRoot`.
    function holds(bytes32 histRoot, uint64 height, bytes32 leaf, bytes32[] calldata siblings)
        internal
        view
        returns (bool)
    {
        if (siblings.length != DEPTH || height >> DEPTH != 0) return false;
        return rootOf(leaf, height, siblings) == histRoot;
    }

    /// Whether `value` is the field of that index under `consensusRoot`.
    function hasField(
        bytes32 consensusRoot,
        uint256 index,
        bytes32 value,
        bytes32[] calldata siblings
    ) internal view returns (bool) {
        if (siblings.length != FIELD_DEPTH || index >> FIELD_DEPTH != 0) return false;
        return rootOf(value, index, siblings) == consensusRoot;
    }

    /// The root above a leaf; the bits of `index` say on which side each sibling stands.
    function rootOf(bytes32 leaf, uint256 index, bytes32[] calldata siblings)
        internal
        view
        returns (bytes32 root)
    {
        // In one block: a step costs as much as its hash and its calldata, and little beside.
        assembly ("memory-safe") {
            root := leaf
            let at := siblings.offset
            let isDone := 1
            for { let end := add(at, shl(5, siblings.length)) } lt(at, end) { at := add(at, 0x20) } {
                // Where the node stands: on the left, or behind its sibling.
                let side := shl(5, and(index, 1))
                mstore(side, root)
                mstore(xor(side, 0x20), calldataload(at))
                isDone := and(isDone, staticcall(gas(), 2, 0, 0x40, 0, 0x20))
                root := mload(0)
                index := shr(1, index)
            }
            // MUST: a hash for which there was no gas left another word there.
            if iszero(isDone) { revert(0, 0) }
        }
    }
}
