//! What a host has to learn from the cluster that it joins, and how it comes to trust what it learns.
//!
//! In: a bootstrap token with pins of the cluster's CA, or a kubeconfig that the operator trusts. Out: the cluster's address
//! and CA, its configuration, and for a control plane the certificates that all of them share. A token is never sent to a
//! server that has not proven who it is; what does not prove itself is refused, and then nothing is written. What a node
//! is made of is not known here: the planner makes that of what is found.
//!
//! | module | concern |
//! |---|---|
//! | [`protocol`] | where a cluster keeps what is asked for, by kubeadm's names |
//! | [`token`], [`pin`], [`signature`] | what proves the cluster: syntax and mathematics |
//! | [`authority`] | which certificates may vouch for its servers |
//! | [`cluster_info`], [`file`] | the two ways to trust a cluster |
//! | [`cluster`], [`exec`] | kubeconfigs: read, asked of a program, and made |
//! | [`fetch`], [`shared`] | reading the configuration, the node's name, the shared certificates |
//! | [`settings`] | what the operator says, on the command line or in a file |
//! | [`error`], [`poll`] | refusals and failures; trying again |

mod authority;
mod cluster;
mod cluster_info;
mod error;
mod exec;
mod fetch;
mod file;
mod pin;
mod poll;
pub(crate) mod settings;
mod shared;
mod signature;
#[cfg(test)]
mod tests;
mod token;

use std::time::Duration;

use kubeplan_bundle::join_facts::{FORMAT, JoinFacts, JoinSecrets, SealedSecrets};
use kubeplan_bundle::seal::Recipient;
use kubeplan_bundle::timestamp::Timestamp;

pub(crate) use error::DiscoveryError;
pub(crate) use pin::Pin;
pub(crate) use settings::{Settings, Source};
pub(crate) use shared::CertificateKey;
pub(crate) use token::Token;

use crate::host::Root;
use crate::net::waiter::Waiter;
use crate::steps::Observer;
use crate::steps::report::Progress;
use cluster::Cluster;

/// The name of all of this where progress is told.
const PHASE: &str = "discovery";

/// What the operator asks for.
pub(crate) struct Request<'a> {
    /// The host.
    pub(crate) root: &'a Root,
    /// Where and how the cluster is found, and who the host will be.
    pub(crate) settings: &'a Settings,
    /// The recipients that the secrets are sealed for.
    pub(crate) recipients: &'a [Recipient],
    /// What time it is.
    pub(crate) now: Timestamp,
}

/// What was found, and what the operator should know of it.
pub(crate) struct Discovered {
    /// The document for the planner.
    pub(crate) facts: JoinFacts,
    /// How many shared certificates and keys are in it.
    pub(crate) shared: usize,
    /// Remarks.
    pub(crate) notes: Vec<String>,
}

/// A cluster that has proven who it is, and the host's first identity in it.
struct Trusted {
    cluster: Cluster,
    credentials: cluster::Credentials,
    notes: Vec<String>,
}

/// Finds the cluster and reads what a plan needs.
///
/// # Errors
/// [`DiscoveryError`]; nothing is written in any case.
pub(crate) fn discover(
    request: &Request<'_>,
    observer: &mut dyn Observer,
) -> Result<Discovered, DiscoveryError> {
    Waiter::default()
        .wait(ask(request, observer))
        .map_err(DiscoveryError::Runtime)?
}

async fn ask(
    request: &Request<'_>,
    observer: &mut dyn Observer,
) -> Result<Discovered, DiscoveryError> {
    let settings = request.settings;
    let trusted = stage(
        observer,
        0,
        "find the cluster",
        async |progress| match &settings.source {
            Source::Token(by_token) => {
                cluster_info::trust(by_token, settings.timeout, progress).await
            }
            Source::File(by_file) => {
                file::trust(request.root, by_file, settings.timeout, progress).await
            }
        },
    )
    .await?;
    let Trusted {
        cluster,
        credentials,
        mut notes,
    } = trusted;
    let client = credentials.client(&cluster)?;
    let found = stage(
        observer,
        1,
        "read the cluster's configuration",
        async |progress| fetch::configuration(&client, progress).await,
    )
    .await?;
    notes.extend(found.notes);
    let standing = stage(observer, 2, "ask for the node's name", async |progress| {
        let node = settings.node.as_str();
        Ok(crate::steps::require_free_node_name::ask(&client, node, progress).await?)
    })
    .await?;
    if standing == crate::steps::require_free_node_name::Standing::NotReady {
        notes.push(standing.words(settings.node.as_str()));
    }
    let mut secrets = JoinSecrets {
        bootstrap_kubeconfig: cluster.kubeconfig(&credentials)?,
        files: std::collections::BTreeMap::new(),
    };
    if let Some(key) = &settings.certificate_key {
        secrets.files = stage(
            observer,
            3,
            "fetch the shared certificates",
            async |progress| fetch::shared_certificates(&client, key, progress).await,
        )
        .await?;
    } else if settings.control_plane {
        secrets.files = shared::copied(request.root, &settings.certificates)?;
    }
    let facts = JoinFacts {
        format: FORMAT.to_owned(),
        discovered: request.now,
        server: cluster.server.clone(),
        ca_certificates: cluster.authority().to_owned(),
        cluster_configuration: found.cluster_configuration,
        kubelet_configuration: found.kubelet_configuration,
        kube_proxy_configuration: found.kube_proxy_configuration,
        token_endpoint: match &settings.source {
            Source::Token(by_token) => Some(by_token.endpoint.clone()),
            Source::File(_) => None,
        },
        control_plane: settings.control_plane,
        certificate_key: settings.certificate_key.is_some(),
        sealed: SealedSecrets::seal(&secrets, request.recipients)?,
    };
    let shared = secrets.files.len();
    Ok(Discovered {
        facts,
        shared,
        notes,
    })
}

/// The pins of CA certificates, for people; none if one of them is not a CA's.
pub(crate) fn pins(certificates: &str) -> Vec<String> {
    let found = authority::Authorities::parse(certificates.as_bytes());
    let pins = found.iter().flat_map(authority::Authorities::pins);
    pins.map(|pin| pin.to_string()).collect()
}

/// One part of it, told as a step is told.
async fn stage<T>(
    observer: &mut dyn Observer,
    number: usize,
    what: &str,
    work: impl AsyncFnOnce(&mut Progress<'_>) -> Result<T, DiscoveryError>,
) -> Result<T, DiscoveryError> {
    let mut progress = Progress::begin(observer, number, PHASE, what.to_owned());
    let outcome = work(&mut progress).await;
    match &outcome {
        Ok(_) => progress
            .done(crate::steps::report::StepResult::unchanged("done"))
            .map(drop)
            .map_err(DiscoveryError::Observer)?,
        Err(error) => progress.failed(&error.to_string()),
    }
    outcome
}

/// How long discovery may take by default, as in kubeadm (`timeouts.discovery`).
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5 * 60);
