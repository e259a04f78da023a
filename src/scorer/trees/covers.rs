//! How much of some data comes to each node.

use super::ensemble::{Node, Threshold, TreeEnsemble, answer};

impl<T: Threshold, W: Threshold> TreeEnsemble<T, W> {
    /// Forgets how much of the training data came to each node, so that it can be counted.
    pub fn clear_covers(&mut self) {
        self.covers = vec![0.0; self.nodes.len()];
    }

    /// Counts `row` at each node that it comes to.
    ///
    /// # Panics
    ///
    /// When `row` has fewer values than [`Self::features`], or [`Self::clear_covers`] was not called.
    pub fn count(&mut self, row: &[T]) {
        for root in &self.roots {
            let mut place = *root as usize;
            loop {
                self.covers[place] += 1.0;
                match &self.nodes[place] {
                    Node::Leaf { .. } => break,
                    node @ Node::Split { if_true, if_false, .. } => {
                        let next = if answer(node, row, &self.sets) { if_true } else { if_false };
                        place = *next as usize;
                    }
                }
            }
        }
    }
}
