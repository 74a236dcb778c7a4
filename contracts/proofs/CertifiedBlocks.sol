// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {History} from "./History.sol";

/// @title The blocks of one network that its certificates proved.
///
/// A certificate says of a block its height, its consensusRoot and the history below it. By the root
/// of that history is kept which block it was, for ever: a proof that was made under one certificate
/// stays good under all that come after, so no newer one can be pushed in front of it.
///
///     32 siblings    a block below a certified one, in that one's history
///     1 sibling      a certified block itself: the root of its history
library CertifiedBlocks {
    /// By histRoot, the hash of height and consensusRoot.
    struct Book {
        mapping(bytes32 histRoot => bytes32) tips;
    }

    function add(Book storage book, uint64 height, bytes32 consensusRoot, bytes32 histRoot)
        internal
    {
        book.tips[histRoot] = _tip(height, consensusRoot);
    }

    /// Whether `consensusRoot` is that of a height, at or below some certified block.
    function holds(
        Book storage book,
        uint64 height,
        bytes32 consensusRoot,
        bytes32[] calldata siblings
    ) internal view returns (bool) {
        // MUST be a root: a history has zeros where no block is yet.
        if (consensusRoot == 0) return false;
        if (siblings.length == 1) return book.tips[siblings[0]] == _tip(height, consensusRoot);
        if (siblings.length != History.DEPTH || height >> History.DEPTH != 0) return false;
        return book.tips[History.rootOf(consensusRoot, height, siblings)] != 0;
    }

    function _tip(uint64 height, bytes32 consensusRoot) private pure returns (bytes32) {
        return keccak256(abi.encode(height, consensusRoot));
    }
}
