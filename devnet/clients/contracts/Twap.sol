// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// A pool's price accumulator as Uniswap v2 keeps it: price times seconds, once a timestamp.
contract Twap {
    uint112 public reserve0;
    uint112 public reserve1;
    uint32 public lastTimestamp;
    uint256 public cumulativePrice;
    uint256 public updates;

    constructor(uint112 first0, uint112 first1) {
        reserve0 = first0;
        reserve1 = first1;
        lastTimestamp = uint32(block.timestamp);
    }

    /// Sets new reserves; the old price counts for the seconds since the last update, 0 in the same second.
    function sync(uint112 next0, uint112 next1) external {
        uint32 elapsed;
        // Wraps with uint32 by design, as in Uniswap v2.
        unchecked {
            elapsed = uint32(block.timestamp) - lastTimestamp;
        }
        if (elapsed > 0) cumulativePrice += (uint256(reserve1) << 112) / reserve0 * elapsed;
        reserve0 = next0;
        reserve1 = next1;
        lastTimestamp = uint32(block.timestamp);
        updates++;
    }
}
