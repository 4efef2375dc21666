//! Content that is sealed so that no reviewer sees it: forged by a trusted author, refused by the host and by the writer.

use anyhow::{Context as _, Result, ensure};
use kubeplan_bundle::index::{Placement, SecretClass};
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::writer::{DraftContent, DraftEntry};
use kubeplan_testsuite::forge::Forge;
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{NOW, kubeapply_at, kubeplan};
use kubeplan_testsuite::raw_index::with_index;
use kubeplan_testsuite::tree;
use libtest_mimic::Trial;
use serde_json::Value;

use super::super::case;

const KEY: &str = "files/etc/kubernetes/pki/apiserver.key";
const KUBECONFIG: &str = "files/etc/kubernetes/admin.conf";
const SECRET: &str = "objects/08-bootstrap-token-secret-bootstrap-token-abcdef.yaml";

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "attacks::sealed_content::an_index_that_hides_what_it_installs",
            indexes,
        ),
        case(
            "attacks::sealed_content::content_that_its_twin_cannot_show",
            contents,
        ),
        case(
            "attacks::sealed_content::every_class_is_shown_and_installed",
            every_class,
        ),
    ]
}

/// The entry called `name`.
fn entry<'a>(index: &'a mut Value, name: &str) -> Result<&'a mut Value> {
    index["entries"]
        .as_array_mut()
        .and_then(|entries| entries.iter_mut().find(|entry| entry["name"] == name))
        .with_context(|| format!("{name} is not an entry"))
}

/// Gives a file another path, wherever the index names it.
fn move_to(index: &mut Value, name: &str, path: &str) -> Result<()> {
    let to = format!("files{path}");
    let moved = entry(index, name)?;
    moved["path"] = path.into();
    moved["name"] = to.clone().into();
    moved["twin"]["name"] = format!("redacted/{to}").into();
    for transaction in index["transactions"].as_array_mut().into_iter().flatten() {
        for found in transaction["entries"].as_array_mut().into_iter().flatten() {
            if *found == name {
                *found = to.clone().into();
            }
        }
    }
    Ok(())
}

fn indexes() -> Result<()> {
    type Change = fn(&mut Value) -> Result<()>;
    let cases: &[(&str, &str, Change)] = &[
        ("a class that shows nothing", "kubeplan.json", |i| {
            entry(i, KUBECONFIG)?["class"] = "opaque".into();
            Ok(())
        }),
        ("a key without its public half", "has an spki", |i| {
            let key = entry(i, KEY)?.as_object_mut().context("no entry")?;
            key.remove("spki");
            Ok(())
        }),
        ("a program", "0640 or less", |i| {
            entry(i, KEY)?["mode"] = "0755".into();
            Ok(())
        }),
        ("a key for everybody", "0640 or less", |i| {
            entry(i, KEY)?["mode"] = "0644".into();
            Ok(())
        }),
        ("a set-id key", "kubeplan.json", |i| {
            entry(i, KEY)?["mode"] = "4600".into();
            Ok(())
        }),
        ("a user that means `unchanged`", "4294967295", |i| {
            entry(i, KEY)?["uid"] = u32::MAX.into();
            Ok(())
        }),
        ("a group that means `unchanged`", "4294967295", |i| {
            entry(i, "files/etc/kubernetes/pki/ca.crt")?["gid"] = u32::MAX.into();
            Ok(())
        }),
        ("a static Pod", "ends with .conf", |i| {
            move_to(i, KUBECONFIG, "/etc/kubernetes/manifests/admin.yaml")
        }),
        ("a drop-in", "programs, units", |i| {
            move_to(
                i,
                KUBECONFIG,
                "/etc/systemd/system/kubelet.service.d/20-x.conf",
            )
        }),
        ("a cron job", "programs, units", |i| {
            move_to(i, KEY, "/etc/cron.d/x.key")
        }),
        ("an object of another class", "secret-object", |i| {
            entry(i, SECRET)?["class"] = "kubeconfig".into();
            Ok(())
        }),
        ("a Secret as a file", "not a file", |i| {
            entry(i, KUBECONFIG)?["class"] = "secret-object".into();
            Ok(())
        }),
    ];
    let planned = Planned::fixture("single-node-tokens-taints")?;
    let before = tree::snapshot(&planned.root())?;
    for (what, expected, change) in cases {
        let bundle = with_index(&planned, "forged.tar.gz", false, change)?;
        let install = planned.install_args(&bundle, &[])?;
        let run = kubeapply_at(NOW, &install);
        // What moves an entry leaves the archive behind: refused for the entry's place, before that is seen.
        ensure!(
            run.code == 4 && run.err.contains(expected),
            "{what}: exit code {}: {}",
            run.code,
            run.err
        );
        ensure!(before == tree::snapshot(&planned.root())?, "{what}");
    }
    let bundle = with_index(&planned, "unchanged.tar.gz", false, |_| Ok(()))?;
    kubeapply_at(NOW, &planned.install_args(&bundle, &[])?).expect(0)?;
    Ok(())
}

fn contents() -> Result<()> {
    const UNIT: &str = "[Service]\nExecStart=/bin/sh\n";
    const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n";
    type Change = fn(&str) -> String;
    let cases: &[(&str, &str, &str, Change)] = &[
        ("a unit as a key", KEY, "one PEM private key", |_| {
            UNIT.into()
        }),
        ("lines before a key", KEY, "one PEM private key", |key| {
            format!("{UNIT}{key}")
        }),
        ("lines in a key", KEY, "one PEM private key", |key| {
            key.replacen("KEY-----\n", &format!("KEY-----\n{UNIT}"), 1)
        }),
        ("two keys", KEY, "one PEM private key", |key| {
            format!("{key}{key}")
        }),
        ("a Pod as a kubeconfig", KUBECONFIG, "kind: Config", |_| {
            POD.into()
        }),
        ("a kubeconfig with two kinds", KUBECONFIG, "twice", |text| {
            format!("{text}kind: Pod\n")
        }),
        (
            "a field no kubeconfig has",
            KUBECONFIG,
            "no such field",
            |text| format!("{text}spec:\n  hostPID: true\n"),
        ),
        ("a Pod as a Secret", SECRET, "placeholders", |_| POD.into()),
        ("an escaped kind", SECRET, "escapes", |text| {
            text.replace("kind: Secret", "kind: \"P\\x6fd\"")
        }),
        ("a binding after a Secret", SECRET, "twice", |text| {
            format!("{text}kind: ClusterRoleBinding\nroleRef:\n  name: cluster-admin\n")
        }),
        ("another API", SECRET, "kind: Secret", |text| {
            text.replace("apiVersion: v1", "apiVersion: rbac.authorization.k8s.io/v1")
        }),
    ];
    let planned = Planned::fixture("single-node-tokens-taints")?;
    for (what, name, expected, change) in cases {
        let mut forge = Forge::of(&planned)?;
        let found = forge.draft.entries.iter_mut();
        let forged = found
            .into_iter()
            .find(|entry| entry.name.as_str() == *name)
            .with_context(|| format!("{name} is not an entry"))?;
        let DraftContent::Secret { bytes, .. } = &mut forged.content else {
            anyhow::bail!("{name} is not sealed")
        };
        let plain = std::str::from_utf8(bytes.expose())?.to_owned();
        let changed = change(&plain);
        ensure!(plain != changed, "{what}: nothing is changed");
        *bytes = SecretBytes::from_text(changed);
        let error = match forge.write(&planned, "forged.tar.gz") {
            Ok(_) => anyhow::bail!("{what}: written"),
            Err(error) => format!("{error:#}"),
        };
        ensure!(error.contains(expected), "{what}: {error}");
    }
    Ok(())
}

/// What people do need to seal is there for reviewers, but for the secret values.
fn every_class() -> Result<()> {
    const ENCRYPTION: &str = "/etc/kubernetes/enc/encryption.yaml";
    const REGISTRIES: &str = "/var/lib/kubelet/config.json";
    let planned = Planned::fixture("single-node-tokens-taints")?;
    let mut forge = Forge::of(&planned)?;
    let template = forge
        .draft
        .entries
        .iter()
        .find(|entry| entry.name.as_str() == KEY)
        .context("there is no key")?;
    let phase = template.phase.clone();
    for (path, class, content) in [
        (
            ENCRYPTION,
            SecretClass::EncryptionConfig,
            "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources:\n  - secrets\n  \
             providers:\n  - aescbc:\n      keys:\n      - name: key1\n        secret: aHVudGVyMmh1bnRlcjI=\n  - identity: {}\n",
        ),
        (
            REGISTRIES,
            SecretClass::RegistryAuth,
            "{\"auths\": {\"registry.example\": {\"auth\": \"cm9ib3Q6aHVudGVyMmh1bnRlcjI=\"}}}\n",
        ),
    ] {
        let placement = Placement {
            path: path.parse()?,
            mode: "0600".parse()?,
            uid: 0,
            gid: 0,
        };
        let content = DraftContent::Secret {
            class,
            bytes: SecretBytes::from_text(content.to_owned()),
            spki: None,
        };
        let entry = DraftEntry::file(phase.clone(), placement, content);
        let last = forge.draft.transactions.last_mut();
        last.context("there is no transaction")?
            .entries
            .push(entry.name.clone());
        forge.draft.entries.push(entry);
    }
    let bundle = forge.write(&planned, "classes.tar.gz")?;
    let signers = planned.path("allowed_signers");
    let (signers, file) = (text(&signers)?, text(&bundle)?);
    let applier = ["show", "--allowed-signers", signers, file];
    for shown in [
        kubeplan(&["show", file]).expect(0)?.text(),
        kubeapply_at(NOW, &applier).expect(0)?.text(),
    ] {
        for class in [
            SecretClass::PrivateKey,
            SecretClass::Kubeconfig,
            SecretClass::SecretObject,
            SecretClass::EncryptionConfig,
            SecretClass::RegistryAuth,
        ] {
            ensure!(
                shown.contains(&format!("sealed {class}")),
                "{class}: {shown}"
            );
        }
    }
    for (path, visible) in [
        (ENCRYPTION, "name: key1\n        secret: <sealed>"),
        (
            REGISTRIES,
            "{\"auths\": {\"registry.example\": {\"auth\": \"robot:<sealed>\"}}}",
        ),
    ] {
        let name = format!("redacted/files{path}");
        let twin = kubeplan(&["show", file, name.as_str()]).expect(0)?.text();
        ensure!(twin.contains(visible), "{twin}");
    }
    kubeapply_at(NOW, &planned.install_args(&bundle, &[])?).expect(0)?;
    let installed =
        std::fs::read_to_string(planned.root().join(ENCRYPTION.trim_start_matches('/')))?;
    ensure!(installed.contains("aHVudGVyMmh1bnRlcjI="), "{installed}");
    Ok(())
}
