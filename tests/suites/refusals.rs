//! Everything kubeapply must refuse, each with the untouched root to prove it and an accepted twin.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{Run, kubeapply, kubeapply_at, kubeplan, repository};
use kubeplan_testsuite::tree;
use libtest_mimic::Trial;

use super::case;

/// Changes the bytes of a bundle.
type Change = fn(Vec<u8>) -> Vec<u8>;

pub fn cases() -> Vec<Trial> {
    let mut trials = vec![
        case("refusals::the_untouched_bundle_installs", control),
        case("refusals::unsigned", unsigned),
        case("refusals::signed_by_a_stranger", stranger),
        case("refusals::no_list_of_signers", no_signers),
        case("refusals::too_early", || at("2026-11-20T10:00:00Z", 4)),
        case("refusals::in_time", || at("2026-12-01T00:00:00Z", 0)),
        case("refusals::too_late", || at("2027-11-20T10:00:00Z", 4)),
        case("refusals::another_host", || host("other", 4)),
        case("refusals::the_right_host", || host("cp1-host", 0)),
        case("refusals::no_matching_identity", no_identity),
        case("refusals::test_only_needs_permission", test_only),
        case("refusals::an_older_serial", older_serial),
        case("refusals::the_same_serial_with_another_digest", same_serial),
        case("refusals::foreign_files_fail_preflight", foreign),
        case("refusals::a_link_out_of_the_root", link_out),
        case("refusals::not_a_bundle_at_all", not_a_bundle),
        case("refusals::a_bundle_that_does_not_exist", missing),
    ];
    let changes: &[(&str, Change)] = &[
        ("empty", |_| Vec::new()),
        ("truncated_by_one", |mut bytes| {
            bytes.pop();
            bytes
        }),
        ("cut_in_half", |mut bytes| {
            bytes.truncate(bytes.len() / 2);
            bytes
        }),
        ("trailing_byte", |mut bytes| {
            bytes.push(0);
            bytes
        }),
        ("trailing_gzip_member", |mut bytes| {
            bytes.extend([
                0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            ]);
            bytes
        }),
        ("leading_byte", |mut bytes| {
            bytes.insert(0, 0);
            bytes
        }),
        ("twice", |bytes| [bytes.clone(), bytes].concat()),
    ];
    trials.extend(
        changes
            .iter()
            .map(|(name, change)| case(format!("refusals::{name}"), move || changed(*change))),
    );
    trials
}

/// Asserts that an attempt is refused with `code`, says why, and leaves the root as it was.
fn refused(planned: &Planned, code: u8, attempt: impl FnOnce() -> Result<Run>) -> Result<Run> {
    let before = tree::snapshot(&planned.root())?;
    let run = attempt()?.expect(code)?;
    ensure!(
        run.err.starts_with("error:") || run.err.contains("\nerror:"),
        "no error was printed: {}",
        run.err
    );
    ensure!(
        before == tree::snapshot(&planned.root())?,
        "the root was touched"
    );
    Ok(run)
}

fn ecdsa() -> Result<Planned> {
    Planned::fixture("single-node-ecdsa")
}

fn control() -> Result<()> {
    let planned = ecdsa()?;
    planned.install(&[])?.expect(0)?;
    ensure!(planned.root().join("etc/kubernetes/pki/ca.crt").is_file());
    Ok(())
}

fn changed(change: Change) -> Result<()> {
    let planned = ecdsa()?;
    let copy = planned.path("changed.tar.gz");
    fs::write(&copy, change(fs::read(&planned.bundle)?))?;
    let run = refused(&planned, 4, || {
        Ok(kubeapply(&planned.install_args(&copy, &[])?))
    })?;
    // Another copy mends that, so both programs say how.
    let next = "compare its SHA-256 (`sha256sum ";
    ensure!(run.err.contains(next), "{}", run.err);
    let shown = kubeplan(&["show", text(&copy)?]).expect(4)?;
    ensure!(shown.err.contains(next), "{}", shown.err);
    planned.install(&[])?.expect(0)?;
    Ok(())
}

/// A bundle that does not exist ends every command with the same code.
fn missing() -> Result<()> {
    let planned = ecdsa()?;
    let absent = planned.path("absent.tar.gz");
    let run = refused(&planned, 4, || {
        Ok(kubeapply(&planned.install_args(&absent, &[])?))
    })?;
    ensure!(run.err.contains("absent.tar.gz"), "{}", run.err);
    for command in ["show", "verify"] {
        let run = kubeplan(&[command, text(&absent)?]).expect(4)?;
        ensure!(run.err.contains("absent.tar.gz"), "{}", run.err);
        kubeapply(&[command, text(&absent)?, "--root", text(&planned.root())?]).expect(4)?;
    }
    Ok(())
}

/// Takes the bundle's signatures away by writing its first member again, without them.
fn unsigned() -> Result<()> {
    let planned = ecdsa()?;
    let copy = planned.path("unsigned.tar.gz");
    fs::write(
        &copy,
        super::tamper::without_signatures(&fs::read(&planned.bundle)?)?,
    )?;
    refused(&planned, 4, || {
        Ok(kubeapply(&planned.install_args(&copy, &[])?))
    })?;
    let shown = kubeapply(&["show", text(&copy)?]).expect(0)?;
    ensure!(
        shown.text().contains("UNSIGNED"),
        "show does not mark it: {}",
        shown.text()
    );
    Ok(())
}

fn stranger() -> Result<()> {
    let planned = ecdsa()?;
    let other = planned.path("stranger");
    kubeplan(&["keygen", "-o", text(&other)?]).expect(0)?;
    let public = fs::read_to_string(planned.path("stranger.pub"))?;
    fs::write(
        planned.path("allowed_signers"),
        format!("stranger {public}"),
    )?;
    let run = refused(&planned, 4, || planned.install(&[]))?;
    ensure!(
        run.err.contains("SHA256:"),
        "the error names no key: {}",
        run.err
    );
    Ok(())
}

fn no_signers() -> Result<()> {
    let planned = ecdsa()?;
    let root = planned.root();
    let args = ["install", "--root", text(&root)?, text(&planned.bundle)?];
    let run = refused(&planned, 4, || Ok(kubeapply(&args)))?;
    ensure!(
        run.err.contains("trust add"),
        "the error does not say what to do: {}",
        run.err
    );
    Ok(())
}

fn at(now: &str, code: u8) -> Result<()> {
    let planned = ecdsa()?;
    let attempt = || {
        Ok(kubeapply_at(
            now,
            &planned.install_args(&planned.bundle, &[])?,
        ))
    };
    if code == 0 {
        attempt()?.expect(0)?;
    } else {
        refused(&planned, code, attempt)?;
    }
    Ok(())
}

fn host(name: &str, code: u8) -> Result<()> {
    let config = fs::read_to_string(repository().join("fixtures/single-node-ecdsa.yaml"))?;
    let cluster = "apiVersion: kubeplan.io/v1alpha1\nkind: Cluster\nmetadata: {name: kubernetes}\nnodes:\n\
                   - {name: cp1, role: control-plane, match: {hostname: cp1-host}}\n";
    let planned = Planned::config(&format!("{config}\n---\n{cluster}"))?;
    fs::create_dir(planned.root().join("etc"))?;
    fs::write(planned.root().join("etc/hostname"), format!("{name}\n"))?;
    if code == 0 {
        planned.install(&[])?.expect(0)?;
    } else {
        refused(&planned, code, || planned.install(&[]))?;
        planned.install(&["--as-node", "cp1"])?.expect(0)?;
    }
    Ok(())
}

fn no_identity() -> Result<()> {
    let planned = ecdsa()?;
    let other = Planned::fixture("single-node-ecdsa")?;
    fs::copy(other.path("identity"), planned.path("identity"))?;
    refused(&planned, 4, || planned.install(&[]))?;
    Ok(())
}

fn test_only() -> Result<()> {
    let planned = ecdsa()?;
    let config = planned.path("cluster.yaml");
    let out = planned.path("test-out");
    let (key, identity) = (planned.path("author"), planned.path("test-identity"));
    kubeplan(&[
        "plan",
        "-f",
        text(&config)?,
        "-o",
        text(&out)?,
        "--test-pki",
        "seed",
        "--sign-key",
        text(&key)?,
        "--identity-out",
        text(&identity)?,
    ])
    .expect(0)?;
    fs::copy(&identity, planned.path("identity"))?;
    let bundle: PathBuf = fs::read_dir(&out)?
        .next()
        .ok_or_else(|| anyhow::anyhow!("no bundle"))??
        .path();
    refused(&planned, 4, || {
        Ok(kubeapply(&planned.install_args(&bundle, &[])?))
    })?;
    kubeapply(&planned.install_args(&bundle, &["--allow-test-only"])?).expect(0)?;
    Ok(())
}

/// Changes the configuration so that the plan's digest changes, plans, and returns a copy of the new bundle.
fn next_serial(planned: &Planned, number: u32) -> Result<PathBuf> {
    let config = planned.path("cluster.yaml");
    let text = fs::read_to_string(&config)?;
    let base = text.split("\n# changed").next().unwrap_or_default();
    fs::write(
        &config,
        format!("{base}\n# changed\nscheduler:\n  extraArgs: [{{name: v, value: \"{number}\"}}]\n"),
    )?;
    planned.plan(&[])?.expect(0)?;
    let copy = planned.path(&format!("bundle-{number}.tar.gz"));
    fs::copy(&planned.bundle, &copy)?;
    Ok(copy)
}

fn older_serial() -> Result<()> {
    let planned = ecdsa()?;
    let first = next_serial(&planned, 1)?;
    let second = next_serial(&planned, 2)?;
    kubeapply(&planned.install_args(&second, &[])?).expect(0)?;
    refused(&planned, 4, || {
        Ok(kubeapply(&planned.install_args(&first, &[])?))
    })?;
    kubeapply(&planned.install_args(&first, &["--allow-older-serial"])?).expect(0)?;
    Ok(())
}

fn same_serial() -> Result<()> {
    let planned = ecdsa()?;
    let store = fs::read(planned.path("pki/store.json"))?;
    let one = next_serial(&planned, 1)?;
    // A store put back from a backup gives the same serial to another plan.
    fs::write(planned.path("pki/store.json"), store)?;
    let other = next_serial(&planned, 2)?;
    kubeapply(&planned.install_args(&one, &[])?).expect(0)?;
    refused(&planned, 4, || {
        Ok(kubeapply(&planned.install_args(&other, &[])?))
    })?;
    Ok(())
}

fn foreign() -> Result<()> {
    let planned = ecdsa()?;
    let directory = planned.root().join("etc/kubernetes/pki");
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("ca.crt"), "another program's\n")?;
    let run = refused(&planned, 5, || planned.install(&[]))?;
    ensure!(
        run.err.contains("/etc/kubernetes/pki/ca.crt"),
        "the error does not name the file: {}",
        run.err
    );
    fs::remove_file(directory.join("ca.crt"))?;
    planned.install(&[])?.expect(0)?;
    Ok(())
}

fn link_out(/* of the root */) -> Result<()> {
    let planned = ecdsa()?;
    let outside = planned.path("outside");
    fs::create_dir(&outside)?;
    fs::create_dir(planned.root().join("etc"))?;
    std::os::unix::fs::symlink(&outside, planned.root().join("etc/kubernetes"))?;
    let run = planned.install(&[])?;
    ensure!(
        run.code != 0,
        "installing through a link out of the root succeeded"
    );
    ensure!(
        tree::read(&outside)?.is_empty(),
        "something was written outside of the root"
    );
    Ok(())
}

fn not_a_bundle() -> Result<()> {
    let planned = ecdsa()?;
    let path = planned.path("noise");
    fs::write(&path, b"this is not a bundle\n".repeat(100))?;
    refused(&planned, 4, || {
        Ok(kubeapply(&planned.install_args(&path, &[])?))
    })?;
    let missing = Path::new("/nonexistent/bundle.tar.gz");
    refused(&planned, 4, || {
        Ok(kubeapply(&planned.install_args(missing, &[])?))
    })?;
    Ok(())
}
