//! Takes over the `pki` directory of a kubeadm cluster.
//!
//! In: the files of the directory by path. Out: those that a key store needs (the CAs and the service account key, which all nodes
//! share), checked, and the names of the others. A node's certificates are not taken over: the planner issues its own, with the same
//! CAs. Nothing is repaired, and no key is made.

use std::collections::BTreeMap;

use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::timestamp::Timestamp;

use super::PkiError;
use super::certificate::Certificate;
use super::keys::PrivateKey;
use super::slot::{other_key, read_certificate, read_key};
use super::store::StoreContents;

/// The base names of the CAs in a `pki` directory, and what each signs for.
const AUTHORITIES: [(&str, &str); 3] = [
    ("ca", "the cluster"),
    ("front-proxy-ca", "the front proxy"),
    ("etcd/ca", "etcd"),
];

/// Why a directory cannot be taken over.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The directory has no CA certificate of a cluster.
    #[error("it contains no `ca.crt`, so it is not the `pki` directory of a control-plane node")]
    NotKubeadms,
    /// A certificate that is not that of a CA.
    #[error("`{file}` is not the certificate of a CA ({subject})")]
    NotAuthority {
        /// Its path.
        file: String,
        /// Its subject.
        subject: String,
    },
    /// A file cannot be used, or a pair does not fit.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The key store has another file of that name.
    #[error("the key store has another `{0}` already, which is not overwritten")]
    Other(String),
}

/// A CA that is taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedAuthority {
    /// The base name, such as `etcd/ca`.
    pub base: &'static str,
    /// Its subject.
    pub subject: String,
    /// The end of its validity.
    pub not_after: Timestamp,
    /// Whether its key is there; without it, it is an external CA.
    pub has_key: bool,
}

/// What is taken over.
#[derive(Debug, Default)]
pub struct Imported {
    /// Files of the key store, by path.
    pub files: BTreeMap<String, SecretBytes>,
    /// The CAs.
    pub authorities: Vec<ImportedAuthority>,
    /// What a plan will make, because the directory does not have it: base names of CAs, and `sa` for the service account key.
    pub missing: Vec<&'static str>,
}

/// Whether a key store needs the file at `path` of a `pki` directory.
#[must_use]
pub fn is_shared(path: &str) -> bool {
    matches!(path, "sa.key" | "sa.pub")
        || AUTHORITIES.iter().any(|(base, _)| {
            let end = path.strip_prefix(base);
            matches!(end, Some(".crt" | ".key"))
        })
}

/// What the CA with the base name `base` signs for.
#[must_use]
pub fn purpose(base: &str) -> &'static str {
    let known = AUTHORITIES.iter().find(|(known, _)| *known == base);
    known.map_or("service accounts", |(_, purpose)| purpose)
}

/// Checks the shared files among `found`.
///
/// # Errors
/// Every [`ImportError`] that there is.
pub fn import(found: BTreeMap<String, SecretBytes>) -> Result<Imported, Vec<ImportError>> {
    let mut contents = StoreContents {
        files: found,
        index: None,
    };
    contents.files.retain(|path, _| is_shared(path));
    if !contents.files.contains_key("ca.crt") {
        return Err(vec![ImportError::NotKubeadms]);
    }
    let (mut imported, mut errors) = (Imported::default(), Vec::new());
    for (base, _) in AUTHORITIES {
        match authority(&contents, base) {
            Ok(Some(authority)) => imported.authorities.push(authority),
            Ok(None) => imported.missing.push(base),
            Err(error) => errors.push(error),
        }
    }
    match service_account(&contents) {
        Ok(true) => {}
        Ok(false) => imported.missing.push("sa"),
        Err(error) => errors.push(error.into()),
    }
    if errors.is_empty() {
        imported.files = contents.files;
        Ok(imported)
    } else {
        Err(errors)
    }
}

fn authority(
    contents: &StoreContents,
    base: &'static str,
) -> Result<Option<ImportedAuthority>, ImportError> {
    let (file, key_file) = (format!("{base}.crt"), format!("{base}.key"));
    let certificate = read_certificate(contents, &file)?;
    let key = read_key(contents, &key_file)?;
    let (certificate, key) = match (certificate, key) {
        (None, None) => return Ok(None),
        (None, Some(_)) => {
            return Err(ImportError::Pki(PkiError::KeyWithoutCertificate {
                key: key_file,
                certificate: file,
            }));
        }
        (Some(certificate), key) => (certificate, key),
    };
    let Certificate { facts, .. } = &certificate;
    if !(facts.is_authority && facts.may_sign) {
        return Err(ImportError::NotAuthority {
            file,
            subject: facts.subject.clone(),
        });
    }
    if let Some(key) = &key
        && let Some(error) = other_key((&file, &certificate), (&key_file, key))
    {
        return Err(error.into());
    }
    Ok(Some(ImportedAuthority {
        base,
        subject: facts.subject.clone(),
        not_after: facts.not_after,
        has_key: key.is_some(),
    }))
}

/// Whether there is a service account key.
fn service_account(contents: &StoreContents) -> Result<bool, PkiError> {
    let key: Option<PrivateKey> = read_key(contents, "sa.key")?;
    let public = contents.files.get("sa.pub");
    match (key, public) {
        (None, None) => Ok(false),
        (None, Some(_)) => Err(PkiError::ServiceAccountKeyMissing),
        (Some(_), None) => Ok(true),
        (Some(key), Some(public)) => match super::assess::is_public_of(&key, public) {
            true => Ok(true),
            false => Err(PkiError::KeyMismatch {
                certificate: "sa.pub".to_owned(),
                key: "sa.key".to_owned(),
            }),
        },
    }
}

/// Adds the imported files to a key store.
///
/// # Errors
/// [`ImportError::Other`] for each file of the store that would be overwritten.
pub fn add(
    mut store: StoreContents,
    imported: &Imported,
) -> Result<StoreContents, Vec<ImportError>> {
    let mut errors = Vec::new();
    for (path, bytes) in &imported.files {
        match store.files.get(path) {
            Some(old) if old != bytes => errors.push(ImportError::Other(path.clone())),
            Some(_) => {}
            None => drop(store.files.insert(path.clone(), bytes.clone())),
        }
    }
    match errors.is_empty() {
        true => Ok(store),
        false => Err(errors),
    }
}

#[cfg(test)]
mod tests {
    use super::super::KeyAlgorithm;
    use super::super::ensure::ensure;
    use super::super::key_source::RandomSource;
    use super::super::testing::{config, now};
    use super::*;

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

    #[test]
    fn what_all_nodes_share_is_taken_over() {
        let found = kubeadms();
        let imported = import(found.clone()).unwrap();
        let paths: Vec<&str> = imported.files.keys().map(String::as_str).collect();
        assert_eq!(
            paths,
            [
                "ca.crt",
                "ca.key",
                "etcd/ca.crt",
                "etcd/ca.key",
                "front-proxy-ca.crt",
                "front-proxy-ca.key",
                "sa.key",
                "sa.pub"
            ]
        );
        assert!(imported.missing.is_empty());
        assert_eq!(imported.authorities.len(), 3);
        assert!(
            imported
                .authorities
                .iter()
                .all(|authority| authority.has_key)
        );
        for (path, bytes) in &imported.files {
            assert_eq!(found.get(path), Some(bytes), "{path}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        type Change = fn(&mut BTreeMap<String, SecretBytes>);
        let cases: [(Change, &[&str]); 7] = [
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
                |files| drop(files.remove("sa.key")),
                &["`sa.pub` has no `sa.key`"],
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
            }
        }
    }

    #[test]
    fn what_is_missing_is_not_made() {
        let mut files = kubeadms();
        for path in ["ca.key", "etcd/ca.crt", "etcd/ca.key", "sa.key", "sa.pub"] {
            files.remove(path);
        }
        let imported = import(files).unwrap();
        assert_eq!(imported.missing, ["etcd/ca", "sa"]);
        assert_eq!(imported.files.len(), 3);
        assert!(!imported.authorities[0].has_key);
    }

    #[test]
    fn a_file_of_the_store_is_not_overwritten() {
        let imported = import(kubeadms()).unwrap();
        let store = add(StoreContents::default(), &imported).unwrap();
        assert_eq!(store.files, imported.files);
        assert_eq!(add(store.clone(), &imported).unwrap(), store);
        let mut other = store;
        other
            .files
            .insert("ca.crt".into(), SecretBytes::new(b"x".to_vec()));
        let errors = add(other, &imported).unwrap_err();
        assert_eq!(errors.len(), 1);
        assert!(errors[0].to_string().contains("another `ca.crt` already"));
    }
}
