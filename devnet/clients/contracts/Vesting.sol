// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {VestingWallet} from "@openzeppelin/contracts/finance/VestingWallet.sol";

/// Releases its balance linearly over a few seconds, from its deployment on.
contract Vesting is VestingWallet {
    constructor(address beneficiary, uint64 durationSeconds)
        payable
        VestingWallet(beneficiary, uint64(block.timestamp), durationSeconds)
    {}
}
