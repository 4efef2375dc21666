//! `kubeplan public`: copies a bundle without its sealed part.

use std::path::PathBuf;

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::writer;
use kubeplan_terminal::{CliError, Io};

use super::open::BundleFile;
use crate::output;

/// Copy a bundle without its sealed part, for reviewers
///
/// The copy contains no secret, not even an encrypted one. Its signatures and
/// approvals hold: it can be shown, verified, signed and approved, but not installed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Bundle to copy
    bundle: PathBuf,
    /// File to write the public part to
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(super) fn run(args: &Args, io: &mut Io) -> Result<Exit, CliError> {
    let file = BundleFile::open(&args.bundle)?;
    let bundle = file.readable()?;
    if same_file(&file, &args.output) {
        return Err(CliError::usage(format!(
            "{} is the bundle itself: without its sealed part it cannot be installed any more",
            args.output.display()
        ))
        .hint("name another file with --output"));
    }
    if args.output.symlink_metadata().is_ok() {
        return Err(
            CliError::usage(format!("{} exists already", args.output.display()))
                .hint("name a new file with --output"),
        );
    }
    let has_sealed = bundle.sealed().is_some();
    output::replace_if(
        &args.output,
        0o644,
        |out| {
            writer::public_part(bundle, out)
                .map_err(|error| CliError::caused(Exit::Failed, "writing the public part", error))
        },
        || Ok(()),
    )?;
    io.say(format_args!(
        "{} is the public part of {}{}",
        args.output.display(),
        args.bundle.display(),
        if has_sealed {
            ""
        } else {
            ", which has no sealed part"
        }
    ));
    Ok(Exit::Done)
}

/// Whether `output` is the open bundle, under whatever name.
fn same_file(bundle: &BundleFile, output: &std::path::Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let place = |metadata: std::io::Result<std::fs::Metadata>| {
        metadata
            .ok()
            .map(|metadata| (metadata.dev(), metadata.ino()))
    };
    let there = place(std::fs::metadata(output));
    there.is_some() && there == place(bundle.file().metadata())
}
