//! Sums of weights times features: what linear models are made of.

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::columns::{Feature, TILE};
use super::row_operator::{as_f32, rows_and_columns};
use crate::simd::{Level, vectorised};

/// `x W' + b` for rows `x`.
pub(super) struct Linear {
    /// Row-major `[targets, features]`.
    pub(super) weights: Vec<f32>,
    /// One for each target.
    pub(super) intercepts: Vec<f32>,
    pub(super) features: usize,
    /// Two targets, the first of which is the second with every sign turned: how binary logistic regression is
    /// exported.
    pub(super) mirrored: bool,
}

impl Linear {
    pub(super) fn new(node: &NodeProto, weights: Vec<f32>, intercepts: Vec<f32>) -> TractResult<Self> {
        let targets = intercepts.len();
        node.expect(
            targets > 0 && !weights.is_empty() && weights.len().is_multiple_of(targets),
            "as many coefficients as features for each target, and at least one",
        )?;
        let features = weights.len() / targets;
        let opposite = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| *a == -b);
        let mirrored = targets == 2
            && opposite(&weights[..features], &weights[features..])
            && opposite(&intercepts[..1], &intercepts[1..]);
        Ok(Linear { weights, intercepts, features, mirrored })
    }

    pub(super) fn targets(&self) -> usize {
        self.intercepts.len()
    }

    pub(super) fn check(&self, name: &str, features: usize) -> TractResult<()> {
        ensure!(features == self.features, "{name} is made for {} features, not {features}", self.features);
        Ok(())
    }

    /// Scores of rows of `features` values, row-major `[rows, targets]` into `scores`, which is of that length.
    pub(super) fn scores(&self, rows: &[f32], scores: &mut [f32]) {
        let targets = self.targets();
        if self.mirrored {
            // Negation is exact, so that this is what the general case gives, at half the work.
            let (weights, intercept) = (&self.weights[self.features..], self.intercepts[1]);
            for (row, out) in rows.chunks_exact(self.features).zip(scores.chunks_exact_mut(2)) {
                let score = dot(row, weights) + intercept;
                out[0] = -score;
                out[1] = score;
            }
        } else {
            for (row, out) in rows.chunks_exact(self.features).zip(scores.chunks_exact_mut(targets)) {
                let targets = self.weights.chunks_exact(self.features).zip(&self.intercepts);
                for (out, (weights, intercept)) in out.iter_mut().zip(targets) {
                    *out = dot(row, weights) + intercept;
                }
            }
        }
    }

    /// Whether features that are 0 may be left out: nothing comes of them, unless their weight is infinite.
    pub(super) fn takes_categories(&self) -> bool {
        self.weights.iter().all(|weight| weight.is_finite())
    }

    /// The same for at most [`TILE`] rows of `features`, with the same bits.
    pub(super) fn scores_of_features(&self, features: &[Feature], scores: &mut [f32]) {
        let targets = self.targets();
        if self.mirrored {
            let sums = &mut [0.0; TILE][..scores.len() / 2];
            dot_features(Level::get(), features, &self.weights[self.features..], sums);
            for (out, sum) in scores.chunks_exact_mut(2).zip(sums) {
                let score = *sum + self.intercepts[1];
                out[0] = -score;
                out[1] = score;
            }
        } else {
            let sums = &mut [0.0; TILE][..scores.len() / targets];
            for (target, weights) in self.weights.chunks_exact(self.features).enumerate() {
                dot_features(Level::get(), features, weights, sums);
                for (out, sum) in scores.chunks_exact_mut(targets).zip(&mut *sums) {
                    out[target] = *sum + self.intercepts[target];
                }
            }
        }
    }

    /// The scores of a whole input, shape `[N, targets]`.
    pub(super) fn eval(&self, name: &str, input: &Tensor) -> TractResult<Tensor> {
        let (rows, columns) = rows_and_columns(name, input)?;
        self.check(name, columns)?;
        let input = as_f32(input)?;
        let mut scores = Tensor::zero::<f32>(&[rows, self.targets()])?;
        self.scores(
            input.try_as_plain_ram()?.as_slice::<f32>()?,
            scores.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?,
        );
        Ok(scores)
    }
}

/// Number of partial sums of a dot product: two 128-bit registers.
const LANES: usize = 8;

/// The dot product, summed in an order that depends on nothing but the length.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a_chunks.remainder().iter().zip(b_chunks.remainder());
    for (a, b) in a_chunks.zip(b_chunks) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    for (sum, (a, b)) in sums.iter_mut().zip(rest) {
        *sum += a * b;
    }
    total(sums)
}

#[inline(always)]
fn total(sums: [f32; LANES]) -> f32 {
    let [s0, s1, s2, s3, s4, s5, s6, s7] = sums;
    ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))
}

vectorised! {
    /// The dot product of `weights` with each of at most [`TILE`] rows, into `out`: the sums of [`dot`], in its order.
    pub(super) fn dot_features(features: &[Feature], weights: &[f32], out: &mut [f32]) {
        let mut sums = [[0.0; TILE]; LANES];
        let mut index = 0;
        for feature in features {
            match feature {
                Feature::Numbers(column) => {
                    let weight = weights[index];
                    for (sum, x) in sums[index % LANES].iter_mut().zip(*column) {
                        *sum += x * weight;
                    }
                    index += 1;
                }
                Feature::Category { places, width } => {
                    let weights = &weights[index..index + width];
                    for (row, place) in places.iter().enumerate().take(TILE) {
                        if let Some(weight) = weights.get(*place as usize) {
                            sums[(index + *place as usize) % LANES][row] += weight;
                        }
                    }
                    index += width;
                }
            }
        }
        let [s0, s1, s2, s3, s4, s5, s6, s7] = sums;
        for (row, out) in out.iter_mut().enumerate().take(TILE) {
            *out = total([s0[row], s1[row], s2[row], s3[row], s4[row], s5[row], s6[row], s7[row]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dot_products_of_every_length() {
        for len in 0..40 {
            let a: Vec<f32> = (0..len).map(|i| i as f32).collect();
            let b: Vec<f32> = (0..len).map(|i| 2.0 - i as f32).collect();
            let expected: f32 = (0..len).map(|i| i as f32 * (2.0 - i as f32)).sum();
            assert_eq!(dot(&a, &b), expected);
        }
    }

    #[test]
    fn mirrored_rows_give_what_two_rows_give() {
        let weights: Vec<f32> = [0.3, -1.7, 2.5].iter().flat_map(|w| [*w]).collect();
        let both: Vec<f32> = weights.iter().map(|w| -w).chain(weights.iter().copied()).collect();
        let node = NodeProto::default();
        let fast = Linear::new(&node, both, vec![-0.25, 0.25]).unwrap();
        assert!(fast.mirrored);
        let plain = Linear { mirrored: false, ..Linear::new(&node, fast.weights.clone(), vec![-0.25, 0.25]).unwrap() };
        let rows = [0.1, 0.7, -3.3, 1e7, 0.0, 1e-7];
        let (mut a, mut b) = ([0.0; 4], [0.0; 4]);
        fast.scores(&rows, &mut a);
        plain.scores(&rows, &mut b);
        assert_eq!(a, b);
    }

    proptest! {
        #[test]
        fn columns_give_what_rows_give(
            features in 1usize..40,
            targets in 1usize..4,
            rows in 1usize..=TILE,
            mirrored in any::<bool>(),
            seed in prop::collection::vec(-100f32..100.0, 64),
        ) {
            let value = |i: usize| seed[i % 61] * seed[(i / 61) % 64];
            let targets = if mirrored { 2 } else { targets };
            let mut weights: Vec<f32> = (0..targets * features).map(value).collect();
            let mut intercepts: Vec<f32> = (0..targets).map(|i| value(i + 7)).collect();
            if mirrored {
                let (negative, positive) = weights.split_at_mut(features);
                negative.iter_mut().zip(positive).for_each(|(n, p)| *n = -*p);
                intercepts[0] = -intercepts[1];
            }
            let linear = Linear::new(&NodeProto::default(), weights, intercepts).unwrap();
            let table: Vec<f32> = (0..rows * features).map(|i| value(i + 13)).collect();
            let columns: Vec<Vec<f32>> =
                (0..features).map(|f| table.iter().skip(f).step_by(features).copied().collect()).collect();
            let columns: Vec<Feature> = columns.iter().map(|column| Feature::Numbers(column)).collect();
            let (mut by_rows, mut by_columns) = (vec![0.0; rows * targets], vec![0.0; rows * targets]);
            linear.scores(&table, &mut by_rows);
            linear.scores_of_features(&columns, &mut by_columns);
            let bits = |scores: &[f32]| scores.iter().map(|score| score.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&by_rows), bits(&by_columns));
        }
    }

    proptest! {
        #[test]
        fn categories_give_what_their_zeros_and_ones_give(
            widths in prop::collection::vec(0usize..12, 1..6),
            places in prop::collection::vec(0u32..14, TILE * 6),
            rows in 1usize..=TILE,
            targets in 1usize..4,
            seed in prop::collection::vec(-100f32..100.0, 64),
        ) {
            let value = |i: usize| seed[i % 61] * seed[(i / 61) % 64];
            // A width of 0 stands for a number; places beyond a category's width for unknown ones.
            let total: usize = widths.iter().map(|width| width.max(&1)).sum();
            let weights: Vec<f32> = (0..targets * total).map(value).collect();
            let linear = Linear::new(&NodeProto::default(), weights, (0..targets).map(value).collect()).unwrap();
            let numbers: Vec<f32> = (0..rows).map(|row| value(row + 5)).collect();
            let places: Vec<&[u32]> = places.chunks(TILE).map(|places| &places[..rows]).collect();
            let feature = |(width, places): (&usize, _)| match *width {
                0 => Feature::Numbers(&numbers),
                width => Feature::Category { places, width },
            };
            let features: Vec<Feature> = widths.iter().zip(places.iter().copied()).map(feature).collect();
            let mut table = Vec::new();
            for row in 0..rows {
                for (width, places) in widths.iter().zip(&places) {
                    match *width {
                        0 => table.push(numbers[row]),
                        width => table.extend((0..width).map(|place| f32::from(places[row] as usize == place))),
                    }
                }
            }
            let (mut by_rows, mut by_features) = (vec![0.0; rows * targets], vec![0.0; rows * targets]);
            linear.scores(&table, &mut by_rows);
            linear.scores_of_features(&features, &mut by_features);
            prop_assert_eq!(by_rows, by_features);
        }
    }
}
