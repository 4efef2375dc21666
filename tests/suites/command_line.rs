//! What a user meets: exit codes, messages, machine-readable output.

use std::fs;

use anyhow::{Result, ensure};
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{kubeapply, kubeplan, repository};
use kubeplan_testsuite::tree;
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
        case(
            "command_line::facts_of_a_tree_name_the_node_and_its_recipient",
            facts,
        ),
        case("command_line::facts_that_do_not_fit_are_refused", bad_facts),
        case(
            "command_line::kubeadms_flags_stand_for_a_file",
            flags_without_file,
        ),
        case(
            "command_line::most_flags_stand_beside_no_file",
            flags_beside_file,
        ),
        case(
            "command_line::migrate_writes_a_private_file_that_plans_the_same",
            migrate,
        ),
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
        case(
            "command_line::patches_are_read_from_the_flag_else_the_configuration",
            patches,
        ),
        case(
            "command_line::a_patch_that_does_not_apply_leaves_nothing_behind",
            wrong_patch,
        ),
        case("command_line::verify_without_trust_exits_with_4", verify),
        case(
            "command_line::approvals_count_where_a_policy_asks_for_them",
            approvals,
        ),
    ]
}

/// A configuration with `patches.directory`, and two folders of patches.
fn with_patches(folder: &std::path::Path, patch: &str) -> Result<Vec<String>> {
    for (name, priority) in [("configured", "1"), ("given", "2")] {
        fs::create_dir(folder.join(name))?;
        let text = patch.replace("PRIORITY", priority);
        fs::write(folder.join(name).join("etcd.yaml"), text)?;
    }
    fs::write(folder.join("given/notes.txt"), "not a patch")?;
    std::os::unix::fs::symlink(folder.join("given"), folder.join("link"))?;
    let config = fs::read_to_string(repository().join("fixtures/single-node-patches.yaml"))?;
    let directory = format!(
        "patches: {{directory: {}}}\nnodeRegistration:",
        folder.join("configured").display()
    );
    fs::write(
        folder.join("cluster.yaml"),
        config.replace("nodeRegistration:", &directory),
    )?;
    let file = folder.join("cluster.yaml").display().to_string();
    let out = folder.join("out").display().to_string();
    Ok([
        "-f",
        &file,
        "-o",
        &out,
        "--test-pki",
        "seed",
        "--now",
        "2026-11-20T10:23:25Z",
    ]
    .map(str::to_owned)
    .to_vec())
}

fn patches() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let common = with_patches(scratch.path(), "spec: {priority: PRIORITY}")?;
    let run = |more: &[&str]| {
        let mut args = vec!["render".to_owned()];
        args.extend(common.iter().cloned());
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        kubeplan(&args)
    };
    let priority = || -> Result<String> {
        let manifest = "out/cp1/files/etc/kubernetes/manifests/etcd.yaml";
        let text = fs::read_to_string(scratch.path().join(manifest))?;
        let line = text.lines().find(|line| line.contains("priority: "));
        Ok(line.unwrap_or_default().trim().to_owned())
    };
    run(&[]).expect(0)?;
    ensure!(priority()? == "priority: 1", "{}", priority()?);
    let given = scratch.path().join("given");
    let said = run(&["--patches", text(&given)?]).expect(0)?.err;
    ensure!(priority()? == "priority: 2", "{}", priority()?);
    ensure!(
        said.contains("`notes.txt` is ignored: the extension"),
        "the ignored file is not named: {said}"
    );
    let plan = fs::read_to_string(scratch.path().join("out/plan.json"))?;
    ensure!(
        plan.contains("\"from\": \"patch etcd.yaml\""),
        "the patch is no source in plan.json"
    );
    for missing in ["link", "nowhere", "cluster.yaml"] {
        run(&["--patches", text(&scratch.path().join(missing))?]).expect(2)?;
    }
    Ok(())
}

fn wrong_patch() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let common = with_patches(scratch.path(), "metadata: {annotations: {x: y}}")?;
    let at = |name: &str| scratch.path().join(name).display().to_string();
    let args: Vec<String> = std::iter::once("plan".to_owned())
        .chain(
            common
                .into_iter()
                .filter(|arg| arg != "--test-pki" && arg != "seed"),
        )
        .chain(["--pki".into(), at("pki"), "--sign-key".into(), at("author")])
        .collect();
    let run = kubeplan(&args).expect(2)?;
    for expected in ["(etcd.yaml) etcd", "metadata.annotations[x]", "(quote it)"] {
        ensure!(
            run.err.contains(expected),
            "`{expected}` is missing in: {}",
            run.err
        );
    }
    for written in ["pki", "out", "author"] {
        ensure!(
            !scratch.path().join(written).exists(),
            "{written} was written"
        );
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
        ensure!(value["version"] == 1, "no version in {}", run.text());
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

/// A tree with a name and an SSH host key, and the key's fingerprint.
fn host_tree(folder: &std::path::Path) -> Result<String> {
    fs::create_dir_all(folder.join("etc/ssh"))?;
    fs::create_dir_all(folder.join("etc/ca-certificates"))?;
    fs::write(folder.join("etc/hostname"), "Host7\n")?;
    let key = fs::read_to_string(repository().join("fixtures/keys/ed25519.pub"))?;
    fs::write(folder.join("etc/ssh/ssh_host_ed25519_key.pub"), &key)?;
    let key = kubeplan_bundle::signature::PublicKey::parse(&key)?;
    Ok(key.fingerprint().to_string())
}

fn facts() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let (tree, gathered) = (scratch.path().join("tree"), scratch.path().join("facts"));
    let fingerprint = host_tree(&tree)?;
    fs::create_dir(&gathered)?;
    let before = tree::read(&tree)?;
    let run = kubeapply(&["facts", "--root", text(&tree)?, "-o", text(&gathered)?]).expect(0)?;
    ensure!(
        run.out.is_empty() && run.err.contains("host7.json"),
        "{}",
        run.err
    );
    ensure!(before == tree::read(&tree)?, "facts changed the tree");
    let shown = kubeapply(&["facts", "--root", text(&tree)?]).expect(0)?;
    ensure!(fs::read(gathered.join("host7.json"))? == shown.out);

    let out = scratch.path().join("out");
    let plan = |more: &[&str]| -> Result<_> {
        let mut args = vec![
            "plan",
            "--kubernetes-version=v1.36.2",
            "--apiserver-advertise-address=192.168.10.11",
            "--test-pki=seed",
            "--format=json",
        ];
        let (pki, key) = (
            scratch.path().join("identity"),
            scratch.path().join("author"),
        );
        if !key.exists() {
            kubeplan(&["keygen", "-o", text(&key)?]).expect(0)?;
        }
        args.extend(["-o", text(&out)?, "--sign-key", text(&key)?]);
        if more.is_empty() {
            args.extend(["--identity-out", text(&pki)?]);
        }
        args.extend(["--facts", text(&gathered)?]);
        args.extend(more);
        Ok(kubeplan(&args))
    };
    let run = plan(&[])?.expect(0)?;
    ensure!(
        run.err
            .contains("nothing is sealed for it until it is confirmed"),
        "{}",
        run.err
    );
    let summary: serde_json::Value = serde_json::from_slice(&run.out)?;
    ensure!(summary["node"] == "host7", "{summary}");
    ensure!(summary["identity"].is_object(), "{summary}");

    let confirm = format!("host7={fingerprint}");
    let run = plan(&["--confirm-host-key", &confirm])?.expect(0)?;
    let summary: serde_json::Value = serde_json::from_slice(&run.out)?;
    ensure!(
        summary["recipients"][0]
            .as_str()
            .is_some_and(|shown| shown.contains(&fingerprint)),
        "{summary}"
    );
    ensure!(summary["identity"].is_null(), "{summary}");
    let assumed: Vec<_> = summary["assumptions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|assumption| assumption["about"].clone())
        .collect();
    ensure!(
        assumed == ["cri-socket", "systemd-resolved", "proxies"],
        "{assumed:?}"
    );
    let known = scratch.path().join("known_hosts");
    let key = fs::read_to_string(repository().join("fixtures/keys/ed25519.pub"))?;
    fs::write(&known, format!("host7 {key}"))?;
    plan(&["--known-hosts", text(&known)?])?.expect(0)?;
    fs::write(&known, format!("@revoked * {key}"))?;
    plan(&["--known-hosts", text(&known)?])?.expect(2)?;
    Ok(())
}

fn bad_facts() -> Result<()> {
    let good = fs::read_to_string(repository().join("fixtures/facts/single-node-facts/cp1.json"))?;
    let fixture = repository().join("fixtures/single-node-facts.yaml");
    for (name, content, expected) in [
        ("cp1.json", good.clone(), ""),
        ("cp2.json", good.clone(), "call the file cp1.json"),
        ("cp1.txt", good.clone(), "there are no facts in"),
        (
            "cp1.json",
            good.replace("facts/1", "facts/9"),
            "the format is",
        ),
        (
            "cp1.json",
            good.replace("\"hostname\"", "\"hostName\""),
            "not a document of host facts",
        ),
        (
            "cp1.json",
            format!("{good}{}", " ".repeat(70_000)),
            "larger than",
        ),
    ] {
        let scratch = tempfile::tempdir()?;
        fs::write(scratch.path().join(name), content)?;
        let facts = text(scratch.path())?;
        let run = kubeplan(&["validate", "-f", text(&fixture)?, "--facts", facts]);
        let run = run.expect(if expected.is_empty() { 0 } else { 2 })?;
        ensure!(run.err.contains(expected), "{expected}: {}", run.err);
    }
    for wrong in ["cp1", "=SHA256:x", "cp1=MD5:x"] {
        kubeplan(&["validate", "--facts", "x", "--confirm-host-key", wrong]).expect(2)?;
    }
    Ok(())
}

fn flags_without_file() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let (file, by_flags) = (scratch.path().join("file"), scratch.path().join("flags"));
    let fixture = scratch.path().join("cluster.yaml");
    fs::write(
        &fixture,
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {advertiseAddress: 192.168.10.11}\n\
         nodeRegistration: {name: cp1}\n---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n\
         kubernetesVersion: v1.36.2\nnetworking: {podSubnet: 10.244.0.0/16}\n",
    )?;
    let common = ["render", "--test-pki", "seed", "-o"];
    let with = |out: &std::path::Path, more: &[&str]| -> Result<Vec<String>> {
        let mut args: Vec<String> = common.iter().map(|arg| (*arg).to_owned()).collect();
        args.push(text(out)?.to_owned());
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        Ok(args)
    };
    kubeplan(&with(&file, &["--config", text(&fixture)?])?).expect(0)?;
    let flags = [
        "--kubernetes-version",
        "1.36.2",
        "--apiserver-advertise-address=192.168.10.11",
        "--node-name",
        "cp1",
        "--pod-network-cidr",
        "10.244.0.0/16",
    ];
    kubeplan(&with(&by_flags, &flags)?).expect(0)?;
    let found = tree::read(&by_flags.join("cp1"))?;
    ensure!(found.len() > 20, "only {} files", found.len());
    // As with kubeadm, only a token without a configuration file gets a description.
    let found = found
        .into_iter()
        .map(|(name, bytes)| {
            let text = String::from_utf8_lossy(&bytes).replace("  description: <sealed>\n", "");
            (name, text.into_bytes())
        })
        .collect();
    let diff = tree::diff(&tree::read(&file.join("cp1"))?, &found);
    ensure!(diff.is_empty(), "{diff}");
    Ok(())
}

fn flags_beside_file() -> Result<()> {
    let fixture = repository().join("fixtures/single-node-ecdsa.yaml");
    let with = |more: &[&str]| -> Result<_> {
        let mut args = vec!["validate", "-f", text(&fixture)?];
        args.extend(more);
        Ok(kubeplan(&args))
    };
    with(&["--node-name", "cp7"])?.expect(0)?;
    let run = with(&["--service-cidr", "10.0.0.0/16", "--token-ttl", "5m"])?.expect(2)?;
    ensure!(
        run.err
            .contains("--service-cidr, --token-ttl cannot be combined with a configuration file"),
        "{}",
        run.err
    );
    let secret = "0123456789abcdef0123456789abcdef";
    for flag in ["--token", "--certificate-key"] {
        let run = kubeplan(&["validate", flag, secret, "--node-name", "cp1"]).expect(2)?;
        ensure!(
            run.err.contains("does not belong on a command line") && !run.err.contains(secret),
            "{}",
            run.err
        );
    }
    let run = kubeplan(&["validate"]).expect(2)?;
    ensure!(run.err.contains("there is no configuration"), "{}", run.err);
    Ok(())
}

fn migrate() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = tempfile::tempdir()?;
    let old = repository().join("fixtures/single-node-v1beta3.yaml");
    let new = scratch.path().join("new.yaml");
    let run = kubeplan(&["config", "migrate", "-f", text(&old)?, "-o", text(&new)?]).expect(0)?;
    ensure!(run.out.is_empty() && run.err.is_empty(), "{}", run.err);
    ensure!(fs::metadata(&new)?.permissions().mode() & 0o777 == 0o600);
    let shown = kubeplan(&["config", "migrate", "--config", text(&old)?]).expect(0)?;
    ensure!(fs::read(&new)? == shown.out);
    let mut trees = Vec::new();
    for (name, file) in [("a", &old), ("b", &new)] {
        let out = scratch.path().join(name);
        kubeplan(&[
            "render",
            "-f",
            text(file)?,
            "-o",
            text(&out)?,
            "--test-pki",
            "seed",
        ])
        .expect(0)?;
        trees.push(tree::read(&out.join("cp1"))?);
    }
    let [before, after] = trees.as_slice() else {
        anyhow::bail!("two trees")
    };
    let diff = tree::diff(before, after);
    ensure!(diff.is_empty(), "{diff}");
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
    // An author's own approval does not count.
    kubeplan(&["approve", "--key", text(&key)?, bundle]).expect(0)?;
    planned.install(&asked)?.expect(4)?;
    kubeplan(&[
        "approve",
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
