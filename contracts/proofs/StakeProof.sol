// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {TrieProof} from "@openzeppelin/contracts/utils/cryptography/TrieProof.sol";

import {Bls} from "./Bls.sol";
import {ExecutionProof} from "./ExecutionProof.sol";

/// @title What L1 keeps of networks, sets, operators and finality, proved from a state root of L1.
///
/// Slots are where solc lays them out for contracts/l1; what they mean is docs/specs/stake.md. A
/// change made in epoch s holds from s + 2 on, so a state of epoch s settles every epoch up to s +
/// 1, and what is read here answers for these alone.
///
///     NetworkRegistry     0 _networks   1 _sets   3 _stint
///     OperatorRegistry    1 _latest     2 _key    3 _earlierKeys
///     FinalityOracle      0 _final
///
/// Of an operator the two newest weights, the two newest keys and the newest stint are read. A
/// state of epoch e - 1 always has in them what holds in e: a later one may not.
library StakeProof {
    /// A state of L1, and the epoch in which its block lies.
    struct L1State {
        bytes32 root;
        uint64 epoch;
    }

    struct Network {
        uint64 firstEpoch;
        bytes32 genesisHash;
        bytes32 genesisRoot;
    }

    struct OfNetwork {
        bytes[] account;
        bytes[] epochs;
        bytes[] genesisHash;
        bytes[] genesisRoot;
    }

    /// The operators of a network in an epoch.
    struct Set {
        /// In gwei.
        uint64 total;
        uint32 count;
        Bls.Key key;
    }

    struct OfSet {
        bytes[] account;
        /// First word of the network.
        bytes[] epochs;
        bytes[] count;
        /// Of the point that holds in the epoch, counted from the network's first.
        uint64 number;
        bytes[] head;
        bytes[][3] key;
        /// First word of the point after it; unused of the newest.
        bytes[] next;
    }

    /// From an epoch until before another, in all of which the operator has this weight.
    struct Span {
        uint64 fromEpoch;
        uint64 untilEpoch;
        /// In gwei.
        uint64 weight;
    }

    struct OfWeight {
        bytes[] registry;
        bytes[] stint;
        bytes[] operators;
        bytes[] latest;
    }

    struct OfKey {
        bytes[][3] key;
        /// The two below only of a key that was rotated away since.
        bytes[] earlierCount;
        bytes[] earlierFrom;
    }

    /// Of an operator, whatever networks it is in.
    struct OfOperator {
        bytes[] account;
        bytes[] latest;
        OfKey key;
    }

    /// What FinalityOracle knows.
    struct Final {
        uint64 epoch;
        uint64 height;
        uint64 nextEpoch;
        bool isHalted;
        bool isDead;
        bytes32 blockHash;
        bytes32 consensusRoot;
        bytes32 histRoot;
    }

    struct OfFinal {
        bytes[] account;
        bytes[] head;
        bytes[][3] roots;
    }

    uint256 private constant NETWORKS = 0;
    uint256 private constant SETS = 1;
    uint256 private constant STINTS = 3;
    uint256 private constant LATEST = 1;
    uint256 private constant KEYS = 2;
    uint256 private constant EARLIER_KEYS = 3;
    uint256 private constant FINALS = 0;

    /// Words of a network.
    uint256 private constant GENESIS_HASH = 2;
    uint256 private constant GENESIS_ROOT = 3;
    /// SET_POINTS of ValidatorSets, and words of a point.
    uint64 private constant SET_POINTS = 64;
    uint256 private constant POINT_WORDS = 4;
    /// Words of an earlier key: its epoch, then the key.
    uint256 private constant PERIOD_WORDS = 4;

    function networkOf(bytes32 stateRoot, address registry, uint32 id, OfNetwork calldata proof)
        internal
        pure
        returns (Network memory network)
    {
        bytes32 trie = ExecutionProof.accountOf(stateRoot, registry, proof.account).storageRoot;
        uint256 place = mapped(id, NETWORKS);
        network.firstEpoch = uint64(word(trie, place, proof.epochs) >> 64);
        network.genesisHash = bytes32(word(trie, place + GENESIS_HASH, proof.genesisHash));
        network.genesisRoot = bytes32(word(trie, place + GENESIS_ROOT, proof.genesisRoot));
    }

    /// The set of an epoch that the state settles.
    function setAt(
        L1State memory state,
        address registry,
        uint32 id,
        uint64 epoch,
        OfSet calldata proof
    ) internal pure returns (Set memory set) {
        if (epoch > state.epoch + 1) revert EpochUnsettled(state.epoch);
        bytes32 trie = ExecutionProof.accountOf(state.root, registry, proof.account).storageRoot;
        uint256 epochs = word(trie, mapped(id, NETWORKS), proof.epochs);
        if (!isAlive(epochs, epoch)) revert NetworkNotThere();
        uint256 ring = mapped(id, SETS);
        uint64 count = uint64(word(trie, ring, proof.count));
        // MUST be in the ring still: the places of older points hold newer ones.
        if (proof.number >= count || count - proof.number > SET_POINTS) revert PointForgotten();
        uint256 place = pointAt(ring, proof.number);
        uint256 head = word(trie, place, proof.head);
        if (uint64(head) > epoch) revert PointOfAnotherEpoch();
        if (proof.number + 1 < count) {
            uint256 next = word(trie, pointAt(ring, proof.number + 1), proof.next);
            if (uint64(next) <= epoch) revert PointOfAnotherEpoch();
        }
        set.total = uint64(head >> 64);
        set.count = uint32(head >> 128);
        set.key = keyOf(trie, place + 1, proof.key);
    }

    /// An operator's weight in an epoch as a member of a network, and around it.
    function weightAt(
        L1State memory state,
        address[2] memory registries,
        uint32 id,
        address operator,
        uint64 epoch,
        OfWeight calldata proof
    ) internal pure returns (Span memory span) {
        if (epoch > state.epoch + 1) revert EpochUnsettled(state.epoch);
        span = stintAt(state, registries[0], id, operator, epoch, proof);
        (, uint256 latest) = latestOf(state.root, registries[1], operator, proof);
        cut(span, operator, epoch, latest);
    }

    /// The same with its key.
    function memberAt(
        L1State memory state,
        address[2] memory registries,
        uint32 id,
        address operator,
        uint64 epoch,
        OfWeight calldata proof,
        OfKey calldata ofKey
    ) internal pure returns (uint64 weight, Bls.Key memory key) {
        if (epoch > state.epoch + 1) revert EpochUnsettled(state.epoch);
        Span memory span = stintAt(state, registries[0], id, operator, epoch, proof);
        (bytes32 trie, uint256 latest) = latestOf(state.root, registries[1], operator, proof);
        cut(span, operator, epoch, latest);
        return (span.weight, keyAt(trie, operator, epoch, latest, ofKey));
    }

    /// An operator's weight and key in an epoch, be it in a network or not. It may weigh nothing.
    function operatorAt(
        L1State memory state,
        address registry,
        address operator,
        uint64 epoch,
        OfOperator calldata proof
    ) internal pure returns (uint64 weight, Bls.Key memory key) {
        if (epoch > state.epoch + 1) revert EpochUnsettled(state.epoch);
        return knownAt(state.root, registry, operator, epoch, proof);
    }

    /// The same with all changes that are on their way, of which none is for later.
    function upcomingOf(
        L1State memory state,
        address registry,
        address operator,
        OfOperator calldata proof
    ) internal pure returns (uint64 weight, Bls.Key memory key) {
        return knownAt(state.root, registry, operator, state.epoch + 2, proof);
    }

    /// The block that L1 knows of a network by certificate.
    function finalOf(bytes32 stateRoot, address oracle, uint32 id, OfFinal calldata proof)
        internal
        pure
        returns (Final memory known)
    {
        bytes32 trie = ExecutionProof.accountOf(stateRoot, oracle, proof.account).storageRoot;
        uint256 place = mapped(id, FINALS);
        uint256 head = word(trie, place, proof.head);
        known.epoch = uint64(head);
        known.height = uint64(head >> 64);
        known.nextEpoch = uint64(head >> 128);
        known.isHalted = uint8(head >> 192) != 0;
        known.isDead = uint8(head >> 200) != 0;
        known.blockHash = bytes32(word(trie, place + 1, proof.roots[0]));
        known.consensusRoot = bytes32(word(trie, place + 2, proof.roots[1]));
        known.histRoot = bytes32(word(trie, place + 3, proof.roots[2]));
    }

    /// Whether a network is there in an epoch: its first word holds its first epoch, and at its
    /// high end the one from which on it is over, zero as long as it lasts.
    function isAlive(uint256 epochs, uint64 epoch) private pure returns (bool) {
        (uint64 first, uint64 end) = (uint64(epochs >> 64), uint64(epochs >> 192));
        return first != 0 && epoch >= first && (end == 0 || epoch < end);
    }

    /// The stint of an operator in a network, as far as the state settles it.
    function stintAt(
        L1State memory state,
        address registry,
        uint32 id,
        address operator,
        uint64 epoch,
        OfWeight calldata proof
    ) private pure returns (Span memory span) {
        bytes32 trie = ExecutionProof.accountOf(state.root, registry, proof.registry).storageRoot;
        uint256 place = mapped(uint160(operator), mapped(id, STINTS));
        uint256 stint = word(trie, place, proof.stint);
        span.fromEpoch = uint64(stint);
        span.untilEpoch = least(uint64(stint >> 64), state.epoch + 2);
        if (epoch < span.fromEpoch || epoch >= span.untilEpoch) revert NotAMember(operator);
    }

    /// OperatorRegistry's storage, and its newest word of an operator.
    function latestOf(
        bytes32 stateRoot,
        address registry,
        address operator,
        OfWeight calldata proof
    ) private pure returns (bytes32 trie, uint256 latest) {
        trie = ExecutionProof.accountOf(stateRoot, registry, proof.operators).storageRoot;
        latest = word(trie, mapped(uint160(operator), LATEST), proof.latest);
    }

    /// Cuts a span down to the epochs of one weight, and names it.
    function cut(Span memory span, address operator, uint64 epoch, uint256 latest) private pure {
        uint64 from = uint48(latest);
        span.weight = uint64(latest >> 96);
        if (epoch < from) {
            span.untilEpoch = least(span.untilEpoch, from);
            from = uint48(latest >> 48);
            span.weight = uint64(latest >> 160);
            if (epoch < from) revert WeightForgotten(operator);
        }
        if (from > span.fromEpoch) span.fromEpoch = from;
        if (span.weight == 0) revert Weightless(operator);
    }

    function knownAt(
        bytes32 stateRoot,
        address registry,
        address operator,
        uint64 epoch,
        OfOperator calldata proof
    ) private pure returns (uint64 weight, Bls.Key memory key) {
        bytes32 trie = ExecutionProof.accountOf(stateRoot, registry, proof.account).storageRoot;
        uint256 latest = word(trie, mapped(uint160(operator), LATEST), proof.latest);
        weight = uint64(latest >> 96);
        if (epoch < uint48(latest)) {
            if (epoch < uint48(latest >> 48)) revert WeightForgotten(operator);
            weight = uint64(latest >> 160);
        }
        key = keyAt(trie, operator, epoch, latest, proof.key);
    }

    function keyAt(
        bytes32 trie,
        address operator,
        uint64 epoch,
        uint256 latest,
        OfKey calldata proof
    ) private pure returns (Bls.Key memory) {
        if (epoch >= uint32(latest >> 224)) {
            return keyOf(trie, mapped(uint160(operator), KEYS), proof.key);
        }
        uint256 list = mapped(uint160(operator), EARLIER_KEYS);
        uint256 count = word(trie, list, proof.earlierCount);
        uint256 place = uint256(keccak256(abi.encode(list))) + (count - 1) * PERIOD_WORDS;
        if (uint64(word(trie, place, proof.earlierFrom)) > epoch) revert KeyForgotten(operator);
        return keyOf(trie, place + 1, proof.key);
    }

    function keyOf(bytes32 trie, uint256 place, bytes[][3] calldata proof)
        private
        pure
        returns (Bls.Key memory key)
    {
        key.a = bytes32(word(trie, place, proof[0]));
        key.b = bytes32(word(trie, place + 1, proof[1]));
        key.c = bytes32(word(trie, place + 2, proof[2]));
    }

    /// The word in a slot of a storage trie; a word that is zero cannot be proved.
    function word(bytes32 trie, uint256 slot, bytes[] memory proof) private pure returns (uint256) {
        bytes memory path = abi.encodePacked(keccak256(abi.encode(slot)));
        return RLP.decodeUint256(TrieProof.traverse(trie, path, proof));
    }

    function pointAt(uint256 ring, uint64 number) private pure returns (uint256) {
        return ring + 1 + (number % SET_POINTS) * POINT_WORDS;
    }

    function mapped(uint256 key, uint256 position) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(key, position)));
    }

    function least(uint64 a, uint64 b) private pure returns (uint64) {
        return a < b ? a : b;
    }

    /// The state is too old: what holds in the epoch may change after it.
    error EpochUnsettled(uint64 stateEpoch);
    /// The network has not begun in that epoch, or is over.
    error NetworkNotThere();
    /// No point of that number is kept.
    error PointForgotten();
    /// Another point holds in the epoch.
    error PointOfAnotherEpoch();
    error NotAMember(address operator);
    error Weightless(address operator);
    /// It changed twice since: an older state knows it.
    error WeightForgotten(address operator);
    error KeyForgotten(address operator);
}
