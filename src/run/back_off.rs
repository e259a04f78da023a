use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use super::task::Piece;

/// Pieces that wait for their next attempt, by when it is due.
#[derive(Default)]
pub struct BackOff {
    heap: BinaryHeap<Reverse<(Instant, usize)>>,
    pieces: Vec<Option<Piece>>,
    free: Vec<usize>,
}

impl BackOff {
    pub fn push(&mut self, due: Instant, piece: Piece) {
        let at = self.free.pop().unwrap_or_else(|| {
            self.pieces.push(None);
            self.pieces.len() - 1
        });
        self.pieces[at] = Some(piece);
        self.heap.push(Reverse((due, at)));
    }

    pub fn next_due(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((due, _))| *due)
    }

    pub fn due(&mut self, now: Instant) -> Vec<Piece> {
        let mut due = Vec::new();
        while self.next_due().is_some_and(|at| at <= now) {
            if let Some(Reverse((_, at))) = self.heap.pop() {
                self.free.push(at);
                due.extend(self.pieces[at].take());
            }
        }
        due
    }

    pub fn drain(&mut self) -> Vec<Piece> {
        self.heap.clear();
        self.pieces.drain(..).flatten().collect()
    }
}

/// Even numbers from 0 to 1 for the jitter (SplitMix64, Steele et al. 2014).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64
    }
}
