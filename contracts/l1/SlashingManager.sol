// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {Bls} from "../proofs/Bls.sol";
import {History} from "../proofs/History.sol";
import {Votes} from "../proofs/Votes.sol";
import {FinalityOracle} from "./FinalityOracle.sol";
import {NetworkRegistry} from "./NetworkRegistry.sol";
import {OperatorRegistry} from "./OperatorRegistry.sol";
import {StakeManager} from "./StakeManager.sol";

/// @title Who signed what nobody may sign together loses stake. Signatures decide, and nothing else.
///
/// Anyone reports two statements of one operator in one network that are a fault: S1 to S7 of
/// docs/specs/votes.md section 6. Nobody can veto a report, and no authority can make one.
///
///     the fault is in the later of the two epochs, and is punished once for an operator, a network
///     and an epoch
///     part lost = 5 % + 3 * (weight punished in this network lately, this one's too) / (its total),
///     at most all of it, and at most what the operator consented to when it opted in
///
/// Faults together cost more than one alone: an attack needs a third of stake. A reporter gets a
/// twentieth of what is lost, which is far less than the loss, so that reporting oneself saves little.
/// Evidence is refused once what left after its epoch could have been withdrawn.
contract SlashingManager {
    using Checkpoints for Checkpoints.Trace208;
    using SafeCast for uint256;

    struct SignedRoundVote {
        Votes.RoundVote vote;
        bytes signature;
    }

    struct SignedFinalityVote {
        Votes.FinalityVote vote;
        bytes signature;
    }

    /// For S6: what the later vote's history holds at the height of the earlier one.
    struct Opening {
        bytes32 leaf;
        bytes32[] siblings;
    }

    uint16 public constant BASE_BPS = 500;
    uint16 public constant REPORTER_BPS = 500;
    uint256 private constant BPS = 10_000;
    uint256 private constant CORRELATION = 3;

    OperatorRegistry public immutable operators;
    NetworkRegistry public immutable networks;
    FinalityOracle public immutable oracle;
    StakeManager public immutable stakes;
    /// How long after the end of its epoch a fault may be reported, in seconds; and how long faults
    /// count as one attack.
    uint256 public immutable evidenceAgeMax;

    /// By operator, network and epoch.
    mapping(bytes32 fault => bool) public isPunished;
    /// Weight punished in a network so far, by time.
    mapping(uint32 id => Checkpoints.Trace208) private _punishedWeight;

    event Punished(
        address indexed operator,
        uint32 indexed id,
        uint64 indexed epoch,
        Votes.Fault fault,
        uint16 bps,
        uint256 assets,
        address reporter
    );

    constructor(FinalityOracle finality, StakeManager stakeManager, uint256 ageMax) {
        oracle = finality;
        networks = finality.networks();
        operators = finality.operators();
        stakes = stakeManager;
        evidenceAgeMax = ageMax;
        // MUST be shorter: what is punished must still be there.
        if (ageMax >= stakeManager.unbonding()) revert EvidenceAgeInvalid();
    }

    /// Reports two round votes: S1 to S4.
    function reportRoundVotes(
        uint32 id,
        address operator,
        SignedRoundVote calldata first,
        SignedRoundVote calldata second
    ) external {
        Votes.Fault fault = Votes.faultOf(first.vote, second.vote);
        if (fault == Votes.Fault.None) revert NotAFault();
        uint64 epoch = first.vote.epoch;
        Votes.Domain memory domain = oracle.domainOf(id);
        Bls.Key memory key = operators.keyAt(operator, epoch);
        _verify(key, Votes.digestOf(domain, first.vote), first.signature);
        _verify(key, Votes.digestOf(domain, second.vote), second.signature);
        _punish(id, operator, epoch, fault);
    }

    /// Reports two finality votes: S5, S7, and with an opening S6.
    function reportFinalityVotes(
        uint32 id,
        address operator,
        SignedFinalityVote calldata first,
        SignedFinalityVote calldata second,
        Opening calldata opening
    ) external {
        Votes.Fault fault = Votes.faultOf(first.vote, second.vote);
        if (fault == Votes.Fault.None) {
            if (!_contradicts(first.vote, second.vote, opening)) revert NotAFault();
            fault = Votes.Fault.S6;
        }
        Votes.Domain memory domain = oracle.domainOf(id);
        _verifyFinality(domain, operator, first);
        _verifyFinality(domain, operator, second);
        (uint64 a, uint64 b) = (first.vote.epoch, second.vote.epoch);
        _punish(id, operator, a > b ? a : b, fault);
    }

    /// What a fault of an operator in a network and an epoch would cost it now, in hundredths of a
    /// percent.
    function penaltyOf(uint32 id, address operator, uint64 epoch) public view returns (uint16) {
        uint256 total = networks.setAt(id, epoch).total;
        uint256 weight = operators.weightAt(operator, epoch) + _punishedLately(id);
        uint256 bps = BASE_BPS;
        bps += total == 0 ? BPS : Math.mulDiv(CORRELATION * BPS, weight, total);
        uint256 most = networks.stintAt(id, operator, epoch).slashBpsMax;
        if (bps > BPS) bps = BPS;
        return uint16(bps > most ? most : bps);
    }

    function _contradicts(
        Votes.FinalityVote calldata first,
        Votes.FinalityVote calldata second,
        Opening calldata opening
    ) private view returns (bool) {
        if (first.height == second.height) return false;
        bool isFirstLow = first.height < second.height;
        Votes.FinalityVote calldata low = isFirstLow ? first : second;
        Votes.FinalityVote calldata high = isFirstLow ? second : first;
        if (opening.leaf == low.consensusRoot) return false;
        return History.holds(high.histRoot, low.height, opening.leaf, opening.siblings);
    }

    function _verifyFinality(
        Votes.Domain memory domain,
        address operator,
        SignedFinalityVote calldata signed
    ) private view {
        Bls.Key memory key = operators.keyAt(operator, signed.vote.epoch);
        _verify(key, Votes.digestOf(domain, signed.vote), signed.signature);
    }

    function _verify(Bls.Key memory key, bytes32 digest, bytes calldata signature) private view {
        if (!Bls.verify(key, digest, signature)) revert SignatureInvalid();
    }

    function _punish(uint32 id, address operator, uint64 epoch, Votes.Fault fault) private {
        if (epoch > operators.currentEpoch()) revert EpochToCome();
        if (block.timestamp > operators.startOf(epoch + 1) + evidenceAgeMax) {
            revert EvidenceTooOld();
        }
        if (!networks.isMember(id, operator, epoch)) revert NotAMember();
        bytes32 name = keccak256(abi.encode(operator, id, epoch));
        if (isPunished[name]) revert AlreadyPunished();
        isPunished[name] = true;

        uint16 bps = penaltyOf(id, operator, epoch);
        Checkpoints.Trace208 storage trace = _punishedWeight[id];
        uint256 weight = trace.latest() + operators.weightAt(operator, epoch);
        trace.push(uint48(block.timestamp), weight.toUint208());
        uint256 assets = stakes.slash(operator, epoch, bps, msg.sender, REPORTER_BPS);
        emit Punished(operator, id, epoch, fault, bps, assets, msg.sender);
    }

    function _punishedLately(uint32 id) private view returns (uint256) {
        Checkpoints.Trace208 storage trace = _punishedWeight[id];
        if (block.timestamp < evidenceAgeMax) return trace.latest();
        uint48 before = uint48(block.timestamp - evidenceAgeMax);
        return trace.latest() - trace.upperLookupRecent(before);
    }

    error EvidenceAgeInvalid();
    /// One operator may sign both.
    error NotAFault();
    /// A signature is not that of the operator's key in the vote's epoch.
    error SignatureInvalid();
    /// The operator was no validator of the network in that epoch.
    error NotAMember();
    error EpochToCome();
    error EvidenceTooOld();
    /// This operator was punished for this network and epoch.
    error AlreadyPunished();
}
