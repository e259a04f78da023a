use std::cmp::Ordering;

use super::Question;
use super::literal::{Literal, Members};
use super::truth::Truth;
use super::values::Values;

/// What is known of all values of a column in many records.
#[derive(Debug, Clone)]
pub(in crate::input) enum Bounds {
    /// Nothing.
    Unknown,
    /// All are this one value.
    Exactly(Values),
    /// What the statistics of a file tell.
    Within {
        /// Least and largest value that there may be, one of each, where they are known.
        ends: Option<(Values, Values)>,
        /// Whether values may be missing.
        missing: bool,
        /// Whether there may be values.
        present: bool,
    },
}

impl Bounds {
    /// Which answers a question may have.
    pub(super) fn possible(&self, question: &Question) -> Truth<bool> {
        let (ends, missing, present) = match self {
            Bounds::Unknown => return Truth { yes: true, no: true },
            Bounds::Exactly(value) => {
                let answer = value.rows(question, 1);
                return Truth { yes: answer.yes.value(0), no: answer.no.value(0) };
            }
            Bounds::Within { ends, missing, present } => (ends.as_ref(), *missing, *present),
        };
        let within = |literal: &Literal| -> Option<(Ordering, Ordering)> {
            let (least, largest) = ends?;
            Some((least.ordering(literal)?, largest.ordering(literal)?))
        };
        match question {
            Question::IsNull => Truth { yes: missing, no: present },
            Question::Compare(comparison, literal) => match within(literal) {
                Some((least, largest)) => {
                    let orderings = [
                        (Ordering::Less, least.is_lt()),
                        (Ordering::Equal, least.is_le() && largest.is_ge()),
                        (Ordering::Greater, largest.is_gt()),
                    ];
                    let any = |wanted: bool| {
                        orderings.iter().any(|(ordering, may)| *may && comparison.holds(*ordering) == wanted)
                    };
                    Truth { yes: present && any(true), no: present && any(false) }
                }
                None => Truth { yes: present, no: present },
            },
            Question::In(members) => {
                let may_equal =
                    |literal: Literal| within(&literal).is_none_or(|(least, largest)| least.is_le() && largest.is_ge());
                let any = match members {
                    Members::Numbers(numbers) => numbers.iter().any(|number| may_equal(Literal::Number(*number))),
                    Members::Texts(texts) => texts.iter().any(|text| may_equal(Literal::Text(text.clone()))),
                };
                Truth { yes: present && any, no: present }
            }
            Question::Like(_) => Truth { yes: present, no: present },
        }
    }
}
