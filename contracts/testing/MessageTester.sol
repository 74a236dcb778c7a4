// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {INBOX, OUTBOX} from "../networks/Addresses.sol";
import {IMessageReceiver, IMessageSender} from "../networks/IMessageReceiver.sol";
import {Outbox} from "../networks/Outbox.sol";

/// @title A contract that sends messages and takes them, as well or as badly as a test wants.
contract MessageTester is IMessageReceiver, IMessageSender {
    enum Mode {
        Take,
        Refuse,
        BurnGas,
        ReturnMuch,
        Reenter,
        /// Takes it, for a million gas.
        Spend,
        /// Takes it when it is asked by the Inbox alone, and burns all gas in a transaction of
        /// anybody else's.
        Lie
    }

    struct Taken {
        bool isFromL1;
        uint32 network;
        address sender;
        bytes data;
    }

    Mode public mode;
    /// What Reenter calls the Inbox with, and whether that succeeded.
    bytes public inner;
    bool public hasReentered;
    Taken[] private _taken;
    uint64[] private _lost;
    uint256 public gasSeen;

    function setMode(Mode wanted, bytes calldata innerCall) external {
        mode = wanted;
        inner = innerCall;
    }

    function send(uint32 network, address to, uint64 expiry, bytes calldata data) external {
        Outbox(OUTBOX).send(network, to, expiry, data);
    }

    function onL1Message(address sender, bytes calldata data) external {
        _take(Taken(true, 0, sender, data));
    }

    function onNetworkMessage(uint32 network, address sender, bytes calldata data) external {
        _take(Taken(false, network, sender, data));
    }

    function onMessageTimeout(uint64 index, uint32, address, bytes32) external {
        _behave();
        _lost.push(index);
    }

    function taken() external view returns (Taken[] memory) {
        return _taken;
    }

    function lost() external view returns (uint64[] memory) {
        return _lost;
    }

    function _take(Taken memory message) private {
        _behave();
        _taken.push(message);
    }

    function _behave() private {
        gasSeen = gasleft();
        require(msg.sender == INBOX);
        if (mode == Mode.Refuse) revert();
        if (mode == Mode.BurnGas || (mode == Mode.Lie && tx.origin != INBOX)) {
            assembly {
                invalid()
            }
        }
        if (mode == Mode.Spend) {
            while (gasSeen < gasleft() + 1_000_000) {}
        }
        if (mode == Mode.ReturnMuch) {
            assembly {
                revert(0, 1000000)
            }
        }
        if (mode == Mode.Reenter) (hasReentered,) = INBOX.call(inner);
    }
}
