// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The statements that operators sign, and which two of them are a fault.
///
/// docs/specs/votes.md sections 2 to 6; consensus/votes.ts and evidence.ts are its twins, and
/// consensus/vectors holds what both must agree on.
library Votes {
    /// Where votes of one network are at home. In every digest, so that none counts elsewhere.
    struct Domain {
        uint64 l1ChainId;
        address staking;
        uint32 networkId;
        bytes32 genesisHash;
    }

    enum RoundKind {
        Notarize,
        Nullify,
        Finalize
    }

    /// A vote in a view of consensus. The digest of a Nullify is zero.
    struct RoundVote {
        RoundKind kind;
        uint64 epoch;
        uint64 viewNumber;
        bytes32 digest;
    }

    /// The one statement on a height that leaves its network.
    struct FinalityVote {
        uint64 epoch;
        uint64 height;
        bytes32 blockHash;
        bytes32 consensusRoot;
        bytes32 histRoot;
        uint64 nextEpoch;
    }

    /// A DA signer's word that it holds its rows of a batch, which all but the commitment names.
    struct DataVote {
        uint64 epoch;
        uint32 quorum;
        address disperser;
        uint64 sequence;
        /// To all rows of the batch (coding.md section 3).
        bytes32 commitment;
    }

    enum Fault {
        None,
        S1,
        S2,
        S3,
        S4,
        S5,
        S6,
        S7,
        S8,
        S9
    }

    bytes16 private constant NOTARIZE = "zg/notarize";
    bytes16 private constant NULLIFY = "zg/nullify";
    bytes16 private constant FINALIZE = "zg/finalize";
    bytes16 private constant FINALITY = "zg/finality";
    bytes16 private constant DATA = "zg/da";
    bytes16 private constant POSSESSION = "zg/pop";

    /// The 32 bytes that are signed for a round vote.
    function digestOf(Domain memory domain, RoundVote memory vote) internal pure returns (bytes32) {
        bytes16 tag = vote.kind == RoundKind.Notarize
            ? NOTARIZE
            : vote.kind == RoundKind.Nullify ? NULLIFY : FINALIZE;
        bytes memory head = encodeDomain(tag, domain, vote.epoch);
        return sha256(abi.encodePacked(head, vote.viewNumber, vote.digest));
    }

    /// The 32 bytes that are signed for a finality vote.
    function digestOf(Domain memory domain, FinalityVote memory vote)
        internal
        pure
        returns (bytes32)
    {
        return sha256(
            abi.encodePacked(
                encodeDomain(FINALITY, domain, vote.epoch),
                vote.height,
                vote.blockHash,
                vote.consensusRoot,
                vote.histRoot,
                vote.nextEpoch
            )
        );
    }

    /// The 32 bytes that are signed for a batch of data.
    function digestOf(Domain memory domain, DataVote memory vote) internal pure returns (bytes32) {
        bytes memory head = encodeDomain(DATA, domain, vote.epoch);
        return sha256(
            abi.encodePacked(head, vote.quorum, vote.disperser, vote.sequence, vote.commitment)
        );
    }

    /// The 32 bytes by which a key proves that it is held (section 7). `key` is compressed.
    function possessionDigest(
        uint64 l1ChainId,
        address registry,
        address operator,
        bytes memory key
    ) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(POSSESSION, l1ChainId, registry, operator, key));
    }

    /// Which fault two round votes of one operator in one network are.
    function faultOf(RoundVote memory first, RoundVote memory second)
        internal
        pure
        returns (Fault)
    {
        if (first.epoch != second.epoch || first.viewNumber != second.viewNumber) return Fault.None;
        // In the order of the kinds, so that each pair has one form.
        if (first.kind > second.kind) (first, second) = (second, first);
        bool sameDigest = first.digest == second.digest;
        if (first.kind == RoundKind.Notarize && second.kind == RoundKind.Notarize) {
            return sameDigest ? Fault.None : Fault.S1;
        }
        if (first.kind == RoundKind.Finalize && second.kind == RoundKind.Finalize) {
            return sameDigest ? Fault.None : Fault.S2;
        }
        if (first.kind == RoundKind.Nullify && second.kind == RoundKind.Finalize) return Fault.S3;
        if (first.kind == RoundKind.Notarize && second.kind == RoundKind.Finalize) {
            return sameDigest ? Fault.None : Fault.S4;
        }
        // Notarize and Nullify: a validator that voted for a block may give the view up.
        return Fault.None;
    }

    /// Which fault two finality votes of one operator in one network are, without looking into
    /// histories: those are `History.contradicts`.
    function faultOf(FinalityVote memory first, FinalityVote memory second)
        internal
        pure
        returns (Fault)
    {
        if (first.height == second.height) return isSame(first, second) ? Fault.None : Fault.S5;
        (FinalityVote memory low, FinalityVote memory high) =
            first.height < second.height ? (first, second) : (second, first);
        // A vote that closes e, and one of e above it; or one of a later epoch below it.
        if (low.nextEpoch != 0 && high.epoch == low.epoch) return Fault.S7;
        if (high.nextEpoch != 0 && low.epoch > high.epoch) return Fault.S7;
        return Fault.None;
    }

    /// Which fault two votes of one DA signer in one network are.
    function faultOf(DataVote memory first, DataVote memory second) internal pure returns (Fault) {
        bool sameBatch = first.epoch == second.epoch && first.quorum == second.quorum
            && first.disperser == second.disperser && first.sequence == second.sequence;
        return sameBatch && first.commitment != second.commitment ? Fault.S9 : Fault.None;
    }

    function isSame(FinalityVote memory a, FinalityVote memory b) internal pure returns (bool) {
        return keccak256(abi.encode(a)) == keccak256(abi.encode(b));
    }

    function encodeDomain(bytes16 tag, Domain memory domain, uint64 epoch)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(
            tag,
            domain.l1ChainId,
            domain.staking,
            domain.networkId,
            domain.genesisHash,
            epoch
        );
    }
}
