// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What leaves a network: the leaves of its Outbox, as they are written there and proved here.
library OutboxEntry {
    enum Kind {
        /// Tokens for an account on L1.
        Withdrawal,
        /// A reward of an operator: for its stakers, on L1.
        Reward,
        /// Tokens for an account on another network.
        Transfer,
        /// A call to a contract on another network.
        Message
    }

    struct Entry {
        Kind kind;
        /// Where to, of a transfer or a message; zero for what goes to L1.
        uint32 network;
        address sender;
        /// The account, the operator or the contract it is for.
        address to;
        /// In wei; of a transfer whole gwei. Zero for a message.
        uint256 amount;
        /// Of a message: when it may no longer be delivered, in seconds since 1970.
        uint64 expiry;
        /// Keccak of a message's data; zero for all else.
        bytes32 dataHash;
    }

    /// The leaf of an entry; its index is its place in the tree.
    function leafOf(Entry memory entry) internal pure returns (bytes32) {
        return sha256(abi.encode(entry));
    }

    /// The same of an entry as it was sent here: its seven words are those of the leaf, and one that
    /// is no value of its type is in no leaf.
    function leafOfSent(Entry calldata entry) internal view returns (bytes32 leaf) {
        assembly ("memory-safe") {
            let at := mload(0x40)
            calldatacopy(at, entry, 0xe0)
            if iszero(staticcall(gas(), 2, at, 0xe0, 0, 0x20)) { revert(0, 0) }
            leaf := mload(0)
        }
    }
}
