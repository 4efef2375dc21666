//! `kubeplan pki import`: copies what all nodes share from a kubeadm `pki` directory into a key store.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_terminal::{CliError, Format, Io, Text, quote};
use serde::Serialize;

use crate::cli::certs::store_error;
use crate::cli::reading::{count, read_limited, read_secret};
use crate::files::{Directory, Exposed};
use crate::pki::import::{self, ImportError, ImportedAuthority, is_shared, is_witness, purpose};
use crate::pki::key_source::{KeySource as _, RandomSource};
use crate::pki::store::{StoreIndex, is_certificate};
use crate::pki::store_dir::StoreDir;

/// The most files that the directory may have.
const MAX_FILES: usize = 1000;

/// The largest certificate or public key that is read, in bytes.
const MAX_CERTIFICATE: u64 = 1024 * 1024;

/// Copy the CAs and the service account key of a kubeadm cluster into a key store
///
/// Reads a copy of the directory /etc/kubernetes/pki of a control-plane node. Checks that each key fits its certificate, and
/// copies only what all nodes share: the cluster's CA, the front-proxy CA, etcd's CA and the service account key. A
/// CA without its key becomes an external CA. kubeplan issues each node's own certificates when it plans the node.
/// Overwrites nothing and leaves DIR unchanged.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Directory to read: a copy of a control-plane node's /etc/kubernetes/pki
    #[arg(value_name = "DIR")]
    from: PathBuf,
    /// Key store to fill; created if it does not exist. `kubeplan plan` uses
    /// <cluster>.kubeplan/pki by default
    #[arg(long, value_name = "DIR")]
    pki: PathBuf,
    /// Output format of the list
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What `--format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    pki: String,
    imported: &'a [String],
    already_there: &'a [String],
    left_out: &'a [String],
    missing: &'a [&'static str],
}

pub(super) fn run(args: &Args, io: &mut Io) -> Result<Exit, CliError> {
    let Found {
        shared: found,
        witnesses,
        left_out,
    } = read(&args.from)?;
    let files = import::import(found).map_err(|errors| unusable(&args.from, &errors))?;
    let store = StoreDir::open_or_create(&args.pki).map_err(store_error)?;
    let lock = store.lock().map_err(store_error)?;
    let before = lock.load().map_err(store_error)?;
    let imported = import::add(before.clone(), files, &witnesses);
    let mut imported = imported.map_err(|errors| unfit(args, &errors))?;
    if imported.store.index.is_none() {
        let salt = RandomSource.salt();
        let salt =
            salt.map_err(|error| CliError::caused(Exit::Failed, "making a key store", error))?;
        imported.store.index = Some(StoreIndex::new(&salt, false));
    }
    lock.save(&before, &imported.store).map_err(store_error)?;
    let document = Document {
        pki: args.pki.display().to_string(),
        imported: &imported.added,
        already_there: &imported.present,
        left_out: &left_out,
        missing: &imported.missing,
    };
    match args.format {
        Format::Json => io.document("pki import", 1, &document)?,
        Format::Text => io.print(&text(&document, &imported.authorities))?,
    }
    for path in &imported.other_chain {
        io.say(format_args!(
            "warning: {path} of the key store has the same CA as the directory's, and other certificates after it: it is kept as it is"
        ));
    }
    for base in &imported.unproven {
        io.say(format_args!(
            "warning: {base}.crt is only in the key store, and nothing in {} is signed by a CA for {}: check that it is of the same \
             cluster, or move it and its key out of the key store",
            args.from.display(),
            purpose(base)
        ));
    }
    for base in &imported.missing {
        // Without `etcd/ca.crt` it is unknown whether the cluster's etcd is external.
        let only = match *base {
            "etcd/ca" => {
                " (only with stacked etcd; for an external etcd a plan neither needs nor makes it)"
            }
            _ => "",
        };
        io.say(format_args!(
            "warning: {} has no {base} key pair for {}: the next plan makes a new one, which running nodes do not trust{only}",
            args.from.display(),
            purpose(base)
        ));
    }
    Ok(Exit::Done)
}

fn unusable(directory: &Path, errors: &[ImportError]) -> CliError {
    CliError::usage(format!("{} cannot be imported", directory.display())).detail(&lines(errors))
}

/// A directory that can be used, but not with what the key store has.
fn unfit(args: &Args, errors: &[ImportError]) -> CliError {
    let (from, pki) = (args.from.display(), args.pki.display());
    let word = quote(&args.from.to_string_lossy()).into_owned();
    CliError::usage(format!(
        "{from} cannot be imported into the key store {pki}: they do not fit together"
    ))
    .detail(&lines(errors))
    .hint(format!(
        "name an empty or new directory as key store: `kubeplan pki import {word} --pki NEW-DIRECTORY`"
    ))
}

fn lines(errors: &[ImportError]) -> Text {
    let lines = errors
        .iter()
        .map(|error| kubeplan_terminal::with_causes(error));
    kubeplan_terminal::list(lines)
}

/// Opens the directory `etcd` of a `pki` directory; follows a link, as for files. Anything else of that name is refused: without
/// it, the next plan would replace etcd's CA.
fn open_etcd(path: &Path) -> Result<Directory, CliError> {
    Directory::open(path).map_err(|error| {
        let shown = path.display();
        let (doing, hint) = match error.kind() {
            io::ErrorKind::PermissionDenied => (
                format!("opening {shown}"),
                Exposed::hint_if_denied(&error, path),
            ),
            _ => (
                format!("{shown} must be a directory or a link to one"),
                Some(
                    "copy the `pki` directory with `cp -aL`, which copies what a link leads to"
                        .to_owned(),
                ),
            ),
        };
        let failed = CliError::caused(Exit::Usage, doing, error);
        hint.into_iter().fold(failed, CliError::hint)
    })
}

/// What a directory has.
struct Found {
    /// The files that a key store needs.
    shared: BTreeMap<String, SecretBytes>,
    /// Certificates of the node that show which CAs the cluster has.
    witnesses: BTreeMap<String, Vec<u8>>,
    /// The paths of all files that are not imported.
    left_out: Vec<String>,
}

/// The files of the directory and of `etcd/` in it.
fn read(directory: &Path) -> Result<Found, CliError> {
    let failed = |error: io::Error| {
        let hint = Exposed::hint_if_denied(&error, directory);
        let doing = format!("reading {}", directory.display());
        let failed = CliError::caused(Exit::Usage, doing, error);
        hint.into_iter().fold(failed, CliError::hint)
    };
    let opened = Directory::open(directory).map_err(failed)?;
    let (mut shared, mut left_out) = (BTreeMap::new(), Vec::new());
    for (name, _) in opened.entries().map_err(failed)? {
        let name = name.to_string_lossy().into_owned();
        if name == "etcd" {
            let inner = open_etcd(&directory.join(&name))?;
            for (inner, _) in inner.entries().map_err(failed)? {
                left_out.push(format!("{name}/{}", inner.to_string_lossy()));
            }
        } else {
            left_out.push(name);
        }
        if left_out.len() > MAX_FILES {
            return Err(CliError::usage(format!(
                "{} contains more than {}",
                directory.display(),
                count(MAX_FILES, "file")
            )));
        }
    }
    left_out.sort();
    for path in left_out.extract_if(.., |path| is_shared(path)) {
        let file = directory.join(&path);
        let bytes = if is_certificate(&path) || path.ends_with(".pub") {
            SecretBytes::new(read_limited(&file, "the file", MAX_CERTIFICATE)?)
        } else {
            read_secret(&file, "the private key")?
        };
        shared.insert(path, bytes);
    }
    let mut witnesses = BTreeMap::new();
    for path in left_out.iter().filter(|path| is_witness(path)) {
        let bytes = read_limited(&directory.join(path), "the file", MAX_CERTIFICATE)?;
        witnesses.insert(path.clone(), bytes);
    }
    Ok(Found {
        shared,
        witnesses,
        left_out,
    })
}

fn text(document: &Document<'_>, authorities: &[ImportedAuthority]) -> Text {
    let mut text = Text::new();
    let (added, present) = (document.imported.len(), document.already_there.len());
    let were = |number| match number {
        1 => "1 file was".to_owned(),
        _ => format!("{number} files were"),
    };
    match (added, present) {
        (0, _) => text.line(format_args!(
            "nothing to import into {}: {} there already",
            document.pki,
            were(present)
        )),
        (_, 0) => text.line(format_args!(
            "imported {} into {}",
            count(added, "file"),
            document.pki
        )),
        _ => text.line(format_args!(
            "imported {} into {}; {} there already",
            count(added, "file"),
            document.pki,
            were(present)
        )),
    }
    for authority in authorities {
        let key = if authority.has_key {
            "with its key"
        } else {
            "without its key: an external CA"
        };
        text.line(format_args!(
            "  {}.crt  CA of {} ({}), valid until {}, {key}",
            authority.base,
            purpose(authority.base),
            authority.subject,
            authority.not_after
        ));
    }
    if !document.missing.contains(&"sa") {
        text.line("  sa.key  signs service account tokens");
    }
    if !document.left_out.is_empty() {
        text.line("left out, because each plan issues the certificates of its nodes:");
        for file in document.left_out {
            text.line(format_args!("  {file}"));
        }
    }
    text.line(format_args!(
        "next: `kubeplan plan -f FILE --pki {}`",
        quote(&document.pki)
    ));
    text
}
