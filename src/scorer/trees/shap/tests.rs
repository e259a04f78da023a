//! Contributions against Shapley values by their definition, over all sets of features.

use proptest::prelude::*;

use super::super::ensemble::Aggregate;
use super::super::spec::{Comparison, LeafWeight, NodeSpec, Split, TreeSpec};
use super::super::value_set::ValueSet;
use super::*;

const VALUES: [f32; 6] = [0.0, 1.0, -1.0, 2.5, f32::INFINITY, f32::NAN];

/// What a random ensemble is made of.
#[derive(Debug, Clone)]
struct Shape {
    trees: usize,
    leaves: usize,
    /// Splits hang on the last leaf, which gives chains.
    is_chain: bool,
    features: usize,
    targets: usize,
    /// Each leaf has weights for all targets, or for one of its tree.
    for_all: bool,
    /// Some nodes saw no data.
    with_empty: bool,
}

fn random_numbers(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed | 1;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    }
}

fn spec(shape: &Shape, random: &mut impl FnMut(usize) -> usize) -> TreeSpec<f32, f64> {
    let sets = vec![ValueSet::of_values([0.0, 2.5])];
    let mut spec = TreeSpec { nodes: vec![], weights: vec![], targets: shape.targets, sets, covers: vec![] };
    for tree in 0..shape.trees as i64 {
        let target = random(shape.targets);
        let mut nodes = vec![NodeSpec { tree, node: 0, split: None }];
        let mut covers = vec![1000.0];
        let mut leaves = vec![0i64];
        while leaves.len() < shape.leaves {
            let at = if shape.is_chain { leaves.len() - 1 } else { random(leaves.len()) };
            let parent = leaves.swap_remove(at);
            let child = nodes.len() as i64;
            nodes[parent as usize].split = Some(Split {
                feature: random(shape.features),
                comparison: [Comparison::LessOrEqual, Comparison::Less, Comparison::Member(0)][random(3)],
                threshold: VALUES[random(4)],
                if_true: child,
                if_false: child + 1,
                missing_is_true: random(2) == 0,
            });
            let all: f64 = covers[parent as usize];
            let part = if shape.with_empty { random(5) as f64 / 4.0 } else { (1 + random(9)) as f64 / 10.0 };
            covers.extend([all * part, all - all * part]);
            for node in [child, child + 1] {
                nodes.push(NodeSpec { tree, node, split: None });
                leaves.push(node);
            }
        }
        for node in leaves {
            for target in if shape.for_all { 0..shape.targets } else { target..target + 1 } {
                spec.weights.push(LeafWeight { tree, node, target, weight: random(2000) as f64 * 0.1 - 100.0 });
            }
        }
        spec.nodes.extend(nodes);
        spec.covers.extend(covers);
    }
    spec
}

/// The scores of the tree below `place` for `row`, of which only the features in the bits of `known` are known.
fn conditional(ensemble: &TreeEnsemble<f32, f64>, place: u32, row: &[f32], known: u32, share: f64, scores: &mut [f64]) {
    match ensemble.nodes[place as usize] {
        Node::Leaf { first, end } => {
            for &(target, weight) in &ensemble.weights[first as usize..end as usize] {
                scores[target as usize] += share * weight;
            }
        }
        Node::Split { feature, if_true, if_false, .. } => {
            if known >> feature & 1 == 1 {
                let follows = answer(&ensemble.nodes[place as usize], row, &ensemble.sets);
                conditional(ensemble, if follows { if_true } else { if_false }, row, known, share, scores);
            } else {
                let parts = shares(&ensemble.covers, place, [if_true, if_false]).unwrap();
                conditional(ensemble, if_true, row, known, share * parts[0], scores);
                conditional(ensemble, if_false, row, known, share * parts[1], scores);
            }
        }
    }
}

/// The scores of all trees with each set of features.
fn games(ensemble: &TreeEnsemble<f32, f64>, row: &[f32]) -> Vec<Vec<f64>> {
    let game = |known| {
        let mut scores = vec![0.0; ensemble.targets];
        ensemble.roots.iter().for_each(|root| conditional(ensemble, *root, row, known, 1.0, &mut scores));
        scores
    };
    (0..1 << row.len()).map(game).collect()
}

/// By the definition (Shapley 1953).
fn shapley(games: &[Vec<f64>], features: usize, feature: usize, target: usize) -> f64 {
    let factorial = |n: usize| (1..=n).map(|k| k as f64).product::<f64>();
    let without = (0..games.len()).filter(|known| known >> feature & 1 == 0);
    let gain = |known: usize| {
        let others = known.count_ones() as usize;
        let part = factorial(others) * factorial(features - others - 1) / factorial(features);
        part * (games[known | 1 << feature][target] - games[known][target])
    };
    without.map(gain).sum()
}

fn contributions(shap: &Shap, ensemble: &TreeEnsemble<f32, f64>, row: &[f32]) -> Vec<f64> {
    let mut sums = vec![0.0; ensemble.targets * row.len()];
    shap.add(ensemble, row, &mut Scratch::default(), &mut sums);
    sums
}

fn shapes() -> impl Strategy<Value = Shape> {
    (1usize..4, 1usize..20, 1usize..7, 1usize..4, any::<[bool; 3]>()).prop_map(
        |(trees, leaves, features, targets, [is_chain, for_all, with_empty])| Shape {
            trees,
            leaves,
            is_chain,
            features,
            targets,
            for_all,
            with_empty,
        },
    )
}

proptest! {
    #[test]
    fn contributions_are_shapley_values(shape in shapes(), seed in any::<u64>()) {
        let mut random = random_numbers(seed);
        let ensemble = TreeEnsemble::build(&spec(&shape, &mut random)).unwrap();
        let shap = Shap::of(&ensemble).unwrap();
        for _ in 0..3 {
            let row: Vec<f32> = (0..shape.features).map(|_| VALUES[random(VALUES.len())]).collect();
            let games = games(&ensemble, &row);
            let have = contributions(&shap, &ensemble, &row);
            for target in 0..shape.targets {
                let expected = shap.expected()[target];
                prop_assert!((expected - games[0][target]).abs() < 1e-10);
                let of_target = &have[target * shape.features..][..shape.features];
                let score = games[games.len() - 1][target];
                prop_assert!((of_target.iter().sum::<f64>() + expected - score).abs() < 1e-10);
                for (feature, have) in of_target.iter().enumerate() {
                    let want = shapley(&games, shape.features, feature, target);
                    prop_assert!((have - want).abs() < 1e-10, "{feature}: {have}, not {want}");
                }
            }
        }
    }

    /// Groups of two features: a group is known when both of them are.
    #[test]
    fn contributions_of_groups_are_shapley_values(shape in shapes(), seed in any::<u64>()) {
        let mut random = random_numbers(seed);
        let ensemble = TreeEnsemble::build(&spec(&shape, &mut random)).unwrap();
        let shap = Shap::of_groups(&ensemble, |feature| feature / 2).unwrap();
        let row: Vec<f32> = (0..shape.features).map(|_| VALUES[random(VALUES.len())]).collect();
        let games = games(&ensemble, &row);
        let groups = shape.features.div_ceil(2);
        let members = |known: usize| {
            (0..shape.features).filter(|feature| known >> (feature / 2) & 1 == 1).map(|feature| 1 << feature).sum::<usize>()
        };
        let games: Vec<Vec<f64>> = (0..1 << groups).map(|known| games[members(known)].clone()).collect();
        let mut have = vec![0.0; shape.targets * groups];
        shap.add(&ensemble, &row, &mut Scratch::default(), &mut have);
        for (place, have) in have.iter().enumerate() {
            let want = shapley(&games, groups, place % groups, place / groups);
            prop_assert!((have - want).abs() < 1e-10, "{place}: {have}, not {want}");
        }
    }

    /// What is expected of data that were counted at the nodes is the mean of their scores.
    #[test]
    fn counted_rows_are_the_covers(shape in shapes(), rows in 1usize..20, seed in any::<u64>()) {
        let mut random = random_numbers(seed);
        let mut ensemble = TreeEnsemble::build(&spec(&shape, &mut random)).unwrap();
        let rows: Vec<f32> = (0..rows * shape.features).map(|_| VALUES[random(VALUES.len())]).collect();
        ensemble.clear_covers();
        rows.chunks_exact(shape.features).for_each(|row| ensemble.count(row));
        let count = (rows.len() / shape.features) as f64;
        prop_assert!(ensemble.roots.iter().all(|root| ensemble.covers[*root as usize] == count));
        let mut scores = vec![Default::default(); count as usize * shape.targets];
        ensemble.scores(&rows, shape.features, Aggregate::Sum, &mut scores);
        for (target, expected) in Shap::of(&ensemble).unwrap().expected().iter().enumerate() {
            let of_target = scores.iter().skip(target).step_by(shape.targets);
            let mean = of_target.map(|score| score.value).sum::<f64>() / count;
            prop_assert!((expected - mean).abs() < 1e-9, "{expected}, not {mean}");
        }
    }

    /// Of many levels and features, where the definition takes too long: contributions sum to the score.
    #[test]
    fn contributions_of_large_trees_sum_to_the_score(leaves in 300usize..600, is_chain in any::<bool>(), seed in any::<u64>()) {
        let shape = Shape { trees: 2, leaves, is_chain, features: 200, targets: 1, for_all: true, with_empty: false };
        let mut random = random_numbers(seed);
        let ensemble = TreeEnsemble::build(&spec(&shape, &mut random)).unwrap();
        let shap = Shap::of(&ensemble).unwrap();
        let row: Vec<f32> = (0..shape.features).map(|_| VALUES[random(VALUES.len())]).collect();
        let mut scores = [Default::default()];
        ensemble.scores(&row, row.len(), Aggregate::Sum, &mut scores);
        let sum = contributions(&shap, &ensemble, &row).iter().sum::<f64>() + shap.expected()[0];
        prop_assert!((sum - scores[0].value).abs() < 1e-10, "{sum}, not {}", scores[0].value);
    }
}

#[test]
fn what_cannot_be_explained_is_refused() {
    let of = |change: &dyn Fn(&mut TreeSpec<f32, f64>)| {
        let shape =
            Shape { trees: 1, leaves: 3, is_chain: true, features: 1, targets: 1, for_all: true, with_empty: false };
        let mut spec = spec(&shape, &mut random_numbers(1));
        change(&mut spec);
        Shap::of(&TreeEnsemble::build(&spec).unwrap()).map(|_| ())
    };
    assert_eq!(of(&|_| {}), Ok(()));
    assert_eq!(of(&|spec| spec.covers.clear()), Err(ShapError::NoCovers));
    assert_eq!(of(&|spec| spec.covers[1] = -1.0), Err(ShapError::Covers));
    assert_eq!(of(&|spec| spec.covers[1] = f64::NAN), Err(ShapError::Covers));
    assert_eq!(of(&|spec| spec.covers[2] = 1e9), Err(ShapError::Covers));
    let shared = |spec: &mut TreeSpec<f32, f64>| {
        spec.covers.fill(1.0);
        spec.nodes[2].split.as_mut().unwrap().if_true = 1;
    };
    assert_eq!(of(&shared), Err(ShapError::Shared));
    let shape = Shape {
        trees: 1,
        leaves: 3000,
        is_chain: true,
        features: 1 << 20,
        targets: 1,
        for_all: true,
        with_empty: false,
    };
    let deep = TreeEnsemble::build(&spec(&shape, &mut random_numbers(1))).unwrap();
    assert_eq!(Shap::of(&deep), Err(ShapError::TooDeep));
}
