//! From sums of leaf weights to columns of predictions.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, StringArray};
use arrow_schema::{Field, Schema, SchemaRef};

use super::real::Real;
use crate::scorer::{Dimension, ElementType, TensorSpec};

/// What is done to sums before anything else.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Adjustment<W> {
    None,
    /// Forests average.
    Divide(W),
    /// Multiplied, and with a number for each target added.
    ScaleAndBias(W, Vec<W>),
}

/// What an objective makes of adjusted sums.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Transform<W> {
    None,
    /// `1 / (1 + exp(-slope * x))`
    Logistic(W),
    Exp,
    /// `x * |x|`
    SignedSquare,
    /// `ln(1 + exp(x))`
    LnOnePlusExp,
    /// Exponentials that sum to one in each row.
    Softmax,
    /// One above zero, else zero.
    Step,
}

/// What is given out.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Output {
    /// The values.
    Values,
    /// The values, which are whole: numbers of classes.
    Label,
    /// Of two classes: a value is the probability of the second.
    TwoClasses(Classes),
    /// The values are probabilities of these classes.
    Classes(Classes),
}

/// The classes of a classifier, in the order of their probabilities.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Classes {
    Numbers(Vec<i64>),
    Texts(Vec<String>),
}

impl Classes {
    /// From 0 on.
    pub(super) fn counted(count: usize) -> Self {
        Classes::Numbers((0..count as i64).collect())
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Classes::Numbers(numbers) => numbers.len(),
            Classes::Texts(texts) => texts.len(),
        }
    }

    fn names(&self) -> Vec<String> {
        match self {
            Classes::Numbers(numbers) => numbers.iter().map(i64::to_string).collect(),
            Classes::Texts(texts) => texts.clone(),
        }
    }

    fn element(&self) -> ElementType {
        match self {
            Classes::Numbers(_) => ElementType::Int64,
            Classes::Texts(_) => ElementType::String,
        }
    }

    /// The classes of these places.
    fn labels(&self, places: impl Iterator<Item = usize>) -> ArrayRef {
        match self {
            Classes::Numbers(numbers) => Arc::new(places.map(|place| numbers[place]).collect::<Int64Array>()),
            Classes::Texts(texts) => Arc::new(places.map(|place| Some(texts[place].as_str())).collect::<StringArray>()),
        }
    }
}

/// All steps from sums to columns.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finish<W> {
    pub adjustment: Adjustment<W>,
    pub transform: Transform<W>,
    pub output: Output,
}

impl<W: Real> Finish<W> {
    /// The outputs for sums of so many targets: the prediction, then probabilities.
    pub(super) fn signature(&self, targets: usize) -> Vec<TensorSpec> {
        let tensor = |name: &str, element, width: usize| {
            let rows = Dimension::Symbol("N".to_owned());
            let shape = if width == 1 { vec![rows] } else { vec![rows, Dimension::Fixed(width)] };
            TensorSpec { name: name.to_owned(), element, shape }
        };
        match &self.output {
            Output::Values => vec![tensor("prediction", W::ELEMENT, targets)],
            Output::Label => vec![tensor("prediction", ElementType::Int64, 1)],
            Output::TwoClasses(classes) | Output::Classes(classes) => {
                vec![tensor("prediction", classes.element(), 1), tensor("probability", W::ELEMENT, classes.len())]
            }
        }
    }

    /// The columns for sums of so many targets, as the same model gives them as ONNX.
    pub(super) fn schema(&self, targets: usize) -> SchemaRef {
        let field = |name: String, element: ElementType| Field::new(name, element.arrow(), false);
        let fields: Vec<Field> = match &self.output {
            Output::Values if targets == 1 => vec![field("prediction".to_owned(), W::ELEMENT)],
            Output::Values => (0..targets).map(|i| field(format!("prediction_{i}"), W::ELEMENT)).collect(),
            Output::Label => vec![field("prediction".to_owned(), ElementType::Int64)],
            Output::TwoClasses(classes) | Output::Classes(classes) => {
                let names = classes.names().into_iter();
                let probabilities = names.map(|class| field(format!("probability_{class}"), W::ELEMENT));
                std::iter::once(field("prediction".to_owned(), classes.element())).chain(probabilities).collect()
            }
        };
        Arc::new(Schema::new(fields))
    }

    /// The columns for `sums` of shape `[rows, targets]`.
    pub(super) fn columns(&self, mut sums: Vec<W>, targets: usize) -> Vec<ArrayRef> {
        self.adjust(&mut sums, targets);
        self.transform(&mut sums, targets);
        let column = |target: usize| -> Vec<W> { sums.iter().skip(target).step_by(targets).copied().collect() };
        match &self.output {
            Output::Values => (0..targets).map(|target| W::array(column(target))).collect(),
            Output::Label => {
                let labels = sums.iter().map(|x| i64::from(*x > W::default()));
                vec![Arc::new(labels.collect::<Int64Array>())]
            }
            Output::TwoClasses(classes) => {
                let half = W::of(0.5);
                let labels = classes.labels(sums.iter().map(|p| usize::from(*p > half)));
                let first = sums.iter().map(|p| W::ONE - *p).collect();
                vec![labels, W::array(first), W::array(sums)]
            }
            Output::Classes(classes) => {
                let labels = classes.labels(sums.chunks_exact(targets).map(place_of_largest));
                std::iter::once(labels).chain((0..targets).map(|target| W::array(column(target)))).collect()
            }
        }
    }

    /// What tells the scores of so many targets apart; a lone one needs no name.
    pub(super) fn score_names(&self, targets: usize) -> Vec<String> {
        match &self.output {
            _ if targets == 1 => vec![String::new()],
            Output::Classes(classes) => classes.names(),
            _ => (0..targets).map(|target| target.to_string()).collect(),
        }
    }

    /// The factor that makes scores of sums, and what is added for each target, if anything is.
    pub(super) fn scaling(&self) -> (f64, Vec<f64>) {
        match &self.adjustment {
            Adjustment::None => (1.0, vec![]),
            Adjustment::Divide(by) => (1.0 / (*by).into(), vec![]),
            Adjustment::ScaleAndBias(scale, bias) => ((*scale).into(), bias.iter().map(|x| (*x).into()).collect()),
        }
    }

    fn adjust(&self, sums: &mut [W], targets: usize) {
        match &self.adjustment {
            Adjustment::None => {}
            Adjustment::Divide(by) => sums.iter_mut().for_each(|sum| *sum = *sum / *by),
            Adjustment::ScaleAndBias(scale, bias) => {
                for row in sums.chunks_exact_mut(targets) {
                    row.iter_mut().zip(bias).for_each(|(sum, bias)| *sum = *sum * *scale + *bias);
                }
            }
        }
    }

    fn transform(&self, sums: &mut [W], targets: usize) {
        let each = |sums: &mut [W], of: &dyn Fn(W) -> W| sums.iter_mut().for_each(|x| *x = of(*x));
        let zero = W::default();
        match self.transform {
            Transform::None => {}
            Transform::Logistic(slope) => each(sums, &|x| x.logistic(slope)),
            Transform::Exp => each(sums, &W::exp),
            Transform::SignedSquare => each(sums, &|x| if x < zero { zero - x * x } else { x * x }),
            Transform::LnOnePlusExp => each(sums, &|x| x.exp().ln_1p()),
            Transform::Softmax => sums.chunks_exact_mut(targets).for_each(W::softmax),
            Transform::Step => each(sums, &|x| if x > zero { W::ONE } else { zero }),
        }
    }
}

/// The first place that holds the largest value.
fn place_of_largest<W: PartialOrd + Copy>(row: &[W]) -> usize {
    (1..row.len()).fold(0, |best, place| if row[place] > row[best] { place } else { best })
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float64Type, Int64Type};

    use super::*;

    fn finish(transform: Transform<f64>, output: Output) -> Finish<f64> {
        Finish { adjustment: Adjustment::None, transform, output }
    }

    #[test]
    fn a_tie_is_of_the_first_class() {
        let classes = Classes::Texts(vec!["no".to_owned(), "yes".to_owned()]);
        let of_two = finish(Transform::Logistic(1.0), Output::TwoClasses(classes)).columns(vec![0.0, 1e-3], 1);
        assert_eq!(of_two[0].as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["no", "yes"]);
        let of_three = finish(Transform::Softmax, Output::Classes(Classes::counted(3)));
        let columns = of_three.columns(vec![1.0, 2.0, 2.0, 0.0, 0.0, 0.0], 3);
        assert_eq!(columns[0].as_primitive::<Int64Type>().values(), &[1, 0]);
        assert_eq!(columns.len(), of_three.schema(3).fields().len());
    }

    #[test]
    fn every_transform() {
        let of = |transform, x| {
            finish(transform, Output::Values).columns(vec![x], 1)[0].as_primitive::<Float64Type>().value(0)
        };
        assert_eq!(of(Transform::None, -2.5), -2.5);
        assert_eq!(of(Transform::Logistic(2.0), 0.0), 0.5);
        assert_eq!(of(Transform::Exp, 0.0), 1.0);
        assert_eq!((of(Transform::SignedSquare, -3.0), of(Transform::SignedSquare, 3.0)), (-9.0, 9.0));
        assert_eq!(of(Transform::LnOnePlusExp, 0.0), std::f64::consts::LN_2);
        assert_eq!((of(Transform::Step, 0.0), of(Transform::Step, 0.1)), (0.0, 1.0));
        let scaled = Finish {
            adjustment: Adjustment::ScaleAndBias(2.0, vec![1.0, -1.0]),
            ..finish(Transform::None, Output::Values)
        };
        assert_eq!(scaled.columns(vec![1.0, 1.0], 2)[1].as_primitive::<Float64Type>().values(), &[1.0]);
    }
}
