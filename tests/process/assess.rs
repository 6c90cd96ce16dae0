//! One request from a file, decided by a service that runs.

use std::fs::{self, File};

use crate::child::{Ended, run, surety};
use crate::client::Client;
use crate::sample;
use crate::server::{Folder, Server};

/// The example of the design, section 2.
const EXAMPLE: &str = r#"{ "request_id": "0193a2c4-6f0e-7c11-9a55-0d6c1f3b2a10",
  "context": {
    "account_id": "acc-1042", "market": "DE", "locale": "de-DE",
    "merchant": { "merchant_id": "m-77", "category": "5732", "country": "DE" },
    "merchant_order_reference": "SO-2026-118834",
    "amount": { "minor_units": "12999", "currency_code": "EUR" },
    "plan": { "kind": "PLAN_KIND_PAY_LATER_30" },
    "instrument": { "token": "tok_9f2", "kind": "INSTRUMENT_KIND_CARD", "country": "DE" },
    "device": { "device_id": "d-5b1e", "platform": "ios", "app_version": "8.4.0" },
    "network": { "ip_address": "2001:db8:17:4::9", "country": "DE",
                 "kind": "NETWORK_KIND_RESIDENTIAL" } } }
"#;

/// With an account whose limit is below the example's amount.
async fn serve(folder: &Folder) -> Server {
    let server = folder.serve();
    let mut client = Client::connect(&server.address).await.unwrap();
    let mut account = sample::account("acc-1042", 10_000);
    account.market = "DE".to_owned();
    account.currency_code = "EUR".to_owned();
    if let Some(limit) = &mut account.credit_limit {
        limit.currency_code = "EUR".to_owned();
    }
    client.upsert(account).await;
    server
}

fn assess(folder: &Folder, address: &str, text: &str, options: &[&str]) -> Ended {
    let file = folder.path("request.json");
    fs::write(&file, text).unwrap();
    let url = format!("http://{address}");
    run(surety("assess").arg(file).args(["--server", &url]).args(options))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_is_decided_in_words_and_in_json() {
    let folder = Folder::new();
    let server = serve(&folder).await;
    let text = assess(&folder, &server.address, EXAMPLE, &[]);
    assert_eq!((text.code, text.err.as_str()), (Some(0), ""));
    let first = text.out.lines().next().unwrap();
    assert!(first.starts_with("DECLINED (FINAL)  reference "), "{}", text.out);
    assert!(text.out.contains("CREDIT_LIMIT_EXCEEDED (decisive)"), "{}", text.out);
    assert!(text.out.contains("rule: > 10000"), "{}", text.out);
    let reference = first.split_whitespace().last().unwrap();

    // The same request_id: the same decision, now as JSON, and cut as for a checkout.
    let json =
        assess(&folder, &server.address, EXAMPLE, &["--format", "json", "--role", "checkout"]);
    assert_eq!(json.code, Some(0), "{}", json.err);
    let answer: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let decision = &answer["decision"];
    assert_eq!(decision["reference"], reference);
    assert_eq!(decision["outcome"], "DECISION_OUTCOME_DECLINED");
    assert_eq!(decision["public_reasons"][0], "PUBLIC_REASON_SPENDING_LIMIT");
    let reason = &decision["reasons"][0];
    assert_eq!(reason["code"], "REASON_CODE_CREDIT_LIMIT_EXCEEDED");
    assert_eq!(reason["next_step"], "NEXT_STEP_REDUCE_AMOUNT");
    assert_eq!(reason["evidence"], serde_json::Value::Null, "evidence is not for checkouts");
    assert_eq!(decision["message"]["locale"], "de");
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_and_one_time_cards_are_taken_too() {
    let folder = Folder::new();
    let server = serve(&folder).await;
    let mut card: serde_json::Value = serde_json::from_str(EXAMPLE).unwrap();
    card["context"]["amount"]["minor_units"] = "4900".into();
    card["terms"] = serde_json::json!({ "valid_for": "86400s", "merchant_locked": true });
    // Without a request_id a new one is made each time.
    card.as_object_mut().unwrap().remove("request_id");
    let file = folder.path("card.json");
    fs::write(&file, card.to_string()).unwrap();
    let url = format!("http://{}", server.address);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let mut command = surety("assess");
        command.args(["-", "--server", &url, "--format", "json"]);
        let ended = run(command.stdin(File::open(&file).unwrap()));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let answer: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
        ids.push(answer["decision"]["decision_id"].as_str().unwrap().to_owned());
        let approved = answer["decision"]["outcome"] == "DECISION_OUTCOME_APPROVED";
        assert_eq!(answer["one_time_card"].is_object(), approved, "{}", ended.out);
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_file_is_told_in_one_line() {
    let folder = Folder::new();
    let server = serve(&folder).await;
    let file = folder.path("request.json").display().to_string();
    let broken = EXAMPLE.replacen("\"market\": \"DE\"", "\"market\": DE", 1);
    let unknown = EXAMPLE.replacen("\"amount\"", "\"amuont\"", 1);
    let unknown_value = EXAMPLE.replacen("PAY_LATER_30", "PAY_NEVER", 1);
    let refused = EXAMPLE.replacen("\"12999\"", "\"-5\"", 1).replacen("acc-1042", "", 1);
    for (text, role, words) in [
        (broken.as_str(), "auditor", &[&*format!("{file}:3:"), "expected value"][..]),
        ("", "auditor", &[&format!("{file}:1:0"), "EOF"]),
        ("[]", "auditor", &[&format!("{file}: expected a JSON object")]),
        (&unknown, "auditor", &[&file, "amuont"]),
        (&unknown_value, "auditor", &[&file, "PLAN_KIND_PAY_NEVER"]),
        (&refused, "auditor", &["InvalidArgument", "context.amount", "context.account_id"]),
        (EXAMPLE, "king", &["surety-role", "auditor"]),
        (EXAMPLE, "ledger", &["PermissionDenied", "ROLE_NOT_ALLOWED"]),
    ] {
        let ended = assess(&folder, &server.address, text, &["--role", role]);
        told(&ended, words);
    }
    let missing = folder.path("missing.json").display().to_string();
    told(&run(surety("assess").arg(&missing)), &[&format!("cannot read {missing}")]);
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let folder = Folder::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    drop(taken);
    let ended = assess(&folder, &address, EXAMPLE, &[]);
    told(&ended, &[&format!("cannot reach http://{address}"), "refused"]);
}

fn told(ended: &Ended, words: &[&str]) {
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{}", ended.err);
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    for word in words {
        assert!(ended.err.contains(word), "no \"{word}\" in: {}", ended.err);
    }
}
