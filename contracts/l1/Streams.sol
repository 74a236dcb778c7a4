// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FinalityOracle} from "./FinalityOracle.sol";
import {NetworkRegistry} from "./NetworkRegistry.sol";
import {OperatorRegistry} from "./OperatorRegistry.sol";

/// @title Which network a stream of data is at home in.
///
/// A stream is a name of its owner's, and its id says whose: nobody else can open or move it.
///
///     id       keccak256(owner, name)
///     home     of the networks that took streams in the epoch in which it was opened, the one with
///              the highest keccak256(id, network)
///
/// So homes are spread evenly, another network takes over its part of the streams to come alone,
/// and no stream moves by itself: which networks took streams in an epoch never changes once it has
/// begun. Whoever opens writes one word, however many networks there are. A home that drains or
/// ends stays the home until the owner moves the stream, from the epoch after the next on: in each
/// epoch a stream has one home, and all networks know it before that epoch begins.
contract Streams {
    /// One word.
    struct Stream {
        /// Its first home follows from it.
        uint64 openedEpoch;
        /// From which on `home` holds; what held before, until then.
        uint64 homeFrom;
        /// Where its owner moved it, last and before; of no meaning until it did so often.
        uint32 home;
        uint32 homeBefore;
        /// Homes it ever had, one to come counted; 0: it was never opened.
        uint32 homeCount;
    }

    FinalityOracle public immutable oracle;
    NetworkRegistry public immutable networks;
    OperatorRegistry public immutable operators;

    /// Slot 0.
    mapping(bytes32 id => Stream) private _streams;

    event Opened(bytes32 indexed id, address indexed owner, bytes32 name, uint64 epoch);
    event Moved(bytes32 indexed id, uint32 indexed network, uint64 fromEpoch, uint32 homeCount);

    constructor(FinalityOracle finality) {
        oracle = finality;
        networks = finality.networks();
        operators = finality.operators();
    }

    /// Opens a stream of the sender's.
    function open(bytes32 name) external returns (bytes32 id) {
        id = idOf(msg.sender, name);
        if (_streams[id].homeCount != 0) revert StreamTaken();
        uint64 epoch = operators.currentEpoch();
        _streams[id] = Stream(epoch, epoch, 0, 0, 1);
        emit Opened(id, msg.sender, name, epoch);
    }

    /// Moves a stream of the sender's, from the epoch after the next on, to a network that takes
    /// streams then; one move at a time.
    function migrate(bytes32 name, uint32 network) external returns (uint64 fromEpoch) {
        bytes32 id = idOf(msg.sender, name);
        Stream memory stream = streamOf(id);
        uint64 current = operators.currentEpoch();
        if (current < stream.homeFrom) revert MoveUnderWay(stream.homeFrom);
        fromEpoch = current + operators.NOTICE();
        (bool isHalted, bool isDead) = oracle.statusOf(network);
        if (isHalted || isDead || !networks.takesStreams(network, fromEpoch)) {
            revert NetworkTakesNone();
        }
        uint32 homeCount = stream.homeCount + 1;
        _streams[id] = Stream(stream.openedEpoch, fromEpoch, network, stream.home, homeCount);
        emit Moved(id, network, fromEpoch, homeCount);
    }

    /// What is kept of a stream.
    function streamOf(bytes32 id) public view returns (Stream memory stream) {
        stream = _streams[id];
        if (stream.homeCount == 0) revert StreamUnknown();
    }

    /// The home of a stream in this epoch. Where it was never moved this goes through all networks:
    /// it is to be asked, not to be called by contracts.
    function homeOf(bytes32 id) external view returns (uint32 network) {
        Stream memory stream = streamOf(id);
        bool isMoving = operators.currentEpoch() < stream.homeFrom;
        uint32 chosen = isMoving ? stream.homeCount - 1 : stream.homeCount;
        if (chosen == 1) return firstHomeOf(id, stream.openedEpoch);
        return isMoving ? stream.homeBefore : stream.home;
    }

    /// Where a stream begins that is opened in an epoch; of those after the next that may change.
    function firstHomeOf(bytes32 id, uint64 epoch) public view returns (uint32 network) {
        uint32[] memory ids = networks.networkIds();
        uint256 highest;
        bool isFound;
        for (uint256 index = 0; index < ids.length; ++index) {
            if (!networks.takesStreams(ids[index], epoch)) continue;
            uint256 score = uint256(keccak256(abi.encode(id, ids[index])));
            if (isFound && score <= highest) continue;
            (network, highest, isFound) = (ids[index], score, true);
        }
        if (!isFound) revert NoNetwork();
    }

    function idOf(address owner, bytes32 name) public pure returns (bytes32) {
        return keccak256(abi.encode(owner, name));
    }

    /// The sender has a stream of that name.
    error StreamTaken();
    error StreamUnknown();
    /// It moves to another home first, from that epoch on.
    error MoveUnderWay(uint64 fromEpoch);
    /// That network has not begun by then, drains, or is over.
    error NetworkTakesNone();
    /// No network took streams then; its owner may still move it to one that does.
    error NoNetwork();
}
