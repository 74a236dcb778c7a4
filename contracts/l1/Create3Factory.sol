// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Create3} from "@openzeppelin/contracts/utils/Create3.sol";

/// @title Deploys the contracts of L1 to addresses that are known before them.
///
/// An address follows from this factory and a salt alone, so contracts that know each other may be
/// deployed in any order. The factory's own address follows from its owner (it is made by CREATE2),
/// and only the owner deploys: nobody takes a place before it.
contract Create3Factory {
    address public immutable owner;

    constructor(address deployer) {
        owner = deployer;
    }

    function deploy(bytes32 salt, bytes calldata initCode) external returns (address) {
        if (msg.sender != owner) revert NotTheOwner();
        return Create3.deploy(0, salt, initCode);
    }

    /// Where the contract of a salt is, or will be.
    function addressOf(bytes32 salt) external view returns (address) {
        return Create3.computeAddress(salt);
    }

    error NotTheOwner();
}
