//! Rows for other programs: how cells are written, and a reader who has seen enough.

use std::borrow::Cow;
use std::io::{self, ErrorKind};

use crate::domain::Time;

/// RFC 3339, UTC, to the microsecond.
pub(super) fn stamp(time: Time) -> String {
    jiff::Timestamp::from_microsecond(time.as_micros())
        .map_or_else(|_| String::new(), |stamp| stamp.to_string())
}

/// A cell that no spreadsheet takes for a formula (OWASP, CSV injection). Our own numbers are never
/// below zero, so that no number begins so.
pub(super) fn safe(cell: &str) -> Cow<'_, str> {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => Cow::Owned(format!("'{cell}")),
        false => Cow::Borrowed(cell),
    }
}

/// Whether whoever read standard output is gone, as `head` is when it has seen enough.
pub(super) fn broken_pipe(failure: &anyhow::Error) -> bool {
    let io = failure.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    { io }.any(|error| error.kind() == ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (cell, written) in [
            ("=HYPERLINK(\"x\")", "'=HYPERLINK(\"x\")"),
            ("+49", "'+49"),
            ("-17", "'-17"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("SO-17", "SO-17"),
            ("", ""),
        ] {
            assert_eq!(safe(cell), written);
        }
    }

    #[test]
    fn times_are_those_of_rfc_3339() {
        assert_eq!(stamp(Time::from_micros(1_800_000_000_000_000)), "2027-01-15T08:00:00Z");
        assert_eq!(stamp(Time::from_micros(1_800_000_000_000_250)), "2027-01-15T08:00:00.00025Z");
    }
}
