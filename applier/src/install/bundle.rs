//! From a file to contents: opened, judged by the host's trust, unsealed in memory.
//!
//! In: a path, the host's trust, identities. Out: a trusted bundle and its secrets, or a refusal that says why. Nothing of the host
//! is changed.

use std::path::{Path, PathBuf};

use kubeplan_bundle::policy::Trust;
use kubeplan_bundle::reader::{Bundle, Public, Trusted, Unverified};
use kubeplan_bundle::seal::{Identities, Recipient};
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_bundle::unseal::Unsealed;
use kubeplan_bundle::verify::VerifyError;
use kubeplan_review::copy_again;
use kubeplan_terminal::{Advice, with_causes};

use super::error::{BundleError, InstallError};
use crate::host::{Root, RootPath, local};
use crate::trust::{self, TrustOptions};

/// The host's own key, which opens what is sealed to the host.
pub(crate) const SSH_HOST_KEY: RootPath = RootPath::fixed("/etc/ssh/ssh_host_ed25519_key");

/// Far more than an identity file has.
pub(super) const IDENTITY_LIMIT: u64 = 1024 * 1024;

/// Opens a bundle and judges it by the host's trust policy.
///
/// # Errors
/// [`InstallError::Bundle`] if it is not intact or not trusted; [`InstallError::Trust`] if there is no policy to be had.
pub(crate) fn open_trusted(
    path: &Path,
    root: &Root,
    options: &TrustOptions<'_>,
    now: Timestamp,
) -> Result<Bundle<Trusted>, InstallError> {
    let policy = trust::load(root, options)?;
    let bundle = open(path)?
        .into_trusted(&policy, now)
        .map_err(|error| refuse(path, error))?;
    if let Some(own) = options.own_plan {
        own.require(bundle.index())?;
    }
    Ok(bundle)
}

/// Opens a bundle and judges it by the host's trust policy, for a command that installs nothing: its sealed part may be left out.
///
/// # Errors
/// As for [`open_trusted`].
pub(crate) fn open_judged(
    path: &Path,
    root: &Root,
    options: &TrustOptions<'_>,
    now: Timestamp,
) -> Result<(Bundle<Public>, Trust), InstallError> {
    let policy = trust::load(root, options)?;
    let judged = open(path)?.into_judged(&policy, now);
    Ok(judged.map_err(|error| refuse(path, error))?)
}

fn open(path: &Path) -> Result<Bundle<Unverified>, InstallError> {
    let file = local::open(path).map_err(InstallError::Unreadable)?;
    Ok(Bundle::open(file).map_err(|error| refuse(path, error))?)
}

/// The refusal of the bundle at `path`.
pub(crate) fn refuse(path: &Path, error: VerifyError) -> BundleError {
    let hint = copy_again(&error, path);
    BundleError {
        path: path.display().to_string(),
        source: hint.into_iter().fold(Advice::because(error), Advice::and),
    }
}

/// The sealed contents; `None` if the bundle seals nothing. Adds to `notes` what is to be told of the files.
///
/// # Errors
/// [`InstallError::Sealed`] if no identity opens them; [`InstallError::Unreadable`] and [`InstallError::Identity`] for a file
/// without an identity.
pub(super) fn unseal(
    bundle: &Bundle<Trusted>,
    root: &Root,
    files: &[PathBuf],
    notes: &mut Vec<String>,
) -> Result<Option<Unsealed>, InstallError> {
    let Some(part) = &bundle.index().sealed else {
        // No key is needed to find that out.
        return Ok(None);
    };
    let closed = |why: String| InstallError::Sealed {
        why,
        recipients: advice(&part.recipients),
    };
    let identities = if files.is_empty() {
        let file = root
            .read(&SSH_HOST_KEY, IDENTITY_LIMIT)
            .map_err(InstallError::Unreadable)?
            .ok_or_else(|| {
                closed(format!(
                    "this host has no key to open the sealed part with: `{SSH_HOST_KEY}` does not exist"
                ))
            })?;
        let parsed = Identities::parse(&file, SSH_HOST_KEY.as_str());
        Some(parsed.map_err(|error| closed(with_causes(&error)))?)
    } else {
        let mut all: Option<Identities> = None;
        for path in files {
            let (file, note) =
                local::read_secret(path, IDENTITY_LIMIT).map_err(InstallError::Unreadable)?;
            notes.extend(note);
            let parsed = Identities::parse(&file, &path.display().to_string())?;
            all = Some(match all {
                Some(others) => others.and(parsed),
                None => parsed,
            });
        }
        all
    };
    let Some(identities) = identities else {
        return Ok(None);
    };
    let opened = bundle.unseal(&identities);
    opened
        .map(Some)
        .map_err(|error| closed(with_causes(&error)))
}

/// The recipients of the sealed part, and what to do.
fn advice(recipients: &[String]) -> Advice {
    let sealed_to = recipients.iter().map(|recipient| {
        let fingerprint = Recipient::parse(recipient).map(|key| key.fingerprint());
        match fingerprint {
            Ok(fingerprint) if fingerprint != *recipient => {
                format!("the bundle is sealed to {recipient} ({fingerprint})")
            }
            _ => format!("the bundle is sealed to {recipient}"),
        }
    });
    sealed_to
        .fold(Advice::default(), Advice::and)
        .and("give the matching identity with --identity FILE")
}
