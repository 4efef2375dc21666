//! Members of a real etcd that the applier adds: three processes, one real API server, what goes wrong on the way.
//!
//! Needs root, and the real programs: those that the variable `KUBEPLAN_COMPONENTS` names, or that
//! `cargo xtask components` built. A host that joins is a root directory of its own; what stands for its kubelet starts etcd when the
//! manifest appears.

mod joiner;
mod site;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use kubeplan_testhosts::command;
use kubeplan_testhosts::components::Programs;
use libtest_mimic::Trial;

use self::joiner::{Joiner, ended};
use self::site::Site;
use super::real_api::{Run, case_with_programs};

pub fn cases() -> Vec<Trial> {
    let cases: [(&str, Run); 5] = [
        ("two_nodes_join_and_without_a_majority_no_node_does", three),
        ("a_run_that_is_killed_anywhere_goes_on", killed),
        (
            "two_join_at_once_and_a_slot_that_stays_taken_is_named",
            slot,
        ),
        ("a_member_of_another_ca_is_not_trusted", distrust),
        (
            "a_rollback_leaves_the_member_and_a_reset_takes_it_out",
            taken_back,
        ),
    ];
    cases
        .into_iter()
        .map(|(name, run)| case_with_programs(&format!("etcd_join::{name}"), &["etcdctl"], run))
        .collect()
}

fn joined(joiner: &Joiner<'_>) -> Result<()> {
    let ended = joiner.install()?;
    ensure!(
        ended.code == Some(0),
        "{} did not join: {ended:#?}\n{}",
        joiner.name,
        joiner.etcd_log()
    );
    Ok(())
}

fn three(programs: &Programs) -> Result<()> {
    let site = Site::start(programs)?;
    let mut second = Joiner::new(&site, 2)?;
    second.start_kubelet()?;
    joined(&second)?;
    site.expect_voters(&["cp1", "cp2"])?;
    site.add_pod("cp2", &second.address)?;
    let manifest = second.manifest().context("no manifest")?;
    ensure!(
        manifest.contains("cp1=https://192.168.10.11:2380")
            && manifest.contains("cp2=https://192.168.10.12:2380")
            && !manifest.contains("<hole:"),
        "{manifest}"
    );
    let again = second.install()?.expect(0)?;
    ensure!(
        again.out.contains("is a member and votes") && !again.out.contains("later"),
        "{again:#?}"
    );
    let status = second.run(&["status"])?.expect(0)?;
    ensure!(!status.out.contains("changed since"), "{}", status.out);

    let mut third = Joiner::new(&site, 3)?;
    third.start_kubelet()?;
    joined(&third)?;
    site.add_pod("cp3", &third.address)?;
    site.expect_voters(&["cp1", "cp2", "cp3"])?;

    // One of three: etcd changes nothing any more.
    second.stop_kubelet();
    third.stop_kubelet();
    let fourth = Joiner::new(&site, 4)?;
    fourth.bundle(6)?;
    let stopped = fourth.install()?.expect(6)?;
    ensure!(
        stopped.err.contains("of 3 members of etcd are well")
            && stopped.err.contains("kubeapply resume")
            && fourth.manifest().is_none(),
        "{stopped:#?}"
    );
    second.start_kubelet()?;
    third.start_kubelet()?;
    wait(|| Ok(site.members()?.len() == 3))
}

/// At what a run is killed.
#[derive(Clone, Copy, Debug)]
enum At {
    After(Duration),
    Listed,
    Manifest,
    Started,
}

fn killed(programs: &Programs) -> Result<()> {
    let site = Site::start(programs)?;
    let mut joiner = Joiner::new(&site, 2)?;
    let mut points = vec![At::Listed, At::Manifest, At::Started];
    points.extend((0..8).map(|step| At::After(Duration::from_millis(60 * step * step))));
    for at in points {
        joiner.start_kubelet()?;
        let mut child = joiner.begin()?;
        reached(at, &site, &joiner, &mut child)?;
        let _ = child.kill();
        let first = ended(child)?;
        let second = joiner.install()?;
        ensure!(
            second.code == Some(0),
            "killed at {at:?}: {first:#?}\nthen {second:#?}\n{}",
            joiner.etcd_log()
        );
        site.expect_voters(&["cp1", "cp2"])
            .with_context(|| format!("killed at {at:?}"))?;
        ensure!(
            joiner
                .manifest()
                .is_some_and(|text| !text.contains("<hole:"))
        );
        let again = joiner.install()?.expect(0)?;
        ensure!(again.out.contains("is a member and votes"), "{again:#?}");
        take_out(&site, &joiner)?;
        joiner.wipe()?;
    }
    Ok(())
}

fn reached(
    at: At,
    site: &Site,
    joiner: &Joiner<'_>,
    child: &mut std::process::Child,
) -> Result<()> {
    let begin = Instant::now();
    while child.try_wait()?.is_none() && begin.elapsed() < Duration::from_secs(60) {
        let url = joiner.peer_url();
        let there = match at {
            At::After(time) => begin.elapsed() >= time,
            At::Manifest => joiner.manifest().is_some(),
            At::Listed => site.members()?.iter().any(|member| member.url == url),
            At::Started => site
                .members()?
                .iter()
                .any(|member| member.url == url && !member.name.is_empty()),
        };
        if there {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn take_out(site: &Site, joiner: &Joiner<'_>) -> Result<()> {
    let members = site.members()?;
    let ours = members
        .iter()
        .find(|member| member.url == joiner.peer_url());
    let id = &ours.context("it is not listed")?.id;
    // A member that votes can only be taken out while the others are a majority and well.
    wait(|| Ok(site.etcdctl(&["member", "remove", id]).is_ok()))
}

fn wait(mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let begin = Instant::now();
    while !done()? {
        if begin.elapsed() > Duration::from_secs(60) {
            bail!("not within a minute");
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    Ok(())
}

fn slot(programs: &Programs) -> Result<()> {
    let site = Site::start(programs)?;
    // The member of another node, which never starts.
    site.etcdctl(&[
        "member",
        "add",
        "ghost",
        "--learner",
        "--peer-urls=https://192.168.10.99:2380",
    ])?;
    let ghost = site.members()?.into_iter().find(|member| member.is_learner);
    let ghost = ghost.context("no learner")?;
    let mut second = Joiner::new(&site, 2)?;
    let mut third = Joiner::new(&site, 3)?;
    second.start_kubelet()?;
    third.start_kubelet()?;
    second.bundle(4)?;
    let stopped = second.install()?.expect(6)?;
    ensure!(
        stopped
            .err
            .contains(&format!("etcdctl member remove {}", ghost.id))
            && second.manifest().is_none(),
        "{stopped:#?}"
    );
    site.etcdctl(&["member", "remove", &ghost.id])?;
    second.wipe()?;
    second.bundle(60)?;
    second.start_kubelet()?;
    // Both at once, on one slot.
    let (one, other) = (second.begin()?, third.begin()?);
    let (one, other) = (ended(one)?, ended(other)?);
    ensure!(
        one.code == Some(0) && other.code == Some(0),
        "{one:#?}\n{other:#?}\n{}\n{}",
        second.etcd_log(),
        third.etcd_log()
    );
    site.expect_voters(&["cp1", "cp2", "cp3"])
}

fn distrust(programs: &Programs) -> Result<()> {
    let site = Site::start(programs)?;
    let joiner = Joiner::new(&site, 2)?;
    let other = site.read("etc/kubernetes/pki/ca.crt")?;
    joiner.write("etc/kubernetes/pki/etcd/ca.crt", &other)?;
    let begin = Instant::now();
    let stopped = joiner.install()?.expect(6)?;
    ensure!(
        stopped.err.contains("UnknownIssuer") && stopped.err.contains("same CA"),
        "{stopped:#?}"
    );
    ensure!(
        begin.elapsed() < Duration::from_secs(20),
        "{:?}",
        begin.elapsed()
    );
    ensure!(site.members()?.len() == 1);
    Ok(())
}

fn taken_back(programs: &Programs) -> Result<()> {
    let site = Site::start(programs)?;
    let mut joiner = Joiner::new(&site, 2)?;
    joiner.start_kubelet()?;
    joined(&joiner)?;
    let back = joiner.run(&["rollback", "--yes"])?.expect(0)?;
    ensure!(
        joiner.manifest().is_none() && back.out.contains("stays listed"),
        "{back:#?}"
    );
    // Its vote is missing, and its data is still there: the member comes back.
    joined(&joiner)?;
    site.expect_voters(&["cp1", "cp2"])?;
    let reset = joiner.run(&[
        "reset",
        "--yes",
        "--skip-phases",
        "cleanup-node/stop-kubelet,cleanup-node/unmount,cleanup-node/remove-sandboxes",
    ])?;
    ensure!(reset.code == Some(0), "{reset:#?}");
    wait(|| Ok(site.members()?.len() == 1))?;
    site.expect_voters(&["cp1"])?;
    let data = command::text(std::process::Command::new("ls").arg(joiner.path("var/lib/etcd")));
    ensure!(
        data.map_or(true, |names| names.trim().is_empty()),
        "data is left"
    );
    Ok(())
}
