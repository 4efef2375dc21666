//! What an attacker tries, one file per place that is attacked; every case has its positive control beside it.
//!
//! The rows of SECURITY.md say who the attackers are. Attacks on the file format alone are in `bundle/tests/suite/hostile`.

mod another_clusters_facts;
mod forged;
mod pinned_cluster;
mod yaml_bombs;

use libtest_mimic::Trial;

/// Every attack.
pub fn cases() -> Vec<Trial> {
    [
        another_clusters_facts::cases(),
        forged::cases(),
        pinned_cluster::cases(),
        yaml_bombs::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
