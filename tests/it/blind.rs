//! What was decided before, and what must not matter, does not matter.

use serde_json::{Value, json};
use sqlx::{Connection, Row, SqliteConnection};
use surety::domain::Span;
use surety::grpc::pb;

use crate::support::{
    ManualReview, TestApp, blanked, device, guest_purchase, network, pay_now, purchase,
};

/// A past with every outcome in it: approved and confirmed, approved and lapsed, declined, sent to
/// review, passed and failed step-ups.
fn past(app: &TestApp) {
    app.given_regular("subject", 60_000);
    app.confirm(&app.buy(purchase("subject", 4_500)));
    app.buy(purchase("subject", 4_600));
    app.buy(purchase("subject", 90_000));
    app.advance(Span::hours(2));
    for passed in [true, false] {
        let mut context = purchase("subject", 4_700 + i64::from(passed));
        context.device = Some(device("new-phone"));
        context.network = Some(pb::NetworkContext {
            kind: pb::NetworkKind::Vpn.into(),
            ..network("198.51.100.4")
        });
        let pending = app.buy(context);
        assert_eq!(pending.outcome(), ManualReview);
        app.step_up(&pending, passed);
    }
    let mut context = purchase("subject", 4_800);
    context.device.as_mut().unwrap().integrity = pb::DeviceIntegrity::Emulator.into();
    app.buy(context);
}

/// Turns every stored verdict into another one, with other scores and reasons; what is reserved,
/// owed and told stays as it is.
fn flip(app: &TestApp, outcomes_too: bool) {
    app.block_on(async {
        let url = format!("sqlite://{}", app.ledger_file().display());
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        let rows = sqlx::query("SELECT decision_id, outcome, record FROM decisions")
            .fetch_all(&mut connection)
            .await
            .unwrap();
        assert!(rows.len() >= 8, "{} decisions", rows.len());
        for row in rows {
            let (id, outcome): (String, String) = (row.get("decision_id"), row.get("outcome"));
            let mut record: Value = serde_json::from_str(row.get("record")).unwrap();
            let flipped = match outcome.as_str() {
                // An approval of today is an order of today; an old one is nothing but a verdict.
                "APPROVED" if !outcomes_too => "APPROVED",
                "APPROVED" => "DECLINED",
                "DECLINED" if !outcomes_too => "MANUAL_REVIEW",
                _ if !outcomes_too => "DECLINED",
                _ => "APPROVED",
            };
            let decision = &mut record["decision"];
            assert_eq!(decision["outcome"], json!(outcome), "the record has its verdict here");
            decision["outcome"] = json!(flipped);
            for score in decision["scores"].as_object_mut().unwrap().values_mut() {
                *score = json!(999);
            }
            for reason in decision["reasons"].as_array_mut().unwrap() {
                reason["code"] = json!("BLOCK_LIST_MATCH");
            }
            sqlx::query(
                "UPDATE decisions SET outcome = $2, codes = $3, record = $4 WHERE decision_id = $1",
            )
            .bind(&id)
            .bind(flipped)
            .bind(" BLOCK_LIST_MATCH ")
            .bind(record.to_string())
            .execute(&mut connection)
            .await
            .unwrap();
        }
        connection.close().await.unwrap();
    });
}

/// What a service says to these requests after its past was left as it was, or flipped.
fn answers(later: Span, outcomes_too: bool, flipped: bool) -> Vec<pb::Decision> {
    let mut app = TestApp::start();
    past(&app);
    app.advance(later);
    assert_eq!(app.stop(), Vec::<String>::new());
    if flipped {
        flip(&app, outcomes_too);
    }
    app.resume();
    let mut larger = purchase("subject", 14_500);
    let mut usual = purchase("subject", 4_900);
    for context in [&mut larger, &mut usual] {
        context.merchant_order_reference = "SO-same".to_owned();
    }
    let card = app.card(purchase("subject", 5_000)).0;
    let said = [app.buy(usual), app.buy(larger), app.buy(purchase("subject", 59_000)), card];
    // The flipped ledger is out of order, as it was meant to be.
    let _findings = app.stop();
    said.iter().map(blanked).collect()
}

#[test]
fn c07_c08_yesterdays_verdicts_and_scores_do_not_matter() {
    let later = Span::hours(25);
    assert_eq!(answers(later, true, true), answers(later, true, false));
}

#[test]
fn c07_c08_nor_do_todays() {
    let later = Span::minutes(1);
    assert_eq!(answers(later, false, true), answers(later, false, false));
}

/// What is left of a decision when its words, which follow the language, are left out.
fn wordless(decision: &pb::Decision) -> pb::Decision {
    let mut blank = blanked(decision);
    blank.message = None;
    for reason in &mut blank.reasons {
        reason.customer_text.clear();
    }
    blank
}

type Change = fn(&mut pb::PurchaseContext);

const BARRED: [(&str, Change); 7] = [
    ("language", |context| context.locale = "sv-SE".to_owned()),
    ("clock", |context| {
        context.client_time = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
    }),
    ("user agent", |context| {
        context.device.as_mut().unwrap().user_agent = "ScreenReader/1.0".to_owned();
    }),
    ("browser language", |context| {
        context.device.as_mut().unwrap().accept_language = "ar,tr;q=0.8".to_owned();
    }),
    ("platform", |context| {
        let device = context.device.as_mut().unwrap();
        (device.platform, device.app_version) = ("web".to_owned(), "1".to_owned());
    }),
    ("session ids", |context| {
        context.session = Some(pb::SessionContext {
            session_id: "s-1".to_owned(),
            checkout_session: "c-1".to_owned(),
            ..pb::SessionContext::default()
        });
    }),
    ("order reference", |context| context.merchant_order_reference = "SO-9".to_owned()),
];

#[test]
fn c06_barred_fields_change_nothing() {
    let app = TestApp::start();
    for amount in [4_900, 14_500] {
        // One account each, alike in all but their names.
        let mut said = Vec::new();
        for (number, (name, change)) in
            [("nothing", (|_| {}) as Change)].into_iter().chain(BARRED).enumerate()
        {
            let account = format!("like-{amount}-{number}");
            app.given_regular(&account, 100_000);
            let mut context = purchase(&account, amount);
            context.merchant_order_reference = "SO-1".to_owned();
            change(&mut context);
            said.push((name, wordless(&app.buy(context))));
        }
        for (name, decision) in &said {
            assert_eq!(decision, &said[0].1, "{name}");
        }
    }
}

#[test]
fn c06_the_name_and_address_of_a_guest_change_nothing() {
    let app = TestApp::start();
    let names = [("", "", ""), ("Ann", "Lee", "Main Street 1"), ("Özgür", "Ñandú", "Вулиця 2")];
    let said = names.map(|(given, family, street)| {
        let mut context = guest_purchase(&format!("g{}@example.com", given.len()), 4_900);
        context.plan = Some(pay_now());
        let guest = context.guest.as_mut().unwrap();
        (guest.given_name, guest.family_name) = (given.to_owned(), family.to_owned());
        guest.postal_address =
            Some(pb::PostalAddress { street: street.to_owned(), ..pb::PostalAddress::default() });
        blanked(&app.buy(context))
    });
    assert!(said.iter().all(|decision| *decision == said[0]));
}
