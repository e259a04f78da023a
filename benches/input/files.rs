//! The text files that are read.

use std::io::Write;
use std::path::PathBuf;

use crate::data::{self, Normal};
use crate::{Bench, Result};

/// Columns of the files of numbers.
pub(crate) const COLUMNS: usize = 28;
/// Columns of text in the files that have some.
pub(crate) const TEXTS: usize = 5;
/// Bytes of each file, about.
const BYTES: u64 = 200_000_000;

const WORDS: [&str; 12] =
    ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "and", "runs", "everywhere"];

/// Numbers as float32 is written: up to nine digits.
pub(crate) fn csv_singles(bench: &Bench) -> Result<PathBuf> {
    data::csv(&bench.data, BYTES, COLUMNS)
}

/// Numbers as float64 is written: seventeen digits.
pub(crate) fn csv_doubles(bench: &Bench) -> Result<PathBuf> {
    let header = data::names(COLUMNS).collect::<Vec<_>>().join(",") + "\n";
    let mut buffer = zmij::Buffer::new();
    data::lines(&bench.data, "doubles.csv", BYTES, &header, |numbers, text| {
        for number in numbers.by_ref().take(COLUMNS) {
            text.extend_from_slice(buffer.format(double(number)).as_bytes());
            text.push(b',');
        }
        text.pop();
    })
}

/// A whole number and short texts; in every second file in quotes, with a comma and a quote now and then.
pub(crate) fn csv_texts(bench: &Bench, quoted: bool) -> Result<PathBuf> {
    let header = names_of_texts().join(",") + "\n";
    let mut row = 0;
    let name = if quoted { "quoted.csv" } else { "texts.csv" };
    data::lines(&bench.data, name, BYTES / 2, &header, |numbers, text| {
        row += 1;
        text.extend_from_slice(row.to_string().as_bytes());
        for _ in 0..TEXTS {
            text.push(b',');
            if quoted {
                let (words, with_quote) = words(numbers);
                text.push(b'"');
                text.extend_from_slice(words.as_bytes());
                text.extend_from_slice(if with_quote { b", \"\"so\"\"\"" } else { b"\"" });
            } else {
                text.extend_from_slice(words(numbers).0.as_bytes());
            }
        }
    })
}

/// Objects of numbers as float32 is written.
pub(crate) fn json_numbers(bench: &Bench) -> Result<PathBuf> {
    let names: Vec<String> = data::names(COLUMNS).collect();
    let mut buffer = zmij::Buffer::new();
    data::lines(&bench.data, "numbers.jsonl", BYTES, "", |numbers, text| {
        for (index, (name, number)) in names.iter().zip(numbers).enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let _ = write!(text, "{before}\"{name}\":{}", buffer.format(number));
        }
        text.push(b'}');
    })
}

/// Objects of a number, short texts and another number.
pub(crate) fn json_texts(bench: &Bench) -> Result<PathBuf> {
    let mut row = 0;
    data::lines(&bench.data, "texts.jsonl", BYTES / 2, "", |numbers, text| {
        row += 1;
        let _ = write!(text, "{{\"id\": {row}");
        for name in &names_of_texts()[1..] {
            let (words, with_quote) = words(numbers);
            let _ = write!(text, ", \"{name}\": \"{words}{}\"", if with_quote { ", \\\"so\\\"" } else { "" });
        }
        let number = numbers.next().unwrap_or_default();
        let _ = write!(text, ", \"x\": {}}}", double(number));
    })
}

/// The names of the columns of the files with text.
pub(crate) fn names_of_texts() -> Vec<String> {
    std::iter::once("id".to_owned()).chain((0..TEXTS).map(|column| format!("text{column}"))).collect()
}

/// A number with all digits of a float64.
fn double(number: f32) -> f64 {
    f64::from(number) * std::f64::consts::FRAC_1_PI
}

/// One to eight words, and whether to put a quote behind them: in one text of ten.
fn words(numbers: &mut Normal) -> (String, bool) {
    let mut bits = numbers.next().unwrap_or_default().to_bits() >> 2;
    let mut next = |below: u32| {
        let value = bits % below;
        bits = (bits / below).wrapping_mul(0x9e37_79b1) >> 3;
        value as usize
    };
    let words: Vec<&str> = (0..1 + next(8)).map(|_| WORDS[next(12)]).collect();
    (words.join(" "), next(10) == 0)
}
