//! `com.microsoft.Tokenizer`: texts to their tokens, with as many columns as the longest text of a call has tokens.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::pattern::Pattern;
use super::row_operator::Built;
use super::shaped_operator::{Form, ShapedOperator, built};

/// Most tokens of a call, with those that fill up short texts: one text of a million would make a million of each.
const MOST_TOKENS: usize = 1 << 26;

/// What tells tokens.
enum Tokens {
    /// Each character is one.
    Characters,
    /// Each match is one.
    Matches(Box<Pattern>),
    /// What is between matches, of one pattern after the other.
    Between(Vec<Pattern>),
}

struct Tokenizer {
    tokens: Tokens,
    /// Whether a text's tokens are put between marks.
    mark: bool,
    pad: String,
    /// The fewest characters of a token.
    least: usize,
}

pub(super) fn build(context: &ParsingContext, node: &NodeProto) -> Built {
    let least: i64 = node.get_attr("mincharnum")?;
    node.expect_attr("mincharnum", least > 0, "a positive number")?;
    let tokens = match node.get_attr_opt_vec::<String>("separators")? {
        Some(separators) if separators == [""] => Tokens::Characters,
        Some(separators) => {
            node.expect_attr("separators", !separators.is_empty(), "at least one")?;
            Tokens::Between(separators.iter().map(|separator| Pattern::new(separator)).collect::<TractResult<_>>()?)
        }
        None => match node.get_attr::<String>("tokenexp")?.as_str() {
            "" => return node.bail("expected a tokenexp that is not empty"),
            "." => Tokens::Characters,
            expression => Tokens::Matches(Box::new(Pattern::new(expression)?)),
        },
    };
    let mark = node.get_attr::<i64>("mark")? != 0;
    built(context, node, Tokenizer { tokens, mark, pad: node.get_attr("pad_value")?, least: least as usize })
}

/// The number of bytes of the character that begins at `at`; 1 at the end.
fn length_at(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(1, char::len_utf8)
}

impl Tokenizer {
    fn of<'t>(&self, text: &'t str) -> TractResult<Vec<&'t str>> {
        match &self.tokens {
            Tokens::Characters => {
                Ok(text.char_indices().map(|(start, c)| &text[start..start + c.len_utf8()]).collect())
            }
            Tokens::Matches(pattern) => self.matches(pattern, text),
            Tokens::Between(separators) => {
                let mut pieces = vec![text];
                for separator in separators {
                    let split: Vec<Vec<&str>> =
                        pieces.iter().map(|piece| self.split(separator, piece)).collect::<TractResult<_>>()?;
                    pieces = split.concat();
                }
                Ok(pieces)
            }
        }
    }

    fn is_long_enough(&self, token: &str) -> bool {
        // So few characters need no count.
        token.len() >= self.least && (self.least == 1 || token.chars().count() >= self.least)
    }

    fn matches<'t>(&self, pattern: &Pattern, text: &'t str) -> TractResult<Vec<&'t str>> {
        let mut tokens = vec![];
        let mut from = 0;
        while let Some(found) = pattern.find(text, from)? {
            let token = &text[found.clone()];
            if self.is_long_enough(token) {
                tokens.push(token);
                from = found.end;
            } else {
                // A match that is too short is looked for again from its second character, as in ONNX Runtime.
                from = found.start + length_at(text, found.start);
            }
        }
        Ok(tokens)
    }

    fn split<'t>(&self, separator: &Pattern, text: &'t str) -> TractResult<Vec<&'t str>> {
        let mut pieces = vec![];
        let mut from = 0;
        while let Some(found) = separator.find(text, from)? {
            pieces.push(&text[from..found.start]);
            from = if found.is_empty() { found.start + length_at(text, found.start) } else { found.end };
        }
        pieces.extend(text.get(from..));
        pieces.retain(|piece| self.is_long_enough(piece));
        Ok(pieces)
    }
}

impl ShapedOperator for Tokenizer {
    const NAME: &'static str = "Tokenizer";

    fn outputs(&self, inputs: &[Form], open: &TDim) -> TractResult<TVec<Form>> {
        let mut shape = inputs[0].1.clone();
        ensure!((1..=2).contains(&shape.len()), "Tokenizer takes texts of one or two axes, not {}", shape.len());
        shape.push(open.clone());
        Ok(tvec![(String::datum_type(), shape)])
    }

    fn eval(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        let texts = inputs[0].try_as_plain_ram()?;
        let rows: Vec<Vec<&str>> =
            texts.as_slice::<String>()?.iter().map(|text| self.of(text)).collect::<TractResult<_>>()?;
        let mut most = rows.iter().map(Vec::len).max().unwrap_or(0);
        if self.mark && most > 0 {
            most += 2;
        }
        ensure!(
            rows.len().saturating_mul(most) <= MOST_TOKENS,
            "{} texts at a time, the longest of {most} tokens, are too many for the memory: use smaller mini-batches",
            rows.len()
        );
        let mut values: Vec<String> = Vec::with_capacity(rows.len() * most);
        // Where no text has a token, there are no marks either.
        for row in rows.iter().filter(|_| most > 0) {
            let end = values.len() + most;
            values.extend(self.mark.then(|| "\u{2}".to_owned()));
            values.extend(row.iter().map(|token| (*token).to_owned()));
            values.extend(self.mark.then(|| "\u{3}".to_owned()));
            values.resize(end, self.pad.clone());
        }
        let shape: Vec<usize> = inputs[0].shape().iter().copied().chain([most]).collect();
        Ok(tvec![tract_ndarray::ArrayD::from_shape_vec(shape, values)?.into_tensor()])
    }
}
