//! Trust by a token: the cluster's own description, signed with the token's secret, and a pin of its CA.
//!
//! In: the address of an API server, a token, pins. Out: a cluster that has proven who it is, or a refusal. The order is
//! kubeadm's (1.36.2, `cmd/kubeadm/app/discovery/token`):
//!
//! 1. The description is read from whoever answers; no credential is sent, nothing that is read is believed.
//! 2. Its signature must be the token's: whoever made it knew the secret.
//! 3. One of its CA certificates must have a pinned key: whoever has the token alone cannot name another cluster.
//! 4. It is read again over TLS with that CA, and must be the same byte for byte: the address belongs to that cluster.
//! 5. Only then the token is shown, to the server that the description names.

use std::time::Duration;

use super::cluster::{Cluster, Credentials};
use super::error::{DiscoveryError, cluster_info};
use super::pin::{self, Pin};
use super::poll::{Poll, poll, unreachable};
use super::protocol::{CLUSTER_INFO, SIGNATURE_KEY_PREFIX};
use super::settings::ByToken;
use super::{Trusted, signature};
use crate::live::client::{ApiClient, Class};
use crate::live::json::Json;
use crate::live::report::Progress;

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
    // Whoever wrote this knew the token: now it is parsed.
    let cluster = Cluster::parse(text.as_bytes()).map_err(cluster_info)?;
    let pins = pin::of_certificates(cluster.authority.expose())
        .map_err(|error| cluster_info(error.to_string()))?;
    let mut notes = Vec::new();
    if by.pins.is_empty() {
        notes.push(format!(
            "the CA was not compared with a pin: whoever has the token could be the cluster; the pin of the CA that was found is {}",
            pins.iter().map(Pin::to_string).collect::<Vec<_>>().join(", ")
        ));
    } else {
        if !pins.iter().any(|pin| by.pins.contains(pin)) {
            return Err(DiscoveryError::WrongPin {
                found: pins,
                pins: by.pins.clone(),
            });
        }
        let here = Cluster {
            server: address.clone(),
            authority: cluster.authority.clone(),
        };
        let proven = Credentials::nobody().client(&here)?;
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
            // Anybody may read it once the cluster has come so far.
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
