//! Durable actions at their best and at their worst.

#![expect(
    clippy::disallowed_methods,
    reason = "tests look at the tree they built"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use kubeplan_testkit::{Failure, Fault};
use rustix::fs::Mode;

use super::*;
use crate::host::{Root, RootPath};

fn root() -> (tempfile::TempDir, Directory) {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::open(dir.path()).unwrap();
    let directory = root.open_directory(&RootPath::fixed("/")).unwrap().unwrap();
    (dir, directory)
}

#[test]
fn a_replaced_file_is_the_old_or_the_new_one_at_every_action() {
    let mut finished = false;
    for limit in 0..20 {
        let (dir, directory) = root();
        fs::write(dir.path().join("f"), "old").unwrap();
        let (actions, faults) = Actions::failing(Fault::StopAfter(limit));
        let outcome = actions.replace_file(&directory, "f", b"new", 0o640);
        let found = fs::read_to_string(dir.path().join("f")).unwrap();
        if outcome.is_ok() {
            finished = true;
            assert_eq!(found, "new");
            let mode = fs::metadata(dir.path().join("f")).unwrap().permissions();
            assert_eq!(mode.mode() & 0o7777, 0o640);
            assert_eq!(faults.performed(), limit);
            break;
        }
        assert!(found == "old" || found == "new", "{found}");
        assert_eq!(faults.performed(), limit);
    }
    assert!(finished);
}

#[test]
fn a_failed_action_leaves_nothing_temporary() {
    for at in 0..5 {
        let (dir, directory) = root();
        let actions = Actions::failing(Fault::FailAt(at)).0;
        actions
            .replace_file(&directory, "f", b"new", 0o600)
            .unwrap_err();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{at}");
    }
    for at in 0..3 {
        let (dir, directory) = root();
        let actions = Actions::failing(Fault::FailAt(at)).0;
        actions
            .create_directory(&directory, "d", 0o755, None)
            .unwrap_err();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{at}");
    }
}

#[test]
fn a_file_gets_a_name_only_if_nothing_has_it() {
    for without_flags in [false, true] {
        let (dir, directory) = root();
        let actions = Actions::default();
        actions.no_flags.set(without_flags);
        let text = |name: &str| fs::read_to_string(dir.path().join(name)).ok();
        fs::write(dir.path().join("new"), "new").unwrap();
        fs::write(dir.path().join("other"), "theirs").unwrap();
        let place = |to| actions.place(&directory, "new", &directory, to).unwrap();
        assert_eq!(place("other"), Placing::Refused);
        assert_eq!(text("other").as_deref(), Some("theirs"));
        assert_eq!(place("free"), Placing::Done);
        assert_eq!((text("new"), text("free").as_deref()), (None, Some("new")));
        assert_eq!(place("again"), Placing::Refused, "it is not there any more");
        let exchanged = actions
            .exchange(&directory, "free", &directory, "other")
            .unwrap();
        assert_eq!(exchanged, !without_flags);
        let expected = if without_flags { "theirs" } else { "new" };
        assert_eq!(text("other").as_deref(), Some(expected));
        assert!(
            !actions
                .exchange(&directory, "free", &directory, "none")
                .unwrap()
        );
    }
}

#[test]
fn what_is_appended_is_whole_or_cut_off_again() {
    for at in 0..2 {
        let (dir, directory) = root();
        fs::write(dir.path().join("f"), "one\n").unwrap();
        let append = |fault, length| {
            Actions::failing(fault)
                .0
                .append(&directory, "f", length, b"two\n")
        };
        let text = || fs::read_to_string(dir.path().join("f")).unwrap();
        assert!(
            append(Fault::FailWith(at, Failure::NoSpace), 4)
                .unwrap_err()
                .unchanged
        );
        assert_eq!(text(), "one\n");
        assert!(
            append(Fault::None, 3).unwrap_err().unchanged,
            "another process wrote to it"
        );
        assert!(
            !append(Fault::FailFrom(at, Failure::Io), 4)
                .unwrap_err()
                .unchanged
        );
        fs::write(dir.path().join("f"), "one\n").unwrap();
        append(Fault::None, 4).unwrap();
        assert_eq!(text(), "one\ntwo\n");
    }
}

#[test]
fn what_was_not_synced_is_lost_with_the_power() {
    // create, write, set mode, sync, rename, sync directory
    for limit in 0..6 {
        let (dir, directory) = root();
        fs::write(dir.path().join("f"), "old").unwrap();
        let actions = Actions::failing(Fault::LoseUnsynced(limit)).0;
        actions
            .replace_file(&directory, "f", b"new", 0o600)
            .unwrap_err();
        let found = fs::read_to_string(dir.path().join("f")).unwrap();
        assert_eq!(found, "old", "{limit}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "{limit}");
    }
}

#[test]
fn only_the_directory_that_was_made_gets_a_mode() {
    let (dir, directory) = root();
    let at = |name: &str| dir.path().join(name);
    let make = |name: &str, mode| {
        fs::create_dir(at(name)).unwrap();
        fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    make("made", 0o700);
    make("open", 0o755);
    make("full", 0o700);
    fs::write(at("full/file"), "x").unwrap();
    fs::write(at("file"), "x").unwrap();
    symlink(at("made"), at("link")).unwrap();
    open_made(&directory, "made", 0o700).unwrap();
    let mut others = vec!["open", "full", "file", "link", "none"];
    if rustix::process::geteuid().is_root() {
        make("theirs", 0o700);
        chown(at("theirs"), Some(4242), None).unwrap();
        others.push("theirs");
    }
    for name in others {
        assert!(
            matches!(
                open_made(&directory, name, 0o700),
                Err(HostError::Changed { .. })
            ),
            "{name}"
        );
    }
}

#[test]
fn nothing_is_given_to_the_number_that_means_unchanged() {
    let (dir, directory) = root();
    let actions = Actions::default();
    for owner in [(u32::MAX, 0), (0, u32::MAX)].map(|(uid, gid)| Owner { uid, gid }) {
        let file = actions.create_file(&directory, "f", b"", 0o600, Some(owner));
        assert!(matches!(file, Err(HostError::NotAnOwner { .. })));
        let made = actions.create_directory(&directory, "d", 0o755, Some(owner));
        assert!(matches!(made, Err(HostError::NotAnOwner { .. })));
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_stage_that_was_exchanged_is_emptied_and_its_name_left() {
    let (dir, directory) = root();
    let at = |name: &str| dir.path().join(name);
    let actions = Actions::default();
    let (name, stage) = actions.create_stage(&directory).unwrap();
    actions
        .create_file(&stage, "0", b"secret", 0o600, None)
        .unwrap();
    fs::rename(at(&name), at("away")).unwrap();
    fs::create_dir_all(at(&name).join("sub")).unwrap();
    actions.remove_stage(&directory, &name, &stage).unwrap();
    assert!(at(&name).join("sub").exists());
    assert_eq!(fs::read_dir(at("away")).unwrap().count(), 0);
    assert_eq!(actions.take_remarks().len(), 1);
    let (name, stage) = actions.create_stage(&directory).unwrap();
    actions.remove_stage(&directory, &name, &stage).unwrap();
    assert!(!at(&name).exists());
    assert_eq!(actions.take_remarks().len(), 0);
}

#[test]
fn a_fifo_is_not_waited_for() {
    let (dir, directory) = root();
    let fifo = dir.path().join("f");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, Mode::RWXU).unwrap();
    let actions = Actions::default();
    assert!(directory.read("f", 10).is_err());
    assert!(directory.content("f", 10).is_err());
    assert!(actions.append(&directory, "f", 0, b"x").is_err());
}
