//! What an attacker tries, one file per place that is attacked; every case has its positive control beside it.
//!
//! The rows of SECURITY.md say who the attackers are. Attacks on the file format alone are in `bundle/tests/suite/hostile`.

mod endpoints;
mod forged;
mod step_paths;

use libtest_mimic::Trial;

/// Every attack.
pub fn cases() -> Vec<Trial> {
    [endpoints::cases(), forged::cases(), step_paths::cases()]
        .into_iter()
        .flatten()
        .collect()
}
