//! A real Prometheus reads the metrics of a running service, and its own linter has no complaint.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::client::{Ask, Client};
use crate::http::get;
use crate::http_port::with_http;
use crate::sample;
use crate::server::Folder;

/// It scrapes once a second here; far more than it takes to begin with that.
const PATIENCE: Duration = Duration::from_secs(60);

/// Killed and waited for when dropped.
struct Prometheus {
    process: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    fn scraping(target: &str) -> Prometheus {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prometheus.yml");
        let job = format!("job_name: surety, static_configs: [{{targets: ['{target}']}}]");
        let text = format!("global: {{scrape_interval: 1s}}\nscrape_configs: [{{{job}}}]\n");
        std::fs::write(&config, text).unwrap();
        // It cannot be asked which port it took, so one that was free a moment ago is named.
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={free}"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("there is no prometheus: run the tests by tests/run, which installs it");
        Prometheus { process, address: free.to_string(), _folder: folder }
    }

    /// Asks until the answer is as expected.
    async fn answers(&self, query: &str, expected: &str) {
        let (begun, path) = (Instant::now(), format!("/api/v1/query?query={query}"));
        let mut answer = String::new();
        while begun.elapsed() < PATIENCE {
            if std::net::TcpStream::connect(&self.address).is_ok() {
                answer = get(&self.address, &path).1;
                if answer.contains(expected) {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("{query}: {answer}");
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended before.
        let _killed = self.process.kill();
        let _waited = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_scrapes_a_service_and_its_linter_is_content() {
    let folder = Folder::new();
    let server = folder.serve_by(with_http());
    let http = server.http();
    let mut client = Client::connect(&server.address).await.unwrap();
    client.upsert(sample::account("acc-1", 100_000)).await;
    let buy = Ask::buy(uuid::Uuid::now_v7().to_string(), sample::purchase("acc-1", 4_900));
    client.ask(&buy).await.unwrap();
    lint(&get(&http, "/metrics").1);

    let prometheus = Prometheus::scraping(&http);
    for (query, expected) in [
        ("up", r#","1"]"#),
        ("sum(surety_decisions_total)", r#","1"]"#),
        ("surety_calls_total{method='EvaluatePurchase'}", r#""code":"OK""#),
        ("sum(surety_stage_duration_seconds_count{stage='total'})", r#","1"]"#),
        ("min(surety_ready)", r#","1"]"#),
        ("process_resident_memory_bytes>1e6", r#""job":"surety""#),
    ] {
        prometheus.answers(&encoded(query), expected).await;
    }
    drop(prometheus);
    assert_eq!(server.stop().code, Some(0));
}

/// `promtool check metrics`, which tells of names, units and missing help.
fn lint(metrics: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("there is no promtool: run the tests by tests/run, which installs it");
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let status = promtool.wait().unwrap();
    let mut told = String::new();
    promtool.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    promtool.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(status.success() && told.is_empty(), "{told}");
}

fn encoded(query: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.()".contains(&byte);
    let encode = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    query.bytes().map(encode).collect()
}
