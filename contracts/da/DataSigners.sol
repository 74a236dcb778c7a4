// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Arrays} from "@openzeppelin/contracts/utils/Arrays.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {Bls} from "../proofs/Bls.sol";
import {Draw} from "./Draw.sol";
import {IStake} from "./IStake.sol";
import {Scheduled} from "./Scheduled.sol";

/// @title Who signs for data, and who of them is drawn into each quorum: at 0x…2008 in the genesis
/// of a network (docs/specs/da.md sections 1 and 2).
///
///     place      an operator, its key, its votes; what changes in epoch e holds from e + 2 on
///     quorum     of an epoch, opened by anyone in that epoch or the one before it, once the seed
///                is known: its members in rising order of places, and the slots of each
///     contested  what an operator signs counts for nothing, from the epoch on in which it was shown
///                to have less by more than a sixteenth, or another key, than its place says
///
/// A draw reads the newest votes of all places, four in a word, and of those that change around its
/// epoch what held before: 2,048 places must go into one transaction, whatever has changed. A quorum
/// keeps ten members in a word and the sum of their keys, so a certificate costs what its absent
/// members cost.
contract DataSigners {
    using Checkpoints for Checkpoints.Trace160;
    using Scheduled for Scheduled.Number;

    /// Slots 0 to 2, laid out for the genesis.
    struct Settings {
        IStake stake;
        /// Coded rows of a batch, n.
        uint32 rowCount;
        /// Of whoever comes, in gwei: without it dust would fill all places.
        uint64 votesMin;
        address governor;
        /// How many quorums an epoch has.
        Scheduled.Number quorumCount;
    }

    /// A place as it is written.
    struct Place {
        address operator;
        Scheduled.Number votes;
        Bls.Key key;
    }

    /// A place as it is told.
    struct Signer {
        address operator;
        Scheduled.Number votes;
        Bls.Key key;
        bytes url;
    }

    /// A member of a quorum as it is told.
    struct Standing {
        address operator;
        uint16 slots;
        /// What it signs counts for nothing.
        bool isContested;
    }

    struct Quorum {
        uint16 count;
        /// The sum of all members' keys.
        Bls.Key key;
        /// Ten in a word, from the low end: place of 12 bits, slots of 13.
        mapping(uint256 word => uint256) members;
    }

    uint256 public constant PLACES_MAX = 2_048;
    uint64 public constant QUORUMS_MAX = 64;
    uint256 public constant URL_SIZE_MAX = 128;
    uint256 private constant SHARE_PARTS = 16;
    uint256 private constant MEMBERS_PER_WORD = 10;
    uint256 private constant MEMBER_BITS = 25;
    uint256 private constant PLACE_BITS = 12;
    uint256 private constant VOTES_PER_WORD = 4;
    uint256 private constant VOTES_BITS = 64;

    Settings private _settings;
    uint16 public placeCount;
    mapping(uint256 place => Place) private _places;
    /// The newest votes of all places once more, for the draw: four in a word, from the low end.
    mapping(uint256 word => uint256) private _newest;
    /// A bit a place: its votes change in that epoch.
    mapping(uint64 epoch => mapping(uint256 word => uint256)) private _changing;
    /// Where an operator came last.
    mapping(address operator => uint16) private _placeOf;
    mapping(address operator => bytes) private _urls;
    /// Who has a place from which epoch on.
    mapping(uint256 place => Checkpoints.Trace160) private _holders;
    /// A bit a place: what is signed of that epoch counts for nothing.
    mapping(uint64 epoch => mapping(uint256 word => uint256)) private _contested;
    mapping(uint64 epoch => uint256) private _contestedCount;
    mapping(uint64 epoch => mapping(uint32 quorum => Quorum)) private _quorums;

    event VotesSet(
        uint16 indexed place, address indexed operator, uint64 indexed fromEpoch, uint64 votes
    );
    event Contested(uint16 indexed place, address indexed operator, uint64 indexed epoch);
    event UrlSet(address indexed operator, bytes url);
    event QuorumsSet(uint64 indexed fromEpoch, uint64 count);
    event VotesMinSet(uint64 votes);
    event Opened(uint64 indexed epoch, uint32 indexed quorum, uint256 members);

    /// Where there is no genesis to write the settings.
    constructor(Settings memory settings_) {
        _settings = settings_;
    }

    /// Takes a place with what the sender has staked, or has its votes there be what it has now.
    function join(uint16 place, bytes calldata proof) external {
        IStake staked = _settings.stake;
        (uint64 votes, Bls.Key memory key) = staked.upcoming(msg.sender, proof);
        if (votes < _settings.votesMin) revert VotesTooFew(_settings.votesMin);
        uint64 epoch = staked.epoch();
        Place storage own = _places[place];
        bool isOwn = own.operator == msg.sender && _placeOf[msg.sender] == place;
        // A key never changes in its place: what it signed there stays its own.
        if (!isOwn || !_isSame(own.key, key)) _take(place, epoch, key);
        own.votes.change(epoch, votes);
        _tell(place, epoch, votes);
    }

    /// Has the sender's votes end.
    function retire() external {
        uint64 epoch = _settings.stake.epoch();
        uint16 place = _placeOf[msg.sender];
        Place storage own = _places[place];
        if (own.operator != msg.sender || own.votes.newest == 0) revert NotIn();
        own.votes.change(epoch, 0);
        _tell(place, epoch, 0);
    }

    /// Shows that an operator has fewer votes in the present epoch than its place says, by more than
    /// a sixteenth, or another key. What was drawn stays; from the epoch after the next one on it has
    /// no votes there.
    function contest(uint16 place, bytes calldata proof) external {
        IStake staked = _settings.stake;
        uint64 epoch = staked.epoch();
        Place storage found = _places[place];
        uint64 told = found.votes.valueAt(epoch);
        if (told == 0 || isContested(place, epoch)) revert NothingToContest();
        (uint64 votes, Bls.Key memory key) = staked.present(found.operator, proof);
        // So whoever takes back a little of what others stake with it cannot have it contested.
        bool isLess = uint256(votes) * SHARE_PARTS < uint256(told) * (SHARE_PARTS - 1);
        if (!isLess && _isSame(found.key, key)) revert NothingToContest();
        for (uint64 each = epoch; each < epoch + Scheduled.NOTICE; ++each) {
            _contested[each][place >> 8] |= 1 << (place & 255);
            ++_contestedCount[each];
        }
        found.votes.set(epoch, 0);
        emit Contested(place, found.operator, epoch);
        _tell(place, epoch, 0);
    }

    /// Says where the sender's node is found.
    function setUrl(bytes calldata url) external {
        if (url.length > URL_SIZE_MAX) revert UrlTooLong();
        _urls[msg.sender] = url;
        emit UrlSet(msg.sender, url);
    }

    /// Called by governance.
    function setQuorums(uint64 count) external {
        _onlyGovernor();
        if (count == 0 || count > QUORUMS_MAX) revert BeyondMost(QUORUMS_MAX);
        uint64 epoch = _settings.stake.epoch();
        _settings.quorumCount.change(epoch, count);
        emit QuorumsSet(epoch + Scheduled.NOTICE, count);
    }

    /// Called by governance.
    function setVotesMin(uint64 votes) external {
        _onlyGovernor();
        _settings.votesMin = votes;
        emit VotesMinSet(votes);
    }

    /// Writes a quorum down. `slots` are those of its members, in rising order of places.
    function open(uint64 epoch, uint32 quorum, uint16[] calldata slots) external {
        IStake staked = _settings.stake;
        uint64 present = staked.epoch();
        // MUST be one of these: of an epoch that is over, places no longer say what held.
        if (epoch < present || epoch - present > 1) revert EpochUnexpected(present);
        if (quorum >= quorumCountOf(epoch)) revert QuorumUnknown();
        Quorum storage opened = _quorums[epoch][quorum];
        if (opened.count != 0) revert AlreadyOpen();
        (uint256[] memory places, uint256[] memory shares) =
            Draw.membersOf(_votesIn(epoch), staked.seedOf(epoch), quorum);
        Draw.checkSlots(shares, slots, _settings.rowCount);
        _write(opened, places, slots);
        emit Opened(epoch, quorum, places.length);
    }

    /// What a bitmap of signers stands for: the sum of their keys, how many slots they have, and who
    /// counts as absent, by number of the member. A contested signer's key is in the sum, and its
    /// slots are not.
    function sumOf(uint64 epoch, uint32 quorum, bytes calldata signers)
        external
        view
        returns (Bls.Key memory key, uint256 slotCount, uint256[] memory absent)
    {
        Quorum storage opened = _opened(epoch, quorum);
        (uint16[] memory places, uint16[] memory slots) = _membersOf(opened);
        if (!_isBitmap(signers, places.length)) revert SignersInvalid();
        absent = _absentOf(epoch, places, signers);
        (key, slotCount) = (opened.key, _settings.rowCount);
        for (uint256 index = 0; index < absent.length; ++index) {
            uint256 member = absent[index];
            slotCount -= slots[member];
            if (_isSigner(signers, member)) continue;
            key = Bls.add(key, Bls.negate(_places[places[member]].key));
        }
    }

    /// Which quorum a batch is for.
    function quorumFor(uint64 epoch, address disperser, uint64 sequence)
        external
        view
        returns (uint32)
    {
        bytes32 seed = _settings.stake.seedOf(epoch);
        return Draw.quorumOf(seed, disperser, sequence, quorumCountOf(epoch));
    }

    /// The members of a quorum that was opened: their places, and how many slots each has.
    function quorumOf(uint64 epoch, uint32 quorum)
        external
        view
        returns (uint16[] memory places, uint16[] memory slots)
    {
        return _membersOf(_opened(epoch, quorum));
    }

    /// Who a member was in the epoch of its quorum, and how many slots it has there.
    function memberOf(uint64 epoch, uint32 quorum, uint256 index)
        external
        view
        returns (address operator, uint256 slots)
    {
        Quorum storage opened = _opened(epoch, quorum);
        if (index >= opened.count) revert MemberUnknown();
        uint256 word = opened.members[index / MEMBERS_PER_WORD];
        uint16 place;
        (place, slots) = _memberIn(word >> (index % MEMBERS_PER_WORD * MEMBER_BITS));
        operator = _holderOf(place, epoch);
    }

    /// Who the members of a quorum were in its epoch, and where their nodes are found now.
    function holdersOf(uint64 epoch, uint32 quorum)
        external
        view
        returns (address[] memory operators, bytes[] memory urls)
    {
        (uint16[] memory places,) = _membersOf(_opened(epoch, quorum));
        operators = new address[](places.length);
        urls = new bytes[](places.length);
        for (uint256 index = 0; index < operators.length; ++index) {
            operators[index] = _holderOf(places[index], epoch);
            urls[index] = _urls[operators[index]];
        }
    }

    /// The members of a quorum as they stand in its epoch.
    function standingOf(uint64 epoch, uint32 quorum)
        external
        view
        returns (Standing[] memory members)
    {
        (uint16[] memory places, uint16[] memory slots) = _membersOf(_opened(epoch, quorum));
        members = new Standing[](places.length);
        bool isQuiet = _contestedCount[epoch] == 0;
        for (uint256 index = 0; index < places.length; ++index) {
            uint16 place = places[index];
            bool isOut = !isQuiet && isContested(place, epoch);
            members[index] = Standing(_holderOf(place, epoch), slots[index], isOut);
        }
    }

    /// The members that hold rows of a quorum, by their numbers.
    function rowHoldersOf(uint64 epoch, uint32 quorum, uint256[] calldata rows)
        external
        view
        returns (uint256[] memory members)
    {
        Quorum storage opened = _opened(epoch, quorum);
        uint256 rowCount_ = _settings.rowCount;
        uint256 shift = Draw.shiftOf(_settings.stake.seedOf(epoch), quorum, rowCount_);
        (, uint16[] memory slots) = _membersOf(opened);
        uint256[] memory ends = new uint256[](slots.length);
        uint256 end;
        for (uint256 index = 0; index < ends.length; ++index) {
            end += slots[index];
            ends[index] = end;
        }
        members = new uint256[](rows.length);
        for (uint256 index = 0; index < rows.length; ++index) {
            uint256 slot = (rows[index] % rowCount_ + rowCount_ - shift) % rowCount_;
            // The first whose stretch of slots ends above it.
            members[index] = Arrays.upperBoundMemory(ends, slot);
        }
    }

    /// The keys of a quorum's members, while their places are still theirs: in its epoch and the
    /// one after it for certain.
    function memberKeys(uint64 epoch, uint32 quorum) external view returns (Bls.Key[] memory keys) {
        (uint16[] memory places,) = _membersOf(_opened(epoch, quorum));
        keys = new Bls.Key[](places.length);
        for (uint256 index = 0; index < keys.length; ++index) {
            keys[index] = _places[places[index]].key;
        }
    }

    /// Places from one until before another.
    function placesOf(uint256 from, uint256 to) external view returns (Signer[] memory signers) {
        uint256 end = to < placeCount ? to : placeCount;
        signers = new Signer[](end > from ? end - from : 0);
        for (uint256 index = 0; index < signers.length; ++index) {
            Place storage found = _places[from + index];
            signers[index] = Signer(found.operator, found.votes, found.key, _urls[found.operator]);
        }
    }

    /// Whether an operator has votes in its place, or is to have.
    function hasPlace(address operator) external view returns (bool) {
        Place storage found = _places[_placeOf[operator]];
        return found.operator == operator && found.votes.newest != 0;
    }

    function quorumCountOf(uint64 epoch) public view returns (uint64) {
        return _settings.quorumCount.valueAt(epoch);
    }

    function isContested(uint16 place, uint64 epoch) public view returns (bool) {
        return (_contested[epoch][place >> 8] >> (place & 255)) & 1 == 1;
    }

    function stake() external view returns (IStake) {
        return _settings.stake;
    }

    /// Coded rows of a batch.
    function rowCount() external view returns (uint256) {
        return _settings.rowCount;
    }

    function governor() external view returns (address) {
        return _settings.governor;
    }

    function votesMin() external view returns (uint64) {
        return _settings.votesMin;
    }

    /// Gives the sender a place that nobody has had votes in since the epoch before this one.
    function _take(uint16 place, uint64 epoch, Bls.Key memory key) private {
        if (place >= PLACES_MAX || place > placeCount) revert PlaceUnknown();
        Place storage found = _places[place];
        Scheduled.Number memory votes = found.votes;
        bool isFree = found.operator == address(0)
            || (votes.newest == 0 && votes.newestFrom < epoch);
        if (!isFree) revert PlaceTaken();
        Place storage former = _places[_placeOf[msg.sender]];
        if (former.operator == msg.sender && former.votes.newest != 0) revert StillIn();
        if (place == placeCount) placeCount = place + 1;
        (found.operator, found.key) = (msg.sender, key);
        _placeOf[msg.sender] = place;
        _holders[place].push(uint96(epoch + Scheduled.NOTICE), uint160(msg.sender));
    }

    /// Keeps for the draw what was set, and tells it.
    function _tell(uint16 place, uint64 epoch, uint64 votes) private {
        uint64 from = epoch + Scheduled.NOTICE;
        _changing[from][place >> 8] |= 1 << (place & 255);
        uint256 shift = place % VOTES_PER_WORD * VOTES_BITS;
        uint256 word = _newest[place / VOTES_PER_WORD] & ~(uint256(type(uint64).max) << shift);
        _newest[place / VOTES_PER_WORD] = word | uint256(votes) << shift;
        emit VotesSet(place, _places[place].operator, from, votes);
    }

    /// The votes of all places in this epoch or the next one.
    function _votesIn(uint64 epoch) private view returns (uint64[] memory votes) {
        uint256 count = placeCount;
        votes = new uint64[](count);
        uint256 changing;
        // Places are few: no number here overflows.
        unchecked {
            for (uint256 place = 0; place < count;) {
                if (place & 255 == 0) {
                    // What is newest may hold from one of these on only.
                    changing = _changing[epoch + 1][place >> 8] | _changing[epoch + 2][place >> 8];
                }
                uint256 word = _newest[place / VOTES_PER_WORD];
                uint256 end = place + VOTES_PER_WORD;
                for (; place < end && place < count; ++place) {
                    votes[place] = (changing >> (place & 255)) & 1 == 0
                        ? uint64(word)
                        : _places[place].votes.valueAt(epoch);
                    word >>= VOTES_BITS;
                }
            }
        }
    }

    function _write(Quorum storage opened, uint256[] memory places, uint16[] calldata slots)
        private
    {
        uint256 word;
        Bls.Key memory key;
        for (uint256 index = 0; index < places.length; ++index) {
            uint256 place = places[index];
            uint256 member = place | uint256(slots[index]) << PLACE_BITS;
            word |= member << (index % MEMBERS_PER_WORD * MEMBER_BITS);
            if (index % MEMBERS_PER_WORD == MEMBERS_PER_WORD - 1 || index == places.length - 1) {
                opened.members[index / MEMBERS_PER_WORD] = word;
                word = 0;
            }
            Bls.Key memory own = _places[place].key;
            key = index == 0 ? own : Bls.add(key, own);
        }
        opened.count = uint16(places.length);
        opened.key = key;
    }

    function _opened(uint64 epoch, uint32 quorum) private view returns (Quorum storage opened) {
        opened = _quorums[epoch][quorum];
        if (opened.count == 0) revert QuorumUnknown();
    }

    function _membersOf(Quorum storage opened)
        private
        view
        returns (uint16[] memory places, uint16[] memory slots)
    {
        uint256 count = opened.count;
        (places, slots) = (new uint16[](count), new uint16[](count));
        uint256 word;
        for (uint256 index = 0; index < count; ++index) {
            if (index % MEMBERS_PER_WORD == 0) word = opened.members[index / MEMBERS_PER_WORD];
            (places[index], slots[index]) = _memberIn(word);
            word >>= MEMBER_BITS;
        }
    }

    /// The member at the low end of a word.
    function _memberIn(uint256 word) private pure returns (uint16 place, uint16 slots) {
        place = uint16(word & ((1 << PLACE_BITS) - 1));
        slots = uint16((word >> PLACE_BITS) & ((1 << (MEMBER_BITS - PLACE_BITS)) - 1));
    }

    /// Who had a place in an epoch.
    function _holderOf(uint16 place, uint64 epoch) private view returns (address) {
        return address(_holders[place].upperLookupRecent(uint96(epoch)));
    }

    /// The members that did not sign, or are contested.
    function _absentOf(uint64 epoch, uint16[] memory places, bytes calldata signers)
        private
        view
        returns (uint256[] memory absent)
    {
        absent = new uint256[](places.length);
        uint256 count;
        bool isQuiet = _contestedCount[epoch] == 0;
        for (uint256 member = 0; member < places.length; ++member) {
            bool isPresent = _isSigner(signers, member)
                && (isQuiet || !isContested(places[member], epoch));
            if (!isPresent) absent[count++] = member;
        }
        assembly ("memory-safe") {
            mstore(absent, count)
        }
    }

    function _isSigner(bytes calldata signers, uint256 member) private pure returns (bool) {
        return (uint8(signers[member / 8]) >> (member % 8)) & 1 == 1;
    }

    /// Whether there are as many bytes as it takes, and no bit beyond the last.
    function _isBitmap(bytes calldata bitmap, uint256 count) private pure returns (bool) {
        if (bitmap.length != (count + 7) / 8) return false;
        return count % 8 == 0 || uint8(bitmap[count / 8]) >> (count % 8) == 0;
    }

    function _onlyGovernor() private view {
        if (msg.sender != _settings.governor) revert NotGovernance();
    }

    function _isSame(Bls.Key memory one, Bls.Key memory other) private pure returns (bool) {
        return one.a == other.a && one.b == other.b && one.c == other.c;
    }

    error NotGovernance();
    error VotesTooFew(uint64 least);
    /// Places are taken one after the other, up to 2,048 of them.
    error PlaceUnknown();
    /// It is another's, or was until lately.
    error PlaceTaken();
    /// The sender has votes in another place still.
    error StillIn();
    error NotIn();
    error NothingToContest();
    error UrlTooLong();
    error BeyondMost(uint256 most);
    error EpochUnexpected(uint64 expected);
    /// There is no such quorum, or nobody opened it.
    error QuorumUnknown();
    error AlreadyOpen();
    /// The bitmap is longer or shorter than there are members, or names one that there is not.
    error SignersInvalid();
    error MemberUnknown();
}
