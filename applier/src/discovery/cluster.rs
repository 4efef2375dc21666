//! A cluster as a kubeconfig describes it, and who the host is in it before it has a name.
//!
//! In: the text of a kubeconfig. Out: server and CA of the cluster that it is about; and, once credentials are known, the
//! kubeconfig that the kubelet asks for its own certificate with. Which cluster a file with several is about is decided as
//! by kubeadm: the one without a name, else that of the current context.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::secret::SecretBytes;
use serde_json::{Value, json};

use super::authority::{Authorities, NoAuthorities};
use super::error::DiscoveryError;
use super::token::Token;
use crate::kubeadm::protocol::{BOOTSTRAP_CLUSTER, BOOTSTRAP_USER};
use crate::net::client::ApiClient;
use crate::net::json::Json;
use crate::net::kubeconfig::{Identity, Proof};

/// Where a cluster is, and the CA that its servers' certificates are verified with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cluster {
    /// `https://host:port`.
    pub(super) server: String,
    /// Its CA certificates; none if the kubeconfig has none.
    pub(super) authorities: Option<Authorities>,
}

/// Why a kubeconfig is about no cluster.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoCluster {
    /// What it lacks; nothing of its values but names.
    #[error("{0}")]
    Unusable(String),
    /// Its CA certificates.
    #[error(transparent)]
    Authorities(#[from] NoAuthorities),
}

impl From<String> for NoCluster {
    fn from(reason: String) -> Self {
        Self::Unusable(reason)
    }
}

/// Who the host is.
pub(super) struct Credentials {
    /// For messages.
    pub(super) user: String,
    /// The name in the kubeconfig.
    name: String,
    proof: Proof,
    /// What the kubeconfig says of the user.
    entry: Json,
}

impl Cluster {
    /// Reads the cluster that `text` is about.
    ///
    /// # Errors
    /// [`NoCluster`].
    pub(super) fn parse(text: &[u8]) -> Result<Self, NoCluster> {
        Self::of(&Json::parse_yaml(text)?)
    }

    /// The cluster that a kubeconfig is about.
    ///
    /// # Errors
    /// As [`Cluster::parse`].
    pub(super) fn of(kubeconfig: &Json) -> Result<Self, NoCluster> {
        let clusters = items(kubeconfig, "clusters");
        let named = |name: &str| clusters.iter().copied().find(|item| is_named(item, name));
        let entry = match named("") {
            Some(entry) => entry,
            None => {
                let context = current_context(kubeconfig)?;
                let name = text(context, &["context", "cluster"]);
                named(name).ok_or_else(|| format!("it has no cluster `{name}`"))?
            }
        };
        let server = text(entry, &["cluster", "server"]);
        if !server.starts_with("https://") {
            return Err("its cluster has no server that is reached by https"
                .to_owned()
                .into());
        }
        if entry.pointer("/cluster/insecure-skip-tls-verify") == Some(&Value::Bool(true)) {
            return Err(
                "its server need not prove who it is (insecure-skip-tls-verify)"
                    .to_owned()
                    .into(),
            );
        }
        let authority = STANDARD
            .decode(text(entry, &["cluster", "certificate-authority-data"]))
            .map_err(|_| "its `certificate-authority-data` is not base64".to_owned())?;
        Ok(Self {
            server: server.trim_end_matches('/').to_owned(),
            authorities: if authority.is_empty() {
                None
            } else {
                Some(Authorities::parse(&authority)?)
            },
        })
    }

    /// Its CA certificates, PEM; empty if there are none.
    pub(super) fn authority(&self) -> &str {
        self.authorities.as_ref().map_or("", Authorities::pem)
    }

    /// The kubeconfig that the kubelet bootstraps with.
    ///
    /// # Errors
    /// [`DiscoveryError::Credentials`] if it cannot be written.
    pub(super) fn kubeconfig(
        &self,
        credentials: &Credentials,
    ) -> Result<SecretBytes, DiscoveryError> {
        let context = format!("{}@{BOOTSTRAP_CLUSTER}", credentials.name);
        let config = Json::new(json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": BOOTSTRAP_CLUSTER, "cluster": {
                "certificate-authority-data": STANDARD.encode(self.authority()),
                "server": self.server,
            }}],
            "contexts": [{"name": context, "context": {
                "cluster": BOOTSTRAP_CLUSTER, "user": credentials.name,
            }}],
            "current-context": context,
            "users": [{"name": credentials.name, "user": *credentials.entry}],
        }));
        let options = serde_yaml::ser_options! { folded_wrap_chars: usize::MAX };
        serde_yaml::to_string_with_options(&*config, options)
            .map(SecretBytes::from_text)
            .map_err(|_| DiscoveryError::Credentials {
                what: credentials.user.clone(),
                reason: "no kubeconfig can be written with them".to_owned(),
            })
    }
}

impl Credentials {
    /// Those of a bootstrap token.
    pub(super) fn of_token(token: &Token) -> Self {
        let bearer = token.bearer();
        let text = String::from_utf8_lossy(bearer.expose()).into_owned();
        Self {
            user: format!("the bootstrap token `{}.…`", token.id()),
            name: BOOTSTRAP_USER.to_owned(),
            proof: Proof::Token(bearer),
            entry: Json::new(json!({"token": text})),
        }
    }

    /// Those of a user of a kubeconfig; `entry` is what the kubelet will read.
    pub(super) fn of_user(name: &str, proof: Proof, entry: Json) -> Self {
        Self {
            user: format!("the user `{name}` of the discovery file"),
            name: name.to_owned(),
            proof,
            entry,
        }
    }

    /// Those of an anonymous client, for what every client may read.
    pub(super) fn anonymous() -> Self {
        Self {
            user: "an anonymous client".to_owned(),
            name: String::new(),
            proof: Proof::Anonymous,
            entry: Json::new(json!({})),
        }
    }

    /// A client of the cluster.
    ///
    /// # Errors
    /// [`DiscoveryError::Credentials`].
    pub(super) fn client(&self, cluster: &Cluster) -> Result<ApiClient, DiscoveryError> {
        let authority = SecretBytes::from_text(cluster.authority().to_owned());
        self.client_at(&cluster.server, authority)
    }

    /// A client of `server`, which one of the CA certificates `authority` (PEM) must vouch for.
    ///
    /// # Errors
    /// [`DiscoveryError::Credentials`].
    pub(super) fn client_at(
        &self,
        server: &str,
        authority: SecretBytes,
    ) -> Result<ApiClient, DiscoveryError> {
        let identity = Identity {
            user: self.user.clone(),
            authority,
            proof: self.proof.clone(),
        };
        ApiClient::new(&identity, server).map_err(|reason| DiscoveryError::Credentials {
            what: self.user.clone(),
            reason,
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.user)
    }
}

/// The current context of a kubeconfig.
///
/// # Errors
/// If there is none.
pub(super) fn current_context(kubeconfig: &Json) -> Result<&Value, String> {
    let name = kubeconfig.text(["current-context"]);
    items(kubeconfig, "contexts")
        .into_iter()
        .find(|item| !name.is_empty() && is_named(item, name))
        .ok_or_else(|| "it has neither a cluster without a name nor a current context".to_owned())
}

/// The items of a list.
pub(super) fn items<'a>(kubeconfig: &'a Json, list: &str) -> Vec<&'a Value> {
    let list = kubeconfig.at([list]).and_then(Value::as_array);
    list.into_iter().flatten().collect()
}

/// Whether an item has this name; one that says none has the empty one.
pub(super) fn is_named(item: &Value, name: &str) -> bool {
    text(item, &["name"]) == name
}

/// The text at `path`; empty if there is none.
pub(super) fn text<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    path.iter()
        .try_fold(value, |value, part| value.get(part))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> String {
        crate::net::tls::server::authority("cluster").pem()
    }

    fn kubeconfig(clusters: &Value, current: &str) -> Result<Cluster, NoCluster> {
        Cluster::of(&Json::new(json!({
            "clusters": clusters,
            "contexts": [{"name": "x", "context": {"cluster": "b", "user": "u"}}],
            "current-context": current,
        })))
    }

    #[test]
    fn the_cluster_is_the_one_without_a_name_or_the_current_one() {
        let ca = STANDARD.encode(authority());
        let cluster = |name: &str| {
            json!({"name": name, "cluster":
            {"server": format!("https://{name}.example:6443"), "certificate-authority-data": ca}})
        };
        let found = kubeconfig(&json!([cluster("a"), cluster("b")]), "x").unwrap();
        assert_eq!(found.server, "https://b.example:6443");
        let found = kubeconfig(&json!([cluster("b"), cluster("")]), "x").unwrap();
        assert_eq!(found.server, "https://.example:6443");
        for (clusters, current, expected) in [
            (json!([cluster("b")]), "", "no"),
            (json!([cluster("b")]), "y", "neither"),
            (json!([cluster("a")]), "x", "no cluster `b`"),
            (json!([]), "x", "no cluster `b`"),
            (
                json!([{"name": "", "cluster": {"server": "http://a"}}]),
                "",
                "https",
            ),
            (
                json!([{"name": "", "cluster": {"server": "https://a", "insecure-skip-tls-verify": true}}]),
                "",
                "need not prove",
            ),
            (
                json!([{"name": "", "cluster": {"server": "https://a", "certificate-authority-data": "%"}}]),
                "",
                "base64",
            ),
            (
                json!([{"name": "", "cluster": {"server": "https://a", "certificate-authority-data": "YQ=="}}]),
                "",
                "no CA certificate",
            ),
        ] {
            let error = kubeconfig(&clusters, current).unwrap_err().to_string();
            assert!(error.contains(expected), "{clusters}: {error}");
        }
    }

    #[test]
    fn the_kubeconfig_holds_the_token_and_is_read_again() {
        let cluster = Cluster {
            server: "https://192.0.2.1:6443".to_owned(),
            authorities: Some(Authorities::parse(authority().as_bytes()).unwrap()),
        };
        let token = SecretBytes::from_text("123456.0123456789012345".to_owned());
        let credentials = Credentials::of_token(&Token::parse(&token).unwrap());
        assert!(!format!("{credentials:?}").contains("0123456789"));
        let text = cluster.kubeconfig(&credentials).unwrap();
        let path = "/bootstrap.conf".parse().unwrap();
        let read = crate::net::kubeconfig::Kubeconfig::parse(&path, &text).unwrap();
        assert_eq!(read.server().unwrap(), cluster.server);
        let directory = tempfile::tempdir().unwrap();
        let root = crate::host::Root::open(directory.path()).unwrap();
        let identity = read.identity(&root).unwrap();
        assert_eq!(identity.user, BOOTSTRAP_USER);
        assert_eq!(identity.authority.expose(), cluster.authority().as_bytes());
        let Proof::Token(shown) = &identity.proof else {
            panic!("no token");
        };
        assert_eq!(*shown, token);
    }
}
