//! Bundles of a trusted author with a file wherever the attack wants one, and the real program in a mount namespace of its own.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use kubeplan_bundle::index::{EntryName, Place, Placement};
use kubeplan_bundle::writer::{DraftContent, DraftEntry};
use kubeplan_testsuite::forge::Forge;
use kubeplan_testsuite::planned::{Planned, text};

use super::super::crash::AS_KUBEAPPLY;

/// What the forged file says.
pub const FORGED: &str = "forged\n";

/// A bundle that also has the file `path`, owned by `owner`.
pub fn bundle(planned: &Planned, path: &str, owner: (u32, u32)) -> Result<PathBuf> {
    bundle_with(planned, &[path], owner)
}

/// A bundle that also has these files, owned by `owner`.
pub fn bundle_with(planned: &Planned, paths: &[&str], owner: (u32, u32)) -> Result<PathBuf> {
    let mut forge = Forge::of(planned)?;
    let phase = forge.draft.entries[0].phase.clone();
    for path in paths {
        let host = path.parse().with_context(|| (*path).to_owned())?;
        let name = EntryName::file(&host);
        forge.draft.entries.push(DraftEntry {
            name: name.clone(),
            phase: phase.clone(),
            place: Place::File(Placement {
                path: host,
                mode: "0644".parse()?,
                uid: owner.0,
                gid: owner.1,
            }),
            content: DraftContent::Public(FORGED.as_bytes().to_vec()),
            handoff: false,
            holes: Vec::new(),
        });
        forge.draft.transactions[0].entries.push(name);
    }
    forge.draft.entries.sort_by(|a, b| a.name.cmp(&b.name));
    let name = paths.first().copied().unwrap_or_default().replace('/', "-");
    forge.write(planned, &format!("forged{name}.tar.gz"))
}

/// Whether this is root, who can give files to other users.
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

/// Whether things can be mounted in a namespace of their own; says so if not.
pub fn can_mount() -> bool {
    let can = is_root()
        && Command::new("unshare")
            .args(["--mount", "true"])
            .output()
            .is_ok_and(|output| output.status.success());
    if !can {
        eprintln!(
            "note: nothing can be mounted here (root and unshare are needed); that part is left out"
        );
    }
    can
}

/// Runs `kubeapply` where the shell script `mounts`, which finds the root in `$ROOT`, has mounted things that no other process sees.
pub fn kubeapply_among(mounts: &str, root: &Path, args: &[String]) -> Result<Output> {
    let script = format!("set -e\nmount --make-rprivate /\n{mounts}\nexec \"$@\"");
    let program = std::env::current_exe()?;
    Ok(Command::new("unshare")
        .args(["--mount", "sh", "-c", &script, "sh", text(&program)?])
        .args(args)
        .env("ROOT", root)
        .env(AS_KUBEAPPLY, "1")
        .output()?)
}

/// Fails unless the program ended with `code` and said `words` on one of its streams.
pub fn expect(output: &Output, code: i32, words: &str) -> Result<()> {
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    ensure!(
        output.status.code() == Some(code) && said.contains(words),
        "{} instead of {code}, or not `{words}`: {said}",
        output.status
    );
    Ok(())
}
