use std::collections::BTreeMap;

use super::in_order::BlockId;
use crate::input::{PassedOver, PassedOverBefore};

/// What the filter passes over ahead of what has been reached: under a limit, some of it never is, and does not count.
#[derive(Debug, Default)]
pub struct PassedOverAhead {
    /// By the file and the part that it lies before.
    before: BTreeMap<(usize, usize), PassedOver>,
    /// The part in which the limit is reached.
    last: Option<(usize, usize)>,
}

impl PassedOverAhead {
    /// A file was opened, of which this is passed over before those parts.
    pub fn file_opened(&mut self, file: usize, passed_over: PassedOverBefore) {
        self.before.extend(passed_over.into_iter().map(|(part, passed)| ((file, part), passed)));
    }

    /// Nothing behind this block is reached.
    pub fn end_behind(&mut self, last: BlockId) {
        self.last = Some((last.file, last.part));
    }

    /// Takes out what lies before this part of that file, or a part before it.
    pub fn take_until(&mut self, reached: (usize, usize)) -> PassedOver {
        let reached = self.last.map_or(reached, |last| last.min(reached));
        let mut sum = PassedOver::default();
        while let Some(next) = self.before.first_entry().filter(|next| *next.key() <= reached) {
            let PassedOver { files, row_groups, records } = next.remove();
            sum.files += files;
            sum.row_groups += row_groups;
            sum.records += records;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_reached_does_not_count() {
        let passed = |records| PassedOver { files: 0, row_groups: 1, records };
        let mut ahead = PassedOverAhead::default();
        ahead.file_opened(1, vec![(0, passed(1)), (2, passed(10)), (3, passed(100))]);
        ahead.file_opened(0, vec![(1, passed(1000))]);
        assert_eq!(ahead.take_until((0, 0)), PassedOver::default());
        assert_eq!(ahead.take_until((1, 1)), PassedOver { files: 0, row_groups: 2, records: 1001 });
        ahead.end_behind(BlockId { file: 1, part: 2, block: 7 });
        assert_eq!(ahead.take_until((2, 0)), passed(10));
        assert_eq!(ahead.take_until((2, 0)), PassedOver::default());
    }
}
