//! What an attacker tries, one file per place that is attacked; every case has its positive control beside it.
//!
//! The rows of SECURITY.md say who the attackers are. Attacks on the file format alone are in `bundle/tests/suite/hostile`.

mod approvals_bound;
mod forged;
mod host_keys;
mod inputs;
mod key_store;
mod policy_memory;
mod trust_directories;

use libtest_mimic::Trial;

/// Every attack.
pub fn cases() -> Vec<Trial> {
    [
        approvals_bound::cases(),
        forged::cases(),
        host_keys::cases(),
        inputs::cases(),
        key_store::cases(),
        policy_memory::cases(),
        trust_directories::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
