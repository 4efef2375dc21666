//! `kubeplan show`: prints what a bundle contains, for reviewers.
//!
//! Shows every intact bundle, signed or not. The first line says whether it is signed by trusted keys.

mod certificates;

use std::path::PathBuf;

use certificates::Certificates;
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::index::{Content, EntryName, Index, SOURCES_NAME};
use kubeplan_bundle::policy::TrustError;
use kubeplan_bundle::reader::{Bundle, Public};
use kubeplan_review::{Level, More, View};
use kubeplan_terminal::{CliError, Format, Io, Text, quote};
use serde::Serialize;

use super::Surroundings;
use super::input::Now;
use super::open::{TrustArgs, open_readable, standing};
use super::reading::count;
use super::table;
use crate::plan::CertificateRow;

/// Show what is in a bundle
///
/// With ENTRY, prints that entry: a path on the host (/etc/kubernetes/manifests/etcd.yaml) or a name in the archive. For
/// a sealed entry, prints its redacted twin.
///
/// The first line says TRUSTED, UNTRUSTED or UNSIGNED. A bundle can be TRUSTED only if you name trusted keys with
/// --allowed-signers.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "An entry is written byte for byte to a pipe or file; on a terminal, control\n\
characters are escaped.\n\
\n\
Exit codes: 0 shown, and trusted or not compared with trusted keys;\n\
4 shown, and not signed and approved as --allowed-signers, --require-authors and\n\
--require-approvals ask for; 4 with nothing shown, if the bundle is damaged."
)]
pub(super) struct Args {
    /// Bundle to show
    bundle: PathBuf,
    /// Entry to print
    entry: Option<String>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    now: Now,
    /// Output format of the result
    #[arg(long, value_enum, default_value_t, conflicts_with = "entry")]
    format: Format,
}

pub(super) fn run(args: &Args, around: &Surroundings, io: &mut Io) -> Result<Exit, CliError> {
    let now = args.now.instant(around, false)?;
    let policy = args.trust.policy(io)?;
    let bundle = open_readable(&args.bundle)?;
    let (standing, lacks) = standing(&bundle, &args.trust, policy.as_ref(), now);
    if let Some(wanted) = &args.entry {
        let bytes = find(&bundle, wanted).ok_or_else(|| {
            CliError::usage(format!("the bundle has no public entry `{wanted}`")).hint(format!(
                "`kubeplan show {}` lists its entries",
                quote(&args.bundle.to_string_lossy())
            ))
        })?;
        if standing.level() != Level::Trusted {
            io.say(standing.line());
        }
        io.content(bytes)?;
        return verdict(args, lacks);
    }
    let certificates = Certificates::of(&bundle);
    let more = Seen {
        certificates: &certificates.rows,
        certificates_left: certificates.left,
        external_authorities: external_authorities(bundle.index()),
    };
    io.report(args.format, &View::new(bundle.index(), standing, more))?;
    verdict(args, lacks)
}

/// The end of a run that showed the bundle: an error if trusted keys were named and the bundle is not trusted.
fn verdict(args: &Args, lacks: Option<TrustError>) -> Result<Exit, CliError> {
    match lacks {
        None => Ok(Exit::Done),
        Some(lacks) => Err(CliError::caused(
            Exit::Refused,
            format!(
                "do not install bundle {}: it is not trusted",
                args.bundle.display()
            ),
            lacks,
        )),
    }
}

/// What kubeplan shows of a bundle's public files, besides what both programs show.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Seen<'a> {
    certificates: &'a [CertificateRow],
    /// How many files seem to contain certificates and were not read, because together they are too large.
    #[serde(skip_serializing_if = "is_zero")]
    certificates_left: usize,
    external_authorities: Vec<&'static str>,
}

const fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Finds the public bytes of an entry by its host path or its name in the archive.
fn find<'a>(bundle: &'a Bundle<Public>, wanted: &str) -> Option<&'a [u8]> {
    if wanted == SOURCES_NAME {
        return bundle.sources();
    }
    let name: EntryName = match wanted.parse() {
        Ok(path) => EntryName::file(&path),
        Err(_) => wanted.parse().ok()?,
    };
    bundle.public(&name).or_else(|| bundle.public(&name.twin()))
}

impl More for Seen<'_> {
    fn lines(&self) -> Text {
        let mut text = Text::new();
        if !self.external_authorities.is_empty() {
            let names = self.external_authorities.join(", ");
            text.line(format_args!(
                "  external CA  {names}: the key is in no bundle of this plan"
            ));
        }
        text
    }

    fn tables(&self) -> Text {
        let mut text = Text::of(format_args!("Certificates ({})", self.certificates.len()));
        text.append(&table::certificates(self.certificates));
        if self.certificates_left > 0 {
            text.line(format_args!(
                "  … and {} with certificates, not listed because together they are too large",
                count(self.certificates_left, "file")
            ));
        }
        text.blank();
        text
    }
}

/// kubeadm's names of the CAs whose certificate is in the bundle and whose key is not.
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
