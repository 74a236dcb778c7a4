// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title RLP and Merkle-Patricia tries, written plainly: what the proof libraries are held to.
library Rlp {
    function text(bytes memory content) internal pure returns (bytes memory) {
        if (content.length == 1 && uint8(content[0]) < 0x80) return content;
        return bytes.concat(head(0x80, content.length), content);
    }

    function list(bytes memory items) internal pure returns (bytes memory) {
        return bytes.concat(head(0xc0, items.length), items);
    }

    /// A number without leading zeros.
    function number(uint256 value) internal pure returns (bytes memory) {
        bytes memory content;
        for (; value > 0; value >>= 8) content = bytes.concat(bytes1(uint8(value)), content);
        return text(content);
    }

    function head(uint8 kind, uint256 length) private pure returns (bytes memory) {
        if (length < 56) return abi.encodePacked(kind + uint8(length));
        if (length < 256) return abi.encodePacked(kind + 56, uint8(length));
        return abi.encodePacked(kind + 57, uint16(length));
    }
}

/// @title A trie of at most sixteen values whose hashed keys differ in their first nibble: a branch
/// of leaves.
library Trie {
    struct Tree {
        bytes32 root;
        bytes branch;
        bytes[16] leaves;
    }

    /// `values` are RLP, none where there is no value; they MUST make leaves of 32 bytes or more.
    function build(bytes32[16] memory keys, bytes[16] memory values)
        internal
        pure
        returns (Tree memory tree)
    {
        bytes memory children;
        for (uint256 nibble = 0; nibble < 16; ++nibble) {
            if (values[nibble].length == 0) {
                children = bytes.concat(children, hex"80");
                continue;
            }
            tree.leaves[nibble] = leaf(keys[nibble], values[nibble]);
            bytes32 hash = keccak256(tree.leaves[nibble]);
            children = bytes.concat(children, Rlp.text(abi.encodePacked(hash)));
        }
        tree.branch = Rlp.list(bytes.concat(children, hex"80"));
        tree.root = keccak256(tree.branch);
    }

    /// The nodes on the way of a nibble.
    function proofOf(Tree memory tree, uint256 nibble)
        internal
        pure
        returns (bytes[] memory proof)
    {
        bool isThere = tree.leaves[nibble].length > 0;
        proof = new bytes[](isThere ? 2 : 1);
        proof[0] = tree.branch;
        if (isThere) proof[1] = tree.leaves[nibble];
    }

    /// A leaf on the 63 nibbles after the first: an odd path.
    function leaf(bytes32 key, bytes memory value) private pure returns (bytes memory) {
        bytes memory path = abi.encodePacked(key);
        path[0] = bytes1(0x30 | (uint8(path[0]) & 0x0f));
        return Rlp.list(bytes.concat(Rlp.text(path), Rlp.text(value)));
    }
}

/// @title Binary trees of docs/specs/blocks.md section 3, written plainly.
library Merkle {
    function node(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return sha256(abi.encode(left, right));
    }

    /// The root over `leaves` at the left of a tree of that depth.
    function rootOf(bytes32[] memory leaves, uint256 depth) internal pure returns (bytes32) {
        (bytes32 root,) = walk(leaves, 0, depth);
        return root;
    }

    /// The siblings of a leaf, from the leaf upwards.
    function siblingsOf(bytes32[] memory leaves, uint256 index, uint256 depth)
        internal
        pure
        returns (bytes32[] memory siblings)
    {
        (, siblings) = walk(leaves, index, depth);
    }

    function walk(bytes32[] memory leaves, uint256 index, uint256 depth)
        private
        pure
        returns (bytes32 root, bytes32[] memory siblings)
    {
        siblings = new bytes32[](depth);
        bytes32 absent;
        bytes32[] memory row = leaves;
        for (uint256 level = 0; level < depth; ++level) {
            uint256 beside = (index >> level) ^ 1;
            siblings[level] = beside < row.length ? row[beside] : absent;
            bytes32[] memory above = new bytes32[]((row.length + 1) / 2);
            for (uint256 place = 0; place < above.length; ++place) {
                bytes32 right = 2 * place + 1 < row.length ? row[2 * place + 1] : absent;
                above[place] = node(row[2 * place], right);
            }
            (row, absent) = (above, node(absent, absent));
        }
        root = row.length == 0 ? absent : row[0];
    }
}
