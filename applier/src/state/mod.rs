//! What this program remembers about a host, under `/var/lib/kubeplan` (mode 0700).
//!
//! In and out: small files, each replaced as a whole and synced, and the journals of the last runs. Every document is strict: an unknown
//! field, another format or another byte form is an error that names the file, never a guess. Directories and files that another user
//! could change are refused before a byte of them counts ([`crate::host::ownership`]).
//!
//! | file | content |
//! |---|---|
//! | `installed.json` | what was installed, per cluster and node ([`installed`]) |
//! | `serials.json` | the highest serial of each cluster ([`serials`]) |
//! | `policy.json` | the policy that bundles were judged by, so that it is missed when it is gone ([`policy_record`]) |
//! | `salt` | 32 random bytes, so that the record of a secret file is nothing to guess against ([`salt`]) |
//! | `runs/<NNNN>/` | journal and backups of a run ([`runs`], [`journal`], [`kept_attributes`]) |
//! | `receipts/` | what the host says it installed, for the author of the plan ([`receipts`]) |
//! | `reset.json` | that a reset which was stopped may remove etcd's data ([`reset`]) |
//! | `lock` | empty; locked while a run changes the host |
//!
//! [`memory`] reads records, serials, journals and salt as one.

mod bits;
mod document;
pub(crate) mod installed;
pub(crate) mod journal;
mod kept_attributes;
pub(crate) mod memory;
pub(crate) mod policy_record;
pub(crate) mod receipts;
pub(crate) mod reset;
pub(crate) mod runs;
pub(crate) mod salt;
pub(crate) mod serials;

use crate::host::lock::{Lock, LockOutcome, Locked, create_and_lock, try_lock};
use crate::host::ownership::Guarded;
use crate::host::{Actions, HostError, Root, RootPath};

pub(crate) use document::StateError;

/// The directory.
pub(crate) const DIRECTORY: RootPath = RootPath::fixed("/var/lib/kubeplan");

const LOCK: &str = "lock";

/// The directory, if it exists.
///
/// # Errors
/// [`HostError`], also if another user can change it.
pub(crate) fn open_directory(root: &Root) -> Result<Option<Guarded>, HostError> {
    Guarded::open(root, &DIRECTORY)
}

/// Checks the directories that an installation writes to while it runs, so that it does not stop part-way at one of them: that of
/// the receipts, that of the runs, and that of the backups of each run that is remembered.
///
/// # Errors
/// [`StateError`], also if another user can change one of them.
pub(crate) fn check_directories(root: &Root) -> Result<(), StateError> {
    let runs = runs::Runs::load(root)?;
    for directory in runs::directories(&runs)
        .into_iter()
        .chain(runs::backup_directories(&runs))
    {
        Guarded::open(root, &directory)?;
    }
    Ok(())
}

/// Takes the lock if its file exists, and changes nothing. `None`: the file does not exist, so no run holds it.
///
/// # Errors
/// [`StateError::Locked`] if another run holds it.
pub(crate) fn lock_existing(root: &Root) -> Result<Option<Lock>, StateError> {
    let Some(directory) = open_directory(root)? else {
        return Ok(None);
    };
    match try_lock(&directory, LOCK)? {
        LockOutcome::Held(lock) => Ok(Some(lock)),
        LockOutcome::Missing => Ok(None),
        LockOutcome::Busy(holder) => Err(Locked::by(holder.as_ref()).into()),
    }
}

/// Creates the directory and the lock file where they are missing, and takes the lock.
///
/// # Errors
/// [`StateError::Locked`] if another run holds it.
pub(crate) fn lock(root: &Root, actions: &Actions) -> Result<Lock, StateError> {
    let directory = create_directory(root, actions)?;
    match create_and_lock(&directory, actions, LOCK)? {
        LockOutcome::Held(lock) => Ok(lock),
        LockOutcome::Busy(holder) => Err(Locked::by(holder.as_ref()).into()),
        LockOutcome::Missing => Err(HostError::io(
            "open",
            DIRECTORY.join(LOCK).as_str(),
            std::io::Error::from(std::io::ErrorKind::NotFound),
        )
        .into()),
    }
}

fn create_directory(root: &Root, actions: &Actions) -> Result<Guarded, HostError> {
    Guarded::ensure(root, actions, &DIRECTORY, 0o700)
}
