// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A number that is changed with notice: what is set in epoch e holds from e + 2 on.
///
/// The three newest values lie in one word. In each epoch there is one change at most, so they
/// answer for the present epoch and all that come; and for the one before it as well when nothing
/// is changed while a change is on its way.
library Scheduled {
    struct Number {
        uint64 newest;
        uint64 former;
        uint64 earlier;
        uint32 newestFrom;
        uint32 formerFrom;
    }

    uint64 internal constant NOTICE = 2;

    /// Has it be `value` from the epoch after the next one on.
    function set(Number storage number, uint64 epoch, uint64 value) internal {
        Number memory known = number;
        uint64 from = epoch + NOTICE;
        if (from > type(uint32).max) revert EpochTooLate();
        if (known.newestFrom != from) {
            (known.earlier, known.former) = (known.former, known.newest);
            (known.formerFrom, known.newestFrom) = (known.newestFrom, uint32(from));
        }
        known.newest = value;
        number.newest = known.newest;
        number.former = known.former;
        number.earlier = known.earlier;
        number.newestFrom = known.newestFrom;
        number.formerFrom = known.formerFrom;
    }

    /// The same, and refused while an earlier change is on its way.
    function change(Number storage number, uint64 epoch, uint64 value) internal {
        if (number.newestFrom > epoch) revert ChangePending();
        set(number, epoch, value);
    }

    function valueAt(Number storage number, uint64 epoch) internal view returns (uint64) {
        if (epoch >= number.newestFrom) return number.newest;
        return epoch >= number.formerFrom ? number.former : number.earlier;
    }

    /// The last change does not hold yet.
    error ChangePending();
    error EpochTooLate();
}
