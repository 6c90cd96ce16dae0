//! Who is told what: enough for everybody who was not approved, and no more than their role may
//! know.

use std::collections::BTreeMap;

use surety::domain::Span;
use surety::grpc::pb;
use surety::playbook::{SHIPPED_POLICY, SHIPPED_REASONS};

use crate::support::{
    Approved, Declined, ManualReview, TestApp, blanked, codes, device, expect, network, purchase,
};

/// Disclosure level of every code of the shipped catalogue.
pub struct Levels(BTreeMap<String, String>);

impl Levels {
    pub fn shipped() -> Levels {
        let catalog: toml::Table = SHIPPED_REASONS.text.parse().unwrap();
        let text = |entry: &toml::Value, key: &str| entry[key].as_str().unwrap().to_owned();
        let entries = catalog["reason"].as_array().unwrap().iter();
        Levels(entries.map(|entry| (text(entry, "code"), text(entry, "disclosure"))).collect())
    }

    fn of(&self, code: &str) -> &str {
        &self.0[code]
    }
}

/// What a decision lacks, or says to the wrong people: nothing, if all is well.
pub fn complaints(app: &TestApp, levels: &Levels, decision: &pb::Decision) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut complain = |holds: bool, what: &str| {
        if !holds {
            complaints.push(what.to_owned());
        }
    };
    // Agents and reviewers have no call of their own for it yet.
    for role in ["checkout", "auditor"] {
        let seen = app.look_up(role, &decision.decision_id);
        let message = seen.message.clone().unwrap_or_default();
        complain(!seen.reference.is_empty(), "a reference");
        complain(!message.title.is_empty() && !message.body.is_empty(), "a message");
        complain(!message.body.contains('{'), "a message without gaps");
        if seen.outcome() == Approved {
            continue;
        }
        let told = !seen.reasons.is_empty() || !seen.public_reasons.is_empty();
        complain(told, "a reason or a public reason");
        complain(!message.next_step.is_empty(), "a next step");
        let retry = seen.retry.unwrap_or_default();
        complain(retry.disposition != 0, "an advice on trying again");
        let waits = retry.disposition() == pb::RetryDisposition::AfterTime;
        complain(waits == retry.earliest_time.is_some(), "a time where a wait helps");
        complain(seen.review.is_none() || waits, "a time for a review");
        if role == "checkout" {
            for reason in &seen.reasons {
                let code = reason.code().as_str_name().trim_start_matches("REASON_CODE_");
                complain(levels.of(code) == "YES", &format!("no {code} at a checkout"));
                let bare = reason.evidence.is_empty()
                    && reason.support_text.is_empty()
                    && reason.principal_reason.is_empty()
                    && reason.effect == 0
                    && reason.component == 0
                    && reason.share_percent.is_none();
                complain(bare, &format!("no detail of {code} at a checkout"));
            }
            let duty = seen.adverse_action.unwrap_or_default();
            complain(duty.principal_reasons.is_empty(), "no wording of a notice at a checkout");
            complain(seen.missing_sources.is_empty(), "no sources at a checkout");
        } else {
            complain(!seen.reasons.is_empty(), "reasons for the auditor");
        }
    }
    complaints
}

/// A purchase that an ordinary security review takes, with nothing about it that is told.
fn emulated(account: &str) -> pb::PurchaseContext {
    let mut context = purchase(account, 4_500);
    context.device.as_mut().unwrap().integrity = pb::DeviceIntegrity::Emulator.into();
    context
}

#[test]
fn a_compliance_hold_looks_like_an_ordinary_security_review() {
    let app = TestApp::start();
    for account in ["plain", "watched", "listed"] {
        app.given_regular(account, 100_000);
    }
    app.hold("watched", pb::RestrictionKind::Compliance, Span::days(30));
    app.hold("listed", pb::RestrictionKind::Sanctions, Span::days(90));
    let ordinary = app.buy(emulated("plain"));
    expect(&ordinary, ManualReview, &["DEVICE_INTEGRITY_LOW"]);
    let watched = app.buy(purchase("watched", 4_500));
    expect(&watched, ManualReview, &["COMPLIANCE_REVIEW"]);
    let listed = app.buy(purchase("listed", 4_500));
    expect(&listed, ManualReview, &["SANCTIONS_POSSIBLE_MATCH"]);
    let seen = |decision: &pb::Decision| blanked(&app.look_up("checkout", &decision.decision_id));
    assert_eq!(seen(&watched), seen(&ordinary));
    assert_eq!(seen(&listed), seen(&ordinary));
    // Nor does the end of a review that nobody ended tell them apart.
    app.advance(Span::hours(24));
    assert_eq!(seen(&watched), seen(&ordinary));
    assert_eq!(seen(&listed), seen(&ordinary));
    // The same for whoever asks in the first place.
    let first = |account, context| {
        app.given_regular(account, 100_000);
        app.try_buy("checkout", &crate::support::new_id(), context).unwrap().decision
    };
    let held = first("watched", purchase("watched", 4_600));
    assert_eq!(blanked(&held), blanked(&first("plain", emulated("plain"))));
}

#[test]
fn a_checkout_is_told_less_than_an_auditor() {
    let app = TestApp::start();
    app.given_regular("away", 100_000);
    let mut context = purchase("away", 4_500);
    context.device = Some(device("unknown"));
    context.network =
        Some(pb::NetworkContext { region: "DE-BY".to_owned(), ..network("198.51.100.4") });
    context.network.as_mut().unwrap().kind = pb::NetworkKind::Tor.into();
    let decision = app.buy(context);
    assert!(decision.reasons.iter().any(|reason| !reason.evidence.is_empty()));
    let seen = app.look_up("checkout", &decision.decision_id);
    assert_eq!(codes(&seen), Vec::<&str>::new(), "{:?}", codes(&decision));
    assert_eq!(seen.outcome(), decision.outcome());
    assert_eq!(seen.step_up, decision.step_up);
}

#[test]
fn a22_b24_a_decision_reads_the_same_after_the_policy_has_changed() {
    let mut app = TestApp::start();
    app.given_regular("old", 10_000);
    let made = [
        app.buy(purchase("old", 4_500)),
        app.buy(purchase("old", 9_000)),
        app.buy(purchase("old", 100)),
        app.buy(emulated("old")),
    ];
    let seen = |app: &TestApp| -> Vec<[pb::Decision; 2]> {
        let both = |id: &str| ["auditor", "checkout"].map(|role| app.look_up(role, id));
        made.iter().map(|decision| both(&decision.decision_id)).collect()
    };
    let before = seen(&app);
    assert!(before.iter().zip(&made).all(|(seen, made)| seen[0] == *made));
    // Another version, another push, other texts of evidence, other thresholds elsewhere.
    let shipped = SHIPPED_POLICY.text;
    let version = shipped.lines().find(|line| line.starts_with("version = ")).unwrap();
    let changed = shipped.replacen(version, "version = \"2027-01-01.1\"", 1).replacen(
        "code = \"DEVICE_INTEGRITY_LOW\"\npush = \"review\"",
        "code = \"DEVICE_INTEGRITY_LOW\"\npush = \"decline\"",
        1,
    );
    assert_eq!(app.stop(), Vec::<String>::new());
    app.set_policy(&changed);
    app.resume();
    assert_eq!(seen(&app), before);
    app.advance(Span::minutes(11));
    let fresh = app.buy(emulated("old"));
    expect(&fresh, Declined, &["DEVICE_INTEGRITY_LOW"]);
    assert_eq!(fresh.versions.unwrap().policy, "2027-01-01.1");
    assert_ne!(made[0].versions.as_ref().unwrap().policy, "2027-01-01.1");
}

#[test]
fn b28_the_customer_reads_the_message_in_the_language_of_the_request() {
    let app = TestApp::start();
    app.given_regular("words", 1_000);
    let said = ["en", "sv-SE", "de-AT", "fi", ""].map(|locale| {
        let mut context = purchase("words", 4_500);
        context.locale = locale.to_owned();
        app.advance(Span::minutes(11));
        app.buy(context).message.unwrap()
    });
    let locales: Vec<&str> = said.iter().map(|message| message.locale.as_str()).collect();
    assert_eq!(locales, ["en", "sv", "de", "en", "en"]);
    assert_ne!(said[0].body, said[1].body);
    assert_eq!(said[0], said[3]);
}
