//! What a stopped run leaves, and what only looks like it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use kubeapply::host::clock::Clock;
use kubeplan_bundle::path::{HostPath, ParsePathError};
use kubeplan_testkit::Fault;
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{NOW, Run, Setting, kubeapply_at};
use libtest_mimic::Trial;

use super::super::case;
use super::placed;

const PLANTED: &str = ".kubeplan-stage-0123456789abcdef";

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "attacks::leftovers::a_planted_stage_stops_no_run_and_stays",
            planted,
        ),
        case(
            "attacks::leftovers::only_recorded_stages_are_removed",
            recorded,
        ),
        case(
            "attacks::leftovers::names_planted_by_the_thousand",
            planted_many,
        ),
        case(
            "attacks::leftovers::a_directory_renamed_with_the_tag_of_a_finished_run",
            renamed,
        ),
        case("attacks::leftovers::a_stage_as_a_destination", destination),
        case(
            "attacks::leftovers::an_owner_that_means_unchanged",
            unchanged_owner,
        ),
    ]
}

/// Directories in which a user could plant something, in which files of the bundle lie.
fn planted_in(planned: &Planned) -> [PathBuf; 3] {
    [
        planned.root(),
        planned.root().join("etc/kubernetes"),
        planned.root().join("srv/app"),
    ]
}

fn plant(directory: &Path, name: &str, owner: u32) -> Result<PathBuf> {
    let stage = directory.join(name);
    fs::create_dir_all(stage.join("sub"))?;
    fs::write(stage.join("sub/file"), "theirs")?;
    fs::write(stage.join("0"), "theirs")?;
    if placed::is_root() {
        chown(&stage, Some(owner), Some(owner))?;
    }
    Ok(stage)
}

fn command(planned: &Planned, words: &[&str]) -> Result<Run> {
    let root = planned.root();
    let mut args = vec![words[0], "--root", text(&root)?];
    args.extend(&words[1..]);
    Ok(kubeapply_at(NOW, &args))
}

fn planted() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    // Of another user, and of root itself: a name alone says nothing.
    for owner in [4242, 0] {
        let _ = fs::remove_dir_all(planned.root());
        for directory in planted_in(&planned) {
            fs::create_dir_all(&directory)?;
            plant(&directory, PLANTED, owner)?;
        }
        let bundle = placed::bundle(&planned, "/srv/app/x", (0, 0))?;
        let install = planned.install_args(&bundle, &[])?;
        let run = kubeapply_at(NOW, &install).expect(0)?;
        let said = format!("{}{}", run.text(), run.err);
        let app = format!("/srv/app/{PLANTED}");
        ensure!(
            said.contains(&app) && said.contains("is left as it is"),
            "{said}"
        );
        command(&planned, &["rollback", "--yes"])?.expect(0)?;
        kubeapply_at(NOW, &install).expect(0)?;
        command(&planned, &["reset", "--yes"])?.expect(0)?;
        for directory in planted_in(&planned) {
            for name in ["sub/file", "0"] {
                let path = directory.join(PLANTED).join(name);
                let found =
                    fs::read_to_string(&path).with_context(|| path.display().to_string())?;
                ensure!(found == "theirs");
            }
        }
    }
    Ok(())
}

/// Many planted names are one remark of one directory, and cost no more than to list them.
fn planted_many() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let app = planned.root().join("srv/app");
    fs::create_dir_all(&app)?;
    for number in 0..3000 {
        fs::write(app.join(format!(".kubeplan-stage-{number:016x}")), "")?;
    }
    let bundle = placed::bundle(&planned, "/srv/app/x", (0, 0))?;
    let install = planned.install_args(&bundle, &[])?;
    let run = kubeapply_at(NOW, &install).expect(0)?;
    let said = format!("{}{}", run.text(), run.err);
    ensure!(said.contains("`/srv/app` holds 3000 names"), "{said}");
    ensure!(!said.contains("/.kubeplan-stage-"), "{said}");
    command(&planned, &["rollback", "--yes"])?.expect(0)?;
    ensure!(fs::read_dir(&app)?.count() == 3000);
    Ok(())
}

/// The tag in the journal of the only run.
fn tag(planned: &Planned) -> Result<String> {
    let journal = planned.root().join("var/lib/kubeplan/runs/0001/journal");
    let text = fs::read_to_string(&journal).with_context(|| journal.display().to_string())?;
    let rest = text.split("\"stages\":\"").nth(1).context("a tag")?;
    rest.get(..8).map(str::to_owned).context("eight digits")
}

/// Who owns a directory sees the names that a run makes there, and can give root's files in it such a name later.
fn renamed() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let bundle = placed::bundle(&planned, "/srv/app/x", (0, 0))?;
    let install = planned.install_args(&bundle, &[])?;
    kubeapply_at(NOW, &install).expect(0)?;
    let stage = format!(".kubeplan-stage-{}00000001", tag(&planned)?);
    let app = planned.root().join("srv/app");
    let data = app.join(&stage);
    fs::create_dir(&data)?;
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700))?;
    fs::write(data.join("0"), "root's")?;
    let file = app.join(stage.replace("00000001", "00000002"));
    fs::write(&file, "root's")?;
    for words in [
        &["install"][..],
        &["rollback", "--yes"],
        &["reset", "--yes"],
    ] {
        match words {
            ["install"] => kubeapply_at(NOW, &install).expect(0)?,
            words => command(&planned, words)?.expect(0)?,
        };
        ensure!(fs::read_to_string(data.join("0"))? == "root's", "{words:?}");
        ensure!(fs::read_to_string(&file)? == "root's", "{words:?}");
    }
    Ok(())
}

fn stages(directory: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.to_string_lossy().contains("/.kubeplan-stage-") {
            found.push(path);
        } else if path.is_dir() && !path.is_symlink() {
            stages(&path, found)?;
        }
    }
    Ok(())
}

fn recorded() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let bundle = placed::bundle(&planned, "/srv/app/x", (0, 0))?;
    let install = planned.install_args(&bundle, &[])?;
    let left = || -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        stages(&planned.root(), &mut found)?;
        Ok(found)
    };
    let mut stopped_with_stages = 0;
    for number in (10..200).step_by(9) {
        let _ = fs::remove_dir_all(planned.root());
        fs::create_dir_all(planned.root().join("srv/app"))?;
        let setting = Setting {
            clock: NOW.parse().map_or(Clock::System, Clock::Fixed),
            fault: Fault::StopAfter(number),
            ..Setting::default()
        };
        setting.kubeapply(&install);
        let stages = left()?;
        let Some(stage) = stages.first() else {
            continue;
        };
        stopped_with_stages += 1;
        // Who sees the name can make another one that begins alike.
        let name = stage
            .file_name()
            .and_then(|name| name.to_str())
            .context("a name")?;
        let alike = format!("{}00000000", &name[..name.len() - 8]);
        let planted = plant(&planned.root().join("srv/app"), &alike, 4242)?;
        kubeapply_at(NOW, &install).expect(0)?;
        ensure!(
            left()? == [planted.clone()],
            "{number}: {:?} of {stages:?}",
            left()?
        );
        ensure!(planted.join("sub/file").exists());
    }
    ensure!(stopped_with_stages > 3, "{stopped_with_stages}");
    Ok(())
}

fn destination() -> Result<()> {
    for path in [
        format!("/srv/{PLANTED}/x"),
        format!("/srv/{PLANTED}"),
        "/srv/.kubeplan-stage-/x".to_owned(),
        "/srv/.kubeplan-stage-backup".to_owned(),
    ] {
        let refused = path.parse::<HostPath>();
        ensure!(
            matches!(refused, Err(ParsePathError::Stage(_))),
            "{path}: {refused:?}"
        );
    }
    "/srv/kubeplan-stage-x".parse::<HostPath>()?;
    Ok(())
}

fn unchanged_owner() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let target = planned.root().join("srv/app/x");
    for owner in [(u32::MAX, 0), (0, u32::MAX)] {
        // Where the format itself refuses such an owner, no bundle can be made.
        let Ok(bundle) = placed::bundle(&planned, "/srv/app/x", owner) else {
            continue;
        };
        let run = kubeapply_at(NOW, &planned.install_args(&bundle, &[])?);
        ensure!(matches!(run.code, 4 | 5), "{}: {}", run.code, run.err);
        ensure!(!target.exists());
    }
    let bundle = placed::bundle(&planned, "/srv/app/x", (u32::MAX - 1, 0))?;
    kubeapply_at(NOW, &planned.install_args(&bundle, &[])?).expect(0)?;
    ensure!(fs::metadata(&target)?.permissions().mode() & 0o7777 == 0o644);
    Ok(())
}
