//! `direct-connection`.

use serde::{Deserialize, Serialize};

use super::broken;
use super::{Broken, Look};
use crate::access::StepPath;
use crate::authority::authority;

/// A connection to a host goes through no proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectConnection {
    /// `host` or `host:port`, an IPv6 address in brackets.
    pub authority: String,
}

impl Look for DirectConnection {
    fn paths(&self) -> Vec<StepPath<'_>> {
        Vec::new()
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        match authority(&self.authority) {
            Some(_) => Ok(()),
            None => broken("a proxy check names `host` or `host:port`", &self.authority),
        }
    }
}
