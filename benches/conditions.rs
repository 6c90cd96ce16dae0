//! Conditions of rules: ours against the interpreter of the crate that parses them.

use std::collections::HashMap;
use std::hint::black_box;

use criterion::Criterion;
use surety::domain::{Type, Value};
use surety::policy::condition::{Names, Truth, compile};

/// Names with their types and values, as a request would fill them.
const FIELDS: [(&str, &str, Type, Value<'_>); 7] = [
    ("account", "outstanding", Type::Int, Value::Int(500)),
    ("account", "reserved", Type::Int, Value::Int(100)),
    ("request", "exposure", Type::Int, Value::Int(250)),
    ("account", "credit_limit", Type::Int, Value::Int(1000)),
    ("request", "country", Type::Text, Value::Text("NG")),
    ("account", "frozen", Type::Bool, Value::Bool(false)),
    ("signal", "score", Type::Double, Value::Double(0.7)),
];

/// From the shortest that the shipped policy has to its longest kind.
const RULES: [(&str, &str, Truth); 5] = [
    ("flag", "account.frozen", Truth::False),
    ("comparison", "request.exposure > 200", Truth::True),
    (
        "limit",
        "account.outstanding + account.reserved + request.exposure > account.credit_limit",
        Truth::False,
    ),
    (
        "list",
        "request.country in ['GH', 'KE', 'NG', 'ZA'] && signal.score > 0.5 && !account.frozen",
        Truth::True,
    ),
    (
        "alternatives",
        "signal.score < 0.5 || account.frozen \
         || request.exposure * 100 / account.credit_limit > 20",
        Truth::True,
    ),
];

pub fn define(c: &mut Criterion) {
    let named = (0u16..).zip(FIELDS);
    let names =
        Names::new(named.map(|(slot, (group, name, value_type, _))| {
            (format!("{group}.{name}"), slot, value_type)
        }));
    let slots = FIELDS.map(|field| field.3);
    let context = context();
    let mut group = c.benchmark_group("conditions");
    for (name, source, expected) in RULES {
        let condition = compile(source, &names).unwrap();
        group.bench_function(format!("{name}/ours"), |b| {
            b.iter(|| {
                let truth = black_box(&condition).evaluate(black_box(&slots));
                assert_eq!(truth, expected);
            });
        });
        let program = cel::Program::compile(source).unwrap();
        let expected = cel::Value::Bool(expected == Truth::True);
        group.bench_function(format!("{name}/cel"), |b| {
            b.iter(|| {
                let value = black_box(&program).execute(black_box(&context)).unwrap();
                assert_eq!(value, expected);
            });
        });
    }
}

/// The same values for the interpreter.
fn context() -> cel::Context<'static, 'static> {
    let mut groups: HashMap<&str, HashMap<String, cel::Value>> = HashMap::new();
    for (group, name, _, value) in FIELDS {
        let value = match value {
            Value::Bool(value) => value.into(),
            Value::Int(value) => value.into(),
            Value::Double(value) => value.into(),
            Value::Text(value) => value.into(),
            Value::NotSupplied | Value::Failed => continue,
        };
        groups.entry(group).or_default().insert(name.to_owned(), value);
    }
    let mut context = cel::Context::default();
    for (group, members) in groups {
        context.add_variable_from_value(group, members);
    }
    context
}
