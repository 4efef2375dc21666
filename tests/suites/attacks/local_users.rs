//! Users of the host who own a directory in which root creates something.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use kubeplan_testsuite::planned::Planned;
use kubeplan_testsuite::programs::{NOW, kubeapply_at};
use libtest_mimic::Trial;

use super::super::case;
use super::placed;

/// How long it is tried.
const LONG: Duration = Duration::from_secs(2);

pub fn cases() -> Vec<Trial> {
    vec![case(
        "attacks::local_users::a_link_in_place_of_a_new_directory",
        links,
    )]
}

/// Whatever unfinished thing appears in a directory of the user becomes a link to a file of root's.
fn links() -> Result<()> {
    if !placed::is_root() {
        eprintln!("note: only root can give a directory to a user; this case is left out");
        return Ok(());
    }
    let planned = Planned::fixture("single-node-ecdsa")?;
    let paths: Vec<String> = (0..60)
        .map(|number| format!("/srv/user/d{number}/x"))
        .collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let bundle = placed::bundle_with(&planned, &paths, (0, 0))?;
    let install = planned.install_args(&bundle, &[])?;
    let user = planned.root().join("srv/user");
    let victim = planned.root().join("etc/victim");
    let prepare = || -> Result<()> {
        let _ = fs::remove_dir_all(planned.root());
        fs::create_dir_all(&user)?;
        chown(&user, Some(4242), Some(4242))?;
        fs::create_dir_all(planned.root().join("etc"))?;
        fs::write(&victim, "root's")?;
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o600))?;
        Ok(())
    };
    let (over, swapped) = (AtomicBool::new(false), AtomicU32::new(0));
    let deadline = Instant::now() + LONG;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                swap(&user, &victim, &swapped);
            }
        });
        let tried = (|| {
            while Instant::now() < deadline {
                prepare()?;
                let run = kubeapply_at(NOW, &install);
                ensure!(matches!(run.code, 0 | 5 | 6), "{}: {}", run.code, run.err);
                let mode = fs::metadata(&victim)?.permissions().mode() & 0o7777;
                ensure!(mode == 0o600, "the file of root's has mode {mode:o}");
                ensure!(fs::read_to_string(&victim)? == "root's");
            }
            Ok(())
        })();
        over.store(true, Ordering::Relaxed);
        tried
    })?;
    eprintln!("note: {} names were swapped in time", swapped.into_inner());
    // Left alone, the user's directory is a destination like any other.
    prepare()?;
    kubeapply_at(NOW, &install).expect(0)?;
    ensure!(user.join("d59/x").is_file());
    Ok(())
}

fn swap(user: &Path, victim: &Path, swapped: &AtomicU32) {
    let Ok(entries) = fs::read_dir(user) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if !entry
            .file_name()
            .to_string_lossy()
            .starts_with(".kubeplan-stage-")
        {
            continue;
        }
        let number = swapped.load(Ordering::Relaxed);
        let away = user.join(format!("away-{number}"));
        if fs::rename(&path, away).is_ok() && symlink(victim, &path).is_ok() {
            swapped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
