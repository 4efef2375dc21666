//! Checks that the steps, and what they reach the API server by, name only what they may name.
//!
//! The rules of a step are in its file ([`crate::step`]), those of a check in its own ([`crate::check`]), and `docs/bundle-format.md`
//! has all of them in tables.

use super::{Index, IndexError, Place};
use crate::authority::Url;
use crate::check::Broken;
use crate::step::Surroundings;

impl From<Broken> for IndexError {
    fn from(Broken { rule, at }: Broken) -> Self {
        Self::Inconsistent { rule, at }
    }
}

impl Index {
    /// The API server is reached by https, and every step keeps its own rules.
    ///
    /// # Errors
    /// [`IndexError`] naming the broken rule and the value.
    pub(super) fn check_steps(&self) -> Result<(), IndexError> {
        let server = match &self.api {
            None => None,
            Some(api) => match Url::parse(&api.server) {
                Some(url) if url.is_https() && url.path.is_empty() => Some(url.host),
                _ => {
                    return Err(IndexError::Inconsistent {
                        rule: "the API server is reached by https",
                        at: api.server.clone(),
                    });
                }
            },
        };
        let objects = self.entries.iter();
        let around = Surroundings {
            node: &self.node.name,
            server: server.as_ref(),
            objects: objects
                .filter(|entry| entry.place == Place::Object)
                .map(|entry| &entry.name)
                .collect(),
        };
        for step in &self.steps {
            step.check(&around)?;
        }
        Ok(())
    }
}
