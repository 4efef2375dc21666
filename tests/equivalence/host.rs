//! The host that a case is planned on.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use kubeplan::config::valid::HostFacts;
use kubeplan::kubeadm::layout::EXTRA_CA_DIRS;
use kubeplan_bundle::facts::DefaultRoute;
use serde::{Deserialize, Serialize};

use super::random::Random;

/// What kubeadm finds on the host, and whether the planner is told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Host {
    /// Whether the planner has facts; without, it must come to the same by its documented defaults.
    pub known: bool,
    /// The host's own name.
    pub hostname: String,
    /// The address on the interface of the default route, if kubeadm can find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Ipv4Addr>,
    /// Which of the optional directories with CA certificates exist.
    pub ca_directories: Vec<String>,
    /// Whether systemd-resolved runs.
    pub systemd_resolved: bool,
    /// Proxy variables in kubeadm's environment.
    pub proxies: BTreeMap<String, String>,
    /// Files in the directory of patches, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub patches: BTreeMap<String, String>,
    /// The directory of patches; [`PATCHES_DIR`] if it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patches_dir: Option<String>,
    /// Whether the command line has `--upload-certs`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub upload_certs: bool,
}

/// The directory of drawn patches, for both programs.
pub const PATCHES_DIR: &str = "/patches";

impl Host {
    /// The facts the planner gets.
    #[must_use]
    pub fn facts(&self) -> HostFacts {
        if !self.known {
            return HostFacts::default();
        }
        HostFacts {
            hostname: Some(self.hostname.clone()),
            ca_directories: self.ca_directories.clone(),
            systemd_resolved: self.systemd_resolved,
            proxies: self.proxies.clone(),
            default_route: DefaultRoute {
                ipv4: self.address,
                ipv6: None,
            },
            ..HostFacts::default()
        }
    }

    /// The directory of patches.
    #[must_use]
    pub fn patches_dir(&self) -> &str {
        self.patches_dir.as_deref().unwrap_or(PATCHES_DIR)
    }

    /// Another host like this one with other directories and variables, or with none, and without telling.
    pub(super) fn varied(&self, random: &mut Random) -> Self {
        let mut host = self.clone();
        host.known = random.chance(70);
        if host.known {
            host.ca_directories = EXTRA_CA_DIRS
                .iter()
                .filter(|_| random.chance(20))
                .map(|directory| (*directory).to_owned())
                .collect();
            for (name, value) in [
                ("HTTPS_PROXY", "http://proxy.example.com:3128"),
                ("no_proxy", "10.0.0.0/8,.svc, .example.com"),
                ("Ftp_Proxy", "yes"),
                ("HTTP_PROXY", ""),
                ("NOT_A_PROXY_SETTING", "x"),
            ] {
                if random.chance(10) {
                    host.proxies.insert(name.into(), value.into());
                }
            }
        }
        host
    }
}
