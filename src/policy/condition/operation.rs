//! What the operations of a program do with values, present and missing.

use std::cmp::Ordering;

use crate::domain::Value;

/// 2^63, one more than the largest Int, which no Double equals.
const INT_END: f64 = 9_223_372_036_854_775_808.0;

/// Comparison of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Operator {
    /// As it is written in conditions.
    pub fn symbol(self) -> &'static str {
        match self {
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
        }
    }

    /// True if it holds between values of this order; no order means that one of them is NaN.
    fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Operator::Equal => order == Some(Ordering::Equal),
            Operator::NotEqual => order != Some(Ordering::Equal),
            Operator::Less => order == Some(Ordering::Less),
            Operator::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Operator::Greater => order == Some(Ordering::Greater),
            Operator::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

/// Arithmetic on two Ints or two Doubles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// Operation on one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unary {
    Not,
    Negate,
    ToDouble,
    ToInt,
}

/// What an operation comes to that cannot be done with these: missing as they are, or Failed when
/// neither is missing.
#[cold]
pub(super) fn missing(left: Value<'_>, right: Value<'_>) -> Value<'static> {
    let not_supplied = left == Value::NotSupplied || right == Value::NotSupplied;
    let failed = left == Value::Failed || right == Value::Failed;
    if not_supplied && !failed { Value::NotSupplied } else { Value::Failed }
}

/// `&&`, which false decides, or `||`, which true decides.
pub(super) fn join(left: Value<'_>, right: Value<'_>, decisive: bool) -> Value<'static> {
    match (left, right) {
        (Value::Bool(value), _) | (_, Value::Bool(value)) if value == decisive => {
            Value::Bool(value)
        }
        (Value::Bool(_), Value::Bool(value)) => Value::Bool(value),
        (left, right) => missing(left, right),
    }
}
/// Does an operation on one value.
pub(super) fn apply(unary: Unary, value: Value<'_>) -> Value<'static> {
    match (unary, value) {
        (Unary::Not, Value::Bool(value)) => Value::Bool(!value),
        (Unary::Negate, Value::Int(value)) => value.checked_neg().map_or(Value::Failed, Value::Int),
        (Unary::Negate, Value::Double(value)) => Value::Double(-value),
        (Unary::ToDouble, Value::Int(value)) => Value::Double(value as f64),
        // Both ends are excluded, as CEL has it.
        (Unary::ToInt, Value::Double(value)) if -INT_END < value && value < INT_END => {
            Value::Int(value as i64)
        }
        (_, value) => missing(value, value),
    }
}
/// Does arithmetic; on two Ints it fails where the result is not an Int.
// This and `compare` are inlined to keep values in registers: that saves a quarter of the time.
#[inline(always)]
pub(super) fn compute(arithmetic: Arithmetic, left: Value<'_>, right: Value<'_>) -> Value<'static> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => {
            let result = match arithmetic {
                Arithmetic::Add => left.checked_add(right),
                Arithmetic::Subtract => left.checked_sub(right),
                Arithmetic::Multiply => left.checked_mul(right),
                Arithmetic::Divide => left.checked_div(right),
                Arithmetic::Remainder => left.checked_rem(right),
            };
            result.map_or(Value::Failed, Value::Int)
        }
        (Value::Double(left), Value::Double(right)) => match arithmetic {
            Arithmetic::Add => Value::Double(left + right),
            Arithmetic::Subtract => Value::Double(left - right),
            Arithmetic::Multiply => Value::Double(left * right),
            Arithmetic::Divide => Value::Double(left / right),
            Arithmetic::Remainder => Value::Failed,
        },
        (left, right) => missing(left, right),
    }
}

/// Compares two values; Int with Double as the numbers they are, without rounding.
#[inline(always)]
pub(super) fn compare(operator: Operator, left: Value<'_>, right: Value<'_>) -> Value<'static> {
    let order = match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(&right)),
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(&right),
        (Value::Int(left), Value::Double(right)) => order(left, right),
        (Value::Double(left), Value::Int(right)) => order(right, left).map(Ordering::reverse),
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(&right)),
        (left, right) => return missing(left, right),
    };
    Value::Bool(operator.holds(order))
}

fn order(int: i64, double: f64) -> Option<Ordering> {
    if double >= INT_END {
        return Some(Ordering::Less);
    }
    if double < -INT_END {
        return Some(Ordering::Greater);
    }
    // Within the range of Int the whole part converts exactly; NaN gives no order below.
    let whole = double.trunc();
    let rest = 0.0_f64.partial_cmp(&(double - whole))?;
    Some(int.cmp(&(whole as i64)).then(rest))
}
