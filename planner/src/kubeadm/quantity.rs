//! Converts Kubernetes quantities such as `500Mi`, `0.5` or `1e3` to their canonical form.
//!
//! Rules: apimachinery v0.36, pkg/api/resource/quantity.go.

const DECIMAL: &[(&str, i32)] = &[
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];
const BINARY: &[(&str, u32)] = &[
    ("Ki", 10),
    ("Mi", 20),
    ("Gi", 30),
    ("Ti", 40),
    ("Pi", 50),
    ("Ei", 60),
];
const NANO: i128 = 1_000_000_000;

#[derive(Clone, Copy)]
enum Format {
    DecimalSi,
    DecimalExponent,
    BinarySi,
}

/// A quantity as written.
struct Parts<'a> {
    negative: bool,
    /// All digits, without leading zeros of the whole part.
    digits: String,
    fraction: &'a str,
    /// The power of ten of the last digit.
    scale: i32,
    /// The power of two of a binary suffix.
    shift: u32,
    format: Format,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, text.get(1..)?),
            b'+' => (false, text.get(1..)?),
            _ => (false, text),
        };
        let number_end = unsigned
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(number_end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return None;
        }
        let (power_of_ten, shift, format) =
            if let Some((_, power)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
                (*power, 0, Format::DecimalSi)
            } else if let Some((_, shift)) = BINARY.iter().find(|(name, _)| *name == suffix) {
                (0, *shift, Format::BinarySi)
            } else {
                let exponent = suffix.strip_prefix(['e', 'E'])?;
                let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return None;
                }
                (exponent.parse().ok()?, 0, Format::DecimalExponent)
            };
        let whole = match whole.trim_start_matches('0') {
            "" => "0",
            stripped => stripped,
        };
        Some(Self {
            negative,
            digits: format!("{whole}{fraction}"),
            fraction,
            scale: power_of_ten.checked_sub(i32::try_from(fraction.len()).ok()?)?,
            shift,
            format,
        })
    }

    /// The absolute value in nano-units, rounded up (away from zero).
    fn nanos(&self) -> Option<i128> {
        let digits = self.digits.trim_start_matches('0');
        let exponent = self.scale.checked_add(9)?;
        let mut nanos: i128 = if digits.is_empty() {
            0
        } else {
            let value: i128 = digits.parse().ok()?;
            if exponent >= 0 {
                value.checked_mul(10_i128.checked_pow(exponent.unsigned_abs())?)?
            } else {
                let divisor = 10_i128.checked_pow(exponent.unsigned_abs().min(38))?;
                value / divisor + i128::from(value % divisor != 0)
            }
        };
        nanos = nanos.checked_mul(1_i128 << self.shift)?;
        if matches!(self.format, Format::BinarySi) {
            nanos = nanos.min(i128::from(i64::MAX) * NANO);
        }
        Some(nanos)
    }
}

/// The value of `text` in nano-units, rounded away from zero; `None` if it is not a valid quantity, or is larger than 10^29.
#[must_use]
pub fn nanos(text: &str) -> Option<i128> {
    let parts = Parts::of(text)?;
    let nanos = parts.nanos()?;
    Some(if parts.negative { -nanos } else { nanos })
}

/// The canonical form that Go prints for `text`; `None` if it is not a valid quantity, or is larger than 10^29.
#[must_use]
pub fn canonical(text: &str) -> Option<String> {
    let parts = Parts::of(text)?;
    let Parts {
        negative,
        digits,
        fraction,
        scale,
        shift,
        format,
    } = &parts;
    if is_kept_as_written(format, digits, fraction, *scale, *shift) {
        return Some(text.to_owned());
    }
    let nanos = parts.nanos()?;
    let (negative, mut format) = (*negative, parts.format);
    if matches!(format, Format::BinarySi) && nanos < 1024 * NANO {
        // Too small for a binary suffix; a fraction needs a decimal one.
        if nanos % NANO != 0 || nanos < NANO {
            format = Format::DecimalSi;
        }
    }
    if nanos == 0 {
        return Some("0".to_owned());
    }
    let sign = if negative { "-" } else { "" };
    if matches!(format, Format::BinarySi) {
        if nanos % NANO == 0 {
            let value = nanos / NANO;
            let (name, shift) = BINARY
                .iter()
                .rev()
                .find(|(_, shift)| value % (1 << shift) == 0)
                .copied()
                .unwrap_or(("", 0));
            return Some(format!("{sign}{}{name}", value >> shift));
        }
        format = Format::DecimalSi;
    }
    let (name, power) = DECIMAL
        .iter()
        .rev()
        .find(|(_, power)| nanos % 10_i128.pow((power + 9).unsigned_abs()) == 0)
        .copied()
        .unwrap_or(("n", -9));
    let value = nanos / 10_i128.pow((power + 9).unsigned_abs());
    Some(match format {
        Format::DecimalExponent if power != 0 => format!("{sign}{value}e{power}"),
        Format::DecimalExponent => format!("{sign}{value}"),
        _ => format!("{sign}{value}{name}"),
    })
}

/// The text of a number that Go considers canonical, which it keeps with its sign.
fn is_kept_as_written(
    format: &Format,
    digits: &str,
    fraction: &str,
    scale: i32,
    shift: u32,
) -> bool {
    match format {
        Format::BinarySi => {
            let room = 14 - digits.len() as i64 - i64::from(shift) * 3 / 10;
            fraction.is_empty()
                && room >= 0
                && digits.parse::<i64>().is_ok_and(|value| value & 7 != 0)
        }
        _ => {
            digits.len() <= 18
                && scale >= -9
                && scale % 3 == 0
                && !digits.ends_with("000")
                && !digits.starts_with('0')
                && !digits.is_empty()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_print_canonically() {
        for (text, printed) in [
            ("0", "0"),
            ("500Mi", "500Mi"),
            ("1024Mi", "1Gi"),
            ("0.5", "500m"),
            ("0.5Gi", "512Mi"),
            ("1000", "1k"),
            ("1500m", "1500m"),
            ("1e3", "1e3"),
            ("1E", "1E"),
            ("100", "100"),
            ("1.5", "1500m"),
            ("-2Gi", "-2Gi"),
            ("0.0000000001", "1n"),
            ("+5", "+5"),
            ("1.500", "1.500"),
            ("00010", "00010"),
            ("1e20", "100e18"),
            ("9Ei", "9223372036854775807"),
            ("1.5Ki", "1536"),
            ("1e4", "10e3"),
            (".5", "500m"),
            (".500", "500m"),
            ("12e6", "12e6"),
            ("1024", "1024"),
            ("1Ki", "1Ki"),
            ("0.1Ki", "102400m"),
            ("99999999999999999999", "99999999999999999999"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(printed), "{text}");
        }
        for text in ["", "Mi", "1 Gi", "1gi", "1e", "--1", "1.2.3", "x"] {
            assert_eq!(canonical(text), None, "{text}");
            assert_eq!(nanos(text), None, "{text}");
        }
    }

    #[test]
    fn quantities_are_compared_by_value() {
        for (smaller, larger) in [
            ("-1", "0"),
            ("0", "1n"),
            ("999m", "1"),
            ("1000M", "1Gi"),
            ("1023Ki", "1Mi"),
            ("1.5", "1501m"),
            ("9e2", "1e3"),
        ] {
            assert!(nanos(smaller) < nanos(larger), "{smaller} {larger}");
        }
        assert_eq!(nanos("1000m"), nanos("1"));
        assert_eq!(nanos("0.5Gi"), nanos("512Mi"));
    }
}
