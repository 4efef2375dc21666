//! Steps that touch files which are not the bundle's, in bundles that a trusted author signed.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use kubeplan_bundle::step::{Role, Step};
use kubeplan_testsuite::forge::Forge;
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{NOW, kubeapply_at, kubeplan, repository};
use kubeplan_testsuite::tree;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::super::case;

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "attacks::step_paths::the_policy_or_another_file_cannot_be_removed",
            removal,
        ),
        case(
            "attacks::step_paths::no_path_of_any_step_leads_out_of_the_bundle",
            every_path,
        ),
        case(
            "attacks::step_paths::a_removal_is_shown_by_both_programs",
            shown,
        ),
    ]
}

/// Adds a step, and what it requires.
pub(super) fn add(index: &mut Value, step: Value) {
    let features = serde_json::from_value::<Step>(step.clone()).map_or_else(
        |_| {
            let word = step["do"].as_str().unwrap_or_default();
            vec![format!("step:{word}/1")]
        },
        |step| step.features().into_iter().map(str::to_owned).collect(),
    );
    let requires = &mut index["requires"];
    let mut all: Vec<String> = serde_json::from_value(requires.take()).unwrap_or_default();
    all.extend(features);
    all.sort();
    all.dedup();
    *requires = json!(all);
    if let Some(steps) = index["steps"].as_array_mut() {
        // Checks come first.
        let at = if step["do"] == "preflight" {
            0
        } else {
            steps.len()
        };
        steps.insert(at, step);
    }
}

fn finish(path: &str) -> Value {
    json!({"do": "finish-tls-bootstrap", "phase": "kubelet-wait-bootstrap", "bootstrapKubeconfig": path,
        "kubeconfig": "/etc/kubernetes/kubelet.conf", "timeoutSeconds": 1})
}

/// Neither program takes the bundle, and the host stays as it is. Returns what `verify` says.
pub(super) fn refused(planned: &Planned, bundle: &std::path::Path) -> Result<String> {
    let before = tree::snapshot(&planned.root())?;
    let signers = planned.path("allowed_signers");
    let verify = [
        "verify",
        "--allowed-signers",
        text(&signers)?,
        text(bundle)?,
    ];
    let said = kubeapply_at(NOW, &verify).expect(4)?.err;
    kubeplan(&verify).expect(4)?;
    kubeplan(&["show", text(bundle)?]).expect(4)?;
    kubeapply_at(NOW, &planned.install_args(bundle, &[])?).expect(4)?;
    ensure!(
        tree::snapshot(&planned.root())? == before,
        "the host was changed"
    );
    Ok(said)
}

fn removal() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    for (directory, file) in [("etc/kubeplan", "policy.yaml"), ("etc", "shadow")] {
        fs::create_dir_all(planned.root().join(directory))?;
        let text = "apiVersion: kubeplan.io/v1alpha1\nkind: Policy\n";
        fs::write(planned.root().join(directory).join(file), text)?;
    }
    for path in [
        "/proc/self/root/etc/kubeplan/policy.yaml",
        "/proc/thread-self/root/etc/kubeplan/policy.yaml",
        "/etc/shadow",
        "/etc/kubernetes",
        "/etc/kubernetes/pki/ca.key",
        "/etc/kubernetes/manifests/etcd.yaml",
        "/etc/kubernetes/none.conf",
    ] {
        let forge = Forge::of(&planned)?;
        let bundle =
            forge.write_changed(&planned, "forged.tar.gz", |index| add(index, finish(path)))?;
        let said = refused(&planned, &bundle)?;
        ensure!(
            said.contains(path)
                && (said.contains("removes the bundle's own kubeconfig")
                    || path.starts_with("/proc") && said.contains("belongs to the kernel")),
            "{path}: {said}"
        );
    }
    // Where kubeapply keeps whom it trusts no path leads at all.
    let bundle = Forge::of(&planned)?.write_changed(&planned, "forged.tar.gz", |index| {
        add(index, finish("/etc/kubeplan/policy.yaml"));
    })?;
    refused(&planned, &bundle)?;
    // A kubeconfig of the bundle, and the one that kubeadm has.
    for path in [
        "/etc/kubernetes/admin.conf",
        "/etc/kubernetes/bootstrap-kubelet.conf",
    ] {
        let forge = Forge::of(&planned)?;
        let bundle =
            forge.write_changed(&planned, "forged.tar.gz", |index| add(index, finish(path)))?;
        let signers = planned.path("allowed_signers");
        kubeapply_at(
            NOW,
            &[
                "verify",
                "--allowed-signers",
                text(&signers)?,
                text(&bundle)?,
            ],
        )
        .expect(0)?;
    }
    Ok(())
}

/// Sets `a.b[0].c` of a step.
fn set(value: &mut Value, field: &str, to: &str) -> Result<()> {
    let pointer = format!(
        "/{}",
        field.replace('[', "/").replace(']', "").replace('.', "/")
    );
    *value.pointer_mut(&pointer).context(pointer)? = to.into();
    Ok(())
}

fn every_path() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let steps = fs::read_to_string(repository().join("fixtures/steps/every-step.json"))?;
    let steps: Vec<Value> = serde_json::from_str(&steps)?;
    let mut tried = 0;
    for value in steps {
        let step: Step = serde_json::from_value(value.clone())?;
        for path in step.paths() {
            // Names in a directory are told; of other such paths, only whether something is there.
            let names = path.field.ends_with("look.directory");
            if path.role == Role::Looks && !names {
                continue;
            }
            for foreign in ["/etc/shadow", "/proc/self/root/etc/shadow"] {
                let ordinary = foreign == "/etc/shadow";
                let tls = path.field.contains("tls.") || path.field.ends_with("authority");
                if ordinary && (tls || names) && path.field.starts_with("checks") {
                    // The configuration names them; nothing of them is told.
                    continue;
                }
                let mut forged = value.clone();
                set(&mut forged, &path.field, foreign)?;
                let bundle =
                    Forge::of(&planned)?
                        .write_changed(&planned, "forged.tar.gz", |index| add(index, forged))?;
                let said = refused(&planned, &bundle)?;
                let kind = step.kind().word();
                ensure!(
                    said.contains(foreign)
                        && (said.contains(&format!("`{kind}: {}", path.field))
                            || !ordinary && said.contains("belongs to the kernel")),
                    "{kind} {}: {said}",
                    path.field
                );
                tried += 1;
            }
        }
    }
    ensure!(tried > 25, "only {tried} paths were tried");
    let bundle = Forge::of(&planned)?.write_changed(&planned, "forged.tar.gz", |index| {
        index["api"]["kubeconfig"] = "/etc/shadow".into();
    })?;
    let said = refused(&planned, &bundle)?;
    ensure!(said.contains("`api: kubeconfig /etc/shadow`"), "{said}");
    Ok(())
}

fn shown() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let bundle = Forge::of(&planned)?.write_changed(&planned, "forged.tar.gz", |index| {
        add(index, finish("/etc/kubernetes/admin.conf"));
    })?;
    let bundle = text(&bundle)?;
    let path = "/etc/kubernetes/admin.conf";
    for run in [
        kubeplan(&["show", bundle]),
        kubeapply_at(NOW, &["show", bundle]),
    ] {
        let text = run.expect(0)?.text();
        for line in [
            "  finish-tls-bootstrap kubelet-wait-bootstrap: wait up to 1 s".to_owned(),
            format!("    bootstrapKubeconfig = {path}"),
            "    kubeconfig = /etc/kubernetes/kubelet.conf".to_owned(),
            "    timeoutSeconds = 1".to_owned(),
            format!("    removes {path}"),
        ] {
            ensure!(text.contains(&line), "{line}: {text}");
        }
    }
    for run in [
        kubeplan(&["show", "--format", "json", bundle]),
        kubeapply_at(NOW, &["show", "--format", "json", bundle]),
    ] {
        let report: Value = serde_json::from_str(&run.expect(0)?.text())?;
        let steps = report["index"]["steps"].as_array().context("steps")?;
        let last = steps.last().context("no step")?;
        ensure!(*last == finish(path), "{last}");
    }
    Ok(())
}
