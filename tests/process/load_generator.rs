//! `surety load` against a running service: what it counts is what happened.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use surety::grpc::pb;
use surety::grpc::pb::risk_decision_service_client::RiskDecisionServiceClient;
use surety::load::Arrivals;

use crate::child::{Ended, Running, run, surety};
use crate::server::{Folder, Server};

/// Of a few accounts, without a warm-up, with JSON at the end.
fn load(address: &str, options: &str) -> Command {
    let mut command = surety("load");
    command.args(["--url", &format!("http://{address}"), "--accounts", "100"]);
    command.args(["--warm-up", "0s", "--format", "json"]);
    command.args(options.split_whitespace());
    command
}

fn report(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {}", ended.err))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no count: {value}"))
}

/// Sent is answered or an error, in all and of each kind; every answered request has an outcome.
fn assert_adds_up(report: &Value) {
    let mut sums = [0; 3];
    let mut requests = 0;
    for (kind, calls) in report["kinds"].as_object().unwrap() {
        let [sent, answered, errors] =
            ["sent", "answered", "errors"].map(|part| number(&calls[part]));
        assert_eq!(sent, answered + errors, "{kind}: {calls}");
        assert_eq!(answered, number(&calls["latency_us"]["count"]), "{kind}: {calls}");
        sums = [sums[0] + sent, sums[1] + answered, sums[2] + errors];
        if let Some(outcomes) = calls["outcomes"].as_object() {
            assert_eq!(outcomes.values().map(number).sum::<u64>(), answered, "{kind}: {calls}");
            requests += sent;
        }
    }
    assert_eq!(sums, ["sent", "answered", "errors"].map(|part| number(&report[part])));
    assert_eq!(number(&report["arrivals"]), requests + number(&report["not_sent"]));
    assert_eq!(number(&report["latency"]["all_us"]["count"]), sums[0]);
    let by_code = report["errors_by_code"].as_array().unwrap();
    assert_eq!(by_code.iter().map(|error| number(&error["count"])).sum::<u64>(), sums[2]);
}

#[test]
fn a_closed_loop_counts_every_call() {
    let folder = Folder::new();
    let server = folder.serve();
    let out = folder.path("report.json");
    let mut command = load(&server.address, "--clients 8 --duration 2s --timeout 30s --output");
    let ended = run(command.arg(&out));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let report = report(&ended);
    assert_adds_up(&report);
    assert_eq!(std::fs::read_to_string(out).unwrap(), ended.out);
    assert_eq!(number(&report["errors"]), 0, "{report:#}");
    assert_eq!(report["pace"]["closed"]["clients"], 8);
    for kind in ["purchase", "one_time_card", "retry", "confirm", "cancel"] {
        assert!(number(&report["kinds"][kind]["answered"]) > 0, "no {kind}: {report:#}");
    }
    for outcome in ["APPROVED", "DECLINED", "MANUAL_REVIEW"] {
        assert!(number(&report["outcomes"][outcome]) > 0, "no {outcome}: {report:#}");
    }
    let retries = &report["retries"];
    assert!(number(&retries["same"]) > 0, "{retries}");
    assert_eq!(number(&retries["different"]), 0, "{retries}");
    assert!(report["cpu_seconds"].as_f64().unwrap() > 0.0);
    assert!(report["cpu_micros_per_call"].as_f64().unwrap() > 0.0);
    let all = &report["latency"]["all_us"];
    let steps = ["p50", "p90", "p99", "p99.9", "p99.99", "max"].map(|step| number(&all[step]));
    assert!(steps.is_sorted() && steps[0] > 0, "{all}");

    // The accounts are found again; another seed, or the requests would be duplicates.
    let mut again = surety("load");
    again.args(["--url", &format!("http://{}", server.address), "--accounts", "100"]);
    let options = "--warm-up 100ms --duration 300ms --clients 1 --seed 2 --timeout 30s";
    let ended = run(again.args(options.split_whitespace()));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    for word in ["closed loop, 1 clients", "p99.99", "APPROVED", "same answer", "processor time"] {
        assert!(ended.out.contains(word), "no \"{word}\" in\n{}", ended.out);
    }
}

/// Stops the process and lets it go on when dropped.
struct Stopped<'s>(&'s Server);

impl Stopped<'_> {
    fn stop(server: &Server) -> Stopped<'_> {
        send("-STOP", server.pid());
        Stopped(server)
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        send("-CONT", self.0.pid());
    }
}

fn send(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

#[tokio::test]
async fn an_open_loop_charges_a_stall_to_all_that_came_in_meanwhile() {
    const STALL: Duration = Duration::from_millis(1_500);
    const DURATION: Duration = Duration::from_secs(4);
    let folder = Folder::new();
    let server = folder.serve();
    let options = format!("--rate 50 --seed 3 --timeout 30s --duration {}s", DURATION.as_secs());
    let running = Running::start(&mut load(&server.address, &options));
    running.logged("measuring");
    first_decision(&server.address).await;
    let stopped = Stopped::stop(&server);
    // The stall is the point: nothing is waited for.
    tokio::time::sleep(STALL).await;
    drop(stopped);
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let report = report(&ended);
    assert_adds_up(&report);
    let due = Arrivals::new(3, 50.0).take_while(|time| *time < DURATION).count() as u64;
    assert_eq!(number(&report["arrivals"]), due, "some arrivals were left out");
    assert_eq!(number(&report["not_sent"]), 0);
    assert_eq!(number(&report["errors"]), 0, "{report:#}");
    // A third of the requests came in meanwhile and waited half of it on average; those that wait
    // for an answer before they ask would have had one slow call each.
    let latency = &report["latency"]["all_us"];
    let stall = STALL.as_micros() as u64;
    assert!(number(&latency["max"]) > stall * 9 / 10, "{latency}");
    assert!(number(&latency["p99"]) > stall * 8 / 10, "{latency}");
    assert!(number(&latency["p90"]) > stall / 4, "{latency}");
}

#[tokio::test]
async fn what_is_due_beyond_the_bound_is_told() {
    let folder = Folder::new();
    let server = folder.serve();
    let options = "--rate 200 --outstanding 5 --duration 2s --timeout 30s";
    let running = Running::start(&mut load(&server.address, options));
    running.logged("measuring");
    first_decision(&server.address).await;
    let stopped = Stopped::stop(&server);
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(stopped);
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let report = report(&ended);
    assert_adds_up(&report);
    assert!(number(&report["not_sent"]) > 50, "{report:#}");
}

#[tokio::test]
async fn ctrl_c_ends_it_early_with_its_result() {
    let folder = Folder::new();
    let server = folder.serve();
    let running = Running::start(&mut load(&server.address, "--rate 50 --duration 1h"));
    running.logged("measuring");
    first_decision(&server.address).await;
    send("-INT", running.pid());
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let report = report(&ended);
    assert_adds_up(&report);
    assert_eq!(report["ended_early"], true);
    assert!(number(&report["answered"]) > 0);
}

#[tokio::test]
async fn a_call_that_is_not_answered_in_time_is_an_error() {
    let folder = Folder::new();
    let server = folder.serve();
    let options = "--rate 50 --duration 2s --timeout 300ms";
    let running = Running::start(&mut load(&server.address, options));
    running.logged("measuring");
    first_decision(&server.address).await;
    let stopped = Stopped::stop(&server);
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    drop(stopped);
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let report = report(&ended);
    assert_adds_up(&report);
    let errors = report["errors_by_code"].as_array().unwrap();
    let late = errors.iter().filter(|error| error["code"] == "DEADLINE_EXCEEDED");
    assert!(late.map(|error| number(&error["count"])).sum::<u64>() > 10, "{errors:?}");
    assert!(errors.iter().all(|error| error["code"] != "CANCELLED"), "{errors:?}");
}

#[test]
fn what_cannot_be_is_said_at_once() {
    let folder = Folder::new();
    let token = folder.path("token");
    std::fs::write(&token, "two words\n").unwrap();
    let token = format!("--clients 1 --token-file {}", token.display());
    let pem = folder.path("no.pem");
    std::fs::write(&pem, "no certificate\n").unwrap();
    let pem = format!("--clients 1 --url https://127.0.0.1:1 --cert {0} --key {0}", pem.display());
    for (options, code, words) in [
        ("", 2, "--rate"),
        ("--rate 5 --clients 5", 2, "cannot be used with"),
        ("--clients 0", 2, "--clients"),
        ("--clients 5 --outstanding 5", 2, "cannot be used with"),
        ("--rate 0", 2, "above 0"),
        ("--rate 5 --duration 0s", 2, "more than nothing"),
        ("--rate 5 --duration 5", 2, "ms, s, m or h"),
        ("--rate 5 --url localhost:1", 2, "expected http://host:port"),
        ("--rate 5 --accounts 0", 2, "--accounts"),
        ("--rate 5 --cert a.pem", 2, "--key"),
        ("--rate 5 --ca a.pem", 2, "https"),
        ("--rate 5 --token-file /nowhere/token", 2, "/nowhere/token"),
        (token.as_str(), 2, "expected one token"),
        ("--rate 5 --output /nowhere/report.json", 2, "/nowhere/report.json"),
        (pem.as_str(), 2, "credentials: "),
        // A port that nobody listens on.
        ("--rate 5 --url http://127.0.0.1:1", 1, "cannot reach http://127.0.0.1:1/"),
    ] {
        let ended = run(surety("load").args(options.split_whitespace()));
        assert_eq!(ended.code, Some(code), "{options}: {}", ended.err);
        assert!(ended.err.contains(words), "{options}: {}", ended.err);
        assert_eq!(ended.out, "", "{options}");
    }
}

#[test]
fn a_port_where_nobody_answers_is_told_before_anything_is_measured() {
    // Connections are made by the system, and nobody ever takes them.
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = deaf.local_addr().unwrap().to_string();
    let ended = run(&mut load(&address, "--clients 1 --skip-setup"));
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("no answer within"), "{}", ended.err);
    assert_eq!(ended.out, "");
}

#[test]
fn a_service_that_refuses_everything_is_a_failure() {
    let folder = Folder::new();
    let server = folder.serve();
    let options = "--clients 2 --duration 200ms --skip-setup --caller a/b";
    let ended = run(&mut load(&server.address, options));
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let why = "no call was answered: INVALID_ARGUMENT FIELD_INVALID";
    assert!(ended.err.contains(why), "{}", ended.err);
    let report = report(&ended);
    assert_adds_up(&report);
    for error in report["errors_by_code"].as_array().unwrap() {
        assert_eq!(
            (&error["code"], &error["reason"]),
            (&"INVALID_ARGUMENT".into(), &"FIELD_INVALID".into())
        );
    }
    assert!(number(&report["errors"]) > 0);
}

/// Waits until the service has decided something for the busiest shop.
async fn first_decision(address: &str) {
    let mut client = RiskDecisionServiceClient::connect(format!("http://{address}")).await.unwrap();
    loop {
        let request = pb::ListDecisionsRequest {
            merchant_id: "load-m-0".to_owned(),
            ..pb::ListDecisionsRequest::default()
        };
        let page = client.list_decisions(request).await.unwrap().into_inner();
        if !page.decisions.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
