//! Reading what the cluster keeps for nodes that join, as the host's first identity.
//!
//! In: a client of a cluster that has proven who it is. Out: its configuration as it is stored, uninterpreted; the shared
//! certificates decrypted.

use std::collections::BTreeMap;

use kubeplan_bundle::secret::SecretBytes;

use super::error::DiscoveryError;
use super::poll::{CALL, read};
use super::shared::{self, CertificateKey};
use crate::kubeadm::protocol::{
    CLUSTER_CONFIGURATION, KUBELET_CONFIGURATION, PROXY_CONFIGURATION, Place, SHARED_CERTIFICATES,
};
use crate::net::client::ApiClient;
use crate::steps::report::Progress;

/// The cluster's configuration.
pub(super) struct Configuration {
    pub(super) cluster_configuration: String,
    pub(super) kubelet_configuration: String,
    pub(super) kube_proxy_configuration: Option<String>,
    pub(super) notes: Vec<String>,
}

/// Reads the configuration.
///
/// # Errors
/// [`DiscoveryError`] if a document is missing or may not be read; that of the proxy may be both.
pub(super) async fn configuration(
    client: &ApiClient,
    progress: &mut Progress<'_>,
) -> Result<Configuration, DiscoveryError> {
    let cluster_configuration = document(client, &CLUSTER_CONFIGURATION, progress).await?;
    let kubelet_configuration = document(client, &KUBELET_CONFIGURATION, progress).await?;
    let mut notes = Vec::new();
    let place = &PROXY_CONFIGURATION;
    let kube_proxy_configuration = match read(client, place, CALL, progress).await {
        Ok(Some(object)) => Some(text(&object, place)?),
        Ok(None) => {
            notes.push(format!("the cluster has no {}", place.object));
            None
        }
        Err(DiscoveryError::Forbidden { user, .. }) => {
            notes.push(format!("{user} may not read the {}", place.object));
            None
        }
        Err(error) => return Err(error),
    };
    Ok(Configuration {
        cluster_configuration,
        kubelet_configuration,
        kube_proxy_configuration,
        notes,
    })
}

/// Reads the shared certificates, and decrypts them.
///
/// # Errors
/// [`DiscoveryError`].
pub(super) async fn shared_certificates(
    client: &ApiClient,
    key: &CertificateKey,
    progress: &mut Progress<'_>,
) -> Result<BTreeMap<String, SecretBytes>, DiscoveryError> {
    let place = &SHARED_CERTIFICATES;
    let secret = read(client, place, CALL, progress)
        .await?
        .ok_or(DiscoveryError::Missing { place })?;
    shared::decrypt(&secret, key)
}

async fn document(
    client: &ApiClient,
    place: &'static Place,
    progress: &mut Progress<'_>,
) -> Result<String, DiscoveryError> {
    let object = read(client, place, CALL, progress)
        .await?
        .ok_or(DiscoveryError::Missing { place })?;
    text(&object, place)
}

fn text(object: &crate::net::json::Json, place: &'static Place) -> Result<String, DiscoveryError> {
    match object.text(["data", place.key]) {
        "" => Err(DiscoveryError::Missing { place }),
        text => Ok(text.to_owned()),
    }
}
