//! Files that cannot be replayed, told by the row or the column that is wrong.

use std::fs;

use crate::child::{run, surety};
use crate::server::Folder;

const GOOD: &str = "\
id,time,account,merchant,amount,label
t1,1700000000,a,m,10.00,0
t2,1700000000,b,m,11.00,1
t3,1700000060,a,n,12.50,
";

fn refused(csv: &str, options: &[&str], words: &[&str]) {
    let folder = Folder::new();
    let file = folder.path("in.csv");
    fs::write(&file, csv).unwrap();
    let ended = run(surety("replay").arg(&file).args(options));
    assert_eq!(ended.code, Some(1), "{csv}\n{}", ended.err);
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    for word in [&*file.display().to_string()].iter().chain(words) {
        assert!(ended.err.contains(word), "no \"{word}\" in: {}", ended.err);
    }
}

#[test]
fn the_file_that_is_spoilt_below_is_good() {
    let folder = Folder::new();
    let file = folder.path("in.csv");
    fs::write(&file, GOOD).unwrap();
    let ended = run(surety("replay").arg(&file));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(ended.out.lines().count(), 4);
    assert!(ended.err.starts_with("3 rows\n"), "{}", ended.err);
}

#[test]
fn a_row_that_is_wrong_is_told_by_its_number() {
    for (from, to, words) in [
        ("1700000060", "1699999999", &["row 3", "order of time"][..]),
        ("1700000060", "1.7e9", &["row 3: time"]),
        ("1700000060", "", &["row 3: time is empty"]),
        ("12.50", "12.505", &["row 3: amount", "decimal number"]),
        ("12.50", "-12.50", &["row 3: amount"]),
        ("11.00", "", &["row 2: amount is empty"]),
        ("10.00", "ten", &["row 1: amount"]),
        ("b,m", ",m", &["row 2: account is empty"]),
        ("11.00,1", "11.00,yes", &["row 2: label: expected 0 or 1"]),
        // A line with a field too few; lines count from the header.
        ("t2,", "", &["line: 3"]),
    ] {
        assert!(GOOD.contains(from), "{from}");
        refused(&GOOD.replacen(from, to, 1), &[], words);
    }
}

#[test]
fn a_column_that_is_not_there_is_told_by_its_name() {
    for (csv, options, words) in [
        (GOOD.replacen("amount", "sum", 1), &[][..], &["\"amount\"", "id,time"][..]),
        (GOOD.replacen("time", "when", 1), &[], &["\"time\""]),
        (GOOD.to_owned(), &["--columns", "account=customer"], &["\"customer\" for account"]),
        (GOOD.to_owned(), &["--keep", "label,scenario"], &["--keep", "\"scenario\""]),
        (GOOD.to_owned(), &["--keep", "amount"], &["--keep", "a column \"amount\" already"]),
        (GOOD.to_owned(), &["--keep", "label,label"], &["--keep", "\"label\" already"]),
        (String::new(), &[], &["\"account\""]),
    ] {
        // The header is told as a person reads it.
        let words: Vec<String> = words.iter().map(|word| word.replace("id,time", "id, ")).collect();
        refused(&csv, options, &words.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn a_column_of_an_unknown_kind_is_a_wrong_command_line() {
    for (columns, words) in [
        ("acount=a", &["acount=a", "id, account, merchant, amount, time"][..]),
        ("account", &["expected WHAT=COLUMN"]),
    ] {
        let ended = run(surety("replay").args(["in.csv", "--columns", columns]));
        assert_eq!(ended.code, Some(2), "{}", ended.err);
        for word in words {
            assert!(ended.err.contains(word), "no \"{word}\" in: {}", ended.err);
        }
    }
}

#[test]
fn a_file_that_is_not_there_and_one_that_cannot_be_written_are_named() {
    let folder = Folder::new();
    let missing = folder.path("missing.csv").display().to_string();
    let ended = run(surety("replay").arg(&missing));
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains(&format!("cannot read {missing}")), "{}", ended.err);
    let file = folder.path("in.csv");
    fs::write(&file, GOOD).unwrap();
    let out = folder.path("nowhere/out.csv");
    let ended = run(surety("replay").arg(&file).arg("--out").arg(&out));
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains(&format!("cannot write {}", out.display())), "{}", ended.err);
}

#[test]
fn a_compressed_file_that_is_cut_off_is_no_whole_file() {
    let folder = Folder::new();
    let file = folder.path("in.csv.gz");
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    let mut encoder = encoder;
    std::io::Write::write_all(&mut encoder, GOOD.as_bytes()).unwrap();
    let bytes = encoder.finish().unwrap();
    fs::write(&file, &bytes[..bytes.len() - 20]).unwrap();
    let ended = run(surety("replay").arg(&file));
    assert_eq!(ended.code, Some(1), "{}{}", ended.out, ended.err);
    assert!(ended.err.contains(&file.display().to_string()), "{}", ended.err);
}
