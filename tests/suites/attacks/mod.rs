//! What an attacker tries, one file per place that is attacked; every case has its positive control beside it.
//!
//! The rows of SECURITY.md say who the attackers are. Attacks on the file format alone are in `bundle/tests/suite/hostile`.

mod foreign_text_planner;
mod forged;
mod wide_tables;

use libtest_mimic::Trial;

/// Every attack.
pub fn cases() -> Vec<Trial> {
    [
        forged::cases(),
        foreign_text_planner::cases(),
        wide_tables::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
