use super::*;
use crate::pki::KeyAlgorithm;
use crate::pki::ensure::ensure;
use crate::pki::key_source::{KeySource as _, RandomSource};
use crate::pki::store::StoreIndex;
use crate::pki::testing::{config, now};

const SHARED: [&str; 8] = [
    "ca.crt",
    "ca.key",
    "etcd/ca.crt",
    "etcd/ca.key",
    "front-proxy-ca.crt",
    "front-proxy-ca.key",
    "sa.key",
    "sa.pub",
];

/// The `pki` directory of a control-plane node, and its leaves.
fn kubeadms() -> BTreeMap<String, SecretBytes> {
    let mut config = config();
    config.key_algorithm = KeyAlgorithm::EcdsaP256;
    let empty = StoreContents::default();
    let ensured = ensure(&config, empty, now(), &RandomSource, &|_| {}).unwrap();
    let mut files = ensured.store.files;
    let leaves: Vec<_> = files
        .extract_if(.., |path, _| path.starts_with("nodes/"))
        .collect();
    for (path, bytes) in leaves {
        let name = path.splitn(3, '/').nth(2).unwrap().to_owned();
        files.insert(name, bytes);
    }
    files
}

fn errors(files: BTreeMap<String, SecretBytes>) -> Vec<String> {
    let errors = import(files).err().unwrap_or_default();
    errors.iter().map(ToString::to_string).collect()
}

/// Those of `files` whose path is in `paths`.
fn only(files: &BTreeMap<String, SecretBytes>, paths: &[&str]) -> BTreeMap<String, SecretBytes> {
    let mut files = files.clone();
    files.retain(|path, _| paths.contains(&path.as_str()));
    files
}

/// No certificates of the directory besides those of CAs.
fn none() -> BTreeMap<String, Vec<u8>> {
    BTreeMap::new()
}

fn store(files: BTreeMap<String, SecretBytes>) -> StoreContents {
    StoreContents { files, index: None }
}

#[test]
fn what_all_nodes_share_is_taken_over() {
    let found = kubeadms();
    let imported = add(
        StoreContents::default(),
        import(found.clone()).unwrap(),
        &none(),
    )
    .unwrap();
    assert_eq!(imported.added, SHARED);
    assert!(imported.present.is_empty() && imported.missing.is_empty());
    assert_eq!(imported.authorities.len(), 3);
    assert!(imported.authorities.iter().all(|ca| ca.has_key));
    assert_eq!(imported.store.files, only(&found, &SHARED));
}

#[test]
fn what_does_not_fit_is_named() {
    type Change = fn(&mut BTreeMap<String, SecretBytes>);
    let cases: [(Change, &[&str]); 8] = [
        (
            |files| drop(files.remove("ca.crt")),
            &["contains no `ca.crt`"],
        ),
        (
            |files| {
                let other = files["etcd/ca.key"].clone();
                files.insert("ca.key".into(), other);
            },
            &["`ca.key` is not the private key of `ca.crt`"],
        ),
        (
            |files| {
                let text = |path: &str| files[path].expose().to_vec();
                let chain = [text("etcd/ca.crt"), text("ca.crt")].concat();
                files.insert("ca.crt".into(), SecretBytes::new(chain));
            },
            &["`ca.key` is the private key of certificate 2 in `ca.crt`"],
        ),
        (
            |files| {
                for end in ["crt", "key"] {
                    let leaf = files[&format!("apiserver.{end}")].clone();
                    files.insert(format!("front-proxy-ca.{end}"), leaf);
                }
            },
            &["`front-proxy-ca.crt` is not the certificate of a CA"],
        ),
        (
            |files| drop(files.insert("etcd/ca.crt".into(), SecretBytes::new(b"x".to_vec()))),
            &["cannot use the certificate `etcd/ca.crt`"],
        ),
        (
            |files| drop(files.remove("sa.key")),
            &["`sa.pub` has no `sa.key`: copy `sa.key` from the control-plane node"],
        ),
        (
            |files| {
                let other = files["ca.key"].clone();
                files.insert("sa.key".into(), other);
            },
            &["`sa.key` is not the private key of `sa.pub`"],
        ),
        (
            |files| {
                files.remove("etcd/ca.crt");
                files.insert("front-proxy-ca.key".into(), SecretBytes::new(b"x".to_vec()));
            },
            &[
                "cannot use the private key `front-proxy-ca.key`",
                "`etcd/ca.key` has no certificate",
            ],
        ),
    ];
    for (change, expected) in cases {
        let mut files = kubeadms();
        change(&mut files);
        let found = errors(files);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found}");
            for wrong in ["key store", "have a new pair"] {
                assert!(!found.contains(wrong), "{found}");
            }
        }
    }
}

#[test]
fn what_is_missing_is_not_made() {
    let mut files = kubeadms();
    for path in ["ca.key", "etcd/ca.crt", "etcd/ca.key", "sa.key", "sa.pub"] {
        files.remove(path);
    }
    let imported = add(StoreContents::default(), import(files).unwrap(), &none()).unwrap();
    assert_eq!(imported.missing, ["etcd/ca", "sa"]);
    assert_eq!(imported.store.files.len(), 3);
    assert!(!imported.authorities[0].has_key);
}

/// Each row: what of a directory and of a store (of the same cluster, or of another) there is, and the errors, or what is missing.
#[test]
fn a_store_and_a_directory_must_fit_together() {
    let (ours, theirs) = (kubeadms(), kubeadms());
    let without_etcd: Vec<&str> = SHARED
        .into_iter()
        .filter(|path| !path.starts_with("etcd/"))
        .collect();
    type Expected = Result<&'static [&'static str], &'static [&'static str]>;
    let cases: [(&[&str], &BTreeMap<_, _>, &[&str], Expected); 11] = [
        // Half a pair each.
        (
            &["ca.crt"],
            &theirs,
            &["ca.key"],
            Err(&["`ca.key` is not the private key of `ca.crt`"]),
        ),
        (
            &["ca.crt"],
            &ours,
            &["ca.key"],
            Ok(&["front-proxy-ca", "etcd/ca", "sa"]),
        ),
        (
            &["ca.crt", "sa.key"],
            &theirs,
            &["sa.pub"],
            Err(&["`sa.key` is not the private key of `sa.pub`"]),
        ),
        // A pair that the directory does not have.
        (
            &without_etcd,
            &theirs,
            &["etcd/ca.crt", "etcd/ca.key"],
            Err(&["the key store has `etcd/ca`, the directory has no such pair"]),
        ),
        (
            &["ca.crt", "ca.key"],
            &theirs,
            &["front-proxy-ca.crt", "sa.key"],
            Err(&["has `front-proxy-ca`", "has `sa`"]),
        ),
        // The store has been planned with since, or filled in parts.
        (&without_etcd, &ours, &SHARED, Ok(&[])),
        (
            &["ca.crt", "ca.key"],
            &ours,
            &["ca.crt", "etcd/ca.crt", "etcd/ca.key"],
            Ok(&["front-proxy-ca", "sa"]),
        ),
        // The store is broken by itself.
        (
            &["ca.crt", "ca.key"],
            &ours,
            &["ca.crt", "etcd/ca.key"],
            Err(&["`etcd/ca.key` has no certificate `etcd/ca.crt`"]),
        ),
        (
            &["ca.crt", "ca.key"],
            &ours,
            &["ca.crt", "sa.pub"],
            Err(&["`sa.pub` has no `sa.key`"]),
        ),
        // Another cluster's.
        (
            &SHARED,
            &theirs,
            &["ca.crt", "sa.pub"],
            Err(&["another `ca.crt` already", "another `sa.pub` already"]),
        ),
        (&SHARED, &theirs, &[], Ok(&[])),
    ];
    for (directory, owner, paths, expected) in cases {
        let files = import(only(&ours, directory)).unwrap();
        let before = store(only(owner, paths));
        match (add(before.clone(), files, &none()), expected) {
            (Ok(imported), Ok(missing)) => {
                assert_eq!(imported.missing, missing);
                let added = imported.added.len();
                assert_eq!(before.files.len() + added, imported.store.files.len());
                assert_eq!(added + imported.present.len(), directory.len());
            }
            (Err(found), Err(expected)) => {
                assert_eq!(found.len(), expected.len(), "{found:?}");
                for (found, expected) in found.iter().zip(expected) {
                    let found = found.to_string();
                    assert!(found.contains(expected), "{found}");
                }
            }
            (found, _) => panic!("{directory:?} {paths:?}: {found:?}"),
        }
    }
}

#[test]
fn the_same_certificate_or_key_with_other_text_is_the_same() {
    let found = kubeadms();
    let files = import(found.clone()).unwrap();
    let texts = |bytes: &SecretBytes| {
        let mut text = b"subject=CN = kubernetes\n".to_vec();
        text.extend(bytes.expose());
        text.extend(b"\n");
        SecretBytes::new(text)
    };
    let with_text: BTreeMap<_, _> = files
        .iter()
        .map(|(path, bytes)| (path.clone(), texts(bytes)))
        .collect();
    let before = store(with_text);
    let imported = add(before.clone(), files.clone(), &none()).unwrap();
    assert_eq!(imported.present, SHARED);
    assert!(imported.added.is_empty());
    assert_eq!(imported.store, before);
    // The same CA with one more certificate after it is the same CA; the key store keeps its file.
    let chain = [
        files["ca.crt"].expose(),
        files["front-proxy-ca.crt"].expose(),
    ];
    let mut other = before;
    other
        .files
        .insert("ca.crt".into(), SecretBytes::new(chain.concat()));
    let imported = add(other.clone(), files.clone(), &none()).unwrap();
    assert_eq!(imported.other_chain, ["ca.crt"]);
    assert_eq!(imported.present, SHARED);
    assert_eq!(imported.store, other);
    // Another first certificate makes it another file.
    let turned = [
        files["front-proxy-ca.crt"].expose(),
        files["ca.crt"].expose(),
    ];
    let turned = SecretBytes::new(turned.concat());
    other.files.insert("ca.crt".into(), turned);
    let errors = add(other, files, &none()).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].to_string().contains("another `ca.crt` already"));
}

/// A store that has the directory's CA, and an etcd CA that the directory does not have.
#[test]
fn a_ca_that_only_the_store_has_must_have_signed_the_directorys_certificates() {
    let (ours, theirs) = (kubeadms(), kubeadms());
    let without_etcd: Vec<&str> = SHARED
        .into_iter()
        .filter(|path| !path.starts_with("etcd/"))
        .collect();
    let etcd = ["etcd/ca.crt", "etcd/ca.key"];
    let leaves = |names: &[&str]| -> BTreeMap<String, Vec<u8>> {
        let leaf = |name: &&str| ((*name).to_owned(), ours[*name].expose().to_vec());
        names.iter().map(leaf).collect()
    };
    let attempt = |owner: &BTreeMap<_, _>, names: &[&str]| {
        let mut held = only(&ours, &["ca.crt", "ca.key"]);
        held.extend(only(owner, &etcd));
        let files = import(only(&ours, &without_etcd)).unwrap();
        add(store(held), files, &leaves(names))
    };
    for name in ["etcd/server.crt", "apiserver-etcd-client.crt"] {
        assert!(is_witness(name));
        let same = attempt(&ours, &[name]).unwrap();
        assert!(same.unproven.is_empty(), "{:?}", same.unproven);
        let errors = attempt(&theirs, &[name, "apiserver.crt"]).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        let said = errors[0].to_string();
        let expected = format!("another CA `etcd/ca.crt` than this cluster: `{name}`");
        assert!(said.contains(&expected), "{said}");
    }
    // Nothing of the directory is signed by an etcd CA.
    let unknown = attempt(&theirs, &["apiserver.crt"]).unwrap();
    assert_eq!(unknown.unproven, ["etcd/ca"]);
}

#[test]
fn real_keys_do_not_go_into_a_store_of_test_keys() {
    let files = import(kubeadms()).unwrap();
    let salt = RandomSource.salt().unwrap();
    let with = |test_only| StoreContents {
        files: BTreeMap::new(),
        index: Some(StoreIndex::new(&salt, test_only)),
    };
    let errors = add(with(true), files.clone(), &none()).unwrap_err();
    assert!(
        matches!(errors.as_slice(), [ImportError::TestKeys]),
        "{errors:?}"
    );
    assert!(add(with(false), files, &none()).is_ok());
}
