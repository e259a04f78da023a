use super::value_set::ValueSet;

/// How a node compares a feature with its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `x <= threshold`
    LessOrEqual,
    /// `x < threshold`
    Less,
    /// `x >= threshold`
    GreaterOrEqual,
    /// `x > threshold`
    Greater,
    /// `x == threshold`
    Equal,
    /// `x != threshold`
    NotEqual,
    /// `x` is in the set of this number among [`TreeSpec::sets`]; the threshold means nothing.
    Member(u32),
}

/// The question that an inner node asks.
#[derive(Debug, Clone, PartialEq)]
pub struct Split<T> {
    /// Which feature it looks at.
    pub feature: usize,
    /// How.
    pub comparison: Comparison,
    /// Against what.
    pub threshold: T,
    /// The node to go to when the comparison holds.
    pub if_true: i64,
    /// The node to go to when it does not.
    pub if_false: i64,
    /// A missing value (NaN) goes to `if_true`, whatever the comparison says.
    pub missing_is_true: bool,
}

/// A node as a model file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeSpec<T> {
    /// The tree that it belongs to.
    pub tree: i64,
    /// Its number in that tree.
    pub node: i64,
    /// Its question; `None` in a leaf.
    pub split: Option<Split<T>>,
}

/// What a leaf adds to a target (an output of a regressor, or a class).
#[derive(Debug, Clone, PartialEq)]
pub struct LeafWeight<W> {
    /// The leaf's tree.
    pub tree: i64,
    /// The leaf's number in that tree.
    pub node: i64,
    /// Which target.
    pub target: usize,
    /// How much.
    pub weight: W,
}

/// An ensemble as a model file describes it, with features of type `T` and weights of type `W`.
#[derive(Debug, Clone, PartialEq)]
pub struct TreeSpec<T, W = T> {
    /// All nodes; the first of each tree is its root. Trees are summed in the order in which they come.
    pub nodes: Vec<NodeSpec<T>>,
    /// Weights of the leaves, in any order; those of one leaf are added in the order in which they come.
    pub weights: Vec<LeafWeight<W>>,
    /// Number of targets.
    pub targets: usize,
    /// What [`Comparison::Member`] asks about; several nodes may ask about one set.
    pub sets: Vec<ValueSet<T>>,
    /// For each of the nodes, how much of the training data came there (its cover): records, or their weight. Empty where
    /// that is not known or not asked for.
    pub covers: Vec<f64>,
}
