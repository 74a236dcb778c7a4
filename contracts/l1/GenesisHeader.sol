// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The consensus header of height 0 (docs/specs/blocks.md section 2), as everyone builds it
/// once the first epoch is known.
library GenesisHeader {
    uint256 private constant FIELDS = 16;
    uint256 private constant MS = 1_000;
    /// histRoot of no blocks: the root of a tree of depth 32 whose leaves are all zero.
    bytes32 private constant NO_HISTORY =
        0xc6f67e02e6e4e1bdefb994c6098953f34636ba2b6ca20a4721d2b26a886722ff;

    /// Its consensusRoot. `time` is that of the execution genesis block, in seconds since 1970.
    function rootOf(uint32 id, uint64 epoch, uint64 time, bytes32 genesisHash)
        internal
        pure
        returns (bytes32)
    {
        bytes32[] memory nodes = new bytes32[](FIELDS);
        nodes[0] = bytes32(uint256(id));
        nodes[1] = bytes32(uint256(epoch));
        nodes[3] = bytes32(time * MS);
        nodes[13] = NO_HISTORY;
        nodes[14] = keccak256(abi.encode(genesisHash));
        nodes[15] = genesisHash;
        for (uint256 width = FIELDS / 2; width > 0; width /= 2) {
            for (uint256 index = 0; index < width; ++index) {
                nodes[index] = sha256(abi.encode(nodes[2 * index], nodes[2 * index + 1]));
            }
        }
        return nodes[0];
    }
}
