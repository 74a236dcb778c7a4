// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Merkle} from "./Trees.sol";
import {ForgeTest} from "./Vm.sol";

interface IInbox {
    function credit(uint32 id, address to, uint64 amountGwei) external returns (uint64 index);
    function creditsOf(uint32 id) external view returns (bytes32 root, uint64 count);
    function creditLeaf(address to, uint64 amountGwei) external pure returns (bytes32);
}

interface IHistory {
    function holds(bytes32 histRoot, uint64 height, bytes32 leaf, bytes32[] calldata siblings)
        external
        view
        returns (bool);
    function hasField(bytes32 root, uint256 index, bytes32 value, bytes32[] calldata siblings)
        external
        view
        returns (bool);
}

/// @title Accumulator and History against trees that are written plainly.
contract AccumulatorTest is ForgeTest {
    uint256 private constant DEPTH = 32;
    uint64 private constant LEAVES_MAX = type(uint32).max;

    IInbox private inbox;
    IHistory private history;

    function setUp() external {
        inbox = IInbox(deploy("Inbox", abi.encode(address(this), address(this))));
        history = IHistory(deploy("ProofsTester", ""));
    }

    function testAppendsLikeANaiveTree(uint256 seed, uint8 count, uint8 chosen) external {
        uint256 size = within(count, 1, 12);
        bytes32[] memory leaves = new bytes32[](size);
        for (uint256 index = 0; index < size; ++index) {
            (address to, uint64 amount) = creditOf(seed, index);
            leaves[index] = sha256(abi.encodePacked(to, amount));
            require(inbox.credit(7, to, amount) == index, "index");
        }
        (bytes32 root, uint64 known) = inbox.creditsOf(7);
        require(known == size && root == Merkle.rootOf(leaves, DEPTH), "root");
        uint256 place = chosen % size;
        bytes32[] memory siblings = Merkle.siblingsOf(leaves, place, DEPTH);
        require(history.holds(root, uint64(place), leaves[place], siblings), "proof");
        for (uint64 other = 0; other < size; ++other) {
            bool holds = history.holds(root, other, leaves[place], siblings);
            require(holds == (other == place), "another place");
        }
        (bytes32 elsewhere, uint64 none) = inbox.creditsOf(8);
        require(elsewhere == 0 && none == 0, "another network");
    }

    /// A tree that holds any number of equal leaves already.
    function testAppendsAtAnyCount(uint32 before, uint256 seed) external {
        bytes32 same = sha256(abi.encode(seed));
        fill(same, before);
        Leaves memory leaves = Leaves(same, before, before, new bytes32[](3));
        for (uint256 index = 0; index < leaves.more.length; ++index) {
            (address to, uint64 amount) = creditOf(seed, index);
            if (leaves.count == LEAVES_MAX) {
                vm.expectRevert(bytes4(keccak256("TreeFull()")));
                inbox.credit(7, to, amount);
                return;
            }
            require(inbox.credit(7, to, amount) == leaves.count, "index");
            leaves.more[index] = inbox.creditLeaf(to, amount);
            ++leaves.count;
            (bytes32 root, uint64 known) = inbox.creditsOf(7);
            require(known == leaves.count, "count");
            require(root == rootAt(DEPTH, 0, leaves), "root");
        }
    }

    /// Has the tree of network 7 hold so many equal leaves: each full subtree by its height alone.
    function fill(bytes32 leaf, uint32 count) private {
        uint256 slot = uint256(keccak256(abi.encode(uint256(7), uint256(0))));
        vm.store(address(inbox), bytes32(slot + 1), bytes32(uint256(count)));
        bytes32 full = leaf;
        for (uint256 level = 0; level < DEPTH; ++level) {
            vm.store(address(inbox), bytes32(slot + 2 + level), full);
            full = Merkle.node(full, full);
        }
    }

    function testProofsHoldForNothingElse(
        bytes32 leaf,
        uint32 height,
        bytes32[DEPTH] calldata random,
        uint16 bit,
        uint256 place
    ) external view {
        bytes32[] memory siblings = copied(random, DEPTH);
        bytes32 root = above(leaf, height, siblings);
        require(history.holds(root, height, leaf, siblings), "proof");
        bytes32 mask = bytes32(1 << (bit % 256));
        require(!history.holds(root ^ mask, height, leaf, siblings), "another root");
        require(!history.holds(root, height, leaf ^ mask, siblings), "another leaf");
        uint32 other = height ^ uint32(1 << (bit % 32));
        bool isAlike = siblings[bit % 32] == above(leaf, height, copied(random, bit % 32));
        require(isAlike || !history.holds(root, other, leaf, siblings), "another place");
        require(!history.holds(root, uint64(height) + 2 ** 32, leaf, siblings), "beyond");
        siblings[place % DEPTH] ^= mask;
        require(!history.holds(root, height, leaf, siblings), "another sibling");
        uint256 size = place % 64 == DEPTH ? 0 : place % 64;
        bytes32[] memory odd = new bytes32[](size);
        require(!history.holds(above(leaf, height, odd), height, leaf, odd), "another depth");
    }

    function testFieldsHoldForNothingElse(
        bytes32[16] calldata fields,
        uint8 chosen,
        uint16 bit,
        uint256 place
    ) external view {
        bytes32[] memory leaves = new bytes32[](16);
        for (uint256 field = 0; field < 16; ++field) leaves[field] = fields[field];
        bytes32 root = Merkle.rootOf(leaves, 4);
        uint256 index = chosen % 16;
        bytes32[] memory siblings = Merkle.siblingsOf(leaves, index, 4);
        bytes32 mask = bytes32(1 << (bit % 256));
        require(history.hasField(root, index, fields[index], siblings), "field");
        require(!history.hasField(root, index, fields[index] ^ mask, siblings), "another value");
        require(!history.hasField(root, index + 16, fields[index], siblings), "beyond");
        siblings[place % 4] ^= mask;
        require(!history.hasField(root, index, fields[index], siblings), "another sibling");
    }

    struct Leaves {
        bytes32 same;
        uint64 before;
        uint64 count;
        bytes32[] more;
    }

    /// The node of a height and place, by what stands below it.
    function rootAt(uint256 level, uint256 place, Leaves memory leaves)
        private
        pure
        returns (bytes32 root)
    {
        bool isEmpty = place << level >= leaves.count;
        bool isSame = (place + 1) << level <= leaves.before;
        if (isEmpty || isSame) {
            root = isEmpty ? bytes32(0) : leaves.same;
            for (uint256 step = 0; step < level; ++step) root = Merkle.node(root, root);
            return root;
        }
        if (level == 0) return leaves.more[place - leaves.before];
        bytes32 left = rootAt(level - 1, 2 * place, leaves);
        return Merkle.node(left, rootAt(level - 1, 2 * place + 1, leaves));
    }

    function above(bytes32 leaf, uint256 index, bytes32[] memory siblings)
        private
        pure
        returns (bytes32 root)
    {
        root = leaf;
        for (uint256 level = 0; level < siblings.length; ++level) {
            bool isRight = (index >> level) & 1 == 1;
            bytes32 sibling = siblings[level];
            root = isRight ? Merkle.node(sibling, root) : Merkle.node(root, sibling);
        }
    }

    function copied(bytes32[DEPTH] calldata words, uint256 size)
        private
        pure
        returns (bytes32[] memory list)
    {
        list = new bytes32[](size);
        for (uint256 index = 0; index < size; ++index) list[index] = words[index];
    }

    function creditOf(uint256 seed, uint256 index) private pure returns (address, uint64) {
        uint256 word = uint256(keccak256(abi.encode(seed, index)));
        return (address(uint160(word)), uint64(word >> 160));
    }
}
