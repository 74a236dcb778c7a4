// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {FinalityOracle} from "./FinalityOracle.sol";
import {NetworkLoad} from "./NetworkLoad.sol";
import {NetworkRegistry} from "./NetworkRegistry.sol";
import {Parameters} from "./Parameters.sol";

/// @title When there is another network, and when there is one less: by load that was proved, by
/// anyone.
///
///     spawn    most networks were busy in each of the last K epochs (LoadEpochs)
///     drain    most were idle in each of the last 4K, the newest too: that one drains
///
/// "Most" is three of four of those that live and do not drain, young ones included: a new network
/// must have been busy for K epochs itself before it speaks for another. Between two decisions lie
/// `CoolDownEpochs`; in no 24 hours does their number more than double; the first one stays.
///
/// What a network is opened with governance prepares beforehand, in the order of ids: load says
/// when, not what. And whoever finds a network halted or dead ends it here, so that its set holds
/// nobody's stake.
contract Autoscaler {
    using Checkpoints for Checkpoints.Trace208;
    using SafeCast for uint256;

    /// A network to come.
    struct Prepared {
        uint32 id;
        NetworkRegistry.Opening opening;
    }

    uint256 public constant MOST_PARTS = 3;
    uint256 public constant ALL_PARTS = 4;
    /// Epochs of idleness for one of business.
    uint256 public constant IDLE_FACTOR = 4;
    /// How old the last epoch of load may be, in epochs: it must be over, closed and proved.
    uint64 public constant AGE_MAX = 4;
    uint256 public constant GROWTH_WINDOW = 1 days;
    uint256 public constant PREPARED_MAX = 16;

    NetworkRegistry public immutable networks;
    FinalityOracle public immutable oracle;
    NetworkLoad public immutable load;
    Parameters public immutable parameters;
    address public immutable governor;

    /// When the last decision was made.
    uint64 public decidedEpoch;
    /// The next one to open, of `_prepared`.
    uint256 private _next;
    Prepared[] private _prepared;
    /// How many were spawned so far, by time.
    Checkpoints.Trace208 private _spawned;

    event NetworksPrepared(uint256 count);
    event Spawned(uint32 indexed id, uint64 indexed lastEpoch);
    event Drained(uint32 indexed id, uint64 indexed lastEpoch);

    constructor(NetworkLoad networkLoad, address governance) {
        load = networkLoad;
        oracle = networkLoad.oracle();
        networks = oracle.networks();
        parameters = networks.parameters();
        governor = governance;
    }

    /// Says what the next networks are, in the place of those that were said and not opened.
    function prepare(Prepared[] calldata list) external {
        if (msg.sender != governor) revert NotTheGovernor();
        if (list.length > PREPARED_MAX) revert TooManyPrepared();
        delete _prepared;
        _next = 0;
        for (uint256 index = 0; index < list.length; ++index) {
            if (index > 0 && list[index].id != list[index - 1].id + 1) revert IdsUnordered();
            _prepared.push(list[index]);
        }
        emit NetworksPrepared(list.length);
    }

    /// Opens the next network. `lastEpoch` is the last of those in which most were busy.
    function spawn(uint64 lastEpoch) external returns (uint32 id) {
        _decide(lastEpoch);
        uint256 epochs = parameters.get(Parameters.Key.LoadEpochs);
        (uint256 live,) = _expectMost(NetworkLoad.Load.Busy, lastEpoch, epochs);
        uint256 total = _spawned.latest();
        uint256 lately =
            total - _spawned.upperLookupRecent(uint48(block.timestamp - GROWTH_WINDOW));
        // MUST be no more than there were a day ago.
        if (2 * lately + 1 > live) revert GrowingTooFast(lately);
        _spawned.push(uint48(block.timestamp), (total + 1).toUint208());
        if (_next == _prepared.length) revert NothingPrepared();
        Prepared memory next = _prepared[_next++];
        id = next.id;
        networks.open(id, next.opening);
        emit Spawned(id, lastEpoch);
    }

    /// Has the newest network drain. `lastEpoch` is the last of those in which most were idle.
    function drain(uint64 lastEpoch) external returns (uint32 id) {
        _decide(lastEpoch);
        uint256 epochs = parameters.get(Parameters.Key.LoadEpochs) * IDLE_FACTOR;
        uint256 live;
        (live, id) = _expectMost(NetworkLoad.Load.Idle, lastEpoch, epochs);
        if (live == 1) revert LastNetwork();
        if (!load.wasThroughout(id, NetworkLoad.Load.Idle, lastEpoch, epochs)) {
            revert NewestInUse(id);
        }
        networks.drain(id);
        emit Drained(id, lastEpoch);
    }

    /// Ends a network that is halted or dead.
    function end(uint32 id) external {
        if (!_isLost(id)) revert StillAlive();
        networks.close(id);
    }

    /// The networks to come, the next one first.
    function prepared() external view returns (Prepared[] memory list) {
        list = new Prepared[](_prepared.length - _next);
        for (uint256 index = 0; index < list.length; ++index) {
            list[index] = _prepared[_next + index];
        }
    }

    function _decide(uint64 lastEpoch) private {
        uint64 epoch = networks.operators().currentEpoch();
        if (lastEpoch >= epoch || lastEpoch + AGE_MAX < epoch) revert LoadOutdated(epoch);
        uint64 from = decidedEpoch + parameters.get(Parameters.Key.CoolDownEpochs);
        if (decidedEpoch != 0 && epoch < from) revert CoolingDown(from);
        decidedEpoch = epoch;
    }

    /// Counts the networks that live and do not drain, and reverts unless most had that load; says
    /// also which is the newest of those that have begun.
    function _expectMost(NetworkLoad.Load wanted, uint64 lastEpoch, uint256 epochs)
        private
        view
        returns (uint256 live, uint32 newest)
    {
        uint32[] memory ids = networks.networkIds();
        uint256 fitting;
        for (uint256 index = 0; index < ids.length; ++index) {
            uint32 id = ids[index];
            NetworkRegistry.Status status = networks.statusOf(id);
            bool isActive = status == NetworkRegistry.Status.Active;
            if (!isActive && status != NetworkRegistry.Status.Opening) continue;
            if (_isLost(id)) continue;
            ++live;
            if (!isActive) continue;
            newest = id;
            if (load.wasThroughout(id, wanted, lastEpoch, epochs)) ++fitting;
        }
        if (fitting == 0 || fitting * ALL_PARTS < live * MOST_PARTS) revert NotMost(fitting, live);
    }

    function _isLost(uint32 id) private view returns (bool) {
        (bool isHalted, bool isDead) = oracle.statusOf(id);
        return isHalted || isDead;
    }

    error NotTheGovernor();
    error TooManyPrepared();
    error IdsUnordered();
    error NothingPrepared();
    /// The epoch is not over, or too long ago.
    error LoadOutdated(uint64 currentEpoch);
    /// After the last decision the next one waits until that epoch.
    error CoolingDown(uint64 epoch);
    /// So few of all that live.
    error NotMost(uint256 fitting, uint256 live);
    /// So many were opened in a day.
    error GrowingTooFast(uint256 lately);
    error LastNetwork();
    error NewestInUse(uint32 id);
    error StillAlive();
}
