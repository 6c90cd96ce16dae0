//! Short texts at the door: allowed shapes, and what looks like a card number.

use super::{FaultKind, Problem};

/// Shortest and longest run of digits that a card number has (ISO/IEC 7812-1).
const PAN_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// Characters of a UUID in its hyphenated form.
const UUID_LENGTH: usize = 36;

/// An opaque id: 1 to `max` characters of `[A-Za-z0-9._:-]`, and no card number.
pub fn opaque_id(text: &str, max: usize) -> Result<&str, Problem> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._:-".contains(&b);
    if text.is_empty() {
        return Err(Problem::new("required"));
    }
    if text.len() > max || !text.bytes().all(allowed) {
        return Err(Problem::new(format!("expected 1 to {max} characters of A-Z a-z 0-9 . _ : -")));
    }
    not_a_card_number(text)
}

/// Printable text of at most `max` characters, and no card number.
pub fn short_text(text: &str, max: usize) -> Result<&str, Problem> {
    if text.chars().count() > max || text.chars().any(char::is_control) {
        return Err(Problem::new(format!(
            "expected at most {max} characters without control characters"
        )));
    }
    not_a_card_number(text)
}

/// Refuses text that holds 13 to 19 digits which pass the Luhn check and begin like an issued card
/// (2 to 6). Blanks, hyphens and dots between groups of digits do not hide it, nor do other groups
/// beside it, such as a date or a code. UUIDs are exempt, also inside a longer text: one in a few
/// hundred would be refused by chance, for ever.
pub fn not_a_card_number(text: &str) -> Result<&str, Problem> {
    if !holds_card_number(text) {
        return Ok(text);
    }
    Err(Problem {
        kind: FaultKind::PanNotAccepted,
        text: "looks like a card number, which is never accepted here; send a token".into(),
    })
}

fn holds_card_number(text: &str) -> bool {
    let mut run = Run::default();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let uuid = rest
            .as_bytes()
            .get(..UUID_LENGTH)
            .is_some_and(|part| uuid::Uuid::try_parse_ascii(part).is_ok());
        let length = if uuid { UUID_LENGTH } else { character.len_utf8() };
        match character {
            _ if uuid => run = Run::default(),
            '0'..='9' => {
                run.push(character as u8 - b'0');
                // Groups end anywhere after this digit: at a blank, a letter, or the text's end.
                let group_ends = !rest[1..].starts_with(|next: char| next.is_ascii_digit());
                if group_ends && run.holds_card_number() {
                    return true;
                }
            }
            '-' | '.' => run.end_group(),
            _ if character.is_whitespace() => run.end_group(),
            _ => run = Run::default(),
        }
        rest = &rest[length..];
    }
    false
}

/// Digits with nothing but blanks, hyphens and dots between them.
#[derive(Default)]
struct Run {
    digits: Vec<u8>,
    /// Where groups begin.
    begins: Vec<usize>,
    in_group: bool,
}

impl Run {
    fn push(&mut self, digit: u8) {
        if !self.in_group {
            self.begins.push(self.digits.len());
            self.in_group = true;
        }
        self.digits.push(digit);
    }

    fn end_group(&mut self) {
        self.in_group = false;
    }

    /// Whether whole groups up to the last one make a card number.
    fn holds_card_number(&self) -> bool {
        self.begins.iter().map(|&begin| &self.digits[begin..]).any(|digits| {
            PAN_DIGITS.contains(&digits.len()) && (2..=6).contains(&digits[0]) && luhn_holds(digits)
        })
    }
}

/// The check of ISO/IEC 7812-1 annex B: every second digit from the right counts double.
fn luhn_holds(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| match (place % 2, u32::from(digit) * 2) {
            (0, _) => u32::from(digit),
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_a_shape() {
        assert!(opaque_id("acc-1042", 64).is_ok());
        assert!(opaque_id("m:77._-", 64).is_ok());
        for text in ["", "a b", "a\n", "å", &"x".repeat(65)] {
            assert!(opaque_id(text, 64).is_err(), "{text}");
        }
    }

    #[test]
    fn card_numbers_are_refused_and_ordinary_references_are_not() {
        // Public test numbers of the card schemes.
        for text in [
            "4111111111111111",
            "5555 5555 5555 4444",
            "order-378282246310005",
            "4111-1111-1111-1111",
            "4111.1111.1111.1111",
            "4111\u{a0}1111\u{a0}1111\u{a0}1111",
            "Card 4111 1111 1111 1111 12/27",
            "4111111111111111 123",
            "27 4111 1111 1111 1111",
        ] {
            assert!(not_a_card_number(text).is_err(), "{text}");
        }
        for text in [
            "SO-2026-118834",
            "4111111111111112",
            "1234567812345670", // begins with 1: no card is issued so
            "0193a2c4-6f0e-7c11-9a55-0d6c1f3b2a10",
            "123456789012",
            "c-41111111-1111-4111-8111-111111111111-phone",
        ] {
            assert!(not_a_card_number(text).is_ok(), "{text}");
        }
    }
}
