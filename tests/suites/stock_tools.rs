//! Stock tools agree about a bundle: tar, ssh-keygen, age.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::signature::{KeyError, PrivateKey};
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{kubeapply, kubeplan, repository};
use libtest_mimic::Trial;

use super::case_with;

pub fn cases() -> Vec<Trial> {
    vec![
        case_with(&["tar"], "stock_tools::tar_lists_and_unpacks_a_bundle", tar),
        case_with(
            &["tar", "ssh-keygen"],
            "stock_tools::ssh_keygen_verifies_the_signature",
            verify,
        ),
        case_with(
            &["tar", "ssh-keygen"],
            "stock_tools::a_signature_of_ssh_keygen_counts",
            sign_add,
        ),
        case_with(
            &["ssh-keygen"],
            "stock_tools::keys_of_ssh_keygen_sign",
            keys,
        ),
        case_with(
            &["tar", "age"],
            "stock_tools::age_opens_the_sealed_part",
            age,
        ),
        case_with(
            &["ssh-keygen", "tar", "age"],
            "stock_tools::a_host_key_opens_the_sealed_part",
            host_key,
        ),
    ]
}

/// Runs a program in `directory`; anything on standard error, or another exit code than 0, is an error.
fn run(directory: &Path, program: &str, args: &[&str], input: Option<&[u8]>) -> Result<Vec<u8>> {
    let mut child = Command::new(program)
        .args(args)
        .current_dir(directory)
        .stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {program}"))?;
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        std::io::Write::write_all(&mut stdin, input)?;
    }
    let output = child.wait_with_output()?;
    let err = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{program} {args:?}: {} {err}",
        output.status
    );
    Ok(output.stdout)
}

fn unpack(planned: &Planned) -> Result<std::path::PathBuf> {
    let directory = planned.path("unpacked");
    fs::create_dir(&directory)?;
    run(&directory, "tar", &["xzf", text(&planned.bundle)?], None)?;
    Ok(directory)
}

fn tar() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let output = Command::new("tar")
        .arg("tvzf")
        .arg(&planned.bundle)
        .output()?;
    let err = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success() && err.is_empty(),
        "tar complains: {err}"
    );
    let list = String::from_utf8(run(
        planned.path("").as_path(),
        "tar",
        &["tzf", text(&planned.bundle)?],
        None,
    )?)?;
    let names: Vec<&str> = list.lines().collect();
    ensure!(
        names.first() == Some(&"kubeplan.json"),
        "the index is not first: {names:?}"
    );
    ensure!(
        names
            .get(1)
            .is_some_and(|name| name.starts_with("signatures/")),
        "no signature second: {names:?}"
    );
    ensure!(
        names.last() == Some(&"sealed.age"),
        "the sealed part is not last: {names:?}"
    );
    let public: Vec<_> = names
        .iter()
        .filter(|name| name.starts_with("files/") || name.starts_with("redacted/"))
        .collect();
    ensure!(
        public.is_sorted() && public.len() > 30,
        "public entries are not in bytewise order: {public:?}"
    );
    let directory = unpack(&planned)?;
    ensure!(
        directory
            .join("files/etc/kubernetes/manifests/etcd.yaml")
            .is_file()
    );
    ensure!(
        !directory.join("files/etc/kubernetes/pki/ca.key").exists(),
        "a key is public"
    );
    ensure!(
        directory
            .join("redacted/files/etc/kubernetes/pki/ca.key")
            .is_file(),
        "a twin is missing"
    );
    Ok(())
}

fn signature_file(directory: &Path) -> Result<String> {
    let first = fs::read_dir(directory.join("signatures"))?
        .next()
        .context("there is no signature")??;
    Ok(first.path().to_string_lossy().into_owned())
}

fn verify() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let directory = unpack(&planned)?;
    let index = fs::read(directory.join("kubeplan.json"))?;
    let signers = planned.path("allowed_signers");
    let signature = signature_file(&directory)?;
    let args = [
        "-Y",
        "verify",
        "-f",
        text(&signers)?,
        "-I",
        "author",
        "-n",
        "kubeplan-bundle",
        "-s",
        &signature,
    ];
    run(&directory, "ssh-keygen", &args, Some(&index))?;
    let mut other = index.clone();
    if let Some(last) = other.last_mut() {
        *last ^= 1;
    }
    ensure!(
        run(&directory, "ssh-keygen", &args, Some(&other)).is_err(),
        "ssh-keygen accepts a changed index"
    );
    Ok(())
}

fn sign_add() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let directory = unpack(&planned)?;
    let key = planned.path("second");
    run(
        &directory,
        "ssh-keygen",
        &[
            "-q",
            "-t",
            "ecdsa",
            "-b",
            "384",
            "-N",
            "",
            "-C",
            "second",
            "-f",
            text(&key)?,
        ],
        None,
    )?;
    run(
        &directory,
        "ssh-keygen",
        &[
            "-q",
            "-Y",
            "sign",
            "-n",
            "kubeplan-bundle",
            "-f",
            text(&key)?,
            "kubeplan.json",
        ],
        None,
    )?;
    let signers = planned.path("allowed_signers");
    let both = format!(
        "{}second {}",
        fs::read_to_string(&signers)?,
        fs::read_to_string(planned.path("second.pub"))?
    );
    fs::write(&signers, both)?;
    let two = planned.install_args(&planned.bundle, &["--require-authors", "2"])?;
    kubeapply(&two).expect(4)?;
    let before = fs::read(&planned.bundle)?;
    kubeplan(&[
        "sign",
        "--add",
        text(&directory.join("kubeplan.json.sig"))?,
        text(&planned.bundle)?,
    ])
    .expect(0)?;
    let after = fs::read(&planned.bundle)?;
    ensure!(before != after, "the signature is not in the bundle");
    kubeplan(&[
        "verify",
        "--allowed-signers",
        text(&signers)?,
        "--require-authors",
        "2",
        text(&planned.bundle)?,
    ])
    .expect(0)?;
    kubeapply(&two).expect(0)?;
    Ok(())
}

/// Every kind of key that ssh-keygen makes and that may sign, plain and encrypted.
fn keys() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let directory = planned.path("");
    let passphrase = planned.path("passphrase");
    fs::write(&passphrase, "correct horse\n")?;
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600))?;
    let digest = planned.digest()?;
    for (kind, bits) in [("ed25519", ""), ("ecdsa", "256"), ("ecdsa", "384")] {
        for passphrase in ["", "correct horse"] {
            let name = format!("key-{kind}-{bits}-{}", passphrase.len());
            let mut args = vec!["-q", "-t", kind, "-N", passphrase, "-C", "x", "-f", &name];
            if !bits.is_empty() {
                args.extend(["-b", bits]);
            }
            let (key, file) = (planned.path(&name), planned.path("passphrase"));
            // One of 256 ECDSA keys is refused by name; it is made again.
            loop {
                run(&directory, "ssh-keygen", &args, None)?;
                let made = SecretBytes::new(fs::read(&key)?);
                let passphrase = SecretBytes::from_text(passphrase.to_owned());
                let passphrase = (!passphrase.expose().is_empty()).then_some(&passphrase);
                match PrivateKey::parse(&made, passphrase) {
                    Err(KeyError::LeadingZero) if kind == "ecdsa" => fs::remove_file(&key)?,
                    _ => break,
                }
            }
            let out = planned.path(&format!("{name}.tar.gz"));
            let mut sign = vec![
                "sign",
                "--plan-digest",
                &digest,
                "--key",
                text(&key)?,
                "-o",
                text(&out)?,
                text(&planned.bundle)?,
            ];
            if !passphrase.is_empty() {
                // Without a terminal and without the file there is no passphrase to be had.
                kubeplan(&sign).expect(2)?;
                sign.extend(["--passphrase-file", text(&file)?]);
            }
            kubeplan(&sign).expect(0)?;
            fs::write(
                planned.path("signers"),
                format!(
                    "x {}",
                    fs::read_to_string(planned.path(&format!("{name}.pub")))?
                ),
            )?;
            let signers = planned.path("signers");
            kubeplan(&["verify", "--allowed-signers", text(&signers)?, text(&out)?]).expect(0)?;
        }
    }
    Ok(())
}

fn age() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    opens(&planned, text(&planned.path("identity"))?)
}

/// `age -d -i key sealed.age | tar t` lists the secrets, and they are the installed ones.
fn opens(planned: &Planned, identity: &str) -> Result<()> {
    let directory = unpack(planned)?;
    let plain = run(
        &directory,
        "age",
        &["-d", "-i", identity, "sealed.age"],
        None,
    )?;
    ensure!(
        plain.len() % (16 * 1024) == 0,
        "the sealed part is not padded: {} bytes",
        plain.len()
    );
    let list = String::from_utf8(run(&directory, "tar", &["t"], Some(&plain))?)?;
    let names: Vec<&str> = list.lines().collect();
    ensure!(
        names.first() == Some(&"sealed.json"),
        "sealed.json is not first: {names:?}"
    );
    ensure!(
        names.contains(&"files/etc/kubernetes/pki/ca.key") && names.len() > 15,
        "secrets are missing: {names:?}"
    );
    let key = run(
        &directory,
        "tar",
        &["xO", "files/etc/kubernetes/pki/ca.key"],
        Some(&plain),
    )?;
    let store = fs::read(planned.path("pki/ca.key"))?;
    ensure!(key == store, "the sealed key is not the store's");
    Ok(())
}

/// A node whose recipient is its SSH host key needs no identity file.
fn host_key() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let host = scratch.path().join("ssh_host_ed25519_key");
    run(
        scratch.path(),
        "ssh-keygen",
        &[
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            "root@host",
            "-f",
            text(&host)?,
        ],
        None,
    )?;
    let public = fs::read_to_string(scratch.path().join("ssh_host_ed25519_key.pub"))?;
    let config = fs::read_to_string(repository().join("fixtures/single-node-ecdsa.yaml"))?;
    let cluster = format!(
        "apiVersion: kubeplan.io/v1alpha1\nkind: Cluster\nmetadata: {{name: kubernetes}}\nnodes:\n- name: cp1\n  role: control-plane\n  recipients:\n  - {public}"
    );
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("cluster.yaml");
    fs::write(&file, format!("{config}\n---\n{cluster}"))?;
    let path = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
    kubeplan(&[
        "plan",
        "-f",
        &path("cluster.yaml"),
        "-o",
        &path("out"),
        "--pki",
        &path("pki"),
        "--sign-key",
        &{
            kubeplan(&["keygen", "-o", &path("author")]).expect(0)?;
            path("author")
        },
    ])
    .expect(0)?;
    let bundle = fs::read_dir(path("out"))?
        .next()
        .context("no bundle")??
        .path();
    fs::write(
        path("signers"),
        format!("author {}", fs::read_to_string(path("author.pub"))?),
    )?;
    let root = directory.path().join("root");
    fs::create_dir_all(root.join("etc/ssh"))?;
    let install = [
        "install",
        "--root",
        text(&root)?,
        "--allowed-signers",
        &path("signers"),
        text(&bundle)?,
    ];
    kubeapply(&install).expect(4)?;
    fs::copy(&host, root.join("etc/ssh/ssh_host_ed25519_key"))?;
    kubeapply(&install).expect(0)?;
    ensure!(root.join("etc/kubernetes/pki/ca.key").is_file());
    // The stock tool opens it with the same key.
    run(
        directory.path(),
        "tar",
        &["xzf", text(&bundle)?, "sealed.age"],
        None,
    )?;
    let plain = run(
        directory.path(),
        "age",
        &["-d", "-i", text(&host)?, "sealed.age"],
        None,
    )?;
    ensure!(
        String::from_utf8(run(directory.path(), "tar", &["t"], Some(&plain))?)?.contains("ca.key")
    );
    Ok(())
}
