//! What is planned of every node before a key is made, and the plan that keys make of it.
//!
//! In: a session. Out: notices, or everything that cannot be planned; later the [`NodePlan`] of one node. A control-plane node's manifests
//! and objects are rendered here once, and kept until its plan is made. A worker has neither, and its largest text is shared
//! ([`KubeletTexts`]): its outline is cheaper to make again than to keep, thousands of times.

use super::error::{EngineError, NodeError, NodeFailures};
use super::notices::{Notice, Notices};
use super::session::Session;
use crate::config::ValidConfig;
use crate::operations::{self, Outline, OutlineInput};
use crate::pki::MaterialSource;
use crate::plan::NodePlan;
use crate::render::kubelet::KubeletTexts;

/// Outlines of nodes, as far as they are kept.
#[derive(Debug, Default)]
pub(super) struct Outlines {
    texts: KubeletTexts,
    /// By position of the node; as long as all of the nodes once they were outlined.
    kept: Vec<Option<Outline>>,
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
    /// Plans every node without key material: what cannot be planned is refused before a key is made. The notices are what there
    /// is to say of the nodes. Leaves out nodes for which nothing is planned.
    ///
    /// # Errors
    /// [`EngineError::Nodes`] with every node that cannot be planned, [`EngineError::NothingLeft`] if nothing is planned for any.
    pub fn refuse_unplannable(&mut self) -> Result<Notices, EngineError> {
        let mut outlined = self.outlined()?;
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
        self.outlined().map(drop)
    }

    fn outlined(&self) -> Result<Vec<Outlined>, NodeFailures<NodeError>> {
        self.each(|_, config| {
            let outline = self.outline(config, false)?;
            let plan = fill(&outline, config, MaterialSource::None)?;
            let empty = plan.is_empty();
            let mut notices = patch_notices(&outline);
            if empty {
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
