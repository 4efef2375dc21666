//! Whose node this host is already.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::check::{LookPath, SameCluster};
use kubeplan_bundle::digest::Sha256Digest;
use serde::Deserialize;
use x509_parser::pem::Pem;

use super::kinds::Explained::Never;
use super::kinds::Needs::Tree;
use super::kinds::{Looking, Row};
use super::{CannotLook, Finding, Looked, View};
use crate::host::RootPath;

/// Bytes of a kubeconfig or certificate file.
const LIMIT: u64 = 4 * 1024 * 1024;

/// The part of a kubeconfig that names the CA.
#[derive(Deserialize)]
struct Kubeconfig {
    #[serde(default)]
    clusters: Vec<NamedCluster>,
}

#[derive(Deserialize)]
struct NamedCluster {
    #[serde(default)]
    cluster: Cluster,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Cluster {
    certificate_authority_data: String,
    certificate_authority: String,
}

/// Every CA that is there is the bundle's own.
impl Looking for SameCluster {
    const ROW: Row = Row::new(
        Tree,
        Never,
        "the CA certificate and the kubeconfigs below the root",
    )
    .never_ignored();

    fn look(&self, view: &View<'_>) -> Looked {
        let Self {
            authority,
            kubeconfigs,
        } = self;
        let mut findings = Vec::new();
        let mut judge = |path: &LookPath, pem: &[u8]| -> Result<(), CannotLook> {
            let keys = keys(pem).map_err(|reason| CannotLook(format!("{path}: {reason}")))?;
            if !keys.contains(&view.index.cluster.id) {
                findings.push(Finding::AsPlanned(format!(
                    "{path} belongs to another cluster: its CA is not that of cluster {} ({})",
                    view.index.cluster.name,
                    view.index.cluster.id.short()
                )));
            }
            Ok(())
        };
        if let Some(pem) = view.root.read(&authority.into(), LIMIT)? {
            judge(authority, pem.expose())?;
        }
        for path in kubeconfigs {
            let Some(text) = view.root.read_text(&path.into(), LIMIT)? else {
                continue;
            };
            let pem = authority_of(&text, view)
                .map_err(|CannotLook(reason)| CannotLook(format!("{path}: {reason}")))?;
            judge(path, &pem)?;
        }
        Ok(findings)
    }
}

/// The CA certificates of a kubeconfig's clusters, PEM.
fn authority_of(kubeconfig: &str, view: &View<'_>) -> Result<Vec<u8>, CannotLook> {
    let parsed: Kubeconfig = crate::yaml::from_str(kubeconfig)
        .map_err(|_| CannotLook("it is not a kubeconfig".to_owned()))?;
    let mut pem = Vec::new();
    for NamedCluster { cluster } in parsed.clusters {
        if !cluster.certificate_authority_data.is_empty() {
            let bytes = STANDARD
                .decode(cluster.certificate_authority_data.trim())
                .map_err(|_| CannotLook("its CA is not base64".to_owned()))?;
            pem.extend(bytes);
        } else if cluster.certificate_authority.starts_with('/') {
            let path = RootPath::from_text(&cluster.certificate_authority);
            if let Some(bytes) = view.root.read(&path, LIMIT)? {
                pem.extend(bytes.expose());
            }
        }
        pem.push(b'\n');
    }
    Ok(pem)
}

/// The digests of the certificates' public keys.
fn keys(pem: &[u8]) -> Result<Vec<Sha256Digest>, String> {
    let mut keys = Vec::new();
    for block in Pem::iter_from_buffer(pem) {
        let block = block.map_err(|_| "it is not PEM".to_owned())?;
        if block.label != "CERTIFICATE" {
            continue;
        }
        let certificate = block
            .parse_x509()
            .map_err(|_| "it holds something that is not a certificate".to_owned())?;
        keys.push(Sha256Digest::of(certificate.public_key().raw));
    }
    if keys.is_empty() {
        return Err("it holds no certificate".to_owned());
    }
    Ok(keys)
}
