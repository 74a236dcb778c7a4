// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OperatorRegistry} from "./OperatorRegistry.sol";

/// @title How much of a network was punished lately: of each operator its weight, once.
///
/// Time is counted in spans of some epochs. What was punished in a span counts in it and in the two
/// after it. Who is punished again while it counts is counted from then on, by its heaviest weight
/// and not twice: neither many faults of one operator nor an early one of little weight change what
/// others have to pay. Who is at fault again later counts again.
library PunishedWeight {
    /// In gwei.
    struct Sums {
        uint128 all;
        /// For statements of single operators.
        uint128 singles;
    }

    struct Ledger {
        mapping(uint64 span => Sums) sums;
        /// Of each member: the span in which it was punished last, the epoch whose weight of it
        /// counts, and whether it was for statements of its own at first.
        mapping(uint256 word => uint256) marks;
    }

    /// What it adds that a member is punished in a span. In gwei.
    struct Weighing {
        uint64 span;
        /// Of the member in the epoch of the fault.
        uint64 own;
        /// What counts of it already, in which span, and whether for statements of its own.
        uint64 former;
        uint64 formerSpan;
        bool isCounted;
        bool isSingle;
        /// What counts of it now, and of which epoch that is.
        uint64 next;
        uint64 epoch;
    }

    uint64 internal constant SPANS_AFTER = 2;
    uint256 private constant MEMBERS = 4;
    uint256 private constant MEMBER_BITS = 64;
    uint256 private constant MEMBER_MASK = type(uint64).max;
    uint256 private constant SPAN_SHIFT = 32;
    uint64 private constant EPOCH_MASK = 0x7fffffff;

    /// Weighs an operator for its fault of an epoch.
    function weigh(
        Ledger storage ledger,
        OperatorRegistry operators,
        address operator,
        uint256 member,
        uint64 epoch,
        uint64 span
    ) internal view returns (Weighing memory weighing) {
        (weighing.span, weighing.epoch) = (span, epoch);
        weighing.own = operators.weightAt(operator, epoch);
        weighing.next = weighing.own;
        (uint256 word, uint256 shift) = _placeOf(member);
        uint64 mark = uint64(ledger.marks[word] >> shift);
        uint64 marked = mark >> SPAN_SHIFT;
        if (mark == 0 || marked + SPANS_AFTER < span) return weighing;
        (weighing.isCounted, weighing.isSingle) = (true, mark & 1 == 1);
        uint64 formerEpoch = (mark >> 1) & EPOCH_MASK;
        weighing.formerSpan = marked;
        weighing.former = operators.weightAt(operator, formerEpoch);
        if (weighing.former < weighing.own) return weighing;
        (weighing.next, weighing.epoch) = (weighing.former, formerEpoch);
    }

    /// What was punished lately, with this; and for statements of single operators, without it.
    function lately(Ledger storage ledger, Weighing memory weighing)
        internal
        view
        returns (uint256 all, uint256 singles)
    {
        for (uint64 back = 0; back <= SPANS_AFTER && back <= weighing.span; ++back) {
            Sums memory sums = ledger.sums[weighing.span - back];
            all += sums.all;
            singles += sums.singles;
        }
        all = all - weighing.former + weighing.next;
    }

    /// Counts it. Who counts already stays what it was punished as at first.
    function count(
        Ledger storage ledger,
        uint256 member,
        Weighing memory weighing,
        bool isSingle
    ) internal {
        if (weighing.isCounted) {
            isSingle = weighing.isSingle;
            Sums storage sums = ledger.sums[weighing.formerSpan];
            sums.all -= weighing.former;
            if (isSingle) sums.singles -= weighing.former;
        }
        Sums storage present = ledger.sums[weighing.span];
        present.all += weighing.next;
        if (isSingle) present.singles += weighing.next;
        uint256 mark =
            uint256(weighing.span) << SPAN_SHIFT | weighing.epoch << 1 | (isSingle ? 1 : 0);
        (uint256 word, uint256 shift) = _placeOf(member);
        uint256 others = ledger.marks[word] & ~(MEMBER_MASK << shift);
        ledger.marks[word] = others | (mark << shift);
    }

    function _placeOf(uint256 member) private pure returns (uint256 word, uint256 shift) {
        return (member / MEMBERS, (member % MEMBERS) * MEMBER_BITS);
    }
}
