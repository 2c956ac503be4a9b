//! The filter language of `q`.
//!
//! `name ~ "x" AND (state = "OPEN" OR draft = true)`: fields are dotted paths
//! into the JSON of the listed object; a path through a list matches when any
//! of its items does.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use serde_json::Value;

/// A parsed filter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Compare(String, Operator, Literal),
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Contains,
    NotContains,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    In,
    NotIn,
}

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    Number(f64),
    Boolean(bool),
    Null,
    Moment(Timestamp),
    List(Vec<Literal>),
}

impl Filter {
    /// Reads a filter; the error is a sentence about what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let tokens = tokens(text)?;
        let mut parser = Parser { tokens, next: 0 };
        let filter = parser.either()?;
        match parser.tokens.get(parser.next) {
            None => Ok(filter),
            Some(token) => Err(format!("unexpected {token:?}")),
        }
    }

    /// Whether a JSON object passes.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        match self {
            Self::And(left, right) => left.matches(object) && right.matches(object),
            Self::Or(left, right) => left.matches(object) || right.matches(object),
            Self::Compare(field, operator, literal) => compare(object, field, *operator, literal),
        }
    }

    /// Every field the filter looks at.
    pub(crate) fn fields(&self) -> Vec<&str> {
        match self {
            Self::And(left, right) | Self::Or(left, right) => {
                let mut fields = left.fields();
                fields.extend(right.fields());
                fields
            }
            Self::Compare(field, _, _) => vec![field],
        }
    }
}

/// Every value that a dotted path leads to.
pub(crate) fn lookup<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![value];
    for name in path.split('.') {
        found = found
            .into_iter()
            .flat_map(|value| match value {
                Value::Array(items) => items.iter().collect(),
                other => vec![other],
            })
            .filter_map(|value| value.get(name))
            .collect();
    }
    found
}

fn compare(object: &Value, field: &str, operator: Operator, literal: &Literal) -> bool {
    // A list is compared item by item.
    let found: Vec<&Value> = lookup(object, field)
        .into_iter()
        .flat_map(|value| match value {
            Value::Array(items) => items.iter().collect(),
            other => vec![other],
        })
        .collect();
    let any = |test: &dyn Fn(&Value) -> bool| found.iter().any(|value| test(value));
    match operator {
        Operator::Equal => match literal {
            Literal::Null => found.is_empty() || any(&Value::is_null),
            _ => any(&|value| order(field, value, literal) == Some(Ordering::Equal)),
        },
        Operator::NotEqual => !compare(object, field, Operator::Equal, literal),
        Operator::Contains => match literal {
            Literal::Text(part) => {
                let part = part.to_lowercase();
                any(&|value| {
                    value
                        .as_str()
                        .is_some_and(|text| text.to_lowercase().contains(&part))
                })
            }
            _ => false,
        },
        Operator::NotContains => !compare(object, field, Operator::Contains, literal),
        Operator::Greater => any(&|value| order(field, value, literal) == Some(Ordering::Greater)),
        Operator::GreaterOrEqual => {
            any(&|value| order(field, value, literal).is_some_and(Ordering::is_ge))
        }
        Operator::Less => any(&|value| order(field, value, literal) == Some(Ordering::Less)),
        Operator::LessOrEqual => {
            any(&|value| order(field, value, literal).is_some_and(Ordering::is_le))
        }
        Operator::In => match literal {
            Literal::List(list) => list
                .iter()
                .any(|literal| compare(object, field, Operator::Equal, literal)),
            _ => false,
        },
        Operator::NotIn => !compare(object, field, Operator::In, literal),
    }
}

/// Names that have an order of their own, the least first.
const RANKS: [&[&str]; 2] = [
    &["none", "read", "write", "admin", "owner"],
    &["trivial", "minor", "major", "critical", "blocker"],
];

/// The ranks of two texts in the order that a field has for its names.
fn ranks(field: &str, left: &str, right: &str) -> Option<(usize, usize)> {
    let names = match field.rsplit('.').next()? {
        "permission" => RANKS[0],
        "priority" => RANKS[1],
        _ => return None,
    };
    let rank = |text: &str| names.iter().position(|name| *name == text);
    Some((rank(left)?, rank(right)?))
}

fn order(field: &str, value: &Value, literal: &Literal) -> Option<Ordering> {
    match (value, literal) {
        (Value::String(text), Literal::Text(literal)) if ranks(field, text, literal).is_some() => {
            ranks(field, text, literal).map(|(left, right)| left.cmp(&right))
        }
        (Value::String(text), Literal::Text(literal)) => Some(text.as_str().cmp(literal)),
        (Value::String(text), Literal::Moment(literal)) => Some(moment(text)?.cmp(literal)),
        (Value::Number(number), Literal::Number(literal)) => number.as_f64()?.partial_cmp(literal),
        (Value::Bool(value), Literal::Boolean(literal)) => Some(value.cmp(literal)),
        _ => None,
    }
}

/// A moment as the language writes it: a date, a date and time, or with an offset.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    let civil = text
        .parse::<DateTime>()
        .ok()
        .or_else(|| text.parse::<Date>().ok().map(|date| date.at(0, 0, 0, 0)))?;
    jiff::tz::Offset::UTC.to_timestamp(civil).ok()
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Symbol(&'static str),
}

pub(crate) fn is_field_character(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-')
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    const SYMBOLS: [&str; 11] = ["!=", "!~", ">=", "<=", "=", "~", ">", "<", "(", ")", ","];
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let (string, after) = read_string(&rest[1..])?;
            tokens.push(Token::Text(string));
            rest = after;
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            tokens.push(Token::Symbol(symbol));
            rest = &rest[symbol.len()..];
        } else {
            let end = rest
                .find(|c: char| !is_field_character(c) && c != ':' && c != '+')
                .unwrap_or(rest.len());
            if end == 0 {
                return Err(format!("unexpected character {first:?}"));
            }
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

/// Reads up to the closing quote; a backslash takes the next character as it is.
fn read_string(text: &str) -> Result<(String, &str), String> {
    let mut string = String::new();
    let mut characters = text.char_indices();
    while let Some((index, c)) = characters.next() {
        match c {
            '"' => return Ok((string, &text[index + 1..])),
            '\\' => match characters.next() {
                Some((_, escaped)) => string.push(escaped),
                None => break,
            },
            other => string.push(other),
        }
    }
    Err("a quote is not closed".to_owned())
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
}

impl Parser {
    fn take(&mut self) -> Result<Token, String> {
        let token = self
            .tokens
            .get(self.next)
            .cloned()
            .ok_or_else(|| "the query ends too early".to_owned())?;
        self.next += 1;
        Ok(token)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.next), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word));
        self.next += usize::from(found);
        found
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let found =
            matches!(self.tokens.get(self.next), Some(Token::Symbol(found)) if *found == symbol);
        self.next += usize::from(found);
        found
    }

    fn either(&mut self) -> Result<Filter, String> {
        let mut filter = self.both()?;
        while self.take_word("or") {
            filter = Filter::Or(Box::new(filter), Box::new(self.both()?));
        }
        Ok(filter)
    }

    fn both(&mut self) -> Result<Filter, String> {
        let mut filter = self.single()?;
        while self.take_word("and") {
            filter = Filter::And(Box::new(filter), Box::new(self.single()?));
        }
        Ok(filter)
    }

    fn single(&mut self) -> Result<Filter, String> {
        if self.take_symbol("(") {
            let inner = self.either()?;
            return if self.take_symbol(")") {
                Ok(inner)
            } else {
                Err("a parenthesis is not closed".to_owned())
            };
        }
        let Token::Word(field) = self.take()? else {
            return Err("a comparison begins with the name of a field".to_owned());
        };
        let operator = self.operator()?;
        let literal = if matches!(operator, Operator::In | Operator::NotIn) {
            self.list()?
        } else {
            self.literal()?
        };
        Ok(Filter::Compare(field, operator, literal))
    }

    fn operator(&mut self) -> Result<Operator, String> {
        if self.take_word("in") {
            return Ok(Operator::In);
        }
        if self.take_word("not") {
            return if self.take_word("in") {
                Ok(Operator::NotIn)
            } else {
                Err("NOT is followed by IN".to_owned())
            };
        }
        match self.take()? {
            Token::Symbol("=") => Ok(Operator::Equal),
            Token::Symbol("!=") => Ok(Operator::NotEqual),
            Token::Symbol("~") => Ok(Operator::Contains),
            Token::Symbol("!~") => Ok(Operator::NotContains),
            Token::Symbol(">") => Ok(Operator::Greater),
            Token::Symbol(">=") => Ok(Operator::GreaterOrEqual),
            Token::Symbol("<") => Ok(Operator::Less),
            Token::Symbol("<=") => Ok(Operator::LessOrEqual),
            other => Err(format!("{other:?} is not an operator")),
        }
    }

    fn list(&mut self) -> Result<Literal, String> {
        if !self.take_symbol("(") {
            return Err("IN is followed by a list in parentheses".to_owned());
        }
        let mut list = vec![self.literal()?];
        while self.take_symbol(",") {
            list.push(self.literal()?);
        }
        if self.take_symbol(")") {
            Ok(Literal::List(list))
        } else {
            Err("a list is not closed".to_owned())
        }
    }

    fn literal(&mut self) -> Result<Literal, String> {
        match self.take()? {
            Token::Text(text) => Ok(Literal::Text(text)),
            Token::Word(word) => match word.to_ascii_lowercase().as_str() {
                "null" => Ok(Literal::Null),
                "true" => Ok(Literal::Boolean(true)),
                "false" => Ok(Literal::Boolean(false)),
                _ => match word.parse::<f64>() {
                    Ok(number) if number.is_finite() => Ok(Literal::Number(number)),
                    _ => moment(&word)
                        .map(Literal::Moment)
                        .ok_or_else(|| format!("\"{word}\" is not a value; text goes in quotes")),
                },
            },
            Token::Symbol(symbol) => Err(format!("\"{symbol}\" is not a value")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn matches(query: &str, object: &Value) -> bool {
        Filter::parse(query).map(|filter| filter.matches(object)) == Ok(true)
    }

    #[test]
    fn and_binds_tighter_than_or_and_parentheses_win() {
        let object = json!({ "a": 1, "b": 2 });
        assert!(matches("a = 1 OR a = 2 AND b = 3", &object));
        assert!(!matches("(a = 1 OR a = 2) AND b = 3", &object));
    }

    #[test]
    fn contains_ignores_case_and_equality_does_not() {
        let object = json!({ "name": "Feature/X" });
        assert!(matches(r#"name ~ "feature/""#, &object));
        assert!(!matches(r#"name = "feature/x""#, &object));
        assert!(matches(r#"name !~ "y""#, &object));
    }

    #[test]
    fn lists_null_dates_and_nested_fields() {
        let object = json!({
            "state": "OPEN", "gone": null, "at": "2026-03-01T10:00:00+02:00",
            "reviewers": [{ "nickname": "ann" }, { "nickname": "bob" }]
        });
        assert!(matches(
            r#"state IN ("OPEN","MERGED") and gone = null"#,
            &object
        ));
        assert!(matches(r#"reviewers.nickname = "bob""#, &object));
        assert!(matches(
            "at > 2026-03-01T07:00:00+00:00 AND at < 2026-03-02",
            &object
        ));
        assert!(!matches(r#"state not in ("OPEN")"#, &object));
    }

    #[test]
    fn quotes_inside_text_are_escaped() {
        assert!(matches(
            r#"name = "say \"hi\"""#,
            &json!({ "name": "say \"hi\"" })
        ));
    }

    #[test]
    fn broken_queries_say_what_is_wrong() {
        for broken in [
            "",
            "name",
            "name =",
            "name = x",
            r#"name = "x"#,
            "(a = 1",
            "a = 1 b",
        ] {
            assert!(Filter::parse(broken).is_err(), "{broken}");
        }
    }
}
