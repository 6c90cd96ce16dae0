//! Random conditions and values: conditions come to what the interpreter of the cel crate says, and
//! no source makes the compiler panic.
//!
//! The crate deviates from CEL in two ways that the generators keep clear of. It compares Int with
//! Double after rounding the Int, so the two are only compared while all numbers are small. And to
//! order NaN is an error there, so Doubles are only divided by literals other than 0 and
//! stay small.

use std::collections::HashMap;

use proptest::prelude::*;

use super::operation::compare;
use super::{Names, Truth, Value, compile};
use crate::domain::Type;

/// Every name has a root of its own: `n0.v`, `n1.v` and so on.
const KINDS: [Type; 8] = [
    Type::Int,
    Type::Int,
    Type::Int,
    Type::Double,
    Type::Double,
    Type::Text,
    Type::Bool,
    Type::Bool,
];

fn names() -> Names {
    Names::new((0u16..).zip(KINDS).map(|(slot, kind)| (format!("n{slot}.v"), slot, kind)))
}

/// What expressions may hold: Int compared with Double, or Ints of any size.
#[derive(Clone, Copy)]
enum Numbers {
    SmallMixed,
    Large,
}

fn int_literal(numbers: Numbers) -> BoxedStrategy<i64> {
    match numbers {
        Numbers::SmallMixed => (-9i64..10).boxed(),
        Numbers::Large => {
            prop_oneof![-9i64..10, Just(i64::MAX), Just(i64::MIN), Just(i64::MAX - 1), any::<i64>()]
                .boxed()
        }
    }
}

fn double_literal() -> BoxedStrategy<f64> {
    (-36i32..37).prop_map(|quarter| f64::from(quarter) / 4.0).boxed()
}

fn text_literal() -> BoxedStrategy<&'static str> {
    prop::sample::select(vec!["", "a", "b", "é", "zz"]).boxed()
}

fn names_of(kind: Type) -> BoxedStrategy<String> {
    let slots: Vec<usize> = (0..KINDS.len()).filter(|slot| KINDS[*slot] == kind).collect();
    prop::sample::select(slots).prop_map(|slot| format!("n{slot}.v")).boxed()
}

fn int(depth: u32, numbers: Numbers) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        2 => names_of(Type::Int),
        1 => int_literal(numbers).prop_map(|value| value.to_string()),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let inner = || int(depth - 1, numbers);
    let operator = prop::sample::select(vec!["+", "-", "*", "/", "%"]);
    prop_oneof![
        2 => leaf,
        4 => (inner(), operator, inner()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
        1 => inner().prop_map(|a| format!("-({a})")),
        1 => double(depth - 1, numbers).prop_map(|a| format!("int({a})")),
        1 => (bool(depth - 1, numbers), inner(), inner())
            .prop_map(|(c, a, b)| format!("(({c}) ? {a} : {b})")),
    ]
    .boxed()
}

fn double(depth: u32, numbers: Numbers) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        2 => names_of(Type::Double),
        1 => double_literal().prop_map(|value| format!("{value:?}")),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let inner = || double(depth - 1, numbers);
    let operator = prop::sample::select(vec!["+", "-", "*"]);
    prop_oneof![
        2 => leaf,
        4 => (inner(), operator, inner()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
        1 => inner().prop_map(|a| format!("({a} / 0.5)")),
        1 => inner().prop_map(|a| format!("-({a})")),
        1 => int(depth - 1, numbers).prop_map(|a| format!("double({a})")),
    ]
    .boxed()
}

fn comparison(depth: u32, numbers: Numbers) -> BoxedStrategy<String> {
    let all = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let text = || {
        let literal = text_literal().prop_map(|text| format!("{text:?}"));
        prop_oneof![2 => names_of(Type::Text), 1 => literal]
    };
    let (ints, doubles) = (|| int(depth, numbers), || double(depth, numbers));
    let numeric = match numbers {
        Numbers::SmallMixed => {
            prop_oneof![(ints(), all.clone(), doubles()), (doubles(), all.clone(), ints()),].boxed()
        }
        Numbers::Large => {
            prop_oneof![(ints(), all.clone(), ints()), (doubles(), all.clone(), doubles()),].boxed()
        }
    };
    let texts = (text(), all, text()).boxed();
    let list = prop::collection::vec(int_literal(numbers), 1..4);
    let texts_list = prop::collection::vec(text_literal(), 1..4);
    prop_oneof![
        4 => numeric.prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        1 => texts.prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        1 => (ints(), list).prop_map(|(a, list)| format!("{a} in {list:?}")),
        1 => (text(), texts_list).prop_map(|(a, list)| format!("{a} in {list:?}")),
    ]
    .boxed()
}

fn bool(depth: u32, numbers: Numbers) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        2 => names_of(Type::Bool),
        1 => any::<bool>().prop_map(|value| value.to_string()),
        1 => (0..KINDS.len()).prop_map(|slot| format!("has(n{slot}.v)")),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let inner = || bool(depth - 1, numbers);
    let operator = prop::sample::select(vec!["&&", "||", "==", "!="]);
    prop_oneof![
        1 => leaf,
        4 => comparison(depth - 1, numbers),
        5 => (inner(), operator, inner()).prop_map(|(a, op, b)| format!("({a}) {op} ({b})")),
        1 => (inner(), inner(), inner()).prop_map(|(a, b, c)| format!("({a}) && ({b}) || ({c})")),
        1 => inner().prop_map(|a| format!("!({a})")),
        1 => (inner(), inner(), inner()).prop_map(|(c, a, b)| format!("({c}) ? ({a}) : ({b})")),
    ]
    .boxed()
}

fn values(numbers: Numbers) -> impl Strategy<Value = Vec<Value<'static>>> {
    let value = move |kind| {
        let present = match kind {
            Type::Int => int_literal(numbers).prop_map(Value::Int).boxed(),
            Type::Double => double_literal().prop_map(Value::Double).boxed(),
            Type::Text => text_literal().prop_map(Value::Text).boxed(),
            Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        };
        prop_oneof![6 => present, 1 => Just(Value::NotSupplied), 1 => Just(Value::Failed)]
    };
    KINDS.map(value).to_vec()
}

/// What the crate's interpreter says; a name not supplied has a root without it, one that failed
/// has no root either, so that `has` fails too.
fn interpreted(source: &str, slots: &[Value<'_>]) -> Option<bool> {
    let mut context = cel::Context::default();
    for (slot, value) in slots.iter().enumerate() {
        let value: cel::Value = match value {
            Value::Bool(value) => (*value).into(),
            Value::Int(value) => (*value).into(),
            Value::Double(value) => (*value).into(),
            Value::Text(value) => (*value).into(),
            Value::NotSupplied => cel::Value::Null,
            Value::Failed => continue,
        };
        let mut root = HashMap::new();
        if value != cel::Value::Null {
            root.insert("v".to_owned(), value);
        }
        context.add_variable_from_value(format!("n{slot}"), root);
    }
    match cel::Program::compile(source).unwrap().execute(&context) {
        Ok(cel::Value::Bool(value)) => Some(value),
        Ok(other) => panic!("{source} came to {other:?}"),
        Err(_) => None,
    }
}

fn agree(source: &str, slots: &[Value<'_>]) -> Result<(), TestCaseError> {
    let condition = match compile(source, &names()) {
        Ok(condition) => condition,
        // Random expressions may be too large; anything else would be a fault of ours.
        Err(fault) if fault.message.contains("more than") => return Ok(()),
        Err(fault) => return Err(TestCaseError::fail(format!("{source}: {fault}"))),
    };
    let truth = condition.evaluate(slots);
    match interpreted(source, slots) {
        Some(true) => prop_assert_eq!(truth, Truth::True, "{}", source),
        Some(false) => prop_assert_eq!(truth, Truth::False, "{}", source),
        None => prop_assert!(matches!(truth, Truth::NotSupplied | Truth::Failed), "{}", source),
    }
    let evidence = condition.evidence(slots);
    prop_assert!(truth == Truth::True || evidence.is_empty());
    for found in evidence {
        prop_assert!(condition.slots().any(|slot| slot == found.slot));
        if found.limit != Value::NotSupplied {
            let holds = compare(found.operator, found.observed, found.limit);
            prop_assert_eq!(holds, Value::Bool(true), "{}: {:?}", source, found);
        }
    }
    Ok(())
}

/// Sources made of the language's own pieces, most of them malformed.
fn pieces() -> impl Strategy<Value = String> {
    let pieces = [
        "n0.v",
        "n3.v",
        "n6.v",
        "has(n0.v)",
        "double(",
        "int(",
        "(",
        ")",
        "[",
        "]",
        "in",
        "in [1]",
        "1",
        "2.5",
        "'é'",
        "\"a\\n\"",
        "true",
        "null",
        "&&",
        "||",
        "!",
        "-",
        "+",
        "*",
        "/",
        "%",
        "==",
        "<",
        "?",
        ":",
        ",",
        ".",
        "\n",
        "// é\n",
        "é",
        "while",
        "{",
        "x.all(",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..24)
        .prop_map(|pieces| pieces.join(" "))
}

fn survives(source: &str) -> Result<(), TestCaseError> {
    match compile(source, &names()) {
        Ok(condition) => {
            condition.evaluate(&[]);
        }
        Err(fault) => prop_assert!(source.is_char_boundary(fault.offset), "{}: {}", source, fault),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_interpreter_on_ints_of_any_size(
        source in bool(4, Numbers::Large),
        slots in values(Numbers::Large),
    ) {
        agree(&source, &slots)?;
    }

    #[test]
    fn agrees_with_the_interpreter_on_mixed_comparisons(
        source in bool(3, Numbers::SmallMixed),
        slots in values(Numbers::SmallMixed),
    ) {
        agree(&source, &slots)?;
    }

    #[test]
    fn no_source_makes_it_panic(source in pieces()) {
        survives(&source)?;
    }

    #[test]
    fn no_text_makes_it_panic(source in "\\PC{0,40}") {
        survives(&source)?;
    }
}
