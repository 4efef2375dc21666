//! Real kubelets: what was planned runs on them, real kubeadm works with it, and nothing of the test hosts stays.
//!
//! Takes a minute and some GiB of memory, so it runs only when the variable `KUBEPLAN_HOSTS` is set; and needs root, and
//! everything that `cargo xtask components` builds, in its cache or where `KUBEPLAN_COMPONENTS` says. With
//! `KUBEPLAN_HOSTS=required` what is missing is a failure.

mod ansible;
mod balancer;
mod built;
mod cluster;
mod disturbed;
mod end_to_end;
mod faults;
mod installs;
mod join;
mod join_live;
mod keys;
mod newcomer;
mod proxy;
mod same_cluster;
mod site;
mod taken_back;
mod taken_turns;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use kubeplan_testhosts::components::{COMPONENTS_VARIABLE, Store};
use kubeplan_testhosts::hosts::{Host, Rig, ScratchRig};
use kubeplan_testsuite::planned::Planned;
use kubeplan_testsuite::programs::repository;
use libtest_mimic::Trial;
use serde_json::Value;

use super::real_api::planned_objects;
use super::{case, case_with};

const HOSTS_VARIABLE: &str = "KUBEPLAN_HOSTS";

/// The case that needs Ansible.
const ANSIBLE_CASE: &str = "ansible_installs_a_cluster";

/// A case on a rig of its own.
type Run = fn(&Rig, &Store) -> Result<()>;

pub fn cases() -> Vec<Trial> {
    let obstacle = store().map_or_else(|error| Some(error.to_string()), |store| obstacle(&store));
    let cases: [(&str, Run); 25] = [
        (
            "kubeadm_makes_a_cluster_of_three_that_survives_a_power_cut",
            kubeadm,
        ),
        (
            "a_planned_control_plane_runs_and_kubeadm_joins_a_worker",
            planned,
        ),
        (
            "kubeapply_installs_a_cluster_that_carries_a_workload",
            installs::whole,
        ),
        (
            "kubeadm_works_with_what_kubeapply_installed",
            taken_turns::kubeadm,
        ),
        (
            "kubeadm_upgrades_what_kubeapply_installed",
            taken_turns::upgrade,
        ),
        (
            "kubeapply_installs_again_what_kubeadm_reset",
            taken_turns::kubeadm_resets,
        ),
        (
            "kubeapply_makes_the_objects_of_kubeadm",
            same_cluster::compared,
        ),
        ("a_newer_plan_is_taken_back", taken_back::rolled_back),
        (
            "an_installation_goes_on_after_a_power_cut",
            disturbed::power_cuts,
        ),
        (
            "an_installation_goes_on_when_the_api_server_dies",
            disturbed::api_server_dies,
        ),
        (
            "an_installation_goes_on_when_every_step_kills_the_api_server",
            faults::killed_in_every_step,
        ),
        (
            "an_installation_goes_on_over_a_bad_network",
            faults::bad_network,
        ),
        (
            "an_installation_stops_at_an_api_that_stays_ill_and_goes_on",
            faults::api_stays_ill,
        ),
        (
            "an_installation_goes_on_when_etcd_stands_still",
            faults::etcd_stands_still,
        ),
        (
            "an_installation_says_why_a_component_does_not_start",
            faults::component_cannot_start,
        ),
        (
            "one_plan_makes_three_control_planes_and_two_workers",
            join::three_and_two,
        ),
        (
            "kubeadms_own_end_to_end_tests_pass",
            end_to_end::kubeadms_own,
        ),
        ("a_join_of_etcd_goes_on_after_a_power_cut", join::power_cuts),
        (
            "two_control_planes_and_five_workers_join_at_once",
            join::all_at_once,
        ),
        (
            "kubeapply_joins_a_cluster_of_kubeadm",
            join_live::ours_join_kubeadm,
        ),
        (
            "kubeadm_joins_a_cluster_from_a_plan",
            join_live::kubeadm_joins_ours,
        ),
        ("five_workers_join_with_one_token", join_live::five_workers),
        ("a_join_that_is_attacked_is_refused", join_live::attacks),
        (
            "a_bundle_for_another_host_is_refused",
            join_live::another_hosts_bundle,
        ),
        (ANSIBLE_CASE, ansible::cluster_by_playbook),
    ];
    let required = std::env::var_os(HOSTS_VARIABLE).is_some_and(|value| value == "required");
    cases
        .into_iter()
        .map(|(name, run)| {
            let full = format!("real_hosts::{name}");
            if name == ANSIBLE_CASE && obstacle.is_none() {
                // Its own tool is asked for apart: `required` is about what every case needs.
                return case_with(&["ansible-playbook"], full, move || on_a_rig(name, run));
            }
            match &obstacle {
                Some(obstacle) if required => {
                    let obstacle = obstacle.clone();
                    return case(full, move || bail!("{obstacle}"));
                }
                Some(obstacle) => eprintln!("ignored: {full}: {obstacle}"),
                None => {}
            }
            case(full, move || on_a_rig(name, run)).with_ignored_flag(obstacle.is_some())
        })
        .collect()
}

fn store() -> Result<Store> {
    match std::env::var_os(COMPONENTS_VARIABLE) {
        Some(directory) => Ok(Store::at(Path::new(&directory))),
        None => Store::in_cache(),
    }
}

/// Runs a case, and sees to it that nothing of its hosts stays.
fn on_a_rig(name: &str, run: Run) -> Result<()> {
    let directory = repository().join("target/hosts").join(name);
    let rig = ScratchRig::at(&directory)?;
    run(&rig, &store()?).map_err(|error| error.context(testimony(&rig)))?;
    let inits: Vec<_> = rig.hosts()?.iter().filter_map(Host::init).collect();
    ensure!(!inits.is_empty(), "no host runs at the end of the case");
    drop(rig);
    ensure!(
        !inits.iter().any(|init| init.is_alive()),
        "a host outlives its rig"
    );
    ensure!(
        !directory.exists(),
        "{} outlives its rig",
        directory.display()
    );
    Ok(())
}

/// What the hosts of a failed case say; afterwards they are gone.
fn testimony(rig: &Rig) -> String {
    let questions = [
        "kubectl get nodes,pods --all-namespaces --output wide",
        "crictl ps --all",
        "tail --lines 20 /var/log/kubelet.log",
        "tail --lines 20 /var/log/containerd.log",
        "cat /var/log/systemctl-calls.log",
    ];
    let mut said = String::from("the case failed; its hosts say:\n");
    for host in rig.hosts().unwrap_or_default() {
        for question in questions {
            let answer = match shell_status(&host, &format!("timeout 20 {question}")) {
                Ok((_, answer)) => answer,
                Err(error) => format!("{error:#}"),
            };
            said.push_str(&format!("--- {}: {question}\n{answer}\n", host.name()));
        }
    }
    said
}

/// Why there can be no hosts, in one line.
fn obstacle(store: &Store) -> Option<String> {
    if std::env::var_os(HOSTS_VARIABLE).is_none() {
        return Some(format!(
            "needs the variable {HOSTS_VARIABLE}, for it takes a minute"
        ));
    }
    if let Err(error) = Rig::check_machine() {
        return Some(error.to_string());
    }
    match store.is_complete() {
        Ok(true) => None,
        Ok(false) => Some("needs the programs that `cargo xtask components` builds".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

fn kubeadm(rig: &Rig, store: &Store) -> Result<()> {
    rig.up(3, store, |_| ())?;
    let [first, second, third] = ["host1", "host2", "host3"].map(|name| rig.host(name));
    let (first, second, third) = (first?, second?, third?);

    first.shell(&format!(
        "kubeadm init --config /opt/kubernetes/init.yaml --upload-certs {IGNORED}"
    ))?;
    let join = text(&first, "kubeadm token create --print-join-command")?;
    let key = text(
        &first,
        "kubeadm init phase upload-certs --upload-certs | tail -n 1",
    )?;
    second.shell(&format!(
        "{join} --control-plane --certificate-key {key} {IGNORED}"
    ))?;
    third.shell(&format!("{join} {IGNORED}"))?;
    wait_for_cluster(&first, 3)?;

    two_members(&first)?;
    // A node is ready before its kube-proxy is.
    eventually("kube-proxy on host3", || service_answers(&third))?;

    third.power_cut()?;
    ensure!(
        third.command("true").is_err(),
        "a host without power takes commands"
    );
    third.power_on()?;
    second.power_cut()?;
    second.power_on()?;
    // Nodes stay Ready for a while after they are gone, so what runs on them has to answer.
    eventually("etcd on host2", || two_members(&second))?;
    eventually("kube-proxy on host3", || service_answers(&third))?;
    let healthz = "kubectl get --raw /api/v1/nodes/host3/proxy/healthz";
    eventually("the kubelet on host3", || first.shell(healthz).map(drop))?;
    wait_for_cluster(&first, 3)?;
    Ok(())
}

/// The configuration of a node that the planner makes, with what these hosts need.
const PLANNED: &str = "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 192.168.10.11}
nodeRegistration: {name: host1}
bootstrapTokens: [{token: abcdef.0123456789abcdef}]
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
networking: {podSubnet: 10.244.0.0/16}
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
conntrack: {maxPerCore: 0, min: 0}
";

/// What kubeadm refuses on these hosts: control groups of version 1.
const IGNORED: &str = "--ignore-preflight-errors=SystemVerification";

/// What is planned and installed into a directory is a host's disk; kubectl stands for the live steps.
fn planned(rig: &Rig, store: &Store) -> Result<()> {
    rig.up(2, store, |_| ())?;
    let (first, second) = (rig.host("host1")?, rig.host("host2")?);
    let planned = Planned::today(PLANNED)?;
    planned.install(&[])?.expect(0)?;
    let disk = first.var().join("disk.tar");
    let tar = Command::new("tar")
        .args(["--create", "--numeric-owner", "--file"])
        .arg(&disk)
        .arg("--directory")
        .arg(planned.root())
        .arg(".")
        .status()?;
    ensure!(tar.success(), "tar ended with {tar}");
    // The directory's own mode is the scratch directory's, not the root's.
    first.shell("tar --extract --file /var/disk.tar --directory / --no-overwrite-dir && systemctl restart kubelet")?;

    let kubectl = "kubectl --kubeconfig /etc/kubernetes/super-admin.conf";
    eventually("the API server", || {
        first
            .shell(&format!("{kubectl} get --raw /readyz"))
            .map(drop)
    })?;
    for (name, text) in planned_objects(&planned)? {
        fs::write(first.var().join("object.yaml"), text)?;
        first
            .shell(&format!(
                "{kubectl} apply --server-side --filename /var/object.yaml"
            ))
            .context(name)?;
    }
    wait_for_cluster(&first, 1)?;

    let pin = text(
        &first,
        "openssl x509 -in /etc/kubernetes/pki/ca.crt -pubkey -noout | openssl pkey -pubin -outform der | sha256sum | cut -d' ' -f1",
    )?;
    second.shell(&format!(
        "kubeadm join 192.168.10.11:6443 --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash sha256:{pin} {IGNORED}"
    ))?;
    wait_for_cluster(&first, 2)?;
    // A node is ready before its kube-proxy is.
    eventually("kube-proxy on host2", || service_answers(&second))
}

fn text(host: &Host, line: &str) -> Result<String> {
    Ok(String::from_utf8(host.shell(line)?.stdout)?
        .trim_end()
        .to_owned())
}

/// The exit code of a line, and everything it said.
fn shell_status(host: &Host, line: &str) -> Result<(Option<i32>, String)> {
    let output = host.command("sh")?.args(["-c", line]).output()?;
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    Ok((output.status.code(), said))
}

/// Both control planes have a member of etcd that this host reaches.
fn two_members(host: &Host) -> Result<()> {
    let line = format!(
        "kubectl --namespace kube-system exec etcd-{} -- etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt \
         --cert /etc/kubernetes/pki/etcd/peer.crt --key /etc/kubernetes/pki/etcd/peer.key endpoint health --cluster",
        host.name()
    );
    let health = text(host, &format!("{line} 2>&1"))?;
    ensure!(health.matches(" is healthy").count() == 2, "{health}");
    Ok(())
}

/// A Service, through the packet filter of this host, reaches CoreDNS on another one.
fn service_answers(host: &Host) -> Result<()> {
    let get = "printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' | socat -t 5 - TCP:10.96.0.10:9153,connect-timeout=5";
    let metrics = text(host, get)?;
    ensure!(
        metrics.contains("coredns_build_info"),
        "kube-dns does not answer\n{metrics}"
    );
    Ok(())
}

fn eventually(what: &str, check: impl Fn() -> Result<()>) -> Result<()> {
    let begin = Instant::now();
    loop {
        match check() {
            Ok(()) => return Ok(()),
            Err(error) if begin.elapsed() > Duration::from_secs(180) => {
                return Err(error.context(format!("{what} did not come up")));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(500)),
        }
    }
}

/// Waits until `count` nodes are ready and every container of kube-system runs.
fn wait_for_cluster(host: &Host, count: usize) -> Result<()> {
    eventually("the cluster", || {
        let waiting = not_ready(host, count)?;
        ensure!(waiting.is_empty(), "still waiting for {waiting}");
        Ok(())
    })
}

/// What is not there yet, in words; empty if all is.
fn not_ready(host: &Host, count: usize) -> Result<String> {
    let list = |what: &str| -> Result<Vec<Value>> {
        let listed: Value =
            serde_json::from_str(&text(host, &format!("kubectl get {what} --output json"))?)?;
        Ok(listed
            .get("items")
            .and_then(Value::as_array)
            .context("no list")?
            .clone())
    };
    let nodes = list("nodes")?;
    if nodes.len() != count {
        return Ok(format!("{count} nodes, there are {}", nodes.len()));
    }
    let pods = list("pods --namespace kube-system")?;
    let waiting: Vec<String> = nodes
        .iter()
        .chain(&pods)
        .filter(|object| !is_ready(object))
        .filter_map(|object| Some(object.pointer("/metadata/name")?.as_str()?.to_owned()))
        .collect();
    Ok(waiting.join(", "))
}

/// Whether the condition `Ready` of a Node or Pod holds.
fn is_ready(object: &Value) -> bool {
    let conditions = object
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    conditions.is_some_and(|conditions| {
        conditions.iter().any(|condition| {
            condition.get("type").and_then(Value::as_str) == Some("Ready")
                && condition.get("status").and_then(Value::as_str) == Some("True")
        })
    })
}

/// Says how long each part took.
struct Stopwatch(Instant);

impl Stopwatch {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn lap(&mut self, what: &str) {
        eprintln!("{:>7.1} s  {what}", self.0.elapsed().as_secs_f64());
        self.0 = Instant::now();
    }
}
