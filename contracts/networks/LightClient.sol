// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bls} from "../proofs/Bls.sol";
import {ConsensusHeader} from "../proofs/ConsensusHeader.sol";
import {CertifiedBlocks} from "../proofs/CertifiedBlocks.sol";
import {History} from "../proofs/History.sol";
import {StakeProof} from "../proofs/StakeProof.sol";
import {Votes} from "../proofs/Votes.sol";
import {EPOCH_INFO} from "./Addresses.sol";
import {EpochInfo} from "./EpochInfo.sol";

/// @title What this network knows to be final on all networks, at 0x…2003 in its genesis.
///
/// Certificates are judged here by the rules of L1 (FinalityOracle, docs/specs/stake.md section 4)
/// but for their age, and who may sign them is proved out of L1's state, which the headers of this
/// network refer to:
///
///     header of this network -> L1 state root -> NetworkRegistry, OperatorRegistry -> set, members
///
/// A set is proved once an epoch, a member once an epoch in which it was absent from something;
/// they stay. Then a certificate costs its pairing check and the keys of the absent. Nothing here
/// halts a network: what contradicts the known block is refused, and L1's word that a network is
/// halted is taken by proof. By proof, too, is what L1 itself knows: so a network that is new, or
/// was asleep for more epochs than L1 keeps sets of, begins with the others where L1 stands.
///
/// Of any age L1 takes a close while the network lives, and whether it does is written there. Here
/// nothing is taken that is older than `certificateAgeMax` after its epoch, a close neither: a set
/// whose stake is free again decides nothing, and what is late comes by L1's word.
contract LightClient {
    using CertifiedBlocks for CertifiedBlocks.Book;

    /// As L1 takes it: who did not sign, in rising order, instead of a bitmap.
    struct Certificate {
        Votes.FinalityVote vote;
        address[] absent;
        bytes signature;
    }

    /// An operator in a network and an epoch.
    struct Member {
        uint64 weight;
        Bls.Key key;
    }

    /// The newest block that is known of a network.
    struct Final {
        uint64 epoch;
        uint64 height;
        /// Of a block that closes its epoch; 0 otherwise.
        uint64 nextEpoch;
        /// L1 halted the network, or buried it: nothing more is taken of it.
        bool isHalted;
        bool isDead;
        bytes32 blockHash;
        bytes32 consensusRoot;
        bytes32 histRoot;
    }

    EpochInfo private constant INFO = EpochInfo(EPOCH_INFO);

    mapping(uint32 id => StakeProof.Network) private _networks;
    mapping(uint32 id => mapping(uint64 epoch => StakeProof.Set)) private _sets;
    /// By hash of network, epoch and operator.
    mapping(bytes32 => Member) private _members;
    mapping(uint32 id => Final) private _final;
    mapping(uint32 id => CertifiedBlocks.Book) private _certified;

    event NetworkAdmitted(uint32 indexed id, uint64 firstEpoch, bytes32 genesisHash);
    event SetAdmitted(uint32 indexed id, uint64 indexed epoch, uint64 total, uint32 count);
    event MemberAdmitted(uint32 indexed id, uint64 indexed epoch, address operator, uint64 weight);
    event Finalized(
        uint32 indexed id, uint64 indexed epoch, uint64 indexed height, bytes32 consensusRoot
    );
    event Halted(uint32 indexed id, bool isDead);

    /// Takes in what L1 says of a network, this one included.
    function admitNetwork(
        uint32 id,
        ConsensusHeader.Proof calldata header,
        StakeProof.OfNetwork calldata proof
    ) external {
        if (_networks[id].genesisHash != 0) revert AlreadyAdmitted();
        StakeProof.L1State memory state = _l1State(header);
        StakeProof.Network memory network =
            StakeProof.networkOf(state.root, INFO.config().networkRegistry, id, proof);
        _networks[id] = network;
        Final storage known = _final[id];
        known.epoch = network.firstEpoch;
        known.blockHash = network.genesisHash;
        known.consensusRoot = network.genesisRoot;
        _certified[id].add(0, network.genesisRoot, 0);
        emit NetworkAdmitted(id, network.firstEpoch, network.genesisHash);
    }

    /// Takes in the set of a network in an epoch, from an L1 block of the epoch before it or later.
    function admitSet(
        uint32 id,
        uint64 epoch,
        ConsensusHeader.Proof calldata header,
        StakeProof.OfSet calldata proof
    ) external {
        if (_networks[id].genesisHash == 0) revert NetworkUnknown(id);
        if (_sets[id][epoch].total != 0) revert AlreadyAdmitted();
        StakeProof.Set memory set = StakeProof.setAt(
            _l1State(header), INFO.config().networkRegistry, id, epoch, proof
        );
        _sets[id][epoch] = set;
        emit SetAdmitted(id, epoch, set.total, set.count);
    }

    /// Takes in the weight and key of a member in an epoch, so that it may be named as absent.
    function admitMember(
        uint32 id,
        uint64 epoch,
        address operator,
        ConsensusHeader.Proof calldata header,
        StakeProof.OfWeight calldata weight,
        StakeProof.OfKey calldata key
    ) external {
        bytes32 place = _memberPlace(id, epoch, operator);
        if (_members[place].weight != 0) revert AlreadyAdmitted();
        (uint64 found, Bls.Key memory foundKey) = StakeProof.memberAt(
            _l1State(header), _registries(), id, operator, epoch, weight, key
        );
        _members[place] = Member({weight: found, key: foundKey});
        emit MemberAdmitted(id, epoch, operator, found);
    }

    /// Takes in a certificate that extends what is known. `siblings` prove the known block in its
    /// history.
    function submit(uint32 id, Certificate calldata certificate, bytes32[] calldata siblings)
        external
    {
        Final memory known = finalOf(id);
        Votes.FinalityVote calldata vote = certificate.vote;
        if (known.isHalted || known.isDead) revert NetworkHalted();
        if (vote.height <= known.height) revert NotNewer(known.height);
        uint64 expected = known.nextEpoch == 0 ? known.epoch : known.nextEpoch;
        if (vote.epoch != expected) revert EpochUnexpected(expected);
        if (vote.nextEpoch != 0) {
            // The next epoch is that of a final block of L1, so one that has begun there.
            if (vote.nextEpoch <= vote.epoch || vote.nextEpoch > INFO.l1Epoch()) {
                revert CloseInvalid();
            }
        }
        EpochInfo.Config memory config = INFO.config();
        uint256 end = config.epochStart + (uint256(vote.epoch) + 1) * config.epochLength;
        if (block.timestamp > end + config.certificateAgeMax) revert CertificateTooOld();
        if (!History.holds(vote.histRoot, known.height, known.consensusRoot, siblings)) {
            revert HistoryUnproven();
        }
        check(id, certificate);
        known.epoch = vote.epoch;
        known.height = vote.height;
        known.nextEpoch = vote.nextEpoch;
        known.blockHash = vote.blockHash;
        known.consensusRoot = vote.consensusRoot;
        known.histRoot = vote.histRoot;
        _final[id] = known;
        _certified[id].add(vote.height, vote.consensusRoot, vote.histRoot);
        emit Finalized(id, vote.epoch, vote.height, vote.consensusRoot);
    }

    /// Takes in what L1 knows of a network: a newer block, or that nothing follows.
    function adopt(
        uint32 id,
        ConsensusHeader.Proof calldata header,
        StakeProof.OfFinal calldata proof
    ) external {
        Final memory known = finalOf(id);
        StakeProof.Final memory found =
            StakeProof.finalOf(_l1State(header).root, INFO.config().finalityOracle, id, proof);
        bool isNewer = found.height > known.height && !known.isHalted && !known.isDead;
        bool isEnd = (found.isHalted && !known.isHalted) || (found.isDead && !known.isDead);
        if (!isNewer && !isEnd) revert NotNewer(known.height);
        if (isNewer) {
            known.epoch = found.epoch;
            known.height = found.height;
            known.nextEpoch = found.nextEpoch;
            known.blockHash = found.blockHash;
            known.consensusRoot = found.consensusRoot;
            known.histRoot = found.histRoot;
            _certified[id].add(found.height, found.consensusRoot, found.histRoot);
            emit Finalized(id, found.epoch, found.height, found.consensusRoot);
        }
        if (isEnd) {
            known.isHalted = known.isHalted || found.isHalted;
            known.isDead = known.isDead || found.isDead;
            emit Halted(id, found.isDead);
        }
        _final[id] = known;
    }

    /// Reverts unless a quorum of its epoch's set signed the certificate. Returns what the set
    /// weighs and what signed, in gwei.
    function check(uint32 id, Certificate calldata certificate)
        public
        view
        returns (uint256 total, uint256 signed)
    {
        Votes.FinalityVote memory vote = certificate.vote;
        StakeProof.Set storage set = _sets[id][vote.epoch];
        total = set.total;
        if (total == 0) revert SetUnknown(id, vote.epoch);
        Bls.Key memory key = set.key;
        uint256 absent;
        if (certificate.absent.length > 0) {
            Bls.Key memory sum;
            (sum, absent) = _sumOf(id, vote.epoch, certificate.absent);
            key = Bls.add(key, Bls.negate(sum));
        }
        signed = total - absent;
        // MUST be more than two thirds of all weight.
        if (3 * signed <= 2 * total) revert NoQuorum(signed, total);
        if (!Bls.verify(key, Votes.digestOf(_domainOf(id), vote), certificate.signature)) {
            revert CertificateInvalid();
        }
    }

    /// The newest block that is known of a network.
    function finalOf(uint32 id) public view returns (Final memory known) {
        known = _final[id];
        if (known.consensusRoot == 0) revert NetworkUnknown(id);
    }

    /// Whether `consensusRoot` is that of a height of the network, by a certificate or L1's word.
    function holds(
        uint32 id,
        uint64 height,
        bytes32 consensusRoot,
        bytes32[] calldata siblings
    ) external view returns (bool) {
        if (_final[id].consensusRoot == 0) revert NetworkUnknown(id);
        return _certified[id].holds(height, consensusRoot, siblings);
    }

    function isHalted(uint32 id) external view returns (bool) {
        return _final[id].isHalted;
    }

    function networkOf(uint32 id) external view returns (StakeProof.Network memory) {
        return _networks[id];
    }

    function setOf(uint32 id, uint64 epoch) external view returns (StakeProof.Set memory) {
        return _sets[id][epoch];
    }

    /// The weight of a member that was taken in; 0 of any other.
    function weightOf(uint32 id, uint64 epoch, address operator) external view returns (uint64) {
        return _members[_memberPlace(id, epoch, operator)].weight;
    }

    /// An operator's weight in an epoch and around it, proved and not kept.
    function spanOf(
        uint32 id,
        uint64 epoch,
        address operator,
        ConsensusHeader.Proof calldata header,
        StakeProof.OfWeight calldata proof
    ) external view returns (StakeProof.Span memory) {
        return StakeProof.weightAt(_l1State(header), _registries(), id, operator, epoch, proof);
    }

    function _sumOf(uint32 id, uint64 epoch, address[] calldata operators)
        private
        view
        returns (Bls.Key memory key, uint256 weight)
    {
        address last;
        for (uint256 index = 0; index < operators.length; ++index) {
            address operator = operators[index];
            // MUST rise: one that is named twice would be taken away twice.
            if (operator <= last) revert OperatorsUnordered();
            last = operator;
            Member storage member = _members[_memberPlace(id, epoch, operator)];
            uint256 own = member.weight;
            if (own == 0) revert MemberUnknown(operator);
            weight += own;
            key = index == 0 ? member.key : Bls.add(key, member.key);
        }
    }

    function _registries() private view returns (address[2] memory) {
        EpochInfo.Config memory config = INFO.config();
        return [config.networkRegistry, config.operatorRegistry];
    }

    function _domainOf(uint32 id) private view returns (Votes.Domain memory domain) {
        (, domain.l1ChainId, domain.staking) = INFO.domain();
        domain.networkId = id;
        domain.genesisHash = _networks[id].genesisHash;
    }

    function _l1State(ConsensusHeader.Proof calldata header)
        private
        view
        returns (StakeProof.L1State memory)
    {
        ConsensusHeader.verify(header);
        uint64 timestamp = ConsensusHeader.numberOf(header.fields, History.L1_TIMESTAMP);
        bytes32 root = header.fields[ConsensusHeader.L1_STATE_ROOT];
        return StakeProof.L1State({root: root, epoch: INFO.epochAt(timestamp)});
    }

    function _memberPlace(uint32 id, uint64 epoch, address operator)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(id, epoch, operator));
    }

    error AlreadyAdmitted();
    /// Nobody proved what L1 says of it.
    error NetworkUnknown(uint32 id);
    error SetUnknown(uint32 id, uint64 epoch);
    error MemberUnknown(address operator);
    /// Addresses must rise.
    error OperatorsUnordered();
    /// What signed weighs too little.
    error NoQuorum(uint256 signed, uint256 total);
    /// The signature is not that of all but the absent.
    error CertificateInvalid();
    error NetworkHalted();
    /// At or below the height that is known.
    error NotNewer(uint64 known);
    error EpochUnexpected(uint64 expected);
    /// What L1 knows of the network is newer, or will be: `adopt` takes it.
    error CertificateTooOld();
    /// It closes its epoch for an earlier one, or for one that no known block of L1 lies in.
    error CloseInvalid();
    /// The siblings do not lead from the known block to the certificate's history.
    error HistoryUnproven();
}
