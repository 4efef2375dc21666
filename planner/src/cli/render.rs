//! `kubeplan render`: what a bundle would hold, as plain files; or a comparison with files rendered before.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kubeplan_bundle::exit::Exit;
use similar::TextDiff;

use super::error::io_error;
use super::input::{Configuration, Now, apply_upload_certs, count};
use super::phases::{PhaseArgs, say_what_renders_nothing};
use super::workspace::Workspace;
use super::{CliError, Io, certs, patches};
use crate::output::{self, Tree};
use crate::phases::{self, MaterialSource, Selection};
use crate::pki::store_dir::StoreDir;
use crate::pki::test_pki::TestPki;
use crate::pki::{self, StoreContents};
use crate::render;

/// Write what a bundle would hold as plain files, for review and golden tests
///
/// Reads the key store and creates no keys: without a store, certificates appear as profiles in pki.txt and
/// kubeconfigs without credentials. Secrets appear redacted.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: Configuration,
    /// Folder the files are written to; an earlier output there is replaced
    #[arg(short, long, value_name = "DIR", required_unless_present = "check")]
    output: Option<PathBuf>,
    /// Compare with files rendered before: print a unified diff, exit 3 if
    /// anything differs, write nothing
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    check: Option<PathBuf>,
    /// Key store to read [default: <cluster>.kubeplan/pki]
    #[arg(long, value_name = "DIR")]
    pki: Option<PathBuf>,
    /// Also write the secret files themselves, mode 0600
    #[arg(long, conflicts_with = "check")]
    with_secrets: bool,
    #[command(flatten)]
    phases: PhaseArgs,
    #[command(flatten)]
    now: Now,
    /// Use public test keys chosen by SEED instead of a key store
    #[arg(long, value_name = "SEED", conflicts_with = "pki")]
    test_pki: Option<String>,
    /// Also plan the upload of the certificates that control-plane nodes share,
    /// encrypted, for `kubeadm join --certificate-key`
    #[arg(long)]
    upload_certs: bool,
}

pub(super) fn run(args: &Args, io: &mut Io) -> Result<Exit, CliError> {
    let now = args.now.instant(io, true)?;
    let mut config = args.config.load(io)?.config;
    apply_upload_certs(&mut config, args.upload_certs, io);
    args.phases.apply(&mut config, io)?;
    patches::load(&mut config, io)?;
    let material = match &args.test_pki {
        Some(seed) => {
            let source = TestPki::new(seed.as_str());
            let ensured = pki::ensure(&config, StoreContents::default(), now, &source, &|_| {});
            Some(ensured.map_err(certs::unfit)?.material)
        }
        None => {
            let folder = match &args.pki {
                Some(folder) => folder.clone(),
                None => Workspace::new(config.bundle_cluster_name.as_str()).pki(),
            };
            let contents = StoreDir::open_existing(&folder)
                .and_then(|store| store.map(|store| store.load()).transpose())
                .map_err(|error| CliError::caused(Exit::Failed, "reading the key store", error))?;
            match contents {
                Some(contents) => {
                    pki::read_existing(&config, &contents, now).map_err(certs::unfit)?
                }
                None if args.pki.is_some() => {
                    return Err(CliError::usage(format!(
                        "there is no key store in {}",
                        folder.display()
                    ))
                    .hint("leave --pki away to render without certificates"));
                }
                None => None,
            }
        }
    };
    if material.is_none() {
        io.say("no key store: certificates appear as profiles in pki.txt");
    }
    let external = material.as_ref().and_then(pki::external_text);
    let failed = |error| CliError::caused(Exit::Failed, "planning the node", error);
    let material = material
        .as_ref()
        .map_or(MaterialSource::None, MaterialSource::Issued);
    let plan = phases::plan_node(&config, material).map_err(failed)?;
    say_what_renders_nothing(&config, material, &plan, io);
    let selection = Selection::of(&config);
    let mut profiles = pki::profiles(&config);
    profiles.retain(|profile| selection.includes_certificate(profile.name, &config));
    let certificates = external.unwrap_or_default() + &pki::profile_text(&profiles);
    let tree = render::tree(&config, &plan, &certificates, args.with_secrets)
        .map_err(|error| CliError::caused(Exit::Failed, "rendering the plan", error))?;
    match (&args.check, &args.output) {
        (Some(folder), _) => check(folder, &tree, io),
        (None, Some(folder)) => {
            output::write_tree(folder, render::MARKER, &tree)
                .map_err(io_error("writing rendered files to", folder))?;
            io.say(&format!(
                "rendered {} to {}",
                count(tree.len(), "file"),
                folder.display()
            ));
            Ok(Exit::Done)
        }
        (None, None) => {
            Err(CliError::usage("nowhere to render to").hint("give --output or --check"))
        }
    }
}

/// Prints how `tree` differs from the files in `folder`.
fn check(folder: &Path, tree: &Tree, io: &mut Io) -> Result<Exit, CliError> {
    let before =
        output::read_tree(folder).map_err(io_error("reading rendered files in", folder))?;
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
                format!("{side}/{name}")
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
        io.data(&unified)?;
    }
    if differing == 0 {
        io.say(&format!(
            "{} match {}",
            count(tree.len(), "rendered file"),
            folder.display()
        ));
        return Ok(Exit::Done);
    }
    io.say(&format!(
        "{} from {}",
        if differing == 1 {
            "1 file differs".into()
        } else {
            format!("{differing} files differ")
        },
        folder.display()
    ));
    Ok(Exit::Differs)
}
