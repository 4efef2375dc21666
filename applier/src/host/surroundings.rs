//! What a run takes from outside, besides its arguments, its streams and the tree that is the host.

use super::clock::Clock;
use super::durable::Actions;

/// The clock, and what performs changes.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// What time it is; [`Clock::Fixed`] in tests.
    pub clock: Clock,
    /// Every change that the run makes, counted.
    pub actions: Actions,
}
