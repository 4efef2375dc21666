//! Names that are so long that a table of them takes more memory than there is, or more width than a format string can.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use kubeplan_bundle::index::Place;
use kubeplan_bundle::writer::{DraftContent, DraftEntry};
use kubeplan_testsuite::forge::Forge;
use kubeplan_testsuite::joins::Discovered;
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::kubeplan;
use libtest_mimic::Trial;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, SanType};
use serde_json::Value;

use super::super::case;

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "attacks::wide_tables::long_names_in_a_bundle_make_no_wide_table",
            bundle,
        ),
        case(
            "attacks::wide_tables::long_names_of_a_running_cluster_make_no_wide_table",
            cluster,
        ),
        case(
            "attacks::wide_tables::long_paths_are_shown_to_their_end",
            paths,
        ),
    ]
}

/// The longest line that a table may have: five cells of 120 characters, and what separates them.
const WIDEST: usize = 2 + 5 * 120 + 4 * 2;

/// A CA with a name of `length` characters and `sans` DNS names.
fn certificate(length: usize, sans: usize) -> Result<String> {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "x".repeat(length));
    let name = SanType::DnsName("a".try_into()?);
    params.subject_alt_names = vec![name; sans];
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(params.self_signed(&KeyPair::generate()?)?.pem())
}

/// Fails unless no line above the steps, whose fields are shown whole, is wider than a table may be.
fn narrow(written: &str) -> Result<()> {
    let tables = written.split("\nSteps (").next().unwrap_or_default();
    let widest = tables.lines().map(|line| line.chars().count()).max();
    let widest = widest.unwrap_or_default();
    ensure!(widest <= WIDEST, "a line of {widest} characters");
    Ok(())
}

fn bundle() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    // 65,535 is the most that a width of a format string holds.
    for (length, sans) in [(20, 1), (65_535, 1), (100_000, 1), (20, 20_000)] {
        let mut forge = Forge::of(&planned)?;
        let pem = certificate(length, sans)?;
        let mut replaced = 0;
        for entry in &mut forge.draft.entries {
            let is_certificate =
                matches!(&entry.place, Place::File(at) if at.path.as_str().ends_with(".crt"));
            if is_certificate {
                entry.content = DraftContent::Public(pem.clone().into_bytes());
                replaced += 1;
            }
        }
        ensure!(replaced >= 8, "the bundle has {replaced} certificates");
        let path = forge.write_unsigned(&planned, "wide")?;
        let size = usize::try_from(fs::metadata(&path)?.len())?;
        let run = kubeplan(&["show", text(&path)?]).expect(0)?;
        let shown = run.text();
        narrow(&shown)?;
        ensure!(shown.len() < 100_000, "{} bytes of {size}", shown.len());
        let mut lines = shown.lines();
        let row = lines.find(|line| line.starts_with("  apiserver.crt "));
        ensure!(
            row.is_some_and(|row| row.contains(" CN = xxxxx")),
            "{shown}"
        );
        ensure!((length < 120) != shown.contains('…'), "{shown}");
        // Machines get all of it.
        let run = kubeplan(&["show", "--format", "json", text(&path)?]).expect(0)?;
        let document: Value = serde_json::from_slice(&run.out)?;
        let row = document
            .pointer("/certificates/0")
            .context("a certificate")?;
        let subject = row["subject"].as_str().unwrap_or_default();
        ensure!(subject.len() == length + "CN = ".len());
        ensure!(row["sans"].as_array().map(Vec::len) == Some(sans));
    }
    many(&planned)
}

/// Puts a file beside the one whose path ends in `like`, into the same transaction.
fn add(forge: &mut Forge, like: &str, path: &str, content: &str) -> Result<()> {
    let found = forge
        .draft
        .entries
        .iter()
        .find_map(|entry| match &entry.place {
            Place::File(place) if place.path.as_str().ends_with(like) => {
                Some((entry.name.clone(), entry.phase.clone(), place.clone()))
            }
            _ => None,
        });
    let (name, phase, mut place) = found.with_context(|| format!("there is no {like}"))?;
    place.path = path.parse()?;
    let content = DraftContent::Public(content.as_bytes().to_vec());
    let entry = DraftEntry::file(phase, place, content);
    let mut transactions = forge.draft.transactions.iter_mut();
    let transaction = transactions.find(|transaction| transaction.entries.contains(&name));
    let transaction = transaction.context("it is in a transaction")?;
    transaction.entries.push(entry.name.clone());
    forge.draft.entries.push(entry);
    Ok(())
}

/// More certificates than are read are counted.
fn many(planned: &Planned) -> Result<()> {
    let mut forge = Forge::of(planned)?;
    let pem = certificate(60_000, 1)?;
    for number in 0..100 {
        let path = format!("/etc/kubernetes/pki/x{number}.crt");
        add(&mut forge, "/apiserver.crt", &path, &pem)?;
    }
    let path = forge.write_unsigned(planned, "many")?;
    let shown = kubeplan(&["show", text(&path)?]).expect(0)?.text();
    narrow(&shown)?;
    ensure!(
        shown.contains("files with certificates, not listed"),
        "{shown}"
    );
    ensure!(shown.contains("/etc/kubernetes/pki/x99.crt"), "{shown}");
    Ok(())
}

fn cluster() -> Result<()> {
    for length in [20, 65_535] {
        let discovered = Discovered::new(false)?.with_authority(certificate(length, 1)?);
        let run = discovered.plan(&["--node-name", "w9"])?.run.expect(0)?;
        narrow(&run.text())?;
        ensure!(run.text().len() < 20_000, "{}", run.text().len());
        ensure!(run.text().contains("CN = xxxxx"), "{}", run.text());
        ensure!((length < 120) != run.text().contains('…'), "{}", run.text());
    }
    Ok(())
}

fn paths() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let mut forge = Forge::of(&planned)?;
    let long = format!("/etc/kubernetes/{0}/{0}/end.yaml", "y".repeat(80));
    add(&mut forge, "/etcd.yaml", &long, "content")?;
    let path = forge.write_unsigned(&planned, "long")?;
    let shown = kubeplan(&["show", text(&path)?]).expect(0)?.text();
    ensure!(shown.contains(&long), "{long} is cut in {shown}");
    narrow(&shown)
}
