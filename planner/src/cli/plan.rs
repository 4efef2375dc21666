//! `kubeplan plan`: writes one signed, sealed bundle for each node of a configuration.
//!
//! All checks of all nodes come before the first write: complete bundles are collected in a directory of their own, and get
//! their names last. The order on disk is: key store with the serials, signing key and identities, bundles. A run that stops
//! in between can be repeated: it uses the keys that exist, and an unused serial only leaves a gap.

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
use sealing::{Sealing, TakenRecipients};
use signing_key::SigningKey;

use super::Surroundings;
use super::certs::store_error;
use super::error::io_error;
use super::failed::{failed, several};
use super::input::{Configuration, Now};
use super::phases::PhaseArgs;
use super::replaced::Replaced;
use super::summary::{NodeSummary, PlanSummary};
use super::workspace::Workspace;
use crate::config::ValidConfig;
use crate::engine::bundles::{BundleOutput, Bundles, Written};
use crate::engine::keys::Keys;
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
    /// Directory to write the bundles to
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Plan only this node of the configuration; may be repeated
    #[arg(long = "node", value_name = "NAME")]
    nodes: Vec<String>,
    /// Key store with the cluster's certificates and keys [default:
    /// <cluster>.kubeplan/pki]
    #[arg(long, value_name = "DIR")]
    pki: Option<PathBuf>,
    /// OpenSSH private key that signs the bundles (ed25519 or ECDSA) [default:
    /// <cluster>.kubeplan/keys/author, created if missing]
    #[arg(long, value_name = "FILE")]
    sign_key: Option<PathBuf>,
    /// File whose first line is the passphrase of the signing key
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// File for the age identity of a node without recipients, if one node is
    /// planned; not below the output directory [default: <cluster>.kubeplan/identities/<node>.age]
    #[arg(long, value_name = "FILE")]
    identity_out: Option<PathBuf>,
    #[command(flatten)]
    join: JoinArgs,
    #[command(flatten)]
    phases: PhaseArgs,
    #[command(flatten)]
    now: Now,
    /// Use public test keys derived from SEED instead of a key store: equal
    /// seeds give equal certificates and plan digests; kubeapply refuses the
    /// bundles on a real host
    #[arg(long, value_name = "SEED", conflicts_with = "pki")]
    test_pki: Option<String>,
    /// Also plan to upload the shared control-plane certificates, encrypted,
    /// for `kubeadm join --certificate-key`
    #[arg(long)]
    upload_certs: bool,
    /// Issue certificates again that ended or end soon, also those of nodes
    /// that were planned before
    #[arg(long)]
    renew: bool,
    /// Output format of the summary
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

/// Plans the nodes of a configuration with the keys of a key store.
fn of_cluster(
    args: &Args,
    now: Timestamp,
    source: &dyn KeySource,
    io: &mut Io,
) -> Result<Exit, CliError> {
    let choices = Choices {
        nodes: args.nodes.clone(),
        phases: args.phases.names(),
        upload_certs: Some(args.upload_certs),
        renew: args.renew,
    };
    let mut session = args.config.open(&choices, io)?;
    let first = session.first().map_err(|error| failed(error, io))?;
    let workspace = Workspace::new(first.bundle_cluster_name.as_str());
    let store = match (&args.test_pki, &args.pki) {
        (Some(_), _) => None,
        (None, Some(directory)) => Some(directory.clone()),
        (None, None) => Some(workspace.pki()?),
    };
    let held = |base: &str| {
        let store = store.as_ref();
        store.is_some_and(|store| store.join(format!("{base}.crt")).exists())
    };
    let prospect = Prospect { now, held: &held };
    refuse_unplannable(&mut session, prospect, io)?;
    if args.identity_out.is_some() && session.count() > 1 {
        return Err(CliError::usage(
            "--identity-out names one file, but several nodes are planned",
        )
        .hint("omit --identity-out, or plan one node at a time with --node"));
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
    let summary = |keys: &mut Keys| PlanSummary::of_cluster(first, keys, &session);
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

/// Nodes to plan, and their keys.
struct Planned<'a> {
    args: &'a Args,
    session: &'a Session,
    /// The configuration from which the cluster's name and settings are taken.
    first: &'a ValidConfig,
    keys: Keys,
    now: Timestamp,
}

/// What the summary needs of a bundle after it was written.
struct Kept {
    node: NodeSummary,
    record: Option<(Name, NodeRecord)>,
    notices: Vec<Notice>,
    identity: Option<(PathBuf, SecretBytes)>,
}

impl Planned<'_> {
    /// Writes the bundles and prints the summary. Calls `save`, which saves the key store, before the first bundle gets its name.
    fn write(
        self,
        signing: SigningKey,
        recipients: impl Fn(usize) -> TakenRecipients + Sync,
        summary: impl FnOnce(&mut Keys) -> Result<PlanSummary, EngineError>,
        save: impl FnOnce(&StoreContents) -> Result<(), CliError>,
        io: &mut Io,
    ) -> Result<Exit, CliError> {
        let Self {
            args,
            session,
            first,
            mut keys,
            now,
        } = self;
        let output = &args.output;
        let signer = signing.take(&first.bundle_cluster_name)?;
        let own = keys.take_own(session);
        let bundles = Bundles::new(session, &keys, signer.key(), now);
        let bundles = bundles.map_err(|error| failed(error, io))?;
        let stage = Stage::of(output).map_err(io_error("creating output directory", output))?;
        let seal = |at| {
            let taken = recipients(at);
            (taken.recipients, (taken.identity, taken.new))
        };
        let author = signer.key().public();
        let keep = |config: &ValidConfig, mut bundle: Written, sealed: Option<_>| {
            let path = output.join(&bundle.file);
            let (identity, new) = sealed.unwrap_or_default();
            let replaced = Replaced::at(&path, &author);
            Kept {
                record: bundle.record.take(),
                notices: std::mem::take(&mut bundle.notices),
                node: NodeSummary::new(config, bundle, &path, identity, replaced),
                identity: new,
            }
        };
        let written = bundles
            .write_all(own, &Staged(&stage), seal, keep, io)
            .map_err(|error| failed(error, io))?;

        let mut notices = Notices::default();
        let mut summary = summary(&mut keys).map_err(|error| failed(error, io))?;
        let mut records = Vec::with_capacity(written.len());
        let mut identities = Vec::new();
        let mut names = session.names();
        // Reuses the memory of `written`: the summaries of thousands of nodes would otherwise be there twice.
        let nodes = written.into_iter().map(|kept| {
            notices.add(names.next(), kept.notices);
            records.extend(kept.record);
            identities.extend(kept.identity);
            kept.node
        });
        summary.nodes = nodes.collect();
        notices.say(session.several(), io);
        // Everything was checked: results get their names from here on.
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

/// Lets the engine write bundles to a [`Stage`].
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
