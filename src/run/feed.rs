use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::in_order::BlockId;
use super::task::{BlockTask, Piece};
use crate::input::Part;

/// How many files may be open of which nobody has begun to read: those in stores fetch their first stretches meanwhile.
const OPEN_AHEAD: usize = 2;

/// What workers do next: reads the input ahead as far as the memory budget allows, earliest first.
///
/// The unread input is a row of lanes, one for each part of an opened file, in input order. A lane is read by one worker
/// at a time; several lanes are read at once when the earlier ones are busy. Bytes in flight are counted from reading a
/// block to writing it, those of its results included, and what stands further back in the input may only take half of the budget, so that the block
/// that everything waits for always finds room.
pub struct Feed {
    state: Mutex<FeedState>,
    wake: Condvar,
    budget: u64,
}

struct FeedState {
    lanes: VecDeque<Lane>,
    next_file: usize,
    /// Files that are being opened.
    opening: usize,
    /// How many files there are; `None` until the input has been listed to its end.
    files: Option<usize>,
    ready: VecDeque<Work>,
    /// Tasks of which some worker still takes mini-batches, in the order in which they were begun.
    shareable: Vec<Arc<BlockTask>>,
    /// Blocks that are read and not written, each with the bytes that it holds, and those bytes together.
    unwritten: BTreeMap<BlockId, u64>,
    in_flight: u64,
    /// Bytes and items of all blocks read so far.
    read: (u64, u64),
    /// Items that may still be read, when their number is limited.
    left: Option<u64>,
    busy: usize,
    closed: bool,
}

struct Lane {
    file: usize,
    part: usize,
    blocks: u64,
    /// `None` while a worker reads it or opens its file.
    reader: Option<Part>,
}

/// What a limit leaves of the items of a block.
pub struct Grant {
    /// So many, from the first on.
    pub items: u64,
    /// Whether nothing is left behind them.
    pub is_last: bool,
}

/// Something for a worker to do.
pub enum Work {
    /// Open this file of the listing.
    Open(usize),
    /// Read the next block of this part; it will be `id`.
    Read { id: BlockId, part: Part },
    /// Try this piece.
    Attempt(Piece),
    /// Go on with the mini-batches of this task that nobody has taken.
    Continue(Arc<BlockTask>),
    /// Close this task: all its outcomes are in.
    Close(Arc<BlockTask>),
}

impl Feed {
    /// A feed over a listing of `files`, if that is known, that keeps at most about `budget` bytes in flight, and hands out no more than
    /// `limit` items: then blocks are read one after the other, since it is told only by all before where the limit is.
    pub fn new(files: Option<usize>, budget: u64, limit: Option<u64>) -> Self {
        let state = FeedState {
            lanes: VecDeque::new(),
            next_file: 0,
            opening: 0,
            files,
            ready: VecDeque::new(),
            shareable: Vec::new(),
            unwritten: BTreeMap::new(),
            in_flight: 0,
            read: (0, 0),
            left: limit,
            busy: 0,
            closed: false,
        };
        Feed { state: Mutex::new(state), wake: Condvar::new(), budget }
    }

    /// Waits for something to do; `None` once the feed is closed. `was_busy` says whether the caller comes back from
    /// work.
    pub fn next(&self, was_busy: bool) -> Option<Work> {
        let mut state = self.state();
        state.busy -= usize::from(was_busy);
        loop {
            if state.closed {
                return None;
            }
            if let Some(work) = state.take(self.budget) {
                state.busy += 1;
                return Some(work);
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A worker that was busy will not come back.
    pub fn worker_gone(&self) {
        self.state().busy -= 1;
    }

    /// Puts work before all reading.
    pub fn push(&self, work: Work) {
        self.state().ready.push_back(work);
        self.wake.notify_one();
    }

    /// The listing has ended: there are so many files, and [`Work::Open`] of one behind them was in vain.
    pub fn listed(&self, files: usize) {
        let mut state = self.state();
        state.files = Some(files);
        let before = state.lanes.len();
        state.lanes.retain(|lane| lane.file < files);
        // Nothing is there to be opened behind the last file, so each of them had one lane.
        state.opening -= before - state.lanes.len();
        self.wake.notify_all();
    }

    /// The file of [`Work::Open`] is open and has these parts; none when it failed.
    pub fn opened(&self, file: usize, parts: Vec<Part>) {
        let mut state = self.state();
        let at = state.lanes.iter().position(|lane| lane.file == file).unwrap_or(state.lanes.len());
        if at < state.lanes.len() {
            state.lanes.remove(at);
            state.opening -= 1;
        }
        for (part, reader) in parts.into_iter().enumerate().rev() {
            state.lanes.insert(at, Lane { file, part, blocks: 0, reader: Some(reader) });
        }
        self.wake.notify_all();
    }

    /// A block was read, which will hold `memory` bytes and stands for so many bytes of input and items; its lane can be
    /// read on.
    pub fn block_read(&self, id: BlockId, part: Part, memory: u64, input_bytes: u64, items: u64) {
        let mut state = self.state();
        state.hold(id, memory);
        state.read.0 += input_bytes;
        state.read.1 += items;
        if let Some(lane) = state.lane(id) {
            lane.reader = Some(part);
            lane.blocks += 1;
        }
        self.wake.notify_one();
    }

    /// Takes so many items, of a block that has been read and whose lane has not been given back, out of the limit.
    pub fn grant(&self, items: u64) -> Grant {
        let mut state = self.state();
        let Some(left) = &mut state.left else { return Grant { items, is_last: false } };
        let granted = items.min(*left);
        *left -= granted;
        Grant { items: granted, is_last: *left == 0 }
    }

    /// A worker begins to score this task; others may help when they find nothing better to do.
    pub fn share(&self, task: &Arc<BlockTask>) {
        let mut state = self.state();
        // A task that nobody can help with any more must not keep its block in memory.
        state.shareable.retain(|task| task.has_more());
        state.shareable.push(Arc::clone(task));
        // There is work for all of them, not for one.
        self.wake.notify_all();
    }

    /// The lane is read to its end.
    pub fn part_ended(&self, id: BlockId) {
        let mut state = self.state();
        state.lanes.retain(|lane| (lane.file, lane.part) != (id.file, id.part));
        self.wake.notify_all();
    }

    /// A block that has been read and is not written holds so many bytes now.
    pub fn holds(&self, id: BlockId, memory: u64) {
        let mut state = self.state();
        if state.unwritten.contains_key(&id) && state.hold(id, memory) {
            self.wake.notify_all();
        }
    }

    /// The block was written, and its bytes are free.
    pub fn written(&self, id: BlockId) {
        let mut state = self.state();
        if let Some(memory) = state.unwritten.remove(&id) {
            state.in_flight -= memory;
        }
        self.wake.notify_all();
    }

    /// Lets every worker end. The work that was ready and nobody took.
    pub fn close(&self) -> Vec<Work> {
        let mut state = self.state();
        state.closed = true;
        state.shareable.clear();
        self.wake.notify_all();
        state.ready.drain(..).collect()
    }

    /// Workers that have something to do.
    pub fn busy(&self) -> usize {
        self.state().busy
    }

    /// Mean bytes of input that an item stands for, over the blocks read so far.
    pub fn bytes_per_item(&self) -> f64 {
        let (bytes, items) = self.state().read;
        if items == 0 { 0.0 } else { bytes as f64 / items as f64 }
    }

    fn state(&self) -> MutexGuard<'_, FeedState> {
        // Nothing that can panic runs between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FeedState {
    fn take(&mut self, budget: u64) -> Option<Work> {
        self.ready.pop_front().or_else(|| self.take_input(budget)).or_else(|| self.take_share())
    }

    /// With a slow model or a small input, a block can outlast all reading: then its mini-batches are shared out.
    fn take_share(&mut self) -> Option<Work> {
        self.shareable.retain(|task| task.has_more());
        self.shareable.first().map(|task| Work::Continue(Arc::clone(task)))
    }

    fn take_input(&mut self, budget: u64) -> Option<Work> {
        if self.left == Some(0) {
            return None;
        }
        let is_limited = self.left.is_some();
        let may_run_ahead = self.in_flight <= budget / 2;
        if !is_limited && may_run_ahead && self.opens_ahead() {
            return Some(self.open_next());
        }
        let first_unwritten = self.unwritten.keys().next().map(|id| (id.file, id.part));
        for (position, lane) in self.lanes.iter_mut().enumerate() {
            // The first lane must not wait for what stands behind it, which can only be written after it.
            let is_waited_for = first_unwritten.is_none_or(|first| first > (lane.file, lane.part));
            let admitted = if position == 0 { self.in_flight <= budget || is_waited_for } else { may_run_ahead };
            if !admitted {
                // What stands before has priority over what stands behind.
                if position > 0 || is_limited {
                    return None;
                }
                continue;
            }
            if let Some(part) = lane.reader.take() {
                let id = BlockId { file: lane.file, part: lane.part, block: lane.blocks };
                return Some(Work::Read { id, part });
            }
            if is_limited {
                return None;
            }
        }
        if self.files.is_none_or(|files| self.next_file < files)
            && (may_run_ahead || (self.lanes.is_empty() && self.in_flight <= budget))
        {
            return Some(self.open_next());
        }
        None
    }

    /// Whether the next file is to be opened though others can be read: one at a time, so that reading goes on, and only
    /// once all files are known, since nobody should wait for a listing who could read.
    fn opens_ahead(&self) -> bool {
        let is_untouched = |lane: &Lane| lane.reader.is_some() && lane.blocks == 0;
        let untouched = self.lanes.iter().rev().take_while(|lane| is_untouched(lane)).map(|lane| lane.file);
        let first = untouched.last().unwrap_or(self.next_file);
        // The first file is opened by whoever finds nothing to read.
        !self.lanes.is_empty()
            && self.opening == 0
            && self.files.is_some_and(|files| self.next_file < files)
            && self.next_file - first < OPEN_AHEAD
    }

    fn open_next(&mut self) -> Work {
        let file = self.next_file;
        self.next_file += 1;
        self.opening += 1;
        self.lanes.push_back(Lane { file, part: 0, blocks: 0, reader: None });
        Work::Open(file)
    }

    /// Counts a block's bytes, whatever it held before; whether there is more room now.
    fn hold(&mut self, id: BlockId, memory: u64) -> bool {
        let before = self.unwritten.insert(id, memory).unwrap_or(0);
        self.in_flight = self.in_flight - before + memory;
        memory < before
    }

    fn lane(&mut self, id: BlockId) -> Option<&mut Lane> {
        self.lanes.iter_mut().find(|lane| (lane.file, lane.part) == (id.file, id.part))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use arrow_array::{RecordBatch, RecordBatchOptions};
    use arrow_schema::Schema;

    use super::*;
    use crate::data::{Block, Cuts, ElementType, FeatureNeeds, InputFile, NamedFeature, RowNumbers};
    use crate::input::{self, ColumnPlan, InputSettings};
    use crate::storage::{Pointer, Stores};

    fn task() -> Arc<BlockTask> {
        let options = RecordBatchOptions::new().with_row_count(Some(100));
        let block = Block {
            file: Arc::new(InputFile { index: 0, name: "a.csv".to_owned() }),
            span: 0..100,
            records: RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap(),
            feature_count: 0,
            key: None,
            passed_over: 0,
            rows: RowNumbers::From(0),
            failures: Arc::new([]),
            cuts: Cuts::Every(1),
        };
        BlockTask::new(BlockId::default(), block, 0)
    }

    /// The only part of a file of text.
    fn part(name: &str) -> Part {
        let path = std::env::temp_dir().join(format!("batchscore-feed-{}-{name}.csv", std::process::id()));
        std::fs::write(&path, "x\n1\n2\n").unwrap();
        let settings = InputSettings::default();
        let mut listing = input::list(&Stores::default(), &[Pointer::Local(path.clone())], &settings).unwrap();
        let needs = FeatureNeeds::Named(vec![NamedFeature { name: "x".to_owned(), element: ElementType::Int64 }]);
        let plan = Arc::new(ColumnPlan::new(&needs, &settings, &listing).unwrap());
        let file = listing.take(0).unwrap().unwrap();
        let part = input::open(&file, &plan, &settings).unwrap().parts.pop().unwrap();
        std::fs::remove_file(path).unwrap();
        part
    }

    #[test]
    fn files_are_opened_before_they_are_needed_one_at_a_time() {
        let feed = Feed::new(Some(5), 1 << 20, None);
        let take = || {
            let work = feed.state().take(1 << 20);
            match work {
                Some(Work::Open(file)) => ("open", file),
                Some(Work::Read { id, part }) => {
                    feed.block_read(id, part, 1, 1, 1);
                    ("read", id.file)
                }
                _ => ("nothing", 0),
            }
        };
        assert_eq!(take(), ("open", 0));
        feed.opened(0, vec![part("a")]);
        assert_eq!(take(), ("open", 1));
        assert_eq!(take(), ("read", 0), "others go on while a file is opened");
        feed.opened(1, vec![part("b")]);
        assert_eq!(take(), ("open", 2));
        feed.opened(2, vec![part("c")]);
        assert_eq!(take(), ("read", 0), "two files wait, which is enough");
        feed.part_ended(BlockId { file: 0, ..BlockId::default() });
        assert_eq!(take(), ("read", 1));
        assert_eq!(take(), ("open", 3));
    }

    #[test]
    fn nothing_is_opened_before_it_is_needed_of_what_may_not_be_there() {
        for (files, limit) in [(None, None), (Some(5), Some(100))] {
            let feed = Feed::new(files, 1 << 20, limit);
            let first = feed.state().take(1 << 20);
            assert!(matches!(first, Some(Work::Open(0))));
            feed.opened(0, vec![part("d")]);
            assert!(matches!(feed.state().take(1 << 20), Some(Work::Read { .. })));
        }
    }

    #[test]
    fn every_idle_worker_helps_with_the_only_task() {
        const WORKERS: usize = 4;
        let feed = Feed::new(Some(0), 1, None);
        let task = task();
        (0..WORKERS).for_each(|_| feed.push(Work::Close(Arc::clone(&task))));
        let (sender, helping) = crossbeam_channel::unbounded();
        // Each takes one piece of work before any comes back for more.
        let all_at_work = std::sync::Barrier::new(WORKERS);
        let helpers = std::thread::scope(|scope| {
            for _ in 0..WORKERS {
                let (feed, all_at_work, sender) = (&feed, &all_at_work, sender.clone());
                scope.spawn(move || {
                    assert!(matches!(feed.next(false), Some(Work::Close(_))));
                    all_at_work.wait();
                    if let Some(Work::Continue(_)) = feed.next(true) {
                        sender.send(()).unwrap();
                    }
                });
            }
            // A worker that has come back from work and is not busy holds the lock until it waits.
            // Before they have all begun, work is still waiting.
            while feed.busy() > 0 || !feed.state().ready.is_empty() {
                std::thread::yield_now();
            }
            feed.share(&task);
            let long = Duration::from_secs(10);
            let helpers = (0..WORKERS).take_while(|_| helping.recv_timeout(long).is_ok()).count();
            feed.close();
            helpers
        });
        assert_eq!(helpers, WORKERS);
    }

    #[test]
    fn a_task_without_mini_batches_left_is_let_go() {
        let feed = Feed::new(Some(0), 1, None);
        let (done, next) = (task(), task());
        feed.share(&done);
        while done.take_mini_batch().is_some() {}
        feed.share(&next);
        // Only this test holds it: its block is freed with it.
        assert_eq!(Arc::strong_count(&done), 1);
    }

    #[test]
    fn bytes_in_flight_are_those_that_are_held() {
        let feed = Feed::new(Some(0), 100, None);
        let id = |block| BlockId { block, ..BlockId::default() };
        let in_flight = || feed.state().in_flight;
        (0..3).for_each(|block| assert!(!feed.state().hold(id(block), 50)));
        feed.holds(id(1), 7);
        feed.holds(id(2), 90);
        assert_eq!(in_flight(), 50 + 7 + 90);
        (0..3).for_each(|block| feed.written(id(block)));
        feed.holds(id(1), 7);
        feed.written(id(1));
        assert_eq!(in_flight(), 0);
    }
}
