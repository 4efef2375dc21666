//! `kubeplan show`: what a bundle holds, for reviewers.
//!
//! The bundle only has to be whole: what is shown starts with how far it can be believed.

mod certificates;

use std::path::PathBuf;

use certificates::Certificates;
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::index::{Content, Entry, EntryName, Index, Place};
use kubeplan_bundle::policy::TrustError;
use kubeplan_bundle::reader::{Bundle, Intact};
use kubeplan_terminal::{CliError, Format, Io, Text, quote, table_with_open_end};
use serde::Serialize;

use super::Surroundings;
use super::input::{Now, count};
use super::open::{Standing, TrustArgs, open_intact, standing};
use super::summary::shown_recipient;
use super::table;
use crate::assemble::LEFT_OUT_PHASES;
use crate::plan::CertificateRow;

/// Show what is in a bundle
///
/// With ENTRY, prints that entry: a path on the host (/etc/kubernetes/manifests/etcd.yaml) or a name in the archive. Of
/// a sealed entry the redacted twin is printed.
///
/// The first line says how far the bundle can be believed: TRUSTED, UNTRUSTED or UNSIGNED. It is compared with trusted
/// keys if --allowed-signers names some.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "An entry goes to a pipe or file byte for byte, and to a terminal with control\n\
characters escaped.\n\
\n\
Exit codes: 0 shown, and trusted or not compared with trusted keys;\n\
4 shown, and not signed and approved as --allowed-signers, --require-authors and\n\
--require-approvals ask for; 4 with nothing shown, if the bundle is damaged."
)]
pub(super) struct Args {
    /// The bundle
    bundle: PathBuf,
    /// The entry to print
    entry: Option<String>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    now: Now,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t, conflicts_with = "entry")]
    format: Format,
}

pub(super) fn run(args: &Args, around: &Surroundings, io: &mut Io) -> Result<Exit, CliError> {
    let now = args.now.instant(around, false)?;
    let policy = args.trust.policy(io)?;
    let bundle = open_intact(&args.bundle)?;
    let Standing { trust, line, lacks } = standing(&bundle, policy.as_ref(), now);
    if let Some(wanted) = &args.entry {
        let bytes = find(&bundle, wanted).ok_or_else(|| {
            CliError::usage(format!("the bundle has no public entry `{wanted}`")).hint(format!(
                "`kubeplan show {}` lists what it has",
                quote(&args.bundle.to_string_lossy())
            ))
        })?;
        if trust.is_none() {
            io.say(&line);
        }
        io.content(bytes)?;
        return verdict(args, lacks);
    }
    let certificates = Certificates::of(&bundle);
    match args.format {
        Format::Text => io.print(&text(bundle.index(), &line, &certificates))?,
        Format::Json => io.document(
            "show",
            1,
            &Document {
                certificates: &certificates.rows,
                certificates_left: certificates.left,
                external_authorities: external_authorities(bundle.index()),
                index: bundle.index(),
                standing: &line,
                trusted: trust.is_some(),
            },
        )?,
    }
    verdict(args, lacks)
}

/// How the run ends once the bundle is shown: only where trusted keys were named can it fail to be trusted.
fn verdict(args: &Args, lacks: Option<TrustError>) -> Result<Exit, CliError> {
    match lacks {
        None => Ok(Exit::Done),
        Some(lacks) => Err(CliError::caused(
            Exit::Refused,
            format!(
                "bundle {} is shown, and is not to be installed: it is not trusted",
                args.bundle.display()
            ),
            lacks,
        )),
    }
}

/// What `--format json` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    certificates: &'a [CertificateRow],
    /// Files that seem to hold certificates and were not read, because together they are too large.
    #[serde(skip_serializing_if = "is_zero")]
    certificates_left: usize,
    external_authorities: Vec<&'static str>,
    index: &'a Index,
    standing: &'a str,
    trusted: bool,
}

const fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The public bytes of an entry named by host path or archive name.
fn find<'a>(bundle: &'a Bundle<Intact>, wanted: &str) -> Option<&'a [u8]> {
    let name: EntryName = match wanted.parse() {
        Ok(path) => EntryName::file(&path),
        Err(_) => wanted.parse().ok()?,
    };
    bundle.public(&name).or_else(|| bundle.public(&name.twin()))
}

fn text(index: &Index, standing: &str, certificates: &Certificates) -> Text {
    let mut text = Text::of(standing);
    text.blank();
    text.line(format_args!(
        "{} {} of cluster {}",
        index.node.role, index.node.name, index.cluster.name
    ));
    text.line(format_args!("  cluster id   {}", index.cluster.id));
    text.line(format_args!("  plan digest  {}", index.plan_digest));
    text.line(format_args!("  serial       {}", index.serial));
    text.line(format_args!(
        "  planned      {} by {} {}",
        index.created, index.planner.name, index.planner.version
    ));
    text.line(format_args!(
        "  apply        after {}, before {}",
        index.apply_after, index.apply_before
    ));
    text.line(format_args!(
        "  platform     {}/{}",
        index.target.platform.os, index.target.platform.arch
    ));
    let target = &index.target.r#match;
    let mut only = |what: &str, value: Option<String>| {
        text.extend(value.map(|value| format!("  only host    {what} {value}")));
    };
    only("name", target.hostname.clone());
    only("key", target.ssh_host_key.clone());
    only(
        "machine id hash",
        target.machine_id_hash.map(|hash| hash.to_string()),
    );
    for recipient in index.sealed.iter().flat_map(|sealed| &sealed.recipients) {
        text.line(format_args!(
            "  sealed for   {}",
            shown_recipient(recipient)
        ));
    }
    let external = external_authorities(index);
    if !external.is_empty() {
        let names = external.join(", ");
        text.line(format_args!(
            "  external CA  {names}: the key is in no bundle of this plan"
        ));
    }
    for (name, value) in &index.annotations {
        if name == LEFT_OUT_PHASES {
            text.line(format_args!("  left out     phases {value}"));
        } else {
            text.line(format_args!("  annotation   {name}: {value}"));
        }
    }
    if index.test_only {
        text.line("  TEST ONLY    made with public test keys; kubeapply refuses it on a real host");
    }
    text.blank();
    text.line(format_args!("Entries ({})", index.entries.len()));
    let rows: Vec<Vec<String>> = index.entries.iter().map(entry_row).collect();
    text.append(&table_with_open_end(
        &["MODE", "OWNER", "SIZE", "KIND", "PHASE", "PATH"],
        &rows,
    ));
    text.blank();
    text.line(format_args!("Certificates ({})", certificates.rows.len()));
    text.append(&table::certificates(&certificates.rows));
    if certificates.left > 0 {
        text.line(format_args!(
            "  … and {} with certificates that are not listed: together they are too large",
            count(certificates.left, "file")
        ));
    }
    text.blank();
    text.extend(index.step_lines());
    text
}

fn entry_row(entry: &Entry) -> Vec<String> {
    let (size, kind) = match &entry.content {
        Content::None => (String::new(), "folder".to_owned()),
        Content::Public(blob) => (blob.size.to_string(), "public".to_owned()),
        Content::Sealed(sealed) => (String::new(), format!("sealed {}", sealed.class)),
    };
    let (mode, owner, path) = match &entry.place {
        Place::File(at) | Place::Directory(at) => (
            at.mode.to_string(),
            format!("{}:{}", at.uid, at.gid),
            at.path.to_string(),
        ),
        Place::Object | Place::Payload => (String::new(), String::new(), entry.name.to_string()),
    };
    vec![mode, owner, size, kind, entry.phase.to_string(), path]
}

/// CAs of which the bundle has the certificate and not the key, by kubeadm's name.
fn external_authorities(index: &Index) -> Vec<&'static str> {
    let phases = [
        ("certs/ca", "ca"),
        ("certs/front-proxy-ca", "front-proxy-ca"),
        ("certs/etcd-ca", "etcd-ca"),
    ];
    let external = |phase: &str| {
        let mut entries = index
            .entries
            .iter()
            .filter(|entry| entry.phase.to_string() == phase)
            .peekable();
        entries.peek().is_some()
            && entries.all(|entry| !matches!(entry.content, Content::Sealed(_)))
    };
    phases
        .into_iter()
        .filter(|(phase, _)| external(phase))
        .map(|(_, name)| name)
        .collect()
}
