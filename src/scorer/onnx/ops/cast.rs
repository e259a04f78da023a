//! `Cast`, as tract does it but for casts to int64 and to strings.
//!
//! tract takes every cast to int64 as the making of a shape and gives its own type for dimensions, which then cannot be
//! unified with the int64 that a classifier's label is declared as. Here only dimensions stay dimensions. Numbers become
//! texts, and texts numbers, in the form in which ONNX Runtime writes and reads them.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::infer::{check_input_arity, check_output_arity};
use tract_onnx::tract_hir::internal::*;

use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, row_op};

#[derive(Debug, Clone)]
struct Cast {
    to: DatumType,
}

pub(super) fn build(_: &ParsingContext, node: &NodeProto) -> Built {
    Ok((expand(Cast { to: node.get_attr::<DatumType>("to")? }), vec![]))
}

impl Cast {
    fn output(&self, input: DatumType) -> DatumType {
        if input == TDim::datum_type() && self.to == i64::datum_type() { input } else { self.to }
    }
}

impl Expansion for Cast {
    fn name(&self) -> StaticName {
        "Cast".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].rank, &inputs[0].rank)?;
        s.equals(&outputs[0].shape, &inputs[0].shape)?;
        s.given(&inputs[0].datum_type, move |s, input| s.equals(&outputs[0].datum_type, self.output(input)))
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let from = model.outlet_fact(inputs[0])?.datum_type;
        let to = self.output(from);
        let text = String::datum_type();
        if to == text && (from.is_float() || from == bool::datum_type()) {
            model.wire_node(prefix, row_op(Written), inputs)
        } else if from == text && to != text {
            model.wire_node(prefix, row_op(Read { to }), inputs)
        } else {
            model.wire_node(prefix, tract_onnx::tract_core::ops::cast::cast(to), inputs)
        }
    }
}

/// Exponents from which on a number is written with one.
const SCIENTIFIC: i32 = 8;

/// The fewest digits that mean the number and no other, laid out as ONNX Runtime does (C's `%.8g`), which writes eight
/// digits, so that -1.07 becomes -1.0700001 there. The ONNX project's tests want the fewest.
fn written(scientific: &str, x: f64) -> String {
    if x.is_nan() {
        return "NaN".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "INF" } else { "-INF" }.to_owned();
    }
    let (number, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..SCIENTIFIC).contains(&exponent) {
        return format!("{number}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
    }
    let (sign, number) = number.strip_prefix('-').map_or(("", number), |number| ("-", number));
    let digits: String = number.chars().filter(|c| *c != '.').collect();
    match usize::try_from(exponent) {
        Ok(whole) if digits.len() <= whole + 1 => format!("{sign}{digits:0<0$}", whole + 1),
        Ok(whole) => format!("{sign}{}.{}", &digits[..=whole], &digits[whole + 1..]),
        Err(_) => format!("{sign}0.{}{digits}", "0".repeat((-1 - exponent) as usize)),
    }
}

/// Floating point numbers and truth values to texts.
struct Written;

impl RowOperator for Written {
    const NAME: &'static str = "Cast";
    const ANY_RANK: bool = true;

    fn outputs(&self, _: DatumType) -> TVec<OutputForm> {
        tvec![(String::datum_type(), OutputShape::AsInput)]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        let texts = if input.datum_type() == f64::datum_type() {
            let values = input.try_as_plain_ram()?;
            values.as_slice::<f64>()?.iter().map(|x| written(&format!("{x:e}"), *x)).collect()
        } else {
            let values = input.cast_to::<f32>()?;
            let values = values.try_as_plain_ram()?;
            values.as_slice::<f32>()?.iter().map(|x| written(&format!("{x:e}"), (*x).into())).collect()
        };
        Ok(tvec![tract_ndarray::ArrayD::from_shape_vec(input.shape(), texts)?.into_tvalue()])
    }
}

/// The number that `text` begins with, as C's `strtod` reads it, but no hexadecimal ones.
fn float(text: &str) -> Option<f64> {
    let text = text.trim_start_matches([' ', '\t', '\n', '\x0B', '\x0C', '\r']);
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    let is_next = |word: &str| unsigned.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if is_next("nan") {
        return Some(f64::NAN);
    }
    if is_next("inf") {
        return Some(sign * f64::INFINITY);
    }
    if is_next("0x") {
        return None;
    }
    let digits = |from: usize| from + unsigned[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut end = digits(0);
    if unsigned[end..].starts_with('.') {
        end = digits(end + 1);
    }
    if let Some(exponent) = unsigned[end..].strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let start = unsigned.len() - exponent.len();
        end = if digits(start) > start { digits(start) } else { end };
    }
    let value: f64 = unsigned[..end].parse().ok()?;
    value.is_finite().then_some(sign * value)
}

/// The whole number that `text` begins with, as C's `strtoll` reads it.
fn integer<T: std::str::FromStr>(text: &str) -> Option<T> {
    let text = text.trim_start_matches([' ', '\t', '\n', '\x0B', '\x0C', '\r']);
    let sign = usize::from(text.starts_with(['+', '-']));
    let end = sign + text[sign..].bytes().take_while(u8::is_ascii_digit).count();
    text[..end].parse().ok()
}

/// Texts to numbers.
struct Read {
    to: DatumType,
}

impl RowOperator for Read {
    const NAME: &'static str = "Cast";
    const ANY_RANK: bool = true;

    fn outputs(&self, _: DatumType) -> TVec<OutputForm> {
        tvec![(self.to, OutputShape::AsInput)]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        fn each<T: Datum>(texts: &[String], to: DatumType, read: impl Fn(&str) -> Option<T>) -> TractResult<Tensor> {
            let read = |text: &String| read(text).with_context(|| format!("the text {text:?} is no {to:?}"));
            let values: Vec<T> = texts.iter().map(read).collect::<TractResult<_>>()?;
            Ok(tract_ndarray::Array1::from_vec(values).into_tensor())
        }
        let view = input.try_as_plain_ram()?;
        let texts = view.as_slice::<String>()?;
        let wide = match self.to {
            to if to.is_float() => each(texts, to, float)?,
            to if to == u64::datum_type() => each(texts, to, integer::<u64>)?,
            to => each(texts, to, integer::<i64>)?,
        };
        Ok(tvec![wide.cast_to_dt(self.to)?.into_owned().into_shape(input.shape())?.into_tvalue()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_with_the_fewest_digits() {
        let narrow = |x: f32| written(&format!("{x:e}"), x.into());
        let wide = |x: f64| written(&format!("{x:e}"), x);
        for (text, expected) in [
            (narrow(-1.07), "-1.07"),
            (narrow(1e-7), "1e-07"),
            (narrow(16_777_216.0), "16777216"),
            (narrow(1.0 / 3.0), "0.33333334"),
            (wide(1.0 / 3.0), "0.3333333333333333"),
            (wide(1e20), "1e+20"),
            (wide(f64::NEG_INFINITY), "-INF"),
            (wide(f64::NAN), "NaN"),
            (wide(-0.0), "-0"),
            (wide(0.0), "0"),
            (wide(0.1), "0.1"),
            (wide(-12.75), "-12.75"),
            (wide(100.5), "100.5"),
            (wide(123_456_789.0), "1.23456789e+08"),
            (wide(1e5), "100000"),
            (wide(5e-324), "5e-324"),
            (wide(0.0001), "0.0001"),
            (wide(-0.000_025), "-2.5e-05"),
        ] {
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn numbers_are_read_like_c_does() {
        let cases =
            [(" 1.5x", 1.5), ("-2e3", -2000.0), ("1e", 1.0), ("+.5", 0.5), ("7.", 7.0), ("-inf", f64::NEG_INFINITY)];
        for (text, expected) in cases {
            assert_eq!(float(text), Some(expected), "{text}");
        }
        assert!(float("NaN").is_some_and(f64::is_nan));
        for text in ["", "abc", ".", "-", "1e400", "0x10", "é"] {
            assert_eq!(float(text), None, "{text}");
        }
        assert_eq!(integer::<i64>(" -12.9"), Some(-12));
        assert_eq!(integer::<i64>("+7 "), Some(7));
        assert_eq!(integer::<i64>("99999999999999999999"), None);
        assert_eq!(integer::<i64>("é"), None);
    }
}
