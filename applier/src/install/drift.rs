//! Who could have changed a file since it was installed.
//!
//! In: the record of a node, a file of the host. Out: a suspect, for people; nothing is decided by it. A certificate, or a kubeconfig
//! with one, that another certificate of the same issuer replaced looks like `kubeadm certs renew`, and so does a key beside
//! such a certificate.

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::path::HostPath;
use serde::Serialize;
use x509_parser::pem::Pem;
use x509_parser::prelude::ParsedExtension;

use super::compare::LIMIT;
use crate::host::{Root, RootPath};
use crate::state::installed::InstalledNode;

/// Who could have changed a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Suspect {
    /// The kubelet, to whom the file was handed off.
    Kubelet,
    /// `kubeadm certs renew`, or another program that renews certificates with the cluster's own CA.
    Renewal,
    /// Somebody else.
    ByHand,
}

impl Suspect {
    /// For people.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Kubelet => "by the kubelet, which owns it since",
            Self::Renewal => "it looks like `kubeadm certs renew`: the same CA issued it anew",
            Self::ByHand => "by hand, or by a program this one does not know",
        }
    }
}

/// Who could have changed `path`, which holds `bytes` now.
pub(crate) fn suspect(
    root: &Root,
    node: &InstalledNode,
    path: &HostPath,
    bytes: Option<&[u8]>,
) -> Suspect {
    let Some(file) = node.files.get(path) else {
        return Suspect::ByHand;
    };
    if file.handoff {
        return Suspect::Kubelet;
    }
    let renewed = |recorded: Option<Sha256Digest>, bytes: &[u8]| {
        recorded.is_some() && issuer(bytes) == recorded
    };
    if bytes.is_some_and(|bytes| renewed(file.issuer, bytes)) {
        return Suspect::Renewal;
    }
    let beside = path
        .as_str()
        .strip_suffix(".key")
        .and_then(|stem| format!("{stem}.crt").parse::<HostPath>().ok());
    if let Some(beside) = beside
        && let Some(certificate) = node.files.get(&beside)
        && let Some(record) = &certificate.current
        && let Ok(Some(now)) = root.read(&RootPath::from(&beside), LIMIT)
        && record
            .digest
            .matches(now.expose(), None)
            .is_ok_and(|same| !same)
        && renewed(certificate.issuer, now.expose())
    {
        return Suspect::Renewal;
    }
    Suspect::ByHand
}

/// A digest of who issued the certificate in a PEM file or a kubeconfig: its name and, if it says so, its key. `None` if
/// there is no certificate.
pub(crate) fn issuer(bytes: &[u8]) -> Option<Sha256Digest> {
    let pem = match first_pem(bytes) {
        Some(pem) => pem,
        None => first_pem(&client_certificate(bytes)?)?,
    };
    let certificate = pem.parse_x509().ok()?;
    let key =
        certificate
            .extensions()
            .iter()
            .find_map(|extension| match extension.parsed_extension() {
                ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref(),
                _ => None,
            });
    Some(Sha256Digest::of_parts(&[
        certificate.issuer().as_raw(),
        key.map_or(&[][..], |key| key.0),
    ]))
}

fn first_pem(bytes: &[u8]) -> Option<Pem> {
    if !bytes.starts_with(b"-----BEGIN CERTIFICATE-----") {
        return None;
    }
    Pem::iter_from_buffer(bytes).next()?.ok()
}

/// The client's certificate in the text of a kubeconfig.
fn client_certificate(bytes: &[u8]) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let text = std::str::from_utf8(bytes).ok()?;
    let value = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("client-certificate-data:"))?;
    base64::engine::general_purpose::STANDARD
        .decode(value.trim())
        .ok()
}
