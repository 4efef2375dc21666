//! What the operator says about the cluster to join: on the command line, or in a kubeadm configuration.
//!
//! In: options, and the text of a `JoinConfiguration`. Out: [`Settings`] in which every value has its form, or an error
//! that names the field. Of a configuration only what discovery needs is read, and that strictly: an unknown field under
//! `discovery` is an error here, everything else is the planner's to judge. Nothing of the host or the network is looked at.

mod document;

use std::path::PathBuf;
use std::time::Duration;

use kubeplan_bundle::index::Name;
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::secret::SecretBytes;
use serde_json::Value;

use self::document::{Fields, join_configuration};
use super::{CertificateKey, Pin, TIMEOUT, Token};
use crate::kubeadm::layout::CERTIFICATES;

/// Everything discovery has to be told.
#[derive(Debug)]
pub(crate) struct Settings {
    /// How the cluster is found and trusted.
    pub(crate) source: Source,
    /// The name of the node that the host becomes.
    pub(crate) node: Name,
    /// Whether it becomes a control plane.
    pub(crate) control_plane: bool,
    /// What the shared certificates are encrypted with; without it they are on the host.
    pub(crate) certificate_key: Option<CertificateKey>,
    /// Where on the host they are then.
    pub(crate) certificates: HostPath,
    /// How long the cluster may take to answer.
    pub(crate) timeout: Duration,
}

/// How a cluster is found and trusted.
#[derive(Debug)]
pub(crate) enum Source {
    /// By a token.
    Token(ByToken),
    /// By a file.
    File(ByFile),
}

/// A token, and what it is for.
#[derive(Debug)]
pub(crate) struct ByToken {
    /// `host:port` of an API server.
    pub(crate) endpoint: String,
    /// Whose secret the cluster's description is signed with.
    pub(crate) token: Token,
    /// Whose owner the host is until it has a name.
    pub(crate) bootstrap_token: Token,
    /// Pins of the cluster's CA; none if the operator said so in as many words.
    pub(crate) pins: Vec<Pin>,
    /// The flag or field where they are given.
    pub(crate) pins_from: &'static str,
}

/// A discovery file.
#[derive(Debug)]
pub(crate) struct ByFile {
    /// Where.
    pub(crate) location: Location,
    /// Used instead of its credentials.
    pub(crate) bootstrap_token: Option<Token>,
    /// Pins of the CA that it names; none if the operator takes its word.
    pub(crate) pins: Vec<Pin>,
    /// The flag where they are given.
    pub(crate) pins_from: &'static str,
}

/// Where a discovery file is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// On this host.
    Path(PathBuf),
    /// On a server, `https://…`.
    Url(String),
}

/// What is said on the command line; secrets are read from where it says.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// `host:port`.
    pub(crate) endpoint: Option<String>,
    /// For discovery and bootstrap.
    pub(crate) token: Option<SecretBytes>,
    /// For the bootstrap alone.
    pub(crate) bootstrap_token: Option<SecretBytes>,
    /// Pins.
    pub(crate) pins: Vec<String>,
    /// No pins, and that is meant.
    pub(crate) without_pins: bool,
    /// A path or a URL.
    pub(crate) discovery_file: Option<String>,
    /// Join as a control-plane node.
    pub(crate) control_plane: bool,
    /// What the shared certificates are encrypted with.
    pub(crate) certificate_key: Option<SecretBytes>,
    /// Where they are otherwise.
    pub(crate) certificates: Option<HostPath>,
    /// The node's name.
    pub(crate) node: Option<String>,
    /// How long the cluster may take.
    pub(crate) timeout: Option<Duration>,
}

/// Something that is said is wrong or missing. Nothing of a secret is in it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {problem}")]
pub(crate) struct SettingsError {
    /// The flag or the field.
    pub(crate) at: String,
    /// What is wrong.
    pub(crate) problem: String,
}

/// Where something is wrong with the configuration as a whole.
pub(crate) const CONFIGURATION: &str = "the configuration";

fn wrong(at: impl Into<String>, problem: impl ToString) -> SettingsError {
    SettingsError {
        at: at.into(),
        problem: problem.to_string(),
    }
}

/// Where pins are given on the command line.
const PIN_FLAG: &str = "--discovery-token-ca-cert-hash";
/// Where pins are given in a configuration.
const PIN_FIELD: &str = "discovery.bootstrapToken.caCertHashes:";

impl Settings {
    /// From the command line alone; `hostname` is the node's name unless one is given.
    ///
    /// # Errors
    /// [`SettingsError`] naming the flag.
    pub(crate) fn of_options(options: Options, hostname: &str) -> Result<Self, SettingsError> {
        let token =
            |at: &str, text: &SecretBytes| Token::parse(text).map_err(|problem| wrong(at, problem));
        let bootstrap = options
            .bootstrap_token
            .as_ref()
            .map(|text| token("--tls-bootstrap-token-file", text))
            .transpose()?;
        let shared = options
            .token
            .as_ref()
            .map(|text| token("--token-file", text))
            .transpose()?;
        let source = match (options.endpoint, options.discovery_file) {
            (Some(_), Some(_)) => {
                return Err(wrong(
                    "--discovery-file",
                    "a cluster is found by its address and a token, or by a file, not by both",
                ));
            }
            (None, None) => {
                return Err(wrong(
                    "API-SERVER-ENDPOINT",
                    "say where the cluster is: HOST:PORT with --token-file, or --discovery-file",
                ));
            }
            (Some(endpoint), None) => {
                let token =
                    shared.ok_or_else(|| wrong("--token-file", "a bootstrap token is needed"))?;
                let pins = parse_pins(&options.pins, |_| PIN_FLAG.to_owned())?;
                require_pins(&pins, options.without_pins, PIN_FLAG)?;
                Source::Token(ByToken {
                    endpoint: endpoint_of("API-SERVER-ENDPOINT", &endpoint)?,
                    bootstrap_token: bootstrap.unwrap_or_else(|| token.clone()),
                    token,
                    pins,
                    pins_from: PIN_FLAG,
                })
            }
            (None, Some(file)) => {
                if options.without_pins {
                    return Err(wrong(
                        "--discovery-token-unsafe-skip-ca-verification",
                        "a discovery file names the CA itself; leave out the flag",
                    ));
                }
                Source::File(ByFile {
                    location: location("--discovery-file", &file)?,
                    bootstrap_token: bootstrap.or(shared),
                    pins: parse_pins(&options.pins, |_| PIN_FLAG.to_owned())?,
                    pins_from: PIN_FLAG,
                })
            }
        };
        if options.certificate_key.is_some() && !options.control_plane {
            return Err(wrong(
                "--certificate-key-file",
                "only control planes share certificates; add --control-plane",
            ));
        }
        Ok(Self {
            source,
            node: node("--node-name", options.node.as_deref().unwrap_or(hostname))?,
            control_plane: options.control_plane,
            certificate_key: options
                .certificate_key
                .map(|key| {
                    CertificateKey::parse(&key)
                        .map_err(|problem| wrong("--certificate-key-file", problem))
                })
                .transpose()?,
            certificates: certificates(options.certificates)?,
            timeout: options.timeout.unwrap_or(TIMEOUT),
        })
    }

    /// From the text of a kubeadm configuration; of the options only the node's name, the directory of certificates and the
    /// timeout may be given besides.
    ///
    /// # Errors
    /// [`SettingsError`] naming the field.
    pub(crate) fn of_config(
        text: &SecretBytes,
        options: Options,
        hostname: &str,
    ) -> Result<Self, SettingsError> {
        let mixed = [
            (options.endpoint.is_some(), "API-SERVER-ENDPOINT"),
            (options.token.is_some(), "--token-file"),
            (
                options.bootstrap_token.is_some(),
                "--tls-bootstrap-token-file",
            ),
            (!options.pins.is_empty(), "--discovery-token-ca-cert-hash"),
            (
                options.without_pins,
                "--discovery-token-unsafe-skip-ca-verification",
            ),
            (options.discovery_file.is_some(), "--discovery-file"),
            (options.control_plane, "--control-plane"),
            (options.certificate_key.is_some(), "--certificate-key-file"),
        ];
        if let Some((_, flag)) = mixed.iter().find(|(given, _)| *given) {
            return Err(wrong(
                *flag,
                "it cannot be given besides a configuration; put it into the file",
            ));
        }
        let config = join_configuration(text)?;
        let discovery = Fields::of(&config, "discovery")?;
        discovery.only(&["bootstrapToken", "file", "tlsBootstrapToken", "timeout"])?;
        let bootstrap = discovery.token("tlsBootstrapToken")?;
        let by_token = discovery.child("bootstrapToken")?;
        let by_file = discovery.child("file")?;
        let source = match (by_token, by_file) {
            (Some(_), Some(_)) | (None, None) => {
                return Err(wrong(
                    "discovery",
                    "exactly one of `bootstrapToken` and `file` is needed",
                ));
            }
            (Some(fields), None) => {
                fields.only(&[
                    "token",
                    "apiServerEndpoint",
                    "caCertHashes",
                    "unsafeSkipCAVerification",
                ])?;
                let token = fields
                    .token("token")?
                    .ok_or_else(|| wrong(fields.at("token"), "a bootstrap token is needed"))?;
                let hashes = fields.texts("caCertHashes")?;
                let pins =
                    parse_pins(&hashes, |at| format!("{}[{at}]", fields.at("caCertHashes")))?;
                let without = fields.flag("unsafeSkipCAVerification")?;
                require_pins(&pins, without, &fields.at("caCertHashes"))?;
                let endpoint = fields.text("apiServerEndpoint")?;
                Source::Token(ByToken {
                    endpoint: endpoint_of(&fields.at("apiServerEndpoint"), endpoint)?,
                    bootstrap_token: bootstrap.unwrap_or_else(|| token.clone()),
                    token,
                    pins,
                    pins_from: PIN_FIELD,
                })
            }
            (None, Some(fields)) => {
                fields.only(&["kubeConfigPath"])?;
                Source::File(ByFile {
                    location: location(
                        &fields.at("kubeConfigPath"),
                        fields.text("kubeConfigPath")?,
                    )?,
                    bootstrap_token: bootstrap,
                    pins: Vec::new(),
                    pins_from: PIN_FIELD,
                })
            }
        };
        let control_plane = config
            .get("controlPlane")
            .is_some_and(|value| !value.is_null());
        let certificate_key =
            match super::cluster::text(&config, &["controlPlane", "certificateKey"]) {
                "" => None,
                text => Some(
                    CertificateKey::parse(&SecretBytes::from_text(text.to_owned()))
                        .map_err(|problem| wrong("controlPlane.certificateKey", problem))?,
                ),
            };
        let timeout = match [
            super::cluster::text(&config, &["timeouts", "discovery"]),
            super::cluster::text(&config, &["discovery", "timeout"]),
        ]
        .into_iter()
        .find(|text| !text.is_empty())
        {
            None => TIMEOUT,
            Some(text) => duration(text)
                .ok_or_else(|| wrong("timeouts.discovery", "not a length of time such as 5m0s"))?,
        };
        let named = match options.node.as_deref() {
            Some(name) => name.to_owned(),
            None => registered_name(&config).unwrap_or_else(|| hostname.to_owned()),
        };
        Ok(Self {
            source,
            node: node("nodeRegistration.name", &named)?,
            control_plane,
            certificate_key,
            certificates: certificates(options.certificates)?,
            timeout: options.timeout.unwrap_or(timeout),
        })
    }
}

/// The name that the kubelet will register: an argument of its own goes before the configuration's name.
fn registered_name(config: &Value) -> Option<String> {
    let arguments = config.pointer("/nodeRegistration/kubeletExtraArgs");
    let overridden = match arguments {
        // As in v1beta4.
        Some(Value::Array(items)) => items
            .iter()
            .rfind(|item| super::cluster::is_named(item, "hostname-override"))
            .map(|item| super::cluster::text(item, &["value"])),
        // As in v1beta3.
        Some(value) => value.get("hostname-override").and_then(Value::as_str),
        None => None,
    };
    let name = super::cluster::text(config, &["nodeRegistration", "name"]);
    [overridden.unwrap_or_default(), name]
        .into_iter()
        .find(|name| !name.is_empty())
        .map(str::to_owned)
}

fn node(at: &str, text: &str) -> Result<Name, SettingsError> {
    text.trim()
        .to_lowercase()
        .parse()
        .map_err(|problem| wrong(at, problem))
}

fn certificates(given: Option<HostPath>) -> Result<HostPath, SettingsError> {
    given.map_or_else(
        || {
            CERTIFICATES
                .parse()
                .map_err(|problem| wrong("--cert-dir", problem))
        },
        Ok,
    )
}

fn parse_pins(texts: &[String], at: impl Fn(usize) -> String) -> Result<Vec<Pin>, SettingsError> {
    texts
        .iter()
        .enumerate()
        .map(|(position, text)| text.parse().map_err(|problem| wrong(at(position), problem)))
        .collect()
}

fn require_pins(pins: &[Pin], without: bool, at: &str) -> Result<(), SettingsError> {
    match (pins.is_empty(), without) {
        (true, false) => Err(wrong(
            at,
            "a pin of the cluster's CA is needed: without one, any holder of the token could pose as the cluster",
        )),
        (false, true) => Err(wrong(at, "give pins, or skip their verification, not both")),
        _ => Ok(()),
    }
}

/// `host:port`, as it can stand in a URL.
fn endpoint_of(at: &str, text: &str) -> Result<String, SettingsError> {
    let no = || wrong(at, format!("`{}` is not HOST:PORT", text.escape_debug()));
    let (host, port) = text.rsplit_once(':').ok_or_else(no)?;
    let port: u16 = port
        .parse()
        .ok()
        .filter(|number: &u16| *number > 0 && number.to_string() == port)
        .ok_or_else(no)?;
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let fine = match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
        }
    };
    fine.then(|| format!("{host}:{port}")).ok_or_else(no)
}

fn location(at: &str, text: &str) -> Result<Location, SettingsError> {
    if text.is_empty() {
        return Err(wrong(at, "a path or an https URL is needed"));
    }
    if let Some(path) = text.strip_prefix("file://") {
        return Ok(Location::Path(PathBuf::from(path)));
    }
    match text.split_once("://") {
        None => Ok(Location::Path(PathBuf::from(text))),
        Some(("https", _)) => Ok(Location::Url(text.to_owned())),
        Some(_) => Err(wrong(at, "a path or an https URL is needed")),
    }
}

/// A length of time as Go writes it: `5m0s`, `90s`.
fn duration(text: &str) -> Option<Duration> {
    let ttl: kubeplan_bundle::index::hole::Ttl = text.parse().ok()?;
    Some(ttl.duration()).filter(|length| !length.is_zero())
}

#[cfg(test)]
mod tests;
