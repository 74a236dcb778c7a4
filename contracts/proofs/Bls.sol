// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title BLS12-381 signatures: keys in G1, signatures in G2, over the precompiles of EIP-2537.
///
/// Ciphersuite BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_ (draft-irtf-cfrg-bls-signature), message
/// always a 32-byte digest; docs/specs/votes.md section 1.
///
///     verify:  e(key, H(digest)) * e(-g1, signature) = 1
///     both:    e(key, H(digest)) * e(key', H(digest')) * e(-g1, signature + signature') = 1
///     H:       expand_message_xmd -> two field elements -> map each to G2 -> add      (RFC 9380)
///
/// The map precompile clears the cofactor, so the sum lies in the subgroup. The pairing precompile
/// checks that its points are on the curve, in the subgroup and canonical; the identity it takes,
/// so that is refused here: an aggregate of keys that cancel out would verify anything.
///
/// `both` is the aggregate of Boneh, Gentry, Lynn and Shacham: with keys whose possession is proved
/// and digests that differ, a sum that verifies cannot be had without each of its parts. It takes a
/// pairing check less than two signatures do, which is what evidence is made of.
library Bls {
    /// A point of G1, affine: x and y of 48 bytes each, big-endian, laid end to end.
    struct Key {
        bytes32 a;
        bytes32 b;
        bytes32 c;
    }

    /// Bytes of a signature: x.c0, x.c1, y.c0, y.c1, each 16 zero bytes and 48 of the number.
    uint256 internal constant SIGNATURE_SIZE = 256;
    /// Bytes of a key in the same form.
    uint256 private constant KEY_SIZE = 128;
    uint256 private constant PAIR_SIZE = 384;

    uint256 private constant SHA256 = 0x02;
    uint256 private constant MODEXP = 0x05;
    uint256 private constant G1_ADD = 0x0b;
    uint256 private constant G2_ADD = 0x0d;
    uint256 private constant PAIRING = 0x0f;
    uint256 private constant MAP_FP2_TO_G2 = 0x11;

    /// The domain separation tag and its length in one byte: 44 bytes in two words.
    bytes32 private constant TAG_HEAD = "BLS_SIG_BLS12381G2_XMD:SHA-256_S";
    bytes32 private constant TAG_TAIL = "SWU_RO_POP_+";

    /// The field's modulus p, 48 bytes in two words.
    uint256 private constant P_HIGH = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 private constant P_LOW =
        0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;

    /// (p - 1) / 2
    uint256 private constant HALF_HIGH = 0x0d0088f51cbff34d258dd3db21a5d66b;
    uint256 private constant HALF_LOW =
        0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;

    /// -g1, the negated generator of G1.
    bytes32 private constant G_A = 0x17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac58;
    bytes32 private constant G_B = 0x6c55e83ff97a1aeffb3af00adb22c6bb114d1d6855d545a8aa7d76c8cf2e21f2;
    bytes32 private constant G_C = 0x67816aef1db507c96655b9d5caac42364e6f38ba0ecb751bad54dcd6b939c2ca;

    /// Whether `signature` is that of `key` on `digest`. False for anything malformed.
    function verify(Key memory key, bytes32 digest, bytes calldata signature)
        internal
        view
        returns (bool)
    {
        Key[] memory keys = new Key[](1);
        bytes32[] memory digests = new bytes32[](1);
        keys[0] = key;
        digests[0] = digest;
        return verifySum(keys, digests, signature);
    }

    /// Whether `signature` is the sum of two: of the first key on the first digest, and of the second
    /// on the second. False for anything malformed, and for equal digests.
    function verifyBoth(
        Key memory firstKey,
        bytes32 firstDigest,
        Key memory secondKey,
        bytes32 secondDigest,
        bytes calldata signature
    ) internal view returns (bool) {
        if (firstDigest == secondDigest) return false;
        Key[] memory keys = new Key[](2);
        bytes32[] memory digests = new bytes32[](2);
        (keys[0], keys[1]) = (firstKey, secondKey);
        (digests[0], digests[1]) = (firstDigest, secondDigest);
        return verifySum(keys, digests, signature);
    }

    /// e(key_0, H(digest_0)) * .. * e(-g1, signature) = 1
    function verifySum(Key[] memory keys, bytes32[] memory digests, bytes calldata signature)
        private
        view
        returns (bool isValid)
    {
        if (signature.length != SIGNATURE_SIZE) return false;
        bytes memory pairs = new bytes(PAIR_SIZE * (keys.length + 1));
        uint256 place;
        assembly ("memory-safe") {
            place := add(pairs, 0x20)
        }
        for (uint256 index = 0; index < keys.length; ++index) {
            if (isIdentity(keys[index])) return false;
            putKey(place, keys[index]);
            if (!putHash(place + KEY_SIZE, digests[index])) return false;
            place += PAIR_SIZE;
        }
        putKey(place, Key(G_A, G_B, G_C));
        assembly ("memory-safe") {
            let point := add(place, 0x80)
            calldatacopy(point, signature.offset, SIGNATURE_SIZE)
            // The identity is 256 zero bytes: a point on the curve has y != 0.
            let y := or(
                or(mload(add(point, 0x80)), mload(add(point, 0xa0))),
                or(mload(add(point, 0xc0)), mload(add(point, 0xe0)))
            )
            isValid := staticcall(gas(), PAIRING, add(pairs, 0x20), mload(pairs), 0, 0x20)
            isValid := and(isValid, and(iszero(iszero(y)), mload(0)))
        }
    }

    /// Writes a key as the precompiles take it: 128 bytes.
    function putKey(uint256 place, Key memory key) private pure {
        assembly ("memory-safe") {
            let b := mload(add(key, 0x20))
            mstore(place, 0)
            mstore(add(place, 16), mload(key))
            mstore(add(place, 48), and(b, not(0xffffffffffffffffffffffffffffffff)))
            mstore(add(place, 80), shl(128, b))
            mstore(add(place, 96), mload(add(key, 0x40)))
        }
    }

    /// Writes H(digest), 256 bytes.
    function putHash(uint256 place, bytes32 digest) private view returns (bool isValid) {
        bytes32 tagHead = TAG_HEAD;
        bytes32 tagTail = TAG_TAIL;
        assembly ("memory-safe") {
            // b0 = sha256(64 zero bytes, digest, 256 as u16, 0 as u8, tag), 143 bytes.
            let scratch := mload(0x40)
            mstore(scratch, 0)
            mstore(add(scratch, 0x20), 0)
            mstore(add(scratch, 0x40), digest)
            mstore(add(scratch, 0x60), shl(232, 0x010000))
            mstore(add(scratch, 0x63), tagHead)
            mstore(add(scratch, 0x83), tagTail)
            isValid := staticcall(gas(), SHA256, scratch, 143, scratch, 0x20)
            let first := mload(scratch)

            // b_i = sha256(b0 xor b_(i-1), i as u8, tag), 77 bytes at `piece`.
            let piece := add(scratch, 0x100)
            mstore(add(piece, 33), tagHead)
            mstore(add(piece, 65), tagTail)
            // Two of them are a number of 64 bytes, taken modulo p by a power of one.
            mstore(scratch, 64)
            mstore(add(scratch, 0x20), 1)
            mstore(add(scratch, 0x40), 48)
            mstore(add(scratch, 0xa0), shl(248, 1))
            mstore(add(scratch, 0xa1), shl(128, P_HIGH))
            mstore(add(scratch, 0xb1), P_LOW)
            // Four of them, 64 bytes each, are two elements of Fp2.
            let elements := add(scratch, 0x180)
            let last := 0
            for { let i := 1 } lt(i, 9) { i := add(i, 2) } {
                mstore(piece, xor(first, last))
                mstore8(add(piece, 32), i)
                isValid := and(isValid, staticcall(gas(), SHA256, piece, 77, add(scratch, 0x60), 0x20))
                mstore(piece, xor(first, mload(add(scratch, 0x60))))
                mstore8(add(piece, 32), add(i, 1))
                isValid := and(isValid, staticcall(gas(), SHA256, piece, 77, add(scratch, 0x80), 0x20))
                last := mload(add(scratch, 0x80))
                let element := add(elements, shl(5, sub(i, 1)))
                mstore(element, 0)
                isValid := and(
                    isValid,
                    staticcall(gas(), MODEXP, scratch, 0xd1, add(element, 16), 48)
                )
            }

            // The two points, and their sum.
            let points := add(elements, 0x100)
            isValid := and(isValid, staticcall(gas(), MAP_FP2_TO_G2, elements, 0x80, points, 0x100))
            isValid := and(
                isValid,
                staticcall(gas(), MAP_FP2_TO_G2, add(elements, 0x80), 0x80, add(points, 0x100), 0x100)
            )
            isValid := and(isValid, staticcall(gas(), G2_ADD, points, 0x200, place, 0x100))
        }
    }

    /// The sum of two keys. Both MUST be known points of the curve: only the pairing checks more.
    function add(Key memory left, Key memory right) internal view returns (Key memory sum) {
        bytes memory keys = new bytes(2 * KEY_SIZE);
        uint256 input;
        assembly ("memory-safe") {
            input := add(keys, 0x20)
        }
        putKey(input, left);
        putKey(input + KEY_SIZE, right);
        bool isPoint;
        assembly ("memory-safe") {
            isPoint := staticcall(gas(), G1_ADD, input, 0x100, input, 0x80)
            mstore(sum, mload(add(input, 16)))
            mstore(
                add(sum, 0x20),
                or(
                    and(mload(add(input, 48)), not(0xffffffffffffffffffffffffffffffff)),
                    shr(128, mload(add(input, 80)))
                )
            )
            mstore(add(sum, 0x40), mload(add(input, 96)))
        }
        if (!isPoint) revert NotAPoint();
    }

    /// The key that `key` and it add up to the identity: y becomes p - y.
    function negate(Key memory key) internal pure returns (Key memory negated) {
        if (isIdentity(key)) return key;
        uint256 yHigh = uint256(key.b) & type(uint128).max;
        uint256 yLow = uint256(key.c);
        uint256 low;
        uint256 high;
        unchecked {
            low = P_LOW - yLow;
            high = P_HIGH - yHigh - (yLow > P_LOW ? 1 : 0);
        }
        negated.a = key.a;
        negated.b = bytes32((uint256(key.b) & ~uint256(type(uint128).max)) | (high & type(uint128).max));
        negated.c = bytes32(low);
    }

    /// The 48 bytes of a key as it travels elsewhere: x, its first three bits for "compressed",
    /// "identity" and "y is the greater of the two".
    function compress(Key memory key) internal pure returns (bytes memory) {
        uint256 yHigh = uint256(key.b) & type(uint128).max;
        bool isGreater = yHigh > HALF_HIGH || (yHigh == HALF_HIGH && uint256(key.c) > HALF_LOW);
        bytes32 flags = bytes32(uint256(isIdentity(key) ? 6 : isGreater ? 5 : 4) << 253);
        return abi.encodePacked(key.a | flags, bytes16(key.b));
    }

    function isIdentity(Key memory key) internal pure returns (bool) {
        return (key.a | key.b | key.c) == 0;
    }

    /// A key is not on the curve.
    error NotAPoint();
}
