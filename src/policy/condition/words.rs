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
        ([left, right], Some(symbol)) => format!("{} {symbol} {}", nested(left), nested(right)),
        ([operand], Some(symbol)) => format!("{symbol}{}", nested(operand)),
        (arguments, _) => {
            let arguments: Vec<String> = arguments.iter().map(text).collect();
            format!("{}({})", call.func_name, arguments.join(", "))
        }
    }
}

/// Parentheses around what is itself computed by an operator.
fn nested(expression: &IdedExpr) -> String {
    match &expression.expr {
        Expr::Call(call) if symbol(&call.func_name).is_some() => format!("({})", text(expression)),
        _ => text(expression),
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
