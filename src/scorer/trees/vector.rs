//! Vectors of leaf sets: the few operations that a tree of few leaves needs, for each kind of register.
//!
//! The compiler would keep the sets in memory between two questions; written this way they stay in registers, which
//! doubles the speed.

#![expect(unsafe_code, reason = "vector instructions, in the hottest loop of all")]

use super::ensemble::Threshold;

/// Leaf weights and their sums.
pub trait Weight: Threshold {
    /// Adds the weight of the leftmost leaf of each of `sets` to the first `V::ROWS` of `sums`, of which there are at least
    /// so many.
    ///
    /// # Safety
    ///
    /// The processor has the instructions of `V`.
    unsafe fn add_leftmost<V: LeafSets>(sets: V, weights: &[Self; 32], sums: &mut [Self]);
}

impl Weight for f32 {
    #[inline(always)]
    unsafe fn add_leftmost<V: LeafSets>(sets: V, weights: &[f32; 32], sums: &mut [f32]) {
        // SAFETY: as for this function.
        unsafe { sets.add_weights(weights, sums) }
    }
}

impl Weight for f64 {
    /// One by one: vectors would have to gather, which takes processors as long.
    #[inline(always)]
    unsafe fn add_leftmost<V: LeafSets>(sets: V, weights: &[f64; 32], sums: &mut [f64]) {
        let mut leaves = [0; MOST_ROWS];
        // SAFETY: as for this function.
        unsafe { sets.store(&mut leaves) };
        for (sum, leaves) in sums[..V::ROWS].iter_mut().zip(leaves) {
            *sum += weights[leaves.trailing_zeros() as usize % 32];
        }
    }
}

/// Most rows of a vector.
const MOST_ROWS: usize = 16;

/// Leaf sets of some rows, a set of 32 bits each.
///
/// # Safety
///
/// The methods may only be called on a processor that has the instructions of the implementation.
pub unsafe trait LeafSets: Copy {
    /// Rows.
    const ROWS: usize;

    /// All leaves for all rows.
    unsafe fn all() -> Self;

    /// Keeps only `kept` where a value is not at most `threshold`, or is NaN. There are at least `ROWS` values.
    unsafe fn keep_unless_at_most(self, values: &[f32], threshold: f32, kept: u32) -> Self;

    /// Keeps only `kept` where a value is above `threshold`. There are at least `ROWS` values.
    unsafe fn keep_where_above(self, values: &[f32], threshold: f32, kept: u32) -> Self;

    /// Adds the weight of the leftmost leaf of each set to the first `ROWS` of `sums`, of which there are at least so many.
    unsafe fn add_weights(self, weights: &[f32; 32], sums: &mut [f32]);

    /// Writes the sets to the first `ROWS` of `sets`, of which there are at least so many.
    unsafe fn store(self, sets: &mut [u32]);
}

/// For any processor.
#[derive(Clone, Copy)]
pub(super) struct Portable([u32; 4]);

// SAFETY: no special instructions are used.
unsafe impl LeafSets for Portable {
    const ROWS: usize = 4;

    #[inline(always)]
    unsafe fn all() -> Self {
        Portable([u32::MAX; 4])
    }

    #[inline(always)]
    unsafe fn keep_unless_at_most(self, values: &[f32], threshold: f32, kept: u32) -> Self {
        Portable(std::array::from_fn(|row| self.0[row] & (u32::from(values[row] <= threshold).wrapping_neg() | kept)))
    }

    #[inline(always)]
    unsafe fn keep_where_above(self, values: &[f32], threshold: f32, kept: u32) -> Self {
        Portable(std::array::from_fn(|row| self.0[row] & (!u32::from(values[row] > threshold).wrapping_neg() | kept)))
    }

    #[inline(always)]
    unsafe fn add_weights(self, weights: &[f32; 32], sums: &mut [f32]) {
        for (sum, set) in sums[..4].iter_mut().zip(self.0) {
            *sum += weights[set.trailing_zeros() as usize % 32];
        }
    }

    #[inline(always)]
    unsafe fn store(self, sets: &mut [u32]) {
        sets[..4].copy_from_slice(&self.0);
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::LeafSets;

    /// AVX2.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2(__m256i);

    // SAFETY: only instructions of AVX2 are used; memory is accessed within slices whose lengths are checked.
    unsafe impl LeafSets for Avx2 {
        const ROWS: usize = 8;

        #[inline(always)]
        unsafe fn all() -> Self {
            // SAFETY: the caller has the instructions; memory is accessed within the slices.
            unsafe { Avx2(_mm256_set1_epi32(-1)) }
        }

        #[inline(always)]
        unsafe fn keep_unless_at_most(self, values: &[f32], threshold: f32, kept: u32) -> Self {
            let values = &values[..Self::ROWS];
            // SAFETY: the caller has the instructions; memory is accessed within the slices.
            unsafe {
                let x = _mm256_loadu_ps(values.as_ptr());
                let at_most = _mm256_cmp_ps::<_CMP_LE_OQ>(x, _mm256_set1_ps(threshold));
                let mask = _mm256_or_si256(_mm256_castps_si256(at_most), _mm256_set1_epi32(kept as i32));
                Avx2(_mm256_and_si256(self.0, mask))
            }
        }

        #[inline(always)]
        unsafe fn keep_where_above(self, values: &[f32], threshold: f32, kept: u32) -> Self {
            let values = &values[..Self::ROWS];
            // SAFETY: the caller has the instructions; memory is accessed within the slices.
            unsafe {
                let x = _mm256_loadu_ps(values.as_ptr());
                let not_above = _mm256_cmp_ps::<_CMP_NGT_UQ>(x, _mm256_set1_ps(threshold));
                let mask = _mm256_or_si256(_mm256_castps_si256(not_above), _mm256_set1_epi32(kept as i32));
                Avx2(_mm256_and_si256(self.0, mask))
            }
        }

        #[inline(always)]
        unsafe fn add_weights(self, weights: &[f32; 32], sums: &mut [f32]) {
            let sums = &mut sums[..Self::ROWS];
            // SAFETY: the caller has the instructions; memory is accessed within the slices.
            unsafe {
                // The lowest bit alone; as a number its exponent, less the bias, is the bit's place. Of the sign, where
                // the bit is the highest, only bits beyond the place's five are left.
                let lowest = _mm256_and_si256(self.0, _mm256_sub_epi32(_mm256_setzero_si256(), self.0));
                let exponent = _mm256_srli_epi32::<23>(_mm256_castps_si256(_mm256_cvtepi32_ps(lowest)));
                let place = _mm256_sub_epi32(exponent, _mm256_set1_epi32(127));
                // Each quarter is looked up by the lowest three bits of the place; the others choose the quarter.
                let quarter =
                    |index: usize| _mm256_permutevar8x32_ps(_mm256_loadu_ps(weights[index * 8..][..8].as_ptr()), place);
                let bit_3 = _mm256_castsi256_ps(_mm256_slli_epi32::<28>(place));
                let bit_4 = _mm256_castsi256_ps(_mm256_slli_epi32::<27>(place));
                let lower = _mm256_blendv_ps(quarter(0), quarter(1), bit_3);
                let upper = _mm256_blendv_ps(quarter(2), quarter(3), bit_3);
                let weight = _mm256_blendv_ps(lower, upper, bit_4);
                let sum = _mm256_add_ps(_mm256_loadu_ps(sums.as_ptr()), weight);
                _mm256_storeu_ps(sums.as_mut_ptr(), sum);
            }
        }

        #[inline(always)]
        unsafe fn store(self, sets: &mut [u32]) {
            let sets = &mut sets[..Self::ROWS];
            // SAFETY: the caller has the instructions; memory is accessed within the slices.
            unsafe { _mm256_storeu_si256(sets.as_mut_ptr().cast(), self.0) }
        }
    }

    /// AVX-512.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512(__m512i);

    // SAFETY: only instructions of AVX-512F and CD are used; memory is accessed within slices whose lengths are checked.
    unsafe impl LeafSets for Avx512 {
        const ROWS: usize = 16;

        #[inline(always)]
        unsafe fn all() -> Self {
            // SAFETY: the caller has the instructions; memory is accessed within the slices.
            unsafe { Avx512(_mm512_set1_epi32(-1)) }
        }

        #[inline(always)]
        unsafe fn keep_unless_at_most(self, values: &[f32], threshold: f32, kept: u32) -> Self {
            let values = &values[..Self::ROWS];
            // SAFETY: the caller has the instructions; memory is accessed within the slices.
            unsafe {
                let x = _mm512_loadu_ps(values.as_ptr());
                let above = _mm512_cmp_ps_mask::<_CMP_NLE_UQ>(x, _mm512_set1_ps(threshold));
                Avx512(_mm512_mask_and_epi32(self.0, above, self.0, _mm512_set1_epi32(kept as i32)))
            }
        }

        #[inline(always)]
        unsafe fn keep_where_above(self, values: &[f32], threshold: f32, kept: u32) -> Self {
            let values = &values[..Self::ROWS];
            // SAFETY: the caller has the instructions; memory is accessed within the slices.
            unsafe {
                let x = _mm512_loadu_ps(values.as_ptr());
                let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, _mm512_set1_ps(threshold));
                Avx512(_mm512_mask_and_epi32(self.0, above, self.0, _mm512_set1_epi32(kept as i32)))
            }
        }

        #[inline(always)]
        unsafe fn add_weights(self, weights: &[f32; 32], sums: &mut [f32]) {
            let sums = &mut sums[..Self::ROWS];
            // SAFETY: the caller has the instructions; memory is accessed within the slices.
            unsafe {
                let lowest = _mm512_and_si512(self.0, _mm512_sub_epi32(_mm512_setzero_si512(), self.0));
                let place = _mm512_sub_epi32(_mm512_set1_epi32(31), _mm512_lzcnt_epi32(lowest));
                let (lower, upper) = (_mm512_loadu_ps(weights[..16].as_ptr()), _mm512_loadu_ps(weights[16..].as_ptr()));
                let weight = _mm512_permutex2var_ps(lower, place, upper);
                let sum = _mm512_add_ps(_mm512_loadu_ps(sums.as_ptr()), weight);
                _mm512_storeu_ps(sums.as_mut_ptr(), sum);
            }
        }

        #[inline(always)]
        unsafe fn store(self, sets: &mut [u32]) {
            let sets = &mut sets[..Self::ROWS];
            // SAFETY: the caller has the instructions; memory is accessed within the slices.
            unsafe { _mm512_storeu_si512(sets.as_mut_ptr().cast(), self.0) }
        }
    }
}
