// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title How much of a network's weight may come, and how much may go, in one epoch.
///
/// Each way has a measure of its own, so that who comes takes no room from who goes. What was taken
/// is free again at `limit` an epoch. A change that cannot be cut (an operator that joins or leaves
/// with all its weight) and is above the limit by itself is taken when nothing was before, and
/// takes as many epochs as it fills: or a large operator could never leave.
library Churn {
    /// What of the limit is taken, in gwei, as of an epoch in which changes hold.
    struct Flow {
        uint64 epoch;
        uint64 joined;
        uint64 left;
    }

    /// A change of a network's weight, in gwei.
    struct Move {
        uint32 id;
        uint64 weight;
        bool isJoin;
        /// It cannot be cut.
        bool isWhole;
    }

    /// Takes a move that holds from `epoch` on. `limit` is positive.
    function take(Flow storage flow, uint64 epoch, uint256 limit, Move memory move) internal {
        Flow memory known = flow;
        uint256 freed = limit * (epoch - known.epoch);
        uint256 joined = known.joined > freed ? known.joined - freed : 0;
        uint256 left = known.left > freed ? known.left - freed : 0;
        uint256 taken = move.isJoin ? joined : left;
        bool isFitting = taken + move.weight <= limit || (move.isWhole && taken == 0);
        if (!isFitting) {
            uint256 room = taken < limit ? limit - taken : 0;
            revert ChurnFull(move.id, room, epoch + uint64((taken + limit - 1) / limit));
        }
        if (move.isJoin) joined += move.weight;
        else left += move.weight;
        // Each is a weight of one network, or a rest of one.
        flow.epoch = epoch;
        flow.joined = uint64(joined);
        flow.left = uint64(left);
    }

    /// So much may still come to that network, or go, with this epoch's changes, in gwei; all of
    /// the limit again with those that hold from `freeEpoch` on.
    error ChurnFull(uint32 id, uint256 room, uint64 freeEpoch);
}
