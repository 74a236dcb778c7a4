// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What a contract has that takes messages. It MUST check that its caller is the Inbox.
interface IMessageReceiver {
    /// From an account on L1.
    function onL1Message(address sender, bytes calldata data) external;
    /// From an account of another network, or of this one.
    function onNetworkMessage(uint32 network, address sender, bytes calldata data) external;
}

/// @title What a contract has that sends messages and wants to hear of those that were not
/// delivered.
interface IMessageSender {
    /// The message that is entry `index` of this network's Outbox can never be delivered any more.
    function onMessageTimeout(uint64 index, uint32 network, address to, bytes32 dataHash) external;
}
