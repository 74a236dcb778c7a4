// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// A plain ERC-20 whose deployer holds the supply.
contract Token is ERC20 {
    error TokenAmountForbidden(uint256 amount);

    constructor(uint256 supply) ERC20("Token", "TKN") {
        _mint(msg.sender, supply);
    }

    /// Always reverts, to show revert data at the client.
    function refuse(uint256 amount) external pure {
        revert TokenAmountForbidden(amount);
    }
}
