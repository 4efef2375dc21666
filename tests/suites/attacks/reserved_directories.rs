//! Whom the host trusts, and what it remembers, under other names: links, the kernel's links into a process, bind mounts.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use anyhow::{Result, ensure};
use kubeplan_bundle::path::{HostPath, ParsePathError};
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{NOW, kubeapply_at};
use libtest_mimic::Trial;

use super::super::case;
use super::placed::{self, FORGED};

const FIXTURE: &str = "single-node-ecdsa";

pub fn cases() -> Vec<Trial> {
    vec![
        case("attacks::reserved_directories::by_text", by_text),
        case("attacks::reserved_directories::over_a_link", over_links),
        case(
            "attacks::reserved_directories::over_a_bind_mount",
            over_bind_mounts,
        ),
        case(
            "attacks::reserved_directories::over_the_kernels_links_into_a_process",
            over_procfs,
        ),
        case(
            "attacks::reserved_directories::file_systems_of_the_kernel",
            kernel,
        ),
        case(
            "attacks::reserved_directories::devices_mounted_elsewhere",
            devices,
        ),
        case(
            "attacks::reserved_directories::a_file_that_is_a_mount_point",
            mounted_file,
        ),
        case(
            "attacks::reserved_directories::an_alias_made_after_the_installation",
            alias_made_later,
        ),
    ]
}

fn devices() -> Result<()> {
    if !placed::can_mount() {
        return Ok(());
    }
    let planned = today()?;
    directory(&planned, "srv/k")?;
    // The tree has no /dev of its own.
    let mounts = "mount --bind /dev $ROOT/srv/k";
    among(&planned, mounts, "/srv/k/x", 5, "belongs to the kernel")?;
    among(&planned, "true", "/srv/k/x", 0, "/srv/k/x")
}

fn mounted_file() -> Result<()> {
    if !placed::can_mount() {
        return Ok(());
    }
    let planned = today()?;
    let app = directory(&planned, "srv/app")?;
    fs::write(app.join("x"), FORGED)?;
    fs::set_permissions(app.join("x"), fs::Permissions::from_mode(0o644))?;
    let mounts = "mount --bind $ROOT/srv/app/x $ROOT/srv/app/x";
    among(
        &planned,
        mounts,
        "/srv/app/x",
        5,
        "something is mounted on it",
    )?;
    // A mount of the directory is another thing.
    let mounts = "mount --bind $ROOT/srv/app $ROOT/srv/app";
    among(&planned, mounts, "/srv/app/x", 0, "/srv/app/x")
}

/// A directory that was installed is reached by another path now: it stays, and everything else is removed.
fn alias_made_later() -> Result<()> {
    for words in [["rollback", "--yes"], ["reset", "--yes"]] {
        let planned = Planned::fixture(FIXTURE)?;
        let root = planned.root();
        directory(&planned, "etc/kubeplan")?;
        directory(&planned, "srv")?;
        let bundle = placed::bundle(&planned, "/srv/sub/kubeplan/x", (0, 0))?;
        kubeapply_at(NOW, &planned.install_args(&bundle, &[])?).expect(0)?;
        ensure!(root.join("etc/kubernetes/pki").exists());
        fs::rename(root.join("srv/sub"), root.join("srv/moved"))?;
        symlink("/etc", root.join("srv/sub"))?;
        let args = [words[0], "--root", text(&root)?, words[1]];
        let run = kubeapply_at(NOW, &args).expect(0)?;
        let said = format!("{}{}", run.text(), run.err);
        ensure!(said.contains("/srv/sub/kubeplan"), "{words:?}: {said}");
        ensure!(root.join("etc/kubeplan").exists(), "{words:?}");
        ensure!(root.join("srv/moved/kubeplan/x").exists(), "{words:?}");
        ensure!(
            !root.join("etc/kubernetes/pki").exists(),
            "{words:?}: {said}"
        );
    }
    Ok(())
}

/// What no destination can say.
fn by_text() -> Result<()> {
    for path in [
        "/proc/self/root/etc/kubeplan/policy.yaml",
        "/proc/thread-self/root/etc/kubeplan/policy.yaml",
        "/proc/self/cwd/etc/kubeplan/policy.yaml",
        "/dev/fd/3/policy.yaml",
        "/sys/kernel/uevent_helper",
    ] {
        let refused = path.parse::<HostPath>();
        ensure!(
            matches!(refused, Err(ParsePathError::Kernel(_))),
            "{path}: {refused:?}"
        );
    }
    "/srv/proc/self/x".parse::<HostPath>()?;
    Ok(())
}

fn directory(planned: &Planned, path: &str) -> Result<PathBuf> {
    let directory = planned.root().join(path);
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

fn over_links() -> Result<()> {
    // What exists, the link, where it leads, and what is tried.
    let cases = [
        (
            "etc/kubeplan",
            "etc/alias",
            "kubeplan",
            "/etc/alias/policy.yaml",
        ),
        (
            "etc/kubeplan",
            "srv/alias",
            "/etc",
            "/srv/alias/kubeplan/policy.yaml",
        ),
        (
            "etc/kubeplan",
            "srv/alias",
            "../etc/./kubeplan",
            "/srv/alias/policy.yaml",
        ),
        // It does not exist yet: it would be made.
        (
            "etc",
            "srv/alias",
            "/etc",
            "/srv/alias/kubeplan/policy.yaml",
        ),
        ("etc", "srv/alias", "/etc", "/srv/alias/kubeplan"),
        (
            "var/lib",
            "srv/alias",
            "/var/lib",
            "/srv/alias/kubeplan/salt",
        ),
        (
            "var/lib/kubeplan/runs/0001",
            "srv/alias",
            "/var/lib/kubeplan/runs",
            "/srv/alias/0001/backup",
        ),
        // Not even the directory it lies in exists.
        (
            "srv",
            "srv/alias",
            "/",
            "/srv/alias/etc/kubeplan/policy.yaml",
        ),
        ("var", "srv/alias", "/var", "/srv/alias/lib/kubeplan/salt"),
    ];
    let planned = Planned::fixture(FIXTURE)?;
    for (exists, link, target, path) in cases {
        let _ = fs::remove_dir_all(planned.root());
        directory(&planned, "srv")?;
        directory(&planned, exists)?;
        symlink(target, planned.root().join(link))?;
        let bundle = placed::bundle(&planned, path, (0, 0))?;
        let run = kubeapply_at(NOW, &planned.install_args(&bundle, &[])?).expect(5)?;
        ensure!(
            run.err.contains("belongs to kubeapply itself"),
            "{path}: {}",
            run.err
        );
        for name in ["policy.yaml", "salt", "backup"] {
            for place in ["etc/kubeplan", "var/lib/kubeplan"] {
                ensure!(!planned.root().join(place).join(name).exists(), "{path}");
            }
        }
    }
    // Links that lead elsewhere are followed as ever.
    let _ = fs::remove_dir_all(planned.root());
    directory(&planned, "run/app")?;
    directory(&planned, "var")?;
    symlink("/run", planned.root().join("var/run"))?;
    let bundle = placed::bundle(&planned, "/var/run/app/x", (0, 0))?;
    kubeapply_at(NOW, &planned.install_args(&bundle, &[])?).expect(0)?;
    ensure!(fs::read_to_string(planned.root().join("run/app/x"))? == FORGED);
    Ok(())
}

fn among(planned: &Planned, mounts: &str, path: &str, code: i32, words: &str) -> Result<()> {
    let bundle = placed::bundle(planned, path, (0, 0))?;
    let args = planned.install_args(&bundle, &["--dry-run"])?;
    let output = placed::kubeapply_among(mounts, &planned.root(), &args)?;
    placed::expect(&output, code, words)
}

fn today() -> Result<Planned> {
    let config =
        kubeplan_testsuite::programs::repository().join(format!("fixtures/{FIXTURE}.yaml"));
    Planned::today(&fs::read_to_string(config)?)
}

fn over_bind_mounts() -> Result<()> {
    const OWN: &str = "belongs to kubeapply itself";
    if !placed::can_mount() {
        return Ok(());
    }
    let planned = today()?;
    for path in ["etc/kubeplan", "var/lib/kubeplan/runs/0001", "srv/alias"] {
        directory(&planned, path)?;
    }
    for (mounts, path) in [
        (
            "mount --bind $ROOT/etc/kubeplan $ROOT/srv/alias",
            "/srv/alias/policy.yaml",
        ),
        (
            "mount --bind $ROOT/etc $ROOT/srv/alias",
            "/srv/alias/kubeplan/policy.yaml",
        ),
        (
            "mount --bind $ROOT/var/lib/kubeplan $ROOT/srv/alias",
            "/srv/alias/x/salt",
        ),
        // Only a part of it.
        (
            "mount --bind $ROOT/var/lib/kubeplan/runs $ROOT/srv/alias",
            "/srv/alias/x",
        ),
        (
            "mount --bind $ROOT/var/lib/kubeplan/runs/0001 $ROOT/srv/alias",
            "/srv/alias/x",
        ),
    ] {
        among(&planned, mounts, path, 5, OWN)?;
    }
    fs::remove_dir(planned.root().join("etc/kubeplan"))?;
    let mounts = "mount --bind $ROOT/etc $ROOT/srv/alias";
    among(&planned, mounts, "/srv/alias/kubeplan/policy.yaml", 5, OWN)?;
    // Another mount is a destination, and so is another directory under another name.
    directory(&planned, "var/lib/data")?;
    directory(&planned, "opt/app")?;
    let mounts = "mount -t tmpfs none $ROOT/var/lib/data";
    among(&planned, mounts, "/var/lib/data/x", 0, "/var/lib/data/x")?;
    let mounts = "mount --bind $ROOT/opt/app $ROOT/srv/alias";
    among(&planned, mounts, "/srv/alias/x", 0, "/srv/alias/x")
}

fn over_procfs() -> Result<()> {
    if !placed::can_mount() {
        return Ok(());
    }
    let planned = today()?;
    directory(&planned, "etc/kubeplan")?;
    directory(&planned, "proc")?;
    directory(&planned, "srv")?;
    for (link, target) in [
        ("root", "/proc/self/root"),
        ("thread", "/proc/thread-self/root"),
        ("cwd", "/proc/self/cwd"),
        ("one", "/proc/1/root"),
    ] {
        symlink(target, planned.root().join("srv").join(link))?;
        let path = format!("/srv/{link}/etc/kubeplan/policy.yaml");
        let mounts = "mount --bind /proc $ROOT/proc";
        among(&planned, mounts, &path, 5, "belongs to the kernel")?;
        // By another name of procfs itself.
        directory(&planned, "opt/p")?;
        let path = "/opt/p/self/root/etc/kubeplan/policy.yaml";
        among(
            &planned,
            "mount --bind /proc $ROOT/opt/p",
            path,
            5,
            "procfs",
        )?;
    }
    Ok(())
}

fn kernel() -> Result<()> {
    const WORDS: &str = "belongs to the kernel";
    if !placed::can_mount() {
        return Ok(());
    }
    let planned = today()?;
    for path in ["srv/alias", "dev", "sys"] {
        directory(&planned, path)?;
    }
    for mounts in [
        "mount --bind /sys $ROOT/srv/alias",
        "mount --bind /proc/sys $ROOT/srv/alias",
        "mount -t devpts none $ROOT/srv/alias",
        // devtmpfs or the tmpfs that stands for it.
        "mount --bind /dev $ROOT/dev; mount --bind /dev $ROOT/srv/alias",
    ] {
        among(&planned, mounts, "/srv/alias/x", 5, WORDS)?;
    }
    // Files can be named there, and nothing is installed there.
    among(&planned, "true", "/dev/shm/x", 5, WORDS)?;
    symlink("/dev", planned.root().join("srv/dev"))?;
    among(&planned, "true", "/srv/dev/x", 5, WORDS)?;
    among(
        &planned,
        "mount -t tmpfs none $ROOT/srv/alias",
        "/srv/alias/x",
        0,
        "/srv/alias/x",
    )
}
