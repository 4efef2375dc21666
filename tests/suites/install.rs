//! What is planned is what is installed, byte for byte; and installing again changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result, ensure};
use kubeplan_bundle::reader::Bundle;
use kubeplan_testsuite::planned::Planned;
use kubeplan_testsuite::tree;
use libtest_mimic::Trial;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::case;

pub fn cases() -> Vec<Trial> {
    vec![
        case("install::what_is_planned_is_what_is_installed", property),
        case(
            "install::a_second_run_changes_nothing_and_says_so",
            second_run,
        ),
        case(
            "install::dry_run_shows_everything_and_writes_nothing",
            dry_run,
        ),
        case("install::a_changed_file_is_reported_and_left", drift),
        case("install::planning_twice_gives_the_same_plan", same_plan),
        case("install::the_serial_advances_when_the_plan_changes", serial),
    ]
}

/// Random settings that reach files, through both programs, compared with a plain rendering of the same plan.
fn property() -> Result<()> {
    let name = "[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,4})?";
    let value = "[ -~]{0,60}";
    let inputs = (
        name,
        value,
        value,
        1_u16..=65535,
        any::<bool>(),
        prop::collection::vec(any::<u8>(), 3),
    );
    let mut runner = TestRunner::new(Config {
        cases: 6,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&inputs, |(node, flag, env, port, ipv6, address)| {
            let json = |text: &str| serde_json::to_string(text).unwrap_or_default();
            let address = if ipv6 {
                format!("fd00::{:x}", u32::from(address[0]) + 1)
            } else {
                format!("10.{}.{}.{}", address[0], address[1], u16::from(address[2]).clamp(1, 254))
            };
            let service = if ipv6 { "fd00:10:96::/112" } else { "10.96.0.0/12" };
            let config = format!(
                "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {{advertiseAddress: {}, bindPort: {port}}}\n\
                 nodeRegistration: {{name: {}}}\n---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n\
                 kubernetesVersion: v1.36.2\nencryptionAlgorithm: ECDSA-P256\nnetworking: {{serviceSubnet: {}}}\n\
                 scheduler:\n  extraArgs: [{{name: x, value: {}}}]\n  extraEnvs: [{{name: VALUE, value: {}}}]\n",
                json(&address), json(&node), json(service), json(&flag), json(&env)
            );
            round_trip(&config).map_err(|error| TestCaseError::fail(format!("{error:#}\n{config}")))
        })
        .map_err(|error| anyhow::anyhow!("{error}"))
}

fn round_trip(config: &str) -> Result<()> {
    let planned = Planned::config(config)?;
    planned.install(&[])?.expect(0)?;
    let rendered = planned.path("rendered");
    let shown = rendered.to_string_lossy().into_owned();
    let (file, pki) = (planned.path("cluster.yaml"), planned.path("pki"));
    kubeplan_testsuite::programs::kubeplan(&[
        "render",
        "-f",
        &file.to_string_lossy(),
        "--pki",
        &pki.to_string_lossy(),
        "--with-secrets",
        "-o",
        &shown,
        "--now",
        kubeplan_testsuite::programs::NOW,
    ])
    .expect(0)?;
    let plan: serde_json::Value = serde_json::from_slice(&fs::read(rendered.join("plan.json"))?)?;
    let node = plan["nodes"][0]["name"]
        .as_str()
        .context("plan.json names its node")?
        .to_owned();
    let entries = plan["nodes"][0]["entries"]
        .as_array()
        .context("plan.json lists entries")?
        .clone();
    ensure!(entries.len() == 40, "only {} entries", entries.len());
    let mut installed = tree::snapshot(&planned.root())?;
    installed.retain(|name, _| !name.starts_with("var/lib/kubeplan"));
    for entry in entries {
        let path = entry["path"].as_str().context("an entry has a path")?;
        let found = installed
            .get(path.trim_start_matches('/'))
            .with_context(|| format!("{path} is not installed"))?;
        let mode = u32::from_str_radix(entry["mode"].as_str().context("an entry has a mode")?, 8)?;
        ensure!(
            found.mode & 0o7777 == mode,
            "{path} has mode {:o}, planned {mode:o}",
            found.mode & 0o7777
        );
        if entry["content"] != "directory" {
            let expected = fs::read(
                rendered
                    .join(&node)
                    .join("files")
                    .join(path.trim_start_matches('/')),
            )?;
            ensure!(
                found.bytes.as_ref() == Some(&expected),
                "{path} differs from the plan"
            );
        }
    }
    let planned_files = tree::read(&rendered.join(&node).join("files"))?;
    let installed_files = installed
        .iter()
        .filter(|(_, node)| node.bytes.is_some())
        .count();
    ensure!(
        planned_files.len() == installed_files,
        "{installed_files} files installed, {} planned",
        planned_files.len()
    );
    Ok(())
}

fn second_run() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    planned.install(&[])?.expect(0)?;
    let before = tree::snapshot(&planned.root())?;
    let run = planned.install(&[])?.expect(0)?;
    let mut after = tree::snapshot(&planned.root())?;
    let mut expected = before;
    // The time of the lock file does not matter.
    for state in [&mut expected, &mut after] {
        state.retain(|name, _| !name.starts_with("var/lib/kubeplan"));
    }
    ensure!(expected == after, "the second run changed the root");
    let said = format!("{}{}", run.text(), run.err).to_lowercase();
    ensure!(
        said.contains("nothing to") || said.contains("no change") || said.contains("unchanged"),
        "it did not say so: {said}"
    );
    Ok(())
}

fn dry_run() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let before = tree::snapshot(&planned.root())?;
    let run = planned.install(&["--dry-run"])?.expect(0)?;
    ensure!(
        before == tree::snapshot(&planned.root())?,
        "--dry-run wrote something"
    );
    let text = run.text();
    for expected in [
        "/etc/kubernetes/manifests/kube-apiserver.yaml",
        "/etc/kubernetes/pki/ca.key",
        "0600",
        "+    - kube-apiserver",
    ] {
        ensure!(text.contains(expected), "`{expected}` is missing in {text}");
    }
    ensure!(!text.contains("PRIVATE KEY-----\nM"), "a key is shown");
    Ok(())
}

fn drift() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    planned.install(&[])?.expect(0)?;
    let path = planned
        .root()
        .join("etc/kubernetes/manifests/kube-scheduler.yaml");
    let changed = fs::read_to_string(&path)?.replace("--leader-elect=true", "--leader-elect=false");
    fs::write(&path, &changed)?;
    let run = planned.install(&[])?.expect(0)?;
    ensure!(
        fs::read_to_string(&path)? == changed,
        "the changed file was overwritten"
    );
    let said = format!("{}{}", run.text(), run.err);
    ensure!(
        said.contains("/etc/kubernetes/manifests/kube-scheduler.yaml"),
        "the change was not reported: {said}"
    );
    ensure!(
        said.contains("nothing to change: files that were changed since are left as they are"),
        "the host is said to be as planned: {said}"
    );
    planned
        .install(&[
            "--overwrite-drift",
            "/etc/kubernetes/manifests/kube-scheduler.yaml",
        ])?
        .expect(0)?;
    ensure!(
        fs::read_to_string(&path)?.contains("--leader-elect=true"),
        "asked for, but not overwritten"
    );
    ensure!(
        fs::metadata(&path)?.permissions().mode() & 0o777 == 0o600,
        "the mode is not the planned one"
    );
    Ok(())
}

fn same_plan() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let read = || -> Result<_> {
        let bundle = Bundle::open(fs::File::open(&planned.bundle)?)?.into_intact()?;
        let mut index: serde_json::Value = serde_json::from_slice(bundle.index_bytes())?;
        for part in ["sealed", "members"] {
            index
                .as_object_mut()
                .context("the index is an object")?
                .remove(part);
        }
        let public: Vec<_> = bundle
            .index()
            .public_blobs()
            .into_keys()
            .map(|name| (name.clone(), bundle.public(&name).map(<[u8]>::to_vec)))
            .collect();
        Ok((index, public))
    };
    let first = read()?;
    planned.plan(&[])?.expect(0)?;
    let second = read()?;
    ensure!(first == second, "two plans of the same input differ");
    ensure!(first.1.len() > 30, "only {} public entries", first.1.len());
    Ok(())
}

fn serial() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let serial = || -> Result<u64> {
        Ok(Bundle::open(fs::File::open(&planned.bundle)?)?
            .into_intact()?
            .index()
            .serial)
    };
    ensure!(serial()? == 1, "the first plan has serial {}", serial()?);
    let config = planned.path("cluster.yaml");
    let text = fs::read_to_string(&config)?;
    fs::write(
        &config,
        format!("{text}scheduler:\n  extraArgs: [{{name: v, value: \"4\"}}]\n"),
    )?;
    planned.plan(&[])?.expect(0)?;
    ensure!(serial()? == 2, "a changed plan has serial {}", serial()?);
    fs::write(&config, text)?;
    planned.plan(&[])?.expect(0)?;
    ensure!(
        serial()? == 3,
        "a plan that changed back has serial {}",
        serial()?
    );
    Ok(())
}
