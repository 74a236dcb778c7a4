// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The clock of stake: epochs of L1 time.
///
/// epochAt(t) = (t - start) / length. What is changed in epoch e holds from e + 2 on, on L1 and on
/// every network: a network has a whole epoch to see the change final.
abstract contract Epochs {
    /// Epochs between a change and its effect.
    uint64 public constant NOTICE = 2;

    /// When epoch 0 began, in seconds since 1970.
    uint64 public immutable epochStart;
    /// In seconds.
    uint64 public immutable epochLength;

    constructor(uint64 start, uint64 length) {
        if (length == 0 || start > block.timestamp) revert EpochsInvalid();
        epochStart = start;
        epochLength = length;
    }

    function epochAt(uint256 timestamp) public view returns (uint64) {
        if (timestamp < epochStart) revert EpochsInvalid();
        return uint64((timestamp - epochStart) / epochLength);
    }

    function currentEpoch() public view returns (uint64) {
        return epochAt(block.timestamp);
    }

    /// When an epoch begins, in seconds since 1970.
    function startOf(uint64 epoch) public view returns (uint256) {
        return uint256(epochStart) + uint256(epoch) * epochLength;
    }

    /// The first epoch that sees a change made now.
    function effectiveEpoch() internal view returns (uint64) {
        return currentEpoch() + NOTICE;
    }

    /// An epoch has a length, and the first one has begun.
    error EpochsInvalid();
}
