//! What a run takes from outside, besides its arguments, files and streams.

use std::time::SystemTime;

use kubeplan_bundle::timestamp::Timestamp;

/// Where the time comes from.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// The clock, when no `--now` is given.
    pub clock: fn() -> Option<Timestamp>,
    /// `SOURCE_DATE_EPOCH`, in seconds.
    pub source_date_epoch: Option<i64>,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn process() -> Self {
        Self {
            clock: system_clock,
            source_date_epoch: std::env::var("SOURCE_DATE_EPOCH")
                .ok()
                .and_then(|text| text.parse().ok()),
        }
    }
}

fn system_clock() -> Option<Timestamp> {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?;
    Timestamp::from_unix_seconds(i64::try_from(since.as_secs()).ok()?)
}
