//! The store directory on a real disk.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::*;
use crate::pki::KeyAlgorithm;
use crate::pki::ensure::ensure;
use crate::pki::key_source::RandomSource;
use crate::pki::testing::{config, now};

fn fast() -> crate::config::ValidConfig {
    let mut config = config();
    config.key_algorithm = KeyAlgorithm::EcdsaP256;
    config
}

fn private_directory() -> tempfile::TempDir {
    let mut builder = tempfile::Builder::new();
    builder
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .unwrap()
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().mode() & 0o7777
}

/// Plans into the store at `path`; what it holds afterwards.
fn plan(path: &Path) -> StoreContents {
    let store = StoreDir::open_or_create(path).unwrap();
    let lock = store.lock().unwrap();
    let before = lock.load().unwrap();
    let after = ensure(&fast(), before.clone(), now(), &RandomSource, &|_| {}).unwrap();
    lock.save(&before, &after.store).unwrap();
    after.store
}

fn listing(directory: &Path, prefix: &str) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            names.push(format!("{:o} {name}/", mode(&entry.path())));
            names.extend(listing(&entry.path(), &format!("{name}/")));
        } else {
            names.push(format!("{:o} {name}", mode(&entry.path())));
        }
    }
    names.sort_by(|a, b| a[4..].cmp(&b[4..]));
    names
}

#[test]
fn what_is_saved_is_loaded_with_the_right_modes() {
    let root = private_directory();
    let path = root.path().join("a.kubeplan/pki");
    let saved = plan(&path);
    let store = StoreDir::open_existing(&path).unwrap().unwrap();
    assert_eq!(store.load().unwrap(), saved);
    assert_eq!(mode(&root.path().join("a.kubeplan")), 0o700);
    assert_eq!(mode(&path), 0o700);
    let files = listing(&path, "");
    assert_eq!(files.len(), 32 + 2 + 4, "{files:#?}");
    for line in &files {
        let expected = if line.ends_with('/') {
            "700"
        } else if line.ends_with(".crt") {
            "644"
        } else {
            "600"
        };
        assert!(line.starts_with(expected), "{line}");
    }
}

#[test]
fn a_second_plan_writes_nothing() {
    let root = private_directory();
    plan(root.path());
    let inode = |name: &str| std::fs::metadata(root.path().join(name)).unwrap().ino();
    let before = ["ca.key", "store.json", "nodes/cp1/apiserver.crt"].map(inode);
    plan(root.path());
    assert_eq!(
        ["ca.key", "store.json", "nodes/cp1/apiserver.crt"].map(inode),
        before
    );
}

#[test]
fn a_store_that_is_not_there_is_not_created_by_reading() {
    let root = private_directory();
    let path = root.path().join("pki");
    assert!(StoreDir::open_existing(&path).unwrap().is_none());
    assert!(!path.exists());
    std::fs::write(&path, "").unwrap();
    assert!(matches!(
        StoreDir::open_or_create(&path),
        Err(StoreDirError::NotADirectory(_))
    ));
}

#[test]
fn two_runs_do_not_share_a_store() {
    let root = private_directory();
    let store = StoreDir::open_or_create(root.path()).unwrap();
    let lock = store.lock().unwrap();
    let other = StoreDir::open_or_create(root.path()).unwrap();
    assert!(matches!(other.lock(), Err(StoreDirError::Locked(_))));
    drop(lock);
    assert!(other.lock().is_ok());
}

#[test]
fn a_directory_or_key_open_to_others_is_refused_with_the_chmod_to_run() {
    let root = private_directory();
    let path = root.path().join("pki");
    plan(&path);
    let key = path.join("nodes/cp1/admin.conf.key");
    for bits in [0o640, 0o604] {
        set_mode(&key, bits);
        let message = StoreDir::open_existing(&path)
            .unwrap()
            .unwrap()
            .load()
            .unwrap_err();
        let expected = format!("run `chmod 600 {}`", key.display());
        assert_eq!(message.hint(), Some(expected), "{message}");
    }
    set_mode(&key, 0o400);
    set_mode(&path.join("ca.crt"), 0o664);
    assert!(
        StoreDir::open_existing(&path)
            .unwrap()
            .unwrap()
            .load()
            .is_ok()
    );
    set_mode(&path, 0o750);
    let message = StoreDir::open_or_create(&path).unwrap_err();
    let expected = format!("run `chmod 700 {}`", path.display());
    assert_eq!(message.hint(), Some(expected), "{message}");
}

#[test]
fn a_file_that_appeared_meanwhile_is_not_overwritten() {
    let root = private_directory();
    let store = StoreDir::open_or_create(root.path()).unwrap();
    let lock = store.lock().unwrap();
    let before = lock.load().unwrap();
    let after = ensure(&fast(), before.clone(), now(), &RandomSource, &|_| {}).unwrap();
    let key = root.path().join("ca.key");
    std::fs::write(&key, "the user's").unwrap();
    assert!(matches!(
        lock.save(&before, &after.store),
        Err(StoreDirError::Appeared(path)) if path == key
    ));
    assert_eq!(std::fs::read_to_string(&key).unwrap(), "the user's");
}

#[test]
fn a_write_that_stopped_part_way_is_taken_up_and_its_leftovers_go() {
    let root = private_directory();
    let path = root.path();
    let store = StoreDir::open_or_create(path).unwrap();
    // Stop the first save at a certificate: a directory has its name.
    std::fs::create_dir_all(path.join("etcd/ca.crt")).unwrap();
    {
        let lock = store.lock().unwrap();
        let before = lock.load().unwrap();
        let after = ensure(&fast(), before.clone(), now(), &RandomSource, &|_| {}).unwrap();
        assert!(lock.save(&before, &after.store).is_err());
    }
    assert!(!store.load().unwrap().index.unwrap().pending.is_empty());
    std::fs::remove_dir(path.join("etcd/ca.crt")).unwrap();
    std::fs::write(path.join("etcd/.new-abc"), "half a key").unwrap();
    let saved = plan(path);
    assert_eq!(store.load().unwrap(), saved);
    assert!(saved.index.unwrap().pending.is_empty());
    assert!(!path.join("etcd/.new-abc").exists());
    assert_eq!(saved.files.len(), 32);
}

#[test]
fn a_broken_index_and_an_oversized_file_are_named() {
    let root = private_directory();
    plan(root.path());
    let store = StoreDir::open_existing(root.path()).unwrap().unwrap();
    let index = root.path().join(INDEX_FILE);
    std::fs::write(&index, "{").unwrap();
    assert!(matches!(store.load(), Err(StoreDirError::Index { path, .. }) if path == index));
    std::fs::remove_file(&index).unwrap();
    let huge = root.path().join("huge.crt");
    File::create(&huge)
        .unwrap()
        .set_len(MAX_FILE_SIZE + 1)
        .unwrap();
    assert!(matches!(store.load(), Err(StoreDirError::TooLarge(path)) if path == huge));
}
