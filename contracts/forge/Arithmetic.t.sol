// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Churn} from "../l1/Churn.sol";
import {Punishments} from "../l1/Punishments.sol";
import {ForgeTest} from "./Vm.sol";

interface IParameters {
    function set(uint8 key, uint64 value) external;
    function get(uint8 key) external view returns (uint64);
}

interface IClock {
    function epochAt(uint256 timestamp) external view returns (uint64);
    function currentEpoch() external view returns (uint64);
    function startOf(uint64 epoch) external view returns (uint256);
}

interface IToken {
    function mint(address to, uint256 amount) external returns (uint256 supply);
    function burn(uint256 amount) external;
    function totalSupply() external view returns (uint256);
    function balanceOf(address account) external view returns (uint256);
}

/// @title Numbers: parameters within their bounds, epochs of any clock, what comes and goes of a
/// network in an epoch, what punishments add up to, and the cap of the token.
contract ArithmeticTest is ForgeTest {
    using Punishments for Punishments.Book;

    uint256 private constant BPS = 10_000;
    uint256 private constant CAP = 1_000_000_000e18;
    address private constant CRITICAL = address(0xc71);

    Churn.Flow private flow;
    Churn.Flow private comingOnly;
    Punishments.Book private book;

    /// Bounds by docs/specs/stake.md section 12.
    function testParametersStayInBounds(uint8 chosen, uint64 value, bool isCritical) external {
        uint64[2][7] memory bounds = [
            [uint64(500), 3_333],
            [uint64(100), 1_000],
            [uint64(1), 100],
            [uint64(1), 1e17],
            [uint64(2), 4_000],
            [uint64(2), 16],
            [uint64(2), 1_000]
        ];
        uint64[] memory first = new uint64[](7);
        for (uint256 index = 0; index < 7; ++index) first[index] = bounds[index][0];
        bytes memory args = abi.encode(address(this), CRITICAL, first);
        IParameters parameters = IParameters(deploy("Parameters", args));
        uint8 key = chosen % 7;
        (uint64 least, uint64 most) = (bounds[key][0], bounds[key][1]);
        if (value % 2 == 0) value = uint64(within(value, least - 1, uint256(most) + 1));
        bool mayBe = value >= least && value <= most;
        bool isOfCritical = key == 0 || key == 1 || key == 4;
        if (isCritical) vm.prank(CRITICAL);
        (bool isSet,) = address(parameters).call(abi.encodeCall(IParameters.set, (key, value)));
        require(isSet == (mayBe && isCritical == isOfCritical), "set");
        for (uint8 other = 0; other < 7; ++other) {
            uint64 now_ = parameters.get(other);
            require(now_ == (isSet && other == key ? value : bounds[other][0]), "get");
        }
    }

    function testEpochs(uint64 start, uint32 length, uint64 time) external {
        length = uint32(within(length, 1, type(uint32).max));
        start = uint64(within(start, 0, 2 ** 40));
        time = uint64(within(time, start, 2 ** 48));
        vm.warp(time);
        // The longest lag that fits.
        uint256 lag = (length - 1) / 2;
        bytes memory args = abi.encode(start, length, lag, address(this), address(this));
        IClock clock = IClock(deploy("OperatorRegistry", args));
        uint64 epoch = clock.epochAt(time);
        require(epoch == (time - start) / length && epoch == clock.currentEpoch(), "epoch");
        require(clock.startOf(epoch) <= time && time < clock.startOf(epoch + 1), "bounds");
        require(clock.epochAt(clock.startOf(epoch + 1)) == epoch + 1, "next");
        if (start == 0) return;
        (bool isKnown,) = address(clock).call(abi.encodeCall(IClock.epochAt, (start - 1)));
        require(!isKnown, "before the first");
    }

    /// In any epochs that follow each other no more comes than a limit for each, but for moves that
    /// cannot be cut; each way as if the other were not; and what is refused says what fits.
    function testChurn(uint256 seed, uint64 chosen) external {
        uint256 limit = within(chosen, 1, 1e17);
        (uint64 epoch, uint256 cut) = (2, 0);
        for (uint256 step = 0; step < 12; ++step) {
            uint256 word = uint256(keccak256(abi.encode(seed, step)));
            epoch += uint64(word % 3);
            uint256 most = (word >> 80) % 8 == 0 ? 4 * limit : limit;
            uint64 weight = uint64(within(word >> 8, 1, most));
            Churn.Way way = Churn.Way((word >> 96) % 3);
            Churn.Move memory move = Churn.Move(7, weight, way, (word >> 104) % 4 == 0);
            bool isTaken = take(epoch, limit, move);
            if (way == Churn.Way.Come) {
                require(takeAlone(epoch, limit, move) == isTaken, "ways are apart");
                // Of all there may be since the first epoch, moves that were cut take their part.
                if (isTaken && !move.isWhole) cut += weight;
                require(cut <= limit * (epoch - 1), "more than the limit");
            }
        }
    }

    /// By itself, so that a refusal changes nothing.
    function takeNow(uint64 epoch, uint256 limit, Churn.Move calldata move) external {
        Churn.take(flow, epoch, limit, move);
    }

    function takeComingOnly(uint64 epoch, uint256 limit, Churn.Move calldata move) external {
        Churn.take(comingOnly, epoch, limit, move);
    }

    function testPunishmentsAddUp(uint256 seed, uint16 most, uint16 part, uint256 member) external {
        // The number of a member, or an address.
        member %= seed % 3 == 0 ? 2 ** 160 : 64;
        most = uint16(most % (BPS + 1));
        part = uint16(part % (most + uint256(1)));
        uint256 other = member ^ (1 + (seed % 15));
        uint256 left = 1e18;
        if (seed % 4 > 0) {
            require(book.report(member, part), "first");
            require(!book.report(member, part), "once");
            left = left * (BPS - part) / BPS;
        }
        require(!book.isConvicted(member) && !book.isPunished(other), "others");
        (uint16 rest, bool isFirst) = book.convict(member, most);
        require(isFirst == (seed % 4 == 0), "first of all");
        left = left * (BPS - rest) / BPS;
        uint256 consented = 1e18 * (BPS - most) / BPS;
        require(left >= consented, "more than was consented to");
        // Rounded down by less than a hundredth of a percent of what was left.
        require(left - consented <= 1e18 / BPS, "less than was due");
        (rest, isFirst) = book.convict(member, most);
        require(rest == 0 && !isFirst && book.isConvicted(member), "twice");
        require(!book.report(member, part) && !book.take(member, part), "after");
        require(!book.isPunished(other), "others");
    }

    function testTheTokenIsCapped(uint256 burned, uint256 minted, address to) external {
        vm.assume(to != address(0));
        IToken token = IToken(deploy("ZgToken", abi.encode(address(this), address(this))));
        require(token.totalSupply() == CAP && token.balanceOf(address(this)) == CAP, "genesis");
        burned = within(burned, 0, CAP);
        token.burn(burned);
        if (minted % 2 == 0) minted = within(minted, burned, burned + 2);
        bytes memory mint = abi.encodeCall(IToken.mint, (to, minted));
        (bool isMinted,) = address(token).call(mint);
        require(isMinted == (minted <= burned), "cap");
        require(token.totalSupply() == CAP - burned + (isMinted ? minted : 0), "supply");
        vm.prank(to == address(this) ? CRITICAL : to);
        (isMinted,) = address(token).call(abi.encodeCall(IToken.mint, (to, 0)));
        require(!isMinted, "the bridge alone");
    }

    function take(uint64 epoch, uint256 limit, Churn.Move memory move)
        private
        returns (bool isTaken)
    {
        bytes memory reason;
        (isTaken, reason) =
            address(this).call(abi.encodeCall(this.takeNow, (epoch, limit, move)));
        if (isTaken) return true;
        require(bytes4(reason) == Churn.ChurnFull.selector, "reason");
        assembly ("memory-safe") {
            reason := add(reason, 4)
        }
        (uint32 id, uint256 room, uint64 freeEpoch) =
            abi.decode(skipped(reason), (uint32, uint256, uint64));
        require(id == 7 && (room < move.weight || move.isWhole), "room");
        uint64[3] memory all = [flow.come, flow.left, flow.unstaked];
        uint256 taken = all[uint256(move.way)];
        uint256 freed = limit * (freeEpoch - flow.epoch);
        require(taken <= freed, "free again");
        require(freeEpoch == epoch || taken + limit > freed, "free before");
        return false;
    }

    function takeAlone(uint64 epoch, uint256 limit, Churn.Move memory move)
        private
        returns (bool isTaken)
    {
        bytes memory call = abi.encodeCall(this.takeComingOnly, (epoch, limit, move));
        (isTaken,) = address(this).call(call);
    }

    /// An error's arguments: `reason` stands four bytes further on, and has no length there.
    function skipped(bytes memory reason) private pure returns (bytes memory args) {
        args = new bytes(96);
        assembly ("memory-safe") {
            mcopy(add(args, 0x20), add(reason, 0x20), 96)
        }
    }
}
