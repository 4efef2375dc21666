//! Trees that a Pod can make, and that a reset has to take away.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{NOW, Run, kubeapply_at};
use libtest_mimic::Trial;

use super::super::case;
use super::placed;

/// Directories inside each other that one path can name.
const CHAIN: usize = 1900;
/// Chains inside each other.
const CHAINS: usize = 5;

const POD: &str = "var/lib/kubelet/pods/u1/volumes/kubernetes.io~empty-dir/v";
const KEYS: [&str; 2] = ["etc/kubernetes/pki/ca.key", "etc/kubernetes/admin.conf"];

pub fn cases() -> Vec<Trial> {
    vec![
        case("attacks::deep_trees::below_the_kubelet", deep),
        case(
            "attacks::deep_trees::what_cannot_be_removed_is_named_and_keys_are_gone",
            immutable,
        ),
        case(
            "attacks::deep_trees::a_mount_is_named_and_not_entered",
            mounted,
        ),
    ]
}

fn installed(planned: &Planned) -> Result<PathBuf> {
    planned.install(&[])?.expect(0)?;
    let pod = planned.root().join(POD);
    fs::create_dir_all(&pod)?;
    Ok(pod)
}

fn reset(planned: &Planned) -> Result<Run> {
    let root = planned.root();
    Ok(kubeapply_at(
        NOW,
        &["reset", "--yes", "--root", text(&root)?],
    ))
}

fn keys_are_gone(planned: &Planned) -> Result<()> {
    for key in KEYS {
        ensure!(!planned.root().join(key).exists(), "{key} is still there");
    }
    Ok(())
}

/// `CHAIN * CHAINS` directories inside each other, too long for any path.
fn deepen(directory: &Path) -> Result<()> {
    let tree = directory.join("t");
    fs::create_dir(&tree)?;
    for number in 0..CHAINS {
        let chain = directory.join(format!("c{number}"));
        let bottom = chain.join(["d"; CHAIN].join("/"));
        fs::create_dir_all(&bottom)?;
        fs::rename(&tree, bottom.join("t"))?;
        fs::rename(&chain, &tree)?;
    }
    Ok(())
}

fn deep() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let pod = installed(&planned)?;
    deepen(&pod)?;
    let outside = planned.path("outside");
    fs::write(&outside, "kept")?;
    symlink(&outside, pod.join("link"))?;
    for key in KEYS {
        ensure!(planned.root().join(key).exists(), "{key}");
    }
    reset(&planned)?.expect(0)?;
    keys_are_gone(&planned)?;
    ensure!(!planned.root().join("var/lib/kubelet/pods").exists());
    ensure!(fs::read_to_string(outside)? == "kept");
    Ok(())
}

fn immutable() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let pod = installed(&planned)?;
    let stuck = pod.join("stuck");
    fs::write(&stuck, "x")?;
    fs::create_dir(pod.join("zzz"))?;
    let chattr = |flag: &str| {
        let chattr = Command::new("chattr").arg(flag).arg(&stuck).output();
        chattr.is_ok_and(|output| output.status.success())
    };
    if !chattr("+i") {
        eprintln!("note: no file can be made immutable here; this case is left out");
        return Ok(());
    }
    let run = reset(&planned);
    chattr("-i");
    let run = run?.expect(6)?;
    ensure!(run.err.contains(&format!("/{POD}/stuck")), "{}", run.err);
    keys_are_gone(&planned)?;
    ensure!(!pod.join("zzz").exists());
    // It goes on when the cause is gone.
    reset(&planned)?.expect(0)?;
    ensure!(!planned.root().join("var/lib/kubelet/pods").exists());
    Ok(())
}

fn mounted() -> Result<()> {
    if !placed::can_mount() {
        return Ok(());
    }
    let planned = Planned::fixture("single-node-ecdsa")?;
    let pod = installed(&planned)?;
    fs::create_dir(pod.join("mounted"))?;
    let outside = planned.path("outside");
    fs::create_dir(&outside)?;
    fs::write(outside.join("file"), "kept")?;
    let mounts = format!(
        "mount --bind '{}' \"$ROOT/{POD}/mounted\"",
        outside.display()
    );
    let root = planned.root();
    let args = ["reset", "--yes", "--root", text(&root)?].map(str::to_owned);
    let output = placed::kubeapply_among(&mounts, &root, &args)?;
    placed::expect(&output, 0, &format!("/{POD}/mounted"))?;
    keys_are_gone(&planned)?;
    ensure!(fs::read_to_string(outside.join("file"))? == "kept");
    Ok(())
}
