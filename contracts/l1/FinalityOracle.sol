// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bls} from "../proofs/Bls.sol";
import {CertifiedBlocks} from "../proofs/CertifiedBlocks.sol";
import {History} from "../proofs/History.sol";
import {Votes} from "../proofs/Votes.sol";
import {NetworkRegistry} from "./NetworkRegistry.sol";
import {OperatorRegistry} from "./OperatorRegistry.sol";

/// @title What L1 knows to be final on each network.
///
/// Per network one block: the newest that a certificate proved. Another certificate is accepted if
///
///   (a) its epoch is that of the block, or, when the block closed its epoch, the one that follows;
///   (b) its history holds the block, at its height;
///   (c) it closes its epoch for one that has begun, or is no older than `certificateAgeMax` after
///       the end of its epoch.
///
/// A network is dead, for ever, when the epoch that is expected here has been over for `deadAfter` and
/// no certificate closed it: what it holds is paid back from the block that is known (RewardBridge).
/// Anyone may have that written down; certificates are refused from that moment on, written down or
/// not. So where `deadAfter` is shorter than stake takes to leave, no set signs anything here when
/// its stake is free.
///
/// Any block below is proved by `holds`: one certificate proves all of history, and what one proved
/// stays proved (CertifiedBlocks).
///
/// Two certificates that contradict each other are more than a third of stake at fault. Then the
/// network is halted here, for ever: a certificate whose history holds another block at the height
/// that is known, or one of that height with other content; or any two, by evidence that the
/// slashing manager took. A proof that does not hold only reverts, so nobody can halt a network
/// that did not fork.
contract FinalityOracle {
    using CertifiedBlocks for CertifiedBlocks.Book;

    /// A certificate as L1 takes it: who did not sign, in rising order, instead of a bitmap.
    struct Certificate {
        Votes.FinalityVote vote;
        address[] absent;
        bytes signature;
    }

    struct Final {
        uint64 epoch;
        uint64 height;
        /// Of a block that closes its epoch; 0 otherwise.
        uint64 nextEpoch;
        bool isHalted;
        bool isDead;
        /// When it was taken in, or the network died; in seconds since 1970.
        uint48 since;
        bytes32 blockHash;
        bytes32 consensusRoot;
        bytes32 histRoot;
    }

    NetworkRegistry public immutable networks;
    OperatorRegistry public immutable operators;
    /// What votes name as their staking contract.
    address public immutable staking;
    /// Who judges evidence, and may halt a network by it.
    address public immutable slashing;
    /// In seconds, from the end of its epoch.
    uint256 public immutable certificateAgeMax;
    /// A network whose expected epoch has been over for so long is dead, in seconds.
    uint256 public immutable deadAfter;

    mapping(uint32 id => Final) private _final;
    /// Who first brought the certificate that closed an epoch.
    mapping(uint32 id => mapping(uint64 epoch => address)) public reporterOf;
    mapping(uint32 id => CertifiedBlocks.Book) private _certified;

    event Finalized(uint32 indexed id, uint64 indexed epoch, uint64 indexed height, bytes32 consensusRoot);
    /// The first certificate that closed this epoch, and who brought it.
    event EpochClosed(uint32 indexed id, uint64 indexed epoch, uint64 nextEpoch, address reporter);
    /// Nothing final follows this height.
    event Died(uint32 indexed id, uint64 height);
    /// `other` is what contradicts the known block, zero when two certificates contradict each
    /// other.
    event Halted(uint32 indexed id, uint64 height, bytes32 known, bytes32 other);

    constructor(
        NetworkRegistry networkRegistry,
        OperatorRegistry operatorRegistry,
        address stakingContract,
        address slashingManager,
        uint256 ageMax,
        uint256 silence
    ) {
        networks = networkRegistry;
        operators = operatorRegistry;
        staking = stakingContract;
        slashing = slashingManager;
        certificateAgeMax = ageMax;
        deadAfter = silence;
    }

    /// Takes in a certificate that extends what is known. `siblings` prove the known block in its
    /// history.
    function submit(uint32 id, Certificate calldata certificate, bytes32[] calldata siblings)
        external
    {
        Final memory known = finalOf(id);
        Votes.FinalityVote calldata vote = certificate.vote;
        if (known.isHalted) revert NetworkHalted();
        uint64 expected = _expectedEpoch(known);
        uint256 end = operators.startOf(expected + 1);
        if (known.isDead || block.timestamp > end + deadAfter) revert NetworkDead();
        if (vote.height <= known.height) revert NotNewer(known.height);
        if (vote.epoch != expected) revert EpochUnexpected(expected);
        bool isClosing = vote.nextEpoch != 0;
        if (isClosing) {
            // The next epoch is that of a final block of L1, so of the past.
            if (vote.nextEpoch <= vote.epoch || vote.nextEpoch > operators.currentEpoch()) {
                revert CloseInvalid();
            }
        } else if (block.timestamp > end + certificateAgeMax) {
            revert CertificateTooOld();
        }
        if (!History.holds(vote.histRoot, known.height, known.consensusRoot, siblings)) {
            revert HistoryUnproven();
        }
        _verify(id, certificate);
        _final[id] = Final({
            epoch: vote.epoch,
            height: vote.height,
            nextEpoch: vote.nextEpoch,
            isHalted: false,
            isDead: false,
            since: uint48(block.timestamp),
            blockHash: vote.blockHash,
            consensusRoot: vote.consensusRoot,
            histRoot: vote.histRoot
        });
        _certified[id].add(vote.height, vote.consensusRoot, vote.histRoot);
        emit Finalized(id, vote.epoch, vote.height, vote.consensusRoot);
        if (isClosing) {
            reporterOf[id][vote.epoch] = msg.sender;
            emit EpochClosed(id, vote.epoch, vote.nextEpoch, msg.sender);
        }
    }

    /// Halts a network by a certificate whose history holds `other` where L1 knows a block.
    function haltByHistory(
        uint32 id,
        Certificate calldata certificate,
        bytes32 other,
        bytes32[] calldata siblings
    ) external {
        Final memory known = finalOf(id);
        if (certificate.vote.height <= known.height || other == known.consensusRoot) {
            revert NoContradiction();
        }
        if (!History.holds(certificate.vote.histRoot, known.height, other, siblings)) {
            revert HistoryUnproven();
        }
        _halt(id, known, certificate, other);
    }

    /// Halts a network by a certificate of the height that L1 knows, with other content.
    function haltByConflict(uint32 id, Certificate calldata certificate) external {
        Final memory known = finalOf(id);
        Votes.FinalityVote calldata vote = certificate.vote;
        bool isSame = vote.epoch == known.epoch && vote.nextEpoch == known.nextEpoch
            && vote.blockHash == known.blockHash && vote.consensusRoot == known.consensusRoot
            && vote.histRoot == known.histRoot;
        // Height 0 is the genesis, which no certificate made.
        if (vote.height != known.height || known.height == 0 || isSame) revert NoContradiction();
        _halt(id, known, certificate, vote.consensusRoot);
    }

    /// Buries a network that is dead by the clock: for ever.
    function declareDead(uint32 id) external {
        Final memory known = finalOf(id);
        if (known.isDead) revert NetworkDead();
        uint256 end = _livesUntil(known);
        if (block.timestamp <= end) revert StillAlive(end);
        known.isDead = true;
        known.since = uint48(block.timestamp);
        _final[id] = known;
        emit Died(id, known.height);
    }

    /// Halts a network of which two finality certificates contradict each other.
    function haltByFault(uint32 id) external {
        if (msg.sender != slashing) revert NotTheSlashingManager();
        Final memory known = finalOf(id);
        if (!known.isHalted) _setHalted(id, known, 0);
    }

    /// Reverts unless a quorum of its epoch's set signed the certificate.
    function check(uint32 id, Certificate calldata certificate) external view {
        _verify(id, certificate);
    }

    /// The newest block that L1 knows of a network; its genesis before any certificate.
    function finalOf(uint32 id) public view returns (Final memory known) {
        known = _final[id];
        if (known.consensusRoot != 0) return known;
        NetworkRegistry.Network memory network = networks.networkOf(id);
        // MUST have begun: what is silent because it does not exist is not dead.
        if (network.firstEpoch == 0) revert NetworkOpening();
        known.epoch = network.firstEpoch;
        known.since = uint48(operators.startOf(network.firstEpoch));
        known.blockHash = network.genesisHash;
        known.consensusRoot = network.genesisRoot;
    }

    /// The last second in which a certificate of a network is taken, if none comes before: after it
    /// anyone may bury it.
    function livesUntil(uint32 id) external view returns (uint256) {
        return _livesUntil(finalOf(id));
    }

    /// Whether a network is halted, and whether it was buried.
    function statusOf(uint32 id) external view returns (bool isHalted, bool isDead) {
        Final storage known = _final[id];
        return (known.isHalted, known.isDead);
    }

    /// Whether `consensusRoot` is that of a height of the network, by a certificate that was taken.
    function holds(
        uint32 id,
        uint64 height,
        bytes32 consensusRoot,
        bytes32[] calldata siblings
    ) external view returns (bool) {
        return _certified[id].holds(height, consensusRoot, siblings);
    }

    /// What votes of a network are at home in.
    function domainOf(uint32 id) public view returns (Votes.Domain memory) {
        return Votes.Domain({
            l1ChainId: uint64(block.chainid),
            staking: staking,
            networkId: id,
            genesisHash: networks.genesisHashOf(id)
        });
    }

    function _halt(uint32 id, Final memory known, Certificate calldata certificate, bytes32 other)
        private
    {
        if (known.isHalted) revert NetworkHalted();
        if (known.isDead || block.timestamp > _livesUntil(known)) revert NetworkDead();
        uint64 epoch = certificate.vote.epoch;
        if (epoch < known.epoch || epoch > operators.currentEpoch()) {
            revert EpochUnexpected(known.epoch);
        }
        _verify(id, certificate);
        _setHalted(id, known, other);
    }

    function _livesUntil(Final memory known) private view returns (uint256) {
        return operators.startOf(_expectedEpoch(known) + 1) + deadAfter;
    }

    /// The epoch of which certificates are taken.
    function _expectedEpoch(Final memory known) private pure returns (uint64) {
        return known.nextEpoch == 0 ? known.epoch : known.nextEpoch;
    }

    function _setHalted(uint32 id, Final memory known, bytes32 other) private {
        known.isHalted = true;
        _final[id] = known;
        emit Halted(id, known.height, known.consensusRoot, other);
    }

    function _verify(uint32 id, Certificate calldata certificate) private view {
        Votes.FinalityVote memory vote = certificate.vote;
        Bls.Key memory key = networks.quorumKey(id, vote.epoch, certificate.absent);
        if (!Bls.verify(key, Votes.digestOf(domainOf(id), vote), certificate.signature)) {
            revert CertificateInvalid();
        }
    }

    error NotTheSlashingManager();
    error NetworkHalted();
    error NetworkDead();
    /// It has no genesis yet.
    error NetworkOpening();
    /// It dies when its epoch is not closed here until then.
    error StillAlive(uint256 end);
    /// At or below the height that is known.
    error NotNewer(uint64 known);
    error EpochUnexpected(uint64 expected);
    error CertificateTooOld();
    /// It closes its epoch for an earlier one, or for one that has not begun.
    error CloseInvalid();
    /// The siblings do not lead from the leaf to the certificate's history.
    error HistoryUnproven();
    error NoContradiction();
    /// The signature is not that of all but the absent.
    error CertificateInvalid();
}
