// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What was taken from the members of a network for the faults of one epoch.
///
///     report     of statements of its own, and what it cost at once: once
///     take       what it cost when it is executed later
///     convict    of two certificates: once, for the rest of what the member consented to
///
/// Parts that are taken one after the other are parts of what was left. So with p taken of all, and
/// c consented to, the rest is (c - p) / (1 - p) of what is there, whatever else was slashed.
///
/// Sixteen members stand in a word, in sixteen bits each: what was taken, and whether it was
/// reported and convicted.
library Punishments {
    struct Book {
        mapping(uint256 word => uint256) words;
    }

    uint256 private constant MEMBERS = 16;
    uint256 private constant MEMBER_BITS = 16;
    uint256 private constant MEMBER_MASK = 0xffff;
    /// In hundredths of a percent, of which there are 10,000 at most.
    uint256 private constant TAKEN_MASK = 0x3fff;
    uint256 private constant REPORTED = 0x4000;
    uint256 private constant CONVICTED = 0x8000;
    uint256 private constant BPS = 10_000;

    /// Returns false when the member was reported or convicted before.
    function report(Book storage book, uint256 member, uint16 bps) internal returns (bool) {
        if (_of(book, member) != 0) return false;
        _add(book, member, REPORTED | bps);
        return true;
    }

    /// Notes what a report costs now. Returns false, and notes nothing, when a conviction took it.
    function take(Book storage book, uint256 member, uint16 bps) internal returns (bool) {
        if (isConvicted(book, member)) return false;
        _add(book, member, bps);
        return true;
    }

    /// Returns the part to be taken now of a member that consented to lose `most`: none when it was
    /// convicted before, or when nothing is left. `isFirst`: it was not reported before either.
    function convict(Book storage book, uint256 member, uint16 most)
        internal
        returns (uint16 rest, bool isFirst)
    {
        uint256 known = _of(book, member);
        if (known & CONVICTED != 0) return (0, false);
        _add(book, member, CONVICTED);
        uint256 taken = known & TAKEN_MASK;
        isFirst = known == 0;
        // Rounded down: never more than it consented to.
        if (taken < most) rest = uint16((most - taken) * BPS / (BPS - taken));
    }

    function isPunished(Book storage book, uint256 member) internal view returns (bool) {
        return _of(book, member) != 0;
    }

    function isConvicted(Book storage book, uint256 member) internal view returns (bool) {
        return _of(book, member) & CONVICTED != 0;
    }

    function _of(Book storage book, uint256 member) private view returns (uint256) {
        return (book.words[member / MEMBERS] >> _shiftOf(member)) & MEMBER_MASK;
    }

    /// `bits` MUST be none that are set.
    function _add(Book storage book, uint256 member, uint256 bits) private {
        book.words[member / MEMBERS] |= bits << _shiftOf(member);
    }

    function _shiftOf(uint256 member) private pure returns (uint256) {
        return (member % MEMBERS) * MEMBER_BITS;
    }
}
