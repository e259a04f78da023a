//! LightGBM's text files, as `Booster.save_model` writes them.
//!
//! Header lines `key=value`, a section of such lines for each tree, then parameters, and at the very end what Python knows
//! of categories. What a node does with a value is what `include/LightGBM/tree.h` of LightGBM does in `NumericalDecision`
//! and `CategoricalDecision`. LightGBM compares float64 values; float32 values go the same way when thresholds are rounded
//! down to float32.

use std::collections::HashMap;
use std::str::FromStr;

use super::encoding::{Category, Encoding};
use super::numbers::{categories, number, rounded_down};
use super::output::{Adjustment, Classes, Finish, Output, Transform};
use super::{Features, Model, fault};
use crate::scorer::trees::{Comparison, LeafWeight, NodeSpec, Split, TreeSpec, ValueSet};

/// `kZeroThreshold`: values up to it, and down to its negative, are zero.
const ZERO: f32 = 1e-35;

/// Words of sets of categories up to which their bits can be numbered: LightGBM's categories have 31 bits.
const MOST_WORDS: usize = 1 << 26;

/// Lines `key=value`.
struct Section<'t>(HashMap<&'t str, &'t str>);

impl<'t> Section<'t> {
    fn add(&mut self, line: &'t str) {
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        self.0.insert(key.trim(), value.trim());
    }

    fn text(&self, key: &str) -> Result<&'t str, String> {
        self.0.get(key).copied().ok_or_else(|| format!("it has no {key}"))
    }

    fn number<T: FromStr>(&self, key: &str) -> Result<T, String> {
        number(self.text(key)?, key)
    }

    /// Exactly `len` numbers.
    fn numbers<T: FromStr>(&self, key: &str, len: usize) -> Result<Vec<T>, String> {
        let text = self.text(key)?;
        let values: Vec<T> = text.split_ascii_whitespace().map(|text| number(text, key)).collect::<Result<_, _>>()?;
        if values.len() == len { Ok(values) } else { Err(format!("its {key} has {} values, not {len}", values.len())) }
    }
}

/// Reads the model in `text`, which begins with the line `tree`; with the counts of its nodes if they are wanted.
pub(super) fn read(text: &str, with_covers: bool) -> Result<Model<f64>, String> {
    let mut lines = text.lines().map(str::trim_end).skip(1);
    let mut header = Section(HashMap::new());
    let mut trees: Vec<Section> = vec![];
    let mut is_complete = false;
    for line in lines.by_ref() {
        if line == "end of trees" {
            is_complete = true;
            break;
        }
        if line.starts_with("Tree=") {
            trees.push(Section(HashMap::new()));
        } else if !line.is_empty() {
            trees.last_mut().unwrap_or(&mut header).add(line);
        }
    }
    let rest: Vec<&str> = lines.collect();
    let has = |line: &str| rest.contains(&line);
    if !is_complete || (has("parameters:") && !has("end of parameters")) {
        return Err("it ends early; save it again, or compare its size with the original's".to_owned());
    }
    let count = header.number::<usize>("max_feature_idx")?.checked_add(1).ok_or("it has too many features")?;
    let names: Vec<String> = header.text("feature_names")?.split(' ').map(str::to_owned).collect();
    if names.len() != count {
        return Err(format!("its feature_names has {} names, not {count}", names.len()));
    }
    let classes: usize = header.number("num_class")?;
    let targets = if header.0.contains_key("num_tree_per_iteration") {
        header.number("num_tree_per_iteration")?
    } else {
        classes
    };
    let sizes = header.0.get("tree_sizes").map_or(trees.len(), |sizes| sizes.split_ascii_whitespace().count());
    if targets == 0 || trees.is_empty() || !trees.len().is_multiple_of(targets) || sizes != trees.len() {
        return Err(format!("it has {} trees of {sizes}, in iterations of {targets}", trees.len()));
    }
    let mut spec = TreeSpec { nodes: vec![], weights: vec![], targets, sets: vec![], covers: vec![] };
    let mut unexplained = Model::<f64>::not_wanted(with_covers);
    for (index, tree) in trees.iter().enumerate() {
        push_tree(&mut spec, tree, index, targets).map_err(|cause| format!("tree {index}: {cause}"))?;
        if unexplained.is_none() {
            unexplained = fault(index, push_covers(&mut spec, tree));
        }
    }
    let iterations = trees.len() / targets;
    let adjustment = if header.0.contains_key("average_output") {
        Adjustment::Divide(iterations.max(1) as f64)
    } else {
        Adjustment::None
    };
    let objective = header.0.get("objective").copied().unwrap_or("none");
    let (transform, output) = finish(objective, targets)?;
    let named = names.iter().enumerate().any(|(index, name)| *name != format!("Column_{index}"));
    let encodings = encodings(&header, &rest, count)?;
    Ok(Model {
        library: format!("LightGBM (file format {})", header.0.get("version").copied().unwrap_or("unknown")),
        objective: objective.to_owned(),
        iterations,
        features: Features { count, names: named.then_some(names), encodings },
        trees: spec,
        unexplained,
        finish: Finish { adjustment, transform, output },
    })
}

/// What becomes of sums for so many targets.
fn finish(objective: &str, targets: usize) -> Result<(Transform<f64>, Output), String> {
    let mut words = objective.split_ascii_whitespace();
    let name = words.next().unwrap_or_default();
    let words: Vec<&str> = words.collect();
    let slope = words.iter().find_map(|word| word.strip_prefix("sigmoid:"));
    let slope = slope.map_or(Ok(1.0), |text| number(text, "sigmoid"))?;
    if !(slope > 0.0 && f64::is_finite(slope)) {
        return Err(format!("its sigmoid is {slope}, which is no steepness"));
    }
    let one = |transform| match targets {
        1 => Ok((transform, Output::Values)),
        _ => Err(format!("its objective {name} gives one value, and it has trees for {targets}")),
    };
    match name {
        "binary" => one(Transform::Logistic(slope)).map(|(t, _)| (t, Output::TwoClasses(Classes::counted(2)))),
        "multiclass" => Ok((Transform::Softmax, Output::Classes(Classes::counted(targets)))),
        "multiclassova" => Ok((Transform::Logistic(slope), Output::Classes(Classes::counted(targets)))),
        "regression" if words.contains(&"sqrt") => one(Transform::SignedSquare),
        "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" | "lambdarank" | "rank_xendcg" => {
            one(Transform::None)
        }
        "poisson" | "gamma" | "tweedie" => one(Transform::Exp),
        "cross_entropy" | "xentropy" => one(Transform::Logistic(1.0)),
        "cross_entropy_lambda" | "xentlambda" => one(Transform::LnOnePlusExp),
        // An objective of the user's own: LightGBM gives raw scores.
        "none" | "custom" => Ok((Transform::None, Output::Values)),
        _ => Err(format!("its objective {name:?} is not known to this version")),
    }
}

/// Adds the tree at `index` to `spec`.
fn push_tree(spec: &mut TreeSpec<f32, f64>, section: &Section, index: usize, targets: usize) -> Result<(), String> {
    if section.0.get("is_linear").is_some_and(|text| *text != "0") {
        return Err("it has linear models in its leaves (linear_tree), which this version does not run; \
                    train without linear_tree, or export the model as ONNX"
            .to_owned());
    }
    let tree = index as i64;
    let leaves: usize = section.number("num_leaves")?;
    let values = section.numbers::<f64>("leaf_value", leaves)?;
    if leaves == 0 || values.iter().any(|value| value.is_nan()) {
        return Err("it has no leaves, or leaves that are no numbers".to_owned());
    }
    let splits = leaves - 1;
    if splits > 0 {
        let [features, left, right] =
            ["split_feature", "left_child", "right_child"].map(|key| section.numbers::<i64>(key, splits));
        let (features, left, right) = (features?, left?, right?);
        let thresholds = section.numbers::<f64>("threshold", splits)?;
        let decisions = match section.0.contains_key("decision_type") {
            true => section.numbers::<u8>("decision_type", splits)?,
            false => vec![0; splits],
        };
        let mut sets = Sets::of(section)?;
        // Nodes are numbered from 0, leaves from -1 downwards, which is their complement.
        for node in 0..splits {
            let feature = usize::try_from(features[node]).map_err(|_| "it asks for a negative feature".to_owned())?;
            let (comparison, threshold, missing_is_true) = if decisions[node] & 1 == 1 {
                (Comparison::Member(sets.number(spec, thresholds[node])?), 0.0, false)
            } else {
                let question = numerical(thresholds[node], decisions[node])?;
                let comparison = match question.set {
                    Some(set) => {
                        spec.sets.push(set);
                        Comparison::Member((spec.sets.len() - 1) as u32)
                    }
                    None => Comparison::LessOrEqual,
                };
                (comparison, question.threshold, question.missing_is_true)
            };
            spec.nodes.push(NodeSpec {
                tree,
                node: node as i64,
                split: Some(Split {
                    feature,
                    comparison,
                    threshold,
                    if_true: left[node],
                    if_false: right[node],
                    missing_is_true,
                }),
            });
        }
    }
    for (leaf, weight) in values.into_iter().enumerate() {
        let node = !(leaf as i64);
        spec.nodes.push(NodeSpec { tree, node, split: None });
        spec.weights.push(LeafWeight { tree, node, target: index % targets, weight });
    }
    Ok(())
}

/// Adds how many records of the training data came to each node, in the order of [`push_tree`].
fn push_covers(spec: &mut TreeSpec<f32, f64>, section: &Section) -> Result<(), String> {
    let leaves: usize = section.number("num_leaves")?;
    if leaves == 1 {
        // It has no counts, and nothing goes two ways.
        spec.covers.push(1.0);
        return Ok(());
    }
    spec.covers.extend(section.numbers::<f64>("internal_count", leaves - 1)?);
    spec.covers.extend(section.numbers::<f64>("leaf_count", leaves)?);
    Ok(())
}

/// What a node asks: whether a value is at most the threshold or, where there is a set, in it.
#[derive(Debug, PartialEq)]
struct Question {
    threshold: f32,
    set: Option<ValueSet<f32>>,
    missing_is_true: bool,
}

impl Question {
    fn at_most(threshold: f32, missing_is_true: bool) -> Self {
        Question { threshold, set: None, missing_is_true }
    }
}

/// The question of a node with a threshold.
fn numerical(threshold: f64, decision: u8) -> Result<Question, String> {
    if threshold.is_nan() {
        return Err("it has a threshold that is no number".to_owned());
    }
    // LightGBM reads values near zero as zero, so that all of them go one way.
    let exact = rounded_down(threshold);
    let threshold = match exact {
        t if (0.0..ZERO).contains(&t) => ZERO,
        t if (-ZERO..0.0).contains(&t) => (-ZERO).next_down(),
        t => t,
    };
    let default_left = decision & 2 != 0;
    let (below_zero, above_zero) = ((-ZERO).next_down(), ZERO.next_up());
    match (decision >> 2) & 3 {
        // A missing value is zero.
        0 => Ok(Question::at_most(threshold, threshold >= 0.0)),
        // Zero is missing.
        1 if default_left && threshold >= below_zero => Ok(Question::at_most(threshold.max(ZERO), true)),
        1 if !default_left && threshold <= ZERO => Ok(Question::at_most(threshold.min(below_zero), false)),
        1 => {
            let ranges = match default_left {
                true => [[f32::NEG_INFINITY, threshold], [-ZERO, ZERO]],
                false => [[f32::NEG_INFINITY, below_zero], [above_zero, threshold]],
            };
            let set = Some(ValueSet::of_ranges(ranges));
            Ok(Question { set, ..Question::at_most(0.0, default_left) })
        }
        2 => Ok(Question::at_most(threshold, default_left)),
        other => Err(format!("it treats missing values in way {other}, which this version does not know")),
    }
}

/// The sets of categories of a tree: each as a run of words, whose bits stand for categories.
struct Sets {
    boundaries: Vec<usize>,
    words: Vec<u32>,
    /// Numbers of those that are in the ensemble already.
    known: HashMap<usize, u32>,
}

impl Sets {
    fn of(section: &Section) -> Result<Self, String> {
        let sets: usize = section.number("num_cat")?;
        if sets == 0 {
            return Ok(Sets { boundaries: vec![], words: vec![], known: HashMap::new() });
        }
        let boundaries: Vec<usize> = section.numbers("cat_boundaries", sets.saturating_add(1))?;
        let words = section.numbers("cat_threshold", boundaries[sets])?;
        if boundaries.is_sorted() && words.len() <= MOST_WORDS {
            Ok(Sets { boundaries, words, known: HashMap::new() })
        } else {
            Err("its cat_boundaries do not rise, or are too many".to_owned())
        }
    }

    /// The number, in `spec`, of the set that a node with this threshold asks about.
    fn number(&mut self, spec: &mut TreeSpec<f32, f64>, threshold: f64) -> Result<u32, String> {
        let index = threshold as usize;
        let Some(&[first, end]) = self.boundaries.get(index..).and_then(|rest| rest.first_chunk::<2>()) else {
            return Err(format!("it has no set of categories {threshold}"));
        };
        Ok(*self.known.entry(index).or_insert_with(|| {
            let bits = self.words[first..end].iter().zip((0..).step_by(u32::BITS as usize)).flat_map(|(word, base)| {
                (0..u32::BITS).filter(move |bit| word >> bit & 1 == 1).map(move |bit| base + bit)
            });
            // The fraction of a value is cut off before it is looked at, so that -0.5 is category 0.
            spec.sets.push(categories(bits, (-1.0f32).next_up()));
            (spec.sets.len() - 1) as u32
        }))
    }
}

/// What pandas made of columns of categories: the numbers that trees know are places in these lists.
fn encodings(header: &Section, rest: &[&str], count: usize) -> Result<Vec<(usize, Encoding)>, String> {
    let Some(json) = rest.iter().find_map(|line| line.strip_prefix("pandas_categorical:")) else { return Ok(vec![]) };
    let lists: Option<Vec<Vec<Category>>> =
        serde_json::from_str(json).map_err(|error| format!("its pandas_categorical cannot be read: {error}"))?;
    let lists = lists.unwrap_or_default();
    if lists.is_empty() {
        return Ok(vec![]);
    }
    // Which features they are of is told by a parameter or, where a version does not write it, by what is said of values.
    let parameter = rest.iter().find_map(|line| line.strip_prefix("[categorical_feature:")?.strip_suffix(']'));
    let listed: Option<Vec<usize>> =
        parameter.and_then(|text| text.split(',').map(|text| text.trim().parse().ok()).collect());
    let infos = header.text("feature_infos")?.split(' ').enumerate();
    let seen = infos.filter(|(_, info)| *info != "none" && !info.starts_with('[')).map(|(index, _)| index).collect();
    let mut features: Vec<usize> = listed.filter(|listed| listed.len() == lists.len()).unwrap_or(seen);
    features.sort_unstable();
    if features.len() != lists.len() || features.iter().any(|feature| *feature >= count) {
        return Err(format!(
            "it names the categories of {} columns, and it is not clear of which; train on numbers instead of categories \
             of pandas",
            lists.len()
        ));
    }
    Ok(features.into_iter().zip(lists.into_iter().map(Encoding::of)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_answered_as_lightgbm_does() {
        let zero = f64::from(ZERO);
        let values = [0.0, -0.0, ZERO, -ZERO, 1e-40, -1e-40, ZERO.next_up(), (-ZERO).next_down(), 1.0, -1.0, 0.1];
        let values: Vec<f32> = values.into_iter().chain([f32::INFINITY, f32::NEG_INFINITY, f32::NAN]).collect();
        for threshold in [0.0, -0.0, zero, -zero, 1e-36, -1e-36, 0.1, 1.0, -1.0, 1e300, -1e300, f64::INFINITY] {
            for decision in [0, 2, 4, 6, 8, 10] {
                let question = numerical(threshold, decision).unwrap();
                for &x in &values {
                    let goes_left = match &question.set {
                        _ if x.is_nan() => question.missing_is_true,
                        Some(set) => set.contains(x),
                        None => x <= question.threshold,
                    };
                    assert_eq!(
                        goes_left,
                        native(f64::from(x), threshold, decision),
                        "{x:e}, {threshold:e}, {decision}"
                    );
                }
            }
        }
        assert!(numerical(f64::NAN, 0).is_err() && numerical(0.0, 12).is_err());
    }

    /// `NumericalDecision`, for values as a prediction reads them.
    fn native(x: f64, threshold: f64, decision: u8) -> bool {
        let zero = f64::from(ZERO);
        let is_zero = |x: f64| x >= -zero && x <= zero;
        let missing_type = decision >> 2;
        let x = if is_zero(x) || (x.is_nan() && missing_type != 2) { 0.0 } else { x };
        if (missing_type == 1 && is_zero(x)) || (missing_type == 2 && x.is_nan()) {
            decision & 2 != 0
        } else {
            x <= threshold
        }
    }

    #[test]
    fn objectives() {
        assert_eq!(finish("regression sqrt", 1), Ok((Transform::SignedSquare, Output::Values)));
        let binary = (Transform::Logistic(1.5), Output::TwoClasses(Classes::counted(2)));
        assert_eq!(finish("binary sigmoid:1.5", 1), Ok(binary));
        assert!(finish("binary sigmoid:1", 2).unwrap_err().contains("binary"));
        assert!(finish("soft_sort", 1).unwrap_err().contains("soft_sort"));
    }
}
