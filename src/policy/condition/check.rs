//! Refuses, before parsing, conditions that are too large or nest too deeply for the recursive
//! parser, and constructs of CEL that conditions do not have.

use super::Fault;
use super::lex::{Kind, Token};

/// Longest source, in bytes.
pub(super) const LONGEST_SOURCE: usize = 4096;
/// Most operators, names and literals in one condition.
const MOST_NODES: usize = 256;
/// Deepest nesting of parentheses and lists; also the most `?` in one condition.
const DEEPEST_NESTING: usize = 32;
/// Most parts in a dotted name.
const MOST_PARTS: usize = 8;

/// Checks sizes, brackets, dots, and the places of lists and calls.
pub(super) fn check(source: &str, tokens: &[Token]) -> Result<(), Fault> {
    let mut checker = Checker { source, open: Vec::new(), nodes: 0, conditionals: 0, parts: 0 };
    let mut before: Option<Token> = None;
    for (index, token) in tokens.iter().enumerate() {
        checker.size(*token, before)?;
        checker.dots(*token, before)?;
        match token.kind {
            Kind::Open(b'(') => checker.call(*token, tokens, index)?,
            Kind::Open(_) => list(*token, before)?,
            _ => {}
        }
        checker.nesting(*token)?;
        before = Some(*token);
    }
    if let Some((open, _)) = checker.open.last() {
        return Err(Fault::new(*open, "this bracket is never closed"));
    }
    match before {
        None => Err(Fault::new(0, "the condition is empty")),
        Some(last) if last.kind == Kind::Dot => Err(misplaced_dot(last.start)),
        Some(_) => Ok(()),
    }
}

struct Checker<'s> {
    source: &'s str,
    /// Offsets of brackets not yet closed, with what closes them.
    open: Vec<(usize, u8)>,
    nodes: usize,
    conditionals: usize,
    /// Parts of the dotted name being read.
    parts: usize,
}

impl Checker<'_> {
    /// Counts nodes; a dotted name is one.
    fn size(&mut self, token: Token, before: Option<Token>) -> Result<(), Fault> {
        let after_dot = before.is_some_and(|before| before.kind == Kind::Dot);
        match token.kind {
            Kind::Word if after_dot => {}
            Kind::Word | Kind::Literal | Kind::In | Kind::Operator | Kind::Question => {
                self.nodes += 1;
            }
            _ => {}
        }
        if self.nodes > MOST_NODES {
            let message = format!("more than {MOST_NODES} operators, names and literals");
            return Err(Fault::new(token.start, message));
        }
        Ok(())
    }

    /// A dot must stand between two words, and not too many in a row.
    fn dots(&mut self, token: Token, before: Option<Token>) -> Result<(), Fault> {
        let before = before.map(|before| before.kind);
        match token.kind {
            Kind::Word if before == Some(Kind::Dot) => self.parts += 1,
            Kind::Word => self.parts = 1,
            Kind::Dot if before != Some(Kind::Word) => return Err(misplaced_dot(token.start)),
            _ if before == Some(Kind::Dot) => return Err(misplaced_dot(token.start)),
            _ => {}
        }
        if self.parts > MOST_PARTS {
            let message = format!("a name of more than {MOST_PARTS} parts");
            return Err(Fault::new(token.start, message));
        }
        Ok(())
    }

    /// A word before `(` must be one of the functions; `has` takes a dotted name.
    fn call(&self, open: Token, tokens: &[Token], index: usize) -> Result<(), Fault> {
        let Some(word) = index.checked_sub(1).and_then(|before| tokens.get(before)) else {
            return Ok(());
        };
        if word.kind != Kind::Word {
            return Ok(());
        }
        let method = index.checked_sub(2).and_then(|before| tokens.get(before));
        if method.is_some_and(|before| before.kind == Kind::Dot) {
            return Err(Fault::new(word.start, "methods and macros are not used in conditions"));
        }
        match word.text(self.source) {
            "double" | "int" => Ok(()),
            "has" => {
                let inside = tokens.get(index + 1..).unwrap_or_default();
                let mut inside = inside.iter().take_while(|token| token.kind != Kind::Close(b')'));
                let is_name = |token: &Token| matches!(token.kind, Kind::Word | Kind::Dot);
                let dotted = inside.clone().any(|token| token.kind == Kind::Dot);
                if dotted && inside.all(is_name) {
                    return Ok(());
                }
                let message = "`has` takes one dotted name, such as has(account.limit)";
                Err(Fault::new(open.start, message))
            }
            other => {
                let message =
                    format!("unknown function `{other}`: there are `has`, `double` and `int`");
                Err(Fault::new(word.start, message))
            }
        }
    }

    /// Brackets must match and nest at most so deep, conditionals included: their last branch
    /// nests without brackets.
    fn nesting(&mut self, token: Token) -> Result<(), Fault> {
        match token.kind {
            Kind::Open(b'(') => self.open.push((token.start, b')')),
            Kind::Open(_) => self.open.push((token.start, b']')),
            Kind::Question => self.conditionals += 1,
            Kind::Close(closing) => match self.open.pop() {
                Some((_, expected)) if expected == closing => {}
                Some(_) => return Err(Fault::new(token.start, "this closes another bracket")),
                None => return Err(Fault::new(token.start, "no bracket is open here")),
            },
            _ => {}
        }
        if self.open.len() > DEEPEST_NESTING {
            let message = format!("nesting deeper than {DEEPEST_NESTING}");
            return Err(Fault::new(token.start, message));
        }
        if self.conditionals > DEEPEST_NESTING {
            let message = format!("more than {DEEPEST_NESTING} conditionals");
            return Err(Fault::new(token.start, message));
        }
        Ok(())
    }
}

fn misplaced_dot(offset: usize) -> Fault {
    Fault::new(offset, "a dot stands between the parts of a name")
}

/// A list may only follow `in`.
fn list(token: Token, before: Option<Token>) -> Result<(), Fault> {
    match before {
        Some(before) if before.kind == Kind::In => Ok(()),
        Some(before) if before.ends_value() => {
            Err(Fault::new(token.start, "indexes are not used in conditions"))
        }
        _ => Err(Fault::new(token.start, "a list may only stand to the right of `in`")),
    }
}
