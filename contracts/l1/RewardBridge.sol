// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";
import {RateLimiter} from "@openzeppelin/contracts/utils/RateLimiter.sol";

import {ExecutionProof} from "../proofs/ExecutionProof.sol";
import {History} from "../proofs/History.sol";
import {OutboxEntry} from "../proofs/OutboxEntry.sol";
import {FinalityOracle} from "./FinalityOracle.sol";
import {Inbox} from "./Inbox.sol";
import {NetworkRegistry} from "./NetworkRegistry.sol";
import {StakeManager} from "./StakeManager.sol";
import {ZgToken} from "./ZgToken.sol";

/// @title The one way of the token between L1 and the networks: burned on one side, made on the
/// other.
///
///     deposit    burned here                      outstanding +     credited on the network
///     claim      burned there (an Outbox entry)   outstanding -     made here, once an entry
///
/// `outstanding` of a network is all that was ever sent there and has not come back, fees burned
/// there included. It never falls below zero, so a network that is corrupt to the last validator
/// can take what is its own and not a wei more; and
///
///     supply on L1 + sum of outstanding <= 10^27, always
///
/// Stake is shared, so two bounds hold what is sent to networks, each `securedBps` of
///
///     outstanding of a network    the stake of its set in this epoch
///     sum of outstanding          the stake of all operators in any network, each counted once
///
/// What network 0 held in its genesis came before all stake: it counts, and was held to no bound.
/// When stake falls, nothing is taken away and nothing more goes in; what moves from a network to
/// another leaves the sum as it is.
///
/// An entry is proved by the root of its network's Outbox; that root by any block under a history
/// that FinalityOracle holds. Roots stay good, so who proves a newer one is in nobody's way. Claims
/// of a network are limited by rate; large ones wait, in which time two certificates that
/// contradict each other halt it; a guardian may pause it for a while and do nothing else.
///
/// A network that is dead (FinalityOracle) pays back from its last block: credits that it never
/// paid out and Outbox entries first, then, after `exitDelay`, accounts, each once and to itself.
/// Contracts cannot leave: nobody would hold their keys here.
contract RewardBridge {
    using BitMaps for BitMaps.BitMap;
    using RateLimiter for RateLimiter.RefillingBucket;

    struct Settings {
        /// What a network may pay out at once, in wei, and how long that takes to be there again.
        uint208 rateCapacity;
        uint48 rateWindow;
        /// Claims above wait so many seconds after they were announced.
        uint256 largeAmount;
        uint256 largeDelay;
        /// `outstanding` at most, in hundredths of a percent of stake: of a network, and in all.
        uint256 securedBps;
        /// From death until accounts may leave, in seconds.
        uint256 exitDelay;
    }

    /// What the bridge keeps of a network.
    struct Account {
        /// In wei; all there is are less than 2^90.
        uint128 outstanding;
        uint64 pausedUntil;
    }

    /// A block of a network that L1 knows, and its place.
    struct BlockProof {
        uint64 height;
        bytes32 consensusRoot;
        /// Under the stored history; none for the stored block itself.
        bytes32[] siblings;
    }

    address private constant OUTBOX = 0x0000000000000000000000000000000000002002;
    bytes32 private constant OUTBOX_ROOT_SLOT = 0;
    bytes32 private constant NO_CODE = keccak256("");
    uint256 private constant WEI_PER_GWEI = 1e9;
    uint256 private constant BPS = 10_000;
    /// A pause, at most; and before the next one.
    uint256 public constant PAUSE_MAX = 72 hours;
    /// How long there is a guardian.
    uint256 public constant GUARDIAN_TERM = 730 days;

    ZgToken public immutable token;
    FinalityOracle public immutable oracle;
    NetworkRegistry public immutable networks;
    Inbox public immutable inbox;
    StakeManager public immutable stakes;
    address public immutable guardian;
    uint256 public immutable guardianUntil;
    uint256 public immutable largeAmount;
    uint256 public immutable largeDelay;
    uint256 public immutable securedBps;
    uint256 public immutable exitDelay;
    uint256 public immutable rateCapacity;

    /// Of all networks, in wei.
    uint256 public outstandingTotal;
    mapping(uint32 id => Account) private _accounts;
    /// Roots of a network's Outbox that were proved.
    mapping(uint32 id => mapping(bytes32 root => bool)) public isOutboxRoot;
    /// When an announced claim may be made.
    mapping(uint32 id => mapping(uint64 index => uint256)) public readyAt;
    mapping(uint32 id => BitMaps.BitMap) private _claimed;
    mapping(uint32 id => BitMaps.BitMap) private _refunded;
    mapping(uint32 id => mapping(address account => bool)) public hasExited;
    RateLimiter.RefillingBucket private _rate;

    event Deposited(uint32 indexed id, address indexed from, address indexed to, uint256 amount);
    event OutboxProved(uint32 indexed id, uint64 height, bytes32 root);
    event ClaimAnnounced(uint32 indexed id, uint64 indexed index, uint256 ready);
    event Claimed(uint32 indexed id, uint64 indexed index, address indexed to, uint256 amount);
    event Paused(uint32 indexed id, uint256 until);
    event Refunded(uint32 indexed id, uint64 indexed index, address indexed to, uint256 amount);
    event Exited(uint32 indexed id, address indexed account, uint256 amount);

    /// `genesisOutstanding` is what network 0 holds in its genesis.
    constructor(
        ZgToken zgToken,
        FinalityOracle finality,
        Inbox networkInbox,
        StakeManager stakeManager,
        address pauser,
        uint256 genesisOutstanding,
        Settings memory settings
    ) {
        token = zgToken;
        oracle = finality;
        networks = finality.networks();
        inbox = networkInbox;
        stakes = stakeManager;
        guardian = pauser;
        guardianUntil = block.timestamp + GUARDIAN_TERM;
        largeAmount = settings.largeAmount;
        largeDelay = settings.largeDelay;
        securedBps = settings.securedBps;
        exitDelay = settings.exitDelay;
        _accounts[0].outstanding = uint128(genesisOutstanding);
        outstandingTotal = genesisOutstanding;
        _rate.updateSettings(settings.rateWindow, settings.rateCapacity);
        rateCapacity = settings.rateCapacity;
        _checkSupply();
    }

    /// Burns the sender's tokens and has a network pay them out to an account there.
    function deposit(uint32 id, address to, uint256 amount) external returns (uint64 index) {
        token.burnFrom(msg.sender, amount);
        index = _credit(id, to, amount);
        uint256 most = _securedBy(networks.joinedStake());
        if (outstandingTotal > most) {
            uint256 before = outstandingTotal - amount;
            revert BeyondShared(before < most ? most - before : 0);
        }
        emit Deposited(id, msg.sender, to, amount);
    }

    /// Proves the root of a network's Outbox at a block that L1 knows.
    function sync(
        uint32 id,
        BlockProof calldata known,
        ExecutionProof.OfState calldata state,
        ExecutionProof.OfSlot calldata slot
    ) external {
        if (!oracle.holds(id, known.height, known.consensusRoot, known.siblings)) {
            revert BlockUnproven();
        }
        bytes32 stateRoot = ExecutionProof.stateRoot(known.consensusRoot, state);
        bytes32 root = ExecutionProof.slotOf(stateRoot, OUTBOX, OUTBOX_ROOT_SLOT, slot);
        isOutboxRoot[id][root] = true;
        emit OutboxProved(id, known.height, root);
    }

    /// Pays out an Outbox entry, to whom it names, whoever sends this. A large one is announced the
    /// first time and paid when it is claimed again after its delay. A transfer to a network that
    /// is halted or dead is paid out here.
    function claim(
        uint32 id,
        OutboxEntry.Entry calldata entry,
        uint64 index,
        bytes32 root,
        bytes32[] calldata siblings
    ) external {
        (bool isHalted, bool isDead) = oracle.statusOf(id);
        if (isHalted && !isDead) revert NetworkHalted();
        uint256 until = _accounts[id].pausedUntil;
        if (block.timestamp < until) revert NetworkPaused(until);
        if (entry.kind == OutboxEntry.Kind.Message) revert NotForL1();
        if (!isOutboxRoot[id][root]) revert RootUnknown();
        if (!History.holds(root, index, OutboxEntry.leafOf(entry), siblings)) {
            revert EntryUnproven();
        }
        if (_claimed[id].get(index)) revert AlreadyClaimed();
        if (entry.amount > largeAmount && !_isDue(id, index)) return;
        _claimed[id].set(index);
        // One above the capacity takes all of it, or it could never be claimed.
        uint256 share = entry.amount < rateCapacity ? entry.amount : rateCapacity;
        _rate.consume(bytes32(uint256(id)), share);
        bool isTransfer = entry.kind == OutboxEntry.Kind.Transfer;
        if (isTransfer && _takesDeposits(entry.network)) {
            _take(id, entry.amount);
            _credit(entry.network, entry.to, entry.amount);
        } else if (entry.kind == OutboxEntry.Kind.Reward) {
            _pay(id, address(stakes), entry.amount);
            stakes.reward(entry.to, entry.amount);
        } else {
            _pay(id, entry.to, entry.amount);
        }
        emit Claimed(id, index, entry.to, entry.amount);
    }

    /// Stops claims of a network for a while.
    function pause(uint32 id, uint256 duration) external {
        if (msg.sender != guardian || block.timestamp >= guardianUntil) revert NotTheGuardian();
        if (duration > PAUSE_MAX) revert PauseTooLong();
        uint64 last = _accounts[id].pausedUntil;
        if (last != 0 && block.timestamp < last + PAUSE_MAX) revert PauseTooSoon(last + PAUSE_MAX);
        uint64 until = uint64(block.timestamp + duration);
        _accounts[id].pausedUntil = until;
        emit Paused(id, until);
    }

    /// Pays back a credit that a dead network never paid out. `creditNext` is field 12 of its last
    /// block.
    function refund(
        uint32 id,
        uint64 index,
        address to,
        uint64 amountGwei,
        bytes32[] calldata siblings,
        uint64 creditNext,
        bytes32[] calldata fieldSiblings
    ) external {
        FinalityOracle.Final memory known = _dead(id);
        bytes32 next = bytes32(uint256(creditNext));
        if (!History.hasField(known.consensusRoot, History.CREDIT_NEXT, next, fieldSiblings)) {
            revert BlockUnproven();
        }
        if (index < creditNext) revert AlreadyPaidOut();
        (bytes32 root,) = inbox.creditsOf(id);
        if (!History.holds(root, index, inbox.creditLeaf(to, amountGwei), siblings)) {
            revert EntryUnproven();
        }
        if (_refunded[id].get(index)) revert AlreadyClaimed();
        _refunded[id].set(index);
        uint256 amount = amountGwei * WEI_PER_GWEI;
        _pay(id, to, amount);
        emit Refunded(id, index, to, amount);
    }

    /// Pays an account of a dead network what it held in its last block. `code` is empty, or the
    /// delegation of an account that has one (EIP-7702).
    function exit(
        uint32 id,
        address account,
        bytes calldata code,
        ExecutionProof.OfState calldata state,
        bytes[] calldata proof
    ) external {
        FinalityOracle.Final memory known = _dead(id);
        if (block.timestamp < known.since + exitDelay) revert TooEarly(known.since + exitDelay);
        if (hasExited[id][account]) revert AlreadyClaimed();
        hasExited[id][account] = true;
        bytes32 stateRoot = ExecutionProof.stateRoot(known.consensusRoot, state);
        ExecutionProof.Account memory found = ExecutionProof.accountOf(stateRoot, account, proof);
        if (found.codeHash != NO_CODE) {
            bool isDelegation = code.length == 23 && bytes3(code[:3]) == 0xef0100;
            if (!isDelegation || keccak256(code) != found.codeHash) revert AccountHasCode();
        }
        _pay(id, account, found.balance);
        emit Exited(id, account, found.balance);
    }

    /// What a network may pay out now, in wei.
    function availableOf(uint32 id) external view returns (uint256) {
        return _rate.available(bytes32(uint256(id)));
    }

    /// What lives on a network, or was burned there, in wei.
    function outstanding(uint32 id) external view returns (uint256) {
        return _accounts[id].outstanding;
    }

    function pausedUntil(uint32 id) external view returns (uint256) {
        return _accounts[id].pausedUntil;
    }

    function isClaimed(uint32 id, uint64 index) external view returns (bool) {
        return _claimed[id].get(index);
    }

    function _isDue(uint32 id, uint64 index) private returns (bool) {
        uint256 ready = readyAt[id][index];
        if (ready == 0) {
            readyAt[id][index] = block.timestamp + largeDelay;
            emit ClaimAnnounced(id, index, block.timestamp + largeDelay);
            return false;
        }
        if (block.timestamp < ready) revert TooEarly(ready);
        return true;
    }

    function _dead(uint32 id) private view returns (FinalityOracle.Final memory known) {
        known = oracle.finalOf(id);
        if (!known.isDead) revert NotDead();
    }

    function _takesDeposits(uint32 id) private view returns (bool) {
        networks.networkOf(id);
        (bool isHalted, bool isDead) = oracle.statusOf(id);
        return !isHalted && !isDead;
    }

    function _credit(uint32 id, address to, uint256 amount) private returns (uint64) {
        // MUST be whole gwei: in them consensus pays out.
        if (amount == 0 || amount % WEI_PER_GWEI != 0) revert NotWholeGwei();
        if (!_takesDeposits(id)) revert NetworkHalted();
        // The supply bounds it: what is sent was burned.
        uint256 total = _accounts[id].outstanding + amount;
        _accounts[id].outstanding = uint128(total);
        outstandingTotal += amount;
        uint256 stake = networks.setAt(id, oracle.operators().currentEpoch()).total;
        uint256 most = _securedBy(stake);
        if (total > most) revert BeyondSecured(most);
        return inbox.credit(id, to, uint64(amount / WEI_PER_GWEI));
    }

    /// What stake in gwei secures, in wei.
    function _securedBy(uint256 stake) private view returns (uint256) {
        return stake * WEI_PER_GWEI * securedBps / BPS;
    }

    function _take(uint32 id, uint256 amount) private {
        uint256 left = _accounts[id].outstanding;
        // MUST hold whatever the network says: it bounds what it can take from the others.
        if (amount > left) revert BeyondOutstanding(left);
        _accounts[id].outstanding = uint128(left - amount);
        outstandingTotal -= amount;
    }

    function _pay(uint32 id, address to, uint256 amount) private {
        _take(id, amount);
        token.mint(to, amount);
        _checkSupply();
    }

    function _checkSupply() private view {
        assert(token.totalSupply() + outstandingTotal <= token.CAP());
    }

    error NotWholeGwei();
    error BlockUnproven();
    error RootUnknown();
    error EntryUnproven();
    error AlreadyClaimed();
    error AlreadyPaidOut();
    /// A message is delivered on its network.
    error NotForL1();
    error NetworkHalted();
    error NetworkPaused(uint256 until);
    error NotDead();
    error TooEarly(uint256 ready);
    error AccountHasCode();
    error NotTheGuardian();
    error PauseTooLong();
    error PauseTooSoon(uint256 from);
    /// More than the network's stake secures.
    error BeyondSecured(uint256 most);
    /// So much more may be sent to networks, to all of them together.
    error BeyondShared(uint256 room);
    /// More than was ever sent to the network and has not come back.
    error BeyondOutstanding(uint256 left);
}
