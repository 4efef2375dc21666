//! `kubeplan config`: configuration documents as text, and what follows from them.

use clap::{Subcommand, ValueEnum};
use kubeplan_bundle::exit::Exit;
use serde_json::{Value, json};

use super::input::ConfigFiles;
use super::{CliError, Format, Io};
use crate::config;
use crate::images;
use crate::releases::RELEASES;
use crate::yaml;

/// Print configuration documents and images
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print documents
    Print(PrintArgs),
    /// What to pull or carry to the host
    Images(ImagesArgs),
}

#[derive(Debug, clap::Args)]
struct ImagesArgs {
    #[command(subcommand)]
    what: Images,
}

#[derive(Debug, Subcommand)]
enum Images {
    /// List the images a control-plane node runs, in kubeadm's order
    List {
        #[command(flatten)]
        config: ConfigFiles,
        /// How to print them
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
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
    let Some(newest) = RELEASES.last() else {
        return Vec::new();
    };
    let defaults = config::init_defaults(newest);
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
    match &args.command {
        Command::Print(args) => print(args, io),
        Command::Images(args) => {
            let Images::List { config, format } = &args.what;
            list_images(config, *format, io)
        }
    }
}

fn list_images(config: &ConfigFiles, format: Format, io: &mut Io) -> Result<Exit, CliError> {
    let config = config.load(io)?.config;
    let images = images::list(&config)
        .map_err(|error| CliError::caused(Exit::Usage, "listing images", error))?;
    match format {
        Format::Text => io.data(&(images.join("\n") + "\n"))?,
        Format::Json => {
            let document = json!({
                "version": 1,
                "kubernetesVersion": config.cluster.kubernetes_version,
                "images": images,
            });
            io.data(&format!("{document:#}\n"))?;
        }
    }
    Ok(Exit::Done)
}

fn print(args: &PrintArgs, io: &mut Io) -> Result<Exit, CliError> {
    let documents = match &args.what {
        What::InitDefaults { component_configs } => init_defaults(component_configs),
        What::Effective { config } => config::effective_documents(&config.load(io)?.config),
    };
    io.data(&yaml::documents(&documents))?;
    Ok(Exit::Done)
}
