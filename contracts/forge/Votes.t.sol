// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Votes} from "../proofs/Votes.sol";
import {ForgeTest} from "./Vm.sol";

interface IVotes {
    function roundDigest(Votes.Domain calldata domain, Votes.RoundVote calldata vote)
        external
        pure
        returns (bytes32);
    function finalityDigest(Votes.Domain calldata domain, Votes.FinalityVote calldata vote)
        external
        pure
        returns (bytes32);
    function roundFault(Votes.RoundVote calldata first, Votes.RoundVote calldata second)
        external
        pure
        returns (Votes.Fault);
    function finalityFault(Votes.FinalityVote calldata first, Votes.FinalityVote calldata second)
        external
        pure
        returns (Votes.Fault);
}

/// @title Any two statements: a fault iff docs/specs/votes.md section 6 says so, and which; what is
/// hashed is what sections 2 to 4 say, byte for byte.
contract VotesTest is ForgeTest {
    IVotes private votes;

    function setUp() external {
        votes = IVotes(deploy("ProofsTester", ""));
    }

    function testRoundVotes(uint256 seed) external view {
        Votes.RoundVote memory a = roundOf(seed);
        Votes.RoundVote memory b = roundOf(seed >> 128);
        Votes.Fault fault = votes.roundFault(a, b);
        require(fault == votes.roundFault(b, a), "order");
        require(fault == roundRule(a, b) || fault == roundRule(b, a), "rule");
        bool isFault = roundRule(a, b) != Votes.Fault.None || roundRule(b, a) != Votes.Fault.None;
        require((fault != Votes.Fault.None) == isFault, "fault");
    }

    function testFinalityVotes(uint256 seed) external view {
        Votes.FinalityVote memory a = finalityOf(seed);
        Votes.FinalityVote memory b = finalityOf(seed >> 128);
        Votes.Fault fault = votes.finalityFault(a, b);
        require(fault == votes.finalityFault(b, a), "order");
        bool isS5 = a.height == b.height && keccak256(abi.encode(a)) != keccak256(abi.encode(b));
        // A closing vote of (e, h), and one of e above h, or of a later epoch at or below h.
        bool isS7 = closes(a, b) || closes(b, a);
        if (isS5) require(fault == Votes.Fault.S5, "S5");
        else if (isS7) require(fault == Votes.Fault.S7, "S7");
        else require(fault == Votes.Fault.None, "none");
    }

    function testDataVotes(uint256 seed) external pure {
        Votes.DataVote memory a = dataOf(seed);
        Votes.DataVote memory b = dataOf(seed >> 128);
        bool isBatch = a.epoch == b.epoch && a.quorum == b.quorum && a.sequence == b.sequence
            && a.disperser == b.disperser;
        Votes.Fault rule =
            isBatch && a.commitment != b.commitment ? Votes.Fault.S9 : Votes.Fault.None;
        require(Votes.faultOf(a, b) == rule && Votes.faultOf(b, a) == rule, "rule");
    }

    function testDigests(
        Votes.Domain calldata domain,
        Votes.FinalityVote calldata finality,
        uint8 kind
    ) external view {
        Votes.RoundVote memory round = Votes.RoundVote(
            Votes.RoundKind(kind % 3), finality.epoch, finality.height, finality.blockHash
        );
        string[3] memory tags = ["zg/notarize", "zg/nullify", "zg/finalize"];
        bytes memory hashed = bytes.concat(
            headOf(tags[uint256(round.kind)], domain, round.epoch),
            bytes8(round.viewNumber),
            round.digest
        );
        require(hashed.length == 128, "size");
        require(votes.roundDigest(domain, round) == sha256(hashed), "round");
        hashed = bytes.concat(
            headOf("zg/finality", domain, finality.epoch),
            bytes8(finality.height),
            finality.blockHash,
            finality.consensusRoot,
            finality.histRoot,
            bytes8(finality.nextEpoch)
        );
        require(hashed.length == 200, "size");
        require(votes.finalityDigest(domain, finality) == sha256(hashed), "finality");
    }

    /// The table, in one order.
    function roundRule(Votes.RoundVote memory a, Votes.RoundVote memory b)
        private
        pure
        returns (Votes.Fault)
    {
        if (a.epoch != b.epoch || a.viewNumber != b.viewNumber) return Votes.Fault.None;
        bool isOther = a.digest != b.digest;
        Votes.RoundKind notarize = Votes.RoundKind.Notarize;
        Votes.RoundKind finalize = Votes.RoundKind.Finalize;
        if (a.kind == notarize && b.kind == notarize && isOther) return Votes.Fault.S1;
        if (a.kind == finalize && b.kind == finalize && isOther) return Votes.Fault.S2;
        if (a.kind == Votes.RoundKind.Nullify && b.kind == finalize) return Votes.Fault.S3;
        if (a.kind == finalize && b.kind == notarize && isOther) return Votes.Fault.S4;
        return Votes.Fault.None;
    }

    function closes(Votes.FinalityVote memory a, Votes.FinalityVote memory b)
        private
        pure
        returns (bool)
    {
        if (a.nextEpoch == 0) return false;
        if (b.epoch == a.epoch) return b.height > a.height;
        return b.epoch > a.epoch && b.height <= a.height;
    }

    /// Of few values each, so that most pairs have something in common.
    function roundOf(uint256 seed) private pure returns (Votes.RoundVote memory) {
        Votes.RoundKind kind = Votes.RoundKind(seed % 3);
        bytes32 digest =
            kind == Votes.RoundKind.Nullify ? bytes32(0) : bytes32(1 + ((seed >> 8) % 2));
        uint64 epoch = uint64((seed >> 16) % 5 == 0 ? seed >> 24 : 3);
        return Votes.RoundVote(kind, epoch, uint64((seed >> 96) % 5 == 0 ? 8 : 7), digest);
    }

    function finalityOf(uint256 seed) private pure returns (Votes.FinalityVote memory) {
        return Votes.FinalityVote({
            epoch: uint64(4 + (seed % 3)),
            height: uint64(9 + ((seed >> 8) % 3)),
            blockHash: bytes32((seed >> 16) % 8 == 0 ? seed : 1),
            consensusRoot: bytes32((seed >> 24) % 8 == 0 ? seed : 2),
            histRoot: bytes32((seed >> 32) % 8 == 0 ? seed : 3),
            nextEpoch: uint64((seed >> 40) % 2 * (5 + ((seed >> 48) % 3)))
        });
    }

    function dataOf(uint256 seed) private pure returns (Votes.DataVote memory) {
        return Votes.DataVote({
            epoch: uint64(seed % 8 == 0 ? 1 : 2),
            quorum: uint32((seed >> 8) % 8 == 0 ? 1 : 2),
            disperser: address(uint160((seed >> 16) % 8 == 0 ? 1 : 2)),
            sequence: uint64((seed >> 24) % 8 == 0 ? 1 : 2),
            commitment: bytes32((seed >> 32) % 3)
        });
    }

    function headOf(string memory tag, Votes.Domain calldata domain, uint64 epoch)
        private
        pure
        returns (bytes memory)
    {
        return bytes.concat(
            bytes16(bytes(tag)),
            bytes8(domain.l1ChainId),
            bytes20(domain.staking),
            bytes4(domain.networkId),
            domain.genesisHash,
            bytes8(epoch)
        );
    }
}
