// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {DataRecord} from "../proofs/DataRecord.sol";
import {DataEntrance} from "./DataEntrance.sol";
import {DataSigners} from "./DataSigners.sol";

/// @title Whether those who signed for rows give them out: at 0x…200a in the genesis of a network
/// (docs/specs/da.md section 8).
///
///     query     the mix of the block after its record says whether a batch is asked for, one in
///               `every`, who asks, by seven slots of the quorum, and for which sixteen rows
///     answer    the holders of the seven say which rows they got; five equal answers are a result
///     clear     whoever has a row that was not got posts it, with its path
///     settle    the holders of the others lose their part of the batch's fee, and nothing else
///
/// Answers and rows have `answerSeconds` each. Nothing here is chosen by who asks: one batch has one
/// query, whoever brings it and whenever.
contract DataQueries {
    /// Slot 0, laid out for the genesis.
    struct Settings {
        DataEntrance entrance;
        uint32 every;
        uint32 answerSeconds;
    }

    /// What names a batch on its network.
    struct Batch {
        uint64 epoch;
        uint32 quorum;
        address disperser;
        uint64 sequence;
    }

    /// A row of a query, and what shows that it is that of its index.
    struct Shown {
        /// Among the sixteen.
        uint8 place;
        bytes row;
        bytes32[] siblings;
        bytes32 rowRoot;
        bytes32 combinationHash;
    }

    struct Query {
        bytes32 draw;
        /// Until when it is answered, and once there is a result, cleared.
        uint64 until;
        /// A bit a row that was not got.
        uint16 missing;
        bool isDecided;
        bool isSettled;
        /// A bit a slot that has answered.
        uint8 answered;
        mapping(uint16 got => uint8) counts;
    }

    uint256 public constant ASKERS = 7;
    uint256 public constant EQUAL = 5;
    uint256 public constant ROWS = 16;

    Settings private _settings;
    mapping(bytes32 batch => Query) private _queries;

    event Queried(bytes32 indexed batch, bytes32 draw, uint64 until);
    event Answered(bytes32 indexed batch, address indexed asker, uint8 slots, uint16 got);
    event Decided(bytes32 indexed batch, uint16 missing, uint64 until);
    event Cleared(bytes32 indexed batch, uint256 row);
    event Settled(bytes32 indexed batch, uint256[] members);

    /// Where there is no genesis to write the settings.
    constructor(Settings memory settings_) {
        _settings = settings_;
    }

    /// Begins the query of a batch, if it is drawn. `proof` is of the block after its record.
    function query(Batch calldata batch, bytes calldata proof) external {
        bytes32 name = _nameOf(batch);
        Query storage found = _queries[name];
        if (found.until != 0) revert AlreadyQueried();
        DataEntrance entrance = _settings.entrance;
        DataRecord.Record memory record = entrance.recordOf(name);
        if (record.commitment == 0) revert BatchUnknown();
        bytes32 mix = entrance.signersOf().stake().mixOf(record.number + 1, proof);
        bytes32 draw = keccak256(abi.encodePacked("zg/da/query", mix, name));
        if (_settings.every == 0 || uint256(draw) % _settings.every != 0) revert NotDrawn();
        found.draw = draw;
        found.until = uint64(block.timestamp) + _settings.answerSeconds;
        emit Queried(name, draw, found.until);
    }

    /// Says which rows the sender got, a bit a row, for those of the seven slots that are its own.
    function answer(Batch calldata batch, uint8 slots, uint16 got) external {
        (bytes32 name, Query storage found) = _openQuery(batch);
        if (found.isDecided) revert AlreadyDecided();
        if (slots == 0 || slots >> ASKERS != 0 || found.answered & slots != 0) {
            revert NotAnAsker();
        }
        DataSigners signers = _settings.entrance.signersOf();
        uint256[] memory members =
            signers.rowHoldersOf(batch.epoch, batch.quorum, _numbersOf("ask", found.draw, ASKERS));
        uint8 count = found.counts[got];
        for (uint256 slot = 0; slot < ASKERS; ++slot) {
            if ((slots >> slot) & 1 == 0) continue;
            (address operator,) = signers.memberOf(batch.epoch, batch.quorum, members[slot]);
            if (operator != msg.sender) revert NotAnAsker();
            ++count;
        }
        found.answered |= slots;
        found.counts[got] = count;
        emit Answered(name, msg.sender, slots, got);
        if (count < EQUAL) return;
        found.isDecided = true;
        found.missing = ~got;
        found.until = uint64(block.timestamp) + _settings.answerSeconds;
        emit Decided(name, found.missing, found.until);
    }

    /// Shows a row of a query that was not got: whose it is has it then.
    function clear(Batch calldata batch, Shown calldata shown) external {
        (bytes32 name, Query storage found) = _openQuery(batch);
        if (shown.place >= ROWS || (found.missing >> shown.place) & 1 == 0) revert NotMissing();
        uint256 index = _numbersOf("row", found.draw, ROWS)[shown.place];
        if (!_isRow(name, index, shown)) revert RowUnproven();
        found.missing &= ~uint16(1 << shown.place);
        emit Cleared(name, index);
    }

    /// Takes from the holders of the rows that are missing still. `absent` are the members that
    /// counted as absent when the batch was recorded: they hold nothing, and earned nothing.
    function settle(Batch calldata batch, uint256[] calldata absent) external {
        bytes32 name = _nameOf(batch);
        Query storage found = _queries[name];
        if (!found.isDecided || found.isSettled) revert NothingToSettle();
        if (block.timestamp <= found.until) revert TooEarly(found.until + 1);
        DataEntrance entrance = _settings.entrance;
        bytes32 hash = absent.length == 0 ? bytes32(0) : keccak256(abi.encode(absent));
        if (hash != entrance.absentHashOf(name)) revert AbsentUnknown();
        found.isSettled = true;
        uint256[] memory members = _holdersOf(batch, found, absent);
        entrance.miss(batch.epoch, batch.quorum, name, members);
        emit Settled(name, members);
    }

    function settings() external view returns (Settings memory) {
        return _settings;
    }

    /// What is known of the query of a batch: when it ends, and which of its rows are missing.
    function queryOf(bytes32 batch)
        external
        view
        returns (bytes32 draw, uint64 until, uint16 missing, bool isDecided, bool isSettled)
    {
        Query storage found = _queries[batch];
        return (found.draw, found.until, found.missing, found.isDecided, found.isSettled);
    }

    /// The rows by whose holders a batch is asked for, and those that are asked for.
    function rowsOf(bytes32 batch)
        external
        view
        returns (uint256[] memory askers, uint256[] memory rows)
    {
        bytes32 draw = _queries[batch].draw;
        return (_numbersOf("ask", draw, ASKERS), _numbersOf("row", draw, ROWS));
    }

    /// Each holder of a missing row once, but those that were absent.
    function _holdersOf(Batch calldata batch, Query storage found, uint256[] calldata absent)
        private
        view
        returns (uint256[] memory members)
    {
        uint16 missing = found.missing;
        uint256[] memory holders = _settings.entrance.signersOf().rowHoldersOf(
            batch.epoch, batch.quorum, _numbersOf("row", found.draw, ROWS)
        );
        uint256[] memory without = absent;
        members = new uint256[](ROWS);
        uint256 count;
        for (uint256 row = 0; row < ROWS; ++row) {
            if ((missing >> row) & 1 == 0 || _isAmong(without, holders[row], without.length)) {
                continue;
            }
            if (!_isAmong(members, holders[row], count)) members[count++] = holders[row];
        }
        assembly ("memory-safe") {
            mstore(members, count)
        }
    }

    function _openQuery(Batch calldata batch)
        private
        view
        returns (bytes32 name, Query storage found)
    {
        name = _nameOf(batch);
        found = _queries[name];
        if (found.until == 0) revert NotQueried();
        if (block.timestamp > found.until) revert TooLate();
    }

    function _nameOf(Batch calldata batch) private pure returns (bytes32) {
        return DataRecord.keyOf(batch.epoch, batch.quorum, batch.disperser, batch.sequence);
    }

    /// The first rows that are drawn for a purpose.
    function _numbersOf(bytes3 purpose, bytes32 draw, uint256 count)
        private
        view
        returns (uint256[] memory rows)
    {
        uint256 rowCount = _settings.entrance.signersOf().rowCount();
        rows = new uint256[](count);
        for (uint256 index = 0; index < count; ++index) {
            rows[index] =
                uint256(keccak256(abi.encodePacked("zg/da/", purpose, draw, uint32(index))))
                    % rowCount;
        }
    }

    function _isRow(bytes32 batch, uint256 index, Shown calldata shown)
        private
        view
        returns (bool)
    {
        DataEntrance entrance = _settings.entrance;
        DataRecord.Record memory record = entrance.recordOf(batch);
        bytes32 commitment =
            entrance.commitmentOf(record.rowSize, shown.rowRoot, shown.combinationHash);
        if (commitment != record.commitment || shown.row.length != record.rowSize) return false;
        uint256 depth = Math.log2(entrance.signersOf().rowCount(), Math.Rounding.Ceil);
        return shown.siblings.length == depth
            && _rootOf(sha256(shown.row), index, shown.siblings) == shown.rowRoot;
    }

    /// coding.md section 3: a tree without tags, whose depth follows from the count of rows.
    function _rootOf(bytes32 leaf, uint256 index, bytes32[] calldata siblings)
        private
        pure
        returns (bytes32 node)
    {
        node = leaf;
        for (uint256 level = 0; level < siblings.length; ++level) {
            bytes32 other = siblings[level];
            node = (index >> level) & 1 == 0
                ? sha256(abi.encodePacked(node, other))
                : sha256(abi.encodePacked(other, node));
        }
    }

    function _isAmong(uint256[] memory members, uint256 member, uint256 count)
        private
        pure
        returns (bool)
    {
        for (uint256 index = 0; index < count; ++index) {
            if (members[index] == member) return true;
        }
        return false;
    }

    error BatchUnknown();
    error AlreadyQueried();
    /// The batch is not one of those that are asked for.
    error NotDrawn();
    error NotQueried();
    error AlreadyDecided();
    /// The slot is not the sender's, is none of the seven, or has answered.
    error NotAnAsker();
    /// Nobody waits for that row.
    error NotMissing();
    /// It is not the row of that index under the record's commitment.
    error RowUnproven();
    error NothingToSettle();
    error TooEarly(uint256 ready);
    error TooLate();
    /// These are not the members that were absent.
    error AbsentUnknown();
}
