//! Files that the operator names, of which nothing ever comes.

use std::io::{PipeReader, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{NOW, Run, kubeapply_at};
use libtest_mimic::Trial;

use super::super::{case, case_with};

/// Longer than any of the commands takes.
const LONG: Duration = Duration::from_secs(30);

pub fn cases() -> Vec<Trial> {
    vec![
        case_with(
            &["mkfifo"],
            "attacks::fifos::a_fifo_in_place_of_a_file",
            fifos,
        ),
        case(
            "attacks::fifos::a_pipe_of_the_shell_is_read_and_no_bundle",
            pipes,
        ),
    ]
}

fn fifos() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let fifo = planned.path("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status()?;
    ensure!(made.success());
    let bundle = planned.bundle.clone();
    let signers = planned.path("allowed_signers");
    for (signers, bundle) in [(&signers, &fifo), (&fifo, &bundle)] {
        let args = ["verify", "--allowed-signers", text(signers)?, text(bundle)?];
        refused(&args)?;
    }
    refused(&["show", text(&fifo)?])?;
    let install = |identity: &Path| -> Result<Vec<String>> {
        let args = planned.install_args(&bundle, &["--dry-run"])?;
        let at = args
            .iter()
            .position(|word| word == "--identity")
            .context("no identity")?;
        let mut args = args;
        args[at + 1] = text(identity)?.to_owned();
        Ok(args)
    };
    refused(&install(&fifo)?)?;
    within(&install(&planned.path("identity"))?)?.expect(0)?;
    let verify = [
        "verify",
        "--allowed-signers",
        text(&signers)?,
        text(&bundle)?,
    ];
    within(&verify)?.expect(0)?;
    Ok(())
}

/// A pipe that holds the content of a file, as the shell's `<(cat FILE)` names it. It stays open with what is returned.
fn pipe(file: &Path) -> Result<(PipeReader, String)> {
    let bytes = std::fs::read(file)?;
    let (reader, mut writer) = std::io::pipe()?;
    std::thread::spawn(move || writer.write_all(&bytes));
    let path = format!("/dev/fd/{}", reader.as_raw_fd());
    Ok((reader, path))
}

fn pipes() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let (_signers, signers) = pipe(&planned.path("allowed_signers"))?;
    let bundle = text(&planned.bundle)?;
    within(&["verify", "--allowed-signers", &signers, bundle])?.expect(0)?;
    let (_identity, identity) = pipe(&planned.path("identity"))?;
    let mut args = planned.install_args(&planned.bundle, &["--dry-run"])?;
    let at = args.iter().position(|word| word == "--identity");
    args[at.context("no identity")? + 1] = identity;
    within(&args)?.expect(0)?;
    // A bundle is read from more than one place.
    let (_bundle, bundle) = pipe(&planned.bundle)?;
    refused(&["show", &bundle])
}

fn within<T: AsRef<str>>(args: &[T]) -> Result<Run> {
    let args: Vec<String> = args.iter().map(|word| word.as_ref().to_owned()).collect();
    let shown = args.join(" ");
    let (done, end) = mpsc::channel();
    std::thread::spawn(move || done.send(kubeapply_at(NOW, &args)));
    end.recv_timeout(LONG)
        .with_context(|| format!("{shown} waits for a FIFO"))
}

fn refused<T: AsRef<str>>(args: &[T]) -> Result<()> {
    let run = within(args)?;
    ensure!(run.code != 0, "{}", run.text());
    ensure!(run.err.contains("is a pipe or FIFO"), "{}", run.err);
    Ok(())
}
