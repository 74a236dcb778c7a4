// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EPOCH_INFO, INBOX} from "./Addresses.sol";
import {EpochInfo} from "./EpochInfo.sol";
import {IMessageReceiver} from "./IMessageReceiver.sol";

/// @title Governance on this network, at 0x…2004 in its genesis.
///
/// Does what a message from the timelock on L1 says: calls, in order, all or none. Inbox delivers
/// it once, and again only if something failed. The few numbers of this network that governance
/// sets are kept here; their first values stand in the genesis.
contract GovExecutor is IMessageReceiver {
    struct Call {
        address to;
        uint256 value;
        bytes data;
    }

    enum Parameter {
        /// What RewardHub pays for a height at most, in wei.
        RewardMax,
        /// What a transaction pays for a unit of gas at least, in wei; blocks obey it.
        GasPriceMin,
        /// What the gas limit of blocks goes towards; 0 leaves it to proposers.
        GasLimit
    }

    /// Above it nobody could pay for the message that lowers it.
    uint256 private constant GAS_PRICE_MIN_MOST = 1e12;
    uint256 private constant GAS_LIMIT_LEAST = 1e7;
    uint256 private constant GAS_LIMIT_MOST = 1e9;

    /// Slots 0 to 2, by number of the parameter.
    uint256[3] private _parameters;

    event Executed(address indexed to, uint256 value, bytes data);
    event ParameterSet(Parameter indexed parameter, uint256 value);

    /// So that calls may carry value.
    receive() external payable {}

    /// @inheritdoc IMessageReceiver
    function onL1Message(address sender, bytes calldata data) external {
        if (msg.sender != INBOX) revert NotTheInbox();
        if (sender != EpochInfo(EPOCH_INFO).config().governance) revert NotGovernance();
        Call[] memory calls = abi.decode(data, (Call[]));
        for (uint256 index = 0; index < calls.length; ++index) {
            Call memory each = calls[index];
            (bool isDone,) = each.to.call{value: each.value}(each.data);
            if (!isDone) revert CallFailed(index);
            emit Executed(each.to, each.value, each.data);
        }
    }

    /// @inheritdoc IMessageReceiver
    function onNetworkMessage(uint32, address, bytes calldata) external pure {
        // MUST come from L1: there is one governance.
        revert NotGovernance();
    }

    /// Called by governance through this contract.
    function setParameter(Parameter parameter, uint256 value) external {
        if (msg.sender != address(this)) revert NotGovernance();
        bool isOut = parameter == Parameter.GasPriceMin
            ? value > GAS_PRICE_MIN_MOST
            : parameter == Parameter.GasLimit && (value < GAS_LIMIT_LEAST || value > GAS_LIMIT_MOST);
        if (isOut) revert OutOfBounds(parameter, value);
        _parameters[uint256(parameter)] = value;
        emit ParameterSet(parameter, value);
    }

    function parameterOf(Parameter parameter) external view returns (uint256) {
        return _parameters[uint256(parameter)];
    }

    error NotTheInbox();
    error NotGovernance();
    error CallFailed(uint256 index);
    error OutOfBounds(Parameter parameter, uint256 value);
}
