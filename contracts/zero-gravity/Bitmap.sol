// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A bit for each row, as 0G has it: row i is bit i % 8, from the low end, of byte i / 8.
library Bitmap {
    uint256 private constant LOW_BYTES =
        0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
    uint256 private constant LOW_PAIRS =
        0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
    uint256 private constant LOW_FOURS =
        0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
    uint256 private constant LOW_EIGHTS =
        0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;

    /// The bits of so many rows in words: row i is bit i % 256 of word i / 256. Reverts unless there
    /// are as many bytes as it takes, and no bit beyond the last row.
    function wordsOf(bytes calldata bitmap, uint256 rows)
        internal
        pure
        returns (uint256[] memory words)
    {
        if (bitmap.length != (rows + 7) / 8) revert BitmapInvalid();
        words = new uint256[]((rows + 255) / 256);
        for (uint256 index = 0; index < words.length; ++index) {
            uint256 from = index * 32;
            uint256 end = from + 32 < bitmap.length ? from + 32 : bitmap.length;
            // What is shorter than a word is filled with zeros at its end.
            words[index] = _turned(uint256(bytes32(bitmap[from:end])));
        }
        if (rows % 256 != 0 && words[words.length - 1] >> (rows % 256) != 0) revert BitmapInvalid();
    }

    /// How many of so many rows, from one on and over the end to the beginning, have a bit.
    function countIn(uint256[] memory words, uint256 from, uint256 count, uint256 rows)
        internal
        pure
        returns (uint256 found)
    {
        uint256 end = from + count;
        if (end <= rows) return _between(words, from, end);
        return _between(words, from, rows) + _between(words, 0, end - rows);
    }

    function _between(uint256[] memory words, uint256 from, uint256 end)
        private
        pure
        returns (uint256 found)
    {
        // Rows are few: nothing here overflows.
        unchecked {
            while (from < end) {
                uint256 next = (from & ~uint256(255)) + 256;
                if (next > end) next = end;
                uint256 width = next - from;
                uint256 mask = width == 256 ? type(uint256).max : (1 << width) - 1;
                uint256 word = (words[from >> 8] >> (from & 255)) & mask;
                // All or none, mostly.
                if (word == mask) found += width;
                else if (word != 0) found += _ones(word);
                from = next;
            }
        }
    }

    /// How many bits are set.
    function _ones(uint256 word) private pure returns (uint256) {
        // Sums of neighbours, in fields twice as wide each time; none of them overflows.
        unchecked {
            word -= (word >> 1) & (type(uint256).max / 3);
            word = (word & (type(uint256).max / 5)) + ((word >> 2) & (type(uint256).max / 5));
            word = (word + (word >> 4)) & (type(uint256).max / 17);
            word = (word & LOW_BYTES) + ((word >> 8) & LOW_BYTES);
            // Fields of 16 bits, whose sum, at most 256, comes to stand in the highest one.
            return (word * (type(uint256).max / 65_535)) >> 240;
        }
    }

    /// The bytes of a word in the other order.
    function _turned(uint256 word) private pure returns (uint256) {
        word = ((word >> 8) & LOW_BYTES) | ((word & LOW_BYTES) << 8);
        word = ((word >> 16) & LOW_PAIRS) | ((word & LOW_PAIRS) << 16);
        word = ((word >> 32) & LOW_FOURS) | ((word & LOW_FOURS) << 32);
        word = ((word >> 64) & LOW_EIGHTS) | ((word & LOW_EIGHTS) << 64);
        return (word >> 128) | (word << 128);
    }

    /// It is longer or shorter than there are rows, or has a bit for one that there is not.
    error BitmapInvalid();
}
