//! An expression in words, for those who read why a rule hit.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};

/// The expression as its rule has it, in one spelling; nesting is limited before it gets here.
pub(super) fn words(expression: &IdedExpr) -> Box<str> {
    text(expression).into()
}

fn text(expression: &IdedExpr) -> String {
    match &expression.expr {
        Expr::Ident(name) => name.clone(),
        Expr::Select(select) => format!("{}.{}", text(&select.operand), select.field),
        Expr::Literal(literal) => literal_text(literal),
        Expr::Call(call) => call_text(call),
        _ => "…".to_owned(),
    }
}

fn literal_text(literal: &LiteralValue) -> String {
    match literal {
        LiteralValue::Boolean(value) => value.inner().to_string(),
        LiteralValue::Int(value) => value.inner().to_string(),
        LiteralValue::Double(value) => value.inner().to_string(),
        LiteralValue::String(value) => format!("\"{}\"", value.inner()),
        _ => "…".to_owned(),
    }
}

fn call_text(call: &CallExpr) -> String {
    let symbol = symbol(&call.func_name);
    match (call.args.as_slice(), symbol) {
        ([left, right], Some(symbol)) => {
            let own = strength(&call.func_name);
            // Operators of one strength go from left to right, so only the right side needs marks.
            format!("{} {symbol} {}", marked(left, own), marked(right, own + 1))
        }
        ([operand], Some(symbol)) => format!("{symbol}{}", marked(operand, u8::MAX)),
        (arguments, _) => {
            let arguments: Vec<String> = arguments.iter().map(text).collect();
            format!("{}({})", call.func_name, arguments.join(", "))
        }
    }
}

/// Parentheses around what binds less than `needed`.
fn marked(expression: &IdedExpr, needed: u8) -> String {
    match &expression.expr {
        Expr::Call(call) if strength(&call.func_name) < needed => format!("({})", text(expression)),
        _ => text(expression),
    }
}

/// How strongly an operator binds; functions bind most.
fn strength(function: &str) -> u8 {
    match function {
        operators::CONDITIONAL => 0,
        operators::LOGICAL_OR => 1,
        operators::LOGICAL_AND => 2,
        operators::ADD | operators::SUBSTRACT => 4,
        operators::MULTIPLY | operators::DIVIDE | operators::MODULO => 5,
        operators::NEGATE | operators::LOGICAL_NOT => 6,
        _ if symbol(function).is_some() => 3,
        _ => u8::MAX,
    }
}

fn symbol(function: &str) -> Option<&'static str> {
    Some(match function {
        operators::ADD => "+",
        operators::SUBSTRACT | operators::NEGATE => "-",
        operators::MULTIPLY => "*",
        operators::DIVIDE => "/",
        operators::MODULO => "%",
        operators::LOGICAL_NOT => "!",
        operators::LOGICAL_AND => "&&",
        operators::LOGICAL_OR => "||",
        operators::EQUALS => "==",
        operators::NOT_EQUALS => "!=",
        operators::LESS => "<",
        operators::LESS_EQUALS => "<=",
        operators::GREATER => ">",
        operators::GREATER_EQUALS => ">=",
        _ => return None,
    })
}
