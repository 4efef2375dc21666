//! Bundles as commands open them.

use std::fs::File;
use std::io::Seek;
use std::path::{Path, PathBuf};

use kubeplan_bundle::allowed_signers::AllowedSigners;
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::policy::{Policy, TrustError, TrustPolicy};
use kubeplan_bundle::reader::{Bundle, Intact, Unverified};
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_review::{Judgement, Standing, in_short};
use kubeplan_terminal::{CliError, Io, with_causes};

use super::input::{MAX_INPUT, checked_text, read_trusted};
use crate::files;

/// A bundle's file, opened once. Whatever is put in its place afterwards, this is what is looked at.
#[derive(Debug)]
pub(super) struct BundleFile {
    file: File,
    path: PathBuf,
}

impl BundleFile {
    /// Opens the regular file at `path`.
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        let file = files::open_regular(path).map_err(|error| {
            let what = format!("opening bundle {}", path.display());
            CliError::caused(Exit::Refused, what, error)
        })?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// The open file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Reads it as a bundle that is not verified.
    pub(super) fn unverified(&self) -> Result<Bundle<Unverified>, CliError> {
        let handle = self.file.try_clone().and_then(|mut file| {
            file.rewind()?;
            Ok(file)
        });
        let handle = handle.map_err(|error| self.refused(error))?;
        Bundle::open(handle).map_err(|error| self.refused(error))
    }

    /// Reads it as a bundle whose digests hold, whichever key signed it.
    pub(super) fn intact(&self) -> Result<Bundle<Intact>, CliError> {
        let bundle = self.unverified()?.into_intact();
        bundle.map_err(|error| self.refused(error))
    }

    /// Its refusal.
    pub(super) fn refused(
        &self,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> CliError {
        refused(&self.path, error)
    }
}

/// Opens a bundle whose digests hold, whichever key signed it.
pub(super) fn open_intact(path: &Path) -> Result<Bundle<Intact>, CliError> {
    BundleFile::open(path)?.intact()
}

/// The refusal of the bundle at `path`.
fn refused(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> CliError {
    CliError::caused(
        Exit::Refused,
        format!("bundle {} is refused", path.display()),
        error,
    )
}

/// Whom the user trusts.
#[derive(Debug, clap::Args)]
pub(super) struct TrustArgs {
    /// Trusted keys in OpenSSH's allowed_signers form; refused if every user can
    /// write the file
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
    pub(super) fn policy(&self, io: &mut Io) -> Result<Option<TrustPolicy>, CliError> {
        let Some(path) = &self.allowed_signers else {
            return Ok(None);
        };
        let shown = path.display();
        let what = "allowed signers";
        let bytes = read_trusted(path, what, MAX_INPUT, io)?;
        let text = checked_text(bytes, what, &shown.to_string())?;
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

/// How far a bundle can be believed, and what the policy lacks if there is one and it is not fulfilled.
pub(super) fn standing(
    bundle: &Bundle<Intact>,
    trust: &TrustArgs,
    policy: Option<&TrustPolicy>,
    now: Timestamp,
) -> (Standing, Option<TrustError>) {
    let (signatures, approvals) = (bundle.signatures(), bundle.approvals());
    let Some(policy) = policy else {
        return (Standing::unjudged(signatures, approvals), None);
    };
    match policy.judge(now, bundle.index_bytes(), signatures, approvals) {
        Ok(trust) => {
            let judgement = Judgement::Trusted(&trust);
            (Standing::new(signatures, approvals, judgement), None)
        }
        Err(error) => {
            let list = trust.allowed_signers.as_deref().unwrap_or(Path::new("-"));
            let judgement = Judgement::Untrusted {
                why: in_short(&error, &format!("`{}`", list.display())),
                reason: Some(with_causes(&error)),
            };
            let standing = Standing::new(signatures, approvals, judgement);
            (standing, Some(error))
        }
    }
}
