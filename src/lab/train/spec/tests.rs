//! Faults of a spec, each at its place; and the shipped specs, read whole.

use super::*;
use crate::domain::Span;

const GOOD: &str = r#"name = "x"
target = "bad"
positive = 1

[split]
kind = "modulo"
column = "id"
modulus = 10
test = [0, 3]

[special]
late = [96, 98]

[[protected]]
column = "sex"

[[derived]]
name = "used"
ratio = ["balance", "limit"]
floor = 1
clip = [0, 2]

[[derived]]
name = "worst"
max = ["late", "used"]

[[feature]]
name = "used"
reason = "CREDIT_LIMIT_NEARLY_USED"

[[feature]]
name = "home"
column = "housing"
kind = "category"
reason = "ADDRESS_NOT_VERIFIED"
"#;

/// Every fault of the good spec with one thing changed, as `line:column: problem`.
fn faults(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    let text = GOOD.replacen(from, to, 1);
    let faults = Spec::parse("s.toml", &text).unwrap_err();
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_good_spec_says_what_it_means() {
    let spec = Spec::parse("s.toml", GOOD).unwrap();
    assert_eq!((spec.target.as_str(), spec.positive.as_str()), ("bad", "1"));
    assert_eq!(
        spec.split,
        Split::Modulo { column: "id".to_owned(), modulus: 10, test: vec![0, 3] }
    );
    assert_eq!(spec.special["late"], [96.0, 98.0]);
    assert_eq!(spec.pass, Pass::ApproveShare(0.8));
    assert_eq!(spec.binning, Binning::default());
    assert_eq!(spec.derived[0].clip, Some((0.0, 2.0)));
    assert_eq!(spec.features[1].kind, Kind::Category);
    assert_eq!(spec.features[1].column, "housing");
    let columns = spec.columns();
    let names: Vec<&str> = columns.keys().map(String::as_str).collect();
    assert_eq!(names, ["bad", "balance", "housing", "id", "late", "limit", "sex"]);
    assert!(columns["housing"].text && !columns["housing"].number);
    assert!(columns["late"].number);
}

#[test]
fn each_fault_is_told_at_its_place() {
    for (from, to, told) in [
        ("positive = 1", "positive = 1\npositiv = 1", "s.toml:4:1: unknown field"),
        ("kind = \"category\"", "kind = \"text\"", "s.toml:34:8: unknown variant"),
        ("target = \"bad\"\n", "", "s.toml:1:1: missing field `target`"),
        ("ADDRESS_NOT_VERIFIED", "NO_SUCH", "s.toml:35:10: \"NO_SUCH\" is no reason code"),
        ("name = \"home\"", "name = \"used\"", "s.toml:32:8: the name stands twice"),
        ("column = \"housing\"", "column = \"sex\"", "s.toml:33:10: \"sex\" is protected"),
        ("\"balance\", ", "\"sex\", ", "s.toml:19:10: \"sex\" is protected"),
        ("column = \"housing\"", "column = \"bad\"", "s.toml:33:10: \"bad\" is the target"),
        ("\"balance\", ", "\"worst\", ", "s.toml:19:10: \"worst\" is not derived above"),
        ("\"balance\", ", "", "s.toml:17:1: expected two columns"),
        ("max = [", "min = [\"late\", \"used\"]\nmax = [", "s.toml:23:1: expected one of ratio"),
        ("max = [\"late\", \"used\"]\n", "", "s.toml:23:1: expected one of ratio"),
        ("clip = [0, 2]", "clip = [2, 0]", "s.toml:17:1: clip: expected two numbers"),
        ("max = ", "floor = 1\nmax = ", "s.toml:23:1: `floor` belongs to a `ratio`"),
        ("kind = \"modulo\"", "kind = \"kfold\"", "s.toml:5:1: a split of kind kfold has no"),
        ("modulus = 10\n", "", "s.toml:5:1: a split of kind modulo needs `modulus`"),
        ("test = [0, 3]", "test = [0, 10]", "s.toml:5:1: expected some remainders"),
        ("test = [0, 3]", "test = []", "s.toml:5:1: expected some remainders"),
        ("[special]", "[pass]\nmark = 5\napprove_share = 0.5\n[special]", "either mark or"),
        ("[special]", "[binning]\nmin_share = 0.7\n[special]", "min_share: expected 0 to 0.5"),
        ("[special]", "[logistic]\nl2 = -1.0\n[special]", "s.toml:12:6: l2: expected more"),
        (
            "[special]",
            "[scaling]\nbase_score = 600\nodds = 0\npdo = 20\n[special]",
            "expected base_score",
        ),
        ("late = [96, 98]", "late = []", "s.toml:12:1: expected a list of numbers"),
        ("late = [96, 98]", "used = [96]", "s.toml:12:1: no numeric input"),
        ("late = [96, 98]", "housing = [96]", "s.toml:12:1: no numeric input"),
        ("column = \"sex\"", "column = \"sex\"\ncuts = [5, 3]", "s.toml:15:10: cuts"),
        ("kind = \"category\"", "kind = \"category\"\nmonotone = \"auto\"", "belongs to numeric"),
        ("column = \"housing\"", "column = \"used\"", "a derived column is numeric"),
    ] {
        let all = faults(from, to);
        assert!(all.contains(told), "expected {told} in:\n{all}");
    }
}

#[test]
fn all_faults_are_told_together_in_order() {
    let text = GOOD.replace("CREDIT_LIMIT_NEARLY_USED", "A").replace("ADDRESS_NOT_VERIFIED", "B");
    let faults = Spec::parse("s.toml", &text.replace("test = [0, 3]", "test = [11]")).unwrap_err();
    let lines: Vec<usize> = faults.iter().map(|fault| fault.place.line).collect();
    assert_eq!(lines, [5, 29, 35]);
}

#[test]
fn a_split_by_time_has_days_in_order() {
    let time = "kind = \"time\"\ncolumn = \"t\"\ntrain_from = \"2018-07-25\"\n\
                train_until = \"2018-07-31\"\ntest_until = \"2018-08-14\"\ndelay_days = 7";
    let modulo = "kind = \"modulo\"\ncolumn = \"id\"\nmodulus = 10\ntest = [0, 3]";
    let spec = Spec::parse("s.toml", &GOOD.replacen(modulo, time, 1)).unwrap();
    let Split::Time(split) = &spec.split else { panic!("{:?}", spec.split) };
    assert_eq!(split.train_until - split.train_from, 6);
    assert_eq!((split.delay_days, &split.folds_back_weeks[..]), (7, &[0][..]));
    assert!(spec.columns()["t"].time);
    for (from, to, told) in [
        ("2018-07-31", "2018-07-32", "s.toml:9:15: expected a day such as"),
        ("2018-07-31", "2018-08-08", "in order of time"),
        ("delay_days = 7", "folds_back_weeks = []", "folds_back_weeks: expected"),
        (
            "delay_days = 7",
            "drop_known_positive_entities = true",
            "drop_known_positive_entities needs `entity`",
        ),
    ] {
        let text = GOOD.replacen(modulo, &time.replacen(from, to, 1), 1);
        let told_of = Spec::parse("s.toml", &text).unwrap_err();
        assert!(told_of[0].to_string().contains(told), "{told_of:?}");
    }
}

#[test]
fn an_outcome_makes_the_target() {
    let target = "target = \"outcome\"\npositive = 1\n";
    let head = GOOD.replacen("target = \"bad\"\npositive = 1\n", target, 1);
    let late = "[outcome]\nkind = \"late\"\nwithin_days = 60\ndays_late = 14\n";
    let spec = Spec::parse("s.toml", &format!("{head}{late}")).unwrap();
    let kind = OutcomeKind::Late { at_least: Span::days(14) };
    assert_eq!(spec.outcome, Some(Outcome { kind, within: Span::days(60) }));
    assert!(spec.columns()["outcome"].text, "of a file it is a column like any other");
    assert_eq!(Spec::parse("s.toml", GOOD).unwrap().outcome, None);
    for (from, to, told) in [
        ("\"outcome\"\n", "\"grade\"\n", "s.toml:2:10: expected \"outcome\", which [outcome]"),
        ("positive = 1", "positive = 0", "s.toml:3:12: expected 1: [outcome] makes 0 and 1"),
        ("\"late\"\n", "\"misuse\"\n", "s.toml:36:1: `days_late` belongs to kind late"),
        ("days_late = 14\n", "", "s.toml:36:1: an outcome of kind late needs `days_late`"),
        ("\"late\"\n", "\"fraud\"\n", "s.toml:37:8: unknown variant `fraud`"),
        ("days_late = 14", "days_late = 60", "s.toml:36:1: within_days: expected more than"),
        ("days_late = 14", "days_late = 0", "s.toml:36:1: days_late: expected 1 to 3650 days"),
        ("within_days = 60", "within_days = 4000", "s.toml:36:1: within_days: expected 1 to"),
        ("within_days = 60\n", "", "s.toml:36:1: missing field `within_days`"),
        ("days_late = 14", "days = 14", "s.toml:39:1: unknown field `days`"),
    ] {
        let (head, late) = (head.replacen(from, to, 1), late.replacen(from, to, 1));
        let text = head + &late;
        let faults = Spec::parse("s.toml", &text).unwrap_err();
        assert!(faults[0].to_string().contains(told), "{told}: {faults:?}");
    }
}

#[test]
fn the_shipped_specs_are_sound() {
    for (text, features) in [
        (include_str!("../../../../models/specs/taiwan.toml"), 32),
        (include_str!("../../../../models/specs/german.toml"), 16),
        (include_str!("../../../../models/specs/give-me-some-credit.toml"), 12),
    ] {
        let spec = Spec::parse("shipped", text).unwrap();
        assert_eq!(spec.features.len(), features, "{}", spec.name);
        assert!(!spec.protected.is_empty());
    }
}
