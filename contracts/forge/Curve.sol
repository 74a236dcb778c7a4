// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Hashing to G2 of BLS12-381 (RFC 9380), written down plainly over the precompiles of
/// EIP-2537: what the key 1 signs with.
library Curve {
    bytes private constant TAG = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
    bytes private constant P =
        hex"1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab";

    /// The signature of the secret key 1 on a digest: the hash itself.
    function hashToG2(bytes32 digest) internal view returns (bytes memory) {
        bytes memory elements;
        bytes memory stream = expand(digest);
        for (uint256 index = 0; index < 4; ++index) {
            bytes memory number = new bytes(64);
            for (uint256 at = 0; at < 64; ++at) number[at] = stream[64 * index + at];
            bytes memory input = abi.encodePacked(uint256(64), uint256(1), uint256(48), number);
            bytes memory reduced = ask(0x05, bytes.concat(input, hex"01", P));
            elements = bytes.concat(elements, new bytes(16), reduced);
        }
        bytes memory points = bytes.concat(
            ask(0x11, part(elements, 0, 128)), ask(0x11, part(elements, 128, 128))
        );
        return ask(0x0d, points);
    }

    /// expand_message_xmd to 256 bytes.
    function expand(bytes32 digest) private pure returns (bytes memory stream) {
        bytes memory tag = bytes.concat(TAG, bytes1(uint8(TAG.length)));
        bytes32 first = sha256(bytes.concat(new bytes(64), digest, hex"010000", tag));
        bytes32 last;
        for (uint8 index = 1; index <= 8; ++index) {
            last = sha256(bytes.concat(first ^ last, bytes1(index), tag));
            stream = bytes.concat(stream, last);
        }
    }

    function part(bytes memory whole, uint256 from, uint256 size)
        private
        pure
        returns (bytes memory piece)
    {
        piece = new bytes(size);
        for (uint256 at = 0; at < size; ++at) piece[at] = whole[from + at];
    }

    function ask(uint160 precompile, bytes memory input) private view returns (bytes memory) {
        (bool isDone, bytes memory output) = address(precompile).staticcall(input);
        require(isDone, "precompile");
        return output;
    }
}
