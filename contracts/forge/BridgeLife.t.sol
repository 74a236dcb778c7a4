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
        uint208 rateCapacity;
        uint48 rateWindow;
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
    function outstanding(uint32 id) external view returns (uint256);
    function outstandingTotal() external view returns (uint256);
    function pausedUntil(uint32 id) external view returns (uint256);
    function readyAt(uint32 id, uint64 index) external view returns (uint256);
    function isClaimed(uint32 id, uint64 index) external view returns (bool);
}

/// @title What the bridge asks of others: registries and the finality oracle, as answers that a
/// life sets.
contract BridgeWorld {
    struct SetPoint {
        uint64 fromEpoch;
        uint64 total;
        uint32 count;
        bytes32[3] key;
    }

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

    function setAt(uint32, uint64) external view returns (SetPoint memory point) {
        point.total = uint64(joinedStake) / 2;
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
    /// What claims of a network took of its rate.
    mapping(uint32 id => uint256) public taken;
    mapping(uint32 id => IBridge.Entry[]) private _entries;
    mapping(uint32 id => bytes32[]) private _leaves;
    /// How many entries a proved root is over; 0: none was proved.
    mapping(uint32 id => uint256) private _synced;
    mapping(uint32 id => mapping(uint64 index => uint256)) private _announced;
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
            IBridge.Settings(uint208(CAPACITY), uint48(WINDOW), LARGE, LARGE_DELAY, 10_000, 500);
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
            IBridge.Entry(kind % 16 == 3 ? 3 : kind % 3, idOf(to), address(this), TAKER, amount, 0, 0);
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
        bool isDue = mayClaim(id, index);
        IBridge.Entry memory left = _entries[id][index];
        // Before the claim, which takes of the rate.
        bool isFit = fits(id, left);
        (bool isPaid, bool wasAnnounced) = tryClaim(id, index);
        if (isDue && left.amount > LARGE && _announced[id][index] == 0) {
            require(isPaid && wasAnnounced && !bridge.isClaimed(id, index), "announced");
            _announced[id][index] = block.timestamp;
            return;
        }
        uint256 ready = _announced[id][index] + LARGE_DELAY;
        bool isReady = left.amount <= LARGE || block.timestamp >= ready;
        require(isPaid == (isDue && isReady && isFit), "claim");
        if (!isPaid) return;
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

    /// But for what is held of it, its size and its way.
    function mayClaim(uint32 id, uint64 index) private view returns (bool) {
        (bool isHalted, bool isDead) = world.statusOf(id);
        if ((isHalted && !isDead) || block.timestamp < bridge.pausedUntil(id)) return false;
        if (_entries[id][index].kind == 3 || _isPaid[id][index]) return false;
        return index < _synced[id];
    }

    /// Whether outstanding, rate and, of a transfer, its aim allow it.
    function fits(uint32 id, IBridge.Entry memory entry) private view returns (bool) {
        if (entry.amount > outstanding[id]) return false;
        if (shareOf(entry.amount) > bridge.availableOf(id)) return false;
        if (!isCredit(entry)) return true;
        uint256 most = world.joinedStake() * 1e9 / 2;
        uint256 there = outstanding[entry.network] + (entry.network == id ? 0 : entry.amount);
        return there <= most;
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
        taken[id] += shareOf(entry.amount);
        if (isCredit(entry)) {
            outstanding[entry.network] += entry.amount;
            ++credits[entry.network];
        } else {
            paid += entry.amount;
        }
    }

    function isCredit(IBridge.Entry memory entry) private view returns (bool) {
        (bool isHalted, bool isDead) = world.statusOf(entry.network);
        return entry.kind == 2 && !isHalted && !isDead;
    }

    function shareOf(uint256 amount) private pure returns (uint256) {
        return amount < CAPACITY ? amount : CAPACITY;
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
        // A full bucket, and what came after it.
        uint256 most = life.CAPACITY() + life.CAPACITY() * elapsed / life.WINDOW();
        for (uint32 id = 0; id < life.NETWORKS(); ++id) {
            require(bridge.outstanding(id) == life.outstanding(id), "outstanding");
            (, uint64 count) = life.inbox().creditsOf(id);
            require(count == life.credits(id), "credits");
            require(life.taken(id) <= most, "rate");
        }
        require(bridge.outstandingTotal() == life.total(), "sum");
        require(life.token().totalSupply() + life.total() == CAP, "all there is");
    }
}
