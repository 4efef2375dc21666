//! `kubeplan plan --join`: plans the bundle of one node that joins a running cluster.
//!
//! In: the join facts that `kubeapply discover` wrote on the host, and a JoinConfiguration or the flags of `kubeadm join`. Out:
//! the node's bundle. Uses no key store: the shared certificates are sealed in the join facts, and leaf certificates are issued
//! for this bundle alone. The bundle is sealed for the recipients that the user names or confirms, else for the identity that
//! opened the join facts; never for a recipient that only the facts name.

use std::path::{Path, PathBuf};

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::join_facts::{JoinFacts, JoinFactsError, JoinSecrets, MAX_SIZE};
use kubeplan_bundle::seal::{Identities, Recipient};
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_review::shown_recipient;
use kubeplan_terminal::{CliError, Io};

use super::sealing::TakenRecipients;
use super::signing_key::SigningKey;
use super::{Args, Planned, refuse_unplannable};
use crate::cli::failed::{failed, of_join};
use crate::cli::reading::{read_limited, read_secret_as};
use crate::cli::summary::{Identity, PlanSummary};
use crate::cli::workspace::Workspace;
use crate::config::ValidConfig;
use crate::engine::discovered::{Discovered, Meant, pin};
use crate::engine::{Choices, Prospect};
use crate::files::{self, Need};
use crate::pki::key_source::KeySource;

/// The host's SSH key, for which the join facts are sealed by default.
const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key";

/// The arguments of `kubeplan plan` for a join.
#[derive(Debug, clap::Args)]
pub(super) struct JoinArgs {
    /// Plan one node that joins a running cluster, from the join facts that
    /// `kubeapply discover` wrote on its host
    #[arg(
        long,
        value_name = "FACTS",
        conflicts_with_all = ["pki", "identity_out", "upload_certs", "nodes", "renew"]
    )]
    join: Option<PathBuf>,
    /// Refuse join facts of a worker
    #[arg(long, requires = "join")]
    control_plane: bool,
    /// age identity or OpenSSH ed25519 private key that opens the sealed part
    /// of the join facts [default: /etc/ssh/ssh_host_ed25519_key]
    #[arg(long, value_name = "FILE", requires = "join")]
    identity: Option<PathBuf>,
    /// Seal the bundle for this age or ssh-ed25519 recipient; may be repeated
    /// [default: the identity that opened the join facts]
    #[arg(long = "recipient", value_name = "RECIPIENT", requires = "join")]
    recipients: Vec<String>,
    /// Refuse join facts of a cluster with another id: 64 hexadecimal digits,
    /// the SHA-256 of its CA's public key, as `kubeplan show` prints it
    #[arg(long, value_name = "HEX", requires = "join")]
    cluster_id: Option<Sha256Digest>,
    /// Refuse join facts whose CA has another pin than this (sha256:HEX); may
    /// be repeated for a cluster that rotates its CA
    #[arg(long, value_name = "PIN", value_parser = pin, requires = "join")]
    discovery_token_ca_cert_hash: Vec<Sha256Digest>,
}

impl JoinArgs {
    /// The file of join facts, if a join is planned.
    pub(super) fn facts(&self) -> Option<&Path> {
        self.join.as_deref()
    }
}

/// Plans the node whose join facts are in `file`.
pub(super) fn run(
    args: &Args,
    file: &Path,
    now: Timestamp,
    source: &dyn KeySource,
    io: &mut Io,
) -> Result<Exit, CliError> {
    let facts = read(file)?;
    if args.join.control_plane && !facts.control_plane {
        return Err(CliError::usage(format!(
            "{} contains the join facts of a worker",
            file.display()
        ))
        .hint("run `kubeapply discover --control-plane` on the host, with the certificate key"));
    }
    let meant = Meant {
        cluster_id: args.join.cluster_id,
        pins: args.join.discovery_token_ca_cert_hash.clone(),
    };
    let authorities = meant.authorities(&facts).map_err(of_join)?;
    let (secrets, identities) = open(args, &facts, file)?;
    let discovered = Discovered::new(facts, secrets, authorities).map_err(of_join)?;
    let chosen = parse_recipients(&args.join.recipients)?;
    let choices = Choices {
        phases: args.phases.names(),
        ..Choices::default()
    };
    let shown = file.display().to_string();
    let mut session = args.config.open_join(&shown, &discovered, &choices, io)?;
    let compared = !meant.is_empty() || !session.ca_cert_hashes().is_empty();
    // The key store is not asked for CAs: a running cluster has them.
    let prospect = Prospect {
        now,
        held: &|_| true,
    };
    refuse_unplannable(&mut session, prospect, io)?;
    let first = session.first().map_err(|error| failed(error, io))?;
    let sealed_for_opener = chosen.is_empty() && first.node.recipients.is_empty();
    let recipients = recipients(chosen, first, &identities)?;
    let workspace = Workspace::new(first.bundle_cluster_name.as_str());
    let signing = SigningKey::find(args, first, &workspace, io)?;
    let keys = session
        .issue_joining(&discovered, now, source, io)
        .map_err(|error| failed(error, io))?;
    let opener = args.join.identity.as_deref();
    let identity = opener.filter(|path| sealed_for_opener && !is_host_key(path));
    let plan = Planned {
        args,
        session: &session,
        first,
        keys,
        now,
    };
    plan.write(
        signing,
        |_| TakenRecipients {
            recipients: recipients.clone(),
            identity: identity.map(|path| Identity {
                file: path.display().to_string(),
                created: false,
            }),
            new: None,
        },
        |keys| {
            let found = (discovered.authorities(), compared);
            PlanSummary::of_join(first, keys, &session, found)
        },
        |_| Ok(()),
        io,
    )
}

fn read(file: &Path) -> Result<JoinFacts, CliError> {
    let bytes = read_limited(file, "join facts", MAX_SIZE as u64)?;
    JoinFacts::parse(&bytes).map_err(|error| {
        CliError::caused(Exit::Usage, format!("join facts {}", file.display()), error)
            .hint("run `kubeapply discover` on the host to write join facts")
    })
}

/// Whether `path` is the SSH host key: of this host, or of the tree that `kubeapply join --root DIR` names.
fn is_host_key(path: &Path) -> bool {
    path.ends_with(HOST_KEY.trim_start_matches('/'))
}

/// Opens the sealed part of the join facts. Also returns the identities that were read to open it.
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
                "cannot open the join facts: {HOST_KEY} is not readable, and --identity is not given"
            ))
            .hint("name the age identity or SSH private key that the join facts are sealed for with --identity"));
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
            "they are sealed for {}: name one of these identities with --identity",
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

fn parse_recipients(texts: &[String]) -> Result<Vec<Recipient>, CliError> {
    texts
        .iter()
        .map(|text| {
            Recipient::parse(text)
                .map_err(|error| CliError::caused(Exit::Usage, "--recipient", error))
        })
        .collect()
}

/// The bundle's recipients: those of the command line, else the host's confirmed keys, else the identities that opened the join facts.
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
