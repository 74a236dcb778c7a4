// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {OperatorRegistry} from "./OperatorRegistry.sol";
import {StakeManager} from "./StakeManager.sol";

/// @title Stake in other tokens than the network's own: pools of an operator and a collateral.
///
/// Governance lists at most COLLATERALS_MAX tokens through the stakers' timelock, each with
///
///     weight       gwei of weight for one token: 0 takes no more in, and gives no weight
///     assetsMax    how much of it may be staked in all
///
/// What is staked adds to the operator's weight, goes the same way out of the active pool through
/// an exit pool, at the same pace, and answers for the same faults: a slash takes the same part of
/// all collaterals. It has no votes and no part of rewards: these are the network's own token's.
///
/// A collateral that is weighed anew moves no weight by itself. Anyone moves an operator's towards
/// what it should be, in steps that its networks take (churn); meanwhile whoever unstakes takes its
/// part of the weight that counts, and waits for nobody else's.
///
/// Who holds shares of a pool holds it together with VIRTUAL_SHARES that are nobody's (ERC-4626):
/// no first staker can make shares dear for a second. A token's code may be hostile: a slash calls
/// none of it, it moves numbers; reporters and the insurance take theirs afterwards.
contract CollateralManager {
    using SafeCast for uint256;
    using SafeERC20 for IERC20Metadata;

    struct Collateral {
        IERC20Metadata token;
        /// In gwei for `unit` of the token.
        uint64 weight;
        uint128 unit;
        uint128 assetsMax;
        /// In active pools.
        uint128 active;
        /// Slashed and not taken yet.
        uint128 forfeited;
    }

    /// In the token's own units.
    struct Pool {
        uint128 assets;
        uint128 shares;
    }

    /// Beside the token that the stake manager keeps.
    uint256 public constant COLLATERALS_MAX = 3;
    uint256 private constant DECIMALS_MAX = 24;
    uint256 private constant VIRTUAL_SHARES = 1_000;
    uint256 private constant BPS = 10_000;
    /// All of a collateral weighs no more than all of the network's token.
    uint256 private constant WEIGHT_MAX = 1e18;

    StakeManager public immutable stakes;
    OperatorRegistry public immutable operators;
    /// Who lists collaterals and weighs them: the stakers' timelock.
    address public immutable governor;
    /// Who gets what was slashed, but for a reporter's part.
    address public immutable insurance;

    Collateral[] private _collaterals;
    mapping(address operator => mapping(uint256 index => Pool)) private _active;
    /// What of an operator's weight is of a collateral, in gwei.
    mapping(address operator => mapping(uint256 index => uint64)) public weightOf;
    mapping(address operator => mapping(uint256 index => mapping(uint64 exitEpoch => Pool)))
        private _exits;
    mapping(address operator => mapping(uint256 index => mapping(address staker => uint256)))
        private _shares;
    mapping(
        address operator
            => mapping(
                uint256 index => mapping(uint64 exitEpoch => mapping(address staker => uint256))
            )
    ) private _exitShares;
    /// What reporters earned and did not take yet.
    mapping(uint256 index => mapping(address reporter => uint256)) public bountyOf;

    event CollateralSet(uint256 indexed index, address token, uint64 weight, uint128 assetsMax);
    event Staked(
        uint256 indexed index, address indexed operator, address indexed staker, uint256 assets
    );
    event Unstaked(
        uint256 indexed index,
        address indexed operator,
        address indexed staker,
        uint64 exitEpoch,
        uint256 assets
    );
    event Withdrawn(
        uint256 indexed index,
        address indexed operator,
        address indexed staker,
        uint64 exitEpoch,
        uint256 assets
    );
    event Slashed(
        uint256 indexed index, address indexed operator, uint64 faultEpoch, uint256 assets
    );

    constructor(StakeManager stakeManager, address governance, address insurer) {
        stakes = stakeManager;
        operators = stakeManager.operators();
        governor = governance;
        insurance = insurer;
    }

    /// Lists a token.
    function list(IERC20Metadata token, uint64 weight, uint128 assetsMax) external {
        if (msg.sender != governor) revert NotTheGovernor();
        uint256 index = _collaterals.length;
        if (index == COLLATERALS_MAX) revert TooManyCollaterals();
        bool isKnown = address(token) == address(stakes.token());
        for (uint256 other = 0; other < index; ++other) {
            if (address(_collaterals[other].token) == address(token)) isKnown = true;
        }
        uint256 decimals = token.decimals();
        if (isKnown || decimals > DECIMALS_MAX) revert CollateralInvalid();
        _collaterals.push(Collateral(token, 0, uint128(10 ** decimals), 0, 0, 0));
        _set(index, weight, assetsMax);
    }

    /// Weighs a collateral anew.
    function set(uint256 index, uint64 weight, uint128 assetsMax) external {
        if (msg.sender != governor) revert NotTheGovernor();
        _set(index, weight, assetsMax);
    }

    /// Stakes the sender's tokens with an operator.
    function stake(uint256 index, address operator, uint256 assets)
        external
        returns (uint256 shares)
    {
        Collateral storage collateral = _collaterals[index];
        if (collateral.weight == 0) revert CollateralRefused();
        if (stakes.isTombstone(operator)) revert OperatorSlashed();
        uint256 total = uint256(collateral.active) + assets;
        if (total > collateral.assetsMax) revert BeyondMost(collateral.assetsMax);
        collateral.active = uint128(total);
        Pool memory pool = _active[operator][index];
        shares = _toShares(pool, assets);
        if (shares == 0) revert AmountTooSmall();
        _active[operator][index] = _grown(pool, assets, shares);
        _shares[operator][index][msg.sender] += shares;
        uint256 weight = Math.mulDiv(assets, collateral.weight, collateral.unit);
        _weigh(index, operator, weightOf[operator][index] + weight);
        IERC20Metadata token = collateral.token;
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), assets);
        // MUST be all of it: a token that keeps a part would leave pools without cover.
        if (token.balanceOf(address(this)) != before + assets) revert TransferInexact();
        emit Staked(index, operator, msg.sender, assets);
    }

    /// Takes shares out of an operator's active pool. Their tokens answer for its faults of the
    /// epochs until they left.
    function unstake(uint256 index, address operator, uint256 shares)
        external
        returns (uint64 exitEpoch, uint256 assets)
    {
        uint256 own = _shares[operator][index][msg.sender];
        if (shares == 0 || shares > own) revert SharesMissing(own);
        _shares[operator][index][msg.sender] = own - shares;
        Pool memory pool = _active[operator][index];
        assets = _toAssets(pool, shares);
        pool = _shrunk(pool, assets, shares);
        _active[operator][index] = pool;
        _collaterals[index].active -= uint128(assets);

        exitEpoch = operators.currentEpoch() + operators.NOTICE();
        Pool memory exit = _exits[operator][index][exitEpoch];
        uint256 exitShares = _toShares(exit, assets);
        _exits[operator][index][exitEpoch] = _grown(exit, assets, exitShares);
        _exitShares[operator][index][exitEpoch][msg.sender] += exitShares;
        uint256 before = pool.assets + assets;
        uint256 weight = weightOf[operator][index];
        _weigh(index, operator, before == 0 ? 0 : Math.mulDiv(weight, pool.assets, before));
        emit Unstaked(index, operator, msg.sender, exitEpoch, assets);
    }

    /// Pays out what left with an exit epoch.
    function withdraw(uint256 index, address operator, uint64 exitEpoch)
        external
        returns (uint256 assets)
    {
        uint256 ready = stakes.readyAt(exitEpoch);
        if (block.timestamp < ready) revert StillUnbonding(ready);
        uint256 shares = _exitShares[operator][index][exitEpoch][msg.sender];
        if (shares == 0) revert SharesMissing(0);
        delete _exitShares[operator][index][exitEpoch][msg.sender];
        Pool memory exit = _exits[operator][index][exitEpoch];
        assets = _toAssets(exit, shares);
        _exits[operator][index][exitEpoch] = _shrunk(exit, assets, shares);
        emit Withdrawn(index, operator, msg.sender, exitEpoch, assets);
        _collaterals[index].token.safeTransfer(msg.sender, assets);
    }

    /// Moves an operator's weight of a collateral towards what its stake is worth now; anyone may,
    /// so far as they like and as its networks take it.
    function reweigh(uint256 index, address operator, uint64 weight) external {
        uint64 former = weightOf[operator][index];
        uint256 worth = worthOf(index, operator);
        bool isTowards = former < weight ? weight <= worth : weight >= worth;
        if (!isTowards) revert WeightInvalid(worth);
        _weigh(index, operator, weight);
    }

    /// Takes a part of all that answers for an operator's fault; for the stake manager.
    function slash(StakeManager.Cut calldata cut, address reporter, uint16 reporterBps) external {
        if (msg.sender != address(stakes)) revert NotTheStakeManager();
        uint64 newest = operators.currentEpoch() + operators.NOTICE();
        uint64 oldest = _oldestExit(cut.faultEpoch, newest);
        uint256 count = _collaterals.length;
        for (uint256 index = 0; index < count; ++index) {
            uint256 assets = _cut(_active[cut.operator][index], cut.bps);
            _collaterals[index].active -= uint128(assets);
            for (uint64 epoch = oldest; epoch <= newest; ++epoch) {
                assets += _cut(_exits[cut.operator][index][epoch], cut.bps);
            }
            if (assets == 0) continue;
            uint256 bounty = Math.mulDiv(assets, reporterBps, BPS);
            bountyOf[index][reporter] += bounty;
            _collaterals[index].forfeited += uint128(assets - bounty);
            emit Slashed(index, cut.operator, cut.faultEpoch, assets);
        }
    }

    /// Pays a reporter what it earned; anyone may ask for it.
    function collect(uint256 index, address reporter) external {
        uint256 assets = bountyOf[index][reporter];
        bountyOf[index][reporter] = 0;
        _collaterals[index].token.safeTransfer(reporter, assets);
    }

    /// Gives what was slashed to the insurance; anyone may ask for it.
    function forfeit(uint256 index) external {
        Collateral storage collateral = _collaterals[index];
        uint256 assets = collateral.forfeited;
        collateral.forfeited = 0;
        collateral.token.safeTransfer(insurance, assets);
    }

    /// What an operator's stake in a collateral should weigh, in gwei.
    function worthOf(uint256 index, address operator) public view returns (uint256) {
        Collateral storage collateral = _collaterals[index];
        return Math.mulDiv(_active[operator][index].assets, collateral.weight, collateral.unit);
    }

    /// All that are listed.
    function collaterals() external view returns (Collateral[] memory) {
        return _collaterals;
    }

    function activeOf(uint256 index, address operator) external view returns (Pool memory) {
        return _active[operator][index];
    }

    function exitOf(uint256 index, address operator, uint64 exitEpoch)
        external
        view
        returns (Pool memory)
    {
        return _exits[operator][index][exitEpoch];
    }

    /// Shares of a staker in an operator's active pool, and the tokens they are.
    function stakeOf(uint256 index, address operator, address staker)
        external
        view
        returns (uint256 shares, uint256 assets)
    {
        shares = _shares[operator][index][staker];
        assets = _toAssets(_active[operator][index], shares);
    }

    /// Tokens of a staker that leave with an exit epoch.
    function exitingOf(uint256 index, address operator, uint64 exitEpoch, address staker)
        external
        view
        returns (uint256 assets)
    {
        uint256 shares = _exitShares[operator][index][exitEpoch][staker];
        return _toAssets(_exits[operator][index][exitEpoch], shares);
    }

    function _set(uint256 index, uint64 weight, uint128 assetsMax) private {
        Collateral storage collateral = _collaterals[index];
        if (Math.mulDiv(assetsMax, weight, collateral.unit) > WEIGHT_MAX) {
            revert CollateralInvalid();
        }
        collateral.weight = weight;
        collateral.assetsMax = assetsMax;
        emit CollateralSet(index, address(collateral.token), weight, assetsMax);
    }

    function _weigh(uint256 index, address operator, uint256 weight) private {
        uint64 former = weightOf[operator][index];
        uint64 next = weight.toUint64();
        weightOf[operator][index] = next;
        stakes.changeCollateralWeight(operator, former, next);
    }

    /// The oldest exit epoch that answers for a fault and cannot be withdrawn yet.
    function _oldestExit(uint64 faultEpoch, uint64 newest) private view returns (uint64 oldest) {
        uint256 first = stakes.readyAt(0);
        uint256 length = operators.epochLength();
        oldest = newest + 1;
        while (oldest > faultEpoch + 1 && block.timestamp < first + (oldest - 1) * length) --oldest;
    }

    function _cut(Pool storage pool, uint16 bps) private returns (uint256 assets) {
        uint256 all = pool.assets;
        if (all == 0) return 0;
        assets = Math.mulDiv(all, bps, BPS);
        pool.assets = uint128(all - assets);
    }

    function _grown(Pool memory pool, uint256 assets, uint256 shares)
        private
        pure
        returns (Pool memory)
    {
        return Pool((pool.assets + assets).toUint128(), (pool.shares + shares).toUint128());
    }

    function _shrunk(Pool memory pool, uint256 assets, uint256 shares)
        private
        pure
        returns (Pool memory)
    {
        return Pool((pool.assets - assets).toUint128(), (pool.shares - shares).toUint128());
    }

    function _toShares(Pool memory pool, uint256 assets) private pure returns (uint256) {
        return Math.mulDiv(assets, pool.shares + VIRTUAL_SHARES, uint256(pool.assets) + 1);
    }

    function _toAssets(Pool memory pool, uint256 shares) private pure returns (uint256) {
        return Math.mulDiv(shares, uint256(pool.assets) + 1, pool.shares + VIRTUAL_SHARES);
    }

    error NotTheGovernor();
    error NotTheStakeManager();
    error TooManyCollaterals();
    /// It is listed, the network's own token, counts in too small parts, or weighs too much.
    error CollateralInvalid();
    /// It is not between what counts and what it is worth.
    error WeightInvalid(uint256 worth);
    /// Nothing more of it comes in.
    error CollateralRefused();
    /// Of a collateral no more is taken in all.
    error BeyondMost(uint256 most);
    error OperatorSlashed();
    error AmountTooSmall();
    /// The token moved another amount than it was asked to.
    error TransferInexact();
    error SharesMissing(uint256 own);
    error StillUnbonding(uint256 ready);
}
