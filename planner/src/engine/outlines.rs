//! Plans every node without keys, refuses what cannot be planned, and fills keys in later.
//!
//! In: a session. Out: notices, or every node that cannot be planned; later the [`NodePlan`] of one node. The manifests and objects of a
//! control-plane node are rendered here once, and kept until its plan is made. A worker has neither, and shares its largest text
//! ([`KubeletTexts`]): making thousands of such outlines again costs less than keeping them.
//!
//! The bundle crate's own checks decide what is refused: outlines are filled with a [`StandIn`] of the keys and checked as bundles. Of
//! workers that are alike the first one stands for all; each is checked itself when its bundle is prepared.

use std::collections::BTreeSet;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::seal::CommitSalt;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_bundle::writer::WriteError;
use kubeplan_terminal::with_causes;
use serde_json::Value;

use super::error::{EngineError, NodeError, NodeFailures};
use super::ignored::{KnownChecks, check_names};
use super::notice::Notice;
use super::notices::Notices;
use super::session::Session;
use crate::assemble::{self, Circumstances};
use crate::config::{self, ValidConfig};
use crate::operations::{self, Outline, OutlineInput};
use crate::pki::MaterialSource;
use crate::pki::stand_in::{Held, StandIn};
use crate::plan::NodePlan;

/// What is known about certificates before any is issued.
#[derive(Clone, Copy)]
pub struct Prospect<'a> {
    /// The plan's clock.
    pub now: Timestamp,
    /// Which CAs the key store has. Their own dates count, not those that the configuration gives.
    pub held: Held<'a>,
}

impl Prospect<'_> {
    /// For a plan that is made at `now` with a new key store.
    #[must_use]
    pub const fn of_new_keys(now: Timestamp) -> Self {
        Self {
            now,
            held: &|_| false,
        }
    }
}

/// One node that was outlined.
struct Outlined {
    /// Nothing is planned for it.
    empty: bool,
    /// Warnings and notes about it.
    notices: Vec<Notice>,
    /// The names of its checks; none if an earlier node has the same.
    checks: BTreeSet<String>,
    /// Its outline, if it is a control-plane node.
    kept: Option<Box<Outline>>,
}

impl Session {
    /// Plans every node without key material, so that what cannot be planned or cannot be a bundle is refused before a key is made.
    /// Returns warnings and notes about the nodes. Drops nodes for which nothing is planned.
    ///
    /// # Errors
    /// [`EngineError::Nodes`] with every node that cannot be planned, [`EngineError::NothingLeft`] if nothing is planned for any.
    pub fn refuse_unplannable(&mut self, prospect: Prospect<'_>) -> Result<Notices, EngineError> {
        let stand_in = StandIn::new(self.first()?, prospect.now).map_err(EngineError::StandIn)?;
        let alike = like_an_earlier_one(self.nodes());
        let mut outlined = self.outlined(|at, outline, config| {
            let material = stand_in.material(config, prospect.held);
            let plan = fill(outline, config, MaterialSource::Issued(&material))?;
            let empty = plan.is_empty();
            if alike.contains(&at) {
                return Ok((empty, BTreeSet::new()));
            }
            let checks = check_names(&plan.preflight);
            if !empty {
                check(config, plan, prospect.now)?;
            }
            Ok((empty, checks))
        })?;
        let mut notices = Notices::default();
        let checks = outlined.iter_mut();
        let checks = checks.flat_map(|outlined| std::mem::take(&mut outlined.checks));
        let known = KnownChecks::new(checks.collect());
        let ignored = self.each(|_, config| {
            let registration = &config.init.node_registration;
            Ok::<_, NodeError>(known.notices(&registration.ignore_preflight_errors))
        })?;
        for ((name, outlined), ignored) in self.names().zip(&mut outlined).zip(ignored) {
            notices.add(Some(name), outlined.notices.drain(..).chain(ignored));
        }
        if outlined.iter().all(|outlined| outlined.empty) {
            let named = !self.first()?.only_phases.is_empty();
            return Err(EngineError::NothingLeft { named });
        }
        self.retain(|at| outlined.get(at).is_none_or(|outlined| !outlined.empty));
        let kept = outlined.into_iter().filter(|outlined| !outlined.empty);
        let by_position = kept.map(|outlined| outlined.kept).enumerate();
        self.outlines.kept = by_position
            .filter_map(|(at, kept)| Some((at, *kept?)))
            .collect();
        Ok(notices)
    }

    /// Refuses nodes that cannot be planned. Nodes for which nothing is planned are accepted.
    ///
    /// # Errors
    /// [`NodeFailures`] with every node that cannot be planned.
    pub fn plannable(&self) -> Result<(), NodeFailures<NodeError>> {
        self.each(|_, config| self.outline(config, false).map(drop))?;
        Ok(())
    }

    /// Outlines all nodes. `judge` fills and checks one outline, and says whether nothing is planned, and the names of its checks.
    fn outlined(
        &self,
        judge: impl Fn(usize, &Outline, &ValidConfig) -> Result<(bool, BTreeSet<String>), NodeError>
        + Sync,
    ) -> Result<Vec<Outlined>, NodeFailures<NodeError>> {
        self.each(|at, config| {
            let outline = self.outline(config, false)?;
            let (empty, checks) = judge(at, &outline, config)?;
            let mut notices = patch_notices(&outline);
            if empty {
                let plan = fill(&outline, config, MaterialSource::None)?;
                notices.extend(nothing_rendered(config, MaterialSource::None, &plan));
            }
            Ok(Outlined {
                empty,
                notices,
                checks,
                kept: config.is_control_plane().then(|| Box::new(outline)),
            })
        })
    }

    /// Outlines one node.
    pub(super) fn outline(
        &self,
        config: &ValidConfig,
        external_ca: bool,
    ) -> Result<Outline, NodeError> {
        let input = OutlineInput {
            kubelet_texts: &self.outlines.texts,
            external_ca,
        };
        Outline::of(operations::of(config), config, input).map_err(|error| {
            if config.patches.files().is_empty() {
                NodeError::Plan(error)
            } else {
                NodeError::Patched(error)
            }
        })
    }

    /// Plans the node at this position with these keys.
    pub(super) fn plan(
        &self,
        at: usize,
        config: &ValidConfig,
        material: MaterialSource<'_>,
    ) -> Result<NodePlan, NodeError> {
        let external_ca = material.external_ca();
        let kept = self.outlines.kept.get(&at);
        match kept.filter(|outline| outline.external_ca() == external_ca) {
            Some(outline) => fill(outline, config, material),
            None => fill(&self.outline(config, external_ca)?, config, material),
        }
    }
}

/// Fills keys into an outline.
pub(super) fn fill(
    outline: &Outline,
    config: &ValidConfig,
    material: MaterialSource<'_>,
) -> Result<NodePlan, NodeError> {
    outline.fill(config, material).map_err(NodeError::Plan)
}

/// Refuses a plan that cannot be a bundle.
fn check(config: &ValidConfig, plan: NodePlan, now: Timestamp) -> Result<(), NodeError> {
    let salt = CommitSalt::new(SecretBytes::new(vec![0; 32]));
    let circumstances = Circumstances {
        cluster_id: Sha256Digest::of(b""),
        now,
        test_only: true,
        salt: salt.map_err(|_| NodeError::Missing("there is no salt"))?,
        first_file: None,
    };
    let draft = assemble::draft(config, plan, circumstances).map_err(NodeError::Window)?;
    draft.check().map_err(|source| unfit(config, source))
}

/// The error for a plan that cannot be a bundle.
pub(super) fn unfit(config: &ValidConfig, source: WriteError) -> NodeError {
    NodeError::Unfit {
        field: field_of(config, &source),
        source: Box::new(source),
    }
}

/// How many kinds of workers are told apart.
const KINDS: usize = 32;

/// The positions of workers that have the settings of an earlier one.
fn like_an_earlier_one(nodes: &[ValidConfig]) -> BTreeSet<usize> {
    let mut kinds: Vec<&ValidConfig> = Vec::new();
    let mut alike = BTreeSet::new();
    for (at, config) in nodes.iter().enumerate() {
        if config.is_control_plane() {
            continue;
        }
        if kinds.iter().any(|kind| config.is_like(kind)) {
            alike.insert(at);
        } else if kinds.len() < KINDS {
            kinds.push(config);
        }
    }
    alike
}

/// Finds the field of the configuration that `error` is about: the one whose value is in its text.
fn field_of(config: &ValidConfig, error: &WriteError) -> Option<String> {
    let text = with_causes(error);
    let mut found: Option<(usize, String)> = None;
    for document in config::effective_documents(config) {
        let kind = document.get("kind").and_then(Value::as_str);
        find_value(&document, kind.unwrap_or_default(), &text, &mut found);
    }
    found.map(|(_, path)| path)
}

/// Looks for the longest value below `path` that `text` contains. Only paths, hosts and addresses count: a plain word may be in any text.
fn find_value(value: &Value, path: &str, text: &str, found: &mut Option<(usize, String)>) {
    match value {
        Value::String(value) => {
            let telling = value.len() > 3 && value.contains(['/', '.', ':']);
            let longer = found.as_ref().is_none_or(|(size, _)| value.len() > *size);
            if telling && longer && text.contains(value.as_str()) {
                *found = Some((value.len(), path.to_owned()));
            }
        }
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                find_value(item, &format!("{path}[{position}]"), text, found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                if !(name == "apiVersion" || name == "kind") {
                    find_value(field, &format!("{path}.{name}"), text, found);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Warnings about the node's patches.
pub(super) fn patch_notices(outline: &Outline) -> Vec<Notice> {
    let notices = outline.patch_notices().iter();
    notices
        .map(|notice| Notice::Warning(format!("patch {notice}")))
        .collect()
}

/// Names the requested phases that put nothing into `plan`.
pub(super) fn nothing_rendered(
    config: &ValidConfig,
    material: MaterialSource<'_>,
    plan: &NodePlan,
) -> Vec<Notice> {
    let operation = operations::of(config);
    operations::renders_nothing(operation, &config.only_phases, config, material, plan)
        .into_iter()
        .map(Notice::Note)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::observer::Silent;
    use super::super::testing::Directories;
    use super::super::{Choices, Session};
    use super::like_an_earlier_one;
    use crate::config::{Options, Source};

    /// Whether the worker w2 with these settings is like w1, which has `first`.
    fn alike(first: &str, second: &str) -> bool {
        let text = format!(
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\ncontrolPlaneEndpoint: api.example.com:6443\n---\napiVersion: kubeplan.io/v1alpha1\nkind: Cluster\nnodes:\n- {{name: cp1, role: control-plane, address: 10.0.0.11}}\n- {{name: cp2, role: control-plane, address: 10.0.0.12}}\n- {{name: w1, role: worker, {first}}}\n- {{name: w2, role: worker, {second}}}\n"
        );
        let sources = [Source {
            name: "c.yaml",
            text: &text,
        }];
        let directories = Directories([("p", vec![])].into());
        let session = Session::open(
            &sources,
            Options::default(),
            &Choices::default(),
            &directories,
            &mut Silent,
        );
        let alike = like_an_earlier_one(session.unwrap().nodes());
        assert!(alike.is_empty() || alike == [3].into(), "{alike:?}");
        !alike.is_empty()
    }

    #[test]
    fn workers_are_alike_that_differ_only_in_what_names_their_host() {
        let recipient =
            "recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]";
        assert!(alike("address: 10.0.0.21", "address: 10.0.0.22"));
        assert!(alike(recipient, "match: {hostname: w2}"));
        for own in [
            "labels: {a: b}",
            "taints: [{key: a, effect: NoSchedule}]",
            "platform: {arch: arm64}",
            "caCertPath: /etc/kubernetes/pki/other.crt",
            "patches: {directory: p}",
            "kubelet: {config: {maxPods: 50}}",
            "kubelet: {kubeletExtraArgs: [{name: v, value: '4'}]}",
            "kubeletDropIn: true",
        ] {
            assert!(!alike("address: 10.0.0.21", own), "{own}");
        }
        let same = "labels: {a: b}, taints: [{key: a, effect: NoSchedule}]";
        assert!(alike(same, same));
    }
}
