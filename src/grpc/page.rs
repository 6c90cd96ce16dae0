//! Page tokens: where a list goes on, as a text that callers only hand back.

use uuid::Uuid;

use crate::domain::{DecisionId, Problem, RelatedAfter, Time};

/// Hexadecimal digits of the time and of the id.
const TIME_DIGITS: usize = 16;
const TOKEN_LEN: usize = 48;

/// The token of the last decision on a page.
pub fn token((time, id): (Time, DecisionId)) -> String {
    format!("{:016x}{:032x}", time.as_micros(), id.0.as_u128())
}

/// The decision that a token names.
pub fn parse(token: &str) -> Result<(Time, DecisionId), Problem> {
    let digits = token.len() == TOKEN_LEN && token.bytes().all(|b| b.is_ascii_hexdigit());
    let (time, id) = token.split_at_checked(TIME_DIGITS).filter(|_| digits).ok_or_else(broken)?;
    let time = u64::from_str_radix(time, 16).map_err(|_| broken())?;
    let id = u128::from_str_radix(id, 16).map_err(|_| broken())?;
    Ok((Time::from_micros(time.cast_signed()), DecisionId(Uuid::from_u128(id))))
}

/// The token of the place where a search for related decisions stopped.
pub fn related_token(after: RelatedAfter) -> String {
    match after {
        RelatedAfter::Own(time, id) => token((time, id)),
        RelatedAfter::Before(sequence) => format!("{sequence:016x}"),
    }
}

/// The place that such a token names.
pub fn parse_related(text: &str) -> Result<RelatedAfter, Problem> {
    if text.len() != TIME_DIGITS {
        return parse(text).map(|(time, id)| RelatedAfter::Own(time, id));
    }
    let digits = text.bytes().all(|b| b.is_ascii_hexdigit());
    let sequence = i64::from_str_radix(text, 16).map_err(|_| broken())?;
    if digits { Ok(RelatedAfter::Before(sequence)) } else { Err(broken()) }
}

fn broken() -> Problem {
    Problem::new("expected a next_page_token as it was sent")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_goes_on_where_it_stopped() {
        let own = RelatedAfter::Own(Time::from_seconds(7), DecisionId(Uuid::from_u128(9)));
        for after in [own, RelatedAfter::Before(0), RelatedAfter::Before(i64::MAX)] {
            assert_eq!(parse_related(&related_token(after)), Ok(after));
        }
        for text in ["", "7", "+000000000000001", "ffffffffffffffff", &"x".repeat(48)] {
            assert!(parse_related(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_leads_back_and_a_broken_one_is_refused() {
        for micros in [i64::MIN, -1, 0, 1_795_262_400_000_000, i64::MAX] {
            let place = (Time::from_micros(micros), DecisionId(Uuid::from_u128(7 << 90)));
            assert_eq!(parse(&token(place)), Ok(place));
        }
        for text in ["", "7", &"x".repeat(48), &"+".repeat(48), &"0".repeat(49), "åååå"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
