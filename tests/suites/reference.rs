//! What is installed equals what the real kubeadm 1.36.2 wrote for the same configuration.
//!
//! `fixtures/reference/<case>/` holds kubeadm's files; keys and embedded data are elided there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use kubeplan::config::valid::HostFacts;
use kubeplan::config::{self, Source};
use kubeplan::operations;
use kubeplan::pki::MaterialSource;
use kubeplan::pki::test_pki::TestPki;
use kubeplan::pki::{self, StoreContents};
use kubeplan::plan::PlannedContent;
use kubeplan_testsuite::equivalence::objects::comparable;
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{NOW, kubeplan, repository};
use kubeplan_testsuite::tree;
use libtest_mimic::Trial;

use super::{case, case_with};

/// A configuration with what kubeadm wrote for it.
#[derive(Clone, Copy)]
struct Reference {
    /// Its directory in `fixtures/reference/`.
    name: &'static str,
    /// How many manifests, kubeconfigs and kubelet files there are.
    files: usize,
    /// How many certificates have files.
    certificates: usize,
    /// Directories, as kubeadm makes them on an empty host.
    directories: &'static [(&'static str, u32)],
}

const REFERENCES: &[Reference] = &[
    Reference {
        name: "default",
        files: 12,
        certificates: 10,
        directories: &[
            ("etc/kubernetes", 0o755),
            ("etc/kubernetes/manifests", 0o700),
            ("etc/kubernetes/pki", 0o755),
            ("etc/kubernetes/pki/etcd", 0o755),
            ("var/lib/etcd", 0o700),
            ("var/lib/kubelet", 0o700),
        ],
    },
    Reference {
        name: "extetcd",
        files: 11,
        certificates: 5,
        directories: &[
            ("etc/kubernetes", 0o755),
            ("etc/kubernetes/manifests", 0o700),
            ("etc/kubernetes/pki", 0o755),
            ("var/lib/kubelet", 0o700),
        ],
    },
];

pub fn cases() -> Vec<Trial> {
    let of = |reference: &'static Reference| {
        let name = |what: &str| format!("reference::{}_{what}", reference.name);
        [
            case(name("files_are_byte_equal"), move || files(reference)),
            case(name("modes_are_equal"), move || modes(reference)),
            case_with(
                &["openssl"],
                name("certificates_are_equal_but_for_keys_serials_dates"),
                move || certificates(reference),
            ),
        ]
    };
    let objects = [("default", 28), ("ha", 32)].map(|(name, count)| {
        case(format!("reference::{name}_objects_are_equal"), move || {
            objects(name, count)
        })
    });
    let rootless = case(
        "reference::without_root_manifests_and_owners_are_equal",
        rootless,
    );
    REFERENCES
        .iter()
        .flat_map(of)
        .chain(objects)
        .chain([rootless])
        .collect()
}

fn directory(reference: &Reference) -> PathBuf {
    repository().join("fixtures/reference").join(reference.name)
}

fn installed(reference: &Reference) -> Result<Planned> {
    let config = fs::read_to_string(directory(reference).join("config.yaml"))?;
    let planned = Planned::config(&config)?;
    planned.install(&[])?.expect(0)?;
    Ok(planned)
}

/// A kubeconfig with its embedded data elided, as in the reference.
fn elided(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let line = |line: &str| match line.split_once("-data: ") {
        Some((key, _)) => format!("{key}-data: (elided)\n"),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect::<String>().into_bytes()
}

fn files(reference: &Reference) -> Result<()> {
    let planned = installed(reference)?;
    let mut expected = tree::read(&directory(reference))?;
    expected.retain(|name, _| name.starts_with("etc/") || name.starts_with("var/"));
    ensure!(
        expected.len() == reference.files,
        "the reference has {} files",
        expected.len()
    );
    let mut found = BTreeMap::new();
    for name in expected.keys() {
        let bytes = fs::read(planned.root().join(name))
            .with_context(|| format!("{name} is not installed"))?;
        found.insert(
            name.clone(),
            if name.ends_with(".conf") {
                elided(&bytes)
            } else {
                bytes
            },
        );
    }
    let expected = expected
        .into_iter()
        .map(|(name, bytes)| {
            if name.ends_with(".conf") {
                (name, elided(&bytes))
            } else {
                (name, bytes)
            }
        })
        .collect();
    let diff = tree::diff(&expected, &found);
    ensure!(diff.is_empty(), "{diff}");
    Ok(())
}

fn modes(reference: &Reference) -> Result<()> {
    let planned = installed(reference)?;
    let listed = fs::read_to_string(directory(reference).join("modes.txt"))?;
    let mut expected: BTreeMap<String, u32> = BTreeMap::new();
    for line in listed.lines() {
        let (mode, path) = line
            .split_once(' ')
            .context("a line of modes.txt is a mode and a path")?;
        expected.insert(
            path.trim_start_matches('/').to_owned(),
            u32::from_str_radix(mode, 8)?,
        );
    }
    let snapshot = tree::snapshot(&planned.root())?;
    let found: BTreeMap<String, u32> = snapshot
        .iter()
        .filter(|(name, node)| node.bytes.is_some() && !name.starts_with("var/lib/kubeplan"))
        .map(|(name, node)| (name.clone(), node.mode & 0o7777))
        .collect();
    ensure!(
        found == expected,
        "files and modes differ:\nexpected {expected:#?}\nfound {found:#?}"
    );
    for (name, mode) in reference.directories {
        let node = snapshot
            .get(*name)
            .with_context(|| format!("{name} is missing"))?;
        ensure!(
            node.mode & 0o7777 == *mode,
            "{name} has mode {:o} instead of {mode:o}",
            node.mode & 0o7777
        );
    }
    let directories = snapshot
        .iter()
        .filter(|(name, node)| node.bytes.is_none() && name.contains("etcd"));
    let wanted = reference
        .directories
        .iter()
        .filter(|(name, _)| name.contains("etcd"));
    ensure!(
        directories.count() == wanted.count(),
        "directories of etcd differ: {:?}",
        snapshot.keys()
    );
    Ok(())
}

/// Compares the text of every object that kubeadm wrote, in kubeadm's order, after leaving out what differs by nature.
fn objects(reference: &str, count: usize) -> Result<()> {
    let directory = repository().join("fixtures/reference").join(reference);
    let config = fs::read_to_string(directory.join("config.yaml"))?;
    let scratch = tempfile::tempdir()?;
    let file = scratch.path().join("cluster.yaml");
    fs::write(&file, &config)?;
    let out = scratch.path().join("out");
    let mut args = vec![
        "render",
        "--test-pki",
        "seed",
        "--now",
        NOW,
        "--with-secrets",
        "-f",
        text(&file)?,
        "-o",
        text(&out)?,
    ];
    if reference == "ha" {
        args.push("--upload-certs");
    }
    kubeplan(&args).expect(0)?;
    let expected = tree::read(&directory.join("objects"))?;
    let mut found = tree::read(&out.join("cp1/objects"))?;
    ensure!(
        expected.len() == count && found.len() == count + 1,
        "{} objects against {}",
        expected.len(),
        found.len()
    );
    // The first one is not written in a dry run.
    let first = found.pop_first().context("there are objects")?;
    ensure!(
        first.0.contains("wait-control-plane") && first.0.ends_with("kubeadm-cluster-admins.yaml"),
        "{} is first",
        first.0
    );
    let numbered = |objects: BTreeMap<String, Vec<u8>>| {
        let texts = objects
            .into_values()
            .map(|bytes| without_secrets(&String::from_utf8_lossy(&bytes), &config));
        let numbered = texts.enumerate();
        numbered
            .map(|(position, text)| (format!("{position:02}"), text))
            .collect()
    };
    let diff = tree::diff(&numbered(expected), &numbered(found));
    ensure!(diff.is_empty(), "{diff}");
    Ok(())
}

/// The text of an object as [`comparable`] has it, also without the secrets of tokens, which the references do not show.
fn without_secrets(text: &str, config: &str) -> Vec<u8> {
    let line = |line: &str| match line.split_once("token-secret: ") {
        Some((before, _)) => format!("{before}token-secret: (elided)\n"),
        None => format!("{line}\n"),
    };
    let text: String = comparable(text, config).lines().map(line).collect();
    text.into_bytes()
}

/// Manifests, and mode and owner of everything that the phases make which kubeadm ran.
fn rootless() -> Result<()> {
    let directory = repository().join("fixtures/reference/rootless");
    let text = fs::read_to_string(directory.join("config.yaml"))?;
    let source = Source {
        name: "config.yaml",
        text: &text,
    };
    let config = config::load(&[source], HostFacts::default())
        .map_err(|report| anyhow::anyhow!("{report}"))?
        .config;
    let now = NOW.parse().ok().context("the suite's clock")?;
    let keys = TestPki::new("rootless");
    let material = pki::ensure(&config, StoreContents::default(), now, &keys, &|_| {})?.material;
    let plan = operations::plan_node(
        operations::of(&config),
        &config,
        MaterialSource::Issued(&material),
    )?;
    let made = plan.entries.iter().filter(|entry| {
        !entry
            .placement
            .path
            .as_str()
            .starts_with("/var/lib/kubelet")
    });
    let mut owners: Vec<String> = made
        .map(|entry| {
            let placement = &entry.placement;
            format!(
                "{} {}:{} {}\n",
                placement.mode, placement.uid, placement.gid, placement.path
            )
        })
        .collect();
    owners.sort_by(|left, right| {
        let path = |line: &str| line.rsplit(' ').next().map(str::to_owned);
        path(left).cmp(&path(right))
    });
    let expected = fs::read_to_string(directory.join("owners.txt"))?;
    let diff = tree::diff(
        &BTreeMap::from([("owners".to_owned(), expected.into_bytes())]),
        &BTreeMap::from([("owners".to_owned(), owners.concat().into_bytes())]),
    );
    ensure!(diff.is_empty(), "{diff}");
    let mut found = BTreeMap::new();
    for entry in &plan.entries {
        let path = entry.placement.path.as_str();
        if let (true, PlannedContent::Public(bytes)) =
            (path.contains("/manifests/"), &entry.content)
        {
            found.insert(path.trim_start_matches('/').to_owned(), bytes.clone());
        }
    }
    let mut expected = tree::read(&directory)?;
    expected.retain(|name, _| name.starts_with("etc/"));
    ensure!(
        expected.len() == 4,
        "there are {} manifests",
        expected.len()
    );
    let diff = tree::diff(&expected, &found);
    ensure!(diff.is_empty(), "{diff}");
    Ok(())
}

/// Compares `openssl x509 -text` of every certificate with the reference's, after leaving out what differs by nature.
fn certificates(reference: &Reference) -> Result<()> {
    let planned = installed(reference)?;
    let listed = fs::read_to_string(directory(reference).join("certs.txt"))?;
    let mut compared = 0;
    for section in listed.split("=== ").skip(1) {
        let (path, rest) = section.split_once('\n').context("a section has a path")?;
        if !path.ends_with(".crt") {
            continue;
        }
        let expected = normalised(
            rest.split("\n    Signature Algorithm:")
                .next()
                .unwrap_or_default(),
        );
        let found = text_of(&planned.root().join(path.trim_start_matches('/')))?;
        ensure!(
            expected == found,
            "{path} differs\nexpected:\n{expected}\nfound:\n{found}"
        );
        compared += 1;
    }
    ensure!(
        compared == reference.certificates,
        "compared {compared} certificates instead of {}",
        reference.certificates
    );
    Ok(())
}

fn text_of(certificate: &Path) -> Result<String> {
    let output = Command::new("openssl")
        .args([
            "x509",
            "-noout",
            "-text",
            "-nameopt",
            "sep_multiline",
            "-in",
            text(certificate)?,
        ])
        .output()?;
    ensure!(
        output.status.success(),
        "openssl cannot read {}",
        certificate.display()
    );
    let all = String::from_utf8_lossy(&output.stdout).into_owned();
    let signed = all.split("\n    Signature Algorithm:").next();
    Ok(normalised(signed.unwrap_or_default()))
}

/// Leaves out serial number, dates, the key's numbers, key identifiers; keeps every other line.
fn normalised(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim) {
        let is_hex = |line: &str| {
            line.contains(':') && line.chars().all(|c| c.is_ascii_hexdigit() || c == ':')
        };
        match line {
            "" => {}
            _ if line.starts_with("Serial Number:") => {}
            _ if line.starts_with("Not Before") || line.starts_with("Not After") => {}
            _ if line.starts_with("notBefore") || line.starts_with("notAfter") => {}
            _ if line == "Modulus:"
                || is_hex(line)
                || line == "(key id)"
                || line.starts_with("keyid:") => {}
            _ if line.starts_with("(random)") => {}
            other => lines.push(other.to_owned()),
        }
    }
    lines.join("\n")
}
