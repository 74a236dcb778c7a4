// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {History} from "./History.sol";

/// @title A consensus header as its sixteen fields (docs/specs/blocks.md section 2), and those of
/// this network under the roots that its execution blocks keep.
///
///     parentBeaconBlockRoot = consensusRoot of the parent      kept by EIP-4788, by timestamp
///     consensusRoot -> field 13: histRoot -> consensusRoot of any earlier height
///
/// A proof names a timestamp of the ring and not what some contract holds as the newest, so nobody
/// can spoil it by bringing a newer header. Of blocks that share a second the ring keeps the last
/// one's parent; the others are proved through history. In a fork that is never final the proof is
/// as little final as the block that it stands in.
library ConsensusHeader {
    /// That a header belongs to this network.
    struct Proof {
        /// Of a block whose parent is the header, or comes after it; in seconds.
        uint64 timestamp;
        bytes32[16] fields;
        /// The three below only of a header that is not that parent itself: the parent's field 13
        /// and its four siblings, and the header's 32 siblings under it.
        bytes32 histRoot;
        bytes32[] fieldSiblings;
        bytes32[] siblings;
    }

    uint256 internal constant L1_NUMBER = 5;
    uint256 internal constant L1_STATE_ROOT = 8;
    uint256 internal constant L1_CREDIT_ROOT = 9;
    uint256 internal constant L1_MESSAGE_ROOT = 11;

    uint256 private constant FIELDS = 16;
    /// EIP-4788: asked with a timestamp, answers the root, and reverts for one that it does not
    /// hold.
    address private constant BEACON_ROOTS = 0x000F3df6D732807Ef1319fB7B8bB8522d0Beac02;

    /// The consensusRoot of a header of this network.
    function verify(Proof calldata proof) internal view returns (bytes32 root) {
        root = rootOf(proof.fields);
        bytes32 known = beaconRoot(proof.timestamp);
        if (proof.siblings.length == 0) {
            if (root != known) revert HeaderUnknown();
            return root;
        }
        bool isField =
            History.hasField(known, History.HIST_ROOT, proof.histRoot, proof.fieldSiblings);
        uint64 height = numberOf(proof.fields, History.HEIGHT);
        if (!isField || !History.holds(proof.histRoot, height, root, proof.siblings)) {
            revert HeaderUnknown();
        }
    }

    /// The root over all fields.
    function rootOf(bytes32[16] calldata fields) internal view returns (bytes32) {
        bytes32[16] memory nodes = fields;
        for (uint256 count = FIELDS / 2; count > 0; count >>= 1) {
            for (uint256 index = 0; index < count; ++index) {
                assembly ("memory-safe") {
                    let children := add(nodes, shl(6, index))
                    let node := add(nodes, shl(5, index))
                    if iszero(staticcall(gas(), 2, children, 0x40, node, 0x20)) { revert(0, 0) }
                }
            }
        }
        return nodes[0];
    }

    /// A field that is a number of at most eight bytes.
    function numberOf(bytes32[16] calldata fields, uint256 index) internal pure returns (uint64) {
        uint256 value = uint256(fields[index]);
        if (value > type(uint64).max) revert FieldTooLarge(index);
        return uint64(value);
    }

    function beaconRoot(uint64 second) private view returns (bytes32 root) {
        bool isKnown;
        assembly ("memory-safe") {
            mstore(0, second)
            isKnown := staticcall(gas(), BEACON_ROOTS, 0, 0x20, 0, 0x20)
            isKnown := and(isKnown, eq(returndatasize(), 0x20))
            root := mload(0)
        }
        if (!isKnown || root == 0) revert TimestampUnknown();
    }

    /// No block of that timestamp is among those whose parents are kept.
    error TimestampUnknown();
    /// The fields are not those of a header of this network.
    error HeaderUnknown();
    error FieldTooLarge(uint256 index);
}
