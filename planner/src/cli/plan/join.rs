//! `kubeplan plan --join`: the bundle of one node for a cluster that runs.
//!
//! In: what `kubeapply discover` learnt on the host, a JoinConfiguration or kubeadm join's flags. Out: the node's bundle. No key store is
//! read or written: the shared certificates come sealed with the facts, leaves are issued here and live in the bundle alone. The bundle is
//! sealed for whoever is named, else for the identity that opened the facts, and never for a recipient that only the facts name.

mod meant;
mod shared;

use std::path::{Path, PathBuf};

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::join_facts::{JoinFacts, JoinFactsError, JoinSecrets, MAX_SIZE};
use kubeplan_bundle::seal::{CommitSalt, Identities, Recipient};
use kubeplan_bundle::timestamp::Timestamp;

use meant::MeantArgs;

use super::Args;
use super::bundles::outliving;
use super::replaced::{self, Replaced};
use super::signing_key::SigningKey;
use crate::assemble::{self, Circumstances};
use crate::cli::error::io_error;
use crate::cli::input::{read_limited, read_secret_as};
use crate::cli::nodes::{Nodes, Notices, nothing_rendered, unplanned};
use crate::cli::summary::{Identity, NodeSummary, PlanSummary, shown_recipient};
use crate::cli::workspace::Workspace;
use crate::cli::{CliError, Format, Io};
use crate::config::{LoadedCluster, RunningCluster, SecretText, ValidConfig};
use crate::files::{self, Need};
use crate::output::Stage;
use crate::phases::{self, MaterialSource};
use crate::pki::certificate::Certificate;
use crate::pki::key_source::{KeySource, RandomSource};
use crate::pki::test_pki::TestPki;
use crate::pki::{Material, StoreChange, WorkerMaterial};
use crate::plan::CertificateRow;

/// The key that opens what is sealed for a host.
const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key";

/// What a join needs besides what every plan takes.
#[derive(Debug, clap::Args)]
pub(super) struct JoinArgs {
    /// Plan one node that joins a running cluster, from what `kubeapply
    /// discover` learnt on its host
    #[arg(
        long,
        value_name = "FACTS",
        conflicts_with_all = ["pki", "identity_out", "upload_certs", "nodes"]
    )]
    join: Option<PathBuf>,
    /// Refuse facts that are not those of a control-plane node
    #[arg(long, requires = "join")]
    control_plane: bool,
    /// age identity or OpenSSH ed25519 private key that opens the sealed part
    /// of the facts [default: /etc/ssh/ssh_host_ed25519_key]
    #[arg(long, value_name = "FILE", requires = "join")]
    identity: Option<PathBuf>,
    /// Seal the bundle for this age or ssh-ed25519 recipient; may be repeated
    /// [default: the identity that opened the facts]
    #[arg(long = "recipient", value_name = "RECIPIENT", requires = "join")]
    recipients: Vec<String>,
    #[command(flatten)]
    meant: MeantArgs,
}

impl JoinArgs {
    /// The file of facts, if a join is planned.
    pub(super) fn facts(&self) -> Option<&Path> {
        self.join.as_deref()
    }
}

/// Plans the node whose facts are in `file`.
pub(super) fn run(args: &Args, file: &Path, io: &mut Io) -> Result<Exit, CliError> {
    let now = args.now.instant(io, args.test_pki.is_some())?;
    let facts = read(file)?;
    if args.join.control_plane && !facts.control_plane {
        return Err(CliError::usage(format!(
            "the facts {} are those of a worker",
            file.display()
        ))
        .hint("run `kubeapply discover --control-plane` on the host, with the certificate key"));
    }
    let found = args.join.meant.authorities(&facts)?;
    let (secrets, identities) = open(args, &facts, file)?;
    meant::require_same_kubeconfig(&found, &facts, &secrets)?;
    let chosen = parse_recipients(&args.join.recipients)?;
    let loaded = load(args, &facts, &secrets, file, io)?;
    meant::require_configured(&found, &loaded.ca_cert_hashes)?;
    let compared = !args.join.meant.is_empty() || !loaded.ca_cert_hashes.is_empty();
    let mut nodes = Nodes::all(loaded);
    nodes.phases(&args.phases, io)?;
    nodes.read_patches(io)?;
    nodes.refuse_nothing(io)?;
    let config = nodes.first()?;
    let sealed_for_opener = chosen.is_empty() && config.node.recipients.is_empty();
    let recipients = recipients(chosen, &config, &identities)?;
    let cluster = &config.bundle_cluster_name;
    let workspace = Workspace::new(cluster.as_str());
    let signing = SigningKey::find(args, &config, &workspace, io)?;

    let source: Box<dyn KeySource> = match &args.test_pki {
        Some(seed) => Box::new(TestPki::new(seed.as_str())),
        None => Box::new(RandomSource),
    };
    let own = Own::make(&config, &found, &secrets, now, &*source, io)?;
    let plan = phases::plan_node(&config, own.source()).map_err(unplanned)?;
    let mut notices = Notices::default();
    notices.add(None, nothing_rendered(&config, own.source(), &plan));
    notices.add(None, outliving(&plan));
    notices.say(false, io);
    let mut node = NodeSummary::of_plan(&config, &plan);
    let authority = own.authority()?;
    let salt = source
        .salt()
        .ok()
        .and_then(|salt| CommitSalt::new(salt).ok())
        .ok_or_else(|| CliError::new(Exit::Failed, "there is no randomness for a salt"))?;
    let circumstances = Circumstances {
        cluster_id: authority.spki,
        now,
        test_only: source.test_only(),
        salt,
    };
    let prepared = assemble::draft(&config, plan, circumstances)
        .map_err(|error| CliError::caused(Exit::Usage, "the plan has no time window", error))?
        .prepare()
        .map_err(|error| CliError::caused(Exit::Failed, "preparing the bundle", error))?;

    let signer = signing.take(cluster, io)?;
    let stage =
        Stage::of(&args.output).map_err(io_error("creating output folder", &args.output))?;
    let file = format!("{}.{cluster}.tar.gz", config.node.name);
    let bundle = args.output.join(&file);
    let replaced = Replaced::at(&bundle, &signer.key().public());
    let mut written = None;
    stage.write(&file, 0o644, |out| -> Result<(), CliError> {
        let bundle = prepared.write(serial(now), &recipients, &[signer.key()], out);
        let failed = |error| CliError::caused(Exit::Failed, "writing the bundle", error);
        written = Some(bundle.map_err(failed)?);
        Ok(())
    })?;
    let Some(written) = written else {
        return Err(CliError::new(Exit::Failed, "the bundle was not written"));
    };
    signer.keep(io)?;
    stage
        .commit()
        .map_err(io_error("writing the bundle to", &args.output))?;
    let opener = args.join.identity.as_deref();
    let identity = opener
        .filter(|path| sealed_for_opener && written.index.sealed.is_some() && !is_host_key(path))
        .map(|path| Identity {
            file: path.display().to_string(),
            created: false,
        });
    node.finish(&written.index, &bundle, identity);
    node.replaced = replaced;
    let changes = own.changes().to_vec();
    let mut summary = PlanSummary::of_join(&config, authority, changes, &nodes, source.test_only());
    summary.discovered(&found, compared);
    summary.nodes.push(node);
    replaced::say(&summary.nodes, io);
    summary.finish(signer.shown, &args.output);
    match args.format {
        Format::Text => io.print(&summary.text())?,
        Format::Json => io.json(&summary)?,
    }
    Ok(Exit::Done)
}

/// Without a store that counts plans, the clock does: a later plan of the same join has a higher serial, in seconds since 1970.
fn serial(now: Timestamp) -> u64 {
    u64::try_from(now.unix_seconds()).unwrap_or(0).max(1)
}

fn read(file: &Path) -> Result<JoinFacts, CliError> {
    let bytes = read_limited(file, "join facts", MAX_SIZE as u64)?;
    JoinFacts::parse(&bytes).map_err(|error| {
        CliError::caused(Exit::Usage, format!("join facts {}", file.display()), error)
            .hint("`kubeapply discover` on the host writes them")
    })
}

/// Whether `path` is where a host has its key; `kubeapply join --root DIR` names the key of the tree.
fn is_host_key(path: &Path) -> bool {
    path.ends_with(HOST_KEY.trim_start_matches('/'))
}

/// Opens the sealed part; the identities are those that could.
fn open(
    args: &Args,
    facts: &JoinFacts,
    file: &Path,
) -> Result<(JoinSecrets, Identities), CliError> {
    let path = match &args.join.identity {
        Some(path) => path.clone(),
        None if files::open_regular(Path::new(HOST_KEY)).is_ok() => PathBuf::from(HOST_KEY),
        None => {
            return Err(CliError::usage(format!(
                "{HOST_KEY} cannot be read, and no other identity is given to open the join facts with"
            ))
            .hint("give the age identity or SSH private key that they are sealed for with --identity"));
        }
    };
    let need = if is_host_key(&path) {
        Need::HostKey
    } else {
        Need::Private
    };
    let text = read_secret_as(&path, "identity", need)?;
    let identities = Identities::parse(&text, &path.display().to_string())
        .map_err(|error| CliError::caused(Exit::Usage, "reading the identity", error))?;
    let secrets = facts.open(&identities).map_err(|error| {
        let message = format!("join facts {}", file.display());
        let hint = format!(
            "they are sealed for {}",
            facts
                .sealed
                .recipients
                .iter()
                .map(|text| shown_recipient(text))
                .collect::<Vec<_>>()
                .join(", ")
        );
        let refused = matches!(error, JoinFactsError::Seal(_));
        let error = CliError::caused(Exit::Refused, message, error);
        if refused { error.hint(hint) } else { error }
    })?;
    Ok((secrets, identities))
}

fn load(
    args: &Args,
    facts: &JoinFacts,
    secrets: &JoinSecrets,
    file: &Path,
    io: &mut Io,
) -> Result<LoadedCluster, CliError> {
    let file = file.display().to_string();
    let cluster = RunningCluster {
        file: &file,
        server: &facts.server,
        cluster_configuration: &facts.cluster_configuration,
        kubelet_configuration: &facts.kubelet_configuration,
        control_plane: facts.control_plane,
        bootstrap_kubeconfig: SecretText::of(&secrets.bootstrap_kubeconfig),
        token_endpoint: facts.token_endpoint.as_deref(),
        certificate_key: facts.certificate_key,
    };
    args.config.load_join(&cluster, io)
}

fn parse_recipients(texts: &[String]) -> Result<Vec<Recipient>, CliError> {
    texts
        .iter()
        .map(|text| {
            Recipient::parse(text)
                .map_err(|error| CliError::caused(Exit::Usage, "--recipient", error))
        })
        .collect()
}

/// Whom the bundle is sealed for: who is named, on the command line or by the host's confirmed facts, else who opened the join facts.
fn recipients(
    chosen: Vec<Recipient>,
    config: &ValidConfig,
    identities: &Identities,
) -> Result<Vec<Recipient>, CliError> {
    if !chosen.is_empty() {
        return Ok(chosen);
    }
    let configured = parse_recipients(&config.node.recipients)?;
    Ok(if configured.is_empty() {
        identities.recipients()
    } else {
        configured
    })
}

/// What the node gets of certificates and keys.
enum Own {
    /// The cluster's CA.
    Worker(Box<WorkerMaterial>),
    /// The shared certificates and leaves made here.
    ControlPlane {
        material: Box<Material>,
        changes: Vec<StoreChange>,
    },
}

impl Own {
    fn make(
        config: &ValidConfig,
        discovered: &Certificate,
        secrets: &JoinSecrets,
        now: Timestamp,
        source: &dyn KeySource,
        io: &mut Io,
    ) -> Result<Self, CliError> {
        if !config.is_control_plane() {
            let authority = WorkerMaterial::of_authority(discovered.clone());
            let test_only = source.test_only();
            return Ok(Self::Worker(Box::new(authority.with_test_only(test_only))));
        }
        let ensured = shared::ensure(config, secrets, now, source, io)?;
        shared::same_cluster(discovered, &ensured.material)?;
        Ok(Self::ControlPlane {
            material: Box::new(ensured.material),
            changes: ensured.changes,
        })
    }

    fn source(&self) -> MaterialSource<'_> {
        match self {
            Self::Worker(material) => MaterialSource::Worker(material),
            Self::ControlPlane { material, .. } => MaterialSource::Issued(material),
        }
    }

    fn changes(&self) -> &[StoreChange] {
        match self {
            Self::Worker(_) => &[],
            Self::ControlPlane { changes, .. } => changes,
        }
    }

    /// The certificate of the cluster's CA.
    fn authority(&self) -> Result<&CertificateRow, CliError> {
        match self {
            Self::Worker(material) => Some(material.authority()),
            Self::ControlPlane { material, .. } => material.certificates.get("ca"),
        }
        .map(|authority| &authority.row)
        .ok_or_else(|| CliError::new(Exit::Failed, "the cluster has no CA"))
    }
}
