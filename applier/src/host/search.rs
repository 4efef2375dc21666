//! Where programs are looked for.
//!
//! In: the name of a program. Out: its absolute path, or why it is not run. `PATH` counts, in its order, as hosts like NixOS or
//! Flatcar need it, and after it the usual directories; but a relative or empty entry never does: it would run whatever lies
//! where the operator happens to stand. Run by root, a directory counts only if it, with everything it lies in, belongs to root and
//! cannot be written by the group or other users. What the directory lies in may have the sticky bit instead: another user cannot
//! rename root's directories there. A program that is a link is judged by what it leads to as well.
//!
//! Programs that are run get a `PATH` of the same directories.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Looked into after the entries of `PATH`.
const USUAL: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// Write permission for the group or for other users.
const SHARED_WRITE: u32 = 0o022;

/// The sticky bit.
const STICKY: u32 = 0o1000;

/// Permission to execute, for anyone.
const EXECUTE: u32 = 0o111;

/// A program that is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotFound {
    /// Its name.
    program: String,
    /// Where it was found and not run, and why.
    skipped: Vec<(PathBuf, String)>,
}

impl NotFound {
    /// Whether it is nowhere at all.
    pub(crate) const fn is_missing(&self) -> bool {
        self.skipped.is_empty()
    }
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.skipped.is_empty() {
            return write!(f, "the program {} is not installed", self.program);
        }
        write!(f, "the program {} is not run", self.program)?;
        for (number, (path, why)) in self.skipped.iter().enumerate() {
            let separator = if number == 0 { ": " } else { "; " };
            write!(f, "{separator}`{}`: {why}", path.display())?;
        }
        Ok(())
    }
}

impl std::error::Error for NotFound {}

/// A command that runs `program`: a name that is looked for, or an absolute path that is taken as it is.
///
/// # Errors
/// [`NotFound`], also for a relative path.
#[expect(
    clippy::disallowed_methods,
    reason = "every program that is run is named here"
)]
pub(super) fn command(program: &str) -> Result<Command, NotFound> {
    let search = Search::of_process();
    let mut command = Command::new(search.find(program)?);
    command.env("PATH", search.path());
    Ok(command)
}

/// The absolute path of `program`.
///
/// # Errors
/// [`NotFound`].
pub(super) fn find(program: &str) -> Result<PathBuf, NotFound> {
    Search::of_process().find(program)
}

/// The program `name` beside the program `own`, if it is there; run by root, only where no one but the owner of `own` could have
/// put it: that user decides what `own` is as well.
pub(super) fn beside(own: &Path, name: &str) -> Option<PathBuf> {
    beside_as(own, name, rustix::process::geteuid().is_root())
}

fn beside_as(own: &Path, name: &str, strict: bool) -> Option<PathBuf> {
    let directory = own.parent()?;
    let path = directory.join(name);
    stat(&path).filter(|(mode, is_file)| *is_file && mode & EXECUTE != 0)?;
    if strict {
        let (program, maker) = owner(own)?;
        let (own_directory, keeper) = owner(directory)?;
        let (companion, author) = owner(&path)?;
        let shared = [program, own_directory, companion]
            .into_iter()
            .any(|mode| mode & SHARED_WRITE != 0);
        let foreign = [keeper, author]
            .into_iter()
            .any(|uid| uid != 0 && uid != maker);
        if shared || foreign {
            return None;
        }
    }
    Some(path)
}

/// The directories to look into.
struct Search {
    directories: Vec<PathBuf>,
    /// Whether directories that other users can write do not count.
    strict: bool,
}

impl Search {
    #[expect(
        clippy::disallowed_methods,
        reason = "the search path is a variable of the environment"
    )]
    fn of_process() -> Self {
        let path = env::var_os("PATH").unwrap_or_default();
        Self::new(&path, rustix::process::geteuid().is_root())
    }

    fn new(path: &OsStr, strict: bool) -> Self {
        let mut directories: Vec<PathBuf> = Vec::new();
        let usual = USUAL.iter().map(PathBuf::from);
        for directory in env::split_paths(path).chain(usual) {
            if directory.is_absolute() && !directories.contains(&directory) {
                directories.push(directory);
            }
        }
        Self {
            directories,
            strict,
        }
    }

    fn find(&self, program: &str) -> Result<PathBuf, NotFound> {
        let mut skipped = Vec::new();
        if program.contains('/') {
            let path = PathBuf::from(program);
            if path.is_absolute() {
                return Ok(path);
            }
            skipped.push((path, "its path is relative".to_owned()));
        } else if !program.is_empty() {
            for directory in &self.directories {
                match self.look(directory, program) {
                    Ok(Some(path)) => return Ok(path),
                    Ok(None) => {}
                    Err(why) => skipped.push((directory.join(program), why)),
                }
            }
        }
        Err(NotFound {
            program: program.to_owned(),
            skipped,
        })
    }

    /// The program in this directory, if it is there and may be run; why not.
    fn look(&self, directory: &Path, program: &str) -> Result<Option<PathBuf>, String> {
        let path = directory.join(program);
        let Some((mode, _)) = stat(&path).filter(|(mode, is_file)| *is_file && mode & EXECUTE != 0)
        else {
            return Ok(None);
        };
        if !self.strict {
            return Ok(Some(path));
        }
        if mode & SHARED_WRITE != 0 {
            return Err(writable("it", mode));
        }
        let physical = trusted(directory)?;
        // What a link leads to can be exchanged by who can write there.
        let target = canonical(&path).and_then(|target| target.parent().map(Path::to_owned));
        if let Some(target) = target.filter(|target| *target != physical) {
            trusted(&target)?;
        }
        Ok(Some(physical.join(program)))
    }

    /// The directories that count, as a value of `PATH`.
    fn path(&self) -> OsString {
        let counts = |directory: &&PathBuf| {
            !directory.as_os_str().as_bytes().contains(&b':')
                && (!self.strict || trusted(directory).is_ok())
        };
        env::join_paths(self.directories.iter().filter(counts)).unwrap_or_default()
    }
}

/// The directory without links, if only root can change what is in it; else why it does not count.
fn trusted(directory: &Path) -> Result<PathBuf, String> {
    let physical = canonical(directory).ok_or("its directory does not exist")?;
    // From the root down: once a directory is known to be root's alone, a name in it stays what it is.
    let mut way: Vec<&Path> = physical.ancestors().collect();
    way.reverse();
    for place in way {
        let (mode, owner) = owner(place).ok_or("its directory cannot be looked at")?;
        let shown = format!("`{}`", place.display());
        if owner != 0 {
            return Err(format!("{shown} is owned by user {owner}, not by root"));
        }
        let excused = mode & STICKY != 0 && place != physical;
        if mode & SHARED_WRITE != 0 && !excused {
            return Err(writable(&shown, mode));
        }
    }
    Ok(physical)
}

fn writable(what: &str, mode: u32) -> String {
    format!("{what} has mode {mode:04o}: users other than root can write it")
}

/// Permission bits, and whether it is a regular file; links are followed.
#[expect(
    clippy::disallowed_methods,
    reason = "programs are no part of the root"
)]
fn stat(path: &Path) -> Option<(u32, bool)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.mode() & 0o7777, meta.is_file()))
}

/// Permission bits and owner; links are not followed.
#[expect(
    clippy::disallowed_methods,
    reason = "programs are no part of the root"
)]
fn owner(path: &Path) -> Option<(u32, u32)> {
    let meta = std::fs::symlink_metadata(path).ok()?;
    Some((meta.mode() & 0o7777, meta.uid()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "programs are no part of the root"
)]
fn canonical(path: &Path) -> Option<PathBuf> {
    std::fs::canonicalize(path).ok()
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests write the programs that are found"
)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;

    fn mode(path: &Path, bits: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
    }

    /// Directories `a` and `b`, each with a program `tool`.
    fn tools() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        mode(dir.path(), 0o755);
        for name in ["a", "b"] {
            let place = dir.path().join(name);
            fs::create_dir(&place).unwrap();
            mode(&place, 0o755);
            fs::write(place.join("tool"), "#!/bin/sh\n").unwrap();
            mode(&place.join("tool"), 0o755);
        }
        dir
    }

    fn search(entries: &[&str], strict: bool) -> Search {
        Search::new(OsStr::new(&entries.join(":")), strict)
    }

    #[test]
    fn entries_count_in_their_order_and_relative_ones_never() {
        let dir = tools();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        let (a, b) = (a.to_str().unwrap(), b.to_str().unwrap());
        for strict in [false, rustix::process::geteuid().is_root()] {
            let found = |entries: &[&str]| search(entries, strict).find("tool").ok();
            assert_eq!(found(&[a, b]), Some(Path::new(a).join("tool")));
            assert_eq!(found(&[b, a]), Some(Path::new(b).join("tool")));
            // Relative to where a test runs, this is the very directory.
            let up = "../".repeat(64) + a.trim_start_matches('/');
            assert!(Path::new(&up).join("tool").is_file());
            for relative in ["", ".", "bin", "./bin", up.as_str()] {
                let search = search(&[relative, "", b], strict);
                assert_eq!(search.find("tool").unwrap(), Path::new(b).join("tool"));
                assert!(env::split_paths(&search.path()).all(|entry| entry.is_absolute()));
                let error = super::tests::search(&[relative], strict)
                    .find("tool")
                    .unwrap_err();
                assert!(error.is_missing(), "{error}");
            }
            assert!(found(&[]).is_none());
            assert!(search(&[], strict).find("sh").unwrap().is_absolute());
            for program in ["a/tool", "./tool", "../tool"] {
                assert!(search(&[a], strict).find(program).is_err(), "{program}");
            }
            let full = format!("{a}/tool");
            assert_eq!(
                search(&[], strict).find(&full).unwrap(),
                PathBuf::from(&full)
            );
        }
    }

    #[test]
    fn what_is_not_executable_or_no_file_is_passed_over() {
        let dir = tools();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        mode(&a.join("tool"), 0o644);
        let found = || search(&[a.to_str().unwrap(), b.to_str().unwrap()], false).find("tool");
        assert_eq!(found().unwrap(), b.join("tool"));
        fs::remove_file(a.join("tool")).unwrap();
        fs::create_dir(a.join("tool")).unwrap();
        assert_eq!(found().unwrap(), b.join("tool"));
    }

    #[test]
    fn a_companion_is_not_run_from_where_another_user_could_put_it() {
        let dir = tools();
        let a = dir.path().join("a");
        let own = a.join("own");
        fs::write(&own, "").unwrap();
        mode(&own, 0o755);
        assert_eq!(beside_as(&own, "tool", true), Some(a.join("tool")));
        assert_eq!(beside_as(&own, "other", true), None);
        for (path, bits) in [
            (a.clone(), 0o1777),
            (a.clone(), 0o775),
            (a.join("tool"), 0o777),
        ] {
            mode(&path, bits);
            assert_eq!(beside_as(&own, "tool", true), None);
            mode(&path, 0o755);
        }
        if rustix::process::geteuid().is_root() {
            chown(a.join("tool"), Some(65534), None).unwrap();
            assert_eq!(beside_as(&own, "tool", true), None);
            chown(&own, Some(65534), None).unwrap();
            assert!(beside_as(&own, "tool", true).is_some(), "one user's tools");
        }
    }

    #[test]
    fn root_does_not_run_what_another_user_can_put_there() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: directories are root's only for root");
            return;
        }
        let dir = tools();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        let entries = [a.to_str().unwrap(), b.to_str().unwrap()];
        let found = || search(&entries, true).find("tool").unwrap();
        assert_eq!(found(), a.join("tool"));
        for bits in [0o777, 0o775, 0o757, 0o1777] {
            mode(&a, bits);
            assert_eq!(found(), b.join("tool"), "{bits:o}");
            assert!(!env::split_paths(&search(&entries, true).path()).any(|entry| entry == a));
        }
        mode(&a, 0o755);
        mode(&a.join("tool"), 0o775);
        assert_eq!(found(), b.join("tool"));
        mode(&a.join("tool"), 0o755);
        chown(&a, Some(65534), None).unwrap();
        assert_eq!(found(), b.join("tool"));
        let error = search(&entries[..1], true).find("tool").unwrap_err();
        assert!(!error.is_missing());
        assert!(error.to_string().contains("user 65534"), "{error}");
        // A link out of root's own directory leads there as well.
        let c = dir.path().join("c");
        fs::create_dir(&c).unwrap();
        symlink(a.join("tool"), c.join("tool")).unwrap();
        let linked = || search(&[c.to_str().unwrap()], true).find("tool");
        assert!(linked().is_err());
        chown(&a, Some(0), None).unwrap();
        assert_eq!(linked().unwrap(), c.join("tool"));
        mode(dir.path(), 0o777);
        assert!(linked().is_err());
        // Nobody else can rename what is root's here.
        mode(dir.path(), 0o1777);
        assert_eq!(linked().unwrap(), c.join("tool"));
    }
}
