//! `cargo xtask bench`: whole-process figures of the released programs, and the bundle format's throughput.
//!
//! Each scenario runs in a process of its own, so that its peak memory is not another's; scenarios take turns, so
//! that a machine whose speed drifts slows all of them alike. Figures are medians; compare ratios, not machines.
//! With `KUBEADM` set to a kubeadm binary, its `init --dry-run` takes part.

mod payload;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

use crate::repository;

#[derive(clap::Args)]
pub struct Args {
    /// Counted rounds; every scenario runs once in each
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Run one scenario once and print its figures (used by the bench itself)
    #[arg(long, hide = true, requires = "directory")]
    scenario: Option<String>,
    /// Where that scenario was prepared
    #[arg(long, hide = true)]
    directory: Option<PathBuf>,
}

/// The figures of one run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Figures {
    /// Seconds on the clock.
    wall: f64,
    /// Seconds of processor time, user and system.
    cpu: f64,
    /// Peak resident memory of the largest process, in MiB.
    peak: f64,
    /// Bytes of payload, for throughput.
    bytes: u64,
}

const SCENARIOS: &[(&str, &str)] = &[
    ("plan-rsa2048", "plan one node, RSA-2048, new keys"),
    ("plan-ecdsa", "plan one node, ECDSA-P256, new keys"),
    (
        "plan-rsa2048-warm",
        "plan one node, RSA-2048, keys in the store",
    ),
    (
        "plan-ecdsa-warm",
        "plan one node, ECDSA-P256, keys in the store",
    ),
    ("plan-nodes-10", "plan 3 + 7 nodes, ECDSA-P256, new keys"),
    ("plan-nodes-100", "plan 3 + 97 nodes, ECDSA-P256, new keys"),
    (
        "plan-nodes-1000",
        "plan 3 + 997 nodes, ECDSA-P256, new keys",
    ),
    (
        "plan-nodes-1000-warm",
        "plan 3 + 997 nodes, keys in the store",
    ),
    ("install", "verify and install into a root"),
    ("write-payload", "write a bundle with 64 MiB of payload"),
    ("read-payload", "verify it and read the payload"),
    ("kubeadm-rsa2048", "kubeadm init --dry-run, RSA-2048"),
    ("kubeadm-ecdsa", "kubeadm init --dry-run, ECDSA-P256"),
];

pub fn run(args: &Args) -> Result<()> {
    let root = repository::root()?;
    if let (Some(scenario), Some(directory)) = (&args.scenario, &args.directory) {
        let figures = once(&root, scenario, directory)?;
        println!("{}", serde_json::to_string(&figures)?);
        return Ok(());
    }
    let mut build = vec!["build", "--release", "--locked"];
    build.extend(["-p", "kubeplan", "-p", "kubeapply", "-p", "xtask"]);
    repository::cargo(&build)?;
    let mut figures: BTreeMap<usize, Vec<Figures>> = BTreeMap::new();
    for round in 0..=args.rounds {
        for (at, (name, _)) in SCENARIOS.iter().enumerate() {
            if name.starts_with("kubeadm") && std::env::var_os("KUBEADM").is_none() {
                continue;
            }
            let scratch = tempfile::tempdir()?;
            prepare(&root, name, scratch.path()).with_context(|| format!("preparing {name}"))?;
            let found = child(name, scratch.path())?;
            // The first round warms caches.
            if round > 0 {
                figures.entry(at).or_default().push(found);
            }
        }
        eprint!("\rround {round}/{}", args.rounds);
    }
    eprintln!();
    println!(
        "{:<46} {:>9} {:>9} {:>9} {:>10}",
        "median of each", "wall ms", "CPU ms", "peak MiB", "MiB/s"
    );
    for (at, runs) in &figures {
        let column = |value: fn(&Figures) -> f64| median(runs.iter().map(value).collect());
        let (wall, bytes) = (column(|f| f.wall), column(|f| f.bytes as f64));
        let rate = if bytes > 0.0 {
            format!("{:.0}", bytes / wall / 1_048_576.0)
        } else {
            "-".into()
        };
        let what = SCENARIOS.get(*at).map_or("", |(_, what)| what);
        println!(
            "{what:<46} {:>9.1} {:>9.1} {:>9.1} {rate:>10}",
            wall * 1e3,
            column(|f| f.cpu) * 1e3,
            column(|f| f.peak)
        );
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn child(scenario: &str, directory: &Path) -> Result<Figures> {
    let output = Command::new(repository::released("xtask")?)
        .args(["bench", "--scenario", scenario, "--directory"])
        .arg(directory)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("starting xtask for scenario {scenario}"))?;
    ensure!(output.status.success(), "scenario {scenario} failed");
    serde_json::from_slice(&output.stdout).with_context(|| format!("figures of {scenario}"))
}

/// What a scenario needs before it is measured; runs in the bench's own process, which is not measured.
fn prepare(root: &Path, scenario: &str, directory: &Path) -> Result<()> {
    let plan = |fixture: &str| succeed(&mut plan(root, directory, fixture)?);
    match scenario {
        "plan-rsa2048-warm" => plan(RSA),
        "plan-ecdsa-warm" => plan(ECDSA),
        "plan-nodes-1000-warm" => {
            inventory(directory, 1000)?;
            succeed(&mut plan_inventory(directory)?)
        }
        name if name.starts_with(NODES) => inventory(directory, number_of_nodes(name)?),
        "install" => {
            plan(ECDSA)?;
            let path = directory.join("kubernetes.kubeplan/keys/author.pub");
            let public =
                fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            fs::write(
                directory.join("allowed_signers"),
                format!("author {public}"),
            )?;
            Ok(fs::create_dir(directory.join("root"))?)
        }
        "write-payload" => payload::make_item(directory),
        "read-payload" => {
            payload::make_item(directory)?;
            payload::write(directory).map(drop)
        }
        name if name.starts_with("kubeadm") => Ok(fs::create_dir(directory.join("dry"))?),
        _ => Ok(()),
    }
}

/// Runs one prepared scenario.
fn once(root: &Path, scenario: &str, directory: &Path) -> Result<Figures> {
    match scenario {
        "plan-rsa2048" | "plan-rsa2048-warm" => timed(plan(root, directory, RSA)?),
        "plan-ecdsa" | "plan-ecdsa-warm" => timed(plan(root, directory, ECDSA)?),
        name if name.starts_with(NODES) => timed(plan_inventory(directory)?),
        "install" => timed(program(
            "kubeapply",
            directory,
            &[
                "install",
                "--root",
                "root",
                "--allowed-signers",
                "allowed_signers",
                "--identity",
                "kubernetes.kubeplan/identities/cp1.age",
                "out/cp1.kubernetes.tar.gz",
            ],
        )?),
        "write-payload" => payload::write(directory),
        "read-payload" => payload::read(directory),
        "kubeadm-rsa2048" => kubeadm(directory, &fixture(root, RSA)),
        "kubeadm-ecdsa" => kubeadm(directory, &fixture(root, ECDSA)),
        other => bail!("unknown scenario {other}"),
    }
}

/// The fixtures that are planned; both are of node `cp1` in cluster `kubernetes`.
const RSA: &str = "single-node-defaults";
const ECDSA: &str = "single-node-ecdsa";

fn fixture(root: &Path, name: &str) -> String {
    root.join("fixtures")
        .join(format!("{name}.yaml"))
        .to_string_lossy()
        .into_owned()
}

fn plan(root: &Path, directory: &Path, name: &str) -> Result<Command> {
    program(
        "kubeplan",
        directory,
        &["plan", "-f", &fixture(root, name), "-o", "out"],
    )
}

/// What scenarios of many nodes are called; their number follows.
const NODES: &str = "plan-nodes-";

fn number_of_nodes(scenario: &str) -> Result<usize> {
    let number = scenario.trim_start_matches(NODES);
    number
        .parse()
        .with_context(|| format!("the number of nodes of {scenario}"))
}

/// Writes the configuration of three control-plane nodes and workers, `count` in all, none with a recipient.
fn inventory(directory: &Path, count: usize) -> Result<()> {
    let mut text = String::from(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n\
         controlPlaneEndpoint: 10.1.255.1:6443\nencryptionAlgorithm: ECDSA-P256\n---\n\
         apiVersion: kubeplan.io/v1alpha1\nkind: Cluster\nmetadata: {name: bench}\nnodes:\n",
    );
    for number in 1..=count {
        let (name, role) = match number {
            1..=3 => (format!("cp{number}"), "control-plane"),
            _ => (format!("w{number}"), "worker"),
        };
        let address = format!("10.2.{}.{}", number / 250, number % 250 + 1);
        text.push_str(&format!(
            "- {{name: {name}, role: {role}, address: {address}}}\n"
        ));
    }
    Ok(fs::write(directory.join("cluster.yaml"), text)?)
}

fn plan_inventory(directory: &Path) -> Result<Command> {
    let args = ["plan", "-f", "cluster.yaml", "-o", "out"];
    program("kubeplan", directory, &args)
}

fn program(name: &str, directory: &Path, args: &[&str]) -> Result<Command> {
    let mut command = Command::new(repository::released(name)?);
    command
        .args(args)
        .current_dir(directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Ok(command)
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("starting {}", command.get_program().display()))?;
    ensure!(status.success(), "{command:?} failed ({status})");
    Ok(())
}

fn kubeadm(directory: &Path, config: &str) -> Result<Figures> {
    let kubeadm = std::env::var_os("KUBEADM").context("KUBEADM is not set")?;
    let mut command = Command::new(kubeadm);
    command
        .args([
            "init",
            "--dry-run",
            "--skip-phases=preflight",
            "--config",
            config,
        ])
        .env("KUBEADM_INIT_DRYRUN_DIR", directory.join("dry"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    timed(command)
}

/// Runs `command` and reads the operating system's account of it.
fn timed(mut command: Command) -> Result<Figures> {
    let before = cpu_of_children()?;
    let begin = Instant::now();
    let status = command
        .status()
        .with_context(|| format!("starting {}", command.get_program().display()))?;
    let wall = begin.elapsed().as_secs_f64();
    ensure!(
        status.success(),
        "{:?} failed ({status})",
        command.get_program()
    );
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok(Figures {
        wall,
        cpu: cpu_of_children()? - before,
        peak: usage.max_rss() as f64 / 1024.0,
        bytes: 0,
    })
}

fn cpu_of_children() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}
