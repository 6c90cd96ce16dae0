//! Conditions of rules: CEL, type-checked and compiled into a flat program over slots.
//!
//! `cel` parses; everything after that is here. A condition is made of Bool, Int, Double and Text
//! literals, dotted names, `! && || == != < <= > >= + - * / % ?: in`, `has(a.b)`, `double(int)` and
//! `int(double)`. Int and Double may be compared, exactly, but not computed with each other. The
//! right side of `in` is a list of Int or of Text literals. Everything else of CEL is refused, and
//! so is `%` on Double, which CEL does not have either.
//!
//! A value that is missing makes what is computed from it missing, except that `false && missing`
//! is false and `true || missing` is true, in either order. Of two ways to be missing Failed wins.
//! A computation that fails (an Int overflows, is divided by zero, or a Double is out of range for
//! `int`) counts as Failed. So does a value whose type is not that of its name.

mod branch;
mod check;
mod compile;
mod evidence;
mod lex;
mod names;
mod operation;
mod parse;
mod program;
mod words;

#[cfg(test)]
mod test_differential;
#[cfg(test)]
mod test_faults;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::domain::Value;
pub use evidence::Evidence;
pub use names::Names;
pub use operation::Operator;

use evidence::Branch;
use program::Program;

/// What is wrong with a condition, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Byte offset in the source, from 0 to its length; always on a character's first byte.
    pub offset: usize,
    /// What is wrong and what was expected, for the rule's author.
    pub message: String,
}

impl Fault {
    fn new(offset: usize, message: impl Into<String>) -> Fault {
        Fault { offset, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.offset, self.message)
    }
}

impl std::error::Error for Fault {}

/// What a condition comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It depends on a value that nobody sent.
    NotSupplied,
    /// It depends on a value whose source did not answer, or on a computation that failed.
    Failed,
}

/// A compiled condition.
#[derive(Clone, Debug)]
pub struct Condition {
    source: String,
    program: Program,
    root: Branch,
    slots: Vec<u16>,
}

/// Compiles a condition; `source` is CEL of at most 4096 bytes, 256 operators, names and literals,
/// and 32 levels of nesting.
///
/// # Errors
///
/// The first fault found: the source is too large, malformed, uses what conditions do not have or
/// names that are not in `names`, has operands of the wrong type, or is not Bool as a whole.
pub fn compile(source: &str, names: &Names) -> Result<Condition, Fault> {
    if source.len() > check::LONGEST_SOURCE {
        let message = format!("the condition is longer than {} bytes", check::LONGEST_SOURCE);
        return Err(Fault::new(source.floor_char_boundary(check::LONGEST_SOURCE), message));
    }
    let tokens = lex::tokens(source)?;
    check::check(source, &tokens)?;
    let parsed = parse::parse(source, &tokens)?;
    let (program, root, slots) = compile::compile(&parsed, names)?;
    Ok(Condition { source: source.to_owned(), program, root, slots })
}

impl Condition {
    /// Evaluates against the values of all slots. Neither allocates nor recurses; takes tens of
    /// nanoseconds. A slot beyond the end of `slots` is not supplied.
    pub fn evaluate(&self, slots: &[Value<'_>]) -> Truth {
        self.program.truth(&self.root.part, slots)
    }

    /// The slots it reads, each once, in order of first use.
    pub fn slots(&self) -> impl Iterator<Item = u16> + '_ {
        self.slots.iter().copied()
    }

    /// The source it was compiled from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The comparisons that make it true, in order of the source; empty when it is not true.
    ///
    /// Of an `||` every side that is true counts, not only the first. Under `!` a comparison is
    /// given the other way round, as it holds: `!(x > 5)` gives `x <= 5`. A Bool name is compared
    /// with true or false, `has` compares with not supplied, and `in` is equality with the element
    /// found, or inequality with each element.
    pub fn evidence<'s>(&'s self, slots: &[Value<'s>]) -> Vec<Evidence<'s>> {
        evidence::of_truth(&self.program, &self.root, slots)
    }
}
