//! The parts of XGBoost's files that scoring needs, by the names that they have there.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::scorer::boosted::numbers::Numbers;

#[derive(Deserialize)]
pub(super) struct File<'f> {
    #[serde(borrow)]
    pub learner: Learner<'f>,
    #[serde(default)]
    pub version: Vec<u32>,
}

#[derive(Deserialize)]
pub(super) struct Learner<'f> {
    #[serde(default)]
    pub attributes: HashMap<String, String>,
    #[serde(default)]
    pub feature_names: Vec<String>,
    #[serde(borrow)]
    pub gradient_booster: Booster<'f>,
    pub learner_model_param: LearnerParameters,
    pub objective: Objective,
}

/// A booster, or the one within DART.
#[derive(Deserialize)]
pub(super) struct Booster<'f> {
    pub name: String,
    #[serde(borrow)]
    pub model: Option<&'f RawValue>,
    #[serde(borrow)]
    pub gbtree: Option<&'f RawValue>,
    #[serde(borrow)]
    pub weight_drop: Option<Numbers<'f>>,
}

#[derive(Deserialize)]
pub(super) struct LearnerParameters {
    pub base_score: String,
    pub num_class: String,
    pub num_feature: String,
    #[serde(default)]
    pub num_target: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Objective {
    pub name: String,
}

#[derive(Deserialize)]
pub(super) struct Trees<'f> {
    #[serde(borrow)]
    pub trees: Vec<Tree<'f>>,
    #[serde(borrow)]
    pub tree_info: Numbers<'f>,
    pub gbtree_model_param: TreesParameters,
    #[serde(borrow)]
    pub iteration_indptr: Option<Numbers<'f>>,
    pub cats: Option<Categories>,
}

#[derive(Deserialize)]
pub(super) struct TreesParameters {
    #[serde(default)]
    pub num_parallel_tree: Option<String>,
}

/// The categories of each feature, as the data had them.
#[derive(Deserialize)]
pub(super) struct Categories {
    pub enc: Vec<FeatureCategories>,
}

#[derive(Deserialize)]
pub(super) struct FeatureCategories {
    /// Where texts begin in `values`, and the end of the last one; numbers have none.
    pub offsets: Option<Vec<usize>>,
    pub values: Vec<serde_json::Number>,
}

#[derive(Deserialize)]
pub(super) struct Tree<'f> {
    #[serde(borrow)]
    pub left_children: Numbers<'f>,
    #[serde(borrow)]
    pub right_children: Numbers<'f>,
    #[serde(borrow)]
    pub split_indices: Numbers<'f>,
    #[serde(borrow)]
    pub split_conditions: Numbers<'f>,
    pub default_left: Vec<Flag>,
    #[serde(borrow)]
    pub split_type: Option<Numbers<'f>>,
    #[serde(borrow)]
    pub categories: Option<Numbers<'f>>,
    #[serde(borrow)]
    pub categories_nodes: Option<Numbers<'f>>,
    #[serde(borrow)]
    pub categories_segments: Option<Numbers<'f>>,
    #[serde(borrow)]
    pub categories_sizes: Option<Numbers<'f>>,
    #[serde(borrow)]
    pub leaf_weights: Option<Numbers<'f>>,
    /// Sums of second derivatives of the objective over the training data at each node: its cover.
    #[serde(borrow)]
    pub sum_hessian: Option<Numbers<'f>>,
    pub tree_param: TreeParameters,
}

/// Older versions write true and false, newer ones 1 and 0.
#[derive(Deserialize, Clone, Copy)]
#[serde(untagged)]
pub(super) enum Flag {
    Bool(bool),
    Number(u8),
}

impl Flag {
    pub(super) fn is_set(self) -> bool {
        matches!(self, Flag::Bool(true) | Flag::Number(1..))
    }
}

#[derive(Deserialize)]
pub(super) struct TreeParameters {
    #[serde(default)]
    pub size_leaf_vector: Option<String>,
}
