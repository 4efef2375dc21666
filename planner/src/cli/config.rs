//! `kubeplan config`: configuration documents as text.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use kubeplan_bundle::exit::Exit;
use serde_json::Value;

use super::error::io_error;
use super::input::{ConfigFiles, refused, sources};
use super::{CliError, Io};
use crate::config;
use crate::output;
use crate::yaml;

/// Print and convert configuration documents
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print documents
    Print(PrintArgs),
    /// Write kubeadm's documents in the newest API version, kubeadm.k8s.io/v1beta4
    Migrate(MigrateArgs),
}

/// Write kubeadm's documents in the newest API version, kubeadm.k8s.io/v1beta4
///
/// Reads v1beta3 and v1beta4, and writes InitConfiguration and ClusterConfiguration with every default, as
/// `kubeadm config migrate` does. What only the host or the internet could say stays unset. The result holds the
/// bootstrap tokens of the input.
#[derive(Debug, clap::Args)]
struct MigrateArgs {
    #[command(flatten)]
    config: ConfigFiles,
    /// File the result is written to, for its owner alone; standard output if
    /// not given
    #[arg(short, long, value_name = "FILE", visible_alias = "new-config")]
    output: Option<PathBuf>,
    /// Report unknown and repeated fields as warnings, not as errors
    #[arg(long)]
    lenient: bool,
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
    let print = match &args.command {
        Command::Print(print) => print,
        Command::Migrate(args) => return migrate(args, io),
    };
    let documents = match &print.what {
        What::InitDefaults { component_configs } => init_defaults(component_configs),
        What::Effective { config } => config::effective_documents(&config.load(io)?.config),
    };
    io.data(&yaml::documents(&documents))?;
    Ok(Exit::Done)
}

fn migrate(args: &MigrateArgs, io: &mut Io) -> Result<Exit, CliError> {
    let texts = args.config.read(io)?;
    let migrated =
        config::migrate(&sources(&texts), args.lenient).map_err(|report| refused(&report, io))?;
    if !migrated.warnings.is_empty() {
        io.say(migrated.warnings.to_string().trim_end());
    }
    let text = yaml::documents(&migrated.documents);
    match &args.output {
        None => io.data(&text)?,
        Some(path) => output::replace(path, 0o600, text.as_bytes())
            .map_err(io_error("writing the converted configuration to", path))?,
    }
    Ok(Exit::Done)
}
