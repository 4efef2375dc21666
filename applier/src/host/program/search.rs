//! Where programs are looked for.
//!
//! In: the name of a program. Out: its absolute path, or why it is not run. `PATH` counts, in its order, as hosts like NixOS or
//! Flatcar need it, and after it the usual directories; but a relative or empty entry never does: it would run whatever lies
//! where the operator happens to stand. Run by root, a directory counts only if it, with everything it lies in, belongs to root and
//! cannot be written by the group or other users. What the directory lies in may have the sticky bit instead: another user cannot
//! rename root's directories there. A program that is a link is judged by what it leads to as well.
//!
//! Programs that are run get a `PATH` of the same directories.

use std::collections::VecDeque;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Component, Path, PathBuf};
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

/// Links followed on the way to one program; the kernel's own limit.
const MAX_LINKS: usize = 40;

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
    /// The program is nowhere at all.
    pub(super) fn nowhere(program: &str) -> Self {
        Self {
            program: program.to_owned(),
            skipped: Vec::new(),
        }
    }

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
    // What is behind a link may do what its name says.
    command.arg0(program);
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

/// The program `name` beside the program `own`, if it is there; run by root, only where no user but the owner of `own` could have
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

    /// The program in this directory, without links, if it is there and may be run; why not.
    fn look(&self, directory: &Path, program: &str) -> Result<Option<PathBuf>, String> {
        let path = directory.join(program);
        if stat(&path).is_none_or(|(mode, is_file)| !is_file || mode & EXECUTE == 0) {
            return Ok(None);
        }
        if !self.strict {
            return Ok(Some(path));
        }
        // What lies where only root can change it is the same when it is run.
        let path = follow(&path)?;
        let Some((mode, _)) = stat(&path).filter(|(mode, is_file)| *is_file && mode & EXECUTE != 0)
        else {
            return Ok(None);
        };
        if mode & SHARED_WRITE != 0 {
            return Err(writable("it", mode));
        }
        match owner(&path) {
            Some((_, 0)) => Ok(Some(path)),
            Some((_, uid)) => Err(format!("it is owned by user {uid}, not by root")),
            None => Ok(None),
        }
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

/// The directory without links, if only root can change what is in it, and where each link on the way leads; else why it does not
/// count.
fn trusted(directory: &Path) -> Result<PathBuf, String> {
    let physical = follow(directory)?;
    let (mode, _) = owner(&physical).ok_or("its directory cannot be looked at")?;
    if mode & SHARED_WRITE != 0 {
        return Err(writable(&format!("`{}`", physical.display()), mode));
    }
    Ok(physical)
}

/// The path without links, if only root can change what any name on it stands for; else why not.
///
/// Every directory that is entered belongs to root, and so does every link. A directory that other users can write, even one with
/// the sticky bit, holds neither a link nor what the path ends with, unless that is a directory.
fn follow(path: &Path) -> Result<PathBuf, String> {
    let root = PathBuf::from("/");
    check_entered(&root)?;
    let mut here = root;
    let mut pending: VecDeque<OsString> = parts(path);
    let mut links = 0_usize;
    while let Some(part) = pending.pop_front() {
        if part == ".." {
            here.pop();
            continue;
        }
        let next = here.join(&part);
        let meta = meta(&next).ok_or("its directory does not exist")?;
        if meta.is_dir() {
            check_entered(&next)?;
            here = next;
            continue;
        }
        let (mode, _) = owner(&here).ok_or("its directory cannot be looked at")?;
        if mode & SHARED_WRITE != 0 {
            return Err(writable(&format!("`{}`", here.display()), mode));
        }
        if !meta.is_symlink() {
            // Only the last one can be a file.
            return match pending.is_empty() {
                true => Ok(next),
                false => Err("its directory does not exist".to_owned()),
            };
        }
        links += 1;
        if links > MAX_LINKS {
            return Err("it is behind too many links".to_owned());
        }
        if meta.uid() != 0 {
            let (shown, uid) = (next.display(), meta.uid());
            return Err(format!(
                "the link `{shown}` is owned by user {uid}, not by root"
            ));
        }
        let target = read_link(&next).ok_or("its directory cannot be looked at")?;
        if target.is_absolute() {
            here = PathBuf::from("/");
        }
        for part in parts(&target).into_iter().rev() {
            pending.push_front(part);
        }
    }
    Ok(here)
}

/// Refuses a directory in which another user can exchange what belongs to root.
fn check_entered(place: &Path) -> Result<(), String> {
    let (mode, owner) = owner(place).ok_or("its directory cannot be looked at")?;
    let shown = format!("`{}`", place.display());
    if owner != 0 {
        return Err(format!("{shown} is owned by user {owner}, not by root"));
    }
    if mode & SHARED_WRITE != 0 && mode & STICKY == 0 {
        return Err(writable(&shown, mode));
    }
    Ok(())
}

/// The names of a path, and `..`.
fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .map(|part| part.as_os_str().to_owned())
        .collect()
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
fn owner(path: &Path) -> Option<(u32, u32)> {
    meta(path).map(|meta| (meta.mode() & 0o7777, meta.uid()))
}

/// What the path itself stands for, be it a link.
#[expect(
    clippy::disallowed_methods,
    reason = "programs are no part of the root"
)]
fn meta(path: &Path) -> Option<Metadata> {
    std::fs::symlink_metadata(path).ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "programs are no part of the root"
)]
fn read_link(path: &Path) -> Option<PathBuf> {
    std::fs::read_link(path).ok()
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
        assert_eq!(linked().unwrap(), a.join("tool"));
        mode(dir.path(), 0o777);
        assert!(linked().is_err());
        // No other user can rename what is root's here.
        mode(dir.path(), 0o1777);
        assert_eq!(linked().unwrap(), a.join("tool"));
    }

    #[test]
    fn every_link_on_the_way_to_a_program_lies_where_only_root_can_exchange_it() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: directories are root's only for root");
            return;
        }
        let dir = tools();
        let (a, hop, c) = (
            dir.path().join("a"),
            dir.path().join("hop"),
            dir.path().join("c"),
        );
        for place in [&hop, &c] {
            fs::create_dir(place).unwrap();
            mode(place, 0o755);
        }
        // To the program by way of two links, and by way of a link to its directory.
        symlink("../hop/tool", c.join("tool")).unwrap();
        symlink(a.join("tool"), hop.join("tool")).unwrap();
        symlink(&a, hop.join("dir")).unwrap();
        symlink(hop.join("dir"), c.join("dir")).unwrap();
        let find = |place: &Path| search(&[place.to_str().unwrap()], true).find("tool");
        for place in [c.clone(), c.join("dir")] {
            assert_eq!(find(&place).unwrap(), a.join("tool"));
            for bits in [0o777, 0o1777] {
                mode(&hop, bits);
                assert!(find(&place).is_err(), "{bits:o}");
            }
            mode(&hop, 0o755);
            chown(&hop, Some(65534), None).unwrap();
            assert!(find(&place).unwrap_err().to_string().contains("/hop`"));
            chown(&hop, Some(0), None).unwrap();
        }
        chown(a.join("tool"), Some(65534), None).unwrap();
        assert!(find(&a).is_err());
    }
}
