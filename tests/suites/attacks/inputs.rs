//! Files that are not what they should be, and results that other users could change.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{Run, kubeplan, repository};
use kubeplan_testsuite::tree;
use libtest_mimic::Trial;

use super::super::case;

pub fn cases() -> Vec<Trial> {
    vec![
        case("attacks::inputs::a_fifo_in_the_place_of_a_file", fifos),
        case(
            "attacks::inputs::a_fifo_in_a_directory_of_files",
            directories,
        ),
        case("attacks::inputs::a_umask_that_forbids_nothing", umask),
        case("attacks::inputs::a_link_in_the_place_of_a_result", links),
        case(
            "attacks::inputs::a_list_of_trusted_keys_that_every_user_can_write",
            writable_lists,
        ),
    ]
}

fn writable_lists() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let (signers, known) = (planned.path("allowed_signers"), planned.path("known_hosts"));
    fs::write(&known, "")?;
    let bundle = text(&planned.bundle)?;
    let facts = repository().join("fixtures/facts/single-node-facts");
    let config = planned.path("facts.yaml");
    let facts_config = repository().join("fixtures/single-node-facts.yaml");
    fs::copy(facts_config, &config)?;
    let with_signers = |command| {
        [
            command,
            bundle,
            "--allowed-signers",
            text(&signers).unwrap_or_default(),
        ]
    };
    let mut with_known = vec!["validate", "-f", text(&config)?, "--facts", text(&facts)?];
    with_known.extend(["--known-hosts", text(&known)?]);
    for (path, args) in [
        (&signers, &with_signers("verify")[..]),
        (&signers, &with_signers("show")),
        (&known, &with_known),
    ] {
        let run = |mode| {
            fs::set_permissions(path, Permissions::from_mode(mode))?;
            Ok::<_, anyhow::Error>(kubeplan(args))
        };
        for (mode, code, said) in [
            (
                0o666,
                4,
                "hint: check what it contains, then run `chmod go-w ",
            ),
            (0o602, 4, "every user can change the "),
            (0o664, 0, "(mode 0664); to prevent that, run `chmod g-w "),
        ] {
            let run = run(mode)?.expect(code)?;
            ensure!(run.err.contains(said), "{mode:o}: {}", run.err);
        }
        let run = run(0o644)?.expect(0)?;
        ensure!(!run.err.contains("chmod"), "{}", run.err);
    }
    Ok(())
}

/// Set in a process of this program that is to be `kubeplan` instead.
const AS_KUBEPLAN: &str = "KUBEPLAN_TESTSUITE_AS_KUBEPLAN";

/// Whether this process is to be `kubeplan` instead.
pub fn is_kubeplan() -> bool {
    std::env::var_os(AS_KUBEPLAN).is_some()
}

/// `kubeplan` as a process of its own, which has a working directory and a umask.
pub(super) fn program() -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env(AS_KUBEPLAN, "1");
    Ok(command)
}

/// Makes a FIFO.
pub(super) fn fifo(path: &Path) -> Result<()> {
    let made = Command::new("mkfifo")
        .arg("-m")
        .arg("600")
        .arg(path)
        .status();
    ensure!(made.context("starting mkfifo")?.success());
    Ok(())
}

/// Runs `kubeplan`; a run that waits for ever is an error.
fn within_a_minute(args: &[&str]) -> Result<Run> {
    let owned: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || send.send(kubeplan(&owned)));
    receive
        .recv_timeout(Duration::from_secs(60))
        .with_context(|| format!("kubeplan {} waits", args.join(" ")))
}

/// The run ended, and said that it found a FIFO.
fn found_fifo(run: &Run, args: &[&str]) -> Result<()> {
    ensure!(
        run.code != 0
            && run
                .err
                .contains("it is a FIFO (named pipe), not a regular file"),
        "kubeplan {} ended with {}: {}",
        args.join(" "),
        run.code,
        run.err
    );
    Ok(())
}

fn fifos() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let pipe = planned.path("fifo");
    fifo(&pipe)?;
    let (pipe, bundle) = (text(&pipe)?, text(&planned.bundle)?);
    let author = planned.path("author");
    let config = repository().join("fixtures/single-node-ecdsa.yaml");
    let (author, config) = (text(&author)?, text(&config)?);
    let out = planned.path("new");
    let out = text(&out)?;
    let digest = "0".repeat(64);
    for args in [
        &["verify", pipe][..],
        &["show", pipe],
        &["verify", bundle, "--allowed-signers", pipe],
        &["show", bundle, "--allowed-signers", pipe],
        &["verify", bundle, "--receipt", pipe],
        &["approve", "--plan-digest", &digest, "--key", author, pipe],
        &["sign", "--plan-digest", &digest, "--key", author, pipe],
        &["sign", "--add", pipe, bundle],
        &["keygen", "-o", out, "--passphrase-file", pipe],
        &["validate", "-f", pipe],
        &["config", "images", "list", "-f", pipe],
        &["plan", "-f", config, "-o", out, "--sign-key", pipe],
        &[
            "plan",
            "-f",
            config,
            "-o",
            out,
            "--sign-key",
            author,
            "--identity-out",
            pipe,
        ],
        &["plan", "--join", pipe, "-o", out],
    ] {
        found_fifo(&within_a_minute(args)?, args)?;
    }
    // Of the configuration the message says what can be done instead.
    let run = within_a_minute(&["validate", "-f", pipe])?;
    ensure!(run.err.contains("`-f -`"), "{}", run.err);
    // A pipe of the shell has a writer and is read to its end.
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(r#"(sleep 0.1; cat "$1") | "$0" validate -f /dev/stdin"#);
    let piped = as_kubeplan(shell.arg(std::env::current_exe()?).arg(config))?;
    ensure!(
        piped.status.success(),
        "{}",
        String::from_utf8_lossy(&piped.stderr)
    );
    Ok(())
}

fn as_kubeplan(command: &mut Command) -> Result<Output> {
    Ok(command.env(AS_KUBEPLAN, "1").output()?)
}

fn directories() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let rendered = planned.path("rendered");
    kubeplan(&planned.render_args(&rendered)?).expect(0)?;
    for directory in ["patches", "facts"] {
        fs::create_dir(planned.path(directory))?;
    }
    let config = repository().join("fixtures/single-node-facts.yaml");
    let facts = repository().join("fixtures/facts/single-node-facts/cp1.json");
    let (patches, gathered) = (planned.path("patches"), planned.path("facts"));
    let own = planned.path("cluster.yaml");
    let pki = planned.path("pki");
    let out = planned.path("new");
    let with_patches = [
        "render",
        "--test-pki=s",
        "-f",
        text(&own)?,
        "-o",
        text(&out)?,
        "--patches",
        text(&patches)?,
    ];
    let with_facts = [
        "validate",
        "-f",
        text(&config)?,
        "--facts",
        text(&gathered)?,
    ];
    let with_store = [
        "render",
        "--pki",
        text(&pki)?,
        "-f",
        text(&own)?,
        "-o",
        text(&out)?,
    ];
    let patch = "metadata: {annotations: {a: b}}\n";
    for (args, place, good) in [
        (
            &with_patches[..],
            "patches/kube-scheduler.yaml",
            patch.as_bytes().to_vec(),
        ),
        (&with_facts, "facts/cp1.json", fs::read(&facts)?),
        (
            &with_store,
            "pki/nodes/cp1/apiserver.crt",
            fs::read(pki.join("nodes/cp1/apiserver.crt"))?,
        ),
        (&with_store, "pki/ca.key", fs::read(pki.join("ca.key"))?),
        (
            &with_store,
            "pki/store.json",
            fs::read(pki.join("store.json"))?,
        ),
    ] {
        let path = planned.path(place);
        let _ = fs::remove_file(&path);
        fifo(&path)?;
        found_fifo(&within_a_minute(args)?, args)?;
        fs::remove_file(&path)?;
        fs::write(&path, good)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        kubeplan(args).expect(0).with_context(|| place.to_owned())?;
    }
    // A comparison reads a tree that may hold anything.
    let mut check = planned.render_args(&rendered)?;
    for arg in &mut check {
        if arg == "-o" {
            *arg = "--check".to_owned();
        }
    }
    kubeplan(&check).expect(0)?;
    let at = rendered.join("plan.json");
    fs::remove_file(&at)?;
    fifo(&at)?;
    let args: Vec<&str> = check.iter().map(String::as_str).collect();
    ensure!(within_a_minute(&args)?.code == 3);
    Ok(())
}

fn umask() -> Result<()> {
    let config = repository().join("fixtures/single-node-ecdsa.yaml");
    let mut seen = Vec::new();
    for umask in ["0", "022"] {
        let directory = tempfile::tempdir()?;
        let script = format!(
            r#"umask {umask}; set -e
            "$0" plan -f "$1" -o deep/out
            "$0" render -f "$1" --test-pki=s --with-secrets -o other/rendered
            "$0" certs generate-csr -f "$1" --pki new/pki --out requests/of/it
            "$0" keygen -o keys/of/mine"#
        );
        let mut shell = Command::new("sh");
        shell.current_dir(directory.path()).args(["-c", &script]);
        let output = as_kubeplan(shell.arg(std::env::current_exe()?).arg(&config))?;
        ensure!(
            output.status.success(),
            "umask {umask}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let mut modes = Vec::new();
        for (name, node) in tree::snapshot(directory.path())? {
            let mode = node.mode & 0o7777;
            ensure!(
                mode & 0o022 == 0 || name.is_empty(),
                "umask {umask}: {name} has mode {mode:o}"
            );
            let private = name.contains("kubernetes.kubeplan")
                || name.ends_with(".key") && !name.contains("/redacted/")
                || name.starts_with("new/")
                || name.starts_with("keys") && !name.ends_with(".pub");
            ensure!(
                !private || mode & 0o077 == 0 || name.ends_with(".crt") || name.ends_with(".pub"),
                "umask {umask}: {name} has mode {mode:o}"
            );
            modes.push((name, mode));
        }
        seen.push(modes);
    }
    // What is open to reading is so under both.
    for (one, other) in seen[0].iter().zip(&seen[1]) {
        ensure!(one == other, "the umasks give {one:?} and {other:?}");
    }
    Ok(())
}

fn links() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let victim = planned.path("victim");
    fs::write(&victim, "before")?;
    let out = planned.path("out");
    fs::set_permissions(&out, Permissions::from_mode(0o1777))?;
    fs::remove_file(&planned.bundle)?;
    symlink(&victim, &planned.bundle)?;
    planned.plan(&[])?.expect(0)?;
    ensure!(fs::read(&victim)? == b"before", "the link was followed");
    let written = fs::symlink_metadata(&planned.bundle)?;
    ensure!(written.is_file() && written.mode() & 0o7777 == 0o644);
    kubeplan(&["show", text(&planned.bundle)?]).expect(0)?;
    // A new key follows no link either, and replaces nothing.
    let key = planned.path("second");
    symlink(&victim, &key)?;
    kubeplan(&["keygen", "-o", text(&key)?]).expect(1)?;
    ensure!(fs::read(&victim)? == b"before", "the link was followed");
    fs::remove_file(&key)?;
    kubeplan(&["keygen", "-o", text(&key)?]).expect(0)?;
    Ok(())
}
