//! `--phase`: the phases of `kubeadm init` that are planned and no others.

use super::{CliError, Io};
use crate::config::ValidConfig;
use crate::phases::names::{Tree, to_run};
use crate::phases::selection::in_spite_of_file;
use crate::phases::{self, MaterialSource};
use crate::plan::NodePlan;

/// Which phases are planned.
#[derive(Debug, clap::Args)]
pub(super) struct PhaseArgs {
    /// Phase of kubeadm init that is planned, and no other, as with `kubeadm
    /// init phase`: certs, certs/ca, …; may be repeated
    #[arg(long = "phase", value_name = "NAME", value_delimiter = ',')]
    phases: Vec<String>,
}

impl PhaseArgs {
    /// Takes the phases over; says where they overrule the configuration file.
    pub(super) fn apply(&self, config: &mut ValidConfig, io: &mut Io) -> Result<(), CliError> {
        let commands = [Tree::of(config)];
        let named = self.phases.iter().map(|name| to_run(name, &commands));
        config.only_phases = named
            .collect::<Result<_, _>>()
            .map_err(|unknown| CliError::usage(format!("--phase: {unknown}")).hint(unknown.hint))?;
        let overruled = in_spite_of_file(config);
        if !overruled.is_empty() {
            io.say(&format!(
                "note: InitConfiguration.skipPhases does not hold for phases given with --phase, as with `kubeadm init phase`: {}",
                overruled.join(", ")
            ));
        }
        Ok(())
    }
}

/// Says which of the phases that were asked for put nothing into `plan`.
pub(super) fn say_what_renders_nothing(
    config: &ValidConfig,
    material: MaterialSource<'_>,
    plan: &NodePlan,
    io: &mut Io,
) {
    let names = &config.only_phases;
    for notice in phases::renders_nothing(names, config, material, plan) {
        io.say(&format!("note: {notice}"));
    }
}
