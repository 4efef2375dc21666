//! Extended attributes: labels and notes that are on a file stay on it, and a rollback brings back those of before.
#![expect(clippy::print_stderr, reason = "a part that is left out says so")]

use std::collections::BTreeMap;

use rustix::fs::{XattrFlags, setxattr};

use crate::support::{ADMIN, CA, CONFIG, Fixture, MANIFEST, Plan, Run};
use crate::tree;

/// Sets an attribute; `false` where that is not possible.
pub(crate) fn set(fixture: &Fixture, path: &str, name: &str, value: &[u8]) -> bool {
    let set = setxattr(fixture.host(path), name, value, XattrFlags::empty());
    if let Err(errno) = set {
        eprintln!("note: `{name}` cannot be set here ({errno}); that part is left out");
    }
    set.is_ok()
}

fn found(fixture: &Fixture, path: &str) -> BTreeMap<String, Vec<u8>> {
    tree::attributes(&fixture.host(path))
}

fn value(fixture: &Fixture, path: &str, name: &str) -> Option<Vec<u8>> {
    found(fixture, path).remove(name)
}

fn installed() -> (Fixture, String) {
    let fixture = Fixture::new();
    let author = fixture.author.clone();
    let first = fixture.bundle(Plan::default());
    let second = fixture.write("second", Plan::second(), 2, &[&author]);
    fixture.install(&first, &[]).expect(0);
    (fixture, second)
}

#[test]
fn labels_stay_with_an_update_and_a_rollback_brings_back_those_of_before() {
    for name in ["user.note", "security.selinux"] {
        let (fixture, second) = installed();
        let new_file = value(&fixture, CONFIG, name);
        let label = b"system_u:object_r:container_file_t:s0\0";
        if !set(&fixture, MANIFEST, name, label) || !set(&fixture, ADMIN, name, b"secret") {
            continue;
        }
        let output = fixture.install(&second, &[]).expect(0);
        assert!(!output.stdout.contains("not kept"), "{}", output.stdout);
        assert_eq!(fixture.read(MANIFEST), Plan::second().content(MANIFEST));
        assert_eq!(value(&fixture, MANIFEST, name).as_deref(), Some(&label[..]));
        assert_eq!(
            value(&fixture, ADMIN, name).as_deref(),
            Some(&b"secret"[..])
        );
        assert_eq!(
            value(&fixture, CONFIG, name),
            new_file,
            "it had none of its own"
        );
        // What the label became meanwhile is not that of before.
        assert!(set(&fixture, MANIFEST, name, b"other"));
        fixture
            .run(&Run::default(), &["rollback", "--yes"])
            .expect(0);
        assert_eq!(fixture.read(MANIFEST), Plan::default().content(MANIFEST));
        assert_eq!(value(&fixture, MANIFEST, name).as_deref(), Some(&label[..]));
        assert_eq!(
            value(&fixture, ADMIN, name).as_deref(),
            Some(&b"secret"[..])
        );
        assert_eq!(value(&fixture, CONFIG, name), new_file);
    }
}

#[test]
fn what_belongs_to_the_bytes_or_to_the_file_system_does_not_follow() {
    let (fixture, second) = installed();
    for name in [
        "trusted.overlay.note",
        "security.ima",
        "security.capability",
    ] {
        set(&fixture, MANIFEST, name, b"x");
    }
    fixture.install(&second, &[]).expect(0);
    let names: Vec<String> = found(&fixture, MANIFEST).into_keys().collect();
    for name in ["trusted.overlay.note", "security.capability"] {
        assert!(!names.iter().any(|found| found == name), "{names:?}");
    }
    // The kernel may have made one of its own.
    assert_ne!(
        value(&fixture, MANIFEST, "security.ima").as_deref(),
        Some(&b"x"[..])
    );
}

/// `system.posix_acl_access` (linux/posix_acl_xattr.h): version 2, then tag, permissions and id of each entry.
fn access_list(group: u16, mask: u16) -> Vec<u8> {
    const ANY: u32 = u32::MAX;
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    // Owner, user 4242, group, mask, others. The file's mode has the mask in the place of the group.
    for (tag, permissions, id) in [
        (1_u16, 6_u16, ANY),
        (2, 4, 4242),
        (4, group, ANY),
        (0x10, mask, ANY),
        (0x20, 0, ANY),
    ] {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

const ACCESS_LIST: &str = "system.posix_acl_access";

/// The mask of a list is where the group's bits of a mode are; without the list it must not open the file to the group.
#[test]
fn a_rollback_gives_a_group_what_the_access_control_list_gave_it_and_no_more() {
    for (group, mask, mode) in [(0, 6, 0o600), (6, 4, 0o640), (4, 6, 0o640)] {
        let (fixture, second) = installed();
        if !set(&fixture, MANIFEST, ACCESS_LIST, &access_list(group, mask)) {
            return;
        }
        assert_eq!(fixture.mode(MANIFEST), 0o600 | u32::from(mask) << 3);
        let overwrite = format!("--overwrite-drift={MANIFEST}");
        fixture.install(&second, &[&overwrite]).expect(0);
        assert_eq!(fixture.mode(MANIFEST), 0o600);
        fixture
            .run(&Run::default(), &["rollback", "--yes"])
            .expect(0);
        assert_eq!(fixture.read(MANIFEST), Plan::default().content(MANIFEST));
        assert_eq!(value(&fixture, MANIFEST, ACCESS_LIST), None);
        assert_eq!(fixture.mode(MANIFEST), mode, "{group} {mask}");
    }
}

/// A directory's default list would give every staged file one of its own.
#[test]
fn files_get_no_access_control_list_from_the_directory() {
    let (fixture, second) = installed();
    let directories = [MANIFEST, CONFIG, CA].map(|path| path.rsplit_once('/').unwrap().0);
    for directory in directories {
        let list = access_list(6, 6);
        if !set(&fixture, directory, "system.posix_acl_default", &list) {
            return;
        }
    }
    std::fs::write(fixture.host(directories[0]).join("control"), "").unwrap();
    let control = format!("{}/control", directories[0]);
    assert!(
        value(&fixture, &control, ACCESS_LIST).is_some(),
        "the list is given to files"
    );
    std::fs::remove_file(fixture.host(&control)).unwrap();
    fixture.install(&second, &[]).expect(0);
    let check = |plan: &Plan| {
        for path in [MANIFEST, CONFIG, CA] {
            assert_eq!(fixture.read(path), plan.content(path));
            assert_eq!(value(&fixture, path, ACCESS_LIST), None, "{path}");
        }
    };
    check(&Plan::second());
    assert_eq!(fixture.mode(MANIFEST), 0o600);
    fixture
        .run(&Run::default(), &["rollback", "--yes"])
        .expect(0);
    for path in [MANIFEST, CA] {
        assert_eq!(value(&fixture, path, ACCESS_LIST), None, "{path}");
    }
}

/// A list that a directory's owner lays in the way must not open what a run or its undoing writes.
#[test]
fn an_access_control_list_reaches_neither_new_content_nor_what_a_rollback_brings_back() {
    let (fixture, second) = installed();
    if !set(&fixture, MANIFEST, ACCESS_LIST, &access_list(0, 0)) {
        return;
    }
    assert_eq!(fixture.mode(MANIFEST), 0o600);
    let output = fixture.install(&second, &[]).expect(0);
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(
        said.contains(&format!(
            "the access control list of `{MANIFEST}` is not kept"
        )),
        "{said}"
    );
    assert_eq!(value(&fixture, MANIFEST, ACCESS_LIST), None);
    assert_eq!(fixture.mode(MANIFEST), 0o600);
    fixture
        .run(&Run::default(), &["rollback", "--yes"])
        .expect(0);
    assert_eq!(value(&fixture, MANIFEST, ACCESS_LIST), None);
    assert_eq!(fixture.mode(MANIFEST), 0o600);
}

/// Attributes that cannot be kept never stop a run: an owner of the file could block every update with one.
#[test]
fn names_that_no_record_can_have_and_values_without_room_stop_no_run() {
    let (fixture, second) = installed();
    if !set(&fixture, MANIFEST, "user.größe", b"1") {
        return;
    }
    set(&fixture, CA, "user.note", &[b'x'; 3900]);
    let output = fixture.install(&second, &[]).expect(0);
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(
        said.contains(&format!("`{MANIFEST}` has extended attributes")),
        "{said}"
    );
    assert_eq!(value(&fixture, MANIFEST, "user.größe"), None);
    fixture
        .run(&Run::default(), &["rollback", "--yes"])
        .expect(0);
}

#[test]
fn damaged_attributes_of_a_backup_stop_the_rollback() {
    let (fixture, second) = installed();
    if !set(&fixture, CA, "user.note", b"x") {
        return;
    }
    fixture.install(&second, &[]).expect(0);
    let backup = fixture.host("/var/lib/kubeplan/runs/0002/backup");
    let mut kept: Vec<_> = std::fs::read_dir(&backup)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".attributes"))
        .collect();
    let file = kept.pop().unwrap();
    let before = fixture.tree();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("user.note", "trusted.note")).unwrap();
    let output = fixture.run(&Run::default(), &["rollback", "--yes"]);
    assert_ne!(output.code, 0);
    assert!(output.stderr.contains("is damaged"), "{}", output.stderr);
    assert_eq!(fixture.read(CA), Plan::second().content(CA));
    std::fs::write(&file, text).unwrap();
    assert_eq!(
        before[CA.trim_start_matches('/')],
        fixture.tree()[CA.trim_start_matches('/')]
    );
    fixture
        .run(&Run::default(), &["rollback", "--yes"])
        .expect(0);
    assert_eq!(value(&fixture, CA, "user.note").as_deref(), Some(&b"x"[..]));
}
