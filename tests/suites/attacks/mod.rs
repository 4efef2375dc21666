//! What an attacker tries, one file per place that is attacked; every case has its positive control beside it.
//!
//! The rows of SECURITY.md say who the attackers are. Attacks on the file format alone are in `bundle/tests/suite/hostile`.

mod approvals;
mod forged;
mod large_indexes;
mod sealed_content;

use libtest_mimic::Trial;

/// Every attack.
pub fn cases() -> Vec<Trial> {
    [
        approvals::cases(),
        forged::cases(),
        large_indexes::cases(),
        sealed_content::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
