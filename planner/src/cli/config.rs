//! `kubeplan config`: configuration documents as text.

use clap::{Subcommand, ValueEnum};
use kubeplan_bundle::exit::Exit;
use serde_json::Value;

use super::input::ConfigFiles;
use super::{CliError, Io};
use crate::config;
use crate::yaml;

/// Print configuration documents
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print documents
    Print(PrintArgs),
}

#[derive(Debug, clap::Args)]
struct PrintArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print what kubeadm init takes when nothing is configured
    InitDefaults {
        /// Also print the defaults of these component configurations
        #[arg(long, value_enum, value_name = "KIND", value_delimiter = ',')]
        component_configs: Vec<Component>,
    },
    /// Print the configuration with every default filled in; tokens are left out
    Effective {
        #[command(flatten)]
        config: ConfigFiles,
    },
}

/// Component configurations that kubeadm knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Component {
    /// The kubelet's.
    #[value(name = "KubeletConfiguration")]
    Kubelet,
    /// kube-proxy's.
    #[value(name = "KubeProxyConfiguration")]
    KubeProxy,
}

fn init_defaults(components: &[Component]) -> Vec<Value> {
    let defaults = config::init_defaults();
    let mut documents = vec![defaults.init, defaults.cluster];
    if components.contains(&Component::KubeProxy) {
        documents.push(defaults.kube_proxy);
    }
    if components.contains(&Component::Kubelet) {
        documents.push(defaults.kubelet);
    }
    documents
}

pub(super) fn run(args: &Args, io: &mut Io) -> Result<Exit, CliError> {
    let Command::Print(print) = &args.command;
    let documents = match &print.what {
        What::InitDefaults { component_configs } => init_defaults(component_configs),
        What::Effective { config } => config::effective_documents(&config.load(io)?.config),
    };
    io.data(&yaml::documents(&documents))?;
    Ok(Exit::Done)
}
