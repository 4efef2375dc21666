//! Parses and prints Go durations, such as `1h30m0s`.

use std::time::Duration;

const UNITS: &[(&str, i128)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A Go `time.Duration`: a signed 64-bit number of nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoDuration(pub i64);

impl GoDuration {
    /// Parses what Go's `time.ParseDuration` accepts; `None` for other texts, and if the value overflows.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, mut rest) = match text.as_bytes().first()? {
            b'-' => (true, text.get(1..)?),
            b'+' => (false, text.get(1..)?),
            _ => (false, text),
        };
        if rest == "0" {
            return Some(Self(0));
        }
        if rest.is_empty() {
            return None;
        }
        let mut total: i128 = 0;
        while !rest.is_empty() {
            let number_end = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(rest.len());
            let (number, after) = rest.split_at(number_end);
            let unit_end = after
                .find(|c: char| c.is_ascii_digit() || c == '.')
                .unwrap_or(after.len());
            let (unit, after) = after.split_at(unit_end);
            let factor = UNITS.iter().find(|(name, _)| *name == unit)?.1;
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
                return None;
            }
            let whole: i128 = if whole.is_empty() {
                0
            } else {
                whole.parse().ok()?
            };
            total = total.checked_add(whole.checked_mul(factor)?)?;
            // Digits beyond 18 are below a nanosecond in every unit up to an hour.
            let fraction = fraction.get(..fraction.len().min(18))?;
            if !fraction.is_empty() {
                let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
                total = total.checked_add(fraction.parse::<i128>().ok()? * factor / scale)?;
            }
            if total > 1 << 63 {
                return None;
            }
            rest = after;
        }
        i64::try_from(if negative { -total } else { total })
            .ok()
            .map(Self)
    }

    /// Converts to an unsigned duration; a negative duration becomes zero.
    #[must_use]
    pub fn to_std(self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }
}

impl std::fmt::Display for GoDuration {
    /// Prints Go's form: `1h30m0s`, `1.5s`, `100ms`, `0s`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let nanos = self.0.unsigned_abs();
        if nanos == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let (unit, name) = match nanos {
            0..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "\u{b5}s"),
            1_000_000..1_000_000_000 => (1_000_000, "ms"),
            _ => {
                let seconds = nanos / 1_000_000_000;
                let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
                if hours > 0 {
                    write!(f, "{hours}h")?;
                }
                if hours > 0 || minutes > 0 {
                    write!(f, "{minutes}m")?;
                }
                let rest = nanos % 60_000_000_000;
                return write!(f, "{}s", decimal(rest, 1_000_000_000));
            }
        };
        write!(f, "{}{name}", decimal(nanos, unit))
    }
}

/// `value / unit` without trailing zeros.
fn decimal(value: u64, unit: u64) -> String {
    let digits = unit.ilog10() as usize;
    let fraction = format!("{:0digits$}", value % unit);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        (value / unit).to_string()
    } else {
        format!("{}.{fraction}", value / unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_as_go_prints_them() {
        let cases = [
            ("60s", "1m0s"),
            ("24h", "24h0m0s"),
            ("8760h", "8760h0m0s"),
            ("0", "0s"),
            ("-0", "0s"),
            ("0s", "0s"),
            ("1.5h", "1h30m0s"),
            ("90m", "1h30m0s"),
            ("100ms", "100ms"),
            ("1500ms", "1.5s"),
            ("1m0.5s", "1m0.5s"),
            ("-10m", "-10m0s"),
            (".5s", "500ms"),
            ("5.s", "5s"),
            ("1us", "1\u{b5}s"),
            ("3\u{3bc}s", "3\u{b5}s"),
            ("1500ns", "1.5\u{b5}s"),
            ("7ns", "7ns"),
            ("1h1h", "2h0m0s"),
            ("+5m", "5m0s"),
            ("2562047h47m16.854775807s", "2562047h47m16.854775807s"),
        ];
        for (text, printed) in cases {
            assert_eq!(
                GoDuration::parse(text).map(|d| d.to_string()).as_deref(),
                Some(printed),
                "{text}"
            );
        }
    }

    #[test]
    fn other_texts_are_not_durations() {
        for text in [
            "", "5", "1d", "s", "-", "1h ", " 1h", "1.2.3s", ".s", "1H", "2562048h", "1e3s", "--1s",
        ] {
            assert_eq!(GoDuration::parse(text), None, "{text}");
        }
    }
}
