// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ForgeTest} from "./Vm.sol";

interface IStakeToken {
    function approve(address spender, uint256 amount) external returns (bool);
    function transfer(address to, uint256 amount) external returns (bool);
    function totalSupply() external view returns (uint256);
    function balanceOf(address account) external view returns (uint256);
}

interface IStakes {
    struct Pool {
        uint96 assets;
        uint96 shares;
        uint8 slashCount;
        uint40 slashedAt;
        uint16 slashedBps;
    }

    struct Cut {
        address operator;
        uint64 faultEpoch;
        uint16 bps;
    }

    function stake(address operator, uint256 assets) external returns (uint256);
    function unstake(address operator, uint256 shares) external returns (uint64, uint256);
    function withdraw(address operator, uint64 exitEpoch) external returns (uint256);
    function collect(address operator, address staker) external returns (uint256);
    function compound(address operator) external returns (uint256);
    function setCommission(uint16 bps) external;
    function reward(address operator, uint256 assets) external;
    function slash(Cut[] calldata cuts, address reporter, uint16 reporterBps)
        external
        returns (uint256[] memory);
    function readyAt(uint64 exitEpoch) external view returns (uint256);
    function earnedOf(address operator, address staker) external view returns (uint256);
    function flowOf(address operator) external view returns (uint256 left, uint256 end);
    function activeOf(address operator) external view returns (Pool memory);
    function exitOf(address operator, uint64 exitEpoch) external view returns (Pool memory);
    function stakeOf(address operator, address staker) external view returns (uint256, uint256);
    function exitingOf(address operator, uint64 exitEpoch, address staker)
        external
        view
        returns (uint256);
}

interface IOperators {
    function currentEpoch() external view returns (uint64);
    function weightAt(address operator, uint64 epoch) external view returns (uint64);
}

/// @title A random life of stake: what it does, and what it knows of each pool by itself.
///
/// It stands for the slashing manager, the bridge and the networks. Each step is one that must
/// succeed; what must be refused is tried on the way.
contract StakeLife is ForgeTest {
    uint256 public constant OPERATORS = 6;
    uint256 public constant STAKERS = 4;
    uint256 private constant BPS = 10_000;
    uint64 private constant EPOCH_SECONDS = 100;
    uint256 private constant UNBONDING = 500;
    address private constant REPORTER = address(0x4e9);

    IStakeToken public token;
    IOperators public operators;
    IStakes public stakes;
    uint64 public firstEpoch;
    uint256 public burned;
    uint256 public steps;
    /// What stakers put in of their own, less what came back to them.
    mapping(address operator => mapping(address staker => uint256)) public paidIn;
    /// Pools by the rules of docs/specs/stake.md section 5.
    mapping(address operator => uint256) public active;
    mapping(address operator => mapping(uint64 epoch => uint256)) public exits;
    mapping(address operator => bool) public isSlashed;

    constructor() {
        vm.warp(1_800_000_000);
        // The registry and the stake manager know each other.
        address registry = vm.computeCreateAddress(address(this), 2);
        address manager = vm.computeCreateAddress(address(this), 3);
        token = IStakeToken(deploy("ZgToken", abi.encode(address(this), address(this))));
        uint256 start = block.timestamp - 10 * EPOCH_SECONDS;
        bytes memory clock = abi.encode(start, EPOCH_SECONDS, 0, manager, address(this));
        operators = IOperators(deploy("OperatorRegistry", clock));
        address self = address(this);
        bytes memory args = abi.encode(token, registry, self, self, UNBONDING, self);
        stakes = IStakes(deploy("StakeManager", args));
        require(address(stakes) == manager && address(operators) == registry, "addresses");
        firstEpoch = operators.currentEpoch();
        for (uint256 index = 0; index < OPERATORS; ++index) {
            // A key, whose proofs are another test's: slot 2 maps operators to their keys.
            bytes32 slot = keccak256(abi.encode(operatorAt(index), uint256(2)));
            vm.store(registry, slot, bytes32(index + 1));
        }
        for (uint256 index = 0; index < STAKERS; ++index) {
            token.transfer(stakerAt(index), 1_000_000e18);
            vm.prank(stakerAt(index));
            token.approve(manager, type(uint256).max);
        }
    }

    modifier counted() {
        ++steps;
        _;
    }

    function stake(uint256 which, uint256 by, uint256 seed) external counted {
        (address operator, address staker) = chosen(which, by);
        uint256 amount = amountOf(mixed(seed), token.balanceOf(staker));
        if (amount == 0) return;
        vm.prank(staker);
        (bool isTaken, bytes memory answer) =
            address(stakes).call(abi.encodeCall(IStakes.stake, (operator, amount)));
        require(isTaken == !isSlashed[operator], "stake");
        if (!isTaken) return;
        // Nothing makes a share dearer than what it was made for.
        require(abi.decode(answer, (uint256)) == amount, "shares");
        paidIn[operator][staker] += amount;
        active[operator] += amount;
    }

    function unstake(uint256 which, uint256 by, uint256 seed) external counted {
        (address operator, address staker) = chosen(which, by);
        (uint256 own,) = stakes.stakeOf(operator, staker);
        if (own == 0) return;
        uint64 epoch = operators.currentEpoch() + 2;
        seed = mixed(seed);
        uint256 shares = seed % 4 == 0 ? own : within(seed >> 8, 1, own);
        uint256 due = shares * active[operator] / stakes.activeOf(operator).shares;
        bool isEmptied = exits[operator][epoch] == 0 && stakes.exitOf(operator, epoch).shares > 0;
        vm.prank(staker);
        (bool isTaken, bytes memory answer) =
            address(stakes).call(abi.encodeCall(IStakes.unstake, (operator, shares)));
        require(isTaken || (isEmptied && due == 0), "unstake");
        if (!isTaken) return;
        (uint64 exitEpoch, uint256 assets) = abi.decode(answer, (uint64, uint256));
        require(exitEpoch == epoch && assets == due, "what leaves");
        active[operator] -= assets;
        exits[operator][epoch] += assets;
        vm.prank(staker);
        (bool isMore,) =
            address(stakes).call(abi.encodeCall(IStakes.unstake, (operator, own - shares + 1)));
        require(!isMore, "more than its own");
    }

    function withdraw(uint256 which, uint256 by, uint256 back) external counted {
        (address operator, address staker) = chosen(which, by);
        uint64 now_ = operators.currentEpoch();
        uint64 epoch = now_ + 2 - uint64(mixed(back) % (now_ + 3 - firstEpoch));
        uint256 due = stakes.exitingOf(operator, epoch, staker);
        uint256 before = token.balanceOf(staker);
        vm.prank(staker);
        (bool isPaid, bytes memory answer) =
            address(stakes).call(abi.encodeCall(IStakes.withdraw, (operator, epoch)));
        if (block.timestamp < stakes.readyAt(epoch)) require(!isPaid, "too early");
        else require(isPaid || due == 0, "withdraw");
        if (!isPaid) return;
        require(abi.decode(answer, (uint256)) == due, "what was due");
        require(token.balanceOf(staker) == before + due, "paid");
        exits[operator][epoch] -= due;
        // It may be less that comes back, never more.
        require(due <= paidIn[operator][staker], "a gain");
        paidIn[operator][staker] -= due;
    }

    function reward(uint256 which, uint256 seed) external counted {
        (address operator,) = chosen(which, 0);
        uint256 amount = within(mixed(seed), 1, 1_000e18);
        token.transfer(address(stakes), amount);
        stakes.reward(operator, amount);
    }

    function collect(uint256 which, uint256 by) external counted {
        (address operator, address staker) = chosen(which, by);
        uint256 due = stakes.earnedOf(operator, staker);
        uint256 before = token.balanceOf(staker);
        (bool isPaid,) =
            address(stakes).call(abi.encodeCall(IStakes.collect, (operator, staker)));
        require(isPaid == (due > 0), "collect");
        require(token.balanceOf(staker) == before + due, "earned");
        require(stakes.earnedOf(operator, staker) == 0, "twice");
    }

    function compound(uint256 which, uint256 by) external counted {
        (address operator, address staker) = chosen(which, by);
        uint256 due = stakes.earnedOf(operator, staker);
        vm.prank(staker);
        (bool isTaken,) = address(stakes).call(abi.encodeCall(IStakes.compound, (operator)));
        require(isTaken == (due > 0 && !isSlashed[operator]), "compound");
        if (!isTaken) return;
        paidIn[operator][staker] += due;
        active[operator] += due;
    }

    function commission(uint256 which, uint16 bps) external counted {
        (address operator,) = chosen(which, 0);
        vm.prank(operator);
        stakes.setCommission(uint16(bps % (BPS + 1)));
    }

    /// Rare, and small at times: who was slashed takes no new stake.
    function slash(uint256 which, uint256 seed) external counted {
        seed = mixed(seed);
        if (seed % 16 > 0) return;
        (address operator,) = chosen(which, 0);
        uint16 bps = uint16((seed >> 8) % 3 == 0 ? BPS : (seed >> 16) % (BPS + 1));
        uint64 now_ = operators.currentEpoch();
        uint64 fault = now_ - uint64((seed >> 32) % (now_ - firstEpoch + 1));
        (uint256[] memory before, uint256 lost) = (worths(), cut(operator, fault, bps));
        uint256 supply = token.totalSupply();
        uint256 bounty = token.balanceOf(REPORTER);
        IStakes.Cut[] memory cuts = new IStakes.Cut[](1);
        cuts[0] = IStakes.Cut(operator, fault, bps);
        uint256[] memory slashed = stakes.slash(cuts, REPORTER, 500);
        isSlashed[operator] = true;
        require(slashed[0] == lost, "what was lost");
        bounty = token.balanceOf(REPORTER) - bounty;
        require(bounty == lost * 500 / BPS, "bounty");
        require(supply - token.totalSupply() == lost - bounty, "burned");
        burned += lost - bounty;
        uint256[] memory later = worths();
        for (uint256 place = 0; place < before.length; ++place) {
            require(later[place] <= before[place], "who gains by a slash");
            bool isOther = operatorAt(place / STAKERS) != operator;
            require(!isOther || later[place] == before[place], "who is of another");
        }
    }

    function pass(uint256 secondsOn) external counted {
        vm.warp(block.timestamp + within(mixed(secondsOn), 1, 150));
    }

    /// The networks, told of every change.
    fallback() external {}

    /// What each staker has with each operator.
    function worths() public view returns (uint256[] memory each) {
        each = new uint256[](OPERATORS * STAKERS);
        for (uint256 place = 0; place < each.length; ++place) {
            (address operator, address staker) =
                (operatorAt(place / STAKERS), stakerAt(place % STAKERS));
            each[place] = worthOf(operator, staker);
        }
    }

    function worthOf(address operator, address staker) public view returns (uint256 worth) {
        (, worth) = stakes.stakeOf(operator, staker);
        uint64 last = operators.currentEpoch() + 2;
        for (uint64 epoch = firstEpoch; epoch <= last; ++epoch) {
            if (exits[operator][epoch] == 0) continue;
            worth += stakes.exitingOf(operator, epoch, staker);
        }
    }

    function operatorAt(uint256 index) public pure returns (address) {
        return address(uint160(0xa000 + index));
    }

    function stakerAt(uint256 index) public pure returns (address) {
        return address(uint160(0x5000 + index));
    }

    function chosen(uint256 which, uint256 by) private pure returns (address, address) {
        return (operatorAt(which % OPERATORS), stakerAt(by % STAKERS));
    }

    /// The active pool, and what left after the fault and may not be withdrawn yet.
    function cut(address operator, uint64 fault, uint16 bps) private returns (uint256 lost) {
        lost = active[operator] * bps / BPS;
        active[operator] -= lost;
        uint64 last = operators.currentEpoch() + 2;
        for (uint64 epoch = fault + 1; epoch <= last; ++epoch) {
            if (block.timestamp >= stakes.readyAt(epoch)) continue;
            uint256 part = exits[operator][epoch] * bps / BPS;
            exits[operator][epoch] -= part;
            lost += part;
        }
    }

    function amountOf(uint256 seed, uint256 most) private pure returns (uint256) {
        if (most == 0) return 0;
        if (seed % 8 == 0) return 1;
        return within(seed >> 8, 1, most / 10 + 1);
    }
}

/// @title What holds in such a life: tokens after each step, all pools at every tenth and at the
/// end.
contract StakeLifeTest is ForgeTest {
    uint256 private constant STEPS_BETWEEN = 10;
    uint256 private constant CAP = 1_000_000_000e18;

    StakeLife private life;

    function setUp() external {
        life = new StakeLife();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(life);
    }

    function invariant_stake() external view {
        require(life.token().totalSupply() == CAP - life.burned(), "all there is");
        if (life.steps() % STEPS_BETWEEN == 0) checkAll();
    }

    /// The end of a life.
    function afterInvariant() external view {
        checkAll();
    }

    function checkAll() private view {
        IStakes stakes = life.stakes();
        uint64 last = life.operators().currentEpoch() + 2;
        uint256 due;
        for (uint256 index = 0; index < life.OPERATORS(); ++index) {
            address operator = life.operatorAt(index);
            IStakes.Pool memory pool = stakes.activeOf(operator);
            require(pool.assets == life.active(operator), "the active pool");
            bool isWhole = !life.isSlashed(operator);
            require(!isWhole || pool.assets == pool.shares, "a share is a token until a slash");
            uint256 weight = isWhole ? pool.assets / 1e9 : 0;
            require(life.operators().weightAt(operator, last) == weight, "weight");
            (uint256 flowing,) = stakes.flowOf(operator);
            due += pool.assets + stakes.earnedOf(operator, operator) + flowing;
            due += checkShares(operator, pool);
            for (uint64 epoch = life.firstEpoch(); epoch <= last; ++epoch) {
                if (life.exits(operator, epoch) > 0) due += checkExit(operator, epoch);
            }
        }
        uint256 held = life.token().balanceOf(address(stakes));
        // A wei for each reward and each settling of a share of it, at most.
        require(held >= due && held - due <= 8 * (life.steps() + 1), "what is held");
    }

    function checkShares(address operator, IStakes.Pool memory pool)
        private
        view
        returns (uint256 earned)
    {
        uint256 shares;
        uint256 assets;
        for (uint256 index = 0; index < life.STAKERS(); ++index) {
            address staker = life.stakerAt(index);
            (uint256 own, uint256 worth) = life.stakes().stakeOf(operator, staker);
            shares += own;
            assets += worth;
            earned += life.stakes().earnedOf(operator, staker);
            require(life.worthOf(operator, staker) <= life.paidIn(operator, staker), "a gain");
        }
        require(shares == pool.shares && assets <= pool.assets, "shares");
    }

    function checkExit(address operator, uint64 epoch) private view returns (uint256 assets) {
        assets = life.stakes().exitOf(operator, epoch).assets;
        require(assets == life.exits(operator, epoch), "an exit pool");
        uint256 exiting;
        for (uint256 index = 0; index < life.STAKERS(); ++index) {
            exiting += life.stakes().exitingOf(operator, epoch, life.stakerAt(index));
        }
        require(exiting <= assets, "what leaves");
    }
}
