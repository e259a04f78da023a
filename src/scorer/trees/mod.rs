//! Ensembles of decision trees: forests and boosted trees, as flat arrays.
//!
//! A [`TreeEnsemble`] is built from a [`TreeSpec`] (what a model file says, in any order, with any mistake in it) and
//! checked while it is built: children exist, no path comes back to where it was, every feature and target is in range.
//! Walking it cannot fail after that. It gives sums (or extremes) of leaf weights by target; what becomes of them, base
//! values and post-transforms, is the business of the format that the model came in.

mod build;
mod ensemble;
mod spec;

pub use build::TreeError;
pub use ensemble::{Aggregate, Score, Threshold, TreeEnsemble};
pub use spec::{Comparison, LeafWeight, NodeSpec, Split, TreeSpec};
