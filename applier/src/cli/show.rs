//! `kubeapply show`.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::index::{Content, Entry, Index, Place};
use kubeplan_bundle::policy::TrustError;
use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::seal::Recipient;
use kubeplan_bundle::verify::VerifyError;
use kubeplan_terminal::{CliError, Io, Report, Text, with_causes};
use serde::Serialize;

use super::{FormatArgs, PolicyArgs, RootArgs};
use crate::host::{Root, Surroundings, local};
use crate::install::BundleError;
use crate::trust;

/// Show what a bundle holds and what it would do
///
/// The first line says how far the bundle can be believed: TRUSTED, UNTRUSTED or
/// UNSIGNED. A bundle that is not trusted here is shown as long as it is intact.
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShowReport {
    trust: TrustLevel,
    /// Why it is not trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The same in a few words, for the first line.
    #[serde(skip)]
    standing: String,
    /// The reason is a remark, because no trusted keys are named; otherwise it is the error that the command ends with.
    #[serde(skip)]
    is_remark: bool,
    signed_by: Vec<String>,
    approved_by: Vec<String>,
    /// Who a sealed bundle is for.
    recipients: Vec<String>,
    index: Index,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum TrustLevel {
    Trusted,
    Untrusted,
    Unsigned,
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
        .and_then(Bundle::into_intact)
        .map_err(|source| {
            CliError::refused(BundleError {
                path: args.bundle.display().to_string(),
                source,
            })
        })?;
    let fingerprint = |key: kubeplan_bundle::signature::PublicKey| key.fingerprint().to_string();
    let mut report = ShowReport {
        trust: TrustLevel::Trusted,
        reason: None,
        standing: String::new(),
        is_remark: false,
        signed_by: bundle
            .signatures()
            .iter()
            .map(|signature| fingerprint(signature.public_key()))
            .collect(),
        approved_by: bundle
            .approvals()
            .iter()
            .map(|approval| approval.fingerprint().to_string())
            .collect(),
        recipients: recipients(bundle.index()),
        index: bundle.index().clone(),
    };
    let options = args.policy.options();
    let judged = trust::load(&root, &options)
        .map_err(Untrusted::NotJudged)
        .and_then(|policy| {
            bundle
                .trusted_by(&policy, now)
                .map(drop)
                .map_err(Untrusted::Judged)
        });
    let Err(untrusted) = judged else {
        return io.report(args.format.format, &report);
    };
    let is_configured = trust::is_configured(&root, &options);
    report.trust = if report.signed_by.is_empty() {
        TrustLevel::Unsigned
    } else {
        TrustLevel::Untrusted
    };
    report.standing = untrusted.standing(args.policy.allowed_signers.as_deref(), is_configured);
    report.reason = Some(untrusted.to_string());
    report.is_remark = !is_configured;
    io.report(args.format.format, &report)?;
    if is_configured {
        Err(untrusted.into_error(&root, args.policy.allowed_signers.as_deref()))
    } else {
        Ok(())
    }
}

/// Why a bundle is shown that is not trusted.
enum Untrusted {
    /// There is no policy to judge it by.
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
            Self::Judged(VerifyError::Untrusted(TrustError::Authors { counted: 0, .. })) => signers
                .map_or_else(
                    || "not signed by any key in this host's allowed_signers".to_owned(),
                    |file| format!("not signed by any key in `{}`", file.display()),
                ),
            Self::Judged(VerifyError::Untrusted(TrustError::Authors {
                needed, counted, ..
            })) => format!("{counted} of {needed} authors"),
            Self::Judged(VerifyError::Untrusted(TrustError::Approvals {
                needed, counted, ..
            })) => format!("{counted} of {needed} approvals"),
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

fn recipients(index: &Index) -> Vec<String> {
    index
        .sealed
        .iter()
        .flat_map(|sealed| &sealed.recipients)
        .map(|text| {
            Recipient::parse(text)
                .map_or_else(|_| text.clone(), |recipient| recipient.fingerprint())
        })
        .collect()
}

impl Report for ShowReport {
    const COMMAND: &'static str = "show";

    fn text(&self) -> Text {
        let mut text = Text::of(match self.trust {
            TrustLevel::Trusted => "TRUSTED".to_owned(),
            TrustLevel::Untrusted => format!("UNTRUSTED: {}", self.standing),
            TrustLevel::Unsigned => "UNSIGNED: no signature".to_owned(),
        });
        let index = &self.index;
        let mut line = |name: &str, value: &str| {
            text.line(format_args!("{name:<13} {value}"));
        };
        line(
            "cluster",
            &format!("{} ({})", index.cluster.name, index.cluster.id),
        );
        line(
            "node",
            &format!("{} ({})", index.node.name, index.node.role),
        );
        line("serial", &index.serial.to_string());
        line("plan digest", &index.plan_digest.to_string());
        line("created", &index.created.to_string());
        line(
            "install",
            &format!("from {} until {}", index.apply_after, index.apply_before),
        );
        let platform = &index.target.platform;
        line("platform", &format!("{}/{}", platform.os, platform.arch));
        line("target", &target(index));
        line(
            "planned by",
            &format!("{} {}", index.planner.name, index.planner.version),
        );
        if index.test_only {
            line(
                "test only",
                "made with public test keys: not for a real host",
            );
        }
        for (name, values) in [
            ("signed by", &self.signed_by),
            ("approved by", &self.approved_by),
            ("sealed to", &self.recipients),
        ] {
            for value in values {
                line(name, value);
            }
        }
        for (name, value) in &index.annotations {
            line("annotation", &format!("{name}: {value}"));
        }
        text.blank();
        text.extend(index.entries.iter().map(entry_line));
        text.blank();
        text.extend(index.step_lines());
        text
    }

    fn notes(&self) -> Vec<String> {
        self.reason
            .iter()
            .filter(|_| self.is_remark)
            .cloned()
            .collect()
    }
}

fn target(index: &Index) -> String {
    let target = &index.target.r#match;
    let fields: Vec<String> = [
        target
            .ssh_host_key
            .as_ref()
            .map(|key| format!("sshHostKey {key}")),
        target
            .machine_id_hash
            .as_ref()
            .map(|hash| format!("machineIdHash {hash}")),
        target
            .hostname
            .as_ref()
            .map(|name| format!("hostname {name}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if fields.is_empty() {
        "any host".to_owned()
    } else {
        fields.join(", ")
    }
}

/// `mode owner size phase name`, as a table.
fn entry_line(entry: &Entry) -> String {
    let (mode, owner, slash) = match &entry.place {
        Place::File(place) => (
            place.mode.to_string(),
            format!("{}:{}", place.uid, place.gid),
            "",
        ),
        Place::Directory(place) => (
            place.mode.to_string(),
            format!("{}:{}", place.uid, place.gid),
            "/",
        ),
        Place::Object | Place::Payload => (String::new(), String::new(), ""),
    };
    let name = match &entry.place {
        Place::File(place) | Place::Directory(place) => place.path.as_str(),
        Place::Object | Place::Payload => entry.name.as_str(),
    };
    let (size, class) = match &entry.content {
        Content::None => (String::new(), String::new()),
        Content::Public(blob) => (blob.size.to_string(), String::new()),
        Content::Sealed(sealed) => (String::new(), format!("  [sealed {}]", sealed.class)),
    };
    let handoff = if entry.handoff { "  [handed off]" } else { "" };
    format!(
        "{mode:>4} {owner:>7} {size:>9}  {:<16} {name}{slash}{class}{handoff}",
        entry.phase.as_str()
    )
}
