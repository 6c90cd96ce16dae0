//! Who may reach whom.

use serde_json::{Value, json};

use crate::render::{ALL, Rendered, list, render, render_with, selects};

fn policy(rendered: &Rendered) -> &Value {
    let server = |policy: &&Value| {
        policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "server"
    };
    rendered.all("NetworkPolicy").find(server).unwrap()
}

/// The rules for a port, of ingress or egress.
fn rules<'a>(rules: &'a Value, port: &Value) -> Vec<&'a Value> {
    let about = |rule: &&Value| list(&rule["ports"]).iter().any(|one| &one["port"] == port);
    list(rules).iter().filter(about).collect()
}

#[test]
fn no_rule_lets_everybody_in() {
    for values in ALL {
        let rendered = render(values);
        for policy in rendered.all("NetworkPolicy") {
            assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress", "Egress"]), "{values}");
            for rule in list(&policy["spec"]["ingress"]) {
                assert!(!list(&rule["ports"]).is_empty(), "{values}: every port is open");
                assert!(!list(&rule["from"]).is_empty(), "{values}: open to all: {rule}");
                for peer in list(&rule["from"]) {
                    let named = peer.as_object().unwrap().values().all(|selector| {
                        selector["cidr"].is_string()
                            || selector["matchLabels"].as_object().is_some_and(|l| !l.is_empty())
                    });
                    assert!(named, "{values}: {peer} selects everything");
                }
            }
            for rule in list(&policy["spec"]["egress"]) {
                assert!(!list(&rule["ports"]).is_empty(), "{values}: every port is open");
            }
        }
    }
}

#[test]
fn callers_are_named_and_monitoring_reads_metrics_only() {
    let default = render("default");
    let ingress = &policy(&default)["spec"]["ingress"];
    let label = json!({"podSelector": {"matchLabels": {"surety-client": "true"}}});
    assert_eq!(rules(ingress, &json!("grpc"))[0]["from"], json!([label]));
    let namespace = |name: &str| json!({"matchLabels": {"kubernetes.io/metadata.name": name}});
    let monitoring = json!([{"namespaceSelector": namespace("monitoring")}]);
    assert_eq!(rules(ingress, &json!("http"))[0]["from"], monitoring);

    let production = render("production");
    let callers = rules(&policy(&production)["spec"]["ingress"], &json!("grpc"))[0];
    let checkout = json!({
        "namespaceSelector": namespace("checkout"),
        "podSelector": {"matchLabels": {"app": "checkout"}},
    });
    let lending = json!({"namespaceSelector": namespace("lending")});
    assert_eq!(callers["from"], json!([checkout, lending]));
}

#[test]
fn the_test_pod_reaches_the_service_and_nothing_else() {
    for values in ALL {
        let rendered = render(values);
        let pod = &rendered.one("Pod", "-test")["metadata"]["labels"];
        let server = &rendered.workload()["spec"]["template"]["metadata"]["labels"];
        let lets_it_in = |rule: &&Value| {
            let peers = list(&rule["from"]).iter();
            let mut named = peers.map(|peer| &peer["podSelector"]["matchLabels"]);
            named.any(|labels| labels.is_object() && selects(labels, pod))
        };
        let ingress = list(&policy(&rendered)["spec"]["ingress"]);
        let open: Vec<&Value> = ingress.iter().filter(lets_it_in).collect();
        assert_eq!(open.len(), 1, "{values}");
        assert_eq!(open[0]["ports"], json!([{"protocol": "TCP", "port": "grpc"}]), "{values}");
        let own = rendered.one("NetworkPolicy", "-test");
        let egress = rules(&own["spec"]["egress"], &json!("grpc"));
        let to = &egress[0]["to"][0]["podSelector"]["matchLabels"];
        assert!(selects(to, server), "{values}");
    }
}

#[test]
fn pods_reach_names_and_stores_only() {
    let ports = |values: &str| {
        let rendered = render(values);
        let egress = list(&policy(&rendered)["spec"]["egress"]);
        let ports = egress.iter().flat_map(|rule| list(&rule["ports"]));
        ports.map(|port| port["port"].as_u64().unwrap()).collect::<Vec<u64>>()
    };
    assert_eq!(ports("embedded"), [53, 53]);
    assert_eq!(ports("minimal"), [53, 53, 5432]);
    assert_eq!(ports("default"), [53, 53, 5432, 6379]);
    assert_eq!(ports("production"), [53, 53, 5433, 6380, 6381, 4317]);
    assert_eq!(ports("all-on"), [53, 53, 5353, 5353, 5432, 6379, 443]);
}

#[test]
fn ports_come_from_the_addresses() {
    let cluster = "signals.url=redis+cluster://user@a:7000\\,b:7001\\,c";
    let rendered = render_with("default", &[cluster, "ledger.url=postgres://me@[2001:db8::1]/s"]);
    let egress = &policy(&rendered)["spec"]["egress"];
    let redis: Vec<&Value> =
        list(&rules(egress, &json!(7000))[0]["ports"]).iter().map(|port| &port["port"]).collect();
    assert_eq!(redis, [&json!(7000), &json!(7001), &json!(6379)]);
    assert_eq!(rules(egress, &json!(5432)).len(), 1);
}
