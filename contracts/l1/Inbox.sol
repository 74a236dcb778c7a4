// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Accumulator} from "../proofs/Accumulator.sol";
import {NetworkRegistry} from "./NetworkRegistry.sol";

/// @title What enters each network from L1: credits, which its consensus pays out, and messages,
/// which anyone delivers there by proof.
///
///     credit     sha256(to 20, amount in gwei u64)              of 28 bytes
///     message    sha256(sender 20, to 20, keccak(data) 32)      of 72 bytes
///
/// Each is a leaf of a tree of its network, and its index its place. Consensus names both roots and
/// the count of credits in every header, having read them from the state of a final L1 block: slot
/// keccak(id, 0) and the 68 after it are a network's `Box`.
contract Inbox {
    struct Box {
        Accumulator.Tree credits;
        Accumulator.Tree messages;
    }

    /// Slot 0.
    mapping(uint32 id => Box) private _boxes;

    /// Bytes of a message, at most.
    uint256 public constant DATA_SIZE_MAX = 24_576;

    NetworkRegistry public immutable networks;
    /// Who gives up tokens here, so that a network may pay them out.
    address public immutable bridge;

    event Credited(uint32 indexed id, uint64 indexed index, address indexed to, uint64 amountGwei);
    event MessageSent(
        uint32 indexed id, uint64 indexed index, address indexed sender, address to, bytes data
    );

    constructor(NetworkRegistry registry, address rewardBridge) {
        networks = registry;
        bridge = rewardBridge;
    }

    /// Has a network pay out tokens to an account.
    function credit(uint32 id, address to, uint64 amountGwei) external returns (uint64 index) {
        if (msg.sender != bridge) revert NotTheBridge();
        index = Accumulator.append(_boxes[id].credits, creditLeaf(to, amountGwei));
        emit Credited(id, index, to, amountGwei);
    }

    /// Sends a call to a contract of a network, from the sender.
    function send(uint32 id, address to, bytes calldata data) external returns (uint64 index) {
        if (data.length > DATA_SIZE_MAX) revert DataTooLong();
        // Reverts unless there is one.
        networks.networkOf(id);
        bytes32 leaf = sha256(abi.encodePacked(msg.sender, to, keccak256(data)));
        index = Accumulator.append(_boxes[id].messages, leaf);
        emit MessageSent(id, index, msg.sender, to, data);
    }

    /// Root of a network's credits, zero while there are none; and how many there are.
    function creditsOf(uint32 id) external view returns (bytes32 root, uint64 count) {
        Accumulator.Tree storage tree = _boxes[id].credits;
        return (tree.root, tree.count);
    }

    /// The same of its messages.
    function messagesOf(uint32 id) external view returns (bytes32 root, uint64 count) {
        Accumulator.Tree storage tree = _boxes[id].messages;
        return (tree.root, tree.count);
    }

    function creditLeaf(address to, uint64 amountGwei) public pure returns (bytes32) {
        return sha256(abi.encodePacked(to, amountGwei));
    }

    error NotTheBridge();
    error DataTooLong();
}
