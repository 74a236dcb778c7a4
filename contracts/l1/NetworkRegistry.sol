// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bls} from "../proofs/Bls.sol";
import {Churn} from "./Churn.sol";
import {Epochs} from "./Epochs.sol";
import {GenesisHeader} from "./GenesisHeader.sol";
import {IOperatorListener, OperatorRegistry} from "./OperatorRegistry.sol";
import {Parameters} from "./Parameters.sol";
import {ValidatorSets} from "./ValidatorSets.sol";

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
/// Sets of the last 64 epochs in which they changed are kept (ValidatorSets).
contract NetworkRegistry is IOperatorListener, Epochs {
    using ValidatorSets for ValidatorSets.SetRing;

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

    /// An operator in a network, from an epoch until before another.
    struct Stint {
        uint64 fromEpoch;
        uint64 untilEpoch;
        /// The most of its stake that its faults of an epoch may cost, in hundredths of a percent.
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
    mapping(uint32 id => ValidatorSets.SetRing) private _sets;
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
    ) Epochs(operatorRegistry.epochStart(), operatorRegistry.epochLength()) {
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
        _sets[id].prepare();
        emit NetworkOpened(id, opening.chainId, opening.genesisHash);
    }

    /// Gives notice that a network will end.
    function drain(uint32 id) external {
        if (msg.sender != governor && msg.sender != scaler) revert NotTheGovernor();
        _expect(id, Status.Active);
        uint64 current = currentEpoch();
        uint64 epoch = current + parameters.get(Parameters.Key.DrainEpochs);
        _networks[id].drainedEpoch = epoch;
        _networks[id].drainingEpoch = uint32(current + NOTICE);
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
        if (currentEpoch() < drainedEpoch) revert StillDraining(drainedEpoch);
        _end(id);
    }

    /// Makes the sender a validator of a network from the epoch after the next.
    function optIn(uint32 id, uint16 slashBpsMax) external {
        if (statusOf(id) == Status.Closed) revert StatusUnfit(Status.Closed);
        if (slashBpsMax < SLASH_BPS_LEAST || slashBpsMax > BPS) revert SlashLimitInvalid();
        Stint memory former = _stint[id][msg.sender];
        if (currentEpoch() < former.untilEpoch) revert StillIn();
        uint32[] storage own = _networksOf[msg.sender];
        if (own.length == NETWORKS_PER_OPERATOR) revert TooManyNetworks();
        (Bls.Key memory key, uint64 weight) = operators.upcoming(msg.sender);
        // MUST be more than dust: places are few, and never given back.
        uint256 least = _networks[id].stakeMin / VALIDATORS_MAX;
        if (weight < least) revert StakeTooLow(least);

        uint64 epoch = effectiveEpoch();
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
        ValidatorSets.Change memory change =
            ValidatorSets.changeOf(epoch, [uint64(0), weight], [none, key]);
        _limit(id, change, true);
        _change(id, change);
        emit OptedIn(id, msg.sender, epoch);
    }

    /// Ends the sender's validation of a network with the next epoch, once it has begun.
    function optOut(uint32 id) external {
        Stint storage stint = _stint[id][msg.sender];
        if (stint.untilEpoch != FOR_EVER) revert NotIn();
        // MUST have been in it: who joins and leaves again before has answered for nothing, and would
        // have counted among those a network begins with.
        uint64 begins = _beginOf(_networks[id], stint.fromEpoch);
        if (currentEpoch() < begins) revert NotInYet(begins);
        (Bls.Key memory key, uint64 weight) = operators.upcoming(msg.sender);
        uint64 epoch = effectiveEpoch();
        stint.untilEpoch = epoch;
        _forget(_networksOf[msg.sender], id);
        if (_networksOf[msg.sender].length == 0) joinedStake -= weight;
        Bls.Key memory none;
        ValidatorSets.Change memory change =
            ValidatorSets.changeOf(epoch, [weight, uint64(0)], [key, none]);
        _limit(id, change, true);
        _change(id, change);
        emit OptedOut(id, msg.sender, epoch);
    }

    /// @inheritdoc IOperatorListener
    function operatorChanged(
        address operator,
        uint64 epoch,
        uint64[2] calldata weights,
        Bls.Key[2] calldata keys
    ) external {
        if (msg.sender != address(operators)) revert NotTheOperators();
        uint32[] memory own = _networksOf[operator];
        if (own.length > 0) joinedStake = joinedStake - weights[0] + weights[1];
        ValidatorSets.Change memory change = ValidatorSets.changeOf(epoch, weights, keys);
        for (uint256 index = 0; index < own.length; ++index) {
            _limit(own[index], change, false);
            _change(own[index], change);
        }
    }

    /// @inheritdoc IOperatorListener
    function operatorsSlashed(uint64 epoch, Slashed[] calldata slashed) external {
        if (msg.sender != address(operators)) revert NotTheOperators();
        uint32[][] memory own = new uint32[][](slashed.length);
        uint256 joined = joinedStake;
        for (uint256 index = 0; index < slashed.length; ++index) {
            uint64 weight = slashed[index].weight;
            if (weight == 0) continue;
            own[index] = _networksOf[slashed[index].operator];
            if (own[index].length > 0) joined -= weight;
        }
        joinedStake = joined;
        for (uint256 index = 0; index < slashed.length; ++index) {
            while (own[index].length > 0) {
                uint32 id = own[index][own[index].length - 1];
                _change(id, ValidatorSets.departures(id, epoch, slashed, own));
            }
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

    /// How many networks have a set in an epoch, and what the heaviest weighs, in gwei; fixed as what
    /// `takesStreams` says of it, and told while all these sets are kept.
    function liveAt(uint64 epoch) external view returns (uint256 count, uint64 heaviest) {
        uint256 opened = _ids.length;
        for (uint256 index = 0; index < opened; ++index) {
            if (!_isAlive(_ids[index], epoch)) continue;
            ++count;
            (bool isThere, ValidatorSets.SetPoint storage found) =
                _sets[_ids[index]].pointAt(epoch);
            if (isThere && found.total > heaviest) heaviest = found.total;
        }
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
    function setAt(uint32 id, uint64 epoch)
        public
        view
        returns (ValidatorSets.SetPoint memory point)
    {
        if (!_isAlive(id, epoch)) return point;
        (bool isThere, ValidatorSets.SetPoint storage found) = _sets[id].pointAt(epoch);
        if (isThere) return found;
    }

    /// What the set of an epoch weighs, in gwei.
    function totalAt(uint32 id, uint64 epoch) external view returns (uint64) {
        if (!_isAlive(id, epoch)) return 0;
        (bool isThere, ValidatorSets.SetPoint storage found) = _sets[id].pointAt(epoch);
        return isThere ? found.total : 0;
    }

    /// The key that a certificate of an epoch verifies against when all but `absent` signed.
    function quorumKey(uint32 id, uint64 epoch, address[] calldata absent)
        external
        view
        returns (Bls.Key memory key)
    {
        ValidatorSets.SetPoint memory point = setAt(id, epoch);
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
    function _limit(uint32 id, ValidatorSets.Change memory change, bool isWhole) private {
        (uint64 former, uint64 next) = (change.weights[0], change.weights[1]);
        if (former == next) return;
        // MUST be the set before: who is late meets the same limits as who was first.
        (uint32 count, uint256 before, uint256 total) = _sets[id].around(change.epoch);
        if (count < LIMITED_FROM || before == 0) return;
        Churn.Move memory move = Churn.Move(id, 0, Churn.Way.Come, isWhole);
        if (next > former) {
            move.weight = next - former;
            uint256 part = parameters.get(Parameters.Key.OperatorBps);
            uint256 most = (total + move.weight) * part / BPS;
            if (next > most) revert OperatorTooHeavy(id, most);
        } else {
            move.weight = former - next;
            move.way = isWhole ? Churn.Way.Leave : Churn.Way.Unstake;
        }
        // MUST let go: those who make up the first set, and whoever is left in one that is over.
        if (!_isAlive(id, change.epoch - 1)) return;
        uint256 limit = before * parameters.get(Parameters.Key.ChurnBps) / BPS;
        // Of a few gwei, too, one may move.
        Churn.take(_flows[id], change.epoch, limit == 0 ? 1 : limit, move);
    }

    function _change(uint32 id, ValidatorSets.Change memory change) private {
        (uint32 count, uint64 total) = _sets[id].change(change);
        if (change.counts[1] > 0 && count > VALIDATORS_MAX) revert TooManyMembers();
        if (change.weights[1] > change.weights[0]) _activate(id, change.epoch, count, total);
    }

    /// Has a network begin that enough have joined.
    function _activate(uint32 id, uint64 epoch, uint32 count, uint64 total) private {
        Network storage network = _networks[id];
        if (network.firstEpoch != 0 || network.endEpoch != 0) return;
        if (count < network.operatorsMin || total < network.stakeMin) return;
        uint64 earliest = network.earliestEpoch;
        uint64 first = epoch < earliest ? earliest : epoch;
        bytes32 root =
            GenesisHeader.rootOf(id, first, network.genesisTime, network.genesisHash);
        network.firstEpoch = first;
        network.genesisRoot = root;
        emit NetworkActivated(id, first, root);
    }

    function _end(uint32 id) private {
        uint64 epoch = effectiveEpoch();
        _networks[id].endEpoch = epoch;
        emit NetworkClosed(id, epoch);
    }

    function _expect(uint32 id, Status expected) private view {
        Status status = statusOf(id);
        if (status != expected) revert StatusUnfit(status);
    }

    /// From when on an operator that joined for an epoch is in a network: not before that has begun,
    /// unless it ends without having.
    function _beginOf(Network storage network, uint64 fromEpoch) private view returns (uint64) {
        uint64 first = network.firstEpoch;
        return network.endEpoch == 0 && first > fromEpoch ? first : fromEpoch;
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
    /// The sender may leave from that epoch on.
    error NotInYet(uint64 fromEpoch);
    error TooManyNetworks();
    /// To join a network an operator weighs so much, in gwei.
    error StakeTooLow(uint256 least);
    /// It has, or had, as many as it can.
    error TooManyMembers();
    /// So much the operator may weigh in that network, in gwei.
    error OperatorTooHeavy(uint32 id, uint256 most);
    error NotAMember(address operator);
    /// What signed weighs too little.
    error NoQuorum(uint256 signed, uint256 total);
}
