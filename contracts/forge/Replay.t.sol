// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ForgeTest, Vm} from "./Vm.sol";

/// @title Everything that our tests did on our EVM, done again on forge's.
///
/// `worlds.txt` names worlds: a fork, a chain id and a file of steps. Each message runs as a
/// transaction of its own (`--isolate`), in a block of the same number and time. Compared are
/// whether it succeeded, what it answered, its logs, its gas, the address it made; and the state at
/// the end, which is written for `run-forge.ts` to compare. Differences go to `differences.txt`.
contract ReplayTest is ForgeTest {
    struct Place {
        address account;
        uint64 nonce;
        uint256 balance;
        bytes code;
        uint256[] slots;
        uint256[] values;
    }

    struct Message {
        address from;
        address to;
        bool isCreate;
        uint256 value;
        bytes data;
        uint256 gasLimit;
        uint256 number;
        uint256 timestamp;
        bytes32 parentRoot;
        bool succeeded;
        bytes output;
        uint256 gasUsed;
        address created;
        bytes32[] logHashes;
    }

    /// What a message did here.
    struct Outcome {
        bool succeeded;
        bytes output;
        uint256 gasUsed;
        address created;
    }

    string private constant FOLDER = "../node_modules/.cache/zg-forge/replay/";
    address private constant BEACON_ROOTS = 0x000F3df6D732807Ef1319fB7B8bB8522d0Beac02;
    address private constant SYSTEM = 0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE;
    uint256 private constant INIT_WORD_GAS = 2;
    uint256 private constant INTRINSIC_GAS = 21_000;
    /// A transaction that creates a contract of no code.
    uint256 private constant EMPTY_CREATION_GAS = 53_000;

    /// What a creation costs here beyond its transaction and the words of its code: the instruction
    /// itself, and reading what gas is left.
    uint256 private overheadGas;

    function testReplay() external {
        string memory index = string.concat(FOLDER, "worlds.txt");
        (address empty, uint256 used) = create("", 0);
        overheadGas = used - EMPTY_CREATION_GAS;
        vm.setNonceUnsafe(empty, 0);
        uint256 begin = vm.snapshotState();
        uint256 differences;
        while (true) {
            string memory fork = vm.readLine(index);
            if (bytes(fork).length == 0) break;
            uint256 chain = vm.parseUint(vm.readLine(index));
            string memory path = string.concat(FOLDER, vm.readLine(index));
            vm.setEvmVersion(fork);
            vm.chainId(chain);
            differences += replay(path);
            vm.dumpState(string.concat(path, ".dump"));
            vm.revertToState(begin);
        }
        require(differences == 0, vm.toString(differences));
    }

    function replay(string memory path) private returns (uint256 differences) {
        string memory file = string.concat(path, ".steps");
        for (uint256 step = 0; ; ++step) {
            uint256 free;
            assembly {
                free := mload(0x40)
            }
            string memory line = vm.readLine(file);
            if (bytes(line).length == 0) return differences;
            (uint8 kind, bytes memory content) = abi.decode(vm.parseBytes(line), (uint8, bytes));
            if (kind == 0) {
                put(abi.decode(content, (Place)));
            } else {
                string memory place = string.concat(path, " ", vm.toString(step), " ");
                differences += run(abi.decode(content, (Message)), kind == 2, place);
            }
            // Nothing of a step is needed after it, and memory costs its square.
            assembly {
                mstore(0x40, free)
            }
        }
    }

    function put(Place memory place) private {
        vm.setNonceUnsafe(place.account, place.nonce);
        vm.deal(place.account, place.balance);
        if (place.code.length > 0) vm.etch(place.account, place.code);
        vm.setNonceUnsafe(place.account, place.nonce);
        for (uint256 index = 0; index < place.slots.length; ++index) {
            vm.store(place.account, bytes32(place.slots[index]), bytes32(place.values[index]));
        }
    }

    /// `isQuestion`: nothing of it is kept, its sender has sent nothing, and only answers count.
    function run(Message memory message, bool isQuestion, string memory place)
        private
        returns (uint256 differences)
    {
        vm.warp(message.timestamp);
        vm.roll(message.number);
        vm.prevrandao(keccak256(abi.encode(message.number)));
        if (!isQuestion && BEACON_ROOTS.code.length > 0) {
            vm.prank(SYSTEM, SYSTEM);
            (bool isKept,) = BEACON_ROOTS.call(abi.encode(message.parentRoot));
            require(isKept, "the root of the parent");
        }
        vm.recordLogs();
        uint64 nonce = vm.getNonce(message.from);
        vm.prank(message.from, message.from);
        Outcome memory outcome = message.isCreate ? create(message) : send(message);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        if (isQuestion) vm.setNonceUnsafe(message.from, nonce);
        bool isTold = !isQuestion && message.succeeded;
        if (isTold && !areTold(logs, message.logHashes)) {
            differences += tell(place, "logs", abi.encode(message.logHashes), abi.encode(logs));
        }
        if (outcome.succeeded != message.succeeded) {
            differences += tell(place, "succeeded", abi.encode(message.succeeded), outcome.output);
        }
        if (keccak256(outcome.output) != keccak256(message.output)) {
            differences += tell(place, "output", message.output, outcome.output);
        }
        if (outcome.gasUsed != message.gasUsed) {
            differences +=
                tell(place, "gas", abi.encode(message.gasUsed), abi.encode(outcome.gasUsed));
        }
        if (outcome.created != message.created) {
            differences +=
                tell(place, "created", abi.encode(message.created), abi.encode(outcome.created));
        }
    }

    /// Whether the logs are those, in their order. forge keeps those of inner calls that reverted
    /// as well, so there may be others between them.
    function areTold(Vm.Log[] memory logs, bytes32[] memory hashes) private pure returns (bool) {
        uint256 count;
        for (uint256 index = 0; index < logs.length && count < hashes.length; ++index) {
            if (keccak256(abi.encode(logs[index])) == hashes[count]) ++count;
        }
        return count == hashes.length;
    }

    function send(Message memory message) private returns (Outcome memory outcome) {
        (address to, uint256 value) = (message.to, message.value);
        uint256 limit = message.gasLimit - INTRINSIC_GAS;
        (outcome.succeeded, outcome.output) = to.call{value: value, gas: limit}(message.data);
        outcome.gasUsed = vm.lastCallGas().gasTotalUsed;
    }

    function create(Message memory message) private returns (Outcome memory outcome) {
        bytes memory code = message.data;
        (address made, uint256 used) = create(code, message.value);
        (outcome.created, outcome.succeeded) = (made, made != address(0));
        if (made == address(0)) {
            bytes memory output;
            assembly ("memory-safe") {
                output := mload(0x40)
                mstore(output, returndatasize())
                returndatacopy(add(output, 0x20), 0, returndatasize())
                mstore(0x40, and(add(add(output, 0x3f), returndatasize()), not(0x1f)))
            }
            outcome.output = output;
        }
        uint256 words = (code.length + 31) / 32;
        outcome.gasUsed = used - INIT_WORD_GAS * words - overheadGas;
    }

    function create(bytes memory code, uint256 value)
        private
        returns (address made, uint256 used)
    {
        assembly ("memory-safe") {
            used := gas()
            made := create(value, add(code, 0x20), mload(code))
            used := sub(used, gas())
        }
    }

    function tell(string memory place, string memory what, bytes memory ours, bytes memory theirs)
        private
        returns (uint256)
    {
        string memory line = string.concat(place, what, " ", vm.toString(ours));
        vm.writeLine(
            string.concat(FOLDER, "differences.txt"),
            string.concat(line, " ", vm.toString(theirs))
        );
        return 1;
    }
}
