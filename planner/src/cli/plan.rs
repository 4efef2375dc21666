//! `kubeplan plan`: configuration in, one signed and sealed bundle per node out.
//!
//! Nothing is written before everything that can refuse did so, for all nodes: their bundles lie complete in a folder of their own
//! when the first result gets its name. Order on disk then: key store with the serials, signing key and identities, bundles. A
//! run that stops in between can be run again: keys are reused, and a serial that was never used only leaves a gap.

mod join;
mod replaced;
mod sealing;
mod signing_key;

use std::io::Write;
use std::path::PathBuf;

use join::JoinArgs;
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::index::Name;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::{CliError, Format, Io};
pub(super) use replaced::Replaced;
use sealing::{Sealing, TakenRecipients};
use signing_key::SigningKey;

use super::Surroundings;
use super::certs::store_error;
use super::error::io_error;
use super::failed::{failed, several};
use super::input::{Configuration, Now};
use super::phases::PhaseArgs;
use super::summary::{NodeSummary, PlanSummary};
use super::workspace::Workspace;
use crate::config::ValidConfig;
use crate::engine::bundles::{BundleOutput, Bundles, Keys, Written};
use crate::engine::{Choices, EngineError, NodeError, Notice, Notices, Prospect, Session};
use crate::output::Stage;
use crate::pki::StoreContents;
use crate::pki::key_source::{KeySource, RandomSource};
use crate::pki::store::NodeRecord;
use crate::pki::store_dir::StoreDir;
use crate::pki::test_pki::TestPki;

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
    /// Use public test keys chosen by SEED: the same certificates and plan digest
    /// each time, refused by kubeapply on a real host; no key store is read or
    /// written
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

pub(super) fn run(args: &Args, around: &Surroundings, io: &mut Io) -> Result<Exit, CliError> {
    let now = args.now.instant(around, args.test_pki.is_some())?;
    let source: Box<dyn KeySource> = match &args.test_pki {
        Some(seed) => Box::new(TestPki::new(seed.as_str())),
        None => Box::new(RandomSource),
    };
    match args.join.facts() {
        Some(facts) => join::run(args, facts, now, &*source, io),
        None => of_cluster(args, now, &*source, io),
    }
}

/// Plans the nodes of a configuration, with the keys of a store.
fn of_cluster(
    args: &Args,
    now: Timestamp,
    source: &dyn KeySource,
    io: &mut Io,
) -> Result<Exit, CliError> {
    let choices = Choices {
        nodes: args.nodes.clone(),
        phases: args.phases.names(),
        upload_certs: args.upload_certs,
    };
    let mut session = args.config.open(&choices, io)?;
    let first = session.first().map_err(|error| failed(error, io))?;
    let workspace = Workspace::new(first.bundle_cluster_name.as_str());
    let store = match (&args.test_pki, &args.pki) {
        (Some(_), _) => None,
        (None, Some(folder)) => Some(folder.clone()),
        (None, None) => Some(workspace.pki()?),
    };
    let held = |base: &str| {
        let store = store.as_ref();
        store.is_some_and(|store| store.join(format!("{base}.crt")).exists())
    };
    let prospect = Prospect { now, held: &held };
    refuse_unplannable(&mut session, prospect, io)?;
    if args.identity_out.is_some() && session.count() > 1 {
        return Err(
            CliError::usage("--identity-out is one file, and several nodes are planned")
                .hint("leave it away, or plan one node at a time with --node"),
        );
    }
    let first = session.first().map_err(|error| failed(error, io))?;
    let signing = SigningKey::find(args, first, &workspace, io)?;
    let sealing = session
        .each(|_, config| Sealing::find(args, config, &workspace))
        .map_err(|failures| several(failures, io))?;

    let store = store.as_deref().map(StoreDir::open_or_create);
    let store = store.transpose().map_err(store_error)?;
    let store = store
        .as_ref()
        .map(StoreDir::lock)
        .transpose()
        .map_err(store_error)?;
    let before = match &store {
        Some(store) => store.load().map_err(store_error)?,
        None => StoreContents::default(),
    };
    let keys = session
        .issue(before.clone(), now, source, io)
        .map_err(|error| failed(error, io))?;
    let plan = Planned {
        args,
        session: &session,
        first,
        keys,
        now,
    };
    let summary = |keys: &Keys| PlanSummary::of_cluster(first, keys, &session);
    plan.write(
        signing,
        |at| {
            sealing
                .get(at)
                .map_or_else(TakenRecipients::none, Sealing::take)
        },
        summary,
        |contents| match &store {
            Some(store) => store.save(&before, contents).map_err(store_error),
            None => Ok(()),
        },
        io,
    )
}

fn refuse_unplannable(
    session: &mut Session,
    prospect: Prospect<'_>,
    io: &mut Io,
) -> Result<(), CliError> {
    let notices = session
        .refuse_unplannable(prospect)
        .map_err(|error| failed(error, io))?;
    notices.say(session.several(), io);
    Ok(())
}

/// Nodes that can be planned, and their keys.
struct Planned<'a> {
    args: &'a Args,
    session: &'a Session,
    /// The configuration that stands for the cluster.
    first: &'a ValidConfig,
    keys: Keys,
    now: Timestamp,
}

/// What is kept of a bundle that is written.
struct Kept {
    node: NodeSummary,
    record: Option<(Name, NodeRecord)>,
    notices: Vec<Notice>,
    identity: Option<(PathBuf, SecretBytes)>,
}

impl Planned<'_> {
    /// Writes the bundles and says what they hold. `save` stores what the key store has to hold, before a bundle gets its name.
    fn write(
        self,
        signing: SigningKey,
        recipients: impl Fn(usize) -> TakenRecipients + Sync,
        summary: impl FnOnce(&Keys) -> Result<PlanSummary, EngineError>,
        save: impl FnOnce(&StoreContents) -> Result<(), CliError>,
        io: &mut Io,
    ) -> Result<Exit, CliError> {
        let Self {
            args,
            session,
            first,
            keys,
            now,
        } = self;
        let output = &args.output;
        let signer = signing.take(&first.bundle_cluster_name, io)?;
        let bundles = Bundles::new(session, &keys, signer.key(), now);
        let bundles = bundles.map_err(|error| failed(error, io))?;
        let stage = Stage::of(output).map_err(io_error("creating output folder", output))?;
        let seal = |at| {
            let taken = recipients(at);
            (taken.recipients, (taken.identity, taken.new))
        };
        let author = signer.key().public();
        let keep = |config: &ValidConfig, bundle: Written, sealed: Option<_>| {
            let path = output.join(&bundle.file);
            let (identity, new) = sealed.unwrap_or_default();
            Kept {
                node: NodeSummary::new(
                    config,
                    &bundle,
                    &path,
                    identity,
                    Replaced::at(&path, &author),
                ),
                record: bundle.record,
                notices: bundle.notices,
                identity: new,
            }
        };
        let written = bundles
            .write_all(&Staged(&stage), seal, keep, io)
            .map_err(|error| failed(error, io))?;

        let mut notices = Notices::default();
        let mut summary = summary(&keys).map_err(|error| failed(error, io))?;
        let mut records = Vec::with_capacity(written.len());
        let mut identities = Vec::new();
        for (name, kept) in session.names().zip(written) {
            notices.add(Some(name), kept.notices);
            records.extend(kept.record);
            identities.extend(kept.identity);
            summary.nodes.push(kept.node);
        }
        notices.say(session.several(), io);
        // From here on results appear.
        save(&keys.into_store(records))?;
        signer.keep(io)?;
        sealing::keep(&identities, io)?;
        stage
            .commit()
            .map_err(io_error("writing bundles to", output))?;
        replaced::say(&summary.nodes, io);
        summary.finish(signer.shown, output);
        match args.format {
            Format::Text => io.print(&summary.text())?,
            Format::Json => io.document("plan", PlanSummary::VERSION, &summary)?,
        }
        Ok(Exit::Done)
    }
}

/// A stage as the engine writes to it.
struct Staged<'a>(&'a Stage);

impl BundleOutput for Staged<'_> {
    fn write(
        &self,
        name: &str,
        write: &mut dyn FnMut(&mut dyn Write) -> Result<(), NodeError>,
    ) -> Result<(), NodeError> {
        self.0.write(name, 0o644, |out| write(out))
    }
}
