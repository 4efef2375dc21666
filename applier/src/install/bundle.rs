//! From a file to contents: opened, judged by the host's trust, unsealed in memory.
//!
//! In: a path, the host's trust, identities. Out: a trusted bundle and its secrets, or a refusal that says why. Nothing of the host
//! is changed.

use std::path::{Path, PathBuf};

use kubeplan_bundle::reader::{Bundle, Trusted};
use kubeplan_bundle::seal::{Identities, Recipient};
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_bundle::unseal::Unsealed;
use kubeplan_terminal::CliError;

use crate::host::{Root, RootPath, local};
use crate::trust::{self, TrustOptions};

/// The host's own key, which opens what is sealed to the host.
pub(crate) const SSH_HOST_KEY: RootPath = RootPath::fixed("/etc/ssh/ssh_host_ed25519_key");

/// Far more than an identity file has.
pub(super) const IDENTITY_LIMIT: u64 = 1024 * 1024;

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
    let bundle = Bundle::open(file)
        .and_then(|bundle| bundle.into_trusted(&policy, now))
        .map_err(|error| refuse(path, error))?;
    if let Some(own) = options.own_plan {
        own.require(bundle.index())?;
    }
    Ok(bundle)
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

/// The sealed contents; `None` if the bundle seals nothing. Adds to `notes` what is to be told of the files.
///
/// # Errors
/// [`CliError`] of kind `Refused` if no identity opens them.
pub(super) fn unseal(
    bundle: &Bundle<Trusted>,
    root: &Root,
    files: &[PathBuf],
    notes: &mut Vec<String>,
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
            let (file, note) =
                local::read_secret(path, IDENTITY_LIMIT).map_err(CliError::refused)?;
            notes.extend(note);
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
