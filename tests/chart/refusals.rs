//! What is not rendered, and what is said then.

use crate::render::{CHART, try_render};
use crate::tools::helm;

/// Rendered with these values on top, the chart says this.
const REFUSED: [(&str, &[&str], &str); 22] = [
    (
        "default",
        &["ledger.url="],
        "ledger.url: expected postgres://USER@HOST/DATABASE, or embedded",
    ),
    ("default", &["ledger.url=sqlite:/data/x"], "ledger.url: expected postgres://"),
    ("default", &["ledger.url=postgres://me:secret@db/surety"], "ledger.url: holds a password"),
    ("default", &["ledger.url=postgres://db/surety?password=x"], "ledger.url: holds a password"),
    ("default", &["signals.url="], "signals.url: expected the address of a Redis"),
    ("default", &["signals.url=http://cache"], "signals.url: expected redis://"),
    ("default", &["signals.url=redis://:secret@cache"], "signals.url: holds a password"),
    ("default", &["signals.caSecret.name=ca"], "signals.caSecret: expected a signals.url with TLS"),
    ("default", &["keys.party.name="], "keys.party.name: expected a Secret"),
    ("default", &["keys.stepUp.name="], "keys.stepUp.name: expected a Secret"),
    ("default", &["tls.secret.name="], "grpc.host 0.0.0.0 is beyond loopback"),
    ("default", &["plaintext=true"], "plaintext and tls.secret.name: expected one of them"),
    ("minimal", &["tls.clientCaSecret.name=ca"], "expected tls.secret.name as well"),
    ("default", &["http.port=50051"], "grpc.port and http.port: expected two ports"),
    ("minimal", &["replicaCount=2"], "signals.url: expected the address of a Redis"),
    ("minimal", &["autoscaling.enabled=true"], "signals.url: expected the address of a Redis"),
    ("embedded", &["replicaCount=2"], "replicaCount: 2 with embedded.enabled; expected 1"),
    ("embedded", &["autoscaling.enabled=true"], "autoscaling.enabled with embedded.enabled"),
    ("embedded", &["ledger.url=postgres://db/surety"], "embedded.enabled and ledger.url"),
    ("embedded", &["signals.url=redis://cache"], "keys.party.name: expected a Secret"),
    ("all-on", &["playbook.reasons.content=x"], "playbook.reasons: expected one of content"),
    ("all-on", &["prometheusRule.disabled={SuretyNoise}"], "there is no alert SuretyNoise"),
];

#[test]
fn what_cannot_run_is_not_rendered() {
    for (values, set, message) in REFUSED {
        let said = try_render(values, set);
        assert!(!said.content, "{values} with {set:?} was rendered");
        assert!(said.all.contains(message), "{values} with {set:?}:\n{}", said.all);
    }
}

#[test]
fn nothing_but_loopback_needs_no_certificate() {
    for host in ["127.0.0.1", "[::1]"] {
        let set = ["tls.secret.name=", &format!("grpc.host={host}")];
        try_render("default", &set).expect_content(host);
    }
}

#[test]
fn a_plain_install_is_told_all_that_is_missing() {
    let said = helm(&["template", "surety", CHART]);
    for missing in ["ledger.url:", "signals.url:", "tls.secret.name:"] {
        assert!(!said.content && said.all.contains(missing), "{missing}\n{}", said.all);
    }
}

/// Refused by the schema before anything is rendered.
const WRONG: [(&str, &str); 15] = [
    ("replicaCont=3", "replicaCont"),
    ("ledger.uri=x", "uri"),
    ("ledger.password=x", "password"),
    ("config.max-connection=5", "max-connection"),
    ("config.ledger=postgres://me:secret@db/x", "ledger"),
    ("config.max-connections=many", "max-connections"),
    ("config.keep-decisions=2years", "keep-decisions"),
    ("replicaCount=0", "replicaCount"),
    ("image.tag=latest", "tag"),
    ("grpc.port=443", "port"),
    ("grpc.host=example.com", "host"),
    ("networkPolicy.clients[0].namespase=checkout", "namespase"),
    ("podAntiAffinity=none", "podAntiAffinity"),
    ("resources.limits.memory=lots", "memory"),
    ("prometheusRule.overrides.SuretyLatencyHigh.form=5m", "form"),
];

#[test]
fn what_is_misspelt_or_of_a_wrong_type_is_refused() {
    for (set, key) in WRONG {
        let said = try_render("default", &[set]);
        assert!(!said.content, "{set} was taken");
        let named = said.all.contains(key) && said.all.contains("schema");
        assert!(named, "{set}:\n{}", said.all);
    }
}
