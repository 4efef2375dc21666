//! Instants in whole seconds, UTC, written `2026-11-20T10:23:25Z`.
//!
//! One written form per instant: fractions and offsets are refused, so two indexes that mean the same
//! moment are the same bytes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// An instant in whole seconds since the Unix epoch, between the years 1970 and 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// The text is not `YYYY-MM-DDThh:mm:ssZ`, or the instant is out of range.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a time of the form 2026-11-20T10:23:25Z")]
pub struct ParseTimestampError(String);

impl Timestamp {
    /// The last second of the year 9999, the latest instant an X.509 certificate can name.
    pub const MAX: Self = Self(253_402_300_799);

    /// From seconds since the Unix epoch; `None` outside 1970..=9999.
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Option<Self> {
        if seconds >= 0 && seconds <= Self::MAX.0 {
            Some(Self(seconds))
        } else {
            None
        }
    }

    /// Seconds since the Unix epoch.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0
    }

    /// This instant plus `duration` (fractions dropped), at most [`Timestamp::MAX`].
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(seconds).min(Self::MAX.0))
    }

    /// This instant minus `duration` (fractions dropped), not before 1970.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(seconds).max(0))
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        PrimitiveDateTime::parse(text, FORMAT)
            .ok()
            .and_then(|instant| Self::from_unix_seconds(instant.assume_utc().unix_timestamp()))
            .filter(|instant| instant.to_string() == text)
            .ok_or_else(|| ParseTimestampError(text.chars().take(40).collect()))
    }
}

text_form!(Timestamp, ParseTimestampError);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp(self.0)
            .ok()
            .and_then(|instant| instant.format(FORMAT).ok())
            .ok_or(fmt::Error)?;
        f.write_str(&text)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_written_form() {
        let instant: Timestamp = "2026-11-20T10:23:25Z".parse().unwrap();
        assert_eq!(instant.unix_seconds(), 1_795_170_205);
        assert_eq!(instant.to_string(), "2026-11-20T10:23:25Z");
        for bad in [
            "",
            "2026-11-20T10:23:25",
            "2026-11-20T10:23:25.0Z",
            "2026-11-20T10:23:25+00:00",
            "2026-11-20t10:23:25z",
            "2026-13-20T10:23:25Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(
            Timestamp::MAX.saturating_add(Duration::from_secs(1)),
            Timestamp::MAX
        );
        assert_eq!(
            Timestamp(5).saturating_sub(Duration::from_secs(10)),
            Timestamp(0)
        );
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59Z");
    }
}
