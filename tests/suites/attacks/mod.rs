//! What an attacker tries, one file per place that is attacked; every case has its positive control beside it.
//!
//! The rows of SECURITY.md say who the attackers are. Attacks on the file format alone are in `bundle/tests/suite/hostile`.

mod approvals_bound;
mod forged;
mod host_keys;
mod inputs;
mod key_store;

pub use inputs::is_kubeplan;

use libtest_mimic::Trial;

/// Every attack.
pub fn cases() -> Vec<Trial> {
    [
        forged::cases(),
        approvals_bound::cases(),
        host_keys::cases(),
        inputs::cases(),
        key_store::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
