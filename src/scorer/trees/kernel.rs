//! The fast ways through an ensemble, and which one to take.

use std::ops::Range;
use std::sync::OnceLock;

use super::bit_vectors::BitVectors;
use super::derived::Derived;
use super::ensemble::TreeEnsemble;
use super::flat::{Flat, FlatTree, flatten};
use super::leaf_sets::MOST_LEAVES;
use super::tile::{TILE, Tile};
use super::walk::{Looks, Walk};
use super::weight::Weight;
use crate::simd::Level;

/// Rows up to which each row walks by itself through several trees at once, where they could go together through sets of
/// leaves, or walk together.
const FEW_FOR_SETS: usize = 2;
const FEW_FOR_WALKS: usize = 4;

/// Rows that walk through a tree before those that come behind them: what walks look at of them stays in a core's second
/// cache. With fewer rows a call, deep trees come from memory more often.
pub const WALKED_ROWS: usize = 8 * TILE;

/// Most columns of answers to questions of membership: with more, a tile leaves a core's caches.
const MOST_DERIVED: usize = 1 << 14;

/// Sums of leaf weights over many rows, made for the shapes of an ensemble's trees. The sums are, bit for bit, those of
/// [`TreeEnsemble::scores`].
pub struct Kernel<W: Weight = f32> {
    way: Way<W>,
    derived: Derived,
    features: usize,
    targets: usize,
    scored: Vec<bool>,
}

/// The way that many rows go.
enum Way<W: Weight> {
    /// Trees of few leaves. A row or two walk, for which the tables are made when they first come: a model that is loaded for
    /// a job may never be given so few.
    Sets {
        bit_vectors: BitVectors<W>,
        trees: Vec<FlatTree<W>>,
        walk: OnceLock<Option<Box<Walk<W>>>>,
    },
    Walks(Walk<W>),
}

impl<W: Weight> Kernel<W> {
    /// The kernel for `ensemble`; nothing when its trees are of a kind that only the plain walk knows: with shared nodes,
    /// leaves of a tree with weights for different targets, or too many sets.
    pub fn new(ensemble: &TreeEnsemble<f32, W>) -> Option<Self> {
        let targets = ensemble.targets();
        let Flat { trees, features, derived } = flatten(ensemble)?;
        if derived.len() > MOST_DERIVED {
            return None;
        }
        let mut scored = vec![false; targets];
        trees.iter().flat_map(|tree| &tree.targets).for_each(|target| scored[*target as usize] = true);
        let small = trees.iter().map(FlatTree::leaves).max()? <= MOST_LEAVES;
        let bit_vectors = if small { BitVectors::new(&trees, targets) } else { None };
        let way = match bit_vectors {
            Some(bit_vectors) => Way::Sets { bit_vectors, trees, walk: OnceLock::new() },
            None => Way::Walks(Walk::new(&trees, targets, features + derived.len(), true)?),
        };
        Some(Kernel { way, derived, features, targets, scored })
    }

    /// The walk for so few rows that they go one by one, if that is how so many go.
    fn walk_of_few(&self, rows: usize) -> Option<&Walk<W>> {
        match &self.way {
            Way::Sets { trees, walk, .. } if rows <= FEW_FOR_SETS => {
                let all = self.features + self.derived.len();
                walk.get_or_init(|| Walk::new(trees, self.targets, all, false).map(Box::new)).as_deref()
            }
            Way::Walks(walk) if rows <= FEW_FOR_WALKS => Some(walk),
            _ => None,
        }
    }

    /// How it goes about it, for display.
    pub fn name(&self) -> &'static str {
        match self.way {
            Way::Sets { .. } => "bit vectors",
            Way::Walks(_) => "interleaved walks",
        }
    }

    /// Number of targets.
    pub fn targets(&self) -> usize {
        self.targets
    }

    /// How many features a row must have at least.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Whether leaves have weights for a target; it is the same for every row.
    pub fn is_scored(&self, target: usize) -> bool {
        self.scored[target]
    }

    /// The sums for rows that lie in `columns`: row-major `[rows, targets]` into `sums`, which is of that length.
    ///
    /// # Panics
    ///
    /// When there are fewer columns than [`Self::features`].
    pub fn sums_of_columns(&self, columns: &[&[f32]], sums: &mut [W]) {
        assert!(columns.len() >= self.features, "{} columns for trees that ask for {}", columns.len(), self.features);
        let columns = &columns[..self.features];
        self.sums(sums, |tile, rows| {
            let part: Vec<&[f32]> = columns.iter().map(|column| &column[rows.clone()]).collect();
            tile.take_columns(&part);
        });
    }

    /// The same for rows of `width` features each, row-major.
    ///
    /// # Panics
    ///
    /// When `width` is less than [`Self::features`].
    pub fn sums_of_rows(&self, rows: &[f32], width: usize, sums: &mut [W]) {
        assert!(width >= self.features, "rows of {width} features for trees that ask for {}", self.features);
        self.sums(sums, |tile, range| tile.take_rows(&rows[range.start * width..range.end * width], width));
    }

    /// The sums for the rows that `take` puts into a tile.
    fn sums(&self, sums: &mut [W], take: impl Fn(&mut Tile, Range<usize>)) {
        let level = Level::get();
        let rows = sums.len() / self.targets;
        let mut tile = Tile::new(self.features, self.derived.len());
        let fill = |tile: &mut Tile, start: usize| {
            take(tile, start..rows.min(start + TILE));
            tile.derive(&self.derived);
        };
        if let Some(walk) = self.walk_of_few(rows) {
            fill(&mut tile, 0);
            walk.sums_of_few(level, &tile, sums);
            return;
        }
        match &self.way {
            Way::Sets { bit_vectors, .. } => {
                for (start, sums) in (0..rows).step_by(TILE).zip(sums.chunks_mut(TILE * self.targets)) {
                    fill(&mut tile, start);
                    bit_vectors.sums(level, &tile, sums);
                }
            }
            Way::Walks(walk) => {
                for (start, sums) in (0..rows).step_by(WALKED_ROWS).zip(sums.chunks_mut(WALKED_ROWS * self.targets)) {
                    let end = rows.min(start + WALKED_ROWS);
                    let looks = |start| {
                        fill(&mut tile, start);
                        walk.looks(level, &tile)
                    };
                    let tiles: Vec<Looks> = (start..end).step_by(TILE).map(looks).collect();
                    walk.sums(level, &tiles, sums);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ensemble::{Aggregate, Score};
    use super::super::spec::{Comparison, LeafWeight, NodeSpec, Split, TreeSpec};
    use super::super::value_set::ValueSet;
    use super::*;

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
        mixed: bool,
        /// Thresholds are all over, so that there are many.
        spread: bool,
    }

    const SETS: u32 = 3;

    /// Numbers that meet each other often, and the odd ones.
    const VALUES: [f32; 12] =
        [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, f32::MIN_POSITIVE, 1e-45, 3e38, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];

    /// One of many.
    fn number(random: usize) -> f32 {
        random as f32 / 1024.0 - 512.0
    }

    fn spec(shape: &Shape, random: &mut impl FnMut(usize) -> usize) -> TreeSpec<f32> {
        let sets =
            (0..SETS).map(|_| ValueSet::of_values((0..random(30)).map(|_| VALUES[random(VALUES.len())]))).collect();
        let mut spec = TreeSpec { nodes: vec![], weights: vec![], targets: shape.targets, sets, covers: vec![] };
        for tree in 0..shape.trees as i64 {
            let target = random(shape.targets);
            let mut leaves = vec![0i64];
            let mut nodes = vec![NodeSpec { tree, node: 0, split: None }];
            while leaves.len() < shape.leaves {
                let at = if shape.is_chain { leaves.len() - 1 } else { random(leaves.len()) };
                let parent = leaves.swap_remove(at);
                let child = nodes.len() as i64;
                let comparisons = [
                    Comparison::LessOrEqual,
                    Comparison::Less,
                    Comparison::Greater,
                    Comparison::GreaterOrEqual,
                    Comparison::Equal,
                    Comparison::NotEqual,
                    Comparison::Member(random(SETS as usize) as u32),
                ];
                let threshold = if shape.spread { number(random(1 << 20)) } else { VALUES[random(VALUES.len())] };
                nodes[parent as usize].split = Some(Split {
                    feature: random(shape.features),
                    comparison: comparisons[if shape.mixed { random(comparisons.len()) } else { 0 }],
                    threshold,
                    if_true: child,
                    if_false: child + 1,
                    missing_is_true: random(3) == 0,
                });
                for node in [child, child + 1] {
                    nodes.push(NodeSpec { tree, node, split: None });
                    leaves.push(node);
                }
            }
            for node in leaves {
                for target in if shape.for_all { 0..shape.targets } else { target..target + 1 } {
                    let weight = random(2000) as f32 * 0.1 - 100.0;
                    spec.weights.push(LeafWeight { tree, node, target, weight });
                }
            }
            spec.nodes.extend(nodes);
        }
        spec
    }

    fn shapes() -> impl Strategy<Value = Shape> {
        let flags = any::<[bool; 4]>();
        (1usize..6, 1usize..300, 1usize..9, 1usize..4, flags).prop_map(
            |(trees, leaves, features, targets, [is_chain, for_all, mixed, spread])| Shape {
                trees,
                leaves,
                is_chain,
                features,
                targets,
                for_all,
                mixed,
                spread,
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
        #[test]
        fn kernels_give_what_the_plain_walk_gives(
            shape in shapes(),
            rows in 1usize..300,
            with_missing in any::<bool>(),
            seed in any::<u64>(),
        ) {
            let mut state = seed | 1;
            let mut random = |below: usize| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as usize % below
            };
            let spec = spec(&shape, &mut random);
            let width = shape.features + 1;
            let values = VALUES.len() - usize::from(!with_missing);
            let mut value = || match random(4) {
                0 if shape.spread => VALUES[random(values)],
                _ if shape.spread => number(random(1 << 20)),
                _ => VALUES[random(values)],
            };
            let table: Vec<f32> = (0..rows * width).map(|_| value()).collect();
            check(&TreeEnsemble::build(&spec).unwrap(), &table, width, f32::to_bits);
            let weight = |w: &LeafWeight<f32>| {
                LeafWeight { tree: w.tree, node: w.node, target: w.target, weight: f64::from(w.weight) / 3.0 }
            };
            let TreeSpec { nodes, weights, targets, sets, covers } = spec;
            let weights = weights.iter().map(weight).collect();
            let wide = TreeSpec { nodes, weights, targets, sets, covers };
            check(&TreeEnsemble::build(&wide).unwrap(), &table, width, f64::to_bits);
        }
    }

    /// Every way through the trees gives the bits of the plain walk.
    fn check<W: Weight, B: PartialEq + std::fmt::Debug>(
        ensemble: &TreeEnsemble<f32, W>,
        table: &[f32],
        width: usize,
        to_bits: impl Fn(W) -> B,
    ) {
        let (rows, targets) = (table.len() / width, ensemble.targets());
        let mut expected = vec![Score::default(); rows * targets];
        ensemble.scores(table, width, Aggregate::Sum, &mut expected);
        let expected: Vec<B> = expected.iter().map(|score| to_bits(score.value)).collect();

        let kernel = Kernel::new(ensemble).unwrap();
        let bits = |sums: &[W]| sums.iter().map(|sum| to_bits(*sum)).collect::<Vec<_>>();
        let mut sums = vec![W::default(); rows * targets];
        kernel.sums_of_rows(table, width, &mut sums);
        assert_eq!(bits(&sums), expected);
        let columns: Vec<Vec<f32>> =
            (0..width).map(|f| table.iter().skip(f).step_by(width).copied().collect()).collect();
        let columns: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
        kernel.sums_of_columns(&columns, &mut sums);
        assert_eq!(bits(&sums), expected);
        // Each way by itself, whatever would be chosen.
        let Flat { trees, features, derived } = flatten(ensemble).unwrap();
        let mut tile = Tile::new(features, derived.len());
        let rows = rows.min(TILE);
        tile.take_rows(&table[..rows * width], width);
        tile.derive(&derived);
        let (sums, expected) = (&mut sums[..rows * targets], &expected[..rows * targets]);
        for (level, many) in [(Level::Portable, true), (Level::Avx2, true), (Level::Avx512, true), (Level::Avx2, false)]
        {
            let walk = Walk::new(&trees, targets, features + derived.len(), many).unwrap();
            walk.sums(level, &[walk.looks(level, &tile)], sums);
            assert_eq!(bits(sums), expected, "{}, {many}", level.name());
        }
        let walk = Walk::new(&trees, targets, features + derived.len(), false).unwrap();
        walk.sums_of_few(Level::Portable, &tile, sums);
        assert_eq!(bits(sums), expected);
        if trees.iter().all(|tree| tree.leaves() <= MOST_LEAVES) {
            let bit_vectors = BitVectors::new(&trees, targets).unwrap();
            for level in [Level::Portable, Level::Avx2, Level::Avx512] {
                bit_vectors.sums(level, &tile, sums);
                assert_eq!(bits(sums), expected, "{}", level.name());
            }
        }
    }

    #[test]
    fn a_tree_of_many_nodes() {
        let mut state = 1u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let shape = Shape {
            trees: 1,
            leaves: 100_000,
            is_chain: false,
            features: 5,
            targets: 1,
            for_all: true,
            mixed: false,
            spread: false,
        };
        let ensemble = TreeEnsemble::build(&spec(&shape, &mut random)).unwrap();
        let table: Vec<f32> = (0..200 * 5).map(|_| VALUES[random(VALUES.len())]).collect();
        let mut expected = vec![Score::default(); 200];
        ensemble.scores(&table, 5, Aggregate::Sum, &mut expected);
        let mut sums = vec![0.0; 200];
        Kernel::new(&ensemble).unwrap().sums_of_rows(&table, 5, &mut sums);
        assert!(sums.iter().zip(&expected).all(|(sum, score)| sum.to_bits() == score.value.to_bits()));
    }

    #[test]
    fn what_only_the_plain_walk_knows() {
        let of = |if_false, second_target| {
            let comparison = Comparison::Less;
            let split = Split { feature: 0, comparison, threshold: 1.0, if_true: 1, if_false, missing_is_true: false };
            let node = |node, split| NodeSpec { tree: 0, node, split };
            let weight = |node, target| LeafWeight { tree: 0, node, target, weight: 1.0 };
            let nodes = vec![node(0, Some(split)), node(1, None), node(2, None)];
            let spec = TreeSpec {
                nodes,
                weights: vec![weight(1, 0), weight(2, second_target)],
                targets: 2,
                sets: vec![],
                covers: vec![],
            };
            Kernel::new(&TreeEnsemble::build(&spec).unwrap())
        };
        let kernel = of(2, 0).unwrap();
        assert!(kernel.is_scored(0) && !kernel.is_scored(1));
        assert!(of(2, 1).is_none());
        assert!(of(1, 0).is_none(), "both ways lead to the same leaf");
    }
}
