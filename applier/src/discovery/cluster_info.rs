//! Trust by a token: the cluster's own description, signed with the token's secret, and a pin of its CA.
//!
//! In: the address of an API server, a token, pins. Out: a cluster that has proven who it is, or a refusal. The order is
//! kubeadm's (1.36.2, `cmd/kubeadm/app/discovery/token`):
//!
//! 1. The description is read from the server that answers; no credential is sent, and nothing that is read is believed.
//! 2. Its signature must be the token's: its author knew the secret.
//! 3. Each of its certificates must be a CA's and have a pinned key: the holder of the token alone cannot name another cluster, nor add
//!    a CA of his own to that of the real one. kubeadm asks for one pinned certificate, and believes them all.
//! 4. It is read again over TLS with that CA, and must be the same byte for byte: the address belongs to that cluster.
//! 5. Only then the token is shown, to the server that the description names.

use std::time::Duration;

use super::authority::{Authorities, NoAuthorities};
use super::cluster::{Cluster, Credentials, NoCluster};
use super::error::{DiscoveryError, cluster_info};
use super::pin::Pin;
use super::poll::{Poll, poll, unreachable};
use super::settings::ByToken;
use super::{Trusted, signature};
use crate::kubeadm::protocol::{CLUSTER_INFO, SIGNATURE_KEY_PREFIX};
use crate::net::client::{ApiClient, Class};
use crate::net::json::Json;
use crate::steps::report::Progress;

/// Finds the cluster and lets it prove itself.
///
/// # Errors
/// [`DiscoveryError`].
pub(super) async fn trust(
    by: &ByToken,
    window: Duration,
    progress: &mut Progress<'_>,
) -> Result<Trusted, DiscoveryError> {
    let address = format!("https://{}", by.endpoint);
    let unproven = ApiClient::unproven(&address).map_err(|reason| DiscoveryError::Credentials {
        what: "TLS".to_owned(),
        reason,
    })?;
    let info = signed(&unproven, by, window, progress).await?;
    let text = info.text(["data", CLUSTER_INFO.key]);
    let key = format!("{SIGNATURE_KEY_PREFIX}{}", by.token.id());
    if text.is_empty() {
        return Err(cluster_info(format!(
            "it has no key `{}`",
            CLUSTER_INFO.key
        )));
    }
    if !signature::holds(&by.token, text, info.text(["data", &key])) {
        return Err(DiscoveryError::WrongSignature {
            server: address,
            id: by.token.id().to_owned(),
        });
    }
    // The author of this text knew the token: now it is parsed.
    let cluster = Cluster::parse(text.as_bytes()).map_err(no_cluster)?;
    let Some(authorities) = &cluster.authorities else {
        return Err(cluster_info("it has no CA certificate"));
    };
    let mut notes = Vec::new();
    if by.pins.is_empty() {
        let found: Vec<String> = authorities.pins().map(|pin| pin.to_string()).collect();
        notes.push(format!(
            "the CA was not compared with a pin: any holder of the token could pose as the cluster; the pin of the CA that was found is {}",
            found.join(", ")
        ));
    } else {
        require_pinned(authorities, &by.pins, by.pins_from)?;
        let here = Cluster {
            server: address.clone(),
            authorities: Some(authorities.clone()),
        };
        let proven = Credentials::anonymous().client(&here)?;
        let again = description(&proven, window, progress).await?;
        if again.text(["data", CLUSTER_INFO.key]) != text {
            return Err(DiscoveryError::Tampered { server: address });
        }
    }
    Ok(Trusted {
        cluster,
        credentials: Credentials::of_token(&by.bootstrap_token),
        notes,
    })
}

/// Refuses authorities of which one has no pinned key; `pins_from` is where pins are given.
///
/// # Errors
/// [`DiscoveryError::WrongPin`] if none has one, [`DiscoveryError::Unpinned`] if some do not.
pub(super) fn require_pinned(
    authorities: &Authorities,
    pins: &[Pin],
    pins_from: &'static str,
) -> Result<(), DiscoveryError> {
    let unpinned = authorities.unpinned(pins);
    match unpinned.first() {
        None => Ok(()),
        Some(_) if unpinned.len() == authorities.pins().count() => Err(DiscoveryError::WrongPin {
            found: authorities.pins().collect(),
            pins: pins.to_vec(),
        }),
        Some(certificate) => Err(DiscoveryError::Unpinned {
            certificate: certificate.clone(),
            pins_from,
        }),
    }
}

/// A description that is about no cluster; one with a certificate that is not a CA's is refused.
pub(super) fn no_cluster(error: NoCluster) -> DiscoveryError {
    match error {
        NoCluster::Authorities(NoAuthorities::NotAuthority {
            certificate,
            reason,
        }) => DiscoveryError::NotAuthority {
            what: format!("the {}", CLUSTER_INFO.object),
            certificate,
            reason,
        },
        other => cluster_info(other.to_string()),
    }
}

/// The description, once it is signed with the token.
async fn signed(
    client: &ApiClient,
    by: &ByToken,
    window: Duration,
    progress: &mut Progress<'_>,
) -> Result<Json, DiscoveryError> {
    let what = format!("read the {} at {}", CLUSTER_INFO.object, by.endpoint);
    let wanted = format!("{SIGNATURE_KEY_PREFIX}{}", by.token.id());
    // Who has signed, if the description was there the last time.
    let mut unsigned: Option<Vec<String>> = None;
    let found = poll(window, &what, progress, async || {
        unsigned = None;
        let answer = match client.get(CLUSTER_INFO.path).await {
            Ok(answer) => answer,
            Err(error) => return unreachable(client, error),
        };
        let info = match (answer.class(), answer.json()) {
            (Class::Good, Ok(info)) => info,
            (Class::Good, Err(reason)) => return Poll::Again(reason),
            // Anonymous clients may read it once the cluster has come so far.
            _ => return Poll::Again(answer.explain(true)),
        };
        if !info.text(["data", &wanted]).is_empty() {
            return Poll::Done(info);
        }
        let ids = signers(&info);
        unsigned = Some(ids);
        Poll::Again(format!(
            "it is not signed for the token `{}.…` yet",
            by.token.id()
        ))
    })
    .await;
    match (found, unsigned) {
        (Err(DiscoveryError::TimedOut { .. }), Some(signed)) => Err(DiscoveryError::NotSigned {
            server: client.server().to_owned(),
            id: by.token.id().to_owned(),
            window,
            signed,
        }),
        (found, _) => found,
    }
}

/// The ids of the tokens that a description is signed for; as a stranger may have written them, only what looks like one.
fn signers(info: &Json) -> Vec<String> {
    const SHOWN: usize = 8;
    let data = info.at(["data"]).and_then(serde_json::Value::as_object);
    data.into_iter()
        .flat_map(serde_json::Map::keys)
        .filter_map(|key| key.strip_prefix(SIGNATURE_KEY_PREFIX))
        .filter(|id| id.len() == 6 && id.bytes().all(|b| b.is_ascii_alphanumeric()))
        .take(SHOWN)
        .map(str::to_owned)
        .collect()
}

/// The description as a server that proves who it is gives it.
async fn description(
    client: &ApiClient,
    window: Duration,
    progress: &mut Progress<'_>,
) -> Result<Json, DiscoveryError> {
    let what = format!("read the {} over TLS", CLUSTER_INFO.object);
    poll(window, &what, progress, async || {
        match client.get(CLUSTER_INFO.path).await {
            Ok(answer) => match (answer.class(), answer.json()) {
                (Class::Good, Ok(info)) => Poll::Done(info),
                (Class::Good, Err(reason)) => Poll::Again(reason),
                _ => Poll::Again(answer.explain(true)),
            },
            Err(error) => unreachable(client, error),
        }
    })
    .await
}
