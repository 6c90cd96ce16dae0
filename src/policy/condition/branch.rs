//! Compiles the operators that yield Bool without comparing: `&&`, `||`, `?:` and `in`.

use cel::IdedExpr;
use cel::common::ast::{Expr, LiteralValue};

use super::Fault;
use super::compile::{Compiler, Typed, index};
use super::evidence::{Made, Side};
use super::program::{List, Op, Operand};
use super::words::words;
use crate::domain::Type;

impl Compiler<'_> {
    /// `&&` or `||`; `decisive` is the Bool that settles it when the left side comes to that.
    pub fn join(
        &mut self,
        at: &IdedExpr,
        sides: [&IdedExpr; 2],
        decisive: bool,
    ) -> Result<Typed, Fault> {
        let start = self.next();
        let left = self.bool_operand(at, sides[0])?;
        self.push(at, left.part.result)?;
        let jump = self.next();
        self.program.ops.push(Op::JumpIf(decisive, 0));
        let right = self.bool_operand(at, sides[1])?;
        let from = right.part.result;
        let op = if decisive { Op::Or(from) } else { Op::And(from) };
        let result = self.emit(at, op, &[Operand::Top, from])?;
        self.patch(jump, Op::JumpIf(decisive, self.next() - jump - 1));
        let slot = left.part.slot.or(right.part.slot);
        let typed = self.typed(start, result, Type::Bool, slot);
        let sides = [left.branch(), right.branch()];
        Ok(Typed { made: Made::Join(Box::new(sides)), ..typed })
    }

    fn bool_operand(&mut self, at: &IdedExpr, operand: &IdedExpr) -> Result<Typed, Fault> {
        let typed = self.expression(operand)?;
        if typed.kind != Type::Bool {
            let symbol = self.parsed.operator(at);
            let message = format!("`{symbol}` needs bool, but has {}", typed.kind);
            return self.fault(operand, message);
        }
        Ok(typed)
    }

    /// `?:`; only the branch chosen is evaluated.
    pub fn choose(&mut self, at: &IdedExpr, parts: [&IdedExpr; 3]) -> Result<Typed, Fault> {
        let start = self.next();
        let condition = self.bool_operand(at, parts[0])?;
        self.push(at, condition.part.result)?;
        let choose = self.next();
        self.program.ops.push(Op::Choose { second: 0, end: 0 });
        // Each branch starts without the condition, which is taken off.
        self.depth = self.depth.saturating_sub(1);
        let first = self.expression(parts[1])?;
        self.push(at, first.part.result)?;
        let jump = self.next();
        self.program.ops.push(Op::Jump(0));
        self.depth = self.depth.saturating_sub(1);
        let second = self.expression(parts[2])?;
        self.push(at, second.part.result)?;
        if first.kind != second.kind {
            let kinds = format!("{} and {}", first.kind, second.kind);
            return self.fault(at, format!("both branches need one type, but are {kinds}"));
        }
        let end = self.next();
        self.patch(choose, Op::Choose { second: jump - choose, end: end - choose - 1 });
        self.patch(jump, Op::Jump(end - jump - 1));
        let slot = condition.part.slot.or(first.part.slot).or(second.part.slot);
        let typed = self.typed(start, Operand::Top, first.kind, slot);
        if typed.kind != Type::Bool {
            return Ok(typed);
        }
        let branches = [condition.branch(), first.branch(), second.branch()];
        Ok(Typed { made: Made::Choose(Box::new(branches)), ..typed })
    }

    /// `in`, with a list of literals.
    pub fn within(
        &mut self,
        at: &IdedExpr,
        item: &IdedExpr,
        list: &IdedExpr,
    ) -> Result<Typed, Fault> {
        let start = self.next();
        let written = words(item);
        let item = self.expression(item)?;
        let list = match item.kind {
            Type::Int => List::Ints(self.elements(list, "int", |literal| match literal {
                LiteralValue::Int(value) => Some(*value.inner()),
                _ => None,
            })?),
            Type::Text => List::Texts(self.elements(list, "string", |literal| match literal {
                LiteralValue::String(value) => Some(value.inner().to_owned()),
                _ => None,
            })?),
            other => return self.fault(at, format!("`in` needs int or string, but has {other}")),
        };
        let number = index(self.program.lists.len());
        self.program.lists.push(list);
        let from = item.part.result;
        let result = self.emit(at, Op::Within(from, number), &[from])?;
        let typed = self.typed(start, result, Type::Bool, item.part.slot);
        let side = Side { part: item.part, words: written };
        Ok(Typed { made: Made::Within(Box::new(side), number), ..typed })
    }

    /// The elements of a list, sorted.
    fn elements<T: Ord>(
        &self,
        list: &IdedExpr,
        kind: &str,
        take: impl Fn(&LiteralValue) -> Option<T>,
    ) -> Result<Vec<T>, Fault> {
        let Expr::List(literals) = &list.expr else {
            return self.fault(list, "the right side of `in` must be a list such as [1, 2]");
        };
        if literals.elements.is_empty() {
            return self.fault(list, "this list is empty");
        }
        let mut elements = Vec::with_capacity(literals.elements.len());
        for element in &literals.elements {
            let value = match &element.expr {
                Expr::Literal(literal) => take(literal),
                _ => None,
            };
            let Some(value) = value else {
                return self.fault(element, format!("this list must be of {kind} literals"));
            };
            elements.push(value);
        }
        elements.sort_unstable();
        elements.dedup();
        Ok(elements)
    }
}
