//! Keys that other users can read, change or exchange.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{kubeplan, repository};
use libtest_mimic::Trial;

use super::super::case;
use super::inputs::{fifo, program};

pub fn cases() -> Vec<Trial> {
    vec![
        case("attacks::key_store::a_store_of_another_user", owners),
        case("attacks::key_store::modes_that_let_other_users_in", modes),
        case("attacks::key_store::a_lock_that_leads_elsewhere", lock),
        case(
            "attacks::key_store::a_workspace_that_other_users_change",
            workspace,
        ),
        case(
            "attacks::key_store::a_signing_key_that_others_read",
            sign_key,
        ),
    ]
}

/// A user who is not root.
const OTHER: u32 = 65534;

fn is_root(file: &Path) -> Result<bool> {
    Ok(fs::metadata(file)?.uid() == 0)
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    Ok(fs::set_permissions(path, Permissions::from_mode(mode))?)
}

fn owners() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    if !is_root(&planned.path("pki"))? {
        eprintln!("attacks::key_store::a_store_of_another_user needs root; nothing was tried");
        return Ok(());
    }
    for name in [
        "",
        "nodes",
        "nodes/cp1",
        "ca.key",
        "ca.crt",
        "store.json",
        "nodes/cp1/apiserver.key",
        ".lock",
    ] {
        let path = planned.path("pki").join(name);
        chown(&path, Some(OTHER), None)?;
        let run = planned
            .plan(&[])?
            .expect(1)
            .with_context(|| name.to_owned())?;
        ensure!(
            run.err.contains("belongs to the user with ID 65534") && run.err.contains("hint:"),
            "{name}: {}",
            run.err
        );
        chown(&path, Some(0), None)?;
        planned.plan(&[])?.expect(0)?;
    }
    for (name, more) in [("author", &[][..]), ("identity", &[][..])] {
        let path = planned.path(name);
        chown(&path, Some(OTHER), None)?;
        planned
            .plan(more)?
            .expect(1)
            .with_context(|| name.to_owned())?;
        chown(&path, Some(0), None)?;
        planned.plan(more)?.expect(0)?;
    }
    Ok(())
}

fn modes() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let render = planned.path("rendered");
    for (name, good, bad) in [
        ("pki", 0o700, &[0o750, 0o711, 0o770, 0o1777][..]),
        ("pki/nodes", 0o700, &[0o770, 0o702]),
        ("pki/nodes/cp1", 0o755, &[0o775, 0o777]),
        ("pki/etcd", 0o755, &[0o775]),
        ("pki/ca.key", 0o600, &[0o640, 0o604, 0o620]),
        ("pki/sa.key", 0o400, &[0o444]),
        ("pki/nodes/cp1/apiserver.key", 0o600, &[0o644]),
        ("pki/store.json", 0o600, &[0o644, 0o660]),
        ("pki/.lock", 0o600, &[0o666]),
        ("identity", 0o600, &[0o644, 0o640]),
        ("author", 0o400, &[0o644, 0o640]),
    ] {
        let path = planned.path(name);
        for mode in bad {
            set_mode(&path, *mode)?;
            let run = planned.plan(&[])?;
            let run = run.expect(1).with_context(|| format!("{name} {mode:o}"))?;
            ensure!(
                run.err.contains("is open to other users") && run.err.contains("run `chmod "),
                "{name}: {}",
                run.err
            );
            if name.starts_with("pki") && !name.ends_with(".lock") {
                // Those that only read it are as strict.
                let out = planned.render_args(&render)?;
                kubeplan(&out).expect(1).with_context(|| name.to_owned())?;
            }
        }
        set_mode(&path, good)?;
        planned
            .plan(&[])?
            .expect(0)
            .with_context(|| name.to_owned())?;
    }
    Ok(())
}

fn lock() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let lock = planned.path("pki/.lock");
    let victim = planned.path("victim");
    let plants: [(&str, &dyn Fn() -> Result<()>); 3] = [
        ("a link", &|| Ok(symlink(&victim, &lock)?)),
        ("a FIFO", &|| fifo(&lock)),
        ("a directory", &|| Ok(fs::create_dir(&lock)?)),
    ];
    for (what, plant) in plants {
        fs::remove_file(&lock)?;
        plant()?;
        let run = planned
            .plan(&[])?
            .expect(1)
            .with_context(|| what.to_owned())?;
        ensure!(run.err.contains("lock file"), "{what}: {}", run.err);
        ensure!(!victim.exists(), "the link was followed");
        if lock.is_dir() {
            fs::remove_dir(&lock)?;
        } else {
            fs::remove_file(&lock)?;
        }
        planned.plan(&[])?.expect(0)?;
    }
    Ok(())
}

fn workspace() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let at = |name: &str| directory.path().join("kubernetes.kubeplan").join(name);
    let config = repository().join("fixtures/single-node-ecdsa.yaml");
    let plan = || -> Result<_> {
        let mut command = program()?;
        command.current_dir(directory.path());
        command.args(["plan", "-o", "out", "-f", text(&config)?]);
        Ok(command.output()?)
    };
    let done = |output: &std::process::Output, code: i32| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(
            output.status.code() == Some(code),
            "{}: {said}",
            output.status
        );
        Ok(said)
    };
    done(&plan()?, 0)?;
    for name in ["", "pki", "keys", "identities"] {
        let mode = fs::metadata(at(name))?.mode() & 0o7777;
        ensure!(mode == 0o700, "{name} has mode {mode:o}");
    }
    for (name, good, bad) in [
        ("", 0o700, 0o770),
        ("", 0o755, 0o757),
        ("keys", 0o700, 0o777),
        ("identities", 0o700, 0o720),
        ("keys/author", 0o600, 0o640),
        ("identities/cp1.age", 0o600, 0o604),
    ] {
        set_mode(&at(name), bad)?;
        let said = done(&plan()?, 1).with_context(|| format!("{name} {bad:o}"))?;
        ensure!(said.contains("run `chmod "), "{name}: {said}");
        set_mode(&at(name), good)?;
        done(&plan()?, 0).with_context(|| format!("{name} {good:o}"))?;
    }
    if !is_root(&at(""))? {
        return Ok(());
    }
    for name in [
        "",
        "keys",
        "identities",
        "keys/author",
        "identities/cp1.age",
    ] {
        chown(at(name), Some(OTHER), None)?;
        let said = done(&plan()?, 1).with_context(|| name.to_owned())?;
        ensure!(said.contains("belongs to the user with ID 65534"), "{said}");
        chown(at(name), Some(0), None)?;
        done(&plan()?, 0)?;
    }
    Ok(())
}

fn sign_key() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let (passphrase, key) = (planned.path("passphrase"), planned.path("second"));
    fs::write(&passphrase, "correct horse\n")?;
    let keygen = [
        "keygen",
        "-o",
        text(&key)?,
        "--passphrase-file",
        text(&passphrase)?,
    ];
    set_mode(&passphrase, 0o644)?;
    kubeplan(&keygen).expect(1)?;
    ensure!(!key.exists(), "a key was written");
    set_mode(&passphrase, 0o600)?;
    kubeplan(&keygen).expect(0)?;
    let out = planned.path("approved.tar.gz");
    let shown = kubeplan(&["show", "--format=json", text(&planned.bundle)?]).expect(0)?;
    let shown: serde_json::Value = serde_json::from_slice(&shown.out)?;
    let digest = shown["index"]["planDigest"].as_str().unwrap_or_default();
    for command in ["sign", "approve"] {
        let mut args = vec![command, "--plan-digest", digest, "--key", text(&key)?];
        args.extend(["--passphrase-file", text(&passphrase)?, "-o", text(&out)?]);
        args.push(text(&planned.bundle)?);
        for exposed in [&key, &passphrase] {
            set_mode(exposed, 0o644)?;
            let run = kubeplan(&args).expect(1)?;
            ensure!(run.err.contains("run `chmod 600 "), "{}", run.err);
            ensure!(!out.exists(), "it was signed");
            set_mode(exposed, 0o600)?;
        }
        kubeplan(&args).expect(0)?;
        fs::remove_file(&out)?;
    }
    Ok(())
}
