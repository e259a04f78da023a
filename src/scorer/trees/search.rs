//! Places of values among thresholds, by binary search without branches.

#![expect(
    unsafe_code,
    reason = "vector instructions: a search through registers is three times as fast as one through memory"
)]

use super::tile::TILE;
use crate::simd::Level;

/// Most levels of a search.
pub(super) const MOST_STEPS: u32 = 8;

/// Thresholds in the order of a search: behind the one at `i`, that at `2 * i` is the next for values not above it, and that
/// at `2 * i + 1` for those above it; the first is at 1.
pub(super) type Heap = [f32; 1 << MOST_STEPS];

/// Puts fewer than `2^MOST_STEPS` rising thresholds into the order of a search; also gives its levels. What is left is filled
/// with infinities, which nothing is above.
pub(super) fn heap(thresholds: impl ExactSizeIterator<Item = f32>) -> (Heap, u32) {
    let mut heap = [f32::INFINITY; 1 << MOST_STEPS];
    let steps = (thresholds.len() + 1).next_power_of_two().trailing_zeros();
    for (threshold, count) in thresholds.zip(1u32..) {
        // Of 2^steps - 1 places in order, those with an odd number are the last level's, and so on.
        let above = count.trailing_zeros();
        let place = (count >> (above + 1)) + (1 << (steps - 1 - above));
        heap[place as usize] = threshold;
    }
    (heap, steps)
}

/// For each of the first `rows` values (at most [`TILE`]) the number of thresholds that it is above, none for NaN, less 128. What is written
/// behind these is anything.
pub(super) fn ranks(level: Level, values: &[f32; TILE], rows: usize, heap: &Heap, steps: u32, ranks: &mut [i8; TILE]) {
    #[cfg(target_arch = "x86_64")]
    if level.min(Level::of_processor()) >= Level::Avx2 {
        // SAFETY: the processor has the instructions.
        unsafe { x86::ranks(values, rows, heap, steps, ranks) };
        return;
    }
    let _ = level;
    portable(&values[..rows], heap, steps, ranks);
}

fn portable(values: &[f32], heap: &Heap, steps: u32, ranks: &mut [i8; TILE]) {
    const SIDE_BY_SIDE: usize = 8;
    for (values, ranks) in values.chunks(SIDE_BY_SIDE).zip(ranks.chunks_mut(SIDE_BY_SIDE)) {
        let mut places = [1usize; SIDE_BY_SIDE];
        for _ in 0..steps {
            for (place, x) in places.iter_mut().zip(values) {
                // The remainder is what the place is already; it spares the check.
                *place = 2 * *place + usize::from(*x > heap[*place % heap.len()]);
            }
        }
        // Taken as a byte, the place that a search began with is gone or is to be taken off.
        let start = (1 << steps) + 128;
        ranks.iter_mut().zip(places).for_each(|(rank, place)| *rank = (place as i32 - start) as i8);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::super::tile::TILE;
    use super::Heap;

    /// Values of a vector.
    const WIDTH: usize = 8;

    #[target_feature(enable = "avx2")]
    pub(super) fn ranks(values: &[f32; TILE], rows: usize, heap: &Heap, steps: u32, ranks: &mut [i8; TILE]) {
        let start = _mm256_set1_epi32((1 << steps) + 128);
        let parts = values.as_chunks::<{ 4 * WIDTH }>().0.iter().zip(ranks.as_chunks_mut::<{ 4 * WIDTH }>().0);
        for (values, ranks) in parts.take(rows.div_ceil(4 * WIDTH)) {
            let mut places = [_mm256_setzero_si256(); 4];
            for (places, values) in places.as_chunks_mut::<2>().0.iter_mut().zip(values.as_chunks::<{ 2 * WIDTH }>().0)
            {
                let values = values.as_chunks::<WIDTH>().0;
                // SAFETY: both are whole vectors.
                let x = unsafe { [_mm256_loadu_ps(values[0].as_ptr()), _mm256_loadu_ps(values[1].as_ptr())] };
                *places = search(x, heap, steps);
            }
            let [a, b, c, d] = places;
            let low = _mm256_packs_epi32(_mm256_sub_epi32(a, start), _mm256_sub_epi32(b, start));
            let high = _mm256_packs_epi32(_mm256_sub_epi32(c, start), _mm256_sub_epi32(d, start));
            let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            let bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
            // SAFETY: there is room for a whole vector.
            unsafe { _mm256_storeu_si256(ranks.as_mut_ptr().cast(), bytes) };
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn search(x: [__m256; 2], heap: &Heap, steps: u32) -> [__m256i; 2] {
        let mut places = [_mm256_set1_epi32(1); 2];
        for step in 0..steps {
            for (place, x) in places.iter_mut().zip(x) {
                let threshold = match step {
                    0..3 => at(heap, 0, *place),
                    3 => at(heap, 1, *place),
                    4 => of_2(heap, 2, *place),
                    5 => of_4(heap, 4, *place),
                    6 => of_8(heap, 8, *place),
                    _ => {
                        let bit_6 = _mm256_castsi256_ps(_mm256_slli_epi32::<25>(*place));
                        _mm256_blendv_ps(of_8(heap, 16, *place), of_8(heap, 24, *place), bit_6)
                    }
                };
                let above = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_GT_OQ>(x, threshold));
                *place = _mm256_sub_epi32(_mm256_add_epi32(*place, *place), above);
            }
        }
        places
    }

    /// What is at the lowest three bits of the places in the eighth `index` of the heap.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn at(heap: &Heap, index: usize, places: __m256i) -> __m256 {
        let eighth = &heap.as_chunks::<WIDTH>().0[index];
        // SAFETY: it is a whole vector.
        unsafe { _mm256_permutevar8x32_ps(_mm256_loadu_ps(eighth.as_ptr()), places) }
    }

    /// What is at the lowest four bits in two of them.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn of_2(heap: &Heap, index: usize, places: __m256i) -> __m256 {
        let bit_3 = _mm256_castsi256_ps(_mm256_slli_epi32::<28>(places));
        _mm256_blendv_ps(at(heap, index, places), at(heap, index + 1, places), bit_3)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn of_4(heap: &Heap, index: usize, places: __m256i) -> __m256 {
        let bit_4 = _mm256_castsi256_ps(_mm256_slli_epi32::<27>(places));
        _mm256_blendv_ps(of_2(heap, index, places), of_2(heap, index + 2, places), bit_4)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn of_8(heap: &Heap, index: usize, places: __m256i) -> __m256 {
        let bit_5 = _mm256_castsi256_ps(_mm256_slli_epi32::<26>(places));
        _mm256_blendv_ps(of_4(heap, index, places), of_4(heap, index + 4, places), bit_5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_thresholds() {
        for count in 0..=255usize {
            let thresholds: Vec<f32> = (0..count).map(|i| (i * i) as f32 / 16.0 - 900.0).collect();
            let (heap, steps) = heap(thresholds.iter().copied());
            let mut values: [f32; TILE] = std::array::from_fn(|i| (i * 251 % 4096) as f32 - 950.0);
            values.iter_mut().step_by(3).zip(thresholds.iter().rev()).for_each(|(value, x)| *value = *x);
            values[..3].copy_from_slice(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY]);
            for rows in [1, 31, 32, 33, TILE] {
                for level in [Level::Portable, Level::Avx2] {
                    let mut found = [0; TILE];
                    ranks(level, &values, rows, &heap, steps, &mut found);
                    for (x, rank) in values.iter().zip(found).take(rows) {
                        let above = thresholds.iter().filter(|threshold| *x > **threshold).count();
                        assert_eq!(i32::from(rank) + 128, above as i32, "{x} among {count}, {}", level.name());
                    }
                }
            }
        }
    }
}
