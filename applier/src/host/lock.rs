//! One run at a time: `flock` on an empty file.
//!
//! The file is never written and never removed. Any user who can open a file can lock it, a directory that can be listed included: so
//! a lock file has mode 0600 from the moment it exists, and is checked on its handle before it is locked. Who holds the lock is read from `/proc/locks`, which cannot
//! be stale; a file that names the holder would be, after a crash.

use std::os::fd::OwnedFd;

use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::{Advice, cell};
use rustix::fs::{FlockOperation, flock, fstat, major, minor};
use rustix::io::Errno;

use super::durable::Actions;
use super::error::HostError;
use super::ownership::Guarded;

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: OwnedFd,
}

impl Drop for Lock {
    /// Unlocks, and does not leave it to closing the file: a process that another thread is just starting may have a
    /// copy of the descriptor, and would hold the lock until it executes its program.
    fn drop(&mut self) {
        // Nothing can be done about a failure; closing the file follows.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// Who has the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    /// The process.
    pub(crate) pid: u32,
    /// The user it runs as, if that can be read.
    pub(crate) user: Option<u32>,
    /// Its command line as it can be read, of a process of root or of the user who asks. A process chooses its command line
    /// itself: this is foreign text.
    pub(crate) command: Option<String>,
    /// When it started.
    pub(crate) since: Option<Timestamp>,
}

/// What came of asking for a lock.
#[derive(Debug)]
pub(crate) enum LockOutcome {
    /// It is ours.
    Held(Lock),
    /// Another process has it, this one if it could be found out.
    Busy(Option<Holder>),
    /// The lock file does not exist, so no process holds it.
    Missing,
}

/// The longest command line of another process that is shown, in characters.
const MAX_COMMAND: usize = 80;

/// Another run holds the lock.
#[derive(Debug, thiserror::Error)]
#[error("another run holds the lock of this host ({who})")]
pub(crate) struct Locked {
    who: String,
    #[source]
    wait: Advice,
}

impl Locked {
    /// Of `holder`, if it could be found out.
    ///
    /// Any user can give a process any command line, so one is only cited if it is known whose it is, and as what it is: what
    /// the process calls itself.
    pub(crate) fn by(holder: Option<&Holder>) -> Self {
        let who = holder.map_or_else(
            || "another process".to_owned(),
            |holder| {
                let mut who = format!("process {}", holder.pid);
                if let Some(user) = holder.user {
                    who.push_str(&format!(" of user {user}"));
                }
                if let Some(command) = &holder.command {
                    let command = cell(command, MAX_COMMAND);
                    who.push_str(&format!(", which calls itself `{command}`"));
                }
                if let Some(since) = holder.since {
                    who.push_str(&format!(", started {since}"));
                }
                who
            },
        );
        let wait = Advice::hint("wait until it has finished and run the command again");
        Self { who, wait }
    }
}

/// Asks for the lock on the file `name`, without waiting and without changing anything.
///
/// # Errors
/// [`HostError`] if the file cannot be opened or locked, or another user can open it.
pub(crate) fn try_lock(dir: &Guarded, name: &str) -> Result<LockOutcome, HostError> {
    match dir.open_private(name)? {
        Some(file) => lock(file, dir.directory().path().join(name).as_str()),
        None => Ok(LockOutcome::Missing),
    }
}

/// As [`try_lock`], and creates the file if it is missing.
///
/// # Errors
/// As for [`try_lock`], or if the file cannot be created.
pub(crate) fn create_and_lock(
    dir: &Guarded,
    actions: &Actions,
    name: &str,
) -> Result<LockOutcome, HostError> {
    match try_lock(dir, name)? {
        LockOutcome::Missing => {}
        outcome => return Ok(outcome),
    }
    match actions.create_file(dir.directory(), name, b"", 0o600, None) {
        Ok(_) => actions.sync_directory(dir.directory())?,
        // Another first run was faster; which of the two gets the lock is decided below.
        Err(HostError::Io { source, .. }) if source.kind() == std::io::ErrorKind::AlreadyExists => {
        }
        Err(error) => return Err(error),
    }
    try_lock(dir, name)
}

fn lock(file: OwnedFd, path: &str) -> Result<LockOutcome, HostError> {
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(LockOutcome::Held(Lock { file })),
        Err(Errno::WOULDBLOCK) => Ok(LockOutcome::Busy(holder(&file))),
        Err(errno) => Err(HostError::io("lock", path, errno)),
    }
}

fn holder(file: &OwnedFd) -> Option<Holder> {
    let stat = fstat(file).ok()?;
    let locks = proc("locks")?;
    let pid = holder_in(&locks, major(stat.st_dev), minor(stat.st_dev), stat.st_ino)?;
    let user = proc(&format!("{pid}/status")).and_then(|status| user_in(&status));
    let own = rustix::process::geteuid().as_raw();
    let command = user
        .filter(|user| *user == 0 || *user == own)
        .and_then(|_| proc(&format!("{pid}/cmdline")))
        .map(|text| {
            let words = text.split('\0').filter(|word| !word.is_empty());
            let line = words.collect::<Vec<_>>().join(" ");
            line.chars().take(200).collect::<String>()
        });
    Some(Holder {
        pid,
        user,
        command: command.filter(|line| !line.is_empty()),
        since: proc("stat")
            .zip(proc(&format!("{pid}/stat")))
            .and_then(|(system, process)| started(&system, &process)),
    })
}

/// What the kernel says of this system, which is not the root's.
#[expect(
    clippy::disallowed_methods,
    reason = "the kernel's view of this system, not of the root"
)]
fn proc(name: &str) -> Option<String> {
    std::fs::read_to_string(format!("/proc/{name}")).ok()
}

/// Whose process this is, from the text of `/proc/PID/status` (proc_pid_status(5): real, effective, saved and file system user).
/// `None` if they differ: who started a set-user-ID program chose its command line, and is not who it runs as.
fn user_in(status: &str) -> Option<u32> {
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    let users: Vec<u32> = users
        .split_ascii_whitespace()
        .map(|user| user.parse().ok())
        .collect::<Option<_>>()?;
    match users.as_slice() {
        [first, rest @ ..] if rest.iter().all(|user| user == first) => Some(*first),
        _ => None,
    }
}

/// When a process started: its 22nd field, in hundredths of a second since `btime` (proc_pid_stat(5), proc_stat(5)). The second
/// field may hold anything but ends with the last parenthesis.
fn started(system: &str, process: &str) -> Option<Timestamp> {
    let boot: i64 = system
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()?;
    let (_, fields) = process.rsplit_once(')')?;
    let ticks: i64 = fields.split_ascii_whitespace().nth(19)?.parse().ok()?;
    Timestamp::from_unix_seconds(boot.checked_add(ticks / 100)?)
}

/// Finds the holder in the text of `/proc/locks`, whose lines are
/// `<n>: FLOCK ADVISORY WRITE <pid> <major>:<minor>:<inode> 0 EOF` (proc_locks(5); waiting requests have `->` second).
fn holder_in(locks: &str, major: u32, minor: u32, inode: u64) -> Option<u32> {
    let held = |full: bool| {
        let mut holders = locks.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let [_, "FLOCK", _, _, pid, place, ..] = fields.as_slice() else {
                return None;
            };
            let (device, node) = place.rsplit_once(':')?;
            let same = node.parse() == Ok(inode)
                && (!full || device == format!("{major:02x}:{minor:02x}"));
            if same { pid.parse::<u32>().ok() } else { None }
        });
        let first = holders.next().filter(|pid| *pid != 0);
        if holders.next().is_none() {
            first
        } else {
            None
        }
    };
    // Stacked filesystems (overlayfs, btrfs) show another device here than stat does.
    held(true).or_else(|| held(false))
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests build the tree they look at"
)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;
    use crate::host::{Root, RootPath};

    #[test]
    fn a_second_holder_learns_who_the_first_is() {
        let temporary = tempfile::tempdir().unwrap();
        let root = Root::open(temporary.path()).unwrap();
        let dir = Guarded::must_open(&root, &RootPath::fixed("/")).unwrap();
        assert!(matches!(
            try_lock(&dir, "lock").unwrap(),
            LockOutcome::Missing
        ));
        let LockOutcome::Held(held) = create_and_lock(&dir, &Actions::default(), "lock").unwrap()
        else {
            panic!("the lock is free")
        };
        match try_lock(&dir, "lock").unwrap() {
            LockOutcome::Busy(holder) => {
                assert!(holder.is_none_or(|holder| holder.pid == std::process::id()
                    && holder.user == Some(rustix::process::geteuid().as_raw())
                    && holder.command.is_some()
                    && holder.since.is_some()));
            }
            other => panic!("{other:?}"),
        }
        drop(held);
        assert!(matches!(
            try_lock(&dir, "lock").unwrap(),
            LockOutcome::Held(_)
        ));
    }

    #[test]
    fn a_lock_that_another_user_could_hold_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let root = Root::open(temporary.path()).unwrap();
        let dir = Guarded::must_open(&root, &RootPath::fixed("/")).unwrap();
        let lock = || create_and_lock(&dir, &Actions::default(), "lock");
        let path = temporary.path().join("lock");
        assert!(matches!(lock().unwrap(), LockOutcome::Held(_)));
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        for mode in [0o644, 0o640, 0o604, 0o620] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let error = lock().unwrap_err();
            assert!(matches!(error, HostError::Exposed(_)), "{error}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::hard_link(&path, temporary.path().join("other")).unwrap();
        assert!(lock().is_err());
        std::fs::remove_file(&path).unwrap();
        symlink("other", &path).unwrap();
        assert!(matches!(lock(), Err(HostError::LinkedFile { .. })));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(lock().unwrap(), LockOutcome::Held(_)));
    }

    #[test]
    fn a_foreign_command_line_is_cited_escaped_cut_and_marked() {
        let holder = |command: Option<&str>| Holder {
            pid: 7,
            user: Some(1000),
            command: command.map(str::to_owned),
            since: None,
        };
        let line = format!("x\nhint: run \u{1b}[1A{}", "y".repeat(1000));
        let error = Locked::by(Some(&holder(Some(&line)))).to_string();
        assert!(
            error.starts_with(
                "another run holds the lock of this host (process 7 of user 1000, which calls itself `x\\nhint: run \\u{1b}[1Ayyy"
            ),
            "{error}"
        );
        assert!(error.ends_with("yy…`)"), "{error}");
        assert!(error.chars().count() < 200, "{error}");
        let error = Locked::by(Some(&holder(None))).to_string();
        assert!(error.ends_with("(process 7 of user 1000)"), "{error}");
    }

    #[test]
    fn a_process_is_whose_if_all_its_users_are_the_same() {
        let of = |uids: &str| {
            user_in(&format!(
                "Name:\tx\\nUid:\t0\nUmask:\t0022\nUid:\t{uids}\nGid:\t5\n"
            ))
        };
        assert_eq!(of("1000\t1000\t1000\t1000"), Some(1000));
        assert_eq!(of("0\t0\t0\t0"), Some(0));
        assert_eq!(of("1000\t0\t0\t0"), None, "a set-user-ID program");
        assert_eq!(of("1000\t1000\t0\t1000"), None);
        assert_eq!(of(""), None);
        assert_eq!(user_in("Name:\tx\n"), None);
    }

    #[test]
    fn the_start_of_a_process_is_read_from_the_kernels_tables() {
        let process = "77 (a) b (c)) S 1 77 77 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 999";
        let started =
            |system: &str, process: &str| started(system, process).map(|time| time.unix_seconds());
        assert_eq!(started("cpu 1\nbtime 1000\n", process), Some(1123));
        assert_eq!(started("cpu 1\n", process), None);
        assert_eq!(started("btime 1000\n", "77"), None);
    }

    #[test]
    fn the_holder_is_found_by_device_and_inode() {
        let locks = "1: POSIX  ADVISORY  WRITE 11 fe:00:77 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 12 fe:01:77 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 13 fe:01:77 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 14 fe:00:77 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE 0 fe:00:99 0 EOF\n";
        assert_eq!(holder_in(locks, 0xfe, 0, 77), Some(14));
        assert_eq!(holder_in(locks, 0xfe, 1, 77), Some(12));
        assert_eq!(holder_in(locks, 0xaa, 0, 77), None, "two candidates");
        assert_eq!(holder_in(locks, 0xfe, 0, 99), None, "another pid namespace");
        assert_eq!(holder_in("garbage\n", 1, 1, 1), None);
    }
}
