//! `ai.onnx.ml.CategoryMapper`: texts to the numbers that go with them, or numbers to texts.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::label_encoder::LabelEncoder;
use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, built};

struct CategoryMapper {
    of_texts: LabelEncoder,
    of_numbers: LabelEncoder,
}

pub(super) fn build(_: &ParsingContext, node: &NodeProto) -> Built {
    let texts: Vec<String> = node.get_attr_vec("cats_strings")?;
    let numbers: Vec<i64> = node.get_attr_vec("cats_int64s")?;
    node.expect(texts.len() == numbers.len(), "as many cats_strings as cats_int64s")?;
    let default_text = node.get_attr_opt::<String>("default_string")?.unwrap_or_else(|| "_Unused".to_owned());
    let default_number = node.get_attr_opt::<i64>("default_int64")?.unwrap_or(-1);
    let (texts, numbers) = (tensor1(&texts), tensor1(&numbers));
    let of_texts = LabelEncoder::new(texts.clone(), numbers.clone(), tensor1(&[default_number]))?;
    let of_numbers = LabelEncoder::new(numbers, texts, tensor1(&[default_text]))?;
    built(node, CategoryMapper { of_texts, of_numbers })
}

impl CategoryMapper {
    fn of(&self, input: DatumType) -> &LabelEncoder {
        if input == String::datum_type() { &self.of_texts } else { &self.of_numbers }
    }
}

impl RowOperator for CategoryMapper {
    const NAME: &'static str = "CategoryMapper";
    const ANY_RANK: bool = true;

    fn outputs(&self, input: DatumType) -> TVec<OutputForm> {
        let element = if input == String::datum_type() { i64::datum_type() } else { String::datum_type() };
        tvec![(element, OutputShape::AsInput)]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        self.of(input.datum_type()).eval(input)
    }
}
