// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bls} from "../proofs/Bls.sol";
import {Churn} from "./Churn.sol";
import {GenesisHeader} from "./GenesisHeader.sol";
import {IOperatorListener, OperatorRegistry} from "./OperatorRegistry.sol";
import {Parameters} from "./Parameters.sol";

// Changes of a network's set that are kept.
uint256 constant SET_POINTS = 64;

/// @title Which networks there are, who validates them in each epoch, and what a quorum's key is.
///
/// Stake is shared: an operator's one weight counts whole in every network it has opted into. Per
/// network and epoch there is one total and one aggregate key, over the operators with weight. A
/// certificate names the absent; their keys and weights are taken away from these two:
///
///     quorum    3 * (total - absent) > 2 * total
///     its key   aggregate - sum of the absent
///
/// A network is
///
///     Opening     until enough operators opted in, with enough stake; then, by itself,
///     Active      from the epoch after the next on: its first epoch, in which its genesis stands
///     Draining    by notice of governance or for want of load (Autoscaler): nothing new should come; its set stays
///     Closed      after the notice anyone ended it with the next epoch: it has no set any more
///
/// and has members and a set in the epochs from its first to its end alone. Whether it is halted
/// or dead FinalityOracle says.
///
/// An operator that opts out in epoch e is a validator, and answers for what it signs, until e + 2.
///
/// From 20 members of a network on two limits hold there, on stake as well as on joining and
/// leaving; what a slash takes is under neither:
///
///     cap      nobody's weight rises above `OperatorBps` of the total
///     churn    once its first epoch is set up: what comes in an epoch, and what goes, is each at most
///              `ChurnBps` of the total before (Churn)
///
/// Sets of the last 64 epochs in which they changed are kept, in a ring: what answers for an older
/// one has left (StakeManager.EXIT_POOLS_MAX).
contract NetworkRegistry is IOperatorListener {
    enum Status {
        Opening,
        Active,
        Draining,
        Closed
    }

    /// What a network is opened with: all of its genesis but the first epoch.
    struct Opening {
        uint64 chainId;
        /// Of the execution genesis block, in seconds since 1970.
        uint64 genesisTime;
        /// It begins in no epoch before.
        uint64 earliestEpoch;
        /// What must have opted in: so much stake, in gwei, of so many operators.
        uint64 stakeMin;
        uint32 operatorsMin;
        /// Of the execution genesis block.
        bytes32 genesisHash;
    }

    struct Network {
        uint64 chainId;
        /// The first epoch, in which its genesis block stands; 0 while it is opening.
        uint64 firstEpoch;
        /// Anyone may close it from this epoch on; 0 while it does not drain.
        uint64 drainedEpoch;
        /// The first epoch after it was closed; 0 before.
        uint64 endEpoch;
        uint64 genesisTime;
        uint64 earliestEpoch;
        uint64 stakeMin;
        uint32 operatorsMin;
        /// It takes no new streams from this epoch on; 0 while it does not drain.
        uint32 drainingEpoch;
        bytes32 genesisHash;
        /// consensusRoot of height 0; 0 while it is opening.
        bytes32 genesisRoot;
    }

    /// The operators of a network from an epoch on.
    struct SetPoint {
        uint64 fromEpoch;
        /// In gwei.
        uint64 total;
        uint32 count;
        Bls.Key key;
    }

    /// The newest points of a network, the one of number n in place n % SET_POINTS.
    struct SetRing {
        uint64 count;
        SetPoint[SET_POINTS] points;
    }

    /// An operator in a network, from an epoch until before another.
    struct Stint {
        uint64 fromEpoch;
        uint64 untilEpoch;
        /// The most of its stake that faults of this network may cost, in hundredths of a percent.
        uint16 slashBpsMax;
        /// Its place among all that ever opted in.
        uint32 member;
    }

    /// Networks of one operator at most: a change of its stake touches each.
    uint256 public constant NETWORKS_PER_OPERATOR = 32;
    uint64 private constant FOR_EVER = type(uint64).max;
    /// Networks that may ever be opened: whoever decides over all of them goes through the list.
    uint256 public constant NETWORKS_MAX = 512;
    /// Operators with weight in a network, and all that ever join one: as many as nodes read and
    /// certificates name. Beyond, a network would have no set that anyone knows.
    uint256 public constant VALIDATORS_MAX = 1_024;
    uint256 public constant MEMBERS_MAX = 4_096;
    /// Members of a network from which on cap and churn are limited.
    uint256 public constant LIMITED_FROM = 20;
    /// Who joins consents to lose so much at least, in hundredths of a percent: a vote that costs
    /// nothing MUST not count in a quorum.
    uint16 public constant SLASH_BPS_LEAST = 3_000;
    uint16 private constant BPS = 10_000;

    OperatorRegistry public immutable operators;
    /// Who may open and drain networks; governance.
    address public immutable governor;
    Parameters public immutable parameters;
    /// The autoscaler, which opens and drains by load, and ends what is halted or dead.
    address public immutable scaler;

    mapping(uint32 id => Network) private _networks;
    mapping(uint32 id => SetRing) private _sets;
    /// Everyone who ever opted in, in the order in which bitmaps count.
    mapping(uint32 id => address[]) private _members;
    mapping(uint32 id => mapping(address operator => Stint)) private _stint;
    mapping(uint32 id => mapping(address operator => Stint[])) private _earlierStints;
    mapping(address operator => uint32[]) private _networksOf;
    mapping(uint32 id => Churn.Flow) private _flows;
    /// Everyone ever opened, in their order.
    uint32[] private _ids;
    /// Stake of all operators that are in a network, each counted once, in gwei: as it will be with
    /// all changes that are on their way.
    uint256 public joinedStake;

    event NetworkOpened(uint32 indexed id, uint64 chainId, bytes32 genesisHash);
    /// From here on its genesis is known.
    event NetworkActivated(uint32 indexed id, uint64 firstEpoch, bytes32 genesisRoot);
    event NetworkDraining(uint32 indexed id, uint64 drainedEpoch);
    event NetworkClosed(uint32 indexed id, uint64 endEpoch);
    event OptedIn(uint32 indexed id, address indexed operator, uint64 fromEpoch);
    event OptedOut(uint32 indexed id, address indexed operator, uint64 fromEpoch);

    constructor(
        OperatorRegistry operatorRegistry,
        address governance,
        Parameters governed,
        address autoscaler
    ) {
        operators = operatorRegistry;
        governor = governance;
        parameters = governed;
        scaler = autoscaler;
    }

    /// Opens a network whose genesis everyone can build from this, once it is active.
    function open(uint32 id, Opening calldata opening) external {
        if (msg.sender != governor && msg.sender != scaler) revert NotTheGovernor();
        if (_networks[id].genesisHash != 0) revert NetworkTaken();
        if (opening.genesisHash == 0) revert GenesisMissing();
        uint256 operatorsMin = parameters.get(Parameters.Key.OperatorsMin);
        uint256 stakeMin = parameters.get(Parameters.Key.StakeMin);
        if (opening.operatorsMin < operatorsMin || opening.stakeMin < stakeMin) {
            revert ThresholdTooLow(operatorsMin, stakeMin);
        }
        if (_ids.length == NETWORKS_MAX) revert TooManyNetworks();
        _ids.push(id);
        _networks[id] = Network({
            chainId: opening.chainId,
            firstEpoch: 0,
            drainedEpoch: 0,
            endEpoch: 0,
            genesisTime: opening.genesisTime,
            earliestEpoch: opening.earliestEpoch,
            stakeMin: opening.stakeMin,
            operatorsMin: opening.operatorsMin,
            drainingEpoch: 0,
            genesisHash: opening.genesisHash,
            genesisRoot: 0
        });
        emit NetworkOpened(id, opening.chainId, opening.genesisHash);
    }

    /// Gives notice that a network will end.
    function drain(uint32 id) external {
        if (msg.sender != governor && msg.sender != scaler) revert NotTheGovernor();
        _expect(id, Status.Active);
        uint64 current = operators.currentEpoch();
        uint64 epoch = current + parameters.get(Parameters.Key.DrainEpochs);
        _networks[id].drainedEpoch = epoch;
        _networks[id].drainingEpoch = uint32(current + operators.NOTICE());
        emit NetworkDraining(id, epoch);
    }

    /// Ends a network with the next epoch: anyone may when it has drained; governance when it
    /// never began; the autoscaler when it is lost.
    function close(uint32 id) external {
        Status status = statusOf(id);
        bool isLost = msg.sender == scaler && status != Status.Closed;
        if (isLost || (msg.sender == governor && status == Status.Opening)) return _end(id);
        _expect(id, Status.Draining);
        uint64 drainedEpoch = _networks[id].drainedEpoch;
        if (operators.currentEpoch() < drainedEpoch) revert StillDraining(drainedEpoch);
        _end(id);
    }

    /// Makes the sender a validator of a network from the epoch after the next.
    function optIn(uint32 id, uint16 slashBpsMax) external {
        if (statusOf(id) == Status.Closed) revert StatusUnfit(Status.Closed);
        if (slashBpsMax < SLASH_BPS_LEAST || slashBpsMax > BPS) revert SlashLimitInvalid();
        Stint memory former = _stint[id][msg.sender];
        if (operators.currentEpoch() < former.untilEpoch) revert StillIn();
        uint32[] storage own = _networksOf[msg.sender];
        if (own.length == NETWORKS_PER_OPERATOR) revert TooManyNetworks();
        (Bls.Key memory key, uint64 weight) = operators.upcoming(msg.sender);
        // MUST be more than dust: places are few, and never given back.
        uint256 least = _networks[id].stakeMin / VALIDATORS_MAX;
        if (weight < least) revert StakeTooLow(least);

        uint64 epoch = operators.currentEpoch() + operators.NOTICE();
        uint32 member = former.member;
        if (former.fromEpoch == 0) {
            if (_members[id].length == MEMBERS_MAX) revert TooManyMembers();
            member = uint32(_members[id].length);
            _members[id].push(msg.sender);
        } else {
            _earlierStints[id][msg.sender].push(former);
        }
        _stint[id][msg.sender] = Stint(epoch, FOR_EVER, slashBpsMax, member);
        if (own.length == 0) joinedStake += weight;
        own.push(id);
        Bls.Key memory none;
        _limit(id, epoch, [uint64(0), weight], true);
        _change(id, epoch, [uint64(0), weight], [none, key]);
        emit OptedIn(id, msg.sender, epoch);
    }

    /// Ends the sender's validation of a network with the next epoch.
    function optOut(uint32 id) external {
        Stint storage stint = _stint[id][msg.sender];
        if (stint.untilEpoch != FOR_EVER) revert NotIn();
        (Bls.Key memory key, uint64 weight) = operators.upcoming(msg.sender);
        uint64 epoch = operators.currentEpoch() + operators.NOTICE();
        stint.untilEpoch = epoch;
        _forget(_networksOf[msg.sender], id);
        if (_networksOf[msg.sender].length == 0) joinedStake -= weight;
        Bls.Key memory none;
        _limit(id, epoch, [weight, uint64(0)], true);
        _change(id, epoch, [weight, uint64(0)], [key, none]);
        emit OptedOut(id, msg.sender, epoch);
    }

    /// @inheritdoc IOperatorListener
    function operatorChanged(
        address operator,
        uint64 epoch,
        uint64[2] calldata weights,
        Bls.Key[2] calldata keys,
        bool isSlash
    ) external {
        if (msg.sender != address(operators)) revert NotTheOperators();
        uint32[] storage own = _networksOf[operator];
        if (own.length > 0) joinedStake = joinedStake - weights[0] + weights[1];
        for (uint256 index = 0; index < own.length; ++index) {
            if (!isSlash) _limit(own[index], epoch, weights, false);
            _change(own[index], epoch, weights, keys);
        }
    }

    function networkOf(uint32 id) external view returns (Network memory found) {
        found = _networks[id];
        if (found.genesisHash == 0) revert NetworkUnknown();
    }

    /// What votes of a network name, beside its id.
    function genesisHashOf(uint32 id) external view returns (bytes32 genesisHash) {
        genesisHash = _networks[id].genesisHash;
        if (genesisHash == 0) revert NetworkUnknown();
    }

    /// Where a network stands; whether it is halted or dead, FinalityOracle says.
    function statusOf(uint32 id) public view returns (Status) {
        Network storage network = _networks[id];
        if (network.genesisHash == 0) revert NetworkUnknown();
        if (network.endEpoch != 0) return Status.Closed;
        if (network.drainedEpoch != 0) return Status.Draining;
        return network.firstEpoch == 0 ? Status.Opening : Status.Active;
    }

    /// Whether streams that are opened in an epoch may have their home in a network (Streams): it
    /// has begun, and neither drains nor is over. Nothing changes the answer once the epoch before
    /// has begun, and for the present epoch nothing ever does.
    function takesStreams(uint32 id, uint64 epoch) external view returns (bool) {
        uint64 draining = _networks[id].drainingEpoch;
        return _isAlive(id, epoch) && (draining == 0 || epoch < draining);
    }

    /// All that were ever opened, in that order.
    function networkIds() external view returns (uint32[] memory) {
        return _ids;
    }

    /// All that ever opted in, in the order of bitmaps; who is in an epoch's set, `isMember` says.
    function membersOf(uint32 id) external view returns (address[] memory) {
        return _members[id];
    }

    function networksOf(address operator) external view returns (uint32[] memory) {
        return _networksOf[operator];
    }

    /// Whether an operator had opted into a network in an epoch in which there was one.
    function isMember(uint32 id, address operator, uint64 epoch) public view returns (bool) {
        return _stintAt(id, operator, epoch).fromEpoch != 0;
    }

    /// The stint in which an operator was in a network in an epoch; all zero when it was not.
    function stintAt(uint32 id, address operator, uint64 epoch)
        external
        view
        returns (Stint memory)
    {
        return _stintAt(id, operator, epoch);
    }

    /// The set of an epoch: how many, what they weigh, and the sum of their keys. Nobody before its
    /// first epoch, and from its end on.
    function setAt(uint32 id, uint64 epoch) public view returns (SetPoint memory point) {
        if (!_isAlive(id, epoch)) return point;
        SetRing storage ring = _sets[id];
        uint64 count = ring.count;
        uint256 oldest = count > SET_POINTS ? count - SET_POINTS : 0;
        // Who asks is mostly after one of the last few.
        for (uint256 number = count; number > oldest; --number) {
            SetPoint storage found = ring.points[(number - 1) % SET_POINTS];
            if (found.fromEpoch <= epoch) return found;
        }
        if (oldest > 0) revert SetForgotten();
    }

    /// The key that a certificate of an epoch verifies against when all but `absent` signed.
    function quorumKey(uint32 id, uint64 epoch, address[] calldata absent)
        external
        view
        returns (Bls.Key memory key)
    {
        SetPoint memory point = setAt(id, epoch);
        key = point.key;
        uint256 signed = point.total;
        if (absent.length > 0) {
            for (uint256 index = 0; index < absent.length; ++index) {
                if (!isMember(id, absent[index], epoch)) revert NotAMember(absent[index]);
            }
            (Bls.Key memory sum, uint256 weight) = operators.sumAt(absent, epoch);
            key = Bls.add(key, Bls.negate(sum));
            signed -= weight;
        }
        // MUST be more than two thirds of all weight; of nothing, nobody is.
        if (3 * signed <= 2 * uint256(point.total)) revert NoQuorum(signed, point.total);
    }

    /// Holds a change to cap and churn. `isWhole`: an operator that comes or goes with all its
    /// weight.
    function _limit(uint32 id, uint64 epoch, uint64[2] memory weights, bool isWhole) private {
        if (weights[0] == weights[1]) return;
        (uint256 before, uint256 total) = _totalsOf(id, epoch);
        if (before == 0) return;
        Churn.Move memory move = Churn.Move(id, 0, weights[1] > weights[0], isWhole);
        move.weight = move.isJoin ? weights[1] - weights[0] : weights[0] - weights[1];
        if (move.isJoin) {
            uint256 part = parameters.get(Parameters.Key.OperatorBps);
            uint256 most = (total + move.weight) * part / BPS;
            if (weights[1] > most) revert OperatorTooHeavy(id, most);
        }
        // MUST let go: those who make up the first set, and whoever is left in one that is over.
        if (!_isAlive(id, epoch - 1)) return;
        uint256 limit = before * parameters.get(Parameters.Key.ChurnBps) / BPS;
        // Of a few gwei, too, one may move.
        Churn.take(_flows[id], epoch, limit == 0 ? 1 : limit, move);
    }

    /// What a network weighs before the changes of an epoch, zero while it has too few members to
    /// be limited; and what it weighs with those that were made.
    function _totalsOf(uint32 id, uint64 epoch)
        private
        view
        returns (uint256 before, uint256 total)
    {
        SetRing storage ring = _sets[id];
        uint64 count = ring.count;
        if (count == 0) return (0, 0);
        SetPoint storage point = ring.points[(count - 1) % SET_POINTS];
        total = point.total;
        if (point.fromEpoch == epoch) {
            if (count == 1) return (0, total);
            point = ring.points[(count - 2) % SET_POINTS];
        }
        // MUST be the set before: who is late meets the same limits as who was first.
        if (point.count >= LIMITED_FROM) before = point.total;
    }

    function _change(
        uint32 id,
        uint64 epoch,
        uint64[2] memory weights,
        Bls.Key[2] memory keys
    ) private {
        SetRing storage ring = _sets[id];
        uint64 count = ring.count;
        SetPoint memory point;
        if (count > 0) point = ring.points[(count - 1) % SET_POINTS];
        if (point.fromEpoch != epoch) {
            point.fromEpoch = epoch;
            ring.count = ++count;
        }
        point.total = point.total - weights[0] + weights[1];
        // An operator without weight is in no set, and its key in no sum.
        if (weights[0] > 0) {
            point.key = Bls.add(point.key, Bls.negate(keys[0]));
            --point.count;
        }
        if (weights[1] > 0) {
            point.key = Bls.add(point.key, keys[1]);
            if (++point.count > VALIDATORS_MAX) revert TooManyMembers();
        }
        ring.points[(count - 1) % SET_POINTS] = point;
        if (weights[1] > weights[0]) _activate(id, epoch, point);
    }

    /// Has a network begin that enough have joined.
    function _activate(uint32 id, uint64 epoch, SetPoint memory point) private {
        Network storage network = _networks[id];
        if (network.firstEpoch != 0 || network.endEpoch != 0) return;
        if (point.count < network.operatorsMin || point.total < network.stakeMin) return;
        uint64 earliest = network.earliestEpoch;
        uint64 first = epoch < earliest ? earliest : epoch;
        bytes32 root =
            GenesisHeader.rootOf(id, first, network.genesisTime, network.genesisHash);
        network.firstEpoch = first;
        network.genesisRoot = root;
        emit NetworkActivated(id, first, root);
    }

    function _end(uint32 id) private {
        uint64 epoch = operators.currentEpoch() + operators.NOTICE();
        _networks[id].endEpoch = epoch;
        emit NetworkClosed(id, epoch);
    }

    function _expect(uint32 id, Status expected) private view {
        Status status = statusOf(id);
        if (status != expected) revert StatusUnfit(status);
    }

    /// Whether an epoch is one of a network's.
    function _isAlive(uint32 id, uint64 epoch) private view returns (bool) {
        Network storage network = _networks[id];
        (uint64 first, uint64 end) = (network.firstEpoch, network.endEpoch);
        return first != 0 && epoch >= first && (end == 0 || epoch < end);
    }

    function _stintAt(uint32 id, address operator, uint64 epoch)
        private
        view
        returns (Stint memory stint)
    {
        if (!_isAlive(id, epoch)) return stint;
        stint = _stint[id][operator];
        if (stint.fromEpoch != 0 && epoch >= stint.fromEpoch) {
            return epoch < stint.untilEpoch ? stint : Stint(0, 0, 0, 0);
        }
        Stint[] storage earlier = _earlierStints[id][operator];
        for (uint256 index = earlier.length; index > 0; --index) {
            stint = earlier[index - 1];
            if (epoch >= stint.fromEpoch) {
                return epoch < stint.untilEpoch ? stint : Stint(0, 0, 0, 0);
            }
        }
        return Stint(0, 0, 0, 0);
    }

    function _forget(uint32[] storage list, uint32 id) private {
        for (uint256 index = 0; index < list.length; ++index) {
            if (list[index] != id) continue;
            list[index] = list[list.length - 1];
            list.pop();
            return;
        }
    }

    error NotTheGovernor();
    error NotTheOperators();
    error NetworkTaken();
    error NetworkUnknown();
    error GenesisMissing();
    /// It must ask for so much at least.
    error ThresholdTooLow(uint256 operatorsMin, uint256 stakeMin);
    /// It is in another state than this can be done in.
    error StatusUnfit(Status status);
    /// Anyone may close it from that epoch on.
    error StillDraining(uint64 epoch);
    error SlashLimitInvalid();
    /// The sender is in the set, or leaves it only in an epoch to come.
    error StillIn();
    error NotIn();
    error TooManyNetworks();
    /// To join a network an operator weighs so much, in gwei.
    error StakeTooLow(uint256 least);
    /// It has, or had, as many as it can.
    error TooManyMembers();
    /// So much the operator may weigh in that network, in gwei.
    error OperatorTooHeavy(uint32 id, uint256 most);
    error NotAMember(address operator);
    /// Of an epoch before the points that are kept.
    error SetForgotten();
    /// What signed weighs too little.
    error NoQuorum(uint256 signed, uint256 total);
}
