//! Runs the CEL parser and turns its positions into byte offsets.

use std::thread;

use cel::IdedExpr;
use cel::common::ast::{Expr, SourceInfo};
use cel::parser::{ParseError, ParseErrors, Parser};

use super::Fault;
use super::lex::{Kind, Token};

/// A parsed condition, with what is needed to say where each expression stands.
pub(super) struct Parsed<'s> {
    pub root: IdedExpr,
    info: SourceInfo,
    source: &'s str,
    tokens: &'s [Token],
}

/// Stack of the parser's thread, in bytes. Thirty-two nested parentheses take it 250 kB, but 8 MB
/// where it is compiled without optimization, as in tests.
const STACK: usize = 16 << 20;

/// Parses a source whose tokens passed the checks.
///
/// The parser recurses deeply even within the limits on nesting, so it runs on a thread of its own,
/// whatever stack the caller has left; a panic in it ends there too.
pub(super) fn parse<'s>(source: &'s str, tokens: &'s [Token]) -> Result<Parsed<'s>, Fault> {
    let run = || {
        let parsed = Parser::new().parse_with_source_info(source);
        parsed.map_err(|errors| fault(source, tokens, &errors))
    };
    let result = thread::scope(|scope| {
        let parser = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run);
        parser.ok().and_then(|parser| parser.join().ok())
    });
    let message = "the parser broke down on this condition";
    let (root, info) = result.unwrap_or_else(|| Err(Fault::new(0, message)))?;
    Ok(Parsed { root, info, source, tokens })
}

impl<'s> Parsed<'s> {
    /// Byte offset of an expression: a name's or a function's first byte, otherwise its operator's
    /// or literal's.
    pub fn offset(&self, expression: &IdedExpr) -> usize {
        let mut first = expression;
        while let Expr::Select(select) = &first.expr {
            first = &select.operand;
        }
        let Some((start, _)) = self.info.offset_for(first.id) else {
            return 0;
        };
        let start = usize::try_from(start).unwrap_or_default();
        // Of a call the parser gives the parenthesis; the function's name stands before it.
        let mut before = self.tokens.iter().rev().skip_while(|token| token.start > start);
        match (before.next(), before.next()) {
            (Some(at), Some(word)) if at.kind == Kind::Open(b'(') && word.kind == Kind::Word => {
                word.start
            }
            _ => start,
        }
    }

    /// The operator as written at the place of an expression.
    pub fn operator(&self, expression: &IdedExpr) -> &'s str {
        let offset = self.offset(expression);
        let token = self.tokens.iter().find(|token| token.start == offset);
        token.map(|token| token.text(self.source)).unwrap_or_default()
    }
}

/// The parser's first error. Its positions are lines and characters, both from 1.
fn fault(source: &str, tokens: &[Token], errors: &ParseErrors) -> Fault {
    // What the parser made of the rest after a syntax error says less than that error.
    let is_syntax = |error: &&ParseError| error.msg.starts_with("Syntax error");
    let first = errors.errors.iter().find(is_syntax).or(errors.errors.first());
    let Some(error) = first else {
        return Fault::new(0, "the condition cannot be parsed");
    };
    let line = usize::try_from(error.pos.0 - 1).unwrap_or_default();
    let column = usize::try_from(error.pos.1 - 1).unwrap_or_default();
    let before: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = source.get(before..).unwrap_or_default();
    let within = rest.char_indices().nth(column).map_or(rest.len(), |(index, _)| index);
    let offset = before + within;
    if !is_syntax(&error) {
        return Fault::new(offset, error.msg.clone());
    }
    // The parser lists every token it could have taken; one of two words says as much.
    let previous = tokens.iter().rev().find(|token| token.start < offset);
    let expected = match previous {
        Some(token) if token.ends_value() => "an operator or the end",
        _ => "a name, a literal or `(`",
    };
    let found = match tokens.iter().find(|token| token.start >= offset) {
        Some(token) => format!("`{}`", token.text(source)),
        None => "the end".to_owned(),
    };
    Fault::new(offset, format!("expected {expected}, but found {found}"))
}
