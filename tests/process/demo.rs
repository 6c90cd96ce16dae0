//! The story of `demo`: every scene ends as it is told, on the real service.

use std::fs;

use crate::child::{Running, run, surety};
use crate::server::Folder;

/// A row of the table at the story's end.
struct Row<'a> {
    what: &'a str,
    outcome: &'a str,
    codes: Vec<&'a str>,
}

fn table(out: &str) -> Vec<Row<'_>> {
    let rows = out.lines().skip_while(|line| !line.starts_with("WHAT ")).skip(1);
    let row = |line| {
        // The latency stands between the outcome and the reasons.
        let (before, codes): (&str, &str) = str::split_once(line, " ms ")?;
        let (before, _latency) = before.trim_end().rsplit_once(' ')?;
        let (what, outcome) = before.trim_end().rsplit_once(' ')?;
        let codes = codes.trim().split(", ").filter(|code| !code.is_empty()).collect();
        Some(Row { what: what.trim_end(), outcome, codes })
    };
    rows.map_while(row).collect()
}

#[test]
fn the_story_shows_what_it_tells_and_leaves_nothing_behind() {
    let folder = Folder::new();
    let ended = run(surety("demo").arg("--once").env("TMPDIR", folder.root()));
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.out, ended.err);
    assert_eq!(fs::read_dir(folder.root()).unwrap().count(), 0, "its folder is gone");
    let rows = table(&ended.out);
    // Who, and of each decision: its outcome and a code that it must have.
    for (who, decisions) in [
        ("Anna", &[("APPROVED", "FIRST_PURCHASE_WITH_US")][..]),
        ("Bruno", &[("DECLINED", "CREDIT_LIMIT_EXCEEDED")]),
        ("Carla", &[("APPROVED", ""), ("APPROVED", ""), ("MANUAL_REVIEW", "IP_CHURN_HIGH")]),
        ("Dario", &[("", ""), ("", ""), ("", ""), ("", ""), ("DECLINED", "ATTEMPTS_TOO_FREQUENT")]),
        ("Elena", &[("MANUAL_REVIEW", "AMOUNT_ABOVE_USUAL")]),
        ("Farid", &[("MANUAL_REVIEW", "DEVICE_UNRECOGNIZED"), ("APPROVED", "")]),
        ("Greta", &[("MANUAL_REVIEW", "PROFILE_INCOMPLETE")]),
        ("Henrik", &[("DECLINED", "PAYMENT_OVERDUE"), ("APPROVED", "")]),
        ("Ingrid", &[("DECLINED", "ACCOUNT_SECURITY_HOLD"), ("APPROVED", "")]),
        ("Jonas", &[("APPROVED", ""), ("APPROVED", ""), ("DECLINED", "ONE_TIME_CARDS_TOO_MANY")]),
        ("Karin", &[("APPROVED", ""), ("APPROVED", "")]),
    ] {
        let told: Vec<&Row<'_>> = rows.iter().filter(|row| row.what.starts_with(who)).collect();
        assert_eq!(told.len(), decisions.len(), "{who}: {}", ended.out);
        for (row, (outcome, code)) in told.iter().zip(decisions) {
            let right = (outcome.is_empty() || row.outcome == *outcome)
                && (code.is_empty() || row.codes.contains(code));
            assert!(right, "{}: {} {:?}", row.what, row.outcome, row.codes);
        }
    }
    for code in ["IP_CHURN_HIGH", "ATTEMPTS_TOO_FREQUENT", "ONE_TIME_CARDS_TOO_MANY"] {
        let times = rows.iter().filter(|row| row.codes.contains(&code)).count();
        assert_eq!(times, 1, "{code} is for the last of a row only");
    }
    assert!(ended.out.contains("Same decision: true"), "{}", ended.out);
}

#[test]
fn however_it_is_stopped_it_leaves_nothing_behind() {
    // Within the story, and after it.
    for line in ["Surety serves gRPC on ", "The service stays up on "] {
        let folder = Folder::new();
        let demo = Running::start(surety("demo").env("TMPDIR", folder.root()));
        demo.line(line);
        demo.ask_to_stop();
        let ended = demo.end();
        assert_eq!(ended.code, Some(0), "{line}: {}", ended.err);
        assert_eq!(fs::read_dir(folder.root()).unwrap().count(), 0, "{line}");
    }
}
