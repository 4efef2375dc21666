//! Which cluster is joined, and how it is trusted: the arguments of `discover` and `join`.
//!
//! In: arguments with kubeadm's names, files with secrets, standard input. Out: [`Settings`]. A token or a key in an argument is
//! refused: every user of a host can read the arguments of its processes.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::seal::Recipient;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_terminal::{CliError, Format, Io};
use zeroize::Zeroizing;

use super::operator::Watcher;
use crate::discovery::settings::{self, Options, SettingsError};
use crate::discovery::{self, Discovered, Settings, Source};
use crate::host::identity::HostIdentity;
use crate::host::{Root, Surroundings, facts, local};

/// Bytes of a file with a token, a key or a configuration.
const LIMIT: u64 = 256 * 1024;

/// What of standard input is not a secret of one line.
const CONFIGURATION: &str = "the configuration";

/// Which cluster, and how it is trusted.
#[derive(Debug, Args)]
pub(super) struct ClusterArgs {
    /// The address of an API server, HOST:PORT
    #[arg(value_name = "API-SERVER-ENDPOINT")]
    endpoint: Option<String>,

    /// kubeadm configuration with a JoinConfiguration; `-` is standard input
    #[arg(short = 'f', long = "config", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// File with the bootstrap token; `-` is standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// File with another token for the TLS bootstrap
    #[arg(long, value_name = "FILE")]
    tls_bootstrap_token_file: Option<PathBuf>,

    /// Pin of the cluster's CA, sha256:HEX; may be repeated
    #[arg(long, value_name = "PIN")]
    discovery_token_ca_cert_hash: Vec<String>,

    /// Do not compare the cluster's CA with a pin: any holder of the token can then
    /// pose as the cluster
    #[arg(long)]
    discovery_token_unsafe_skip_ca_verification: bool,

    /// Kubeconfig that names the cluster: a path, or an https URL
    #[arg(long, value_name = "FILE-OR-URL")]
    discovery_file: Option<String>,

    /// Join as a control-plane node
    #[arg(long)]
    pub(super) control_plane: bool,

    /// File with the key of the uploaded certificates; `-` is standard input
    #[arg(long, value_name = "FILE")]
    certificate_key_file: Option<PathBuf>,

    /// Directory of this host with the shared certificates, if they were copied
    /// [default: kubeadm's]
    #[arg(long, value_name = "DIR")]
    cert_dir: Option<HostPath>,

    /// The node's name [default: the host's]
    #[arg(long, value_name = "NAME")]
    pub(super) node_name: Option<String>,

    /// How long the cluster may take to answer, such as 90s [default: 5m]
    #[arg(long, value_name = "DURATION", value_parser = super::install::duration)]
    discovery_timeout: Option<Duration>,

    // Taken so that the refusal can say why.
    #[arg(
        long,
        hide = true,
        value_name = "TOKEN",
        help = "refused: see --token-file"
    )]
    token: Option<String>,
    #[arg(
        long,
        hide = true,
        value_name = "TOKEN",
        help = "refused: see --token-file"
    )]
    discovery_token: Option<String>,
    #[arg(
        long,
        hide = true,
        value_name = "TOKEN",
        help = "refused: see --tls-bootstrap-token-file"
    )]
    tls_bootstrap_token: Option<String>,
    #[arg(
        long,
        hide = true,
        value_name = "KEY",
        help = "refused: see --certificate-key-file"
    )]
    certificate_key: Option<String>,
}

/// A cluster that was looked at.
pub(super) struct Found {
    /// How.
    pub(super) settings: Settings,
    /// What was found.
    pub(super) discovered: Discovered,
    /// The text of the configuration, if there is one.
    pub(super) config: Option<SecretBytes>,
}

impl ClusterArgs {
    /// Looks at the cluster; secrets are sealed for `recipients`, or for the host's own SSH key if there are none.
    ///
    /// # Errors
    /// [`CliError`].
    pub(super) fn discover(
        &self,
        root: &Root,
        recipients: &[String],
        format: Format,
        around: &Surroundings,
        io: &mut Io,
    ) -> Result<Found, CliError> {
        self.refuse_secrets()?;
        let recipients = parse_recipients(recipients, root)?;
        let (settings, config) = self.settings(root, io)?;
        if let Source::Token(by) = &settings.source
            && by.pins.is_empty()
        {
            let warning = [
                "warning: the cluster's CA is not compared with a pin: any holder of the token can pose as the cluster,",
                "         and take over this host",
            ];
            io.tell(&warning.into_iter().collect());
        }
        let now = super::now(around)?;
        let request = discovery::Request {
            root,
            settings: &settings,
            recipients: &recipients,
            now,
        };
        let mut watcher = Watcher::new(io, format, "discovery");
        let discovered = discovery::discover(&request, &mut watcher)?;
        io.notes(&discovered.notes);
        Ok(Found {
            settings,
            discovered,
            config,
        })
    }

    /// What was given, as words of a command. Secrets are only named by their files; those that were given are left out.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = self.endpoint.iter().cloned().collect();
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let mut flag = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                words.extend([name.to_owned(), value]);
            }
        };
        flag("--config", path(&self.config));
        flag("--token-file", path(&self.token_file));
        flag(
            "--tls-bootstrap-token-file",
            path(&self.tls_bootstrap_token_file),
        );
        for pin in &self.discovery_token_ca_cert_hash {
            flag("--discovery-token-ca-cert-hash", Some(pin.clone()));
        }
        flag("--discovery-file", self.discovery_file.clone());
        flag("--certificate-key-file", path(&self.certificate_key_file));
        flag(
            "--cert-dir",
            self.cert_dir.as_ref().map(ToString::to_string),
        );
        flag("--node-name", self.node_name.clone());
        flag(
            "--discovery-timeout",
            self.discovery_timeout
                .map(|time| format!("{}s", time.as_secs())),
        );
        for (name, is_given) in [
            (
                "--discovery-token-unsafe-skip-ca-verification",
                self.discovery_token_unsafe_skip_ca_verification,
            ),
            ("--control-plane", self.control_plane),
        ] {
            if is_given {
                words.push(name.to_owned());
            }
        }
        words
    }

    fn refuse_secrets(&self) -> Result<(), CliError> {
        let given = [
            (&self.token, "--token", "--token-file"),
            (&self.discovery_token, "--discovery-token", "--token-file"),
            (
                &self.tls_bootstrap_token,
                "--tls-bootstrap-token",
                "--tls-bootstrap-token-file",
            ),
            (
                &self.certificate_key,
                "--certificate-key",
                "--certificate-key-file",
            ),
        ];
        match given.iter().find(|(value, _, _)| value.is_some()) {
            Some((_, flag, instead)) => Err(CliError::usage(format!(
                "`{flag}`: every user of a host can read the arguments of its processes"
            ))
            .hint(format!(
                "put it into a file that only root can read and give {instead} FILE, or {instead} - and type it; what was given here may have been seen"
            ))),
            None => Ok(()),
        }
    }

    fn settings(
        &self,
        root: &Root,
        io: &mut Io,
    ) -> Result<(Settings, Option<SecretBytes>), CliError> {
        let mut stdin = Stdin { io, used: None };
        let mut read = |path: &Option<PathBuf>, what: &'static str| {
            path.as_deref()
                .map(|path| stdin.read(path, what))
                .transpose()
        };
        let config = read(&self.config, CONFIGURATION)?;
        let options = Options {
            endpoint: self.endpoint.clone(),
            token: read(&self.token_file, "the token")?,
            bootstrap_token: read(&self.tls_bootstrap_token_file, "the TLS bootstrap token")?,
            pins: self.discovery_token_ca_cert_hash.clone(),
            without_pins: self.discovery_token_unsafe_skip_ca_verification,
            discovery_file: self.discovery_file.clone(),
            control_plane: self.control_plane,
            certificate_key: read(&self.certificate_key_file, "the certificate key")?,
            certificates: self.cert_dir.clone(),
            node: self.node_name.clone(),
            timeout: self.discovery_timeout,
        };
        // Only needed where no other name is given.
        let hostname = HostIdentity::read(root).hostname.unwrap_or_default();
        let settings = match &config {
            Some(text) => Settings::of_config(text, options, &hostname),
            None => Settings::of_options(options, &hostname),
        }
        .map_err(usage)?;
        Ok((settings, config))
    }
}

fn parse_recipients(texts: &[String], root: &Root) -> Result<Vec<Recipient>, CliError> {
    let own;
    let texts = if texts.is_empty() {
        let key = facts::ssh_host_key(root).map_err(|reason| {
            CliError::usage(reason).hint(
                "make the host's key (`ssh-keygen -A`); `discover` can seal for another one with --recipient",
            )
        })?;
        own = [key.public_key];
        &own
    } else {
        texts
    };
    texts
        .iter()
        .map(|text| Recipient::parse(text).map_err(CliError::usage))
        .collect()
}

fn usage(error: SettingsError) -> CliError {
    let is_of_the_file = error.at == settings::CONFIGURATION;
    let error = CliError::usage(error);
    if is_of_the_file {
        return error.hint(
            "correct the file of --config: a YAML file with one document of kind JoinConfiguration, as for `kubeadm join --config`",
        );
    }
    error.hint(
        "a control-plane node prints what is needed: `kubeadm token create --print-join-command`",
    )
}

fn unread(error: io::Error) -> CliError {
    CliError::usage(format!("cannot read standard input: {error}"))
}

/// Standard input can be one file.
struct Stdin<'a> {
    io: &'a mut Io,
    used: Option<&'static str>,
}

impl Stdin<'_> {
    fn read(&mut self, path: &Path, what: &'static str) -> Result<SecretBytes, CliError> {
        if path != Path::new("-") {
            let (bytes, note) = local::read_secret(path, LIMIT).map_err(CliError::usage)?;
            // A configuration need not hold one.
            if let Some(note) = note.filter(|_| what != CONFIGURATION) {
                self.io.note(&note);
            }
            return Ok(bytes);
        }
        if let Some(other) = self.used.replace(what) {
            return Err(CliError::usage(format!(
                "standard input cannot be both {other} and {what}"
            )));
        }
        if self.io.terminals().stdin {
            if what != CONFIGURATION {
                // One line, which is not shown.
                return self.io.secret(what).map_err(unread);
            }
            self.io.prompt(format_args!("{what}, then Ctrl-D: "));
        }
        // As large as it can get, so that no copy is left behind by growing.
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(LIMIT).unwrap_or(0) + 1));
        self.io
            .input()
            .take(LIMIT + 1)
            .read_to_end(&mut bytes)
            .map_err(unread)?;
        if bytes.len() > usize::try_from(LIMIT).unwrap_or(usize::MAX) {
            return Err(CliError::usage(format!(
                "{what} on standard input has more than {LIMIT} bytes"
            )));
        }
        Ok(SecretBytes::take(&mut bytes))
    }
}
