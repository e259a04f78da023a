//! Some rows at a time, by columns.

/// Rows of a tile: with the tables of a tree they should stay in a core's nearest cache. Twice as many made deep forests a
/// tenth faster and calls of few rows a tenth slower.
pub(super) const TILE: usize = 128;

/// The features of at most [`TILE`] rows, column after column. Rows beyond those that were put in repeat older values.
/// Behind them is a column of NaN.
pub(super) struct Tile {
    values: Vec<f32>,
    rows: usize,
    has_missing: bool,
}

impl Tile {
    /// A tile for rows of so many features.
    pub(super) fn new(features: usize) -> Self {
        let mut values = vec![0.0; features * TILE];
        values.resize((features + 1) * TILE, f32::NAN);
        Tile { values, rows: 0, has_missing: false }
    }

    /// Takes rows that lie in columns, of which it takes the first ones, as many as it has.
    pub(super) fn take_columns(&mut self, columns: &[&[f32]]) {
        self.rows = columns.first().map_or(0, |column| column.len());
        self.has_missing = false;
        for (values, column) in self.values.chunks_exact_mut(TILE).zip(columns) {
            values[..self.rows].copy_from_slice(column);
            self.has_missing |= column.iter().fold(false, |any, x| any | x.is_nan());
        }
    }

    /// Takes rows of `width` features each, of which it takes the first ones.
    pub(super) fn take_rows(&mut self, rows: &[f32], width: usize) {
        self.rows = rows.len() / width;
        self.has_missing = rows.iter().fold(false, |any, x| any | x.is_nan());
        let features = self.values.len() / TILE - 1;
        for (feature, values) in self.values.chunks_exact_mut(TILE).take(features).enumerate() {
            for (value, x) in values.iter_mut().zip(rows[feature..].iter().step_by(width)) {
                *value = *x;
            }
        }
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

    /// Columns of [`TILE`] values each.
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }
}
