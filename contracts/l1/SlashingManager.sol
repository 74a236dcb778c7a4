// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {Bls} from "../proofs/Bls.sol";
import {History} from "../proofs/History.sol";
import {Votes} from "../proofs/Votes.sol";
import {Epochs} from "./Epochs.sol";
import {FinalityOracle} from "./FinalityOracle.sol";
import {NetworkRegistry} from "./NetworkRegistry.sol";
import {OperatorRegistry} from "./OperatorRegistry.sol";
import {PunishedWeight} from "./PunishedWeight.sol";
import {Punishments} from "./Punishments.sol";
import {StakeManager} from "./StakeManager.sol";

/// @title Who signed what nobody may sign together loses stake. Signatures decide, and nothing
/// else.
///
/// Anyone reports two statements of one network that are a fault (docs/specs/votes.md section 6):
///
///     of one operator          S1 to S7     report*     verified and punished at once
///     of two certificates      S8           prove*      verified once, then punished in pages: every
///                                                       operator that signed both
///     of one operator, for DA  S9           reportDataVotes
///
/// Evidence is the two statements and the sum of their two signatures. Nobody can veto a report,
/// and no authority can make one. The fault is in the later of the two epochs. For a network and an
/// epoch an operator is punished once for statements of its own (S1 to S7), once for two
/// certificates, and once for data (S9).
///
///     part lost = 5 % + 3 * (weight punished in this network lately, this one's too) / (its total),
///     at most all of it, and at most what the operator consented to when it opted in
///
/// Each operator's weight counts once in it (PunishedWeight), and for as long as evidence may come of
/// any epoch in which it weighed: so no early report of a culprit makes it cheaper for the others.
///
/// Faults together cost more than one alone: an attack needs a third of stake. Two certificates are
/// such an attack, so whoever signed both loses all that it consented to: what is left of it, when
/// it was punished for statements of its own before (Punishments). A reporter gets a twentieth of
/// what is lost, and nothing else is saved by reporting oneself. Evidence is refused once what left
/// after its epoch, the earlier of two, could have been withdrawn.
///
/// When more than a third of a network was punished lately for statements of single operators, it
/// is a client's fault rather than an attack: each further punishment of that kind is settled at
/// the report, as it would have been, and executed by anyone `massDelay` later. Nothing calls it
/// off, and stake that leaves meanwhile cannot be withdrawn before. Two certificates wait for
/// nothing: they take what was deferred with the rest, and no execution follows.
///
/// **Data.** Any operator may sign for the data of a network, whether it validates it or not, and
/// S9 is judged of all alike, apart from consensus:
///
///     consent     who signs in a network's name consents to three tenths by it, as whoever joins
///                 one does at least; who validates it keeps what it said there
///     lately      the weight punished for S9 in that network, a third of the total makes it wait.
///                 No fault of consensus is dearer or later for it, nor the other way round: else
///                 outsiders could delay what validators have to pay
///     its total   that of its validators, too. What its signers weigh is known on the network
///                 alone, which must not say what its operators lose
///     key         the operator's of the epoch, or of two epochs before: a place in DataSigners
///                 keeps its key until somebody contests it
///
/// Two finality certificates that contradict each other also halt their network on L1.
contract SlashingManager is Epochs {
    using PunishedWeight for PunishedWeight.Ledger;
    using Punishments for Punishments.Book;

    /// For S6: what the later vote's history holds at the height of the earlier one.
    struct Opening {
        bytes32 leaf;
        bytes32[] siblings;
    }

    /// Two certificates that contradict each other.
    struct Conflict {
        uint32 id;
        Votes.Fault fault;
        /// The set that each is of.
        uint64 firstEpoch;
        uint64 secondEpoch;
        /// Who did not sign each, in rising order.
        address[] firstAbsent;
        address[] secondAbsent;
    }

    /// A punishment that was reported and is not executed yet.
    struct Deferral {
        address operator;
        uint32 id;
        uint64 epoch;
        address reporter;
        uint16 bps;
        Votes.Fault fault;
        /// Anyone executes it from then on, in seconds since 1970.
        uint48 due;
    }

    /// Where what an operator did is written down, and the most that it may cost.
    struct Accused {
        /// Of a network: its id for consensus, with DATA for data.
        uint64 docket;
        uint256 member;
        uint16 most;
    }

    uint16 public constant BASE_BPS = 500;
    uint16 public constant REPORTER_BPS = 500;
    uint256 private constant BPS = 10_000;
    uint256 private constant CORRELATION = 3;
    /// More than total / MASS_PART punished lately delays what comes next.
    uint256 public constant MASS_PART = 3;
    uint64 private constant DATA = 1 << 32;

    OperatorRegistry public immutable operators;
    NetworkRegistry public immutable networks;
    FinalityOracle public immutable oracle;
    StakeManager public immutable stakes;
    /// How long after the end of its epoch a fault may be reported, in seconds.
    uint256 public immutable evidenceAgeMax;
    /// In seconds, from a report to its execution when many were punished before.
    uint256 public immutable massDelay;
    /// Epochs of a span of punished weight: it counts in two spans after its own.
    uint64 public immutable spanEpochs;
    /// The most that S9 costs who does not validate the network, in hundredths of a percent.
    uint16 public immutable outsiderBpsMax;
    /// What votes name as their staking contract.
    address private immutable _staking;

    /// By the epoch of the faults.
    mapping(uint64 docket => mapping(uint64 epoch => Punishments.Book)) private _books;
    /// By the hash of a Conflict.
    mapping(bytes32 conflict => bool) public isProven;
    mapping(uint64 docket => PunishedWeight.Ledger) private _weights;
    mapping(uint256 number => Deferral) private _deferrals;
    uint256 public deferralCount;

    event Punished(
        address indexed operator,
        uint32 indexed id,
        uint64 indexed epoch,
        Votes.Fault fault,
        uint16 bps,
        uint256 assets,
        address reporter
    );
    /// It is to be executed later, by its number.
    event Deferred(uint256 indexed number, Deferral deferral);
    /// Two certificates took it before it was due.
    event Superseded(uint256 indexed number);
    /// Operators that signed both may be punished from now on.
    event ConflictProven(bytes32 indexed name, Conflict conflict);

    constructor(
        FinalityOracle finality,
        StakeManager stakeManager,
        uint256 ageMax,
        uint256 delay
    ) Epochs(finality.operators().epochStart(), finality.operators().epochLength()) {
        oracle = finality;
        networks = finality.networks();
        operators = finality.operators();
        stakes = stakeManager;
        evidenceAgeMax = ageMax;
        massDelay = delay;
        _staking = finality.staking();
        outsiderBpsMax = networks.SLASH_BPS_LEAST();
        // Who is punished now weighs in no epoch after so many, deferred or not.
        uint64 epochs = NOTICE + 1 + uint64((ageMax + delay) / epochLength);
        spanEpochs = (epochs + PunishedWeight.SPANS_AFTER - 1) / PunishedWeight.SPANS_AFTER;
        // MUST be longer: what is punished must still be there, when it is late as well; and by as
        // much as L1 takes certificates after their epoch, so that there is time for those who look.
        uint256 least = ageMax + delay + finality.certificateAgeMax() + 1;
        if (stakeManager.unbonding() < least) revert UnbondingTooShort(least);
    }

    /// Reports two round votes of an operator: S1 to S4.
    function reportRoundVotes(
        uint32 id,
        address operator,
        Votes.RoundVote calldata first,
        Votes.RoundVote calldata second,
        bytes calldata signature
    ) external {
        Votes.Fault fault = Votes.faultOf(first, second);
        if (fault == Votes.Fault.None) revert NotAFault();
        Votes.Domain memory domain = _domainOf(id);
        Bls.Key memory key = operators.keyAt(operator, first.epoch);
        _verify(key, Votes.digestOf(domain, first), key, Votes.digestOf(domain, second), signature);
        _punishOne(id, operator, first.epoch, fault);
    }

    /// Reports two finality votes of an operator: S5, S7, and with an opening S6.
    function reportFinalityVotes(
        uint32 id,
        address operator,
        Votes.FinalityVote calldata first,
        Votes.FinalityVote calldata second,
        Opening calldata opening,
        bytes calldata signature
    ) external {
        Votes.Fault fault = _finalityFault(first, second, opening);
        Votes.Domain memory domain = _domainOf(id);
        _verify(
            operators.keyAt(operator, first.epoch),
            Votes.digestOf(domain, first),
            operators.keyAt(operator, second.epoch),
            Votes.digestOf(domain, second),
            signature
        );
        uint64 later = uint64(Math.max(first.epoch, second.epoch));
        // MUST be young as well: a key that was retired, stake and all, convicts nobody.
        if (first.epoch != second.epoch) {
            uint64 earlier = first.epoch + second.epoch - later;
            _checkAge(earlier);
            _checkSigner(id, operator, earlier);
        }
        _punishOne(id, operator, later, fault);
    }

    /// Reports two commitments that an operator signed for one batch of data: S9. It need not
    /// validate the network.
    function reportDataVotes(
        uint32 id,
        address operator,
        Votes.DataVote calldata first,
        Votes.DataVote calldata second,
        bytes calldata signature
    ) external {
        Votes.Fault fault = Votes.faultOf(first, second);
        if (fault == Votes.Fault.None) revert NotAFault();
        Votes.Domain memory domain = _domainOf(id);
        bytes32[2] memory digests =
            [Votes.digestOf(domain, first), Votes.digestOf(domain, second)];
        _verifyData(operator, first.epoch, digests, signature);
        _punishOne(id, operator, first.epoch, fault);
    }

    /// Proves two certificates of a view that contradict each other: S8 of S1 to S4.
    function proveRoundConflict(
        uint32 id,
        Votes.RoundVote calldata first,
        address[] calldata firstAbsent,
        Votes.RoundVote calldata second,
        address[] calldata secondAbsent,
        bytes calldata signature
    ) external {
        Votes.Fault fault = Votes.faultOf(first, second);
        if (fault == Votes.Fault.None) revert NotAFault();
        Conflict memory conflict =
            Conflict(id, fault, first.epoch, second.epoch, firstAbsent, secondAbsent);
        Votes.Domain memory domain = _domainOf(id);
        _prove(conflict, Votes.digestOf(domain, first), Votes.digestOf(domain, second), signature);
    }

    /// Proves two finality certificates that contradict each other, S8 of S5 to S7, and halts their
    /// network.
    function proveFinalityConflict(
        uint32 id,
        Votes.FinalityVote calldata first,
        address[] calldata firstAbsent,
        Votes.FinalityVote calldata second,
        address[] calldata secondAbsent,
        Opening calldata opening,
        bytes calldata signature
    ) external {
        Votes.Fault fault = _finalityFault(first, second, opening);
        Conflict memory conflict =
            Conflict(id, fault, first.epoch, second.epoch, firstAbsent, secondAbsent);
        Votes.Domain memory domain = _domainOf(id);
        _prove(conflict, Votes.digestOf(domain, first), Votes.digestOf(domain, second), signature);
        oracle.haltByFault(id);
    }

    /// Punishes operators that signed both certificates of a proven conflict; their addresses rise.
    /// Who was punished for statements of its own loses the rest, and who was for a conflict of this
    /// epoch is passed over, so that a page cannot be spoiled.
    function punish(Conflict calldata conflict, address[] calldata culprits) external {
        if (!isProven[keccak256(abi.encode(conflict))]) revert ConflictUnproven();
        uint64 epoch = uint64(Math.max(conflict.firstEpoch, conflict.secondEpoch));
        _checkAge(epoch);
        StakeManager.Cut[] memory cuts = new StakeManager.Cut[](culprits.length);
        uint256 count;
        (uint256 first, uint256 second) = (0, 0);
        for (uint256 index = 0; index < culprits.length; ++index) {
            address operator = culprits[index];
            // MUST rise, as the absent do: so one walk tells whether it is among them.
            if (index > 0 && operator <= culprits[index - 1]) revert CulpritsUnordered();
            first = _walk(conflict.firstAbsent, first, operator);
            second = _walk(conflict.secondAbsent, second, operator);
            uint16 rest = _convict(conflict, operator, epoch);
            if (rest > 0) cuts[count++] = StakeManager.Cut(operator, epoch, rest);
        }
        assembly ("memory-safe") {
            mstore(cuts, count)
        }
        uint256[] memory assets = stakes.slash(cuts, msg.sender, REPORTER_BPS);
        for (uint256 index = 0; index < count; ++index) {
            StakeManager.Cut memory cut = cuts[index];
            emit Punished(
                cut.operator,
                conflict.id,
                epoch,
                conflict.fault,
                cut.bps,
                assets[index],
                msg.sender
            );
        }
    }

    /// Executes a punishment that was deferred.
    function execute(uint256 number) external {
        Deferral memory found = _deferrals[number];
        if (found.due == 0) revert NotDeferred();
        if (block.timestamp < found.due) revert StillDeferred(found.due);
        delete _deferrals[number];
        bool isData = found.fault == Votes.Fault.S9;
        Accused memory accused = _accusedOf(found.id, found.operator, found.epoch, isData);
        if (_books[accused.docket][found.epoch].take(accused.member, found.bps)) _slash(found);
        else emit Superseded(number);
    }

    /// A punishment to come; all zero when there is none of that number.
    function deferralOf(uint256 number) external view returns (Deferral memory) {
        return _deferrals[number];
    }

    /// Whether an operator was punished for a network and an epoch, or is to be: for S1 to S8.
    function isPunished(uint32 id, address operator, uint64 epoch) external view returns (bool) {
        return _isPunished(id, operator, epoch, false);
    }

    /// The same for S9.
    function isDataPunished(uint32 id, address operator, uint64 epoch)
        external
        view
        returns (bool)
    {
        return _isPunished(id, operator, epoch, true);
    }

    /// Whether it was for two certificates: so all that it consented to is taken.
    function isConvicted(uint32 id, address operator, uint64 epoch) external view returns (bool) {
        uint256 member = _accusedOf(id, operator, epoch, false).member;
        return _books[id][epoch].isConvicted(member);
    }

    /// What a fault of an operator in a network and an epoch would cost it now, in hundredths of a
    /// percent: S1 to S7.
    function penaltyOf(uint32 id, address operator, uint64 epoch) external view returns (uint16) {
        return _penaltyOf(id, operator, epoch, false);
    }

    /// The same of S9.
    function dataPenaltyOf(uint32 id, address operator, uint64 epoch)
        external
        view
        returns (uint16)
    {
        return _penaltyOf(id, operator, epoch, true);
    }

    function _isPunished(uint32 id, address operator, uint64 epoch, bool isData)
        private
        view
        returns (bool)
    {
        Accused memory accused = _accusedOf(id, operator, epoch, isData);
        return _books[accused.docket][epoch].isPunished(accused.member);
    }

    function _penaltyOf(uint32 id, address operator, uint64 epoch, bool isData)
        private
        view
        returns (uint16 bps)
    {
        Accused memory accused = _accusedOf(id, operator, epoch, isData);
        (bps,) = _judge(id, epoch, _weigh(accused, operator, epoch), accused);
    }

    function _penalty(uint256 weight, uint256 total, uint16 most) private pure returns (uint16) {
        uint256 bps = BASE_BPS;
        bps += total == 0 ? BPS : Math.mulDiv(CORRELATION * BPS, weight, total);
        return uint16(Math.min(Math.min(bps, BPS), most));
    }

    function _finalityFault(
        Votes.FinalityVote calldata first,
        Votes.FinalityVote calldata second,
        Opening calldata opening
    ) private view returns (Votes.Fault fault) {
        fault = Votes.faultOf(first, second);
        if (fault != Votes.Fault.None) return fault;
        if (first.height == second.height) revert NotAFault();
        bool isFirstLow = first.height < second.height;
        Votes.FinalityVote calldata low = isFirstLow ? first : second;
        Votes.FinalityVote calldata high = isFirstLow ? second : first;
        bool isOther = opening.leaf != low.consensusRoot
            && History.holds(high.histRoot, low.height, opening.leaf, opening.siblings);
        if (!isOther) revert NotAFault();
        return Votes.Fault.S6;
    }

    function _prove(
        Conflict memory conflict,
        bytes32 firstDigest,
        bytes32 secondDigest,
        bytes calldata signature
    ) private {
        // Both: who signed an epoch whose stake is gone decides nothing any more.
        _checkAge(conflict.firstEpoch);
        _checkAge(conflict.secondEpoch);
        bytes32 name = keccak256(abi.encode(conflict));
        if (isProven[name]) revert AlreadyProven();
        isProven[name] = true;
        uint32 id = conflict.id;
        _verify(
            networks.quorumKey(id, conflict.firstEpoch, conflict.firstAbsent),
            firstDigest,
            networks.quorumKey(id, conflict.secondEpoch, conflict.secondAbsent),
            secondDigest,
            signature
        );
        emit ConflictProven(name, conflict);
    }

    function _verify(
        Bls.Key memory firstKey,
        bytes32 firstDigest,
        Bls.Key memory secondKey,
        bytes32 secondDigest,
        bytes calldata signature
    ) private view {
        if (!Bls.verifyBoth(firstKey, firstDigest, secondKey, secondDigest, signature)) {
            revert SignatureInvalid();
        }
    }

    /// By the operator's key of the epoch, or by the one that it had two epochs before.
    function _verifyData(
        address operator,
        uint64 epoch,
        bytes32[2] memory digests,
        bytes calldata signature
    ) private view {
        Bls.Key memory key = operators.keyAt(operator, epoch);
        if (Bls.verifyBoth(key, digests[0], key, digests[1], signature)) return;
        // Keys hold from epoch 2 on, and each for two epochs at least.
        try operators.keyAt(operator, epoch - NOTICE) returns (Bls.Key memory former) {
            _verify(former, digests[0], former, digests[1], signature);
        } catch {
            revert SignatureInvalid();
        }
    }

    function _punishOne(uint32 id, address operator, uint64 epoch, Votes.Fault fault) private {
        _checkAge(epoch);
        Accused memory accused = _accusedOf(id, operator, epoch, fault == Votes.Fault.S9);
        PunishedWeight.Weighing memory weighing = _weigh(accused, operator, epoch);
        (uint16 bps, bool isDeferred) = _judge(id, epoch, weighing, accused);
        if (!_books[accused.docket][epoch].report(accused.member, isDeferred ? 0 : bps)) {
            revert AlreadyPunished();
        }
        _weights[accused.docket].count(accused.member, weighing, true);
        Deferral memory found = Deferral({
            operator: operator,
            id: id,
            epoch: epoch,
            reporter: msg.sender,
            bps: bps,
            fault: fault,
            due: uint48(block.timestamp + massDelay)
        });
        if (!isDeferred) return _slash(found);
        uint256 number = ++deferralCount;
        _deferrals[number] = found;
        emit Deferred(number, found);
    }

    /// What statements of an operator cost it, and whether very much was punished before them.
    function _judge(
        uint32 id,
        uint64 epoch,
        PunishedWeight.Weighing memory weighing,
        Accused memory accused
    ) private view returns (uint16 bps, bool isDeferred) {
        uint256 total = networks.totalAt(id, epoch);
        (uint256 lately, uint256 singles) = _weights[accused.docket].lately(weighing);
        return (_penalty(lately, total, accused.most), singles * MASS_PART > total);
    }

    /// What two certificates cost an operator now.
    function _convict(Conflict calldata conflict, address operator, uint64 epoch)
        private
        returns (uint16 rest)
    {
        uint32 id = conflict.id;
        if (conflict.firstEpoch != conflict.secondEpoch) {
            _checkSigner(id, operator, conflict.firstEpoch + conflict.secondEpoch - epoch);
        }
        Accused memory accused = _accusedOf(id, operator, epoch, false);
        PunishedWeight.Weighing memory weighing = _weigh(accused, operator, epoch);
        // MUST weigh: without weight its key is in no certificate.
        if (weighing.own == 0) revert NotAMember(operator);
        bool isFirst;
        (rest, isFirst) = _books[accused.docket][epoch].convict(accused.member, accused.most);
        if (isFirst) _weights[accused.docket].count(accused.member, weighing, false);
    }

    function _slash(Deferral memory found) private {
        StakeManager.Cut[] memory cuts = new StakeManager.Cut[](1);
        cuts[0] = StakeManager.Cut(found.operator, found.epoch, found.bps);
        address reporter = found.reporter;
        uint256[] memory assets = stakes.slash(cuts, reporter, REPORTER_BPS);
        emit Punished(
            found.operator, found.id, found.epoch, found.fault, found.bps, assets[0], reporter
        );
    }

    function _checkAge(uint64 epoch) private view {
        if (epoch > currentEpoch()) revert EpochToCome();
        if (block.timestamp > startOf(epoch + 1) + evidenceAgeMax) revert EvidenceTooOld();
    }

    function _weigh(Accused memory accused, address operator, uint64 epoch)
        private
        view
        returns (PunishedWeight.Weighing memory)
    {
        uint64 span = currentEpoch() / spanEpochs;
        return _weights[accused.docket].weigh(operators, operator, accused.member, epoch, span);
    }

    /// Reverts unless an operator may be accused: of consensus members alone, of data anyone.
    function _accusedOf(uint32 id, address operator, uint64 epoch, bool isData)
        private
        view
        returns (Accused memory)
    {
        NetworkRegistry.Stint memory stint = networks.stintAt(id, operator, epoch);
        bool isOutside = stint.fromEpoch == 0;
        if (isData) {
            // Who never joined has no number there.
            uint16 most = isOutside ? outsiderBpsMax : stint.slashBpsMax;
            return Accused(DATA | id, uint160(operator), most);
        }
        if (isOutside) revert NotAMember(operator);
        return Accused(id, stint.member, stint.slashBpsMax);
    }

    function _domainOf(uint32 id) private view returns (Votes.Domain memory) {
        return Votes.Domain(uint64(block.chainid), _staking, id, networks.genesisHashOf(id));
    }

    /// Reverts unless an operator was of an epoch's set.
    function _checkSigner(uint32 id, address operator, uint64 epoch) private view {
        bool isMember = networks.isMember(id, operator, epoch);
        if (!isMember || operators.weightAt(operator, epoch) == 0) revert NotAMember(operator);
    }

    /// Goes on in a list that rises, up to an operator that must not be in it.
    function _walk(address[] calldata absent, uint256 from, address operator)
        private
        pure
        returns (uint256 next)
    {
        next = from;
        while (next < absent.length && absent[next] < operator) ++next;
        if (next < absent.length && absent[next] == operator) revert NotASigner(operator);
    }

    error UnbondingTooShort(uint256 least);
    /// One operator may sign both.
    error NotAFault();
    /// It is not the sum of the signatures on both statements.
    error SignatureInvalid();
    /// The operator was no validator of the network in that epoch, or without weight in a
    /// conflict's.
    error NotAMember(address operator);
    /// The operator is among the absent of a certificate.
    error NotASigner(address operator);
    error CulpritsUnordered();
    error ConflictUnproven();
    error AlreadyProven();
    error EpochToCome();
    error EvidenceTooOld();
    /// This operator was punished for this network and epoch, or is to be: for consensus, or for
    /// data.
    error AlreadyPunished();
    error NotDeferred();
    /// It is executed from then on.
    error StillDeferred(uint256 due);
}
