//! Makes the keys of a node that joins a running cluster, from what was discovered.
//!
//! In: the opened facts of `kubeapply discover`, and what the operator knows about the cluster. Out: [`Keys`] without a key store: the
//! shared certificates come with the facts, leaves are issued here and are kept in the bundle alone.

mod shared;

use kubeplan_bundle::seal::CommitSalt;
use kubeplan_bundle::timestamp::Timestamp;

use super::discovered::Discovered;
use super::error::EngineError;
use super::keys::{JoiningKeys, Keys, NodeKeys};
use super::observer::Observer;
use super::session::Session;
use crate::pki::WorkerMaterial;
use crate::pki::key_source::KeySource;

impl Session {
    /// Makes the keys of the node that joins.
    ///
    /// # Errors
    /// [`EngineError::Join`] if the cluster did not share what the node needs, [`EngineError::KeyStore`] if what it shared does not fit.
    pub fn issue_joining(
        &self,
        discovered: &Discovered,
        now: Timestamp,
        source: &dyn KeySource,
        observer: &mut dyn Observer,
    ) -> Result<Keys, EngineError> {
        let config = self.first()?;
        let node = if config.is_control_plane() {
            let ensured = shared::ensure(config, &discovered.secrets, now, source, observer)?;
            shared::same_cluster(&discovered.authorities, &ensured.material)?;
            NodeKeys::ControlPlane {
                material: Box::new(ensured.material),
                changes: ensured.changes,
            }
        } else {
            let material = WorkerMaterial::of_authority(discovered.authorities.clone());
            NodeKeys::Worker(Box::new(material.with_test_only(source.test_only())))
        };
        let salt = source.salt().ok();
        let salt = salt.filter(|salt| CommitSalt::new(salt.clone()).is_ok());
        Ok(Keys::Joining(Box::new(JoiningKeys {
            node,
            salt: salt.ok_or(EngineError::Incomplete("there is no randomness for a salt"))?,
            test_only: source.test_only(),
        })))
    }
}
