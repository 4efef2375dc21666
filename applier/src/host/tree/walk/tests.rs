//! Trees that are counted and taken away.

#![expect(
    clippy::disallowed_methods,
    reason = "tests build the tree they look at"
)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use kubeplan_testkit::{Failure, Fault};
use rustix::fs::mkdirat;

use super::super::*;
use super::*;

fn census(root: &Root, directory: &Directory) -> Census {
    let mut walker = Walker::new(root, directory, None).unwrap();
    walker.everything_in(directory).unwrap();
    walker.found()
}

fn open(path: &Path) -> (Root, Directory) {
    let root = Root::open(path).unwrap();
    let directory = root.open_directory(&RootPath::fixed("/")).unwrap().unwrap();
    (root, directory)
}

#[test]
fn links_go_as_links_and_sockets_go_too() {
    let dir = tempfile::tempdir().unwrap();
    let inside = dir.path().join("inside");
    let outside = dir.path().join("outside");
    fs::create_dir_all(inside.join("a/b")).unwrap();
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("kept"), "kept").unwrap();
    fs::write(inside.join("a/b/file"), "x").unwrap();
    symlink(&outside, inside.join("a/link")).unwrap();
    symlink("/nowhere", inside.join("dangling")).unwrap();
    let _listener = UnixListener::bind(inside.join("socket")).unwrap();
    let (root, directory) = open(&inside);
    let expected = Census {
        files: 4,
        directories: 2,
        stays: Vec::new(),
    };
    assert_eq!(census(&root, &directory), expected);
    assert_eq!(clear(&root, &Actions::default(), &directory).unwrap(), []);
    assert_eq!(fs::read_dir(&inside).unwrap().count(), 0);
    assert_eq!(fs::read_to_string(outside.join("kept")).unwrap(), "kept");
}

#[test]
fn one_name_is_removed_and_its_neighbours_stay() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("member/wal")).unwrap();
    fs::write(dir.path().join("member/wal/1"), "x").unwrap();
    fs::write(dir.path().join("other"), "x").unwrap();
    let (root, directory) = open(dir.path());
    let actions = Actions::default();
    assert_eq!(census_of(&root, &directory, "member").unwrap().files, 1);
    assert_eq!(remove(&root, &actions, &directory, "member").unwrap(), []);
    assert_eq!(
        listing(&directory).unwrap(),
        (vec!["other".to_owned()], false)
    );
    assert_eq!(remove(&root, &actions, &directory, "member").unwrap(), []);
}

#[test]
fn names_that_are_no_text_stay_with_the_directories_that_lead_to_them() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("a/b")).unwrap();
    fs::write(dir.path().join("a/b").join(OsStr::from_bytes(b"\xff")), "x").unwrap();
    fs::write(dir.path().join("a/plain"), "x").unwrap();
    let (root, directory) = open(dir.path());
    let stays = clear(&root, &Actions::default(), &directory).unwrap();
    assert_eq!(stays, census(&root, &directory).stays);
    assert_eq!(stays.len(), 1);
    assert_eq!(stays[0].path.as_str(), "/a/b");
    assert!(!stays[0].failed);
    assert!(!dir.path().join("a/plain").exists());
}

#[test]
fn mount_points_are_not_entered() {
    // Every Linux system has another filesystem at /proc.
    let (_, root) = open(Path::new("/"));
    let enter = |name: &str| enter(&root, name, RootPath::from_text(name)).unwrap();
    assert!(matches!(enter("proc"), Entered::MountPoint));
    assert!(matches!(enter("no-such-directory"), Entered::Gone));
}

#[test]
fn what_belongs_to_this_program_is_not_entered() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("var/lib/kubeplan");
    fs::create_dir_all(state.join("runs/0001")).unwrap();
    fs::create_dir_all(dir.path().join("var/lib/other/deeper")).unwrap();
    let root = Root::open(dir.path()).unwrap();
    let directory = root.open_directory(&RootPath::fixed("/")).unwrap().unwrap();
    let stays = remove(&root, &Actions::default(), &directory, "var").unwrap();
    assert_eq!(stays.len(), 1);
    assert_eq!(stays[0].path.as_str(), "/var/lib/kubeplan");
    assert!(state.join("runs/0001").exists());
    assert!(!dir.path().join("var/lib/other").exists());
}

#[test]
fn a_deep_tree_is_removed_with_few_open_files() {
    const LEVELS: u64 = 10_000;
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("key"), "secret").unwrap();
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    let mut here = openat(rustix::fs::CWD, dir.path(), flags, Mode::empty()).unwrap();
    for _ in 0..LEVELS {
        mkdirat(&here, "d", Mode::RWXU).unwrap();
        here = openat(&here, "d", flags, Mode::empty()).unwrap();
    }
    drop(here);
    let (root, directory) = open(dir.path());
    let found = census(&root, &directory);
    assert_eq!((found.files, found.directories), (1, LEVELS));
    assert_eq!(found.stays, []);
    assert_eq!(clear(&root, &Actions::default(), &directory).unwrap(), []);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_removed_is_named_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    for directory in ["a/stuck", "b"] {
        fs::create_dir_all(dir.path().join(directory)).unwrap();
    }
    fs::write(dir.path().join("a/stuck/file"), "x").unwrap();
    fs::write(dir.path().join("b/key"), "x").unwrap();
    let (root, directory) = open(dir.path());
    // Action 0 is the removal of `a/stuck/file`.
    let actions = Actions::failing(Fault::FailWith(0, Failure::Io)).0;
    let stays = clear(&root, &actions, &directory).unwrap();
    assert_eq!(stays.len(), 1, "{stays:?}");
    assert_eq!(stays[0].path.as_str(), "/a/stuck/file");
    assert!(stays[0].failed);
    assert!(dir.path().join("a/stuck/file").exists());
    assert!(!dir.path().join("b").exists());
    assert_eq!(clear(&root, &Actions::default(), &directory).unwrap(), []);
}

#[test]
fn a_directory_that_may_not_be_listed_is_named_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (root, directory) = open(dir.path());
    if root.is_privileged() {
        // Every directory may be listed.
        return;
    }
    fs::create_dir_all(dir.path().join("a/closed/x")).unwrap();
    fs::create_dir_all(dir.path().join("b")).unwrap();
    let closed = dir.path().join("a/closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o0)).unwrap();
    let stays = clear(&root, &Actions::default(), &directory).unwrap();
    assert_eq!(stays.len(), 1, "{stays:?}");
    assert_eq!(stays[0].path.as_str(), "/a/closed");
    assert!(!dir.path().join("b").exists());
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_long_path_is_shown_by_its_ends() {
    let dir = tempfile::tempdir().unwrap();
    let (root, directory) = open(dir.path());
    let walker = Walker::new(&root, &directory, None).unwrap();
    let frame = |number: usize| Frame {
        name: number.to_string(),
        inode: Inode::default(),
        pending: Vec::new(),
        stays: false,
    };
    let way: Vec<Frame> = (0..1000).map(frame).collect();
    let path = walker.path(&way, "last");
    assert!(path.as_str().starts_with("/1/2/3/"), "{path}");
    assert!(path.as_str().ends_with("/16/…/997/998/999/last"), "{path}");
}

#[test]
fn a_stopped_removal_goes_on_where_it_was() {
    for limit in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        fs::write(dir.path().join("a/b/file"), "x").unwrap();
        fs::write(dir.path().join("a/file"), "x").unwrap();
        let (root, directory) = open(dir.path());
        let stopped = clear(
            &root,
            &Actions::failing(Fault::StopAfter(limit)).0,
            &directory,
        );
        if stopped.is_ok() {
            assert!(limit >= 5);
            return;
        }
        clear(&root, &Actions::default(), &directory).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
    panic!("never finished");
}

/// A user who owns the tree moves a directory away while it is cleared.
#[test]
fn a_directory_that_is_moved_meanwhile_is_left_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("in/a/b/c")).unwrap();
    fs::create_dir_all(dir.path().join("in/z")).unwrap();
    fs::create_dir_all(dir.path().join("out")).unwrap();
    let (root, directory) = open(&dir.path().join("in"));
    let actions = Actions::default();
    let mut walker = Walker::new(&root, &directory, Some(&actions)).unwrap();
    let frame = |directory: &Directory, name: &str| Frame {
        name: name.to_owned(),
        inode: directory.inode().unwrap(),
        pending: Vec::new(),
        stays: false,
    };
    let a = directory.open("a").unwrap().unwrap();
    let b = a.open("b").unwrap().unwrap();
    let mut way = vec![frame(&directory, ""), frame(&a, "a")];
    let done = frame(&b, "b");
    let moved = |from: &str, to: &str| {
        fs::rename(dir.path().join(from), dir.path().join(to)).unwrap();
    };
    moved("in/a/b", "out/b");
    let here = walker
        .leave(&directory, b.duplicate().unwrap(), &mut way, &done)
        .unwrap();
    assert_eq!(here.inode().unwrap(), a.inode().unwrap());
    assert!(
        dir.path().join("out/b/c").exists(),
        "nothing outside is removed"
    );
    moved("in/a", "out/a");
    let here = walker.leave(&directory, b, &mut way, &done).unwrap();
    assert_eq!(here.inode().unwrap(), directory.inode().unwrap());
    assert_eq!(way.len(), 1);
    assert!(way[0].stays);
    assert_eq!(walker.found().stays[0].path.as_str(), "/a");
    assert_eq!(clear(&root, &actions, &directory).unwrap(), []);
    assert!(dir.path().join("out/a").exists() && dir.path().join("out/b/c").exists());
}
