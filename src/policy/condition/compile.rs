//! Type-checks a parsed condition and emits its program.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};

use super::Fault;
use super::evidence::{Branch, Made, Side};
use super::names::Names;
use super::operation::{Arithmetic, Operator, Unary};
use super::parse::Parsed;
use super::program::{Constant, DEEPEST_STACK, Op, Operand, Part, Program};
use super::words::words;
use crate::domain::Type;

/// The program of a condition, its root, and its slots in order of first use.
pub(super) fn compile(
    parsed: &Parsed<'_>,
    names: &Names,
) -> Result<(Program, Branch, Vec<u16>), Fault> {
    let program = Program::default();
    let mut compiler = Compiler { parsed, names, program, slots: Vec::new(), depth: 0 };
    let root = compiler.expression(&parsed.root)?;
    if root.kind != Type::Bool {
        let message = format!("the whole condition must be bool, but is {}", root.kind);
        return Err(Fault::new(parsed.offset(&parsed.root), message));
    }
    Ok((compiler.program, root.branch(), compiler.slots))
}

/// An expression already compiled.
pub(super) struct Typed {
    pub part: Part,
    pub kind: Type,
    pub made: Made,
}

impl Typed {
    pub fn branch(self) -> Branch {
        Branch { part: self.part, made: self.made }
    }
}

/// The state of compiling one condition; `branch.rs` has the rest of its functions.
pub(super) struct Compiler<'c> {
    pub parsed: &'c Parsed<'c>,
    names: &'c Names,
    pub program: Program,
    slots: Vec<u16>,
    /// Values on the stack after the last operation.
    pub depth: usize,
}

impl Compiler<'_> {
    /// A fault at the place of an expression.
    pub fn fault<T>(&self, at: &IdedExpr, message: impl Into<String>) -> Result<T, Fault> {
        Err(Fault::new(self.parsed.offset(at), message))
    }

    /// Index that the next operation gets.
    pub fn next(&self) -> u16 {
        index(self.program.ops.len())
    }

    /// Adds an operation that reads these operands, and keeps count of the stack.
    pub fn emit(&mut self, at: &IdedExpr, op: Op, operands: &[Operand]) -> Result<Operand, Fault> {
        let taken = operands.iter().filter(|operand| **operand == Operand::Top).count();
        self.depth = self.depth.saturating_sub(taken) + 1;
        if self.depth > DEEPEST_STACK {
            return self.fault(at, format!("more than {DEEPEST_STACK} intermediate values"));
        }
        self.program.depth = self.program.depth.max(self.depth);
        self.program.ops.push(op);
        Ok(Operand::Top)
    }

    /// Puts the result of an expression on the stack unless it is there.
    pub fn push(&mut self, at: &IdedExpr, result: Operand) -> Result<(), Fault> {
        if result != Operand::Top {
            self.emit(at, Op::Push(result), &[])?;
        }
        Ok(())
    }

    /// Replaces a jump once the place it leads to is known.
    pub fn patch(&mut self, at: u16, op: Op) {
        if let Some(place) = self.program.ops.get_mut(usize::from(at)) {
            *place = op;
        }
    }

    /// Compiles an expression; what it comes to is where the part's result says.
    pub fn expression(&mut self, expression: &IdedExpr) -> Result<Typed, Fault> {
        match &expression.expr {
            Expr::Literal(literal) => self.literal(expression, literal),
            Expr::Ident(_) => self.name(expression),
            Expr::Select(select) if !select.test => self.name(expression),
            Expr::Select(_) => self.has(expression),
            Expr::Call(call) => self.call(expression, call),
            _ => self.fault(expression, "this is not used in conditions"),
        }
    }

    fn literal(&mut self, at: &IdedExpr, literal: &LiteralValue) -> Result<Typed, Fault> {
        let (constant, kind) = match literal {
            LiteralValue::Boolean(value) => (Constant::Bool(*value.inner()), Type::Bool),
            LiteralValue::Int(value) => (Constant::Int(*value.inner()), Type::Int),
            LiteralValue::Double(value) => (Constant::Double(*value.inner()), Type::Double),
            LiteralValue::String(value) => (Constant::Text(value.inner().to_owned()), Type::Text),
            LiteralValue::Null => {
                return self.fault(at, "null is not used: has(a.b) tells if a value is there");
            }
            _ => return self.fault(at, "this literal is not used in conditions"),
        };
        let result = Operand::Constant(index(self.program.constants.len()));
        self.program.constants.push(constant);
        Ok(self.typed(self.next(), result, kind, None))
    }

    /// An expression that ends here and is not made of Bool expressions.
    pub fn typed(&self, start: u16, result: Operand, kind: Type, slot: Option<u16>) -> Typed {
        let part = Part { start, end: self.next(), result, slot };
        Typed { part, kind, made: Made::Plain("".into()) }
    }

    fn name(&mut self, expression: &IdedExpr) -> Result<Typed, Fault> {
        let (slot, kind) = self.resolve(expression)?;
        let typed = self.typed(self.next(), Operand::Slot(slot), kind, Some(slot));
        Ok(Typed { made: Made::Plain(words(expression)), ..typed })
    }

    fn has(&mut self, expression: &IdedExpr) -> Result<Typed, Fault> {
        let (slot, _) = self.resolve(expression)?;
        let start = self.next();
        let result = self.emit(expression, Op::Has(slot), &[])?;
        let typed = self.typed(start, result, Type::Bool, Some(slot));
        Ok(Typed { made: Made::Has(words(expression)), ..typed })
    }

    fn resolve(&mut self, expression: &IdedExpr) -> Result<(u16, Type), Fault> {
        let mut parts = Vec::new();
        let mut rest = expression;
        while let Expr::Select(select) = &rest.expr {
            parts.push(select.field.as_str());
            rest = &select.operand;
        }
        let Expr::Ident(first) = &rest.expr else {
            return self.fault(rest, "only names have parts");
        };
        parts.push(first);
        parts.reverse();
        let name = parts.join(".");
        let Some((slot, kind)) = self.names.find(&name) else {
            let hint = self.names.nearest(&name).map(|near| format!("; did you mean `{near}`?"));
            return self.fault(rest, format!("unknown name `{name}`{}", hint.unwrap_or_default()));
        };
        if !self.slots.contains(&slot) {
            self.slots.push(slot);
        }
        Ok((slot, kind))
    }

    fn call(&mut self, at: &IdedExpr, call: &CallExpr) -> Result<Typed, Fault> {
        let name = call.func_name.as_str();
        match call.args.as_slice() {
            [condition, first, second] if name == operators::CONDITIONAL => {
                self.choose(at, [condition, first, second])
            }
            [left, right] if name == operators::LOGICAL_AND => self.join(at, [left, right], false),
            [left, right] if name == operators::LOGICAL_OR => self.join(at, [left, right], true),
            [item, list] if name == operators::IN => self.within(at, item, list),
            [left, right] => match (comparison(name), arithmetic(name)) {
                (Some(operator), _) => self.compare(at, operator, [left, right]),
                (_, Some(operator)) => self.compute(at, operator, [left, right]),
                _ => self.fault(at, "this function takes one value"),
            },
            [operand] => self.unary(at, name, operand),
            _ => self.fault(at, "this function takes one value"),
        }
    }

    /// `!`, `-`, `double` or `int`. The parser has dropped every two `!` or `-` in a row already.
    fn unary(&mut self, at: &IdedExpr, name: &str, operand: &IdedExpr) -> Result<Typed, Fault> {
        let start = self.next();
        let inner = self.expression(operand)?;
        let (unary, kind) = match (name, inner.kind) {
            (operators::LOGICAL_NOT, Type::Bool) => (Unary::Not, Type::Bool),
            (operators::NEGATE, Type::Int | Type::Double) => (Unary::Negate, inner.kind),
            ("double", Type::Int) => (Unary::ToDouble, Type::Double),
            ("int", Type::Double) => (Unary::ToInt, Type::Int),
            (operators::LOGICAL_NOT, found) => {
                return self.fault(at, format!("`!` needs bool, but has {found}"));
            }
            (operators::NEGATE, found) => {
                return self.fault(at, format!("`-` needs int or double, but has {found}"));
            }
            ("double", found) => {
                return self.fault(at, format!("`double` needs int, but has {found}"));
            }
            ("int", found) => {
                return self.fault(at, format!("`int` needs double, but has {found}"));
            }
            _ => return self.fault(at, "unknown function"),
        };
        let from = inner.part.result;
        let result = self.emit(at, Op::Unary(unary, from), &[from])?;
        let typed = self.typed(start, result, kind, inner.part.slot);
        let made =
            if kind == Type::Bool { Made::Not(Box::new(inner.branch())) } else { typed.made };
        Ok(Typed { made, ..typed })
    }

    fn compare(
        &mut self,
        at: &IdedExpr,
        operator: Operator,
        [left, right]: [&IdedExpr; 2],
    ) -> Result<Typed, Fault> {
        let start = self.next();
        let written = [words(left), words(right)];
        let (left, right) = (self.expression(left)?, self.expression(right)?);
        let symbol = operator.symbol();
        let is_number = |kind| matches!(kind, Type::Int | Type::Double);
        if left.kind != right.kind && !(is_number(left.kind) && is_number(right.kind)) {
            let kinds = format!("{} with {}", left.kind, right.kind);
            return self.fault(at, format!("`{symbol}` cannot compare {kinds}"));
        }
        let orders = !matches!(operator, Operator::Equal | Operator::NotEqual);
        if orders && left.kind == Type::Bool {
            return self.fault(at, format!("`{symbol}` needs an order, which bool does not have"));
        }
        let operands = [left.part.result, right.part.result];
        let result = self.emit(at, Op::Compare(operator, operands[0], operands[1]), &operands)?;
        let slot = left.part.slot.or(right.part.slot);
        let typed = self.typed(start, result, Type::Bool, slot);
        let [left_words, right_words] = written;
        let sides = [
            Side { part: left.part, words: left_words },
            Side { part: right.part, words: right_words },
        ];
        Ok(Typed { made: Made::Compare(operator, Box::new(sides)), ..typed })
    }

    fn compute(
        &mut self,
        at: &IdedExpr,
        arithmetic: Arithmetic,
        [left, right]: [&IdedExpr; 2],
    ) -> Result<Typed, Fault> {
        let start = self.next();
        let (left, right) = (self.expression(left)?, self.expression(right)?);
        let symbol = self.parsed.operator(at);
        match (left.kind, right.kind) {
            (Type::Int, Type::Int) => {}
            (Type::Double, Type::Double) if arithmetic != Arithmetic::Remainder => {}
            (Type::Int | Type::Double, Type::Int | Type::Double) => {
                let needed = match arithmetic {
                    Arithmetic::Remainder => "two ints",
                    _ => "two ints or two doubles: write double(x) for the int x",
                };
                let kinds = format!("{} and {}", left.kind, right.kind);
                return self.fault(at, format!("`{symbol}` has {kinds}, but needs {needed}"));
            }
            (left, right) => {
                let message = format!("`{symbol}` needs numbers, but has {left} and {right}");
                return self.fault(at, message);
            }
        }
        let operands = [left.part.result, right.part.result];
        let op = Op::Arithmetic(arithmetic, operands[0], operands[1]);
        let result = self.emit(at, op, &operands)?;
        Ok(self.typed(start, result, left.kind, left.part.slot.or(right.part.slot)))
    }
}

/// Indexes fit 16 bits, as a condition has at most a few hundred nodes.
pub(super) fn index(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

fn comparison(name: &str) -> Option<Operator> {
    Some(match name {
        operators::EQUALS => Operator::Equal,
        operators::NOT_EQUALS => Operator::NotEqual,
        operators::LESS => Operator::Less,
        operators::LESS_EQUALS => Operator::LessOrEqual,
        operators::GREATER => Operator::Greater,
        operators::GREATER_EQUALS => Operator::GreaterOrEqual,
        _ => return None,
    })
}

fn arithmetic(name: &str) -> Option<Arithmetic> {
    Some(match name {
        operators::ADD => Arithmetic::Add,
        operators::SUBSTRACT => Arithmetic::Subtract,
        operators::MULTIPLY => Arithmetic::Multiply,
        operators::DIVIDE => Arithmetic::Divide,
        operators::MODULO => Arithmetic::Remainder,
        _ => return None,
    })
}
