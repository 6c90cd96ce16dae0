//! Tables of conditions with what they come to, and the evidence they give.

use super::{Names, Operator, Truth, Value, compile};
use crate::domain::Type;

const LIMIT: usize = 0;
const OUTSTANDING: usize = 1;
const AMOUNT: usize = 2;
const SCORE: usize = 3;
const RATE: usize = 4;
const COUNTRY: usize = 5;
const FROZEN: usize = 6;
const VERIFIED: usize = 7;

pub(super) fn names() -> Names {
    Names::new(
        [
            ("account.limit", LIMIT, Type::Int),
            ("account.outstanding", OUTSTANDING, Type::Int),
            ("request.amount", AMOUNT, Type::Int),
            ("signal.score", SCORE, Type::Double),
            ("signal.account.attempts_rate", RATE, Type::Double),
            ("account.country", COUNTRY, Type::Text),
            ("account.frozen", FROZEN, Type::Bool),
            ("account.verified", VERIFIED, Type::Bool),
        ]
        .map(|(name, slot, kind)| (name.to_owned(), slot as u16, kind)),
    )
}

/// 500 of 1000 are used; the account is verified and not frozen.
fn slots() -> [Value<'static>; 8] {
    [
        Value::Int(1000),
        Value::Int(500),
        Value::Int(200),
        Value::Double(0.75),
        Value::Double(2.0),
        Value::Text("NÉ"),
        Value::Bool(false),
        Value::Bool(true),
    ]
}

pub(super) fn truth(source: &str, changes: &[(usize, Value<'_>)]) -> Truth {
    let condition = compile(source, &names()).unwrap_or_else(|fault| panic!("{source}: {fault}"));
    let mut slots = slots().map(|value| value as Value<'_>);
    for (slot, value) in changes {
        slots[*slot] = *value;
    }
    condition.evaluate(&slots)
}

#[test]
fn evaluates_with_every_value_present() {
    let holds = [
        "true",
        "account.verified",
        "!account.frozen",
        "account.outstanding + request.amount <= account.limit",
        "account.limit - account.outstanding == 500 && request.amount == 200",
        "request.amount * 5 == account.limit",
        "7 / 2 == 3 && -7 / 2 == -3 && -7 % 2 == -1",
        "7.0 / 2.0 == 3.5",
        "1 + 2 * 3 == 7 && (1 + 2) * 3 == 9",
        "10 - 3 - 2 == 5",
        "-request.amount == -200 && -signal.score < -0.7",
        "double(request.amount) / double(account.limit) == 0.2",
        "int(2.9) == 2 && int(-2.9) == -2",
        "signal.score < 1 && 1 > signal.score && signal.account.attempts_rate == 2",
        "account.country in ['ZA', \"NÉ\"]",
        "!(account.country in ['ZA'])",
        "request.amount in [-5, 200, 0xff]",
        "account.country == 'N\\u00c9' && 'a' < 'b' && 'é' > 'z'",
        "account.frozen ? false : request.amount > 100",
        "(account.verified ? account.limit : 0) == 1000",
        "account.verified ? (account.frozen ? false : true) : false",
        "has(account.limit) && has(signal.account.attempts_rate)",
        "account.frozen == false && account.frozen != account.verified",
        "(1 < 2) == (3 < 4)",
        "9007199254740993 > 9007199254740992.0 && 9007199254740993 != 9007199254740992.0",
        "9223372036854775807 < 9223372036854775808.0",
        "-9223372036854775808 == -9223372036854775808.0 && 1 < 1e300 && 1 > -1e300",
        "-2 > -2.5 && 2 < 2.5 && 3 > 2.5 && 0 == -0.0",
        "// first\naccount.verified // second",
        "account . limit > .5",
    ];
    for source in holds {
        assert_eq!(truth(source, &[]), Truth::True, "{source}");
        assert_eq!(truth(&format!("!({source}\n)"), &[]), Truth::False, "not {source}");
    }
}

#[test]
fn missing_values_are_absorbed_as_in_cel() {
    let table = [
        ("A && account.verified", Truth::NotSupplied),
        ("A && account.frozen", Truth::False),
        ("account.frozen && A", Truth::False),
        ("A || account.verified", Truth::True),
        ("account.verified || A", Truth::True),
        ("A || account.frozen", Truth::NotSupplied),
        ("account.frozen || A", Truth::NotSupplied),
        ("!A", Truth::NotSupplied),
        ("A && F", Truth::Failed),
        ("F || A", Truth::Failed),
        ("A ? true : true", Truth::NotSupplied),
        ("F ? true : true", Truth::Failed),
        ("account.verified ? true : A", Truth::True),
        ("account.frozen ? true : A", Truth::NotSupplied),
        ("(A ? 1 : 2) < 3 || account.verified", Truth::True),
        ("request.amount + account.limit > 0", Truth::NotSupplied),
        ("signal.score > 0 || has(request.amount)", Truth::Failed),
        ("request.amount > signal.score", Truth::Failed),
        ("request.amount in [1, 2]", Truth::NotSupplied),
        ("has(request.amount)", Truth::False),
        ("has(signal.score)", Truth::Failed),
        ("!has(request.amount) && account.verified", Truth::True),
    ];
    let changes = [(AMOUNT, Value::NotSupplied), (SCORE, Value::Failed)];
    for (source, expected) in table {
        let source = source.replace('A', "(request.amount > 1)").replace('F', "(signal.score > 1)");
        assert_eq!(truth(&source, &changes), expected, "{source}");
    }
}

#[test]
fn failed_computations_count_as_failed() {
    let failed = [
        "request.amount + 9223372036854775807 > 0",
        "-9223372036854775807 - 2 < 0",
        "account.limit * 9223372036854775807 > 0",
        "account.limit / (request.amount - 200) > 0",
        "account.limit % 0 > 0",
        "-9223372036854775808 / -1 > 0",
        "-9223372036854775808 % -1 == 0",
        "-(-9223372036854775807 - 1) > 0",
        "int(1e30) > 0",
        "int(-9223372036854775808.0) < 0",
        "int(0.0 / 0.0) == 0",
    ];
    for source in failed {
        assert_eq!(truth(source, &[]), Truth::Failed, "{source}");
        assert_eq!(truth(&format!("{source} || true"), &[]), Truth::True, "{source} || true");
        assert_eq!(truth(&format!("{source} && false"), &[]), Truth::False, "{source} && false");
    }
    // A slot whose value is not of the type of its name, and slots that are not there.
    let wrong = [(AMOUNT, Value::Text("200")), (FROZEN, Value::Int(0))];
    for source in
        ["request.amount > 1", "request.amount in [1]", "account.frozen", "!account.frozen"]
    {
        assert_eq!(truth(source, &wrong), Truth::Failed, "{source}");
    }
    let condition = compile("request.amount > 1", &names()).unwrap();
    assert_eq!(condition.evaluate(&[]), Truth::NotSupplied);
}

#[test]
fn nan_compares_false_except_for_inequality() {
    let nan = [(SCORE, Value::Double(f64::NAN))];
    for operator in ["==", "<", "<=", ">", ">="] {
        for other in ["1", "1.0", "signal.score"] {
            let source = format!("signal.score {operator} {other}");
            assert_eq!(truth(&source, &nan), Truth::False, "{source}");
        }
    }
    assert_eq!(truth("signal.score != 1 && signal.score != signal.score", &nan), Truth::True);
    assert_eq!(truth("1.0 / 0.0 > 1e308", &[]), Truth::True);
}

#[test]
fn evidence_is_what_made_it_true() {
    use Operator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    let (int, text) = (Value::Int, Value::Text);
    let (yes, no) = (Value::Bool(true), Value::Bool(false));
    let table = [
        ("account.outstanding + request.amount > 600", vec![(1, int(700), Greater, int(600))]),
        ("600 < account.outstanding + 200", vec![(1, int(700), Greater, int(600))]),
        ("request.amount > 1000", vec![]),
        ("1 < 2", vec![]),
        (
            "request.amount > 100 && account.limit >= 1000",
            vec![(2, int(200), Greater, int(100)), (0, int(1000), GreaterOrEqual, int(1000))],
        ),
        (
            "request.amount > 100 && account.frozen || account.limit == 1000",
            vec![(0, int(1000), Equal, int(1000))],
        ),
        (
            "account.verified || request.amount < 300",
            vec![(7, yes, Equal, yes), (2, int(200), Less, int(300))],
        ),
        (
            "!(request.amount > 300 || account.frozen)",
            vec![(2, int(200), LessOrEqual, int(300)), (6, no, Equal, no)],
        ),
        ("account.country in ['ZA', 'NÉ']", vec![(5, text("NÉ"), Equal, text("NÉ"))]),
        (
            "!(account.country in ['ZA', 'GH'])",
            vec![(5, text("NÉ"), NotEqual, text("GH")), (5, text("NÉ"), NotEqual, text("ZA"))],
        ),
        (
            "account.frozen ? false : request.amount < 300",
            vec![(6, no, Equal, no), (2, int(200), Less, int(300))],
        ),
        ("has(account.limit)", vec![(0, int(1000), NotEqual, Value::NotSupplied)]),
    ];
    for (source, expected) in table {
        let condition = compile(source, &names()).unwrap();
        let slots = slots();
        let found: Vec<_> = condition.evidence(&slots).into_iter().collect();
        let found: Vec<_> =
            found.iter().map(|e| (e.slot, e.observed, e.operator, e.limit)).collect();
        assert_eq!(found, expected, "{source}");
    }
    // NaN is neither greater nor not greater: `!` makes it true, but no comparison does.
    let condition = compile("!(signal.score > 1.0)", &names()).unwrap();
    let mut slots = slots();
    slots[SCORE] = Value::Double(f64::NAN);
    assert_eq!(condition.evaluate(&slots), Truth::True);
    assert!(condition.evidence(&slots).is_empty());
}

#[test]
fn evidence_is_written_as_the_rule_is() {
    for (source, expected) in [
        ("account.limit + account.outstanding + 1 > 0", "account.limit + account.outstanding + 1"),
        ("(account.limit + 1) * 100 > 0", "(account.limit + 1) * 100"),
        (
            "account.limit - (account.outstanding - 1) > 0",
            "account.limit - (account.outstanding - 1)",
        ),
        ("0 < account.limit", "account.limit"),
        ("double(account.limit) * 1.5 > 0.0", "double(account.limit) * 1.5"),
    ] {
        let condition = compile(source, &names()).unwrap();
        let mut slots = slots();
        slots[0] = Value::Int(1_000_000);
        let found = condition.evidence(&slots);
        assert_eq!(found.iter().map(|e| e.subject).collect::<Vec<_>>(), [expected], "{source}");
    }
}

#[test]
fn slots_are_distinct_and_in_order_of_use() {
    let source = "signal.score > 1 && has(account.limit) || signal.score < account.outstanding";
    let condition = compile(source, &names()).unwrap();
    assert_eq!(condition.slots().collect::<Vec<_>>(), [3, 0, 1]);
    assert_eq!(condition.source(), source);
}

#[test]
fn of_equal_names_the_first_counts() {
    let entry = |name: &str, slot| (name.to_owned(), slot, Type::Int);
    let names = Names::new([entry("b.b", 1), entry("a.a", 2), entry("b.b", 3)]);
    assert_eq!(names.find("b.b"), Some((1, Type::Int)));
    assert_eq!(names.find("c.c"), None);
    assert_eq!(names.nearest("b.bb"), Some("b.b"));
    assert_eq!(names.nearest("unrelated"), None);
    assert_eq!(names.nearest(&"b".repeat(4000)), None);
}
