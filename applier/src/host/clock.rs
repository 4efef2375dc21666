//! What time it is.

use kubeplan_bundle::timestamp::Timestamp;

/// Where the time comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// Always this instant; for tests. No flag sets it: who could would disable expiry.
    Fixed(Timestamp),
}

impl Clock {
    /// The current instant; `None` if the system's clock is before 1970 or after 9999.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    pub fn now(self) -> Option<Timestamp> {
        match self {
            Self::Fixed(instant) => Some(instant),
            Self::System => std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .ok()
                .and_then(|since| i64::try_from(since.as_secs()).ok())
                .and_then(Timestamp::from_unix_seconds),
        }
    }
}
