//! The questions that every kind of step answers.
//!
//! None has an answer by default: a step that leaves one out does not compile.

use std::collections::BTreeSet;

use super::{Endpoint, ServiceName};
use crate::access::StepPath;
use crate::authority::Host;
use crate::check::{Broken, Check, CheckName, broken};
use crate::name::{EntryName, Name, TransactionName};
use crate::path::HostPath;

/// What is asked of a step.
pub(super) trait Act {
    /// What it does, in one line for people. Secrets have no part in it.
    fn summary(&self) -> String;

    /// When it runs, and what it needs then.
    fn stage(&self) -> Stage;

    /// What it does that other parts of the two programs have to know.
    fn work(&self) -> Work<'_>;

    /// Every path of the host that it reads, changes or removes, in the order of its fields, and what each may be. The paths
    /// of a transaction's files are those of its entries.
    fn paths(&self) -> Vec<StepPath<'_>>;

    /// Checks its fields but for its paths: what it names is in the index or on a closed list, destinations on the network
    /// have their form, and it waits for some time.
    fn check(&self, around: &Surroundings<'_>) -> Result<(), Broken>;
}

/// When a step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Before anything is changed: it only looks at the host.
    Look,
    /// While files are installed, also into a directory.
    Files,
    /// On a running host.
    Live {
        /// Whether it calls the API server of the index ([`crate::index::Api`]).
        calls_api: bool,
    },
}

/// What a step does that other parts of the two programs have to know.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work<'a> {
    /// It makes checks.
    Checks {
        /// The checks, in order.
        checks: &'a [Check],
        /// The checks whose errors count as warnings.
        ignored: &'a [CheckName],
    },
    /// It commits a transaction. A live step does so once it has filled the hole in one of the transaction's files.
    Commits(&'a TransactionName),
    /// It removes a file once its use is over; [`Act::paths`] says so, too.
    Removes(&'a HostPath),
    /// It applies object entries, in order.
    Applies(&'a [EntryName]),
    /// It starts a service.
    Starts(&'a ServiceName),
    /// It waits for endpoints.
    Awaits {
        /// The endpoints.
        endpoints: &'a [Endpoint],
        /// How long each of them has, in seconds.
        timeout_seconds: u32,
    },
    /// Only the step itself reads its fields.
    Other,
}

/// What a step's fields are compared with: the rest of its index.
pub(crate) struct Surroundings<'a> {
    /// The bundle's node.
    pub(crate) node: &'a Name,
    /// The host of the API server, if the index has one.
    pub(crate) server: Option<&'a Host>,
    /// The names of the object entries.
    pub(crate) objects: BTreeSet<&'a EntryName>,
}

impl Surroundings<'_> {
    /// Checks that `node` is the bundle's; `rule` is what is said if it is not.
    pub(super) fn check_node(&self, node: &Name, rule: &'static str) -> Result<(), Broken> {
        if node == self.node {
            return Ok(());
        }
        broken(rule, node)
    }
}
