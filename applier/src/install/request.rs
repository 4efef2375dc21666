//! What the operator asks for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::EntryName;
use kubeplan_bundle::path::HostPath;

use crate::admission::Allowances;
use crate::host::local;
use crate::preflight::Ignored;
use crate::state::journal::record::{OwnPlan, RecordedRequest};
use crate::steps::selection::Phases;
use crate::trust::TrustOptions;

/// Which steps of a bundle are run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Steps {
    /// Those of these phases.
    pub(crate) phases: Phases,
    /// Only files.
    pub(crate) files_only: bool,
    /// Only steps that need a running host.
    pub(crate) live_only: bool,
}

/// An installation that is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    /// The bundle.
    pub(crate) bundle: PathBuf,
    /// Files with identities; the host's own key if there are none.
    pub(crate) identities: Vec<PathBuf>,
    /// Other signers than the host's.
    pub(crate) allowed_signers: Option<PathBuf>,
    /// At least this many authors.
    pub(crate) require_authors: Option<u32>,
    /// At least this many approvals.
    pub(crate) require_approvals: Option<u32>,
    /// The bundle is the plan that this host had made for itself.
    pub(crate) own_plan: Option<OwnPlan>,
    /// What is allowed.
    pub(crate) allowed: Allowances,
    /// Paths that may be overwritten although others changed them.
    pub(crate) overwrite: BTreeSet<HostPath>,
    /// Objects that may be brought back to the plan although others changed them.
    pub(crate) overwrite_objects: BTreeSet<EntryName>,
    /// Which steps are run.
    pub(crate) steps: Steps,
    /// Whether tokens are left out of what is shown.
    pub(crate) skip_token_print: bool,
    /// Checks whose errors do not count.
    pub(crate) ignored: Ignored,
    /// Sign the receipt with the host's own key.
    pub(crate) sign_receipt: bool,
    /// Only show what would be done.
    pub(crate) dry_run: bool,
    /// Bring everything back unless it is confirmed within this time.
    pub(crate) confirm_within: Option<Duration>,
    /// Set if an interrupted run goes on: the index it must be, and the time window only warns.
    pub(crate) resumes: Option<Sha256Digest>,
}

impl Request {
    /// Which keys are trusted.
    pub(super) fn trust(&self) -> TrustOptions<'_> {
        TrustOptions {
            allowed_signers: self.allowed_signers.as_deref(),
            require_authors: self.require_authors,
            require_approvals: self.require_approvals,
            own_plan: self.own_plan.as_ref(),
        }
    }

    /// What of it counts when the run goes on.
    pub(super) fn recorded(&self) -> RecordedRequest {
        let text = |path: &PathBuf| local::absolute(path);
        RecordedRequest {
            bundle: text(&self.bundle),
            identities: self.identities.iter().map(text).collect(),
            allowed_signers: self.allowed_signers.as_ref().map(text),
            require_authors: self.require_authors,
            require_approvals: self.require_approvals,
            own_plan: self.own_plan.clone(),
            as_node: self.allowed.as_node.clone(),
            older_serial: self.allowed.older_serial,
            test_only: self.allowed.test_only,
            overwrite: self.overwrite.iter().cloned().collect(),
            overwrite_objects: self.overwrite_objects.iter().cloned().collect(),
            phases: self.steps.phases.only.clone(),
            skip_phases: self.steps.phases.skip.clone(),
            files_only: self.steps.files_only,
            live_only: self.steps.live_only,
            skip_token_print: self.skip_token_print,
            ignored: self.ignored.names().cloned().collect(),
            sign_receipt: self.sign_receipt,
        }
    }

    /// The request that was recorded.
    pub(crate) fn from_record(recorded: &RecordedRequest) -> Self {
        Self {
            bundle: PathBuf::from(&recorded.bundle),
            identities: recorded.identities.iter().map(PathBuf::from).collect(),
            allowed_signers: recorded.allowed_signers.as_ref().map(PathBuf::from),
            require_authors: recorded.require_authors,
            require_approvals: recorded.require_approvals,
            own_plan: recorded.own_plan.clone(),
            allowed: Allowances {
                as_node: recorded.as_node.clone(),
                older_serial: recorded.older_serial,
                test_only: recorded.test_only,
            },
            overwrite: recorded.overwrite.iter().cloned().collect(),
            overwrite_objects: recorded.overwrite_objects.iter().cloned().collect(),
            steps: Steps {
                phases: Phases {
                    only: recorded.phases.clone(),
                    skip: recorded.skip_phases.clone(),
                },
                files_only: recorded.files_only,
                live_only: recorded.live_only,
            },
            skip_token_print: recorded.skip_token_print,
            sign_receipt: recorded.sign_receipt,
            // They were consistent when they were given.
            ignored: Ignored::parse(&recorded.ignored).unwrap_or_default(),
            ..Self::default()
        }
    }

    /// The bundle's path.
    pub(super) fn path(&self) -> &Path {
        &self.bundle
    }
}
