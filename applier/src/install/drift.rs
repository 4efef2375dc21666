//! Who could have changed a file since it was installed.
//!
//! In: the record of a node, a file of the host. Out: a suspect, for people; nothing is decided by it. A certificate, or a kubeconfig
//! with one, that another certificate of the same issuer replaced looks like `kubeadm certs renew`, and so does a key beside
//! such a certificate. A file of which `kubeadm upgrade` keeps a copy that is as we installed it was upgraded. Where no file of
//! the node is left, it was reset.

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::path::HostPath;
use serde::Serialize;
use x509_parser::pem::Pem;
use x509_parser::prelude::ParsedExtension;

use super::attributes::LIMIT;
use crate::host::{Found, HostError, Root, RootPath};
use crate::kubeadm::layout;
use crate::state::installed::InstalledNode;
use crate::state::salt::{RecordedDigest, Salt};

/// Who could have changed a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Suspect {
    /// The kubelet, which the file was handed off to.
    Kubelet,
    /// `kubeadm certs renew`, or another program that renews certificates with the cluster's own CA.
    Renewal,
    /// `kubeadm upgrade`, which kept the file from before.
    Upgrade,
    /// `kubeadm reset`, or another program that removed every file of the node.
    Reset,
    /// Another program, or a person.
    ByHand,
}

impl Suspect {
    /// For people.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Kubelet => "by the kubelet, which owns the file since it was installed",
            Self::Renewal => "it looks like `kubeadm certs renew`: the same CA issued it anew",
            Self::Upgrade => {
                "it looks like `kubeadm upgrade`: the file from before is among its backups"
            }
            Self::Reset => "it looks like `kubeadm reset`: all files of the node are gone",
            Self::ByHand => "by hand, or by a program that kubeapply does not know",
        }
    }
}

/// Who could have changed `path`, which holds `bytes` now.
pub(crate) fn suspect(
    root: &Root,
    node: &InstalledNode,
    salt: Option<&Salt>,
    path: &HostPath,
    bytes: Option<&[u8]>,
) -> Suspect {
    let Some(file) = node.files.get(path) else {
        return Suspect::ByHand;
    };
    if file.handoff {
        return Suspect::Kubelet;
    }
    let ours = file.current.as_ref();
    if ours.is_some_and(|ours| has_backup(root, path, &ours.digest, salt)) {
        return Suspect::Upgrade;
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

/// Whether `kubeadm upgrade` keeps a file of this name that is as we installed it. What cannot be read is no sign of it.
fn has_backup(
    root: &Root,
    path: &HostPath,
    installed: &RecordedDigest,
    salt: Option<&Salt>,
) -> bool {
    let name = RootPath::from(path).file_name().to_owned();
    let Ok(Some(directory)) = root.open_directory(&layout::TEMPORARY) else {
        return false;
    };
    let backups = directory.names().unwrap_or_default();
    backups
        .iter()
        .filter(|backup| {
            layout::BACKUPS
                .iter()
                .any(|prefix| backup.starts_with(prefix))
        })
        .filter_map(|backup| directory.open(backup).ok().flatten())
        .filter_map(|backup| backup.read(&name, LIMIT).ok().flatten())
        .any(|bytes| installed.matches(bytes.expose(), salt).unwrap_or(false))
}

/// Whether not one of the files that were installed is there any more.
///
/// # Errors
/// [`HostError`] if that cannot be looked at.
pub(crate) fn is_gone(root: &Root, node: &InstalledNode) -> Result<bool, HostError> {
    let mut installed = false;
    for (path, file) in &node.files {
        if file.current.is_none() {
            continue;
        }
        installed = true;
        match root.look(&RootPath::from(path)) {
            Ok(Found::Missing) => {}
            // Something else is on the way.
            Ok(_) | Err(HostError::Link { .. } | HostError::NotADirectory { .. }) => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(installed)
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
