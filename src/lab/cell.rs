//! A value by name as a field of a CSV file: the same for what is replayed and what is trained on.

use std::fmt::Write;

use crate::domain::Value;

/// Adds the value to `field`: numbers as they are, truth as 0 or 1, nothing for what is missing.
pub(super) fn write(field: &mut String, value: &Value<'_>) {
    // Writing into a string cannot fail.
    let _written = match value {
        Value::NotSupplied | Value::Failed => Ok(()),
        Value::Bool(truth) => write!(field, "{}", u8::from(*truth)),
        value => write!(field, "{value}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_reads_as_the_value_that_it_was() {
        for (value, expected) in [
            (Value::Bool(true), "1"),
            (Value::Bool(false), "0"),
            (Value::Int(-7), "-7"),
            (Value::Double(0.1 + 0.2), "0.30000000000000004"),
            (Value::Text("WEB"), "WEB"),
            (Value::NotSupplied, ""),
            (Value::Failed, ""),
        ] {
            let mut field = String::new();
            write(&mut field, &value);
            assert_eq!(field, expected);
        }
    }
}
