// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title The community pool, and the curve by which it may be given out.
///
///     year y releases 25,875,000 * 0.75^y, evenly over the year; all years together 103,500,000
///
/// The pool holds all of it from genesis on. Governance says to whom it goes, never more than the
/// curve has released by then.
contract EmissionController {
    using SafeERC20 for IERC20;

    uint256 public constant FIRST_YEAR = 25_875_000e18;
    /// Seconds of a year of 365.2425 days.
    uint256 public constant YEAR = 31_556_952;

    IERC20 public immutable token;
    address public immutable governor;
    /// When the first year begins, in seconds since 1970.
    uint64 public immutable start;
    /// What was given out, in wei.
    uint256 public granted;

    event Granted(address indexed to, uint256 amount);

    constructor(IERC20 token_, address governance, uint64 begin) {
        token = token_;
        governor = governance;
        start = begin;
    }

    /// Gives out a part of what the curve has released.
    function grant(address to, uint256 amount) external {
        if (msg.sender != governor) revert NotTheGovernor();
        uint256 left = releasedAt(block.timestamp) - granted;
        if (amount > left) revert MoreThanReleased(left);
        granted += amount;
        token.safeTransfer(to, amount);
        emit Granted(to, amount);
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

    error NotTheGovernor();
    error MoreThanReleased(uint256 left);
}
