//! One case: what is planned, on which host.
//!
//! In: documents, or a file of an earlier run. Out: the text both programs read, and what each is told of the host.

use anyhow::{Context as _, Result};
use kubeplan::schema::Kind;
use serde_json::Value;

use super::host::Host;
use super::random::Random;
use super::style;

/// What one case is made of.
#[derive(Clone, Debug)]
pub struct Case {
    /// The documents.
    pub documents: Vec<Value>,
    /// Seed of the style they are written in; the plainest without.
    pub style: Option<u64>,
    /// The host.
    pub host: Host,
    /// The name of the rule that is broken on purpose.
    pub mutation: Option<&'static str>,
    /// The name of the intended difference that it is drawn for.
    pub intended: Option<&'static str>,
    /// Text that is used as it is instead of the documents.
    pub text: Option<String>,
}

impl Case {
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
        Ok(Self::of_text(text.to_owned(), serde_json::from_str(host)?))
    }

    /// The case of a configuration that is there.
    #[must_use]
    pub fn of_text(text: String, host: Host) -> Self {
        Self {
            documents: Vec::new(),
            style: None,
            host,
            mutation: None,
            intended: None,
            text: Some(text),
        }
    }
}

/// How the first line of a file begins.
const HOST_LINE: &str = "# host: ";
