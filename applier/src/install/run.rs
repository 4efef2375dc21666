//! The pipeline of `install`, from the file to the report.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kubeplan_bundle::index::{EntryName, Index};
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::reader::{Bundle, Trusted};
use kubeplan_bundle::seal::{Identities, Recipient};
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_bundle::unseal::Unsealed;

use super::admission::{self, Allowances, Host};
use super::commit::{self, Committed};
use super::compare::{Comparer, Comparison, FileAction, Item};
use super::planned::{self, Contents, PlannedTransaction};
use super::record::{CommitFailure, Recorder};
use super::report::{InstallReport, InstallResult};
use crate::error::CliError;
use crate::host::identity::HostIdentity;
use crate::host::system::Live;
use crate::host::{Actions, Root, RootPath, local};
use crate::preflight::{self, Ignored};
use crate::state::installed::Installed;
use crate::state::salt::Salt;
use crate::state::serials::Serials;
use crate::state::{self};
use crate::trust::{self, TrustOptions};
use kubeplan_bundle::exit::Exit;

/// The host's own key, which opens what is sealed to the host.
const SSH_HOST_KEY: RootPath = RootPath::fixed("/etc/ssh/ssh_host_ed25519_key");

/// Far more than an identity file has.
const IDENTITY_LIMIT: u64 = 1024 * 1024;

/// What the operator asks for.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// The bundle.
    pub(crate) bundle: &'a Path,
    /// Files with identities; the host's own key if there are none.
    pub(crate) identities: &'a [PathBuf],
    /// Whom to trust.
    pub(crate) trust: TrustOptions<'a>,
    /// What is allowed.
    pub(crate) allowed: Allowances,
    /// Paths that may be overwritten although others changed them.
    pub(crate) overwrite: BTreeSet<HostPath>,
    /// Only show what would be done.
    pub(crate) dry_run: bool,
    /// Checks whose errors count as warnings.
    pub(crate) ignored: Ignored,
}

/// A report if it got that far, and an error if it did not get to the end.
pub(crate) struct Outcome {
    /// What was or would be done.
    pub(crate) report: Option<InstallReport>,
    /// Why it is not done.
    pub(crate) error: Option<CliError>,
}

impl From<CliError> for Outcome {
    fn from(error: CliError) -> Self {
        Self {
            report: None,
            error: Some(error),
        }
    }
}

/// An installation that was stopped in the middle.
#[derive(Debug, thiserror::Error)]
#[error("the installation stopped part-way, {at}: {done} of {planned} changes are in place")]
struct PartWay {
    at: String,
    done: usize,
    planned: usize,
    #[source]
    source: CommitFailure,
}

/// Installs a bundle, or shows what that would do.
pub(crate) fn run(
    request: &Request<'_>,
    root: &Root,
    now: Timestamp,
    actions: &Actions,
) -> Outcome {
    pipeline(request, root, now, actions).unwrap_or_else(Outcome::from)
}

/// Opens a bundle and judges it by the host's trust policy.
///
/// # Errors
/// [`CliError`] of kind `Refused` if it is not intact or not trusted.
pub(crate) fn open_trusted(
    path: &Path,
    root: &Root,
    options: &TrustOptions<'_>,
    now: Timestamp,
) -> Result<Bundle<Trusted>, CliError> {
    let policy = trust::load(root, options)?;
    let file = local::open(path).map_err(CliError::refused)?;
    Bundle::open(file)
        .and_then(|bundle| bundle.into_trusted(&policy, now))
        .map_err(|error| refuse(path, error))
}

/// The refusal of the bundle at `path`.
pub(crate) fn refuse(path: &Path, source: kubeplan_bundle::verify::VerifyError) -> CliError {
    CliError::refused(BundleError {
        path: path.display().to_string(),
        source,
    })
}

/// Names the bundle that is refused.
#[derive(Debug, thiserror::Error)]
#[error("the bundle `{path}` is refused")]
pub(crate) struct BundleError {
    /// The file.
    pub(crate) path: String,
    /// Why.
    #[source]
    pub(crate) source: kubeplan_bundle::verify::VerifyError,
}

fn pipeline(
    request: &Request<'_>,
    root: &Root,
    now: Timestamp,
    actions: &Actions,
) -> Result<Outcome, CliError> {
    let bundle = open_trusted(request.bundle, root, &request.trust, now)?;
    let index = bundle.index();
    let identity = HostIdentity::read(root);
    let host = Host {
        identity: &identity,
        live: root.is_live(),
        now,
    };
    let mut refusals = admission::check(index, &host, &request.allowed);
    // Held before the state is read, if there is one already; nothing is created for it yet.
    let mut lock = if request.dry_run {
        None
    } else {
        state::lock_existing(root)?
    };
    let serials = Serials::load(root)?;
    refusals.extend(admission::check_serial(
        index,
        serials.highest(index),
        &request.allowed,
    ));
    if let Some(error) = admission::into_error(&refusals) {
        return Err(error);
    }
    if root.is_live() && !root.is_privileged() && !request.dry_run {
        return Err(CliError::new(
            Exit::Preflight,
            "installing into the running system needs root",
        )
        .hint("run as root, or install into a folder with --root DIR"));
    }
    let checked = preflight::run(&preflight::Request {
        root,
        system: &Live,
        index,
        record: Installed::load(root)?.node(index),
        overwrite: &request.overwrite,
        ignored: &request.ignored,
        pull: !request.dry_run,
        alone: false,
    })?;
    if let Some(error) = checked.full_error() {
        return Err(error);
    }
    let unsealed = unseal(&bundle, root, request.identities)?;
    let contents = BundleContents {
        bundle: &bundle,
        unsealed: unsealed.as_ref(),
    };
    let planned = planned::transactions(index, &contents)?;
    check_overwrite(&planned, &request.overwrite)?;

    let report = |result, comparison: &Comparison<'_>| {
        let mut report = InstallReport::new(result, root, index, bundle.trust(), comparison);
        if request.allowed.as_node.is_some() {
            report.note("the bundle's target was not compared with this host (--as-node)");
        }
        for warning in checked.warnings() {
            report.note(warning);
        }
        report
    };
    let mut memory = Memory::load(root)?;
    let mut comparison = memory.compare(root, index, &request.overwrite, &planned)?;
    if lock.is_none() && !comparison.refuses() && !request.dry_run {
        // Another first run may have been faster: what was seen before the lock counts for nothing.
        lock = Some(state::lock(root, actions)?);
        memory = Memory::load(root)?;
        let late = admission::check_serial(index, memory.serials.highest(index), &request.allowed);
        if let Some(error) = admission::into_error(late.as_slice()) {
            return Err(error);
        }
        comparison = memory.compare(root, index, &request.overwrite, &planned)?;
    }
    if comparison.refuses() {
        return Ok(Outcome {
            report: Some(report(InstallResult::Refused, &comparison)),
            error: Some(obstacles(&comparison)),
        });
    }
    if request.dry_run {
        return Ok(Outcome {
            report: Some(report(InstallResult::DryRun, &comparison)),
            error: None,
        });
    }
    let changes = comparison.changes();
    let recorder = Recorder {
        root,
        actions,
        index,
        installed: memory.installed,
        serials: memory.serials,
        salt: memory.salt,
    };
    write(root, actions, &comparison, recorder, &request.allowed)?;
    drop(lock);
    let result = if changes == 0 {
        InstallResult::Unchanged
    } else {
        InstallResult::Installed
    };
    Ok(Outcome {
        report: Some(report(result, &comparison)),
        error: None,
    })
}

/// Everything that changes the host besides the lock.
fn write(
    root: &Root,
    actions: &Actions,
    comparison: &Comparison<'_>,
    mut recorder: Recorder<'_>,
    allowed: &Allowances,
) -> Result<(), CliError> {
    let planned = comparison.changes();
    commit::clear(root, actions, comparison)
        .map_err(CommitFailure::from)
        .map_err(|error| stopped("before the first transaction", 0, planned, error, &[]))?;
    recorder.begin(comparison).map_err(|error| {
        stopped(
            "before the first transaction",
            0,
            planned,
            error.into(),
            &[],
        )
    })?;
    let committed = commit::commit(root, actions, comparison);
    let in_place = in_place(&committed);
    if let Some((transaction, error)) = committed.failure {
        return Err(stopped(
            &format!("in transaction `{transaction}`"),
            in_place.len(),
            planned,
            error.into(),
            &in_place,
        ));
    }
    recorder
        .finish(comparison, &committed.placed, allowed.as_node.is_some())
        .map_err(|error| {
            stopped(
                "while recording what was installed",
                in_place.len(),
                planned,
                error.into(),
                &in_place,
            )
        })
}

fn in_place(committed: &Committed<'_>) -> Vec<String> {
    committed
        .folders
        .iter()
        .map(|path| format!("{path}/"))
        .chain(
            committed
                .placed
                .iter()
                .map(|placed| placed.planned.path.to_string()),
        )
        .collect()
}

fn stopped(
    at: &str,
    done: usize,
    planned: usize,
    source: CommitFailure,
    in_place: &[String],
) -> CliError {
    const SHOWN: usize = 12;
    let mut error = CliError::new(
        Exit::Partial,
        PartWay {
            at: at.to_owned(),
            done,
            planned,
            source,
        },
    );
    if !in_place.is_empty() {
        let shown: Vec<&str> = in_place.iter().take(SHOWN).map(String::as_str).collect();
        let more = in_place.len().saturating_sub(SHOWN);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        error = error.hint(format!("in place: {}{more}", shown.join(", ")));
    }
    error.hint("every other file is as it was; remove the cause and run the same install again, it continues")
}

/// What the host remembers.
struct Memory {
    installed: Installed,
    serials: Serials,
    salt: Option<Salt>,
}

impl Memory {
    fn load(root: &Root) -> Result<Self, CliError> {
        Ok(Self {
            installed: Installed::load(root)?,
            serials: Serials::load(root)?,
            salt: Salt::load(root)?,
        })
    }

    fn compare<'a>(
        &self,
        root: &Root,
        index: &Index,
        overwrite: &BTreeSet<HostPath>,
        planned: &'a [PlannedTransaction<'a>],
    ) -> Result<Comparison<'a>, CliError> {
        let comparer = Comparer {
            root,
            record: self.installed.node(index),
            salt: self.salt.as_ref(),
            overwrite,
        };
        Ok(comparer.compare(planned)?)
    }
}

struct BundleContents<'a> {
    bundle: &'a Bundle<Trusted>,
    /// Absent if the bundle seals nothing.
    unsealed: Option<&'a Unsealed>,
}

impl Contents for BundleContents<'_> {
    fn public(&self, name: &EntryName) -> Option<&[u8]> {
        self.bundle.public(name)
    }

    fn secret(&self, name: &EntryName) -> Option<&[u8]> {
        self.unsealed?.content(name).map(|secret| secret.expose())
    }
}

/// The sealed contents; `None` if the bundle seals nothing.
fn unseal(
    bundle: &Bundle<Trusted>,
    root: &Root,
    files: &[PathBuf],
) -> Result<Option<Unsealed>, CliError> {
    let sealed = bundle.index().sealed.as_ref();
    let with_recipients = |mut error: CliError| {
        for recipient in sealed
            .map(|part| part.recipients.as_slice())
            .unwrap_or_default()
        {
            let fingerprint = Recipient::parse(recipient).map(|key| key.fingerprint());
            error = error.hint(match fingerprint {
                Ok(fingerprint) if fingerprint != *recipient => {
                    format!("the bundle is sealed to {recipient} ({fingerprint})")
                }
                _ => format!("the bundle is sealed to {recipient}"),
            });
        }
        error.hint("give the matching identity with --identity FILE")
    };
    let mut identities: Option<Identities> = None;
    let mut add = |file, name: &str| -> Result<(), CliError> {
        let parsed = Identities::parse(&file, name).map_err(CliError::refused)?;
        identities = Some(match identities.take() {
            Some(others) => others.and(parsed),
            None => parsed,
        });
        Ok(())
    };
    if sealed.is_none() {
        // Nothing is sealed, and no key is needed to find that out.
    } else if files.is_empty() {
        let file = root
            .read(&SSH_HOST_KEY, IDENTITY_LIMIT)
            .map_err(CliError::refused)?
            .ok_or_else(|| {
                with_recipients(CliError::refused(format!(
                    "this host has no key to open the sealed part with: `{SSH_HOST_KEY}` does not exist"
                )))
            })?;
        add(file, SSH_HOST_KEY.as_str()).map_err(with_recipients)?;
    } else {
        for path in files {
            let file = local::read(path, IDENTITY_LIMIT).map_err(CliError::refused)?;
            add(file, &path.display().to_string())?;
        }
    }
    let Some(identities) = identities else {
        return Ok(None);
    };
    bundle
        .unseal(&identities)
        .map(Some)
        .map_err(|error| with_recipients(CliError::refused(error)))
}

fn check_overwrite(
    planned: &[PlannedTransaction<'_>],
    overwrite: &BTreeSet<HostPath>,
) -> Result<(), CliError> {
    for path in overwrite {
        let known = planned
            .iter()
            .flat_map(|t| &t.entries)
            .any(|entry| matches!(entry, planned::PlannedEntry::File(file) if file.path == path));
        if !known {
            return Err(CliError::usage(format!(
                "`--overwrite-drift {path}`: the bundle has no file of this path"
            )));
        }
    }
    Ok(())
}

/// One error for everything that is in the way.
fn obstacles(comparison: &Comparison<'_>) -> CliError {
    let mut lines = Vec::new();
    let mut foreign = false;
    for item in comparison.items().filter(|item| item.refuses()) {
        lines.push(match item {
            Item::File(item) => match &item.action {
                FileAction::Obstacle(reason) => format!("{}: {reason}", item.planned.path),
                _ => {
                    foreign = true;
                    format!(
                        "{}: exists, was not installed by kubeapply, and differs ({})",
                        item.planned.path,
                        item.differs.join(", ")
                    )
                }
            },
            Item::Directory(item) => match &item.action {
                super::compare::DirectoryAction::Obstacle(reason) => {
                    format!("{}: {reason}", item.planned.path)
                }
                _ => continue,
            },
        });
    }
    let error = CliError::new(
        Exit::Preflight,
        format!(
            "{} of the bundle's paths cannot be installed:\n  - {}",
            lines.len(),
            lines.join("\n  - ")
        ),
    );
    if foreign {
        error.hint("look at the files with --dry-run, then move them away or name each with --overwrite-drift PATH")
    } else {
        error.hint("move what is in the way, and run the command again")
    }
}
