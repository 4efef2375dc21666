//! The report of `verify`: whether a bundle is intact and trusted.

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::Index;
use kubeplan_terminal::{Report, Text};
use serde::Serialize;

use crate::facts;
use crate::standing::Standing;
use crate::view::More;

/// An intact bundle and its standing.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict<'a, M> {
    #[serde(flatten)]
    standing: Standing,
    cluster: &'a str,
    cluster_id: String,
    node: &'a str,
    serial: u64,
    plan_digest: String,
    index_sha256: String,
    test_only: bool,
    #[serde(flatten)]
    more: M,
    #[serde(skip)]
    index: &'a Index,
}

impl<'a, M: More> Verdict<'a, M> {
    /// Of the bundle with this index.
    #[must_use]
    pub fn new(index: &'a Index, index_bytes: &[u8], standing: Standing, more: M) -> Self {
        Self {
            standing,
            cluster: index.cluster.name.as_str(),
            cluster_id: index.cluster.id.to_string(),
            node: index.node.name.as_str(),
            serial: index.serial,
            plan_digest: index.plan_digest.to_string(),
            index_sha256: Sha256Digest::of(index_bytes).to_string(),
            test_only: index.test_only,
            more,
            index,
        }
    }

    /// What one of the programs adds.
    #[must_use]
    pub fn into_more(self) -> M {
        self.more
    }
}

impl<M: More> Report for Verdict<'_, M> {
    const COMMAND: &'static str = "verify";
    const VERSION: u32 = 2;

    fn text(&self) -> Text {
        let mut text = Text::of(self.standing.line());
        text.append(&facts::identity(self.index));
        text.line(format_args!("  index        {}", self.index_sha256));
        text.append(&self.more.tables());
        text
    }

    fn notes(&self) -> Vec<String> {
        let test_only = self
            .test_only
            .then(|| "made with public test keys (testOnly): not for a real host".to_owned());
        test_only.into_iter().collect()
    }
}
