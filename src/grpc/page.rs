//! Page tokens: where a list goes on, as a text that callers only hand back.

use uuid::Uuid;

use crate::domain::{DecisionId, Problem, Time};

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

fn broken() -> Problem {
    Problem::new("expected a next_page_token as it was sent")
}

#[cfg(test)]
mod tests {
    use super::*;

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
