//! Certificates that end: a plan for another reason keeps those of nodes that were planned before.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Result, ensure};
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{Run, kubeplan};
use libtest_mimic::Trial;

use super::case;

/// The certificates of the fixture, planned at [`kubeplan_testsuite::programs::NOW`], have eleven days left, and are over.
const SOON: &str = "2027-05-10T00:00:00Z";
const OVER: &str = "2027-05-25T00:00:00Z";

pub fn cases() -> Vec<Trial> {
    vec![case(
        "renew::leaves_that_end_are_kept_until_renewal_is_asked_for",
        kept_until_asked,
    )]
}

fn plan_at(planned: &Planned, now: &str, more: &[&str]) -> Result<Run> {
    let (config, out, author, pki, identity) = (
        planned.path("cluster.yaml"),
        planned.path("out"),
        planned.path("author"),
        planned.path("pki"),
        planned.path("identity"),
    );
    let args = [
        "plan",
        "-f",
        text(&config)?,
        "--output",
        text(&out)?,
        "--sign-key",
        text(&author)?,
        "--pki",
        text(&pki)?,
        "--identity-out",
        text(&identity)?,
        "--now",
        now,
    ];
    Ok(kubeplan(&[&args[..], more].concat()))
}

/// The certificates of the node in the key store.
fn leaves(planned: &Planned) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let nodes = planned.path("pki").join("nodes");
    for node in fs::read_dir(nodes)? {
        for file in fs::read_dir(node?.path())? {
            let path = file?.path();
            if path.extension().is_some_and(|end| end == "crt") {
                found.insert(text(&path)?.to_owned(), fs::read(&path)?);
            }
        }
    }
    ensure!(found.len() > 5, "{:?}", found.keys());
    Ok(found)
}

fn kept_until_asked() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let before = leaves(&planned)?;
    let soon = plan_at(&planned, SOON, &[])?.expect(0)?;
    ensure!(
        soon.err
            .contains("it is kept, because the node was planned before")
            && soon.err.contains("plan with `--renew`"),
        "{}",
        soon.err
    );
    ensure!(leaves(&planned)? == before, "certificates changed");
    let bundle = fs::read(&planned.bundle)?;
    let over = plan_at(&planned, OVER, &[])?;
    ensure!(over.code != 0, "a bundle that no host takes was written");
    ensure!(over.err.contains("plan with `--renew`"), "{}", over.err);
    ensure!(leaves(&planned)? == before && fs::read(&planned.bundle)? == bundle);
    plan_at(&planned, SOON, &["--renew"])?.expect(0)?;
    let renewed = leaves(&planned)?;
    ensure!(renewed.keys().eq(before.keys()));
    for (path, bytes) in &renewed {
        ensure!(
            before.get(path) != Some(bytes),
            "{path} was not issued again"
        );
    }
    // Nothing ends soon now.
    plan_at(&planned, SOON, &["--renew"])?.expect(0)?;
    ensure!(leaves(&planned)? == renewed);
    plan_at(&planned, "2028-06-01T00:00:00Z", &["--renew"])?.expect(0)?;
    ensure!(
        leaves(&planned)? != renewed,
        "certificates that ended stayed"
    );
    Ok(())
}
