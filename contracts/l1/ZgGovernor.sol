// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernorCountingSimple} from
    "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import {GovernorPreventLateQuorum} from
    "@openzeppelin/contracts/governance/extensions/GovernorPreventLateQuorum.sol";
import {GovernorSettings} from
    "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {GovernorTimelockControl} from
    "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";

import {StakeManager} from "./StakeManager.sol";
import {ZgToken} from "./ZgToken.sol";

/// @title Who holds or stakes the token decides: proposed, voted, queued, executed.
///
///     propose     with a thousandth of the cap
///     vote        after `votingDelay`, for `votingPeriod`: tokens as delegated, and staked tokens
///                 by their staker, both as they were when the vote began
///     succeed     more for than against, and 4 % of the cap for or abstaining
///     queue       in the timelock, from which anyone executes it after its delay
///
/// A quorum that comes late gives the others `lateQuorumPeriod` to answer. The timelock opens and
/// drains networks, gives out the community's pool and sets ordinary parameters; through Inbox it
/// speaks to the networks. What touches stake it can only schedule in a second timelock, which
/// waits until whoever disagrees could leave (StakersTimelock, Parameters). Slashing, finality and
/// the bridge have no owner and cannot be upgraded: nobody decides over them.
contract ZgGovernor is
    Governor,
    GovernorSettings,
    GovernorCountingSimple,
    GovernorPreventLateQuorum,
    GovernorTimelockControl
{
    struct Periods {
        /// In seconds, as the token's clock.
        uint48 votingDelay;
        uint32 votingPeriod;
        uint48 lateQuorumPeriod;
    }

    uint256 private constant PERCENT = 100;
    uint256 public constant QUORUM_PERCENT = 4;
    uint256 private constant THRESHOLD_PARTS = 1_000;

    ZgToken public immutable token;
    StakeManager public immutable stakes;

    constructor(StakeManager stakeManager, TimelockController timelock, Periods memory periods)
        Governor("zg")
        GovernorSettings(
            periods.votingDelay,
            periods.votingPeriod,
            _capOf(stakeManager) / THRESHOLD_PARTS
        )
        GovernorPreventLateQuorum(periods.lateQuorumPeriod)
        GovernorTimelockControl(timelock)
    {
        stakes = stakeManager;
        token = ZgToken(address(stakeManager.token()));
    }

    /// Votes for or abstaining that a proposal needs, in wei.
    function quorum(uint256) public view override returns (uint256) {
        return token.CAP() * QUORUM_PERCENT / PERCENT;
    }

    /// Seconds since 1970 (ERC-6372).
    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    function proposalDeadline(uint256 id)
        public
        view
        override(Governor, GovernorPreventLateQuorum)
        returns (uint256)
    {
        return super.proposalDeadline(id);
    }

    function proposalNeedsQueuing(uint256 id)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (bool)
    {
        return super.proposalNeedsQueuing(id);
    }

    function proposalThreshold()
        public
        view
        override(Governor, GovernorSettings)
        returns (uint256)
    {
        return super.proposalThreshold();
    }

    function state(uint256 id)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (ProposalState)
    {
        return super.state(id);
    }

    /// Tokens of the wallets that delegated to an account, and what it has staked itself.
    function _getVotes(address account, uint256 timepoint, bytes memory)
        internal
        view
        override
        returns (uint256)
    {
        return token.getPastVotes(account, timepoint) + stakes.getPastVotes(account, timepoint);
    }

    function _tallyUpdated(uint256 id) internal override(Governor, GovernorPreventLateQuorum) {
        super._tallyUpdated(id);
    }

    function _queueOperations(
        uint256 id,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint48) {
        return super._queueOperations(id, targets, values, calldatas, descriptionHash);
    }

    function _executeOperations(
        uint256 id,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) {
        super._executeOperations(id, targets, values, calldatas, descriptionHash);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint256) {
        return super._cancel(targets, values, calldatas, descriptionHash);
    }

    function _executor()
        internal
        view
        override(Governor, GovernorTimelockControl)
        returns (address)
    {
        return super._executor();
    }

    function _capOf(StakeManager stakeManager) private view returns (uint256) {
        return ZgToken(address(stakeManager.token())).CAP();
    }
}
