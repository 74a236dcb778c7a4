// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// A point of G1, y^2 = x^3 + 3; infinity is (0, 0). Named as 0G's ABI has it.
struct G1Point {
    uint256 X;
    uint256 Y;
}

/// A point of G2 in the order of EIP-197: of each coordinate the part by i first.
struct G2Point {
    uint256[2] X;
    uint256[2] Y;
}

/// @title Signatures over BN254 by the precompiles of EIP-196 and EIP-197, for the façade of 0G alone
/// (docs/specs/da.md section 11).
///
///     signature    s * H(m), in G1
///     key          s * G1 and s * G2, so that sums of keys are cheap and a pairing verifies
///     check        e(sig + c * k1, -G2) * e(H + c * G1, k2) = 1, c = hash of all four, so that k1
///                  and k2 are shown to be of one secret by the same pairing
///
/// Precompiles take all the gas that they are given when a point is none, so each is given little.
library Bn254 {
    uint256 internal constant P =
        0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;
    uint256 internal constant R =
        0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    /// (P + 1) / 4: the root of a square is its power.
    uint256 private constant ROOT_EXPONENT =
        0x0c19139cb84c680a6e14116da060561765e05aa45a1c72a34f082305b61f3f52;

    uint256 private constant ADD_GAS = 5_000;
    uint256 private constant MULTIPLY_GAS = 20_000;
    uint256 private constant PAIRING_GAS = 120_000;
    /// Every second x has a point.
    uint256 private constant TRIES_MAX = 256;

    /// -G2.
    uint256 private constant MINUS_G2_X_I =
        0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2;
    uint256 private constant MINUS_G2_X =
        0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed;
    uint256 private constant MINUS_G2_Y_I =
        0x275dc4a288d1afb3cbb1ac09187524c7db36395df7be3b99e673b13a075a65ec;
    uint256 private constant MINUS_G2_Y =
        0x1d9befcd05a5323e6da4d435f3b617cdb3af83285c2df711ef39c01571827f9d;

    function isZero(G1Point memory point) internal pure returns (bool) {
        return point.X == 0 && point.Y == 0;
    }

    function isSame(G1Point memory one, G1Point memory other) internal pure returns (bool) {
        return one.X == other.X && one.Y == other.Y;
    }

    /// The point of the first x from the digest on that has one, with the root that a power gives.
    function hashToG1(bytes32 digest) internal view returns (G1Point memory) {
        uint256 x = uint256(digest) % P;
        for (uint256 tries = 0; tries < TRIES_MAX; ++tries) {
            uint256 square = addmod(mulmod(mulmod(x, x, P), x, P), 3, P);
            uint256 y = _power(square, ROOT_EXPONENT);
            if (mulmod(y, y, P) == square) return G1Point(x, y);
            x = addmod(x, 1, P);
        }
        revert NoPoint();
    }

    /// Adds a point to a sum, where that lies: many are added, and none takes memory of its own.
    /// Reverts unless both are points.
    function addTo(G1Point memory sum, G1Point storage point) internal view {
        (uint256 x, uint256 y) = (point.X, point.Y);
        bool isPoint;
        assembly ("memory-safe") {
            let input := mload(0x40)
            mcopy(input, sum, 0x40)
            mstore(add(input, 0x40), x)
            mstore(add(input, 0x60), y)
            isPoint := staticcall(ADD_GAS, 6, input, 0x80, sum, 0x40)
        }
        if (!isPoint) revert NoPoint();
    }

    /// Whether a signature on a message is that of a key, whose parts are of one secret; false when
    /// one of them is no point, too.
    function verify(
        G1Point memory key1,
        G2Point memory key2,
        G1Point memory message,
        G1Point memory signature
    ) internal view returns (bool) {
        uint256 factor = uint256(keccak256(abi.encode(signature, key1, key2, message))) % R;
        (bool isKey, G1Point memory left) = _product(key1, factor);
        if (!isKey) return false;
        bool isSignature;
        (isSignature, left) = _sum(signature, left);
        if (!isSignature) return false;
        (, G1Point memory right) = _product(G1Point(1, 2), factor);
        (, right) = _sum(message, right);
        return _isOne(left, right, key2);
    }

    /// Whether e(left, -G2) * e(right, key) = 1; false when the key is no point of G2.
    function _isOne(G1Point memory left, G1Point memory right, G2Point memory key)
        private
        view
        returns (bool isOne)
    {
        uint256[12] memory input = [
            left.X,
            left.Y,
            MINUS_G2_X_I,
            MINUS_G2_X,
            MINUS_G2_Y_I,
            MINUS_G2_Y,
            right.X,
            right.Y,
            key.X[0],
            key.X[1],
            key.Y[0],
            key.Y[1]
        ];
        uint256[1] memory output;
        bool isDone;
        assembly ("memory-safe") {
            isDone := staticcall(PAIRING_GAS, 8, input, 0x180, output, 0x20)
        }
        return isDone && output[0] == 1;
    }

    function _sum(G1Point memory one, G1Point memory other)
        private
        view
        returns (bool isPoint, G1Point memory sum)
    {
        uint256[4] memory input = [one.X, one.Y, other.X, other.Y];
        assembly ("memory-safe") {
            isPoint := staticcall(ADD_GAS, 6, input, 0x80, sum, 0x40)
        }
    }

    function _product(G1Point memory point, uint256 factor)
        private
        view
        returns (bool isPoint, G1Point memory product)
    {
        uint256[3] memory input = [point.X, point.Y, factor];
        assembly ("memory-safe") {
            isPoint := staticcall(MULTIPLY_GAS, 7, input, 0x60, product, 0x40)
        }
    }

    function _power(uint256 base, uint256 exponent) private view returns (uint256) {
        uint256[6] memory input = [32, 32, 32, base, exponent, P];
        uint256[1] memory output;
        assembly ("memory-safe") {
            // Whatever it takes: without gas for it, nothing comes back, which is the root of none.
            if iszero(staticcall(gas(), 5, input, 0xc0, output, 0x20)) { revert(0, 0) }
        }
        return output[0];
    }

    error NoPoint();
}
