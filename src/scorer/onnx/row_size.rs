//! How much of the cache the rows of a run take, from a graph prepared for any number of them.

use tract_onnx::tract_hir::internal::*;

use super::RUN_ROWS;

/// Bytes that the largest value in a graph may take in a run. With a network of 28-256-256-64-1, runs of 256 rows of
/// 1 KiB were up to twice as fast per row as those of 1,024, and a sixth faster than those of 64 (512 KiB of second-level
/// cache a core).
const RUN_BYTES: usize = 256 << 10;

/// Fewest rows that runs are cut into: what a run takes beside computing is shared by its rows.
const FEWEST_ROWS: usize = 16;

/// Bytes that the largest value in a graph may take where runs always have the same number of rows, of which most may be
/// padding.
const FIXED_RUN_BYTES: usize = 32 << 10;

/// Most rows of such runs.
const MOST_FIXED_ROWS: usize = 16;

/// What a row is in a graph.
pub(super) struct RowSize {
    /// Bytes a row of the largest value in the graph.
    widest: usize,
    /// For each output the axis of the rows, or nothing for one that is the same for all of them; if all are clear.
    pub(super) axes: Option<Vec<Option<usize>>>,
}

impl RowSize {
    /// Those in `model`, in whose shapes `rows` stands for their number.
    pub(super) fn of(model: &TypedModel, rows: &Symbol) -> TractResult<RowSize> {
        let one = SymbolValues::default().with(rows, 1);
        let bytes = |fact: &TypedFact| {
            let is_of_rows = fact.shape.iter().any(|length| length.symbols().contains(rows));
            // What depends on other symbols is not known.
            let values = fact.shape.volume().eval(&one).to_usize().ok().filter(|_| is_of_rows);
            values.map_or(0, |values| values.saturating_mul(fact.datum_type.size_of()))
        };
        let facts = model.nodes.iter().flat_map(|node| &node.outputs).map(|output| &output.fact);
        let widest = facts.map(bytes).max().unwrap_or(0);
        let axes = model.outputs.iter().map(|outlet| Ok(axis(model.outlet_fact(*outlet)?, rows)));
        let axes = axes.collect::<TractResult<Vec<_>>>()?.into_iter().collect();
        Ok(RowSize { widest, axes })
    }

    /// Whether a single row fills what a run may take.
    pub(super) fn is_large(&self) -> bool {
        self.widest > RUN_BYTES / 2
    }

    /// Rows of runs that always have the same number of them.
    pub(super) fn fixed_rows(&self) -> usize {
        (FIXED_RUN_BYTES / self.widest.max(1)).clamp(1, MOST_FIXED_ROWS)
    }

    /// Most rows of a run.
    pub(super) fn run_rows(&self) -> usize {
        (RUN_BYTES / self.widest.max(1)).clamp(FEWEST_ROWS, RUN_ROWS)
    }
}

/// The axis that is as long as there are rows, or nothing where all lengths are known; nothing at all in other cases.
fn axis(fact: &TypedFact, rows: &Symbol) -> Option<Option<usize>> {
    let mut of_rows = fact.shape.iter().enumerate().filter(|(_, length)| length.symbols().contains(rows));
    match (of_rows.next(), of_rows.next()) {
        (None, _) => fact.shape.as_concrete().map(|_| None),
        (Some((axis, length)), None) if *length == rows.to_dim() => Some(Some(axis)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_by_the_largest_value() {
        let mut model = TypedModel::default();
        let rows = model.symbols.sym("rows");
        let cases = [(1, false, 1024, 16), (256, false, 256, 16), (4096, false, 16, 2), (60_000, true, 16, 1)];
        for (width, large, run_rows, fixed_rows) in cases {
            let fact = f32::fact([rows.to_dim(), 2.to_dim(), (width / 2).max(1).to_dim()]);
            model.outputs = vec![model.add_source(format!("x{width}"), fact).unwrap()];
            let size = RowSize::of(&model, &rows).unwrap();
            let found = (size.is_large(), size.run_rows(), size.fixed_rows());
            assert_eq!(found, (large, run_rows, fixed_rows), "{width}");
            assert_eq!(size.axes, Some(vec![Some(0)]));
        }
    }

    #[test]
    fn the_axis_of_the_rows_must_be_clear() {
        let scope = SymbolScope::default();
        let rows = scope.sym("rows");
        let n = || rows.to_dim();
        assert_eq!(axis(&f32::fact([1.to_dim(), n()]), &rows), Some(Some(1)));
        assert_eq!(axis(&f32::fact([3, 1]), &rows), Some(None));
        assert_eq!(axis(&f32::fact([n(), n()]), &rows), None);
        assert_eq!(axis(&f32::fact([n() * 2, 1.to_dim()]), &rows), None);
        assert_eq!(axis(&f32::fact([scope.sym("found").to_dim()]), &rows), None);
    }
}
