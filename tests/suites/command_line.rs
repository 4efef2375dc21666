//! What a user meets: exit codes, messages, machine-readable output.

use std::fs;

use anyhow::{Result, ensure};
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{kubeapply, kubeplan, repository};
use libtest_mimic::Trial;

use super::case;

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "command_line::a_misspelt_field_names_its_neighbour",
            misspelt,
        ),
        case("command_line::every_finding_comes_at_once", all_at_once),
        case("command_line::json_output_has_a_version", json),
        case("command_line::bad_usage_exits_with_2", usage),
        case("command_line::help_and_version_go_to_standard_output", help),
        case(
            "command_line::an_identity_never_lies_beside_its_bundle",
            identity,
        ),
        case("command_line::an_existing_key_is_never_replaced", keygen),
        case(
            "command_line::render_without_a_store_makes_no_keys",
            render_without_store,
        ),
        case(
            "command_line::a_certificate_that_outlives_its_ca_is_a_warning",
            outlives,
        ),
        case("command_line::plan_shows_who_signed", signer),
        case("command_line::verify_without_trust_exits_with_4", verify),
        case(
            "command_line::approvals_count_where_a_policy_asks_for_them",
            approvals,
        ),
        case(
            "command_line::show_says_itself_what_a_bundle_lacks",
            lacking,
        ),
        case(
            "command_line::plan_says_which_agreement_it_replaces",
            replaced,
        ),
        case(
            "command_line::an_agreement_that_adds_nothing_is_said",
            adds_nothing,
        ),
    ]
}

fn lacking() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let (bundle, signers) = (text(&planned.bundle)?, planned.path("allowed_signers"));
    let args = ["show", bundle, "--allowed-signers", text(&signers)?];
    kubeplan(&args).expect(0)?;
    let more = ["--require-approvals", "1"];
    let run = kubeplan(&[&args[..], &more].concat()).expect(4)?;
    let said = "it is not trusted: 1 approval(s) needed, 0 found";
    ensure!(run.err.contains(said), "{}", run.err);
    ensure!(!run.err.contains("hint: `kubeplan verify`"), "{}", run.err);
    Ok(())
}

/// A key of that name, and its path.
fn key(planned: &Planned, name: &str) -> Result<String> {
    let path = planned.path(name);
    kubeplan(&["keygen", "-o", text(&path)?]).expect(0)?;
    Ok(text(&path)?.to_owned())
}

fn replaced() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let bundle = text(&planned.bundle)?.to_owned();
    let again = || -> Result<(serde_json::Value, String)> {
        let run = planned.plan(&["--format=json"])?.expect(0)?;
        let mut document: serde_json::Value = serde_json::from_slice(&run.out)?;
        Ok((document["nodes"][0]["replaced"].take(), run.err))
    };
    // A signature by the same author is not lost, because the author signs again.
    let (found, said) = again()?;
    ensure!(
        found.is_null() && !said.contains("replaces a bundle"),
        "{said}"
    );
    let other = key(&planned, "other")?;
    for (commands, approvals, signatures, expected) in [
        (
            &["approve"][..],
            1,
            0,
            "1 approval: approve the new bundle again",
        ),
        (
            &["sign"],
            0,
            1,
            "1 signature by other authors: sign the new bundle again",
        ),
        (
            &["sign", "approve"],
            1,
            1,
            "1 approval and 1 signature by other authors: sign and approve the new bundle again",
        ),
    ] {
        for command in commands {
            let digest = planned.digest()?;
            let args = [command, "--key", &other, "--plan-digest", &digest, &bundle];
            kubeplan(&args).expect(0)?;
        }
        let (found, said) = again()?;
        let wanted = serde_json::json!({"approvals": approvals, "signatures": signatures});
        ensure!(found == wanted, "{found}");
        let expected = format!("warning: {bundle} replaces a bundle that had {expected}\n");
        ensure!(said.contains(&expected), "{said}");
    }
    // A file that is not an intact bundle had no signatures.
    fs::write(&planned.bundle, "no bundle")?;
    let (found, said) = again()?;
    ensure!(
        found.is_null() && !said.contains("replaces a bundle"),
        "{said}"
    );
    Ok(())
}

fn adds_nothing() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let (bundle, digest) = (text(&planned.bundle)?, planned.digest()?);
    let (author, other) = (planned.path("author"), key(&planned, "other")?);
    let run = |command: &str, key: &str| {
        kubeplan(&[command, "--key", key, "--plan-digest", &digest, bundle])
    };
    let approved = run("approve", &other).expect(0)?;
    ensure!(!approved.err.contains("warning"), "{}", approved.err);
    let approved = run("approve", text(&author)?).expect(0)?;
    let said = "warning: this key signed the bundle as its author";
    ensure!(approved.err.contains(said), "{}", approved.err);
    for (command, key) in [("approve", &*other), ("sign", text(&author)?)] {
        let refused = run(command, key).expect(4)?;
        let said = "this bundle\n  hint: this key needs to do nothing more";
        ensure!(refused.err.contains(said), "{}", refused.err);
    }
    Ok(())
}

fn misspelt() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let file = scratch.path().join("cluster.yaml");
    let good = fs::read_to_string(repository().join("fixtures/single-node-ecdsa.yaml"))?;
    fs::write(
        &file,
        format!("{good}networking:\n  servicSubnet: 10.0.0.0/16\n"),
    )?;
    let run = kubeplan(&["validate", "-f", text(&file)?]).expect(2)?;
    for expected in [
        "servicSubnet",
        "serviceSubnet",
        "cluster.yaml:",
        "ClusterConfiguration.networking",
    ] {
        ensure!(
            run.err.contains(expected),
            "`{expected}` is missing in: {}",
            run.err
        );
    }
    Ok(())
}

fn all_at_once() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let file = scratch.path().join("cluster.yaml");
    fs::write(
        &file,
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {bindPort: 70000, advertiseAdress: 10.0.0.1}\n\
         ---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: stable-1\nclusterNam: x\n\
         networking: {serviceSubnet: 10.0.0.0/33}\n",
    )?;
    let run = kubeplan(&["validate", "-f", text(&file)?]).expect(2)?;
    for expected in [
        "bindPort",
        "advertiseAdress",
        "clusterNam",
        "stable-1",
        "10.0.0.0/33",
    ] {
        ensure!(
            run.err.contains(expected),
            "`{expected}` is missing in: {}",
            run.err
        );
    }
    Ok(())
}

fn json() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let bundle = text(&planned.bundle)?;
    let signers = planned.path("allowed_signers");
    let config = planned.path("cluster.yaml");
    let documents = [
        planned.plan(&["--format", "json"])?.expect(0)?,
        kubeplan(&["show", "--format", "json", bundle]).expect(0)?,
        kubeplan(&[
            "verify",
            "--format",
            "json",
            "--allowed-signers",
            text(&signers)?,
            bundle,
        ])
        .expect(0)?,
        kubeplan(&["validate", "--format", "json", "-f", text(&config)?]).expect(0)?,
        kubeplan(&[
            "config",
            "images",
            "list",
            "--format",
            "json",
            "-f",
            text(&config)?,
        ])
        .expect(0)?,
        kubeapply(&["show", "--format", "json", bundle]).expect(0)?,
        kubeapply(&[
            "verify",
            "--format",
            "json",
            "--allowed-signers",
            text(&signers)?,
            bundle,
        ])
        .expect(0)?,
        planned
            .install(&["--format", "json", "--dry-run"])?
            .expect(0)?,
        planned.install(&["--format", "json"])?.expect(0)?,
    ];
    for run in documents {
        let value: serde_json::Value = serde_json::from_slice(&run.out)?;
        ensure!(value["version"].is_u64(), "no version in {}", run.text());
    }
    Ok(())
}

fn usage() -> Result<()> {
    for args in [
        &["plan"][..],
        &["no-such-command"],
        &["render", "-f", "x"],
        &["plan", "-f", "/nonexistent", "-o", "out"],
    ] {
        kubeplan(args).expect(2)?;
    }
    kubeapply(&["install"]).expect(2)?;
    Ok(())
}

fn help() -> Result<()> {
    for run in [
        kubeplan(&["--help"]),
        kubeplan(&["plan", "--help"]),
        kubeapply(&["--help"]),
        kubeplan(&["--version"]),
    ] {
        let run = run.expect(0)?;
        ensure!(
            !run.out.is_empty() && run.err.is_empty(),
            "help is not data: {}",
            run.err
        );
    }
    Ok(())
}

fn identity() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let (config, out) = (planned.path("cluster.yaml"), planned.path("out"));
    let inside = out.join("identity");
    let (key, pki) = (planned.path("author"), planned.path("pki"));
    let run = kubeplan(&[
        "plan",
        "-f",
        text(&config)?,
        "-o",
        text(&out)?,
        "--pki",
        text(&pki)?,
        "--sign-key",
        text(&key)?,
        "--identity-out",
        text(&inside)?,
    ])
    .expect(2)?;
    ensure!(run.err.contains("beside the bundle"), "{}", run.err);
    ensure!(!inside.exists(), "the identity was written");
    Ok(())
}

fn keygen() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let key = planned.path("author");
    let before = fs::read(&key)?;
    kubeplan(&["keygen", "-o", text(&key)?]).expect(1)?;
    ensure!(fs::read(&key)? == before, "the key was replaced");
    Ok(())
}

fn render_without_store() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let fixture = repository().join("fixtures/single-node-defaults.yaml");
    let out = scratch.path().join("out");
    // A cluster name of its own, so that no store of a workspace is found.
    let config = scratch.path().join("cluster.yaml");
    fs::write(
        &config,
        fs::read_to_string(fixture)? + "clusterName: no-such-workspace\n",
    )?;
    kubeplan(&["render", "-f", text(&config)?, "-o", text(&out)?]).expect(0)?;
    let files = kubeplan_testsuite::tree::read(&out)?;
    ensure!(
        files
            .keys()
            .any(|name| name.ends_with("manifests/kube-apiserver.yaml")),
        "no manifest"
    );
    ensure!(
        !files
            .keys()
            .any(|name| name.ends_with(".key") || name.ends_with(".crt")),
        "a key or certificate was made"
    );
    let profiles =
        String::from_utf8_lossy(files.get("pki.txt").map_or(&[][..], |b| b)).into_owned();
    ensure!(
        profiles.contains("kube-apiserver-kubelet-client"),
        "no profiles in {profiles}"
    );
    let entries: Vec<_> = fs::read_dir(scratch.path())?
        .map(|entry| entry.map(|e| e.file_name()))
        .collect::<Result<_, _>>()?;
    ensure!(
        entries.len() == 2,
        "something else was written: {entries:?}"
    );
    Ok(())
}

fn signer() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let run = planned.plan(&[])?.expect(0)?;
    ensure!(
        run.text().contains("signed by    SHA256:"),
        "the signer is not shown: {}",
        run.text()
    );
    Ok(())
}

fn verify() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let bundle = text(&planned.bundle)?;
    let run = kubeplan(&["verify", bundle]).expect(4)?;
    ensure!(run.text().contains("UNTRUSTED"), "{}", run.text());
    let signers = planned.path("allowed_signers");
    let run = kubeplan(&["verify", bundle, "--allowed-signers", text(&signers)?]).expect(0)?;
    ensure!(run.text().contains("TRUSTED"), "{}", run.text());
    Ok(())
}

fn approvals() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let reviewer = planned.path("reviewer");
    kubeplan(&["keygen", "-o", text(&reviewer)?]).expect(0)?;
    let signers = planned.path("allowed_signers");
    let author = fs::read_to_string(&signers)?
        .replace("author ssh", "author namespaces=\"kubeplan-bundle\" ssh");
    let public = fs::read_to_string(planned.path("reviewer.pub"))?;
    fs::write(
        &signers,
        format!("{author}reviewer namespaces=\"kubeplan-approval\" {public}"),
    )?;
    let asked = ["--require-approvals", "1"];
    planned.install(&asked)?.expect(4)?;
    let (bundle, key) = (text(&planned.bundle)?, planned.path("author"));
    let digest = planned.digest()?;
    // An author's own approval does not count.
    kubeplan(&[
        "approve",
        "--plan-digest",
        &digest,
        "--key",
        text(&key)?,
        bundle,
    ])
    .expect(0)?;
    planned.install(&asked)?.expect(4)?;
    kubeplan(&[
        "approve",
        "--plan-digest",
        &digest,
        "--key",
        text(&reviewer)?,
        "--comment",
        "read it",
        bundle,
    ])
    .expect(0)?;
    planned.install(&asked)?.expect(0)?;
    Ok(())
}

fn outlives() -> Result<()> {
    let config = fs::read_to_string(repository().join("fixtures/single-node-ecdsa.yaml"))?;
    let shorter = config.replace(
        "caCertificateValidityPeriod: 43800h",
        "caCertificateValidityPeriod: 4000h",
    );
    ensure!(shorter != config, "the fixture names no validity of its CA");
    let planned = Planned::config(&shorter)?;
    let run = planned.plan(&[])?.expect(0)?;
    for name in ["apiserver", "etcd-peer", "admin.conf"] {
        let warned = format!("warning: certificate {name} ends ");
        ensure!(
            run.err.contains(&warned),
            "no warning about {name}: {}",
            run.err
        );
    }
    let control = Planned::config(&config)?.plan(&[])?.expect(0)?;
    ensure!(
        !control.err.contains("warning: certificate"),
        "{}",
        control.err
    );
    Ok(())
}
