// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Accumulator} from "../proofs/Accumulator.sol";
import {OutboxEntry} from "../proofs/OutboxEntry.sol";

/// @title What leaves this network, at 0x…2002 in its genesis.
///
/// Everything that goes out becomes a leaf of one tree, whose root lies in slot 0 and is proved
/// elsewhere from any finality certificate. Tokens that go out stay here for ever: on this network
/// they are burned, and the entry is the right to them elsewhere. Nothing here can be taken back.
contract Outbox {
    /// Slot 0 the root, slot 1 the count.
    Accumulator.Tree private _tree;

    /// Bytes of a message, at most.
    uint256 public constant DATA_SIZE_MAX = 24_576;
    uint256 private constant WEI_PER_GWEI = 1e9;

    /// Who holds rewards here, and alone may send them out as such.
    address public constant REWARD_HUB = 0x0000000000000000000000000000000000002001;

    event Sent(uint64 indexed index, OutboxEntry.Entry entry);
    /// What a message says; its entry holds the hash.
    event MessageData(uint64 indexed index, bytes data);

    /// Takes the value out to an account on L1.
    function withdraw(address to) external payable returns (uint64 index) {
        if (msg.value == 0) revert NothingSent();
        return _append(OutboxEntry.Kind.Withdrawal, 0, to, 0, 0);
    }

    /// Takes an operator's reward out to its stakers on L1.
    function reward(address operator) external payable returns (uint64 index) {
        if (msg.sender != REWARD_HUB) revert NotTheRewardHub();
        if (msg.value == 0) revert NothingSent();
        return _append(OutboxEntry.Kind.Reward, 0, operator, 0, 0);
    }

    /// Takes the value over to an account on another network, by way of L1.
    function transfer(uint32 network, address to) external payable returns (uint64 index) {
        if (msg.value == 0) revert NothingSent();
        // MUST be whole gwei: in them the other network is credited.
        if (msg.value % WEI_PER_GWEI != 0) revert NotWholeGwei();
        return _append(OutboxEntry.Kind.Transfer, network, to, 0, 0);
    }

    /// Sends a call to a contract on another network, to be delivered before `expiry`.
    function send(uint32 network, address to, uint64 expiry, bytes calldata data)
        external
        returns (uint64 index)
    {
        if (data.length > DATA_SIZE_MAX) revert DataTooLong();
        if (expiry <= block.timestamp) revert ExpiryPast();
        index = _append(OutboxEntry.Kind.Message, network, to, expiry, keccak256(data));
        emit MessageData(index, data);
    }

    function root() external view returns (bytes32) {
        return _tree.root;
    }

    function count() external view returns (uint64) {
        return _tree.count;
    }

    function _append(
        OutboxEntry.Kind kind,
        uint32 network,
        address to,
        uint64 expiry,
        bytes32 dataHash
    ) private returns (uint64 index) {
        OutboxEntry.Entry memory entry =
            OutboxEntry.Entry(kind, network, msg.sender, to, msg.value, expiry, dataHash);
        index = Accumulator.append(_tree, OutboxEntry.leafOf(entry));
        emit Sent(index, entry);
    }

    error NothingSent();
    error NotTheRewardHub();
    error NotWholeGwei();
    error DataTooLong();
    error ExpiryPast();
}
