//! `kubeapply trust add|list|revoke`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use kubeplan_bundle::allowed_signers::AllowedSigner;
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::policy::LiveJoin;
use kubeplan_bundle::signature::{Fingerprint, Namespace, PublicKey};
use kubeplan_terminal::{CliError, Io, Report, Text};
use serde::Serialize;

use super::{FormatArgs, RootArgs};
use crate::host::{Surroundings, local};
use crate::state::policy_record::{Acceptance, KnownPolicy, PolicyMemory};
use crate::trust::{policy, policy_memory, root_flag, signers};

/// Manage the keys whose bundles this host accepts
#[derive(Debug, Args)]
pub(super) struct TrustArgs {
    #[command(subcommand)]
    command: TrustCommand,
}

#[derive(Debug, Subcommand)]
enum TrustCommand {
    /// Trust a key
    ///
    /// Confirm the key by its fingerprint: get the fingerprint from the key's owner
    /// in another way than the key itself. Without --fingerprint, kubeapply asks
    /// for it on a terminal.
    Add(AddArgs),
    /// List the trusted keys
    List(ListArgs),
    /// Stop trusting a key
    Revoke(RevokeArgs),
    /// Show this host's policy, or accept that it no longer has one
    #[command(subcommand)]
    Policy(PolicyCommand),
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Show the policy that bundles are judged by, and where it comes from
    Show(PolicyShowArgs),
    /// Accept that this host, which had a policy, no longer has one
    ///
    /// A host whose policy file is missing refuses every bundle until the file is
    /// restored or its absence is accepted here. kubeapply records who accepted
    /// it, and when. On the running system it asks on a terminal.
    Accept(PolicyAcceptArgs),
}

#[derive(Debug, Args)]
struct PolicyShowArgs {
    #[command(flatten)]
    root: RootArgs,

    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, Args)]
struct PolicyAcceptArgs {
    /// Accept that this host has no policy
    #[arg(long, required = true)]
    none: bool,

    /// Do not ask; only with --root DIR
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    root: RootArgs,
}

#[derive(Debug, Args)]
struct AddArgs {
    /// An OpenSSH public key: a file, or the line itself
    key: String,

    /// Who the key belongs to, such as an e-mail address
    #[arg(long, value_name = "NAME")]
    principal: String,

    /// What the key may sign; may be given as a comma-separated list
    #[arg(long, value_name = "NAMESPACE", value_enum, value_delimiter = ',')]
    #[arg(default_value = "kubeplan-bundle")]
    namespaces: Vec<NamespaceArg>,

    /// The key's fingerprint, as `ssh-keygen -lf` prints it (SHA256:…)
    #[arg(long, value_name = "FINGERPRINT")]
    fingerprint: Option<Fingerprint>,

    #[command(flatten)]
    root: RootArgs,
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    root: RootArgs,

    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, Args)]
struct RevokeArgs {
    /// The key's fingerprint (SHA256:…), as `trust list` prints it
    fingerprint: Fingerprint,

    #[command(flatten)]
    root: RootArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum NamespaceArg {
    /// Bundles, as an author
    #[value(name = "kubeplan-bundle")]
    Bundle,
    /// Approvals, as a reviewer
    #[value(name = "kubeplan-approval")]
    Approval,
}

impl From<NamespaceArg> for Namespace {
    fn from(namespace: NamespaceArg) -> Self {
        match namespace {
            NamespaceArg::Bundle => Self::Bundle,
            NamespaceArg::Approval => Self::Approval,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(args: TrustArgs, around: &Surroundings, io: &mut Io) -> Result<(), CliError> {
    match args.command {
        TrustCommand::Add(args) => add(&args, around, io),
        TrustCommand::List(args) => list(&args, io),
        TrustCommand::Revoke(args) => revoke(&args, around, io),
        TrustCommand::Policy(PolicyCommand::Show(args)) => show_policy(&args, io),
        TrustCommand::Policy(PolicyCommand::Accept(args)) => accept_none(&args, around, io),
    }
}

fn add(args: &AddArgs, around: &Surroundings, io: &mut Io) -> Result<(), CliError> {
    let line = key_line(&args.key)?;
    let key = PublicKey::parse(&line).map_err(CliError::usage)?;
    let found = key.fingerprint();
    let typed = match args.fingerprint {
        Some(fingerprint) => fingerprint,
        None => ask_fingerprint(args, &key, io)?,
    };
    if typed != found {
        return Err(CliError::usage(format!(
            "the key has the fingerprint {found}, and {typed} was given"
        ))
        .hint("this is not the key you were told of: ask its owner before you trust it"));
    }
    let namespaces: Vec<Namespace> = args.namespaces.iter().map(|ns| (*ns).into()).collect();
    let comment = line
        .split_whitespace()
        .skip(2)
        .collect::<Vec<_>>()
        .join(" ");
    let signer = AllowedSigner::new(&[args.principal.as_str()], &namespaces, key)
        .map_err(CliError::usage)?
        .with_comment(&comment);
    let root = args.root.open()?;
    let actions = &around.actions;
    let added = signers::add(&root, actions, signer)?;
    policy_memory::remember_alone(&root, actions, super::now(around)?)?;
    let what = if added { "added" } else { "is already listed" };
    io.tell(&Text::of(format_args!(
        "{found} ({}) {what}",
        args.principal
    )));
    Ok(())
}

/// The key's line; a file's first line that is not a comment.
fn key_line(key: &str) -> Result<String, CliError> {
    const LIMIT: u64 = 64 * 1024;
    if key.contains(char::is_whitespace) && PublicKey::parse(key).is_ok() {
        return Ok(key.to_owned());
    }
    let path = PathBuf::from(key);
    let text = local::read_text(&path, LIMIT).map_err(|error| {
        CliError::usage(error).hint("give a public key file, or the line itself in quotes")
    })?;
    let mut lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    match (lines.next(), lines.next()) {
        (Some(line), None) => Ok(line.to_owned()),
        (Some(line), Some(_)) if line.starts_with("-----BEGIN") => Err(private_key(&path)),
        _ => Err(CliError::usage(format!(
            "`{}` does not hold exactly one public key",
            path.display()
        ))),
    }
}

fn private_key(path: &Path) -> CliError {
    CliError::usage(format!("`{}` is a private key", path.display()))
        .hint("give the public key, usually the file of the same name with .pub")
}

fn ask_fingerprint(args: &AddArgs, key: &PublicKey, io: &mut Io) -> Result<Fingerprint, CliError> {
    if !io.terminals().stdin {
        return Err(CliError::usage(
            "the fingerprint is missing, and there is no terminal to ask for it",
        )
        .hint("get it from the key's owner and give it with --fingerprint SHA256:…"));
    }
    // Not shown: what is read off the screen and typed again confirms nothing.
    io.tell(&Text::of(format_args!(
        "Trust the {} key of {}? Type its fingerprint, as its owner told you",
        key.algorithm(),
        args.principal
    )));
    io.prompt("(SHA256:…): ");
    let answer = io.answer(1024)?;
    answer.trim().parse().map_err(CliError::usage)
}

fn list(args: &ListArgs, io: &mut Io) -> Result<(), CliError> {
    let root = args.root.open()?;
    let signers = signers::load(&root)?.unwrap_or_default();
    let report = ListReport {
        signers: signers
            .entries()
            .iter()
            .map(|entry| SignerLine {
                fingerprint: entry.key().fingerprint().to_string(),
                algorithm: entry.key().algorithm().to_owned(),
                principals: entry.principals().to_vec(),
                namespaces: entry.namespaces().map(<[String]>::to_vec),
                valid_after: entry.valid_after().map(|time| time.to_string()),
                valid_before: entry.valid_before().map(|time| time.to_string()),
            })
            .collect(),
    };
    io.report(args.format.format, &report)
}

fn revoke(args: &RevokeArgs, around: &Surroundings, io: &mut Io) -> Result<(), CliError> {
    let root = args.root.open()?;
    let actions = &around.actions;
    let removed = signers::revoke(&root, actions, &args.fingerprint)?;
    if removed.is_empty() {
        return Err(
            CliError::usage(format!("the key {} is not listed", args.fingerprint)).hint(format!(
                "`kubeapply trust list{}` shows the trusted keys",
                root_flag(&root)
            )),
        );
    }
    policy_memory::remember_alone(&root, actions, super::now(around)?)?;
    for signer in removed {
        io.tell(&Text::of(format_args!(
            "{} ({}) removed",
            args.fingerprint,
            signer.principals().join(",")
        )));
    }
    Ok(())
}

fn show_policy(args: &PolicyShowArgs, io: &mut Io) -> Result<(), CliError> {
    let root = args.root.open()?;
    let found = policy::load(&root)?;
    let memory = PolicyMemory::load(&root)?;
    let is_missed = found.is_none() && memory.known().is_some();
    let in_force = found.unwrap_or_default();
    let report = PolicyReport {
        source: found.map(|_| policy::path().to_string()),
        missing: is_missed,
        missing_note: policy_memory::missing_note(&root),
        policy: (!is_missed).then_some(PolicyLine {
            authors: in_force.authors,
            approvals: in_force.approvals,
            live_join: in_force.live_join,
        }),
        remembered: memory.known().copied(),
        accepted: memory.accepted().to_vec(),
    };
    io.report(args.format.format, &report)
}

fn accept_none(
    args: &PolicyAcceptArgs,
    around: &Surroundings,
    io: &mut Io,
) -> Result<(), CliError> {
    let root = args.root.open()?;
    crate::install::require_root(&root, "changing the trust of the running system")?;
    if args.yes && root.is_live() {
        return Err(CliError::usage(
            "`--yes` is for a directory tree (`--root DIR`); on the running system the answer is typed on a terminal",
        ));
    }
    if !args.yes && !io.terminals().stdin {
        let error = CliError::usage("there is no terminal to ask on");
        return Err(if root.is_live() {
            error.hint("run the command on a terminal")
        } else {
            error.hint("to accept it without a question, add --yes")
        });
    }
    let now = super::now(around)?;
    let actions = &around.actions;
    let Some(missing) = policy_memory::Missing::find(&root, actions)? else {
        io.note("this host has no policy, and none is remembered: there is nothing to accept");
        return Ok(());
    };
    if !args.yes {
        let question = format!(
            "This host had a policy ({}), and its file is gone. Accept bundles with one author and no approval from now on?",
            missing.words()
        );
        if !io.ask(question)? {
            return Err(CliError::new(
                Exit::Failed,
                "the answer was no: nothing was changed",
            ));
        }
    }
    let words = missing.words();
    missing.accept(&root, actions, now, !args.yes)?;
    io.tell(&Text::of(format_args!(
        "accepted: this host no longer has a policy (it was: {words})"
    )));
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyReport {
    /// The policy's file; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// There was a policy and there is none: bundles are refused.
    missing: bool,
    #[serde(skip)]
    missing_note: String,
    /// What bundles are judged by.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<PolicyLine>,
    /// The policy that the last run that changed this host read.
    #[serde(skip_serializing_if = "Option::is_none")]
    remembered: Option<KnownPolicy>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accepted: Vec<Acceptance>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyLine {
    authors: u32,
    approvals: u32,
    live_join: LiveJoin,
}

impl Report for PolicyReport {
    const COMMAND: &'static str = "trust policy show";

    fn text(&self) -> Text {
        let mut text = Text::new();
        let source = match (&self.source, self.missing) {
            (Some(path), _) => path.as_str(),
            (None, true) => "missing",
            (None, false) => "default, this host has no policy",
        };
        text.line(format_args!("source      {source}"));
        if let Some(policy) = &self.policy {
            let live_join = match policy.live_join {
                LiveJoin::Deny => "deny",
                LiveJoin::Allow => "allow",
            };
            text.line(format_args!("authors     {}", policy.authors));
            text.line(format_args!("approvals   {}", policy.approvals));
            text.line(format_args!("liveJoin    {live_join}"));
        }
        if let Some(known) = &self.remembered {
            text.line(format_args!(
                "remembered  {}, since {}",
                policy_memory::words(known),
                known.since
            ));
        }
        for accepted in &self.accepted {
            let login = accepted
                .login_uid
                .map_or_else(String::new, |uid| format!(" (logged in as user {uid})"));
            text.line(format_args!(
                "accepted    {}: no policy, by user {}{login}{}",
                accepted.time,
                accepted.uid,
                if accepted.terminal { "" } else { ", by flag" }
            ));
        }
        text
    }

    fn notes(&self) -> Vec<String> {
        if self.missing {
            vec![self.missing_note.clone()]
        } else {
            Vec::new()
        }
    }
}

#[derive(Serialize)]
struct ListReport {
    signers: Vec<SignerLine>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignerLine {
    fingerprint: String,
    algorithm: String,
    principals: Vec<String>,
    /// Absent: every namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespaces: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_before: Option<String>,
}

impl Report for ListReport {
    const COMMAND: &'static str = "trust list";

    fn text(&self) -> Text {
        let mut text = Text::new();
        for signer in &self.signers {
            let namespaces = signer
                .namespaces
                .as_ref()
                .map_or_else(|| "every namespace".to_owned(), |names| names.join(","));
            let mut line = format!(
                "{}  {}  {}  {namespaces}",
                signer.fingerprint,
                signer.algorithm,
                signer.principals.join(",")
            );
            if let Some(time) = &signer.valid_after {
                line.push_str(&format!("  from {time}"));
            }
            if let Some(time) = &signer.valid_before {
                line.push_str(&format!("  until {time}"));
            }
            text.line(line);
        }
        text
    }

    fn notes(&self) -> Vec<String> {
        if self.signers.is_empty() {
            vec!["no key is trusted on this host".to_owned()]
        } else {
            Vec::new()
        }
    }
}
