//! What is wrong with a request: all faults of it together, each with the field's path.

/// One fault of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Path as the caller wrote it, for example `context.amount.currency_code`.
    pub field: String,
    /// What is wrong and what was expected; never repeats the value.
    pub problem: String,
    pub kind: FaultKind,
}

/// Which machine-readable reason the faults of a request give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    FieldInvalid,
    CurrencyUnknown,
    /// What looks like a card number is never accepted, stored or repeated.
    PanNotAccepted,
    /// The `request_id` was used before with other content.
    RequestIdReused,
}

/// Collects the faults of a request, so that all are reported together.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    pub fn add(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.add_kind(FaultKind::FieldInvalid, field, problem);
    }

    pub fn add_kind(
        &mut self,
        kind: FaultKind,
        field: impl Into<String>,
        problem: impl Into<String>,
    ) {
        self.0.push(Fault { field: field.into(), problem: problem.into(), kind });
    }

    /// Takes the value of a parse, or notes its fault under `field`.
    pub fn take<T>(&mut self, field: &str, parsed: Result<T, Problem>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(problem) => {
                self.add_kind(problem.kind, field, problem.text);
                None
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `value` when nothing was found wrong, else all that was.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Vec<Fault>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self.0),
        }
    }
}

/// Why one value did not parse; the caller knows the field it stood in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub kind: FaultKind,
    pub text: String,
}

impl Problem {
    pub fn new(text: impl Into<String>) -> Problem {
        Problem { kind: FaultKind::FieldInvalid, text: text.into() }
    }
}
