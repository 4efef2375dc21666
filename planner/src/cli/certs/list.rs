//! `kubeplan certs list`: lists the certificates of a key store and when they expire.

use std::path::PathBuf;

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::{CliError, Format, Io, Text, table};
use serde::Serialize;

use super::{no_store, store_error};
use crate::cli::Surroundings;
use crate::cli::failed::failed;
use crate::cli::input::{Configuration, Now};
use crate::cli::workspace::Workspace;
use crate::engine::Choices;
use crate::pki::store_dir::StoreDir;
use crate::pki::stored::{self, StoredCertificate, short_duration};

/// List the certificates of the key store and when they expire
///
/// Lists all nodes, leaf certificates before CAs. The configuration only says which cluster's store to read: to learn
/// whether certificates match the configuration, run `kubeplan plan`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    config: Configuration,
    /// Key store to list [default: <cluster>.kubeplan/pki]
    #[arg(long, value_name = "DIR")]
    pki: Option<PathBuf>,
    #[command(flatten)]
    now: Now,
    /// Output format of the list
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What `--format json` prints.
#[derive(Debug, Serialize)]
struct Document {
    pki: String,
    now: Timestamp,
    certificates: Vec<StoredCertificate>,
}

pub(super) fn run(args: &Args, around: &Surroundings, io: &mut Io) -> Result<Exit, CliError> {
    let now = args.now.instant(around, false)?;
    let pki = match &args.pki {
        Some(directory) => directory.clone(),
        None => {
            let session = args.config.look(&Choices::default(), io)?;
            let config = session.first().map_err(|error| failed(error, io))?;
            Workspace::new(config.bundle_cluster_name.as_str()).pki()?
        }
    };
    let store = StoreDir::open_existing(&pki).map_err(store_error)?;
    let store = store.ok_or_else(|| no_store(&pki))?;
    let contents = store.load().map_err(store_error)?;
    let certificates = stored::list(&contents, now)
        .map_err(|error| CliError::caused(Exit::Failed, "reading the key store", error))?;
    let document = Document {
        pki: pki.display().to_string(),
        now,
        certificates,
    };
    match args.format {
        Format::Json => {
            io.document("certs list", 1, &document)?;
        }
        Format::Text => io.print(&text(&document.certificates))?,
    }
    Ok(Exit::Done)
}

fn text(certificates: &[StoredCertificate]) -> Text {
    let rows = |authorities: bool| -> Vec<Vec<String>> {
        certificates
            .iter()
            .filter(|row| row.is_authority() == authorities)
            .map(|row| {
                let mut cells = vec![row.name.clone()];
                cells.extend(row.node.clone());
                cells.extend([
                    row.subject.clone(),
                    row.not_after.to_string(),
                    short_duration(row.residual_seconds),
                ]);
                if !authorities {
                    cells.push(row.authority.clone());
                }
                cells.push(row.issued_by.as_str().to_owned());
                cells.push(if row.externally_managed { "yes" } else { "no" }.to_owned());
                cells
            })
            .collect()
    };
    let mut text = table(
        &[
            "CERTIFICATE",
            "NODE",
            "SUBJECT",
            "EXPIRES",
            "RESIDUAL TIME",
            "CERTIFICATE AUTHORITY",
            "ISSUED BY",
            "EXTERNALLY MANAGED",
        ],
        &rows(false),
    );
    let authorities = table(
        &[
            "CERTIFICATE AUTHORITY",
            "SUBJECT",
            "EXPIRES",
            "RESIDUAL TIME",
            "ISSUED BY",
            "EXTERNALLY MANAGED",
        ],
        &rows(true),
    );
    text.blank();
    text.append(&authorities);
    text
}
