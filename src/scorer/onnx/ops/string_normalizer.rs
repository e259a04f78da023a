//! `StringNormalizer`: texts in lower or upper case, without stop words.

use std::collections::HashSet;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::row_operator::Built;
use super::shaped_operator::{Form, ShapedOperator, built};

#[derive(Clone, Copy, PartialEq)]
enum Case {
    Lower,
    Upper,
}

struct StringNormalizer {
    /// What texts are brought to.
    change: Option<Case>,
    /// What texts and stop words are compared in.
    compare: Option<Case>,
    stop_words: HashSet<String>,
    /// In the locale C no other letter has a case.
    only_ascii: bool,
}

pub(super) fn build(context: &ParsingContext, node: &NodeProto) -> Built {
    let change = match node.get_attr_opt::<String>("case_change_action")?.as_deref() {
        Some("LOWER") => Some(Case::Lower),
        Some("UPPER") => Some(Case::Upper),
        Some("NONE") | None => None,
        Some(other) => return node.bail_attr("case_change_action", &format!("unknown value {other:?}")),
    };
    let is_case_sensitive = node.get_attr_opt::<i64>("is_case_sensitive")?.unwrap_or(0) != 0;
    let compare = if is_case_sensitive { None } else { Some(change.unwrap_or(Case::Lower)) };
    let only_ascii = matches!(node.get_attr_opt::<String>("locale")?.as_deref(), Some("C" | "POSIX"));
    let mut normalizer = StringNormalizer { change, compare, stop_words: HashSet::new(), only_ascii };
    let stop_words = node.get_attr_opt_vec::<String>("stopwords")?.unwrap_or_default();
    normalizer.stop_words = stop_words.into_iter().map(|word| normalizer.cased(word, compare)).collect();
    built(context, node, normalizer)
}

/// The one letter that `mapped` is; where there are several, the language has to decide, and `c` stays.
fn single(c: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

impl StringNormalizer {
    fn cased(&self, text: String, case: Option<Case>) -> String {
        match case {
            None => text,
            Some(Case::Lower) if self.only_ascii || text.is_ascii() => text.to_ascii_lowercase(),
            Some(Case::Upper) if self.only_ascii || text.is_ascii() => text.to_ascii_uppercase(),
            Some(Case::Lower) => text.chars().map(|c| single(c, c.to_lowercase())).collect(),
            Some(Case::Upper) => text.chars().map(|c| single(c, c.to_uppercase())).collect(),
        }
    }
}

impl ShapedOperator for StringNormalizer {
    const NAME: &'static str = "StringNormalizer";

    fn outputs(&self, inputs: &[Form], open: &TDim) -> TractResult<TVec<Form>> {
        let mut shape = inputs[0].1.clone();
        if !self.stop_words.is_empty() {
            ensure!(
                shape.len() == 1 || (shape.len() == 2 && shape[0].is_one()),
                "StringNormalizer with stop words takes one row of words, not a tensor of shape {shape:?}"
            );
            shape.pop();
            shape.push(open.clone());
        }
        Ok(tvec![(String::datum_type(), shape)])
    }

    fn eval(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        let texts = inputs[0].try_as_plain_ram()?;
        let texts = texts.as_slice::<String>()?;
        let is_kept = |text: &&String| {
            self.stop_words.is_empty() || !self.stop_words.contains(&self.cased((*text).clone(), self.compare))
        };
        let mut kept: Vec<String> =
            texts.iter().filter(is_kept).map(|text| self.cased(text.clone(), self.change)).collect();
        let mut shape: Vec<usize> = inputs[0].shape().to_vec();
        if !self.stop_words.is_empty() {
            if kept.is_empty() {
                // Of nothing but stop words an empty text remains.
                kept.push(String::new());
            }
            shape.pop();
            shape.push(kept.len());
        }
        Ok(tvec![tract_ndarray::ArrayD::from_shape_vec(shape, kept)?.into_tensor()])
    }
}
