//! Where configuration comes from besides a file: flags, host facts, patches, older API versions.

use std::fs;

use anyhow::{Result, ensure};
use kubeplan_testsuite::planned::text;
use kubeplan_testsuite::programs::{kubeapply, kubeplan, repository};
use kubeplan_testsuite::tree;
use libtest_mimic::Trial;

use super::case;

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "configuration::facts_of_a_tree_name_the_node_and_its_recipient",
            facts,
        ),
        case(
            "configuration::facts_that_do_not_fit_are_refused",
            bad_facts,
        ),
        case(
            "configuration::kubeadms_flags_stand_for_a_file",
            flags_without_file,
        ),
        case(
            "configuration::most_flags_stand_beside_no_file",
            flags_beside_file,
        ),
        case(
            "configuration::migrate_writes_a_private_file_that_plans_the_same",
            migrate,
        ),
        case(
            "configuration::patches_are_read_from_the_flag_else_the_configuration",
            patches,
        ),
        case(
            "configuration::a_patch_that_does_not_apply_leaves_nothing_behind",
            wrong_patch,
        ),
    ]
}

/// A configuration with `patches.directory`, and two directories of patches.
fn with_patches(dir: &std::path::Path, patch: &str) -> Result<Vec<String>> {
    for (name, priority) in [("configured", "1"), ("given", "2")] {
        fs::create_dir(dir.join(name))?;
        let text = patch.replace("PRIORITY", priority);
        fs::write(dir.join(name).join("etcd.yaml"), text)?;
    }
    fs::write(dir.join("given/notes.txt"), "not a patch")?;
    std::os::unix::fs::symlink(dir.join("given"), dir.join("link"))?;
    let config = fs::read_to_string(repository().join("fixtures/single-node-patches.yaml"))?;
    let directory = format!(
        "patches: {{directory: {}}}\nnodeRegistration:",
        dir.join("configured").display()
    );
    fs::write(
        dir.join("cluster.yaml"),
        config.replace("nodeRegistration:", &directory),
    )?;
    let file = dir.join("cluster.yaml").display().to_string();
    let out = dir.join("out").display().to_string();
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
    for expected in [
        "with the patches etcd.yaml, etcd",
        "metadata.annotations[x]",
        "(quote it)",
    ] {
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

/// A tree with a name and an SSH host key, and the key's fingerprint.
fn host_tree(dir: &std::path::Path) -> Result<String> {
    fs::create_dir_all(dir.join("etc/ssh"))?;
    fs::create_dir_all(dir.join("etc/ca-certificates"))?;
    fs::write(dir.join("etc/hostname"), "Host7\n")?;
    let key = fs::read_to_string(repository().join("fixtures/keys/ed25519.pub"))?;
    fs::write(dir.join("etc/ssh/ssh_host_ed25519_key.pub"), &key)?;
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
            .contains("is not confirmed, so nothing is sealed for it"),
        "{}",
        run.err
    );
    let summary: serde_json::Value = serde_json::from_slice(&run.out)?;
    let summary = &summary["nodes"][0];
    ensure!(summary["node"] == "host7", "{summary}");
    ensure!(summary["identity"].is_object(), "{summary}");

    let confirm = format!("host7={fingerprint}");
    let run = plan(&["--confirm-host-key", &confirm])?.expect(0)?;
    let summary: serde_json::Value = serde_json::from_slice(&run.out)?;
    let summary = &summary["nodes"][0];
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
        ("cp2.json", good.clone(), "rename the file to cp1.json"),
        ("cp1.txt", good.clone(), "contains no facts"),
        (
            "cp1.json",
            good.replace("facts/1", "facts/9"),
            "the format is",
        ),
        (
            "cp1.json",
            good.replace("\"hostname\"", "\"hostName\""),
            "not a valid document of host facts",
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
            run.err
                .contains("does not accept a secret on the command line")
                && !run.err.contains(secret),
            "{}",
            run.err
        );
    }
    let run = kubeplan(&["validate"]).expect(2)?;
    ensure!(
        run.err.contains("no configuration was given"),
        "{}",
        run.err
    );
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
