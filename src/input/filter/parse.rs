//! Reads conditions. The only home of the SQL parser.

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::like::Pattern;
use super::literal::{self, Literal, Members};
use super::{Comparison, Condition, Filter, FilterColumn, Kind, Question, Test};

const SUPPORTED: &str = "supported are = <> < <= > >=, IS [NOT] NULL, [NOT] IN (...), [NOT] BETWEEN, [NOT] LIKE, AND, OR, \
                         NOT and parentheses, each comparing a column with numbers, 'texts', TRUE or FALSE";

/// Reads a condition.
pub(super) fn parse(text: &str) -> Result<Filter, String> {
    let unreadable = |error: sqlparser::parser::ParserError| {
        let cause = error.to_string();
        format!("{}; {SUPPORTED}", cause.trim_start_matches("sql parser error: "))
    };
    let mut parser = Parser::new(&GenericDialect {}).try_with_sql(text).map_err(unreadable)?;
    let expression = parser.parse_expr().map_err(unreadable)?;
    let rest = parser.peek_token().token;
    if rest != Token::EOF {
        return Err(format!("`{rest}` is not expected behind `{expression}`; {SUPPORTED}"));
    }
    let mut reader = Reader { columns: Vec::new() };
    let condition = reader.condition(expression)?;
    Ok(Filter { text: text.trim().to_owned(), columns: reader.columns, condition })
}

struct Reader {
    columns: Vec<FilterColumn>,
}

impl Reader {
    fn condition(&mut self, expression: Expr) -> Result<Condition, String> {
        match expression {
            Expr::Nested(inner) => self.condition(*inner),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => Ok(not(self.condition(*expr)?)),
            Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), left, right } => {
                let (mut parts, mut first) = (vec![*right], *left);
                // Long chains lean to the left; they are walked along, not down into.
                loop {
                    match first {
                        Expr::BinaryOp { op: inner, left, right } if inner == op => {
                            parts.push(*right);
                            first = *left;
                        }
                        other => {
                            parts.push(other);
                            break;
                        }
                    }
                }
                let parts = parts.into_iter().rev().map(|part| self.condition(part)).collect::<Result<_, _>>()?;
                Ok(if op == BinaryOperator::And { Condition::And(parts) } else { Condition::Or(parts) })
            }
            Expr::BinaryOp { op, left, right } => {
                let shown = format!("{left} {op} {right}");
                let comparison = comparison(&op).ok_or_else(|| unsupported(&shown))?;
                let (column, comparison, literal) = if is_column(&right) && !is_column(&left) {
                    (*right, comparison.flipped(), *left)
                } else {
                    (*left, comparison, *right)
                };
                self.compare(&column, comparison, &literal, &shown)
            }
            Expr::IsNull(column) => self.test(&column, Kind::Any, Question::IsNull),
            Expr::IsNotNull(column) => Ok(not(self.test(&column, Kind::Any, Question::IsNull)?)),
            Expr::InList { expr, list, negated } => {
                let found = self.in_list(&expr, &list)?;
                Ok(if negated { not(found) } else { found })
            }
            Expr::Between { expr, negated, low, high } => {
                let shown = format!("{expr} BETWEEN {low} AND {high}");
                let within = Condition::And(vec![
                    self.compare(&expr, Comparison::GreaterOrEqual, &low, &shown)?,
                    self.compare(&expr, Comparison::LessOrEqual, &high, &shown)?,
                ]);
                Ok(if negated { not(within) } else { within })
            }
            Expr::Like { expr, negated, any: false, pattern, escape_char } => {
                let escape = match escape_char.as_deref().map(literal).transpose()? {
                    None => None,
                    Some(Literal::Text(text)) if text.chars().count() == 1 => text.chars().next(),
                    Some(_) => return Err("the escape of LIKE is one character in quotes".to_owned()),
                };
                let Literal::Text(pattern) = literal(&pattern)? else {
                    return Err(format!("the pattern of `{expr} LIKE {pattern}` is not a text in quotes"));
                };
                let like = self.test(&expr, Kind::Text, Question::Like(Pattern::parse(&pattern, escape)?))?;
                Ok(if negated { not(like) } else { like })
            }
            Expr::Identifier(name) => Err(format!(
                "`{name}` alone is no condition: write `{name} = TRUE` if it holds truth values; {SUPPORTED}"
            )),
            other => Err(unsupported(&other.to_string())),
        }
    }

    fn compare(
        &mut self,
        column: &Expr,
        comparison: Comparison,
        with: &Expr,
        shown: &str,
    ) -> Result<Condition, String> {
        if is_column(with) {
            return Err(format!(
                "`{shown}` compares two columns, and a column can only be compared with a number, a 'text', TRUE or FALSE"
            ));
        }
        let literal = literal(with)?;
        let kind = match &literal {
            Literal::Number(_) => Kind::Number,
            Literal::Text(_) => Kind::Text,
            Literal::Bool(_) => Kind::Bool,
        };
        self.test(column, kind, Question::Compare(comparison, literal))
    }

    fn in_list(&mut self, column: &Expr, list: &[Expr]) -> Result<Condition, String> {
        let members = list.iter().map(literal).collect::<Result<Vec<_>, _>>()?;
        let numbers: Option<Vec<_>> = members
            .iter()
            .map(|member| if let Literal::Number(number) = member { Some(*number) } else { None })
            .collect();
        if let Some(mut numbers) = numbers.filter(|numbers| !numbers.is_empty()) {
            numbers.sort_by(|a, b| a.compare(*b));
            return self.test(column, Kind::Number, Question::In(Members::Numbers(numbers)));
        }
        let texts: Option<_> = members
            .into_iter()
            .map(|member| if let Literal::Text(text) = member { Some(text) } else { None })
            .collect();
        match texts {
            Some(texts) if !list.is_empty() => self.test(column, Kind::Text, Question::In(Members::Texts(texts))),
            _ => Err(format!("the list behind `{column} IN` is neither of numbers nor of 'texts'")),
        }
    }

    /// A question about a column, which is compared with something of this kind.
    fn test(&mut self, column: &Expr, kind: Kind, question: Question) -> Result<Condition, String> {
        let name = match column {
            Expr::Nested(inner) => return self.test(inner, kind, question),
            Expr::Identifier(name) => &name.value,
            Expr::CompoundIdentifier(parts) => {
                let whole = parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
                return Err(format!("`{column}` is not the name of a column: write \"{whole}\" if it has a dot in it"));
            }
            Expr::Value(_) => {
                return Err(format!(
                    "`{column}` is a value where a column is expected: write names with other than letters, \
                                    digits and _ in double quotes"
                ));
            }
            other => return Err(unsupported(&other.to_string())),
        };
        let position = self.columns.iter().position(|known| known.name == *name).unwrap_or_else(|| {
            self.columns.push(FilterColumn { name: name.clone(), kind: Kind::Any });
            self.columns.len() - 1
        });
        let known = &mut self.columns[position].kind;
        if *known == Kind::Any {
            *known = kind;
        } else if kind != Kind::Any && kind != *known {
            return Err(format!("column {name:?} is compared with {} and with {}", plural(*known), plural(kind)));
        }
        Ok(Condition::Test(Test { column: position, question }))
    }
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::Any => "anything",
        Kind::Number => "numbers",
        Kind::Text => "texts",
        Kind::Bool => "truth values",
    }
}

fn unsupported(what: &str) -> String {
    format!("`{what}` is not supported; {SUPPORTED}")
}

fn comparison(operator: &BinaryOperator) -> Option<Comparison> {
    Some(match operator {
        BinaryOperator::Eq => Comparison::Equal,
        BinaryOperator::NotEq => Comparison::NotEqual,
        BinaryOperator::Lt => Comparison::Less,
        BinaryOperator::LtEq => Comparison::LessOrEqual,
        BinaryOperator::Gt => Comparison::Greater,
        BinaryOperator::GtEq => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn is_column(expression: &Expr) -> bool {
    match expression {
        Expr::Nested(inner) => is_column(inner),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => true,
        _ => false,
    }
}

fn literal(expression: &Expr) -> Result<Literal, String> {
    let negative = |inner: &Expr| match inner {
        Expr::Value(value) if matches!(value.value, Value::Number(..)) => Some(format!("-{}", value.value)),
        _ => None,
    };
    match expression {
        Expr::Nested(inner) => literal(inner),
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => literal(expr),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match negative(expr) {
            Some(text) => numeral(&text),
            None => Err(unsupported(&expression.to_string())),
        },
        // DATE '2026-01-31': the type is the column's.
        Expr::TypedString(typed) => literal(&Expr::Value(typed.value.clone())),
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => numeral(text),
            Value::SingleQuotedString(text) => Ok(Literal::Text(text.clone())),
            Value::Boolean(value) => Ok(Literal::Bool(*value)),
            Value::Null => Err("nothing is equal to NULL: write IS NULL or IS NOT NULL".to_owned()),
            other => Err(unsupported(&other.to_string())),
        },
        other => Err(unsupported(&other.to_string())),
    }
}

fn numeral(text: &str) -> Result<Literal, String> {
    match literal::numeral(text) {
        Some(number) => Ok(Literal::Number(number)),
        None => Err(format!("{text:?} is not a number that can be compared with")),
    }
}
