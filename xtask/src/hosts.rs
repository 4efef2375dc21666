//! `cargo xtask hosts`: test hosts with real kubelets on this machine, made, entered, cut off and removed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result};
use kubeplan_testhosts::components::COMPONENTS_VARIABLE;
use kubeplan_testhosts::hosts::{Host, Rig};

use crate::components;

/// Options of `cargo xtask hosts`.
#[derive(clap::Args)]
pub struct Args {
    /// Directory with the state of the hosts; the user's cache by default
    #[arg(long, value_name = "DIR", global = true)]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Make and boot hosts until N run
    Up {
        /// Number of hosts: host1 at 192.168.10.11, host2 at 192.168.10.12, …
        #[arg(value_name = "N", value_parser = clap::value_parser!(u8).range(1..=i64::from(kubeplan_testhosts::hosts::MAX_HOSTS)))]
        count: u8,
        /// Directory where `cargo xtask components` put the programs; KUBEPLAN_COMPONENTS by default, else the user's
        /// cache
        #[arg(long, value_name = "DIR")]
        components: Option<PathBuf>,
    },
    /// List the hosts
    List,
    /// Run a command on a host as root
    Exec {
        /// The host
        name: String,
        /// The command and its arguments
        #[arg(required = true, last = true)]
        command: Vec<String>,
    },
    /// Cut off a host, as a power failure does; its files stay
    PowerCut {
        /// The host
        name: String,
    },
    /// Boot a host that was cut off
    PowerOn {
        /// The host
        name: String,
    },
    /// Stop all hosts and remove their files
    Down,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let rig = match &args.dir {
        Some(directory) => Rig::at(&std::path::absolute(directory)?),
        None => Rig::in_cache()?,
    };
    match &args.verb {
        Verb::Up { count, components } => up(&rig, *count, components.as_deref())?,
        Verb::List => {
            for host in rig.hosts()? {
                print(&host);
            }
        }
        Verb::Exec { name, command } => return exec(&rig.host(name)?, command),
        Verb::PowerCut { name } => rig.host(name)?.power_cut()?,
        Verb::PowerOn { name } => rig.host(name)?.power_on()?,
        Verb::Down => rig.down()?,
    }
    Ok(ExitCode::SUCCESS)
}

fn up(rig: &Rig, count: u8, directory: Option<&Path>) -> Result<()> {
    let begin = Instant::now();
    let named = std::env::var_os(COMPONENTS_VARIABLE).map(PathBuf::from);
    let store = components::store(directory.or(named.as_deref()))?;
    Rig::check_machine()?;
    components::complete(&store)?;
    rig.up(count, &store, print)?;
    println!(
        "{:.1} s; their state is in {}\ntry: cargo xtask hosts exec host1 -- kubeadm version",
        begin.elapsed().as_secs_f64(),
        rig.directory().display()
    );
    Ok(())
}

fn print(host: &Host) {
    let state = if host.init().is_some() { "runs" } else { "off" };
    println!(
        "{:<8} {:<16} {state}",
        host.name(),
        host.number().address().to_string()
    );
}

/// Runs the command with this process's streams, and ends with its exit code.
fn exec(host: &Host, words: &[String]) -> Result<ExitCode> {
    let (program, arguments) = words.split_first().context("no command was given")?;
    let status = host
        .command(program)?
        .args(arguments)
        .status()
        .context("starting nsenter")?;
    Ok(ExitCode::from(
        status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(1),
    ))
}
