//! Prints numbers as Go does.
//!
//! In: a JSON number. Out: integers in decimal; floats with the fewest digits that give the same value
//! back, with an exponent (at least two digits) when it is below -4 or at least 6 (so 1000000.0 is `1e+06`).

use serde_json::Number;

/// Decimal exponents below and from which a float is written with an exponent.
const LARGE: i64 = 6;

/// The text of `number`.
pub(super) fn text(number: &Number) -> String {
    let shortest = number.to_string();
    if number.is_f64() {
        in_go_form(&shortest)
    } else {
        shortest
    }
}

/// `float` in Go's form. JSON's text already has the right digits, ties to even included (those of
/// Rust's own formatting differ in ties).
fn in_go_form(float: &str) -> String {
    let (sign, unsigned) = match float.strip_prefix('-') {
        Some(unsigned) => ("-", unsigned),
        None => ("", float),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: i64 = exponent.parse().unwrap_or_default();
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0');
    let digits = significant.trim_end_matches('0');
    if digits.is_empty() {
        return format!("{sign}0");
    }
    // The exponent of the first significant digit.
    let leading_zeros = length(&all) - length(significant);
    let exponent = exponent + length(whole) - leading_zeros - 1;
    let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, ""));
    if !(-4..LARGE).contains(&exponent) {
        let point = if rest.is_empty() { "" } else { "." };
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        return format!(
            "{sign}{first}{point}{rest}e{exponent_sign}{:02}",
            exponent.abs()
        );
    }
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or_default());
    if exponent < 0 {
        return format!("{sign}0.{}{digits}", zeros(-exponent - 1));
    }
    let padded = format!("{digits}{}", zeros(exponent + 1 - length(digits)));
    match padded.split_at_checked(usize::try_from(exponent + 1).unwrap_or_default()) {
        Some((whole, "")) => format!("{sign}{whole}"),
        Some((whole, fraction)) => format!("{sign}{whole}.{fraction}"),
        None => float.to_owned(),
    }
}

fn length(digits: &str) -> i64 {
    i64::try_from(digits.len()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_have_gos_form() {
        for (value, expected) in [
            (0.5, "0.5"),
            (1.0, "1"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-1.25e-7, "-1.25e-07"),
            (123_456.5, "123456.5"),
            (1_234_567.0, "1.234567e+06"),
            (-0.0, "-0"),
            (0.05, "0.05"),
            (100.25, "100.25"),
            (1_991_917_757_461_385.3, "1.9919177574613852e+15"),
            (1e300, "1e+300"),
        ] {
            assert_eq!(text(&Number::from_f64(value).unwrap()), expected);
        }
    }
}
