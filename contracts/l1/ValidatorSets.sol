// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bls} from "../proofs/Bls.sol";
import {IOperatorListener} from "./OperatorRegistry.sol";

// Changes of a network's set that are kept.
uint256 constant SET_POINTS = 64;

/// @title The sets of a network's validators: how many, what they weigh, and the sum of their keys,
/// in each epoch.
///
/// A point holds from its epoch until the next one's. The newest points are kept in a ring: what
/// answers for an older one has left (StakeManager.EXIT_POOLS_MAX). All its places are written once
/// when it begins (`prepare`), which is four times as dear as to write over them: so who changes a
/// set pays as much in the first epochs as ever, and evidence too.
library ValidatorSets {
    /// The operators of a network from an epoch on.
    struct SetPoint {
        uint64 fromEpoch;
        /// In gwei.
        uint64 total;
        uint32 count;
        Bls.Key key;
    }

    /// The newest points of a network, the one of number n in place n % SET_POINTS.
    struct SetRing {
        uint64 count;
        SetPoint[SET_POINTS] points;
    }

    /// From an epoch on there are so many validators with the second weight and key in the place of
    /// so many with the first: one that changes, comes or goes, or the sums of some that go.
    struct Change {
        uint64 epoch;
        uint32[2] counts;
        uint64[2] weights;
        Bls.Key[2] keys;
    }

    /// What stands in places that no point has been written to.
    bytes32 private constant UNUSED = bytes32(uint256(1));

    function prepare(SetRing storage ring) internal {
        SetPoint memory unused = SetPoint(1, 0, 0, Bls.Key(UNUSED, UNUSED, UNUSED));
        for (uint256 place = 0; place < SET_POINTS; ++place) _write(ring.points[place], unused);
    }

    /// Returns how many there are with it, and what they weigh.
    function change(SetRing storage ring, Change memory made)
        internal
        returns (uint32 count, uint64 total)
    {
        uint64 number = ring.count;
        SetPoint storage point = ring.points[(number + SET_POINTS - 1) % SET_POINTS];
        bool isNew = number == 0 || point.fromEpoch != made.epoch;
        if (number > 0) (count, total) = (point.count, point.total);
        total = total - made.weights[0] + made.weights[1];
        count = count - made.counts[0] + made.counts[1];
        bool isSameKey = made.counts[0] == made.counts[1] && _isSame(made.keys);
        if (isSameKey && !isNew) {
            point.total = total;
            return (count, total);
        }
        Bls.Key memory key;
        if (number > 0) key = point.key;
        if (!isSameKey && made.counts[0] > 0) key = Bls.add(key, Bls.negate(made.keys[0]));
        if (!isSameKey && made.counts[1] > 0) key = Bls.add(key, made.keys[1]);
        if (isNew) {
            point = ring.points[number % SET_POINTS];
            ring.count = number + 1;
        }
        _write(point, SetPoint(made.epoch, total, count, key));
    }

    /// Of one operator: without weight it is in no set, and its key in no sum.
    function changeOf(uint64 epoch, uint64[2] memory weights, Bls.Key[2] memory keys)
        internal
        pure
        returns (Change memory made)
    {
        made = Change(epoch, [uint32(0), 0], weights, keys);
        if (weights[0] > 0) made.counts[0] = 1;
        if (weights[1] > 0) made.counts[1] = 1;
    }

    /// Of all who were slashed and are in a network, which is crossed off their networks, `own`.
    function departures(
        uint32 id,
        uint64 epoch,
        IOperatorListener.Slashed[] calldata slashed,
        uint32[][] memory own
    ) internal view returns (Change memory made) {
        made.epoch = epoch;
        for (uint256 index = 0; index < own.length; ++index) {
            if (!_crossOff(own[index], id)) continue;
            Bls.Key memory key = slashed[index].key;
            made.keys[0] = made.counts[0]++ == 0 ? key : Bls.add(made.keys[0], key);
            made.weights[0] += slashed[index].weight;
        }
    }

    /// The point that holds in an epoch. Reverts when it is kept no more; the first return is false
    /// when there was none.
    function pointAt(SetRing storage ring, uint64 epoch)
        internal
        view
        returns (bool isThere, SetPoint storage point)
    {
        uint64 count = ring.count;
        uint256 oldest = count > SET_POINTS ? count - SET_POINTS : 0;
        // Who asks is mostly after one of the last few.
        for (uint256 number = count; number > oldest; --number) {
            point = ring.points[(number - 1) % SET_POINTS];
            if (point.fromEpoch <= epoch) return (true, point);
        }
        if (oldest > 0) revert SetForgotten();
        return (false, ring.points[0]);
    }

    /// How many there were before the changes of an epoch, and what they weighed; and what is
    /// weighed with those that were made.
    function around(SetRing storage ring, uint64 epoch)
        internal
        view
        returns (uint32 countBefore, uint64 before, uint64 total)
    {
        uint64 number = ring.count;
        if (number == 0) return (0, 0, 0);
        SetPoint storage point = ring.points[(number - 1) % SET_POINTS];
        total = point.total;
        if (point.fromEpoch == epoch) {
            if (number == 1) return (0, 0, total);
            point = ring.points[(number - 2) % SET_POINTS];
        }
        return (point.count, point.total, total);
    }

    function _write(SetPoint storage point, SetPoint memory made) private {
        point.fromEpoch = made.fromEpoch;
        point.total = made.total;
        point.count = made.count;
        point.key = made.key;
    }

    function _crossOff(uint32[] memory list, uint32 id) private pure returns (bool) {
        uint256 last = list.length;
        for (uint256 place = last; place > 0; --place) {
            if (list[place - 1] != id) continue;
            list[place - 1] = list[last - 1];
            assembly ("memory-safe") {
                mstore(list, sub(last, 1))
            }
            return true;
        }
        return false;
    }

    function _isSame(Bls.Key[2] memory keys) private pure returns (bool) {
        return keys[0].a == keys[1].a && keys[0].b == keys[1].b && keys[0].c == keys[1].c;
    }

    /// Of an epoch before the points that are kept.
    error SetForgotten();
}
