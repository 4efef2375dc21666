//! Resolves unquoted scalars by the rules of go-yaml v2 (go.yaml.in/yaml/v2, resolve.go), with which kubeadm reads its
//! configuration.

use super::Data;

/// Resolves the text of a plain scalar.
pub(super) fn resolve(text: &str) -> Data {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Data::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Data::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Data::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Data::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Data::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Data::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let starts_number = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.'));
    if starts_number {
        let digits = text.replace('_', "");
        if let Some(value) = integer(&digits) {
            return Data::Int(value);
        }
        if let Some(value) = float(&digits) {
            return Data::Float(value);
        }
    }
    Data::String(text.to_owned())
}

/// Parses a 64-bit integer literal of Go: `0x`, `0b`, `0o` and a leading `0` set the base.
fn integer(text: &str) -> Option<i128> {
    let (negative, magnitude) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let lower = magnitude.to_ascii_lowercase();
    let (digits, radix) = if let Some(rest) = lower.strip_prefix("0x") {
        (rest, 16)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (rest, 2)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (rest, 8)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (lower.get(1..)?, 8)
    } else {
        (lower.as_str(), 10)
    };
    // A second sign would be accepted by the standard parser.
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let value = i128::from(u64::from_str_radix(digits, radix).ok()?);
    let value = if negative { -value } else { value };
    (value >= i128::from(i64::MIN)).then_some(value)
}

/// Whether the text is an integer whose leading zero makes it octal, and that has another value without the zero.
pub(super) fn is_octal(text: &str) -> bool {
    let digits = text
        .strip_prefix(['+', '-'])
        .unwrap_or(text)
        .replace('_', "");
    let significant = digits.trim_start_matches('0');
    digits.starts_with('0')
        && significant.len() > 1
        && significant.bytes().all(|byte| matches!(byte, b'0'..=b'7'))
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (unsigned.get(..at)?, unsigned.get(at + 1..)),
        None => (unsigned, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_ok = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    let exponent_ok =
        exponent.is_none_or(|text| digits(text.strip_prefix(['+', '-']).unwrap_or(text)));
    if !(mantissa_ok && exponent_ok) {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_octal_integer_starts_with_zero_and_has_another_value_without_it() {
        for octal in ["06443", "-012", "0_17", "0010"] {
            assert!(is_octal(octal), "{octal}");
        }
        for other in [
            "0", "00", "007", "08", "0x17", "0o17", "0b1", "10", "01.5", "", "+", "0640a",
        ] {
            assert!(!is_octal(other), "{other}");
        }
    }

    #[test]
    fn scalars_are_resolved_as_by_go_yaml() {
        let string = |text: &str| Data::String(text.to_owned());
        let cases = [
            ("y", Data::Bool(true)),
            ("No", Data::Bool(false)),
            ("oN", string("oN")),
            ("off", Data::Bool(false)),
            ("~", Data::Null),
            ("012", Data::Int(10)),
            ("0o17", Data::Int(15)),
            ("0x1F", Data::Int(31)),
            ("0b101", Data::Int(5)),
            ("-0b101", Data::Int(-5)),
            ("1_000", Data::Int(1000)),
            ("08", Data::Float(8.0)),
            ("+7", Data::Int(7)),
            ("1e3", Data::Float(1000.0)),
            (".5", Data::Float(0.5)),
            ("6443.", Data::Float(6443.0)),
            (
                "18446744073709551615",
                Data::Int(18_446_744_073_709_551_615),
            ),
            (
                "18446744073709551616",
                Data::Float(18_446_744_073_709_551_616.0),
            ),
            ("1.36.2", string("1.36.2")),
            ("12:30", string("12:30")),
            ("2026-01-02", string("2026-01-02")),
            ("--5", string("--5")),
            ("+-5", string("+-5")),
            ("-", string("-")),
            (".", string(".")),
            ("1e", string("1e")),
            ("0x", string("0x")),
            ("abcdef.0123456789abcdef", string("abcdef.0123456789abcdef")),
        ];
        for (text, expected) in cases {
            assert_eq!(resolve(text), expected, "{text}");
        }
    }
}
