//! The forge itself: what it puts together unchanged is accepted.

use anyhow::Result;
use kubeplan_testsuite::forge::Forge;
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{NOW, kubeapply_at};
use libtest_mimic::Trial;

use super::super::case;

pub fn cases() -> Vec<Trial> {
    vec![case(
        "attacks::forged::a_bundle_put_together_again_is_accepted",
        unchanged,
    )]
}

fn unchanged() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let bundle = Forge::of(&planned)?.write(&planned, "again.tar.gz")?;
    let signers = planned.path("allowed_signers");
    kubeapply_at(
        NOW,
        &[
            "verify",
            "--allowed-signers",
            text(&signers)?,
            text(&bundle)?,
        ],
    )
    .expect(0)?;
    kubeapply_at(NOW, &planned.install_args(&bundle, &[])?).expect(0)?;
    Ok(())
}
