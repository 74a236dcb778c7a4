// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {OperatorRegistry} from "./OperatorRegistry.sol";

/// @title The stake that secures every network: pools of an operator and its delegators.
///
/// Each operator has one active pool, whose tokens are its weight, and a pool for each epoch in which
/// stake leaves it. A staker owns shares of pools; what is slashed is taken from pools, so it falls
/// on all of one pool alike:
///
///     stake      tokens -> active pool                       weight rises at e + 2
///     unstake    active pool -> pool of exit epoch e + 2     weight falls at e + 2
///     withdraw   exit pool -> staker                         `unbonding` seconds after that epoch began
///     slash      for a fault in epoch f: the active pool, and each exit pool of an epoch above f
///
/// Stake that leaves in epoch x was counted in every epoch below x, and answers for each of them
/// until it may be withdrawn. Stake that came after a fault answers as well: a pool is one, not a
/// row of tranches, and delegators choose whom they join. What is slashed is burned, but for a reporter's part. An operator that
/// was slashed is a tombstone: no weight, no new stake, its stakers may leave.
///
/// Shares are rounded down in favour of the pool. Pools count their own tokens, so tokens sent here
/// change nothing, and a first staker cannot make shares dear for a second.
contract StakeManager {
    using SafeERC20 for ERC20Burnable;

    struct Pool {
        uint256 assets;
        uint256 shares;
    }

    uint16 private constant BPS = 10_000;
    uint256 private constant WEI_PER_GWEI = 1e9;
    /// Exit pools that one slash may have to touch.
    uint256 public constant EXIT_POOLS_MAX = 64;

    ERC20Burnable public immutable token;
    OperatorRegistry public immutable operators;
    /// Who says what was a fault: the slashing manager.
    address public immutable slasher;
    /// How long stake that left may still be slashed, in seconds.
    uint256 public immutable unbonding;

    mapping(address operator => bool) public isTombstone;
    mapping(address operator => Pool) private _active;
    mapping(address operator => mapping(uint64 exitEpoch => Pool)) private _exits;
    mapping(address operator => mapping(address staker => uint256)) private _shares;
    mapping(address operator => mapping(uint64 exitEpoch => mapping(address staker => uint256)))
        private _exitShares;

    event Staked(address indexed operator, address indexed staker, uint256 assets, uint256 shares);
    event Unstaked(
        address indexed operator, address indexed staker, uint64 indexed exitEpoch, uint256 assets
    );
    event Withdrawn(
        address indexed operator, address indexed staker, uint64 indexed exitEpoch, uint256 assets
    );
    event Slashed(
        address indexed operator, uint64 indexed faultEpoch, uint256 assets, address reporter
    );

    constructor(
        ERC20Burnable token_,
        OperatorRegistry operatorRegistry,
        address slashingManager,
        uint256 unbondingSeconds
    ) {
        token = token_;
        operators = operatorRegistry;
        slasher = slashingManager;
        unbonding = unbondingSeconds;
        uint256 epochs = unbondingSeconds / operatorRegistry.epochLength() + 1;
        if (epochs + operatorRegistry.NOTICE() > EXIT_POOLS_MAX) revert UnbondingTooLong();
    }

    /// Stakes the sender's tokens with an operator; its own or as a delegator.
    function stake(address operator, uint256 assets) external returns (uint256 shares) {
        if (isTombstone[operator]) revert OperatorSlashed();
        // Reverts unless it is registered.
        operators.upcoming(operator);
        Pool storage pool = _active[operator];
        shares = _toShares(pool, assets);
        if (shares == 0) revert AmountTooSmall();
        pool.assets += assets;
        pool.shares += shares;
        _shares[operator][msg.sender] += shares;
        _weigh(operator);
        emit Staked(operator, msg.sender, assets, shares);
        token.safeTransferFrom(msg.sender, address(this), assets);
    }

    /// Takes shares out of an operator's active pool. Their tokens answer for its faults of the
    /// epochs until they left, and may be withdrawn after `unbonding`.
    function unstake(address operator, uint256 shares)
        external
        returns (uint64 exitEpoch, uint256 assets)
    {
        if (shares == 0) revert AmountTooSmall();
        uint256 own = _shares[operator][msg.sender];
        if (shares > own) revert SharesMissing(own);
        Pool storage pool = _active[operator];
        assets = _toAssets(pool, shares);
        _shares[operator][msg.sender] = own - shares;
        pool.shares -= shares;
        pool.assets -= assets;

        exitEpoch = operators.currentEpoch() + operators.NOTICE();
        Pool storage exit = _exits[operator][exitEpoch];
        uint256 exitShares = _toShares(exit, assets);
        exit.assets += assets;
        exit.shares += exitShares;
        _exitShares[operator][exitEpoch][msg.sender] += exitShares;
        if (!isTombstone[operator]) _weigh(operator);
        emit Unstaked(operator, msg.sender, exitEpoch, assets);
    }

    /// Pays out what left with an exit epoch.
    function withdraw(address operator, uint64 exitEpoch) external returns (uint256 assets) {
        uint256 ready = readyAt(exitEpoch);
        if (block.timestamp < ready) revert StillUnbonding(ready);
        uint256 shares = _exitShares[operator][exitEpoch][msg.sender];
        if (shares == 0) revert SharesMissing(0);
        Pool storage exit = _exits[operator][exitEpoch];
        assets = _toAssets(exit, shares);
        delete _exitShares[operator][exitEpoch][msg.sender];
        exit.shares -= shares;
        exit.assets -= assets;
        emit Withdrawn(operator, msg.sender, exitEpoch, assets);
        token.safeTransfer(msg.sender, assets);
    }

    /// Takes a part, in hundredths of a percent, of all stake that answers for an operator's fault
    /// in an epoch; `reporterBps` of that goes to the reporter, the rest is burned.
    function slash(
        address operator,
        uint64 faultEpoch,
        uint16 bps,
        address reporter,
        uint16 reporterBps
    ) external returns (uint256 slashed) {
        if (msg.sender != slasher) revert NotTheSlasher();
        if (bps > BPS || reporterBps > BPS) revert PartInvalid();
        slashed = _cut(_active[operator], bps);
        uint64 last = operators.currentEpoch() + operators.NOTICE();
        // From the newest exit down to the fault, or to what may be withdrawn already.
        for (uint64 epoch = last; epoch > faultEpoch; --epoch) {
            if (block.timestamp >= readyAt(epoch)) break;
            slashed += _cut(_exits[operator][epoch], bps);
        }
        if (!isTombstone[operator]) {
            isTombstone[operator] = true;
            operators.setWeight(operator, 0);
        }
        emit Slashed(operator, faultEpoch, slashed, reporter);
        uint256 reward = Math.mulDiv(slashed, reporterBps, BPS);
        if (reward > 0) token.safeTransfer(reporter, reward);
        if (slashed > reward) token.burn(slashed - reward);
    }

    /// When what left with an exit epoch may be withdrawn, in seconds since 1970.
    function readyAt(uint64 exitEpoch) public view returns (uint256) {
        return operators.startOf(exitEpoch) + unbonding;
    }

    /// Tokens and shares of an operator's active pool.
    function activeOf(address operator) external view returns (Pool memory) {
        return _active[operator];
    }

    /// Tokens and shares that leave an operator with an exit epoch.
    function exitOf(address operator, uint64 exitEpoch) external view returns (Pool memory) {
        return _exits[operator][exitEpoch];
    }

    /// Shares of a staker in an operator's active pool, and the tokens they are.
    function stakeOf(address operator, address staker)
        external
        view
        returns (uint256 shares, uint256 assets)
    {
        shares = _shares[operator][staker];
        assets = _toAssets(_active[operator], shares);
    }

    /// Tokens of a staker that leave with an exit epoch.
    function exitingOf(address operator, uint64 exitEpoch, address staker)
        external
        view
        returns (uint256 assets)
    {
        return _toAssets(_exits[operator][exitEpoch], _exitShares[operator][exitEpoch][staker]);
    }

    function _weigh(address operator) private {
        uint256 weight = _active[operator].assets / WEI_PER_GWEI;
        // The cap of the token is 10^18 gwei.
        operators.setWeight(operator, uint64(weight));
    }

    function _cut(Pool storage pool, uint16 bps) private returns (uint256 assets) {
        assets = Math.mulDiv(pool.assets, bps, BPS);
        pool.assets -= assets;
    }

    function _toShares(Pool storage pool, uint256 assets) private view returns (uint256) {
        if (pool.shares == 0) return assets;
        // Nothing is left of them: whoever comes now would be diluted by those who lost all.
        if (pool.assets == 0) revert PoolEmptied();
        return Math.mulDiv(assets, pool.shares, pool.assets);
    }

    function _toAssets(Pool storage pool, uint256 shares) private view returns (uint256) {
        if (pool.shares == 0) return 0;
        return Math.mulDiv(shares, pool.assets, pool.shares);
    }

    error NotTheSlasher();
    error UnbondingTooLong();
    error AmountTooSmall();
    error OperatorSlashed();
    error PoolEmptied();
    error PartInvalid();
    /// The sender has fewer shares.
    error SharesMissing(uint256 own);
    /// It may be withdrawn from this time on.
    error StillUnbonding(uint256 ready);
}
