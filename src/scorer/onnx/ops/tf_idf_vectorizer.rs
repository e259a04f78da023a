//! `TfIdfVectorizer`: how often each n-gram of a vocabulary comes in a row of words, weighted.

use std::collections::HashMap;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::row_operator::Built;
use super::shaped_operator::{Form, ShapedOperator, built};

/// Most columns of an output: far more than any vocabulary has, and few enough for memory.
const MOST_COLUMNS: usize = 1 << 24;

/// The words of the vocabulary, numbered.
enum Words {
    Texts(HashMap<String, u32>),
    Numbers(HashMap<i64, u32>),
}

/// An n-gram of the vocabulary.
struct Entry {
    column: usize,
    weight: f32,
}

#[derive(Clone, Copy)]
enum Mode {
    /// How often.
    Count,
    /// The weight of what is there at all.
    Weight,
    Product,
}

struct TfIdfVectorizer {
    words: Words,
    /// Beginnings of n-grams: from the number of one, or 0, and that of a word to the number of what both make.
    steps: HashMap<(u32, u32), u32>,
    /// By the number of the beginning that is a whole n-gram.
    entries: HashMap<u32, Entry>,
    mode: Mode,
    shortest: usize,
    longest: usize,
    /// Most words between two of an n-gram.
    skips: usize,
    columns: usize,
}

/// Gives numbers to what is seen, in order of appearance.
fn number<T: std::hash::Hash + Eq>(numbers: &mut HashMap<T, u32>, word: T) -> u32 {
    let next = numbers.len() as u32;
    *numbers.entry(word).or_insert(next)
}

fn positive(node: &NodeProto, name: &'static str, least: i64) -> TractResult<usize> {
    let value: i64 = node.get_attr(name)?;
    node.expect_attr(name, value >= least, || format!("at least {least}"))?;
    Ok(value as usize)
}

pub(super) fn build(context: &ParsingContext, node: &NodeProto) -> Built {
    let mode = match node.get_attr::<String>("mode")?.as_str() {
        "TF" => Mode::Count,
        "IDF" => Mode::Weight,
        "TFIDF" => Mode::Product,
        other => return node.bail_attr("mode", &format!("unknown value {other:?}")),
    };
    let (shortest, longest) = (positive(node, "min_gram_length", 1)?, positive(node, "max_gram_length", 1)?);
    let skips = positive(node, "max_skip_count", 0)?;
    let starts: Vec<usize> = node.get_attr_vec("ngram_counts")?;
    node.expect_attr("ngram_counts", (shortest..=starts.len()).contains(&longest), "one of each length")?;
    let columns: Vec<usize> = node.get_attr_vec("ngram_indexes")?;
    let count = columns.iter().max().map_or(0, |column| column.saturating_add(1));
    node.expect_attr("ngram_indexes", (1..MOST_COLUMNS).contains(&count), "columns, and not too many")?;
    let weights: Option<Vec<f32>> = node.get_attr_opt_vec("weights")?;
    node.expect_attr("weights", weights.as_ref().is_none_or(|w| w.len() == columns.len()), "one of each n-gram")?;
    let (pool, words): (Vec<u32>, Words) = match node.get_attr_opt_vec::<String>("pool_strings")? {
        Some(texts) => {
            let mut numbers = HashMap::new();
            (texts.into_iter().map(|text| number(&mut numbers, text)).collect(), Words::Texts(numbers))
        }
        None => {
            let mut numbers = HashMap::new();
            let pool: Vec<i64> = node.get_attr_vec("pool_int64s")?;
            (pool.into_iter().map(|word| number(&mut numbers, word)).collect(), Words::Numbers(numbers))
        }
    };
    let mut steps = HashMap::new();
    let mut entries = HashMap::new();
    let mut grams = columns.iter().enumerate();
    for (index, start) in starts.iter().enumerate() {
        let length = index + 1;
        let end = starts.get(index + 1).copied().unwrap_or(pool.len());
        let part = pool.get(*start..end).filter(|part| part.len() % length == 0);
        let Some(part) = part else { return node.bail_attr("ngram_counts", "it does not fit the pool") };
        for gram in part.chunks_exact(length) {
            let Some((position, column)) = grams.next() else {
                return node.bail_attr("ngram_indexes", "there are fewer than n-grams in the pool");
            };
            if (shortest..=longest).contains(&length) {
                let next = |at: u32, word: &u32| {
                    let new = steps.len() as u32 + 1;
                    *steps.entry((at, *word)).or_insert(new)
                };
                let at = gram.iter().fold(0, next);
                let weight = weights.as_ref().map_or(1.0, |weights| weights[position]);
                let is_new = entries.insert(at, Entry { column: *column, weight }).is_none();
                node.expect(is_new, "each n-gram of the pool once")?;
            }
        }
    }
    built(context, node, TfIdfVectorizer { words, steps, entries, mode, shortest, longest, skips, columns: count })
}

impl TfIdfVectorizer {
    /// The numbers of the words of `tensor`; nothing for those that the vocabulary lacks.
    fn numbers(&self, tensor: &Tensor) -> TractResult<Vec<Option<u32>>> {
        let is_text = tensor.datum_type() == String::datum_type();
        Ok(match &self.words {
            Words::Texts(numbers) if is_text => {
                let texts = tensor.try_as_plain_ram()?;
                texts.as_slice::<String>()?.iter().map(|text| numbers.get(text).copied()).collect()
            }
            Words::Numbers(numbers) if !is_text => {
                let words = tensor.cast_to::<i64>()?;
                words.try_as_plain_ram()?.as_slice::<i64>()?.iter().map(|word| numbers.get(word).copied()).collect()
            }
            _ => vec![None; tensor.len()],
        })
    }

    /// Calls `with` for each n-gram of the vocabulary that begins with `words[0]` and takes every `distance`th word.
    fn each(
        &self,
        words: &[Option<u32>],
        distance: usize,
        lengths: std::ops::RangeInclusive<usize>,
        with: &mut impl FnMut(&Entry),
    ) {
        let mut at = 0;
        for (index, word) in words.iter().step_by(distance).take(*lengths.end()).enumerate() {
            let next = word.and_then(|word| self.steps.get(&(at, word)));
            let Some(next) = next else { return };
            at = *next;
            if lengths.contains(&(index + 1))
                && let Some(entry) = self.entries.get(&at)
            {
                with(entry);
            }
        }
    }

    fn row(&self, words: &[Option<u32>], row: &mut [f32]) {
        let mut count = |entry: &Entry| {
            let value = &mut row[entry.column];
            match self.mode {
                Mode::Count => *value += 1.0,
                Mode::Weight => *value = entry.weight,
                Mode::Product => *value += entry.weight,
            }
        };
        let mut shortest = self.shortest;
        if shortest == 1 {
            // Single words come once, whatever is skipped.
            (0..words.len()).for_each(|start| self.each(&words[start..], 1, 1..=1, &mut count));
            shortest = 2;
        }
        // With more between them than there are words no two are left.
        for distance in 1..=self.skips.saturating_add(1).min(words.len()) {
            for start in 0..words.len() {
                self.each(&words[start..], distance, shortest..=self.longest, &mut count);
            }
        }
    }
}

impl ShapedOperator for TfIdfVectorizer {
    const NAME: &'static str = "TfIdfVectorizer";

    fn outputs(&self, inputs: &[Form], _: &TDim) -> TractResult<TVec<Form>> {
        let mut shape = inputs[0].1.clone();
        ensure!((1..=2).contains(&shape.len()), "TfIdfVectorizer takes words of one or two axes, not {}", shape.len());
        shape.pop();
        shape.push(self.columns.to_dim());
        Ok(tvec![(f32::datum_type(), shape)])
    }

    fn eval(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        let numbers = self.numbers(&inputs[0])?;
        let shape = inputs[0].shape();
        let (rows, length) = match shape {
            [length] => (1, *length),
            [rows, length] => (*rows, *length),
            other => bail!("TfIdfVectorizer takes words of one or two axes, not a tensor of shape {other:?}"),
        };
        let mut values = vec![0f32; rows * self.columns];
        if length > 0 {
            for (words, row) in numbers.chunks_exact(length).zip(values.chunks_exact_mut(self.columns)) {
                self.row(words, row);
            }
        }
        let shape: Vec<usize> = shape[..shape.len() - 1].iter().copied().chain([self.columns]).collect();
        Ok(tvec![tract_ndarray::ArrayD::from_shape_vec(shape, values)?.into_tensor()])
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::attribute_proto::AttributeType;
    use tract_onnx::pb::tensor_proto::DataType;
    use tract_onnx::pb::{
        AttributeProto, GraphProto, ModelProto, OperatorSetIdProto, TypeProto, ValueInfoProto, type_proto,
    };

    use super::*;

    /// Reads a graph of a vectoriser of numbers with these attributes.
    fn read(lengths: [i64; 2], counts: &[i64], indexes: &[i64], pool: &[i64]) -> Result<(), String> {
        let of = |kind: AttributeType, name: &str| AttributeProto {
            name: name.to_owned(),
            r#type: kind.into(),
            ..AttributeProto::default()
        };
        let int = |name, i| AttributeProto { i, ..of(AttributeType::Int, name) };
        let ints = |name, ints: &[i64]| AttributeProto { ints: ints.to_vec(), ..of(AttributeType::Ints, name) };
        let node = NodeProto {
            input: vec!["x".to_owned()],
            output: vec!["y".to_owned()],
            op_type: "TfIdfVectorizer".to_owned(),
            attribute: vec![
                AttributeProto { s: b"TF".to_vec(), ..of(AttributeType::String, "mode") },
                int("min_gram_length", lengths[0]),
                int("max_gram_length", lengths[1]),
                int("max_skip_count", 0),
                ints("ngram_counts", counts),
                ints("ngram_indexes", indexes),
                ints("pool_int64s", pool),
            ],
            ..NodeProto::default()
        };
        let of_numbers = type_proto::Tensor { elem_type: DataType::Int64.into(), shape: None };
        let value = |name: &str| ValueInfoProto {
            name: name.to_owned(),
            r#type: Some(TypeProto {
                value: Some(type_proto::Value::TensorType(of_numbers.clone())),
                ..TypeProto::default()
            }),
            ..ValueInfoProto::default()
        };
        let graph =
            GraphProto { node: vec![node], input: vec![value("x")], output: vec![value("y")], ..GraphProto::default() };
        let opset = OperatorSetIdProto { version: 9, ..OperatorSetIdProto::default() };
        let model =
            ModelProto { ir_version: 8, opset_import: vec![opset], graph: Some(graph), ..ModelProto::default() };
        let read = super::super::super::tract().parse(&model, None);
        read.map(|_| ()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn malformed_vocabularies_are_refused() {
        assert_eq!(read([1, 2], &[0, 2], &[0, 1, 2], &[5, 6, 5, 6]), Ok(()));
        let refused = |lengths, counts: &[i64], indexes: &[i64], pool: &[i64], named: &str| {
            let error = read(lengths, counts, indexes, pool).unwrap_err();
            assert!(error.contains(named), "{lengths:?} {counts:?} {indexes:?} {pool:?}: {error}");
        };
        for lengths in [[2, 1], [1, 3]] {
            refused(lengths, &[0, 2], &[0, 1, 2], &[5, 6, 5, 6], "ngram_counts");
        }
        refused([0, 2], &[0, 2], &[0, 1, 2], &[5, 6, 5, 6], "min_gram_length");
        for counts in [[0, 3], [2, 0], [0, 9]] {
            refused([1, 2], &counts, &[0, 1, 2], &[5, 6, 7, 6], "ngram_counts");
        }
        for indexes in [&[0, 1][..], &[0, 1, 1 << 40], &[0, 1, -1]] {
            refused([1, 2], &[0, 2], indexes, &[5, 6, 5, 6], "ngram_indexes");
        }
        refused([1, 2], &[0, 2], &[0, 1, 2], &[5, 5, 5, 6], "each n-gram of the pool once");
    }
}
