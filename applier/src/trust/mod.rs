//! Whom a host trusts: `/etc/kubeplan/allowed_signers` and `/etc/kubeplan/policy.yaml`.
//!
//! The one exception, a plan that the host made for itself, is [`own_plan`]'s.
//!
//! In: the root, or a file the operator names. Out: the trust policy a bundle is judged by. Changing it takes a
//! key's fingerprint typed by a person who got it another way; flags can only make the policy stricter. A
//! file that others than its owner may write is not believed.

pub(crate) mod own_plan;
pub(crate) mod policy;
pub(crate) mod signers;

use std::path::Path;

use kubeplan_bundle::allowed_signers::AllowedSigners;
use kubeplan_bundle::policy::{Policy, TrustPolicy};
use kubeplan_terminal::quote;

pub(crate) use own_plan::OwnPlan;

use crate::error::CliError;
use crate::host::{Found, HostError, Root, RootPath, local};

/// The folder.
pub(crate) const FOLDER: RootPath = RootPath::fixed("/etc/kubeplan");

/// Far more than a list of people needs.
const LIMIT: u64 = 1024 * 1024;

/// What the operator asked for on the command line.
#[derive(Clone, Debug)]
pub(crate) struct TrustOptions<'a> {
    /// A list of signers to use instead of the host's.
    pub(crate) allowed_signers: Option<&'a Path>,
    /// At least this many authors.
    pub(crate) require_authors: Option<u32>,
    /// At least this many approvals.
    pub(crate) require_approvals: Option<u32>,
    /// The plan that this host had made for itself, if that is what is to be installed.
    pub(crate) own_plan: Option<&'a OwnPlan>,
}

/// The trust policy of the host, made stricter by the options.
///
/// # Errors
/// [`CliError`] of kind `Refused` if nobody is trusted, of kind `Usage` if a file cannot be used.
pub(crate) fn load(root: &Root, options: &TrustOptions<'_>) -> Result<TrustPolicy, CliError> {
    let host = policy::load(root)?.unwrap_or_default();
    if options.own_plan.is_some() {
        own_plan::require_allowed(root, &host)?;
    }
    let mut allowed = match options.allowed_signers {
        Some(path) => {
            let text = local::read_text(path, LIMIT).map_err(CliError::usage)?;
            AllowedSigners::parse(&text).map_err(|error| {
                CliError::usage(signers::SignersError::Parse {
                    path: path.display().to_string(),
                    source: error,
                })
            })?
        }
        None if options.own_plan.is_some() => signers::load(root)?.unwrap_or_default(),
        None => signers::load(root)?.ok_or_else(|| {
            CliError::refused(format!(
                "this host trusts nobody yet: `{}` does not exist",
                signers::path()
            ))
            .hint(format!(
                "get the author's public key and fingerprint, then run `kubeapply trust add{} --principal NAME --fingerprint SHA256:… KEYFILE`",
                root_flag(root)
            ))
        })?,
    };
    if let Some(own) = options.own_plan {
        own.trust(&mut allowed)?;
    }
    let asked = Policy::new(
        options.require_authors.unwrap_or(1),
        options.require_approvals.unwrap_or(0),
    )
    .map_err(CliError::usage)?;
    Ok(TrustPolicy {
        allowed,
        policy: host.stricter(asked),
    })
}

/// ` --root DIR` for a command line in a hint, if this is not the running system.
pub(crate) fn root_flag(root: &Root) -> String {
    if root.is_live() {
        String::new()
    } else {
        format!(" --root {}", quote(root.shown()))
    }
}

/// Reads a file of the trust folder, if it exists and only its owner can write it.
fn read_owned(root: &Root, name: &str) -> Result<Option<String>, CliError> {
    let Some(folder) = root.open_directory(&FOLDER)? else {
        return Ok(None);
    };
    let path = FOLDER.join(name);
    let meta = match folder.inspect(name)? {
        Found::Missing => return Ok(None),
        Found::File(meta) => meta,
        Found::Directory(_) | Found::Link | Found::Special(_) => {
            return Err(CliError::refused(HostError::NotAFile {
                path: path.to_string(),
            }));
        }
    };
    if meta.owner.uid != 0 && meta.owner.uid != root.invoker().uid {
        return Err(CliError::refused(format!(
            "`{path}` is owned by user {}, who could trust anybody",
            meta.owner.uid
        ))
        .hint(format!(
            "chown root:root {path}, after checking its content"
        )));
    }
    if meta.mode & 0o022 != 0 {
        return Err(CliError::refused(format!(
            "`{path}` has mode {:04o}: others could trust anybody",
            meta.mode
        ))
        .hint(format!("chmod go-w {path}, after checking its content")));
    }
    let Some(bytes) = folder.read(name, LIMIT)? else {
        return Ok(None);
    };
    match std::str::from_utf8(bytes.expose()) {
        Ok(text) => Ok(Some(text.to_owned())),
        Err(_) => Err(CliError::usage(HostError::NotText {
            path: path.to_string(),
        })),
    }
}
