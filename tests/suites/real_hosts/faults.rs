//! Installations while the control plane, or the network to it, is ill: they wait, and end as if nothing had been; or they
//! say what is wrong, and go on once it is mended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use kubeplan_testhosts::components::Store;
use kubeplan_testhosts::hosts::{Host, Rig};
use kubeplan_testsuite::planned::Planned;
use serde_json::Value;

use super::proxy::{Asked, Fate, Proxy};
use super::site::{Site, changes};
use super::{PLANNED, wait_for_cluster};

/// Containers that were killed come back at once, as often as they are killed.
const RESTARTS: &str = "\
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
crashLoopBackOff: {maxContainerRestartPeriod: 1s}
";

/// Time for an event of `kubeapply` to be read before the request that follows it is judged.
const READING: Duration = Duration::from_millis(50);

fn site(rig: &Rig, store: &Store, config: &str) -> Result<Site> {
    rig.up(1, store, |_| ())?;
    Site::carry(rig.host("host1")?, Planned::today(config)?)
}

/// The cluster is as planned, and another installation finds nothing to do.
fn expect_converged(site: &Site) -> Result<()> {
    wait_for_cluster(&site.host, 1)?;
    site.expect_planned_objects()?;
    let report = site.install()?;
    ensure!(changes(&report)?.is_empty(), "{report:#}");
    Ok(())
}

fn word<'a>(event: &'a Value, key: &str) -> &'a str {
    event.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The API server is killed by the first request of each step that calls it, and answers none until the kubelet has
/// started it again.
pub(super) fn killed_in_every_step(rig: &Rig, store: &Store) -> Result<()> {
    let site = site(rig, store, &format!("{PLANNED}{RESTARTS}"))?;
    let step = Arc::new(Mutex::new(None::<u64>));
    let killed = Arc::new(Mutex::new(BTreeSet::new()));
    let host = site.host.clone();
    let (now, done) = (Arc::clone(&step), Arc::clone(&killed));
    let proxy = Proxy::between(&site, move |_| {
        std::thread::sleep(READING);
        let (Ok(step), Ok(mut killed)) = (now.lock(), done.lock()) else {
            return Fate::Lost;
        };
        // What is not there cannot be killed: then it is the next request's turn.
        if let Some(step) = *step
            && !killed.contains(&step)
            && kill_api_server(&host).is_ok()
        {
            killed.insert(step);
        }
        Fate::Passes
    })?;
    let mut waited = BTreeMap::new();
    let (code, said) = site.follow(&proxy.line(&site.install_line()), |event| {
        let number = event.get("step").and_then(Value::as_u64);
        match word(event, "state") {
            "started" => *step.lock().map_err(|_| anyhow::anyhow!("poisoned"))? = number,
            "waiting" => {
                waited.insert(
                    number.unwrap_or_default(),
                    (
                        word(event, "phase").to_owned(),
                        word(event, "detail").to_owned(),
                    ),
                );
            }
            _ => {}
        }
        Ok(())
    })?;
    ensure!(code == Some(0), "{said}");
    let killed = killed
        .lock()
        .map_err(|_| anyhow::anyhow!("poisoned"))?
        .clone();
    drop(proxy);
    for step in &killed {
        let (phase, detail) = waited
            .get(step)
            .with_context(|| format!("step {step} did not notice\n{said}"))?;
        eprintln!("step {step} ({phase}) went on after: {detail}");
    }
    ensure!(killed.len() > 5, "{killed:?}\n{said}");
    expect_converged(&site)
}

fn kill_api_server(host: &Host) -> Result<()> {
    host.shell("kill -KILL $(pidof kube-apiserver)").map(drop)
}

/// How long every request takes that is not ill.
const LATENCY: Duration = Duration::from_millis(150);

/// How a request fails for the first time: the position in this list is its own, by the order in which requests are
/// seen first.
const ILLS: [Fate; 10] = [
    Fate::StatusWithPatience(429, 1),
    Fate::Lost,
    Fate::Status(500),
    Fate::AnswerLost,
    Fate::Status(503),
    Fate::AnswerCut,
    Fate::Gibberish,
    Fate::PassesAfter(Duration::from_millis(700)),
    Fate::Status(504),
    Fate::StatusWithPatience(503, 1),
];

/// Every request fails the first time, each in another way; one also takes longer than a request may.
pub(super) fn bad_network(rig: &Rig, store: &Store) -> Result<()> {
    let site = site(rig, store, PLANNED)?;
    let asked = Arc::new(Mutex::new(BTreeMap::<Asked, usize>::new()));
    let seen = Arc::clone(&asked);
    let proxy = Proxy::between(&site, move |asked| {
        let Ok(mut seen) = seen.lock() else {
            return Fate::Lost;
        };
        let known = seen.len();
        let times = seen.entry(asked.clone()).or_default();
        *times += 1;
        match *times {
            1 => ILLS.get(known % ILLS.len()).copied().unwrap_or(Fate::Lost),
            2 if known == ILLS.len() * 2 => Fate::PassesAfter(Duration::from_secs(11)),
            _ => Fate::PassesAfter(LATENCY),
        }
    })?;
    let mut troubles = BTreeSet::new();
    let (code, said) = site.follow(&proxy.line(&site.install_line()), |event| {
        if word(event, "state") == "waiting" {
            troubles.insert(word(event, "detail").to_owned());
        }
        Ok(())
    })?;
    ensure!(code == Some(0), "{said}");
    drop(proxy);
    let requests = asked
        .lock()
        .map_err(|_| anyhow::anyhow!("poisoned"))?
        .clone();
    eprintln!(
        "{} different requests, {} in all",
        requests.len(),
        requests.values().sum::<usize>()
    );
    ensure!(requests.len() > 3 * ILLS.len(), "{requests:?}");
    for status in ["429", "500", "503", "504"] {
        ensure!(
            troubles.iter().any(|trouble| trouble.contains(status)),
            "no request met status {status}: {troubles:#?}"
        );
    }
    expect_converged(&site)
}

/// An API that answers every change with an error stops the installation in time, with the object's name; `resume` goes on.
pub(super) fn api_stays_ill(rig: &Rig, store: &Store) -> Result<()> {
    let impatient = PLANNED.replace(
        "bootstrapTokens:",
        "timeouts: {kubernetesAPICall: 15s}\nbootstrapTokens:",
    );
    let site = site(rig, store, &impatient)?;
    let ill = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&ill);
    let proxy = Proxy::between(&site, move |asked| {
        if still.load(Ordering::Relaxed) && asked.path.contains("/configmaps/kubelet-config") {
            Fate::Status(500)
        } else {
            Fate::Passes
        }
    })?;
    let (code, said) = site.follow(&proxy.line(&site.install_line()), |_| Ok(()))?;
    ensure!(code == Some(6), "code {code:?}\n{said}");
    for part in [
        "upload-config/kubelet",
        "ConfigMap kube-system/kubelet-config",
        "not done after 15 s",
        "status 500",
        "kubeapply resume",
    ] {
        ensure!(said.contains(part), "no `{part}` in\n{said}");
    }
    let next = site.next()?;
    ill.store(false, Ordering::Relaxed);
    site.host.shell(&proxy.line(&next))?;
    drop(proxy);
    expect_converged(&site)
}

/// etcd stands still for longer than a request may take, while objects are applied.
pub(super) fn etcd_stands_still(rig: &Rig, store: &Store) -> Result<()> {
    let site = site(rig, store, PLANNED)?;
    let mut waited = Vec::new();
    let mut stands = None;
    let (code, said) = site.follow(&site.install_line(), |event| {
        if stands.is_none() && word(event, "phase") == "upload-config/kubelet" {
            stands = Some(
                site.host
                    .command("sh")?
                    .args([
                        "-c",
                        "etcd=$(pidof etcd) && kill -STOP $etcd && sleep 20 && kill -CONT $etcd",
                    ])
                    .spawn()?,
            );
        }
        if word(event, "state") == "waiting" {
            waited.push(format!(
                "{}: {}",
                word(event, "phase"),
                word(event, "detail")
            ));
        }
        Ok(())
    })?;
    let slept = stands.context("no objects were applied")?.wait()?;
    ensure!(code == Some(0) && slept.success(), "{said}");
    ensure!(
        waited
            .iter()
            .any(|wait| !wait.starts_with("wait-control-plane")),
        "no step noticed\n{said}"
    );
    expect_converged(&site)
}

/// A component that cannot start: the error says which container ended, how, and what it wrote last; a plan without the
/// fault makes the cluster.
pub(super) fn component_cannot_start(rig: &Rig, store: &Store) -> Result<()> {
    let broken = PLANNED
        .replace(
            "bootstrapTokens:",
            "timeouts: {controlPlaneComponentHealthCheck: 25s}\nbootstrapTokens:",
        )
        .replace(
            "networking:",
            "apiServer: {extraArgs: [{name: audit-policy-file, value: /no/such/policy}]}\nnetworking:",
        );
    let site = site(rig, store, &broken)?;
    let (code, said) = site.follow(&site.install_line(), |_| Ok(()))?;
    ensure!(code == Some(6), "code {code:?}\n{said}");
    eprintln!("{said}");
    for part in [
        "endpoints did not answer 200 within 25 s",
        "- kube-apiserver at https://192.168.10.11:6443/livez",
        "kube-apiserver: ended with code 1",
        "/no/such/policy",
        "etcd",
        "kubeapply resume",
    ] {
        ensure!(said.contains(part), "no `{part}` in\n{said}");
    }
    site.plan_again(PLANNED)?;
    site.install()?;
    expect_converged(&site)
}
