//! What a careful reader asks of a pod: Pod Security "restricted", and the checks of kube-linter.

use serde_json::Value;

use crate::render::list;

/// Every fault of a pod: its template, and whether it serves or only tests.
pub fn faults(pod: &Value, serves: bool) -> Vec<String> {
    let spec = &pod["spec"];
    let mut faults = Faults::default();
    faults.of_pod(spec);
    for kind in ["containers", "initContainers", "ephemeralContainers"] {
        for container in list(&spec[kind]) {
            faults.of_container(container, &spec["securityContext"]);
            if serves {
                faults.of_server(container);
            }
        }
    }
    if list(&spec["containers"]).is_empty() {
        faults.add("no container");
    }
    if serves {
        faults.of_placement(pod);
    }
    faults.found
}

#[derive(Default)]
struct Faults {
    found: Vec<String>,
}

impl Faults {
    fn add(&mut self, fault: &str) {
        self.found.push(fault.to_owned());
    }

    fn unless(&mut self, holds: bool, fault: &str) {
        if !holds {
            self.add(fault);
        }
    }

    fn of_pod(&mut self, spec: &Value) {
        for host in ["hostNetwork", "hostPID", "hostIPC"] {
            self.unless(spec[host] != true, host);
        }
        let security = &spec["securityContext"];
        self.unless(security["sysctls"].is_null(), "unsafe sysctls");
        self.unless(security["runAsNonRoot"] == true, "may run as root");
        self.unless(security["runAsUser"].as_u64() > Some(0), "no user, or root");
        let seccomp = &security["seccompProfile"]["type"];
        self.unless(seccomp == "RuntimeDefault", "seccomp of the pod is not RuntimeDefault");
        self.unless(spec["automountServiceAccountToken"] == false, "a token is mounted");
        self.unless(spec["serviceAccount"].is_null(), "deprecated service account field");
        let account = spec["serviceAccountName"].as_str().unwrap_or("default");
        self.unless(account != "default" && !account.is_empty(), "default service account");
        self.unless(spec["enableServiceLinks"] == false, "Services in the environment");
        for volume in list(&spec["volumes"]) {
            // A path of the host holds all that is sensitive: the socket of docker, /etc, /proc.
            let allowed = ["configMap", "projected", "emptyDir", "persistentVolumeClaim"];
            let known = allowed.iter().any(|kind| volume[*kind].is_object());
            self.unless(known, "a volume of the host, or of a kind that is not restricted");
            let scratch = volume["emptyDir"].is_object();
            let bounded = volume["emptyDir"]["sizeLimit"].is_string();
            self.unless(!scratch || bounded, "a scratch folder without a limit");
        }
    }

    fn of_container(&mut self, container: &Value, pod: &Value) {
        let security = &container["securityContext"];
        self.unless(security["privileged"] != true, "privileged");
        let escalation = &security["allowPrivilegeEscalation"];
        self.unless(*escalation == false, "privilege escalation");
        self.unless(security["readOnlyRootFilesystem"] == true, "writable root file system");
        self.unless(security["runAsNonRoot"] == true, "the container may run as root");
        let user = security["runAsUser"].as_u64().or(pod["runAsUser"].as_u64());
        self.unless(user > Some(0), "the container's user is root");
        let capabilities = &security["capabilities"];
        self.unless(list(&capabilities["drop"]).contains(&"ALL".into()), "keeps capabilities");
        self.unless(capabilities["add"].is_null(), "adds capabilities");
        let seccomp = &security["seccompProfile"]["type"];
        self.unless(seccomp == "RuntimeDefault", "seccomp is not RuntimeDefault");
        self.unless(container["env"].is_null(), "settings or secrets in the environment");
        self.unless(container["envFrom"].is_null(), "an environment of a Secret or ConfigMap");
        for (kind, resource) in
            [("requests", "cpu"), ("requests", "memory"), ("limits", "cpu"), ("limits", "memory")]
        {
            let said = container["resources"][kind][resource].is_string();
            self.unless(said, &format!("no {kind} of {resource}"));
        }
        let image = container["image"].as_str().unwrap_or_default();
        let file = image.rsplit('/').next().unwrap_or_default();
        let (_, tag) = file.split_once(':').unwrap_or_default();
        self.unless(!tag.is_empty() && !tag.starts_with("latest"), "no tag, or latest");
        for port in list(&container["ports"]) {
            let number = port["containerPort"].as_u64();
            self.unless(number != Some(22), "the port of ssh");
            self.unless(number >= Some(1024), "a port that needs a capability");
            self.unless(port["hostPort"].is_null(), "a port of the host");
        }
    }

    fn of_server(&mut self, container: &Value) {
        for (probe, path) in
            [("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")]
        {
            let get = &container[probe]["httpGet"];
            self.unless(get["path"] == path && get["port"] == "http", &format!("no {probe}"));
        }
        let slept = &container["lifecycle"]["preStop"]["sleep"]["seconds"];
        self.unless(slept.as_u64() > Some(0), "leaves before balancers know");
    }

    fn of_placement(&mut self, pod: &Value) {
        let (spec, labels) = (&pod["spec"], &pod["metadata"]["labels"]);
        let soft = "preferredDuringSchedulingIgnoredDuringExecution";
        let hard = "requiredDuringSchedulingIgnoredDuringExecution";
        let affinity = &spec["affinity"]["podAntiAffinity"];
        let terms = list(&affinity[soft]).iter().map(|term| &term["podAffinityTerm"]);
        let mut terms = terms.chain(list(&affinity[hard]));
        let own = |term: &Value| {
            let wanted = term["labelSelector"]["matchLabels"].as_object();
            let mut wanted = wanted.into_iter().flatten();
            term["topologyKey"] == "kubernetes.io/hostname"
                && wanted.all(|(key, value)| &labels[key] == value)
        };
        self.unless(terms.any(own), "no anti-affinity to its own kind");
        self.unless(!list(&spec["topologySpreadConstraints"]).is_empty(), "no topology spread");
        let checksum = &pod["metadata"]["annotations"]["checksum/config"];
        self.unless(checksum.is_string(), "a new config does not roll the pods");
    }
}
