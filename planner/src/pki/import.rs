//! Takes over the `pki` directory of a kubeadm cluster.
//!
//! In: the files of the directory by path, and a key store. Out: the key store with those that it needs (the CAs and the service
//! account key, which all nodes share), checked alone and together with what the store has. A node's certificates are not taken
//! over: the planner issues its own, with the same CAs. Nothing is repaired, no key is made, and no file of the store is replaced.

use std::collections::BTreeMap;

use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::timestamp::Timestamp;

use super::PkiError;
use super::certificate::{Certificate, CertificateError, ChainRules};
use super::keys::{KeyError, PrivateKey};
use super::slot::{other_key, read_certificate, read_key};
use super::store::{StoreContents, is_certificate};

#[cfg(test)]
mod tests;

/// The base names of the CAs in a `pki` directory, and what each signs for.
const AUTHORITIES: [(&str, &str); 3] = [
    ("ca", "the cluster"),
    ("front-proxy-ca", "the front proxy"),
    ("etcd/ca", "etcd"),
];

/// The base name of the service account key.
const SERVICE_ACCOUNT: &str = "sa";

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
    /// A key file that cannot be used.
    #[error("cannot use the private key `{file}`")]
    Key {
        /// Its path.
        file: String,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// A certificate file that cannot be used.
    #[error("cannot use the certificate `{file}`")]
    Certificate {
        /// Its path.
        file: String,
        /// Why.
        #[source]
        source: CertificateError,
    },
    /// A key without its certificate.
    #[error("`{key}` has no certificate `{certificate}`: copy it from the control-plane node too")]
    KeyWithoutCertificate {
        /// Path of the key.
        key: String,
        /// Path the certificate should have.
        certificate: String,
    },
    /// `sa.pub` without `sa.key`. A new pair is no way out: the running cluster would refuse all tokens that exist.
    #[error(
        "`sa.pub` has no `sa.key`: copy `sa.key` from the control-plane node too, because with another key the service account \
         tokens of the running cluster are invalid"
    )]
    ServiceAccountKeyMissing,
    /// A pair does not fit.
    #[error(transparent)]
    Pki(PkiError),
    /// The key store has another file of that name.
    #[error("the key store has another `{0}` already, which is not overwritten")]
    Other(String),
    /// A CA of the key store did not sign what the directory has from this CA.
    #[error(
        "the key store has another CA `{authority}` than this cluster: `{file}` of the directory is signed by `{issuer}`, not by it"
    )]
    OtherAuthority {
        /// The CA's certificate.
        authority: String,
        /// The certificate in the directory.
        file: String,
        /// Who signed that.
        issuer: String,
    },
    /// The key store has public test keys.
    #[error(
        "the key store was made with public test keys, and real keys must not be mixed with them"
    )]
    TestKeys,
    /// The key store has keys, but none of this cluster.
    #[error(
        "the key store has `{0}`, the directory has no such pair, and nothing shows that both are of the same cluster"
    )]
    Foreign(&'static str),
}

impl From<PkiError> for ImportError {
    /// The messages of [`PkiError`] say that a file is in the key store, and advise to have a new pair made: neither is right for a
    /// directory of a running cluster.
    fn from(error: PkiError) -> Self {
        match error {
            PkiError::Key { file, source } => Self::Key { file, source },
            PkiError::Certificate { file, source } => Self::Certificate { file, source },
            PkiError::KeyWithoutCertificate { key, certificate } => {
                Self::KeyWithoutCertificate { key, certificate }
            }
            PkiError::ServiceAccountKeyMissing => Self::ServiceAccountKeyMissing,
            other => Self::Pki(other),
        }
    }
}

/// A CA that is taken over, or that the key store has already.
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

/// A key store with the files of a directory.
#[derive(Debug)]
pub struct Imported {
    /// The key store with the files.
    pub store: StoreContents,
    /// Paths of the files that the key store did not have, sorted.
    pub added: Vec<String>,
    /// Paths of the files that the key store had already, sorted.
    pub present: Vec<String>,
    /// Those of them that have the same CA certificate as the directory's, and other certificates after it.
    pub other_chain: Vec<String>,
    /// Base names of CAs that only the key store has, and of which nothing in the directory shows that they are of this cluster.
    pub unproven: Vec<&'static str>,
    /// The CAs of the store.
    pub authorities: Vec<ImportedAuthority>,
    /// What a plan will make, because the store does not have it: base names of CAs, and `sa` for the service account key.
    pub missing: Vec<&'static str>,
}

/// The certificates of a node that each CA signs, by base name: they show which CA a cluster has.
const WITNESSES: [(&str, &[&str]); 3] = [
    ("ca", &["apiserver.crt", "apiserver-kubelet-client.crt"]),
    ("front-proxy-ca", &["front-proxy-client.crt"]),
    (
        "etcd/ca",
        &[
            "etcd/server.crt",
            "etcd/peer.crt",
            "etcd/healthcheck-client.crt",
            "apiserver-etcd-client.crt",
        ],
    ),
];

/// Whether the file at `path` of a `pki` directory shows which CA signed it.
#[must_use]
pub fn is_witness(path: &str) -> bool {
    WITNESSES.iter().any(|(_, files)| files.contains(&path))
}

/// Whether a key store needs the file at `path` of a `pki` directory.
#[must_use]
pub fn is_shared(path: &str) -> bool {
    shared_base(path).is_some()
}

/// The base name of a file that all nodes share.
fn shared_base(path: &str) -> Option<&'static str> {
    if matches!(path, "sa.key" | "sa.pub") {
        return Some(SERVICE_ACCOUNT);
    }
    let known = AUTHORITIES.iter().map(|(base, _)| *base);
    known.into_iter().find(|base| {
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

/// The shared files among `found`, checked.
///
/// # Errors
/// Every [`ImportError`] that there is.
pub fn import(
    found: BTreeMap<String, SecretBytes>,
) -> Result<BTreeMap<String, SecretBytes>, Vec<ImportError>> {
    let mut contents = StoreContents {
        files: found,
        index: None,
    };
    contents.files.retain(|path, _| is_shared(path));
    if !contents.files.contains_key("ca.crt") {
        return Err(vec![ImportError::NotKubeadms]);
    }
    check(&contents)?;
    Ok(contents.files)
}

/// Adds `files`, which [`import`] returned, to a key store, and checks the pairs of what comes out. `witnesses` are the directory's
/// files for which [`is_witness`] is true.
///
/// # Errors
/// [`ImportError::TestKeys`] for a store of test keys, [`ImportError::Other`] for each file of the store that would be overwritten,
/// [`ImportError::OtherAuthority`] for each CA of the store that is not the directory's, [`ImportError::Foreign`] for each pair of a
/// store that has none of the directory's, or every [`ImportError`] of the pairs.
pub fn add(
    mut store: StoreContents,
    files: BTreeMap<String, SecretBytes>,
    witnesses: &BTreeMap<String, Vec<u8>>,
) -> Result<Imported, Vec<ImportError>> {
    if store.index.as_ref().is_some_and(|index| index.test_only) {
        return Err(vec![ImportError::TestKeys]);
    }
    let mut errors = foreign(&store, &files);
    let unproven = match errors.is_empty() {
        true => only_in_store(&store, &files, witnesses, &mut errors),
        false => Vec::new(),
    };
    let (mut added, mut present, mut other_chain) = (Vec::new(), Vec::new(), Vec::new());
    for (path, bytes) in files {
        match store.files.get(&path) {
            Some(old) if !is_same(&path, old, &bytes) => {
                if is_same_ca(&path, old, &bytes) {
                    other_chain.push(path.clone());
                    present.push(path);
                } else {
                    errors.push(ImportError::Other(path));
                }
            }
            Some(_) => present.push(path),
            None => {
                added.push(path.clone());
                store.files.insert(path, bytes);
            }
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let (authorities, missing) = check(&store)?;
    Ok(Imported {
        store,
        added,
        present,
        other_chain,
        unproven,
        authorities,
        missing,
    })
}

/// The pairs of a store that has no pair of the directory `files`, not even in part. If it has one, the checks of files and pairs
/// show that it is of the same cluster.
fn foreign(store: &StoreContents, files: &BTreeMap<String, SecretBytes>) -> Vec<ImportError> {
    let bases = |files: &BTreeMap<String, SecretBytes>| {
        let mut bases: Vec<_> = files.keys().filter_map(|path| shared_base(path)).collect();
        bases.dedup();
        bases
    };
    let (here, theirs) = (bases(files), bases(&store.files));
    if theirs.iter().any(|base| here.contains(base)) {
        return Vec::new();
    }
    theirs.into_iter().map(ImportError::Foreign).collect()
}

/// The CAs that the store has and the directory does not, and that no certificate of the directory shows to be this cluster's. Adds an
/// error for each that did not sign such a certificate.
fn only_in_store(
    store: &StoreContents,
    files: &BTreeMap<String, SecretBytes>,
    witnesses: &BTreeMap<String, Vec<u8>>,
    errors: &mut Vec<ImportError>,
) -> Vec<&'static str> {
    let mut unproven = Vec::new();
    for (base, names) in WITNESSES {
        let path = format!("{base}.crt");
        let held = store
            .files
            .get(&path)
            .filter(|_| !files.contains_key(&path));
        // A store whose CA cannot be read is refused for that.
        let Some(held) = held.and_then(|held| Certificate::from_pem(held.expose()).ok()) else {
            continue;
        };
        let leaves = names.iter().filter_map(|name| {
            let bytes = witnesses.get(*name)?;
            Some((*name, Certificate::from_pem(bytes).ok()?))
        });
        let mut proven = false;
        for (name, leaf) in leaves {
            let rules = ChainRules::at_any_time();
            if held.all().any(|ca| leaf.chain_to(ca, rules).is_some()) {
                proven = true;
            } else {
                errors.push(ImportError::OtherAuthority {
                    authority: path.clone(),
                    file: name.to_owned(),
                    issuer: leaf.facts.issuer,
                });
                proven = true;
                break;
            }
        }
        if !proven {
            unproven.push(base);
        }
    }
    unproven
}

/// Whether two files at `path` begin with the same certificate.
fn is_same_ca(path: &str, old: &SecretBytes, new: &SecretBytes) -> bool {
    let first = |bytes: &SecretBytes| Some(Certificate::from_pem(bytes.expose()).ok()?.der);
    is_certificate(path) && first(old).is_some_and(|old| first(new) == Some(old))
}

/// Whether two files at `path` are the same certificates or the same key, whatever the text around them and their form.
fn is_same(path: &str, old: &SecretBytes, new: &SecretBytes) -> bool {
    fn equal<T: PartialEq>(old: Option<T>, new: Option<T>) -> bool {
        old.is_some() && old == new
    }
    if old == new {
        return true;
    }
    let (old, new) = (old.expose(), new.expose());
    if is_certificate(path) {
        let read = |bytes| Certificate::from_pem(bytes).ok();
        equal(read(old), read(new))
    } else if path.ends_with(".key") {
        let read = |bytes| Some(PrivateKey::from_pem(bytes).ok()?.spki_digest());
        equal(read(old), read(new))
    } else {
        let read = |bytes| Some(::pem::parse(bytes).ok()?.into_contents());
        equal(read(old), read(new))
    }
}

/// Checks the shared files of `contents`. Returns the CAs that are there, and the base names of the pairs that are not.
fn check(
    contents: &StoreContents,
) -> Result<(Vec<ImportedAuthority>, Vec<&'static str>), Vec<ImportError>> {
    let (mut authorities, mut missing, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for (base, _) in AUTHORITIES {
        match authority(contents, base) {
            Ok(Some(authority)) => authorities.push(authority),
            Ok(None) => missing.push(base),
            Err(error) => errors.push(error),
        }
    }
    match service_account(contents) {
        Ok(true) => {}
        Ok(false) => missing.push(SERVICE_ACCOUNT),
        Err(error) => errors.push(error.into()),
    }
    match errors.is_empty() {
        true => Ok((authorities, missing)),
        false => Err(errors),
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
            return Err(ImportError::KeyWithoutCertificate {
                key: key_file,
                certificate: file,
            });
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
