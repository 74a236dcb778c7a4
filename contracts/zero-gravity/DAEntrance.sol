// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DataSigners} from "../da/DataSigners.sol";
import {Bn254, G1Point, G2Point} from "./Bn254.sol";
import {DASigners} from "./DASigners.sol";
import {NoSampling} from "./NoSampling.sol";

/// @title Where 0G's clients upload roots and read what was verified: in the genesis of a network at
/// the address that it has on 0G's Galileo (docs/specs/da.md section 11).
///
///     dataRoot            the commitment C to a batch's rows (section 3)
///     erasureCommitment   hashToG1(C), and nothing else is taken: a root has one, and it is bound
///     quorum of roots     drawn by the seed, of who uploads and its transactions of the epoch so far
///     verified            signers of two thirds of all rows, of that quorum, in that epoch or the next
///
/// What holding rows earns is paid by DataEntrance. The price here is 0 unless governance says
/// otherwise, and goes to a treasury.
contract DAEntrance is NoSampling {
    struct CommitRootSubmission {
        bytes32 dataRoot;
        uint256 epoch;
        uint256 quorumId;
        G1Point erasureCommitment;
        /// A bit for each row, as Bitmap.sol has it.
        bytes quorumBitmap;
        G2Point aggPkG2;
        G1Point signature;
    }

    uint8 private constant UPLOADED = 1;
    uint8 private constant VERIFIED = 2;

    /// Slots 0 to 2, laid out for the genesis.
    DASigners public signers;
    address public treasury;
    /// In wei, of a root.
    uint256 public blobPrice;
    mapping(bytes32 id => uint8) private _states;
    /// Transactions that uploaded something.
    mapping(uint256 epoch => mapping(address sender => uint64)) public uploadsOf;
    /// In wei: what an account may take.
    mapping(address account => uint256) public payments;

    event DataUpload(
        address sender, bytes32 dataRoot, uint256 epoch, uint256 quorumId, uint256 blobPrice
    );
    event ErasureCommitmentVerified(bytes32 dataRoot, uint256 epoch, uint256 quorumId);

    /// Where there is no genesis to write the settings.
    constructor(DASigners signers_) {
        signers = signers_;
    }

    /// Says which roots come, all for one quorum. What is paid beyond the price is the sender's.
    function submitOriginalData(bytes32[] calldata dataRoots) external payable {
        uint256 fee = blobPrice * dataRoots.length;
        if (msg.value < fee) revert PriceUnpaid(fee);
        if (fee > 0) payments[treasury] += fee;
        if (msg.value > fee) payments[msg.sender] += msg.value - fee;
        DataSigners drawn = signers.signers();
        uint64 epoch = drawn.stake().epoch();
        uint32 quorum = drawn.quorumFor(epoch, msg.sender, uploadsOf[epoch][msg.sender]++);
        for (uint256 index = 0; index < dataRoots.length; ++index) {
            bytes32 id = _idOf(dataRoots[index], epoch, quorum);
            if (_states[id] == 0) _states[id] = UPLOADED;
            emit DataUpload(msg.sender, dataRoots[index], epoch, quorum, blobPrice);
        }
    }

    /// Takes what quorums signed, from anyone. What is verified already is passed over: else whoever
    /// brings one of many first would have all of them refused.
    function submitVerifiedCommitRoots(CommitRootSubmission[] calldata submissions) external {
        uint256 present = currentEpoch();
        for (uint256 index = 0; index < submissions.length; ++index) {
            CommitRootSubmission calldata each = submissions[index];
            bytes32 id = _idOf(each.dataRoot, each.epoch, each.quorumId);
            uint8 state = _states[id];
            if (state == VERIFIED) continue;
            if (state != UPLOADED) revert UploadUnknown();
            // MUST be one of these: later nobody says any more who of its signers was contested.
            if (each.epoch > present || present - each.epoch > 1) {
                revert EpochUnexpected(uint64(present));
            }
            _check(each);
            _states[id] = VERIFIED;
            emit ErasureCommitmentVerified(each.dataRoot, each.epoch, each.quorumId);
        }
    }

    /// Pays an account what it may take.
    function withdrawPayments(address payable payee) external {
        uint256 amount = payments[payee];
        if (amount == 0) revert NothingFree();
        payments[payee] = 0;
        (bool isPaid,) = payee.call{value: amount}("");
        if (!isPaid) revert PaymentRefused();
    }

    /// Called by governance.
    function setBlobPrice(uint256 price) external {
        _onlyGovernor();
        if (price > 0 && treasury == address(0)) revert TreasuryUnset();
        blobPrice = price;
    }

    /// Called by governance.
    function setTreasury(address treasury_) external {
        _onlyGovernor();
        if (treasury_ == address(0)) revert TreasuryUnset();
        treasury = treasury_;
    }

    /// Zero while nothing is verified.
    function verifiedErasureCommitment(bytes32 dataRoot, uint256 epoch, uint256 quorumId)
        external
        view
        returns (G1Point memory commitment)
    {
        if (commitmentExists(dataRoot, epoch, quorumId)) commitment = Bn254.hashToG1(dataRoot);
    }

    function commitmentExists(bytes32 dataRoot, uint256 epoch, uint256 quorumId)
        public
        view
        returns (bool)
    {
        return _states[_idOf(dataRoot, epoch, quorumId)] == VERIFIED;
    }

    function currentEpoch() public view returns (uint256) {
        return signers.epochNumber();
    }

    /// Reverts unless two thirds of the quorum's rows have signed for a root and what it is bound to.
    function _check(CommitRootSubmission calldata each) private view {
        G1Point memory commitment = each.erasureCommitment;
        // MUST be the root's own: a root that is verified stands for one commitment alone.
        if (!Bn254.isSame(commitment, Bn254.hashToG1(each.dataRoot))) revert CommitmentUnbound();
        (G1Point memory key, uint256 total, uint256 hit) =
            signers.getAggPkG1(each.epoch, each.quorumId, each.quorumBitmap);
        // MUST be two thirds of all rows.
        if (3 * hit < 2 * total) revert NoQuorum(hit, total);
        bytes32 digest = keccak256(
            abi.encodePacked(
                each.dataRoot, each.epoch, each.quorumId, commitment.X, commitment.Y
            )
        );
        G1Point memory message = Bn254.hashToG1(digest);
        if (!Bn254.verify(key, each.aggPkG2, message, each.signature)) revert SignatureInvalid();
    }

    function _onlyGovernor() private view {
        if (msg.sender != signers.signers().governor()) revert NotGovernance();
    }

    function _idOf(bytes32 dataRoot, uint256 epoch, uint256 quorumId)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encodePacked(dataRoot, epoch, quorumId));
    }

    error PriceUnpaid(uint256 price);
    /// Nobody uploaded the root, or it was drawn for another quorum.
    error UploadUnknown();
    error EpochUnexpected(uint64 expected);
    /// The erasure commitment is not hashToG1 of the root.
    error CommitmentUnbound();
    /// They have too few rows.
    error NoQuorum(uint256 signed, uint256 total);
    error SignatureInvalid();
    error NothingFree();
    error PaymentRefused();
    error TreasuryUnset();
    error NotGovernance();
}
