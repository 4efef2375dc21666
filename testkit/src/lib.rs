//! What the tests of several crates share.
//!
//! | module | concern |
//! |---|---|
//! | [`faults`] | failures of durable actions: a process that is killed, a disk that is full or broken |
//! | [`power_loss`] | what a power failure leaves of the rest |
//! | [`sweeps`] | how thorough the sweeps over all actions are |
//!
//! The programs do not contain this code: `kubeapply` has one seam, [`kubeapply::host::Observer`], which only tests use.
//! Stand-ins that need the inside of one crate (its container runtime, its etcd client, its API client) are `#[cfg(test)]` modules
//! of that crate: this crate cannot name what is private there.

mod faults;
mod power_loss;
pub mod sweeps;

pub use faults::{Failure, Fault, Faults, Prevented};

/// Implements the observer of durable actions in `$host` for [`Faults`].
///
/// The unit tests of `kubeapply` are another crate than the one this crate depends on, so they implement their own trait.
#[macro_export]
macro_rules! observe {
    ($($host:ident)::+) => {
        impl $($host)::+::Observer for $crate::Faults {
            fn before(
                &self,
                losing: Option<$($host)::+::Place<'_>>,
            ) -> Result<(), $($host)::+::Prevented> {
                let losing = losing.map(|place| (place.directory, place.name));
                self.verdict(losing).map_err(|prevented| match prevented {
                    $crate::Prevented::Stopped => $($host)::+::Prevented::Stopped,
                    $crate::Prevented::Failed(error) => $($host)::+::Prevented::Failed(error),
                })
            }

            fn after(&self, change: $($host)::+::Change<'_>) {
                use $($host)::+::Change;
                let Some(log) = self.unsynced() else { return };
                match change {
                    Change::Created(at) => log.created(at.directory, at.name),
                    Change::Moved(from, to) => {
                        log.moved((from.directory, from.name), (to.directory, to.name));
                    }
                    Change::Replaced(from, to) => {
                        log.replaced((from.directory, from.name), (to.directory, to.name));
                    }
                    Change::Exchanged(one, other) => {
                        log.exchanged((one.directory, one.name), (other.directory, other.name));
                    }
                    Change::Removed(at) => log.removed(at.directory, at.name),
                    Change::Written { file, before } => log.written(file, before),
                    Change::Attributed { file, name } => log.attributed(file, name),
                    Change::FileSynced(file) => log.synced_file(file),
                    Change::DirectorySynced(directory) => log.synced_directory(directory),
                }
            }
        }
    };
}

observe!(kubeapply::host);
