// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

/// @title The one token: it pays for everything, is staked, and votes.
///
/// A thousand million, all made at genesis; 18 decimals. What is burned here to live on a network
/// may be made again, by the reward bridge alone and never beyond the cap: the bridge accounts for
/// what is out there. Voting power counts by time (ERC-6372), since L1 blocks are no clock. What a
/// quorum is a part of is the cap, not the supply of the moment: so tokens that go over to a
/// network and come back move no goal, and a claim needs no checkpoint of the supply.
contract ZgToken is ERC20, ERC20Burnable, ERC20Permit, ERC20Votes {
    uint256 public constant CAP = 1_000_000_000e18;

    /// The reward bridge.
    address public immutable minter;

    constructor(address bridge, address genesis) ERC20("zg", "ZG") ERC20Permit("zg") {
        minter = bridge;
        _mint(genesis, CAP);
    }

    /// Makes tokens; returns how many there are then.
    function mint(address to, uint256 amount) external returns (uint256 supply) {
        if (msg.sender != minter) revert NotTheMinter();
        _mint(to, amount);
        supply = totalSupply();
        if (supply > CAP) revert CapExceeded();
    }

    /// Seconds since 1970 (ERC-6372).
    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    /// The cap, at any time that is past.
    function getPastTotalSupply(uint256 timepoint) public view override returns (uint256) {
        _validateTimepoint(timepoint);
        return CAP;
    }

    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _update(address from, address to, uint256 amount)
        internal
        override(ERC20, ERC20Votes)
    {
        super._update(from, to, amount);
    }

    function _transferVotingUnits(address from, address to, uint256 amount) internal override {
        // Nobody delegates for the zero address, of which tokens come that are made.
        address giver = from == address(0) ? from : delegates(from);
        _moveDelegateVotes(giver, delegates(to), amount);
    }

    error NotTheMinter();
    error CapExceeded();
}
