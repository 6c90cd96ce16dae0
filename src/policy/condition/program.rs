//! The flat program a condition compiles to, and the stack machine that runs it.

use super::Truth;
use super::operation::{Arithmetic, Operator, Unary, apply, compare, compute, join, missing};
use crate::domain::Value;

/// Most intermediate values a program may hold at once.
pub(super) const DEEPEST_STACK: usize = 32;

/// Where an operation finds a value. Slots and constants are read in place, so that a comparison
/// of two names is a single operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    Slot(u16),
    Constant(u16),
    /// The top of the stack, which is taken off.
    Top,
}

/// An operation; what it comes to is pushed. Distances count operations, from the next one on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Push(Operand),
    Unary(Unary, Operand),
    Arithmetic(Arithmetic, Operand, Operand),
    Compare(Operator, Operand, Operand),
    /// Is the value in this list?
    Within(Operand, u16),
    /// Was the slot supplied?
    Has(u16),
    /// Jumps if the top is this Bool, and leaves it there.
    JumpIf(bool, u16),
    Jump(u16),
    /// Joins the top with the operand.
    And(Operand),
    Or(Operand),
    /// Takes the condition off: goes on if true, jumps to the second branch if false, and if it is
    /// missing puts it back and jumps to the end.
    Choose {
        second: u16,
        end: u16,
    },
}

/// A constant of the source.
#[derive(Clone, Debug)]
pub(super) enum Constant {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
}

impl Constant {
    fn value(&self) -> Value<'_> {
        match self {
            Constant::Bool(value) => Value::Bool(*value),
            Constant::Int(value) => Value::Int(*value),
            Constant::Double(value) => Value::Double(*value),
            Constant::Text(value) => Value::Text(value),
        }
    }
}

/// The right side of an `in`; sorted.
#[derive(Clone, Debug)]
pub(super) enum List {
    Ints(Vec<i64>),
    Texts(Vec<String>),
}

impl List {
    fn contains(&self, value: Value<'_>) -> Value<'static> {
        match (self, value) {
            (List::Ints(list), Value::Int(value)) => {
                Value::Bool(list.binary_search(&value).is_ok())
            }
            (List::Texts(list), Value::Text(value)) => {
                let found = list.binary_search_by(|element| element.as_str().cmp(value));
                Value::Bool(found.is_ok())
            }
            (_, value) => missing(value, value),
        }
    }
}

/// A part of a program that computes one value: run `start..end`, then read the result.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub start: u16,
    pub end: u16,
    pub result: Operand,
    /// The slot that its first name stands for.
    pub slot: Option<u16>,
}

/// A program. Parts of it that are expressions of the source can be run by themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    pub ops: Vec<Op>,
    pub constants: Vec<Constant>,
    pub lists: Vec<List>,
    /// Most values on the stack at once, at most `DEEPEST_STACK`.
    pub depth: usize,
}

/// The compiler counts pushes and pops, so that neither end is ever passed; if it were, a value
/// would be lost and the condition come to Failed.
struct Stack<'v, const N: usize> {
    values: [Value<'v>; N],
    length: usize,
}

impl<'v, const N: usize> Stack<'v, N> {
    #[inline(always)]
    fn push(&mut self, value: Value<'v>) {
        if let Some(free) = self.values.get_mut(self.length) {
            *free = value;
            self.length += 1;
        }
    }

    #[inline(always)]
    fn pop(&mut self) -> Value<'v> {
        self.length = self.length.wrapping_sub(1);
        self.values.get(self.length).copied().unwrap_or(Value::Failed)
    }

    #[inline(always)]
    fn top(&self) -> Value<'v> {
        self.values.get(self.length.wrapping_sub(1)).copied().unwrap_or(Value::Failed)
    }
}

impl Program {
    /// What a part of the program that is Bool comes to.
    pub fn truth(&self, part: &Part, slots: &[Value<'_>]) -> Truth {
        // A small stack takes less time to set up, and nearly every condition gets by with four.
        if self.depth <= 4 {
            truth(self.run::<4>(part, slots))
        } else {
            truth(self.run::<DEEPEST_STACK>(part, slots))
        }
    }

    /// The value of a part of the program.
    pub fn value<'v>(&'v self, part: &Part, slots: &[Value<'v>]) -> Value<'v> {
        if self.depth <= 4 {
            self.run::<4>(part, slots)
        } else {
            self.run::<DEEPEST_STACK>(part, slots)
        }
    }

    // Inlined, because a value of 24 bytes returned through memory costs a fifth of the time.
    #[inline(always)]
    fn run<'v, const N: usize>(&'v self, part: &Part, slots: &[Value<'v>]) -> Value<'v> {
        let mut stack = Stack::<N> { values: [Value::Failed; N], length: 0 };
        let ops = self.ops(part);
        let mut at = 0;
        while let Some(op) = ops.get(at) {
            at += 1;
            // Each arm pushes by itself: that keeps values in registers, which is twice as fast.
            match *op {
                Op::Push(operand) => {
                    let value = self.read(operand, slots, &mut stack);
                    stack.push(value);
                }
                Op::Unary(unary, operand) => {
                    let value = self.read(operand, slots, &mut stack);
                    stack.push(apply(unary, value));
                }
                Op::Arithmetic(arithmetic, left, right) => {
                    // The right one was pushed last.
                    let right = self.read(right, slots, &mut stack);
                    let left = self.read(left, slots, &mut stack);
                    stack.push(compute(arithmetic, left, right));
                }
                Op::Compare(operator, left, right) => {
                    let right = self.read(right, slots, &mut stack);
                    let left = self.read(left, slots, &mut stack);
                    stack.push(compare(operator, left, right));
                }
                Op::Within(operand, list) => {
                    let value = self.read(operand, slots, &mut stack);
                    let list = self.list(list);
                    stack.push(list.map_or(Value::Failed, |list| list.contains(value)));
                }
                Op::Has(slot) => match self.read(Operand::Slot(slot), slots, &mut stack) {
                    Value::Failed => stack.push(Value::Failed),
                    value => stack.push(Value::Bool(value != Value::NotSupplied)),
                },
                Op::JumpIf(expected, distance) => {
                    if stack.top() == Value::Bool(expected) {
                        at += usize::from(distance);
                    }
                }
                Op::Jump(distance) => at += usize::from(distance),
                Op::And(right) => {
                    let right = self.read(right, slots, &mut stack);
                    let left = stack.pop();
                    stack.push(join(left, right, false));
                }
                Op::Or(right) => {
                    let right = self.read(right, slots, &mut stack);
                    let left = stack.pop();
                    stack.push(join(left, right, true));
                }
                Op::Choose { second, end } => match stack.pop() {
                    Value::Bool(true) => {}
                    Value::Bool(false) => at += usize::from(second),
                    condition => {
                        at += usize::from(end);
                        stack.push(missing(condition, condition));
                    }
                },
            }
        }
        self.read(part.result, slots, &mut stack)
    }

    #[inline(always)]
    fn read<'v, const N: usize>(
        &'v self,
        operand: Operand,
        slots: &[Value<'v>],
        stack: &mut Stack<'v, N>,
    ) -> Value<'v> {
        match operand {
            Operand::Slot(slot) => {
                slots.get(usize::from(slot)).copied().unwrap_or(Value::NotSupplied)
            }
            Operand::Constant(index) => {
                self.constants.get(usize::from(index)).map_or(Value::Failed, Constant::value)
            }
            Operand::Top => stack.pop(),
        }
    }

    fn ops(&self, part: &Part) -> &[Op] {
        let range = usize::from(part.start)..usize::from(part.end);
        self.ops.get(range).unwrap_or_default()
    }

    /// The list of a `Within`.
    pub fn list(&self, index: u16) -> Option<&List> {
        self.lists.get(usize::from(index))
    }
}

fn truth(value: Value<'_>) -> Truth {
    match value {
        Value::Bool(true) => Truth::True,
        Value::Bool(false) => Truth::False,
        Value::NotSupplied => Truth::NotSupplied,
        _ => Truth::Failed,
    }
}
