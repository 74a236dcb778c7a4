// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Draw} from "../da/Draw.sol";
import {ForgeTest} from "./Vm.sol";

/// @title The rounding of shares to slots: what is taken is what docs/specs/da.md section 2 says, and
/// nothing else is.
contract DrawTest is ForgeTest {
    function check(uint256[] memory shares, uint16[] calldata slots, uint256 rowCount) external pure {
        Draw.checkSlots(shares, slots, rowCount);
    }

    /// Slots by the largest remainder are taken; with one moved elsewhere they are not.
    function testRounding(uint256 seed, uint8 members, bool isFew, uint16 from, uint16 to) external {
        uint256 count = within(members, 1, 64);
        uint256 rowCount = isFew ? 3_072 : 4_096;
        uint256[] memory shares = new uint256[](count);
        for (uint256 index = 0; index < count; ++index) {
            uint256 each = mixed(seed ^ index);
            // Of all magnitudes, and often equal.
            shares[index] = within(each >> 8, 1, 2 ** (1 + each % 63));
        }
        uint16[] memory slots = slotsOf(shares, rowCount);
        this.check(shares, slots, rowCount);
        (from, to) = (uint16(from % count), uint16(to % count));
        if (from == to || slots[from] == 0) return;
        --slots[from];
        ++slots[to];
        vm.expectRevert(Draw.SlotsInvalid.selector);
        this.check(shares, slots, rowCount);
    }

    /// Whatever is drawn has members with votes, in rising order, and 512 tickets or all votes.
    function testMembers(uint256 seed, uint16 places, uint32 quorum) external pure {
        uint64[] memory votes = new uint64[](within(places, 1, 700));
        votes[0] = 1;
        uint256 active = 1;
        uint256 all = 1;
        for (uint256 place = 1; place < votes.length; ++place) {
            uint256 each = mixed(seed ^ place);
            votes[place] = each % 8 == 0 ? 0 : uint64(each >> (192 + each % 60));
            if (votes[place] > 0) ++active;
            all += votes[place];
        }
        (uint256[] memory drawn, uint256[] memory shares) =
            Draw.membersOf(votes, bytes32(seed), quorum);
        uint256 sum;
        for (uint256 index = 0; index < drawn.length; ++index) {
            require(index == 0 || drawn[index] > drawn[index - 1], "order");
            require(votes[drawn[index]] > 0 && shares[index] > 0, "votes");
            sum += shares[index];
        }
        require(sum == (active > 512 ? 512 : all), "shares");
        require(active > 512 || drawn.length == active, "all");
    }

    /// One after the other to the largest remainder that has none yet: slow, and plain.
    function slotsOf(uint256[] memory shares, uint256 rowCount)
        private
        pure
        returns (uint16[] memory slots)
    {
        uint256 count = shares.length;
        uint256 all;
        for (uint256 index = 0; index < count; ++index) all += shares[index];
        slots = new uint16[](count);
        uint256 left = rowCount;
        uint256[] memory remainders = new uint256[](count);
        for (uint256 index = 0; index < count; ++index) {
            slots[index] = uint16(rowCount * shares[index] / all);
            left -= slots[index];
            remainders[index] = rowCount * shares[index] % all + 1;
        }
        for (; left > 0; --left) {
            uint256 best;
            for (uint256 index = 1; index < count; ++index) {
                if (remainders[index] > remainders[best]) best = index;
            }
            ++slots[best];
            remainders[best] = 0;
        }
    }
}
