//! Ensembles of decision trees: forests and boosted trees, as flat arrays.
//!
//! A [`TreeEnsemble`] is built from a [`TreeSpec`] (what a model file says, in any order, with any mistake in it) and
//! checked while it is built: children exist, no path comes back to where it was, every feature and target is in range.
//! Walking it cannot fail after that. It gives sums (or extremes) of leaf weights by target; what becomes of them, base
//! values and post-transforms, is the business of the format that the model came in.
//!
//! Every ensemble can be walked plainly, row by row. Most can be brought into a simpler form (`flat`, with questions
//! of membership answered ahead: `derived`), for which a [`Kernel`] has faster ways, a `tile` of rows at a time. All give
//! the same bits. Trees of few leaves are taken as sets of leaves that are still possible (`leaf_sets`, with sums by
//! `bit_vectors`); others are walked by many rows in lockstep (`walk`) below their upper part (`top`), which is such a
//! set. Sets are asked about `ranks` of values among thresholds, which a `search` finds. Weights may be wider than
//! features: some libraries compare float32 and sum float64.
//!
//! Where it is known how much of the training data came to each node, `shap` tells what each feature contributes to the
//! scores of a row.

mod bit_vectors;
mod build;
mod covers;
mod derived;
mod ensemble;
mod flat;
mod kernel;
mod keys;
mod leaf_sets;
mod node_index;
mod ranks;
mod search;
mod shap;
mod spec;
mod tile;
mod top;
mod value_set;
mod vector;
mod walk;
mod weight;

pub use build::TreeError;
pub use ensemble::{Aggregate, Score, Threshold, TreeEnsemble};
pub use kernel::{Kernel, WALKED_ROWS};
pub use shap::{Scratch, Shap, ShapError};
pub use spec::{Comparison, LeafWeight, NodeSpec, Split, TreeSpec};
pub use value_set::ValueSet;
pub use weight::Weight;
