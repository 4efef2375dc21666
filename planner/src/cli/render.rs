//! `kubeplan render`: writes the content of bundles as plain files, or compares it with files rendered before.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::index::Name;
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::{CliError, Io, escape};
use similar::TextDiff;

use super::Surroundings;
use super::certs::store_error;
use super::error::io_error;
use super::failed::failed;
use super::input::{Configuration, Now};
use super::phases::PhaseArgs;
use super::reading::count;
use super::workspace::Workspace;
use crate::engine::rendering::RenderKeys;
use crate::engine::{Choices, Session, listed};
use crate::output::{self, Tree};
use crate::pki::store_dir::StoreDir;
use crate::plain_files;

/// Write the content of bundles as plain files, for review and golden tests
///
/// Reads the key store and creates no keys. Without a key store, certificates appear as profiles in pki.txt, and
/// kubeconfigs have no credentials. Secrets are redacted.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: Configuration,
    /// Directory to write the files to; replaces an earlier output there
    #[arg(short, long, value_name = "DIR", required_unless_present = "check")]
    output: Option<PathBuf>,
    /// Compare with the files that were rendered to DIR before: print a unified
    /// diff, exit 3 if anything differs, write nothing
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    check: Option<PathBuf>,
    /// Key store to read [default: <cluster>.kubeplan/pki]
    #[arg(long, value_name = "DIR")]
    pki: Option<PathBuf>,
    /// Also write the secret files, unencrypted, with mode 0600
    #[arg(long, conflicts_with = "check")]
    with_secrets: bool,
    #[command(flatten)]
    phases: PhaseArgs,
    #[command(flatten)]
    now: Now,
    /// Use public test keys derived from SEED instead of a key store
    #[arg(long, value_name = "SEED", conflicts_with = "pki")]
    test_pki: Option<String>,
    /// Also plan to upload the shared control-plane certificates, encrypted,
    /// for `kubeadm join --certificate-key`
    #[arg(long)]
    upload_certs: bool,
}

pub(super) fn run(args: &Args, around: &Surroundings, io: &mut Io) -> Result<Exit, CliError> {
    let now = args.now.instant(around, true)?;
    let choices = Choices {
        phases: args.phases.names(),
        upload_certs: Some(args.upload_certs),
        ..Choices::default()
    };
    let session = args.config.open(&choices, io)?;
    let keys = keys(args, &session, now, io)?;
    let tree = session
        .render(&keys, args.with_secrets, io)
        .map_err(|error| failed(error, io))?;
    match (&args.check, &args.output) {
        (Some(directory), _) => check(directory, &tree, io),
        (None, Some(directory)) => {
            output::write_tree(directory, plain_files::MARKER, &tree)
                .map_err(io_error("writing rendered files to", directory))?;
            io.say(format_args!(
                "rendered {} to {}",
                count(tree.len(), "file"),
                directory.display()
            ));
            Ok(Exit::Done)
        }
        (None, None) => Err(CliError::usage(
            "no directory was given to render to or to compare with",
        )
        .hint("give --output DIR or --check DIR")),
    }
}

/// Reads the nodes' certificates from the key store or the test keys. Reports nodes whose certificates are missing.
fn keys(
    args: &Args,
    session: &Session,
    now: Timestamp,
    io: &mut Io,
) -> Result<RenderKeys, CliError> {
    if let Some(seed) = &args.test_pki {
        let keys = session.test_keys(seed, now);
        return keys.map_err(|error| failed(error, io));
    }
    let directory = match &args.pki {
        Some(directory) => directory.clone(),
        None => {
            let first = session.first().map_err(|error| failed(error, io))?;
            Workspace::new(first.bundle_cluster_name.as_str()).pki()?
        }
    };
    let contents = StoreDir::open_existing(&directory)
        .and_then(|store| store.map(|store| store.load()).transpose())
        .map_err(store_error)?;
    let keys = match contents {
        Some(contents) => session
            .existing_keys(&contents, now)
            .map_err(|error| failed(error, io))?,
        None if args.pki.is_some() => {
            return Err(CliError::usage(format!(
                "there is no key store in {}",
                directory.display()
            ))
            .hint("omit --pki to render without certificates"));
        }
        None => RenderKeys::none(),
    };
    let lacking: Vec<&str> = keys.incomplete().map(Name::as_str).collect();
    if keys.is_none() {
        io.say("there is no key store: certificates appear as profiles in pki.txt");
    } else if !lacking.is_empty() {
        io.say(format_args!(
            "the key store has no certificates for {}: they appear as profiles in pki.txt",
            listed(lacking)
        ));
    }
    Ok(keys)
}

/// Prints how `tree` differs from the files in `directory`.
fn check(directory: &Path, tree: &Tree, io: &mut Io) -> Result<Exit, CliError> {
    let before =
        output::read_tree(directory).map_err(io_error("reading rendered files in", directory))?;
    let names: BTreeSet<&String> = before.keys().chain(tree.keys()).collect();
    let mut differing = 0;
    for name in names {
        let old = before.get(name);
        let new = tree.get(name).map(|file| &file.bytes);
        if old == new {
            continue;
        }
        differing += 1;
        let text = |bytes: Option<&Vec<u8>>| {
            String::from_utf8_lossy(bytes.map_or(&[][..], |b| b)).into_owned()
        };
        let header = |there: bool, side: &str| {
            if there {
                format!("{side}/{}", escape(name))
            } else {
                "/dev/null".into()
            }
        };
        let (old_text, new_text) = (text(old), text(new));
        let diff = TextDiff::from_lines(&old_text, &new_text);
        let unified = diff
            .unified_diff()
            .header(&header(old.is_some(), "a"), &header(new.is_some(), "b"))
            .to_string();
        io.content(unified.as_bytes())?;
    }
    if differing == 0 {
        io.say(format_args!(
            "{} match {}",
            count(tree.len(), "rendered file"),
            directory.display()
        ));
        return Ok(Exit::Done);
    }
    io.say(format_args!(
        "{} from {}",
        if differing == 1 {
            "1 file differs".into()
        } else {
            format!("{differing} files differ")
        },
        directory.display()
    ));
    Ok(Exit::Differs)
}
