//! Opens bundles for commands, and judges them by the trusted keys that the user names.

use std::fs::File;
use std::io::Seek;
use std::path::{Path, PathBuf};

use kubeplan_bundle::allowed_signers::AllowedSigners;
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::policy::{Policy, TrustError, TrustPolicy};
use kubeplan_bundle::reader::{Bundle, Public, Unverified};
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_bundle::verify::VerifyError;
use kubeplan_review::{Judgement, Standing, copy_again, in_short};
use kubeplan_terminal::{CliError, Io, with_causes};

use super::reading::{MAX_INPUT, checked_text, read_trusted};
use crate::files;

/// A bundle's file, opened once. A file that takes its place afterwards is never read.
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

    /// Reads the file as an unverified bundle.
    pub(super) fn unverified(&self) -> Result<Bundle<Unverified>, CliError> {
        let handle = self.file.try_clone().and_then(|mut file| {
            file.rewind()?;
            Ok(file)
        });
        let handle = handle.map_err(|error| self.refused(VerifyError::Read(error)))?;
        Bundle::open(handle).map_err(|error| self.refused(error))
    }

    /// Reads the file and checks the digests of its content; signed by any key or none. Its sealed part may be left out.
    pub(super) fn readable(&self) -> Result<Bundle<Public>, CliError> {
        let bundle = self.unverified()?.into_public();
        bundle.map_err(|error| self.refused(error))
    }

    /// The error for this bundle when it is refused because of `error`.
    pub(super) fn refused(&self, error: VerifyError) -> CliError {
        let hint = copy_again(&error, &self.path);
        let what = format!("bundle {} is refused", self.path.display());
        let refused = CliError::caused(Exit::Refused, what, error);
        hint.into_iter().fold(refused, CliError::hint)
    }
}

/// Opens the bundle at `path` and checks the digests of its content; signed by any key or none. Its sealed part may be left out.
pub(super) fn open_readable(path: &Path) -> Result<Bundle<Public>, CliError> {
    BundleFile::open(path)?.readable()
}

/// Arguments that name trusted keys and how many signatures and approvals they must have made.
#[derive(Debug, clap::Args)]
pub(super) struct TrustArgs {
    /// Trusted keys in OpenSSH's allowed_signers format; refused if every user
    /// can write the file
    #[arg(long, value_name = "FILE")]
    allowed_signers: Option<PathBuf>,
    /// Number of distinct authors who must have signed the bundle
    #[arg(long, value_name = "N", default_value_t = 1, requires = "allowed_signers", value_parser = clap::value_parser!(u32).range(1..=32))]
    require_authors: u32,
    /// Number of distinct reviewers who must have approved the bundle
    #[arg(long, value_name = "N", default_value_t = 0, requires = "allowed_signers", value_parser = clap::value_parser!(u32).range(0..=32))]
    require_approvals: u32,
}

impl TrustArgs {
    /// Returns the policy; `None` if no trusted keys were named.
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

/// Judges a bundle: its standing, and why it does not satisfy the policy if there is one.
pub(super) fn standing(
    bundle: &Bundle<Public>,
    trust: &TrustArgs,
    policy: Option<&TrustPolicy>,
    now: Timestamp,
) -> (Standing, Option<TrustError>) {
    let (signatures, approvals) = (bundle.signatures(), bundle.approvals());
    let whole = |standing: Standing| standing.of_public_part(bundle.is_public_part());
    let Some(policy) = policy else {
        return (whole(Standing::unjudged(signatures, approvals)), None);
    };
    match policy.judge(now, bundle.index_bytes(), signatures, approvals) {
        Ok(trust) => {
            let judgement = Judgement::Trusted(&trust);
            let standing = Standing::new(signatures, approvals, judgement);
            (whole(standing), None)
        }
        Err(error) => {
            let list = trust.allowed_signers.as_deref().unwrap_or(Path::new("-"));
            let judgement = Judgement::Untrusted {
                why: in_short(&error, &format!("`{}`", list.display())),
                reason: Some(with_causes(&error)),
            };
            let standing = Standing::new(signatures, approvals, judgement);
            (whole(standing), Some(error))
        }
    }
}
