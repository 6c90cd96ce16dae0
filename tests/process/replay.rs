//! Features of a replay against plain counting, and the same bytes by every way in and out.

use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;

use surety::features;

use crate::child::{Ended, run, surety};
use crate::server::Folder;
use crate::transactions::{COLUMNS, Transaction, customer, days, generate, to_csv};

const SEED: u64 = 0x5e;
const FIXED: &str = "id,time,account,merchant,amount,outcome,codes,score_credit,\
                     score_affordability,score_spending,score_fraud";
const KEPT: [&str; 2] = ["fraud", "scenario"];

/// A replay's table.
struct Table {
    header: Vec<String>,
    rows: Vec<csv::StringRecord>,
}

impl Table {
    fn read(text: &str) -> Table {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().unwrap().iter().map(str::to_owned).collect();
        Table { header, rows: reader.records().map(Result::unwrap).collect() }
    }

    fn column(&self, name: &str) -> Vec<&str> {
        let place = self.header.iter().position(|column| column == name);
        let place = place.unwrap_or_else(|| panic!("no column {name} in {:?}", self.header));
        self.rows.iter().map(|row| &row[place]).collect()
    }
}

struct Input {
    folder: Folder,
    file: PathBuf,
}

impl Input {
    fn new(csv: &str) -> Input {
        let folder = Folder::new();
        let file = folder.path("in.csv");
        fs::write(&file, csv).unwrap();
        Input { folder, file }
    }

    fn replay(&self, options: &[&str]) -> Ended {
        let ended = run(surety("replay").arg(&self.file).args(options));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        ended
    }
}

#[test]
fn counts_and_means_of_customers_agree_exactly_with_plain_counting() {
    let all = generate(SEED);
    let ended = Input::new(&to_csv(&all)).replay(&[
        "--columns",
        COLUMNS,
        "--features",
        "--keep",
        &KEPT.join(","),
        "--market",
        "GB",
        "--currency",
        "GBP",
    ]);
    let table = Table::read(&ended.out);
    let mut header: Vec<String> = FIXED.split(',').map(str::to_owned).collect();
    header.extend(features::names().into_iter().map(|named| named.name));
    header.extend(KEPT.map(str::to_owned));
    assert_eq!(table.header, header);
    assert_eq!(table.rows.len(), all.len());
    echoes(&table, &all);
    for length in [1, 7, 30] {
        let counts = table.column(&format!("signal.account_purchases_{length}d"));
        let means = table.column(&format!("signal.account_purchase_mean_{length}d"));
        for (place, (told_count, told_mean)) in counts.into_iter().zip(means).enumerate() {
            let (count, sum) = customer(&all, place, days(length));
            assert_eq!(told_count, count.to_string(), "row {place}, {length} days");
            let mean = sum as f64 / count as f64;
            assert_eq!(told_mean.parse::<f64>().unwrap(), mean, "row {place}, {length} days");
        }
    }
    for (place, told) in table.column("signal.account_attempts_10m").into_iter().enumerate() {
        assert_eq!(told, customer(&all, place, 600).0.to_string(), "row {place}");
    }
    let told: u64 = ended.err.split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!(told as usize, all.len(), "{}", ended.err);
}

/// What came in goes out beside what was made of it.
fn echoes(table: &Table, all: &[Transaction]) {
    let columns =
        ["id", "time", "account", "merchant", "amount", "fraud", "scenario", "request.amount"]
            .map(|name| table.column(name));
    for (place, one) in all.iter().enumerate() {
        let told = columns.each_ref().map(|column| column[place]);
        let sent = [
            format!("t{place}"),
            one.time.to_string(),
            one.account.clone(),
            one.merchant.clone(),
            one.amount_text(),
            u8::from(one.misused).to_string(),
            one.scenario.to_string(),
            one.amount.to_string(),
        ];
        assert_eq!(told, sent.each_ref().map(String::as_str));
    }
    for outcome in table.column("outcome") {
        assert!(["APPROVED", "DECLINED", "MANUAL_REVIEW"].contains(&outcome), "{outcome}");
    }
    let codes = table.column("codes").join("\n");
    assert!(codes.lines().any(|row| row.split(';').count() > 1), "several codes in a row");
    assert!(codes.contains("ATTEMPTS_TOO_FREQUENT"), "bursts are noticed");
}

#[test]
fn every_way_in_and_out_gives_the_same_bytes() {
    let all = generate(SEED + 1);
    let input = Input::new(&to_csv(&all[..1_000]));
    let options = ["--columns", COLUMNS, "--features"];
    let out = input.replay(&options).out;
    assert_eq!(out.lines().count(), 1_001);
    assert!(out == input.replay(&options).out, "the same input twice");

    let mut command = surety("replay");
    command.arg("-").args(options).stdin(File::open(&input.file).unwrap());
    assert!(out == run(&mut command).out, "standard input");

    let plain = input.folder.path("out.csv");
    let zipped = input.folder.path("out.csv.gz");
    for path in [&plain, &zipped] {
        let ended = input.replay(&[&options[..], &["--out", path.to_str().unwrap()]].concat());
        assert_eq!(ended.out, "", "it goes to the file");
    }
    assert!(out == fs::read_to_string(&plain).unwrap(), "a file");
    let bytes = fs::read(&zipped).unwrap();
    assert!(bytes.len() < out.len() / 2, "compressed");
    let mut unzipped = String::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut unzipped).unwrap();
    assert!(out == unzipped, "a compressed file");

    let again = input.folder.path("in.csv.gz");
    let mut encoder =
        flate2::write::GzEncoder::new(File::create(&again).unwrap(), flate2::Compression::fast());
    std::io::copy(&mut File::open(&input.file).unwrap(), &mut encoder).unwrap();
    encoder.finish().unwrap();
    assert!(out == run(surety("replay").arg(&again).args(options)).out, "a compressed input");
}

/// One purchase that was misused on day 0, and what its merchant is known for at later times.
fn misuse_known(delay_days: &str, minutes: &[i64]) -> Vec<String> {
    let day_0 = 20_000 * days(1);
    let mut csv = "time,account,merchant,amount,label\n".to_owned();
    csv += &format!("{day_0},a,m,10.00,1\n{day_0},b,other,10.00,0\n");
    for (place, minutes) in minutes.iter().enumerate() {
        csv += &format!("{},c{place},m,10.00,\n", day_0 + minutes * 60);
    }
    let input = Input::new(&csv);
    let ended = input.replay(&["--features", "--label-delay-days", delay_days]);
    let table = Table::read(&ended.out);
    let told = table.column("signal.merchant_misuse_7d");
    told[2..].iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_misused_purchase_counts_against_its_merchant_a_week_later_and_not_before() {
    let day = 24 * 60;
    let minutes = [1, day, 7 * day - 1, 7 * day + 1, 10 * day - 1, 10 * day, 14 * day + 2];
    assert_eq!(misuse_known("7", &minutes), ["0", "0", "0", "1", "1", "1", "0"]);
    assert_eq!(misuse_known("10", &minutes), ["0", "0", "0", "0", "0", "1", "0"]);
}

#[test]
fn amounts_are_also_told_as_multiples_of_an_ordinary_purchase() {
    let amounts = [30.0, 10.0, 20.0, 5.0];
    let rows =
        (0..).zip(amounts).map(|(row, amount)| format!("{},a,{amount}\n", 1_700_000_000 + row));
    let csv = format!("time,account,amount\n{}", rows.collect::<String>());
    let columns = |options: &[&str]| {
        let options = [&["--features"], options].concat();
        let table = Table::read(&Input::new(&csv).replay(&options).out);
        let of = |name| table.column(name).into_iter().map(str::to_owned).collect::<Vec<_>>();
        (of("request.amount_to_reference"), of("request.amount_to_usual"))
    };
    let (reference, usual) = columns(&["--reference-amount", "2000"]);
    assert_eq!(reference, ["1.5", "0.5", "1", "0.25"]);
    // Nobody knows what is usual before the third purchase; then it is the median.
    assert_eq!(usual, ["", "", "", "0.25"]);
    // Without the option the market's counts: 120 EUR.
    assert_eq!(columns(&[]).0[0], "0.25");
}
