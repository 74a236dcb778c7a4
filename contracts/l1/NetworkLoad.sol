// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BlockHeader} from "@openzeppelin/contracts/utils/BlockHeader.sol";
import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";

import {History} from "../proofs/History.sol";
import {FinalityOracle} from "./FinalityOracle.sol";

/// @title How full the blocks of a network were in an epoch, by proof.
///
/// Anyone proves an epoch whose close L1 knows, once: where it begins and ends, and the gas of
/// SAMPLES blocks of it. Nobody chooses which:
///
///     the epoch's blocks are cut into SAMPLES parts of equal count; of part i it is the block at
///     keccak(mix, i) mod its count, mix being that of the first block after the epoch
///
/// A mix follows from unique signatures, so the one proposer that knows it first can give or
/// withhold.
///
///     Busy       more than BUSY_BPS of the gas limits of these blocks was used
///     Idle       less than IDLE_BPS
///     Between    neither
contract NetworkLoad {
    enum Load {
        Unknown,
        Idle,
        Between,
        Busy
    }

    /// A block that L1 knows, and the epoch that it says it is of.
    struct Bound {
        uint64 height;
        uint64 epoch;
        bytes32 consensusRoot;
        /// As CertifiedBlocks has them.
        bytes32[] siblings;
        /// Of the field `epoch`.
        bytes32[] epochSiblings;
    }

    /// The last block before an epoch (the genesis if there is none), its first, its last, and the
    /// first one after it.
    struct Span {
        Bound before;
        Bound first;
        Bound last;
        Bound following;
        bytes32 mix;
        bytes32[] mixSiblings;
    }

    /// A block and what it used; its height is drawn.
    struct Sample {
        bytes32 consensusRoot;
        bytes32[] siblings;
        /// The execution header whose hash is field 15.
        bytes header;
        bytes32[] headerSiblings;
    }

    uint256 public constant SAMPLES = 8;
    uint256 public constant BUSY_BPS = 7_500;
    uint256 public constant IDLE_BPS = 2_000;
    /// Epochs that one may ask for at once.
    uint256 public constant EPOCHS_MAX = 64;
    uint256 private constant BPS = 10_000;
    /// A verdict has two bits, a word those of 128 epochs.
    uint256 private constant EPOCHS_PER_WORD = 128;

    FinalityOracle public immutable oracle;

    mapping(uint32 id => mapping(uint256 index => uint256)) private _words;
    /// Who proved how full an epoch was.
    mapping(uint32 id => mapping(uint64 epoch => address)) public proverOf;

    event Proved(uint32 indexed id, uint64 indexed epoch, Load load, uint256 usedBps);

    constructor(FinalityOracle finality) {
        oracle = finality;
    }

    /// Proves how full an epoch of a network was. `samples` are of the heights that `heightsOf`
    /// names.
    function prove(uint32 id, uint64 epoch, Span calldata span, Sample[] calldata samples) external {
        if (loadOf(id, epoch) != Load.Unknown) revert AlreadyProved();
        // MUST be: a network may write any epochs into its headers, and each is paid for.
        if (oracle.reporterOf(id, epoch) == address(0)) revert EpochOpen();
        _checkSpan(id, epoch, span);
        uint64[] memory heights = heightsOf(span.first.height, span.last.height, span.mix);
        if (samples.length != SAMPLES) revert SamplesMissing();
        uint256 used;
        uint256 limit;
        for (uint256 index = 0; index < SAMPLES; ++index) {
            (uint256 blockUsed, uint256 blockLimit) = _gasOf(id, heights[index], samples[index]);
            used += blockUsed;
            limit += blockLimit;
        }
        Load load = Load.Between;
        if (used * BPS > limit * BUSY_BPS) load = Load.Busy;
        else if (used * BPS < limit * IDLE_BPS) load = Load.Idle;
        uint256 shift = 2 * (epoch % EPOCHS_PER_WORD);
        _words[id][epoch / EPOCHS_PER_WORD] |= uint256(load) << shift;
        proverOf[id][epoch] = msg.sender;
        emit Proved(id, epoch, load, used * BPS / limit);
    }

    function loadOf(uint32 id, uint64 epoch) public view returns (Load) {
        return _loadOf(_words[id][epoch / EPOCHS_PER_WORD], epoch);
    }

    /// Whether a network's load was this in each of the last `count` epochs up to one.
    function wasThroughout(uint32 id, Load load, uint64 last, uint256 count)
        external
        view
        returns (bool)
    {
        if (count > EPOCHS_MAX || count > last) return false;
        uint256 word = _words[id][last / EPOCHS_PER_WORD];
        for (uint64 epoch = last; epoch > last - count; --epoch) {
            if (_loadOf(word, epoch) != load) return false;
            if (epoch % EPOCHS_PER_WORD == 0) word = _words[id][epoch / EPOCHS_PER_WORD - 1];
        }
        return true;
    }

    /// The heights of which an epoch's samples are.
    function heightsOf(uint64 first, uint64 last, bytes32 mix)
        public
        pure
        returns (uint64[] memory heights)
    {
        uint256 count = uint256(last) + 1 - first;
        if (count < SAMPLES) revert TooFewBlocks(count);
        heights = new uint64[](SAMPLES);
        for (uint256 index = 0; index < SAMPLES; ++index) {
            uint256 begin = count * index / SAMPLES;
            uint256 size = count * (index + 1) / SAMPLES - begin;
            uint256 drawn = uint256(keccak256(abi.encode(mix, index))) % size;
            heights[index] = first + uint64(begin + drawn);
        }
    }

    function _checkSpan(uint32 id, uint64 epoch, Span calldata span) private view {
        _checkBound(id, span.before);
        _checkBound(id, span.first);
        _checkBound(id, span.last);
        _checkBound(id, span.following);
        // Epochs never fall along a chain, so these four say which blocks are of it. The genesis is of
        // its first epoch, and no block.
        bool isBegin = span.before.epoch < epoch || span.before.height == 0;
        bool isSpan = isBegin && span.first.epoch == epoch && span.last.epoch == epoch
            && span.following.epoch > epoch && span.first.height == span.before.height + 1
            && span.following.height == span.last.height + 1
            && span.first.height <= span.last.height;
        if (!isSpan) revert SpanInvalid();
        bytes32 root = span.following.consensusRoot;
        if (!History.hasField(root, History.MIX, span.mix, span.mixSiblings)) {
            revert FieldUnproven();
        }
    }

    function _checkBound(uint32 id, Bound calldata bound) private view {
        if (!oracle.holds(id, bound.height, bound.consensusRoot, bound.siblings)) {
            revert BlockUnproven(bound.height);
        }
        bytes32 epoch = bytes32(uint256(bound.epoch));
        if (!History.hasField(bound.consensusRoot, History.EPOCH, epoch, bound.epochSiblings)) {
            revert FieldUnproven();
        }
    }

    function _gasOf(uint32 id, uint64 height, Sample calldata sample)
        private
        view
        returns (uint256 used, uint256 limit)
    {
        bytes32 root = sample.consensusRoot;
        if (!oracle.holds(id, height, root, sample.siblings)) revert BlockUnproven(height);
        bytes32 executionHash = keccak256(sample.header);
        if (!History.hasField(root, History.EXECUTION_HASH, executionHash, sample.headerSiblings)) {
            revert FieldUnproven();
        }
        Memory.Slice[] memory fields = BlockHeader.parseHeader(sample.header);
        return (BlockHeader.getGasUsed(fields), BlockHeader.getGasLimit(fields));
    }

    function _loadOf(uint256 word, uint64 epoch) private pure returns (Load) {
        return Load((word >> (2 * (epoch % EPOCHS_PER_WORD))) & 3);
    }

    error AlreadyProved();
    /// L1 knows no certificate that closed the epoch.
    error EpochOpen();
    error SamplesMissing();
    /// Of so few blocks no samples can be drawn.
    error TooFewBlocks(uint256 count);
    /// These are not the blocks at which the epoch begins and ends.
    error SpanInvalid();
    error BlockUnproven(uint64 height);
    error FieldUnproven();
}
