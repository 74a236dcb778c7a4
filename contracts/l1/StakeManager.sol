// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Epochs} from "./Epochs.sol";
import {OperatorRegistry} from "./OperatorRegistry.sol";
import {Rewards} from "./Rewards.sol";

/// Where other tokens are staked with the same operators.
interface ICollateralManager {
    /// Takes the same part of all that answers for an operator's fault.
    function slash(StakeManager.Cut calldata cut, address reporter, uint16 reporterBps) external;
}

/// @title The stake that secures every network: pools of an operator and its delegators.
///
/// Each operator has one active pool, whose tokens are its weight (with other collaterals'), and a
/// pool for each epoch in which stake leaves it. A staker owns shares of pools; what is slashed is
/// taken from pools, so it falls on all of one pool alike:
///
///     stake      tokens -> active pool                       weight rises at e + 2
///     unstake    active pool -> pool of exit epoch e + 2     weight falls at e + 2
///     withdraw   exit pool -> staker                         `unbonding` seconds after that epoch began
///     slash      for a fault in epoch f: the active pool, and each exit pool of an epoch above f
///
/// Stake that leaves in epoch x was counted in every epoch below x, and answers for each of them
/// until it may be withdrawn. Stake that came after a fault answers as well: a pool is one, not a
/// row of tranches, and delegators choose whom they join. What is slashed is burned, but for a
/// reporter's part. An operator that was slashed is a tombstone: no weight, no new stake, its
/// stakers may leave.
///
/// Rewards that come from the networks flow to whoever holds shares, after the operator's
/// commission, evenly over the time in which new stake comes to weigh (Rewards). They stand apart
/// from the pools, so they change no price of a share and no slash takes them: a staker collects its
/// own as tokens, or stakes it with the same operator (compounds). A new commission holds from the
/// epoch after the next.
///
/// Other collaterals (CollateralManager) add to an operator's weight and are slashed with it, and
/// have no part in the rest.
///
/// Staked tokens vote (ZgGovernor): a staker has the votes of its shares in active pools, at what a
/// share was worth then. What leaves votes no more.
///
/// Shares are rounded down in favour of the pool. Pools count their own tokens, so tokens sent here
/// change nothing, and a first staker cannot make shares dear for a second.
contract StakeManager is Epochs {
    using Checkpoints for Checkpoints.Trace208;
    using Rewards for Rewards.Book;
    using SafeCast for uint256;
    using SafeERC20 for ERC20Burnable;

    /// In wei, of which there are less than 2^90.
    struct Pool {
        uint96 assets;
        uint96 shares;
        /// Of an active pool; from the first on nothing comes in any more.
        uint8 slashCount;
        /// When the first was, in seconds since 1970, and what it took, in hundredths of a percent:
        /// here, so that a slash of many operators takes no slot more of each.
        uint40 slashedAt;
        uint16 slashedBps;
    }

    /// What a share is worth from a time on, in PRICE-ths of a token: after a second slash, and each
    /// later one.
    struct Price {
        uint48 since;
        uint208 price;
    }

    /// An operator's part of rewards, in hundredths of a percent.
    struct Commission {
        uint16 bps;
        uint16 bpsBefore;
        /// From when on `bps` holds.
        uint64 fromEpoch;
    }

    /// What an operator's other collaterals weigh, in gwei.
    struct CollateralWeight {
        uint64 weight;
        /// It has some, or had: they may have to answer yet.
        bool isUsed;
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
    /// What a share is worth before any slash.
    uint208 private constant PRICE = 1e18;
    /// Operators that one account may ever stake with.
    uint256 public constant OPERATORS_PER_STAKER = 32;
    /// Exit pools that one slash may have to touch.
    uint256 public constant EXIT_POOLS_MAX = 64;

    ERC20Burnable public immutable token;
    OperatorRegistry public immutable operators;
    /// Who says what was a fault: the slashing manager.
    address public immutable slasher;
    /// How long stake that left may still be slashed, in seconds.
    uint256 public immutable unbonding;
    /// Who brings rewards from the networks.
    address public immutable bridge;
    ICollateralManager public immutable collaterals;
    /// How long a reward flows, in seconds.
    uint256 public immutable flowSeconds;

    mapping(address operator => Commission) private _commissions;
    mapping(address operator => CollateralWeight) private _collateralWeights;
    mapping(address operator => Rewards.Book) private _rewards;
    mapping(address operator => Pool) private _active;
    mapping(address operator => mapping(uint64 exitEpoch => Pool)) private _exits;
    mapping(address operator => mapping(address staker => uint256)) private _shares;
    /// The same by time; the worth of a share after each slash from the second on; and whom a
    /// staker ever staked with.
    mapping(address operator => mapping(address staker => Checkpoints.Trace208)) private _shareTrace;
    mapping(address operator => mapping(uint256 slashCount => Price)) private _prices;
    mapping(address staker => address[]) private _operatorsOf;
    mapping(address operator => mapping(uint64 exitEpoch => mapping(address staker => uint256)))
        private _exitShares;

    event Staked(address indexed operator, address indexed staker, uint256 assets, uint256 shares);
    event Unstaked(
        address indexed operator, address indexed staker, uint64 indexed exitEpoch, uint256 assets
    );
    event Withdrawn(
        address indexed operator, address indexed staker, uint64 indexed exitEpoch, uint256 assets
    );
    event CommissionSet(address indexed operator, uint64 indexed fromEpoch, uint16 bps);
    event Rewarded(address indexed operator, uint256 assets, uint256 commission);
    event Collected(address indexed operator, address indexed staker, uint256 assets);

    constructor(
        ERC20Burnable token_,
        OperatorRegistry operatorRegistry,
        address slashingManager,
        address rewardBridge,
        uint256 unbondingSeconds,
        ICollateralManager collateralManager
    ) Epochs(operatorRegistry.epochStart(), operatorRegistry.epochLength()) {
        token = token_;
        operators = operatorRegistry;
        slasher = slashingManager;
        bridge = rewardBridge;
        unbonding = unbondingSeconds;
        collaterals = collateralManager;
        flowSeconds = NOTICE * epochLength;
        uint256 epochs = unbondingSeconds / epochLength + 1;
        if (epochs + NOTICE > EXIT_POOLS_MAX) revert UnbondingTooLong();
    }

    /// Stakes the sender's tokens with an operator; its own or as a delegator.
    function stake(address operator, uint256 assets) external returns (uint256 shares) {
        shares = _stake(operator, assets);
        token.safeTransferFrom(msg.sender, address(this), assets);
    }

    /// Stakes what the sender has earned with an operator, with the same one.
    function compound(address operator) external returns (uint256 shares) {
        return _stake(operator, _collect(operator, msg.sender));
    }

    /// Pays a staker what it has earned with an operator; anyone may ask for it.
    function collect(address operator, address staker) external returns (uint256 assets) {
        assets = _collect(operator, staker);
        token.safeTransfer(staker, assets);
    }

    /// Sets the sender's part of the rewards of its stakers from the epoch after the next.
    function setCommission(uint16 bps) external {
        if (bps > BPS) revert PartInvalid();
        uint64 epoch = effectiveEpoch();
        _commissions[msg.sender] = Commission(bps, commissionOf(msg.sender), epoch);
        emit CommissionSet(msg.sender, epoch, bps);
    }

    /// Has an operator's other collaterals weigh `next` instead of `former` more from the epoch
    /// after the next. A tombstone weighs nothing.
    function changeCollateralWeight(address operator, uint64 former, uint64 next) external {
        if (msg.sender != address(collaterals)) revert NotTheCollateralManager();
        uint64 weight = _collateralWeights[operator].weight - former + next;
        _collateralWeights[operator] = CollateralWeight(weight, true);
        Pool memory pool = _active[operator];
        if (pool.slashCount == 0) _weigh(operator, pool.assets);
    }

    /// Has a reward of an operator, whose tokens have come before, flow to its stakers.
    function reward(address operator, uint256 assets) external {
        if (msg.sender != bridge) revert NotTheBridge();
        uint256 own = Math.mulDiv(assets, commissionOf(operator), BPS);
        _rewards[operator].add(_partOf(operator, operator), assets - own, own, flowSeconds);
        emit Rewarded(operator, assets, own);
    }

    function _stake(address operator, uint256 assets) private returns (uint256 shares) {
        _rewards[operator].settle(_partOf(operator, msg.sender));
        // Reverts unless it is registered.
        operators.upcoming(operator);
        Pool memory pool = _active[operator];
        if (pool.slashCount > 0) revert OperatorSlashed();
        shares = _toShares(pool, assets);
        if (shares == 0) revert AmountTooSmall();
        _active[operator] = _grown(pool, assets, shares);
        _setShares(operator, msg.sender, _shares[operator][msg.sender] + shares);
        _weigh(operator, pool.assets);
        emit Staked(operator, msg.sender, assets, shares);
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
        _rewards[operator].settle(_partOf(operator, msg.sender));
        Pool memory pool = _active[operator];
        assets = _toAssets(pool, shares);
        _setShares(operator, msg.sender, own - shares);
        _active[operator] = _shrunk(pool, assets, shares);

        exitEpoch = effectiveEpoch();
        Pool memory exit = _exits[operator][exitEpoch];
        uint256 exitShares = _toShares(exit, assets);
        _exits[operator][exitEpoch] = _grown(exit, assets, exitShares);
        _exitShares[operator][exitEpoch][msg.sender] += exitShares;
        if (pool.slashCount == 0) _weigh(operator, pool.assets);
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
        address[] memory tombstones = new address[](cuts.length);
        uint256 count;
        uint256 total;
        for (uint256 index = 0; index < cuts.length; ++index) {
            Cut calldata cut = cuts[index];
            if (_active[cut.operator].slashCount == 0) tombstones[count++] = cut.operator;
            slashed[index] = _slash(cut);
            total += slashed[index];
            if (_collateralWeights[cut.operator].isUsed) {
                collaterals.slash(cut, reporter, reporterBps);
            }
        }
        assembly ("memory-safe") {
            mstore(tombstones, count)
        }
        if (count > 0) operators.setTombstones(tombstones);
        uint256 bounty = Math.mulDiv(total, reporterBps, BPS);
        if (bounty > 0) token.safeTransfer(reporter, bounty);
        if (total > bounty) token.burn(total - bounty);
    }

    /// When what left with an exit epoch may be withdrawn, in seconds since 1970.
    function readyAt(uint64 exitEpoch) public view returns (uint256) {
        return startOf(exitEpoch) + unbonding;
    }

    /// What a staker has earned with an operator and not collected, in wei.
    function earnedOf(address operator, address staker) external view returns (uint256) {
        return _rewards[operator].earnedOf(_partOf(operator, staker));
    }

    /// What is still to flow to an operator's stakers, in wei, and until when.
    function flowOf(address operator) external view returns (uint256 left, uint256 end) {
        return _rewards[operator].flowOf();
    }

    /// The votes of what an account had staked at a time that is past, in wei.
    function getPastVotes(address account, uint256 timepoint)
        external
        view
        returns (uint256 votes)
    {
        if (timepoint >= block.timestamp) revert NotPast();
        address[] storage list = _operatorsOf[account];
        uint48 time = uint48(timepoint);
        for (uint256 index = 0; index < list.length; ++index) {
            address operator = list[index];
            uint256 shares = _shareTrace[operator][account].upperLookupRecent(time);
            if (shares == 0) continue;
            votes += Math.mulDiv(shares, _priceAt(operator, time), PRICE);
        }
    }

    /// An operator's part of rewards now, in hundredths of a percent.
    function commissionOf(address operator) public view returns (uint16) {
        Commission memory commission = _commissions[operator];
        bool holds = currentEpoch() >= commission.fromEpoch;
        return holds ? commission.bps : commission.bpsBefore;
    }

    /// Whether an operator was slashed.
    function isTombstone(address operator) external view returns (bool) {
        return _active[operator].slashCount > 0;
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

    function _setShares(address operator, address staker, uint256 shares) private {
        _shares[operator][staker] = shares;
        Checkpoints.Trace208 storage trace = _shareTrace[operator][staker];
        if (trace.length() == 0) {
            address[] storage list = _operatorsOf[staker];
            if (list.length == OPERATORS_PER_STAKER) revert TooManyOperators();
            list.push(operator);
        }
        trace.push(uint48(block.timestamp), uint208(shares));
    }

    function _priceAt(address operator, uint48 time) private view returns (uint208) {
        Pool memory pool = _active[operator];
        for (uint256 count = pool.slashCount; count > 1; --count) {
            Price memory found = _prices[operator][count];
            if (found.since <= time) return found.price;
        }
        bool isWhole = pool.slashCount == 0 || time < pool.slashedAt;
        return isWhole ? PRICE : _cutPrice(PRICE, pool.slashedBps);
    }

    /// What a share is worth after the last slash of its pool.
    function _priceOf(address operator, Pool memory pool) private view returns (uint208) {
        if (pool.slashCount > 1) return _prices[operator][pool.slashCount].price;
        return pool.slashCount == 0 ? PRICE : _cutPrice(PRICE, pool.slashedBps);
    }

    function _cutPrice(uint208 price, uint16 bps) private pure returns (uint208) {
        return price * (BPS - bps) / BPS;
    }

    function _partOf(address operator, address staker) private view returns (Rewards.Part memory) {
        uint256 shares = _shares[operator][staker];
        return Rewards.Part(operator, staker, shares, _active[operator].shares);
    }

    function _collect(address operator, address staker) private returns (uint256 assets) {
        assets = _rewards[operator].take(_partOf(operator, staker));
        if (assets == 0) revert AmountTooSmall();
        emit Collected(operator, staker, assets);
    }

    function _slash(Cut calldata cut) private returns (uint256 slashed) {
        if (cut.bps > BPS) revert PartInvalid();
        address operator = cut.operator;
        Pool memory active = _active[operator];
        slashed = _cut(active, cut.bps);
        uint8 count = active.slashCount;
        // The last that can be counted stands for all after it.
        uint8 next = count < type(uint8).max ? count + 1 : count;
        if (count == 0) {
            (active.slashedAt, active.slashedBps) = (uint40(block.timestamp), cut.bps);
        } else {
            uint208 price = _cutPrice(_priceOf(operator, active), cut.bps);
            _prices[operator][next] = Price(uint48(block.timestamp), price);
        }
        active.slashCount = next;
        _active[operator] = active;
        // From the newest exit down to the fault, or to what may be withdrawn already.
        uint64 last = effectiveEpoch();
        for (uint64 epoch = last; epoch > cut.faultEpoch; --epoch) {
            if (block.timestamp >= readyAt(epoch)) break;
            Pool storage exit = _exits[operator][epoch];
            if (exit.assets == 0) continue;
            Pool memory cutExit = exit;
            slashed += _cut(cutExit, cut.bps);
            exit.assets = cutExit.assets;
        }
    }

    function _weigh(address operator, uint256 assets) private {
        // The cap of the token is 10^18 gwei.
        uint64 own = uint64(assets / WEI_PER_GWEI);
        operators.setWeight(operator, own + _collateralWeights[operator].weight);
    }

    function _cut(Pool memory pool, uint16 bps) private pure returns (uint256 assets) {
        assets = Math.mulDiv(pool.assets, bps, BPS);
        pool.assets -= uint96(assets);
    }

    function _grown(Pool memory pool, uint256 assets, uint256 shares)
        private
        pure
        returns (Pool memory)
    {
        pool.assets = (pool.assets + assets).toUint96();
        pool.shares = (pool.shares + shares).toUint96();
        return pool;
    }

    function _shrunk(Pool memory pool, uint256 assets, uint256 shares)
        private
        pure
        returns (Pool memory)
    {
        pool.assets = (pool.assets - assets).toUint96();
        pool.shares = (pool.shares - shares).toUint96();
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
    error NotPast();
    error TooManyOperators();
    error NotTheBridge();
    error NotTheCollateralManager();
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
