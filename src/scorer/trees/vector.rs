//! Vectors of bytes, a byte for each of some rows: the few operations that trees as sets of leaves need, for each kind of
//! register.
//!
//! The compiler would keep the sets in memory between two questions; written this way they stay in registers, which
//! doubles the speed.

#![expect(unsafe_code, reason = "vector instructions, in the hottest loop of all")]

/// Leaves that share a table of weights.
pub const GROUP: usize = 16;

/// The weights of [`GROUP`] leaves: the first bytes of all, then the second ones, and so on; lowest bytes first.
pub type BytesOfWeights = [[u8; GROUP]; 4];

/// A byte for each of some rows.
///
/// # Safety
///
/// The methods may only be called on a processor that has the instructions of the implementation, and with pointers to as
/// much as is said there.
pub unsafe trait Bytes: Copy {
    /// Rows; a multiple of 16.
    const ROWS: usize;

    /// The same byte for all rows.
    unsafe fn all(byte: u8) -> Self;

    /// Of sets of leaves, keeps only `kept` where a rank is not below `least`. `ROWS` ranks lie from `ranks` on.
    unsafe fn keep_unless_below(self, ranks: *const i8, least: i8, kept: u8) -> Self;

    /// Where it is not zero itself, and `other` where it is.
    unsafe fn or_else(self, chosen: Self, other: Self) -> Self;

    /// The place of the lowest bit of each byte, none of which is zero, and that added to `base`.
    unsafe fn lowest_bit(self, base: Self) -> Self;

    /// Adds weights of leaves, of which it holds the numbers, to the first `ROWS` of `sums`, in the order of [`row`].
    unsafe fn add_weights(self, tables: &[BytesOfWeights], sums: &mut [f32]);

    /// Writes the bytes to the first `ROWS` of `bytes`.
    unsafe fn store(self, bytes: &mut [u8]);
}

/// Which of `rows` rows of a vector has the sum at `place`: tables are put together within 16 bytes of a register.
pub(super) const fn row(place: usize, rows: usize) -> usize {
    let lanes = rows / 16;
    (place / 4) % lanes * 16 + place / (4 * lanes) * 4 + place % 4
}

/// For any processor.
#[derive(Clone, Copy)]
pub(super) struct Portable([u8; 16]);

// SAFETY: no special instructions are used; memory is accessed within slices whose lengths are checked, and as promised.
unsafe impl Bytes for Portable {
    const ROWS: usize = 16;

    #[inline(always)]
    unsafe fn all(byte: u8) -> Self {
        Portable([byte; 16])
    }

    #[inline(always)]
    unsafe fn keep_unless_below(self, ranks: *const i8, least: i8, kept: u8) -> Self {
        let mut sets = self.0;
        // SAFETY: the caller has so many ranks there.
        let ranks = unsafe { &*ranks.cast::<[i8; 16]>() };
        for (set, rank) in sets.iter_mut().zip(ranks) {
            *set &= u8::from(*rank < least).wrapping_neg() | kept;
        }
        Portable(sets)
    }

    #[inline(always)]
    unsafe fn or_else(self, chosen: Self, other: Self) -> Self {
        Portable(std::array::from_fn(|row| if self.0[row] == 0 { other.0[row] } else { chosen.0[row] }))
    }

    #[inline(always)]
    unsafe fn lowest_bit(self, base: Self) -> Self {
        Portable(std::array::from_fn(|row| base.0[row] + self.0[row].trailing_zeros() as u8))
    }

    #[inline(always)]
    unsafe fn add_weights(self, tables: &[BytesOfWeights], sums: &mut [f32]) {
        for (sum, leaf) in sums[..16].iter_mut().zip(self.0.map(usize::from)) {
            let table = &tables[leaf / GROUP];
            *sum += f32::from_le_bytes(std::array::from_fn(|byte| table[byte][leaf % GROUP]));
        }
    }

    #[inline(always)]
    unsafe fn store(self, bytes: &mut [u8]) {
        bytes[..16].copy_from_slice(&self.0);
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::Avx2;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Bytes, BytesOfWeights, GROUP};

    /// AVX2.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2(__m256i);

    // SAFETY: only instructions of AVX2 are used; memory is accessed within slices whose lengths are checked, and as promised.
    unsafe impl Bytes for Avx2 {
        const ROWS: usize = 32;

        #[inline(always)]
        unsafe fn all(byte: u8) -> Self {
            // SAFETY: the caller has the instructions.
            unsafe { Avx2(_mm256_set1_epi8(byte as i8)) }
        }

        #[inline(always)]
        unsafe fn keep_unless_below(self, ranks: *const i8, least: i8, kept: u8) -> Self {
            // SAFETY: the caller has the instructions, and so many ranks there.
            unsafe {
                let below = _mm256_cmpgt_epi8(_mm256_set1_epi8(least), _mm256_loadu_si256(ranks.cast()));
                Avx2(_mm256_and_si256(self.0, _mm256_or_si256(below, _mm256_set1_epi8(kept as i8))))
            }
        }

        #[inline(always)]
        unsafe fn or_else(self, chosen: Self, other: Self) -> Self {
            // SAFETY: the caller has the instructions.
            unsafe {
                let is_zero = _mm256_cmpeq_epi8(self.0, _mm256_setzero_si256());
                Avx2(_mm256_blendv_epi8(chosen.0, other.0, is_zero))
            }
        }

        #[inline(always)]
        unsafe fn lowest_bit(self, base: Self) -> Self {
            // SAFETY: the caller has the instructions.
            unsafe {
                // The lowest bit alone lies in one half of the byte; of the other, which is zero, the tables give zero.
                let lowest = _mm256_and_si256(self.0, _mm256_sub_epi8(_mm256_setzero_si256(), self.0));
                let half = _mm256_set1_epi8(15);
                let low = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0));
                let high = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 5, 0, 6, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0));
                let in_low = _mm256_shuffle_epi8(low, _mm256_and_si256(lowest, half));
                let in_high = _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16::<4>(lowest), half));
                Avx2(_mm256_add_epi8(base.0, _mm256_or_si256(in_low, in_high)))
            }
        }

        #[inline(always)]
        unsafe fn add_weights(self, tables: &[BytesOfWeights], sums: &mut [f32]) {
            let sums = &mut sums[..Self::ROWS];
            // SAFETY: the caller has the instructions; memory is accessed within the slices.
            unsafe {
                let mut bytes = [_mm256_setzero_si256(); 4];
                let mut first = _mm256_setzero_si256();
                for table in tables {
                    // Numbers of leaves of other groups come to have their highest bit set, for which nothing is found.
                    let place = _mm256_adds_epu8(_mm256_xor_si256(self.0, first), _mm256_set1_epi8(0x70));
                    for (bytes, table) in bytes.iter_mut().zip(table) {
                        let table = _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast()));
                        *bytes = _mm256_or_si256(*bytes, _mm256_shuffle_epi8(table, place));
                    }
                    first = _mm256_add_epi8(first, _mm256_set1_epi8(GROUP as i8));
                }
                let [a, b, c, d] = bytes;
                let (low, next_low) = (_mm256_unpacklo_epi8(a, b), _mm256_unpacklo_epi8(c, d));
                let (high, next_high) = (_mm256_unpackhi_epi8(a, b), _mm256_unpackhi_epi8(c, d));
                let weights = [
                    _mm256_unpacklo_epi16(low, next_low),
                    _mm256_unpackhi_epi16(low, next_low),
                    _mm256_unpacklo_epi16(high, next_high),
                    _mm256_unpackhi_epi16(high, next_high),
                ];
                for (sums, weights) in sums.as_chunks_mut::<8>().0.iter_mut().zip(weights) {
                    let sum = _mm256_add_ps(_mm256_loadu_ps(sums.as_ptr()), _mm256_castsi256_ps(weights));
                    _mm256_storeu_ps(sums.as_mut_ptr(), sum);
                }
            }
        }

        #[inline(always)]
        unsafe fn store(self, bytes: &mut [u8]) {
            let bytes = &mut bytes[..Self::ROWS];
            // SAFETY: the caller has the instructions; memory is accessed within the slice.
            unsafe { _mm256_storeu_si256(bytes.as_mut_ptr().cast(), self.0) }
        }
    }
}
