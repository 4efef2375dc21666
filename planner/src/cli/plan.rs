//! `kubeplan plan`: configuration in, one signed and sealed bundle per node out.
//!
//! Nothing is written before everything that can refuse did so, for all nodes: their bundles lie complete in a folder of their own
//! when the first result gets its name. Order on disk then: key store with the serials, signing key and identities, bundles. A
//! run that stops in between can be run again: keys are reused, and a serial that was never used only leaves a gap.

mod bundles;
mod join;
mod replaced;
mod sealing;
mod signing_key;

use std::path::PathBuf;

use bundles::{Bundles, Written};
use join::JoinArgs;
use kubeplan_bundle::exit::Exit;
pub(super) use replaced::Replaced;
use sealing::Sealing;
use signing_key::SigningKey;

use super::certs::{self, store_error};
use super::error::io_error;
use super::input::{Configuration, Now};
use super::io::Progress;
use super::nodes::{Nodes, Notices};
use super::phases::PhaseArgs;
use super::summary::PlanSummary;
use super::workspace::Workspace;
use super::{CliError, Format, Io};
use crate::pki::key_source::{KeySource, RandomSource};
use crate::pki::store_dir::StoreDir;
use crate::pki::test_pki::TestPki;
use crate::pki::{self, EnsuredNodes, StoreContents};

/// Plan every node and write one signed, sealed bundle for each
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: Configuration,
    /// Folder the bundles are written to
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Only plan this node of the configuration; may be repeated
    #[arg(long = "node", value_name = "NAME")]
    nodes: Vec<String>,
    /// Key store with the cluster's certificates and keys [default:
    /// <cluster>.kubeplan/pki]
    #[arg(long, value_name = "DIR")]
    pki: Option<PathBuf>,
    /// OpenSSH private key that signs the bundles (ed25519 or ECDSA) [default:
    /// <cluster>.kubeplan/keys/author, made when there is none]
    #[arg(long, value_name = "FILE")]
    sign_key: Option<PathBuf>,
    /// File whose first line is the passphrase of the signing key
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Where the age identity of a node without a recipient goes, if one node is
    /// planned; never under the output folder [default: <cluster>.kubeplan/identities/<node>.age]
    #[arg(long, value_name = "FILE")]
    identity_out: Option<PathBuf>,
    #[command(flatten)]
    join: JoinArgs,
    #[command(flatten)]
    phases: PhaseArgs,
    #[command(flatten)]
    now: Now,
    /// Use public test keys chosen by SEED: byte-stable output, refused by
    /// kubeapply on a real host; no key store is read or written
    #[arg(long, value_name = "SEED", conflicts_with = "pki")]
    test_pki: Option<String>,
    /// Also plan the upload of the certificates that control-plane nodes share,
    /// encrypted, for `kubeadm join --certificate-key`
    #[arg(long)]
    upload_certs: bool,
    /// How the summary is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(args: &Args, io: &mut Io) -> Result<Exit, CliError> {
    if let Some(facts) = args.join.facts() {
        return join::run(args, facts, io);
    }
    let now = args.now.instant(io, args.test_pki.is_some())?;
    let mut nodes = Nodes::chosen(args.config.load(io)?, &args.nodes)?;
    nodes.upload_certs(args.upload_certs, io)?;
    nodes.phases(&args.phases, io)?;
    nodes.read_patches(io)?;
    nodes.refuse_nothing(io)?;
    if args.identity_out.is_some() && nodes.count() > 1 {
        return Err(
            CliError::usage("--identity-out is one file, and several nodes are planned")
                .hint("leave it away, or plan one node at a time with --node"),
        );
    }
    let first = nodes.first()?;
    let cluster = &first.bundle_cluster_name;
    let workspace = Workspace::new(cluster.as_str());
    let signing = SigningKey::find(args, &first, &workspace, io)?;
    let sealing = nodes.each(|_, config| Sealing::find(args, &config, &workspace));
    let sealing = nodes.agree(sealing, io)?;

    let store = match (&args.test_pki, &args.pki) {
        (Some(_), _) => None,
        (None, Some(folder)) => Some(StoreDir::open_or_create(folder).map_err(store_error)?),
        (None, None) => Some(StoreDir::open_or_create(&workspace.pki()?).map_err(store_error)?),
    };
    let store = store
        .as_ref()
        .map(StoreDir::lock)
        .transpose()
        .map_err(store_error)?;
    let before = match &store {
        Some(store) => store.load().map_err(store_error)?,
        None => StoreContents::default(),
    };
    let source: Box<dyn KeySource> = match &args.test_pki {
        Some(seed) => Box::new(TestPki::new(seed.as_str())),
        None => Box::new(RandomSource),
    };
    let EnsuredNodes {
        materials,
        store: mut contents,
        changes,
        unused,
    } = {
        let progress = Progress::new(io, "making keys");
        let config = |at| nodes.config(at);
        pki::ensure_nodes(
            nodes.count(),
            &config,
            before.clone(),
            now,
            &*source,
            &|keys| progress.show(keys.done, keys.total),
        )
        .map_err(certs::unfit)?
    };
    for file in unused {
        io.say(format_args!(
            "warning: nothing uses {file} in the key store"
        ));
    }
    let Some(index) = &mut contents.index else {
        return Err(CliError::new(Exit::Failed, "the key store has no index"));
    };
    let signer = signing.take(cluster, io)?;
    let bundles = Bundles::begin(&nodes, &materials, index, &sealing, &signer, now, args)?;
    let written = bundles.write_all(io);
    let written = nodes.agree(written, io)?;
    let stage = bundles.finish();

    let mut notices = Notices::default();
    let mut summary = PlanSummary::of_cluster(&first, &materials, changes, &nodes);
    let mut identities = Vec::new();
    for Written {
        node,
        record,
        notices: texts,
        identity,
    } in written
    {
        notices.add(Some(&record.0), texts);
        index.nodes.insert(record.0, record.1);
        identities.extend(identity);
        summary.nodes.push(node);
    }
    notices.say(nodes.several(), io);
    // From here on results appear.
    if let Some(store) = &store {
        store.save(&before, &contents).map_err(store_error)?;
    }
    signer.keep(io)?;
    sealing::keep(&identities, io)?;
    stage
        .commit()
        .map_err(io_error("writing bundles to", &args.output))?;
    replaced::say(&summary.nodes, io);
    summary.finish(signer.shown, &args.output);
    match args.format {
        Format::Text => io.print(&summary.text())?,
        Format::Json => io.json(&summary)?,
    }
    Ok(Exit::Done)
}
