//! `kubeplan certs generate-csr`: makes private keys and signing requests for certificates that an external CA signs.
//!
//! Keys are saved in the store before the first request is written. A second run uses the keys that exist and does not
//! rewrite a request that is still correct.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::index::Name;
use kubeplan_terminal::{CliError, Format, Io, Text, table};
use serde::Serialize;

use super::store_error;
use crate::cli::Surroundings;
use crate::cli::error::io_error;
use crate::cli::failed::failed;
use crate::cli::input::{Configuration, Now};
use crate::cli::reading::{count, read_limited};
use crate::cli::workspace::Workspace;
use crate::engine::{Choices, listed};
use crate::output;
use crate::pki::key_source::RandomSource;
use crate::pki::requests::Request;
use crate::pki::store_dir::StoreDir;

/// The largest existing request that is read for comparison, in bytes.
const MAX_REQUEST: u64 = 1024 * 1024;

/// Make private keys and signing requests for an external CA
///
/// Covers every certificate of every node, including those inside kubeconfigs, that is missing or does not match the
/// configuration and whose CA key is not in the key store. For each, stores a private key and writes a request with
/// the subject and alternative names that kubeadm uses. Requests have the same paths as in the key store: put each
/// signed certificate beside its key, for example nodes/NODE/apiserver.crt. `kubeplan plan` then checks and uses it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    config: Configuration,
    /// Key store to save the keys in [default: <cluster>.kubeplan/pki]
    #[arg(long, value_name = "DIR")]
    pki: Option<PathBuf>,
    /// Directory to write the requests to [default: the key store, beside the
    /// keys]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Make requests only for this node of the configuration; may be repeated
    #[arg(long = "node", value_name = "NAME")]
    nodes: Vec<String>,
    #[command(flatten)]
    now: Now,
    /// Output format of the list of requests
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What `--format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    nodes: Vec<&'a str>,
    pki: String,
    directory: String,
    requests: Vec<Row<'a>>,
    missing_authorities: &'a [String],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(flatten)]
    request: &'a Request,
    /// Whether the file was written; a file with the same content is not rewritten.
    written: bool,
}

pub(super) fn run(args: &Args, around: &Surroundings, io: &mut Io) -> Result<Exit, CliError> {
    let now = args.now.instant(around, false)?;
    let choices = Choices {
        nodes: args.nodes.clone(),
        ..Choices::default()
    };
    let session = args.config.look(&choices, io)?;
    let pki = match &args.pki {
        Some(directory) => directory.clone(),
        None => {
            let first = session.first().map_err(|error| failed(error, io))?;
            Workspace::new(first.bundle_cluster_name.as_str()).pki()?
        }
    };
    let store = StoreDir::open_or_create(&pki).map_err(store_error)?;
    let lock = store.lock().map_err(store_error)?;
    let before = lock.load().map_err(store_error)?;
    let made = session
        .requests(before.clone(), now, &RandomSource, io)
        .map_err(|error| failed(error, io))?;
    lock.save(&before, &made.store).map_err(store_error)?;

    let directory = args.out.as_ref().unwrap_or(&pki);
    let mode = if args.out.is_some() { 0o644 } else { 0o600 };
    let mut rows = Vec::new();
    for request in &made.requests {
        let written = write(request, &directory.join(&request.request), mode)?;
        rows.push(Row { request, written });
    }
    let document = Document {
        nodes: session.names().map(Name::as_str).collect(),
        pki: pki.display().to_string(),
        directory: directory.display().to_string(),
        requests: rows,
        missing_authorities: &made.missing_authorities,
    };
    match args.format {
        Format::Json => {
            io.document("certs generate-csr", 2, &document)?;
        }
        Format::Text => io.print(&text(&document))?,
    }
    Ok(Exit::Done)
}

/// Writes `request` unless the file has the same content. Returns whether it wrote.
fn write(request: &Request, path: &Path, mode: u32) -> Result<bool, CliError> {
    if path.exists() && request.is_same(&read_limited(path, "request", MAX_REQUEST)?) {
        return Ok(false);
    }
    if let Some(directory) = path.parent() {
        crate::files::make_directories(directory, 0o755)
            .map_err(io_error("creating directory", directory))?;
    }
    output::replace(path, mode, request.pem.as_bytes())
        .map_err(io_error("writing request", path))?;
    Ok(true)
}

fn text(document: &Document<'_>) -> Text {
    if document.requests.is_empty() {
        return Text::of(format_args!(
            "Nothing to request for {}: every certificate exists and matches the configuration, or the key of its CA is in {}",
            listed(document.nodes.iter().copied()),
            document.pki
        ));
    }
    let mut text = Text::of(format_args!(
        "{} for {} {} in {}",
        count(document.requests.len(), "request"),
        if document.nodes.len() == 1 {
            "node"
        } else {
            "nodes"
        },
        listed(document.nodes.iter().copied()),
        document.directory
    ));
    let rows: Vec<Vec<String>> = document
        .requests
        .iter()
        .map(|row| {
            let request = row.request;
            let state = match (request.key_made, row.written) {
                (true, _) => "new key",
                (false, true) => "existing key",
                (false, false) => "unchanged",
            };
            vec![
                request.request.clone(),
                request.subject.clone(),
                request.usages.join(", "),
                request.signer.clone(),
                state.to_owned(),
                request.why.clone(),
            ]
        })
        .collect();
    let headings = ["REQUEST", "SUBJECT", "USAGES", "SIGNER", "KEY", "WHY"];
    text.append(&table(&headings, &rows));
    text.blank();
    text.line("Next");
    if !document.missing_authorities.is_empty() {
        text.line(format_args!(
            "  put the CA certificates into {}: {}",
            document.pki,
            document.missing_authorities.join(", ")
        ));
    }
    let signers: BTreeSet<&str> = document
        .requests
        .iter()
        .map(|row| row.request.signer.as_str())
        .collect();
    text.line(format_args!(
        "  have {} sign the requests, with the key usages digitalSignature and keyEncipherment and the extended usages above",
        signers.into_iter().collect::<Vec<_>>().join(", ")
    ));
    text.line(format_args!(
        "  put each certificate beside its key in {}, named .crt instead of .key and followed by any intermediates, and run `kubeplan plan`",
        document.pki
    ));
    text
}
