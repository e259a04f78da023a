//! `ai.onnx.ml.OneHotEncoder`: each value as a row of zeros with a one at its category; the last axis is new.

use std::cell::Cell;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::places::Places;
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

pub(in super::super) struct OneHotEncoder {
    categories: Places,
    /// Number of categories.
    width: usize,
    /// An unknown value gives zeros; else it is an error.
    zeros: bool,
}

pub(super) fn build(_: &ParsingContext, node: &NodeProto) -> Built {
    built(node, OneHotEncoder::of(node)?)
}

impl OneHotEncoder {
    pub(in super::super) fn of(node: &NodeProto) -> TractResult<Self> {
        let strings = node.get_attr_opt_vec::<String>("cats_strings")?.unwrap_or_default();
        let ints = node.get_attr_opt_vec::<i64>("cats_int64s")?.unwrap_or_default();
        let categories = match (strings.is_empty(), ints.is_empty()) {
            (false, true) => tensor1(&strings),
            (true, false) => tensor1(&ints),
            _ => return node.bail("expected one of cats_strings and cats_int64s"),
        };
        let zeros = node.get_attr_opt::<i64>("zeros")?.unwrap_or(1) != 0;
        Ok(OneHotEncoder { width: categories.len(), categories: Places::of(&categories)?, zeros })
    }

    /// Number of categories.
    pub(in super::super) fn width(&self) -> usize {
        self.width
    }

    /// Whether it takes texts; else integers.
    pub(in super::super) fn takes_texts(&self) -> bool {
        matches!(self.categories, Places::Texts(_))
    }

    /// The place of the one for a text.
    pub(in super::super) fn of_text(&self, text: &str) -> TractResult<Option<u32>> {
        self.known(self.categories.of_text(text), text)
    }

    /// The place of the one for an integer.
    pub(in super::super) fn of_int(&self, number: i64) -> TractResult<Option<u32>> {
        self.known(self.categories.of_int(number), number)
    }

    /// `place`, unless there is none and the model refuses that.
    fn known(&self, place: Option<u32>, value: impl std::fmt::Debug) -> TractResult<Option<u32>> {
        ensure!(place.is_some() || self.zeros || ANYTHING_GOES.get(), "the model knows no category {value:?}");
        Ok(place)
    }
}

impl RowOperator for OneHotEncoder {
    const NAME: &'static str = "OneHotEncoder";
    const ANY_RANK: bool = true;

    fn outputs(&self, _: DatumType) -> TVec<OutputForm> {
        tvec![(f32::datum_type(), OutputShape::AsInputWith(self.width))]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        let mut shape: TVec<usize> = input.shape().into();
        shape.push(self.width);
        let mut output = Tensor::zero::<f32>(&shape)?;
        let mut view = output.try_as_plain_ram_mut()?;
        let rows = view.as_slice_mut::<f32>()?.chunks_exact_mut(self.width);
        if self.takes_texts() {
            for (text, row) in input.try_as_plain_ram()?.as_slice::<String>()?.iter().zip(rows) {
                if let Some(place) = self.of_text(text)? {
                    row[place as usize] = 1.0;
                }
            }
        } else {
            let input = input.cast_to::<i64>()?;
            for (number, row) in input.try_as_plain_ram()?.as_slice::<i64>()?.iter().zip(rows) {
                if let Some(place) = self.of_int(*number)? {
                    row[place as usize] = 1.0;
                }
            }
        }
        Ok(tvec![output.into_tvalue()])
    }
}
