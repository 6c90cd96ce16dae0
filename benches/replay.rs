//! A whole file replayed: how fast, how near to the golden features, how well the spending score
//! ranks misused cards. The data is not in the repository: `--data FOLDER` names where it lies.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use flate2::read::MultiGzDecoder;
use surety::domain::Span;
use surety::lab::replay::{Columns, Options, Summary, replay};
use surety::signals::EmbeddedConfig;

use super::judge::{Distance, Ranking, check};
use super::sample::Stream;
use super::{Call, sample};

const TRANSACTIONS: &str = "handbook-transactions.csv.gz";
const GOLDEN: &str = "handbook-features-golden.csv.gz";
const COLUMNS: &str = "id=transaction_id,account=customer_id,merchant=terminal_id,\
                       amount=amount,time=tx_datetime,label=is_fraud";
const ROWS: u64 = 1_466_282;
/// 2018-08-08, the day of the golden features.
const GOLDEN_DAY: i64 = 1_533_686_400;
const DAY: i64 = 86_400;
/// Starts of the weeks in which the spending score is judged, 2018-07-11 to 2018-08-22.
const WEEKS: [(&str, i64); 7] = [
    ("07-11", GOLDEN_DAY - 28 * DAY),
    ("07-18", GOLDEN_DAY - 21 * DAY),
    ("07-25", GOLDEN_DAY - 14 * DAY),
    ("08-01", GOLDEN_DAY - 7 * DAY),
    ("08-08", GOLDEN_DAY),
    ("08-15", GOLDEN_DAY + 7 * DAY),
    ("08-22", GOLDEN_DAY + 14 * DAY),
];
/// Our features by those of the golden file: equal counts, equal means, counts from buckets.
const COUNTS: [(&str, &str); 3] = [
    ("signal.account_purchases_1d", "cust_n_1d"),
    ("signal.account_purchases_7d", "cust_n_7d"),
    ("signal.account_purchases_30d", "cust_n_30d"),
];
const MEANS: [(&str, &str); 3] = [
    ("signal.account_purchase_mean_1d", "cust_avg_1d"),
    ("signal.account_purchase_mean_7d", "cust_avg_7d"),
    ("signal.account_purchase_mean_30d", "cust_avg_30d"),
];
const BUCKETS: [(&str, &str); 3] = [
    ("signal.merchant_purchases_1d", "term_n_1d"),
    ("signal.merchant_purchases_7d", "term_n_7d"),
    ("signal.merchant_purchases_30d", "term_n_30d"),
];
const SHARES: [(&str, &str); 3] = [
    ("signal.merchant_misuse_share_1d", "term_risk_1d"),
    ("signal.merchant_misuse_share_7d", "term_risk_7d"),
    ("signal.merchant_misuse_share_30d", "term_risk_30d"),
];

/// Without data: a few made-up rows, to see that it works.
pub fn define(call: &Call) {
    if !call.wants("replay") {
        return;
    }
    check();
    let file = made_up(300);
    let mut lines = Vec::new();
    let each = |row: &Row<'_>| lines.push(row.text("outcome").to_owned());
    let summary = read(&file[..], true, &mut Lines::new(each));
    assert_eq!((summary.rows, lines.len()), (300, 300));
    println!("replay: skipped; it takes `--data FOLDER` with {TRANSACTIONS}");
}

/// Everything that is measured on the file.
pub fn whole(folder: &Path) {
    speed(folder);
    command_line(folder);
    let golden = Golden::read(&folder.join(GOLDEN));
    let mut found = Found::new(golden);
    let each = |row: &Row<'_>| found.take(row);
    let summary = read(open(&folder.join(TRANSACTIONS)), true, &mut Lines::new(each));
    assert_eq!(summary.rows, ROWS);
    found.report();
}

fn open(path: &Path) -> impl Read + use<> {
    let file = File::open(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    MultiGzDecoder::new(BufReader::with_capacity(1 << 16, file))
}

fn read(input: impl Read, features: bool, output: &mut dyn Write) -> Summary {
    let options = Options {
        columns: Columns::parse(COLUMNS).unwrap(),
        market: sample::germany(),
        currency: sample::euro(),
        limit: None,
        label_delay: Span::days(7),
        features,
        keep: vec!["scenario".to_owned()],
        signals: EmbeddedConfig::default(),
    };
    replay(&sample::playbook(), &options, input, output, &|_| ()).unwrap()
}

/// In this process, on one thread, inflating included; nothing is written.
fn speed(folder: &Path) {
    let begun = Instant::now();
    let summary = read(open(&folder.join(TRANSACTIONS)), false, &mut io::sink());
    let seconds = begun.elapsed().as_secs_f64();
    assert_eq!(summary.rows, ROWS);
    let rate = ROWS as f64 / seconds;
    println!("replay: one thread {seconds:.1} s, {rate:.0} rows/s, peak memory {}", peak_memory());
}

/// The most memory that this process has held.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or("not told here".to_owned(), |peak| peak.trim().to_owned())
}

/// `surety replay` as a user runs it, from its start to its end, writing the rows to a file.
fn command_line(folder: &Path) {
    let out = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_surety"))
        .arg("replay")
        .arg(folder.join(TRANSACTIONS))
        .args(["--columns", COLUMNS, "--keep", "scenario", "--out"])
        .arg(out.path().join("decisions.csv"))
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let seconds = begun.elapsed().as_secs_f64();
    println!("replay: command {seconds:.1} s, {:.0} rows/s", ROWS as f64 / seconds);
}

/// Purchases of 20 accounts as a file.
fn made_up(rows: usize) -> Vec<u8> {
    let mut stream = Stream::new(20, 10);
    let mut text =
        "transaction_id,tx_datetime,customer_id,terminal_id,amount,is_fraud,scenario\n".to_owned();
    for _ in 0..rows {
        let row = stream.next();
        let (account, merchant) = (row.parties.account.unwrap(), row.parties.merchant.unwrap());
        let (whole, cents) = (row.amount / 100, row.amount % 100);
        let (id, time) = (row.id, row.time.as_seconds());
        text += &format!("{id},{time},{account},{merchant},{whole}.{cents:02},0,0\n");
    }
    text.into_bytes()
}

/// Takes what replay writes, line by line.
struct Lines<F> {
    header: HashMap<String, usize>,
    rest: Vec<u8>,
    each: F,
}

impl<F: FnMut(&Row<'_>)> Lines<F> {
    fn new(each: F) -> Lines<F> {
        Lines { header: HashMap::new(), rest: Vec::new(), each }
    }
}

impl<F: FnMut(&Row<'_>)> Write for Lines<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest.extend_from_slice(bytes);
        let end = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for line in std::str::from_utf8(&self.rest[..end]).unwrap().lines() {
            if self.header.is_empty() {
                self.header = line.split(',').map(str::to_owned).zip(0..).collect();
                continue;
            }
            (self.each)(&Row { header: &self.header, fields: line.split(',').collect() });
        }
        self.rest.drain(..end);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A row with the names of its fields.
struct Row<'a> {
    header: &'a HashMap<String, usize>,
    fields: Vec<&'a str>,
}

impl Row<'_> {
    fn text(&self, name: &str) -> &str {
        self.header.get(name).and_then(|at| self.fields.get(*at)).unwrap_or_else(|| {
            panic!("replay wrote no {name}");
        })
    }

    fn number(&self, name: &str) -> f64 {
        self.text(name).parse().unwrap_or_else(|_| panic!("{name}: {}", self.text(name)))
    }
}

/// The golden features of one day, by transaction.
struct Golden {
    header: HashMap<String, usize>,
    rows: HashMap<String, Vec<f64>>,
}

impl Golden {
    fn read(path: &Path) -> Golden {
        let mut lines = BufReader::new(open(path)).lines().map(Result::unwrap);
        let header = lines.next().unwrap();
        let header = header.split(',').map(str::to_owned).zip(0..).collect();
        let rows = lines.map(|line| {
            let fields = line.split(',').map(|field| field.parse().unwrap()).collect();
            (line.split(',').next().unwrap().to_owned(), fields)
        });
        Golden { header, rows: rows.collect() }
    }
}

/// What the replay came to, against what it should.
struct Found {
    golden: Golden,
    /// Times of purchases for 0.00 by account. They count as one cent here, since no request is
    /// for nothing, and as zero in the golden means.
    for_nothing: HashMap<String, Vec<i64>>,
    distances: HashMap<&'static str, Distance>,
    weeks: [Ranking; WEEKS.len()],
    /// All rows of each week, of whatever scenario.
    rows: [u64; WEEKS.len()],
}

impl Found {
    fn new(golden: Golden) -> Found {
        let (for_nothing, distances, weeks, rows) = Default::default();
        Found { golden, for_nothing, distances, weeks, rows }
    }

    fn take(&mut self, row: &Row<'_>) {
        let time: i64 = row.text("time").parse().unwrap();
        for (at, (_, start)) in WEEKS.iter().enumerate() {
            if (*start..start + 7 * DAY).contains(&time) {
                self.rows[at] += 1;
                // An account without a history has no score: nothing is unusual for it.
                let score = row.text("score_spending").parse().unwrap_or(0);
                match row.text("scenario") {
                    "0" => self.weeks[at].add(score, false),
                    "3" => self.weeks[at].add(score, true),
                    _ => {}
                }
            }
        }
        if row.number("amount") == 0.0 {
            self.for_nothing.entry(row.text("account").to_owned()).or_default().push(time);
        }
        let Some(wanted) = self.golden.rows.get(row.text("id")) else { return };
        let wanted = |name: &str| wanted[self.golden.header[name]];
        for (ours, theirs) in [COUNTS, BUCKETS, SHARES].concat() {
            let distance = self.distances.entry(theirs).or_default();
            distance.add(row.number(ours), wanted(theirs));
        }
        let none = Vec::new();
        let for_nothing = self.for_nothing.get(row.text("account")).unwrap_or(&none);
        for (((ours, theirs), (_, count)), days) in MEANS.into_iter().zip(COUNTS).zip([1, 7, 30]) {
            let cents = for_nothing.iter().filter(|at| time - **at < days * DAY).count() as f64;
            let distance = self.distances.entry(theirs).or_default();
            distance.add(row.number(ours), wanted(theirs) * 100.0 + cents / wanted(count));
        }
    }

    fn report(&self) {
        for (_, name) in [COUNTS, MEANS, BUCKETS, SHARES].concat() {
            let found = &self.distances[name];
            let (rows, mean, largest) = (found.rows(), found.mean(), found.largest());
            println!("golden: {name:<14} {rows} rows, off by {mean:.2e} on average, {largest:.2e}");
            assert_eq!(rows, self.golden.rows.len() as u64);
        }
        for (at, (week, _)) in WEEKS.iter().enumerate() {
            let ranking = &self.weeks[at];
            let (misused, genuine) = ranking.counts();
            println!(
                "spending: week of {week}, {} rows, {misused} of scenario 3 against {genuine}: \
                 AUC {:.4}, average precision {:.4}",
                self.rows[at],
                ranking.auc(),
                ranking.average_precision()
            );
        }
        assert!(COUNTS.iter().all(|(_, name)| self.distances[name].all_equal()), "counts");
        assert!(MEANS.iter().all(|(_, name)| self.distances[name].largest() <= 1e-6), "means");
        assert!(BUCKETS.iter().all(|(_, name)| self.distances[name].mean() <= 0.03), "buckets");
        let week = &self.weeks[4];
        assert_eq!(self.rows[4], 67_080);
        assert!(week.auc() >= 0.94 && week.average_precision() >= 0.81, "spending");
    }
}
