// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A list that grows, as a Merkle root: the tree of History.sol, written.
///
/// Depth 32, node = sha256(left, right), leaves not hashed, absent ones 32 zero bytes. Kept are the
/// roots of the full subtrees on the way, so a leaf is appended without the others. The root of an
/// empty list is not that of an empty tree but zero, as its slot is.
library Accumulator {
    /// Laid out for proofs: root, count, then the frontier.
    struct Tree {
        bytes32 root;
        uint64 count;
        bytes32[32] frontier;
    }

    uint256 internal constant DEPTH = 32;
    /// One place stays free: the frontier has no level above.
    uint64 internal constant LEAVES_MAX = type(uint32).max;

    /// Appends a leaf, which MUST NOT be zero. Returns its index.
    function append(Tree storage tree, bytes32 leaf) internal returns (uint64 index) {
        index = tree.count;
        if (index == LEAVES_MAX) revert TreeFull();
        bytes32 node = leaf;
        bytes32 absent;
        bool isKept;
        for (uint256 level = 0; level < DEPTH; ++level) {
            if ((index >> level) & 1 == 1) {
                node = _hash(tree.frontier[level], node);
            } else {
                // The first left node is the root of a full subtree.
                if (!isKept) tree.frontier[level] = node;
                isKept = true;
                node = _hash(node, absent);
            }
            absent = _hash(absent, absent);
        }
        tree.root = node;
        tree.count = index + 1;
    }

    function _hash(bytes32 left, bytes32 right) private view returns (bytes32 node) {
        assembly ("memory-safe") {
            mstore(0, left)
            mstore(0x20, right)
            if iszero(staticcall(gas(), 2, 0, 0x40, 0, 0x20)) { revert(0, 0) }
            node := mload(0)
        }
    }

    error TreeFull();
}
