// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsensusHeader} from "../proofs/ConsensusHeader.sol";
import {History} from "../proofs/History.sol";
import {StakeProof} from "../proofs/StakeProof.sol";
import {Votes} from "../proofs/Votes.sol";
import {EPOCH_INFO, GOV_EXECUTOR, LIGHT_CLIENT, OUTBOX} from "./Addresses.sol";
import {EpochInfo} from "./EpochInfo.sol";
import {GovExecutor} from "./GovExecutor.sol";
import {LightClient} from "./LightClient.sol";
import {Outbox} from "./Outbox.sol";

/// @title What validators of this network are paid for taking part, at 0x…2001 in its genesis.
///
/// The grant comes as credits from L1 and is the balance here. Every `HEIGHTS_PER_REWARD`th height
/// pays who signed its finality certificate, by weight, when anyone shows the certificate; what
/// falls on the absent stays in the grant. Another certificate of the same height within
/// `WIDEN_BLOCKS` adds whoever signed that one, so nobody who collects signatures can leave one
/// out.
///
///     reward of a height    least(RewardMax, free / GRANT_HEIGHTS)
///     free                  balance - owed
///     owed to an operator   weight * (perWeight - missed), of each epoch
///
/// Two numbers an epoch and one an absent operator are all that is kept, so a certificate costs
/// what its absent ones cost, not its members. What is owed is never more than is held: rewards are
/// rounded down and the debt is rounded up. They leave by Outbox alone, for the stakers of the
/// operator on L1.
contract RewardHub {
    /// What was paid for a height, and who is absent still.
    struct Shown {
        bytes32 absentHash;
        /// Of a gwei of weight, in 2^-64 wei.
        uint192 perWeight;
        uint64 shownAt;
    }

    uint64 public constant HEIGHTS_PER_REWARD = 16;
    /// Blocks in which a certificate may add to what one before it showed.
    uint64 public constant WIDEN_BLOCKS = 8;
    /// A height is paid until so many blocks after it.
    uint64 public constant HEIGHTS_LATE_MAX = 4_096;
    /// What is free falls by a part in so many with each height: by half in 700,000 of them.
    uint256 public constant GRANT_HEIGHTS = 1_000_000;
    /// What leaves at once, at least: an entry on L1 costs as much, however small. In wei.
    uint256 public constant REWARD_MIN = 1e15;
    uint256 private constant SCALE = 1 << 64;

    EpochInfo private constant INFO = EpochInfo(EPOCH_INFO);
    LightClient private constant LIGHT = LightClient(LIGHT_CLIENT);

    /// What is owed to all, in wei.
    uint256 public owed;
    mapping(uint64 height => Shown) private _shown;
    mapping(uint64 epoch => uint256) private _perWeight;
    mapping(uint64 epoch => mapping(address operator => uint256)) private _missed;
    mapping(uint64 epoch => mapping(address operator => uint256)) private _paid;

    event HeightPaid(uint64 indexed height, uint64 indexed epoch, uint256 amount, address[] absent);
    event HeightWidened(uint64 indexed height, address[] absent);
    event Claimed(address indexed operator, uint256 amount, uint64 outboxIndex);

    /// A grant may come this way, too.
    receive() external payable {}

    /// Shows who signed a height of this network. `former` are the absent that were named before,
    /// none when it is shown for the first time.
    function show(
        LightClient.Certificate calldata certificate,
        ConsensusHeader.Proof calldata header,
        address[] calldata former
    ) external {
        Votes.FinalityVote calldata vote = certificate.vote;
        bytes32 root = ConsensusHeader.verify(header);
        // MUST be a block of this chain: who left with its stake may sign what it likes.
        bool isOurs = vote.consensusRoot == root
            && vote.height == ConsensusHeader.numberOf(header.fields, History.HEIGHT)
            && vote.epoch == ConsensusHeader.numberOf(header.fields, History.EPOCH);
        if (!isOurs) revert NotOfThisChain();
        if (vote.height % HEIGHTS_PER_REWARD != 0) revert HeightUnpaid();
        (uint32 id,,) = INFO.domain();
        (uint256 total, uint256 signed) = LIGHT.check(id, certificate);
        if (_shown[vote.height].shownAt == 0) {
            _pay(vote.height, vote.epoch, certificate.absent, [total, signed]);
        } else {
            _widen(id, vote.height, vote.epoch, certificate.absent, former);
        }
    }

    /// Sends an operator what it earned in some epochs to its stakers on L1. Its weight is proved
    /// in one of them, and holds in all.
    function claim(
        address operator,
        uint64[] calldata epochs,
        ConsensusHeader.Proof calldata header,
        StakeProof.OfWeight calldata proof
    ) external returns (uint64 index) {
        if (epochs.length == 0) revert AmountTooSmall(0);
        (uint32 id,,) = INFO.domain();
        StakeProof.Span memory span = LIGHT.spanOf(id, epochs[0], operator, header, proof);
        uint256 amount;
        for (uint256 each = 0; each < epochs.length; ++each) {
            uint64 epoch = epochs[each];
            if (epoch < span.fromEpoch || epoch >= span.untilEpoch) revert WeightUnproven(epoch);
            uint256 earned = _earned(operator, epoch, span.weight);
            amount += earned - _paid[epoch][operator];
            _paid[epoch][operator] = earned;
        }
        if (amount < REWARD_MIN) revert AmountTooSmall(amount);
        owed -= amount;
        index = Outbox(OUTBOX).reward{value: amount}(operator);
        emit Claimed(operator, amount, index);
    }

    /// What an operator of that weight earned in an epoch and was not paid, in wei.
    function earnedOf(address operator, uint64 epoch, uint64 weight)
        external
        view
        returns (uint256)
    {
        return _earned(operator, epoch, weight) - _paid[epoch][operator];
    }

    /// What the next height would pay if all signed, in wei.
    function nextReward() public view returns (uint256) {
        uint256 part = (address(this).balance - owed) / GRANT_HEIGHTS;
        uint256 most = GovExecutor(payable(GOV_EXECUTOR)).parameterOf(
            GovExecutor.Parameter.RewardMax
        );
        return part < most ? part : most;
    }

    function shownOf(uint64 height) external view returns (Shown memory) {
        return _shown[height];
    }

    function _pay(
        uint64 height,
        uint64 epoch,
        address[] calldata absent,
        uint256[2] memory totalAndSigned
    ) private {
        if (block.number > height + HEIGHTS_LATE_MAX) revert HeightTooOld();
        uint256 amount = nextReward();
        uint256 perWeight = amount * SCALE / totalAndSigned[0];
        if (perWeight == 0) revert GrantSpent();
        _perWeight[epoch] += perWeight;
        for (uint256 index = 0; index < absent.length; ++index) {
            _missed[epoch][absent[index]] += perWeight;
        }
        _owe(perWeight, totalAndSigned[1]);
        _shown[height] = Shown({
            absentHash: keccak256(abi.encode(absent)),
            perWeight: uint192(perWeight),
            shownAt: uint64(block.number)
        });
        emit HeightPaid(height, epoch, amount, absent);
    }

    /// Pays those of the former absent who signed this one.
    function _widen(
        uint32 id,
        uint64 height,
        uint64 epoch,
        address[] calldata absent,
        address[] calldata former
    ) private {
        Shown storage shown = _shown[height];
        if (block.number > shown.shownAt + WIDEN_BLOCKS) revert HeightClosed();
        if (keccak256(abi.encode(former)) != shown.absentHash) revert FormerUnknown();
        (address[] memory left, address[] memory present) = _split(former, absent);
        uint256 perWeight = shown.perWeight;
        uint256 gained;
        for (uint256 index = 0; index < present.length; ++index) {
            _missed[epoch][present[index]] -= perWeight;
            gained += LIGHT.weightOf(id, epoch, present[index]);
        }
        if (gained == 0) revert NothingAdded();
        _owe(perWeight, gained);
        shown.absentHash = keccak256(abi.encode(left));
        emit HeightWidened(height, left);
    }

    /// Who of `former` is in `absent` as well, and who is not. Both rise, so one pass finds them.
    function _split(address[] calldata former, address[] calldata absent)
        private
        pure
        returns (address[] memory left, address[] memory present)
    {
        left = new address[](former.length);
        present = new address[](former.length);
        uint256 leftCount;
        uint256 presentCount;
        uint256 place;
        for (uint256 index = 0; index < former.length; ++index) {
            address operator = former[index];
            while (place < absent.length && absent[place] < operator) ++place;
            bool isLeft = place < absent.length && absent[place] == operator;
            if (isLeft) left[leftCount++] = operator;
            else present[presentCount++] = operator;
        }
        assembly ("memory-safe") {
            mstore(left, leftCount)
            mstore(present, presentCount)
        }
    }

    function _owe(uint256 perWeight, uint256 weight) private {
        // Rounded up, so that the sum of what is rounded down for each is covered.
        uint256 debt = owed + (perWeight * weight + SCALE - 1) / SCALE;
        // Of what is free a height takes a millionth, absent ones included; those that may still be
        // found present are of a few blocks, whose gas is enough for some hundreds of heights.
        assert(debt <= address(this).balance);
        owed = debt;
    }

    function _earned(address operator, uint64 epoch, uint64 weight) private view returns (uint256) {
        return uint256(weight) * (_perWeight[epoch] - _missed[epoch][operator]) / SCALE;
    }

    /// The certificate is not on a block of this chain, or names another height or epoch.
    error NotOfThisChain();
    /// Only every 16th height is paid.
    error HeightUnpaid();
    error HeightTooOld();
    /// The time in which others could be added is over.
    error HeightClosed();
    /// These are not the absent that were named before.
    error FormerUnknown();
    /// Nobody signed that had not.
    error NothingAdded();
    /// There is nothing left to pay from.
    error GrantSpent();
    error WeightUnproven(uint64 epoch);
    error AmountTooSmall(uint256 amount);
}
