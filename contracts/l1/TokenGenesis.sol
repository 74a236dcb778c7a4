// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {VestingWallet} from "@openzeppelin/contracts/finance/VestingWallet.sol";

import {AlignmentPool} from "./AlignmentPool.sol";
import {EmissionController} from "./EmissionController.sol";
import {NetworkLoad} from "./NetworkLoad.sol";
import {RewardBridge} from "./RewardBridge.sol";
import {ZgToken} from "./ZgToken.sol";

/// @title The genesis of the token: made in one transaction, after which this contract owns
/// nothing.
///
///     who         millions   at once   the rest
///     ecosystem        280     137.2   evenly over 24 months
///     alignment        150      49.5   evenly over 36 months, by AlignmentPool, for work alone
///     community        130      26.5   103.5 by the curve of EmissionController
///     team             220         0   nothing for 12 months, then evenly over 36
///     backers          220         0   nothing for 12 months, then evenly over 36
///     all            1,000     213.2   a fifth, and all of it the community's
///
/// What network 0 holds in its genesis is of the ecosystem's part at once: here it is burned, and
/// it is the first `outstanding` of RewardBridge.
///
/// A month is 365.2425 / 12 days. Vesting cannot be revoked; what is locked neither stakes nor
/// votes.
contract TokenGenesis {
    /// Who owns what comes free.
    struct Owners {
        address ecosystem;
        /// Who gives out what is free at once for alignment nodes.
        address alignment;
        address community;
        address team;
        address backers;
    }

    uint64 public constant MONTH = 2_629_746;

    ZgToken public immutable token;
    EmissionController public immutable emission;
    VestingWallet public immutable ecosystem;
    AlignmentPool public immutable alignment;
    VestingWallet public immutable team;
    VestingWallet public immutable backers;

    constructor(
        Owners memory owners,
        address bridge,
        address governance,
        uint256 genesisOutstanding,
        NetworkLoad load
    ) {
        uint64 start = uint64(block.timestamp);
        token = new ZgToken(bridge, address(this));
        emission = new EmissionController(token, RewardBridge(bridge), governance, start);
        ecosystem = new VestingWallet(owners.ecosystem, start, 24 * MONTH);
        alignment = new AlignmentPool(token, load, start, 36 * MONTH);
        team = new VestingWallet(owners.team, start + 12 * MONTH, 36 * MONTH);
        backers = new VestingWallet(owners.backers, start + 12 * MONTH, 36 * MONTH);

        token.burn(genesisOutstanding);
        token.transfer(owners.ecosystem, 137_200_000e18 - genesisOutstanding);
        token.transfer(address(ecosystem), 142_800_000e18);
        token.transfer(owners.alignment, 49_500_000e18);
        token.transfer(address(alignment), alignment.TOTAL());
        token.transfer(owners.community, 26_500_000e18);
        token.transfer(address(emission), 103_500_000e18);
        token.transfer(address(team), 220_000_000e18);
        token.transfer(address(backers), 220_000_000e18);
        assert(token.balanceOf(address(this)) == 0);
    }
}
