//! Plans of some of kubeadm's phases: what a part renders is a part of the whole, and what it bundles installs.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use kubeplan::kubeadm::phase_tree::{INIT, NAMES};
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{NOW, kubeapply, kubeplan, repository};
use kubeplan_testsuite::tree;
use libtest_mimic::Trial;

use super::case;

pub fn cases() -> Vec<Trial> {
    vec![
        case("phases::rendered_alone_they_are_parts_of_the_whole", parts),
        case(
            "phases::alone_they_take_their_secrets_from_the_key_store",
            secrets,
        ),
        case(
            "phases::installed_one_by_one_they_are_the_whole",
            one_by_one,
        ),
        case(
            "phases::of_one_bundle_they_are_installed_in_any_order",
            of_one_bundle,
        ),
        case("phases::a_bundle_without_the_skipped_installs", skipped),
        case("phases::a_bundle_without_secrets_needs_no_identity", public),
        case("phases::unknown_and_empty_ones_are_refused", refused),
        case("phases::the_flag_comes_before_the_file", precedence),
    ]
}

/// Phases without children.
fn leaves() -> impl Iterator<Item = &'static str> {
    NAMES
        .iter()
        .copied()
        .filter(|name| INIT.with_children(name).count() == 1)
}

fn fixture(name: &str) -> String {
    let path = repository().join("fixtures").join(format!("{name}.yaml"));
    path.display().to_string()
}

/// Files of a rendering with test keys, but for those that describe the whole plan, and what was said.
fn render(fixture: &str, more: &[&str]) -> Result<(BTreeMap<String, Vec<u8>>, String)> {
    let scratch = tempfile::tempdir()?;
    let out = scratch.path().join("out");
    let mut args = vec!["render", "-f", fixture, "-o", text(&out)?];
    args.extend(["--test-pki", "seed", "--now", NOW, "--with-secrets"]);
    args.extend(more);
    let run = kubeplan(&args).expect(0)?;
    let mut files = tree::read(&out)?;
    files
        .remove("plan.json")
        .context("every rendering has a plan.json")?;
    files.retain(|name, _| name.contains('/'));
    Ok((files, run.err))
}

fn parts() -> Result<()> {
    for name in ["single-node-ecdsa", "single-node-external-etcd"] {
        let fixture = fixture(name);
        // The certificates of an external etcd cannot be uploaded.
        let upload: &[&str] = match name {
            "single-node-external-etcd" => &[],
            _ => &["--upload-certs"],
        };
        let (whole, _) = render(&fixture, upload)?;
        let mut union = BTreeMap::new();
        for phase in leaves() {
            let more: Vec<&str> = upload.iter().copied().chain(["--phase", phase]).collect();
            let (alone, said) = render(&fixture, &more)?;
            let live_only = matches!(phase, "preflight" | "mark-control-plane")
                || phase.starts_with("kubelet-finalize/");
            let told = said.contains(&format!("note: phase {phase} has nothing to render: "));
            ensure!(
                alone.is_empty() == (told || live_only),
                "{name}, {phase}: {} files, and: {said}",
                alone.len()
            );
            for (file, bytes) in alone {
                ensure!(
                    whole.get(&file) == Some(&bytes),
                    "{name}: {phase} alone has another {file}"
                );
                ensure!(
                    union.insert(file.clone(), bytes).is_none(),
                    "{name}: {file} belongs to {phase} and to another phase"
                );
            }
        }
        ensure!(
            union == whole,
            "{name}: no phase has {:?}",
            whole
                .keys()
                .filter(|file| !union.contains_key(*file))
                .collect::<Vec<_>>()
        );
    }
    Ok(())
}

fn secrets() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let rendered = |name: &str, more: &[&str]| -> Result<_> {
        let out = planned.path(name);
        let mut args = planned.render_args(&out)?;
        args.push("--with-secrets".into());
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        kubeplan(&args).expect(0)?;
        tree::read(&out.join("cp1/files"))
    };
    let whole = rendered("whole", &[])?;
    for (phase, file) in [
        ("kubeconfig/admin", "etc/kubernetes/admin.conf"),
        ("certs/etcd-peer", "etc/kubernetes/pki/etcd/peer.key"),
    ] {
        let alone = rendered("alone", &["--phase", phase])?;
        ensure!(
            alone.contains_key(file) && alone.get(file) == whole.get(file),
            "{phase} alone has another {file}"
        );
    }
    Ok(())
}

fn one_by_one() -> Result<()> {
    let whole = Planned::fixture("single-node-ecdsa")?;
    let configuration = whole.configuration()?;
    whole.install(&[])?.expect(0)?;
    let parts = Planned::config(&configuration)?;
    // The same keys, so that the same files are expected.
    fs::remove_dir_all(parts.path("pki"))?;
    copy_store(&whole, &parts)?;
    let phases = [
        "kubelet-start",
        "control-plane",
        "etcd",
        "kubeconfig",
        "certs",
    ];
    for phase in phases {
        let run = parts.plan(&["--phase", phase])?.expect(0)?;
        ensure!(
            run.text().contains("  left out     phases preflight, "),
            "{}",
            run.text()
        );
        parts.install(&[])?.expect(0)?;
    }
    let state = |planned: &Planned| -> Result<_> {
        let mut state = tree::snapshot(&planned.root())?;
        state.retain(|name, _| !name.starts_with("var/lib/kubeplan"));
        for node in state.values_mut() {
            node.modified = 0;
        }
        Ok(state)
    };
    let (expected, found) = (state(&whole)?, state(&parts)?);
    ensure!(expected.len() > 40, "only {} files", expected.len());
    for (name, node) in &expected {
        ensure!(
            found.get(name) == Some(node),
            "{name} differs from the one of the whole bundle"
        );
    }
    ensure!(found.len() == expected.len(), "there is more than planned");
    Ok(())
}

/// Phases of a whole bundle, chosen when it is installed, the last ones first.
fn of_one_bundle() -> Result<()> {
    let config = fs::read_to_string(fixture("single-node-defaults"))?;
    let whole = Planned::with_test_keys(&config)?;
    whole.install(&["--allow-test-only"])?.expect(0)?;
    let parts = Planned::with_test_keys(&config)?;
    let install = |more: &[&str]| {
        let args = [&["--allow-test-only"], more].concat();
        parts.install(&args)?.expect(0)
    };
    for (phase, left) in [
        ("control-plane", "commit etcd"),
        ("etcd,kubelet-start", "commit kubeconfig"),
        ("kubeconfig", "commit certs"),
    ] {
        let said = install(&["--phase", phase])?;
        ensure!(said.text().contains(left), "{phase}: {}", said.text());
        ensure!(!said.err.contains("no longer planned"), "{}", said.err);
        let status = kubeapply(&["status", "--root", text(&parts.root())?]).expect(0)?;
        ensure!(status.text().contains(left), "{phase}: {}", status.text());
    }
    ensure!(!parts.root().join("etc/kubernetes/pki/ca.crt").exists());
    // Nothing with files is chosen, and they are not all there.
    let early = parts
        .install(&["--allow-test-only", "--phase", "addon"])?
        .expect(5)?;
    ensure!(early.err.contains("not as planned"), "{}", early.err);
    let unknown = parts
        .install(&["--allow-test-only", "--phase", "certificates"])?
        .expect(2)?;
    ensure!(unknown.err.contains("certs"), "{}", unknown.err);
    let rest = install(&[
        "--skip-phases",
        "control-plane,etcd,kubelet-start,kubeconfig",
    ])?;
    ensure!(!rest.text().contains("commit"), "{}", rest.text());
    let hosts = |planned: &Planned| -> Result<_> {
        let mut tree = tree::read(&planned.root())?;
        tree.retain(|path, _| !path.starts_with("var/lib/kubeplan"));
        Ok(tree)
    };
    ensure!(
        hosts(&parts)? == hosts(&whole)?,
        "the parts are not the whole"
    );
    let again = install(&[])?;
    ensure!(
        again.text().contains("nothing to change"),
        "{}",
        again.text()
    );
    Ok(())
}

fn copy_store(from: &Planned, to: &Planned) -> Result<()> {
    let status = std::process::Command::new("cp")
        .arg("-a")
        .args([from.path("pki"), to.path("pki")])
        .status()?;
    ensure!(status.success(), "copying the key store failed");
    Ok(())
}

fn skipped() -> Result<()> {
    let planned = Planned::fixture("single-node-skip-phases")?;
    let listed = "preflight, certs/apiserver, wait-control-plane, addon/kube-proxy";
    let bundle = text(&planned.bundle)?;
    let shown = kubeplan(&["show", bundle]).expect(0)?.text();
    ensure!(
        shown.contains(&format!("  left out     phases {listed}\n")),
        "{shown}"
    );
    let allowed = planned.path("allowed_signers");
    let shown = kubeapply(&["show", "--allowed-signers", text(&allowed)?, bundle])
        .expect(0)?
        .text();
    ensure!(
        shown.contains(&format!("  left out     phases {listed}\n")),
        "{shown}"
    );

    planned.install(&[])?.expect(0)?;
    let files = tree::snapshot(&planned.root())?;
    ensure!(
        files.contains_key("etc/kubernetes/pki/apiserver-etcd-client.crt")
            && files.contains_key("etc/kubernetes/manifests/kube-apiserver.yaml"),
        "planned files are missing"
    );
    ensure!(
        !files
            .keys()
            .any(|name| name.starts_with("etc/kubernetes/pki/apiserver.")),
        "a skipped phase was installed"
    );
    Ok(())
}

fn public() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    fs::remove_file(planned.path("identity"))?;
    let run = planned
        .plan(&["--phase", "control-plane/apiserver", "--format", "json"])?
        .expect(0)?;
    let summary: serde_json::Value = serde_json::from_str(&run.text())?;
    let summary = &summary["nodes"][0];
    ensure!(summary["identity"].is_null() && summary["sealedFiles"] == 0);
    ensure!(summary["publicFiles"] == 1 && summary["certificates"] == serde_json::json!([]));
    let left_out = summary["leftOutPhases"].as_array();
    let left_out = left_out.context("the summary lists what was left out")?;
    ensure!(left_out.contains(&"control-plane/scheduler".into()));
    ensure!(
        !planned.path("identity").exists(),
        "an identity was made for nothing"
    );
    let mut args = vec!["install", "--root"];
    let (root, allowed) = (planned.root(), planned.path("allowed_signers"));
    args.extend([text(&root)?, "--allowed-signers", text(&allowed)?]);
    args.push(text(&planned.bundle)?);
    kubeapply(&args).expect(0)?;
    let mut files = tree::snapshot(&planned.root())?;
    files.retain(|name, node| node.bytes.is_some() && !name.starts_with("var/lib/kubeplan"));
    let names: Vec<&String> = files.keys().collect();
    ensure!(
        names == ["etc/kubernetes/manifests/kube-apiserver.yaml"],
        "{names:?}"
    );
    Ok(())
}

fn refused() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let out = scratch.path().join("out");
    let (file, out_text) = (fixture("single-node-ecdsa"), text(&out)?.to_owned());
    for (command, flag, value, said) in [
        (
            "render",
            "--phase",
            "certs/apisever",
            "did you mean `certs/apiserver`?",
        ),
        (
            "plan",
            "--phase",
            "certs/apisever",
            "did you mean `certs/apiserver`?",
        ),
        ("render", "--phase", "", "no phase ``"),
        (
            "render",
            "--skip-phases",
            "addon/core-dns",
            "did you mean `addon/coredns`?",
        ),
        (
            "plan",
            "--skip-phases",
            "certs,addon/core-dns",
            "skipPhases[1]",
        ),
        (
            "plan",
            "--skip-phases",
            "bootstrap-token",
            "skip `show-join-command` too",
        ),
        (
            "plan",
            "--phase",
            "upload-certs",
            "put nothing into a bundle",
        ),
    ] {
        let run = kubeplan(&[
            command,
            "-f",
            &file,
            "-o",
            &out_text,
            "--test-pki",
            "seed",
            "--now",
            NOW,
            flag,
            value,
        ])
        .expect(2)
        .with_context(|| format!("{command} {flag} {value}"))?;
        ensure!(run.err.contains(said), "`{said}` is missing in {}", run.err);
        ensure!(!out.exists(), "{command} {flag} {value} wrote something");
    }
    Ok(())
}

/// `--skip-phases` replaces the file's list, an empty one does not; `--phase` does not read the file's.
fn precedence() -> Result<()> {
    let fixture = fixture("single-node-skip-phases");
    let certificate = "cp1/files/etc/kubernetes/pki/apiserver.crt";
    let proxy = "cp1/objects/25-addon-kube-proxy-daemonset-kube-proxy.yaml";
    for (more, with_certificate, with_proxy) in [
        (&[][..], false, false),
        (&["--skip-phases="], false, false),
        (&["--skip-phases=addon/kube-proxy"], true, false),
        (&["--skip-phases=certs", "--skip-phases=etcd"], false, true),
        (&["--phase=certs"], true, false),
        (&["--phase=certs", "--phase=addon/all"], true, true),
        (
            &["--phase=certs,addon", "--skip-phases=certs/apiserver"],
            false,
            true,
        ),
    ] {
        let (files, _) = render(&fixture, more)?;
        ensure!(
            files.contains_key(certificate) == with_certificate
                && files.contains_key(proxy) == with_proxy,
            "{more:?}: {:?}",
            files.keys()
        );
    }
    let (_, said) = render(&fixture, &["--phase=certs"])?;
    let note = "does not hold for phases given with --phase, as with `kubeadm init phase`: certs/apiserver\n";
    ensure!(said.contains(note), "{said}");
    Ok(())
}
