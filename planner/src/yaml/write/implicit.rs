//! Recognises plain texts that YAML 1.1 reads as something other than a string.
//!
//! In: a text. Out: whether a YAML 1.1 reader would take it, unquoted, for a null, a boolean, a number, an instant or a base-60
//! number. Such a text is written in double quotes.

/// Texts that mean null or a boolean.
const WORDS: &[&str] = &[
    "", "~", "null", "Null", "NULL", //
    "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", //
    "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", //
    ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf",
    "-.INF",
];

/// Whether `text` must be quoted to remain a string.
pub(super) fn is_not_text(text: &str) -> bool {
    WORDS.contains(&text)
        || match text.as_bytes().first() {
            Some(b'.') => underscores_separate_digits(text).is_some_and(|text| is_float(&text)),
            Some(b'+' | b'-' | b'0'..=b'9') => {
                is_number(text) || is_instant(text) || is_base_60(text)
            }
            _ => false,
        }
}

/// An integer in any notation, or a float; underscores may stand anywhere but first.
fn is_number(text: &str) -> bool {
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    is_integer(&plain) || is_float(&plain)
}

/// The text without its underscores, if each stands between two digits.
fn underscores_separate_digits(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('_').collect();
    let digit = |c: char| c.is_ascii_digit();
    parts
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a.ends_with(digit) && b.starts_with(digit)))
        .then(|| parts.concat())
}

/// `0x1f`, `0o17`, `017`, `0b101` or decimal, within 64 bits. (A longer decimal or octal one is a float.)
fn is_integer(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let negative = text.starts_with('-');
    let signed = unsigned.len() < text.len();
    let fits = |digits: &str, radix| {
        digits.bytes().all(|b| char::from(b).is_digit(radix))
            && u64::from_str_radix(digits, radix).is_ok_and(|magnitude| {
                !signed || magnitude <= i64::MAX.unsigned_abs() + u64::from(negative)
            })
    };
    let lower = unsigned.to_ascii_lowercase();
    if let Some(digits) = lower.strip_prefix("0x") {
        fits(digits, 16)
    } else if let Some(digits) = lower.strip_prefix("0o") {
        fits(digits, 8)
    } else if let Some(digits) = lower.strip_prefix("0b") {
        // Go's YAML reader also takes a sign behind the prefix, but only of the lower-case one.
        let inner = digits.strip_prefix(['+', '-']);
        fits(digits, 2)
            || text.starts_with("0b")
                && inner.is_some_and(|digits| fits_signed_64(digits, text.starts_with("0b-")))
    } else {
        // Leading zeros mean octal, but then it is a float in any case.
        fits(&lower, 10)
    }
}

fn fits_signed_64(binary: &str, negative: bool) -> bool {
    binary.bytes().all(|b| matches!(b, b'0' | b'1'))
        && u64::from_str_radix(binary, 2)
            .is_ok_and(|magnitude| magnitude <= i64::MAX.unsigned_abs() + u64::from(negative))
}

/// Digits with at most one dot and an optional exponent, within the range of a 64-bit float.
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent)
        })
        && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// `12:30`, `1:05:09.5`: base-60 numbers of YAML 1.1, which Go quotes for the sake of other readers.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits_and_underscores = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let mut groups = whole.split(':');
    let first = groups.next().unwrap_or_default();
    let mut further = 0;
    for group in groups {
        further += 1;
        match group.as_bytes() {
            [units] if units.is_ascii_digit() => {}
            [b'0'..=b'5', units] if units.is_ascii_digit() => {}
            _ => return false,
        }
    }
    further > 0
        && first.starts_with(|c: char| c.is_ascii_digit())
        && digits_and_underscores(first)
        && digits_and_underscores(fraction)
}

/// A date, or a date and a time: `2026-1-2`, `2026-01-02T03:04:05.6Z`, `2026-01-02 3:4:5`.
fn is_instant(text: &str) -> bool {
    let mut rest = Rest(text);
    rest.date().is_some() && (rest.0.is_empty() || rest.time().is_some() && rest.0.is_empty())
}

/// The part of an instant that is not parsed yet. Each method consumes a piece of it.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn date(&mut self) -> Option<()> {
        let year: u32 = self.0.get(..4).filter(|y| all_digits(y))?.parse().ok()?;
        self.0 = self.0.get(4..)?;
        self.literal('-')?;
        let month = self.one_or_two_digits()?;
        self.literal('-')?;
        let day = self.one_or_two_digits()?;
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u32::from(leap),
            1..=12 => 31,
            _ => return None,
        };
        (1..=days).contains(&day).then_some(())
    }

    /// Parses a time: with a zone after `T` or `t`, without one after spaces.
    fn time(&mut self) -> Option<()> {
        let zoned = self.0.starts_with(['T', 't']);
        if zoned {
            self.0 = self.0.get(1..)?;
        } else {
            self.literal(' ')?;
            self.0 = self.0.trim_start_matches(' ');
        }
        let hour = self.one_or_two_digits()?;
        self.literal(':')?;
        let minute = self.one_or_two_digits()?;
        self.literal(':')?;
        let second = self.one_or_two_digits()?;
        if let Some(fraction) = self.0.strip_prefix(['.', ',']) {
            let after = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if after.len() < fraction.len() {
                self.0 = after;
            }
        }
        if zoned {
            self.zone()?;
        }
        (hour < 24 && minute < 60 && second < 60).then_some(())
    }

    /// `Z`, or `+hh:mm` with up to 24 hours and up to 60 minutes, as Go has it.
    fn zone(&mut self) -> Option<()> {
        if let Some(after) = self.0.strip_prefix('Z') {
            self.0 = after;
            return Some(());
        }
        self.0 = self.0.strip_prefix(['+', '-'])?;
        let hours: u32 = self.0.get(..2).filter(|h| all_digits(h))?.parse().ok()?;
        self.0 = self.0.get(2..)?;
        self.literal(':')?;
        let minutes: u32 = self.0.get(..2).filter(|m| all_digits(m))?.parse().ok()?;
        self.0 = self.0.get(2..)?;
        (hours <= 24 && minutes <= 60).then_some(())
    }

    fn literal(&mut self, c: char) -> Option<()> {
        self.0 = self.0.strip_prefix(c)?;
        Some(())
    }

    fn one_or_two_digits(&mut self) -> Option<u32> {
        let length = match self.0.as_bytes() {
            [a, b, ..] if a.is_ascii_digit() && b.is_ascii_digit() => 2,
            [a, ..] if a.is_ascii_digit() => 1,
            _ => return None,
        };
        let (number, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        number.parse().ok()
    }
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_yaml_reads_as_another_type_are_recognised() {
        for other in [
            "",
            "y",
            "No",
            "ON",
            "~",
            ".inf",
            "1",
            "-1",
            "+1",
            "1_000",
            "012",
            "08",
            "0x1F",
            "0b1",
            "0b-1",
            "0o17",
            "1e3",
            ".5",
            ".1_0",
            "1.",
            "2026-01-02",
            "2026-1-2",
            "2026-01-02T3:4:5Z",
            "2026-01-02 03:04:05,5",
            "12:30",
            "1:5:09.5",
            "18446744073709551615",
        ] {
            assert!(is_not_text(other), "{other}");
        }
        for text in [
            "nO",
            "a",
            "NaN",
            "inf",
            "1.36.0",
            "0x",
            "0xG",
            "-",
            "--a",
            "1e999",
            "2026-13-01",
            "2026-02-30",
            "1:60",
            "v1",
            "0b2",
            "0x1FFFFFFFFFFFFFFFF",
            "_1",
            "._1",
            "<<",
            "=",
            ".",
        ] {
            assert!(!is_not_text(text), "{text}");
        }
    }
}
