//! One value that a rule, a feature or a reader of evidence may see, with its two kinds of missing.

use serde::{Deserialize, Serialize};

/// A value by name. Missing is never zero: a comparison with it is unknown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(&'a str),
    /// Nobody sent it (no device in the request, no income on file).
    NotSupplied,
    /// Its source was asked and did not answer in time.
    Failed,
}

/// What type the values of a name have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    Bool,
    Int,
    Double,
    #[serde(rename = "string")]
    Text,
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Double => "double",
            Type::Text => "string",
        })
    }
}

impl Value<'_> {
    pub fn is_missing(&self) -> bool {
        matches!(self, Value::NotSupplied | Value::Failed)
    }

    /// The value as a number; `None` for text and for what is missing.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Bool(b) => Some(f64::from(u8::from(*b))),
            Value::Int(i) => Some(*i as f64),
            Value::Double(d) => Some(*d),
            Value::Text(_) | Value::NotSupplied | Value::Failed => None,
        }
    }
}

impl std::fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Bool(b) => write!(f, "{b}"),
            Value::Int(i) => write!(f, "{i}"),
            Value::Double(d) => write!(f, "{d}"),
            Value::Text(t) => f.write_str(t),
            Value::NotSupplied => f.write_str("not supplied"),
            Value::Failed => f.write_str("source failed"),
        }
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::NotSupplied, Into::into)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Value::Int(value)
    }
}

impl From<f64> for Value<'_> {
    fn from(value: f64) -> Self {
        Value::Double(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Value::Text(value)
    }
}
