//! What an attacker tries, one file per place that is attacked; every case has its positive control beside it.
//!
//! The rows of SECURITY.md say who the attackers are. Attacks on the file format alone are in `bundle/tests/suite/hostile`.

mod deep_trees;
mod fifos;
mod forged;
mod leftovers;
mod local_users;
mod placed;
mod reserved_directories;

use libtest_mimic::Trial;

/// Every attack.
pub fn cases() -> Vec<Trial> {
    [
        deep_trees::cases(),
        fifos::cases(),
        forged::cases(),
        leftovers::cases(),
        local_users::cases(),
        reserved_directories::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
