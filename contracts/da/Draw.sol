// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Arrays} from "@openzeppelin/contracts/utils/Arrays.sol";

/// @title Who is drawn into a quorum, and which rows its members hold (docs/specs/da.md section 2).
///
/// da/batch/quorum.ts is its twin. Shares are rounded to slots by who opens a quorum, and here is checked
/// that it rounded as it must: every member has floor(n * v / T) slots or one more, and whoever has
/// one more has the greater remainder, or the same one and the lower place.
library Draw {
    uint256 internal constant MEMBERS_MAX = 512;

    /// Which quorum a batch is for.
    function quorumOf(bytes32 seed, address disperser, uint64 sequence, uint64 count)
        internal
        pure
        returns (uint32)
    {
        bytes memory input = abi.encodePacked("zg/da/quorum", seed, disperser, sequence);
        return uint32(uint256(keccak256(input)) % count);
    }

    /// The row of a quorum's first slot.
    function shiftOf(bytes32 seed, uint32 quorum, uint256 rowCount)
        internal
        pure
        returns (uint256)
    {
        return uint256(keccak256(abi.encodePacked("zg/da/shift", seed, quorum))) % rowCount;
    }

    /// The members of a quorum and their shares, in rising order of places; `votes` are those of
    /// all places in the epoch.
    function membersOf(uint64[] memory votes, bytes32 seed, uint32 quorum)
        internal
        pure
        returns (uint256[] memory places, uint256[] memory shares)
    {
        (uint256 count, uint256 total) = _active(votes);
        if (count == 0) revert NobodyActive();
        if (count > MEMBERS_MAX) return _drawn(votes, _ticketsOf(total, seed, quorum));
        (places, shares) = (new uint256[](count), new uint256[](count));
        uint256 index;
        for (uint256 place = 0; place < votes.length; ++place) {
            if (votes[place] == 0) continue;
            (places[index], shares[index]) = (place, votes[place]);
            ++index;
        }
    }

    /// Reverts unless `slots` are the shares of the members, rounded.
    function checkSlots(uint256[] memory shares, uint16[] calldata slots, uint256 rowCount)
        internal
        pure
    {
        if (slots.length != shares.length) revert SlotsInvalid();
        uint256 sum;
        for (uint256 index = 0; index < shares.length; ++index) sum += shares[index];
        uint256 given;
        // The least remainder that has one more slot, and the greatest that has not.
        uint256 least = type(uint256).max;
        uint256 greatest;
        bool isOpen;
        uint256 lastMore;
        uint256 firstLess;
        for (uint256 index = 0; index < slots.length; ++index) {
            uint256 part = rowCount * shares[index];
            uint256 remainder = part % sum;
            uint256 floor = part / sum;
            uint256 own = slots[index];
            given += own;
            if (own == floor + 1) {
                if (remainder <= least) (least, lastMore) = (remainder, index);
            } else if (own == floor) {
                if (!isOpen || remainder > greatest) (greatest, firstLess) = (remainder, index);
                isOpen = true;
            } else {
                revert SlotsInvalid();
            }
        }
        if (given != rowCount) revert SlotsInvalid();
        // MUST be those with the largest remainders, lower places first.
        bool isOrdered = !isOpen || least > greatest || (least == greatest && lastMore < firstLess);
        if (!isOrdered) revert SlotsInvalid();
    }

    /// How many places have votes, and the sum of these.
    function _active(uint64[] memory votes) private pure returns (uint256 count, uint256 total) {
        // Neither overflows: there are few places, and their votes are of 64 bits.
        unchecked {
            for (uint256 place = 0; place < votes.length; ++place) {
                uint256 own = votes[place];
                if (own == 0) continue;
                total += own;
                ++count;
            }
        }
    }

    /// Where the tickets fall among the votes, in rising order.
    function _ticketsOf(uint256 total, bytes32 seed, uint32 quorum)
        private
        pure
        returns (uint256[] memory tickets)
    {
        tickets = new uint256[](MEMBERS_MAX);
        for (uint32 ticket = 0; ticket < MEMBERS_MAX; ++ticket) {
            bytes memory input = abi.encodePacked("zg/da/member", seed, quorum, ticket);
            tickets[ticket] = uint256(keccak256(input)) % total;
        }
        Arrays.sort(tickets);
    }

    /// Who holds the tickets, and how many.
    function _drawn(uint64[] memory votes, uint256[] memory tickets)
        private
        pure
        returns (uint256[] memory places, uint256[] memory shares)
    {
        (places, shares) = (new uint256[](MEMBERS_MAX), new uint256[](MEMBERS_MAX));
        uint256 count;
        uint256 end;
        uint256 ticket;
        // Neither overflows; and all tickets are below the sum of votes, so places do not run out.
        unchecked {
            for (uint256 place = 0; ticket < MEMBERS_MAX; ++place) {
                end += votes[place];
                uint256 first = ticket;
                while (ticket < MEMBERS_MAX && tickets[ticket] < end) ++ticket;
                if (ticket == first) continue;
                (places[count], shares[count]) = (place, ticket - first);
                ++count;
            }
        }
        assembly ("memory-safe") {
            mstore(places, count)
            mstore(shares, count)
        }
    }

    /// Nobody has votes in the epoch.
    error NobodyActive();
    /// They are not the members' shares, capped and rounded.
    error SlotsInvalid();
}
