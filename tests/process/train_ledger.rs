//! `train` and `evaluate` on a ledger: labels at their edges, features as stored, the table alike.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use surety::domain::{Scores, Span, Time, Type, Value};
use surety::features::{self, Facts, View};
use surety::grpc::pb;
use surety::playbook::SHIPPED_POLICY;
use surety::policy::Policy;
use surety::scoring::is_barred;

use crate::child::{Ended, run, surety};
use crate::past::{Past, START, misuse, repaid};
use crate::sample;
use crate::seed::Random;

const HEAD: &str = "name = \"own\"\ntarget = \"outcome\"\npositive = 1\nseed = 1\n";
const MISUSE: &str = "[outcome]\nkind = \"misuse\"\nwithin_days = 30\n";
const LATE: &str = "[outcome]\nkind = \"late\"\nwithin_days = 60\ndays_late = 14\n";
const FOLDS: &str = "[split]\nkind = \"kfold\"\nfolds = 2\n";
const AMOUNT: &str = "[[feature]]\nname = \"request.amount\"\nreason = \"LARGE_PURCHASE\"\n";
const HOUR: &str = "[[feature]]\nname = \"request.hour\"\nreason = \"PURCHASE_OUT_OF_PATTERN\"\n";

fn spec(outcome: &str) -> String {
    [HEAD, outcome, FOLDS, AMOUNT, HOUR].concat()
}

fn day(number: i64) -> Time {
    START + Span::days(number)
}

/// `2026-02-04T10:00:00.5Z` and the like.
fn text(time: Time) -> String {
    jiff::Timestamp::from_microsecond(time.as_micros()).unwrap().to_string()
}

/// Trains on the ledger as of then, and writes `table.csv`.
fn train(past: &Past, kind: &str, as_of: Time) -> Ended {
    let mut command = surety("train");
    command.arg(kind).arg("--spec").arg(past.path("spec.toml"));
    command.arg("--from-ledger").arg(past.ledger()).arg("--as-of").arg(text(as_of));
    command.arg("--table").arg(past.path("table.csv"));
    run(command.arg("--out").arg(past.path("ledger.json")))
}

fn train_file(past: &Past, kind: &str, (table, out): (&str, &str)) -> Ended {
    let mut command = surety("train");
    command.arg(kind).arg("--spec").arg(past.path("spec.toml"));
    run(command.arg("--data").arg(past.path(table)).arg("--out").arg(past.path(out)))
}

/// Rows by their id, each by its column.
fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

/// The outcomes by the decisions' ids, of a table that was written whatever came of the training.
fn outcomes(past: &Past, spec: &str, as_of: Time) -> BTreeMap<String, String> {
    fs::write(past.path("spec.toml"), spec).unwrap();
    let ended = train(past, "scorecard", as_of);
    assert!(past.path("table.csv").exists(), "{}", ended.err);
    let rows = rows(&past.path("table.csv"));
    let outcomes =
        rows.into_iter().map(|mut row| (row.remove("id").unwrap(), row.remove("outcome").unwrap()));
    fs::remove_file(past.path("table.csv")).unwrap();
    outcomes.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn misuse_counts_up_to_the_horizon_as_it_was_known() {
    let mut past = Past::begin().await;
    let moment = Span::micros(1);
    let mut bought = Vec::new();
    for (place, after) in [Span::days(29), Span::days(30), Span::days(30) + moment, Span::days(31)]
        .into_iter()
        .enumerate()
    {
        let account = format!("acc-{place}");
        past.account(&account, 100_000).await;
        bought.push((past.bought(&account, 4_000).await, account, after));
    }
    past.account("acc-clean", 100_000).await;
    let clean = past.bought("acc-clean", 4_000).await;
    // Approved and never captured: nothing came of it.
    past.account("acc-idle", 100_000).await;
    past.approved(sample::purchase("acc-idle", 4_000)).await;
    past.advance_to(day(1));
    past.account("acc-new", 100_000).await;
    let new = past.bought("acc-new", 4_000).await;

    past.advance_to(day(40));
    for (decision, account, after) in &bought {
        past.tell(account, (START + *after, misuse(decision))).await;
    }
    past.advance_to(day(50));
    past.tell("acc-clean", (day(2), misuse(&clean))).await;

    let ids = bought.iter().map(|(decision, ..)| decision.decision_id.clone());
    let told = |as_of| outcomes(&past, &spec(MISUSE), as_of);
    let at = |labels: &str| -> BTreeMap<String, String> {
        let others = [clean.decision_id.clone(), new.decision_id.clone()];
        ids.clone().chain(others).zip(labels.chars().map(String::from)).collect()
    };
    assert_eq!(told(day(51)), at("110010"));
    assert_eq!(told(day(45)), at("110000"), "told on day 50 only");
    assert_eq!(told(day(31)), at("000000"), "nothing is told yet; the last one is just mature");
    assert_eq!(told(day(31) - moment), at("00000"), "and here it is not");
    assert_eq!(told(day(30)), at("00000"));

    fs::write(past.path("spec.toml"), spec(MISUSE)).unwrap();
    let ended = train(&past, "scorecard", day(30) - moment);
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    let words = "no row to train on: of captured approvals, 6 not mature yet";
    assert!(ended.err.contains(words), "{}", ended.err);
    past.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lateness_counts_from_the_due_time_up_to_the_horizon() {
    let mut past = Past::begin().await;
    // Due on day 30, late from day 44, horizon on day 60.
    let paid = [29, 43, 44, 45, 61, 80];
    let mut bought = Vec::new();
    for on in paid {
        let account = format!("acc-{on}");
        past.account(&account, 100_000).await;
        bought.push((past.bought(&account, 4_000).await, account, on));
    }
    for account in ["acc-never", "acc-disputed", "acc-now"] {
        past.account(account, 100_000).await;
    }
    let never = past.bought("acc-never", 4_000).await;
    let disputed = past.bought("acc-disputed", 4_000).await;
    let mut now = sample::purchase("acc-now", 4_000);
    now.plan.as_mut().unwrap().kind = pb::PlanKind::PayNow.into();
    let now = past.approved(now).await;
    past.confirm(&now, 4_000).await;

    past.advance_to(day(59));
    for (decision, account, on) in bought.iter().filter(|(.., on)| *on < 60) {
        past.tell(account, (day(*on), repaid(decision, day(30)))).await;
    }
    past.advance_to(day(80));
    for (decision, account, on) in bought.iter().filter(|(.., on)| *on > 60) {
        past.tell(account, (day(*on), repaid(decision, day(30)))).await;
    }
    let opened = pb::account_event::Kind::Dispute(pb::DisputeEvent {
        decision_id: disputed.decision_id.clone(),
        phase: pb::DisputePhase::Opened.into(),
    });
    past.advance_to(day(90));
    past.tell("acc-disputed", (day(90), opened)).await;

    let told = |as_of| outcomes(&past, &spec(LATE), as_of);
    let ids = bought.iter().map(|(decision, ..)| decision.decision_id.clone());
    let expected = |labels: &str| -> BTreeMap<String, String> {
        let others = [never.decision_id.clone(), disputed.decision_id.clone()];
        ids.clone().chain(others).zip(labels.chars().map(String::from)).collect()
    };
    assert_eq!(told(day(91)), expected("0011111"), "the disputed one is left out");
    assert_eq!(told(day(60)), expected("00111111"), "not disputed yet");
    let narrow = LATE.replace("within_days = 60", "within_days = 44");
    assert_eq!(outcomes(&past, &spec(&narrow), day(60)), expected("00111111"));
    let narrow = LATE.replace("within_days = 60", "within_days = 43");
    assert_eq!(outcomes(&past, &spec(&narrow), day(60)), expected("00000000"));

    fs::write(past.path("spec.toml"), spec(LATE)).unwrap();
    let ended = train(&past, "scorecard", day(91));
    for words in ["7 rows of the ledger", "1 without a plan", "1 with a plan that is paused"] {
        assert!(ended.err.contains(words), "no \"{words}\" in: {}", ended.err);
    }
    past.end().await;
}

/// Every name that a spec may have, with the type of its values.
fn every_feature() -> Vec<(String, u16, bool)> {
    let facts = features::names().into_iter().filter(|one| !is_barred(&one.name));
    facts.map(|one| (one.name, one.slot, one.value_type == Type::Text)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn features_are_those_of_the_stored_facts_and_none_of_today() {
    let mut past = Past::begin().await;
    past.account("acc-1", 100_000).await;
    let first = past.bought("acc-1", 4_000).await;
    past.advance_to(START + Span::micros(86_400_250_000));
    let second = past.bought("acc-1", 5_000).await;
    past.tell("acc-1", (day(1), misuse(&second))).await;
    past.account("acc-1", 200_000).await;
    past.advance_to(day(40));

    let mut all = [HEAD, MISUSE, FOLDS].concat();
    for (name, _, text) in every_feature() {
        let kind = if text { "kind = \"category\"\n" } else { "" };
        all += &format!("[[feature]]\nname = \"{name}\"\n{kind}reason = \"LARGE_PURCHASE\"\n");
    }
    all += "[[protected]]\ncolumn = \"market\"\n[[protected]]\ncolumn = \"account\"\n";
    fs::write(past.path("spec.toml"), all).unwrap();
    train(&past, "forest", day(40));
    let rows = rows(&past.path("table.csv"));
    let column = |name: &str| rows.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    assert_eq!(column("id"), [first.decision_id.clone(), second.decision_id.clone()]);
    assert_eq!(column("time"), ["1767607200", "1767693600.25"]);
    assert_eq!(column("market"), ["GB", "GB"]);
    // printf acc-1 | sha256sum
    assert_eq!(column("account"), ["cf9df9b99fc0a24b", "cf9df9b99fc0a24b"]);
    assert_eq!(column("outcome"), ["0", "1"]);
    assert_eq!(column("account.credit_limit"), ["100000", "100000"], "the limit as it was then");
    assert_eq!(column("account.outstanding"), ["0", "4000"]);
    assert_eq!(column("account.listed"), ["0", "0"], "it is listed only now");

    let policy = Policy::parse(SHIPPED_POLICY.name, SHIPPED_POLICY.text).unwrap();
    let mut ledger = SqliteConnectOptions::new().filename(past.ledger()).connect().await.unwrap();
    for row in &rows {
        let stored: String =
            sqlx::query_scalar("SELECT facts FROM decisions WHERE decision_id = $1")
                .bind(&row["id"])
                .fetch_one(&mut ledger)
                .await
                .unwrap();
        let facts: Facts = serde_json::from_str(&stored).unwrap();
        let market = policy.market_facts(&facts.request);
        let view = View { facts: &facts, market, scores: &Scores::default() };
        for (name, slot, _) in every_feature() {
            let expected = match features::read(slot, &view) {
                Value::NotSupplied | Value::Failed => String::new(),
                Value::Bool(truth) => u8::from(truth).to_string(),
                value => value.to_string(),
            };
            assert_eq!(row[&name], expected, "{name}");
        }
    }
    past.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn amounts_are_measured_by_the_policy_that_is_given() {
    let mut past = Past::begin().await;
    past.account("acc-1", 100_000).await;
    past.bought("acc-1", 4_000).await;
    past.advance_to(day(40));
    let name = "request.amount_to_reference";
    fs::write(past.path("spec.toml"), spec(MISUSE).replace("request.amount", name)).unwrap();
    train(&past, "scorecard", day(40));
    assert_eq!(rows(&past.path("table.csv"))[0][name], "0.4", "the shipped one says 100.00 GBP");

    let text = SHIPPED_POLICY.text.replace("_amount_minor = 10000 ", "_amount_minor = 20000 ");
    fs::write(past.path("policy.toml"), text).unwrap();
    let given = |policy: &str| {
        let mut command = surety("train");
        command.arg("scorecard").arg("--spec").arg(past.path("spec.toml"));
        command.arg("--from-ledger").arg(past.ledger()).arg("--policy").arg(past.path(policy));
        command.arg("--table").arg(past.path("table.csv")).args(["--as-of", "2026-03-01"]);
        run(command.arg("--out").arg(past.path("ledger.json")))
    };
    given("policy.toml");
    assert_eq!(rows(&past.path("table.csv"))[0][name], "0.2");
    let wrong = given("spec.toml");
    assert_eq!(wrong.code, Some(2), "{}", wrong.err);
    assert!(wrong.err.contains("spec.toml:"), "{}", wrong.err);
    past.end().await;
}

/// Two hundred customers who buy once each; the more it costs, the more of them pay late.
async fn two_hundred() -> Past {
    let (mut past, mut random) = (Past::begin().await, Random::new(0x1ed));
    for place in 0..200 {
        past.advance_to(START + Span::hours(place));
        let (account, amount) = (format!("acc-{place}"), 1_000 + random.below(8_000) as i64);
        past.account(&account, 100_000).await;
        let bought = past.bought(&account, amount).await;
        if !random.chance(if amount > 6_000 { 80 } else { 10 }) {
            let (now, due) = (START + Span::hours(place), START + Span::hours(place + 720));
            past.tell(&account, (now, repaid(&bought, due))).await;
        }
    }
    past.advance_to(day(100));
    past
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_gives_the_same_model_and_figures() {
    let past = two_hundred().await;
    let forest = "[forest]\ntrees = 10\nmin_leaf = 3\n";
    fs::write(past.path("spec.toml"), spec(&[LATE, forest].concat())).unwrap();
    for kind in ["scorecard", "forest"] {
        let ended = train(&past, kind, day(90));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(ended.err.contains("200 rows of the ledger\n"), "{}", ended.err);
        let figures: serde_json::Value = serde_json::from_str(ended.out.trim()).unwrap();
        assert!(figures["auc"].as_f64().unwrap() > 0.7, "{figures}");
        let model = fs::read_to_string(past.path("ledger.json")).unwrap();

        // The table's bytes are what the ledger's digest is of.
        let again = train_file(&past, kind, ("table.csv", "file.json"));
        assert_eq!((again.code, &again.out), (Some(0), &ended.out), "{}", again.err);
        assert_eq!(fs::read_to_string(past.path("file.json")).unwrap(), model);

        let mut command = surety("train");
        command.arg(kind).arg("--spec").arg(past.path("spec.toml"));
        command.arg("--from-ledger").arg(past.ledger()).args(["--as-of", &text(day(90))]);
        command.arg("--table").arg(past.path("table.csv.gz"));
        let zipped = run(command.arg("--out").arg(past.path("other.json")));
        assert_eq!(zipped.out, ended.out);
        assert_eq!(fs::read_to_string(past.path("other.json")).unwrap(), model);
        let unzipped = train_file(&past, kind, ("table.csv.gz", "zipped.json"));
        assert_eq!(unzipped.out, ended.out, "{}", unzipped.err);
        let of_zipped = fs::read_to_string(past.path("zipped.json")).unwrap();
        assert_eq!(without_digests(&of_zipped), without_digests(&model));

        let mut command = surety("evaluate");
        command.arg("--model").arg(past.path("ledger.json"));
        command.arg("--spec").arg(past.path("spec.toml")).args(["--as-of", "2026-04-05T10:00:00Z"]);
        let judged = run(command.arg("--from-ledger").arg(past.ledger()));
        assert_eq!(judged.code, Some(0), "{}", judged.err);
        let judged: serde_json::Value = serde_json::from_str(judged.out.trim()).unwrap();
        assert_eq!(judged["in_sample"], true, "the same ledger as of the same moment");
        assert_eq!(judged["rows"], figures["rows"]);
    }
    past.end().await;
}

fn without_digests(model: &str) -> serde_json::Value {
    let mut model: serde_json::Value = serde_json::from_str(model).unwrap();
    model["checksum"] = serde_json::Value::Null;
    model["training"]["data_sha256"] = serde_json::Value::Null;
    model
}

/// Refused with that code and these words; neither a model nor a table is left, not even half of
/// one.
fn refused(past: &Past, ended: &Ended, (code, words): (i32, &str)) {
    assert_eq!((ended.code, ended.out.as_str()), (Some(code), ""), "{words}: {}", ended.err);
    assert!(ended.err.contains(words), "no \"{words}\" in: {}", ended.err);
    let mut left: Vec<String> = fs::read_dir(past.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["data", "spec.toml"], "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_trained_on_is_told_and_leaves_nothing() {
    let mut past = Past::begin().await;
    let set = |spec: &str| fs::write(past.path("spec.toml"), spec).unwrap();
    set(&spec(MISUSE));
    let empty = train(&past, "scorecard", day(0));
    refused(&past, &empty, (2, "no row to train on: no approval was captured"));
    set(&spec(""));
    refused(&past, &train(&past, "forest", day(0)), (2, "the spec has no [outcome]"));
    set(&spec(MISUSE).replace("request.hour", "score.fraud"));
    refused(&past, &train(&past, "forest", day(0)), (2, "a ledger has no column \"score.fraud\""));
    set(&spec(&MISUSE.replace("within_days = 30", "within_days = 30\ndays_late = 3")));
    let told = "spec.toml:5:1: `days_late` belongs to kind late";
    refused(&past, &train(&past, "forest", day(0)), (2, told));
    set(&spec(MISUSE));

    let given = |arguments: &[&str]| {
        let mut command = surety("train");
        command.arg("scorecard").arg("--spec").arg(past.path("spec.toml"));
        run(command.arg("--out").arg(past.path("ledger.json")).args(arguments))
    };
    let (no_ledger, ledger) = (past.path("spec.toml"), past.ledger());
    let (no_ledger, ledger) = (no_ledger.to_str().unwrap(), ledger.to_str().unwrap());
    for (arguments, code, words) in [
        (&[][..], 2, "--data <FILE>"),
        (&["--data", "x.csv", "--from-ledger", ledger], 2, "cannot be used with"),
        (&["--data", "x.csv", "--as-of", "2026-01-05"], 2, "cannot be used with"),
        (&["--data", "x.csv", "--table", "t.csv"], 2, "cannot be used with"),
        (&["--from-ledger", ledger, "--as-of", "soon"], 2, "expected a time such as"),
        (&["--from-ledger", ledger, "--as-of", "2999-01-01"], 2, "lies in the future"),
        (&["--from-ledger", no_ledger], 2, "spec.toml cannot be read as one"),
        (&["--from-ledger", "nowhere/ledger.sqlite"], 1, "cannot read nowhere/ledger.sqlite"),
        (&["--from-ledger", ledger, "--table", "nowhere/t.csv"], 1, "cannot write nowhere/t.csv"),
    ] {
        refused(&past, &given(arguments), (code, words));
    }

    past.account("acc-1", 100_000).await;
    past.bought("acc-1", 4_000).await;
    past.advance_to(day(60));
    let one = run(surety("train")
        .args(["scorecard", "--spec"])
        .arg(past.path("spec.toml"))
        .arg("--from-ledger")
        .arg(past.ledger())
        .args(["--as-of", &text(day(60)), "--out"])
        .arg(past.path("ledger.json")));
    refused(&past, &one, (2, "one class only"));
    past.end().await;
}
