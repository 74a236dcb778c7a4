// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DataEntrance} from "../da/DataEntrance.sol";
import {DataSigners} from "../da/DataSigners.sol";
import {Scheduled} from "../da/Scheduled.sol";
import {Bls} from "../proofs/Bls.sol";
import {DataRecord} from "../proofs/DataRecord.sol";
import {Votes} from "../proofs/Votes.sol";
import {Curve} from "./Curve.sol";
import {ForgeTest} from "./Vm.sol";

/// @title What the entrance asks of others: stake and signers, as answers that a life sets. Whoever
/// signs has the key 1.
contract DataLifeWorld {
    uint64 public epoch = 12;
    uint256 public constant rowCount = 4_096;
    address public immutable governor = msg.sender;
    uint256[] private _absent;
    uint16[5] private _slots = [2_000, 1_000, 700, 390, 6];

    function stake() external view returns (address) {
        return address(this);
    }

    function pass() external {
        ++epoch;
    }

    function quorumFor(uint64, address, uint64) external pure returns (uint32) {
        return 0;
    }

    function domain() external pure returns (Votes.Domain memory) {
        return Votes.Domain(1, address(2), 3, bytes32(uint256(4)));
    }

    function setAbsent(uint256[] calldata absent) external {
        _absent = absent;
    }

    function sumOf(uint64, uint32, bytes calldata)
        external
        view
        returns (Bls.Key memory key, uint256 slots, uint256[] memory absent)
    {
        key.a = 0x17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac58;
        key.b = 0x6c55e83ff97a1aeffb3af00adb22c6bb08b3f481e3aaa0f1a09e30ed741d8ae4;
        key.c = 0xfcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1;
        slots = rowCount;
        absent = _absent;
        for (uint256 index = 0; index < absent.length; ++index) slots -= _slots[absent[index]];
    }

    function memberOf(uint64, uint32, uint256 member)
        external
        view
        returns (address operator, uint256 slots)
    {
        return (address(uint160(0x0e0 + member)), _slots[member]);
    }
}

/// @title A random life of the money in DataEntrance, against docs/specs/da.md section 6.
contract DataLife is ForgeTest {
    struct Account {
        uint256 balance;
        uint64 opened;
        uint256 leaving;
        uint64 leavesFrom;
    }

    /// A batch that was recorded.
    struct Recorded {
        bytes32 name;
        uint64 epoch;
        uint256 part;
        uint256 absent;
        bool isMissed;
    }

    uint256 public constant ACCOUNTS = 4;
    /// The first ones pay vouchers.
    uint256 private constant PAYERS = 2;
    uint256 private constant MEMBERS = 5;
    uint256 private constant PRICE = 3;
    uint256 private constant ROWS = 1_024;

    DataEntrance public entrance;
    DataLifeWorld public world;
    uint256 public treasury;
    /// What members have earned and were not paid, all together.
    uint256 public rewards;
    mapping(uint256 index => Account) private _accounts;
    mapping(uint256 payer => mapping(uint256 disperser => uint256)) private _redeemed;
    mapping(uint64 epoch => mapping(uint256 member => uint256)) private _earned;
    mapping(bytes32 name => bool) private _isRecorded;
    Recorded[] private _batches;

    constructor() {
        world = new DataLifeWorld();
        DataEntrance.Settings memory settings;
        settings.signers = DataSigners(address(world));
        settings.dataRows = uint32(ROWS);
        settings.queries = address(this);
        settings.price.newest = uint64(PRICE);
        entrance = DataEntrance(deploy("DataEntrance", abi.encode(settings)));
        vm.deal(address(this), 1e30);
        for (uint256 index = 0; index < PAYERS; ++index) {
            vm.prank(accountOf(index));
            entrance.becomePayer();
        }
    }

    receive() external payable {}

    function deposit(uint256 seed) external {
        (uint256 index, uint256 amount) = (mixed(seed) % ACCOUNTS, within(mixed(seed) >> 8, 1, 2e7));
        entrance.deposit{value: amount}(accountOf(index));
        credit(index, amount);
    }

    function announce(uint256 seed) external {
        Account storage account = _accounts[mixed(seed) % ACCOUNTS];
        (account.leaving, account.leavesFrom) = (mixed(seed) >> 8 & 0xffffff, world.epoch() + 2);
        vm.prank(accountOf(mixed(seed) % ACCOUNTS));
        entrance.announceWithdrawal(uint128(account.leaving));
    }

    function withdraw(uint256 seed) external {
        uint256 index = mixed(seed) % ACCOUNTS;
        Account storage account = _accounts[index];
        uint256 amount = account.leaving < account.balance ? account.leaving : account.balance;
        uint256 before = accountOf(index).balance;
        vm.prank(accountOf(index));
        (bool isTaken,) = address(entrance).call(abi.encodeCall(DataEntrance.withdraw, ()));
        require(isTaken == (amount > 0 && world.epoch() >= account.leavesFrom), "withdraw");
        if (!isTaken) return;
        require(accountOf(index).balance == before + amount, "paid");
        account.balance -= amount;
        account.leaving = 0;
    }

    function redeem(uint256 seed, bool isForged) external {
        seed = mixed(seed);
        (uint256 payer, uint256 disperser) = (seed % ACCOUNTS, seed / 8 % ACCOUNTS);
        uint256 total = seed >> 8 & 0xffffff;
        DataEntrance.Voucher memory voucher =
            DataEntrance.Voucher(accountOf(payer), accountOf(disperser), total);
        bytes32 digest = entrance.voucherDigest(voucher);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(isForged ? 99 : payer + 1, digest);
        uint256 known = _redeemed[payer][disperser];
        uint256 amount = total > known ? total - known : 0;
        if (amount > _accounts[payer].balance) amount = _accounts[payer].balance;
        bytes memory signature = abi.encodePacked(r, s, v);
        (bool isTaken,) =
            address(entrance).call(abi.encodeCall(DataEntrance.redeem, (voucher, signature)));
        require(isTaken == (amount > 0 && !isForged && payer < PAYERS), "redeem");
        if (!isTaken) return;
        _redeemed[payer][disperser] += amount;
        _accounts[payer].balance -= amount;
        credit(disperser, amount);
    }

    function certify(uint256 seed) external {
        seed = mixed(seed);
        (uint256 index, uint256 absent) = (seed % ACCOUNTS, seed >> 8 & seed >> 16 & 31);
        DataEntrance.Certificate memory certificate;
        certificate.epoch = world.epoch() - uint64(seed >> 24 & 3) % 3;
        certificate.disperser = accountOf(index);
        certificate.sequence = uint64(seed >> 32 & 7);
        certificate.rowSize = uint32(seed >> 40 & 15) * 32;
        uint256 slots = present(absent);
        sign(certificate);
        bytes32 name =
            DataRecord.keyOf(certificate.epoch, 0, certificate.disperser, certificate.sequence);
        bool mayBe = certificate.epoch + 1 >= world.epoch() && 3 * slots > 2 * 4_096
            && certificate.rowSize % 64 == 0 && certificate.rowSize > 0 && !_isRecorded[name]
            && pays(_accounts[index], certificate.epoch, ROWS * PRICE * certificate.rowSize);
        (bool isTaken,) =
            address(entrance).call(abi.encodeCall(DataEntrance.certify, (certificate)));
        require(isTaken == mayBe, "certify");
        if (!isTaken) return;
        _isRecorded[name] = true;
        charge(index, name, certificate, absent);
    }

    function miss(uint256 seed) external {
        if (_batches.length == 0) return;
        seed = mixed(seed);
        Recorded storage batch = _batches[seed % _batches.length];
        uint256 member = seed >> 8 & 7;
        if (batch.isMissed || member >= MEMBERS || batch.absent >> member & 1 == 1) return;
        uint256[] memory members = new uint256[](1);
        members[0] = member;
        bytes memory call =
            abi.encodeCall(DataEntrance.miss, (batch.epoch, 0, batch.name, members));
        (bool isTaken,) = address(entrance).call(call);
        require(isTaken == (world.epoch() < batch.epoch + 3), "miss");
        if (!isTaken) return;
        batch.isMissed = true;
        (, uint256 slots) = world.memberOf(0, 0, member);
        _earned[batch.epoch][member] -= batch.part * slots;
        rewards -= batch.part * slots;
        treasury += batch.part * slots;
    }

    function claim(uint256 seed) external {
        seed = mixed(seed);
        uint64 epoch = world.epoch() - uint64(seed % 6);
        uint256 member = seed / 8 % MEMBERS;
        uint256 amount = _earned[epoch][member];
        require(entrance.earnedOf(epoch, 0, member) == amount, "earned");
        (address operator,) = world.memberOf(0, 0, member);
        uint256 before = operator.balance;
        (bool isTaken,) =
            address(entrance).call(abi.encodeCall(DataEntrance.claim, (epoch, 0, member)));
        require(isTaken == (amount > 0 && world.epoch() >= epoch + 3), "claim");
        if (!isTaken) return;
        require(operator.balance == before + amount, "rewarded");
        _earned[epoch][member] = 0;
        rewards -= amount;
    }

    function takeTreasury() external {
        if (treasury == 0) return;
        vm.prank(world.governor());
        entrance.takeTreasury(address(0x7e));
        treasury = 0;
    }

    function pass() external {
        world.pass();
    }

    function balanceOf(uint256 index) external view returns (uint256) {
        return _accounts[index].balance;
    }

    function accountOf(uint256 index) public pure returns (address) {
        return vm.addr(index + 1);
    }

    /// Has some members be absent; returns the slots of the others.
    function present(uint256 absent) private returns (uint256 slots) {
        uint256[] memory members = new uint256[](MEMBERS);
        uint256 count;
        for (uint256 member = 0; member < MEMBERS; ++member) {
            (, uint256 own) = world.memberOf(0, 0, member);
            if (absent >> member & 1 == 1) members[count++] = member;
            else slots += own;
        }
        assembly ("memory-safe") {
            mstore(members, count)
        }
        world.setAbsent(members);
    }

    function sign(DataEntrance.Certificate memory certificate) private view {
        Votes.DataVote memory vote;
        (vote.epoch, vote.disperser) = (certificate.epoch, certificate.disperser);
        vote.sequence = certificate.sequence;
        // K = 1,024 and n = 4,096, the low byte first.
        vote.commitment = sha256(
            abi.encodePacked(
                "zg rows commit 1",
                hex"0004000000100000",
                bytes1(uint8(certificate.rowSize)),
                bytes1(uint8(certificate.rowSize >> 8)),
                bytes2(0),
                certificate.rowRoot,
                certificate.combinationHash
            )
        );
        certificate.signature = Curve.hashToG2(Votes.digestOf(world.domain(), vote));
    }

    function pays(Account memory account, uint64 epoch, uint256 fee) private pure returns (bool) {
        return account.balance > 0 && account.balance >= fee && account.opened + 2 <= epoch;
    }

    function charge(
        uint256 index,
        bytes32 name,
        DataEntrance.Certificate memory certificate,
        uint256 absent
    ) private {
        uint256 fee = ROWS * PRICE * certificate.rowSize;
        uint256 part = fee / 4_096;
        _accounts[index].balance -= fee;
        treasury += fee;
        for (uint256 member = 0; member < MEMBERS; ++member) {
            if (absent >> member & 1 == 1) continue;
            (, uint256 slots) = world.memberOf(0, 0, member);
            _earned[certificate.epoch][member] += part * slots;
            rewards += part * slots;
            treasury -= part * slots;
        }
        _batches.push(Recorded(name, certificate.epoch, part, absent, false));
    }

    function credit(uint256 index, uint256 amount) private {
        if (_accounts[index].balance == 0) _accounts[index].opened = world.epoch();
        _accounts[index].balance += amount;
    }
}

/// @title What holds after each step of such a life.
contract DataLifeTest is ForgeTest {
    DataLife private life;

    function setUp() external {
        life = new DataLife();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(life);
    }

    function invariant_escrows() external view {
        DataEntrance entrance = life.entrance();
        uint256 sum = life.treasury() + life.rewards();
        for (uint256 index = 0; index < life.ACCOUNTS(); ++index) {
            uint256 balance = entrance.escrowOf(life.accountOf(index)).balance;
            require(balance == life.balanceOf(index), "escrow");
            sum += balance;
        }
        require(entrance.treasury() == life.treasury(), "treasury");
        require(address(entrance).balance == sum, "all there is");
    }
}
