//! Tables of malformed, mistyped and oversized conditions with their faults.

use super::tests::{names, truth};
use super::{Truth, compile};

#[test]
fn faults_say_what_and_where() {
    let table = [
        ("", 0, "empty"),
        ("  // nothing", 0, "empty"),
        ("account.limt > 1", 0, "did you mean `account.limit`?"),
        ("1 < account.outstandin", 4, "did you mean `account.outstanding`?"),
        ("zebra.crossing.lights > 1", 0, "unknown name `zebra.crossing.lights`"),
        ("has(account.verifed)", 4, "did you mean `account.verified`?"),
        ("account.limit", 0, "must be bool, but is int"),
        ("1 + 2", 2, "must be bool, but is int"),
        ("account.limit + 1.5 > 2.0", 14, "int and double, but needs two ints or two doubles"),
        ("1.5 % 2.0 > 0.0", 4, "`%` has double and double, but needs two ints"),
        ("'a' + 'b' == 'ab'", 4, "`+` needs numbers, but has string and string"),
        ("account.limit > 'x'", 14, "`>` cannot compare int with string"),
        ("account.frozen == 1", 15, "`==` cannot compare bool with int"),
        ("account.frozen < true", 15, "`<` needs an order"),
        ("1 < 2 < 3", 6, "cannot compare bool with int"),
        ("true && account.limit", 8, "`&&` needs bool, but has int"),
        ("1 || true", 0, "`||` needs bool, but has int"),
        ("account.limit ? true : false", 0, "`?` needs bool, but has int"),
        ("true ? 1 : 2.0", 5, "int and double"),
        ("!account.limit", 0, "`!` needs bool, but has int"),
        ("true && -account.frozen == 1", 8, "`-` needs int or double, but has bool"),
        ("true && double(1.0) > 1.0", 8, "`double` needs int, but has double"),
        ("true && int (1) > 1", 8, "`int` needs double, but has int"),
    ];
    check(&table);
}

#[test]
fn what_conditions_do_not_have_is_refused_by_its_name() {
    let table = [
        ("int(1.0, 2.0) > 1", 0, "takes one value"),
        ("int() > 1", 0, "takes one value"),
        ("size(account.country) > 1", 0, "unknown function `size`"),
        ("account.country.startsWith('a')", 16, "methods and macros"),
        ("true || [1].all(x, x > 1)", 8, "right of `in`"),
        ("account.country in []", 19, "this list is empty"),
        ("account.country in ['a', 1]", 25, "must be of string literals"),
        ("account.limit in [1, account.limit]", 21, "must be of int literals"),
        ("account.limit in account.limit", 17, "must be a list"),
        ("signal.score in [1]", 13, "`in` needs int or string, but has double"),
        ("[1] == [1]", 0, "right of `in`"),
        ("account.limit[0] == 1", 13, "indexes"),
        ("{'a': 1}", 0, "maps and messages"),
        ("account.limit == 1u", 17, "unsigned"),
        ("account.limit == 0x1U", 17, "unsigned"),
        ("account.limit == 1x", 17, "neither a number nor a name"),
        ("account.limit == 9223372036854775808", 17, "invalid int literal"),
        ("account.country == null", 19, "null is not used"),
        ("account.country == b'a'", 19, "no prefix"),
        ("account.country == '''a'''", 19, "triple"),
        ("account.country == 'a", 19, "not closed"),
        ("account.country == 'a\n'", 19, "not closed"),
        ("account.country == 'é\\q'", 22, "unknown escape"),
        ("account.country == '\\u12'", 20, "too few digits"),
        ("account.country == '\\ud800'", 19, "invalid string literal"),
        ("account.limit = 1", 14, "`==`"),
        ("true & true", 5, "`&&`"),
        ("true || é", 8, "unexpected character 'é'"),
        ("has(account)", 3, "takes one dotted name"),
        ("has(account.limit + 1)", 3, "takes one dotted name"),
        ("has()", 3, "takes one dotted name"),
        ("true ? true ? 1 : 2 : 3", 12, "but found `?`"),
        ("true ? true", 11, "an operator or the end, but found the end"),
        ("true : true", 5, "but found `:`"),
        (".account.limit > 1", 0, "a dot stands between"),
        ("account. > 1", 9, "a dot stands between"),
        ("account.", 7, "a dot stands between"),
        ("a.b.c.d.e.f.g.h.i", 16, "more than 8 parts"),
        ("(true", 0, "never closed"),
        ("true)", 4, "no bracket is open"),
        ("(true]", 5, "closes another bracket"),
        ("'é' == 'é' &&", 15, "expected a name, a literal or `(`, but found the end"),
        ("true &&\n  'é' == 'é' 5", 23, "expected an operator or the end, but found `5`"),
        ("'é' == 'é' && while", 16, "reserved identifier"),
        ("'é' == 'é' && account.nothing > 1", 16, "unknown name"),
        ("true &&\r\n  'é' != account.limit", 16, "cannot compare string with int"),
    ];
    check(&table);
}

fn check(table: &[(&str, usize, &str)]) {
    for (source, offset, part) in table {
        let fault = compile(source, &names()).expect_err(source);
        assert_eq!(fault.offset, *offset, "{source}: {fault}");
        assert!(fault.message.contains(part), "{source}: {fault}");
    }
}

#[test]
fn large_and_deep_sources_are_refused_before_parsing() {
    let fault = |source: String| compile(&source, &names()).expect_err("too large or deep");
    let nested = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
    let accents = "é".repeat(2050);
    assert!(compile(&format!("'{accents}'==''"), &names()).is_err_and(|f| f.offset == 4095));
    assert_eq!(fault(nested(10_000)).offset, 4096);
    assert_eq!(fault(nested(2000)).offset, 32);
    assert!(fault(nested(33)).message.contains("nesting deeper than 32"));
    assert_eq!(truth(&nested(32), &[]), Truth::True);
    for piece in ["!", "-", "1+", "true&&", "1==", "true?true:", "a.", "has(", "[", "1 in [", "{"] {
        fault(piece.repeat(4090 / piece.len()));
        fault(format!("{}true", piece.repeat(4090 / piece.len())));
    }
    assert!(fault(format!("{}1 > 1", "1+".repeat(128))).message.contains("more than 256"));
    // The largest that fit, on the small stack of a test's thread.
    let sum = format!("{}1 > 1", "1+".repeat(126));
    assert_eq!(truth(&sum, &[]), Truth::True);
    assert_eq!(truth(&format!("{}true", "true && ".repeat(127)), &[]), Truth::True);
    assert_eq!(truth(&format!("{}true", "false ? true : ".repeat(32)), &[]), Truth::True);
    assert_eq!(truth(&format!("{}true", "!".repeat(255)), &[]), Truth::False);
    let deep = format!("{}1{} > 0", "1 + 2 * (".repeat(15), ")".repeat(15));
    assert_eq!(truth(&deep, &[]), Truth::True);
    let stack = |depth: usize| {
        let open = "account.limit * 2 + request.amount * (".repeat(depth);
        format!("{open}1{} > 0", ")".repeat(depth))
    };
    assert_eq!(truth(&stack(5), &[]), Truth::True);
    let many = format!("{}1{} > 0", "1 * 1 + (".repeat(32), ")".repeat(32));
    assert_eq!(truth(&many, &[]), Truth::True);
    let too_many = format!("{}1*1{} > 0", "1 * 1 + (".repeat(32), ")".repeat(32));
    assert!(fault(too_many).message.contains("more than 32 intermediate values"));
}
