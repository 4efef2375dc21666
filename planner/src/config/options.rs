//! What determines a configuration besides its documents.

use super::draft::Host;
use super::facts::FactsSource;
use super::flags::Given;
use super::valid::HostFacts;

/// What determines a configuration besides its documents.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What is known about the host, unless it comes from [`Options::hosts`].
    pub facts: HostFacts,
    /// Facts of hosts, and what confirms their SSH keys.
    pub hosts: FactsSource,
    /// Report unknown and duplicate fields as warnings instead of errors.
    pub lenient: bool,
    /// Flags that set fields.
    pub flags: Vec<Given>,
    /// Which origins of values to keep.
    pub origins: Origins,
    /// Whether values are needed that kubeadm would read from the host.
    pub host: Host,
}

/// Which origins of values to keep. The origins of a joining node's own values take more memory than its configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// Those of the cluster and each of its nodes.
    #[default]
    OfEveryNode,
    /// Those of the cluster and its first control-plane node.
    OfCluster,
}
