// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

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
/// A transfer that finds no room where it goes (there is no such network, it has not begun, it is
/// over, halted, dead, or full) was burned as well: it is made here, for whom it was for.
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
/// another leaves the sum as it is, and is held to the first bound alone.
///
/// An entry is proved by the root of its network's Outbox; that root by any block that FinalityOracle
/// holds. Roots stay good, so who proves a newer one is in nobody's way.
///
/// Claims of a network are limited by rate: an amount takes `amount / rateCapacity` of `rateWindow`,
/// by one of two clocks that stand still at the present when nothing is claimed:
///
///     small    up to `largeAmount`    paid at once, if the clock is then no more than a window ahead
///     large    above                  announced; paid once the time is come to which that moved the
///                                     clock, and `largeDelay` has passed
///
/// So no large claim holds up a small one, large ones are paid in the order in which they were
/// announced, and one of many windows takes as many. While they wait, two certificates that
/// contradict each other halt the network; a guardian may pause it for a while and do nothing else.
///
/// A network that is dead (FinalityOracle) pays back from its last block: credits that it never
/// paid out and Outbox entries first, then, after `exitDelay`, accounts, each once and to itself.
/// Contracts cannot leave: nobody would hold their keys here.
contract RewardBridge {
    using BitMaps for BitMaps.BitMap;
    using SafeCast for uint256;

    struct Settings {
        /// What a network may pay out in small claims at once, in wei, and how many seconds pass until
        /// that is there again; large ones are paid at the same rate.
        uint256 rateCapacity;
        uint256 rateWindow;
        /// Claims above are large: they wait so many seconds at least after they were announced.
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
        uint96 outstanding;
        /// The clocks of the rate, in microseconds since 1970.
        uint56 smallUntil;
        uint56 largeUntil;
        /// In seconds since 1970.
        uint48 pausedUntil;
    }

    /// A block of a network that L1 knows, and its place.
    struct BlockProof {
        uint64 height;
        bytes32 consensusRoot;
        /// As CertifiedBlocks has them.
        bytes32[] siblings;
    }

    address private constant OUTBOX = 0x0000000000000000000000000000000000002002;
    bytes32 private constant OUTBOX_ROOT_SLOT = 0;
    bytes32 private constant NO_CODE = keccak256("");
    uint256 private constant WEI_PER_GWEI = 1e9;
    uint256 private constant BPS = 10_000;
    uint256 private constant MICROS = 1e6;
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
    uint256 public immutable rateWindow;
    uint256 private immutable _cap;

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
        // MUST be: what is small fits into a window.
        if (settings.largeAmount > settings.rateCapacity) revert RateTooLow();
        rateCapacity = settings.rateCapacity;
        rateWindow = settings.rateWindow;
        largeAmount = settings.largeAmount;
        largeDelay = settings.largeDelay;
        securedBps = settings.securedBps;
        exitDelay = settings.exitDelay;
        _cap = zgToken.CAP();
        _accounts[0].outstanding = genesisOutstanding.toUint96();
        outstandingTotal = genesisOutstanding;
        _checkSupply(zgToken.totalSupply());
    }

    /// Burns the sender's tokens and has a network pay them out to an account there.
    function deposit(uint32 id, address to, uint256 amount) external returns (uint64 index) {
        // Reverts unless there is one.
        networks.networkOf(id);
        if (_isLost(id)) revert NetworkHalted();
        token.burnFrom(msg.sender, amount);
        index = _credit(id, to, amount);
        uint256 most = _securedOf(id);
        if (_accounts[id].outstanding > most) revert BeyondSecured(most);
        most = _securedBy(networks.joinedStake());
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
    /// first time and paid when it is claimed again in its time. A transfer that finds no room is
    /// paid out here.
    function claim(
        uint32 id,
        OutboxEntry.Entry calldata entry,
        uint64 index,
        bytes32 root,
        bytes32[] calldata siblings
    ) external {
        (bool isHalted, bool isDead) = oracle.statusOf(id);
        if (isHalted && !isDead) revert NetworkHalted();
        Account memory account = _accounts[id];
        if (block.timestamp < account.pausedUntil) revert NetworkPaused(account.pausedUntil);
        if (entry.kind == OutboxEntry.Kind.Message) revert NotForL1();
        if (!isOutboxRoot[id][root]) revert RootUnknown();
        if (!History.holds(root, index, OutboxEntry.leafOfSent(entry), siblings)) {
            revert EntryUnproven();
        }
        BitMaps.BitMap storage claimed = _claimed[id];
        if (claimed.get(index)) revert AlreadyClaimed();
        // MUST hold whatever the network says: it bounds what it can take from the others.
        if (entry.amount > account.outstanding) revert BeyondOutstanding(account.outstanding);
        if (entry.amount <= largeAmount) account.smallUntil = _taken(account, entry.amount);
        else if (!_isDue(id, index, account, entry.amount)) return;
        claimed.set(index);
        account.outstanding -= uint96(entry.amount);
        _accounts[id] = account;
        outstandingTotal -= entry.amount;
        bool isTransfer = entry.kind == OutboxEntry.Kind.Transfer;
        if (isTransfer && _hasRoom(entry.network, entry.amount)) {
            _credit(entry.network, entry.to, entry.amount);
        } else if (entry.kind == OutboxEntry.Kind.Reward) {
            _mint(address(stakes), entry.amount);
            stakes.reward(entry.to, entry.amount);
        } else {
            _mint(entry.to, entry.amount);
        }
        emit Claimed(id, index, entry.to, entry.amount);
    }

    /// Stops claims of a network for a while.
    function pause(uint32 id, uint256 duration) external {
        if (msg.sender != guardian || block.timestamp >= guardianUntil) revert NotTheGuardian();
        if (duration > PAUSE_MAX) revert PauseTooLong();
        uint48 last = _accounts[id].pausedUntil;
        if (last != 0 && block.timestamp < last + PAUSE_MAX) revert PauseTooSoon(last + PAUSE_MAX);
        uint48 until = uint48(block.timestamp + duration);
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

    /// What a network may pay out in small claims now, in wei.
    function availableOf(uint32 id) public view returns (uint256) {
        uint256 window = rateWindow * MICROS;
        uint256 ahead = Math.saturatingSub(_accounts[id].smallUntil, block.timestamp * MICROS);
        return Math.saturatingSub(window, ahead) * rateCapacity / window;
    }

    /// When a large claim would be paid that is announced now, in seconds since 1970.
    function readyFor(uint32 id, uint256 amount) external view returns (uint256) {
        return _readyAt(_moved(_accounts[id].largeUntil, amount));
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

    /// Announces a large claim the first time.
    function _isDue(uint32 id, uint64 index, Account memory account, uint256 amount)
        private
        returns (bool)
    {
        uint256 ready = readyAt[id][index];
        if (ready == 0) {
            uint256 clock = _moved(account.largeUntil, amount);
            _accounts[id].largeUntil = clock.toUint56();
            ready = _readyAt(clock);
            readyAt[id][index] = ready;
            emit ClaimAnnounced(id, index, ready);
            return false;
        }
        if (block.timestamp < ready) revert TooEarly(ready);
        return true;
    }

    /// Where a small claim moves its clock.
    function _taken(Account memory account, uint256 amount) private view returns (uint56) {
        uint256 clock = _moved(account.smallUntil, amount);
        uint256 most = (block.timestamp + rateWindow) * MICROS;
        if (clock > most) revert BeyondRate(Math.ceilDiv(clock, MICROS) - rateWindow);
        return clock.toUint56();
    }

    /// A clock when an amount has moved it on, from now if it stood behind.
    function _moved(uint256 clock, uint256 amount) private view returns (uint256) {
        // Rounded up: no more is paid than the rate lets.
        uint256 taken = Math.ceilDiv(amount * rateWindow * MICROS, rateCapacity);
        return Math.max(clock, block.timestamp * MICROS) + taken;
    }

    /// When a claim is paid that is announced now, and moved its clock there.
    function _readyAt(uint256 clock) private view returns (uint256) {
        return Math.max(Math.ceilDiv(clock, MICROS), block.timestamp + largeDelay);
    }

    function _dead(uint32 id) private view returns (FinalityOracle.Final memory known) {
        known = oracle.finalOf(id);
        if (!known.isDead) revert NotDead();
    }

    /// Whether so much may go there now.
    function _hasRoom(uint32 id, uint256 amount) private view returns (bool) {
        return !_isLost(id) && _accounts[id].outstanding + amount <= _securedOf(id);
    }

    function _isLost(uint32 id) private view returns (bool) {
        (bool isHalted, bool isDead) = oracle.statusOf(id);
        return isHalted || isDead;
    }

    /// What the set of this epoch secures, in wei: nothing before a network begins, once it is over,
    /// and where there is none.
    function _securedOf(uint32 id) private view returns (uint256) {
        return _securedBy(networks.totalAt(id, oracle.operators().currentEpoch()));
    }

    function _credit(uint32 id, address to, uint256 amount) private returns (uint64) {
        // MUST be whole gwei: in them consensus pays out.
        if (amount == 0 || amount % WEI_PER_GWEI != 0) revert NotWholeGwei();
        // The supply bounds it: what is sent was burned.
        uint256 total = _accounts[id].outstanding + amount;
        _accounts[id].outstanding = total.toUint96();
        outstandingTotal += amount;
        return inbox.credit(id, to, uint64(amount / WEI_PER_GWEI));
    }

    /// What stake in gwei secures, in wei.
    function _securedBy(uint256 stake) private view returns (uint256) {
        return stake * WEI_PER_GWEI * securedBps / BPS;
    }

    function _pay(uint32 id, address to, uint256 amount) private {
        uint256 left = _accounts[id].outstanding;
        if (amount > left) revert BeyondOutstanding(left);
        _accounts[id].outstanding = uint96(left - amount);
        outstandingTotal -= amount;
        _mint(to, amount);
    }

    function _mint(address to, uint256 amount) private {
        _checkSupply(token.mint(to, amount));
    }

    function _checkSupply(uint256 supply) private view {
        assert(supply + outstandingTotal <= _cap);
    }

    error NotWholeGwei();
    error BlockUnproven();
    error RootUnknown();
    error EntryUnproven();
    error AlreadyClaimed();
    error AlreadyPaidOut();
    /// A message is delivered on its network.
    error NotForL1();
    /// A small claim may be as large as the rate's capacity at most.
    error RateTooLow();
    /// There is room for it from then on, if nothing else is claimed.
    error BeyondRate(uint256 ready);
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
