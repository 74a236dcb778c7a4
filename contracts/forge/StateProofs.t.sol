// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Merkle, Rlp, Trie} from "./Trees.sol";
import {ForgeTest} from "./Vm.sol";

interface IStateProofs {
    struct OfState {
        bytes header;
        bytes32[] siblings;
    }

    struct OfSlot {
        bytes[] account;
        bytes[] slot;
    }

    function stateRoot(bytes32 consensusRoot, OfState calldata proof)
        external
        view
        returns (bytes32);
    function slotOf(bytes32 root, address account, bytes32 slot, OfSlot calldata proof)
        external
        pure
        returns (bytes32);
    function isAbsent(bytes32 root, bytes32 key, bytes[] calldata proof)
        external
        pure
        returns (bool);
}

/// @title ExecutionProof and TrieAbsence against tries that are written plainly: what is there is
/// proved, what is not there is proved to be absent, and nothing that was changed proves anything.
contract StateProofsTest is ForgeTest {
    using Trie for Trie.Tree;

    IStateProofs private proofs;

    function setUp() external {
        proofs = IStateProofs(deploy("ProofsTester", ""));
    }

    function testASlotIsProved(address account, bytes32 slot, uint256 value, uint256 seed)
        external
        view
    {
        Trie.Tree memory words = treeWith(keccak256(abi.encode(slot)), Rlp.number(value), seed);
        bytes memory fields = bytes.concat(
            Rlp.number(seed >> 128),
            Rlp.number(seed),
            Rlp.text(abi.encodePacked(words.root)),
            Rlp.text(abi.encodePacked(keccak256("code")))
        );
        bytes32 path = keccak256(abi.encodePacked(account));
        Trie.Tree memory accounts = treeWith(path, Rlp.list(fields), ~seed);
        IStateProofs.OfSlot memory proof = IStateProofs.OfSlot(
            accounts.proofOf(nibbleOf(path)),
            words.proofOf(nibbleOf(keccak256(abi.encode(slot))))
        );
        require(proofs.slotOf(accounts.root, account, slot, proof) == bytes32(value), "value");
        refuseSlot(accounts.root, account, keccak256(abi.encode(slot)), proof);
        refuseSlot(accounts.root, address(uint160(account) ^ 1), slot, proof);
        bend(seed % 2 == 0 ? proof.account : proof.slot, seed >> 8);
        refuseSlot(accounts.root, account, slot, proof);
    }

    function testAStateRootIsProved(bytes32 root, bytes32[16] calldata random, uint256 seed)
        external
        view
    {
        bytes memory header = Rlp.list(
            bytes.concat(
                Rlp.text(abi.encodePacked(random[0])),
                Rlp.text(abi.encodePacked(random[1])),
                Rlp.text(abi.encodePacked(bytes20(random[2]))),
                Rlp.text(abi.encodePacked(root)),
                Rlp.number(seed)
            )
        );
        bytes32[] memory fields = new bytes32[](16);
        for (uint256 index = 0; index < 16; ++index) fields[index] = random[index];
        fields[15] = keccak256(header);
        bytes32 consensusRoot = Merkle.rootOf(fields, 4);
        IStateProofs.OfState memory proof =
            IStateProofs.OfState(header, Merkle.siblingsOf(fields, 15, 4));
        require(proofs.stateRoot(consensusRoot, proof) == root, "state root");
        flip(proof.header, seed);
        try proofs.stateRoot(consensusRoot, proof) {
            revert("a header that was changed");
        } catch (bytes memory reason) {
            require(bytes4(reason) == bytes4(keccak256("HeaderUnproven()")), "reason");
        }
    }

    function testAbsenceIsTheContrary(bytes32 key, uint256 seed) external view {
        Trie.Tree memory tree = treeOf(seed);
        bytes[] memory proof = tree.proofOf(nibbleOf(key));
        require(proofs.isAbsent(tree.root, key, proof), "not there");
        bytes32 there = keyAt(seed, nibbleOf(key));
        bool isThere = tree.leaves[nibbleOf(key)].length > 0;
        require(proofs.isAbsent(tree.root, there, proof) == !isThere, "there");
        bytes[] memory more = new bytes[](proof.length + 1);
        for (uint256 index = 0; index < proof.length; ++index) more[index] = proof[index];
        more[proof.length] = proof[proof.length - 1];
        neverAbsent(tree.root, key, more);
        neverAbsent(tree.root, key, new bytes[](0));
        bend(proof, seed >> 16);
        neverAbsent(tree.root, key, proof);
    }

    /// A key that differs from one that is there in any nibble, and in no other.
    function testAKeyBesideOneIsAbsent(uint256 seed, uint8 nibble, uint8 change) external view {
        Trie.Tree memory tree = treeOf(seed | 0xffff);
        bytes32 key = keyAt(seed | 0xffff, nibble % 16);
        uint256 mask = within(change, 1, 15) << (4 * within(seed >> 32, 0, 62));
        bytes[] memory proof = tree.proofOf(nibbleOf(key));
        require(!proofs.isAbsent(tree.root, key, proof), "there");
        require(proofs.isAbsent(tree.root, key ^ bytes32(mask), proof), "beside");
    }

    /// Whoever makes up a trie proves no more by it than that it is not one.
    function testAnyBytesAreNoProof(bytes calldata node, bytes32 key, address account)
        external
        view
    {
        bytes[] memory proof = new bytes[](1);
        proof[0] = node;
        neverAbsent(keccak256(abi.encode(node)), key, proof);
        refuseSlot(keccak256(node), account, key, IStateProofs.OfSlot(proof, proof));
    }

    function refuseSlot(
        bytes32 root,
        address account,
        bytes32 slot,
        IStateProofs.OfSlot memory proof
    ) private view {
        try proofs.slotOf(root, account, slot, proof) {
            revert("a slot that is not proved");
        } catch {}
    }

    /// It is false, or refused.
    function neverAbsent(bytes32 root, bytes32 key, bytes[] memory proof) private view {
        try proofs.isAbsent(root, key, proof) returns (bool isAbsent) {
            require(!isAbsent, "absent by a proof that is none");
        } catch {}
    }

    /// Which of sixteen keys are there, the low bits of the seed say.
    function treeOf(uint256 seed) private pure returns (Trie.Tree memory) {
        bytes32[16] memory keys;
        bytes[16] memory values;
        for (uint256 nibble = 0; nibble < 16; ++nibble) {
            keys[nibble] = keyAt(seed, nibble);
            if ((seed >> nibble) & 1 == 1) values[nibble] = Rlp.number(uint256(keys[nibble]) >> 8);
        }
        return Trie.build(keys, values);
    }

    /// The same with one more value.
    function treeWith(bytes32 key, bytes memory value, uint256 seed)
        private
        pure
        returns (Trie.Tree memory)
    {
        bytes32[16] memory keys;
        bytes[16] memory values;
        for (uint256 nibble = 0; nibble < 16; ++nibble) {
            keys[nibble] = keyAt(seed, nibble);
            if ((seed >> nibble) & 1 == 1) values[nibble] = Rlp.number(seed);
        }
        keys[nibbleOf(key)] = key;
        values[nibbleOf(key)] = value;
        return Trie.build(keys, values);
    }

    function keyAt(uint256 seed, uint256 nibble) private pure returns (bytes32) {
        uint256 rest = uint256(keccak256(abi.encode(seed, nibble))) >> 4;
        return bytes32((nibble << 252) | rest);
    }

    function nibbleOf(bytes32 key) private pure returns (uint256) {
        return uint256(key) >> 252;
    }

    /// Changes one byte of one node.
    function bend(bytes[] memory proof, uint256 seed) private pure {
        flip(proof[seed % proof.length], seed >> 8);
    }

    function flip(bytes memory content, uint256 seed) private pure {
        content[seed % content.length] ^= bytes1(uint8(within(seed >> 16, 1, 255)));
    }
}
