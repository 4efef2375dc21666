//! `kubeplan plan`: configuration in, one signed and sealed bundle per node out.
//!
//! Order on disk: key store, then the serial, then the bundle. A run that stops in between can be run again: keys
//! are reused, and a serial that was never used only leaves a gap.

mod join;
mod sealing;
mod signing_key;

use std::path::{Path, PathBuf};

use join::JoinArgs;
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::seal::CommitSalt;
use sealing::{Sealing, TakenRecipients};
use signing_key::SigningKey;

use super::certs::store_error;
use super::error::io_error;
use super::input::{Configuration, Now, apply_upload_certs};
use super::io::Progress;
use super::phases::{PhaseArgs, say_what_renders_nothing};
use super::summary::PlanSummary;
use super::workspace::Workspace;
use super::{CliError, Format, Io, certs, patches};
use crate::assemble::{self, Circumstances};
use crate::config::ValidConfig;
use crate::phases::MaterialSource;
use crate::pki::key_source::{KeySource, RandomSource};
use crate::pki::store_dir::StoreDir;
use crate::pki::test_pki::TestPki;
use crate::pki::{Ensured, StoreContents};
use crate::{output, phases, pki};

/// Plan the node and write its signed, sealed bundle
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: Configuration,
    /// Folder the bundle is written to
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Key store with the cluster's certificates and keys [default:
    /// <cluster>.kubeplan/pki]
    #[arg(long, value_name = "DIR")]
    pki: Option<PathBuf>,
    /// OpenSSH private key that signs the bundle (ed25519 or ECDSA) [default:
    /// <cluster>.kubeplan/keys/author, made when there is none]
    #[arg(long, value_name = "FILE")]
    sign_key: Option<PathBuf>,
    /// File whose first line is the passphrase of the signing key
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Where the age identity of a node without a recipient goes; never under
    /// the output folder [default: <cluster>.kubeplan/identities/<node>.age]
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
    let loaded = args.config.load(io)?;
    let mut config = loaded.config;
    apply_upload_certs(&mut config, args.upload_certs, io);
    args.phases.apply(&mut config, io)?;
    patches::load(&mut config, io)?;
    let workspace = Workspace::new(config.bundle_cluster_name.as_str());

    // Everything that can refuse does so before anything is written.
    refuse_nothing(&config, io)?;
    let signing = SigningKey::find(args, &config, &workspace, io)?;
    let sealing = Sealing::find(args, &config, &workspace)?;

    let folder = args.pki.clone().unwrap_or_else(|| workspace.pki());
    let store = match &args.test_pki {
        Some(_) => None,
        None => Some(StoreDir::open_or_create(&folder).map_err(store_error)?),
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
    let Ensured {
        material,
        store: mut contents,
        changes,
        unused,
    } = {
        let progress = Progress::new(io, "making keys");
        pki::ensure(&config, before.clone(), now, &*source, &|keys| {
            progress.show(keys.done, keys.total)
        })
        .map_err(certs::unfit)?
    };
    if let Some(store) = &store {
        store.save(&before, &contents).map_err(store_error)?;
    }
    for file in unused {
        io.say(&format!("warning: nothing uses {file} in the key store"));
    }
    let issued = contents.clone();
    let (index, authority) = match (&mut contents.index, material.certificates.get("ca")) {
        (Some(index), Some(authority)) => (index, authority),
        _ => {
            return Err(CliError::new(
                Exit::Failed,
                "the key store has no index or no cluster CA",
            ));
        }
    };
    let salt = index
        .salt_bytes()
        .and_then(|salt| CommitSalt::new(salt).ok())
        .ok_or_else(|| CliError::new(Exit::Failed, "the key store has no usable salt"))?;

    let issued_material = MaterialSource::Issued(&material);
    let plan = phases::plan_node(&config, issued_material)
        .map_err(|error| CliError::caused(Exit::Failed, "planning the node", error))?;
    say_what_renders_nothing(&config, issued_material, &plan, io);
    for (row, signer) in plan.outliving_their_signer() {
        io.say(&format!(
            "warning: certificate {} ends {}, after its CA {} ({}): it stops being accepted then",
            row.name, row.not_after, signer.name, signer.not_after
        ));
    }
    let mut summary = PlanSummary::of_plan(&config, &plan, &changes, &loaded.warnings);
    summary.external_authorities(&material);
    let circumstances = Circumstances {
        cluster_id: authority.row.spki,
        now,
        test_only: material.test_only,
        salt,
    };
    let prepared = assemble::draft(&config, plan, circumstances)
        .map_err(|error| CliError::caused(Exit::Usage, "the plan has no time window", error))?
        .prepare()
        .map_err(|error| CliError::caused(Exit::Failed, "preparing the bundle", error))?;
    let serial = index.advance(&config.node.name, prepared.plan_digest());
    if let Some(store) = &store {
        store.save(&issued, &contents).map_err(store_error)?;
    }

    let signer = signing.take(&config, io)?;
    let recipients = if prepared.has_secrets() {
        sealing.take(io)?
    } else {
        TakenRecipients::none()
    };
    output_folder(&args.output)?;
    let bundle = args.output.join(format!(
        "{}.{}.tar.gz",
        config.node.name, config.bundle_cluster_name
    ));
    let mut written = None;
    output::replace_with(&bundle, 0o644, |out| -> Result<(), CliError> {
        let failed = |error| CliError::caused(Exit::Failed, "writing the bundle", error);
        written = Some(
            prepared
                .write(serial, &recipients.recipients, &[&signer.key], out)
                .map_err(failed)?,
        );
        Ok(())
    })?;
    let Some(written) = written else {
        return Err(CliError::new(Exit::Failed, "the bundle was not written"));
    };
    summary.finish(&written.index, &bundle, signer.shown, recipients.identity);
    match args.format {
        Format::Text => io.data(&summary.to_text())?,
        Format::Json => io.data(&summary.to_json()?)?,
    }
    Ok(Exit::Done)
}

/// A bundle without content is refused.
fn refuse_nothing(config: &ValidConfig, io: &mut Io) -> Result<(), CliError> {
    let material = MaterialSource::None;
    let plan = phases::plan_node(config, material)
        .map_err(|error| CliError::caused(Exit::Failed, "planning the node", error))?;
    if !plan.is_empty() {
        return Ok(());
    }
    say_what_renders_nothing(config, material, &plan, io);
    Err(
        CliError::usage("the phases that are left put nothing into a bundle")
            .hint("name other phases with --phase, or skip fewer"),
    )
}

fn output_folder(path: &Path) -> Result<(), CliError> {
    std::fs::create_dir_all(path).map_err(io_error("creating output folder", path))
}
