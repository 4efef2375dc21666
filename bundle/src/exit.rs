//! The exit codes of both programs: part of the contract, because scripts read them.

/// How a run of `kubeplan` or `kubeapply` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything that was asked for is done.
    Done = 0,
    /// A failure without a code of its own.
    Failed = 1,
    /// Bad usage or bad configuration.
    Usage = 2,
    /// A comparison found differences.
    Differs = 3,
    /// Verification refused the bundle (also: unreadable, wrong host, no matching identity).
    Refused = 4,
    /// A preflight check failed.
    Preflight = 5,
    /// Stopped part-way; running again continues.
    Partial = 6,
    /// Another run holds the lock.
    Locked = 7,
}

impl Exit {
    /// The code given to the operating system.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}
