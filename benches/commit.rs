//! What a durable commit of decisions costs against plain inserts of the same rows: on SQLite one
//! multi-row insert a table through the same library, on PostgreSQL `pgbench` in pipeline mode.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, QueryBuilder, Row, Sqlite, SqliteConnection};
use surety::domain::Reference;
use surety::ledger::Place;
use tokio::runtime::Runtime;

use super::Call;
use super::ledger::{ACCOUNTS, Book};
use super::sample::Draw;

#[path = "../tests/servers/postgres.rs"]
pub mod server;

const CLIENTS: u64 = 64;
const RUN: Duration = Duration::from_secs(8);
const SMALL: Duration = Duration::from_millis(300);
/// Spreads numbers over all references, no two over the same.
const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
/// Sides take turns, so that both meet the same neighbours on the machine.
const ROUNDS: usize = 3;

/// Tables that a decision writes to, with the column that tells its rows apart.
const TABLES: [(&str, &str); 6] = [
    ("decisions", "decision_id"),
    ("reservations", "decision_id"),
    ("answers", "request_id"),
    ("signal_events", ""),
    ("raw_context", "decision_id"),
    ("links", "link"),
];

pub fn define(call: &Call) {
    let span = if call.small { SMALL } else { RUN };
    if call.wants("commit/sqlite") {
        Runtime::new().unwrap().block_on(sqlite(span, call.small));
    }
    if call.wants("commit/postgres") {
        Runtime::new().unwrap().block_on(postgres(span, call.small));
    }
}

async fn sqlite(span: Duration, small: bool) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let book = Arc::new(Book::open(&Place::file(&path), small).await);
    let plain = folder.path().join("plain.sqlite");
    surety::ledger::Ledger::open(&Place::file(&plain)).await.unwrap().close().await;
    let mut sample = open(&path).await;
    let mut inserts = open(&plain).await;
    ours(&book, span / 10).await;
    let rows = Rows::of(&mut sample).await;
    let mut next = 0;
    for _ in 0..ROUNDS {
        println!("commit/sqlite: a sync takes {:.2} ms", sync(folder.path()).as_secs_f64() * 1e3);
        let (committed, latency) = ours(&book, span).await;
        let begun = Instant::now();
        let mut inserted = 0;
        while begun.elapsed() < span {
            rows.insert(&mut inserts, &mut next, CLIENTS).await;
            inserted += CLIENTS;
        }
        let inserted = inserted as f64 / begun.elapsed().as_secs_f64();
        print("sqlite", (committed, latency), ("multi-row inserts", inserted));
        print_half("sqlite", arriving(&book, committed / 2.0, span).await);
    }
}

async fn postgres(span: Duration, small: bool) {
    let server = server::Postgres::start("");
    let address = server.database().await;
    let book = Arc::new(Book::open(&Place::parse(&address).unwrap(), small).await);
    ours(&book, span / 10).await;
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("insert.sql");
    std::fs::write(&script, pgbench_script(&address).await).unwrap();
    for _ in 0..ROUNDS {
        println!("commit/postgres: a sync takes {:.2} ms", sync(folder.path()).as_secs_f64() * 1e3);
        let (committed, latency) = ours(&book, span).await;
        let inserted = pgbench(&address, &script, span);
        print("postgres", (committed, latency), ("pgbench in pipeline mode", inserted));
        print_half("postgres", arriving(&book, committed / 2.0, span).await);
    }
}

fn print(engine: &str, (ours, latency): (f64, [f64; 2]), (name, theirs): (&str, f64)) {
    println!(
        "commit/{engine}: {ours:.0}/s with {CLIENTS} clients (p50 {:.1} ms, p99 {:.1} ms), \
         {name} {theirs:.0}/s: {:.2}",
        latency[0],
        latency[1],
        ours / theirs
    );
}

fn print_half(engine: &str, [p50, p99]: [f64; 2]) {
    println!("commit/{engine}: at half of that p50 {p50:.1} ms, p99 {p99:.1} ms");
}

/// Decisions a second with so many waiting clients, and the latencies at 50 and 99 % in ms.
async fn ours(book: &Arc<Book>, span: Duration) -> (f64, [f64; 2]) {
    let begun = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let book = Arc::clone(book);
            tokio::spawn(async move {
                let mut took = Vec::new();
                while begun.elapsed() < span {
                    let begun = Instant::now();
                    book.record().await;
                    took.push(begun.elapsed());
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for client in clients {
        took.extend(client.await.unwrap());
    }
    let rate = took.len() as f64 / begun.elapsed().as_secs_f64();
    (rate, percentiles(took))
}

/// Latencies of decisions that come by chance, `rate` of them a second, in ms at 50 and 99 %. Each
/// is counted from when it was to begin, so that a stall counts for all who wait for its end.
async fn arriving(book: &Arc<Book>, rate: f64, span: Duration) -> [f64; 2] {
    let begun = Instant::now();
    let (mut draw, mut due) = (Draw(5), Duration::ZERO);
    let mut calls = Vec::new();
    while due < span {
        due += Duration::from_secs_f64(-(1.0 - draw.part()).ln() / rate);
        let (book, intended) = (Arc::clone(book), begun + due);
        tokio::time::sleep_until(intended.into()).await;
        calls.push(tokio::spawn(async move {
            book.record().await;
            intended.elapsed()
        }));
    }
    let mut took = Vec::new();
    for call in calls {
        took.push(call.await.unwrap());
    }
    percentiles(took)
}

fn percentiles(mut took: Vec<Duration>) -> [f64; 2] {
    took.sort_unstable();
    [0.5, 0.99].map(|share| took[(took.len() as f64 * share) as usize].as_secs_f64() * 1e3)
}

/// Median of a few syncs of a file of our own in the same place.
fn sync(folder: &Path) -> Duration {
    use std::io::Write;
    let mut file = std::fs::File::create(folder.join("sync")).unwrap();
    let mut took: Vec<Duration> = (0..31)
        .map(|_| {
            file.write_all(&[0; 4096]).unwrap();
            let begun = Instant::now();
            file.sync_data().unwrap();
            begun.elapsed()
        })
        .collect();
    took.sort();
    took[took.len() / 2]
}

async fn open(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", "4000")
        .pragma("cache_size", "-16384")
        .connect()
        .await
        .unwrap()
}

/// A row of each table as a decision left it: its columns and their values.
struct Rows(Vec<(&'static str, Vec<(String, Value)>)>);

#[derive(Clone)]
enum Value {
    Text(String),
    Bytes(Vec<u8>),
    Number(Option<i64>),
}

impl Value {
    /// Of what SQLite's `quote` writes.
    fn parse(quoted: &str) -> Value {
        if let Some(text) = quoted.strip_prefix('\'') {
            return Value::Text(text.trim_end_matches('\'').replace("''", "'"));
        }
        match quoted.strip_prefix("X'") {
            Some(bytes) => Value::Bytes(bytes.as_bytes()[..(bytes.len() - 1) / 2].to_vec()),
            None => Value::Number(quoted.parse().ok()),
        }
    }
}

impl Rows {
    async fn of(sample: &mut SqliteConnection) -> Rows {
        let mut rows = Vec::new();
        for (table, _) in TABLES {
            let columns: Vec<String> = sqlx::query(AssertSqlSafe(format!(
                "SELECT name FROM pragma_table_info('{table}')"
            )))
            .fetch_all(&mut *sample)
            .await
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .filter(|column| column != "seq")
            .collect();
            let quoted: Vec<String> = columns.iter().map(|name| format!("quote({name})")).collect();
            let text = format!("SELECT {} FROM {table} LIMIT 1", quoted.join(", "));
            let row = sqlx::query(AssertSqlSafe(text)).fetch_one(&mut *sample).await.unwrap();
            let named = columns.into_iter().enumerate();
            let valued = named.map(|(place, name)| (name, Value::parse(row.get(place))));
            rows.push((table, valued.collect()));
        }
        Rows(rows)
    }

    /// One transaction with a statement of many rows a table, texts bound as ours are, for as many
    /// accounts as ours.
    async fn insert(&self, connection: &mut SqliteConnection, next: &mut u64, rows: u64) {
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *connection).await.unwrap();
        for ((table, columns), (_, own)) in self.0.iter().zip(TABLES) {
            let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
            let mut query =
                QueryBuilder::<Sqlite>::new(format!("INSERT INTO {table} ({}) ", names.join(", ")));
            query.push_values(0..rows, |mut row, number| {
                let id = *next + number;
                for (name, value) in columns {
                    if name == own && *table == "links" {
                        row.push_bind(id as i64 + 1);
                    } else if name == own || name == "decision_id" {
                        row.push_bind(format!("{id:08x}-0000-7000-8000-000000000000"));
                    } else if name == "reference" {
                        row.push_bind(Reference::from_random(id.wrapping_mul(ODD)).as_str());
                    } else if name == "holder" {
                        row.push_bind(format!("account-{}", id % ACCOUNTS));
                    } else {
                        match value.clone() {
                            Value::Text(text) => row.push_bind(text),
                            Value::Bytes(bytes) => row.push_bind(bytes),
                            Value::Number(number) => row.push_bind(number),
                        };
                    }
                }
            });
            query.build().persistent(false).execute(&mut *connection).await.unwrap();
        }
        sqlx::raw_sql("COMMIT").execute(&mut *connection).await.unwrap();
        *next += rows;
    }
}

/// A transaction that inserts the rows of one decision, its statements sent without waiting.
async fn pgbench_script(address: &str) -> String {
    let options: sqlx::postgres::PgConnectOptions = address.parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    // Links of a chain that nobody writes.
    let mut script = String::from(
        "\\set id random(1, 9000000000000000000)\n\\set link random(1, 9000000000000000000)\n\
         \\startpipeline\nBEGIN;\n",
    );
    for (table, own) in TABLES {
        let text = format!(
            "SELECT column_name FROM information_schema.columns
             WHERE table_name = '{table}' AND column_name <> 'seq' ORDER BY ordinal_position"
        );
        let rows = sqlx::query(AssertSqlSafe(text)).fetch_all(&mut connection).await.unwrap();
        let columns: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let quoted: Vec<String> =
            columns.iter().map(|column| format!("QUOTE_NULLABLE({column})")).collect();
        let text = format!("SELECT {} FROM {table} LIMIT 1", quoted.join(", "));
        let row = sqlx::query(AssertSqlSafe(text)).fetch_one(&mut connection).await.unwrap();
        let values: Vec<String> = columns
            .iter()
            .enumerate()
            .map(|(place, column)| match column.as_str() {
                "link" => ":link".to_owned(),
                "chain" => "0".to_owned(),
                "reference" => "CAST(:id AS TEXT)".to_owned(),
                _ if column == own => "CAST(:id AS TEXT)".to_owned(),
                _ => row.get::<String, _>(place).replace('\n', " ").replace(':', "|"),
            })
            .collect();
        script += &format!(
            "INSERT INTO {table} ({}) VALUES ({});\n",
            columns.join(", "),
            values.join(", ")
        );
    }
    script + "COMMIT;\n\\endpipeline\n"
}

fn pgbench(address: &str, script: &Path, span: Duration) -> f64 {
    let output = Command::new("pgbench")
        .args(["--no-vacuum", "--protocol=prepared", "--client=64", "--jobs=2", "--time"])
        .arg(span.as_secs().max(1).to_string())
        .arg("--file")
        .arg(script)
        .arg(address)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let tps = said.lines().find_map(|line| line.strip_prefix("tps = "));
    let tps = tps.and_then(|line| line.split(' ').next()).and_then(|tps| tps.parse().ok());
    tps.unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&output.stderr)))
}
