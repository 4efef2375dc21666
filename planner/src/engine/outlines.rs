//! What is planned of every node before a key is made, and the plan that keys make of it.
//!
//! In: a session. Out: notices, or everything that cannot be planned; later the [`NodePlan`] of one node. A control-plane node's manifests
//! and objects are rendered here once, and kept until its plan is made. A worker has neither, and its largest text is shared
//! ([`KubeletTexts`]): its outline is cheaper to make again than to keep, thousands of times.
//!
//! What the bundle crate refuses is found here as well, by its own checks and not by rules beside them: every outline is filled with a
//! [`StandIn`] of the keys and prepared as a bundle that is not written.

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::seal::CommitSalt;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_bundle::writer::WriteError;
use kubeplan_terminal::with_causes;
use serde_json::Value;

use super::error::{EngineError, NodeError, NodeFailures};
use super::notices::{Notice, Notices};
use super::session::Session;
use crate::assemble::{self, Circumstances};
use crate::config::{self, ValidConfig};
use crate::operations::{self, Outline, OutlineInput};
use crate::pki::MaterialSource;
use crate::pki::stand_in::{Held, StandIn};
use crate::plan::NodePlan;
use crate::render::kubelet::KubeletTexts;

/// Outlines of nodes, as far as they are kept.
#[derive(Debug, Default)]
pub(super) struct Outlines {
    texts: KubeletTexts,
    /// By position of the node; as long as all of the nodes once they were outlined.
    kept: Vec<Option<Outline>>,
}

/// What is known of certificates before any is made.
#[derive(Clone, Copy)]
pub struct Prospect<'a> {
    /// The plan's clock.
    pub now: Timestamp,
    /// Which CAs the key store has: their own dates count, which only it knows.
    pub held: Held<'a>,
}

impl Prospect<'_> {
    /// That of a plan made at `now` with a new key store.
    #[must_use]
    pub const fn of_new_keys(now: Timestamp) -> Self {
        Self {
            now,
            held: &|_| false,
        }
    }
}

/// What came of the outline of one node.
struct Outlined {
    /// Nothing is planned.
    empty: bool,
    /// What there is to say of it.
    notices: Vec<Notice>,
    /// The outline of a control-plane node.
    kept: Option<Outline>,
}

impl Session {
    /// Plans every node without key material: what cannot be planned, or cannot be a bundle, is refused before a key is made. The notices
    /// are what there is to say of the nodes. Leaves out nodes for which nothing is planned.
    ///
    /// # Errors
    /// [`EngineError::Nodes`] with every node that cannot be planned, [`EngineError::NothingLeft`] if nothing is planned for any.
    pub fn refuse_unplannable(&mut self, prospect: Prospect<'_>) -> Result<Notices, EngineError> {
        let stand_in = StandIn::new(self.first()?, prospect.now).map_err(EngineError::StandIn)?;
        let mut outlined = self.outlined(|outline, config| {
            let material = stand_in.material(config, prospect.held);
            let plan = fill(outline, config, MaterialSource::Issued(&material))?;
            let empty = plan.is_empty();
            if !empty {
                check(config, plan, prospect.now)?;
            }
            Ok(empty)
        })?;
        let mut notices = Notices::default();
        for (name, outlined) in self.names().zip(&mut outlined) {
            notices.add(Some(name), outlined.notices.drain(..));
        }
        if outlined.iter().all(|outlined| outlined.empty) {
            return Err(EngineError::NothingLeft);
        }
        self.retain(|at| outlined.get(at).is_none_or(|outlined| !outlined.empty));
        let kept = outlined.into_iter().filter(|outlined| !outlined.empty);
        self.outlines.kept = kept.map(|outlined| outlined.kept).collect();
        Ok(notices)
    }

    /// Refuses what cannot be planned, whether or not there is something in it.
    ///
    /// # Errors
    /// [`NodeFailures`] with every node that cannot be planned.
    pub fn plannable(&self) -> Result<(), NodeFailures<NodeError>> {
        self.each(|_, config| self.outline(config, false).map(drop))?;
        Ok(())
    }

    /// The outlines of all nodes; `is_empty` fills and checks one.
    fn outlined(
        &self,
        is_empty: impl Fn(&Outline, &ValidConfig) -> Result<bool, NodeError> + Sync,
    ) -> Result<Vec<Outlined>, NodeFailures<NodeError>> {
        self.each(|_, config| {
            let outline = self.outline(config, false)?;
            let empty = is_empty(&outline, config)?;
            let mut notices = patch_notices(&outline);
            if empty {
                let plan = fill(&outline, config, MaterialSource::None)?;
                notices.extend(nothing_rendered(config, MaterialSource::None, &plan));
            }
            Ok(Outlined {
                empty,
                notices,
                kept: config.is_control_plane().then_some(outline),
            })
        })
    }

    /// The outline of one node, made anew.
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

    /// The plan of the node at this position with these keys.
    pub(super) fn plan(
        &self,
        at: usize,
        config: &ValidConfig,
        material: MaterialSource<'_>,
    ) -> Result<NodePlan, NodeError> {
        let external_ca = material.external_ca();
        let kept = self.outlines.kept.get(at).and_then(Option::as_ref);
        match kept.filter(|outline| outline.external_ca() == external_ca) {
            Some(outline) => fill(outline, config, material),
            None => fill(&self.outline(config, external_ca)?, config, material),
        }
    }
}

/// The plan that keys make of an outline.
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
    };
    let prepared = assemble::draft(config, plan, circumstances)
        .map_err(NodeError::Window)?
        .prepare();
    match prepared {
        Ok(_) => Ok(()),
        Err(source) => Err(NodeError::Unfit {
            field: field_of(config, &source),
            source: Box::new(source),
        }),
    }
}

/// The field of the configuration that `error` is about: the one whose value stands in its text.
fn field_of(config: &ValidConfig, error: &WriteError) -> Option<String> {
    let text = with_causes(error);
    let mut found: Option<(usize, String)> = None;
    for document in config::effective_documents(config) {
        let kind = document.get("kind").and_then(Value::as_str);
        find_value(&document, kind.unwrap_or_default(), &text, &mut found);
    }
    found.map(|(_, path)| path)
}

/// Looks for the longest value below `path` that `text` contains. A word alone says nothing: paths, hosts and addresses do.
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

/// What there is to say of the node's patches.
pub(super) fn patch_notices(outline: &Outline) -> Vec<Notice> {
    let notices = outline.patch_notices().iter();
    notices
        .map(|notice| Notice::Warning(format!("patch {notice}")))
        .collect()
}

/// Which of the phases that were asked for put nothing into `plan`.
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
