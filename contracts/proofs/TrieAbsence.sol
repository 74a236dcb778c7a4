// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";
import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";

/// @title That a key is not in a Merkle-Patricia trie with hashed keys of 32 bytes: the other
/// answer of `eth_getProof`.
///
///     the trie is empty                                         no node
///     a branch has nothing at the key's next nibble             the nodes down to that branch
///     a leaf or an extension stands where the key would, with
///     another path                                              the nodes down to that one
///
/// Every node is known by its hash, from the root down, so it is one of the trie and no other
/// reading of it exists. A node under 32 bytes stands inside its parent; it takes keys that share
/// ten nibbles, and nothing below one is proved here: the answer is then a revert, never a wrong
/// one.
library TrieAbsence {
    /// Of a trie without keys: keccak of the RLP of nothing.
    bytes32 private constant EMPTY_ROOT =
        0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421;
    uint256 private constant NIBBLES = 64;
    uint256 private constant BRANCH_ITEMS = 17;
    uint256 private constant PATH_ITEMS = 2;

    /// Whether `key`, hashed already, is absent under `root` by the nodes of `proof`.
    function holds(bytes32 root, bytes32 key, bytes[] calldata proof)
        internal
        pure
        returns (bool)
    {
        if (root == EMPTY_ROOT) return proof.length == 0;
        bytes32 expected = root;
        uint256 depth;
        for (uint256 index = 0; index < proof.length; ++index) {
            bytes memory node = proof[index];
            if (keccak256(node) != expected) return false;
            Memory.Slice[] memory items = RLP.decodeList(node);
            bytes memory child;
            if (items.length == BRANCH_ITEMS) {
                if (depth == NIBBLES) return false;
                child = RLP.readBytes(items[nibbleOf(key, depth)]);
                ++depth;
                // MUST be the last: what follows an end is no part of the proof.
                if (child.length == 0) return index + 1 == proof.length;
            } else if (items.length == PATH_ITEMS) {
                bytes memory path = RLP.readBytes(items[0]);
                // Of a made-up trie alone: a path has a byte that says what it is.
                if (path.length == 0) revert PathEmpty();
                (bool follows, uint256 length) = compare(path, key, depth);
                if (!follows) return index + 1 == proof.length;
                // A leaf on the whole key: it is there.
                if (uint8(path[0]) >> 4 >= 2) return false;
                depth += length;
                child = RLP.readBytes(items[1]);
            } else {
                return false;
            }
            if (child.length != 32) return false;
            expected = bytes32(child);
        }
        return false;
    }

    /// Whether the key goes on with the path of a leaf or an extension, and how many nibbles that
    /// has.
    function compare(bytes memory path, bytes32 key, uint256 depth)
        private
        pure
        returns (bool follows, uint256 length)
    {
        // The first nibble says what it is, and whether a nibble of the path is beside it.
        uint256 start = (uint8(path[0]) >> 4) & 1 == 1 ? 1 : 2;
        length = 2 * path.length - start;
        if (depth + length > NIBBLES) return (false, length);
        for (uint256 index = 0; index < length; ++index) {
            uint256 place = start + index;
            uint8 pair = uint8(path[place >> 1]);
            uint8 nibble = place & 1 == 0 ? pair >> 4 : pair & 0x0f;
            if (nibble != nibbleOf(key, depth + index)) return (false, length);
        }
        return (true, length);
    }

    function nibbleOf(bytes32 key, uint256 index) private pure returns (uint8) {
        uint8 pair = uint8(key[index >> 1]);
        return index & 1 == 0 ? pair >> 4 : pair & 0x0f;
    }

    /// A leaf or an extension of no trie: its path has no byte.
    error PathEmpty();
}
