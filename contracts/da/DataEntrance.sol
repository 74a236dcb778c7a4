// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Bls} from "../proofs/Bls.sol";
import {DataRecord} from "../proofs/DataRecord.sol";
import {Votes} from "../proofs/Votes.sol";
import {DataSigners} from "./DataSigners.sol";
import {Scheduled} from "./Scheduled.sol";

/// @title Where batches of data are recorded and paid for, at 0x…2009 in the genesis of a network
/// (docs/specs/da.md sections 5 and 6).
///
///     fee of a batch    K * rowSize * pricePerByte, out of its disperser's escrow
///     a slot's part     fee / n, for those whose signatures are in the certificate
///     member's reward   slots * (parts of all batches of its quorum - parts of those it missed)
///     treasury          whatever of a fee nobody earned
///     payer             an account whose escrow pays vouchers, and covers no batch
///
/// Vouchers are redeemed at once, and nodes sign for what an escrow will have an epoch later: were
/// both paid from one, a disperser would redeem its own voucher before its batches are recorded.
///
/// All that is held is escrow, reward or treasury, to the wei. A reward is settled from the third
/// epoch after its quorum's on, when no batch of it can be recorded or queried any more.
contract DataEntrance {
    using SafeCast for uint256;
    using Scheduled for Scheduled.Number;

    /// Slots 0 to 2, laid out for the genesis.
    struct Settings {
        DataSigners signers;
        /// Data rows of a batch, K.
        uint32 dataRows;
        /// Who says that rows were not to be had.
        address queries;
        /// In wei, of a byte of data rows.
        Scheduled.Number price;
    }

    struct Certificate {
        uint64 epoch;
        address disperser;
        uint64 sequence;
        /// What the commitment is made of.
        uint32 rowSize;
        bytes32 rowRoot;
        bytes32 combinationHash;
        /// A bit for each member of the quorum, the lowest of the first byte first.
        bytes signers;
        bytes signature;
    }

    struct Escrow {
        /// In wei.
        uint128 balance;
        /// When it last began from nothing.
        uint64 epochOpened;
        /// What is to be withdrawn, from which epoch on.
        uint128 leaving;
        uint64 leavesFrom;
    }

    /// What a payer has spent with a disperser in all.
    struct Voucher {
        address payer;
        address disperser;
        /// In wei.
        uint256 total;
    }

    uint256 private constant ROW_SIZE_UNIT = 64;
    uint256 private constant ROW_SIZE_MAX = 32_768;
    /// Epochs after its own from which on a quorum's rewards are settled.
    uint64 public constant SETTLED_AFTER = 3;
    bytes32 private constant DOMAIN_TYPE = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant VOUCHER_TYPE =
        keccak256("Voucher(address payer,address disperser,uint256 total)");

    Settings private _settings;
    mapping(bytes32 batch => DataRecord.Record) private _records;
    /// Of the members that counted as absent, where there were any.
    mapping(bytes32 batch => bytes32) public absentHashOf;
    mapping(address account => Escrow) private _escrows;
    mapping(address account => bool) public isPayer;
    mapping(address payer => mapping(address disperser => uint256)) public redeemed;
    /// What each slot of a quorum was paid.
    mapping(uint64 epoch => mapping(uint32 quorum => uint256)) private _paid;
    /// What of that a member did not earn.
    mapping(uint64 epoch => mapping(uint32 quorum => mapping(uint256 member => uint256))) private
        _missed;
    /// In wei.
    uint256 public treasury;

    event Recorded(
        bytes32 indexed batch,
        address indexed disperser,
        uint64 indexed epoch,
        uint32 quorum,
        uint64 sequence,
        bytes32 commitment,
        uint32 rowSize,
        uint256 fee
    );
    /// Which members counted as absent, by number, where any did: what DataQueries asks for.
    event Absent(bytes32 indexed batch, uint256[] members);
    event PayerCame(address indexed account);
    event Deposited(address indexed account, uint256 amount);
    event WithdrawalAnnounced(address indexed account, uint256 amount, uint64 fromEpoch);
    event Withdrawn(address indexed account, uint256 amount);
    event Redeemed(address indexed payer, address indexed disperser, uint256 amount, uint256 total);
    event Missed(bytes32 indexed batch, uint256 member);
    event Rewarded(
        address indexed operator, uint64 indexed epoch, uint32 indexed quorum, uint256 amount
    );
    event PriceSet(uint64 indexed fromEpoch, uint64 price);
    event TreasuryTaken(address indexed to, uint256 amount);

    /// Where there is no genesis to write the settings.
    constructor(Settings memory settings) {
        _settings = settings;
    }

    /// Records a batch that more than two thirds of its quorum's slots have signed for.
    function certify(Certificate calldata certificate) external returns (bytes32 batch) {
        Votes.DataVote memory vote = _voteOf(certificate);
        batch = DataRecord.keyOf(vote.epoch, vote.quorum, vote.disperser, vote.sequence);
        if (_records[batch].commitment != 0) revert AlreadyRecorded();
        (uint256 slots, uint256[] memory absent) = _check(certificate, vote);
        uint256 fee = _charge(vote.epoch, vote.disperser, certificate.rowSize);
        _share(vote, fee, slots, absent);
        if (absent.length > 0) {
            absentHashOf[batch] = keccak256(abi.encode(absent));
            emit Absent(batch, absent);
        }
        _record(batch, vote, certificate.rowSize, fee);
    }

    /// Adds to an account's escrow.
    function deposit(address account) external payable {
        if (msg.value == 0) revert NothingSent();
        _credit(account, msg.value);
        emit Deposited(account, msg.value);
    }

    /// Has the sender's escrow pay vouchers from now on, for ever. It must cover no batch that can
    /// still be recorded; that it holds something does not matter, for anybody may add to it.
    function becomePayer() external {
        uint64 epoch = _epoch();
        bool isInUse = coverOf(msg.sender, epoch) != 0;
        isInUse = isInUse || (epoch > 0 && coverOf(msg.sender, epoch - 1) != 0);
        if (isInUse) revert EscrowInUse();
        isPayer[msg.sender] = true;
        emit PayerCame(msg.sender);
    }

    /// Announces that so much will leave the sender's escrow; takes the place of an earlier one.
    function announceWithdrawal(uint128 amount) external {
        Escrow storage escrow = _escrows[msg.sender];
        (escrow.leaving, escrow.leavesFrom) = (amount, _epoch() + Scheduled.NOTICE);
        emit WithdrawalAnnounced(msg.sender, amount, escrow.leavesFrom);
    }

    /// Pays what was announced, or what is there of it.
    function withdraw() external {
        Escrow storage escrow = _escrows[msg.sender];
        if (_epoch() < escrow.leavesFrom) revert TooEarly(escrow.leavesFrom);
        uint128 amount = escrow.leaving < escrow.balance ? escrow.leaving : escrow.balance;
        if (amount == 0) revert NothingFree();
        escrow.leaving = 0;
        escrow.balance -= amount;
        emit Withdrawn(msg.sender, amount);
        _pay(msg.sender, amount);
    }

    /// Moves what a payer signed for, and what was not moved yet, to its disperser's escrow; of
    /// that what is there.
    function redeem(Voucher calldata voucher, bytes calldata signature) external {
        (address payer, address disperser) = (voucher.payer, voucher.disperser);
        if (!isPayer[payer]) revert NotAPayer();
        (address signer, ECDSA.RecoverError problem,) =
            ECDSA.tryRecoverCalldata(voucherDigest(voucher), signature);
        if (problem != ECDSA.RecoverError.NoError || signer != payer) revert SignatureInvalid();
        uint256 known = redeemed[payer][disperser];
        Escrow storage escrow = _escrows[payer];
        uint256 amount = voucher.total > known ? voucher.total - known : 0;
        if (amount > escrow.balance) amount = escrow.balance;
        if (amount == 0) revert NothingFree();
        redeemed[payer][disperser] = known + amount;
        escrow.balance -= uint128(amount);
        _credit(disperser, amount);
        emit Redeemed(payer, disperser, amount, voucher.total);
    }

    /// Pays a member of a quorum, by its number, what it earned there.
    function claim(uint64 epoch, uint32 quorum, uint256 member) external {
        uint64 ready = epoch + SETTLED_AFTER;
        if (_epoch() < ready) revert TooEarly(ready);
        uint256 amount = earnedOf(epoch, quorum, member);
        if (amount == 0) revert NothingFree();
        _missed[epoch][quorum][member] = _paid[epoch][quorum];
        (address operator,) = _settings.signers.memberOf(epoch, quorum, member);
        emit Rewarded(operator, epoch, quorum, amount);
        _pay(operator, amount);
    }

    /// Takes from members their part of a batch's fee: called by DataQueries, once a batch, with
    /// such as did not count as absent.
    function miss(
        uint64 epoch,
        uint32 quorum,
        bytes32 batch,
        uint256[] calldata members
    ) external {
        if (msg.sender != _settings.queries) revert NotTheQueries();
        uint64 ready = epoch + SETTLED_AFTER;
        if (_epoch() >= ready) revert TooLate();
        DataSigners signers = _settings.signers;
        uint256 part = feeOf(epoch, _records[batch].rowSize) / signers.rowCount();
        for (uint256 index = 0; index < members.length; ++index) {
            uint256 member = members[index];
            (, uint256 slots) = signers.memberOf(epoch, quorum, member);
            _missed[epoch][quorum][member] += part;
            treasury += part * slots;
            emit Missed(batch, member);
        }
    }

    /// Called by governance: what a byte costs from the epoch after the next one on, in wei.
    function setPrice(uint64 price) external {
        _onlyGovernor();
        uint64 epoch = _epoch();
        _settings.price.change(epoch, price);
        emit PriceSet(epoch + Scheduled.NOTICE, price);
    }

    /// Called by governance.
    function takeTreasury(address to) external {
        _onlyGovernor();
        uint256 amount = treasury;
        if (amount == 0) revert NothingFree();
        treasury = 0;
        emit TreasuryTaken(to, amount);
        _pay(to, amount);
    }

    /// The record of a batch; all zero when there is none.
    function recordOf(bytes32 batch) external view returns (DataRecord.Record memory) {
        return _records[batch];
    }

    function escrowOf(address account) external view returns (Escrow memory) {
        return _escrows[account];
    }

    /// What an escrow has for batches of an epoch for certain: nothing while it is too young, or pays
    /// vouchers, and nothing of what may leave before they can no longer be recorded.
    function coverOf(address account, uint64 epoch) public view returns (uint256) {
        Escrow memory escrow = _escrows[account];
        if (isPayer[account] || escrow.epochOpened + Scheduled.NOTICE > epoch) return 0;
        uint256 leaving = escrow.leavesFrom <= epoch + 1 ? escrow.leaving : 0;
        return escrow.balance > leaving ? escrow.balance - leaving : 0;
    }

    /// What a batch of an epoch costs, in wei: of this epoch, the two before it and all after.
    function feeOf(uint64 epoch, uint32 rowSize) public view returns (uint256) {
        return uint256(_settings.dataRows) * rowSize * _settings.price.valueAt(epoch);
    }

    /// coding.md section 3, where numbers are of four bytes, the low one first.
    function commitmentOf(uint32 rowSize, bytes32 rowRoot, bytes32 combinationHash)
        public
        view
        returns (bytes32)
    {
        return sha256(
            abi.encodePacked(
                "zg rows commit 1",
                _lowFirst(_settings.dataRows),
                _lowFirst(uint32(_settings.signers.rowCount())),
                _lowFirst(rowSize),
                rowRoot,
                combinationHash
            )
        );
    }

    /// What a member earned and was not paid.
    function earnedOf(uint64 epoch, uint32 quorum, uint256 member) public view returns (uint256) {
        (, uint256 slots) = _settings.signers.memberOf(epoch, quorum, member);
        return slots * (_paid[epoch][quorum] - _missed[epoch][quorum][member]);
    }

    /// What a payer signs (EIP-712).
    function voucherDigest(Voucher calldata voucher) public view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                DOMAIN_TYPE, keccak256("zg data"), keccak256("1"), block.chainid, address(this)
            )
        );
        bytes32 content = keccak256(
            abi.encode(VOUCHER_TYPE, voucher.payer, voucher.disperser, voucher.total)
        );
        return keccak256(abi.encodePacked("\x19\x01", domain, content));
    }

    function dataRows() external view returns (uint256) {
        return _settings.dataRows;
    }

    function queriesOf() external view returns (address) {
        return _settings.queries;
    }

    function signersOf() external view returns (DataSigners) {
        return _settings.signers;
    }

    /// What its signers signed.
    function _voteOf(Certificate calldata certificate)
        private
        view
        returns (Votes.DataVote memory vote)
    {
        DataSigners signers = _settings.signers;
        uint64 present = signers.stake().epoch();
        uint64 epoch = certificate.epoch;
        if (epoch > present || present - epoch > 1) revert EpochUnexpected(present);
        (vote.epoch, vote.disperser) = (epoch, certificate.disperser);
        vote.sequence = certificate.sequence;
        vote.quorum = signers.quorumFor(epoch, vote.disperser, vote.sequence);
        uint32 rowSize = certificate.rowSize;
        if (rowSize == 0 || rowSize % ROW_SIZE_UNIT != 0 || rowSize > ROW_SIZE_MAX) {
            revert RowSizeInvalid();
        }
        vote.commitment =
            commitmentOf(rowSize, certificate.rowRoot, certificate.combinationHash);
    }

    /// Reverts unless a quorum signed; returns the slots of who did, and who did not.
    function _check(Certificate calldata certificate, Votes.DataVote memory vote)
        private
        view
        returns (uint256 slots, uint256[] memory absent)
    {
        DataSigners signers = _settings.signers;
        Bls.Key memory key;
        (key, slots, absent) = signers.sumOf(vote.epoch, vote.quorum, certificate.signers);
        uint256 rowCount = signers.rowCount();
        // MUST be more than two thirds of all slots.
        if (3 * slots <= 2 * rowCount) revert NoQuorum(slots, rowCount);
        bytes32 digest = Votes.digestOf(signers.stake().domain(), vote);
        if (!Bls.verify(key, digest, certificate.signature)) revert CertificateInvalid();
    }

    function _charge(uint64 epoch, address disperser, uint32 rowSize)
        private
        returns (uint256 fee)
    {
        Escrow storage escrow = _escrows[disperser];
        // MUST be older than the seed: else who pays would be chosen after it.
        if (escrow.epochOpened + Scheduled.NOTICE > epoch) revert EscrowTooYoung();
        fee = feeOf(epoch, rowSize);
        uint128 balance = escrow.balance;
        if (balance == 0 || balance < fee) revert EscrowEmpty();
        escrow.balance = balance - uint128(fee);
    }

    function _share(
        Votes.DataVote memory vote,
        uint256 fee,
        uint256 slots,
        uint256[] memory absent
    ) private {
        uint256 part = fee / _settings.signers.rowCount();
        if (part == 0) {
            treasury += fee;
            return;
        }
        _paid[vote.epoch][vote.quorum] += part;
        for (uint256 index = 0; index < absent.length; ++index) {
            _missed[vote.epoch][vote.quorum][absent[index]] += part;
        }
        treasury += fee - part * slots;
    }

    function _record(bytes32 batch, Votes.DataVote memory vote, uint32 rowSize, uint256 fee)
        private
    {
        _records[batch] = DataRecord.Record({
            commitment: vote.commitment,
            rowSize: rowSize,
            epoch: vote.epoch,
            number: uint64(block.number),
            time: uint64(block.timestamp)
        });
        emit Recorded(
            batch,
            vote.disperser,
            vote.epoch,
            vote.quorum,
            vote.sequence,
            vote.commitment,
            rowSize,
            fee
        );
    }

    function _credit(address account, uint256 amount) private {
        Escrow storage escrow = _escrows[account];
        if (escrow.balance == 0) escrow.epochOpened = _epoch();
        escrow.balance += amount.toUint128();
    }

    function _pay(address to, uint256 amount) private {
        (bool isPaid,) = to.call{value: amount}("");
        if (!isPaid) revert PaymentRefused();
    }

    function _lowFirst(uint32 number) private pure returns (uint32) {
        return number >> 24 | (number >> 8 & 0xff00) | (number << 8 & 0xff0000) | number << 24;
    }

    function _epoch() private view returns (uint64) {
        return _settings.signers.stake().epoch();
    }

    function _onlyGovernor() private view {
        if (msg.sender != _settings.signers.governor()) revert NotGovernance();
    }

    /// Only the present epoch's batches are taken, and those of the one before it.
    error EpochUnexpected(uint64 expected);
    error AlreadyRecorded();
    error RowSizeInvalid();
    /// They have too few slots.
    error NoQuorum(uint256 signed, uint256 total);
    error CertificateInvalid();
    /// It was opened after the epoch before the batch's began.
    error EscrowTooYoung();
    error EscrowEmpty();
    error NothingSent();
    error NothingFree();
    /// From that epoch on.
    error TooEarly(uint256 ready);
    /// The rewards of that epoch are settled.
    error TooLate();
    error SignatureInvalid();
    /// Batches count on what is in it.
    error EscrowInUse();
    /// The escrow is there for batches.
    error NotAPayer();
    error NotGovernance();
    error NotTheQueries();
    error PaymentRefused();
}
