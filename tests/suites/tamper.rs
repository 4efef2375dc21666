//! No bit of a bundle can change unnoticed.

use std::fs;
use std::io::Cursor;

use anyhow::{Context as _, Result, ensure};
use kubeplan_bundle::allowed_signers::AllowedSigners;
use kubeplan_bundle::policy::{Policy, TrustPolicy};
use kubeplan_bundle::reader::Bundle;
use kubeplan_testkit::sweeps;
use kubeplan_testsuite::planned::Planned;
use kubeplan_testsuite::programs::{NOW, kubeapply};
use kubeplan_testsuite::raw_index::after_first;
use kubeplan_testsuite::tree;
use libtest_mimic::Trial;

use super::case;

pub fn cases() -> Vec<Trial> {
    vec![
        case("tamper::bits_all_over_a_planned_bundle", every_byte),
        case(
            "tamper::kubeapply_refuses_flipped_bits_and_touches_nothing",
            through_the_program,
        ),
    ]
}

/// Flips one bit of every byte of a planned bundle's head and tail, and of every seventh byte between; in the short form of every
/// third and of every 49th. Which bit depends on the place, so all eight are met. The bundle crate's own suite flips every bit of a
/// smaller bundle.
fn every_byte() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let bytes = fs::read(&planned.bundle)?;
    let policy = TrustPolicy {
        allowed: AllowedSigners::parse(&fs::read_to_string(planned.path("allowed_signers"))?)?,
        policy: Policy {
            authors: 1,
            approvals: 0,
            ..Policy::default()
        },
    };
    let now = NOW.parse()?;
    let accepted = |bytes: Vec<u8>| {
        Bundle::open(Cursor::new(bytes))
            .and_then(|bundle| bundle.into_trusted(&policy, now))
            .is_ok()
    };
    ensure!(accepted(bytes.clone()), "the untouched bundle is refused");
    let edge = 4096;
    let (at_edges, between) = if sweeps::whole() { (1, 7) } else { (3, 49) };
    let places = (0..bytes.len()).filter(|at| {
        let step = if *at < edge || *at + edge > bytes.len() {
            at_edges
        } else {
            between
        };
        at.is_multiple_of(step)
    });
    for at in places {
        let mut copy = bytes.clone();
        if let Some(byte) = copy.get_mut(at) {
            *byte ^= 1 << (at % 8);
        }
        ensure!(
            !accepted(copy),
            "a bundle with byte {at} of {} changed is accepted",
            bytes.len()
        );
    }
    Ok(())
}

fn through_the_program() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let bytes = fs::read(&planned.bundle)?;
    let copy = planned.path("copy.tar.gz");
    let before = tree::snapshot(&planned.root())?;
    let step = (bytes.len() / 150).max(1);
    for at in (0..bytes.len()).step_by(step) {
        let mut changed = bytes.clone();
        if let Some(byte) = changed.get_mut(at) {
            *byte ^= 0x10;
        }
        fs::write(&copy, changed)?;
        kubeapply(&planned.install_args(&copy, &[])?)
            .expect(4)
            .with_context(|| format!("byte {at}"))?;
    }
    ensure!(
        before == tree::snapshot(&planned.root())?,
        "a refused bundle touched the root"
    );
    fs::write(&copy, bytes)?;
    kubeapply(&planned.install_args(&copy, &[])?).expect(0)?;
    Ok(())
}

/// The bundle with its first member written again without signatures: by hand, as an attacker would.
pub fn without_signatures(bundle: &[u8]) -> Result<Vec<u8>> {
    let intact = Bundle::open(Cursor::new(bundle.to_vec()))?.into_intact()?;
    let first = stored_member(&tar_entry("kubeplan.json", intact.index_bytes())?)?;
    Ok([first.as_slice(), after_first(bundle)?].concat())
}

/// One ustar entry, padded to whole blocks.
fn tar_entry(name: &str, content: &[u8]) -> Result<Vec<u8>> {
    let mut block = kubeplan_bundle::frame::tar::header(name, content.len() as u64)?.to_vec();
    block.extend_from_slice(content);
    block.resize(block.len().next_multiple_of(512), 0);
    Ok(block)
}

/// A gzip member of stored blocks.
fn stored_member(plain: &[u8]) -> Result<Vec<u8>> {
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = plain.chunks(65_535).peekable();
    while let Some(block) = blocks.next() {
        member.push(u8::from(blocks.peek().is_none()));
        let size = u16::try_from(block.len())?;
        member.extend(size.to_le_bytes());
        member.extend((!size).to_le_bytes());
        member.extend_from_slice(block);
    }
    let mut sum = flate2::Crc::new();
    sum.update(plain);
    member.extend(sum.sum().to_le_bytes());
    member.extend(u32::try_from(plain.len())?.to_le_bytes());
    Ok(member)
}
