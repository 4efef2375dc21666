//! One case: what is planned, on which host.
//!
//! In: seed and number, or a file of an earlier run. Out: the text both programs read, and what each is told of the host.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use kubeplan::config::valid::HostFacts;
use kubeplan::kubeadm::layout::EXTRA_CA_DIRS;
use kubeplan::schema::Kind;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::mutation::{self, Mutation};
use super::random::Random;
use super::{grammar, patches, style};

/// What kubeadm finds on the host, and whether the planner is told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Host {
    /// Whether the planner has facts; without, it must come to the same by its documented defaults.
    pub known: bool,
    /// The host's own name.
    pub hostname: String,
    /// Which of the optional folders with CA certificates exist.
    pub ca_directories: Vec<String>,
    /// Whether systemd-resolved runs.
    pub systemd_resolved: bool,
    /// Proxy variables in kubeadm's environment.
    pub proxies: BTreeMap<String, String>,
    /// Files in [`PATCHES_DIR`], by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub patches: BTreeMap<String, String>,
    /// Whether the command line has `--upload-certs`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub upload_certs: bool,
}

/// The folder of patches, for both programs.
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
            ..HostFacts::default()
        }
    }

    /// Another host like this one with other folders and variables, or with none and nobody told.
    fn varied(&self, random: &mut Random) -> Self {
        let mut host = self.clone();
        host.known = random.chance(70);
        if host.known {
            host.ca_directories = EXTRA_CA_DIRS
                .iter()
                .filter(|_| random.chance(20))
                .map(|folder| (*folder).to_owned())
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

/// What one case is made of.
#[derive(Clone, Debug)]
pub struct Case {
    /// The documents.
    pub documents: Vec<Value>,
    /// Seed of the style they are written in; the plainest without.
    pub style: Option<u64>,
    /// The host.
    pub host: Host,
    /// The rule that is broken on purpose.
    pub mutation: Option<&'static Mutation>,
    /// Text that is used as it is instead of the documents.
    pub text: Option<String>,
}

impl Case {
    /// Case `number` of `seed` on a host like `base`; with `invalid`, one rule is broken.
    #[must_use]
    pub fn generate(seed: u64, number: u64, base: &Host, varied: bool, invalid: bool) -> Self {
        let mut random = Random::of_case(seed, number);
        let host = if varied {
            base.varied(&mut random)
        } else {
            base.clone()
        };
        let mut host = host;
        let mut documents = grammar::documents(&mut random, &host);
        if varied {
            patches::add(&mut random, &mut host, &mut documents);
        }
        host.upload_certs = random.chance(25) && !grammar::has_external_etcd(&documents);
        let style = Some(random.bits());
        let mut case = Self {
            documents,
            style,
            host,
            mutation: None,
            text: None,
        };
        if invalid {
            mutation::mutate(&mut case, &mut random, number);
        }
        case
    }

    /// The configuration as the planner reads it.
    #[must_use]
    pub fn planner_text(&self) -> String {
        self.written(&self.documents)
    }

    /// The configuration as kubeadm reads it: without kubeplan's own document.
    #[must_use]
    pub fn kubeadm_text(&self) -> String {
        let own = Kind::Inventory.api_version();
        if let Some(text) = self.text.as_ref().filter(|text| text.contains(own)) {
            let documents = text.split("\n---");
            let kept: Vec<&str> = documents.filter(|text| !text.contains(own)).collect();
            return kept.join("\n---");
        }
        let known: Vec<Value> = self
            .documents
            .iter()
            .filter(|document| document.get("apiVersion").and_then(Value::as_str) != Some(own))
            .cloned()
            .collect();
        self.written(&known)
    }

    fn written(&self, documents: &[Value]) -> String {
        if let Some(text) = &self.text {
            return text.clone();
        }
        style::text(documents, self.style.map(Random::new))
    }

    /// The case as a file that can be run again: the configuration, and the host in its first line.
    ///
    /// # Errors
    /// If the host cannot be written down.
    pub fn to_file(&self) -> Result<String> {
        let host = serde_json::to_string(&self.host)?;
        Ok(format!("{HOST_LINE}{host}\n{}", self.planner_text()))
    }

    /// The case in a file written by [`Self::to_file`].
    ///
    /// # Errors
    /// If the file has no first line with a host.
    pub fn from_file(file: &str) -> Result<Self> {
        let (first, text) = file
            .split_once('\n')
            .context("the file has one line only")?;
        let host = first
            .strip_prefix(HOST_LINE)
            .with_context(|| format!("the first line does not start with `{HOST_LINE}`"))?;
        Ok(Self {
            documents: Vec::new(),
            style: None,
            host: serde_json::from_str(host)?,
            mutation: None,
            text: Some(text.to_owned()),
        })
    }
}

/// How the first line of a file begins.
const HOST_LINE: &str = "# host: ";
