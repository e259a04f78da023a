use std::collections::{BTreeMap, HashMap};

/// Where a block stands in the input. Blocks of one part are numbered as they are read; parts of one file and files of
/// the listing are in input order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BlockId {
    /// Position of the file in the listing.
    pub file: usize,
    /// Position of the part in the file.
    pub part: usize,
    /// Position of the block in the part.
    pub block: u64,
}

/// Brings what is finished in any order back into input order.
///
/// How many parts a file has and how many blocks a part has is told as it becomes known.
#[derive(Debug)]
pub struct InOrder<T> {
    /// `None` until the input has been listed to its end.
    files: Option<usize>,
    next: BlockId,
    parts: HashMap<usize, usize>,
    blocks: HashMap<(usize, usize), u64>,
    waiting: BTreeMap<BlockId, T>,
}

impl<T> InOrder<T> {
    /// Order over a listing of `files`, if that is known.
    pub fn new(files: Option<usize>) -> Self {
        InOrder {
            files,
            next: BlockId::default(),
            parts: HashMap::new(),
            blocks: HashMap::new(),
            waiting: BTreeMap::new(),
        }
    }

    /// The listing has so many files.
    pub fn listed(&mut self, files: usize) {
        // A limit may have ended it before.
        self.files = Some(self.files.map_or(files, |known| known.min(files)));
    }

    /// The file has so many parts.
    pub fn file_opened(&mut self, file: usize, parts: usize) {
        self.parts.insert(file, parts);
    }

    /// The part has so many blocks.
    pub fn part_ended(&mut self, file: usize, part: usize, blocks: u64) {
        self.blocks.insert((file, part), blocks);
    }

    /// Nothing comes behind this block.
    pub fn end_behind(&mut self, last: BlockId) {
        self.blocks.insert((last.file, last.part), last.block + 1);
        self.parts.insert(last.file, last.part + 1);
        self.files = Some(last.file + 1);
    }

    /// The block is finished.
    pub fn push(&mut self, id: BlockId, value: T) {
        self.waiting.insert(id, value);
    }

    /// The next block in input order, if it is finished.
    pub fn pop(&mut self) -> Option<T> {
        self.skip_ends();
        let value = self.waiting.remove(&self.next)?;
        self.next.block += 1;
        Some(value)
    }

    /// Whether every block of every file has been popped.
    pub fn is_complete(&mut self) -> bool {
        self.skip_ends();
        Some(self.next.file) == self.files
    }

    /// The file and the part that the next block in input order is of.
    pub fn position(&mut self) -> (usize, usize) {
        self.skip_ends();
        (self.next.file, self.next.part)
    }

    /// Takes what is finished but has gaps before it, in input order: for a job that ends early.
    pub fn take_rest(&mut self) -> impl Iterator<Item = T> + use<T> {
        std::mem::take(&mut self.waiting).into_values()
    }

    fn skip_ends(&mut self) {
        while self.files.is_none_or(|files| self.next.file < files) {
            let BlockId { file, part, block } = self.next;
            if self.parts.get(&file) == Some(&part) {
                self.parts.remove(&file);
                self.next = BlockId { file: file + 1, part: 0, block: 0 };
            } else if self.blocks.get(&(file, part)) == Some(&block) {
                self.blocks.remove(&(file, part));
                self.next = BlockId { file, part: part + 1, block: 0 };
            } else {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    enum Step {
        Opened(usize, usize),
        Ended(usize, usize, u64),
        Finished(BlockId),
    }

    proptest! {
        #[test]
        fn any_order_of_finishing_gives_input_order(
            shape in prop::collection::vec(prop::collection::vec(0u64..4, 0..4), 0..4),
            seed in any::<u64>(),
        ) {
            let mut steps = Vec::new();
            let mut expected = Vec::new();
            for (file, parts) in shape.iter().enumerate() {
                steps.push(Step::Opened(file, parts.len()));
                for (part, blocks) in parts.iter().enumerate() {
                    steps.push(Step::Ended(file, part, *blocks));
                    for block in 0..*blocks {
                        expected.push(BlockId { file, part, block });
                        steps.push(Step::Finished(BlockId { file, part, block }));
                    }
                }
            }
            let mut random = seed;
            for i in (1..steps.len()).rev() {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                steps.swap(i, (random >> 33) as usize % (i + 1));
            }
            let mut order = InOrder::new(Some(shape.len()));
            let mut popped = Vec::new();
            for step in steps {
                match step {
                    Step::Opened(file, parts) => order.file_opened(file, parts),
                    Step::Ended(file, part, blocks) => order.part_ended(file, part, blocks),
                    Step::Finished(id) => order.push(id, id),
                }
                while let Some(id) = order.pop() {
                    popped.push(id);
                }
            }
            prop_assert!(order.is_complete());
            prop_assert_eq!(popped, expected);
        }
    }

    #[test]
    fn a_gap_holds_back_what_follows() {
        let id = |block| BlockId { file: 0, part: 0, block };
        let mut order = InOrder::new(Some(1));
        order.push(id(1), 1);
        assert_eq!(order.pop(), None);
        order.push(id(0), 0);
        assert_eq!((order.pop(), order.pop(), order.pop()), (Some(0), Some(1), None));
        assert!(!order.is_complete());
        order.push(id(3), 3);
        assert_eq!(order.take_rest().collect::<Vec<_>>(), [3]);
    }
}
