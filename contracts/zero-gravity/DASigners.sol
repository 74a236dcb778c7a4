// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DataSigners} from "../da/DataSigners.sol";
import {Draw} from "../da/Draw.sol";
import {Bitmap} from "./Bitmap.sol";
import {Bn254, G1Point, G2Point} from "./Bn254.sol";

/// @title Who signs for data, as 0G's clients ask for it: at 0x…1000 in the genesis of a network
/// (docs/specs/da.md section 11).
///
///     signer    who has a place in DataSigners and brought a BN254 key, once and for ever
///     quorum    as DataSigners drew and wrote it down: row by row, the holder of its slot
///     epoch     that of the stake; who registered for it in the one before may sign in it
///
/// Nothing is decided here of who holds what: no vote is counted, and no ballot drawn of what a
/// signer signs. A member of a quorum that did not register has its slots all the same, and nobody
/// else can sign for them.
contract DASigners {
    struct SignerDetail {
        address signer;
        string socket;
        G1Point pkG1;
        G2Point pkG2;
    }

    struct Params {
        /// What a signer has staked at least, in whole tokens.
        uint256 tokensPerVote;
        /// Rows that one signer may hold: all.
        uint256 maxVotesPerSigner;
        uint256 maxQuorums;
        /// Epochs are of time: 0.
        uint256 epochBlocks;
        /// Coded rows of a batch, n.
        uint256 encodedSlices;
    }

    struct Key {
        G1Point pkG1;
        G2Point pkG2;
        string socket;
    }

    uint256 public constant SOCKET_SIZE_MAX = 128;
    uint64 private constant GWEI_PER_TOKEN = 1e9;
    bytes private constant REGISTRATION_TAG = "0G_BN254_Pubkey_Registration";

    /// Slot 0, laid out for the genesis.
    DataSigners public signers;
    mapping(address signer => Key) private _keys;
    mapping(address account => mapping(uint256 epoch => bool)) public registeredEpoch;

    event NewSigner(address indexed signer, G1Point pkG1, G2Point pkG2);
    event SocketUpdated(address indexed signer, string socket);

    /// Where there is no genesis to write the settings.
    constructor(DataSigners signers_) {
        signers = signers_;
    }

    /// Takes the key of the sender, which has a place; the signature is over its address and this
    /// chain, so nobody brings a key made of others'.
    function registerSigner(SignerDetail calldata detail, G1Point calldata signature) external {
        if (detail.signer != msg.sender) revert NotTheSigner();
        if (isSigner(msg.sender)) revert AlreadyRegistered();
        if (!signers.hasPlace(msg.sender)) revert NotIn();
        if (Bn254.isZero(detail.pkG1)) revert KeyInvalid();
        Key storage key = _keys[msg.sender];
        (key.pkG1, key.pkG2) = (detail.pkG1, detail.pkG2);
        bytes memory message = abi.encodePacked(msg.sender, block.chainid, REGISTRATION_TAG);
        _check(key, keccak256(message), signature);
        emit NewSigner(msg.sender, detail.pkG1, detail.pkG2);
        _setSocket(key, detail.socket);
    }

    /// Says where the sender's node is found.
    function updateSocket(string calldata socket) external {
        _setSocket(_keyOf(msg.sender), socket);
    }

    /// Has the sender sign in the next epoch, as 0G documents it.
    function registerNextEpoch(G1Point calldata signature) external {
        _registerNextEpoch(signature);
    }

    /// The same, as 0G's contracts of 2025 call it; how many votes it says is not read.
    function registerNextEpoch(address signer, G1Point calldata signature, uint256) external {
        if (signer != msg.sender) revert NotTheSigner();
        _registerNextEpoch(signature);
    }

    /// There is nothing to make: an epoch begins by the clock, and DataSigners opens its quorums.
    function makeEpoch() external pure {}

    function params() external view returns (Params memory) {
        uint256 rows = signers.rowCount();
        return Params({
            tokensPerVote: signers.votesMin() / GWEI_PER_TOKEN,
            maxVotesPerSigner: rows,
            maxQuorums: signers.QUORUMS_MAX(),
            epochBlocks: 0,
            encodedSlices: rows
        });
    }

    /// Of an epoch that has begun; 0 of one that has not.
    function quorumCount(uint256 epoch) external view returns (uint256) {
        return epoch > epochNumber() ? 0 : signers.quorumCountOf(uint64(epoch));
    }

    /// What is known of accounts; of who is no signer the address alone.
    function getSigner(address[] calldata accounts)
        external
        view
        returns (SignerDetail[] memory details)
    {
        details = new SignerDetail[](accounts.length);
        for (uint256 index = 0; index < accounts.length; ++index) {
            Key storage key = _keys[accounts[index]];
            details[index] = SignerDetail(accounts[index], key.socket, key.pkG1, key.pkG2);
        }
    }

    /// The holders of all rows of a quorum that was opened, row by row.
    function getQuorum(uint256 epoch, uint256 quorumId)
        external
        view
        returns (address[] memory holders)
    {
        (uint64 epoch_, uint32 quorum) = _named(epoch, quorumId);
        DataSigners.Standing[] memory members = signers.standingOf(epoch_, quorum);
        uint256 rows = signers.rowCount();
        uint256 row = _firstRow(epoch_, quorum, rows);
        holders = new address[](rows);
        for (uint256 member = 0; member < members.length; ++member) {
            for (uint256 slot = 0; slot < members[member].slots; ++slot) {
                holders[row] = members[member].operator;
                row = row + 1 == rows ? 0 : row + 1;
            }
        }
    }

    function getQuorumRow(uint256 epoch, uint256 quorumId, uint32 rowIndex)
        external
        view
        returns (address operator)
    {
        (uint64 epoch_, uint32 quorum) = _named(epoch, quorumId);
        if (rowIndex >= signers.rowCount()) revert RowUnknown();
        uint256[] memory rows = new uint256[](1);
        rows[0] = rowIndex;
        uint256 member = signers.rowHoldersOf(epoch_, quorum, rows)[0];
        (operator,) = signers.memberOf(epoch_, quorum, member);
    }

    /// What a bitmap of rows stands for: the sum of the keys of all who have a bit in it, each once;
    /// how many rows there are; and how many of them have a bit, and a holder whose signature
    /// counts. Who is contested is in the sum, and its rows are not counted.
    function getAggPkG1(uint256 epoch, uint256 quorumId, bytes calldata bitmap)
        external
        view
        returns (G1Point memory aggPkG1, uint256 total, uint256 hit)
    {
        (uint64 epoch_, uint32 quorum) = _named(epoch, quorumId);
        DataSigners.Standing[] memory members = signers.standingOf(epoch_, quorum);
        total = signers.rowCount();
        uint256[] memory words = Bitmap.wordsOf(bitmap, total);
        uint256 row = _firstRow(epoch_, quorum, total);
        for (uint256 index = 0; index < members.length; ++index) {
            DataSigners.Standing memory member = members[index];
            uint256 count = Bitmap.countIn(words, row, member.slots, total);
            row = (row + member.slots) % total;
            if (count == 0 || !registeredEpoch[member.operator][epoch_]) continue;
            Bn254.addTo(aggPkG1, _keys[member.operator].pkG1);
            if (!member.isContested) hit += count;
        }
    }

    function epochNumber() public view returns (uint256) {
        return signers.stake().epoch();
    }

    function isSigner(address account) public view returns (bool) {
        return !Bn254.isZero(_keys[account].pkG1);
    }

    function _registerNextEpoch(G1Point calldata signature) private {
        Key storage key = _keyOf(msg.sender);
        uint64 epoch = uint64(epochNumber()) + 1;
        if (registeredEpoch[msg.sender][epoch]) revert AlreadyRegistered();
        bytes memory message = abi.encodePacked(msg.sender, epoch, block.chainid);
        _check(key, keccak256(message), signature);
        registeredEpoch[msg.sender][epoch] = true;
    }

    function _setSocket(Key storage key, string calldata socket) private {
        if (bytes(socket).length > SOCKET_SIZE_MAX) revert UrlTooLong();
        key.socket = socket;
        emit SocketUpdated(msg.sender, socket);
    }

    function _check(Key storage key, bytes32 digest, G1Point calldata signature) private view {
        G1Point memory message = Bn254.hashToG1(digest);
        if (!Bn254.verify(key.pkG1, key.pkG2, message, signature)) revert SignatureInvalid();
    }

    function _keyOf(address account) private view returns (Key storage) {
        if (!isSigner(account)) revert NotASigner();
        return _keys[account];
    }

    /// The row of a quorum's first slot.
    function _firstRow(uint64 epoch, uint32 quorum, uint256 rows) private view returns (uint256) {
        return Draw.shiftOf(signers.stake().seedOf(epoch), quorum, rows);
    }

    function _named(uint256 epoch, uint256 quorumId) private pure returns (uint64, uint32) {
        if (epoch > type(uint64).max || quorumId > type(uint32).max) revert QuorumUnknown();
        return (uint64(epoch), uint32(quorumId));
    }

    /// Only an account itself registers, and for itself.
    error NotTheSigner();
    /// It has no place in DataSigners.
    error NotIn();
    /// It brought no key.
    error NotASigner();
    error AlreadyRegistered();
    error KeyInvalid();
    error SignatureInvalid();
    error UrlTooLong();
    error RowUnknown();
    error QuorumUnknown();
}
