//! Lists the certificates that are visible in a bundle: public files, and client certificates in the twins of kubeconfigs.
//!
//! In: a bundle, trusted or not. Out: rows of a table. Reads at most [`MAX_TOTAL`] bytes of certificates, however many the
//! bundle contains; [`Certificates::left`] counts the files that were not read.

use std::collections::BTreeMap;

use base64::Engine as _;
use kubeplan_bundle::index::{Content, EntryName, Place};
use kubeplan_bundle::reader::{Bundle, Public};

use crate::pki::certificate::{Certificate, CertificateFacts};
use crate::pki::certlist::known;
use crate::plan::CertificateRow;

/// The largest file that is read, in bytes: a kubeconfig or a chain of certificates has a few KiB.
const MAX_FILE: usize = 1024 * 1024;

/// The most that is read as certificates, in bytes of PEM. A parsed certificate with many short names takes ten times its size.
/// The certificates of a control-plane node have 40 KiB.
const MAX_TOTAL: usize = 4 * 1024 * 1024;

/// The field of a kubeconfig whose value, on the same line, is a client certificate in base64.
const EMBEDDED: &str = "client-certificate-data: ";

/// How a certificate in PEM form begins.
const PEM: &str = "-----BEGIN CERTIFICATE-----";

/// The certificates of a bundle.
pub(super) struct Certificates {
    /// One row for each file, in the order of the entries.
    pub(super) rows: Vec<CertificateRow>,
    /// How many files seem to contain a certificate and were not read.
    pub(super) left: usize,
}

impl Certificates {
    /// Reads the certificates of `bundle`.
    pub(super) fn of(bundle: &Bundle<Public>) -> Self {
        let entries = bundle.index().entries.iter();
        let files = entries.filter_map(|entry| {
            let Place::File(placement) = &entry.place else {
                return None;
            };
            let name: &EntryName = match &entry.content {
                Content::Public(_) => &entry.name,
                Content::Sealed(sealed) => &sealed.twin.name,
                Content::None => return None,
            };
            Some((placement.path.as_str(), bundle.public(name)?))
        });
        Self::of_files(files)
    }

    /// Reads the certificates of files, each with its path.
    fn of_files<'a>(files: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut found: Vec<(CertificateRow, Vec<u8>)> = Vec::new();
        let mut authorities: BTreeMap<Vec<u8>, String> = BTreeMap::new();
        let (mut read, mut left) = (0, 0);
        for (path, bytes) in files {
            let Some(text) = candidate(bytes) else {
                continue;
            };
            if bytes.len() > MAX_FILE || read + bytes.len() > MAX_TOTAL {
                left += 1;
                continue;
            }
            read += bytes.len();
            let pem = embedded(text).unwrap_or_else(|| bytes.to_vec());
            let Ok(certificate) = Certificate::from_pem(&pem) else {
                continue;
            };
            let facts = certificate.facts;
            if facts.is_authority {
                authorities
                    .entry(facts.subject_der.clone())
                    .or_insert_with(|| name(path, true));
            }
            let issuer = facts.issuer_der.clone();
            found.push((row(path, facts), issuer));
        }
        let rows = found.into_iter().map(|(mut row, issuer)| {
            if let Some(signer) = authorities.get(&issuer) {
                row.signer.clone_from(signer);
            }
            row
        });
        Self {
            rows: rows.collect(),
            left,
        }
    }
}

/// The text of a file, if it seems to contain a certificate.
fn candidate(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    (text.contains(PEM) || text.contains(EMBEDDED)).then_some(text)
}

/// The row of a certificate, which names the signer by the issuer's subject.
fn row(path: &str, facts: CertificateFacts) -> CertificateRow {
    let addresses = facts.ip_sans.iter().map(ToString::to_string);
    CertificateRow {
        name: name(path, facts.is_authority),
        path: path.to_owned(),
        subject: facts.subject,
        signer: facts.issuer,
        sans: facts.dns_sans.into_iter().chain(addresses).collect(),
        usages: facts.usages,
        key: facts.key,
        not_before: facts.not_before,
        not_after: facts.not_after,
        spki: facts.spki,
        user_supplied: false,
    }
}

/// kubeadm's name of the certificate in the file, which ends with that of its directory if it is etcd's; else the file's name.
fn name(path: &str, authority: bool) -> String {
    let file = path.rsplit('/').next().unwrap_or_default();
    let of_etcd = path.ends_with(&format!("/etcd/{file}"));
    let base = file.strip_suffix(".crt").unwrap_or(file);
    let base = match of_etcd {
        true => format!("etcd/{base}"),
        false => base.to_owned(),
    };
    known(&base, authority).map_or_else(|| file.to_owned(), |known| known.name.to_owned())
}

/// The client certificate in a kubeconfig.
fn embedded(kubeconfig: &str) -> Option<Vec<u8>> {
    let value = kubeconfig
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(EMBEDDED))?;
    base64::engine::general_purpose::STANDARD
        .decode(value.trim())
        .ok()
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    use super::*;

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    #[test]
    fn signers_are_named_as_in_kubeadm_or_by_their_subject() {
        let (ca_key, leaf_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut ca_params = params("own");
        ca_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = ca_params.self_signed(&ca_key).unwrap().pem();
        let issuer = Issuer::new(ca_params, ca_key);
        let leaf = params("leaf").signed_by(&leaf_key, &issuer).unwrap().pem();
        let kubeconfig = format!(
            "users:\n- user:\n    {EMBEDDED}{}\n",
            base64::engine::general_purpose::STANDARD.encode(&leaf)
        );
        let files = [
            ("/x/pki/leaf.crt", leaf.as_bytes()),
            ("/x/pki/etcd/ca.crt", ca.as_bytes()),
            ("/x/admin.conf", kubeconfig.as_bytes()),
            ("/x/other", b"\xff\x00"),
        ];
        let rows = Certificates::of_files(files.into_iter()).rows;
        let shown: Vec<_> = rows
            .iter()
            .map(|row| (row.name.as_str(), row.subject.as_str(), row.signer.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                ("leaf.crt", "CN = leaf", "etcd-ca"),
                ("etcd-ca", "CN = own", "etcd-ca"),
                ("admin.conf", "CN = leaf", "etcd-ca"),
            ]
        );
        let alone = Certificates::of_files(files.into_iter().take(1)).rows;
        assert_eq!(alone[0].signer, "CN = own");
    }

    #[test]
    fn a_certificate_has_kubeadms_name_in_any_directory() {
        for (path, authority, expected) in [
            ("/etc/kubernetes/pki/ca.crt", true, "ca"),
            ("/etc/kubernetes/ssl/apiserver.crt", false, "apiserver"),
            ("/etc/kubernetes/pki/etcd/server.crt", false, "etcd-server"),
            (
                "/etc/kubernetes/pki/apiserver-etcd-client.crt",
                false,
                "apiserver-etcd-client",
            ),
            ("/etc/kubernetes/kubelet.conf", false, "kubelet.conf"),
            ("/srv/server.crt", false, "server.crt"),
        ] {
            assert_eq!(name(path, authority), expected, "{path}");
        }
    }

    #[test]
    fn certificates_beyond_the_limit_are_counted_and_not_read() {
        let key = KeyPair::generate().unwrap();
        let pem = params(&"x".repeat(60_000)).self_signed(&key).unwrap().pem();
        let large = format!("{pem}{}", " ".repeat(MAX_FILE));
        let mut files = vec![("/large", large.as_bytes())];
        let fit = MAX_TOTAL / pem.len();
        files.extend((0..fit + 5).map(|_| ("/a", pem.as_bytes())));
        let found = Certificates::of_files(files.into_iter());
        assert_eq!((found.rows.len(), found.left), (fit, 6));
    }
}
