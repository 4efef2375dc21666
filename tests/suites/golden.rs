//! Every fixture renders to its golden files, byte for byte, and no golden file is left over.

use anyhow::{Result, ensure};
use kubeplan_testsuite::golden::{self, Case};
use kubeplan_testsuite::programs::{kubeplan, repository};
use kubeplan_testsuite::tree;
use libtest_mimic::Trial;

use super::case;

pub fn cases() -> Vec<Trial> {
    let found = golden::cases(&repository()).unwrap_or_default();
    let mut trials = vec![
        case("golden::there_are_fixtures_and_no_orphans", no_orphans),
        case(
            "golden::every_minor_has_a_case_and_the_newest_has_goldens",
            every_minor_has_goldens,
        ),
        case(
            "golden::check_reports_a_changed_byte_with_exit_3",
            check_reports_changes,
        ),
    ];
    trials.extend(
        found
            .into_iter()
            .map(|each| case(format!("golden::{}", each.name), move || compare(&each))),
    );
    trials
}

fn compare(case: &Case) -> Result<()> {
    let root = repository();
    let expected = golden::recorded(&root, case)?;
    ensure!(
        !expected.is_empty(),
        "{} has no golden files: run `cargo xtask bless` and read them",
        case.name
    );
    let found = golden::render(&root, case)?;
    let diff = tree::diff(&expected, &found);
    ensure!(
        diff.is_empty(),
        "golden files differ; if that is meant, run `cargo xtask bless` and read the diff\n{diff}"
    );
    Ok(())
}

fn no_orphans() -> Result<()> {
    let root = repository();
    let cases = golden::cases(&root)?;
    ensure!(
        cases.iter().filter(|case| case.invalid).count() >= 10,
        "too few invalid fixtures"
    );
    let orphans = golden::orphans(&root)?;
    ensure!(
        orphans.is_empty(),
        "golden files without a fixture: {}",
        orphans.join(", ")
    );
    Ok(())
}

fn every_minor_has_goldens() -> Result<()> {
    let root = repository();
    let names: Vec<String> = golden::cases(&root)?
        .into_iter()
        .filter(|case| case.version.is_some())
        .map(|case| case.name)
        .collect();
    let expected: Vec<String> = kubeplan::kubeadm::releases::supported()
        .iter()
        .map(|minor| format!("by-version/v{minor}"))
        .collect();
    ensure!(names == expected, "{names:?} are not {expected:?}");
    let newest = expected.last().map(|name| root.join("golden").join(name));
    ensure!(
        newest.is_some_and(|directory| directory.join("images.txt").is_file()),
        "the newest release has no goldens"
    );
    Ok(())
}

fn check_reports_changes() -> Result<()> {
    let root = repository();
    let fixture = root
        .join("fixtures/single-node-ecdsa.yaml")
        .display()
        .to_string();
    let scratch = tempfile::tempdir()?;
    let out = scratch.path().join("review");
    let shown = out.display().to_string();
    let common = [
        "-f",
        &fixture,
        "--test-pki",
        "seed",
        "--now",
        "2026-11-20T10:23:25Z",
    ];
    let with = |more: [&str; 2]| -> Vec<String> {
        std::iter::once("render")
            .chain(common)
            .chain(more)
            .map(str::to_owned)
            .collect()
    };
    kubeplan(&with(["-o", &shown])).expect(0)?;
    kubeplan(&with(["--check", &shown])).expect(0)?;
    let manifest = out.join("cp1/files/etc/kubernetes/manifests/etcd.yaml");
    let text =
        std::fs::read_to_string(&manifest)?.replace("--snapshot-count=10000", "--snapshot-count=1");
    std::fs::write(&manifest, text)?;
    let run = kubeplan(&with(["--check", &shown])).expect(3)?;
    let diff = run.text();
    ensure!(
        diff.contains("-    - --snapshot-count=1\n+    - --snapshot-count=10000\n"),
        "no such change in {diff}"
    );
    ensure!(
        std::fs::read_to_string(&manifest)?.contains("--snapshot-count=1\n"),
        "--check wrote something"
    );
    Ok(())
}
