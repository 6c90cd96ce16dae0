//! What risk staff run before a policy goes anywhere.

use surety::features;
use surety::playbook::{Playbook, SHIPPED, SHIPPED_POLICY};
use surety::signals;

use crate::child::{run, surety};
use crate::server::Folder;

fn shipped() -> Playbook {
    Playbook::parse(&SHIPPED).unwrap()
}

#[test]
fn check_says_what_it_checked_and_test_names_every_example() {
    let playbook = shipped();
    let examples = playbook.policy.examples().len();
    let last = format!(
        "policy {}: {} rules, {} markets, {examples} examples passed; fingerprint {}",
        playbook.policy.version,
        playbook.policy.rules.len(),
        playbook.policy.markets().len(),
        playbook.versions.fingerprint,
    );
    let check = run(surety("policy").arg("check"));
    assert_eq!((check.code, check.err.as_str()), (Some(0), ""));
    assert_eq!(check.out.trim_end(), last);
    let test = run(surety("policy").arg("test"));
    assert_eq!(test.code, Some(0), "{}", test.err);
    let lines: Vec<&str> = test.out.lines().collect();
    assert_eq!(lines.len(), examples + 1);
    assert_eq!(lines[examples], last);
    for (line, example) in lines.iter().zip(playbook.policy.examples()) {
        let named = line.contains(&example.code.to_string()) && line.ends_with(": ok");
        assert!(named && line.contains(&example.place.line.to_string()), "{line}");
    }
}

#[test]
fn a_policy_whose_example_fails_is_told_by_its_place() {
    let folder = Folder::new();
    let from = "[[rule.example]]\nhit = true\nfacts = { account.duplicate_order = true }";
    let text = SHIPPED_POLICY.text.replacen(from, &from.replace("true }", "false }"), 1);
    let line = 1 + text[..text.find("duplicate_order = false }").unwrap()].matches('\n').count();
    let file = folder.path("policy.toml");
    std::fs::write(&file, &text).unwrap();
    for command in ["check", "test"] {
        let ended = run(surety("policy").arg(command).arg(&file));
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
        let place = ended.err.strip_prefix(&format!("surety: {}:", file.display())).unwrap();
        let told: usize = place.split(':').next().unwrap().parse().unwrap();
        assert!(told.abs_diff(line) <= 2, "line {line}: {}", ended.err);
        assert!(ended.err.contains("DUPLICATE_PURCHASE"), "{}", ended.err);
    }
}

#[test]
fn catalog_names_every_signal_variable_rule_and_reason() {
    let playbook = shipped();
    let all = run(&mut surety("catalog"));
    assert_eq!((all.code, all.err.as_str()), (Some(0), ""));
    let parts = [
        ("names", features::variables().map(|v| v.name.to_string()).collect::<Vec<String>>()),
        ("signals", signals::catalog().iter().map(|signal| signal.name.to_owned()).collect()),
        ("rules", playbook.policy.rules.iter().map(|r| r.code.name().to_owned()).collect()),
        ("reasons", playbook.catalog.entries().iter().map(|e| e.code.to_string()).collect()),
    ];
    for (part, names) in parts {
        let ended = run(surety("catalog").arg(part));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(all.out.contains(&ended.out), "{part} is a part of the whole");
        assert!(names.len() > 20, "{part}: {}", names.len());
        // The line of a reason begins with its number.
        let column = usize::from(part == "reasons");
        let mut told: Vec<&str> = ended
            .out
            .lines()
            .filter(|line| line.starts_with("  "))
            .filter_map(|line| line.split_whitespace().nth(column))
            .collect();
        for name in names {
            let place = told.iter().position(|told| *told == name);
            told.remove(place.unwrap_or_else(|| panic!("{part} lacks {name}")));
        }
    }
}
