//! What a run reads from its surroundings, besides arguments, files and streams: the time.

use std::time::SystemTime;

use kubeplan_bundle::timestamp::Timestamp;

/// The sources of the current time.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// The system's clock, used without `--now`.
    pub clock: fn() -> Option<Timestamp>,
    /// `SOURCE_DATE_EPOCH`.
    pub source_date_epoch: Epoch,
}

/// A time that the environment gives for builds that can be repeated (<https://reproducible-builds.org/specs/source-date-epoch/>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epoch {
    /// None.
    Unset,
    /// This one.
    At(Timestamp),
    /// Text that is not a number of seconds from 1970 to 9999.
    Invalid,
}

impl Epoch {
    /// Reads the text of the variable: seconds since 1970.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let seconds = text.parse().ok();
        seconds
            .and_then(Timestamp::from_unix_seconds)
            .map_or(Self::Invalid, Self::At)
    }
}

impl Surroundings {
    /// The surroundings of this process.
    #[must_use]
    pub fn process() -> Self {
        Self {
            clock: system_clock,
            source_date_epoch: std::env::var_os("SOURCE_DATE_EPOCH")
                .map_or(Epoch::Unset, |text| Epoch::of(&text.to_string_lossy())),
        }
    }
}

fn system_clock() -> Option<Timestamp> {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?;
    Timestamp::from_unix_seconds(i64::try_from(since.as_secs()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_a_number_of_seconds() {
        let at = |seconds| Epoch::At(Timestamp::from_unix_seconds(seconds).unwrap());
        for (text, expected) in [
            ("0", at(0)),
            ("1764500000", at(1_764_500_000)),
            ("", Epoch::Invalid),
            ("-1", Epoch::Invalid),
            ("1764500000.5", Epoch::Invalid),
            ("2026-12-01", Epoch::Invalid),
            ("99999999999999", Epoch::Invalid),
        ] {
            assert_eq!(Epoch::of(text), expected, "{text:?}");
        }
    }
}
