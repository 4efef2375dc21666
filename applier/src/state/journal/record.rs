//! What a journal says: one record for each thing that is certain from then on.
//!
//! In and out: canonical JSON. No record holds content, and the digest of whatever may be secret is keyed.

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{ClusterRef, EntryName, Name};
use kubeplan_bundle::mode::FileMode;
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::step::PhaseName;
use kubeplan_bundle::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use crate::host::{FileMeta, Owner, RunTag};
use crate::state::installed::{FileRecord, InstalledNode};
use crate::state::salt::RecordedDigest;

pub(crate) use crate::state::bits::Bits;

/// The value of a journal's `format`.
pub(crate) const FORMAT: &str = "kubeplan.io/journal/1";

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "record",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub(crate) enum Record {
    /// A run begins; nothing was changed yet. Always the first record, and never a later one.
    Begin(Box<Begin>),
    /// The run goes on after it was interrupted; replaces what was planned and not committed.
    Resumed {
        /// When.
        time: Timestamp,
        /// The version of the program that goes on.
        version: String,
        /// What is to be changed.
        transactions: Vec<PlannedChanges>,
    },
    /// A live step found out what a file was waiting for: this is to be changed, too.
    Filled {
        /// When.
        time: Timestamp,
        /// What is to be changed.
        transactions: Vec<PlannedChanges>,
    },
    /// Everything new is staged and everything old is backed up, durably. From here on files change.
    Prepared {
        /// Number of the transaction.
        transaction: u32,
    },
    /// Every file of the transaction is in place, durably.
    Committed {
        /// Number of the transaction.
        transaction: u32,
    },
    /// Every file of the transaction is as before, durably, except those that others changed meanwhile.
    Undone {
        /// Number of the transaction.
        transaction: u32,
        /// Files and directories that were left as others made them.
        left: Vec<HostPath>,
    },
    /// A step that needs a running host is about to do what no rollback takes back; recorded before.
    LiveStepBegun {
        /// Its position among the steps of the index, from 0.
        position: usize,
        /// kubeadm's phase it belongs to.
        phase: PhaseName,
        /// What stays of it, for people.
        leaves: String,
        /// When.
        time: Timestamp,
    },
    /// A step that needs a running host was done.
    LiveStep {
        /// Its position among the steps of the index, from 0.
        position: usize,
        /// kubeadm's phase it belongs to.
        phase: PhaseName,
        /// What it did, for people.
        what: String,
        /// When.
        time: Timestamp,
    },
    /// The bundle is installed and `installed.json` says so.
    Finished {
        /// When.
        time: Timestamp,
    },
    /// The run was interrupted, and another bundle was installed on top of it.
    Superseded {
        /// Number of the run that did.
        by: u32,
    },
    /// The files are being brought back.
    RollbackBegun {
        /// When.
        time: Timestamp,
        /// Files that are brought back although others changed them.
        overwrite: Vec<HostPath>,
    },
    /// The files are as before the run, and `installed.json` too.
    RolledBack {
        /// When.
        time: Timestamp,
        /// Files and directories that were left as others made them.
        left: Vec<HostPath>,
    },
    /// The operator confirmed the run; it can no longer be rolled back.
    Confirmed {
        /// When.
        time: Timestamp,
    },
    /// The backups were removed because of their age; the run can no longer be rolled back.
    Expired {
        /// When.
        time: Timestamp,
    },
}

/// What a run is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Begin {
    /// [`FORMAT`].
    pub(crate) format: String,
    /// Number of the run.
    pub(crate) run: u32,
    /// When.
    pub(crate) time: Timestamp,
    /// Version of the program.
    pub(crate) version: String,
    /// What the operator asked for.
    pub(crate) request: RecordedRequest,
    /// Digest of the bundle's index.
    pub(crate) index_digest: Sha256Digest,
    /// Digest of the plan.
    pub(crate) plan_digest: Sha256Digest,
    /// The cluster.
    pub(crate) cluster: ClusterRef,
    /// The node.
    pub(crate) node: Name,
    /// The plan's serial.
    pub(crate) serial: u64,
    /// Until when the operator must have confirmed; otherwise the files are brought back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) confirm_by: Option<Timestamp>,
    /// What `installed.json` said of this node before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<InstalledNode>,
    /// What the names of unfinished files begin with; runs of earlier versions recorded nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stages: Option<RunTag>,
    /// Directories that the bundle names. Nothing is staged in them.
    // The name is that of journals on hosts.
    #[serde(rename = "folders")]
    pub(crate) directories: Vec<HostPath>,
    /// What is to be changed.
    pub(crate) transactions: Vec<PlannedChanges>,
}

/// A plan that this host had made for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OwnPlan {
    /// The public key that its bundle is signed with, as OpenSSH writes it.
    pub(crate) key: String,
    /// The digest of the plan.
    pub(crate) plan_digest: Sha256Digest,
}

/// The arguments that count when the run goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RecordedRequest {
    /// Absolute path of the bundle.
    pub(crate) bundle: String,
    /// Absolute paths of the files with identities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) identities: Vec<String>,
    /// Absolute path of another list of signers than the host's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) allowed_signers: Option<String>,
    /// Authors asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) require_authors: Option<u32>,
    /// Approvals asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) require_approvals: Option<u32>,
    /// The bundle is the plan that this host had made for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) own_plan: Option<OwnPlan>,
    /// The node this host is to become.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) as_node: Option<String>,
    /// An older plan was allowed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) older_serial: bool,
    /// Public keys were allowed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) test_only: bool,
    /// Files to be overwritten although others changed them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) overwrite: Vec<HostPath>,
    /// Objects to be brought back to the plan although others changed them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) overwrite_objects: Vec<EntryName>,
    /// Only these phases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) phases: Vec<PhaseName>,
    /// Not these phases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) skip_phases: Vec<PhaseName>,
    /// Only files.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) files_only: bool,
    /// Only steps that need a running host.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) live_only: bool,
    /// Checks whose errors do not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) ignored: Vec<String>,
    /// The receipt is signed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) sign_receipt: bool,
    /// Tokens are not shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) skip_token_print: bool,
}

/// A transaction of the bundle, with what it changes on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PlannedChanges {
    /// Number within the run, from 1; used again only if nothing of the transaction was begun.
    pub(crate) number: u32,
    /// Its name in the bundle.
    pub(crate) name: Name,
    /// kubeadm's phase.
    pub(crate) phase: PhaseName,
    /// The changes: directories, outermost first, then files in the bundle's order.
    pub(crate) changes: Vec<Change>,
}

/// A change of one file or directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Change {
    /// A directory where nothing was.
    // The name is that of journals on hosts.
    #[serde(rename = "make-folder")]
    MakeDirectory {
        /// Where.
        path: HostPath,
        /// How it will be.
        after: DirectoryState,
    },
    /// A file where nothing was.
    Create {
        /// Where.
        path: HostPath,
        /// How it will be.
        after: FileState,
    },
    /// A file in the place of another one.
    Replace {
        /// Where.
        path: HostPath,
        /// How it was.
        before: FileState,
        /// How it will be.
        after: FileState,
        /// Name of the copy of the old bytes in the run's `backup` directory.
        backup: u32,
    },
    /// Another content of a file, by a live step: whose file it is does not change.
    Edit {
        /// Where.
        path: HostPath,
        /// How it was.
        before: FileState,
        /// How it will be.
        after: FileState,
        /// Name of the copy of the old bytes in the run's `backup` directory.
        backup: u32,
    },
    /// A file that a live step takes away.
    Remove {
        /// Where.
        path: HostPath,
        /// How it was.
        before: FileState,
        /// Name of the copy of the bytes in the run's `backup` directory.
        backup: u32,
    },
}

/// Bytes, mode and owner of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FileState {
    /// Digest of the bytes.
    pub(crate) digest: RecordedDigest,
    /// Permission bits.
    pub(crate) mode: Bits,
    /// Owner.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
}

/// Mode and owner of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DirectoryState {
    /// Permission bits.
    pub(crate) mode: Bits,
    /// Owner.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
}

impl Change {
    /// Where.
    pub(crate) const fn path(&self) -> &HostPath {
        match self {
            Self::MakeDirectory { path, .. }
            | Self::Create { path, .. }
            | Self::Replace { path, .. }
            | Self::Edit { path, .. }
            | Self::Remove { path, .. } => path,
        }
    }

    /// How the file was, and the name of the copy of its bytes; `None` where nothing was.
    pub(crate) const fn before(&self) -> Option<(&FileState, u32)> {
        match self {
            Self::MakeDirectory { .. } | Self::Create { .. } => None,
            Self::Replace { before, backup, .. }
            | Self::Edit { before, backup, .. }
            | Self::Remove { before, backup, .. } => Some((before, *backup)),
        }
    }

    /// How the file will be; `None` for a directory, and where nothing will be.
    pub(crate) const fn after(&self) -> Option<&FileState> {
        match self {
            Self::MakeDirectory { .. } | Self::Remove { .. } => None,
            Self::Create { after, .. } | Self::Replace { after, .. } | Self::Edit { after, .. } => {
                Some(after)
            }
        }
    }
}

impl FileState {
    /// A file of the host with this digest.
    pub(crate) const fn of(meta: FileMeta, digest: RecordedDigest) -> Self {
        Self {
            digest,
            mode: Bits::new(meta.mode),
            uid: meta.owner.uid,
            gid: meta.owner.gid,
        }
    }

    /// Owner and group.
    pub(crate) const fn owner(&self) -> Owner {
        Owner {
            uid: self.uid,
            gid: self.gid,
        }
    }

    /// As `installed.json` has it; `None` for modes that no bundle can have.
    pub(crate) fn record(&self) -> Option<FileRecord> {
        Some(FileRecord {
            digest: self.digest,
            mode: FileMode::from_bits(u16::try_from(self.mode.get()).ok()?)?,
            uid: self.uid,
            gid: self.gid,
        })
    }
}
