// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {StakeManager} from "./StakeManager.sol";

/// @title What stakers may flee from: a timelock that waits longer than stake takes to leave.
///
///     delay > unbonding + NOTICE epochs, whatever it is set to
///
/// Who does not agree with what is scheduled here unstakes at once and holds its tokens before it
/// is executed, as far as churn lets all leave together. Governance's own timelock schedules and
/// cancels: one vote, then both waits. Anyone executes.
contract StakersTimelock is TimelockController {
    /// In seconds; shorter waits do not count.
    uint256 public immutable delayLeast;

    constructor(
        uint256 delay,
        address[] memory proposers,
        address[] memory executors,
        StakeManager stakes
    ) TimelockController(delay, proposers, executors, address(0)) {
        uint256 epochs = stakes.operators().NOTICE();
        uint256 least = stakes.unbonding() + epochs * stakes.operators().epochLength() + 1;
        if (delay < least) revert DelayTooShort(least);
        delayLeast = least;
    }

    /// Never less than stake takes to leave, whatever this timelock decided about itself.
    function getMinDelay() public view override returns (uint256) {
        uint256 set = super.getMinDelay();
        return set > delayLeast ? set : delayLeast;
    }

    error DelayTooShort(uint256 least);
}
