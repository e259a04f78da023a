//! What each feature contributes to the scores of a row: path-dependent TreeSHAP.
//!
//! The value of a set of features is what a tree gives for the row when it goes down by these features alone; at any other
//! question it goes both ways, weighted by how much of the training data did (the covers). A feature's contribution is its
//! Shapley value in that game: those that Algorithm 2 of Lundberg et al. (2020, "From local explanations to global
//! understanding with explainable AI for trees") finds, which the libraries of boosted trees use.
//!
//! They are found here as Owen (1972, "Multilinear extensions of games") writes Shapley values: as the integral, over a
//! probability `t` with which each other feature takes part, of what the feature then adds. A leaf of the weight `v` is
//! reached with the product of `z + (o - z) t` over the features on its path, where `z` is the share of the data that the
//! feature's questions let through and `o` is 1 if they let the row through, else 0. So feature `i` gets
//!
//! ```text
//! sum over leaves of  v (o_i - z_i)  integral from 0 to 1 of  product over j != i of (z_j + (o_j - z_j) t)  dt
//! ```
//!
//! The integrand is a polynomial, for which a sum over a few points is exact, and its factors are not negative, so that
//! nothing cancels out. One walk through a tree makes the products on the way down, and adds up on the way back what lies
//! below each node: it takes a time of nodes times points. Where a feature is asked for again, what its earlier question
//! had been credited with below the later one is taken back.

mod quadrature;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use thiserror::Error;

use self::quadrature::Rule;
use super::ensemble::{Node, Threshold, TreeEnsemble, answer};

/// Most features that may be asked for on one path. LightGBM's deepest trees ask for some dozens.
const MOST_ON_A_PATH: usize = 1024;

/// Most numbers that a walk may keep: 128 MiB.
const MOST_KEPT: usize = 1 << 24;

/// A share of the data that is as good as none; it keeps the inverse of a share finite.
const LEAST_SHARE: f64 = 1e-200;

/// By how much a node's cover may be above its parent's: some libraries round them.
const MOST_SHARE: f64 = 1.01;

/// Trees of which contributions cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ShapError {
    #[error("it does not say how much of the training data came to each node")]
    NoCovers,
    #[error("what it says of the training data at its nodes is contradictory")]
    Covers,
    #[error("its trees have nodes that several paths lead to")]
    Shared,
    #[error("its trees are too deep: a path may ask for {MOST_ON_A_PATH} features")]
    TooDeep,
}

/// How the contributions to the scores of an ensemble are found.
#[derive(Debug, Clone, PartialEq)]
pub struct Shap {
    trees: Vec<Tree>,
    /// By number of points less one; empty where no tree needs it.
    rules: Vec<Option<Rule>>,
    /// The score of each target when no feature is known.
    expected: Vec<f64>,
    /// Numbers that the largest walk keeps.
    kept: usize,
    levels: usize,
}

#[derive(Debug, Clone, PartialEq)]
struct Tree {
    /// All nodes but the root, each before those below it.
    steps: Vec<Step>,
    /// Points of the rule.
    points: usize,
    /// The targets from this one,
    target: usize,
    /// so many of them, have weights in the tree.
    targets: usize,
}

/// A node below the root of its tree.
#[derive(Debug, Clone, PartialEq)]
struct Step {
    /// Below the root, from 1.
    level: u32,
    /// The first step that does not lie below this one.
    end: u32,
    /// The feature that the node above asks for, or its group.
    feature: u32,
    /// The level at which the same feature was asked for on the way here; 0 if it was not.
    earlier: u32,
    /// The share of the data that all questions about the feature on the way here let through.
    share: f64,
    /// The place of the node above, and the answer that leads here.
    question: u32,
    answer: bool,
    /// The weights of a leaf.
    first: u32,
    last: u32,
}

/// Where a walk is, at a level.
#[derive(Debug, Clone, Copy, Default)]
struct Open {
    feature: u32,
    earlier: u32,
    /// What the feature's factor rises by from `t = 0` to `t = 1`.
    rise: f64,
    follows: bool,
}

/// What walks write to, kept from row to row.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    open: Vec<Open>,
    numbers: Vec<f64>,
}

impl Shap {
    /// Prepares the trees of `ensemble`.
    pub fn of<T: Threshold, W: Threshold + Into<f64>>(ensemble: &TreeEnsemble<T, W>) -> Result<Self, ShapError> {
        Self::of_groups(ensemble, |feature| feature)
    }

    /// The same, with contributions of groups of features: `group_of` gives the number of a feature's. A group counts as
    /// one feature that several questions ask for.
    pub fn of_groups<T: Threshold, W: Threshold + Into<f64>>(
        ensemble: &TreeEnsemble<T, W>,
        group_of: impl Fn(u32) -> u32,
    ) -> Result<Self, ShapError> {
        let mut shap = Shap { trees: vec![], rules: vec![], expected: vec![0.0; ensemble.targets], kept: 0, levels: 0 };
        let mut seen = HashSet::new();
        for root in &ensemble.roots {
            let tree = shap.tree(ensemble, *root, &group_of, &mut seen)?;
            if !tree.steps.is_empty() {
                if shap.rules.len() < tree.points {
                    shap.rules.resize(tree.points, None);
                }
                shap.rules[tree.points - 1].get_or_insert_with(|| Rule::of_points(tree.points));
                shap.trees.push(tree);
            }
        }
        Ok(shap)
    }

    /// The score of each target when no feature is known: the mean over the training data.
    pub fn expected(&self) -> &[f64] {
        &self.expected
    }

    /// Lays out the tree at `root`, and adds what is expected of it.
    fn tree<T: Threshold, W: Threshold + Into<f64>>(
        &mut self,
        ensemble: &TreeEnsemble<T, W>,
        root: u32,
        group_of: &impl Fn(u32) -> u32,
        seen: &mut HashSet<u32>,
    ) -> Result<Tree, ShapError> {
        let mut steps: Vec<Step> = vec![];
        // Steps on the way to where the walk is, each with the share of the data and the number of features up to it.
        let mut way: Vec<(usize, f64, usize)> = vec![];
        let mut levels_of: HashMap<u32, u32> = HashMap::new();
        let mut stack = vec![(root, None, 0)];
        let (mut most_features, mut most_levels) = (0, 0);
        let (mut lowest, mut highest) = (usize::MAX, 0);
        while let Some((place, step, level)) = stack.pop() {
            if !seen.insert(place) {
                return Err(ShapError::Shared);
            }
            while way.len() >= level.max(1) {
                let Some((index, ..)) = way.pop() else { break };
                let last = steps.len() as u32;
                let step = &mut steps[index];
                step.end = last;
                match step.earlier {
                    0 => levels_of.remove(&step.feature),
                    earlier => levels_of.insert(step.feature, earlier),
                };
            }
            let (mut reach, mut features) = way.last().map_or((1.0, 0), |(_, reach, features)| (*reach, *features));
            if let Some((feature, question, answer, share)) = step {
                let earlier = levels_of.insert(feature, level as u32).unwrap_or(0);
                let before = if earlier == 0 { 1.0 } else { steps[way[earlier as usize - 1].0].share };
                features += usize::from(earlier == 0);
                reach *= share;
                way.push((steps.len(), reach, features));
                let (level, share) = (level as u32, share * before);
                steps.push(Step { level, end: 0, feature, earlier, share, question, answer, first: 0, last: 0 });
            }
            match ensemble.nodes[place as usize] {
                Node::Leaf { first, end } => {
                    if let Some(step) = steps.last_mut() {
                        (step.first, step.last) = (first, end);
                    }
                    for &(target, weight) in &ensemble.weights[first as usize..end as usize] {
                        self.expected[target as usize] += reach * weight.into();
                        (lowest, highest) = (lowest.min(target as usize), highest.max(target as usize));
                    }
                }
                Node::Split { feature, if_true, if_false, .. } => {
                    let shares = shares(&ensemble.covers, place, [if_true, if_false])?;
                    let feature = group_of(feature);
                    stack.push((if_false, Some((feature, place, false, shares[1])), level + 1));
                    stack.push((if_true, Some((feature, place, true, shares[0])), level + 1));
                }
            }
            (most_features, most_levels) = (most_features.max(features), most_levels.max(way.len()));
        }
        let end = steps.len() as u32;
        way.iter().for_each(|(index, ..)| steps[*index].end = end);
        let (target, targets) = if lowest > highest { (0, 0) } else { (lowest, highest - lowest + 1) };
        let points = most_features.div_ceil(2);
        let kept = (most_levels + 1).saturating_mul(points.saturating_mul(2 + targets));
        if most_features > MOST_ON_A_PATH || kept > MOST_KEPT {
            return Err(ShapError::TooDeep);
        }
        (self.kept, self.levels) = (self.kept.max(kept), self.levels.max(most_levels + 1));
        Ok(Tree { steps, points, target, targets })
    }

    /// Adds the contributions of each of `row`'s features, or of each group, to each target: to `sums`, row-major
    /// `[targets, features]`.
    ///
    /// # Panics
    ///
    /// When `ensemble` is not the one that this was made of, or `row` or `sums` are too short for it.
    pub fn add<T: Threshold, W: Threshold + Into<f64>>(
        &self,
        ensemble: &TreeEnsemble<T, W>,
        row: &[T],
        scratch: &mut Scratch,
        sums: &mut [f64],
    ) {
        scratch.open.resize(self.levels, Open::default());
        scratch.numbers.resize(self.kept, 0.0);
        for tree in &self.trees {
            if let Some(rule) = &self.rules[tree.points - 1] {
                Walk::new(tree, rule, scratch).go(ensemble, row, sums.len() / self.expected.len(), sums);
            }
        }
    }
}

/// Which shares of the data at the node `place` go on to its children.
fn shares(covers: &[f64], place: u32, children: [u32; 2]) -> Result<[f64; 2], ShapError> {
    let Some(&all) = covers.get(place as usize) else { return Err(ShapError::NoCovers) };
    if all == 0.0 {
        // Nothing came here: both ways count the same.
        return Ok([0.5; 2]);
    }
    let share = |child: u32| match covers[child as usize] / all {
        share if (0.0..=MOST_SHARE).contains(&share) => Ok(share),
        _ => Err(ShapError::Covers),
    };
    Ok([share(children[0])?, share(children[1])?])
}

/// A row's walk through a tree.
struct Walk<'w> {
    tree: &'w Tree,
    rule: &'w Rule,
    open: &'w mut [Open],
    /// For each level and point, one divided by the factor of the feature that leads there.
    inverses: &'w mut [f64],
    /// For each level and point, the product of the factors on the way.
    products: &'w mut [f64],
    /// For each level, target and point: the weights of the leaves below, times their products.
    below: &'w mut [f64],
}

impl<'w> Walk<'w> {
    fn new(tree: &'w Tree, rule: &'w Rule, scratch: &'w mut Scratch) -> Self {
        let levels = scratch.open.len().min(scratch.numbers.len() / (tree.points * (2 + tree.targets)));
        let (inverses, rest) = scratch.numbers.split_at_mut(levels * tree.points);
        let (products, below) = rest.split_at_mut(levels * tree.points);
        products[..tree.points].fill(1.0);
        Walk { tree, rule, open: &mut scratch.open, inverses, products, below }
    }

    fn go<T: Threshold, W: Threshold + Into<f64>>(
        &mut self,
        ensemble: &TreeEnsemble<T, W>,
        row: &[T],
        columns: usize,
        sums: &mut [f64],
    ) {
        let steps = &self.tree.steps;
        let mut level = 0;
        let mut index = 0;
        while let Some(step) = steps.get(index) {
            while level >= step.level as usize {
                self.close(level, columns, sums);
                level -= 1;
            }
            let earlier = step.earlier as usize;
            let follows = (earlier == 0 || self.open[earlier].follows)
                && answer(&ensemble.nodes[step.question as usize], row, &ensemble.sets) == step.answer;
            if !follows && step.share < LEAST_SHARE {
                // Neither the row nor any data come here.
                index = step.end as usize;
                continue;
            }
            level = step.level as usize;
            let rise = f64::from(u8::from(follows)) - step.share;
            self.open[level] = Open { feature: step.feature, earlier: step.earlier, rise, follows };
            self.descend(level, earlier, step.share, rise);
            self.weigh(level, &ensemble.weights[step.first as usize..step.last as usize]);
            index += 1;
        }
        while level > 0 {
            self.close(level, columns, sums);
            level -= 1;
        }
    }

    /// Makes the numbers of `level`, which a feature leads to that was asked for at the level `earlier`.
    fn descend(&mut self, level: usize, earlier: usize, share: f64, rise: f64) {
        let points = self.tree.points;
        for (point, t) in self.rule.points.iter().enumerate() {
            let factor = share + rise * t;
            let mut product = self.products[(level - 1) * points + point] * factor;
            if earlier > 0 {
                product *= self.inverses[earlier * points + point];
            }
            self.inverses[level * points + point] = 1.0 / factor;
            self.products[level * points + point] = product;
        }
    }

    /// Begins what lies below `level` with the weights that a leaf there has.
    fn weigh<W: Threshold + Into<f64>>(&mut self, level: usize, weights: &[(u32, W)]) {
        let (points, targets) = (self.tree.points, self.tree.targets);
        let below = &mut self.below[level * points * targets..][..points * targets];
        below.fill(0.0);
        for &(target, weight) in weights {
            let weight: f64 = weight.into();
            let below = &mut below[(target as usize - self.tree.target) * points..][..points];
            let products = &self.products[level * points..][..points];
            for ((below, product), part) in below.iter_mut().zip(products).zip(&self.rule.weights) {
                *below += weight * product * part;
            }
        }
    }

    /// Credits the feature that leads to `level` with what lies below, and adds that to what lies below the level above.
    fn close(&mut self, level: usize, columns: usize, sums: &mut [f64]) {
        let (points, targets) = (self.tree.points, self.tree.targets);
        let Open { feature, earlier, rise, .. } = self.open[level];
        let inverses = &self.inverses[level * points..][..points];
        let earlier = match earlier as usize {
            0 => None,
            earlier => Some((self.open[earlier].rise, &self.inverses[earlier * points..][..points])),
        };
        let (above, below) = self.below.split_at_mut(level * points * targets);
        let above = &mut above[(level - 1) * points * targets..];
        for target in 0..targets {
            let below = &below[target * points..][..points];
            let mut credit = dot(below, inverses) * rise;
            if let Some((rise, inverses)) = earlier {
                credit -= dot(below, inverses) * rise;
            }
            sums[(self.tree.target + target) * columns + feature as usize] += credit;
            let above = &mut above[target * points..][..points];
            above.iter_mut().zip(below).for_each(|(above, below)| *above += below);
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
