//! What a run reads from its surroundings, besides arguments, files and streams: the time.

use std::time::SystemTime;

use kubeplan_bundle::timestamp::Timestamp;

/// The sources of the current time.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// The system's clock, used without `--now`.
    pub clock: fn() -> Option<Timestamp>,
    /// `SOURCE_DATE_EPOCH`, in seconds since 1970.
    pub source_date_epoch: Option<i64>,
}

impl Surroundings {
    /// The surroundings of this process.
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
