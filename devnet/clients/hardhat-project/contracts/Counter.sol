// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Counts; needs nothing imported, so every tool chain can build it.
contract Counter {
    event Counted(address indexed by, uint256 count);

    uint256 public count;

    constructor(uint256 first) {
        count = first;
    }

    function increment() external {
        count++;
        emit Counted(msg.sender, count);
    }
}
