//! Pods, and what has to be around them: every check of `checks` and of the objects beside.

use serde_json::{Value, json};

use crate::checks::faults;
use crate::render::{ALL, Rendered, list, name, render, render_with, selects};

/// Values in which several processes are one service.
const SEVERAL: [&str; 3] = ["default", "production", "all-on"];

/// Every pod of a release, and whether it serves.
fn pods(rendered: &Rendered) -> Vec<(&Value, bool)> {
    let tests = rendered.all("Pod").map(|pod| (pod, false));
    std::iter::once((&rendered.workload()["spec"]["template"], true)).chain(tests).collect()
}

#[test]
fn no_pod_has_a_fault() {
    for values in ALL {
        let rendered = render(values);
        let pods = pods(&rendered);
        assert_eq!(pods.len(), 2, "{values}: the service and its test");
        for (pod, serves) in pods {
            assert_eq!(faults(pod, serves), Vec::<String>::new(), "{values}");
        }
    }
}

/// Each check goes red when its line is removed or turned.
#[test]
fn each_fault_of_a_pod_would_be_found() {
    let rendered = render("default");
    let good = &rendered.workload()["spec"]["template"];
    let container = "/spec/containers/0";
    let changes: [(&str, Value); 28] = [
        ("/spec/securityContext/runAsNonRoot", Value::Null),
        ("/spec/securityContext/runAsUser", json!(0)),
        ("/spec/securityContext/seccompProfile", Value::Null),
        ("/spec/automountServiceAccountToken", Value::Null),
        ("/spec/serviceAccountName", json!("default")),
        ("/spec/enableServiceLinks", Value::Null),
        ("/spec/volumes/0", json!({"hostPath": {"path": "/var/run/docker.sock"}})),
        ("/spec/volumes/2", json!({"emptyDir": {}})),
        ("/spec/affinity/podAntiAffinity", Value::Null),
        ("/spec/topologySpreadConstraints", json!([])),
        ("/metadata/annotations/checksum~1config", Value::Null),
        ("{}/securityContext/privileged", json!(true)),
        ("{}/securityContext/allowPrivilegeEscalation", Value::Null),
        ("{}/securityContext/readOnlyRootFilesystem", Value::Null),
        ("{}/securityContext/runAsNonRoot", Value::Null),
        ("{}/securityContext/capabilities/drop", json!(["NET_RAW"])),
        ("{}/securityContext/capabilities", json!({"drop": ["ALL"], "add": ["NET_ADMIN"]})),
        ("{}/securityContext/seccompProfile", Value::Null),
        ("{}/resources/requests/cpu", Value::Null),
        ("{}/resources/requests/memory", Value::Null),
        ("{}/resources/limits/cpu", Value::Null),
        ("{}/resources/limits/memory", Value::Null),
        ("{}/image", json!("registry.example:5000/surety")),
        ("{}/image", json!("surety:latest")),
        ("{}/ports/0/containerPort", json!(22)),
        ("{}/readinessProbe", Value::Null),
        ("{}/livenessProbe", Value::Null),
        ("{}/startupProbe/httpGet/path", json!("/readyz")),
    ];
    for (path, value) in changes {
        let mut bad = good.clone();
        *bad.pointer_mut(&path.replace("{}", container)).expect(path) = value;
        assert_ne!(faults(&bad, true), Vec::<String>::new(), "{path}");
    }
    for (field, value) in [
        ("hostNetwork", json!(true)),
        ("hostPID", json!(true)),
        ("hostIPC", json!(true)),
        ("serviceAccount", json!("surety")),
    ] {
        let mut bad = good.clone();
        bad["spec"][field] = value;
        assert_ne!(faults(&bad, true), Vec::<String>::new(), "{field}");
    }
    let mut bad = good.clone();
    bad["spec"]["containers"][0]["env"] = json!([{"name": "PASSWORD", "value": "x"}]);
    assert_ne!(faults(&bad, true), Vec::<String>::new(), "a password in the environment");
}

#[test]
fn every_selector_finds_the_service_and_nothing_else() {
    for values in ALL {
        let rendered = render(values);
        let labels = &rendered.workload()["spec"]["template"]["metadata"]["labels"];
        let test = &rendered.one("Pod", "-test")["metadata"]["labels"];
        let selector = &rendered.workload()["spec"]["selector"]["matchLabels"];
        assert!(selects(selector, labels) && !selects(selector, test), "{values}");
        assert_eq!(rendered.all("Service").count(), 3, "{values}");
        for service in rendered.all("Service") {
            let selector = &service["spec"]["selector"];
            assert!(selects(selector, labels), "{values}: {} dangles", name(service));
            assert!(!selects(selector, test), "{values}: {} leads to the test", name(service));
        }
        for pod in [labels, test] {
            let isolated =
                |policy: &Value| selects(&policy["spec"]["podSelector"]["matchLabels"], pod);
            assert!(rendered.all("NetworkPolicy").any(isolated), "{values}: a pod without policy");
        }
    }
}

/// The pod of `helm test` runs the service's own image, which asks the Service as a caller would.
#[test]
fn the_test_asks_the_service_for_its_health() {
    let expected = [
        ("default", "https://surety.risk.svc:50051", ""),
        ("minimal", "http://surety.risk.svc:50051", ""),
        ("all-on", "https://", "--tls-ca /etc/surety/secrets/ca.crt --tls-name surety.example"),
    ];
    for (values, target, more) in expected {
        let rendered = render(values);
        let pod = &rendered.one("Pod", "-test")["spec"];
        let (server, own) = (
            &rendered.workload()["spec"]["template"]["spec"]["containers"][0],
            &pod["containers"][0],
        );
        assert_eq!(own["image"], server["image"], "{values}");
        assert!(own["command"].is_null(), "{values}: another program");
        let words: Vec<&str> =
            list(&own["args"]).iter().map(|word| word.as_str().unwrap()).collect();
        let line = words.join(" ");
        assert!(line.starts_with(&format!("health --target {target}")), "{values}: {line}");
        assert!(line.ends_with(more), "{values}: {line}");
        let callers = |service: &&Value| service["spec"]["clusterIP"].is_null();
        let service = &rendered.all("Service").find(callers).unwrap()["spec"]["ports"][0]["port"];
        assert!(line.contains(&format!(".svc:{service}")), "{values}: {line}");
        // What is named is mounted, and nothing else of the Secret.
        let mounted = list(&pod["volumes"]).iter().map(|volume| {
            let items = &volume["projected"]["sources"][0]["secret"]["items"];
            (items[0]["key"].as_str().unwrap(), list(items).len())
        });
        let mounted: Vec<(&str, usize)> = mounted.collect();
        let wanted = if more.is_empty() { vec![] } else { vec![("tls-ca.pem", 1)] };
        assert_eq!(mounted, wanted, "{values}");
    }
}

#[test]
fn every_port_that_is_named_is_there() {
    for values in ALL {
        let rendered = render(values);
        let container = &rendered.workload()["spec"]["template"]["spec"]["containers"][0];
        let names: Vec<&Value> = list(&container["ports"]).iter().map(|p| &p["name"]).collect();
        for service in rendered.all("Service") {
            for port in list(&service["spec"]["ports"]) {
                assert!(names.contains(&&port["targetPort"]), "{values}: {port}");
            }
        }
        let headless = &rendered.one("Service", "-headless")["spec"];
        assert_eq!(headless["clusterIP"], "None");
        assert_eq!(headless["ports"][0]["port"], container["ports"][0]["containerPort"]);
        for monitor in rendered.all("ServiceMonitor") {
            let service = rendered.one("Service", "-metrics");
            let selector = &monitor["spec"]["selector"]["matchLabels"];
            let chosen = |service: &&Value| selects(selector, &service["metadata"]["labels"]);
            assert_eq!(rendered.all("Service").find(chosen), Some(service), "{values}");
            let scraped = &monitor["spec"]["endpoints"][0]["port"];
            assert_eq!(scraped, &service["spec"]["ports"][0]["name"], "{values}");
        }
    }
}

#[test]
fn the_account_exists_and_has_no_token() {
    for values in ALL {
        let rendered = render(values);
        let account = rendered.one("ServiceAccount", "");
        assert_eq!(account["automountServiceAccountToken"], false);
        for (pod, _) in pods(&rendered) {
            assert_eq!(pod["spec"]["serviceAccountName"], name(account), "{values}");
        }
    }
}

#[test]
fn the_grace_period_is_longer_than_the_drain() {
    for values in ALL {
        let rendered = render(values);
        let spec = &rendered.workload()["spec"]["template"]["spec"];
        let slept = &spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"];
        let drain =
            rendered.config().lines().find_map(|line| line.strip_prefix("drain-seconds = "));
        let drain: u64 = drain.unwrap().parse().unwrap();
        let grace = spec["terminationGracePeriodSeconds"].as_u64().unwrap();
        assert!(grace > slept.as_u64().unwrap() + drain, "{values}: {grace} s");
    }
}

#[test]
fn several_replicas_outlive_a_drain_and_a_new_version() {
    for values in SEVERAL {
        let rendered = render(values);
        let spec = &rendered.workload()["spec"];
        assert_eq!(spec["strategy"]["type"], "RollingUpdate", "{values}");
        assert_eq!(spec["strategy"]["rollingUpdate"]["maxUnavailable"], 0, "{values}");
        let labels = &spec["template"]["metadata"]["labels"];
        let budget = &rendered.one("PodDisruptionBudget", "")["spec"];
        assert!(selects(&budget["selector"]["matchLabels"], labels), "{values}");
        let scaler = rendered.all("HorizontalPodAutoscaler").next();
        let least = match scaler {
            Some(scaler) => &scaler["spec"]["minReplicas"],
            None => &spec["replicas"],
        };
        assert!(least.as_u64() >= Some(3), "{values}: {least} replicas");
        assert_eq!(spec["replicas"].is_null(), scaler.is_some(), "{values}: two say how many");
        if let Some(scaler) = scaler {
            assert_eq!(scaler["spec"]["scaleTargetRef"]["name"], name(rendered.workload()));
        }
    }
}

#[test]
fn one_replica_that_keeps_its_signals_is_replaced_not_joined() {
    let rendered = render("minimal");
    assert_eq!(rendered.workload()["spec"]["strategy"], json!({"type": "Recreate"}));
    assert_eq!(rendered.all("PodDisruptionBudget").count(), 0, "it would block every drain");
}

#[test]
fn an_embedded_ledger_is_one_process_with_a_volume() {
    let rendered = render("embedded");
    let set = rendered.workload();
    assert_eq!(set["kind"], "StatefulSet");
    assert_eq!(set["spec"]["replicas"], 1);
    assert_eq!(set["spec"]["serviceName"], name(rendered.one("Service", "-headless")));
    let claim = &set["spec"]["volumeClaimTemplates"][0];
    let mounts = list(&set["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]);
    let data = mounts.iter().find(|mount| mount["name"] == claim["metadata"]["name"]).unwrap();
    let folder = data["mountPath"].as_str().unwrap();
    assert!(rendered.config().contains(&format!("data = \"{folder}/")), "the data is elsewhere");
    assert_eq!(rendered.all("HorizontalPodAutoscaler").count(), 0);
    assert_eq!(rendered.all("PodDisruptionBudget").count(), 0);
    assert_eq!(rendered.all("Deployment").count(), 0);
}

#[test]
fn a_new_setting_or_policy_rolls_the_pods() {
    let annotations = |set: &[&str]| {
        let rendered = render_with("default", set);
        rendered.workload()["spec"]["template"]["metadata"]["annotations"].clone()
    };
    let before = annotations(&[]);
    assert_eq!(before, annotations(&["service.type=NodePort"]), "rolled for nothing");
    assert_ne!(before, annotations(&["config.max-connections=9"]));
    assert_ne!(before, annotations(&["playbook.policy.content=version = \"1\""]));
}
