// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What governance may change about networks, each number within bounds that nobody can.
///
///     ordinary    set by governance's timelock
///     critical    set by a timelock that waits longer than stake takes to leave (StakersTimelock):
///                 who does not agree is gone before it holds
///
/// Nothing here says what is a fault, what it costs, what is final, or what a network may take from
/// L1. Numbers of one network (its gas limit, the least price of gas, its rewards) stand there, in
/// GovExecutor.
contract Parameters {
    enum Key {
        /// What an operator may weigh in a network, in hundredths of a percent of its total.
        OperatorBps,
        /// What may join a network, and what may leave it, in an epoch; the same.
        ChurnBps,
        /// What a network must ask for before it begins: operators, and their stake in gwei.
        OperatorsMin,
        StakeMin,
        /// Epochs from the notice that a network drains until it may be closed.
        DrainEpochs,
        /// Epochs that networks must have been busy for another one to open.
        LoadEpochs,
        /// Epochs from one opening or draining by load to the next.
        CoolDownEpochs
    }

    /// Of one parameter; both bounds are allowed.
    struct Rule {
        uint64 least;
        uint64 most;
        bool isCritical;
    }

    /// Governance's timelock.
    address public immutable governor;
    /// The one that waits until stakers could leave.
    address public immutable stakersTimelock;

    mapping(Key key => uint64) private _values;

    event ParameterSet(Key indexed key, uint64 former, uint64 value);

    /// `values` are in the order of the keys.
    constructor(address governance, address critical, uint64[] memory values) {
        governor = governance;
        stakersTimelock = critical;
        uint256 count = uint256(type(Key).max) + 1;
        if (values.length != count) revert ParametersIncomplete(count);
        for (uint256 index = 0; index < count; ++index) _set(Key(index), values[index]);
    }

    function set(Key key, uint64 value) external {
        address authority = ruleOf(key).isCritical ? stakersTimelock : governor;
        if (msg.sender != authority) revert NotTheAuthority(authority);
        _set(key, value);
    }

    function get(Key key) external view returns (uint64) {
        return _values[key];
    }

    function ruleOf(Key key) public pure returns (Rule memory) {
        if (key == Key.OperatorBps) return Rule(500, 3_333, true);
        if (key == Key.ChurnBps) return Rule(100, 1_000, true);
        if (key == Key.OperatorsMin) return Rule(1, 100, false);
        if (key == Key.StakeMin) return Rule(1, 1e17, false);
        if (key == Key.DrainEpochs) return Rule(2, 4_000, true);
        // Four times as many must fit into the epochs that NetworkLoad looks back on.
        if (key == Key.LoadEpochs) return Rule(2, 16, false);
        return Rule(2, 1_000, false);
    }

    function _set(Key key, uint64 value) private {
        Rule memory rule = ruleOf(key);
        if (value < rule.least || value > rule.most) {
            revert OutOfBounds(key, rule.least, rule.most);
        }
        emit ParameterSet(key, _values[key], value);
        _values[key] = value;
    }

    /// There are so many.
    error ParametersIncomplete(uint256 count);
    error NotTheAuthority(address authority);
    error OutOfBounds(Key key, uint64 least, uint64 most);
}
