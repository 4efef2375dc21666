//! `kubeplan config`: prints and converts configuration documents, and lists the images that follow from them.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use kubeplan_bundle::exit::Exit;
use kubeplan_terminal::{CliError, Format, Io};
use serde_json::{Value, json};

use super::error::io_error;
use super::failed::refused;
use super::failed::{failed, several};
use super::input::{ConfigFiles, sources};
use crate::config;
use crate::engine::Choices;
use crate::kubeadm::releases::RELEASES;
use crate::output;
use crate::yaml;

/// Print and convert configuration documents, and list images
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print defaults or the effective configuration
    Print(PrintArgs),
    /// List the images to pull or carry to the hosts
    Images(ImagesArgs),
    Migrate(MigrateArgs),
}

#[derive(Debug, clap::Args)]
struct ImagesArgs {
    #[command(subcommand)]
    what: Images,
}

#[derive(Debug, Subcommand)]
enum Images {
    /// List the images that the nodes run, in kubeadm's order
    List {
        #[command(flatten)]
        config: ConfigFiles,
        /// Output format of the list
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
}

/// Convert kubeadm's documents to the newest API version, kubeadm.k8s.io/v1beta4
///
/// Reads v1beta3 and v1beta4, and writes InitConfiguration and ClusterConfiguration, or JoinConfiguration, with every
/// default, as `kubeadm config migrate` does. Fields that kubeadm would read from the host or the internet stay unset.
/// The result contains the bootstrap tokens of the input.
#[derive(Debug, clap::Args)]
struct MigrateArgs {
    #[command(flatten)]
    config: ConfigFiles,
    /// Write the result to FILE with mode 0600 [default: standard output]
    #[arg(short, long, value_name = "FILE", visible_alias = "new-config")]
    output: Option<PathBuf>,
    /// Report unknown and duplicate fields as warnings instead of errors
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
    /// Print the default configuration of kubeadm init
    InitDefaults {
        /// Also print the defaults of this component configuration; may be repeated
        #[arg(long, value_enum, value_name = "KIND", value_delimiter = ',')]
        component_configs: Vec<Component>,
    },
    /// Print the default configuration of kubeadm join
    JoinDefaults,
    /// Print the configuration with every default filled in and tokens omitted
    Effective {
        #[command(flatten)]
        config: ConfigFiles,
        /// Node whose configuration to print [default: the first node]
        #[arg(long, value_name = "NAME")]
        node: Option<String>,
    },
}

/// The component configurations whose defaults kubeadm prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Component {
    /// The kubelet's configuration.
    #[value(name = "KubeletConfiguration")]
    Kubelet,
    /// The configuration of kube-proxy.
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
        Command::Migrate(args) => migrate(args, io),
        Command::Images(args) => {
            let Images::List { config, format } = &args.what;
            list_images(config, *format, io)
        }
    }
}

fn list_images(config: &ConfigFiles, format: Format, io: &mut Io) -> Result<Exit, CliError> {
    let session = config.look(&Choices::default(), io)?;
    let images = session.images().map_err(|failures| several(failures, io))?;
    match format {
        Format::Text => io.print(&images.iter().collect())?,
        Format::Json => {
            let first = session.first().map_err(|error| failed(error, io))?;
            let document = json!({
                "kubernetesVersion": first.cluster.kubernetes_version,
                "images": images,
            });
            io.document("config images list", 1, &document)?;
        }
    }
    Ok(Exit::Done)
}

fn print(args: &PrintArgs, io: &mut Io) -> Result<Exit, CliError> {
    let documents = match &args.what {
        What::InitDefaults { component_configs } => init_defaults(component_configs),
        What::JoinDefaults => vec![config::join_defaults()],
        What::Effective { config, node } => {
            let choices = Choices {
                nodes: node.clone().into_iter().collect(),
                ..Choices::default()
            };
            let session = config.look(&choices, io)?;
            let first = session.first().map_err(|error| failed(error, io))?;
            let unsaid = config::unsaid(first);
            if !unsaid.is_empty() {
                io.say(format_args!(
                    "note: omitted, because kubeadm reads these fields from the host: {}",
                    unsaid.join(", ")
                ));
            }
            config::effective_documents(first)
        }
    };
    io.content(yaml::documents(&documents).as_bytes())?;
    Ok(Exit::Done)
}

fn migrate(args: &MigrateArgs, io: &mut Io) -> Result<Exit, CliError> {
    let texts = args.config.read(io)?;
    let migrated =
        config::migrate(&sources(&texts), args.lenient).map_err(|report| refused(&report, io))?;
    io.tell(&migrated.warnings.text());
    let text = yaml::documents(&migrated.documents);
    match &args.output {
        None => io.content(text.as_bytes())?,
        Some(path) => output::replace(path, 0o600, text.as_bytes())
            .map_err(io_error("writing the converted configuration to", path))?,
    }
    Ok(Exit::Done)
}
