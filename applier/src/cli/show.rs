//! `kubeapply show`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use kubeplan_bundle::index::{Content, Entry, Index, Place, SecretClass};
use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::seal::Recipient;
use kubeplan_bundle::step::Step;
use kubeplan_terminal::escape;
use serde::Serialize;

use super::{FormatArgs, PolicyArgs, RootArgs};
use crate::Io;
use crate::error::CliError;
use crate::host::local;
use crate::install::BundleError;
use crate::trust;
use crate::ui::{Report, printable, write_report};

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

    fn text(&self) -> String {
        let mut text = String::new();
        text.push_str(match self.trust {
            TrustLevel::Trusted => "TRUSTED\n",
            TrustLevel::Untrusted => "UNTRUSTED: nobody whom this host trusts vouches for this\n",
            TrustLevel::Unsigned => "UNSIGNED: nobody vouches for this\n",
        });
        let index = &self.index;
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "{name:<13} {}", printable(value).replace('\n', "\\n"));
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
        text.push('\n');
        for entry in &index.entries {
            text.push_str(&entry_line(entry));
        }
        text.push_str(&step_lines(index));
        text
    }

    fn notes(&self) -> Vec<String> {
        self.reason.iter().map(|reason| printable(reason)).collect()
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

/// How the API is reached; for each step a line that says what it does, then a row for each of its fields.
fn step_lines(index: &Index) -> String {
    let mut text = format!("\nsteps ({})\n", index.steps.len());
    if let Some(api) = &index.api {
        let _ = writeln!(
            text,
            "  the API server is {} as {}, within {} s",
            escape(&api.server),
            api.kubeconfig,
            api.timeout_seconds
        );
    }
    for step in &index.steps {
        let (kind, phase, summary) = (step.kind().word(), step.phase(), step.summary());
        let _ = writeln!(text, "  {kind} {phase}: {}", escape(&summary));
        for detail in step.details() {
            let (path, value) = (escape(&detail.path), escape(&detail.value));
            let _ = writeln!(text, "    {path} = {value}");
        }
        for path in step.paths().iter().filter(|path| path.role.writes()) {
            let _ = writeln!(text, "    {} {}", path.role.word(), escape(path.path));
        }
        if let Some(name) = step.commits() {
            let found = index.transactions.iter().find(|t| t.name == *name);
            let entries = found.map_or(0, |transaction| transaction.entries.len());
            let _ = writeln!(text, "    {entries} entries");
        }
        if let Step::ApplyObjects { entries, .. } = step {
            for entry in entries.iter().filter_map(|name| index.entry(name)) {
                for hole in &entry.holes {
                    let _ = writeln!(text, "    hole in {}: {hole}", entry.name);
                }
            }
        }
    }
    text
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
        Content::None => (String::new(), ""),
        Content::Public(blob) => (blob.size.to_string(), ""),
        Content::Sealed(sealed) => (
            String::new(),
            match sealed.class {
                SecretClass::PrivateKey => "  [sealed private key]",
                SecretClass::Kubeconfig => "  [sealed kubeconfig]",
                SecretClass::SecretObject => "  [sealed object]",
                SecretClass::Opaque => "  [sealed]",
            },
        ),
    };
    let handoff = if entry.handoff { "  [handed off]" } else { "" };
    format!(
        "{mode:>4} {owner:>7} {size:>9}  {:<16} {name}{slash}{class}{handoff}\n",
        entry.phase.as_str()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(value: &serde_json::Value, into: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                fields.iter().for_each(|(name, value)| {
                    into.push(name.clone());
                    values(value, into);
                });
            }
            serde_json::Value::Array(elements) => elements.iter().for_each(|v| values(v, into)),
            serde_json::Value::String(text) => into.push(text.clone()),
            other => into.push(other.to_string()),
        }
    }

    #[test]
    fn every_field_of_every_step_is_shown() {
        let index = include_bytes!("../../../fixtures/steps/empty-index.json");
        let mut index: Index = serde_json::from_slice(index).unwrap();
        let steps = include_str!("../../../fixtures/steps/every-step.json");
        let steps: Vec<serde_json::Value> = serde_json::from_str(steps).unwrap();
        for value in steps {
            let step: Step = serde_json::from_value(value.clone()).unwrap();
            index.steps = vec![step];
            let text = step_lines(&index);
            let mut fields = value.as_object().unwrap().clone();
            let mut wanted = Vec::new();
            for heading in ["do", "phase"] {
                wanted.extend(fields.remove(heading).unwrap().as_str().map(str::to_owned));
            }
            values(&fields.into(), &mut wanted);
            for value in wanted {
                assert!(text.contains(&value), "{value}: {text}");
            }
        }
    }
}
