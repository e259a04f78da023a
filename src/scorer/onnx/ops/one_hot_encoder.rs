//! `ai.onnx.ml.OneHotEncoder`: each value as a row of zeros with a one at its category; the last axis is new.

use std::cell::Cell;
use std::collections::HashMap;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, built};

thread_local! {
    /// Whether unknown categories pass for the time being.
    static ANYTHING_GOES: Cell<bool> = const { Cell::new(false) };
}

/// Calls `run` with unknown categories giving zeros whatever the model says: at load time there is no data yet.
pub(in super::super) fn without_refusals<T>(run: impl FnOnce() -> T) -> T {
    /// Puts the old value back even when `run` panics.
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            ANYTHING_GOES.set(self.0);
        }
    }
    let _restore = Restore(ANYTHING_GOES.replace(true));
    run()
}

struct OneHotEncoder {
    categories: Categories,
    /// An unknown value gives zeros; else it is an error.
    zeros: bool,
}

enum Categories {
    Ints(HashMap<i64, usize>),
    Strings(HashMap<String, usize>),
}

pub(super) fn build(_: &ParsingContext, node: &NodeProto) -> Built {
    let strings = node.get_attr_opt_vec::<String>("cats_strings")?.unwrap_or_default();
    let ints = node.get_attr_opt_vec::<i64>("cats_int64s")?.unwrap_or_default();
    let categories = match (strings.is_empty(), ints.is_empty()) {
        (false, true) => Categories::Strings(strings.into_iter().zip(0..).collect()),
        (true, false) => Categories::Ints(ints.into_iter().zip(0..).collect()),
        _ => return node.bail("expected one of cats_strings and cats_int64s"),
    };
    built(node, OneHotEncoder { categories, zeros: node.get_attr_opt::<i64>("zeros")?.unwrap_or(1) != 0 })
}

impl OneHotEncoder {
    fn width(&self) -> usize {
        match &self.categories {
            Categories::Ints(categories) => categories.len(),
            Categories::Strings(categories) => categories.len(),
        }
    }
}

impl RowOperator for OneHotEncoder {
    const NAME: &'static str = "OneHotEncoder";
    const ANY_RANK: bool = true;

    fn outputs(&self, _: DatumType) -> TVec<OutputForm> {
        tvec![(f32::datum_type(), OutputShape::AsInputWith(self.width()))]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        let width = self.width();
        let mut shape: TVec<usize> = input.shape().into();
        shape.push(width);
        let mut output = Tensor::zero::<f32>(&shape)?;
        let mut view = output.try_as_plain_ram_mut()?;
        let places = view.as_slice_mut::<f32>()?.chunks_exact_mut(width);
        match &self.categories {
            Categories::Strings(categories) => {
                let values = input.try_as_plain_ram()?.as_slice::<String>()?;
                for (value, places) in values.iter().zip(places) {
                    self.set(places, categories.get(value), value)?;
                }
            }
            Categories::Ints(categories) => {
                let input = input.cast_to::<i64>()?;
                for (value, places) in input.try_as_plain_ram()?.as_slice::<i64>()?.iter().zip(places) {
                    self.set(places, categories.get(value), value)?;
                }
            }
        }
        Ok(tvec![output.into_tvalue()])
    }
}

impl OneHotEncoder {
    fn set(&self, places: &mut [f32], category: Option<&usize>, value: &dyn std::fmt::Debug) -> TractResult<()> {
        match category {
            Some(category) => places[*category] = 1.0,
            None => ensure!(self.zeros || ANYTHING_GOES.get(), "the model knows no category {value:?}"),
        }
        Ok(())
    }
}
