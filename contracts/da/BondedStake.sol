// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Epochs} from "../l1/Epochs.sol";
import {Bls} from "../proofs/Bls.sol";
import {Votes} from "../proofs/Votes.sol";
import {IStake} from "./IStake.sol";
import {Scheduled} from "./Scheduled.sol";

/// @title Bonds in a chain's own token, for data availability alone on any EVM chain that has the
/// precompiles of EIP-2537 and whose PREVRANDAO is random.
///
///     epoch        of block time
///     seed of e    PREVRANDAO of the block in epoch e - 1 that first called `roll`
///     mix          the hash of a block, one of the last 256
///     operator     what it has bonded, and the key that it proved to hold
///
/// Whoever calls `roll` may look at the seed first and let the block pass, so it is called in the
/// first block of each epoch by all who care; the last proposer before has the choice that
/// PREVRANDAO leaves it, of two seeds. On a chain where PREVRANDAO is a constant, as on some layers 2,
/// every draw is known for ever, and whoever chooses its votes by it holds a quorum: it MUST NOT stand
/// there. Where it is 0 there is never a seed, and so no quorum. A bond is for one key; another key takes another account.
///
/// What is unbonded in epoch e weighs until e + 1 and is paid out from e + `unbonding` on. Two
/// votes of a key on one batch (S9) take the whole bond and what is on its way out: a twentieth is
/// the reporter's, the rest nobody's.
contract BondedStake is IStake, Epochs {
    using SafeCast for uint256;
    using Scheduled for Scheduled.Number;

    /// What leaves, and from which epoch on.
    struct Exit {
        /// In gwei.
        uint64 amount;
        uint64 epoch;
    }

    uint64 public constant UNBONDING_LEAST = 4;
    uint256 public constant REPORTER_BPS = 500;
    uint256 private constant BPS = 10_000;
    uint256 private constant WEI_PER_GWEI = 1e9;

    /// In epochs.
    uint64 public immutable unbonding;

    /// Who registered a key, by the hash of its three words. Never given back.
    mapping(bytes32 keyHash => address) public ownerOf;
    mapping(address operator => Bls.Key) private _keys;
    mapping(address operator => Scheduled.Number) private _votes;
    mapping(address operator => Exit) private _exits;
    mapping(address operator => bool) public isSlashed;
    mapping(uint64 epoch => bytes32) private _seeds;

    event KeySet(address indexed operator, Bls.Key key);
    event VotesSet(address indexed operator, uint64 indexed fromEpoch, uint64 votes);
    event Withdrawn(address indexed operator, uint256 amount);
    event Slashed(address indexed operator, uint256 amount, address reporter);
    event Rolled(uint64 indexed epoch, bytes32 seed);

    constructor(uint64 start, uint64 length, uint64 unbondingEpochs) Epochs(start, length) {
        // MUST be longer than a batch takes to be recorded, which is until the end of the epoch
        // after its own.
        if (unbondingEpochs < UNBONDING_LEAST) revert UnbondingTooShort(UNBONDING_LEAST);
        unbonding = unbondingEpochs;
    }

    /// Gives the sender its key. `possession` is the key's signature on this operator's claim.
    function register(Bls.Key calldata key, bytes calldata possession) external {
        if (!Bls.isIdentity(_keys[msg.sender])) revert AlreadyRegistered();
        bytes32 keyHash = keccak256(abi.encode(key));
        if (ownerOf[keyHash] != address(0)) revert KeyTaken();
        bytes32 digest = Votes.possessionDigest(
            uint64(block.chainid), address(this), msg.sender, Bls.compress(key)
        );
        if (!Bls.verify(key, digest, possession)) revert PossessionUnproven();
        ownerOf[keyHash] = msg.sender;
        _keys[msg.sender] = key;
        emit KeySet(msg.sender, key);
    }

    /// Adds to the sender's bond, whole gwei.
    function bond() external payable {
        if (msg.value == 0) revert NothingSent();
        if (msg.value % WEI_PER_GWEI != 0) revert NotWholeGwei();
        if (Bls.isIdentity(_keys[msg.sender])) revert NotRegistered();
        if (isSlashed[msg.sender]) revert OperatorSlashed();
        _setVotes(_votes[msg.sender].newest + (msg.value / WEI_PER_GWEI).toUint64());
    }

    /// Takes from it, in gwei. What is on its way out already leaves with this.
    function unbond(uint64 amount) external {
        if (isSlashed[msg.sender]) revert OperatorSlashed();
        uint64 votes = _votes[msg.sender].newest;
        if (amount == 0 || amount > votes) revert BeyondMost(votes);
        _setVotes(votes - amount);
        Exit storage exit = _exits[msg.sender];
        exit.amount += amount;
        exit.epoch = currentEpoch() + unbonding;
    }

    /// Pays out what has left.
    function withdraw() external {
        Exit memory exit = _exits[msg.sender];
        if (exit.amount == 0) revert NothingFree();
        if (currentEpoch() < exit.epoch) revert StillUnbonding(startOf(exit.epoch));
        delete _exits[msg.sender];
        uint256 amount = exit.amount * WEI_PER_GWEI;
        emit Withdrawn(msg.sender, amount);
        _pay(msg.sender, amount);
    }

    /// Reports two commitments that an operator signed for one batch: S9. `signature` is the sum
    /// of both.
    function report(
        address operator,
        Votes.DataVote calldata first,
        Votes.DataVote calldata second,
        bytes calldata signature
    ) external {
        if (Votes.faultOf(first, second) == Votes.Fault.None) revert NotAFault();
        if (isSlashed[operator]) revert AlreadyPunished();
        Bls.Key memory key = _keys[operator];
        Votes.Domain memory home = domain();
        (bytes32 one, bytes32 other) = (Votes.digestOf(home, first), Votes.digestOf(home, second));
        if (!Bls.verifyBoth(key, one, key, other, signature)) revert SignatureInvalid();
        uint256 amount =
            (uint256(_votes[operator].newest) + _exits[operator].amount) * WEI_PER_GWEI;
        isSlashed[operator] = true;
        delete _votes[operator];
        delete _exits[operator];
        emit Slashed(operator, amount, msg.sender);
        _pay(msg.sender, amount * REPORTER_BPS / BPS);
    }

    /// Writes down the seed of the next epoch, if nobody has.
    function roll() external {
        uint64 next = currentEpoch() + 1;
        if (_seeds[next] != 0) return;
        _seeds[next] = bytes32(block.prevrandao);
        emit Rolled(next, _seeds[next]);
    }

    /// @inheritdoc IStake
    function epoch() external view returns (uint64) {
        return currentEpoch();
    }

    /// @inheritdoc IStake
    function seedOf(uint64 number) external view returns (bytes32 seed) {
        seed = _seeds[number];
        if (seed == 0) revert EpochUnknown(number);
    }

    /// @inheritdoc IStake
    function mixOf(uint256 number, bytes calldata) external view returns (bytes32 mix) {
        mix = blockhash(number);
        if (mix == 0) revert HeaderUnknown();
    }

    /// @inheritdoc IStake
    function upcoming(address operator, bytes calldata)
        external
        view
        returns (uint64 votes, Bls.Key memory key)
    {
        return (_votes[operator].newest, _keys[operator]);
    }

    /// @inheritdoc IStake
    function present(address operator, bytes calldata)
        external
        view
        returns (uint64 votes, Bls.Key memory key)
    {
        return (_votes[operator].valueAt(currentEpoch()), _keys[operator]);
    }

    /// @inheritdoc IStake
    function domain() public view returns (Votes.Domain memory) {
        return Votes.Domain(uint64(block.chainid), address(this), 0, 0);
    }

    /// What is on its way out.
    function exitOf(address operator) external view returns (Exit memory) {
        return _exits[operator];
    }

    function _setVotes(uint64 votes) private {
        _votes[msg.sender].set(currentEpoch(), votes);
        emit VotesSet(msg.sender, effectiveEpoch(), votes);
    }

    function _pay(address to, uint256 amount) private {
        (bool isPaid,) = to.call{value: amount}("");
        if (!isPaid) revert PaymentRefused();
    }

    /// In epochs.
    error UnbondingTooShort(uint256 least);
    error AlreadyRegistered();
    error NotRegistered();
    error KeyTaken();
    /// The signature is not that of the key on this operator's claim.
    error PossessionUnproven();
    error NothingSent();
    error NotWholeGwei();
    error OperatorSlashed();
    error BeyondMost(uint256 most);
    error NothingFree();
    error StillUnbonding(uint256 ready);
    error NotAFault();
    error AlreadyPunished();
    error SignatureInvalid();
    /// Nobody rolled in the epoch before.
    error EpochUnknown(uint64 epoch);
    /// It is not one of the last 256 blocks.
    error HeaderUnknown();
    error PaymentRefused();
}
