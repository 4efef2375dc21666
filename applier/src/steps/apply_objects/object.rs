//! One object of the bundle, as it is applied.

use kubeplan_bundle::index::{Content, EntryName, Hole};

use super::super::error::StepError;
use super::super::holes;
use super::super::session::Session;
use super::Batch;
use crate::host::clock::Clock;
use crate::net::json::Json;

/// One object of the bundle.
pub(super) struct Object {
    pub(super) entry: EntryName,
    pub(super) content: Json,
    pub(super) holes: Vec<Hole>,
    pub(super) secret: bool,
    pub(super) force: bool,
}

impl Object {
    pub(super) fn read(batch: &Batch<'_>, name: &EntryName) -> Result<Self, StepError> {
        let unusable = |reason: &str| StepError::Content {
            entry: name.clone(),
            reason: reason.to_owned(),
        };
        let entry = batch
            .index
            .entry(name)
            .ok_or_else(|| unusable("the index does not have it"))?;
        let secret = matches!(entry.content, Content::Sealed(_));
        let bytes = if secret {
            batch.contents.secret(name)
        } else {
            batch.contents.public(name)
        };
        let bytes = bytes.ok_or_else(|| unusable("the bundle has no content for it"))?;
        let content = Json::parse_yaml(bytes).map_err(|reason| unusable(&reason))?;
        for path in [&["apiVersion"][..], &["kind"], &["metadata", "name"]] {
            if content.text(path.iter().copied()).is_empty() {
                return Err(unusable(&format!("it has no {}", path.join("."))));
            }
        }
        Ok(Self {
            entry: name.clone(),
            content,
            holes: entry.holes.clone(),
            secret,
            force: batch.overwrite.contains(name),
        })
    }

    pub(super) fn api_version(&self) -> &str {
        self.content.text(["apiVersion"])
    }

    pub(super) fn kind(&self) -> &str {
        self.content.text(["kind"])
    }

    /// `Kind namespace/name`.
    pub(super) fn shown(&self) -> String {
        let name = self.content.text(["metadata", "name"]);
        match self.content.text(["metadata", "namespace"]) {
            "" => format!("{} {name}", self.kind()),
            namespace => format!("{} {namespace}/{name}", self.kind()),
        }
    }

    /// The object as it is applied now.
    pub(super) fn filled(&self, clock: Clock, session: &Session<'_>) -> Result<Json, StepError> {
        let unusable = |reason: String| StepError::Content {
            entry: self.entry.clone(),
            reason,
        };
        let mut content = Json::new(self.content.clone());
        for hole in &self.holes {
            let value = match hole {
                Hole::TokenExpiry { ttl, .. } => {
                    holes::token_expiry(clock.now().ok_or(StepError::Clock)?, *ttl)
                }
                Hole::OwnerUid { owner, .. } => session
                    .uids
                    .get(owner)
                    .cloned()
                    .ok_or_else(|| unusable(format!("its owner {owner} is not known")))?,
                Hole::EtcdInitialCluster { .. } => {
                    return Err(unusable(
                        "an object cannot name the members of etcd".to_owned(),
                    ));
                }
            };
            holes::fill(&mut content, hole, value)
                .map_err(|at| unusable(format!("there is no hole at `{at}`")))?;
        }
        Ok(content)
    }
}
