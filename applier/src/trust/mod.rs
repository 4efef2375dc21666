//! The keys and the policy that a host trusts bundles by: `/etc/kubeplan/allowed_signers` and `/etc/kubeplan/policy.yaml`.
//!
//! The one exception, a plan that the host made for itself, is [`own_plan`]'s.
//!
//! In: the root, or a file the operator names. Out: the trust policy a bundle is judged by. Changing it takes a
//! key's fingerprint typed by a person who got it another way; flags can only make the policy stricter. A
//! file counts only if no other user can change it, nor a directory on the way to it; a policy that is missing is missed ([`policy_memory`]).

mod error;
pub(crate) mod own_plan;
pub(crate) mod policy;
pub(crate) mod policy_memory;
pub(crate) mod signers;

use std::path::Path;

use kubeplan_bundle::allowed_signers::AllowedSigners;
use kubeplan_bundle::policy::{Policy, TrustPolicy};
use kubeplan_terminal::{Advice, quote};

pub(crate) use error::TrustError;

use crate::host::ownership::Guarded;
use crate::host::{HostError, Root, RootPath, local};
use crate::state::journal::record::OwnPlan;

/// The directory.
pub(crate) const DIRECTORY: RootPath = RootPath::fixed("/etc/kubeplan");

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
/// [`TrustError`] if no key is trusted, or a file cannot be used.
pub(crate) fn load(root: &Root, options: &TrustOptions<'_>) -> Result<TrustPolicy, TrustError> {
    let host = policy_memory::in_force(root)?;
    if options.own_plan.is_some() {
        own_plan::require_allowed(root, &host, &[])?;
    }
    let mut allowed = match options.allowed_signers {
        Some(path) => {
            let bytes = local::read_unshared(path, LIMIT).map_err(named)?;
            let text = local::into_text(path, &bytes).map_err(named)?;
            AllowedSigners::parse(&text).map_err(|source| TrustError::Signers {
                path: path.display().to_string(),
                source,
            })?
        }
        None if options.own_plan.is_some() => signers::load(root)?.unwrap_or_default(),
        None => signers::load(root)?.ok_or_else(|| TrustError::NoSigners {
            path: signers::path(),
            add: Advice::hint(format!(
                "get the author's public key and fingerprint, then run `kubeapply trust add{} --principal NAME --fingerprint SHA256:… KEYFILE`",
                root_flag(root)
            )),
        })?,
    };
    if let Some(own) = options.own_plan {
        own.trust(&mut allowed)?;
    }
    let asked = Policy::new(
        options.require_authors.unwrap_or(1),
        options.require_approvals.unwrap_or(0),
    )
    .map_err(TrustError::Asked)?;
    Ok(TrustPolicy {
        allowed,
        policy: host.stricter(asked),
    })
}

/// Whether the operator, or a list or a policy on the host that may not even be usable, names trusted keys or asks for any.
pub(crate) fn is_configured(root: &Root, options: &TrustOptions<'_>) -> bool {
    options.allowed_signers.is_some()
        || options.require_authors.is_some()
        || options.require_approvals.is_some()
        || !matches!(signers::load(root), Ok(None))
        || !matches!(policy::load(root), Ok(None))
}

/// ` --root DIR` for a command line in a hint, if this is not the running system.
pub(crate) fn root_flag(root: &Root) -> String {
    if root.is_live() {
        String::new()
    } else {
        format!(" --root {}", quote(root.shown()))
    }
}

/// A failure to read a file that the operator named.
fn named(error: HostError) -> TrustError {
    match error {
        HostError::Exposed(_) => TrustError::Exposed(error),
        _ => TrustError::Unusable(error),
    }
}

/// A failure to read the trust directory: what another user can change is a reason to trust no bundle.
fn of_directory(error: HostError) -> TrustError {
    match error {
        HostError::Exposed(_) => TrustError::Exposed(error),
        _ => TrustError::Host(error),
    }
}

/// Opens the trust directory, if it exists and no other user can change it.
fn open_directory(root: &Root) -> Result<Option<Guarded>, TrustError> {
    Guarded::open(root, &DIRECTORY).map_err(of_directory)
}

/// Reads a file of the trust directory, if it exists and no other user can change it.
fn read_owned(root: &Root, name: &str) -> Result<Option<String>, TrustError> {
    let Some(directory) = open_directory(root)? else {
        return Ok(None);
    };
    let read = directory.read(name, LIMIT).map_err(|error| match error {
        HostError::NotAFile { .. } | HostError::LinkedFile { .. } => TrustError::Exposed(error),
        _ => of_directory(error),
    })?;
    let Some(bytes) = read else {
        return Ok(None);
    };
    match std::str::from_utf8(bytes.expose()) {
        Ok(text) => Ok(Some(text.to_owned())),
        Err(_) => Err(TrustError::Unusable(HostError::NotText {
            path: DIRECTORY.join(name).to_string(),
        })),
    }
}
