//! `kubeapply show`.

use std::path::PathBuf;

use clap::Args;
use kubeplan_bundle::index::{Content, Entry, Index, Place};
use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::seal::Recipient;
use kubeplan_terminal::Text;
use serde::Serialize;

use super::{FormatArgs, PolicyArgs, RootArgs};
use crate::Io;
use crate::error::CliError;
use crate::host::local;
use crate::install::BundleError;
use crate::trust;
use crate::ui::{Report, write_report};

/// Show what a bundle holds and what it would do
///
/// Also shows bundles that are not trusted here, as long as they are intact;
/// they are marked UNSIGNED or UNTRUSTED, and nothing they say is vouched for.
#[derive(Debug, Args)]
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
pub(super) fn run(args: &ShowArgs, io: &mut Io<'_>) -> Result<(), CliError> {
    let root = args.root.open()?;
    let now = super::now(io)?;
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
    let judged = trust::load(&root, &args.policy.options()).and_then(|policy| {
        bundle
            .trusted_by(&policy, now)
            .map(drop)
            .map_err(CliError::refused)
    });
    if let Err(error) = judged {
        report.trust = if report.signed_by.is_empty() {
            TrustLevel::Unsigned
        } else {
            TrustLevel::Untrusted
        };
        report.reason = Some(error.to_string());
    }
    write_report(io, args.format.format, &report)
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
            TrustLevel::Trusted => "TRUSTED",
            TrustLevel::Untrusted => "UNTRUSTED: nobody whom this host trusts vouches for this",
            TrustLevel::Unsigned => "UNSIGNED: nobody vouches for this",
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
        self.reason.iter().cloned().collect()
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
