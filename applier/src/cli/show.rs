//! `kubeapply show`.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::verify::VerifyError;
use kubeplan_review::{Judgement, Nothing, Standing, View, in_short};
use kubeplan_terminal::{CliError, Io, with_causes};

use super::{FormatArgs, PolicyArgs, RootArgs};
use crate::host::{Root, Surroundings, local};
use crate::install::refuse;
use crate::trust;

/// Show what a bundle holds and what it would do
///
/// The first line says whether the bundle is TRUSTED, UNTRUSTED or UNSIGNED. A
/// bundle that is not trusted here is shown as long as it is intact.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 shown, and trusted, or not compared with trusted keys because\n\
neither an option nor /etc/kubeplan/allowed_signers names any; 4 shown, and not\n\
signed and approved as they and the host's policy ask for; 4 with nothing\n\
shown, if the bundle is damaged."
)]
pub(super) struct ShowArgs {
    /// The bundle, NODE.CLUSTER.tar.gz
    bundle: PathBuf,

    #[command(flatten)]
    root: RootArgs,

    #[command(flatten)]
    policy: PolicyArgs,

    #[command(flatten)]
    format: FormatArgs,
}

/// Runs the command.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(args: &ShowArgs, around: &Surroundings, io: &mut Io) -> Result<(), CliError> {
    let root = args.root.open()?;
    let now = super::now(around)?;
    let file = local::open(&args.bundle).map_err(CliError::refused)?;
    let bundle = Bundle::open(file)
        .and_then(Bundle::into_public)
        .map_err(|error| refuse(&args.bundle, error))?;
    let options = args.policy.options();
    let judged = trust::load(&root, &options)
        .map_err(|error| Untrusted::NotJudged(error.into()))
        .and_then(|policy| {
            let (index, approvals) = (bundle.index_bytes(), bundle.approvals());
            policy
                .judge(now, index, bundle.signatures(), approvals)
                .map_err(|error| Untrusted::Judged(VerifyError::Untrusted(error)))
        });
    let standing = |judgement| {
        Standing::new(bundle.signatures(), bundle.approvals(), judgement)
            .of_public_part(bundle.is_public_part())
    };
    let view = |judgement| View::new(bundle.index(), standing(judgement), Nothing {});
    let untrusted = match judged {
        Ok(trust) => {
            return io.report(args.format.format, &view(Judgement::Trusted(&trust)));
        }
        Err(untrusted) => untrusted,
    };
    let is_configured = trust::is_configured(&root, &options);
    let signers = args.policy.allowed_signers.as_deref();
    let reason = untrusted.to_string();
    let view = view(Judgement::Untrusted {
        why: untrusted.standing(signers, is_configured),
        reason: Some(reason.clone()),
    });
    // Where no trusted keys are named the reason is a remark; otherwise it is the error that the command ends with.
    let view = view.noted((!is_configured).then_some(reason));
    io.report(args.format.format, &view)?;
    if is_configured {
        Err(untrusted.into_error(&root, signers))
    } else {
        Ok(())
    }
}

/// Why a bundle is shown that is not trusted.
enum Untrusted {
    /// No policy is available to judge it by.
    NotJudged(CliError),
    /// The policy does not trust it.
    Judged(VerifyError),
}

impl Untrusted {
    /// In a few words.
    fn standing(&self, signers: Option<&Path>, is_configured: bool) -> String {
        match self {
            Self::NotJudged(_) if is_configured => {
                "the trusted keys or the policy cannot be used".to_owned()
            }
            Self::NotJudged(_) => "no key is trusted on this host".to_owned(),
            Self::Judged(VerifyError::Untrusted(error)) => {
                let list = signers.map_or_else(
                    || "this host's allowed_signers".to_owned(),
                    |file| format!("`{}`", file.display()),
                );
                in_short(error, &list)
            }
            Self::Judged(_) => "a signature or approval does not hold".to_owned(),
        }
    }

    /// What the command ends with, once the bundle is shown.
    fn into_error(self, root: &Root, signers: Option<&Path>) -> CliError {
        match self {
            Self::NotJudged(error) => {
                // Bad usage stays that; everything else that keeps a bundle from being judged is a refusal.
                let exit = match error.exit() {
                    Exit::Usage => Exit::Usage,
                    _ => Exit::Refused,
                };
                error.with_exit(exit)
            }
            Self::Judged(error) => CliError::refused(error).hint(match signers {
                Some(file) => format!(
                    "do not install it; the trusted keys are those in `{}`",
                    file.display()
                ),
                None => format!(
                    "do not install it; `kubeapply trust list{}` shows the trusted keys",
                    trust::root_flag(root)
                ),
            }),
        }
    }
}

impl fmt::Display for Untrusted {
    /// The reason and its causes, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJudged(error) => error.fmt(f),
            Self::Judged(error) => f.write_str(&with_causes(error)),
        }
    }
}
