//! Trust by a file: a kubeconfig that the operator trusts, from this host or from a server that the system's CAs verify.
//!
//! In: a path or an `https` URL. Out: the cluster that it is about, once it has proven to be that one, and the host's
//! identity in it. As in kubeadm (1.36.2, `cmd/kubeadm/app/discovery/{file,https}`), nothing is signed here, and a person who can
//! write the file can name another cluster, unless the operator pins its CA besides.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::secret::SecretBytes;
use serde_json::{Value, json};

use super::Trusted;
use super::authority::{Authorities, NoAuthorities};
use super::cluster::{Cluster, Credentials, NoCluster, current_context, is_named, items, text};
use super::cluster_info;
use super::error::DiscoveryError;
use super::exec;
use super::poll::{Poll, poll, read, refused, unreachable};
use super::settings::{ByFile, Location};
use crate::host::{Root, RootPath, local};
use crate::kubeadm::protocol::CLUSTER_INFO;
use crate::net::client::{ApiClient, Class};
use crate::net::json::Json;
use crate::net::kubeconfig::{Identity, Kubeconfig, KubeconfigError, Proof};
use crate::steps::report::Progress;

/// Bytes of the file.
const LIMIT: u64 = 1024 * 1024;

/// Where systems keep the CAs they trust, all in one file (Go, `crypto/x509/root_linux.go`).
const SYSTEM_AUTHORITIES: [RootPath; 6] = [
    RootPath::fixed("/etc/ssl/certs/ca-certificates.crt"),
    RootPath::fixed("/etc/pki/tls/certs/ca-bundle.crt"),
    RootPath::fixed("/etc/ssl/ca-bundle.pem"),
    RootPath::fixed("/etc/pki/tls/cacert.pem"),
    RootPath::fixed("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"),
    RootPath::fixed("/etc/ssl/cert.pem"),
];

/// Reads the file and lets the cluster prove itself.
///
/// # Errors
/// [`DiscoveryError`].
pub(super) async fn trust(
    root: &Root,
    by: &ByFile,
    window: Duration,
    progress: &mut Progress<'_>,
) -> Result<Trusted, DiscoveryError> {
    let file = File::load(root, &by.location, window, progress).await?;
    let mut cluster =
        Cluster::of(&file.kubeconfig.content).map_err(|error| file.no_cluster(error))?;
    if cluster.authorities.is_none() {
        cluster.authorities = file.named_authority(root)?;
    }
    let require_pinned = |cluster: &Cluster| match &cluster.authorities {
        Some(found) if !by.pins.is_empty() => {
            cluster_info::require_pinned(found, &by.pins, by.pins_from)
        }
        _ => Ok(()),
    };
    require_pinned(&cluster)?;
    let own = file.credentials(root)?;
    let credentials = match (&by.bootstrap_token, own) {
        (Some(token), _) => Credentials::of_token(token),
        (None, Some(own)) => own,
        (None, None) => {
            return Err(file.unusable(
                "it has no credentials: put a token or a client certificate into it, or give a bootstrap token (--token-file)",
            ));
        }
    };
    let mut notes = Vec::new();
    let client = if cluster.authorities.is_none() {
        if !by.pins.is_empty() {
            return Err(file.unusable(
                "it does not name the cluster's CA, which pins are compared with: add its certificate",
            ));
        }
        credentials.client_at(&cluster.server, system_authorities(root)?)?
    } else {
        credentials.client(&cluster)?
    };
    let info = info(&client, window, progress, &mut notes).await?;
    if let Some(info) = info {
        let found = Cluster::parse(info.as_bytes()).map_err(cluster_info::no_cluster)?;
        if found.server != cluster.server {
            notes.push(format!(
                "the discovery file names the server {}, the cluster itself {}; that of the file is used",
                cluster.server, found.server
            ));
        }
        if cluster.authorities.is_none() {
            cluster.authorities = found.authorities;
        }
    }
    if cluster.authorities.is_none() {
        return Err(file.unusable("neither it nor the cluster names the cluster's CA"));
    }
    Ok(Trusted {
        cluster,
        credentials,
        notes,
    })
}

/// What the cluster says of itself; `None` if it does not tell this user.
async fn info(
    client: &ApiClient,
    window: Duration,
    progress: &mut Progress<'_>,
    notes: &mut Vec<String>,
) -> Result<Option<String>, DiscoveryError> {
    match read(client, &CLUSTER_INFO, window, progress).await {
        Ok(Some(object)) => match object.text(["data", CLUSTER_INFO.key]) {
            "" => Ok(None),
            text => Ok(Some(text.to_owned())),
        },
        Ok(None) => Err(DiscoveryError::Missing {
            place: &CLUSTER_INFO,
        }),
        // The role of `cluster-info` is for anonymous clients; an authenticated one is not among them. TLS has verified the server.
        Err(DiscoveryError::Forbidden { .. }) => Ok(None),
        Err(error) => {
            notes.clear();
            Err(error)
        }
    }
}

/// A discovery file.
struct File {
    kubeconfig: Kubeconfig,
    /// For messages.
    shown: String,
    /// The directory it lies in; none if it came from a server.
    directory: Option<String>,
}

impl File {
    async fn load(
        root: &Root,
        location: &Location,
        window: Duration,
        progress: &mut Progress<'_>,
    ) -> Result<Self, DiscoveryError> {
        let (shown, path, bytes) = match location {
            Location::Path(path) => {
                let shown = local::absolute(path);
                // It decides which cluster is believed and which program is run.
                (shown.clone(), shown, local::read_unshared(path, LIMIT)?)
            }
            Location::Url(url) => {
                let bytes = download(root, url, window, progress).await?;
                // Names are relative to nothing there, and none is followed.
                (url.clone(), "/discovery-file".to_owned(), bytes)
            }
        };
        let unusable = |reason: String| DiscoveryError::Unusable {
            what: format!("the discovery file `{shown}`"),
            reason,
        };
        let at: HostPath = path.parse().map_err(|error| unusable(format!("{error}")))?;
        let kubeconfig =
            Kubeconfig::parse(&at, &bytes).map_err(|error| unusable(reason(&error)))?;
        let directory = match location {
            Location::Path(_) => Some(parent(&path)),
            Location::Url(_) => None,
        };
        Ok(Self {
            kubeconfig,
            directory,
            shown,
        })
    }

    fn unusable(&self, reason: impl Into<String>) -> DiscoveryError {
        DiscoveryError::Unusable {
            what: format!("the discovery file `{}`", self.shown),
            reason: reason.into(),
        }
    }

    /// It is about no cluster; a certificate in it that is not a CA's is refused.
    fn no_cluster(&self, error: NoCluster) -> DiscoveryError {
        match error {
            NoCluster::Authorities(NoAuthorities::NotAuthority {
                certificate,
                reason,
            }) => DiscoveryError::NotAuthority {
                what: format!("the discovery file `{}`", self.shown),
                certificate,
                reason,
            },
            other => self.unusable(other.to_string()),
        }
    }

    /// The CAs that the file names by their path; `None` if it names none.
    fn named_authority(&self, root: &Root) -> Result<Option<Authorities>, DiscoveryError> {
        let content = &self.kubeconfig.content;
        let current =
            current_context(content).map_or("", |context| text(context, &["context", "cluster"]));
        let clusters = items(content, "clusters");
        let entry = ["", current]
            .into_iter()
            .find_map(|name| clusters.iter().copied().find(|item| is_named(item, name)));
        let name = entry.map_or("", |entry| {
            text(entry, &["cluster", "certificate-authority"])
        });
        if name.is_empty() {
            return Ok(None);
        }
        self.require_local("certificate-authority")?;
        let bytes = self
            .kubeconfig
            .file(root, name)
            .map_err(|error| self.unusable(reason(&error)))?;
        Authorities::parse(bytes.expose())
            .map(Some)
            .map_err(|error| self.no_cluster(error.into()))
    }

    /// The credentials of the current user; `None` if there are none.
    fn credentials(&self, root: &Root) -> Result<Option<Credentials>, DiscoveryError> {
        let content = &self.kubeconfig.content;
        let Ok(context) = current_context(content) else {
            return Ok(None);
        };
        let name = text(context, &["context", "user"]);
        let users = items(content, "users");
        let Some(user) = users.into_iter().find(|item| is_named(item, name)) else {
            return Ok(None);
        };
        let fields: Vec<&str> = user
            .get("user")
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(|fields| fields.keys().map(String::as_str))
            .collect();
        let has = |wanted: &[&str]| wanted.iter().any(|name| fields.contains(name));
        if has(&["username", "password"]) {
            return Err(self.unusable(
                "its user has a password; API servers have taken none since Kubernetes 1.19",
            ));
        }
        if has(&["auth-provider"]) {
            return Err(self.unusable(
                "its user needs an `auth-provider`; kubelets have had none since Kubernetes 1.26, use `exec`",
            ));
        }
        let (proof, entry) = if let Some(exec) = user.pointer("/user/exec") {
            let Some(directory) = &self.directory else {
                return Err(self.unusable(
                    "it names a program to be run (`exec`), and comes from a server; save it on this host if you trust it",
                ));
            };
            (
                exec::credentials(exec, directory)?,
                Json::new(json!({"exec": exec::moved(exec, directory)})),
            )
        } else if has(&[
            "token",
            "tokenFile",
            "client-certificate",
            "client-certificate-data",
            "client-key",
            "client-key-data",
        ]) {
            if has(&["tokenFile", "client-certificate", "client-key"]) {
                self.require_local("tokenFile, client-certificate or client-key")?;
            }
            let proof = self
                .kubeconfig
                .proof(root)
                .map_err(|error| self.unusable(reason(&error)))?;
            let entry = embedded(&proof);
            (proof, entry)
        } else {
            return Ok(None);
        };
        Ok(Some(Credentials::of_user(name, proof, entry)))
    }

    /// Files are named by files of this host only.
    fn require_local(&self, what: &str) -> Result<(), DiscoveryError> {
        match self.directory {
            Some(_) => Ok(()),
            None => Err(self.unusable(format!("it names files ({what}), and comes from a server"))),
        }
    }
}

/// What the kubelet's kubeconfig says of a user whose files are inside it.
fn embedded(proof: &Proof) -> Json {
    Json::new(match proof {
        Proof::Token(token) => {
            let token = String::from_utf8_lossy(token.expose().trim_ascii()).into_owned();
            json!({"token": token})
        }
        Proof::Certificate { chain, key } => json!({
            "client-certificate-data": STANDARD.encode(chain.expose()),
            "client-key-data": STANDARD.encode(key.expose()),
        }),
        Proof::Anonymous => json!({}),
    })
}

/// Gets the file from a server that the system trusts.
async fn download(
    root: &Root,
    url: &str,
    window: Duration,
    progress: &mut Progress<'_>,
) -> Result<SecretBytes, DiscoveryError> {
    let bad = || DiscoveryError::Unusable {
        what: format!("the discovery file `{url}`"),
        reason: "it is not an `https` URL".to_owned(),
    };
    let uri: Uri = url.parse().map_err(|_| bad())?;
    let authority = uri.authority().ok_or_else(bad)?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let identity = Identity {
        user: "an anonymous client".to_owned(),
        authority: system_authorities(root)?,
        proof: Proof::Anonymous,
    };
    let client = ApiClient::new(&identity, &format!("https://{authority}")).map_err(|reason| {
        DiscoveryError::Credentials {
            what: "the system's certificate authorities".to_owned(),
            reason,
        }
    })?;
    let what = format!("get {url}");
    poll(window, &what, progress, async || {
        match client.get(path).await {
            Ok(answer) if answer.class() == Class::Good => {
                Poll::Done(SecretBytes::new(answer.body().to_vec()))
            }
            Ok(answer) if answer.class() == Class::Missing => {
                Poll::Stop(DiscoveryError::Unusable {
                    what: format!("the discovery file `{url}`"),
                    reason: "the server does not have it".to_owned(),
                })
            }
            Ok(answer) => refused(&client, &answer),
            Err(error) => unreachable(&client, error),
        }
    })
    .await
}

/// The CAs that this system trusts.
fn system_authorities(root: &Root) -> Result<SecretBytes, DiscoveryError> {
    const AUTHORITIES: u64 = 8 * 1024 * 1024;
    for path in &SYSTEM_AUTHORITIES {
        if let Some(found) = root.read(path, AUTHORITIES)? {
            return Ok(found);
        }
    }
    Err(DiscoveryError::Unusable {
        what: "this system's list of certificate authorities".to_owned(),
        reason: "there is none; install the package `ca-certificates`".to_owned(),
    })
}

/// The directory of a file.
fn parent(path: &str) -> String {
    Path::new(path).parent().map_or_else(
        || "/".to_owned(),
        |directory| directory.display().to_string(),
    )
}

/// Why, without the made-up path of a file that has none.
fn reason(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Unusable { reason, .. } => reason.clone(),
        other => other.to_string(),
    }
}
