// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Merkle, Rlp, Trie} from "./Trees.sol";
import {ForgeTest} from "./Vm.sol";

interface IBridgeToken {
    function approve(address spender, uint256 amount) external returns (bool);
    function burn(uint256 amount) external;
    function totalSupply() external view returns (uint256);
    function balanceOf(address account) external view returns (uint256);
}

interface IBridgeInbox {
    function creditsOf(uint32 id) external view returns (bytes32 root, uint64 count);
}

interface IBridge {
    struct Settings {
        uint256 rateCapacity;
        uint256 rateWindow;
        uint256 largeAmount;
        uint256 largeDelay;
        uint256 securedBps;
        uint256 exitDelay;
    }

    struct BlockProof {
        uint64 height;
        bytes32 consensusRoot;
        bytes32[] siblings;
    }

    struct OfState {
        bytes header;
        bytes32[] siblings;
    }

    struct OfSlot {
        bytes[] account;
        bytes[] slot;
    }

    struct Entry {
        uint8 kind;
        uint32 network;
        address sender;
        address to;
        uint256 amount;
        uint64 expiry;
        bytes32 dataHash;
    }

    function deposit(uint32 id, address to, uint256 amount) external returns (uint64 index);
    function sync(
        uint32 id,
        BlockProof calldata known,
        OfState calldata state,
        OfSlot calldata slot
    ) external;
    function claim(
        uint32 id,
        Entry calldata entry,
        uint64 index,
        bytes32 root,
        bytes32[] calldata siblings
    ) external;
    function pause(uint32 id, uint256 duration) external;
    function availableOf(uint32 id) external view returns (uint256);
    function readyFor(uint32 id, uint256 amount) external view returns (uint256);
    function outstanding(uint32 id) external view returns (uint256);
    function outstandingTotal() external view returns (uint256);
    function pausedUntil(uint32 id) external view returns (uint256);
    function readyAt(uint32 id, uint64 index) external view returns (uint256);
    function isClaimed(uint32 id, uint64 index) external view returns (bool);
}

/// @title What the bridge asks of others: registries and the finality oracle, as answers that a
/// life sets.
contract BridgeWorld {
    uint256 public joinedStake = 3_000e9;
    uint64 public constant currentEpoch = 12;
    mapping(uint32 id => bool) private _halted;
    mapping(uint32 id => bool) private _dead;
    mapping(bytes32 root => bool) private _held;

    function networks() external view returns (address) {
        return address(this);
    }

    function operators() external view returns (address) {
        return address(this);
    }

    /// More words than a network has: nothing of them is asked.
    function networkOf(uint32 id) external pure returns (uint256[32] memory network) {
        require(id < 3, "no such network");
        network[0] = id;
    }

    function totalAt(uint32 id, uint64) external view returns (uint64) {
        return id < 3 ? uint64(joinedStake) / 2 : 0;
    }

    function statusOf(uint32 id) external view returns (bool, bool) {
        return (_halted[id], _dead[id]);
    }

    function holds(uint32, uint64, bytes32 root, bytes32[] calldata) external view returns (bool) {
        return _held[root];
    }

    function hold(bytes32 root) external {
        _held[root] = true;
    }

    function setStake(uint256 stake) external {
        joinedStake = stake;
    }

    function halt(uint32 id) external {
        _halted[id] = true;
    }

    function die(uint32 id) external {
        _dead[id] = true;
    }

    /// As the stake manager.
    function reward(address, uint256) external {}
}

/// @title A random life of the bridge over three corrupt networks: what they say has left them was
/// never asked for there.
contract BridgeLife is ForgeTest {
    using Trie for Trie.Tree;

    uint32 public constant NETWORKS = 3;
    uint256 public constant CAPACITY = 300e18;
    uint256 public constant WINDOW = 3_000;
    uint256 public constant GENESIS = 500e18;
    uint256 private constant LARGE = 200e18;
    uint256 private constant LARGE_DELAY = 300;
    uint256 private constant ENTRIES_MAX = 64;
    address private constant OUTBOX = 0x0000000000000000000000000000000000002002;
    address private constant TAKER = address(0x7a4e);

    IBridgeToken public token;
    IBridgeInbox public inbox;
    IBridge public bridge;
    BridgeWorld public world;
    uint256 public begin;
    uint256 public paid;
    /// By the rules of docs/specs/stake.md section 9.
    mapping(uint32 id => uint256) public outstanding;
    mapping(uint32 id => uint64) public credits;
    /// What was paid in small claims of a network, and in large ones.
    mapping(uint32 id => uint256) public small;
    mapping(uint32 id => uint256) public large;
    /// Up to when they have taken the rate, in microseconds.
    mapping(uint32 id => uint256) private _smallUntil;
    mapping(uint32 id => uint256) private _largeUntil;
    mapping(uint32 id => IBridge.Entry[]) private _entries;
    mapping(uint32 id => bytes32[]) private _leaves;
    /// How many entries a proved root is over; 0: none was proved.
    mapping(uint32 id => uint256) private _synced;
    /// When an announced one is due.
    mapping(uint32 id => mapping(uint64 index => uint256)) private _ready;
    mapping(uint32 id => mapping(uint64 index => bool)) private _isPaid;

    constructor() {
        vm.warp(1_800_000_000);
        begin = block.timestamp;
        world = new BridgeWorld();
        address self = vm.computeCreateAddress(address(this), 4);
        token = IBridgeToken(deploy("ZgToken", abi.encode(self, address(this))));
        inbox = IBridgeInbox(deploy("Inbox", abi.encode(world, self)));
        token.burn(GENESIS);
        IBridge.Settings memory settings =
            IBridge.Settings(CAPACITY, WINDOW, LARGE, LARGE_DELAY, 10_000, 500);
        bytes memory args =
            abi.encode(token, world, inbox, world, address(this), GENESIS, settings);
        bridge = IBridge(deploy("RewardBridge", args));
        require(address(bridge) == self, "address");
        token.approve(self, type(uint256).max);
        outstanding[0] = GENESIS;
    }

    function deposit(uint256 network, uint256 seed) external {
        uint32 id = idOf(network);
        seed = mixed(seed);
        uint256 amount = within(seed >> 8, 1, 400e9) * 1e9;
        if (seed % 16 == 0) ++amount;
        uint256 stake = world.joinedStake() * 1e9;
        (bool isHalted, bool isDead) = world.statusOf(id);
        bool mayBe = amount % 1e9 == 0 && !isHalted && !isDead
            && outstanding[id] + amount <= stake / 2 && total() + amount <= stake;
        bytes memory call = abi.encodeCall(IBridge.deposit, (id, TAKER, amount));
        (bool isTaken,) = address(bridge).call(call);
        require(isTaken == mayBe, "deposit");
        if (!isTaken) return;
        outstanding[id] += amount;
        ++credits[id];
    }

    function send(uint256 network, uint8 kind, uint32 to, uint256 seed) external {
        uint32 id = idOf(network);
        if (_entries[id].length == ENTRIES_MAX) return;
        seed = mixed(seed);
        uint256 amount = within(seed >> 8, 1, seed % 8 == 0 ? 800e9 : 150e9) * 1e9;
        IBridge.Entry memory entry =
            IBridge.Entry(kind % 16 == 3 ? 3 : kind % 3, to % (NETWORKS + 1), address(this), TAKER, amount, 0, 0);
        _entries[id].push(entry);
        _leaves[id].push(sha256(abi.encode(entry)));
    }

    /// Proves the root of an Outbox from a header down.
    function sync(uint256 network) external {
        uint32 id = idOf(network);
        if (_leaves[id].length == 0) return;
        (IBridge.OfSlot memory slot, bytes32 stateRoot) =
            slotProof(Merkle.rootOf(_leaves[id], 32));
        (IBridge.OfState memory state, bytes32 consensusRoot) = stateProof(stateRoot);
        IBridge.BlockProof memory known =
            IBridge.BlockProof(1, consensusRoot, new bytes32[](0));
        bytes memory call = abi.encodeCall(IBridge.sync, (id, known, state, slot));
        (bool isTaken,) = address(bridge).call(call);
        require(isTaken == (_synced[id] == _leaves[id].length), "a block that L1 does not know");
        world.hold(consensusRoot);
        bridge.sync(id, known, state, slot);
        _synced[id] = _leaves[id].length;
    }

    function claim(uint256 network, uint256 entry) external {
        uint32 id = idOf(network);
        uint256 count = _entries[id].length;
        if (count == 0) return;
        uint64 index = uint64(mixed(entry) % count);
        IBridge.Entry memory left = _entries[id][index];
        bool isFirst = left.amount > LARGE && _ready[id][index] == 0;
        // Before the claim, which changes it.
        bool isFit = mayClaim(id, index) && left.amount <= outstanding[id]
            && (isFirst || isInTime(id, index));
        (bool isTaken, bool isAnnounced) = tryClaim(id, index);
        require(isTaken == isFit, "claim");
        require(isAnnounced == (isTaken && isFirst), "announced");
        if (!isTaken) return;
        if (isFirst) {
            _largeUntil[id] = moved(_largeUntil[id], left.amount);
            _ready[id][index] = dueAt(_largeUntil[id]);
            require(bridge.readyAt(id, index) == _ready[id][index], "due");
            require(!bridge.isClaimed(id, index), "claimed");
            return;
        }
        _isPaid[id][index] = true;
        settle(id, left);
    }

    function pause(uint256 network, uint256 duration) external {
        uint32 id = idOf(network);
        duration = mixed(duration) % 80 hours;
        uint256 last = bridge.pausedUntil(id);
        bool mayBe = duration <= 72 hours && (last == 0 || block.timestamp >= last + 72 hours);
        bytes memory call = abi.encodeCall(IBridge.pause, (id, duration % 600));
        if (duration > 72 hours) call = abi.encodeCall(IBridge.pause, (id, duration));
        (bool isPaused,) = address(bridge).call(call);
        require(isPaused == mayBe, "pause");
    }

    function change(uint256 network, uint256 seed) external {
        uint32 id = idOf(network);
        seed = mixed(seed);
        world.setStake(within(seed >> 8, 2_000e9, 8_000e9));
        // Once in some lives.
        if (seed % 256 == 1) world.halt(id);
        if (seed % 256 == 2) world.die(id);
    }

    function pass(uint256 secondsOn) external {
        vm.warp(block.timestamp + within(mixed(secondsOn), 1, 100));
    }

    function total() public view returns (uint256 sum) {
        for (uint32 id = 0; id < NETWORKS; ++id) sum += outstanding[id];
    }

    /// But for what is held of it, the rate and its way.
    function mayClaim(uint32 id, uint64 index) private view returns (bool) {
        (bool isHalted, bool isDead) = world.statusOf(id);
        if ((isHalted && !isDead) || block.timestamp < bridge.pausedUntil(id)) return false;
        if (_entries[id][index].kind == 3 || _isPaid[id][index]) return false;
        return index < _synced[id];
    }

    /// Whether its rate lets it be paid now.
    function isInTime(uint32 id, uint64 index) private view returns (bool) {
        uint256 amount = _entries[id][index].amount;
        if (amount > LARGE) return block.timestamp >= _ready[id][index];
        return moved(_smallUntil[id], amount) <= (block.timestamp + WINDOW) * 1e6;
    }

    /// A clock of the rate after an amount.
    function moved(uint256 clock, uint256 amount) private view returns (uint256) {
        uint256 present = block.timestamp * 1e6;
        uint256 time = (amount * WINDOW * 1e6 + CAPACITY - 1) / CAPACITY;
        return (clock > present ? clock : present) + time;
    }

    /// When it is due, in seconds, that moved the clock there.
    function dueAt(uint256 clock) private view returns (uint256) {
        uint256 inTurn = (clock + 1e6 - 1) / 1e6;
        uint256 delayed = block.timestamp + LARGE_DELAY;
        return inTurn > delayed ? inTurn : delayed;
    }

    /// What the bridge says of its rate.
    function checkRate(uint32 id) external view {
        uint256 most = (block.timestamp + WINDOW) * 1e6;
        uint256 room = bridge.availableOf(id);
        require(room <= CAPACITY && moved(_smallUntil[id], room) <= most, "room");
        // A microsecond's worth above there is none.
        require(moved(_smallUntil[id], room + CAPACITY / WINDOW / 1e6 + 1) > most, "more room");
        require(bridge.readyFor(id, LARGE + 1) == dueAt(moved(_largeUntil[id], LARGE + 1)), "ready");
    }

    function tryClaim(uint32 id, uint64 index) private returns (bool isTaken, bool isAnnounced) {
        uint256 before = bridge.readyAt(id, index);
        uint256 size = _synced[id] == 0 ? _leaves[id].length : _synced[id];
        bytes32[] memory leaves = new bytes32[](size);
        for (uint256 place = 0; place < size; ++place) leaves[place] = _leaves[id][place];
        bytes32[] memory siblings = Merkle.siblingsOf(leaves, index, 32);
        bytes32 root = Merkle.rootOf(leaves, 32);
        bytes memory call =
            abi.encodeCall(IBridge.claim, (id, _entries[id][index], index, root, siblings));
        (isTaken,) = address(bridge).call(call);
        isAnnounced = before == 0 && bridge.readyAt(id, index) > 0;
    }

    function settle(uint32 id, IBridge.Entry memory entry) private {
        outstanding[id] -= entry.amount;
        if (entry.amount > LARGE) {
            large[id] += entry.amount;
        } else {
            small[id] += entry.amount;
            _smallUntil[id] = moved(_smallUntil[id], entry.amount);
        }
        if (isCredit(entry)) {
            outstanding[entry.network] += entry.amount;
            ++credits[entry.network];
        } else {
            paid += entry.amount;
        }
    }

    /// Once it is off its own network: a transfer to nowhere, or without room, is paid here.
    function isCredit(IBridge.Entry memory entry) private view returns (bool) {
        (bool isHalted, bool isDead) = world.statusOf(entry.network);
        if (entry.kind != 2 || entry.network >= NETWORKS || isHalted || isDead) return false;
        return outstanding[entry.network] + entry.amount <= world.joinedStake() * 1e9 / 2;
    }

    function idOf(uint256 seed) private pure returns (uint32) {
        return uint32(seed % NETWORKS);
    }

    /// A state of an Outbox alone, with that root in its slot 0.
    function slotProof(bytes32 root)
        private
        pure
        returns (IBridge.OfSlot memory proof, bytes32 stateRoot)
    {
        bytes32 path = keccak256(abi.encode(uint256(0)));
        Trie.Tree memory tree = single(path, Rlp.text(abi.encodePacked(root)));
        proof.slot = tree.proofOf(uint256(path) >> 252);
        bytes memory fields = bytes.concat(
            Rlp.number(1),
            Rlp.number(0),
            Rlp.text(abi.encodePacked(tree.root)),
            Rlp.text(abi.encodePacked(keccak256("Outbox")))
        );
        path = keccak256(abi.encodePacked(OUTBOX));
        tree = single(path, Rlp.list(fields));
        proof.account = tree.proofOf(uint256(path) >> 252);
        stateRoot = tree.root;
    }

    /// A header over a state, and the consensusRoot over that.
    function stateProof(bytes32 root)
        private
        pure
        returns (IBridge.OfState memory proof, bytes32 consensusRoot)
    {
        bytes memory word = Rlp.text(abi.encodePacked(bytes32(0)));
        bytes memory state = Rlp.text(abi.encodePacked(root));
        proof.header = Rlp.list(bytes.concat(word, word, Rlp.text(new bytes(20)), state));
        bytes32[] memory fields = new bytes32[](16);
        fields[15] = keccak256(proof.header);
        proof.siblings = Merkle.siblingsOf(fields, 15, 4);
        consensusRoot = Merkle.rootOf(fields, 4);
    }

    /// A trie of one value.
    function single(bytes32 key, bytes memory value) private pure returns (Trie.Tree memory) {
        bytes32[16] memory keys;
        bytes[16] memory values;
        keys[uint256(key) >> 252] = key;
        values[uint256(key) >> 252] = value;
        return Trie.build(keys, values);
    }
}

/// @title What holds after each step of such a life.
contract BridgeLifeTest is ForgeTest {
    uint256 private constant CAP = 1_000_000_000e18;

    BridgeLife private life;

    function setUp() external {
        life = new BridgeLife();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(life);
    }

    function invariant_bridge() external view {
        IBridge bridge = life.bridge();
        uint256 elapsed = block.timestamp - life.begin();
        uint256 most = life.CAPACITY() * elapsed / life.WINDOW();
        for (uint32 id = 0; id < life.NETWORKS(); ++id) {
            require(bridge.outstanding(id) == life.outstanding(id), "outstanding");
            (, uint64 count) = life.inbox().creditsOf(id);
            require(count == life.credits(id), "credits");
            life.checkRate(id);
            require(life.small(id) <= life.CAPACITY() + most, "rate of small ones");
            require(life.large(id) <= most, "rate of large ones");
        }
        require(bridge.outstandingTotal() == life.total(), "sum");
        require(life.token().totalSupply() + life.total() == CAP, "all there is");
    }
}
