//! The real kubeadm and the planner on random configurations; needs a kubeadm, named by the variable `KUBEADM`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use kubeplan::kubeadm::phase_tree::NAMES;
use kubeplan_testsuite::equivalence::case::Case;
use kubeplan_testsuite::equivalence::differences::{self, LAXER, STRICTER};
use kubeplan_testsuite::equivalence::generate::{self, Drawn};
use kubeplan_testsuite::equivalence::host::{Host, PATCHES_DIR};
use kubeplan_testsuite::equivalence::intended;
use kubeplan_testsuite::equivalence::kubeadm::Kubeadm;
use kubeplan_testsuite::equivalence::planner::{self, Planned};
use kubeplan_testsuite::equivalence::{self, Options, Verdict};
use kubeplan_testsuite::programs::repository;
use kubeplan_testsuite::tree;
use libtest_mimic::Trial;

use super::case;

pub fn cases() -> Vec<Trial> {
    let kubeadm = std::env::var_os("KUBEADM").map(PathBuf::from);
    let random = "equivalence::random_configurations_render_as_kubeadm_renders_them";
    let named = "equivalence::fixtures_render_as_kubeadm_renders_them";
    let phases = "equivalence::phases_have_kubeadms_names_and_order";
    let ignored = kubeadm.is_none();
    if ignored {
        for name in [random, named, phases] {
            eprintln!("ignored: {name} needs the variable KUBEADM, the path of a kubeadm 1.36");
        }
    }
    let (again, program) = (kubeadm.clone(), kubeadm.clone());
    vec![
        case(random, move || random_configurations(kubeadm)).with_ignored_flag(ignored),
        case(named, move || fixtures(again)).with_ignored_flag(ignored),
        case(phases, move || phase_names(program)).with_ignored_flag(ignored),
        case(
            "equivalence::every_intended_difference_has_its_reason",
            reasons,
        ),
        case(
            "equivalence::the_grammar_makes_what_the_planner_takes_and_breaks",
            without_kubeadm,
        ),
        case(
            "equivalence::every_intended_difference_is_drawn",
            intended_differences,
        ),
    ]
}

fn random_configurations(kubeadm: Option<PathBuf>) -> Result<()> {
    let options = Options {
        kubeadm: kubeadm.context("KUBEADM is not set")?,
        seed: 20_261_120,
        first: 0,
        valid: 60,
        invalid: 80,
        intended: intended::DRAWINGS.len() as u64,
        failures: repository().join("target/equivalence"),
    };
    let summary = equivalence::run(&options, |_, _| {})?;
    let differing: Vec<String> = summary
        .failures
        .iter()
        .map(|(file, why)| format!("{}\n{why}", file.display()))
        .collect();
    ensure!(summary.is_good(), "{summary}\n{}", differing.join("\n"));
    ensure!(
        summary.equal > 54 && summary.invalid_refused > 60,
        "too little was compared: {summary}"
    );
    Ok(())
}

/// kubeadm's help lists its phases between two lines of backquotes, children indented and with `/` in front.
fn phase_names(kubeadm: Option<PathBuf>) -> Result<()> {
    let output = Command::new(kubeadm.context("KUBEADM is not set")?)
        .args(["init", "--help"])
        .output()?;
    let help = String::from_utf8_lossy(&output.stdout);
    let mut parts = help.split("```");
    let listed = parts.nth(1).context("the help lists no phases")?;
    let mut parent = "";
    let mut found = Vec::new();
    for word in listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
    {
        if word.starts_with('/') {
            found.push(format!("{parent}{word}"));
        } else {
            parent = word;
            found.push(word.to_owned());
        }
    }
    ensure!(found == NAMES, "kubeadm has the phases {found:?}");
    Ok(())
}

/// A fixture, lines that are added to its last document, and whether the fixtures' patches apply.
const NAMED: &[(&str, &str, bool)] = &[
    ("component-configs", "", false),
    ("defaults", "", false),
    ("defaults", "encryptionAlgorithm: RSA-4096\n", false),
    ("dual-stack", "", false),
    ("ecdsa", "", false),
    (
        "ecdsa",
        "certificatesDir: /srv/kubernetes/pki\netcd: {local: {dataDir: /srv/etcd}}\n",
        true,
    ),
    ("endpoint", "", false),
    ("external-etcd", "", false),
    ("extra-args", "", false),
    ("host-work", "", false),
    ("ipv6", "", false),
    ("no-addons", "", false),
    ("patches", "", true),
    ("tokens-taints", "", false),
    ("v1beta3", "", false),
    ("volumes-envs", "", false),
];

fn fixtures(kubeadm: Option<PathBuf>) -> Result<()> {
    let kubeadm = Kubeadm::new(&kubeadm.context("KUBEADM is not set")?)?;
    for (name, more, patched) in NAMED {
        if *patched && !kubeadm.can_vary_host() {
            eprintln!(
                "ignored: {name} with patches needs root, for a root directory of kubeadm's own"
            );
            continue;
        }
        let file = repository().join(format!("fixtures/single-node-{name}.yaml"));
        let mut text = fs::read_to_string(&file)? + more;
        let mut host = kubeadm.host().clone();
        if *patched {
            let field = format!("patches:\n  directory: {PATCHES_DIR}\nnodeRegistration:\n");
            text = text.replacen("nodeRegistration:\n", &field, 1);
            let directory = repository().join("fixtures/patches/single-node-patches");
            for (name, bytes) in tree::read(&directory)? {
                host.patches.insert(name, String::from_utf8(bytes)?);
            }
        }
        let case = Case::of_text(text, host);
        let verdict = equivalence::compare_case(&kubeadm, &case)?;
        ensure!(verdict == Verdict::Equal, "{name} {more}: {verdict:#?}");
    }
    Ok(())
}

fn reasons() -> Result<()> {
    let page = fs::read_to_string(repository().join("docs/differences.md"))?;
    let headings: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    let names: Vec<&str> = STRICTER.iter().chain(LAXER).map(|row| row.name).collect();
    ensure!(
        headings == names,
        "docs/differences.md has {headings:?}, the table {names:?}"
    );
    Ok(())
}

/// What can be said without kubeadm: the same seed gives the same text, most of it is valid, and mistakes are found.
fn without_kubeadm() -> Result<()> {
    let host = Host {
        known: true,
        hostname: "host".into(),
        ..Host::default()
    };
    let (mut taken, mut refused) = (0, 0);
    let mut not_taken = Vec::new();
    for number in 0..80 {
        let valid = generate::case(7, number, &host, true, Drawn::Valid);
        let again = generate::case(7, number, &host, true, Drawn::Valid);
        ensure!(
            valid.to_file()? == again.to_file()?,
            "case {number} is not repeatable"
        );
        let read = Case::from_file(&valid.to_file()?)?;
        ensure!(
            read.planner_text() == valid.planner_text() && read.host == valid.host,
            "case {number} changes on its way through a file"
        );
        match planner::run(&valid.planner_text(), &valid.host) {
            Planned::Accepted { .. } => taken += 1,
            Planned::Refused(findings) => not_taken.extend(findings.into_iter().next()),
            Planned::Panicked(message) => anyhow::bail!("case {number}: {message}"),
        }
        let broken = generate::case(7, number, &host, true, Drawn::Broken);
        match planner::run(&broken.planner_text(), &broken.host) {
            Planned::Accepted { .. } => {}
            Planned::Refused(_) => refused += 1,
            Planned::Panicked(message) => anyhow::bail!("broken case {number}: {message}"),
        }
    }
    ensure!(
        taken >= 76,
        "only {taken} of 80 valid cases are taken:\n{}",
        not_taken.join("\n")
    );
    ensure!(
        refused >= 78,
        "only {refused} of 80 broken cases are refused"
    );
    Ok(())
}

/// What can be said of the drawings of intended differences without kubeadm: there is one for every row, and the planner takes or
/// refuses what they make as the row says.
fn intended_differences() -> Result<()> {
    let host = Host {
        known: true,
        hostname: "host".into(),
        ..Host::default()
    };
    let rows: Vec<&str> = STRICTER.iter().chain(LAXER).map(|row| row.name).collect();
    let drawn: Vec<&str> = intended::DRAWINGS
        .iter()
        .map(|row| row.difference)
        .collect();
    ensure!(drawn == rows, "drawn are {drawn:?}, the table has {rows:?}");
    let is_stricter = |name| STRICTER.iter().any(|row| row.name == name);
    let mut wrong = Vec::new();
    for number in 0..8 * rows.len() as u64 {
        let case = generate::case(11, number, &host, true, Drawn::Intended);
        let name = case.intended.context("the case is drawn for nothing")?;
        match planner::run(&case.planner_text(), &case.host) {
            Planned::Accepted { .. } if is_stricter(name) => {
                wrong.push(format!("{number}: `{name}` is taken"));
            }
            Planned::Accepted { .. } => {}
            Planned::Refused(findings) => {
                let covered = differences::stricter(&findings).unwrap_or_default();
                if !is_stricter(name) || !covered.contains(&name) {
                    wrong.push(format!("{number}: `{name}`: {}", findings.join("; ")));
                }
            }
            Planned::Panicked(message) => anyhow::bail!("case {number}: {message}"),
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
