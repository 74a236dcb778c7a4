// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {FinalityOracle} from "./FinalityOracle.sol";
import {NetworkRegistry} from "./NetworkRegistry.sol";
import {OperatorRegistry} from "./OperatorRegistry.sol";
import {RewardBridge} from "./RewardBridge.sol";

/// @title The community pool, and the curve by which it may be given out.
///
///     year y releases 25,875,000 * 0.75^y, evenly over the year; all years together 103,500,000
///
/// The pool holds all of it from genesis on. Three ways lead out of it, and none beyond what the
/// curve has released by then:
///
///     grant          governance says to whom
///     grantNetwork   anyone: a network's part of what an epoch released, as credits to its RewardHub
///     payClose       anyone: CLOSE_REWARD to who first brought the close of a network's epoch
///
/// NETWORKS_BPS of what an epoch releases is for networks, in as many equal parts as had a set in
/// that epoch, those that drained then too: who comes or goes later changes no part of it. A network
/// takes so much of its part as its set weighed of what the heaviest one did, so stake that
/// validates nothing changes none of it; what it does not take is governance's. Only an epoch whose
/// close L1 knows is granted, so one that stands still gets nothing, and none is granted beyond what stake secures: RewardBridge refuses it, and it may
/// be asked for again while L1 keeps the set of that epoch.
contract EmissionController {
    using SafeERC20 for IERC20;

    uint256 public constant FIRST_YEAR = 25_875_000e18;
    /// Seconds of a year of 365.2425 days.
    uint256 public constant YEAR = 31_556_952;
    /// For the first certificate that closes an epoch of a network.
    uint256 public constant CLOSE_REWARD = 2e18;
    /// Of what an epoch releases, in hundredths of a percent.
    uint256 public constant NETWORKS_BPS = 5_000;
    /// RewardHub of every network.
    address public constant REWARD_HUB = 0x0000000000000000000000000000000000002001;
    uint256 private constant BPS = 10_000;
    uint256 private constant WEI_PER_GWEI = 1e9;

    IERC20 public immutable token;
    RewardBridge public immutable bridge;
    address public immutable governor;
    /// When the first year begins, in seconds since 1970.
    uint64 public immutable start;
    /// What was given out, in wei.
    uint256 public granted;
    mapping(uint32 id => mapping(uint64 epoch => bool)) public isGranted;
    mapping(uint32 id => mapping(uint64 epoch => bool)) public isClosePaid;

    event Granted(address indexed to, uint256 amount);
    event NetworkGranted(uint32 indexed id, uint64 indexed epoch, uint256 amount);
    event ClosePaid(uint32 indexed id, uint64 indexed epoch, address indexed reporter);

    constructor(IERC20 token_, RewardBridge rewardBridge, address governance, uint64 begin) {
        token = token_;
        bridge = rewardBridge;
        governor = governance;
        start = begin;
    }

    /// Gives out a part of what the curve has released.
    function grant(address to, uint256 amount) external {
        if (msg.sender != governor) revert NotTheGovernor();
        _take(amount);
        token.safeTransfer(to, amount);
        emit Granted(to, amount);
    }

    /// Sends a network its part of what an epoch released, once.
    function grantNetwork(uint32 id, uint64 epoch) external {
        if (isGranted[id][epoch]) revert AlreadyPaid();
        uint256 amount = networkGrant(id, epoch);
        if (amount == 0) revert NothingToGrant();
        isGranted[id][epoch] = true;
        _take(amount);
        token.forceApprove(address(bridge), amount);
        bridge.deposit(id, REWARD_HUB, amount);
        emit NetworkGranted(id, epoch, amount);
    }

    /// Pays who closed a network's epoch on L1, once.
    function payClose(uint32 id, uint64 epoch) external {
        if (isClosePaid[id][epoch]) revert AlreadyPaid();
        address reporter = bridge.oracle().reporterOf(id, epoch);
        if (reporter == address(0)) revert NotClosed();
        isClosePaid[id][epoch] = true;
        _take(CLOSE_REWARD);
        token.safeTransfer(reporter, CLOSE_REWARD);
        emit ClosePaid(id, epoch, reporter);
    }

    /// What a network is granted for an epoch, whole gwei in wei; 0 while it was not closed on L1.
    function networkGrant(uint32 id, uint64 epoch) public view returns (uint256) {
        FinalityOracle oracle = bridge.oracle();
        if (oracle.reporterOf(id, epoch) == address(0)) return 0;
        NetworkRegistry networks = oracle.networks();
        OperatorRegistry operators = oracle.operators();
        uint256 released =
            releasedAt(operators.startOf(epoch + 1)) - releasedAt(operators.startOf(epoch));
        (uint256 count, uint64 heaviest) = networks.liveAt(epoch);
        uint256 part = released * NETWORKS_BPS / BPS / count;
        // MUST be of that epoch: what joins or leaves later changes nothing of it.
        uint256 amount = part * networks.totalAt(id, epoch) / heaviest;
        // MUST be whole gwei: in them consensus pays out.
        return amount - amount % WEI_PER_GWEI;
    }

    /// What the curve has released at a time, in wei.
    function releasedAt(uint256 timestamp) public view returns (uint256 released) {
        if (timestamp <= start) return 0;
        uint256 left = timestamp - start;
        uint256 yearly = FIRST_YEAR;
        // After 210 years a year's part is less than a wei.
        while (left >= YEAR && yearly > 0) {
            released += yearly;
            yearly = yearly * 3 / 4;
            left -= YEAR;
        }
        released += yearly * (left < YEAR ? left : YEAR) / YEAR;
    }

    function _take(uint256 amount) private {
        uint256 left = releasedAt(block.timestamp) - granted;
        if (amount > left) revert MoreThanReleased(left);
        granted += amount;
    }

    error NotTheGovernor();
    error MoreThanReleased(uint256 left);
    error AlreadyPaid();
    /// L1 knows no certificate that closed the epoch.
    error NotClosed();
    error NothingToGrant();
}
