//! One person who counts as two.

use std::fs;

use anyhow::Result;
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::kubeplan;
use libtest_mimic::Trial;

use super::super::case;

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "attacks::approvals::two_keys_under_two_names_that_one_line_ties_together",
            two_names,
        ),
        case("attacks::approvals::one_key_under_two_names", one_key),
    ]
}

const REVIEWER: &str = "namespaces=\"kubeplan-approval\"";

/// A bundle that `alice` and `bob` approved, and the lines of their keys and of one more.
fn approved() -> Result<(Planned, [String; 3])> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let mut keys = Vec::new();
    for name in ["one", "two", "three"] {
        let path = planned.path(name);
        kubeplan(&["keygen", "-o", text(&path)?]).expect(0)?;
        keys.push(fs::read_to_string(planned.path(&format!("{name}.pub")))?);
        if name != "three" {
            let bundle = text(&planned.bundle)?;
            let digest = planned.digest()?;
            let reviewed = ["--plan-digest", &digest];
            kubeplan(&[&["approve", "--key", text(&path)?, bundle][..], &reviewed].concat())
                .expect(0)?;
        }
    }
    let mut keys = keys.into_iter();
    let mut next = || keys.next().unwrap_or_default();
    let keys = [next(), next(), next()];
    Ok((planned, keys))
}

/// Installs with these lines after the author's, where two approvals are needed.
fn install(planned: &Planned, lines: &str, code: u8) -> Result<()> {
    let signers = planned.path("allowed_signers");
    let before = fs::read_to_string(&signers)?;
    fs::write(&signers, format!("{before}{lines}"))?;
    planned
        .install(&["--require-approvals", "2"])?
        .expect(code)?;
    fs::write(&signers, before)?;
    Ok(())
}

fn two_names() -> Result<()> {
    let (planned, [one, two, three]) = approved()?;
    let alone = format!("alice {REVIEWER} {one}bob {REVIEWER} {two}");
    for tie in [
        format!("alice,bob {REVIEWER} {three}"),
        format!("alice,bob namespaces=\"kubeplan-bundle\" {three}"),
        format!("alice,bob {REVIEWER},valid-before=\"20200101Z\" {three}"),
        format!("alice {REVIEWER} {three}bob {REVIEWER} {three}"),
        format!("alice,carol {REVIEWER} {three}carol,bob {REVIEWER} {one}"),
    ] {
        install(&planned, &format!("{alone}{tie}"), 4)?;
    }
    install(&planned, &format!("{alone}carol {REVIEWER} {three}"), 0)
}

fn one_key() -> Result<()> {
    let (planned, [one, two, _]) = approved()?;
    for lines in [
        format!("alice,bob {REVIEWER} {one}"),
        format!("alice {REVIEWER} {one}bob {REVIEWER} {one}"),
        format!("alice {REVIEWER} {one}bob {REVIEWER} {one}bob {REVIEWER} {two}"),
    ] {
        install(&planned, &lines, 4)?;
    }
    let lines = format!("alice {REVIEWER} {one}bob {REVIEWER} {two}");
    install(&planned, &lines, 0)
}
