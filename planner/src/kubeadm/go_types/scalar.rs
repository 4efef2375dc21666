//! Converts scalar values to what Go decodes them to and prints again.
//!
//! Serves the decoders of configuration files and of patched objects, which word their own error messages. Source:
//! encoding/json, apimachinery's `Quantity`, `Time`, `Duration` and `IntOrString`, v0.36.2.

use serde_json::{Number, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Type;
use crate::kubeadm::duration::GoDuration;
use crate::kubeadm::quantity;

/// A value as written.
#[derive(Clone, Copy, Debug)]
pub enum Scalar<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// Another number, also infinite or not a number.
    Float(f64),
    /// Text.
    Text(&'a str),
}

/// Why a value does not fit its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The type takes another kind of values.
    Kind,
    /// The integer is out of the type's range.
    Range {
        /// The smallest value of the type.
        min: i128,
        /// The largest value of the type.
        max: i128,
    },
    /// The number is infinite, not a number, or too large.
    NotFinite,
    /// The text does not have the type's form, such as a duration without a unit.
    Form,
}

/// What Go prints for a `value` of type `ty`.
///
/// # Errors
/// [`Wrong`] if Go's decoder refuses it.
pub fn decode(ty: &Type, value: Scalar<'_>) -> Result<Value, Wrong> {
    match (ty, value) {
        (Type::Bool, Scalar::Bool(value)) => Ok(value.into()),
        (
            Type::String | Type::SecretString | Type::Token | Type::IntOrString,
            Scalar::Text(text),
        ) => Ok(text.into()),
        (Type::Int32 | Type::IntOrString, value) => {
            integer(value, i32::MIN.into(), i32::MAX.into())
        }
        (Type::Int64, value) => integer(value, i64::MIN.into(), i64::MAX.into()),
        (Type::Uint32, value) => integer(value, 0, u32::MAX.into()),
        (Type::Float32 | Type::Float64, value) => float(ty, value),
        (Type::Duration | Type::DurationOrNanoseconds, Scalar::Text(text)) => {
            let duration = GoDuration::parse(text).ok_or(Wrong::Form)?;
            Ok(duration.to_string().into())
        }
        (Type::DurationOrNanoseconds, value) => integer(value, i64::MIN.into(), i64::MAX.into()),
        (Type::Time, Scalar::Text(text)) => time(text).ok_or(Wrong::Form),
        (Type::Quantity, Scalar::Text(text)) => quantity(text.trim()),
        (Type::Quantity, Scalar::Integer(value)) => quantity(&value.to_string()),
        (Type::Quantity, Scalar::Float(value)) => quantity(&value.to_string()),
        _ => Err(Wrong::Kind),
    }
}

fn integer(value: Scalar<'_>, min: i128, max: i128) -> Result<Value, Wrong> {
    let value = match value {
        Scalar::Integer(value) => value,
        #[expect(clippy::cast_possible_truncation, reason = "bounded by the comparison")]
        Scalar::Float(value) if value.fract() == 0.0 && value.abs() < 1e21 => value as i128,
        _ => return Err(Wrong::Kind),
    };
    if value < min || value > max {
        return Err(Wrong::Range { min, max });
    }
    i64::try_from(value)
        .map(Value::from)
        .map_err(|_| Wrong::Range { min, max })
}

fn float(ty: &Type, value: Scalar<'_>) -> Result<Value, Wrong> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "as Go decodes integers into floats"
    )]
    let value = match value {
        Scalar::Integer(value) => value as f64,
        Scalar::Float(value) => value,
        _ => return Err(Wrong::Kind),
    };
    // A Go float32 is printed with the digits that identify it among 32-bit floats.
    #[expect(clippy::cast_possible_truncation, reason = "the field holds 32 bits")]
    let value = match ty {
        Type::Float32 => (value as f32).to_string().parse().unwrap_or(f64::INFINITY),
        _ => value,
    };
    number(value).map(Value::Number).ok_or(Wrong::NotFinite)
}

/// `value` as Go prints it: without a fraction if there is none.
fn number(value: f64) -> Option<Number> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to be integral and small"
    )]
    if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
        Some(Number::from(value as i64))
    } else {
        Number::from_f64(value)
    }
}

/// Whole seconds in UTC, as apimachinery prints a time.
fn time(text: &str) -> Option<Value> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    // Near the ends of the years that can be written, UTC may lie beyond them.
    let time = time
        .checked_to_offset(time::UtcOffset::UTC)?
        .replace_nanosecond(0)
        .ok()?;
    time.format(&Rfc3339).ok().map(Value::from)
}

fn quantity(text: &str) -> Result<Value, Wrong> {
    quantity::canonical(text)
        .map(Value::from)
        .ok_or(Wrong::Form)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_printed_as_go_prints_them() {
        for (ty, value, expected) in [
            (Type::Int32, Scalar::Float(110.0), json!(110)),
            (
                Type::Uint32,
                Scalar::Integer(4_294_967_295),
                json!(4_294_967_295_i64),
            ),
            (Type::Float32, Scalar::Float(0.1), json!(0.1)),
            (Type::Float64, Scalar::Integer(2), json!(2)),
            (Type::IntOrString, Scalar::Text("https"), json!("https")),
            (Type::IntOrString, Scalar::Integer(80), json!(80)),
            (Type::Duration, Scalar::Text("90s"), json!("1m30s")),
            (Type::DurationOrNanoseconds, Scalar::Integer(5), json!(5)),
            (
                Type::Time,
                Scalar::Text("2026-01-02T04:04:05.5+01:00"),
                json!("2026-01-02T03:04:05Z"),
            ),
            (Type::Quantity, Scalar::Text(" 2048Ki "), json!("2Mi")),
            (Type::Quantity, Scalar::Float(0.5), json!("500m")),
        ] {
            assert_eq!(decode(&ty, value), Ok(expected), "{ty:?} {value:?}");
        }
    }

    #[test]
    fn every_reason_why_a_value_does_not_fit_is_told_apart() {
        for (ty, value, expected) in [
            (Type::Int32, Scalar::Float(1.5), Wrong::Kind),
            (Type::Int32, Scalar::Text("1"), Wrong::Kind),
            (
                Type::Int32,
                Scalar::Integer(2_147_483_648),
                Wrong::Range {
                    min: -2_147_483_648,
                    max: 2_147_483_647,
                },
            ),
            (
                Type::Float64,
                Scalar::Float(f64::INFINITY),
                Wrong::NotFinite,
            ),
            (Type::Duration, Scalar::Integer(5), Wrong::Kind),
            (Type::Duration, Scalar::Text("5"), Wrong::Form),
            (Type::Time, Scalar::Text("today"), Wrong::Form),
            // A year beyond 9999 in UTC.
            (
                Type::Time,
                Scalar::Text("9999-12-31T23:59:59-23:59"),
                Wrong::Form,
            ),
            (Type::Quantity, Scalar::Text("5x"), Wrong::Form),
            (Type::Bool, Scalar::Text("true"), Wrong::Kind),
        ] {
            assert_eq!(decode(&ty, value), Err(expected), "{ty:?} {value:?}");
        }
    }
}
