//! The outlines that a session keeps until the nodes are planned.

use std::collections::BTreeMap;

use crate::operations::Outline;
use crate::render::kubelet::KubeletTexts;

/// The outlines that are kept.
#[derive(Debug, Default)]
pub(super) struct Outlines {
    /// What thousands of workers share.
    pub(super) texts: KubeletTexts,
    /// Those of control-plane nodes, by position of the node; empty until the nodes are outlined.
    pub(super) kept: BTreeMap<usize, Outline>,
}
