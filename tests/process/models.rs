//! Models of one's own: served in place of the shipped ones, and refused at the start when unfit.

use std::fs;

use serde_json::json;
use surety::playbook::SHIPPED;

use crate::child::{run, surety};
use crate::server::Folder;

fn checked(options: &[&str]) -> (Option<i32>, String) {
    let ended = run(surety("policy").arg("check").args(options));
    (ended.code, ended.out + &ended.err)
}

#[test]
fn a_model_of_ones_own_is_another_playbook_and_none_is_one_too() {
    let fingerprint = |options: &[&str]| {
        let (code, told) = checked(options);
        assert_eq!(code, Some(0), "{told}");
        told.rsplit_once("fingerprint ").unwrap().1.trim().to_owned()
    };
    let folder = Folder::new();
    let file = folder.path("credit.json");
    fs::write(&file, SHIPPED.credit_model.unwrap().text).unwrap();
    let path = file.to_str().unwrap();
    let shipped = fingerprint(&[]);
    assert_eq!(fingerprint(&["--credit-model", path]), shipped, "the same bytes");
    // Either kind of model may score either component.
    let swapped = fingerprint(&["--fraud-model", path]);
    let none = fingerprint(&["--credit-model", "none", "--fraud-model", "none"]);
    assert!(swapped != shipped && none != shipped && none != swapped);
}

#[test]
fn a_model_that_is_unfit_is_told_in_one_line_with_its_file() {
    let folder = Folder::new();
    let file = folder.path("model.json");
    let path = file.to_str().unwrap();
    let credit = SHIPPED.credit_model.unwrap().text;
    let fraud = SHIPPED.fraud_model.unwrap().text;
    let mut version: serde_json::Value = serde_json::from_str(credit).unwrap();
    version["format_version"] = json!(7);
    for (text, problem) in [
        (credit.replacen("\"pass_mark\": ", "\"pass_mark\": 1", 1), "the checksum does not match"),
        (fraud.replacen("\"prior\":0.0", "\"prior\":0.1", 1), "the checksum does not match"),
        (version.to_string(), "format version 7, expected 1"),
        (credit[..credit.len() / 2].to_owned(), "not a scorecard"),
        (String::new(), "not a scorecard"),
        ("{}".to_owned(), "not a scorecard"),
    ] {
        fs::write(&file, text).unwrap();
        let (code, told) = checked(&["--credit-model", path]);
        assert_eq!((code, told.lines().count()), (Some(1), 1), "{told}");
        assert!(told.contains(path) && told.contains(problem), "{problem}: {told}");
        // The service refuses to start for the same reason.
        let served = run(surety("serve").arg("--credit-model").arg(&file).args([
            "--grpc-listen",
            "127.0.0.1:0",
            "--data",
            folder.path("data").to_str().unwrap(),
        ]));
        assert_eq!(served.code, Some(1), "{}", served.err);
        assert!(served.err.contains(problem), "{}", served.err);
    }
    let (code, told) = checked(&["--fraud-model", "not-there.json"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("cannot read not-there.json"), "{told}");
}
