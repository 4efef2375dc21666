//! `kubeplan render`: what a bundle would hold, as plain files; or a comparison with files rendered before.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::index::Name;
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::escape;
use similar::TextDiff;

use super::error::io_error;
use super::input::{Configuration, Now, count};
use super::nodes::{Nodes, Notices, listed, nothing_rendered, patch_notices, unplanned};
use super::phases::PhaseArgs;
use super::workspace::Workspace;
use super::{CliError, Io, certs};
use crate::config::ValidConfig;
use crate::output::{self, Tree};
use crate::phases::{self, MaterialSource, Selection};
use crate::pki::store_dir::StoreDir;
use crate::pki::test_pki::TestPki;
use crate::pki::{self, Material, Materials, StoreContents};
use crate::render::{self, RenderError, RenderedNode};

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
    let mut nodes = Nodes::all(args.config.load(io)?);
    nodes.upload_certs(args.upload_certs, io)?;
    nodes.phases(&args.phases, io)?;
    nodes.read_patches(io)?;
    let materials = materials(args, &nodes, now, io)?;
    let rendered = nodes.each(|at, config| {
        let material = materials.as_ref().and_then(|materials| materials.of(at));
        render_node(&config, material.as_ref(), args.with_secrets)
    });
    let rendered = nodes.agree(rendered, io)?;

    let external = materials.map(|materials| materials.external_authorities());
    let mut certificates = pki::external_text(&external.unwrap_or_default()).unwrap_or_default();
    let mut notices = Notices::default();
    let mut parts = Vec::with_capacity(rendered.len());
    for (at, node) in rendered.into_iter().enumerate() {
        notices.add(nodes.name(at), node.notices);
        if nodes.several() {
            let separator = if at > 0 { "\n" } else { "" };
            let name = nodes.name(at).map(ToString::to_string).unwrap_or_default();
            certificates.push_str(&format!("{separator}== node {name}\n"));
        }
        certificates.push_str(&node.certificates);
        parts.push(node.part);
    }
    notices.say(nodes.several(), io);
    let tree = render::tree(&nodes.first()?, parts, &certificates).map_err(unrendered)?;
    match (&args.check, &args.output) {
        (Some(folder), _) => check(folder, &tree, io),
        (None, Some(folder)) => {
            output::write_tree(folder, render::MARKER, &tree)
                .map_err(io_error("writing rendered files to", folder))?;
            io.say(format_args!(
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

/// One node, rendered.
struct Rendered {
    part: RenderedNode,
    /// Its part of `pki.txt`.
    certificates: String,
    notices: Vec<String>,
}

fn render_node(
    config: &ValidConfig,
    material: Option<&Material>,
    secrets: bool,
) -> Result<Rendered, CliError> {
    let mut notices = patch_notices(config)?;
    let material = material.map_or(MaterialSource::None, MaterialSource::Issued);
    let plan = phases::plan_node(config, material).map_err(unplanned)?;
    notices.extend(nothing_rendered(config, material, &plan));
    let selection = Selection::of(config);
    let mut profiles = pki::profiles(config);
    profiles.retain(|profile| selection.includes_certificate(profile.name, config));
    Ok(Rendered {
        part: render::node(config, &plan, secrets).map_err(unrendered)?,
        certificates: pki::profile_text(&profiles),
        notices,
    })
}

fn unrendered(error: RenderError) -> CliError {
    CliError::caused(Exit::Failed, "rendering the plan", error)
}

/// What the key store or the test keys have for the nodes; says for which they have nothing.
fn materials(
    args: &Args,
    nodes: &Nodes,
    now: Timestamp,
    io: &mut Io,
) -> Result<Option<Materials>, CliError> {
    let config = |at| nodes.config(at);
    if let Some(seed) = &args.test_pki {
        let source = TestPki::new(seed.as_str());
        let empty = StoreContents::default();
        let ensured = pki::ensure_nodes(nodes.count(), &config, empty, now, &source, &|_| {});
        return Ok(Some(ensured.map_err(certs::unfit)?.materials));
    }
    let folder = match &args.pki {
        Some(folder) => folder.clone(),
        None => Workspace::new(nodes.first()?.bundle_cluster_name.as_str()).pki()?,
    };
    let contents = StoreDir::open_existing(&folder)
        .and_then(|store| store.map(|store| store.load()).transpose())
        .map_err(certs::store_error)?;
    let materials = match contents {
        Some(contents) => pki::read_existing_nodes(nodes.count(), &config, &contents, now)
            .map_err(certs::unfit)?,
        None if args.pki.is_some() => {
            return Err(
                CliError::usage(format!("there is no key store in {}", folder.display()))
                    .hint("leave --pki away to render without certificates"),
            );
        }
        None => None,
    };
    match &materials {
        None => io.say("no key store: certificates appear as profiles in pki.txt"),
        Some(materials) => {
            let lacking: Vec<&str> = materials.incomplete().map(Name::as_str).collect();
            if !lacking.is_empty() {
                io.say(format_args!(
                    "the key store lacks certificates of {}: they appear as profiles in pki.txt",
                    listed(lacking)
                ));
            }
        }
    }
    Ok(materials)
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
            folder.display()
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
        folder.display()
    ));
    Ok(Exit::Differs)
}
