// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

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
/// row of tranches, and delegators choose whom they join. What is slashed is
/// burned, but for a reporter's part. An operator that was slashed is a tombstone: no weight, no new
/// stake, its stakers may leave.
///
/// Shares are rounded down in favour of the pool. Pools count their own tokens, so tokens sent here
/// change nothing, and a first staker cannot make shares dear for a second.
contract StakeManager {
    using SafeCast for uint256;
    using SafeERC20 for ERC20Burnable;

    /// In wei, of which there are less than 2^90.
    struct Pool {
        uint120 assets;
        uint120 shares;
        /// Of a tombstone: nothing comes in any more.
        bool isClosed;
    }

    /// What a fault costs an operator.
    struct Cut {
        address operator;
        uint64 faultEpoch;
        /// Hundredths of a percent.
        uint16 bps;
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
        // Reverts unless it is registered.
        operators.upcoming(operator);
        Pool memory pool = _active[operator];
        if (pool.isClosed) revert OperatorSlashed();
        shares = _toShares(pool, assets);
        if (shares == 0) revert AmountTooSmall();
        _active[operator] = _grown(pool, assets, shares);
        _shares[operator][msg.sender] += shares;
        _weigh(operator, pool.assets);
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
        Pool memory pool = _active[operator];
        assets = _toAssets(pool, shares);
        _shares[operator][msg.sender] = own - shares;
        _active[operator] = _shrunk(pool, assets, shares);

        exitEpoch = operators.currentEpoch() + operators.NOTICE();
        Pool memory exit = _exits[operator][exitEpoch];
        uint256 exitShares = _toShares(exit, assets);
        _exits[operator][exitEpoch] = _grown(exit, assets, exitShares);
        _exitShares[operator][exitEpoch][msg.sender] += exitShares;
        if (!pool.isClosed) _weigh(operator, pool.assets);
        emit Unstaked(operator, msg.sender, exitEpoch, assets);
    }

    /// Pays out what left with an exit epoch.
    function withdraw(address operator, uint64 exitEpoch) external returns (uint256 assets) {
        uint256 ready = readyAt(exitEpoch);
        if (block.timestamp < ready) revert StillUnbonding(ready);
        uint256 shares = _exitShares[operator][exitEpoch][msg.sender];
        if (shares == 0) revert SharesMissing(0);
        Pool memory exit = _exits[operator][exitEpoch];
        assets = _toAssets(exit, shares);
        delete _exitShares[operator][exitEpoch][msg.sender];
        _exits[operator][exitEpoch] = _shrunk(exit, assets, shares);
        emit Withdrawn(operator, msg.sender, exitEpoch, assets);
        token.safeTransfer(msg.sender, assets);
    }

    /// Takes from operators a part of all stake that answers for their faults; `reporterBps` of it
    /// goes to the reporter, the rest is burned. Returns what each lost.
    function slash(Cut[] calldata cuts, address reporter, uint16 reporterBps)
        external
        returns (uint256[] memory slashed)
    {
        if (msg.sender != slasher) revert NotTheSlasher();
        if (reporterBps > BPS) revert PartInvalid();
        slashed = new uint256[](cuts.length);
        uint256 total;
        for (uint256 index = 0; index < cuts.length; ++index) {
            Cut calldata cut = cuts[index];
            slashed[index] = _slash(cut);
            total += slashed[index];
            emit Slashed(cut.operator, cut.faultEpoch, slashed[index], reporter);
        }
        uint256 reward = Math.mulDiv(total, reporterBps, BPS);
        if (reward > 0) token.safeTransfer(reporter, reward);
        if (total > reward) token.burn(total - reward);
    }

    /// When what left with an exit epoch may be withdrawn, in seconds since 1970.
    function readyAt(uint64 exitEpoch) public view returns (uint256) {
        return operators.startOf(exitEpoch) + unbonding;
    }

    /// Whether an operator was slashed.
    function isTombstone(address operator) external view returns (bool) {
        return _active[operator].isClosed;
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

    function _slash(Cut calldata cut) private returns (uint256 slashed) {
        if (cut.bps > BPS) revert PartInvalid();
        address operator = cut.operator;
        Pool memory active = _active[operator];
        slashed = _cut(active, cut.bps);
        bool isFirst = !active.isClosed;
        active.isClosed = true;
        _active[operator] = active;
        if (isFirst) operators.setWeight(operator, 0);
        // From the newest exit down to the fault, or to what may be withdrawn already.
        uint64 last = operators.currentEpoch() + operators.NOTICE();
        for (uint64 epoch = last; epoch > cut.faultEpoch; --epoch) {
            if (block.timestamp >= readyAt(epoch)) break;
            Pool memory exit = _exits[operator][epoch];
            if (exit.assets == 0) continue;
            slashed += _cut(exit, cut.bps);
            _exits[operator][epoch] = exit;
        }
    }

    function _weigh(address operator, uint256 assets) private {
        // The cap of the token is 10^18 gwei.
        operators.setWeight(operator, uint64(assets / WEI_PER_GWEI));
    }

    function _cut(Pool memory pool, uint16 bps) private pure returns (uint256 assets) {
        assets = Math.mulDiv(pool.assets, bps, BPS);
        pool.assets -= uint120(assets);
    }

    function _grown(Pool memory pool, uint256 assets, uint256 shares)
        private
        pure
        returns (Pool memory)
    {
        pool.assets = (pool.assets + assets).toUint120();
        pool.shares = (pool.shares + shares).toUint120();
        return pool;
    }

    function _shrunk(Pool memory pool, uint256 assets, uint256 shares)
        private
        pure
        returns (Pool memory)
    {
        pool.assets = (pool.assets - assets).toUint120();
        pool.shares = (pool.shares - shares).toUint120();
        return pool;
    }

    function _toShares(Pool memory pool, uint256 assets) private pure returns (uint256) {
        if (pool.shares == 0) return assets;
        // Nothing is left of them: whoever comes now would be diluted by those who lost all.
        if (pool.assets == 0) revert PoolEmptied();
        return Math.mulDiv(assets, pool.shares, pool.assets);
    }

    function _toAssets(Pool memory pool, uint256 shares) private pure returns (uint256) {
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
