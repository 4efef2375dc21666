//! Ways below a root, and links on them.

#![expect(
    clippy::disallowed_methods,
    reason = "tests build the tree they look at"
)]

use std::fs;
use std::os::unix::fs::{chown, lchown, symlink};

use super::*;
use crate::host::Found;
use crate::host::error::LinkRefusal;

fn tree() -> (tempfile::TempDir, Root) {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir_all(directory.path().join("root/run/lock")).unwrap();
    fs::create_dir_all(directory.path().join("root/var")).unwrap();
    fs::create_dir_all(directory.path().join("outside/secret")).unwrap();
    let root = Root::open(&directory.path().join("root")).unwrap();
    (directory, root)
}

fn open(root: &Root, path: &'static str) -> Result<Option<Directory>, HostError> {
    root.open_directory(&RootPath::fixed(path))
}

#[test]
fn links_inside_the_root_are_followed_as_a_process_there_would() {
    let (directory, root) = tree();
    let at = directory.path().join("root/var");
    symlink("/run", at.join("absolute")).unwrap();
    symlink("../run/lock", at.join("relative")).unwrap();
    symlink("absolute/lock", at.join("chain")).unwrap();
    for path in [
        "/run",
        "/var/absolute/lock",
        "/var/relative",
        "/var/chain",
        "/",
    ] {
        assert!(open(&root, path).unwrap().is_some(), "{path}");
    }
    assert!(open(&root, "/var/absolute/none/deeper").unwrap().is_none());
    assert!(open(&root, "/none").unwrap().is_none());
}

#[test]
fn links_that_lead_out_or_to_nothing_are_refused() {
    let (directory, root) = tree();
    let at = directory.path().join("root/var");
    symlink("../../outside", at.join("climbs")).unwrap();
    symlink(directory.path().join("outside"), at.join("absolute")).unwrap();
    symlink("loop", at.join("loop")).unwrap();
    fs::write(at.join("file"), "x").unwrap();
    let reason = |path| match open(&root, path) {
        Err(HostError::Link { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason("/var/climbs/secret"), LinkRefusal::LeavesRoot);
    assert!(matches!(
        reason("/var/absolute/secret"),
        LinkRefusal::Dangling { .. }
    ));
    assert_eq!(reason("/var/loop"), LinkRefusal::TooMany);
    assert!(matches!(
        open(&root, "/var/file/x"),
        Err(HostError::NotADirectory { .. })
    ));
}

#[test]
fn links_of_other_users_are_not_followed() {
    let (directory, root) = tree();
    let link = directory.path().join("root/var/run");
    symlink("/run", &link).unwrap();
    assert!(open(&root, "/var/run").unwrap().is_some());
    if root.is_privileged() {
        lchown(&link, Some(4242), Some(4242)).unwrap();
        assert!(matches!(
            open(&root, "/var/run"),
            Err(HostError::Link {
                reason: LinkRefusal::Owner { uid: 4242 },
                ..
            })
        ));
        chown(directory.path().join("root/run"), Some(4242), None).unwrap();
        assert!(open(&root, "/run").unwrap().is_some());
    }
}

#[test]
fn a_link_at_the_end_is_reported_and_not_followed() {
    let (directory, root) = tree();
    symlink("/run", directory.path().join("root/var/last")).unwrap();
    let var = open(&root, "/var").unwrap().unwrap();
    assert!(matches!(var.inspect("last").unwrap(), Found::Link));
    assert!(matches!(var.inspect("lost").unwrap(), Found::Missing));
}

#[test]
fn the_running_system_is_recognised() {
    let (_directory, root) = tree();
    assert!(!root.is_live());
    assert!(Root::open(Path::new("/")).unwrap().is_live());
}

#[test]
fn what_is_this_programs_own_is_no_destination_under_another_name() {
    let (directory, root) = tree();
    let at = |name: &str| directory.path().join("root").join(name);
    let refused = |path| matches!(open(&root, path), Err(HostError::NotADestination { .. }));
    fs::create_dir_all(at("etc")).unwrap();
    fs::create_dir_all(at("var/lib")).unwrap();
    symlink("/etc", at("srv")).unwrap();
    symlink("/etc/../var/lib/kubeplan/runs", at("runs")).unwrap();
    // Before they exist nothing can be made in their places.
    assert!(refused("/srv/kubeplan") && refused("/srv/kubeplan/x"));
    let etc = open(&root, "/srv").unwrap().unwrap();
    assert!(matches!(
        etc.check_name("kubeplan"),
        Err(HostError::NotADestination { .. })
    ));
    assert!(etc.check_name("kubeplanner").is_ok());
    let actions = crate::host::Actions::default();
    let create = |name| actions.create_file(&etc, name, b"", 0o600, None);
    assert!(create("kubeplan").is_err());
    create("other").unwrap();
    // Once they do, neither can they be entered, nor what is below them.
    let own = RootPath::fixed("/var/lib/kubeplan/runs/0001");
    crate::host::ensure::ensure_directory(&root, &actions, &own, 0o700).unwrap();
    crate::host::ensure::ensure_directory(
        &root,
        &actions,
        &RootPath::fixed("/etc/kubeplan"),
        0o755,
    )
    .unwrap();
    assert!(refused("/srv/kubeplan") && refused("/runs") && refused("/runs/0001"));
    // By their own names, and only to look, they are open.
    assert!(root.open_directory(&own).unwrap().is_some());
    assert!(root.view(&RootPath::fixed("/runs/0001")).unwrap().is_some());
    // A new directory may get the number of one that is gone.
    fs::remove_dir(at("var/lib/kubeplan/runs/0001")).unwrap();
    for number in 0..20 {
        fs::create_dir(at("var").join(number.to_string())).unwrap();
        let path = RootPath::from_text(&format!("/var/{number}"));
        assert!(root.open_directory(&path).unwrap().is_some());
    }
}

#[test]
fn file_systems_of_the_kernel_are_looked_at_and_not_changed() {
    let root = Root::open(Path::new("/")).unwrap();
    for path in ["/proc", "/proc/self", "/sys", "/dev"] {
        assert!(
            matches!(
                open(&root, path),
                Err(HostError::NotADestination {
                    reason: crate::host::error::Refusal::Kernel(_),
                    ..
                })
            ),
            "{path}"
        );
        assert!(root.view(&RootPath::fixed(path)).unwrap().is_some());
    }
    assert!(
        root.read(&RootPath::fixed("/proc/mounts"), 1 << 24)
            .unwrap()
            .is_some()
    );
    for link in [
        "/proc/self/root/etc",
        "/proc/thread-self/cwd/x",
        "/proc/self/exe",
    ] {
        assert!(
            matches!(
                root.look(&RootPath::fixed(link)),
                Err(HostError::Link {
                    reason: LinkRefusal::Kernel,
                    ..
                })
            ),
            "{link}"
        );
    }
}
