//! A policy that lets one account buy on and on.

use surety::playbook::SHIPPED_POLICY;

/// The shipped policy with thresholds of GB that nothing reaches: its examples are laid in DE, so
/// all of them still pass.
pub fn without_velocity() -> String {
    let text = SHIPPED_POLICY.text;
    let begin = text.find("[market.GB.threshold]").unwrap();
    let end = begin + text[begin..].find("[market.GB.spending]").unwrap();
    let mut market = text[begin..end].to_owned();
    for name in [
        "attempts_10m",
        "orders_60m",
        "orders_24h",
        "plans_open",
        "plans_open_many",
        "upcoming_30d_minor",
        "upcoming_very_high_30d_minor",
    ] {
        let line = market.lines().find(|line| line.starts_with(&format!("{name} ="))).unwrap();
        market = market.replace(line, &format!("{name} = 1000000000"));
    }
    format!("{}{market}{}", &text[..begin], &text[end..])
}
