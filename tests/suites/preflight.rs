//! What is planned to be checked is what is checked: both programs on the same configurations.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{Run, kubeapply, kubeplan, repository};
use kubeplan_testsuite::tree;
use libtest_mimic::Trial;
use serde_json::Value;

use super::case;

pub fn cases() -> Vec<Trial> {
    vec![
        case("preflight::every_planned_check_is_reported_in_order", order),
        case("preflight::a_second_installation_is_explained", second_run),
        case("preflight::a_manifest_in_the_way_fails", manifest),
        case(
            "preflight::another_clusters_node_cannot_be_taken",
            other_cluster,
        ),
        case(
            "preflight::a_certificate_that_another_cluster_left_is_refused",
            left_certificate,
        ),
        case(
            "preflight::each_leftover_is_a_warning_with_the_command_that_clears_it",
            leftovers,
        ),
        case(
            "preflight::facts_answer_before_the_bundle_is_carried",
            facts,
        ),
    ]
}

fn on_tree(planned: &Planned, more: &[&str]) -> Result<Run> {
    let mut args = planned.install_args(&planned.bundle, more)?;
    args[0] = "preflight".into();
    // Nothing is unsealed.
    let at = args
        .iter()
        .position(|arg| arg == "--identity")
        .context("an identity is given")?;
    args.drain(at..at + 2);
    Ok(kubeapply(&args))
}

fn report(run: &Run) -> Result<Value> {
    serde_json::from_str(&run.text()).context("a JSON report")
}

fn names(checks: &Value) -> Vec<String> {
    let list = checks.as_array().into_iter().flatten();
    list.filter_map(|check| check["name"].as_str())
        .map(str::to_owned)
        .collect()
}

fn outcome<'a>(report: &'a Value, name: &str) -> &'a str {
    report["checks"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|check| check["name"] == name)
        .and_then(|check| check["outcome"].as_str())
        .unwrap_or("missing")
}

fn order() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let before = tree::snapshot(&planned.root())?;
    let run = on_tree(&planned, &["--format", "json"])?.expect(0)?;
    ensure!(
        before == tree::snapshot(&planned.root())?,
        "it wrote something"
    );
    let found = names(&report(&run)?["checks"]);
    let golden = repository().join("golden/single-node-ecdsa/plan.json");
    let plan: Value = serde_json::from_slice(&fs::read(golden)?)?;
    let mut expected: Vec<String> = ["Target", "Clock", "Serial"].map(str::to_owned).to_vec();
    for run in plan["nodes"][0]["preflight"]
        .as_array()
        .into_iter()
        .flatten()
    {
        expected.extend(names(&run["checks"]));
    }
    expected.extend(["DiskSpace", "ForeignFiles"].map(str::to_owned));
    ensure!(found == expected, "{found:?}\nplanned: {expected:?}");
    ensure!(expected.len() > 35, "only {} checks", expected.len());
    Ok(())
}

fn second_run() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    planned.install(&[])?.expect(0)?;
    fs::create_dir_all(planned.root().join("var/lib/etcd/member"))?;
    planned.install(&[])?.expect(0)?;
    let report = report(&on_tree(&planned, &["--format=json"])?.expect(0)?)?;
    for (name, expected) in [
        ("FileAvailable--etc-kubernetes-manifests-etcd.yaml", "ours"),
        ("DirAvailable--var-lib-etcd", "ours"),
        ("SameCluster", "passed"),
        ("Port-6443", "not-looked"),
    ] {
        ensure!(
            outcome(&report, name) == expected,
            "{name}: {}",
            outcome(&report, name)
        );
    }
    Ok(())
}

/// Each leftover alone on a clean host: one warning, of its own check, and none once its command was run. A node that was installed
/// has none of its own files among them.
fn leftovers() -> Result<()> {
    const DROP_IN: &str = "etc/systemd/system/kubelet.service.d/20-old.conf";
    let planned = Planned::fixture("single-node-ecdsa")?;
    let root = planned.root();
    let warnings = || -> Result<Vec<(String, String)>> {
        let report = report(&on_tree(&planned, &["--format=json"])?.expect(0)?)?;
        let checks = report["checks"].as_array().cloned().unwrap_or_default();
        let of = |check: &Value| -> Vec<(String, String)> {
            let items = check["items"].as_array().into_iter().flatten();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            items
                .map(|item| (text(&check["name"]), text(&item["message"])))
                .collect()
        };
        Ok(checks.iter().flat_map(of).collect())
    };
    ensure!(warnings()?.is_empty(), "a clean host: {:?}", warnings()?);
    let cases = [
        (
            "LeftoverStaticPods",
            "etc/kubernetes/manifests/kube-apiserver.yaml.bak",
            "kind: Pod",
        ),
        (
            "LeftoverBootstrapKubeconfig",
            "etc/kubernetes/bootstrap-kubelet.conf",
            "kind: Config",
        ),
        (
            "LeftoverServingCertificate",
            "var/lib/kubelet/pki/kubelet.crt",
            "x",
        ),
        (
            "LeftoverNetworkConfiguration",
            "etc/cni/net.d/10-flannel.conflist",
            "{}",
        ),
        (
            "LeftoverCPUManagerState",
            "var/lib/kubelet/cpu_manager_state",
            r#"{"policyName":"static"}"#,
        ),
        (
            "LeftoverMemoryManagerState",
            "var/lib/kubelet/memory_manager_state",
            r#"{"policyName":"Static"}"#,
        ),
        (
            "KubeletServiceFlags",
            DROP_IN,
            "[Service]\nEnvironment=KUBELET_KUBEADM_ARGS=--hostname-override=old\n",
        ),
        (
            "KubeletServiceFlags",
            "etc/default/kubelet",
            "KUBELET_EXTRA_ARGS=--node-ip=10.9.9.9\n",
        ),
    ];
    for (name, path, text) in cases {
        let file = root.join(path);
        fs::create_dir_all(file.parent().context("a directory")?)?;
        fs::write(&file, text)?;
        let found = warnings()?;
        let [(check, message)] = found.as_slice() else {
            anyhow::bail!("{path}: {found:?}");
        };
        ensure!(check == name, "{path}: {check}");
        ensure!(
            message.contains(&format!("/{path}")) && !message.contains("10.9.9.9"),
            "{message}"
        );
        let command = message.split('`').rev().nth(1).context("a command")?;
        let done = std::process::Command::new("sh")
            .args(["-c", command])
            .status()?;
        ensure!(done.success(), "{command}");
        ensure!(warnings()?.is_empty(), "{path}: {:?}", warnings()?);
    }
    // What the node's components write, and what the plan installed.
    planned.install(&[])?.expect(0)?;
    for (path, text) in [
        ("var/lib/kubelet/pki/kubelet.crt", "x"),
        ("etc/cni/net.d/10-flannel.conflist", "{}"),
        (
            "var/lib/kubelet/cpu_manager_state",
            r#"{"policyName":"none"}"#,
        ),
        (
            "var/lib/kubelet/memory_manager_state",
            r#"{"policyName":"None"}"#,
        ),
    ] {
        fs::create_dir_all(root.join(path).parent().context("a directory")?)?;
        fs::write(root.join(path), text)?;
    }
    let names: Vec<String> = warnings()?.into_iter().map(|(name, _)| name).collect();
    ensure!(names.is_empty(), "{names:?}");
    Ok(())
}

fn manifest() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let directory = planned.root().join("etc/kubernetes/manifests");
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("kube-scheduler.yaml"), "kind: Pod\n")?;
    let before = tree::snapshot(&planned.root())?;
    let run = planned.install(&[])?.expect(5)?;
    ensure!(
        run.err
            .contains("[ERROR FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml]"),
        "{}",
        run.err
    );
    ensure!(
        before == tree::snapshot(&planned.root())?,
        "it wrote something"
    );
    Ok(())
}

fn other_cluster() -> Result<()> {
    let (mine, theirs) = (
        Planned::fixture("single-node-ecdsa")?,
        Planned::fixture("single-node-ecdsa")?,
    );
    mine.install(&[])?.expect(0)?;
    // Their bundle, my host.
    let mut args = theirs.install_args(&theirs.bundle, &["--ignore-preflight-errors=all"])?;
    let root = text(&theirs.root())?.to_owned();
    for arg in &mut args {
        if *arg == root {
            *arg = text(&mine.root())?.to_owned();
        }
    }
    let before = tree::snapshot(&mine.root())?;
    let run = kubeapply(&args).expect(5)?;
    for file in ["/etc/kubernetes/pki/ca.crt", "/etc/kubernetes/kubelet.conf"] {
        ensure!(
            run.err.contains(&format!("[ERROR SameCluster]: {file}")),
            "{file}: {}",
            run.err
        );
    }
    ensure!(
        before == tree::snapshot(&mine.root())?,
        "it wrote something"
    );
    Ok(())
}

/// The client certificate and the key in the `kubelet.conf` of an installed tree, as the kubelet keeps them in one file.
fn certificate_of(planned: &Planned) -> Result<Vec<u8>> {
    let conf = fs::read_to_string(planned.root().join("etc/kubernetes/kubelet.conf"))?;
    let mut file = Vec::new();
    for field in ["client-certificate-data: ", "client-key-data: "] {
        let data = conf
            .lines()
            .find_map(|line| line.trim().strip_prefix(field))
            .context(field)?;
        file.extend(STANDARD.decode(data)?);
    }
    Ok(file)
}

fn left_certificate() -> Result<()> {
    const NAME: &str = "KubeletClientCertificate";
    let (mine, theirs) = (
        Planned::fixture("single-node-ecdsa")?,
        Planned::fixture("single-node-ecdsa")?,
    );
    theirs.install(&[])?.expect(0)?;
    let directory = mine.root().join("var/lib/kubelet/pki");
    fs::create_dir_all(&directory)?;
    let file = directory.join("kubelet-client-2026.pem");
    fs::write(&file, certificate_of(&theirs)?)?;
    std::os::unix::fs::symlink(
        "/var/lib/kubelet/pki/kubelet-client-2026.pem",
        directory.join("kubelet-client-current.pem"),
    )?;
    let before = tree::snapshot(&mine.root())?;
    let run = mine
        .install(&["--ignore-preflight-errors=all"])?
        .expect(5)?;
    ensure!(
        run.err.contains(&format!(
            "[ERROR {NAME}]: /var/lib/kubelet/pki/kubelet-client-current.pem was not issued by the CA of this cluster"
        )),
        "{}",
        run.err
    );
    ensure!(
        before == tree::snapshot(&mine.root())?,
        "it wrote something"
    );
    // What the kubelet of this node got is its own.
    fs::remove_file(&file)?;
    mine.install(&[])?.expect(0)?;
    fs::write(&file, certificate_of(&mine)?)?;
    let report = report(&on_tree(&mine, &["--format=json"])?.expect(0)?)?;
    ensure!(
        outcome(&report, NAME) == "passed",
        "{}",
        outcome(&report, NAME)
    );
    Ok(())
}

fn facts() -> Result<()> {
    let fixture = repository().join("fixtures/single-node-facts.yaml");
    let directory = tempfile::tempdir()?;
    let source = repository().join("fixtures/facts/single-node-facts/cp1.json");
    let mut facts: Value = serde_json::from_slice(&fs::read(source)?)?;
    let mut ask = |change: fn(&mut Value), code| -> Result<Run> {
        change(&mut facts);
        fs::write(directory.path().join("cp1.json"), facts.to_string())?;
        kubeplan(&[
            "preflight",
            "-f",
            text(&fixture)?,
            "--facts",
            text(directory.path())?,
            "--format=json",
        ])
        .expect(code)
    };
    let good = report(&ask(|_| {}, 0)?)?;
    ensure!(good["passed"] == true, "{good}");
    for (name, expected) in [
        ("KubeletVersion", "passed"),
        ("NumCPU", "passed"),
        ("Port-6443", "unknown"),
    ] {
        ensure!(
            outcome(&good["nodes"][0], name) == expected,
            "{name}: {}",
            outcome(&good["nodes"][0], name)
        );
    }
    let bad = report(&ask(
        |facts| {
            facts["kubeletVersion"] = "v1.20.0".into();
            facts["machine"] = serde_json::json!({
                "cpus": 1, "memoryMib": 4096, "kernel": "6.12.3", "swap": true,
                "ipv4Forwarding": true, "ipv6Forwarding": true,
            });
        },
        5,
    )?)?;
    for (name, expected) in [
        ("KubeletVersion", "found"),
        ("NumCPU", "found"),
        ("Mem", "passed"),
        ("Swap", "found"),
        ("FileContent--proc-sys-net-ipv4-ip_forward", "passed"),
    ] {
        ensure!(
            outcome(&bad["nodes"][0], name) == expected,
            "{name}: {}",
            outcome(&bad["nodes"][0], name)
        );
    }
    Ok(())
}
