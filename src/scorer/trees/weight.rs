//! Leaf weights and their sums: `f32`, and `f64` where a library sums in it.

#![expect(unsafe_code, reason = "it calls functions of vectors, which only some processors have")]

use super::ensemble::Threshold;
use super::vector::{Bytes, BytesOfWeights, GROUP, row};

/// Element types of leaf weights.
pub trait Weight: Threshold {
    /// The weights of a group of leaves, as they are looked up.
    type Table: Copy + Send + Sync;

    /// The table of the weights of at most a group of leaves; zeros for the rest.
    fn table(weights: &[Self]) -> Self::Table;

    /// Itself in place of a threshold, if a threshold has room for it.
    fn to_threshold(self) -> Option<f32>;

    /// What [`Self::to_threshold`] gave, as a weight again.
    fn of_threshold(threshold: f32) -> Self;

    /// Adds the weights of `leaves`, each a number of a leaf, to the first `V::ROWS` of `sums`, in the order
    /// of a vector's rows.
    ///
    /// # Safety
    ///
    /// The processor has the instructions of `V`.
    unsafe fn add_of_leaves<V: Bytes>(leaves: V, tables: &[Self::Table], sums: &mut [Self]);
}

impl Weight for f32 {
    type Table = BytesOfWeights;

    fn to_threshold(self) -> Option<f32> {
        Some(self)
    }

    fn of_threshold(threshold: f32) -> f32 {
        threshold
    }

    fn table(weights: &[f32]) -> BytesOfWeights {
        let mut table = [[0; GROUP]; 4];
        for (leaf, weight) in weights.iter().enumerate() {
            table.iter_mut().zip(weight.to_le_bytes()).for_each(|(bytes, byte)| bytes[leaf] = byte);
        }
        table
    }

    #[inline(always)]
    unsafe fn add_of_leaves<V: Bytes>(leaves: V, tables: &[BytesOfWeights], sums: &mut [f32]) {
        // SAFETY: as for this function.
        unsafe { leaves.add_weights(tables, sums) }
    }
}

impl Weight for f64 {
    type Table = [f64; GROUP];

    fn to_threshold(self) -> Option<f32> {
        None
    }

    fn of_threshold(threshold: f32) -> f64 {
        threshold.into()
    }

    fn table(weights: &[f64]) -> [f64; GROUP] {
        let mut table = [0.0; GROUP];
        table.iter_mut().zip(weights).for_each(|(place, weight)| *place = *weight);
        table
    }

    /// One by one: eight tables of bytes to put a weight together from take as long.
    #[inline(always)]
    unsafe fn add_of_leaves<V: Bytes>(leaves: V, tables: &[[f64; GROUP]], sums: &mut [f64]) {
        const MOST_ROWS: usize = 64;
        let mut numbers = [0; MOST_ROWS];
        // SAFETY: as for this function.
        unsafe { leaves.store(&mut numbers) };
        let weights = tables.as_flattened();
        for (place, sum) in sums[..V::ROWS].iter_mut().enumerate() {
            *sum += weights[usize::from(numbers[row(place, V::ROWS)])];
        }
    }
}
