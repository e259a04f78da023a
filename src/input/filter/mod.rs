//! Conditions on records, in the words of SQL: `age >= 18 AND country IN ('DE', 'AT')`.
//!
//! ```text
//! Filter::parse(text)  -> Filter          columns, what each is compared with, and the condition
//! Values::of(column)   -> Values          a column in the form in which it is compared
//! Filter::rows(values) -> Truth<bits>     for each record, whether the condition holds
//! Filter::possible(..) -> Truth<bool>     for many records at once, by what is known of them all
//! ```
//!
//! As in SQL, a condition on a missing value is neither true nor false, and only records for which the whole is true are
//! taken. NaN is a missing value, as it is everywhere in this program.

mod bounds;
mod like;
mod literal;
mod parse;
mod temporal;
#[cfg(test)]
mod tests;
mod truth;
mod values;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use arrow_buffer::BooleanBuffer;

pub(super) use bounds::Bounds;
use like::Pattern;
use literal::{Literal, Members};
pub(super) use truth::Truth;
pub(super) use values::{Origin, Values, check};

/// A condition on records, as `--where` says it.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    text: String,
    columns: Vec<FilterColumn>,
    condition: Condition,
}

/// A column that a condition looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FilterColumn {
    /// What the data calls it.
    pub name: String,
    /// What it is compared with.
    pub kind: Kind,
}

/// What a column is compared with: it says how text is read, and which types of columns can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: it is only asked whether there is a value.
    Any,
    Number,
    Text,
    Bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Test(Test),
}

/// A question about one column.
#[derive(Debug, Clone, PartialEq)]
struct Test {
    /// Position in the filter's columns.
    column: usize,
    question: Question,
}

#[derive(Debug, Clone, PartialEq)]
enum Question {
    IsNull,
    Compare(Comparison, Literal),
    In(Members),
    Like(Pattern),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// Whether it holds for a value that stands so to the literal.
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Equal => ordering.is_eq(),
            Comparison::NotEqual => ordering.is_ne(),
            Comparison::Less => ordering.is_lt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
        }
    }

    /// The same with both sides exchanged.
    fn flipped(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            same => same,
        }
    }
}

impl Filter {
    /// The columns that it looks at, each once.
    pub(super) fn columns(&self) -> &[FilterColumn] {
        &self.columns
    }

    /// For each of `len` records, whether the condition holds; `columns` are the filter's columns.
    pub(super) fn rows(&self, columns: &[Values], len: usize) -> Truth<BooleanBuffer> {
        self.condition.judge(&mut |test| columns[test.column].rows(&test.question, len))
    }

    /// Whether there may be records for which the condition holds, and for which it does not, by what is known of the
    /// values of its columns.
    pub(super) fn possible(&self, columns: &[Bounds]) -> Truth<bool> {
        self.condition.judge(&mut |test| columns[test.column].possible(&test.question))
    }

    /// The texts that a column is compared with.
    fn texts(&self, column: usize) -> Vec<&str> {
        let mut texts = Vec::new();
        self.condition.each_test(&mut |test| {
            if test.column == column {
                test.question.texts(&mut texts);
            }
        });
        texts
    }

    fn has_pattern(&self, column: usize) -> bool {
        let mut found = false;
        self.condition.each_test(&mut |test| {
            found |= test.column == column && matches!(test.question, Question::Like(_));
        });
        found
    }
}

impl Condition {
    /// Answers the whole by the answers to its tests.
    fn judge<B: truth::Bits>(&self, answer: &mut dyn FnMut(&Test) -> Truth<B>) -> Truth<B> {
        match self {
            Condition::Test(test) => answer(test),
            Condition::Not(inner) => inner.judge(answer).not(),
            Condition::And(all) | Condition::Or(all) => {
                let is_and = matches!(self, Condition::And(_));
                // The parser makes no empty lists.
                let mut whole = all[0].judge(answer);
                for part in &all[1..] {
                    let part = part.judge(answer);
                    whole = if is_and { whole.and(&part) } else { whole.or(&part) };
                }
                whole
            }
        }
    }

    fn each_test<'a>(&'a self, visit: &mut dyn FnMut(&'a Test)) {
        match self {
            Condition::Test(test) => visit(test),
            Condition::Not(inner) => inner.each_test(visit),
            Condition::And(all) | Condition::Or(all) => all.iter().for_each(|part| part.each_test(visit)),
        }
    }
}

impl Question {
    fn texts<'a>(&'a self, into: &mut Vec<&'a str>) {
        match self {
            Question::Compare(_, Literal::Text(text)) => into.push(text),
            Question::In(Members::Texts(texts)) => into.extend(texts.iter().map(String::as_str)),
            Question::In(Members::Numbers(_)) | Question::Compare(..) | Question::IsNull | Question::Like(_) => {}
        }
    }
}

impl FromStr for Filter {
    type Err = String;

    /// Reads a condition; what is not supported is named.
    fn from_str(text: &str) -> Result<Filter, String> {
        parse::parse(text)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
