//! Where in a file something is wrong: line and column, as editors count them.

use thiserror::Error;

/// A place in a text; both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    /// The place of a byte offset; one past the end is the end.
    pub fn of(source: &str, offset: usize) -> Place {
        let before = source.get(..offset).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Place {
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// Why a policy or catalogue file does not load. Reads `file:line:column: what, and what was
/// expected`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}:{}:{}: {problem}", place.line, place.column)]
pub struct LoadError {
    pub file: String,
    pub place: Place,
    pub problem: String,
}

impl LoadError {
    pub fn at(file: &str, place: Place, problem: impl Into<String>) -> LoadError {
        LoadError { file: file.to_owned(), place, problem: problem.into() }
    }

    pub fn toml(file: &str, source: &str, error: &toml::de::Error) -> LoadError {
        let offset = error.span().map_or(0, |span| span.start);
        LoadError::at(file, Place::of(source, offset), error.message().replace('\n', ", "))
    }
}

/// Where faults are named: the file's name and text.
pub(super) struct Source<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

impl Source<'_> {
    pub fn error(&self, offset: usize, problem: impl Into<String>) -> LoadError {
        LoadError::at(self.file, Place::of(self.text, offset), problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_as_editors_do() {
        let source = "a = 1\nå = 'öl'\n";
        assert_eq!(Place::of(source, 0), Place { line: 1, column: 1 });
        assert_eq!(Place::of(source, 6), Place { line: 2, column: 1 });
        let quote = source.find('\'').unwrap();
        assert_eq!(Place::of(source, quote), Place { line: 2, column: 5 });
        assert_eq!(Place::of(source, 999), Place { line: 3, column: 1 });
    }
}
