//! `kubeapply join`: discover, plan, install, in one run.
//!
//! In: the arguments of `discover`, those of kubeadm's that a plan needs, those of `install`. Out: a node of the cluster. The
//! plan is made by `kubeplan`, which is installed beside this program, from files in a private directory; it is signed with a key
//! that exists for this run, and trusted if the host's policy says so ([`crate::trust::own_plan`]).

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::signature::PrivateKey;
use kubeplan_bundle::step::PhaseName;
use kubeplan_terminal::{CliError, Format, Io, Report, Text, quote};
use serde::Serialize;

use super::cluster::{ClusterArgs, Found};
use super::install::carry_out;
use super::{FormatArgs, IgnoreArgs, RootArgs};
use crate::admission::Allowances;
use crate::host::program::{self, Limit, Programs, Runner as _};
use crate::host::scratch::Scratch;
use crate::host::{Root, Surroundings, facts, local};
use crate::install::{Request, SSH_HOST_KEY, Steps, refuse};
use crate::state::journal::record::OwnPlan;
use crate::steps::selection::Phases;
use crate::trust::own_plan;

/// The program that plans.
const PLANNER: &str = "kubeplan";

/// The start of the name of the private directory.
const DIRECTORY: &str = "kubeplan-join";

/// How long a plan may take; one node takes a second, its keys another.
const LIMIT: Limit = Limit::report(Duration::from_secs(10 * 60));

/// Make this host a node of a running cluster
///
/// Looks at the cluster as `discover` does, lets `kubeplan` make a plan for this
/// host, and installs it as `install` does. The plan is not reviewed, so the
/// host's policy must allow live joins (`liveJoin: allow` in
/// /etc/kubeplan/policy.yaml). With --plan-only it writes the bundle for review
/// and signatures instead. Continue a join that was stopped with
/// `kubeapply resume`, or run it again.
#[derive(Debug, Args)]
pub(super) struct JoinArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    root: RootArgs,

    /// Address that the API server of a new control-plane node advertises
    #[arg(long, value_name = "IP")]
    apiserver_advertise_address: Option<IpAddr>,

    /// Port that it binds to [default: 6443]
    #[arg(long, value_name = "PORT")]
    apiserver_bind_port: Option<u16>,

    /// Socket of the container runtime
    #[arg(long, value_name = "SOCKET")]
    cri_socket: Option<String>,

    /// Directory with patches, as for kubeadm
    #[arg(long, value_name = "DIR")]
    patches: Option<PathBuf>,

    /// Write the bundle to the directory of --output, and install nothing
    #[arg(long, requires = "output")]
    plan_only: bool,

    /// Directory for the bundle of --plan-only
    #[arg(short, long, value_name = "DIR", requires = "plan_only")]
    output: Option<PathBuf>,

    /// Show every file with action, mode, owner and difference, and install
    /// nothing
    #[arg(long)]
    dry_run: bool,

    /// Skip the steps of these phases and of those below them
    #[arg(long, value_name = "PHASES", value_delimiter = ',')]
    skip_phases: Vec<PhaseName>,

    /// Sign the receipt with the host's /etc/ssh/ssh_host_ed25519_key
    #[arg(long)]
    sign_receipt: bool,

    /// Do not ask before writing; without a terminal, kubeapply never asks
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    ignored: IgnoreArgs,

    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Serialize)]
struct PlanReport {
    bundle: String,
    next: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(args: JoinArgs, around: &Surroundings, io: &mut Io) -> Result<(), CliError> {
    let root = args.root.open()?;
    let format = args.format.format;
    let ignored = args.ignored.parse()?;
    if !args.plan_only {
        // Before the operator is asked anything.
        own_plan::require_policy(&root, &args.words())?;
        crate::install::require_root(&root, "joining a cluster")?;
    }
    let planner = Planner::find()?;
    let found = args.cluster.discover(&root, &[], format, around, io)?;
    let scratch = Scratch::create(&root, DIRECTORY)?;
    let key = PrivateKey::generate_ed25519(DIRECTORY)
        .map_err(|error| CliError::new(Exit::Failed, error))?;
    let bundle = planner.plan(&args, &root, &scratch, &found, &key, io)?;
    if let Some(directory) = &args.output {
        return hand_out(&bundle, directory, format, io);
    }
    let own_plan = own_plan_of(&bundle, &key)?;
    drop(key);
    let request = Request {
        bundle,
        own_plan: Some(own_plan),
        allowed: Allowances::default(),
        steps: Steps {
            phases: Phases {
                only: Vec::new(),
                skip: args.skip_phases,
            },
            ..Steps::default()
        },
        sign_receipt: args.sign_receipt,
        dry_run: args.dry_run,
        ignored,
        ..Request::default()
    };
    let outcome = carry_out(&request, &root, args.yes, format, around, io);
    match &outcome {
        // `resume` needs the bundle; every secret in it is sealed.
        Err(error) if error.exit() == Exit::Partial => {
            io.note(format_args!(
                "the bundle of this join stays in {} until it is installed or the host boots",
                scratch.path().display()
            ));
            scratch.keep();
        }
        _ => {}
    }
    outcome
}

impl JoinArgs {
    /// What was given that a plan depends on, as words of a command; no secret is among them.
    fn words(&self) -> Vec<String> {
        let mut words = self.cluster.words();
        let mut flag = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                words.extend([name.to_owned(), value]);
            }
        };
        flag(
            "--apiserver-advertise-address",
            self.apiserver_advertise_address.map(|ip| ip.to_string()),
        );
        flag(
            "--apiserver-bind-port",
            self.apiserver_bind_port.map(|port| port.to_string()),
        );
        flag("--cri-socket", self.cri_socket.clone());
        let patches = self.patches.as_ref();
        flag("--patches", patches.map(|path| path.display().to_string()));
        words
    }
}

/// The plan in the bundle, which must be the one that was just signed with the key.
fn own_plan_of(bundle: &Path, key: &PrivateKey) -> Result<OwnPlan, CliError> {
    let file = local::open(bundle).map_err(CliError::refused)?;
    let opened = Bundle::open(file)
        .and_then(Bundle::into_intact)
        .map_err(|error| refuse(bundle, error))?;
    Ok(OwnPlan {
        key: key.public().to_openssh(),
        plan_digest: opened.index().plan_digest,
    })
}

/// Gives the bundle away instead of installing it.
fn hand_out(bundle: &Path, directory: &Path, format: Format, io: &mut Io) -> Result<(), CliError> {
    let written = local::copy_into(bundle, directory)?;
    let shown = written.display().to_string();
    let word = quote(&shown);
    let report = PlanReport {
        next: vec![
            format!("kubeplan show {word}"),
            format!("kubeplan sign --key KEY {word}"),
            format!("kubeapply install {word}"),
        ],
        bundle: shown,
    };
    io.report(format, &report)
}

impl Report for PlanReport {
    const COMMAND: &'static str = "join";

    fn text(&self) -> Text {
        let mut text = Text::of(format_args!("wrote {}", self.bundle));
        text.extend(self.next.iter().map(|next| format!("next: {next}")));
        text
    }
}

/// The program that plans, of the same version as this one.
struct Planner {
    program: String,
}

impl Planner {
    fn find() -> Result<Self, CliError> {
        let program = program::companion(PLANNER).ok_or_else(|| {
            CliError::usage(format!(
                "`{PLANNER}`, which makes the plan, is neither beside this program nor on the search path"
            ))
            .hint(format!(
                "install {PLANNER} {} on this host; or run `kubeapply discover` here and plan elsewhere",
                env!("CARGO_PKG_VERSION")
            ))
        })?;
        let said = Programs::SearchPath
            .run(&program, &["--version"], LIMIT)
            .map_err(|error| CliError::new(Exit::Failed, error))?;
        let version = said.stdout.split_whitespace().nth(1).unwrap_or_default();
        if version != env!("CARGO_PKG_VERSION") {
            return Err(CliError::usage(format!(
                "`{program}` is version `{}`, and this program {}",
                version.escape_debug(),
                env!("CARGO_PKG_VERSION")
            ))
            .hint("install both programs in the same version"));
        }
        Ok(Self { program })
    }

    /// Has the plan made; returns the bundle.
    fn plan(
        &self,
        args: &JoinArgs,
        root: &Root,
        scratch: &Scratch<'_>,
        found: &Found,
        key: &PrivateKey,
        io: &mut Io,
    ) -> Result<PathBuf, CliError> {
        let failed = |error: String| CliError::new(Exit::Failed, error);
        let facts = &found.discovered.facts;
        let text = facts.to_json().map_err(|error| failed(error.to_string()))?;
        scratch.write("join.json", text.as_bytes())?;
        let (host, missing) = facts::gather(root).map_err(failed)?;
        io.notes(&missing);
        scratch.create_directory("facts")?;
        scratch.create_directory("out")?;
        let text = host.to_json().map_err(|error| failed(error.to_string()))?;
        scratch.write(&format!("facts/{}.json", host.hostname), text.as_bytes())?;
        let secret = key
            .to_openssh(None)
            .map_err(|error| failed(error.to_string()))?;
        scratch.write("key", secret.expose())?;
        if let Some(config) = &found.config {
            scratch.write("join.yaml", config.expose())?;
        }
        let words = self.words(args, root, scratch, found);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = Programs::SearchPath.run(&self.program, &words, LIMIT);
        // Whatever came of it: nothing else is ever signed with it, and no token stays.
        scratch.forget("key")?;
        scratch.forget("join.json")?;
        if found.config.is_some() {
            scratch.forget("join.yaml")?;
        }
        let said = said.map_err(|error| failed(error.to_string()))?;
        let mut lines = Text::new();
        lines.content(&said.stderr);
        io.tell(&lines);
        if !said.success() {
            return Err(failed(format!(
                "`{PLANNER}` made no plan; its messages are above"
            )));
        }
        match scratch.files("out", ".tar.gz")?.as_slice() {
            [bundle] => Ok(bundle.clone()),
            other => Err(failed(format!(
                "`{PLANNER}` made {} bundles instead of one",
                other.len()
            ))),
        }
    }

    fn words(
        &self,
        args: &JoinArgs,
        root: &Root,
        scratch: &Scratch<'_>,
        found: &Found,
    ) -> Vec<String> {
        let identity = Path::new(&root.absolute())
            .join(SSH_HOST_KEY.as_str().trim_start_matches('/'))
            .display()
            .to_string();
        let mut words: Vec<String> = vec!["plan".into()];
        let mut flag = |name: &str, value: String| words.extend([name.to_owned(), value]);
        flag("--join", scratch.at("join.json"));
        flag("--facts", scratch.at("facts"));
        flag("--identity", identity);
        flag("--sign-key", scratch.at("key"));
        flag("--output", scratch.at("out"));
        for pin in crate::discovery::pins(&found.discovered.facts.ca_certificates) {
            flag("--discovery-token-ca-cert-hash", pin);
        }
        match &found.config {
            Some(_) => flag("--config", scratch.at("join.yaml")),
            None => {
                if let Some(socket) = &args.cri_socket {
                    flag("--cri-socket", socket.clone());
                }
                if let Some(directory) = &args.patches {
                    flag("--patches", local::absolute(directory));
                }
                if let Some(address) = args.apiserver_advertise_address {
                    flag("--apiserver-advertise-address", address.to_string());
                }
                if let Some(port) = args.apiserver_bind_port {
                    flag("--apiserver-bind-port", port.to_string());
                }
            }
        }
        if let Some(name) = &args.cluster.node_name {
            flag("--node-name", name.clone());
        }
        if args.cluster.control_plane {
            words.push("--control-plane".to_owned());
        }
        words
    }
}
