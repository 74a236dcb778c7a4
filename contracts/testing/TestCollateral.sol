// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token for tests: anyone makes it, and has it misbehave.
contract TestCollateral is ERC20 {
    enum Conduct {
        Sound,
        KeepsAPart,
        Frozen
    }

    uint8 private immutable _decimals;
    Conduct public conduct;

    constructor(uint8 count) ERC20("Test", "TEST") {
        _decimals = count;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function behave(Conduct next) external {
        conduct = next;
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (conduct == Conduct.Frozen) revert TokenFrozen();
        super._update(from, to, amount);
        if (conduct == Conduct.KeepsAPart && to != address(0)) super._update(to, address(0), 1);
    }

    error TokenFrozen();
}
