//! Join facts of another cluster than the one that is meant: they are not signed, so a courier can change them.

use std::fs;

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_testsuite::joins::{Attempt, Discovered, SEED, public_content};
use kubeplan_testsuite::outside_ca::{OutsideCa as _, RcgenCa};
use kubeplan_testsuite::programs::{NOW, repository};
use libtest_mimic::Trial;

use super::super::case;

/// The public key of the cluster's CA, which the test keys give.
const ID: &str = "76dbfc9bd6a5d508a480d334876baf3beb900f6931d1f6032cccab4e1883aa21";
const OTHER: &str = "0000000000000000000000000000000000000000000000000000000000000001";
const PIN_FLAG: &str = "--discovery-token-ca-cert-hash";
const CA: &str = "files/etc/kubernetes/pki/ca.crt";

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "attacks::another_clusters_facts::the_cluster_that_is_meant_is_planned",
            meant,
        ),
        case(
            "attacks::another_clusters_facts::another_id_or_pin_than_is_meant",
            another,
        ),
        case(
            "attacks::another_clusters_facts::a_ca_beside_the_pinned_one",
            beside,
        ),
        case(
            "attacks::another_clusters_facts::credentials_for_another_cluster",
            credentials,
        ),
        case(
            "attacks::another_clusters_facts::a_shared_certificate_with_a_ca_besides",
            shared,
        ),
    ]
}

fn plan(discovered: &Discovered, args: &[&str]) -> Result<Attempt> {
    let quick = ["--test-pki", SEED, "--now", NOW, "--node-name", "w2"];
    discovered.plan(&[quick.as_slice(), args].concat())
}

fn pin(id: &str) -> String {
    format!("sha256:{id}")
}

fn planned(attempt: Attempt) -> Result<(Attempt, String)> {
    let text = attempt.run.clone().expect(0)?.text();
    Ok((attempt, text))
}

fn refused(attempt: &Attempt, code: u8, expected: &[&str]) -> Result<()> {
    let run = attempt.run.clone().expect(code)?;
    for expected in expected {
        ensure!(run.err.contains(expected), "{expected}:\n{}", run.err);
    }
    ensure!(attempt.bundle().is_none(), "a bundle was written");
    Ok(())
}

fn meant() -> Result<()> {
    let discovered = Discovered::new(false)?;
    for args in [
        &["--cluster-id", ID][..],
        &[PIN_FLAG, &pin(ID)],
        &[PIN_FLAG, &pin(OTHER), PIN_FLAG, &pin(ID)],
        &["--cluster-id", ID, PIN_FLAG, &pin(ID)],
    ] {
        let (_, text) = planned(plan(&discovered, args)?)?;
        ensure!(text.contains(&format!("cluster id   {ID}")), "{text}");
        ensure!(!text.contains("NOT COMPARED"), "{text}");
    }
    let (_, text) = planned(plan(&discovered, &[])?)?;
    ensure!(
        text.contains(&pin(ID)) && text.contains("NOT COMPARED"),
        "{text}"
    );
    // A JoinConfiguration says it as well.
    let file = repository().join("fixtures/join/worker.yaml");
    let (_, text) = planned(plan(&discovered, &["-f", &file.to_string_lossy()])?)?;
    ensure!(!text.contains("NOT COMPARED"), "{text}");
    Ok(())
}

fn another() -> Result<()> {
    let discovered = Discovered::new(false)?;
    let attempt = plan(&discovered, &["--cluster-id", OTHER])?;
    refused(&attempt, 4, &[ID, OTHER, "--cluster-id"])?;
    let attempt = plan(&discovered, &[PIN_FLAG, &pin(OTHER)])?;
    refused(
        &attempt,
        4,
        &["whose key is not pinned", PIN_FLAG, &pin(ID)],
    )?;
    // Each way of saying it counts: one that fits does not outweigh another.
    let attempt = plan(&discovered, &["--cluster-id", OTHER, PIN_FLAG, &pin(ID)])?;
    refused(&attempt, 4, &["--cluster-id"])?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("join.yaml");
    let text = fs::read_to_string(repository().join("fixtures/join/worker.yaml"))?;
    fs::write(&file, text.replace(ID, OTHER))?;
    let file = file.to_string_lossy().into_owned();
    for args in [
        &["-f", file.as_str()][..],
        &["-f", &file, "--cluster-id", ID],
    ] {
        let attempt = plan(&discovered, args)?;
        refused(&attempt, 4, &["caCertHashes"])?;
    }
    for bad in [[PIN_FLAG, ID], ["--cluster-id", &pin(ID)]] {
        refused(&plan(&discovered, &bad)?, 2, &[])?;
    }
    Ok(())
}

/// The facts with another CA besides, in the credentials too.
fn with_besides(discovered: &Discovered, all: &str) -> Result<Discovered> {
    let mut changed = discovered.clone();
    let text = String::from_utf8(changed.secrets.bootstrap_kubeconfig.expose().to_vec())?;
    let text = text.replace(
        &STANDARD.encode(&discovered.facts.ca_certificates),
        &STANDARD.encode(all),
    );
    changed.secrets.bootstrap_kubeconfig = SecretBytes::from_text(text);
    all.clone_into(&mut changed.facts.ca_certificates);
    Ok(changed)
}

fn beside() -> Result<()> {
    let discovered = Discovered::new(false)?;
    let real = discovered.facts.ca_certificates.clone();
    let own = RcgenCa::new("kubernetes")?.certificate();
    let own_id = kubeplan::pki::certificate::Certificate::from_pem(own.as_bytes())?
        .facts
        .spki
        .to_string();
    for all in [format!("{real}{own}"), format!("{own}{real}")] {
        let changed = with_besides(&discovered, &all)?;
        let attempt = plan(&changed, &[PIN_FLAG, &pin(ID)])?;
        refused(&attempt, 4, &[&pin(&own_id), "rotates its CA has two"])?;
        let attempt = plan(&changed, &["--cluster-id", ID])?;
        refused(&attempt, 4, &[&own_id])?;
        // Both pinned: the cluster has two.
        let (attempt, text) = planned(plan(
            &changed,
            &[PIN_FLAG, &pin(ID), PIN_FLAG, &pin(&own_id)],
        )?)?;
        ensure!(
            text.contains(&pin(ID)) && text.contains(&pin(&own_id)),
            "{text}"
        );
        let bundle = attempt.bundle().unwrap_or_default();
        let content = public_content(&bundle)?;
        ensure!(content.get(CA).map(Vec::as_slice) == Some(all.as_bytes()));
    }
    // What is not a CA's is none, pinned or not.
    let leaf = fs::read_to_string(
        repository().join("fixtures/stores/single-node-external-ca/nodes/cp1/apiserver.crt"),
    )?;
    let changed = with_besides(&discovered, &format!("{real}{leaf}"))?;
    let said = ["`, sha256:", ") is not a CA's", "hint: compare with "];
    refused(&plan(&changed, &[])?, 4, &said)
}

fn credentials() -> Result<()> {
    let discovered = Discovered::new(false)?;
    let text = String::from_utf8(discovered.secrets.bootstrap_kubeconfig.expose().to_vec())?;
    let own = STANDARD.encode(RcgenCa::new("kubernetes")?.certificate());
    let real = STANDARD.encode(&discovered.facts.ca_certificates);
    for (changed, expected) in [
        (
            text.replace(
                "https://k8s-api.example.com",
                "https://attacker.example.com",
            ),
            "for another server",
        ),
        (text.replace(&real, &own), "a CA that is not among"),
        (
            text.replace("    server:", "    proxy-url: http://attacker\n    server:"),
            "not in the form",
        ),
        (
            format!("{text}\"clusters\":\n- cluster:\n    server: https://attacker\n"),
            "not in the form",
        ),
    ] {
        ensure!(changed != text, "{expected}");
        let mut other = discovered.clone();
        other.secrets.bootstrap_kubeconfig = SecretBytes::from_text(changed);
        let attempt = plan(&other, &["--cluster-id", ID])?;
        refused(&attempt, 4, &["sealed part of the join facts", expected])?;
    }
    Ok(())
}

fn shared() -> Result<()> {
    let discovered = Discovered::new(true)?;
    let own = RcgenCa::new("kubernetes")?.certificate();
    let file = repository().join("fixtures/join/control-plane.yaml");
    let file = file.to_string_lossy().into_owned();
    let args = ["-f", &file, "--cluster-id", ID];
    planned(plan(&discovered, &args)?)?;
    let real = discovered.facts.ca_certificates.clone();
    let mut changed = discovered;
    let both = SecretBytes::from_text(format!("{real}{own}"));
    changed.secrets.files.insert("ca.crt".to_owned(), both);
    let attempt = plan(&changed, &args)?;
    refused(
        &attempt,
        4,
        &["not the one that the cluster was discovered with"],
    )
}
