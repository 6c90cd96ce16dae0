//! What a durable commit of decisions costs against plain inserts of the same rows: on SQLite one
//! multi-row insert a table through the same library, on PostgreSQL `pgbench` in pipeline mode.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, QueryBuilder, Row, Sqlite, SqliteConnection};
use surety::ledger::Place;
use tokio::runtime::Runtime;

use super::Call;
use super::ledger::Book;

#[path = "../tests/servers/postgres.rs"]
pub mod server;

const CLIENTS: u64 = 64;
const RUN: Duration = Duration::from_secs(8);
const SMALL: Duration = Duration::from_millis(300);
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
    took.sort();
    let at = |share: f64| took[(took.len() as f64 * share) as usize].as_secs_f64() * 1e3;
    (rate, [at(0.5), at(0.99)])
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
        .pragma("cache_size", "-65536")
        .connect()
        .await
        .unwrap()
}

/// A row of each table as a decision left it: its columns, and its values as SQL writes them.
struct Rows(Vec<(&'static str, String, Vec<String>, Option<usize>)>);

impl Rows {
    async fn of(sample: &mut SqliteConnection) -> Rows {
        let mut rows = Vec::new();
        for (table, own) in TABLES {
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
            let quoted: Vec<String> =
                columns.iter().map(|column| format!("quote({column}) AS {column}")).collect();
            let text = format!("SELECT {} FROM {table} LIMIT 1", quoted.join(", "));
            let row = sqlx::query(AssertSqlSafe(text)).fetch_one(&mut *sample).await.unwrap();
            let values = (0..columns.len()).map(|place| row.get(place)).collect();
            let own = columns.iter().position(|column| column == own);
            rows.push((table, columns.join(", "), values, own));
        }
        Rows(rows)
    }

    /// One transaction with a statement of many rows a table, texts bound as ours are.
    async fn insert(&self, connection: &mut SqliteConnection, next: &mut u64, rows: u64) {
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *connection).await.unwrap();
        for (table, columns, values, own) in &self.0 {
            let mut query =
                QueryBuilder::<Sqlite>::new(format!("INSERT INTO {table} ({columns}) "));
            query.push_values(0..rows, |mut row, number| {
                let id = *next + number;
                for (place, value) in values.iter().enumerate() {
                    let is_reference = *table == "decisions" && place == 1;
                    if Some(place) == *own && *table == "links" {
                        row.push_bind(id as i64 + 1);
                    } else if Some(place) == *own {
                        row.push_bind(format!("{id:08x}-0000-7000-8000-000000000000"));
                    } else if is_reference {
                        row.push_bind(format!("{id:08}"));
                    } else if let Some(text) = value.strip_prefix('\'') {
                        row.push_bind(text.trim_end_matches('\'').replace("''", "'"));
                    } else if let Some(bytes) = value.strip_prefix("X'") {
                        row.push_bind(bytes.as_bytes()[..(bytes.len() - 1) / 2].to_vec());
                    } else {
                        row.push_bind(value.parse::<i64>().ok());
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
