//! What an attacker tries, one file per place that is attacked; every case has its positive control beside it.
//!
//! The rows of SECURITY.md say who the attackers are. Attacks on the file format alone are in `bundle/tests/suite/hostile`.

mod another_clusters_facts;
mod approvals;
mod approvals_bound;
mod deep_trees;
mod endpoints;
mod fifos;
mod foreign_text;
mod foreign_text_planner;
mod forged;
mod host_keys;
mod inputs;
mod key_store;
mod large_indexes;
mod leftovers;
mod local_users;
mod pinned_cluster;
mod placed;
mod policy_memory;
mod reserved_directories;
mod sealed_content;
mod step_paths;
mod trust_directories;
mod wide_tables;
mod yaml_bombs;

pub use inputs::is_kubeplan;

use libtest_mimic::Trial;

/// Every attack.
pub fn cases() -> Vec<Trial> {
    [
        another_clusters_facts::cases(),
        approvals::cases(),
        approvals_bound::cases(),
        deep_trees::cases(),
        endpoints::cases(),
        fifos::cases(),
        foreign_text::cases(),
        foreign_text_planner::cases(),
        forged::cases(),
        host_keys::cases(),
        inputs::cases(),
        key_store::cases(),
        large_indexes::cases(),
        leftovers::cases(),
        local_users::cases(),
        pinned_cluster::cases(),
        policy_memory::cases(),
        reserved_directories::cases(),
        sealed_content::cases(),
        step_paths::cases(),
        trust_directories::cases(),
        wide_tables::cases(),
        yaml_bombs::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
