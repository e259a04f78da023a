//! `StringConcat`, `StringSplit` and `RegexFullMatch`.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::broadcast::multi_broadcast;
use tract_onnx::tract_hir::internal::*;

use super::pattern::Pattern;
use super::row_operator::{self, Built, OutputForm, OutputShape, RowOperator};
use super::shaped_operator::{self, Form, ShapedOperator};

struct StringConcat;

pub(super) fn build_concat(context: &ParsingContext, node: &NodeProto) -> Built {
    shaped_operator::built(context, node, StringConcat)
}

impl ShapedOperator for StringConcat {
    const NAME: &'static str = "StringConcat";
    const INPUTS: usize = 2;

    fn outputs(&self, inputs: &[Form], _: &TDim) -> TractResult<TVec<Form>> {
        Ok(tvec![(String::datum_type(), multi_broadcast(&[&inputs[0].1, &inputs[1].1])?)])
    }

    fn eval(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        let shape: TVec<usize> = multi_broadcast(&[inputs[0].shape(), inputs[1].shape()])?;
        let (first, second) = (inputs[0].broadcast_to_shape(&shape)?, inputs[1].broadcast_to_shape(&shape)?);
        let (first, second) = (first.try_as_plain_ram()?, second.try_as_plain_ram()?);
        let pairs = first.as_slice::<String>()?.iter().zip(second.as_slice::<String>()?);
        let joined = pairs.map(|(first, second)| format!("{first}{second}")).collect();
        Ok(tvec![tract_ndarray::ArrayD::from_shape_vec(&*shape, joined)?.into_tensor()])
    }
}

struct StringSplit {
    /// Runs of spaces, if it is empty; ONNX Runtime takes no other white space for it.
    delimiter: String,
    /// Most splits of a text.
    most: usize,
}

pub(super) fn build_split(context: &ParsingContext, node: &NodeProto) -> Built {
    let most = node.get_attr_opt::<i64>("maxsplit")?.and_then(|most| usize::try_from(most).ok());
    let delimiter = node.get_attr_opt::<String>("delimiter")?.unwrap_or_default();
    shaped_operator::built(context, node, StringSplit { delimiter, most: most.unwrap_or(usize::MAX) })
}

impl StringSplit {
    fn of<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let pieces = self.most.saturating_add(1);
        if text.is_empty() {
            vec![]
        } else if self.delimiter.is_empty() {
            let mut found = vec![];
            let mut rest = text.trim_start_matches(' ');
            while !rest.is_empty() && found.len() + 1 < pieces {
                let (piece, after) = rest.split_once(' ').unwrap_or((rest, ""));
                found.push(piece);
                rest = after.trim_start_matches(' ');
            }
            found.extend(Some(rest.trim_end_matches(' ')).filter(|rest| !rest.is_empty()));
            found
        } else {
            text.splitn(pieces, self.delimiter.as_str()).collect()
        }
    }
}

impl ShapedOperator for StringSplit {
    const NAME: &'static str = "StringSplit";

    fn outputs(&self, inputs: &[Form], open: &TDim) -> TractResult<TVec<Form>> {
        let shape = &inputs[0].1;
        let pieces = shape.iter().cloned().chain([open.clone()]).collect();
        Ok(tvec![(String::datum_type(), pieces), (i64::datum_type(), shape.clone())])
    }

    fn eval(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        let texts = inputs[0].try_as_plain_ram()?;
        let rows: Vec<Vec<&str>> = texts.as_slice::<String>()?.iter().map(|text| self.of(text)).collect();
        let most = rows.iter().map(Vec::len).max().unwrap_or(0);
        let padded = |row: &Vec<&str>| {
            let pieces: Vec<String> = (0..most).map(|i| row.get(i).copied().unwrap_or_default().to_owned()).collect();
            pieces
        };
        let counts: Vec<i64> = rows.iter().map(|row| row.len() as i64).collect();
        let shape = inputs[0].shape();
        let wide: Vec<usize> = shape.iter().copied().chain([most]).collect();
        let pieces = tract_ndarray::ArrayD::from_shape_vec(wide, rows.iter().flat_map(padded).collect())?;
        Ok(tvec![pieces.into_tensor(), tract_ndarray::ArrayD::from_shape_vec(shape, counts)?.into_tensor()])
    }
}

struct RegexFullMatch(Pattern);

pub(super) fn build_full_match(_: &ParsingContext, node: &NodeProto) -> Built {
    let pattern = node.get_attr_opt::<String>("pattern")?.unwrap_or_default();
    row_operator::built(node, RegexFullMatch(Pattern::new(&pattern)?))
}

impl RowOperator for RegexFullMatch {
    const NAME: &'static str = "RegexFullMatch";
    const ANY_RANK: bool = true;

    fn outputs(&self, _: DatumType) -> TVec<OutputForm> {
        tvec![(bool::datum_type(), OutputShape::AsInput)]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        let texts = input.try_as_plain_ram()?;
        let matches =
            texts.as_slice::<String>()?.iter().map(|text| self.0.is_whole(text)).collect::<TractResult<Vec<bool>>>()?;
        Ok(tvec![tract_ndarray::ArrayD::from_shape_vec(input.shape(), matches)?.into_tvalue()])
    }
}
