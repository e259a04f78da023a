//! Some rows at a time, by columns.

use super::derived::Derived;

/// Rows of a tile: with the tables of a tree they should stay in a core's nearest cache.
pub(super) const TILE: usize = 128;

/// The features of at most [`TILE`] rows, column after column. Rows beyond those that were put in repeat older values.
pub(super) struct Tile {
    values: Vec<f32>,
    /// Number of features that rows have; behind them come derived ones.
    features: usize,
    rows: usize,
    has_missing: bool,
}

impl Tile {
    /// A tile for rows of so many features, and as many derived ones.
    pub(super) fn new(features: usize, derived: usize) -> Self {
        Tile { values: vec![0.0; (features + derived) * TILE], features, rows: 0, has_missing: false }
    }

    /// Takes rows that lie in columns, of which it takes the first ones, as many as it has.
    pub(super) fn take_columns(&mut self, columns: &[&[f32]]) {
        self.rows = columns.first().map_or(0, |column| column.len());
        self.has_missing = false;
        for (values, column) in self.values.chunks_exact_mut(TILE).zip(&columns[..self.features]) {
            values[..self.rows].copy_from_slice(column);
            self.has_missing |= column.iter().fold(false, |any, x| any | x.is_nan());
        }
    }

    /// Takes rows of `width` features each, of which it takes the first ones.
    pub(super) fn take_rows(&mut self, rows: &[f32], width: usize) {
        self.rows = rows.len() / width;
        self.has_missing = rows.iter().fold(false, |any, x| any | x.is_nan());
        for (feature, values) in self.values.chunks_exact_mut(TILE).take(self.features).enumerate() {
            for (value, x) in values.iter_mut().zip(rows[feature..].iter().step_by(width)) {
                *value = *x;
            }
        }
    }

    /// Answers the questions of `derived` about the rows.
    pub(super) fn derive(&mut self, derived: &Derived) {
        let (values, answers) = self.values.split_at_mut(self.features * TILE);
        derived.answer(values, TILE, answers);
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether a value is NaN.
    pub(super) fn has_missing(&self) -> bool {
        self.has_missing
    }

    /// The columns.
    pub(super) fn columns(&self) -> &[[f32; TILE]] {
        self.values.as_chunks().0
    }
}
