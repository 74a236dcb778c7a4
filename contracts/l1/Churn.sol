// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title How much of a network's weight may come, and how much may go, in one epoch.
///
/// Each way has a measure of its own: who comes takes no room from who goes, and who leaves, and may
/// come back, takes none from those who take their stake with them. What was taken is free again at
/// `limit` an epoch. A change that cannot be cut (an operator that joins or leaves
/// with all its weight) and is above the limit by itself is taken whatever small ones were before,
/// and takes as many epochs as it fills; only another one that still fills this epoch holds it up.
/// So a large operator can leave, and nobody keeps it in by leaving with little every time. In n
/// epochs there come, there leave and there are unstaked n limits each, and one such operator at
/// most comes, and one leaves.
library Churn {
    enum Way {
        /// By stake, or an operator that joins.
        Come,
        /// An operator that leaves with all its weight; its stake stays staked.
        Leave,
        Unstake
    }

    /// What of the limit is taken, in gwei, as of an epoch in which changes hold.
    struct Flow {
        uint64 epoch;
        uint64 come;
        uint64 left;
        uint64 unstaked;
    }

    /// A change of a network's weight, in gwei.
    struct Move {
        uint32 id;
        uint64 weight;
        Way way;
        /// It cannot be cut.
        bool isWhole;
    }

    /// Takes a move that holds from `epoch` on. `limit` is positive.
    function take(Flow storage flow, uint64 epoch, uint256 limit, Move memory move) internal {
        Flow memory known = flow;
        uint256 freed = limit * (epoch - known.epoch);
        known.epoch = epoch;
        known.come = _less(known.come, freed);
        known.left = _less(known.left, freed);
        known.unstaked = _less(known.unstaked, freed);
        uint256 taken = known.unstaked;
        if (move.way == Way.Come) taken = known.come;
        if (move.way == Way.Leave) taken = known.left;
        bool isLarge = move.isWhole && move.weight > limit;
        bool isFitting = taken + move.weight <= limit || (isLarge && taken <= limit);
        if (!isFitting) {
            uint256 room = taken < limit ? limit - taken : 0;
            revert ChurnFull(move.id, room, epoch + uint64((taken + limit - 1) / limit));
        }
        // Each is a weight of one network, or a rest of one.
        if (move.way == Way.Come) known.come += move.weight;
        else if (move.way == Way.Leave) known.left += move.weight;
        else known.unstaked += move.weight;
        flow.epoch = known.epoch;
        flow.come = known.come;
        flow.left = known.left;
        flow.unstaked = known.unstaked;
    }

    function _less(uint64 taken, uint256 freed) private pure returns (uint64) {
        return taken > freed ? uint64(taken - freed) : 0;
    }

    /// So much may still come to that network, or go, with this epoch's changes, in gwei; all of
    /// the limit again with those that hold from `freeEpoch` on.
    error ChurnFull(uint32 id, uint256 room, uint64 freeEpoch);
}
