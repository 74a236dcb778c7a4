// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {Bls} from "../proofs/Bls.sol";
import {Votes} from "../proofs/Votes.sol";
import {Epochs} from "./Epochs.sol";

/// Told of every change, so that networks keep their totals.
interface IOperatorListener {
    /// An operator that was slashed, with the weight and the key that it had.
    struct Slashed {
        address operator;
        uint64 weight;
        Bls.Key key;
    }

    /// From `epoch` on the operator has this weight and this key instead of the former ones.
    function operatorChanged(
        address operator,
        uint64 epoch,
        uint64[2] calldata weights,
        Bls.Key[2] calldata keys
    ) external;

    /// From `epoch` on none of them weighs anything. Never refused.
    function operatorsSlashed(uint64 epoch, Slashed[] calldata slashed) external;
}

/// @title Who an operator is in each epoch: its BLS key and the weight of its stake.
///
/// A key is registered once, by one operator, with a proof that it is held (votes.md section 7): so
/// aggregates are safe against rogue keys, and a signature names its operator for ever. A rotated
/// key is still answered for in the epochs that it held: evidence asks by epoch.
///
///     weight    in gwei of the token, set by the stake manager alone; one trace an operator
///     absent    a certificate names who did not sign: their keys and weights are summed up here
///
/// What a certificate needs of one operator lies in four slots: the two newest weights and the age
/// of the newest key in one, that key in three. Older ones are found by search.
contract OperatorRegistry is Epochs {
    using Checkpoints for Checkpoints.Trace208;
    using SafeCast for uint256;

    struct Latest {
        uint48 weightFrom;
        uint48 weightBeforeFrom;
        uint64 weight;
        uint64 weightBefore;
        uint32 keyFrom;
    }

    /// A key that held from an epoch until the next one.
    struct Period {
        uint64 fromEpoch;
        Bls.Key key;
    }

    /// How old a block of L1 is when it is final, at most, in seconds.
    uint64 public immutable finalityLag;
    /// The stake manager.
    address public immutable stakes;
    IOperatorListener public immutable networks;

    /// Who registered a key, by the hash of its three words. Never given back.
    mapping(bytes32 keyHash => address) public ownerOf;

    mapping(address operator => Latest) private _latest;
    mapping(address operator => Bls.Key) private _key;
    mapping(address operator => Period[]) private _earlierKeys;
    mapping(address operator => Checkpoints.Trace208) private _earlierWeights;

    event KeySet(address indexed operator, uint64 indexed fromEpoch, Bls.Key key);
    event WeightSet(address indexed operator, uint64 indexed fromEpoch, uint64 weight);

    constructor(
        uint64 start,
        uint64 length,
        uint64 lag,
        address stakeManager,
        IOperatorListener listener
    ) Epochs(start, length) {
        // MUST be longer: a set is proved from final blocks of the epoch before its own.
        uint256 least = 2 * uint256(lag) + 1;
        if (length < least) revert EpochTooShort(least);
        finalityLag = lag;
        stakes = stakeManager;
        networks = listener;
    }

    /// Makes the sender an operator. `possession` is the key's signature on this operator's claim.
    function register(Bls.Key calldata key, bytes calldata possession) external {
        if (!Bls.isIdentity(_key[msg.sender])) revert AlreadyRegistered();
        _claim(key, possession);
        _setKey(key);
    }

    /// Gives the sender another key from the epoch after the next. One rotation at a time.
    function rotate(Bls.Key calldata key, bytes calldata possession) external {
        Bls.Key memory former = _key[msg.sender];
        if (Bls.isIdentity(former)) revert NotRegistered();
        Latest memory latest = _latest[msg.sender];
        if (latest.keyFrom > currentEpoch()) revert RotationPending();
        _claim(key, possession);
        _earlierKeys[msg.sender].push(Period({fromEpoch: latest.keyFrom, key: former}));
        uint64 epoch = _setKey(key);
        uint64[2] memory weights = [latest.weight, latest.weight];
        networks.operatorChanged(msg.sender, epoch, weights, [former, key]);
    }

    /// Sets what an operator's stake weighs from the epoch after the next, in gwei. Reverts when a
    /// network of its does not take so much of a change.
    function setWeight(address operator, uint64 weight) external {
        if (msg.sender != stakes) revert NotTheStakeManager();
        uint64 epoch = effectiveEpoch();
        (uint64 former, Bls.Key memory key) = _setWeight(operator, epoch, weight);
        networks.operatorChanged(operator, epoch, [former, weight], [key, key]);
    }

    /// Has operators that were slashed weigh nothing from the epoch after the next.
    function setTombstones(address[] calldata operators) external {
        if (msg.sender != stakes) revert NotTheStakeManager();
        uint64 epoch = effectiveEpoch();
        IOperatorListener.Slashed[] memory slashed =
            new IOperatorListener.Slashed[](operators.length);
        for (uint256 index = 0; index < operators.length; ++index) {
            address operator = operators[index];
            (uint64 former, Bls.Key memory key) = _setWeight(operator, epoch, 0);
            slashed[index] = IOperatorListener.Slashed(operator, former, key);
        }
        networks.operatorsSlashed(epoch, slashed);
    }

    /// The key that an operator signs with in an epoch.
    function keyAt(address operator, uint64 epoch) public view returns (Bls.Key memory) {
        Latest memory latest = _latest[operator];
        return _keyAt(operator, epoch, latest);
    }

    /// The weight of an operator's stake in an epoch, in gwei.
    function weightAt(address operator, uint64 epoch) public view returns (uint64) {
        return _weightAt(operator, epoch, _latest[operator]);
    }

    /// Key and weight with all changes that are on their way: what holds from the epoch after the
    /// next, if nothing else comes.
    function upcoming(address operator) external view returns (Bls.Key memory key, uint64 weight) {
        key = _key[operator];
        if (Bls.isIdentity(key)) revert NotRegistered();
        weight = _latest[operator].weight;
    }

    /// The sum of keys and of weights of some operators in an epoch; the addresses rise.
    function sumAt(address[] calldata operators, uint64 epoch)
        external
        view
        returns (Bls.Key memory key, uint256 weight)
    {
        address last;
        for (uint256 index = 0; index < operators.length; ++index) {
            address operator = operators[index];
            // MUST rise: one that is named twice would be taken away twice.
            if (operator <= last) revert OperatorsUnordered();
            last = operator;
            Latest memory latest = _latest[operator];
            uint64 ownWeight = _weightAt(operator, epoch, latest);
            // MUST weigh: without weight its key is in no sum, and cannot be taken out of one.
            if (ownWeight == 0) revert Weightless(operator);
            weight += ownWeight;
            Bls.Key memory own = _keyAt(operator, epoch, latest);
            key = index == 0 ? own : Bls.add(key, own);
        }
    }

    function _setWeight(address operator, uint64 epoch, uint64 weight)
        private
        returns (uint64 former, Bls.Key memory key)
    {
        key = _key[operator];
        if (Bls.isIdentity(key)) revert NotRegistered();
        Latest memory latest = _latest[operator];
        former = latest.weight;
        if (latest.weightFrom != epoch) {
            if (latest.weightBeforeFrom != 0) {
                _earlierWeights[operator].push(latest.weightBeforeFrom, latest.weightBefore);
            }
            latest.weightBeforeFrom = latest.weightFrom;
            latest.weightBefore = former;
            latest.weightFrom = uint48(epoch);
        }
        latest.weight = weight;
        _latest[operator] = latest;
        emit WeightSet(operator, epoch, weight);
    }

    function _claim(Bls.Key calldata key, bytes calldata possession) private {
        bytes32 keyHash = keccak256(abi.encode(key));
        if (ownerOf[keyHash] != address(0)) revert KeyTaken();
        bytes32 digest = Votes.possessionDigest(
            uint64(block.chainid), address(this), msg.sender, Bls.compress(key)
        );
        if (!Bls.verify(key, digest, possession)) revert PossessionUnproven();
        ownerOf[keyHash] = msg.sender;
    }

    function _setKey(Bls.Key calldata key) private returns (uint64 epoch) {
        epoch = effectiveEpoch();
        _key[msg.sender] = key;
        _latest[msg.sender].keyFrom = uint256(epoch).toUint32();
        emit KeySet(msg.sender, epoch, key);
    }

    function _keyAt(address operator, uint64 epoch, Latest memory latest)
        private
        view
        returns (Bls.Key memory)
    {
        if (latest.keyFrom != 0 && epoch >= latest.keyFrom) return _key[operator];
        Period[] storage periods = _earlierKeys[operator];
        uint256 low = 0;
        uint256 high = periods.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (periods[middle].fromEpoch <= epoch) low = middle + 1;
            else high = middle;
        }
        if (low == 0) revert KeyUnknown(operator, epoch);
        return periods[low - 1].key;
    }

    function _weightAt(address operator, uint64 epoch, Latest memory latest)
        private
        view
        returns (uint64)
    {
        if (epoch >= latest.weightFrom) return latest.weight;
        if (epoch >= latest.weightBeforeFrom) return latest.weightBefore;
        return uint64(_earlierWeights[operator].upperLookupRecent(uint48(epoch)));
    }

    /// Twice the finality lag of L1 and a second are the least, in seconds.
    error EpochTooShort(uint256 least);
    error AlreadyRegistered();
    error NotRegistered();
    error NotTheStakeManager();
    /// The last rotation does not hold yet.
    error RotationPending();
    /// The key belongs to an operator, this or another, now or formerly.
    error KeyTaken();
    /// The signature is not that of the key on this operator's claim.
    error PossessionUnproven();
    /// The operator had no key in that epoch.
    error KeyUnknown(address operator, uint64 epoch);
    /// The operator had no stake in that epoch.
    error Weightless(address operator);
    /// Addresses must rise.
    error OperatorsUnordered();
}
