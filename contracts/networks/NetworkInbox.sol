// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsensusHeader} from "../proofs/ConsensusHeader.sol";
import {ExecutionProof} from "../proofs/ExecutionProof.sol";
import {History} from "../proofs/History.sol";
import {OutboxEntry} from "../proofs/OutboxEntry.sol";
import {TrieAbsence} from "../proofs/TrieAbsence.sol";
import {EPOCH_INFO, INBOX, LIGHT_CLIENT, OUTBOX} from "./Addresses.sol";
import {EpochInfo} from "./EpochInfo.sol";
import {IMessageReceiver, IMessageSender} from "./IMessageReceiver.sol";
import {LightClient} from "./LightClient.sol";
import {Outbox} from "./Outbox.sol";

/// @title What enters this network: messages from L1 and from other networks, each delivered once,
/// in any order, by whoever proves it. At 0x…2005 in its genesis.
///
///     from L1            header of this network -> field 11, l1.messageRoot -> leaf
///     from a network     certificate (LightClient) -> header -> Outbox root -> entry
///
/// The receiver is called with `MESSAGE_GAS` and nothing more; what it answers is not read. When it
/// fails, that is told by an event and the message stays undelivered: anyone may bring it again,
/// and no other message waits for it. Only the functions of IMessageReceiver and IMessageSender are
/// ever called, so to be called from here says nothing but what these say.
///
/// A message between networks has an expiry, from which on it is refused. Then its own network may
/// know that it never arrived: a final block of the other one, not before the expiry, whose state
/// has no mark of it; of a network that is dead the last block, whatever its age.
contract NetworkInbox {
    /// A message from L1: leaf sha256(sender 20, to 20, keccak(data) 32) of its tree.
    struct L1Message {
        address sender;
        address to;
        bytes data;
    }

    /// A block of another network that LightClient knows, and its place.
    struct BlockProof {
        uint64 height;
        bytes32 consensusRoot;
        /// As CertifiedBlocks has them.
        bytes32[] siblings;
    }

    /// Where an entry stands in its network's Outbox.
    struct Place {
        uint64 index;
        /// One that was proved or kept here.
        bytes32 root;
        bytes32[] siblings;
    }

    /// A final block of another network, and the word of a mark in its state.
    struct MarkProof {
        BlockProof known;
        /// All of its header.
        bytes32[16] fields;
        ExecutionProof.OfState state;
        ExecutionProof.OfSlot slot;
        /// Whether the slot is not in the state at all: 256 messages, of which none was delivered.
        bool isAbsent;
    }

    /// Of a call, at most; whoever delivers has to bring it.
    uint256 public constant MESSAGE_GAS = 4_000_000;
    /// What is done after a call, at most.
    uint256 private constant GAS_RESERVE = 50_000;
    uint256 private constant MARKS_PER_WORD = 256;
    uint256 private constant MARKS_SLOT = 0;
    bytes32 private constant OUTBOX_ROOT_SLOT = 0;

    EpochInfo private constant INFO = EpochInfo(EPOCH_INFO);
    LightClient private constant LIGHT = LightClient(LIGHT_CLIENT);

    /// Slot 0: which entries of another network's Outbox were delivered here.
    mapping(uint32 network => mapping(uint256 place => uint256)) private _delivered;
    mapping(uint256 place => uint256) private _deliveredFromL1;
    /// Which entries of this network's Outbox timed out.
    mapping(uint256 place => uint256) private _timedOut;
    /// Roots of a network's Outbox that were proved.
    mapping(uint32 network => mapping(bytes32 root => bool)) public isOutboxRoot;

    event OutboxProved(uint32 indexed network, uint64 height, bytes32 root);
    event L1Delivered(uint64 indexed index, address indexed sender, address indexed to);
    event Delivered(
        uint32 indexed network, uint64 indexed index, address sender, address indexed to
    );
    /// Its receiver failed, and it may be brought again.
    event L1DeliveryFailed(uint64 indexed index, address indexed to);
    event DeliveryFailed(uint32 indexed network, uint64 indexed index, address indexed to);
    event TimedOut(uint64 indexed index, uint32 indexed network, address indexed sender);
    event TimeoutFailed(uint64 indexed index, address indexed sender);

    /// Delivers a message from L1 under the root that a header of this network refers to.
    function deliverL1(
        L1Message calldata message,
        uint64 index,
        bytes32[] calldata siblings,
        ConsensusHeader.Proof calldata header
    ) external {
        ConsensusHeader.verify(header);
        bytes32 root = header.fields[ConsensusHeader.L1_MESSAGE_ROOT];
        bytes32 leaf =
            sha256(abi.encodePacked(message.sender, message.to, keccak256(message.data)));
        if (!History.holds(root, index, leaf, siblings)) revert MessageUnproven();
        _mark(_deliveredFromL1, index);
        bytes memory call =
            abi.encodeCall(IMessageReceiver.onL1Message, (message.sender, message.data));
        if (_call(message.to, call)) {
            emit L1Delivered(index, message.sender, message.to);
        } else {
            _unmark(_deliveredFromL1, index);
            emit L1DeliveryFailed(index, message.to);
        }
    }

    /// Proves the root of a network's Outbox at a block that LightClient knows.
    function proveOutbox(
        uint32 network,
        BlockProof calldata known,
        ExecutionProof.OfState calldata state,
        ExecutionProof.OfSlot calldata slot
    ) external {
        bytes32 stateRoot = _stateRoot(network, known, state);
        bytes32 root = ExecutionProof.slotOf(stateRoot, OUTBOX, OUTBOX_ROOT_SLOT, slot);
        isOutboxRoot[network][root] = true;
        emit OutboxProved(network, known.height, root);
    }

    /// Keeps the root of this network's own Outbox, so that proofs under it stay good.
    function keepOutbox() external {
        (uint32 id,,) = INFO.domain();
        bytes32 root = Outbox(OUTBOX).root();
        isOutboxRoot[id][root] = true;
        emit OutboxProved(id, uint64(block.number), root);
    }

    /// Delivers a message that is an entry of a network's Outbox.
    function deliver(
        uint32 network,
        OutboxEntry.Entry calldata entry,
        bytes calldata data,
        Place calldata place
    ) external {
        if (LIGHT.isHalted(network)) revert NetworkHalted();
        _checkEntry(network, entry, place);
        (uint32 id,,) = INFO.domain();
        if (entry.network != id) revert NotForThisNetwork();
        if (block.timestamp >= entry.expiry) revert MessageExpired();
        if (keccak256(data) != entry.dataHash) revert DataUnproven();
        uint64 index = place.index;
        _mark(_delivered[network], index);
        bytes memory call =
            abi.encodeCall(IMessageReceiver.onNetworkMessage, (network, entry.sender, data));
        if (_call(entry.to, call)) {
            emit Delivered(network, index, entry.sender, entry.to);
        } else {
            _unmark(_delivered[network], index);
            emit DeliveryFailed(network, index, entry.to);
        }
    }

    /// Tells the sender of a message that it can never be delivered any more. An account without
    /// code is told by the event alone.
    function timeOut(
        OutboxEntry.Entry calldata entry,
        Place calldata place,
        MarkProof calldata proof
    ) external {
        (uint32 id,,) = INFO.domain();
        _checkEntry(id, entry, place);
        uint64 index = place.index;
        _checkSilence(id, index, entry, proof);
        _mark(_timedOut, index);
        bytes memory call = abi.encodeCall(
            IMessageSender.onMessageTimeout, (index, entry.network, entry.to, entry.dataHash)
        );
        if (entry.sender.code.length == 0 || _call(entry.sender, call)) {
            emit TimedOut(index, entry.network, entry.sender);
        } else {
            _unmark(_timedOut, index);
            emit TimeoutFailed(index, entry.sender);
        }
    }

    function isDelivered(uint32 network, uint64 index) external view returns (bool) {
        return _isMarked(_delivered[network][index / MARKS_PER_WORD], index);
    }

    function isL1Delivered(uint64 index) external view returns (bool) {
        return _isMarked(_deliveredFromL1[index / MARKS_PER_WORD], index);
    }

    function isTimedOut(uint64 index) external view returns (bool) {
        return _isMarked(_timedOut[index / MARKS_PER_WORD], index);
    }

    function _checkEntry(uint32 network, OutboxEntry.Entry calldata entry, Place calldata place)
        private
        view
    {
        if (entry.kind != OutboxEntry.Kind.Message) revert NotAMessage();
        if (!isOutboxRoot[network][place.root]) revert RootUnknown();
        if (!History.holds(place.root, place.index, OutboxEntry.leafOf(entry), place.siblings)) {
            revert MessageUnproven();
        }
    }

    /// Reverts unless a final block of the other network, after which it takes the message no more,
    /// has no mark of it.
    function _checkSilence(
        uint32 id,
        uint64 index,
        OutboxEntry.Entry calldata entry,
        MarkProof calldata proof
    ) private view {
        LightClient.Final memory last = LIGHT.finalOf(entry.network);
        // MUST not be: it has two states, of which one may have the mark.
        if (last.isHalted) revert NetworkHalted();
        bytes32 stateRoot = _stateRoot(entry.network, proof.known, proof.state);
        if (ConsensusHeader.rootOf(proof.fields) != proof.known.consensusRoot) {
            revert BlockUnproven();
        }
        // In seconds, as block.timestamp there: the first block that refuses it, or one after.
        // Nothing comes after the last block of a dead network, so there the time is ours.
        bool isEnd = last.isDead && proof.known.height == last.height;
        uint256 time = isEnd
            ? block.timestamp
            : ConsensusHeader.numberOf(proof.fields, History.TIMESTAMP_MS) / 1_000;
        if (time < entry.expiry) revert NotExpired(time);
        bytes32 slot = keccak256(
            abi.encode(index / MARKS_PER_WORD, keccak256(abi.encode(id, MARKS_SLOT)))
        );
        if (proof.isAbsent) {
            bytes32 trie =
                ExecutionProof.accountOf(stateRoot, INBOX, proof.slot.account).storageRoot;
            bytes32 key = keccak256(abi.encode(slot));
            if (!TrieAbsence.holds(trie, key, proof.slot.slot)) revert AbsenceUnproven();
        } else {
            uint256 marks = uint256(ExecutionProof.slotOf(stateRoot, INBOX, slot, proof.slot));
            if (_isMarked(marks, index)) revert WasDelivered();
        }
    }

    function _stateRoot(
        uint32 network,
        BlockProof calldata known,
        ExecutionProof.OfState calldata state
    ) private view returns (bytes32) {
        if (!LIGHT.holds(network, known.height, known.consensusRoot, known.siblings)) {
            revert BlockUnproven();
        }
        return ExecutionProof.stateRoot(known.consensusRoot, state);
    }

    /// Sets a mark that was not set: before the call, so that nothing gets in twice.
    function _mark(mapping(uint256 place => uint256) storage marks, uint64 index) private {
        uint256 former = marks[index / MARKS_PER_WORD];
        if (_isMarked(former, index)) revert AlreadyDone();
        marks[index / MARKS_PER_WORD] = former | (1 << (index % MARKS_PER_WORD));
    }

    function _unmark(mapping(uint256 place => uint256) storage marks, uint64 index) private {
        marks[index / MARKS_PER_WORD] &= ~(1 << (index % MARKS_PER_WORD));
    }

    function _isMarked(uint256 marks, uint64 index) private pure returns (bool) {
        return (marks >> (index % MARKS_PER_WORD)) & 1 == 1;
    }

    /// Whether the call succeeded. A contract that is not there fails: it may come to be.
    function _call(address to, bytes memory data) private returns (bool isDone) {
        if (to.code.length == 0) return false;
        // MUST leave the receiver its gas: with less it might fail, or do something else.
        if (gasleft() < MESSAGE_GAS * 64 / 63 + GAS_RESERVE) revert GasTooLittle();
        uint256 limit = MESSAGE_GAS;
        assembly ("memory-safe") {
            isDone := call(limit, to, 0, add(data, 0x20), mload(data), 0, 0)
        }
    }

    error MessageUnproven();
    error DataUnproven();
    error BlockUnproven();
    error RootUnknown();
    error NotAMessage();
    error NotForThisNetwork();
    error NetworkHalted();
    /// From its expiry on a message is refused.
    error MessageExpired();
    /// The other network's block is older than the expiry.
    error NotExpired(uint256 time);
    error WasDelivered();
    /// The nodes do not show that the slot is not there.
    error AbsenceUnproven();
    /// It was delivered, or timed out, before.
    error AlreadyDone();
    /// Less than a receiver may use is left.
    error GasTooLittle();
}
