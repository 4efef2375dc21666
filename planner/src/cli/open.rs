//! Bundles as commands open them.

use std::fs::File;
use std::path::{Path, PathBuf};

use kubeplan_bundle::allowed_signers::AllowedSigners;
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::policy::{Policy, Trust, TrustPolicy};
use kubeplan_bundle::reader::{Bundle, Intact, Unverified};
use kubeplan_bundle::timestamp::Timestamp;

use super::CliError;

/// Opens the file at `path` as a bundle nobody has verified.
pub(super) fn open(path: &Path) -> Result<Bundle<Unverified>, CliError> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| {
        CliError::caused(Exit::Refused, format!("opening bundle {shown}"), error)
    })?;
    Bundle::open(file).map_err(|error| refused(path, error))
}

/// Opens a bundle whose digests hold, whoever signed it.
pub(super) fn open_intact(path: &Path) -> Result<Bundle<Intact>, CliError> {
    open(path)?
        .into_intact()
        .map_err(|error| refused(path, error))
}

/// The refusal of the bundle at `path`.
pub(super) fn refused(
    path: &Path,
    error: impl std::error::Error + Send + Sync + 'static,
) -> CliError {
    CliError::caused(
        Exit::Refused,
        format!("bundle {} is refused", path.display()),
        error,
    )
}

/// Whom the user trusts.
#[derive(Debug, clap::Args)]
pub(super) struct TrustArgs {
    /// Trusted keys in OpenSSH's allowed_signers form
    #[arg(long, value_name = "FILE")]
    allowed_signers: Option<PathBuf>,
    /// How many distinct authors must have signed
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=32))]
    require_authors: u32,
    /// How many distinct reviewers must have approved
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=32))]
    require_approvals: u32,
}

impl TrustArgs {
    /// The policy, if trusted keys were named.
    pub(super) fn policy(&self) -> Result<Option<TrustPolicy>, CliError> {
        let Some(path) = &self.allowed_signers else {
            return Ok(None);
        };
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            CliError::caused(
                Exit::Usage,
                format!("reading allowed signers {shown}"),
                error,
            )
        })?;
        let allowed = AllowedSigners::parse(&text).map_err(|error| {
            CliError::caused(Exit::Usage, format!("allowed signers {shown}"), error)
        })?;
        let policy = Policy {
            authors: self.require_authors,
            approvals: self.require_approvals,
            ..Policy::default()
        };
        Ok(Some(TrustPolicy { allowed, policy }))
    }
}

/// How far a bundle can be believed, in one line.
pub(super) fn standing(
    bundle: &Bundle<Intact>,
    policy: Option<&TrustPolicy>,
    now: Timestamp,
) -> (Option<Trust>, String) {
    if bundle.signatures().is_empty() {
        return (None, "UNSIGNED: anybody can have made this bundle".into());
    }
    let signers = || {
        let keys = bundle
            .signatures()
            .iter()
            .map(|signature| signature.public_key().fingerprint().to_string());
        keys.collect::<Vec<_>>().join(", ")
    };
    let Some(policy) = policy else {
        return (
            None,
            format!(
                "UNTRUSTED: signed by {}, compared with no list of trusted keys",
                signers()
            ),
        );
    };
    match policy.judge(
        now,
        bundle.index_bytes(),
        bundle.signatures(),
        bundle.approvals(),
    ) {
        Ok(trust) => {
            let named = |keys: &[kubeplan_bundle::policy::TrustedKey]| {
                keys.iter()
                    .map(|key| format!("{} ({})", key.principal, key.fingerprint))
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            let mut line = format!("TRUSTED: signed by {}", named(&trust.authors));
            if !trust.approvals.is_empty() {
                line.push_str(&format!("; approved by {}", named(&trust.approvals)));
            }
            (Some(trust), line)
        }
        Err(error) => (None, format!("UNTRUSTED: {error}")),
    }
}
