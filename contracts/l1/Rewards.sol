// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title What the stakers of an operator have earned of its rewards, and what still flows to them.
///
///     add        a reward flows from now on, evenly over `length` seconds; an operator's own part
///                is earned at once
///     settle     counts what a staker has earned, before its shares change
///     take       pays it
///
/// What flows is divided among all shares there are then; while there are none, it is the
/// operator's. Anyone may bring a reward, at a moment of his choice: so whoever came for one second
/// would else take the work of others.
library Rewards {
    /// What a staker has earned and not taken, in wei; and up to where of `perShare` that counts.
    struct Earnings {
        uint256 owed;
        uint256 counted;
    }

    /// Of one operator.
    struct Book {
        /// On its way: `left` at `since`, in wei, evenly until `end`.
        uint128 left;
        uint48 since;
        uint48 end;
        /// What a share has earned since the beginning, in SCALE-ths of a wei.
        uint256 perShare;
        mapping(address staker => Earnings) earnings;
    }

    /// A staker's shares among all of an operator's.
    struct Part {
        address operator;
        address staker;
        uint256 shares;
        uint256 allShares;
    }

    uint256 private constant SCALE = 1e27;

    /// Has `flowing` flow to the stakers, and `own` be the operator's.
    function add(
        Book storage book,
        Part memory operator,
        uint256 flowing,
        uint256 own,
        uint256 length
    ) internal {
        (uint256 left, uint256 end, uint256 flowed) = _flowing(book);
        _share(book, operator, flowed);
        uint256 total = left + flowing;
        // The end moves by what each wei has to wait, so dust delays nothing.
        uint256 rest = end - block.timestamp;
        if (total > 0) rest = (left * rest + flowing * length) / total;
        _note(book, total, block.timestamp + rest);
        if (own > 0) book.earnings[operator.operator].owed += own;
    }

    function settle(Book storage book, Part memory part) internal {
        (uint256 owed, uint256 perShare) = _count(book, part);
        book.earnings[part.staker] = Earnings(owed, perShare);
    }

    /// As `settle`, and nothing is owed any more.
    function take(Book storage book, Part memory part) internal returns (uint256 assets) {
        uint256 perShare;
        (assets, perShare) = _count(book, part);
        book.earnings[part.staker] = Earnings(0, perShare);
    }

    function earnedOf(Book storage book, Part memory part) internal view returns (uint256 earned) {
        (,, uint256 flowed) = _flowing(book);
        uint256 perShare = book.perShare + _perShare(flowed, part.allShares);
        earned = _owed(book, part, perShare);
        if (part.allShares == 0 && part.staker == part.operator) earned += flowed;
    }

    /// What is still to flow, in wei, and until when.
    function flowOf(Book storage book) internal view returns (uint256 left, uint256 end) {
        (left, end,) = _flowing(book);
    }

    /// Counts what flowed; returns what a staker is owed, and up to where that counts.
    function _count(Book storage book, Part memory part)
        private
        returns (uint256 owed, uint256 perShare)
    {
        (uint256 left, uint256 end, uint256 flowed) = _flowing(book);
        if (flowed > 0) {
            _note(book, left, end);
            _share(book, part, flowed);
        }
        perShare = book.perShare;
        owed = _owed(book, part, perShare);
    }

    function _note(Book storage book, uint256 left, uint256 end) private {
        // Of all tokens there are less than 2^90 wei.
        book.left = uint128(left);
        book.since = uint48(block.timestamp);
        book.end = uint48(end);
    }

    /// To all shares alike, or to the operator when there is none.
    function _share(Book storage book, Part memory part, uint256 flowed) private {
        if (flowed == 0) return;
        if (part.allShares == 0) book.earnings[part.operator].owed += flowed;
        else book.perShare += _perShare(flowed, part.allShares);
    }

    function _owed(Book storage book, Part memory part, uint256 perShare)
        private
        view
        returns (uint256)
    {
        Earnings storage earnings = book.earnings[part.staker];
        return earnings.owed + Math.mulDiv(part.shares, perShare - earnings.counted, SCALE);
    }

    /// What flowed since it was last counted, and what is left until when.
    function _flowing(Book storage book)
        private
        view
        returns (uint256 left, uint256 end, uint256 flowed)
    {
        (left, end) = (book.left, book.end);
        if (block.timestamp >= end) return (0, block.timestamp, left);
        uint256 since = book.since;
        flowed = Math.mulDiv(left, block.timestamp - since, end - since);
        left -= flowed;
    }

    function _perShare(uint256 assets, uint256 shares) private pure returns (uint256) {
        return shares == 0 ? 0 : Math.mulDiv(assets, SCALE, shares);
    }
}
