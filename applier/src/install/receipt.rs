//! The receipt: what a completed installation put on this host, for the author of the plan.
//!
//! In: the index, what was compared, which steps are done, what others changed in the API. Out: a receipt in the host's memory,
//! signed by the host's own key if that is asked for. It holds digests and commitments of the index and no content.

use std::collections::{BTreeMap, BTreeSet};

use kubeplan_bundle::index::{EntryName, HostMatch, Tool};
use kubeplan_bundle::receipt::{EntryState, FORMAT, Receipt, ReceiptEntry, ReceiptStep};
use kubeplan_bundle::signature::PrivateKey;
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::Advice;

use super::InstallError;
use super::bundle::{IDENTITY_LIMIT, SSH_HOST_KEY};
use super::compare::{DirectoryAction, FileAction, Item};
use super::request::Request;
use super::writing::Writing;
use crate::host::Root;
use crate::host::identity::HostIdentity;
use crate::state::{StateError, receipts};
use crate::steps::LiveReport;

/// What a receipt tells of, besides what was compared.
pub(super) struct Told<'a> {
    /// Positions of the steps that are done.
    pub(super) done: &'a BTreeSet<usize>,
    /// What came of the live steps that were run now.
    pub(super) live: &'a LiveReport,
    /// Whether anything was changed.
    pub(super) changed: bool,
    /// When the installation was complete.
    pub(super) finished: Timestamp,
}

/// Keeps a receipt if something was changed, or there is none for this bundle yet. Returns its path on the host.
///
/// # Errors
/// [`StateError`].
pub(super) fn keep(
    writing: &Writing<'_, '_>,
    told: &Told<'_>,
) -> Result<Option<String>, StateError> {
    let (root, key) = (writing.root, writing.receipt_key);
    let path = receipts::path(writing.index, writing.index_digest);
    if !told.changed && receipts::exists(root, &path, key.is_some())? {
        return Ok(None);
    }
    let failed = |source| StateError::Receipt {
        path: path.clone(),
        source,
    };
    let bytes = receipt(writing, told).to_bytes().map_err(failed)?;
    let signature = key
        .map(|key| Receipt::sign(&bytes, key))
        .transpose()
        .map_err(failed)?;
    let armored = signature.map(|signature| signature.to_armored());
    receipts::store(root, writing.actions, &path, &bytes, armored.as_deref())?;
    Ok(Some(path.to_string()))
}

/// The host's key, if receipts are to be signed. Asked for before anything is written.
///
/// # Errors
/// [`InstallError::ReceiptKey`] if there is none that can sign.
pub(super) fn key(request: &Request, root: &Root) -> Result<Option<PrivateKey>, InstallError> {
    if !request.sign_receipt {
        return Ok(None);
    }
    let refused = |why: String| InstallError::ReceiptKey {
        why,
        advice: Advice::hint(
            "make a host key with `ssh-keygen -A`, or install without --sign-receipt",
        ),
    };
    let file = root.read(&SSH_HOST_KEY, IDENTITY_LIMIT)?;
    let file = file.ok_or_else(|| refused(format!("`{SSH_HOST_KEY}` does not exist")))?;
    let key = PrivateKey::parse(&file, None)
        .map_err(|error| refused(format!("`{SSH_HOST_KEY}`: {error}")))?;
    Ok(Some(key))
}

fn receipt(writing: &Writing<'_, '_>, told: &Told<'_>) -> Receipt {
    let index = writing.index;
    let identity = HostIdentity::read(writing.root);
    let states = states(writing, told);
    let state = |name: &EntryName| states.get(name).copied().unwrap_or(EntryState::Remaining);
    Receipt {
        format: FORMAT.to_owned(),
        index_sha256: writing.index_digest,
        plan_digest: index.plan_digest,
        serial: index.serial,
        cluster: index.cluster.clone(),
        node: index.node.clone(),
        host: HostMatch {
            ssh_host_key: identity.ssh_host_key.ok(),
            machine_id_hash: identity.machine_id_hash.ok(),
            hostname: identity.hostname.ok(),
        },
        started: writing.now,
        finished: told.finished.max(writing.now),
        applier: Tool {
            name: "kubeapply".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        overrides: overrides(writing.request),
        entries: index
            .entries
            .iter()
            .map(|entry| {
                let said = ReceiptEntry::of(&entry.content, state(&entry.name));
                (entry.name.clone(), said)
            })
            .collect(),
        steps: index
            .steps
            .iter()
            .enumerate()
            .map(|(position, step)| ReceiptStep {
                phase: step.phase().clone(),
                done: step.only_looks() || told.done.contains(&position),
            })
            .collect(),
    }
}

/// What became of each file, directory and object that was looked at.
fn states(writing: &Writing<'_, '_>, told: &Told<'_>) -> BTreeMap<EntryName, EntryState> {
    let mut states = BTreeMap::new();
    let index = writing.index;
    let steps = index.steps.iter().enumerate();
    for (_, step) in steps.filter(|(position, _)| told.done.contains(position)) {
        let committed = step.commits().and_then(|transaction| {
            let mut transactions = index.transactions.iter();
            transactions.find(|found| found.name == *transaction)
        });
        let files = committed.map_or(&[][..], |found| found.entries.as_slice());
        let entries = files.iter().chain(step.applies());
        states.extend(entries.map(|entry| (entry.clone(), EntryState::Installed)));
    }
    for transaction in &writing.comparison.transactions {
        let planned = transaction.planned;
        // What a live step was to write is there if the step is done.
        let open = planned.is_live && !told.done.contains(&planned.position);
        for item in &transaction.items {
            if !(open && item.writes()) {
                states.insert(name(item), of_item(item));
            }
        }
    }
    let drift = told
        .live
        .steps
        .iter()
        .flat_map(|step| &step.result.objects.drift);
    for drift in drift {
        if let Ok(entry) = drift.entry.parse() {
            states.insert(entry, EntryState::Left);
        }
    }
    states
}

fn name(item: &Item<'_>) -> EntryName {
    match item {
        Item::File(item) => EntryName::file(item.planned.path),
        Item::Directory(item) => EntryName::directory(item.planned.path),
    }
}

/// A file whose new owner has changed it was installed: that is what handing over means.
const fn of_item(item: &Item<'_>) -> EntryState {
    match item {
        Item::File(item) => match item.action {
            FileAction::Create
            | FileAction::Update
            | FileAction::Overwrite
            | FileAction::Unchanged
            | FileAction::Adopt
            | FileAction::HandedOff => EntryState::Installed,
            FileAction::Drift | FileAction::Foreign | FileAction::Obstacle(_) => EntryState::Left,
        },
        Item::Directory(item) => match item.action {
            DirectoryAction::Create | DirectoryAction::Unchanged => EntryState::Installed,
            DirectoryAction::Left(_) | DirectoryAction::Obstacle(_) => EntryState::Left,
        },
    }
}

/// What the operator allowed, as it was typed; sorted.
fn overrides(request: &Request) -> Vec<String> {
    let mut flags = BTreeSet::new();
    if let Some(node) = &request.allowed.as_node {
        flags.insert(format!("--as-node {node}"));
    }
    if request.allowed.older_serial {
        flags.insert("--allow-older-serial".to_owned());
    }
    if request.allowed.test_only {
        flags.insert("--allow-test-only".to_owned());
    }
    let files = request.overwrite.iter().map(ToString::to_string);
    let objects = request.overwrite_objects.iter().map(ToString::to_string);
    flags.extend(
        files
            .chain(objects)
            .map(|path| format!("--overwrite-drift {path}")),
    );
    flags.extend(
        request
            .ignored
            .names()
            .map(|name| format!("--ignore-preflight-errors {name}")),
    );
    flags.into_iter().collect()
}
