//! Why a cluster is not joined: refusals of what did not prove itself, and failures. Names objects, keys and places; never
//! a token or a key.

use std::time::Duration;

use kubeplan_bundle::join_facts::JoinFactsError;

use super::authority::Named;
use super::pin::Pin;
use crate::host::HostError;
use crate::kubeadm::protocol::{CLUSTER_INFO, Place, SHARED_CERTIFICATES};
use crate::steps::StepError;

/// A discovery that did not get to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiscoveryError {
    /// The runtime cannot be started.
    #[error("cannot start waiting for the network")]
    Runtime(#[source] std::io::Error),
    /// TLS cannot be set up, or a kubeconfig's credentials are none.
    #[error("{what}: {reason}")]
    Credentials {
        /// Whose.
        what: String,
        /// Why; nothing of their values.
        reason: String,
    },
    /// No server gave a usable answer until the time was over.
    #[error("{what}: not done after {} s and {attempts} attempts; last: {last}", window.as_secs())]
    TimedOut {
        /// What was tried.
        what: String,
        /// The time it had.
        window: Duration,
        /// How often it was tried.
        attempts: u32,
        /// What came of the last attempt.
        last: String,
    },
    /// The cluster knows no token of this id.
    #[error("{server} has no signature for the token with id `{id}` after {} s: it is unknown, has expired, or may not sign (signed for: {})", window.as_secs(), list(signed))]
    NotSigned {
        /// Who answered.
        server: String,
        /// The id of the token.
        id: String,
        /// The time it had.
        window: Duration,
        /// The ids of tokens that it is signed for.
        signed: Vec<String>,
    },
    /// The signature is not the token's.
    #[error(
        "the cluster description from {server} is not signed with the token `{id}.…`: the token is mistyped, or the description was changed on the way"
    )]
    WrongSignature {
        /// Who answered.
        server: String,
        /// The id of the token.
        id: String,
    },
    /// The cluster has another CA.
    #[error(
        "the CA of the cluster is not a pinned one: its pin is {}, expected {}",
        join(found, ":"),
        join(pins, " or ")
    )]
    WrongPin {
        /// The pins of its certificates.
        found: Vec<Pin>,
        /// The pins that were given.
        pins: Vec<Pin>,
    },
    /// A CA beside the pinned one.
    #[error("the cluster's CA certificates hold {certificate}, whose key is not pinned")]
    Unpinned {
        /// Which.
        certificate: Named,
        /// The flag or field where pins are given.
        pins_from: &'static str,
    },
    /// A certificate among CA certificates that is not a CA's.
    #[error(
        "{what}: the certificate {certificate} among its CA certificates is not a CA's: {reason}"
    )]
    NotAuthority {
        /// Where it was found.
        what: String,
        /// Which.
        certificate: Named,
        /// What it lacks.
        reason: &'static str,
    },
    /// A server answers that the cluster's CA does not certify.
    #[error("{server} cannot prove that it is the cluster: {reason}")]
    Stranger {
        /// Who answered.
        server: String,
        /// What is wrong with its certificate.
        reason: String,
    },
    /// It said two different things.
    #[error(
        "{server} described another cluster once it had to prove its identity: the first answer came from another server, or the cluster changed in between"
    )]
    Tampered {
        /// Who answered.
        server: String,
    },
    /// A document that cannot be used.
    #[error("{what} cannot be used: {reason}")]
    Unusable {
        /// Which.
        what: String,
        /// Why; nothing of its values.
        reason: String,
    },
    /// The cluster does not take the credentials.
    #[error("the API server at {server} does not know {user}")]
    Unknown {
        /// Who answered.
        server: String,
        /// The user that it was asked as.
        user: String,
    },
    /// The credentials may not read what is needed.
    #[error("{user} may not read the {}: {said}", place.object)]
    Forbidden {
        /// What.
        place: &'static Place,
        /// The user.
        user: String,
        /// What the API server said.
        said: String,
    },
    /// Something that every cluster of kubeadm's has.
    #[error("the cluster has no {}{}", place.object, if place.key.is_empty() { String::new() } else { format!(" with the key `{}`", place.key) })]
    Missing {
        /// What.
        place: &'static Place,
    },
    /// The certificate key does not fit.
    #[error("the certificate key does not open `{key}` of the {}", SHARED_CERTIFICATES.object)]
    CertificateKey {
        /// Which item.
        key: String,
    },
    /// A shared certificate is not there.
    #[error("the {} has no `{key}`", SHARED_CERTIFICATES.object)]
    MissingCertificate {
        /// Which item.
        key: String,
    },
    /// A shared certificate is not on this host.
    #[error("`{path}` does not exist, and no certificate key was given")]
    NotCopied {
        /// Where it should be.
        path: String,
    },
    /// A program that hands out credentials.
    #[error("the program `{program}`, which the discovery file names for credentials: {reason}")]
    Program {
        /// Which.
        program: String,
        /// Why; nothing of what it printed on its standard output.
        reason: String,
    },
    /// The node's name, or the API.
    #[error(transparent)]
    Step(#[from] StepError),
    /// A file of the host.
    #[error(transparent)]
    Host(#[from] HostError),
    /// What was found cannot be written down.
    #[error("what was found cannot be used for a plan")]
    Facts(#[from] JoinFactsError),
    /// Progress cannot be told.
    #[error("cannot go on")]
    Observer(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl DiscoveryError {
    /// What to look at, and what to do.
    pub(crate) fn hints(&self) -> Vec<String> {
        let ask = |text: &str| vec![text.to_owned()];
        match self {
            Self::NotSigned { .. } => ask(
                "make a new one on a control-plane node: `kubeadm token create --print-join-command`; tokens live 24 hours",
            ),
            Self::WrongSignature { .. } => ask(
                "compare the token with `kubeadm token list` on a control-plane node; it was not sent",
            ),
            Self::WrongPin { .. } => ask(
                "get the pin from a control-plane node you trust: `kubeadm token create --print-join-command` prints it; if yours is right, an attacker may be between this host and the cluster",
            ),
            Self::Unpinned {
                certificate,
                pins_from,
            } => vec![
                format!(
                    "a cluster that rotates its CA has two: if a control-plane node you trust has this certificate in its ca.crt, pin it as well with {pins_from} {}",
                    certificate.pin
                ),
                "otherwise a holder of the token may have added it, to get between this host and the cluster".to_owned(),
            ],
            Self::NotAuthority { .. } => ask(
                "compare the certificates with ca.crt of a control-plane node you trust: only certificates of CAs belong there",
            ),
            Self::Stranger { .. } => ask(
                "the address must be one that the certificate of the API server is made for; if it is, an attacker may be between this host and the cluster",
            ),
            Self::Tampered { .. } => {
                ask("try again; if this persists, find out which server answers at this address")
            }
            Self::Unknown { .. } => ask(
                "the bootstrap token must also be usable for authentication: make one with `kubeadm token create` on a control-plane node",
            ),
            Self::Missing { place } | Self::Forbidden { place, .. } => vec![format!(
                "on a control-plane node, `{}` makes it readable to nodes that join",
                place.made_by
            )],
            Self::CertificateKey { .. } | Self::MissingCertificate { .. } => vec![format!(
                "on a control-plane node, `{}` uploads the certificates again and prints the key",
                SHARED_CERTIFICATES.made_by
            )],
            Self::NotCopied { .. } => ask(
                "give the certificate key (--certificate-key-file), or copy the shared certificates from a control-plane node",
            ),
            Self::TimedOut { .. } => ask(
                "this host must be able to reach the address: try `curl -k https://HOST:PORT/livez`",
            ),
            Self::Step(error) => error.hints(),
            _ => Vec::new(),
        }
    }
}

/// What is wrong with the content of `cluster-info`.
pub(super) fn cluster_info(reason: impl Into<String>) -> DiscoveryError {
    DiscoveryError::Unusable {
        what: format!("the {}", CLUSTER_INFO.object),
        reason: reason.into(),
    }
}

fn join(pins: &[Pin], by: &str) -> String {
    let texts: Vec<String> = pins.iter().map(ToString::to_string).collect();
    texts.join(by)
}

fn list(ids: &[String]) -> String {
    if ids.is_empty() {
        "no token".to_owned()
    } else {
        ids.join(", ")
    }
}
