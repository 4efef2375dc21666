//! Lists the certificates of a key store.
//!
//! In: the store, the clock. Out: one [`StoredCertificate`] for each certificate the planner knows by name, those of CAs
//! last. Needs no configuration, so it does not say whether they match one. Makes and changes nothing.

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::timestamp::Timestamp;
use serde::Serialize;

use super::PkiError;
use super::certlist::{Known, known};
use super::slot::read_certificate;
use super::store::StoreContents;

/// Who issued a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Issuer {
    /// The planner: `store.json` has its digest.
    Planner,
    /// Another CA or program; the planner never replaces it.
    User,
}

impl Issuer {
    /// The word in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planner => "planner",
            Self::User => "user",
        }
    }
}

/// One certificate of a key store.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredCertificate {
    /// kubeadm's name.
    pub name: String,
    /// The node it belongs to; absent for a CA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Path in the store.
    pub path: String,
    /// Subject as `O = …, CN = …`.
    pub subject: String,
    /// kubeadm's name of the CA; its own for a CA.
    pub authority: String,
    /// Start of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub not_after: Timestamp,
    /// From the clock to the end of validity, in seconds; negative if it has expired.
    pub residual_seconds: i64,
    /// Who issued it.
    pub issued_by: Issuer,
    /// Whether its private key is in the store.
    pub has_key: bool,
    /// The CA's certificate is in the store without its key (kubeadm's `EXTERNALLY MANAGED`).
    pub externally_managed: bool,
}

impl StoredCertificate {
    /// Whether it is a CA.
    #[must_use]
    pub fn is_authority(&self) -> bool {
        self.node.is_none()
    }
}

/// Every certificate of `contents`, leaves by node before CAs.
///
/// # Errors
/// [`PkiError::Certificate`] for each one that cannot be read.
pub fn list(contents: &StoreContents, now: Timestamp) -> Result<Vec<StoredCertificate>, PkiError> {
    let mut found = Vec::new();
    let mut refused = Vec::new();
    for path in contents.files.keys() {
        let Some((node, known)) = name_of(path) else {
            continue;
        };
        match row(contents, path, node, known, now) {
            Ok(row) => found.extend(row),
            Err(error) => refused.push(error),
        }
    }
    if let Some(error) = PkiError::all(refused) {
        return Err(error);
    }
    found.sort_by(|a, b| {
        let key =
            |row: &StoredCertificate| (row.is_authority(), row.node.clone(), row.name.clone());
        key(a).cmp(&key(b))
    });
    Ok(found)
}

/// Node and name of the certificate at `path`; `None` if the planner does not know it.
fn name_of(path: &str) -> Option<(Option<&str>, Known)> {
    let base = path.strip_suffix(".crt")?;
    match base.strip_prefix("nodes/") {
        Some(rest) => {
            let (node, base) = rest.split_once('/')?;
            Some((Some(node), known(base, false)?))
        }
        None => Some((None, known(base, true)?)),
    }
}

fn row(
    contents: &StoreContents,
    path: &str,
    node: Option<&str>,
    known: Known,
    now: Timestamp,
) -> Result<Option<StoredCertificate>, PkiError> {
    let Some(certificate) = read_certificate(contents, path)? else {
        return Ok(None);
    };
    let base = path.strip_suffix(".crt").unwrap_or(path);
    let has = |base: &str, end: &str| contents.files.contains_key(&format!("{base}.{end}"));
    let record = contents
        .index
        .as_ref()
        .and_then(|index| index.certificates.get(base));
    let issued = record.is_some_and(|record| record.sha256 == Sha256Digest::of(&certificate.der));
    let authority = known.signer_base_name;
    Ok(Some(StoredCertificate {
        name: known.name.to_owned(),
        node: node.map(str::to_owned),
        path: path.to_owned(),
        subject: certificate.facts.subject,
        authority: known.signer.to_owned(),
        not_before: certificate.facts.not_before,
        not_after: certificate.facts.not_after,
        residual_seconds: certificate.facts.not_after.unix_seconds() - now.unix_seconds(),
        issued_by: if issued {
            Issuer::Planner
        } else {
            Issuer::User
        },
        has_key: has(base, "key"),
        externally_managed: has(authority, "crt") && !has(authority, "key"),
    }))
}

/// A residual time as kubeadm shows it (`k8s.io/apimachinery/pkg/util/duration`, `ShortHumanDuration`).
#[must_use]
pub fn short_duration(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..MINUTE => format!("{seconds}s"),
        MINUTE..HOUR => format!("{}m", seconds / MINUTE),
        HOUR..DAY => format!("{}h", seconds / HOUR),
        DAY..YEAR => format!("{}d", seconds / DAY),
        _ => format!("{}y", seconds / YEAR),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ensure;
    use super::super::key_source::RandomSource;
    use super::super::testing::{config, now};
    use super::*;
    use crate::pki::KeyAlgorithm;

    #[test]
    fn residual_times_are_as_kubeadm_shows_them() {
        for (seconds, shown) in [
            (-2, "<invalid>"),
            (-1, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3600, "1h"),
            (86_400, "1d"),
            (364 * 86_400, "364d"),
            (365 * 86_400, "1y"),
            (3650 * 86_400, "10y"),
        ] {
            assert_eq!(short_duration(seconds), shown);
        }
    }

    #[test]
    fn every_certificate_is_listed_with_who_issued_it() {
        let mut config = config();
        config.key_algorithm = KeyAlgorithm::EcdsaP256;
        let store = StoreContents::default();
        let ensured = ensure(&config, store, now(), &RandomSource, &|_| {}).unwrap();
        let mut store = ensured.store;
        let rows = list(&store, now()).unwrap();
        assert_eq!(rows.len(), 15);
        assert!(rows.iter().all(|row| row.issued_by == Issuer::Planner
            && row.has_key
            && !row.externally_managed
            && row.residual_seconds > 0));
        assert_eq!(rows[0].name, "admin.conf");
        assert_eq!(rows[0].node.as_deref(), Some("cp1"));
        assert!(rows[12..].iter().all(StoredCertificate::is_authority));

        store.files.remove("etcd/ca.key");
        store.files.remove("nodes/cp1/etcd/peer.key");
        store.index = None;
        let rows = list(&store, now()).unwrap();
        let find = |name: &str| rows.iter().find(|row| row.name == name).unwrap();
        assert!(find("etcd-ca").externally_managed && find("etcd-peer").externally_managed);
        assert!(!find("etcd-peer").has_key && !find("apiserver").externally_managed);
        assert_eq!(find("ca").issued_by, Issuer::User);

        store.files.insert(
            "ca.crt".into(),
            kubeplan_bundle::secret::SecretBytes::from_text("x".into()),
        );
        assert!(matches!(
            list(&store, now()),
            Err(PkiError::Certificate { .. })
        ));
    }
}
