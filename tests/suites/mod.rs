//! One module per concern; each lists its cases.

mod architecture;
mod attacks;
mod command_line;
mod configuration;
mod crash;
mod discovery;
mod documentation;
mod entropy;
mod equivalence;
mod etcd_join;
mod external_ca;
mod external_ca_kubeadm;
mod golden;
mod hints;
mod install;
mod join_plan;
mod many_nodes;
mod payload;
mod phases;
mod pki;
mod pki_import;
mod preflight;
mod public_part;
mod real_api;
mod real_hosts;
mod receipt;
mod reference;
mod refusals;
mod renew;
mod secrecy;
mod stock_tools;
mod tamper;

pub use attacks::is_kubeplan;
pub use crash::is_kubeapply;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

/// Every case of every suite.
pub fn all() -> Vec<Trial> {
    [
        architecture::cases(),
        golden::cases(),
        hints::cases(),
        receipt::cases(),
        reference::cases(),
        pki::cases(),
        pki_import::cases(),
        external_ca::cases(),
        external_ca_kubeadm::cases(),
        preflight::cases(),
        command_line::cases(),
        configuration::cases(),
        install::cases(),
        many_nodes::cases(),
        payload::cases(),
        join_plan::cases(),
        phases::cases(),
        refusals::cases(),
        stock_tools::cases(),
        tamper::cases(),
        attacks::cases(),
        renew::cases(),
        secrecy::cases(),
        equivalence::cases(),
        public_part::cases(),
        real_api::cases(),
        etcd_join::cases(),
        discovery::cases(),
        documentation::cases(),
        entropy::cases(),
        real_hosts::cases(),
        crash::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A case that needs nothing but this workspace.
fn case(
    name: impl Into<String>,
    run: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
) -> Trial {
    let name = name.into();
    Trial::test(name.clone(), move || {
        let started = Instant::now();
        let outcome = run().map_err(|error| Failed::from(format!("{error:#}")));
        note_time(&name, started.elapsed());
        outcome
    })
}

/// With this variable set, each case appends its name and how long it took, in seconds, to the file that it names.
const TIMES: &str = "KUBEPLAN_TEST_TIMES";

fn note_time(name: &str, took: Duration) {
    let Some(file) = std::env::var_os(TIMES) else {
        return;
    };
    let line = format!("{:8.2} {name}\n", took.as_secs_f64());
    let written = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&file)
        .and_then(|mut file| file.write_all(line.as_bytes()));
    if let Err(error) = written {
        eprintln!("{}: {error}", std::path::Path::new(&file).display());
    }
}

/// A case that needs programs; ignored, with a line that says why, where one is missing.
fn case_with(
    tools: &[&str],
    name: impl Into<String>,
    run: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
) -> Trial {
    let name = name.into();
    let missing: Vec<&str> = tools
        .iter()
        .copied()
        .filter(|tool| !installed(tool))
        .collect();
    if !missing.is_empty() {
        eprintln!(
            "ignored: {name} needs {}, which this machine lacks",
            missing.join(" and ")
        );
    }
    case(name, run).with_ignored_flag(!missing.is_empty())
}

fn installed(tool: &str) -> bool {
    // ssh-keygen has no option that only prints a version; starting it is enough.
    Command::new(tool)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}
