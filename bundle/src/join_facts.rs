//! Join facts: what a host discovered about the cluster that it is to join. Written by `kubeapply discover`, read by `kubeplan plan --join`.
//!
//! In: one JSON document, `kubeplan.io/join-facts/1`, and the identity that opens its sealed part. Out: a [`JoinFacts`] in which every
//! value has its form, and the [`JoinSecrets`]. Join facts are data, not authority: they are not signed, so the planner compares what it
//! uses of them. This module limits the size of the cluster's texts; their users parse them.
//!
//! What never happens: a secret (the bootstrap token, a CA's key) is outside the sealed part, in an error text or in `Debug`. The JSON
//! library's own buffers are not zeroised; everything this module holds is.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

use crate::seal::{Identities, Recipient, SealError, age_file};
use crate::secret::SecretBytes;
use crate::timestamp::Timestamp;

/// The value of `format`.
pub const FORMAT: &str = "kubeplan.io/join-facts/1";

/// Bytes of one document.
pub const MAX_SIZE: usize = 1024 * 1024;

/// Bytes of each configuration and of the CA certificates.
const MAX_DOCUMENT: usize = 256 * 1024;

/// Bytes of each short text.
const MAX_TEXT: usize = 4096;

/// CA certificates of one cluster.
const MAX_CERTIFICATES: usize = 16;

/// Bytes of what is sealed: a kubeconfig and a dozen keys and certificates.
const MAX_SECRETS: usize = 256 * 1024;

/// The label of an armored age file.
const ARMOR_LABEL: &str = "AGE ENCRYPTED FILE";

/// What control-plane nodes share: the key in the Secret `kubeadm-certs`, and the name under [`JoinSecrets::files`], which is the file's
/// path below kubeadm's certificate directory. The three of an external etcd go wherever the cluster's configuration says.
/// Source: kubeadm v1.36.2, cmd/kubeadm/app/phases/copycerts.
pub const SHARED_FILES: [(&str, &str); 11] = [
    ("ca.crt", "ca.crt"),
    ("ca.key", "ca.key"),
    ("front-proxy-ca.crt", "front-proxy-ca.crt"),
    ("front-proxy-ca.key", "front-proxy-ca.key"),
    ("sa.pub", "sa.pub"),
    ("sa.key", "sa.key"),
    ("etcd-ca.crt", "etcd/ca.crt"),
    ("etcd-ca.key", "etcd/ca.key"),
    ("external-etcd-ca.crt", "external-etcd-ca.crt"),
    ("external-etcd.crt", "external-etcd.crt"),
    ("external-etcd.key", "external-etcd.key"),
];

/// What a host discovered about a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinFacts {
    /// [`FORMAT`].
    pub format: String,
    /// When the host discovered the cluster.
    pub discovered: Timestamp,
    /// The API server, `https://…`, as the cluster's own `cluster-info` names it.
    pub server: String,
    /// The cluster's CA certificates, PEM, as the cluster was verified with.
    pub ca_certificates: String,
    /// `ClusterConfiguration` of the ConfigMap `kubeadm-config`: YAML as it is stored.
    pub cluster_configuration: String,
    /// `kubelet` of the ConfigMap `kubelet-config`: YAML as it is stored.
    pub kubelet_configuration: String,
    /// `config.conf` of the ConfigMap `kube-proxy`, when there is one: YAML as it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kube_proxy_configuration: Option<String>,
    /// `host:port` that a bootstrap token was shown to; absent when the cluster was discovered from a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint: Option<String>,
    /// The host joins as a control-plane node.
    pub control_plane: bool,
    /// The shared certificates came out of the Secret `kubeadm-certs`, with a certificate key.
    pub certificate_key: bool,
    /// The secrets, which only the host may read.
    pub sealed: SealedSecrets,
}

/// The sealed part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SealedSecrets {
    /// The recipients that it is encrypted for, as [`Recipient::to_text`] writes them.
    pub recipients: Vec<String>,
    /// An armored age file; its plaintext is a [`JoinSecrets`].
    pub age: String,
}

/// What only the joining host may read.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinSecrets {
    /// The kubeconfig to bootstrap the kubelet with: it holds the token, or the credentials of the discovery file.
    pub bootstrap_kubeconfig: SecretBytes,
    /// The shared certificates and keys of a control-plane node, by the names of [`SHARED_FILES`]. A file that the cluster did not
    /// upload is absent. Empty for a worker.
    pub files: BTreeMap<String, SecretBytes>,
}

/// Why a document of join facts, or its sealed part, is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinFactsError {
    /// Larger than [`MAX_SIZE`].
    #[error("the document has {0} bytes; at most {MAX_SIZE} are read")]
    TooLarge(usize),
    /// Not the JSON it should be.
    #[error("not a valid document of join facts")]
    Syntax(#[source] serde_json::Error),
    /// Another format.
    #[error("the format is `{0}`, not `{FORMAT}`")]
    Format(String),
    /// A value that is not in the required form.
    #[error("{field}: {problem}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The sealed part cannot be made or opened.
    #[error("the sealed part of the join facts cannot be used")]
    Seal(#[source] SealError),
    /// The content is not in the required form. The error shows nothing of it.
    #[error("the sealed part of the join facts does not hold the secrets of a joining host")]
    Secrets,
}

impl JoinFacts {
    /// Parses a document.
    ///
    /// # Errors
    /// [`JoinFactsError`] naming the first value that is not in the required form. Unknown and repeated fields are refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, JoinFactsError> {
        if bytes.len() > MAX_SIZE {
            return Err(JoinFactsError::TooLarge(bytes.len()));
        }
        let facts: Self = serde_json::from_slice(bytes).map_err(JoinFactsError::Syntax)?;
        facts.check()?;
        Ok(facts)
    }

    /// The document, indented, ending in a line feed.
    ///
    /// # Errors
    /// [`JoinFactsError`] if [`JoinFacts::parse`] would refuse the document.
    pub fn to_json(&self) -> Result<String, JoinFactsError> {
        self.check()?;
        let text = serde_json::to_string_pretty(self).map_err(JoinFactsError::Syntax)?;
        if text.len() >= MAX_SIZE {
            return Err(JoinFactsError::TooLarge(text.len()));
        }
        Ok(text + "\n")
    }

    /// Opens the sealed part with the first identity that fits.
    ///
    /// # Errors
    /// [`JoinFactsError::Seal`] if none fits or the age file is damaged; [`JoinFactsError::Secrets`] if it holds something else, or
    /// shared files for a worker.
    pub fn open(&self, identities: &Identities) -> Result<JoinSecrets, JoinFactsError> {
        let file = armored(&self.sealed.age).ok_or(JoinFactsError::Field {
            field: "sealed.age",
            problem: NO_AGE,
        })?;
        let plaintext = age_file::decrypt(&file, identities).map_err(JoinFactsError::Seal)?;
        let secrets = JoinSecrets::parse(&plaintext)?;
        if !self.control_plane && !secrets.files.is_empty() {
            return Err(JoinFactsError::Secrets);
        }
        Ok(secrets)
    }

    fn check(&self) -> Result<(), JoinFactsError> {
        if self.format != FORMAT {
            let shown = self.format.escape_debug().take(80).collect();
            return Err(JoinFactsError::Format(shown));
        }
        let fine = is_text(&self.server)
            && self
                .server
                .strip_prefix("https://")
                .is_some_and(|authority| is_host(authority) || is_endpoint(authority));
        require("server", "not `https://host:port`", fine)?;
        let fine = self.ca_certificates.len() <= MAX_DOCUMENT
            && pem::parse_many(&self.ca_certificates).is_ok_and(|blocks| {
                (1..=MAX_CERTIFICATES).contains(&blocks.len())
                    && blocks.iter().all(|block| block.tag() == "CERTIFICATE")
            });
        require("caCertificates", "not PEM certificates", fine)?;
        for (field, text) in [
            ("clusterConfiguration", Some(&self.cluster_configuration)),
            ("kubeletConfiguration", Some(&self.kubelet_configuration)),
            (
                "kubeProxyConfiguration",
                self.kube_proxy_configuration.as_ref(),
            ),
        ] {
            let fine = text.is_none_or(|text| is_document(text));
            require(field, "empty, too long, or not text", fine)?;
        }
        let fine = self
            .token_endpoint
            .as_deref()
            .is_none_or(|text| is_text(text) && is_endpoint(text));
        require("tokenEndpoint", "not `host:port`", fine)?;
        let fine = self.control_plane || !self.certificate_key;
        require("certificateKey", "must be absent for a worker", fine)?;
        self.sealed.check()
    }
}

const NO_AGE: &str = "not an armored age file";

impl SealedSecrets {
    /// Seals `secrets` for `recipients`.
    ///
    /// # Errors
    /// [`JoinFactsError`] if there is no recipient, or [`JoinFacts::open`] would refuse the secrets.
    pub fn seal(secrets: &JoinSecrets, recipients: &[Recipient]) -> Result<Self, JoinFactsError> {
        let file =
            age_file::encrypt(&secrets.to_json()?, recipients).map_err(JoinFactsError::Seal)?;
        Ok(Self {
            recipients: recipients.iter().map(Recipient::to_text).collect(),
            age: armor(file),
        })
    }

    fn check(&self) -> Result<(), JoinFactsError> {
        let fine = !self.recipients.is_empty()
            && self.recipients.len() <= crate::seal::MAX_RECIPIENTS
            && self.recipients.iter().all(|text| {
                Recipient::parse(text).is_ok_and(|recipient| recipient.to_text() == *text)
            });
        require("sealed.recipients", "not age recipients", fine)?;
        require("sealed.age", NO_AGE, armored(&self.age).is_some())
    }
}

/// The JSON inside the seal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wire {
    bootstrap_kubeconfig: String,
    files: BTreeMap<String, String>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.bootstrap_kubeconfig.zeroize();
        self.files.values_mut().for_each(|text| text.zeroize());
    }
}

impl ZeroizeOnDrop for Wire {}

impl JoinSecrets {
    fn parse(plaintext: &[u8]) -> Result<Self, JoinFactsError> {
        if plaintext.len() > MAX_SECRETS {
            return Err(JoinFactsError::Secrets);
        }
        // The library's errors repeat what they found.
        let mut wire: Wire =
            serde_json::from_slice(plaintext).map_err(|_| JoinFactsError::Secrets)?;
        let secrets = Self {
            bootstrap_kubeconfig: SecretBytes::from_text(std::mem::take(
                &mut wire.bootstrap_kubeconfig,
            )),
            files: std::mem::take(&mut wire.files)
                .into_iter()
                .map(|(name, text)| (name, SecretBytes::from_text(text)))
                .collect(),
        };
        secrets.check()?;
        Ok(secrets)
    }

    fn to_json(&self) -> Result<Zeroizing<Vec<u8>>, JoinFactsError> {
        self.check()?;
        let text = |bytes: &SecretBytes| {
            std::str::from_utf8(bytes.expose())
                .map(str::to_owned)
                .map_err(|_| JoinFactsError::Secrets)
        };
        let mut wire = Wire {
            bootstrap_kubeconfig: text(&self.bootstrap_kubeconfig)?,
            files: BTreeMap::new(),
        };
        for (name, bytes) in &self.files {
            wire.files.insert(name.clone(), text(bytes)?);
        }
        // Room for every byte escaped, so that the text is written in place.
        let mut json = Zeroizing::new(Vec::with_capacity(6 * self.size() + MAX_TEXT));
        serde_json::to_writer(&mut *json, &wire).map_err(|_| JoinFactsError::Secrets)?;
        if json.len() > MAX_SECRETS {
            return Err(JoinFactsError::Secrets);
        }
        Ok(json)
    }

    fn size(&self) -> usize {
        let files: usize = self.files.values().map(SecretBytes::len).sum();
        files.saturating_add(self.bootstrap_kubeconfig.len())
    }

    fn check(&self) -> Result<(), JoinFactsError> {
        let is_shared = |name: &str| SHARED_FILES.iter().any(|(_, file)| *file == name);
        let is_text =
            |bytes: &SecretBytes| std::str::from_utf8(bytes.expose()).is_ok_and(is_document);
        let fine = is_text(&self.bootstrap_kubeconfig)
            && self.size() <= MAX_SECRETS
            && self
                .files
                .iter()
                .all(|(name, bytes)| is_shared(name) && is_text(bytes));
        fine.then_some(()).ok_or(JoinFactsError::Secrets)
    }
}

impl fmt::Debug for JoinSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Vec<&String> = self.files.keys().collect();
        f.debug_struct("JoinSecrets")
            .field("files", &files)
            .finish_non_exhaustive()
    }
}

fn armor(file: Vec<u8>) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new(ARMOR_LABEL, file), config)
}

/// The bytes of an age file in the one armored form that [`armor`] writes.
fn armored(text: &str) -> Option<Vec<u8>> {
    let block = pem::parse(text).ok()?;
    let file = block.into_contents();
    (armor(file.clone()) == text).then_some(file)
}

fn require(field: &'static str, problem: &'static str, fine: bool) -> Result<(), JoinFactsError> {
    fine.then_some(())
        .ok_or(JoinFactsError::Field { field, problem })
}

fn is_text(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_TEXT
        && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// A name, an IPv4 address, or an IPv6 address in brackets.
fn is_host(text: &str) -> bool {
    let ipv6 = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    ipv6.map_or_else(
        || {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
        },
        |ipv6| ipv6.parse::<Ipv6Addr>().is_ok(),
    )
}

/// `host:port`, a port between 1 and 65535 without leading zeros.
fn is_endpoint(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        let number = port.parse::<u16>().unwrap_or(0);
        is_host(host) && number > 0 && number.to_string() == port
    })
}

/// Lines of text of a bounded size.
fn is_document(text: &str) -> bool {
    !text.trim().is_empty()
        && text.len() <= MAX_DOCUMENT
        && !text
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

#[cfg(test)]
mod tests;
