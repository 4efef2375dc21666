//! Facts about one host: written by `kubeapply facts` on the host, read by `kubeplan --facts`.
//!
//! In: one JSON document, `kubeplan.io/facts/1`. Out: a [`Facts`] in which every value has its form. Facts are data,
//! not authority: they are not signed, so the reader decides what it may use each fact for.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::index::{Name, Platform};
use crate::signature::PublicKey;

/// The value of `format`.
pub const FORMAT: &str = "kubeplan.io/facts/1";

/// Bytes of one document.
pub const MAX_SIZE: usize = 64 * 1024;

/// Items of each list and mapping.
const MAX_ITEMS: usize = 64;

/// Bytes of each text.
const MAX_TEXT: usize = 4096;

/// Where container runtimes usually listen, in the order in which kubeadm looks for them; the sockets that are tried.
pub const CRI_SOCKETS: [&str; 3] = [
    "unix:///var/run/containerd/containerd.sock",
    "unix:///var/run/crio/crio.sock",
    "unix:///var/run/cri-dockerd.sock",
];

/// Facts about one host. An absent fact was not looked at, or could not be determined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Facts {
    /// [`FORMAT`].
    pub format: String,
    /// The host's own name, lower-case; the file is named `<hostname>.json`.
    pub hostname: Name,
    /// Addresses on the interface of the default route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_route: Option<DefaultRoute>,
    /// Directories of CA certificates that exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_directories: Option<Vec<String>>,
    /// Sockets of container runtimes that answer, `unix:///…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cri_sockets: Option<Vec<String>>,
    /// Whether systemd-resolved is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub systemd_resolved: Option<bool>,
    /// Environment variables whose names end in `_proxy`, in any case, and that are not empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxies: Option<BTreeMap<String, String>>,
    /// Operating system and architecture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The version that the installed kubelet prints, such as `v1.36.2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubelet_version: Option<String>,
    /// The machine and its kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// As in [`crate::index::HostMatch::machine_id_hash`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_id_hash: Option<Sha256Digest>,
    /// The host's SSH key, which bundles can be sealed for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_host_key: Option<SshHostKey>,
}

/// Global addresses on the interface of the default route, by family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DefaultRoute {
    /// IPv4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<Ipv4Addr>,
    /// IPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<Ipv6Addr>,
}

/// The machine, as the running system describes it; for checks before a bundle is carried to the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Machine {
    /// CPUs that programs may use.
    pub cpus: u32,
    /// Memory, in MiB.
    pub memory_mib: u64,
    /// The kernel's release (`uname -r`).
    pub kernel: String,
    /// Whether swap is in use.
    pub swap: bool,
    /// `/proc/sys/net/ipv4/ip_forward` says 1.
    pub ipv4_forwarding: bool,
    /// `/proc/sys/net/ipv6/conf/default/forwarding` says 1.
    pub ipv6_forwarding: bool,
}

/// A host's ed25519 key, its public half.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SshHostKey {
    /// `SHA256:…`, as `ssh-keygen -lf` prints it.
    pub fingerprint: String,
    /// `ssh-ed25519 <base64>`, without a comment.
    pub public_key: String,
}

/// Why a document of host facts is refused.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// Larger than [`MAX_SIZE`].
    #[error("the document has {0} bytes; at most {MAX_SIZE} are read")]
    TooLarge(usize),
    /// Not the JSON it should be.
    #[error("not a valid document of host facts")]
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
}

impl Facts {
    /// Facts with a host name and nothing else.
    #[must_use]
    pub fn of(hostname: Name) -> Self {
        Self {
            format: FORMAT.to_owned(),
            hostname,
            default_route: None,
            ca_directories: None,
            cri_sockets: None,
            systemd_resolved: None,
            proxies: None,
            platform: None,
            kubelet_version: None,
            machine: None,
            machine_id_hash: None,
            ssh_host_key: None,
        }
    }

    /// Parses a document.
    ///
    /// # Errors
    /// [`FactsError`] naming the first value that is not in the required form. Unknown and repeated fields are refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, FactsError> {
        if bytes.len() > MAX_SIZE {
            return Err(FactsError::TooLarge(bytes.len()));
        }
        let facts: Self = serde_json::from_slice(bytes).map_err(FactsError::Syntax)?;
        facts.check()?;
        Ok(facts)
    }

    /// The document, indented, ending in a line feed.
    ///
    /// # Errors
    /// [`FactsError`] if [`Facts::parse`] would refuse the document.
    pub fn to_json(&self) -> Result<String, FactsError> {
        self.check()?;
        let text = serde_json::to_string_pretty(self).map_err(FactsError::Syntax)?;
        if text.len() >= MAX_SIZE {
            return Err(FactsError::TooLarge(text.len()));
        }
        Ok(text + "\n")
    }

    fn check(&self) -> Result<(), FactsError> {
        if self.format != FORMAT {
            return Err(FactsError::Format(self.format.escape_debug().to_string()));
        }
        require(
            "defaultRoute",
            "an address that other hosts cannot reach",
            self.default_route.iter().all(|route| {
                route.ipv4.is_none_or(|ip| {
                    !(ip.is_loopback()
                        || ip.is_unspecified()
                        || ip.is_multicast()
                        || ip.is_link_local()
                        || ip.is_broadcast())
                }) && route.ipv6.is_none_or(|ip| {
                    !(ip.is_loopback()
                        || ip.is_unspecified()
                        || ip.is_multicast()
                        || ip.is_unicast_link_local())
                })
            }),
        )?;
        list("caDirectories", self.ca_directories.as_deref(), |text| {
            text.starts_with('/')
        })?;
        list("criSockets", self.cri_sockets.as_deref(), |text| {
            text.starts_with("unix:///")
        })?;
        if let Some(proxies) = &self.proxies {
            let is_name = |name: &str| {
                name.to_ascii_lowercase().ends_with("_proxy")
                    && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            };
            let fine = proxies.len() <= MAX_ITEMS
                && proxies
                    .iter()
                    .all(|(name, value)| is_name(name) && is_text(name) && is_text(value));
            require("proxies", "not variables that name proxies", fine)?;
        }
        if let Some(platform) = &self.platform {
            let word = |text: &str| {
                !text.is_empty()
                    && text.len() <= 32
                    && text
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            };
            let fine = word(&platform.os) && word(&platform.arch);
            require("platform", "not lower-case words", fine)?;
        }
        if let Some(machine) = &self.machine {
            let fine = !machine.kernel.is_empty() && is_text(&machine.kernel);
            require("machine.kernel", "not the release of a kernel", fine)?;
        }
        if let Some(version) = &self.kubelet_version {
            let fine = version.len() <= 64
                && version.starts_with('v')
                && version
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+'));
            require("kubeletVersion", "not a version such as `v1.36.2`", fine)?;
        }
        if let Some(key) = &self.ssh_host_key {
            let parsed = PublicKey::parse(&key.public_key)
                .ok()
                .filter(|parsed| parsed.to_openssh() == key.public_key)
                .filter(|parsed| parsed.algorithm() == "ssh-ed25519");
            require(
                "sshHostKey.publicKey",
                "not an ed25519 key",
                parsed.is_some(),
            )?;
            let fine = parsed
                .is_some_and(|key_found| key_found.fingerprint().to_string() == key.fingerprint);
            require(
                "sshHostKey.fingerprint",
                "not the fingerprint of the key",
                fine,
            )?;
        }
        Ok(())
    }
}

fn require(field: &'static str, problem: &'static str, fine: bool) -> Result<(), FactsError> {
    fine.then_some(())
        .ok_or(FactsError::Field { field, problem })
}

fn is_text(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_TEXT && !text.chars().any(char::is_control)
}

fn list(
    field: &'static str,
    items: Option<&[String]>,
    form: impl Fn(&str) -> bool,
) -> Result<(), FactsError> {
    let items = items.unwrap_or_default();
    require(field, "too many items", items.len() <= MAX_ITEMS)?;
    let fine = items.iter().all(|item| is_text(item) && form(item));
    require(field, "an item is not in the required form", fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: &str = include_str!("../../fixtures/facts/single-node-facts/cp1.json");

    #[test]
    fn a_complete_document_is_read_and_written_again() {
        let facts = Facts::parse(COMPLETE.as_bytes()).unwrap();
        assert_eq!(facts.to_json().unwrap(), COMPLETE);
        assert_eq!(facts.hostname.as_str(), "cp1");
        assert!(facts.ssh_host_key.is_some() && facts.proxies.is_some());
        let least = Facts::of("a".parse().unwrap());
        let text = least.to_json().unwrap();
        assert_eq!(Facts::parse(text.as_bytes()).unwrap(), least);
    }

    #[test]
    fn a_value_that_is_not_in_its_form_is_refused() {
        assert!(Facts::parse(COMPLETE.as_bytes()).is_ok());
        let value: serde_json::Value = serde_json::from_str(COMPLETE).unwrap();
        for (field, wrong, expected) in [
            ("/format", "\"kubeplan.io/facts/2\"", "the format is"),
            ("/hostname", "\"CP1\"", "not a valid document"),
            ("/hostname", "\"../cp1\"", "not a valid document"),
            ("/defaultRoute/ipv4", "\"127.0.0.1\"", "defaultRoute"),
            ("/defaultRoute/ipv4", "\"fd00::1\"", "not a valid document"),
            ("/defaultRoute/ipv6", "\"fe80::1\"", "defaultRoute"),
            ("/caDirectories/0", "\"etc\"", "caDirectories"),
            ("/criSockets/0", "\"tcp://a\"", "criSockets"),
            ("/criSockets/0", "\"unix:///a\\nb\"", "criSockets"),
            ("/systemdResolved", "\"yes\"", "not a valid document"),
            ("/proxies", "{\"PATH\": \"/bin\"}", "proxies"),
            ("/proxies", "{\"http_proxy\": \"\"}", "proxies"),
            ("/platform/arch", "\"AMD64\"", "platform"),
            ("/kubeletVersion", "\"1.36.2\"", "kubeletVersion"),
            ("/machine/kernel", "\"\"", "machine.kernel"),
            ("/machine/cpus", "-1", "not a valid document"),
            ("/machineIdHash", "\"12\"", "not a valid document"),
            ("/sshHostKey/fingerprint", "\"SHA256:abc\"", "fingerprint"),
            ("/sshHostKey/publicKey", "\"ssh-rsa AAAA\"", "publicKey"),
        ] {
            let mut changed = value.clone();
            *changed.pointer_mut(field).unwrap() = serde_json::from_str(wrong).unwrap();
            let text = changed.to_string();
            let error = Facts::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{field} {wrong}: {error}");
        }
        for text in [
            COMPLETE.replacen('{', "{\"more\": 1,", 1),
            COMPLETE.replacen('{', "{\"hostname\": \"cp1\",", 1),
            COMPLETE.trim_end().trim_end_matches('}').to_owned(),
            format!("{COMPLETE}{COMPLETE}"),
        ] {
            assert!(matches!(
                Facts::parse(text.as_bytes()),
                Err(FactsError::Syntax(_))
            ));
        }
        let large = format!("{COMPLETE}{}", " ".repeat(MAX_SIZE));
        assert!(matches!(
            Facts::parse(large.as_bytes()),
            Err(FactsError::TooLarge(_))
        ));
        let many = vec!["/etc/pki".to_owned(); MAX_ITEMS + 1];
        let mut facts = Facts::of("a".parse().unwrap());
        facts.ca_directories = Some(many);
        assert!(facts.to_json().is_err());
    }
}
