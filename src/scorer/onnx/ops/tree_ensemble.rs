//! What `ai.onnx.ml.TreeEnsembleClassifier`, `TreeEnsembleRegressor` and `TreeEnsemble` have in common: trees in the
//! numbers of their model, and the ways that a table or columns take through them. The trees themselves are in
//! [`crate::scorer::trees`].

use std::sync::OnceLock;

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::post_transform::{PostTransform, logistic_by_complement};
use super::row_operator::as_f32;
use super::tree_attributes::{Described, Reals};
use crate::scorer::trees::{Aggregate, Kernel, Score, Threshold, TreeEnsemble};
use crate::simd::Level;

/// Trees in the numbers that they are walked in: those of the input, unless the model's own are wider.
pub(super) struct Trees {
    narrow: Option<TreeEnsemble<f32>>,
    /// The fast way through `narrow`.
    pub(super) kernel: Option<Kernel>,
    wide: OnceLock<TreeEnsemble<f64>>,
    pub(super) base_values: Reals<'static>,
}

/// What is done with the aggregates of the leaves' weights.
pub(super) trait Finish {
    /// What comes out for `rows` rows.
    type Output;

    /// `scores` is of shape `[rows, targets]`; `base_values` are as the model gives them.
    fn finish<T: Real>(
        &self,
        scores: &[Score<T>],
        base_values: &[T],
        trees: &TreeEnsemble<T>,
    ) -> TractResult<Self::Output>;
}

/// The numbers that scores are finished in.
pub(super) trait Real:
    Threshold + Datum + std::ops::Neg<Output = Self> + std::ops::Sub<Output = Self> + std::ops::Div<Output = Self>
{
    fn of_count(count: usize) -> Self;
    fn of_f32(x: f32) -> Self;
    fn to_f32(self) -> f32;
}

impl Real for f32 {
    fn of_count(count: usize) -> Self {
        count as f32
    }
    fn of_f32(x: f32) -> Self {
        x
    }
    fn to_f32(self) -> f32 {
        self
    }
}

impl Real for f64 {
    fn of_count(count: usize) -> Self {
        count as f64
    }
    fn of_f32(x: f32) -> Self {
        x.into()
    }
    fn to_f32(self) -> f32 {
        self as f32
    }
}

impl Trees {
    pub(super) fn new(node: &NodeProto, described: &Described, base_values: Reals) -> TractResult<Self> {
        let context = || format!("node {:?}, {}", node.name, node.op_type);
        let (mut narrow, wide) = (None, OnceLock::new());
        match described {
            Described::F32(spec) => narrow = Some(TreeEnsemble::build(spec).with_context(context)?),
            Described::F64(spec) => {
                let _ = wide.set(TreeEnsemble::build(spec).with_context(context)?);
            }
        }
        let kernel = narrow.as_ref().and_then(Kernel::new);
        Ok(Trees { narrow, kernel, wide, base_values: base_values.into_owned() })
    }

    /// The kernel and its trees, for sums of float32.
    fn fast(&self) -> Option<(&Kernel, &TreeEnsemble<f32>)> {
        self.kernel.as_ref().zip(self.narrow.as_ref())
    }

    /// The operator's name with what is known of its trees.
    pub(super) fn name(&self, operator: &str) -> String {
        match self.fast() {
            Some((kernel, trees)) => format!("{operator} ({} trees, by {})", trees.trees(), kernel.name()),
            None => operator.to_owned(),
        }
    }

    /// Refuses rows that are too short for the kernel.
    pub(super) fn check(&self, name: &str, features: usize) -> TractResult<()> {
        let wanted = self.kernel.as_ref().map_or(1, Kernel::features);
        ensure!(features >= wanted, "{name} asks for feature {} of rows that have {features}", wanted - 1);
        Ok(())
    }

    /// What the kernel makes of columns.
    pub(super) fn sums_of_columns(&self, columns: &[&[f32]], sums: &mut [f32]) {
        match &self.kernel {
            Some(kernel) => kernel.sums_of_columns(columns, sums),
            None => unreachable!("columns are only scored where there is a kernel"),
        }
    }

    /// Finishes the sums that the kernel made, of shape `[rows, targets]`.
    pub(super) fn finish_sums<F: Finish>(&self, sums: &[f32], finish: &F) -> TractResult<F::Output> {
        let (kernel, trees) = self.fast().context("there is no kernel whose sums these could be")?;
        let targets = kernel.targets();
        let scored: Vec<bool> = (0..targets).map(|target| kernel.is_scored(target)).collect();
        let score = |(index, sum): (usize, &f32)| Score { value: *sum, scored: scored[index % targets] };
        let scores: Vec<Score<f32>> = sums.iter().enumerate().map(score).collect();
        finish.finish(&scores, self.narrow_base_values()?, trees)
    }

    /// The base values, for trees in float32.
    fn narrow_base_values(&self) -> TractResult<&[f32]> {
        self.base_values.f32().context("base values of float64 make trees wide")
    }

    /// Runs the rows of `input` through the trees and finishes them.
    pub(super) fn eval<F: Finish>(
        &self,
        name: &str,
        input: &Tensor,
        aggregate: Aggregate,
        finish: &F,
    ) -> TractResult<F::Output> {
        match &self.narrow {
            Some(trees) if input.datum_type() != f64::datum_type() => {
                let input = as_f32(input)?;
                let rows = input.try_as_plain_ram()?.as_slice::<f32>()?;
                if let (Some(kernel), Aggregate::Sum, &[n, width]) = (&self.kernel, aggregate, input.shape())
                    && width >= kernel.features()
                {
                    let mut sums = vec![0.0; n * kernel.targets()];
                    kernel.sums_of_rows(rows, width, &mut sums);
                    return self.finish_sums(&sums, finish);
                }
                run(name, trees, rows, input.shape(), aggregate, self.narrow_base_values()?, finish)
            }
            narrow => {
                let empty = || Err(format_err!("{name} has no trees"));
                let trees = match (self.wide.get(), narrow) {
                    (Some(trees), _) => trees,
                    (None, Some(narrow)) => self.wide.get_or_init(|| narrow.widened()),
                    (None, None) => return empty(),
                };
                let input = input.cast_to::<f64>()?;
                let rows = input.try_as_plain_ram()?.as_slice::<f64>()?;
                run(name, trees, rows, input.shape(), aggregate, &self.base_values.f64(), finish)
            }
        }
    }
}

fn run<T: Real, F: Finish>(
    name: &str,
    trees: &TreeEnsemble<T>,
    values: &[T],
    shape: &[usize],
    aggregate: Aggregate,
    base_values: &[T],
    finish: &F,
) -> TractResult<F::Output> {
    let [rows, columns] = *shape else { bail!("{name} takes a table of rows and features, not a tensor of {shape:?}") };
    ensure!(
        columns >= trees.features().max(1),
        "{name} asks for feature {} of rows that have {columns}",
        trees.features().max(1) - 1
    );
    let mut scores = vec![Score::default(); rows * trees.targets()];
    trees.scores(values, columns, aggregate, &mut scores);
    finish.finish(&scores, base_values, trees)
}

/// The post-transform, with the logistic function as ONNX Runtime has it for trees.
pub(super) fn transform(post_transform: PostTransform, values: &mut [f32], columns: usize) {
    match post_transform {
        PostTransform::Logistic => logistic_by_complement(Level::get(), values),
        other => other.apply(values, columns),
    }
}
