// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {FinalityOracle} from "./FinalityOracle.sol";
import {NetworkLoad} from "./NetworkLoad.sol";

/// @title What alignment nodes earn by work, of their part of the token.
///
///     comes free     evenly over 36 months from genesis on
///     is paid        for work alone that L1 itself has checked, each piece once:
///                        a close     who first brought the close of an epoch of a network
///                        a load      who proved how full an epoch of a network was, by samples
///     a piece        1 / SHARES of what is free and not yet paid
///
/// Both pieces come once a network and epoch, whoever does them, so nobody can make work. Evidence
/// is none of it: who accuses itself would be paid for it, and reporters have their part of what is
/// lost. Nobody owns the pool; what is not earned waits for later work.
contract AlignmentPool {
    using SafeERC20 for IERC20;

    uint256 public constant TOTAL = 100_500_000e18;
    uint256 public constant SHARES = 100_000;

    IERC20 public immutable token;
    NetworkLoad public immutable load;
    /// When it begins to come free, in seconds since 1970, and for how long.
    uint64 public immutable start;
    uint64 public immutable duration;
    /// What was earned, in wei.
    uint256 public paid;
    mapping(uint32 id => mapping(uint64 epoch => bool)) public isClosePaid;
    mapping(uint32 id => mapping(uint64 epoch => bool)) public isLoadPaid;

    event Earned(address indexed worker, uint32 indexed id, uint64 indexed epoch, uint256 amount);

    constructor(IERC20 token_, NetworkLoad networkLoad, uint64 begin, uint64 length) {
        token = token_;
        load = networkLoad;
        start = begin;
        duration = length;
    }

    /// Pays who closed a network's epoch on L1, once.
    function payClose(uint32 id, uint64 epoch) external {
        _pay(isClosePaid[id], load.oracle().reporterOf(id, epoch), id, epoch);
    }

    /// Pays who proved how full a network's epoch was, once.
    function payLoad(uint32 id, uint64 epoch) external {
        _pay(isLoadPaid[id], load.proverOf(id, epoch), id, epoch);
    }

    /// What the next piece of work earns, in wei.
    function piece() public view returns (uint256) {
        return (releasedAt(block.timestamp) - paid) / SHARES;
    }

    /// What has come free at a time, in wei.
    function releasedAt(uint256 timestamp) public view returns (uint256) {
        if (timestamp <= start) return 0;
        uint256 elapsed = timestamp - start;
        return elapsed < duration ? TOTAL * elapsed / duration : TOTAL;
    }

    function _pay(
        mapping(uint64 epoch => bool) storage isPaid,
        address worker,
        uint32 id,
        uint64 epoch
    ) private {
        if (isPaid[epoch]) revert AlreadyPaid();
        if (worker == address(0)) revert NotWorked();
        isPaid[epoch] = true;
        uint256 amount = piece();
        if (amount == 0) revert NothingFree();
        paid += amount;
        token.safeTransfer(worker, amount);
        emit Earned(worker, id, epoch, amount);
    }

    error AlreadyPaid();
    /// L1 has seen no such work.
    error NotWorked();
    error NothingFree();
}
